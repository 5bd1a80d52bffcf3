//! Events: one publisher, any number of subscribers that it does not know.

mod ack;
mod builder;
mod error;
mod event;
mod pattern;
mod queue;
mod runtime;
mod server;
mod stream;
mod subscription;
mod topic;
mod trie;

pub use builder::EventBusBuilder;
pub use error::{FailureCause, HandlerFailure, PatternError, PublishError, SubscribeError};
pub use event::{Delivery, Event, Published};
pub use queue::QueuePolicy;
pub use runtime::EventBus;
pub use stream::EventStream;
pub use subscription::{Subscription, SubscriptionGuard};
pub use topic::Topic;
