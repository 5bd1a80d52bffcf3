use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;

use super::entry::Holder;
use super::error::LookupError;
use super::global::global;
use super::keyed::{Registry, server_of};
use crate::process::{Monitor, Pid};
use crate::server::message::{Message, ServerCell};
use crate::server::target::Target;
use crate::server::{Call, CastWait, GenServer, ReplyTo, SendError, SendFailure, ServerRef};

/// Reaches whoever holds a name at the time of each call, and so a supervised server over its
/// restarts.
///
/// It remembers the holder as long as that registration stands, so a call by
/// name costs little more than one by ref.
///
/// The OTP counterpart is a registered name, or a `via` tuple.
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
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use noex::{CallError, Name};
///
/// let echo = Name::<Echo>::new("name-doc-echo");
/// assert!(matches!(
///     echo.call(|reply| (1, reply)).await,
///     Err(CallError::NotRegistered { .. })
/// ));
/// Echo::start(()).name("name-doc-echo").await?;
/// assert_eq!(echo.call(|reply| (2, reply)).await?, 2);
/// # Ok(())
/// # }
/// ```
pub struct Name<S: GenServer> {
    label: Arc<str>,
    find: Find,
    known: Mutex<Option<Known<S>>>,
}

#[derive(Clone)]
enum Find {
    Global,
    Via(Arc<dyn FindByKey>),
}

/// A key of some registry.
trait FindByKey: Send + Sync {
    fn find(&self) -> Option<Arc<Holder>>;
    fn wait(&self) -> futures::future::BoxFuture<'_, Arc<Holder>>;
}

struct Key<K, V> {
    registry: Registry<K, V>,
    key: K,
}

impl<K, V> FindByKey for Key<K, V>
where
    K: Eq + Hash + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    fn find(&self) -> Option<Arc<Holder>> {
        self.registry.holder(&self.key)
    }

    fn wait(&self) -> futures::future::BoxFuture<'_, Arc<Holder>> {
        Box::pin(self.registry.wait_for_holder(&self.key))
    }
}

struct Known<S: GenServer> {
    holder: Arc<Holder>,
    cell: Arc<ServerCell<S>>,
}

impl<S: GenServer> Name<S> {
    /// A name in the global registry. Nobody needs have it yet.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Name {
            label: name.into(),
            find: Find::Global,
            known: Mutex::new(None),
        }
    }

    /// A key of a registry of one's own.
    pub fn via<K, V>(registry: &Registry<K, V>, key: K) -> Self
    where
        K: Eq + Hash + fmt::Debug + Send + Sync + 'static,
        V: Send + Sync + 'static,
    {
        Name {
            label: format!("{key:?}").into(),
            find: Find::Via(Arc::new(Key {
                registry: registry.clone(),
                key,
            })),
            known: Mutex::new(None),
        }
    }

    /// The name, or the key as its `Debug` shows it.
    pub fn as_str(&self) -> &str {
        &self.label
    }

    fn find(&self) -> Result<Arc<ServerCell<S>>, LookupError> {
        let mut known = self.known.lock();
        if let Some(known) = &*known
            && known.holder.stands()
        {
            return Ok(known.cell.clone());
        }
        // What is dropped here is no user's: a dead cell has no state any more.
        *known = None;
        let holder = match &self.find {
            Find::Global => global().holder(&*self.label),
            Find::Via(key) => key.find(),
        };
        let server = server_of::<S>(holder.clone(), || self.label.clone())?;
        let cell = server.cell().clone();
        if let Some(holder) = holder {
            *known = Some(Known {
                holder,
                cell: cell.clone(),
            });
        }
        Ok(cell)
    }

    fn target(&self) -> Target<'static, S> {
        match self.find() {
            Ok(cell) => Target::Found(cell),
            Err(why) => Target::NotFound(Box::new(why.into())),
        }
    }

    /// A ref to the present holder.
    ///
    /// # Errors
    ///
    /// `NotFound` when nobody has the name, `WrongType` when it belongs to a server of
    /// another type.
    pub fn lookup(&self) -> Result<ServerRef<S>, LookupError> {
        self.find().map(ServerRef::from_cell)
    }

    /// The pid of the present holder, if there is one of the right type.
    ///
    /// The OTP name is `whereis`.
    pub fn whereis(&self) -> Option<Pid> {
        self.lookup().ok().map(|server| server.pid())
    }

    /// Waits until somebody has the name.
    ///
    /// # Errors
    ///
    /// `WrongType` when that is a server of another type.
    ///
    /// # Cancel safety
    ///
    /// It can be dropped at any time.
    pub async fn wait(&self) -> Result<ServerRef<S>, LookupError> {
        let holder = match &self.find {
            Find::Global => global().wait_for_holder(&*self.label).await,
            Find::Via(key) => key.wait().await,
        };
        server_of(Some(holder), || self.label.clone())
    }

    /// As [`ServerRef::call`], to the present holder.
    ///
    /// # Errors
    ///
    /// Also `NotRegistered` and `WrongType`, at once.
    pub fn call<T: Send + 'static>(
        &self,
        make: impl FnOnce(ReplyTo<T>) -> S::Call,
    ) -> Call<'static, S, T> {
        Call::new(self.target(), make)
    }

    /// Has a call that was not polled yet go to the present holder.
    pub(crate) fn redirect<T>(&self, call: &mut Call<'static, S, T>) {
        call.set_target(self.target());
    }

    /// As [`ServerRef::cast`], to the present holder.
    ///
    /// # Errors
    ///
    /// Also `NotRegistered` and `WrongType`, with the message in it.
    pub fn cast(&self, message: S::Cast) -> Result<(), SendError<S::Cast>> {
        self.send(message, Message::Cast)
    }

    /// As [`ServerRef::cast_wait`], to the present holder.
    pub fn cast_wait(&self, message: S::Cast) -> CastWait<'static, S> {
        CastWait::new(self.target(), message)
    }

    /// As [`ServerRef::info`], to the present holder.
    ///
    /// # Errors
    ///
    /// Also `NotRegistered` and `WrongType`, with the message in it.
    pub fn info(&self, message: S::Info) -> Result<(), SendError<S::Info>> {
        self.send(message, Message::Info)
    }

    fn send<T>(&self, message: T, wrap: impl FnOnce(T) -> Message<S>) -> Result<(), SendError<T>> {
        match self.target() {
            Target::NotFound(why) => Err(SendError::new(message, SendFailure::from(*why))),
            Target::Ref(cell) => crate::server::cast::send(cell, message, wrap),
            Target::Found(cell) => crate::server::cast::send(&cell, message, wrap),
        }
    }

    /// Watches the present holder; `None` when nobody has the name.
    pub fn monitor(&self) -> Option<Monitor> {
        self.lookup().ok().map(|server| server.monitor())
    }
}

impl<S: GenServer> Clone for Name<S> {
    fn clone(&self) -> Self {
        Name {
            label: self.label.clone(),
            find: self.find.clone(),
            known: Mutex::new(None),
        }
    }
}

impl<S: GenServer> fmt::Debug for Name<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name<{}>({:?})", std::any::type_name::<S>(), self.label)
    }
}
