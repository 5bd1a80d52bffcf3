%% The workloads in Erlang, over OTP's gen_server and supervisor.
%%
%% erl -noshell -s noex_bench run -extra WORKLOAD OPERATIONS
%%
%% prints lines of "metric value", as a process of the bench does. Every workload proves by what the
%% servers answer that all messages were handled; what was not is a crash, and no figure.
-module(noex_bench).
-behaviour(gen_server).

-export([run/0]).
-export([init/1, handle_call/3, handle_cast/2]).
-export([start_counter/0, start_phoenix/0]).

-define(CALLERS, 64).
-define(CHAIN, 8).
-define(RING, 1000).
-define(BUSY_CLIENTS, 2).
-define(BUSY_CASTS, 8).
-define(LOAD_CALLERS, 8).
-define(LOAD_CASTS, 64).
-define(LEAVES, 1000000).

run() ->
    [Workload, Operations] = init:get_plain_arguments(),
    {Pid, Ref} = spawn_monitor(fun() ->
        measure(list_to_atom(Workload), list_to_integer(Operations))
    end),
    receive
        {'DOWN', Ref, process, Pid, normal} -> halt(0);
        {'DOWN', Ref, process, Pid, Reason} ->
            io:format(standard_error, "~p~n", [Reason]),
            halt(1)
    end.

%% --- the workloads ---

measure(call, N) ->
    Server = start(counter),
    timed(N, fun() -> N = client(fun() -> calls(Server, N, 0) end) end);
measure(call_name, N) ->
    {ok, _} = gen_server:start({local, bench}, ?MODULE, counter, []),
    timed(N, fun() -> N = client(fun() -> calls(bench, N, 0) end) end);
measure(call_pending, N) ->
    Server = start(counter),
    timed(N, fun() -> N = client(fun() -> pending_calls(Server, N, 0) end) end);
measure(call64x64, N) ->
    Each = N div ?CALLERS,
    Servers = [start(counter) || _ <- lists:seq(1, ?CALLERS)],
    timed(N, fun() ->
        Last = clients([fun() -> calls(Server, Each, 0) end || Server <- Servers]),
        true = lists:all(fun(Count) -> Count =:= Each end, Last)
    end);
measure(call64x1, N) ->
    Each = N div ?CALLERS,
    Server = start(counter),
    timed(N, fun() ->
        clients(lists:duplicate(?CALLERS, fun() -> calls(Server, Each, 0) end)),
        prove(Server, Each * ?CALLERS)
    end);
measure(call_chain8, N) ->
    First = lists:foldl(fun(_, Next) -> start({link, Next}) end, none, lists:seq(1, ?CHAIN)),
    Links = N * ?CHAIN,
    timed(N, fun() -> Links = client(fun() -> chain_calls(First, N, 0) end) end);
measure(cast1, N) ->
    casts(N, 1);
measure(cast4, N) ->
    casts(N, 4);
measure(call_busy, N) ->
    Each = N div ?BUSY_CLIENTS,
    Server = start(counter),
    timed(N, fun() ->
        clients(lists:duplicate(?BUSY_CLIENTS, fun() -> busy(Server, Each) end)),
        prove(Server, Each * ?BUSY_CLIENTS * (?BUSY_CASTS + 1))
    end);
measure(call_load, N) ->
    Each = N div ?LOAD_CALLERS,
    Server = start(counter),
    Me = self(),
    Caster = spawn_link(fun() -> cast_until_over(Server, Me, 0) end),
    Latencies = lists:append(
        clients(lists:duplicate(?LOAD_CALLERS, fun() -> latencies(Server, Each, []) end))
    ),
    Caster ! over,
    Casts = receive {casts, Count} -> Count end,
    prove(Server, Each * ?LOAD_CALLERS + Casts),
    Sorted = list_to_tuple(lists:sort(Latencies)),
    [
        report(Metric, element(ceil(tuple_size(Sorted) * Share), Sorted))
     || {Metric, Share} <- [{p50_ns, 0.5}, {p99_ns, 0.99}, {p999_ns, 0.999}]
    ];
measure(start, N) ->
    timed(N, fun() ->
        [Last | _] = client(fun() -> [start(counter) || _ <- lists:seq(1, N)] end),
        prove(Last, 0)
    end);
measure(start_dynamic, N) ->
    {ok, Supervisor} = supervisor:start_link(?MODULE, dynamic_supervisor),
    timed(N, fun() ->
        [Last | _] = client(fun() -> [start_child(Supervisor) || _ <- lists:seq(1, N)] end),
        prove(Last, 0)
    end),
    N = proplists:get_value(active, supervisor:count_children(Supervisor));
measure(stop, N) ->
    Servers = [start(counter) || _ <- lists:seq(1, N)],
    timed(N, fun() ->
        client(fun() -> lists:foreach(fun gen_server:stop/1, Servers) end)
    end),
    false = lists:any(fun is_process_alive/1, Servers);
measure(idle_bytes, N) ->
    Before = memory("VmRSS:"),
    Servers = [start(counter) || _ <- lists:seq(1, N)],
    After = memory("VmRSS:"),
    N = length(Servers),
    report(bytes, (After - Before) / N);
measure(ring, N) ->
    ring(N, ?RING);
measure(pingpong, N) ->
    ring(N, 2);
measure(skynet, N) ->
    Sum = ?LEAVES * (?LEAVES - 1) div 2,
    timed(N, fun() ->
        Sum = client(fun() -> gen_server:call(start({spot, 0, ?LEAVES}), sum, infinity) end)
    end),
    report(peak_bytes, memory("VmHWM:"));
measure(restart, N) ->
    persistent_term:put(births, counters:new(1, [])),
    report(median_ns, client(fun() -> restarts(N, 0) end) / N).

%% --- their parts ---

calls(_, 0, Last) -> Last;
calls(Server, N, _) -> calls(Server, N - 1, gen_server:call(Server, add)).

pending_calls(_, 0, Last) -> Last;
pending_calls(Server, N, _) -> pending_calls(Server, N - 1, gen_server:call(Server, add_pending)).

chain_calls(_, 0, Links) -> Links;
chain_calls(First, N, Links) -> chain_calls(First, N - 1, Links + gen_server:call(First, links)).

casts(N, Senders) ->
    Server = start(counter),
    Each = N div Senders,
    timed(N, fun() ->
        clients(lists:duplicate(Senders, fun() -> cast(Server, Each) end)),
        prove(Server, N)
    end).

cast(_, 0) -> ok;
cast(Server, N) ->
    gen_server:cast(Server, bump),
    cast(Server, N - 1).

busy(_, 0) -> ok;
busy(Server, N) ->
    cast(Server, ?BUSY_CASTS),
    gen_server:call(Server, add),
    busy(Server, N - 1).

latencies(_, 0, Latencies) -> Latencies;
latencies(Server, N, Latencies) ->
    Begin = erlang:monotonic_time(nanosecond),
    gen_server:call(Server, add),
    End = erlang:monotonic_time(nanosecond),
    latencies(Server, N - 1, [End - Begin | Latencies]).

cast_until_over(Server, Owner, Casts) ->
    cast(Server, ?LOAD_CASTS),
    receive
        over -> Owner ! {casts, Casts + ?LOAD_CASTS}
    after 1 -> cast_until_over(Server, Owner, Casts + ?LOAD_CASTS)
    end.

ring(Hops, Size) ->
    Nodes = [start(node) || _ <- lists:seq(1, Size)],
    Next = tl(Nodes) ++ [hd(Nodes)],
    [ok = gen_server:call(Node, {join, After}) || {Node, After} <- lists:zip(Nodes, Next)],
    timed(Hops, fun() ->
        client(fun() ->
            gen_server:cast(hd(Nodes), {token, Hops - 1, self()}),
            receive arrived -> ok end
        end)
    end),
    Hops = lists:sum([gen_server:call(Node, passed) || Node <- Nodes]).

%% A supervisor remembers every restart within its period and counts them at each: not more of
%% them than a supervisor would ever see, then another supervisor.
restarts(0, Elapsed) -> Elapsed;
restarts(N, Elapsed) ->
    Crashes = min(N, 50),
    counters:put(persistent_term:get(births), 1, 0),
    {ok, Supervisor} = supervisor:start_link(?MODULE, one_for_one),
    Begin = erlang:monotonic_time(nanosecond),
    Crashes = crashes(Crashes, 0),
    End = erlang:monotonic_time(nanosecond),
    gen_server:stop(Supervisor),
    restarts(N - Crashes, Elapsed + End - Begin).

crashes(0, Present) -> Present;
crashes(N, Old) ->
    gen_server:cast(phoenix, crash),
    crashes(N - 1, next_incarnation(Old)).

%% Nothing in OTP says when a name is taken again, so it is called until it is.
next_incarnation(Old) ->
    case catch gen_server:call(phoenix, number) of
        Number when is_integer(Number), Number =/= Old -> Number;
        _ ->
            erlang:yield(),
            next_incarnation(Old)
    end.

start(Args) ->
    {ok, Pid} = gen_server:start(?MODULE, Args, []),
    Pid.

start_child(Supervisor) ->
    {ok, Pid} = supervisor:start_child(Supervisor, []),
    Pid.

start_counter() -> gen_server:start_link(?MODULE, counter, []).
start_phoenix() -> gen_server:start_link({local, phoenix}, ?MODULE, phoenix, []).

%% A call that has to find that so many messages were handled before it.
prove(Server, Handled) ->
    Handled = gen_server:call(Server, add, infinity) - 1.

%% Runs in a process of its own, as every client does.
client(Fun) ->
    [Result] = clients([Fun]),
    Result.

clients(Funs) ->
    Clients = [spawn_monitor(fun() -> exit({done, Fun()}) end) || Fun <- Funs],
    [receive {'DOWN', Ref, process, Pid, {done, Result}} -> Result end || {Pid, Ref} <- Clients].

timed(Operations, Fun) ->
    Begin = erlang:monotonic_time(nanosecond),
    Fun(),
    End = erlang:monotonic_time(nanosecond),
    report(median_ns, (End - Begin) / Operations).

report(Metric, Value) ->
    io:format("~s ~w~n", [Metric, Value]).

%% Bytes, as Linux tells it.
memory(Field) ->
    {ok, Status} = file:read_file("/proc/self/status"),
    {match, [KiB]} = re:run(Status, Field ++ "\\s+(\\d+) kB", [{capture, all_but_first, list}]),
    list_to_integer(KiB) * 1024.

%% --- the servers ---

init(counter) -> {ok, 0};
init(node) -> {ok, {none, 0}};
init({link, Next}) -> {ok, {link, Next}};
init({spot, First, Leaves}) -> {ok, {spot, First, Leaves}};
init(phoenix) ->
    Births = persistent_term:get(births),
    Number = counters:get(Births, 1),
    counters:add(Births, 1, 1),
    {ok, {phoenix, Number}};
init(dynamic_supervisor) ->
    Child = #{id => counter, start => {?MODULE, start_counter, []}, restart => temporary},
    {ok, {#{strategy => simple_one_for_one}, [Child]}};
init(one_for_one) ->
    Child = #{id => phoenix, start => {?MODULE, start_phoenix, []}},
    {ok, {#{strategy => one_for_one, intensity => 1000, period => 1}, [Child]}}.

handle_call(add, _From, Count) ->
    {reply, Count + 1, Count + 1};
handle_call(add_pending, _From, Count) ->
    erlang:yield(),
    {reply, Count + 1, Count + 1};
handle_call({join, Next}, _From, {_, Passed}) ->
    {reply, ok, {Next, Passed}};
handle_call(passed, _From, {_, Passed} = Node) ->
    {reply, Passed, Node};
handle_call(links, _From, {link, none} = Link) ->
    {reply, 1, Link};
handle_call(links, _From, {link, Next} = Link) ->
    {reply, gen_server:call(Next, links) + 1, Link};
handle_call(sum, _From, {spot, First, 1} = Spot) ->
    {stop, normal, First, Spot};
handle_call(sum, _From, {spot, First, Leaves} = Spot) ->
    Each = Leaves div 10,
    Children = [start({spot, First + Branch * Each, Each}) || Branch <- lists:seq(0, 9)],
    Requests = [gen_server:send_request(Child, sum) || Child <- Children],
    Sums = [sum(gen_server:receive_response(Request, infinity)) || Request <- Requests],
    {stop, normal, lists:sum(Sums), Spot};
handle_call(number, _From, {phoenix, Number} = Phoenix) ->
    {reply, Number, Phoenix}.

sum({reply, Sum}) -> Sum.

handle_cast(bump, Count) ->
    {noreply, Count + 1};
handle_cast({token, 0, Owner}, {Next, Passed}) ->
    Owner ! arrived,
    {noreply, {Next, Passed + 1}};
handle_cast({token, Left, Owner}, {Next, Passed}) ->
    gen_server:cast(Next, {token, Left - 1, Owner}),
    {noreply, {Next, Passed + 1}};
handle_cast(crash, Phoenix) ->
    {stop, crash, Phoenix}.
