//! Who waits for whom, so that a circle of calls fails instead of hanging.
//!
//! Only a wait that could not be answered at once comes here, and only when a
//! process's handler is the one that waits: calls made by tasks are nobody's
//! handler standing still. One lock holds the whole graph, which is what makes
//! exactly one fail of two that race to close a circle.
//!
//! An edge counts only while its answer is owed: a reply that was sent but not
//! yet received holds nobody up. The waits on a thread's stack (servers that
//! are being run by their callers) are published when the first wait above
//! them is.
//!
//! Lock order: the graph, then a slot or the thread's own stack.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::current;
use super::pid::Pid;
use super::slot::Waiter;

struct Graph {
    edges: Option<HashMap<Pid, Vec<Edge>>>,
    last_id: u64,
}

struct Edge {
    id: u64,
    to: Pid,
    /// `None` for a wait on a thread's stack: it stands as long as it is here.
    waiter: Option<Arc<dyn Waiter>>,
}

impl Edge {
    fn stands(&self) -> bool {
        self.waiter.as_ref().is_none_or(|waiter| waiter.is_owed())
    }
}

static GRAPH: Mutex<Graph> = Mutex::new(Graph {
    edges: None,
    last_id: 0,
});

/// The wait would close a circle: the process asked comes first, the asking one last.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Circle(pub(crate) Vec<Pid>);

/// Takes its edge out when the wait is over.
#[derive(Debug)]
pub(crate) struct Wait {
    from: Pid,
    id: u64,
}

/// The process `from`, whose handler runs on this thread, is about to wait for `to`.
pub(crate) fn begin(from: Pid, to: Pid, waiter: Arc<dyn Waiter>) -> Result<Wait, Circle> {
    let mut graph = GRAPH.lock();
    current::publish(|below, above| graph.add(below, above, None));
    if let Some(path) = graph.path(to, from) {
        return Err(Circle(path));
    }
    let id = graph.add(from, to, Some(waiter));
    Ok(Wait { from, id })
}

/// As [`begin`], for one that cannot give way: of a circle, the wait that leads back to
/// `from` fails instead.
pub(crate) fn begin_forced(from: Pid, to: Pid, waiter: Arc<dyn Waiter>) -> Wait {
    let mut graph = GRAPH.lock();
    current::publish(|below, above| graph.add(below, above, None));
    let mut losers = Vec::new();
    while let Some(path) = graph.path(to, from) {
        let Some(edge) = graph.take_last(&path) else {
            break;
        };
        // A wait on a stack finds the circle by itself when it is recorded as a wait.
        losers.extend(edge.waiter.map(|loser| (loser, path)));
    }
    let id = graph.add(from, to, Some(waiter));
    drop(graph);
    for (loser, path) in losers {
        loser.deadlock(&path);
    }
    Wait { from, id }
}

/// Takes out a wait on a stack that is over.
#[cold]
pub(crate) fn retract(from: Pid, id: u64) {
    GRAPH.lock().remove(from, id);
}

impl Drop for Wait {
    fn drop(&mut self) {
        retract(self.from, self.id);
    }
}

impl Graph {
    fn add(&mut self, from: Pid, to: Pid, waiter: Option<Arc<dyn Waiter>>) -> u64 {
        self.last_id += 1;
        let id = self.last_id;
        let edges = self.edges.get_or_insert_default();
        edges.entry(from).or_default().push(Edge { id, to, waiter });
        id
    }

    fn remove(&mut self, from: Pid, id: u64) {
        if let Some(edges) = &mut self.edges
            && let Some(out) = edges.get_mut(&from)
        {
            // From the back: one that waits for very many lets go of them the last first.
            if let Some(at) = out.iter().rposition(|edge| edge.id == id) {
                out.remove(at);
            }
            if out.is_empty() {
                edges.remove(&from);
            }
        }
    }

    /// Takes out the last edge of a path.
    fn take_last(&mut self, path: &[Pid]) -> Option<Edge> {
        let [.., from, to] = path else {
            return None;
        };
        let out = self.edges.as_mut()?.get_mut(from)?;
        let at = out
            .iter()
            .position(|edge| edge.to == *to && edge.stands())?;
        Some(out.swap_remove(at))
    }

    /// The way from `start` to `end` along waits that still stand.
    fn path(&self, start: Pid, end: Pid) -> Option<Vec<Pid>> {
        let edges = self.edges.as_ref()?;
        let mut came_from: HashMap<Pid, Pid> = HashMap::new();
        let mut open = vec![start];
        while let Some(at) = open.pop() {
            if at == end {
                let mut path = vec![end];
                let mut at = end;
                while at != start {
                    at = *came_from.get(&at)?;
                    path.push(at);
                }
                path.reverse();
                return Some(path);
            }
            for edge in edges.get(&at).into_iter().flatten() {
                if edge.stands() && edge.to != start && !came_from.contains_key(&edge.to) {
                    came_from.insert(edge.to, at);
                    open.push(edge.to);
                }
            }
        }
        None
    }
}

/// How many waits are recorded.
pub(crate) fn len() -> usize {
    let graph = GRAPH.lock();
    let edges = graph.edges.iter().flat_map(HashMap::values);
    edges.map(Vec::len).sum()
}

#[cfg(test)]
mod tests {
    use super::super::slot::Slot;
    use super::*;

    fn owed() -> Arc<Slot<()>> {
        Arc::new(Slot::new())
    }

    #[test]
    fn the_wait_that_closes_a_ring_fails_and_names_it() {
        let [a, b, c] = [Pid::next(), Pid::next(), Pid::next()];
        let ab = begin(a, b, owed());
        let bc = begin(b, c, owed());
        assert!(ab.is_ok() && bc.is_ok());
        assert_eq!(begin(c, a, owed()).err(), Some(Circle(vec![a, b, c])));
        drop(ab);
        assert!(begin(c, a, owed()).is_ok());
    }

    #[test]
    fn an_answer_that_was_sent_or_handed_on_holds_nobody_up() {
        let [a, b] = [Pid::next(), Pid::next()];
        let (sent, handed_on) = (owed(), owed());
        let _one = begin(a, b, sent.clone());
        let _two = begin(a, b, handed_on.clone());
        assert!(begin(b, a, owed()).is_err());
        assert_eq!(sent.complete(()), Ok(()));
        assert!(begin(b, a, owed()).is_err());
        handed_on.detach();
        assert!(begin(b, a, owed()).is_ok());
    }
}
