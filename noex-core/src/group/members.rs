//! Who is in which group how often. Plain data: the lock is the scope's.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::process::Pid;

type Joins = HashMap<Arc<str>, usize>;

/// Each fact is kept twice, by group and by process; a group with no member has no entry. A
/// process stays known when it has left: it tells of its death, once.
#[derive(Debug, Default)]
pub(super) struct Members {
    by_group: HashMap<Arc<str>, BTreeMap<Pid, usize>>,
    by_pid: HashMap<Pid, Joins>,
}

impl Members {
    pub(super) fn knows(&self, pid: Pid) -> bool {
        self.by_pid.contains_key(&pid)
    }

    pub(super) fn join(&mut self, group: &Arc<str>, pid: Pid) {
        let members = self.by_group.entry(group.clone()).or_default();
        *members.entry(pid).or_default() += 1;
        let joins = self.by_pid.entry(pid).or_default();
        *joins.entry(group.clone()).or_default() += 1;
    }

    /// `false`: it is no member.
    pub(super) fn leave(&mut self, group: &str, pid: Pid) -> bool {
        let Some(joins) = self.by_pid.get_mut(&pid) else {
            return false;
        };
        let Some(count) = joins.get_mut(group) else {
            return false;
        };
        *count -= 1;
        if *count == 0 {
            joins.remove(group);
        }
        self.take(group, pid, 1);
        true
    }

    /// It is dead. Tells from which groups it is gone, and how often it had joined each.
    pub(super) fn remove(&mut self, pid: Pid) -> Joins {
        let joins = self.by_pid.remove(&pid).unwrap_or_default();
        for (group, count) in &joins {
            self.take(group, pid, *count);
        }
        joins
    }

    fn take(&mut self, group: &str, pid: Pid, joins: usize) {
        let Some(members) = self.by_group.get_mut(group) else {
            return;
        };
        if let Some(count) = members.get_mut(&pid) {
            *count -= joins;
            if *count == 0 {
                members.remove(&pid);
            }
        }
        if members.is_empty() {
            self.by_group.remove(group);
        }
    }

    /// In the order of their starts, each as often as it has joined.
    pub(super) fn of(&self, group: &str) -> Vec<Pid> {
        let members = self.by_group.get(group).into_iter().flatten();
        members
            .flat_map(|(pid, count)| std::iter::repeat_n(*pid, *count))
            .collect()
    }

    pub(super) fn groups(&self) -> Vec<Arc<str>> {
        let mut groups: Vec<_> = self.by_group.keys().cloned().collect();
        groups.sort_unstable();
        groups
    }

    pub(super) fn processes(&self) -> usize {
        self.by_pid.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop, prop_assert_eq, proptest};

    use super::*;

    proptest! {
        /// The model is a list of joins.
        #[test]
        fn joins_are_counted(ops in prop::collection::vec((0u8..3, 0usize..3, 0usize..4), 0..80)) {
            let groups: [Arc<str>; 3] = ["a".into(), "b".into(), "c".into()];
            let pids: [Pid; 4] = std::array::from_fn(|_| Pid::next());
            let mut members = Members::default();
            let mut model: Vec<(usize, usize)> = Vec::new();
            for (op, group, pid) in ops {
                match op {
                    0 => {
                        members.join(&groups[group], pids[pid]);
                        model.push((group, pid));
                    }
                    1 => {
                        let at = model.iter().position(|join| *join == (group, pid));
                        prop_assert_eq!(members.leave(&groups[group], pids[pid]), at.is_some());
                        at.map(|at| model.remove(at));
                    }
                    _ => {
                        let gone: usize = members.remove(pids[pid]).values().sum();
                        let before = model.len();
                        model.retain(|join| join.1 != pid);
                        prop_assert_eq!(gone, before - model.len());
                    }
                }
                model.sort_unstable();
                for (at, group) in groups.iter().enumerate() {
                    let expected: Vec<Pid> =
                        model.iter().filter(|join| join.0 == at).map(|join| pids[join.1]).collect();
                    prop_assert_eq!(members.groups().contains(group), !expected.is_empty());
                    prop_assert_eq!(members.of(group), expected);
                }
            }
        }
    }
}
