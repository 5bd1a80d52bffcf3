use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::error::SubscribeError;
use super::event::Published;
use super::runtime::EventBus;
use super::subscription::Subscription;

/// A topic whose events carry a `T`.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use noex::{EventBus, Topic};
///
/// let bus = EventBus::new();
/// let prices = Topic::<u64>::new("prices.changed");
/// let seen = prices.subscribe(&bus, |price: &u64| println!("{price} cents"))?;
/// assert_eq!(prices.publish(&bus, 250).reached, 1);
/// # seen.unsubscribe();
/// # Ok(())
/// # }
/// ```
pub struct Topic<T> {
    name: Arc<str>,
    of: PhantomData<fn() -> T>,
}

impl<T: Send + Sync + 'static> Topic<T> {
    /// The topic with this name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Topic {
            name: name.into(),
            of: PhantomData,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Publishes an event. See [`EventBus::publish`].
    pub fn publish(&self, bus: &EventBus, payload: T) -> Published {
        bus.publish(self.name.clone(), payload)
    }

    /// Runs a closure for each event that carries a `T`. See [`EventBus::subscribe`].
    ///
    /// # Errors
    ///
    /// As [`EventBus::subscribe`].
    pub fn subscribe(
        &self,
        bus: &EventBus,
        mut handler: impl FnMut(&T) + Send + 'static,
    ) -> Result<Subscription, SubscribeError> {
        bus.subscribe(&self.name, move |event| {
            if let Some(payload) = event.get() {
                handler(payload);
            }
        })
    }
}

impl<T> Clone for Topic<T> {
    fn clone(&self) -> Self {
        Topic {
            name: self.name.clone(),
            of: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Topic<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Topic").field(&self.name).finish()
    }
}
