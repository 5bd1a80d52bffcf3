use std::collections::HashSet;
use std::time::Duration;

use super::error::SpecError;
use super::runtime::Supervisor;
use super::strategy::{AutoShutdown, Strategy};
use crate::server::{Child, ChildSpec, GenServer, Restart, Start};

/// Describes a supervisor: its strategy, how many restarts it bears, its children in the order
/// in which they are to start.
///
/// | option | default |
/// | --- | --- |
/// | [`intensity`](SupervisorBuilder::intensity) | 3 restarts in 5 s |
/// | [`auto_shutdown`](SupervisorBuilder::auto_shutdown) | `Never` |
#[derive(Clone, Debug)]
#[must_use = "a supervisor is started with start(), or made a child with as_child()"]
pub struct SupervisorBuilder {
    pub(super) strategy: Strategy,
    /// `None` bears any number.
    pub(super) restarts: Option<usize>,
    pub(super) period: Duration,
    pub(super) auto_shutdown: AutoShutdown,
    pub(super) children: Vec<ChildSpec>,
}

impl SupervisorBuilder {
    pub(super) fn new(strategy: Strategy) -> Self {
        SupervisorBuilder {
            strategy,
            restarts: Some(3),
            period: Duration::from_secs(5),
            auto_shutdown: AutoShutdown::default(),
            children: Vec::new(),
        }
    }

    /// How many restarts it bears within `period`, which slides. One more, and it
    /// ends with `Shutdown` and its children with it: a matter for the supervisor above.
    pub fn intensity(mut self, restarts: usize, period: Duration) -> Self {
        self.restarts = Some(restarts);
        self.period = period;
        self
    }

    /// Lets it restart its children for ever. For children whose crashes are part of
    /// the plan; give them a [backoff](crate::Child::backoff) if they are not.
    pub fn unlimited_restarts(mut self) -> Self {
        self.restarts = None;
        self
    }

    /// Whether it ends by itself when [significant](crate::Child::significant) children have.
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.auto_shutdown = auto_shutdown;
        self
    }

    /// Adds a child, to be started after those before it.
    pub fn child(mut self, child: impl Into<ChildSpec>) -> Self {
        self.children.push(child.into());
        self
    }

    /// Adds children, in order.
    pub fn children<C: Into<ChildSpec>>(mut self, children: impl IntoIterator<Item = C>) -> Self {
        self.children.extend(children.into_iter().map(Into::into));
        self
    }

    /// Starts it with its children. Await it, or set options such as a name first.
    ///
    /// It takes as long as its children take. If one does not start, those before it are stopped again in reverse, and
    /// the start fails with [`ChildFailed`](super::ChildFailed) inside a [`StartError::Error`](crate::StartError::Error);
    /// a wrong description fails with [`SpecError`] there, before anything is started.
    pub fn start(self) -> Start<Supervisor> {
        Supervisor::start(self).no_timeout()
    }

    /// This supervisor as a child of another. When it is restarted it has the children described
    /// here, and none that were added later.
    pub fn as_child(self, id: impl Into<String>) -> Child<Supervisor> {
        Supervisor::child(self).id(id).supervisor()
    }

    pub(super) fn check(&self) -> Result<(), SpecError> {
        if self.restarts.is_some() && self.period.is_zero() {
            return Err(SpecError::ZeroPeriod);
        }
        let mut ids = HashSet::new();
        for child in &self.children {
            if !ids.insert(child.id()) {
                return Err(SpecError::DuplicateId {
                    id: child.id().to_owned(),
                });
            }
            check_child(child, self.auto_shutdown)?;
        }
        Ok(())
    }
}

pub(crate) fn check_child(child: &ChildSpec, auto: AutoShutdown) -> Result<(), SpecError> {
    let (policy, id) = (child.policy(), child.id().to_owned());
    match policy.significant {
        true if policy.restart == Restart::Permanent => Err(SpecError::SignificantPermanent { id }),
        true if auto == AutoShutdown::Never => {
            Err(SpecError::SignificantWithoutAutoShutdown { id })
        }
        _ => Ok(()),
    }
}
