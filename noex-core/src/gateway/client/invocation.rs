use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::link::Link;
use crate::gateway::clock;
use crate::gateway::context::CallContext;
use crate::gateway::message::{Field, append};

/// The call that a method's handler runs for.
#[derive(Clone)]
pub struct Invocation {
    pub(super) context: CallContext,
    pub(super) id: Box<str>,
    pub(super) method: Box<str>,
    pub(super) link: Arc<Link>,
    pub(super) wants_progress: bool,
}

impl Invocation {
    /// Where the call comes from, and how long its answer is waited for.
    pub fn context(&self) -> &CallContext {
        &self.context
    }

    /// The id that the call has on this connection.
    pub fn request_id(&self) -> &str {
        &self.id
    }

    /// The method called.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Tells the caller something before the result, if it [asked](super::GatewayCall::on_progress)
    /// to be told. What it cannot be told, because too much is queued, is left out.
    ///
    /// # Errors
    ///
    /// `data` cannot be written as JSON.
    pub fn progress(&self, data: &(impl Serialize + ?Sized)) -> Result<(), serde_json::Error> {
        if !self.wants_progress {
            return Ok(());
        }
        let data = serde_json::to_string(data)?;
        let _ = self.link.outbox.push(|out| {
            append(
                out,
                &[
                    ("type", Field::Text("PROGRESS")),
                    ("id", Field::Text(&self.id)),
                    ("timestamp", Field::Number(clock::now_ms())),
                    ("data", Field::Raw(&data)),
                ],
            );
        });
        Ok(())
    }
}

impl fmt::Debug for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invocation")
            .field("id", &self.id)
            .field("method", &self.method)
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}
