//! A process and all that were started under it, for when the tree does not end by itself.

use std::collections::HashSet;
use std::sync::Arc;

use crate::process::cell::Process;
use crate::process::{Pid, table};
use crate::server::Shutdown;
use crate::supervisor::stopping;

/// Those that live of the family, which grows by whoever was started meanwhile. The dead stay in it, so that
/// their children are found.
fn living(family: &mut HashSet<Pid>) -> Vec<Arc<dyn Process>> {
    let all = table::collect(|process| process.core().is_alive());
    loop {
        let before = family.len();
        family.extend(
            all.iter()
                .filter_map(|process| {
                    let parent = process.core().parent()?;
                    family.contains(&parent).then(|| process.core().pid())
                })
                .collect::<Vec<_>>(),
        );
        if family.len() == before {
            break;
        }
    }
    let mut all = all;
    all.retain(|process| family.contains(&process.core().pid()));
    all
}

/// Remembers a family while it lives: who has lost its parent cannot be found any more.
#[derive(Debug)]
pub(super) struct Family {
    pids: HashSet<Pid>,
}

impl Family {
    pub(super) fn of(root: Pid) -> Self {
        let mut pids = HashSet::from([root]);
        living(&mut pids);
        Family { pids }
    }

    /// Kills all of them, and returns when they are dead, or are given up a second after the kill.
    pub(super) async fn kill(mut self) {
        let mut killed = HashSet::new();
        loop {
            let mut rest = living(&mut self.pids);
            rest.retain(|process| killed.insert(process.core().pid()));
            if rest.is_empty() {
                return;
            }
            let each = rest
                .into_iter()
                .map(|process| (process, Shutdown::BrutalKill));
            stopping::side_by_side(each).await;
        }
    }
}
