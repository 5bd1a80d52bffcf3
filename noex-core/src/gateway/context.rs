use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use super::clock;
use super::error::ErrorCode;
use super::message::WireContext;

tokio::task_local! {
    /// The context of the call that a method handler runs for.
    pub(super) static CURRENT: CallContext;
}

/// Where a call comes from: its root, the services that it went through, and how long its answer
/// is waited for.
///
/// While a method handler runs, its context is the ambient one: calls that the handler's own task
/// makes through a [`GatewayClient`](super::GatewayClient) extend it by themselves. A task that the
/// handler spawns has none; give it the context with
/// [`Invocation::context`](super::Invocation::context).
#[derive(Clone, PartialEq, Eq)]
pub struct CallContext {
    pub(crate) root: Box<str>,
    pub(crate) chain: Vec<Cow<'static, str>>,
    pub(crate) deadline: u64,
}

impl CallContext {
    /// The context of the handler that runs on this task, if one does.
    pub fn current() -> Option<CallContext> {
        CURRENT.try_with(CallContext::clone).ok()
    }

    /// Names the whole chain; the same in every call of it.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The services from the first caller to the one called.
    pub fn chain(&self) -> impl ExactSizeIterator<Item = &str> {
        self.chain.iter().map(Cow::as_ref)
    }

    /// How many services the chain has.
    pub fn depth(&self) -> usize {
        self.chain.len()
    }

    /// The service that made this call.
    pub fn caller(&self) -> Option<&str> {
        self.chain.iter().rev().nth(1).map(Cow::as_ref)
    }

    /// When the answer is not waited for any more, in milliseconds since 1970.
    pub fn deadline(&self) -> u64 {
        self.deadline
    }

    /// The time that is left until the deadline.
    pub fn remaining(&self) -> Duration {
        clock::left(self.deadline)
    }
}

impl fmt::Display for CallContext {
    /// `root-1: order-service → user-service (2)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} ({})",
            self.root,
            self.chain.join(" → "),
            self.depth()
        )
    }
}

impl fmt::Debug for CallContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallContext")
            .field("root", &self.root)
            .field("chain", &self.chain)
            .field("deadline", &self.deadline)
            .finish()
    }
}

/// The chain that a call goes out with: it always ends with the caller and the service called,
/// whatever the caller claims.
///
/// A caller may send the chain as its handler got it (ending with itself), extended already
/// (ending with both), or none.
pub(super) fn chain<'a>(
    claimed: Option<&'a WireContext<'_>>,
    from: &'a str,
    to: &'a str,
    limit: usize,
) -> Result<Vec<Cow<'a, str>>, ErrorCode> {
    let claimed = claimed.map_or(&[][..], |context| &context.chain);
    let mut before = claimed;
    if let [rest @ .., last] = before
        && last == to
        && rest.last().is_some_and(|caller| caller == from)
    {
        before = rest;
    }
    if let [rest @ .., last] = before
        && last == from
    {
        before = rest;
    }
    if before.len() + 2 > limit {
        return Err(ErrorCode::MaxDepthExceeded);
    }
    if from == to || before.iter().any(|service| service == to) {
        return Err(ErrorCode::CircularCall);
    }
    let mut chain = Vec::with_capacity(before.len() + 2);
    chain.extend(before.iter().map(|service| Cow::Borrowed(service.as_ref())));
    chain.push(Cow::Borrowed(from));
    chain.push(Cow::Borrowed(to));
    Ok(chain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extended(claimed: &[&str], from: &str, to: &str) -> Result<String, ErrorCode> {
        let claimed = WireContext {
            root: None,
            chain: claimed.iter().map(|name| Cow::Borrowed(*name)).collect(),
            deadline: None,
        };
        chain(Some(&claimed), from, to, 4).map(|chain| chain.join(" "))
    }

    #[test]
    fn the_end_of_a_chain_is_the_caller_and_the_called_whatever_is_claimed() {
        assert_eq!(extended(&[], "a", "b").as_deref(), Ok("a b"));
        assert_eq!(extended(&["a"], "a", "b").as_deref(), Ok("a b"));
        assert_eq!(extended(&["a", "b"], "a", "b").as_deref(), Ok("a b"));
        assert_eq!(extended(&["x", "a"], "a", "b").as_deref(), Ok("x a b"));
        assert_eq!(
            extended(&["x", "liar"], "a", "b").as_deref(),
            Ok("x liar a b")
        );
    }

    #[test]
    fn circles_and_long_chains_are_refused() {
        assert_eq!(
            extended(&["b", "a"], "a", "b"),
            Err(ErrorCode::CircularCall)
        );
        assert_eq!(extended(&[], "a", "a"), Err(ErrorCode::CircularCall));
        assert_eq!(extended(&["b"], "a", "b"), Err(ErrorCode::CircularCall));
        assert_eq!(extended(&["x", "y"], "a", "b").as_deref(), Ok("x y a b"));
        assert_eq!(
            extended(&["x", "y", "z"], "a", "b"),
            Err(ErrorCode::MaxDepthExceeded)
        );
    }
}
