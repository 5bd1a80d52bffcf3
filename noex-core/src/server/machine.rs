//! The loop of a server as the run cell polls it.
//!
//! A handler's future borrows the state for as long as it waits. So a run of the loop is a future
//! that owns the server's [`Body`], and gives it back when there is nothing more to do.
//! Between two runs the body lies here, where a message can be handed to the next run that
//! has never been in the mailbox.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::behaviour::GenServer;
use super::message::Message;
use super::serve::{Begin, Body, Over};
use crate::process::cell::{BoxedLoop, Loop, Polled};

pin_project! {
    struct Machine<S: GenServer, F, R> {
        // `None` while a run is under way, which has it then.
        body: Option<Box<Body<S>>>,
        // Kept in here, so that a run allocates nothing.
        #[pin]
        running: Option<F>,
        run: R,
    }
}

/// A loop whose runs are the futures that `run` makes.
pub(super) fn boxed<S, F, R>(first: Begin<S>, run: R) -> BoxedLoop<Message<S>>
where
    S: GenServer,
    F: Future<Output = Over<S>> + Send + 'static,
    R: Fn(Begin<S>) -> F + Send + 'static,
{
    Box::pin(Machine {
        body: None,
        running: Some(run(first)),
        run,
    })
}

impl<S, F, R> Loop<Message<S>> for Machine<S, F, R>
where
    S: GenServer,
    F: Future<Output = Over<S>> + Send,
    R: Fn(Begin<S>) -> F + Send,
{
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>, first: Option<Message<S>>) -> Polled {
        let mut this = self.project();
        if let Some(body) = this.body.take() {
            this.running
                .set(Some((this.run)(Begin::Again(body, first))));
        } else {
            debug_assert!(first.is_none(), "handed over only to a loop that is parked");
        }
        let Some(running) = this.running.as_mut().as_pin_mut() else {
            return Polled::Waits; // it has panicked, and nobody polls it again
        };
        match running.poll(cx) {
            Poll::Pending => Polled::Waits,
            Poll::Ready(Over::LetGo(body)) => {
                this.running.set(None);
                *this.body = Some(body);
                Polled::LetGo
            }
            Poll::Ready(Over::Ended(ending)) => {
                this.running.set(None);
                Polled::Ended(Box::new(ending))
            }
        }
    }
}
