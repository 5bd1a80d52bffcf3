use std::convert::Infallible;
use std::fmt;

use super::message::{AgentArgs, AgentJob};
use crate::server::{Child, Context, Exit, GenServer, Start};

/// A server whose whole behaviour is to keep a value, which others look at and change with
/// closures.
///
/// # Examples
///
/// ```
/// use std::collections::HashMap;
/// use noex::{Agent, AgentClient};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let prices = Agent::start(HashMap::<&str, u64>::new).await?;
/// prices.update(|prices| { prices.insert("lamp", 4999); }).await?;
/// assert_eq!(prices.get(|prices| prices.get("lamp").copied()).await?, Some(4999));
///
/// let before = prices.get_and_update(|prices| prices.insert("lamp", 3999)).await?;
/// assert_eq!(before, Some(4999));
/// prices.stop().await?;
/// # Ok(())
/// # }
/// ```
///
/// # Supervising and naming
///
/// An agent is a [`GenServer`]: [`Agent::child`] is its child specification, and a
/// [`Name`](crate::Name) reaches it. A restarted agent begins with the value that its
/// closure makes anew.
///
/// ```
/// use noex::{Agent, AgentClient, Name, Supervisor};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tree = Supervisor::one_for_one()
///     .child(Agent::child(|| 0_u64).name("agent-doc-visitors"))
///     .start()
///     .await?;
/// let visitors = Name::<Agent<u64>>::new("agent-doc-visitors");
/// visitors.cast_update(|n| *n += 1)?;
/// assert_eq!(visitors.get(|n| *n).await?, 1);
/// tree.stop().await?;
/// # Ok(())
/// # }
/// ```
///
/// # When (not) to use
///
/// For a value that several tasks share and that is to be supervised, named, or watched. Where
/// none of that matters a mutex does. As soon as the value has a behaviour of its own (timers,
/// messages, what happens when somebody dies) a [`GenServer`] says it better: with an agent,
/// what may happen to the state is spread over its clients.
///
/// The OTP (Elixir) name is `Agent`.
pub struct Agent<T> {
    state: T,
}

impl<T: Send + 'static> Agent<T> {
    /// Starts an agent with the value that `make` makes, in the agent's process.
    ///
    /// # Errors
    ///
    /// A panic in `make` is [`StartError::Panic`](crate::StartError::Panic).
    pub fn start(make: impl FnOnce() -> T + Send + 'static) -> Start<Self> {
        <Self as GenServer>::start(AgentArgs::new(make))
    }

    /// How a supervisor starts an agent; `make` makes the value for each start.
    pub fn child(make: impl Fn() -> T + Clone + Send + Sync + 'static) -> Child<Self> {
        Self::child_with(move || AgentArgs::new(make.clone()))
    }
}

impl<T: Send + 'static> GenServer for Agent<T> {
    type Args = AgentArgs<T>;
    type Call = AgentJob<T>;
    type Cast = AgentJob<T>;
    type Info = Infallible;

    async fn init(args: AgentArgs<T>, _cx: &mut Context<Self>) -> Result<Self, Exit> {
        Ok(Agent { state: args.make() })
    }

    async fn handle_call(&mut self, job: AgentJob<T>, _cx: &mut Context<Self>) -> Result<(), Exit> {
        job.run(&mut self.state);
        Ok(())
    }

    async fn handle_cast(&mut self, job: AgentJob<T>, _cx: &mut Context<Self>) -> Result<(), Exit> {
        job.run(&mut self.state);
        Ok(())
    }
}

impl<T: fmt::Debug> fmt::Debug for Agent<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent").field("state", &self.state).finish()
    }
}
