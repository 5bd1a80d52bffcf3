use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

use super::error::CallError;
use super::future::Call;
use crate::process::slot::Waiter;
use crate::server::behaviour::GenServer;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

impl<S: GenServer, T: Send + 'static> Call<'_, S, T> {
    /// Makes the call and blocks this thread until it is answered or its time is up.
    ///
    /// For plain threads. In a task it holds up the tokio worker it runs on, and
    /// on a current-thread runtime, where a server that does not answer at once cannot
    /// run meanwhile, it ends in a timeout.
    ///
    /// # Errors
    ///
    /// As the awaited call.
    ///
    /// # Examples
    ///
    /// ```
    /// # use noex::{Context, Exit, GenServer, ReplyTo};
    /// # struct Echo;
    /// # impl GenServer for Echo {
    /// #     type Args = (); type Call = (u32, ReplyTo<u32>); type Cast = (); type Info = ();
    /// #     async fn init(_: (), _cx: &mut Context<Self>) -> Result<Self, Exit> { Ok(Echo) }
    /// #     async fn handle_call(&mut self, (n, reply): Self::Call, _cx: &mut Context<Self>) -> Result<(), Exit> { reply.send(n); Ok(()) }
    /// #     async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> { Ok(()) }
    /// # }
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let echo = Echo::start(()).await?;
    /// let thread = std::thread::spawn(move || echo.call(|reply| (7, reply)).blocking());
    /// assert_eq!(thread.join().expect("no panic")?, 7);
    /// # Ok(())
    /// # }
    /// ```
    pub fn blocking(mut self) -> Result<T, CallError> {
        let until = self
            .given()
            .and_then(|timeout| Instant::now().checked_add(timeout));
        self.keep_own_time();
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut cx = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(result) = Pin::new(&mut self).poll(&mut cx) {
                return result;
            }
            match until {
                None => thread::park(),
                Some(until) => {
                    let now = Instant::now();
                    if now >= until {
                        // An answer that is there by now is still delivered.
                        self.slot().expire();
                        if let Poll::Ready(result) = Pin::new(&mut self).poll(&mut cx) {
                            return result;
                        }
                        return Err(CallError::Timeout {
                            after: self.given().unwrap_or_default(),
                        });
                    }
                    thread::park_timeout(until - now);
                }
            }
        }
    }
}
