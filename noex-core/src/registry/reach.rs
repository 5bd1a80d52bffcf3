use super::name::Name;
use crate::server::{Call, CastWait, GenServer, Reach, ReplyTo, SendError};

impl<S: GenServer> Reach<S> for Name<S> {
    type Call<'a, T: Send + 'static> = Call<'static, S, T>;
    type CastWait<'a> = CastWait<'static, S>;

    #[inline]
    fn call<T, F>(&self, make: F) -> Call<'static, S, T>
    where
        T: Send + 'static,
        F: FnOnce(ReplyTo<T>) -> S::Call,
    {
        Name::call(self, make)
    }

    #[inline]
    fn cast(&self, message: S::Cast) -> Result<(), SendError<S::Cast>> {
        Name::cast(self, message)
    }

    fn cast_wait(&self, message: S::Cast) -> CastWait<'static, S> {
        Name::cast_wait(self, message)
    }

    fn info(&self, message: S::Info) -> Result<(), SendError<S::Info>> {
        Name::info(self, message)
    }
}
