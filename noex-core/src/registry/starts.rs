//! Starts under a key that are under way, so that all who ask for it wait for the same one.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use parking_lot::Mutex;

use super::error::LookupError;
use super::keyed::Registry;
use crate::server::start::await_start;
use crate::server::{GenServer, ServerRef, StartError};

/// A `WeakShared<Starting<S>>` of some `S`.
type AnyStart = Arc<dyn Any + Send + Sync>;
type Token = Arc<()>;

pub(super) struct Starts<K> {
    /// Each with a token, which tells it from a later one under the same key.
    under_way: Mutex<HashMap<K, (AnyStart, Token)>>,
}

type Started<S> = Result<ServerRef<S>, StartError>;
type Starting<S> = BoxFuture<'static, Started<S>>;

impl<K: Eq + Hash + Clone> Starts<K> {
    /// The start of `key` that is under way, or `new`. `None`: one of another type is.
    fn join<S: GenServer>(
        self: &Arc<Self>,
        key: &K,
        new: impl Future<Output = Started<S>> + Send + 'static,
    ) -> Option<Shared<Starting<S>>>
    where
        K: Send + Sync + 'static,
    {
        let token = Arc::new(());
        let entry = Entry {
            starts: self.clone(),
            token: token.clone(),
        };
        let new: Starting<S> = Box::pin(async move {
            // Goes when the start is done, or nobody waits for it any more.
            let _entry = entry;
            new.await
        });
        let new = new.shared();
        let mut under_way = self.under_way.lock();
        if let Some((known, _)) = under_way.get(key) {
            // Weak, so that a start that nobody waits for any more is taken back.
            let known = known.downcast_ref::<WeakShared<Starting<S>>>()?;
            if let Some(known) = known.upgrade() {
                drop(under_way);
                return Some(known); // and `new` is dropped, which is another token
            }
        }
        let weak: AnyStart = Arc::new(new.downgrade()?);
        let before = under_way.insert(key.clone(), (weak, token));
        drop(under_way);
        drop(before);
        Some(new)
    }
}

/// Takes a start out of those under way when it is dropped.
struct Entry<K> {
    starts: Arc<Starts<K>>,
    token: Token,
}

impl<K> Drop for Entry<K> {
    fn drop(&mut self) {
        // By token: the user's `Eq` is not asked again, which may be what has panicked.
        let removed: Vec<_> = {
            let mut under_way = self.starts.under_way.lock();
            let mine = under_way.extract_if(|_, (_, token)| Arc::ptr_eq(token, &self.token));
            mine.collect()
        };
        drop(removed);
    }
}

impl<K> Starts<K> {
    pub(super) fn new() -> Self {
        Starts {
            under_way: Mutex::new(HashMap::new()),
        }
    }
}

impl<K, V> Registry<K, V>
where
    K: Eq + Hash + Clone + fmt::Debug + Send + Sync + 'static,
    V: Default + Send + Sync + 'static,
{
    /// The server that owns the key, which is started if there is none. `init` runs once; all who ask
    /// meanwhile wait for it, and all hear of it if it fails.
    ///
    /// # Errors
    ///
    /// As a start. `AlreadyStarted` when the key belongs to a server of another type.
    ///
    /// # Cancel safety
    ///
    /// The start goes on as long as somebody waits for it, and is taken back with the last.
    pub async fn lookup_or_start<S: GenServer>(
        &self,
        key: K,
        args: impl FnOnce() -> S::Args + Send + 'static,
    ) -> Result<ServerRef<S>, StartError> {
        let start = {
            let (registry, key) = (self.clone(), key.clone());
            async move {
                match registry.server::<S>(&key) {
                    // Somebody started it in another way, and its `init` may be running.
                    Ok(server) => return await_start(server).await,
                    Err(LookupError::WrongType { pid, .. }) => {
                        return Err(StartError::AlreadyStarted(pid));
                    }
                    Err(LookupError::NotFound { .. }) => {}
                }
                match S::start(args()).via(&registry, key.clone()).await {
                    Err(StartError::AlreadyStarted(pid)) => match ServerRef::from_pid(pid) {
                        Some(server) => await_start(server).await,
                        None => Err(StartError::AlreadyStarted(pid)),
                    },
                    started => started,
                }
            }
        };
        let Some(start) = self.starts().join::<S>(&key, start) else {
            // Under way for another type: that has the key, or soon will.
            return match self.whereis(&key) {
                Some(pid) => Err(StartError::AlreadyStarted(pid)),
                None => Err(StartError::Exited(crate::process::ExitReason::NoProc)),
            };
        };
        start.await
    }
}
