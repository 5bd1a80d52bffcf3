use std::sync::Arc;

use crate::process::cell::Process;
use crate::server::{Context, GenServer, ServerRef};

/// A process that can own what it registers: the one a handler runs in (its
/// [`Context`]), or one reached by a [`ServerRef`].
///
/// Only noex implements it.
#[expect(private_bounds, reason = "sealed")]
pub trait Owner: AsProcess {}

pub(crate) trait AsProcess {
    fn as_process(&self) -> Arc<dyn Process>;
}

impl<S: GenServer> AsProcess for Context<S> {
    fn as_process(&self) -> Arc<dyn Process> {
        self.myself().cell().clone()
    }
}

impl<S: GenServer> AsProcess for ServerRef<S> {
    fn as_process(&self) -> Arc<dyn Process> {
        self.cell().clone()
    }
}

impl<S: GenServer> Owner for Context<S> {}
impl<S: GenServer> Owner for ServerRef<S> {}
