//! The loop of a server: init, then one message after the other, then terminate.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use super::behaviour::GenServer;
use super::context::Context;
use super::exit::Exit;
use super::info::Info;
use super::message::{Message, ServerCell};
use crate::process::cell::{Core, Ending, Interrupt, Process, Stage};
use crate::process::mailbox::{Batch, Letter, Order, Refill};
use crate::process::unwind::DropEach;
use crate::process::{ExitReason, Lifecycle, MessageKind, current, lifecycle, unwind};

pub(super) async fn serve<S: GenServer>(cell: Arc<ServerCell<S>>, args: S::Args) -> Ending {
    let core = cell.core();
    let mut cx = Context::new(cell.clone());
    core.set_kind(MessageKind::Init);
    let mut state = match guard(core, Interrupt::Exit, S::init(args, &mut cx)).await {
        Guarded::Returned(Ok(state)) => state,
        Guarded::Returned(Err(Exit::Ignore)) => {
            core.decline();
            return Ending::because(ExitReason::Normal);
        }
        Guarded::Returned(Err(exit)) => return Ending::because(exit.into_reason()),
        Guarded::Panicked(reason) => return Ending::because(reason),
        Guarded::Interrupted => return Ending::because(core.interrupt_reason()),
    };
    core.started();
    current::answered(current::INIT);
    lifecycle::publish(|| Lifecycle::Started {
        pid: core.pid(),
        name: core.shared_name(),
        parent: core.parent(),
    });

    let mut batch = Batch::<Message<S>>::new();
    let reason = match cx.take_stop() {
        Some(exit) => exit.into_reason(),
        None => handle_messages(&cell, &mut batch, &mut state, &mut cx).await,
    };

    core.set_stage(Stage::Exiting);
    let undelivered = cell.close_mailbox();
    core.add_undelivered(batch.iter().filter(|letter| letter.counts()).count());
    let reason = terminate(core, &mut state, &mut cx, reason).await;
    let shown_state = if reason.is_orderly() {
        None
    } else {
        unwind::catch(|| state.format_status()).unwrap_or(None)
    };
    let reason = match unwind::catch(|| drop(state)) {
        Err(panicked) if reason.is_orderly() => panicked,
        _ => reason,
    };
    Ending {
        reason,
        shown_state,
        last_replies: cx.take_last_replies(),
        undelivered: Some(Box::new((undelivered, DropEach::new(batch))) as Box<dyn Any + Send>),
    }
}

/// Returns when the server is to end.
async fn handle_messages<S: GenServer>(
    cell: &Arc<ServerCell<S>>,
    batch: &mut Batch<Message<S>>,
    state: &mut S,
    cx: &mut Context<S>,
) -> ExitReason {
    let core = cell.core();
    let queue = cell.queue();
    loop {
        if core.is_interrupted(Interrupt::Exit) {
            return core.interrupt_reason();
        }
        if let Some(system) = queue.next_system() {
            core.set_kind(MessageKind::System);
            // It catches what the user's part of it does.
            system(state, cx);
            continue;
        }
        let continued = cx.has_continue();
        if !continued {
            if core.is_suspended() {
                if let Some(reason) = queue.stop_order(batch) {
                    return reason;
                }
                if queue.park_suspended() == Refill::Parked {
                    pause().await;
                }
                continue;
            }
            if batch.is_empty() {
                if queue.refill(batch) == Refill::Parked {
                    pause().await;
                }
                if batch.is_empty() {
                    continue;
                }
            }
        }
        if !core.spend() {
            core.yield_now();
            pause().await;
            continue;
        }
        let handled = if continued {
            match cx.take_continue() {
                Some(message) => {
                    core.set_kind(MessageKind::Continue);
                    guard(core, Interrupt::Exit, state.handle_continue(message, cx)).await
                }
                None => continue,
            }
        } else {
            let Some(letter) = batch.pop_front() else {
                continue;
            };
            if letter.counts() {
                queue.took_one();
            }
            match letter {
                Letter::Message(message) | Letter::Notice(message) => {
                    handle(core, state, cx, message).await
                }
                Letter::Tick(make) => match unwind::catch(make) {
                    Ok(message) => handle(core, state, cx, message).await,
                    Err(reason) => Guarded::Panicked(reason),
                },
                Letter::Order(Order::Stop(reason)) => return *reason,
                Letter::Order(order) => match as_info(order, core, cx) {
                    Some(info) => guard(core, Interrupt::Exit, state.handle_info(info, cx)).await,
                    None => continue,
                },
            }
        };
        match handled {
            Guarded::Returned(Ok(())) => {}
            Guarded::Returned(Err(exit)) => return exit.into_reason(),
            Guarded::Panicked(reason) => return reason,
            Guarded::Interrupted => return core.interrupt_reason(),
        }
        core.settle_unwound();
        if let Some(exit) = cx.take_stop() {
            return exit.into_reason();
        }
    }
}

async fn handle<S: GenServer>(
    core: &Core,
    state: &mut S,
    cx: &mut Context<S>,
    message: Message<S>,
) -> Guarded<Result<(), Exit>> {
    core.note_handled();
    if !matches!(message, Message::IdleTimeout(_)) {
        cx.touched();
    }
    let info = match message {
        Message::Call(call) => {
            core.set_kind(MessageKind::Call);
            return guard(core, Interrupt::Exit, state.handle_call(call, cx)).await;
        }
        Message::Cast(cast) => {
            core.set_kind(MessageKind::Cast);
            return guard(core, Interrupt::Exit, state.handle_cast(cast, cx)).await;
        }
        Message::Info(message) => {
            core.set_kind(MessageKind::Info);
            Info::Message(message)
        }
        Message::TaskDone(done) => {
            if !cx.task_done(done.task) {
                return Guarded::Returned(Ok(()));
            }
            core.set_kind(MessageKind::Info);
            Info::TaskDone(*done)
        }
        Message::IdleTimeout(set) => {
            if !cx.idle_timeout_stands(set) {
                return Guarded::Returned(Ok(()));
            }
            core.set_kind(MessageKind::Timeout);
            Info::Timeout
        }
    };
    guard(core, Interrupt::Exit, state.handle_info(info, cx)).await
}

/// What an order is to the server; `None` when it has taken it back.
fn as_info<S: GenServer>(order: Order, core: &Core, cx: &mut Context<S>) -> Option<Info<S::Info>> {
    cx.touched();
    match order {
        Order::Down(down) => {
            core.set_kind(MessageKind::Down);
            cx.monitor_fired(down.monitor).then_some(Info::Down(*down))
        }
        Order::Exit(exit) => {
            core.set_kind(MessageKind::Exit);
            Some(Info::Exit(*exit))
        }
        Order::Stop(_) => None,
    }
}

async fn terminate<S: GenServer>(
    core: &Core,
    state: &mut S,
    cx: &mut Context<S>,
    reason: ExitReason,
) -> ExitReason {
    if core.is_interrupted(Interrupt::Kill) {
        return ExitReason::Killed;
    }
    // The log is to tell what it was busy with before.
    let last = core.kind();
    core.set_kind(MessageKind::Terminate);
    let ended = guard(core, Interrupt::Kill, state.terminate(&reason, cx)).await;
    core.set_kind(last);
    match ended {
        Guarded::Returned(()) => reason,
        Guarded::Interrupted => ExitReason::Killed,
        Guarded::Panicked(panicked) if reason.is_orderly() => panicked,
        Guarded::Panicked(_) => reason,
    }
}

enum Guarded<T> {
    Returned(T),
    Panicked(ExitReason),
    /// Cut short at an await: the handler's future is dropped.
    Interrupted,
}

/// Runs user code so that neither a panic nor a signal gets past it.
#[inline]
async fn guard<F: Future>(core: &Core, by: Interrupt, handler: F) -> Guarded<F::Output> {
    let mut handler = pin!(Some(handler));
    poll_fn(|cx| {
        if core.is_interrupted(by) {
            // What it holds is the user's, whose Drop may panic.
            let _ = unwind::catch(|| handler.set(None));
            return Poll::Ready(Guarded::Interrupted);
        }
        let Some(running) = handler.as_mut().as_pin_mut() else {
            return Poll::Pending;
        };
        match unwind::catch(|| running.poll(cx)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Guarded::Returned(value)),
            Err(reason) => Poll::Ready(Guarded::Panicked(reason)),
        }
    })
    .await
}

/// Lets go of the process until somebody has a reason to run it.
async fn pause() {
    let mut paused = false;
    poll_fn(|_| {
        if std::mem::replace(&mut paused, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

pub(super) fn note_unhandled<S: GenServer>(info: &Info<S::Info>, cx: &Context<S>) {
    let what = match info {
        Info::Message(_) => "a message",
        Info::Down(_) => "a DOWN",
        Info::Exit(_) => "an EXIT",
        Info::Timeout => "an idle timeout",
        Info::TaskDone(_) => "a task's result",
    };
    tracing::debug!(target: "noex::server", pid = %cx.pid(), what, "no handle_info for it");
}
