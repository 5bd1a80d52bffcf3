use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

/// Names one incarnation of one process.
///
/// A pid is given out once in the life of an OS process and never again: a
/// supervised server that is restarted has a new one. It is a number, so it can
/// be copied, compared, hashed and logged without keeping anything alive.
///
/// The OTP name is the same.
///
/// # Examples
///
/// ```
/// # use noex::{Context, Exit, GenServer};
/// # struct Idle;
/// # impl GenServer for Idle {
/// #     type Args = (); type Call = (); type Cast = (); type Info = ();
/// #     async fn init(_: (), _cx: &mut Context<Self>) -> Result<Self, Exit> { Ok(Idle) }
/// #     async fn handle_call(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> { Ok(()) }
/// #     async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> { Ok(()) }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let one = Idle::start(()).await?;
/// let two = Idle::start(()).await?;
/// assert_ne!(one.pid(), two.pid());
/// assert!(noex::process::alive(one.pid()));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid(NonZeroU64);

static LAST: AtomicU64 = AtomicU64::new(0);

impl Pid {
    /// The next pid that nobody has had.
    pub(crate) fn next() -> Self {
        let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        // 2^64 processes at one a nanosecond take 584 years.
        Pid(NonZeroU64::new(number).unwrap_or(NonZeroU64::MAX))
    }

    pub(crate) fn from_u64(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Pid)
    }

    /// The number behind the pid, counted from 1 in the order of starting.
    pub fn as_u64(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<0.{}>", self.0)
    }
}

impl fmt::Debug for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
