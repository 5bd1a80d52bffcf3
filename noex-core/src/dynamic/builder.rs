use std::fmt;
use std::time::Duration;

use super::runtime::DynamicSupervisor;
use crate::server::{Child, GenServer, Start};
use crate::supervisor::SpecError;

/// Describes a dynamic supervisor.
///
/// | option | default |
/// | --- | --- |
/// | [`max_children`](DynamicSupervisorBuilder::max_children) | any number |
/// | [`intensity`](DynamicSupervisorBuilder::intensity) | 3 restarts in 5 s |
/// | [`extra_arguments`](DynamicSupervisorBuilder::extra_arguments) | `()` |
#[derive(Clone)]
#[must_use = "a supervisor is started with start(), or made a child with as_child()"]
pub struct DynamicSupervisorBuilder<E = ()> {
    pub(super) max_children: Option<usize>,
    /// `None` bears any number.
    pub(super) restarts: Option<usize>,
    pub(super) period: Duration,
    pub(super) extra: E,
}

impl DynamicSupervisorBuilder {
    pub(super) fn new() -> Self {
        DynamicSupervisorBuilder {
            max_children: None,
            restarts: Some(3),
            period: Duration::from_secs(5),
            extra: (),
        }
    }
}

impl<E> DynamicSupervisorBuilder<E>
where
    E: Clone + Send + Sync + 'static,
{
    /// How many children there may be, those that are being restarted included.
    pub fn max_children(mut self, max: usize) -> Self {
        self.max_children = Some(max);
        self
    }

    /// How many restarts it bears within `period`, which slides. One more, and it
    /// ends with `Shutdown` and its children with it.
    pub fn intensity(mut self, restarts: usize, period: Duration) -> Self {
        self.restarts = Some(restarts);
        self.period = period;
        self
    }

    /// Lets it restart its children for ever.
    pub fn unlimited_restarts(mut self) -> Self {
        self.restarts = None;
        self
    }

    /// What every child is made from besides its own arguments: kept by the supervisor, and lent to
    /// [`start_child_with`](crate::ServerRef::start_child_with).
    ///
    /// The Elixir name is `extra_arguments`.
    pub fn extra_arguments<F>(self, extra: F) -> DynamicSupervisorBuilder<F> {
        DynamicSupervisorBuilder {
            max_children: self.max_children,
            restarts: self.restarts,
            period: self.period,
            extra,
        }
    }

    /// Starts it. Await it, or set options such as a name first.
    ///
    /// It fails with [`SpecError::ZeroPeriod`] inside a [`StartError::Error`](crate::StartError::Error) if
    /// the intensity's period is zero.
    pub fn start(self) -> Start<DynamicSupervisor<E>> {
        DynamicSupervisor::start(self)
    }

    /// This supervisor as a child of another. When it is restarted it has no children.
    pub fn as_child(self, id: impl Into<String>) -> Child<DynamicSupervisor<E>> {
        DynamicSupervisor::child(self).id(id).supervisor()
    }

    pub(super) fn check(&self) -> Result<(), SpecError> {
        match self.restarts {
            Some(_) if self.period.is_zero() => Err(SpecError::ZeroPeriod),
            _ => Ok(()),
        }
    }
}

impl<E> fmt::Debug for DynamicSupervisorBuilder<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicSupervisorBuilder")
            .field("max_children", &self.max_children)
            .field("restarts", &self.restarts)
            .field("period", &self.period)
            .finish_non_exhaustive()
    }
}
