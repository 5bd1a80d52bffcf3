//! The queue in front of a pool: so many calls are with the workers, so many wait, and what comes beyond is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

#[derive(Debug)]
pub(super) struct Queue {
    /// One permit for each call that may be with the workers. First come, first served.
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    bound: usize,
    /// Places that are to go as soon as they are given back: the pool has shrunk meanwhile.
    debt: Mutex<usize>,
}

/// Why a call did not get to a worker.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Full,
    Expired,
}

/// Counts one that waits for as long as it lives.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Queue {
    pub(super) fn new(places: usize, bound: usize) -> Self {
        Queue {
            places: Arc::new(Semaphore::new(places)),
            waiting: AtomicUsize::new(0),
            bound,
            debt: Mutex::new(0),
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    fn line_up(&self) -> Result<Waiting<'_>, Refused> {
        let one_more = |waiting| (waiting < self.bound).then_some(waiting + 1);
        self.waiting
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more)
            .map(|_| Waiting(&self.waiting))
            .map_err(|_| Refused::Full)
    }

    /// Waits for a place, which is given back when it is dropped.
    pub(super) async fn enter(
        self: &Arc<Self>,
        deadline: Option<Instant>,
    ) -> Result<Place, Refused> {
        let permit = Some(self.permit(deadline).await?);
        let queue = self.clone();
        Ok(Place { permit, queue })
    }

    async fn permit(&self, deadline: Option<Instant>) -> Result<OwnedSemaphorePermit, Refused> {
        // Refused while others wait, so nobody is overtaken.
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            return Ok(place);
        }
        let _waiting = self.line_up()?;
        let place = self.places.clone().acquire_owned();
        let place = match deadline {
            Some(deadline) => timeout_at(deadline, place)
                .await
                .map_err(|_| Refused::Expired)?,
            None => place.await,
        };
        // It is never closed.
        place.map_err(|_| Refused::Full)
    }

    /// From now on there are `new` places instead of `old`.
    pub(super) fn change(&self, old: usize, new: usize) {
        let mut debt = self.debt.lock();
        if new >= old {
            let paid = (*debt).min(new - old);
            *debt -= paid;
            self.places.add_permits(new - old - paid);
        } else {
            let fewer = old - new;
            *debt += fewer - self.places.forget_permits(fewer);
        }
    }
}

/// A place with the workers, given back when dropped.
pub(super) struct Place {
    permit: Option<OwnedSemaphorePermit>,
    queue: Arc<Queue>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut debt = self.queue.debt.lock();
        if *debt > 0
            && let Some(permit) = self.permit.take()
        {
            *debt -= 1;
            permit.forget();
        }
    }
}
