//! Which worker gets a call, as functions of what is known of them.

/// How a pool picks the worker for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Route {
    /// One after the other. The default.
    #[default]
    RoundRobin,
    /// The one with the fewest messages in its mailbox, one that is being handled included, in turns where several have as few.
    ShortestMailbox,
}

/// Picks one of the workers, of which `load` tells what waits for each, and `None` of one that does not run.
/// `turn` counts the picks.
pub(super) fn pick(
    route: Route,
    turn: usize,
    workers: usize,
    load: impl Fn(usize) -> Option<usize>,
) -> usize {
    let first = turn % workers;
    let mut in_turn = (0..workers).map(|step| (first + step) % workers);
    let picked = match route {
        Route::RoundRobin => in_turn.find(|worker| load(*worker).is_some()),
        Route::ShortestMailbox => in_turn
            .filter_map(|worker| Some((worker, load(worker)?)))
            .min_by_key(|(_, load)| *load)
            .map(|(worker, _)| worker),
    };
    // If none runs, the one whose turn it is says so.
    picked.unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_robin_passes_over_those_that_do_not_run() {
        let loads = [Some(9), None, Some(0)];
        let picks = [0, 1, 2, 3].map(|turn| pick(Route::RoundRobin, turn, 3, |n| loads[n]));
        assert_eq!(picks, [0, 2, 2, 0]);
        assert_eq!(pick(Route::RoundRobin, 4, 3, |_| None), 1);
    }

    #[test]
    fn the_shortest_mailbox_is_picked_and_equals_take_turns() {
        let loads = [Some(1), Some(0), None, Some(0)];
        let picks = [0, 1, 2, 3].map(|turn| pick(Route::ShortestMailbox, turn, 4, |n| loads[n]));
        assert_eq!(picks, [1, 1, 3, 3]);
    }
}
