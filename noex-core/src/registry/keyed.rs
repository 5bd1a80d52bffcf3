use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use tokio::sync::Notify;

use super::entry::{Entry, Holder, Registered};
use super::error::{LookupError, RegisterError};
use super::events::{Events, Listener, RegistryEvent};
use super::owner::Owner;
use super::owners::Owners;
use super::starts::Starts;
use super::table::Table;
use crate::process::Pid;
use crate::process::cell::Process;
use crate::process::relations::Release;
use crate::process::unwind;
use crate::server::{GenServer, ServerRef};

/// Processes by key, with a value beside each.
///
/// Everything runs in the caller: a lookup is a hash and a lock. When an owner
/// dies its keys are let go before anybody hears of the death. Cloning gives
/// another handle on the same registry.
///
/// A key is anything that can be hashed. A [unique](Registry::unique) registry has one owner for each
/// key; in a [duplicate](Registry::duplicate) one many processes, and one process many times,
/// can be found under one key.
///
/// The OTP counterpart is Elixir's `Registry`.
///
/// # Examples
///
/// ```
/// # use noex::{Context, Exit, GenServer};
/// # struct Room;
/// # impl GenServer for Room {
/// #     type Args = (); type Call = (); type Cast = (); type Info = ();
/// #     async fn init(_: (), _cx: &mut Context<Self>) -> Result<Self, Exit> { Ok(Room) }
/// #     async fn handle_call(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> { Ok(()) }
/// #     async fn handle_cast(&mut self, _: (), _cx: &mut Context<Self>) -> Result<(), Exit> { Ok(()) }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use noex::Registry;
///
/// let rooms: Registry<u32, &'static str> = Registry::unique();
/// let lobby = Room::start(()).await?;
/// rooms.register(&lobby, 1, "lobby")?;
/// assert_eq!(*rooms.lookup(&1).expect("registered").value, "lobby");
/// lobby.stop().await?;
/// assert!(rooms.lookup(&1).is_none());
/// # Ok(())
/// # }
/// ```
pub struct Registry<K, V = ()> {
    inner: Arc<Inner<K, V>>,
}

pub(super) struct Inner<K, V> {
    keys: Keys,
    table: Table<K, V>,
    owners: Owners<K, V>,
    events: Events<K, V>,
    /// Rung when something was registered and somebody waits for that.
    arrivals: Notify,
    starts: Arc<Starts<K>>,
}

/// How many entries a key may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Keys {
    /// One.
    Unique,
    /// Any number.
    Duplicate,
}

impl<K, V> Registry<K, V>
where
    K: Eq + Hash + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    fn new(keys: Keys) -> Self {
        Registry {
            inner: Arc::new(Inner {
                keys,
                table: Table::new(),
                owners: Owners::new(),
                events: Events::new(),
                arrivals: Notify::new(),
                starts: Arc::new(Starts::new()),
            }),
        }
    }

    /// A registry in which a key has one owner.
    pub fn unique() -> Self {
        Registry::new(Keys::Unique)
    }

    /// A registry in which a key has any number of entries.
    pub fn duplicate() -> Self {
        Registry::new(Keys::Duplicate)
    }

    /// Which kind it is.
    pub fn keys(&self) -> Keys {
        self.inner.keys
    }

    pub(super) fn starts(&self) -> &Arc<Starts<K>> {
        &self.inner.starts
    }

    /// Registers `owner` under `key`, with a value beside it, for as long as it lives.
    ///
    /// # Errors
    ///
    /// `AlreadyRegistered` in a unique registry, also for a key that is the owner's
    /// own: the value that is there stays. `NoProc` for a dead owner.
    pub fn register(&self, owner: &impl Owner, key: K, value: V) -> Result<(), RegisterError> {
        self.add(owner.as_process(), Arc::new(key), value)
            .map(|_| ())
    }

    pub(super) fn add(
        &self,
        process: Arc<dyn Process>,
        key: Arc<K>,
        value: V,
    ) -> Result<Arc<Holder>, RegisterError> {
        let inner = &self.inner;
        let pid = process.core().pid();
        if !process.core().is_alive() {
            return Err(RegisterError::NoProc(pid));
        }
        let hash = inner.table.hash(&*key);
        let holder = Holder::new(process.clone());
        let entry = Entry::new(key, hash, holder.clone(), value);
        let mut dead = Vec::new();
        inner.table.insert(entry.clone(), |known| {
            if inner.keys == Keys::Duplicate {
                return None;
            }
            // An owner that is dead but not taken out yet blocks nobody.
            dead.extend(known.extract_if(.., |entry| !entry.holder.stands()));
            let owner = known.first().map(|entry| entry.holder.pid());
            owner.map(RegisterError::AlreadyRegistered)
        })?;
        for entry in dead {
            inner.let_go(&entry);
        }
        if inner.owners.add(pid, entry.clone())
            && process
                .core()
                .relations()
                .add_release(inner.clone())
                .is_err()
        {
            // It has let go of its names already: nobody would take this one out.
            inner.release(pid);
            return Err(RegisterError::NoProc(pid));
        }
        entry.tell_registered(|| {
            inner.events.tell(|| RegistryEvent::Registered {
                key: entry.key.clone(),
                pid,
                value: entry.value(),
            });
        });
        inner.arrivals.notify_waiters();
        Ok(holder)
    }

    /// Lets go of all of the owner's entries under the key. Tells how many there were.
    pub fn unregister<Q>(&self, owner: &impl Owner, key: &Q) -> usize
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let pid = owner.as_process().core().pid();
        self.unregister_if(pid, key, |_| true)
    }

    /// Lets go of those of the owner's entries under the key whose value `which` picks.
    pub fn unregister_match<Q>(
        &self,
        owner: &impl Owner,
        key: &Q,
        which: impl Fn(&V) -> bool,
    ) -> usize
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let pid = owner.as_process().core().pid();
        self.unregister_if(pid, key, which)
    }

    fn unregister_if<Q>(&self, pid: Pid, key: &Q, which: impl Fn(&V) -> bool) -> usize
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mine = self.inner.table.get(key).into_iter();
        // Picked before any lock is taken: `which` is the user's.
        let picked: Vec<_> = mine
            .filter(|entry| entry.holder.pid() == pid && which(&entry.value()))
            .collect();
        let is_picked =
            |entry: &Entry<K, V>| picked.iter().any(|picked| std::ptr::eq(&**picked, entry));
        let taken = self.inner.owners.take(pid, is_picked);
        for entry in &taken {
            self.inner.let_go(entry);
        }
        taken.len()
    }

    /// The owner of the key, or the first of its owners, and the value.
    pub fn lookup<Q>(&self, key: &Q) -> Option<Registered<V>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.inner.table.first(key).map(|entry| entry.registered())
    }

    /// All owners of the key with their values, in the order of registering.
    pub fn lookup_all<Q>(&self, key: &Q) -> Vec<Registered<V>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.standing(key).map(|entry| entry.registered()).collect()
    }

    fn standing<Q>(&self, key: &Q) -> impl Iterator<Item = Arc<Entry<K, V>>> + use<K, V, Q>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let entries = self.inner.table.get(key).into_iter();
        entries.filter(|entry| entry.holder.stands())
    }

    /// The pid of the owner, or of the first one.
    ///
    /// The OTP name is `whereis`.
    pub fn whereis<Q>(&self, key: &Q) -> Option<Pid>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.holder(key).map(|holder| holder.pid())
    }

    pub(super) fn holder<Q>(&self, key: &Q) -> Option<Arc<Holder>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.inner
            .table
            .first(key)
            .map(|entry| entry.holder.clone())
    }

    /// A ref to the server that owns the key.
    ///
    /// # Errors
    ///
    /// `WrongType` when the owner is a server of another type, which is not the same as
    /// `NotFound`.
    pub fn server<S: GenServer>(&self, key: &K) -> Result<ServerRef<S>, LookupError>
    where
        K: fmt::Debug,
    {
        server_of(self.holder(key), || format!("{key:?}").into())
    }

    /// The entries of the key whose value `which` picks.
    ///
    /// The Elixir name is `match`.
    pub fn matching<Q>(&self, key: &Q, which: impl Fn(&V) -> bool) -> Vec<Registered<V>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut all = self.lookup_all(key);
        all.retain(|entry| which(&entry.value));
        all
    }

    /// What `pick` makes of all entries, in no order.
    pub fn select<R>(&self, pick: impl Fn(&K, Pid, &V) -> Option<R>) -> Vec<R> {
        let entries = self.inner.table.all().into_iter();
        entries
            .filter(|entry| entry.holder.stands())
            .filter_map(|entry| pick(&entry.key, entry.holder.pid(), &entry.value()))
            .collect()
    }

    /// Runs `f` with all entries of the key, or not at all if there are none.
    pub fn dispatch<Q>(&self, key: &Q, f: impl FnOnce(&[Registered<V>]))
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let entries = self.lookup_all(key);
        if !entries.is_empty() {
            f(&entries);
        }
    }

    /// Replaces the value of the owner's entry by what `make` makes of the old one. If two
    /// update at the same time `make` may run again.
    ///
    /// # Errors
    ///
    /// `NotOwner`, without running `make`, for a key that is not the owner's.
    pub fn update<Q>(
        &self,
        owner: &impl Owner,
        key: &Q,
        mut make: impl FnMut(&V) -> V,
    ) -> Result<Arc<V>, RegisterError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let pid = owner.as_process().core().pid();
        let mine = self.standing(key).find(|entry| entry.holder.pid() == pid);
        let Some(entry) = mine else {
            return Err(RegisterError::NotOwner(pid));
        };
        loop {
            let old = entry.value();
            let new = Arc::new(make(&old));
            if entry.swap(&old, new.clone()).is_ok() {
                return Ok(new);
            }
        }
    }

    /// The keys a process owns, one for each entry.
    ///
    /// The Elixir name is `keys`.
    pub fn keys_of(&self, owner: impl Into<Pid>) -> Vec<Arc<K>> {
        let entries = self.inner.owners.of(owner.into());
        entries.into_iter().map(|entry| entry.key.clone()).collect()
    }

    /// How many entries there are.
    pub fn count(&self) -> usize {
        self.inner.table.len()
    }

    /// How many processes it knows as owners. 0 when all are dead: for tests
    /// that look for what was left behind.
    pub fn owners(&self) -> usize {
        self.inner.owners.len()
    }

    /// Hears of what is registered and let go from now on.
    pub fn listen(&self) -> Listener<K, V> {
        self.inner.events.listen()
    }

    /// Waits until somebody owns the key, and tells who.
    ///
    /// # Cancel safety
    ///
    /// It can be dropped at any time.
    pub async fn wait_for<Q>(&self, key: &Q) -> Pid
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.wait_for_holder(key).await.pid()
    }

    pub(super) async fn wait_for_holder<Q>(&self, key: &Q) -> Arc<Holder>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        loop {
            let mut arrival = std::pin::pin!(self.inner.arrivals.notified());
            arrival.as_mut().enable();
            if let Some(holder) = self.holder(key) {
                return holder;
            }
            arrival.await;
        }
    }
}

/// The server behind a holder, if it is of the right type.
pub(super) fn server_of<S: GenServer>(
    holder: Option<Arc<Holder>>,
    name: impl Fn() -> Arc<str>,
) -> Result<ServerRef<S>, LookupError> {
    let Some(holder) = holder else {
        return Err(LookupError::NotFound { name: name() });
    };
    match holder.process.clone().into_any().downcast() {
        Ok(cell) => Ok(ServerRef::from_cell(cell)),
        Err(_) => Err(LookupError::WrongType {
            name: name(),
            expected: std::any::type_name::<S>(),
            found: holder.process.core().type_name(),
            pid: holder.pid(),
        }),
    }
}

impl<K, V> Inner<K, V>
where
    K: Eq + Hash + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    fn let_go(&self, entry: &Arc<Entry<K, V>>) {
        entry.holder.end();
        self.table.remove(entry);
        entry.tell_unregistered(|| {
            self.events.tell(|| RegistryEvent::Unregistered {
                key: entry.key.clone(),
                pid: entry.holder.pid(),
            });
        });
    }
}

impl<K, V> Release for Inner<K, V>
where
    K: Eq + Hash + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    fn release(&self, pid: Pid) {
        for entry in self.owners.remove(pid) {
            // Each by itself: the Drop of one value may panic.
            let _ = unwind::catch(|| {
                self.let_go(&entry);
                drop(entry);
            });
        }
    }
}

impl<K, V> Clone for Registry<K, V> {
    fn clone(&self) -> Self {
        Registry {
            inner: self.inner.clone(),
        }
    }
}

impl<K, V> fmt::Debug for Registry<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("keys", &self.inner.keys)
            .finish_non_exhaustive()
    }
}
