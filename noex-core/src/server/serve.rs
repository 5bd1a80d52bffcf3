//! The loop of a server: init, then one message after the other, then terminate.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use pin_project_lite::pin_project;

use super::behaviour::GenServer;
use super::context::Context;
use super::exit::Exit;
use super::info::Info;
use super::machine;
use super::message::{Message, ServerCell};
use crate::process::cell::{BoxedLoop, Core, Ending, Interrupt, Process};
use crate::process::mailbox::{Batch, Letter, Order, Refill};
use crate::process::unwind::DropEach;
use crate::process::{ExitReason, Lifecycle, MessageKind, current, lifecycle, unwind};

/// The loop of a new server.
pub(super) fn serve<S: GenServer>(
    cell: Arc<ServerCell<S>>,
    args: S::Args,
) -> BoxedLoop<Message<S>> {
    machine::boxed(Begin::Init(cell, args), run)
}

/// A server between two runs of its loop.
pub(super) struct Body<S: GenServer> {
    cell: Arc<ServerCell<S>>,
    state: S,
    cx: Context<S>,
    /// Taken out of the mailbox and not handled yet.
    batch: Batch<Message<S>>,
    /// What was still in the mailbox when it was closed.
    undelivered: Option<Box<dyn Any + Send>>,
}

/// What a run of the loop begins with.
pub(super) enum Begin<S: GenServer> {
    Init(Arc<ServerCell<S>>, S::Args),
    /// If a message is handed over, that comes first.
    Again(Box<Body<S>>, Option<Message<S>>),
}

/// How a run of the loop is over.
pub(super) enum Over<S: GenServer> {
    LetGo(Box<Body<S>>),
    Ended(Ending),
}

/// Handles one message after the other. The handlers' futures are in this one, which is
/// why it is not cut into smaller ones: each would be one more copy of every message.
async fn run<S: GenServer>(begin: Begin<S>) -> Over<S> {
    let (mut body, mut first) = match begin {
        Begin::Again(body, first) => (body, first),
        Begin::Init(cell, args) => match init(cell, args).await {
            Ok(body) => (body, None),
            Err(ending) => return Over::Ended(ending),
        },
    };
    let mut handed_over = first.is_some();
    let reason = loop {
        if let Some(exit) = body.cx.take_stop() {
            break exit.into_reason();
        }
        let turn = match first.take() {
            Some(message) => body.turn_for(message),
            None => body.next_turn(),
        };
        let Body {
            cell, state, cx, ..
        } = &mut *body;
        let core = cell.core();
        let mut exit = None;
        let failed = |result: Result<(), Exit>| exit = result.err();
        let cut = match turn {
            Turn::Call(call) => {
                core.set_kind(MessageKind::Call);
                guard(core, Interrupt::Exit, state.handle_call(call, cx), failed).await
            }
            Turn::Cast(cast) => {
                core.set_kind(MessageKind::Cast);
                guard(core, Interrupt::Exit, state.handle_cast(cast, cx), failed).await
            }
            Turn::Info(kind, info) => {
                core.set_kind(kind);
                guard(core, Interrupt::Exit, state.handle_info(info, cx), failed).await
            }
            Turn::Continue(message) => {
                core.set_kind(MessageKind::Continue);
                guard(
                    core,
                    Interrupt::Exit,
                    state.handle_continue(message, cx),
                    failed,
                )
                .await
            }
            Turn::Nothing => continue,
            Turn::LetGo => return Over::LetGo(body),
            Turn::End(reason) => break reason,
        };
        if let Some(reason) = cut {
            break *reason;
        }
        if let Some(exit) = exit {
            break exit.into_reason();
        }
        core.settle_dropped_ports();
        // Still parked, since the handler has not waited: whoever has sent something meanwhile has
        // left a notification.
        if std::mem::take(&mut handed_over)
            && cell.queue().is_parked()
            && !core.take_notification()
            && !cx.wants_to_go_on()
        {
            return Over::LetGo(body);
        }
    };
    let reason = body.leave(reason).await;
    Over::Ended(body.end(reason))
}

async fn init<S: GenServer>(
    cell: Arc<ServerCell<S>>,
    args: S::Args,
) -> Result<Box<Body<S>>, Ending> {
    let core = cell.core();
    let mut cx = Context::new(cell.clone());
    core.set_kind(MessageKind::Init);
    let mut made = None;
    let made_it = |result| made = Some(result);
    let cut = guard(core, Interrupt::Exit, S::init(args, &mut cx), made_it).await;
    let state = match made {
        Some(Ok(state)) => state,
        Some(Err(Exit::Ignore)) => {
            core.decline();
            return Err(Ending::because(ExitReason::Normal));
        }
        Some(Err(exit)) => return Err(Ending::because(exit.into_reason())),
        None => {
            let reason = cut.map_or(ExitReason::Killed, |reason| *reason);
            return Err(Ending::because(reason));
        }
    };
    core.started();
    current::answered(current::INIT);
    lifecycle::publish(|| Lifecycle::Started {
        pid: core.pid(),
        name: core.shared_name(),
        parent: core.parent(),
    });
    Ok(Box::new(Body {
        cell,
        state,
        cx,
        batch: Batch::new(),
        undelivered: None,
    }))
}

/// What the loop does next.
enum Turn<S: GenServer> {
    Call(S::Call),
    Cast(S::Cast),
    Info(MessageKind, Info<S::Info>),
    Continue(S::Info),
    /// It is done already.
    Nothing,
    LetGo,
    End(ExitReason),
}

impl<S: GenServer> Body<S> {
    #[inline(always)]
    fn next_turn(&mut self) -> Turn<S> {
        let core = self.cell.core();
        let queue = self.cell.queue();
        if core.is_interrupted(Interrupt::Exit) {
            return Turn::End(core.interrupt_reason());
        }
        if let Some(system) = queue.next_system() {
            core.set_kind(MessageKind::System);
            // It catches what the user's part of it does.
            system(&mut self.state, &mut self.cx);
            core.settle_dropped_ports();
            return Turn::Nothing;
        }
        let continued = self.cx.has_continue();
        if !continued {
            if core.is_suspended() {
                return match queue.stop_order(&self.batch) {
                    Some(reason) => Turn::End(reason),
                    None if queue.park_suspended() == Refill::Parked => Turn::LetGo,
                    None => Turn::Nothing,
                };
            }
            if self.batch.is_empty() && queue.refill(&mut self.batch) == Refill::Parked {
                return Turn::LetGo;
            }
            if self.batch.is_empty() {
                return Turn::Nothing; // the system lane has something
            }
        }
        if !core.spend() {
            core.yield_now();
            return Turn::LetGo;
        }
        if continued {
            return match self.cx.take_continue() {
                Some(message) => Turn::Continue(message),
                None => Turn::Nothing,
            };
        }
        let Some(letter) = self.batch.pop_front() else {
            return Turn::Nothing;
        };
        if letter.counts() {
            queue.took_one();
        }
        match letter {
            Letter::Message(message) | Letter::Notice(message) => self.turn_for(message),
            Letter::Tick(make) => match unwind::catch(make) {
                Ok(message) => self.turn_for(message),
                Err(reason) => Turn::End(reason),
            },
            Letter::Order(order) => self.turn_by(order),
        }
    }

    #[inline(always)]
    fn turn_for(&mut self, message: Message<S>) -> Turn<S> {
        self.cell.core().note_handled();
        if !matches!(message, Message::IdleTimeout(_) | Message::Mark(_)) {
            self.cx.touched();
        }
        match message {
            Message::Call(call) => Turn::Call(call),
            Message::Cast(cast) => Turn::Cast(cast),
            Message::Info(message) => Turn::Info(MessageKind::Info, Info::Message(message)),
            Message::TaskDone(done) if self.cx.task_done(done.task) => {
                Turn::Info(MessageKind::Info, Info::TaskDone(*done))
            }
            Message::IdleTimeout(set) if self.cx.idle_timeout_stands(set) => {
                Turn::Info(MessageKind::Timeout, Info::Timeout)
            }
            Message::Mark(mark) => {
                (mark.0)();
                Turn::Nothing
            }
            Message::TaskDone(_) | Message::IdleTimeout(_) => Turn::Nothing,
        }
    }

    fn turn_by(&mut self, order: Order) -> Turn<S> {
        if let Order::Stop(reason) = order {
            return Turn::End(*reason);
        }
        self.cx.touched();
        match order {
            // The server may have taken the monitor back.
            Order::Down(down) if self.cx.monitor_fired(down.monitor) => {
                Turn::Info(MessageKind::Down, Info::Down(*down))
            }
            Order::Exit(exit) => Turn::Info(MessageKind::Exit, Info::Exit(*exit)),
            Order::Down(_) | Order::Stop(_) => Turn::Nothing,
        }
    }

    /// The mailbox takes no more, and `terminate` runs.
    async fn leave(&mut self, reason: ExitReason) -> ExitReason {
        let Body {
            cell,
            state,
            cx,
            batch,
            undelivered,
        } = self;
        let core = cell.core();
        core.exiting();
        *undelivered = cell.close_mailbox();
        core.add_undelivered(batch.iter().filter(|letter| letter.counts()).count());
        if core.is_interrupted(Interrupt::Kill) {
            return ExitReason::Killed;
        }
        // The log is to tell what it was busy with before.
        let last = core.kind();
        core.set_kind(MessageKind::Terminate);
        let cut = guard(core, Interrupt::Kill, state.terminate(&reason, cx), |()| ()).await;
        core.set_kind(last);
        match cut {
            None => reason,
            Some(_) if core.is_interrupted(Interrupt::Kill) => ExitReason::Killed,
            Some(panicked) if reason.is_orderly() => *panicked,
            Some(_) => reason,
        }
    }

    /// Drops the state. What the death path needs is left.
    fn end(self, reason: ExitReason) -> Ending {
        let Body {
            state,
            mut cx,
            batch,
            undelivered,
            ..
        } = self;
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
            undelivered: Some(Box::new((undelivered, DropEach::new(batch)))),
        }
    }
}

pin_project! {
    /// Runs user code so that neither a panic nor a signal gets past it. `Some` is the reason for
    /// which it was cut short; otherwise `took` has what it returned.
    struct Guard<'a, F, T> {
        core: &'a Core,
        by: Interrupt,
        #[pin]
        handler: Option<F>,
        took: T,
    }
}

#[inline]
fn guard<F, T>(core: &Core, by: Interrupt, handler: F, took: T) -> Guard<'_, F, T>
where
    F: Future,
    T: FnMut(F::Output),
{
    Guard {
        core,
        by,
        handler: Some(handler),
        took,
    }
}

impl<F: Future, T: FnMut(F::Output)> Future for Guard<'_, F, T> {
    // Boxed, and without what the handler returned: what is rare is not to be moved about with
    // every message.
    type Output = Option<Box<ExitReason>>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if this.core.is_interrupted(*this.by) {
            // What it holds is the user's, whose Drop may panic.
            let _ = unwind::panicked(|| this.handler.set(None));
            return Poll::Ready(Some(Box::new(this.core.interrupt_reason())));
        }
        let Some(running) = this.handler.as_mut().as_pin_mut() else {
            return Poll::Pending;
        };
        let mut returned = false;
        let panicked = unwind::panicked(|| {
            if let Poll::Ready(value) = running.poll(cx) {
                (this.took)(value);
                returned = true;
            }
        });
        if panicked.is_some() || returned {
            return Poll::Ready(panicked);
        }
        this.core.settle_dropped_ports();
        Poll::Pending
    }
}
