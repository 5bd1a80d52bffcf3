//! Work that a server has done beside its loop.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tracing::{Instrument, Span};

use super::{Context, GenServer};
use crate::process::mailbox::Letter;
use crate::process::unwind;
use crate::server::info::{TaskDone, TaskId};
use crate::server::message::Message;

impl<S: GenServer> Context<S> {
    /// Runs a future beside the loop, as a tokio task of this server. What it returns, or the
    /// panic that ended it, comes as [`Info::TaskDone`](crate::Info::TaskDone); it never ends the
    /// server. When the server ends, its tasks are aborted.
    ///
    /// To answer a call from a task, hand its reply port on with
    /// [`ReplyTo::detach`](crate::ReplyTo::detach).
    pub fn spawn(&mut self, work: impl Future<Output = S::Info> + Send + 'static) -> TaskId {
        let extras = self.extras();
        extras.last_task += 1;
        let task = TaskId(extras.last_task);
        let owner = Arc::downgrade(&self.cell);
        let hub = self.cell.core().hub().clone();
        let work = async move {
            let outcome = {
                let mut work = pin!(work);
                poll_fn(|cx| match unwind::catch(|| work.as_mut().poll(cx)) {
                    Ok(Poll::Pending) => Poll::Pending,
                    Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
                    Err(reason) => Poll::Ready(Err(reason)),
                })
                .await
            };
            if let Some(owner) = owner.upgrade() {
                let done = Box::new(TaskDone { task, outcome });
                owner.post_uncounted(Letter::Notice(Message::TaskDone(done)));
            }
        };
        let handle = hub.spawn(work.instrument(Span::current()));
        self.extras().tasks.insert(task, handle.abort_handle());
        task
    }

    /// Aborts a task: it is dropped at its next await, and nothing more is heard of it.
    /// `false`: it is done; if its result was not handled yet, that still comes.
    pub fn abort_task(&mut self, task: TaskId) -> bool {
        match self.extras().tasks.get(&task) {
            Some(handle) if !handle.is_finished() => {
                handle.abort();
                self.extras().tasks.remove(&task);
                true
            }
            _ => false,
        }
    }

    /// A result's turn has come: whether it is to be handled, or its task was aborted.
    pub(crate) fn task_done(&mut self, task: TaskId) -> bool {
        self.extras().tasks.remove(&task).is_some()
    }
}
