use std::future::Future;
use std::time::Duration;

use super::behaviour::GenServer;
use super::call::{Call, CallError, ReplyTo};
use super::cast::{CastWait, SendError};
use super::server_ref::ServerRef;

/// Whatever reaches a server of type `S`: a [`ServerRef`](crate::ServerRef), a
/// [`Name`](crate::Name).
///
/// The client trait that [`genserver`](macro@crate::genserver) writes works on all that
/// implement this. Nothing is boxed: each kind of target names its own futures.
pub trait Reach<S: GenServer> {
    /// What [`call`](Reach::call) returns.
    type Call<'a, T: Send + 'static>: CallFuture<T>
    where
        Self: 'a;

    /// What [`cast_wait`](Reach::cast_wait) returns.
    type CastWait<'a>: Future<Output = Result<(), SendError<S::Cast>>> + Send
    where
        Self: 'a;

    /// Calls, as [`ServerRef::call`](crate::ServerRef::call) does.
    fn call<T, F>(&self, make: F) -> Self::Call<'_, T>
    where
        T: Send + 'static,
        F: FnOnce(ReplyTo<T>) -> S::Call;

    /// Casts, as [`ServerRef::cast`](crate::ServerRef::cast) does.
    ///
    /// # Errors
    ///
    /// The message comes back when it cannot be delivered.
    fn cast(&self, message: S::Cast) -> Result<(), SendError<S::Cast>>;

    /// Casts and waits for room, as [`ServerRef::cast_wait`](crate::ServerRef::cast_wait) does.
    fn cast_wait(&self, message: S::Cast) -> Self::CastWait<'_>;

    /// Sends an info message, as [`ServerRef::info`](crate::ServerRef::info) does.
    ///
    /// # Errors
    ///
    /// The message comes back when it cannot be delivered.
    fn info(&self, message: S::Info) -> Result<(), SendError<S::Info>>;
}

/// A call that has been made and is to be awaited: [`Call`](crate::Call), for local servers.
pub trait CallFuture<T>: Future<Output = Result<T, CallError>> + Send + Sized {
    /// How long to wait for the reply.
    #[must_use]
    fn timeout(self, timeout: Duration) -> Self;

    /// Waits for as long as it takes.
    #[must_use]
    fn no_timeout(self) -> Self;
}

impl<S: GenServer, T: Send + 'static> CallFuture<T> for Call<'_, S, T> {
    fn timeout(self, timeout: Duration) -> Self {
        Call::timeout(self, timeout)
    }

    fn no_timeout(self) -> Self {
        Call::no_timeout(self)
    }
}

impl<S: GenServer> Reach<S> for ServerRef<S> {
    type Call<'a, T: Send + 'static> = Call<'a, S, T>;
    type CastWait<'a> = CastWait<'a, S>;

    #[inline]
    fn call<T, F>(&self, make: F) -> Call<'_, S, T>
    where
        T: Send + 'static,
        F: FnOnce(ReplyTo<T>) -> S::Call,
    {
        ServerRef::call(self, make)
    }

    #[inline]
    fn cast(&self, message: S::Cast) -> Result<(), SendError<S::Cast>> {
        ServerRef::cast(self, message)
    }

    fn cast_wait(&self, message: S::Cast) -> CastWait<'_, S> {
        ServerRef::cast_wait(self, message)
    }

    fn info(&self, message: S::Info) -> Result<(), SendError<S::Info>> {
        ServerRef::info(self, message)
    }
}
