use std::future::{self, Future};

use super::child::Child;
use super::context::Context;
use super::exit::Exit;
use super::info::Info;
use super::start::Start;
use crate::process::ExitReason;

/// A server: state that is owned by one process and changed by one message at a time.
///
/// # Examples
///
/// ```
/// use noex::{Context, Exit, GenServer, ReplyTo};
///
/// struct Counter {
///     value: i64,
/// }
///
/// enum Call {
///     Get(ReplyTo<i64>),
///     Add(i64, ReplyTo<i64>),
/// }
///
/// enum Cast {
///     Reset,
/// }
///
/// impl GenServer for Counter {
///     type Args = i64;
///     type Call = Call;
///     type Cast = Cast;
///     type Info = ();
///
///     async fn init(start: i64, _cx: &mut Context<Self>) -> Result<Self, Exit> {
///         Ok(Counter { value: start })
///     }
///
///     async fn handle_call(&mut self, call: Call, _cx: &mut Context<Self>) -> Result<(), Exit> {
///         match call {
///             Call::Get(reply) => reply.send(self.value),
///             Call::Add(n, reply) => {
///                 self.value += n;
///                 reply.send(self.value);
///             }
///         }
///         Ok(())
///     }
///
///     async fn handle_cast(&mut self, cast: Cast, _cx: &mut Context<Self>) -> Result<(), Exit> {
///         match cast {
///             Cast::Reset => self.value = 0,
///         }
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let counter = Counter::start(5).await?; // returns after init
/// assert_eq!(counter.call(|reply| Call::Add(2, reply)).await?, 7);
/// counter.cast(Cast::Reset)?;
/// assert_eq!(counter.call(Call::Get).await?, 0);
/// counter.stop().await?;
/// # Ok(())
/// # }
/// ```
///
/// # The client's view
///
/// A [`ServerRef`](crate::ServerRef) reaches one incarnation; a
/// [`Name`](crate::Name) reaches whoever holds the name at each call. Both have
/// `call` (a reply, or an error that says why there is none), `cast` (no reply),
/// and `info`.
///
/// Each variant of `Call` has its reply port, a [`ReplyTo`](crate::ReplyTo), so each call has its
/// own reply type. A port can be kept and used later, from another handler or a task. A `Result`
/// that is sent as a reply is the caller's business and ends nobody.
///
/// # How it ends
///
/// - A handler returns `Err(exit)`, or calls [`Context::stop`].
/// - A handler panics: the state is as the panic left it, and `terminate` gets to see it.
/// - Somebody calls `stop()`, or a supervisor shuts it down: what was queued
///   before is handled first.
/// - A linked process ends abnormally and this one does not trap exits: its handler is
///   dropped at its next await.
/// - It is killed: the same, and `terminate` does not run.
///
/// Then comes what [`process`](crate::process#the-end) describes.
///
/// # Handlers
///
/// A handler may await; meanwhile nothing else is handled. A handler is never run
/// side by side with another one of the same server. It may be dropped at an
/// await by a kill or an exit signal, so what must be complete is done between two awaits.
///
/// A handler that does not come back is not preempted, and is reported after a second.
///
/// # When (not) to use
///
/// A server is for state that has to outlive one request and be changed in one
/// place, for something that has to be supervised, or for a resource that serves one
/// at a time. Code organisation is not a reason: a function is a better function than a server.
///
/// The OTP name is `gen_server`.
pub trait GenServer: Sized + Send + 'static {
    /// What `init` is given.
    type Args: Send + 'static;
    /// The calls, usually an enum with a [`ReplyTo`](crate::ReplyTo) in each variant.
    type Call: Send + 'static;
    /// The casts.
    type Cast: Send + 'static;
    /// What is neither: messages of timers, tasks, and whoever uses `info`.
    type Info: Send + 'static;

    /// Whether [`sys`](crate::ServerRef::sys) may read and replace the state from outside.
    const STATE_ACCESS: StateAccess = StateAccess::ReadWrite;

    /// Makes the state. `start` returns when this has.
    ///
    /// # Errors
    ///
    /// Any error, and the server does not start: the starter gets it, as
    /// [`StartError`](crate::StartError). [`Exit::Ignore`] declines without an error.
    fn init(
        args: Self::Args,
        cx: &mut Context<Self>,
    ) -> impl Future<Output = Result<Self, Exit>> + Send;

    /// Handles a call. The reply goes through the port in `call`, now or later.
    ///
    /// # Errors
    ///
    /// `Err` ends the server, after `terminate`.
    fn handle_call(
        &mut self,
        call: Self::Call,
        cx: &mut Context<Self>,
    ) -> impl Future<Output = Result<(), Exit>> + Send;

    /// Handles a cast.
    ///
    /// # Errors
    ///
    /// `Err` ends the server, after `terminate`.
    fn handle_cast(
        &mut self,
        cast: Self::Cast,
        cx: &mut Context<Self>,
    ) -> impl Future<Output = Result<(), Exit>> + Send;

    /// Handles everything else. By default it is noted at debug level and forgotten.
    ///
    /// # Errors
    ///
    /// `Err` ends the server, after `terminate`.
    fn handle_info(
        &mut self,
        info: Info<Self::Info>,
        cx: &mut Context<Self>,
    ) -> impl Future<Output = Result<(), Exit>> + Send {
        cx.note_unhandled(&info);
        future::ready(Ok(()))
    }

    /// Handles what [`Context::continue_with`] was given, before anything in the
    /// mailbox. By default it is handed to `handle_info`.
    ///
    /// # Errors
    ///
    /// `Err` ends the server, after `terminate`.
    fn handle_continue(
        &mut self,
        message: Self::Info,
        cx: &mut Context<Self>,
    ) -> impl Future<Output = Result<(), Exit>> + Send {
        self.handle_info(Info::Message(message), cx)
    }

    /// Cleans up. Runs once, before the state is dropped, for every end but a
    /// kill and a failed `init`.
    ///
    /// When the tokio runtime is shut down it can still run, but what it awaits
    /// may never come: then it is dropped.
    fn terminate(
        &mut self,
        reason: &ExitReason,
        cx: &mut Context<Self>,
    ) -> impl Future<Output = ()> + Send {
        let _ = (reason, cx);
        future::ready(())
    }

    /// The state as it may be shown in logs and by [`sys().describe()`](crate::Sys::describe):
    /// without secrets. By default nothing of it is.
    fn format_status(&self) -> Option<String> {
        None
    }

    /// Starts a server. Await it, or set [options](Start) first.
    ///
    /// The OTP name is `start`, or `start_link` with [`Start::link`].
    fn start(args: Self::Args) -> Start<Self> {
        Start::new(args)
    }

    /// How a supervisor starts this server; `args` is cloned for each start.
    ///
    /// The OTP name is `child_spec`.
    fn child(args: Self::Args) -> Child<Self>
    where
        Self::Args: Clone + Sync,
    {
        Child::new(move || args.clone())
    }

    /// How a supervisor starts this server, with arguments made for each start.
    fn child_with(args: impl Fn() -> Self::Args + Send + Sync + 'static) -> Child<Self> {
        Child::new(args)
    }
}

/// What introspection may do with a server's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateAccess {
    /// Nothing.
    Denied,
    /// Look at it.
    Read,
    /// Look at it and replace it. The default, as in OTP.
    ReadWrite,
}
