use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::invocation::Invocation;
use crate::gateway::error::{ErrorCode, MethodError};

/// Runs a method: from parameters to a result, both as JSON.
pub(super) type Handler =
    Arc<dyn Fn(&str, Invocation) -> BoxFuture<'static, Result<String, MethodError>> + Send + Sync>;

#[derive(Default)]
pub(super) struct Methods(BTreeMap<String, Handler>);

impl Methods {
    pub(super) fn insert<P, R, F, Fut>(&mut self, name: String, handler: F)
    where
        P: DeserializeOwned + Send + 'static,
        R: Serialize,
        F: Fn(P, Invocation) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, MethodError>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |params, invocation| {
            let params: P = match serde_json::from_str(params) {
                Ok(params) => params,
                Err(error) => {
                    let words = format!("the parameters are not what the method takes: {error}");
                    let error = MethodError::coded(&ErrorCode::InvalidParams, words);
                    return std::future::ready(Err(error)).boxed();
                }
            };
            let running = handler(params, invocation);
            async move { Ok(serde_json::to_string(&running.await?)?) }.boxed()
        });
        self.0.insert(name, handler);
    }

    pub(super) fn remove(&mut self, name: &str) -> bool {
        self.0.remove(name).is_some()
    }

    pub(super) fn get(&self, name: &str) -> Option<Handler> {
        self.0.get(name).cloned()
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
}
