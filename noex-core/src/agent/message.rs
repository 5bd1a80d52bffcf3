use std::fmt;

/// What an [`Agent`](crate::Agent) starts with: how its state is made.
pub struct AgentArgs<T> {
    make: Box<dyn FnOnce() -> T + Send>,
}

impl<T> AgentArgs<T> {
    pub(super) fn new(make: impl FnOnce() -> T + Send + 'static) -> Self {
        AgentArgs {
            make: Box::new(make),
        }
    }

    pub(super) fn make(self) -> T {
        (self.make)()
    }
}

impl<T> fmt::Debug for AgentArgs<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentArgs").finish_non_exhaustive()
    }
}

/// Something that an [`Agent`](crate::Agent) does with its state.
pub struct AgentJob<T> {
    run: Box<dyn FnOnce(&mut T) + Send>,
}

impl<T> AgentJob<T> {
    /// A job to [`cast`](crate::ServerRef::cast).
    pub fn new(run: impl FnOnce(&mut T) + Send + 'static) -> Self {
        AgentJob { run: Box::new(run) }
    }

    pub(super) fn run(self, state: &mut T) {
        (self.run)(state);
    }
}

impl<T> fmt::Debug for AgentJob<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentJob").finish_non_exhaustive()
    }
}
