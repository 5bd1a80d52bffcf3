use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::letter::{Letter, Order};
use super::options::{Mailbox, Overflow};
use crate::process::exit_reason::ExitReason;
use crate::process::slot::Slot;
use crate::process::sync::{AtomicBool, AtomicUsize, Mutex, MutexGuard};

/// `M` is a message of the user lane, `Y` one of the system lane.
pub(crate) struct Queue<M, Y> {
    inner: Mutex<Inner<M, Y>>,
    /// Counting letters that the loop has taken out of its present batch: they
    /// are still in `counted`, and make room all the same.
    taken: AtomicUsize,
    /// The system lane has something.
    urgent: AtomicBool,
    /// There was an order to stop.
    stop_ordered: AtomicBool,
    /// Somebody waits for room.
    wanted: AtomicBool,
    /// `parked` as it can be seen without the lock, by those who would run the process.
    idle: AtomicBool,
}

struct Inner<M, Y> {
    letters: VecDeque<Letter<M>>,
    system: VecDeque<Y>,
    /// Letters that count, here and in the loop's batch, and the room that is promised to tickets.
    counted: usize,
    limit: Mailbox,
    tickets: VecDeque<Arc<Slot<()>>>,
    /// Lost to the overflow policy.
    dropped: u64,
    /// The loop found nothing and waits to be told of the next letter.
    parked: bool,
    closed: bool,
}

/// Letters the loop has taken out of the queue and not handled yet.
pub(crate) type Batch<M> = VecDeque<Letter<M>>;

/// The letter is in. What has to be done about it:
#[derive(Debug)]
pub(crate) enum Posted<M> {
    /// Nothing: the process is busy and will come to it.
    Quiet,
    /// The process was parked: run it or notify it.
    Wake,
    /// The oldest was dropped for it; the process may have to be notified.
    Displaced { oldest: Box<M>, wake: bool },
}

/// What a sender wants when there is no room, or nobody to read at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// What the mailbox's policy says.
    ByPolicy,
    /// The message back, whatever the policy: the sender will wait for room.
    HandBack,
}

/// The message is not in; here it is.
#[derive(Debug)]
pub(crate) enum Refused<M> {
    Closed(M),
    Full(M),
    /// By policy the new message is dropped, and has been counted.
    Newest(M),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refill {
    Filled,
    /// Nothing there; the next post will say `Wake`.
    Parked,
}

/// A buffer with room for more letters than this is given back when it has run empty.
const KEEP_BUFFER: usize = 256;

impl<M, Y> Queue<M, Y> {
    pub(crate) fn new(limit: Mailbox) -> Self {
        Queue {
            inner: Mutex::new(Inner {
                letters: VecDeque::new(),
                system: VecDeque::new(),
                counted: 0,
                limit,
                tickets: VecDeque::new(),
                dropped: 0,
                parked: false,
                closed: false,
            }),
            taken: AtomicUsize::new(0),
            urgent: AtomicBool::new(false),
            stop_ordered: AtomicBool::new(false),
            wanted: AtomicBool::new(false),
            idle: AtomicBool::new(false),
        }
    }

    /// Puts a message in as the policy has it. `wrap` makes the lane's message
    /// of it, so that a refused one can be handed back as it came.
    #[inline]
    pub(crate) fn post<T>(
        &self,
        message: T,
        full: Full,
        wrap: impl FnOnce(T) -> M,
    ) -> Result<Posted<M>, Refused<T>> {
        let mut inner = self.inner.lock();
        if inner.closed {
            return Err(Refused::Closed(message));
        }
        if inner.counted >= inner.limit.capacity && !self.has_room(&inner) {
            return match full {
                Full::ByPolicy => self.post_to_full(inner, message, wrap),
                Full::HandBack => Err(Refused::Full(message)),
            };
        }
        inner.counted += 1;
        inner.letters.push_back(Letter::Message(wrap(message)));
        Ok(self.wake_if_parked(&mut inner))
    }

    /// Whether the process is parked. Certain for the runner, who alone parks it, as far as what
    /// it has sent or heard of is concerned; a hint for others.
    #[inline]
    pub(crate) fn is_parked(&self) -> bool {
        self.idle.load(Ordering::Relaxed)
    }

    /// The loop waits in a handler. It may be parked, if the handler's message was handed over: it
    /// is not any more, and who posts from now on need not wake anybody.
    pub(crate) fn unpark(&self) {
        let mut inner = self.inner.lock();
        self.take_parked(&mut inner);
        // Who has asked for room when `took_one` was not looking has it now.
        self.settle_taken(&mut inner);
    }

    fn park(&self, inner: &mut Inner<M, Y>) {
        inner.parked = true;
        self.idle.store(true, Ordering::Relaxed);
    }

    /// `true`: the process was parked, and now is not.
    #[inline]
    fn take_parked(&self, inner: &mut Inner<M, Y>) -> bool {
        if inner.parked {
            inner.parked = false;
            self.idle.store(false, Ordering::Relaxed);
            true
        } else {
            false
        }
    }

    #[inline]
    fn wake_if_parked(&self, inner: &mut Inner<M, Y>) -> Posted<M> {
        if self.take_parked(inner) {
            Posted::Wake
        } else {
            Posted::Quiet
        }
    }

    #[cold]
    fn post_to_full<T>(
        &self,
        mut inner: MutexGuard<'_, Inner<M, Y>>,
        message: T,
        wrap: impl FnOnce(T) -> M,
    ) -> Result<Posted<M>, Refused<T>> {
        match inner.limit.overflow {
            Overflow::Reject => Err(Refused::Full(message)),
            Overflow::DropNewest => {
                inner.dropped += 1;
                Err(Refused::Newest(message))
            }
            Overflow::DropOldest => {
                let oldest = inner.displace();
                inner.letters.push_back(Letter::Message(wrap(message)));
                match oldest {
                    Some(oldest) => Ok(Posted::Displaced {
                        oldest,
                        wake: self.take_parked(&mut inner),
                    }),
                    None => {
                        inner.counted += 1;
                        Ok(self.wake_if_parked(&mut inner))
                    }
                }
            }
        }
    }

    /// Puts in what is never refused while the process lives. `Ok(true)`: notify it.
    pub(crate) fn post_uncounted(&self, letter: Letter<M>) -> Result<bool, Letter<M>> {
        debug_assert!(!letter.counts());
        let mut inner = self.inner.lock();
        if inner.closed {
            return Err(letter);
        }
        if matches!(letter, Letter::Order(Order::Stop(_))) {
            self.stop_ordered.store(true, Ordering::Release);
        }
        inner.letters.push_back(letter);
        Ok(self.take_parked(&mut inner))
    }

    /// Puts a message in for which room was promised. `Ok(true)`: notify it.
    pub(crate) fn post_promised<T>(
        &self,
        message: T,
        wrap: impl FnOnce(T) -> M,
    ) -> Result<bool, T> {
        let mut inner = self.inner.lock();
        if inner.closed {
            return Err(message);
        }
        inner.letters.push_back(Letter::Message(wrap(message)));
        Ok(self.take_parked(&mut inner))
    }

    /// Takes room for a message that is still to be made, as the policy has it;
    /// gives what was displaced for it.
    pub(crate) fn reserve(&self) -> Result<Option<Box<M>>, Refused<()>> {
        let mut inner = self.inner.lock();
        if inner.closed {
            return Err(Refused::Closed(()));
        }
        let mut displaced = None;
        if !self.has_room(&inner) {
            match inner.limit.overflow {
                Overflow::Reject => return Err(Refused::Full(())),
                Overflow::DropNewest => {
                    inner.dropped += 1;
                    return Err(Refused::Newest(()));
                }
                Overflow::DropOldest => displaced = inner.displace(),
            }
        }
        if displaced.is_none() {
            inner.counted += 1;
        }
        Ok(displaced)
    }

    /// Room now, or in the order of asking. `None`: the mailbox is closed.
    pub(crate) fn ask_for_room(&self) -> Option<Arc<Slot<()>>> {
        let slot = Arc::new(Slot::new());
        let mut inner = self.inner.lock();
        if inner.closed {
            return None;
        }
        inner.tickets.retain(|ticket| !ticket.is_closed());
        inner.tickets.push_back(slot.clone());
        self.wanted.store(true, Ordering::Relaxed);
        self.admit(&mut inner);
        Some(slot)
    }

    /// Promised room that is not used after all.
    pub(crate) fn give_room_back(&self) {
        let mut inner = self.inner.lock();
        inner.counted = inner.counted.saturating_sub(1);
        self.admit(&mut inner);
    }

    /// Puts something into the system lane. `false`: the mailbox is closed. The
    /// process has to be notified in any case.
    pub(crate) fn post_system(&self, message: Y) -> Result<(), Y> {
        let mut inner = self.inner.lock();
        if inner.closed {
            return Err(message);
        }
        inner.system.push_back(message);
        self.take_parked(&mut inner);
        self.urgent.store(true, Ordering::Release);
        Ok(())
    }

    /// The next of the system lane.
    #[inline]
    pub(crate) fn next_system(&self) -> Option<Y> {
        if !self.urgent.load(Ordering::Acquire) {
            return None;
        }
        let mut inner = self.inner.lock();
        let next = inner.system.pop_front();
        self.urgent
            .store(!inner.system.is_empty(), Ordering::Relaxed);
        next
    }

    /// Moves what is in the user lane into the loop's empty batch, or parks.
    #[inline]
    pub(crate) fn refill(&self, batch: &mut Batch<M>) -> Refill {
        let mut inner = self.inner.lock();
        self.settle_taken(&mut inner);
        if !inner.system.is_empty() {
            return Refill::Filled; // the loop looks at the system lane first
        }
        if inner.letters.is_empty() {
            self.park(&mut inner);
            if inner.letters.capacity() > KEEP_BUFFER {
                inner.letters = VecDeque::new();
            }
            if batch.capacity() > KEEP_BUFFER {
                *batch = VecDeque::new();
            }
            return Refill::Parked;
        }
        if inner.limit.overflow == Overflow::DropOldest {
            // What is in the batch could not be dropped any more.
            batch.extend(inner.letters.pop_front());
        } else {
            std::mem::swap(&mut inner.letters, batch);
        }
        Refill::Filled
    }

    /// While the process is suspended it reads the system lane only.
    pub(crate) fn park_suspended(&self) -> Refill {
        let mut inner = self.inner.lock();
        self.settle_taken(&mut inner);
        if inner.system.is_empty() {
            self.park(&mut inner);
            Refill::Parked
        } else {
            Refill::Filled
        }
    }

    /// A suspended process handles no messages, so an order to stop ends it where it is. The
    /// reason, if there is one in the queue or in the loop's batch.
    pub(crate) fn stop_order(&self, batch: &Batch<M>) -> Option<ExitReason> {
        if !self.stop_ordered.load(Ordering::Acquire) {
            return None;
        }
        let inner = self.inner.lock();
        batch.iter().chain(&inner.letters).find_map(|letter| {
            if let Letter::Order(Order::Stop(reason)) = letter {
                Some((**reason).clone())
            } else {
                None
            }
        })
    }

    /// The loop has taken a letter that counts out of its batch.
    #[inline]
    pub(crate) fn took_one(&self) {
        // Only the loop counts, so this need not be one step. Nor is it ordered with the look at
        // `wanted`: who asks for room in this very moment may be missed, and is found
        // by the next letter, `refill`, or `unpark` when the handler waits.
        let taken = self.taken.load(Ordering::Relaxed);
        self.taken.store(taken + 1, Ordering::Release);
        if self.wanted.load(Ordering::Relaxed) {
            self.make_room();
        }
    }

    #[cold]
    fn make_room(&self) {
        let mut inner = self.inner.lock();
        self.settle_taken(&mut inner);
    }

    fn settle_taken(&self, inner: &mut Inner<M, Y>) {
        // Only the loop comes here, so this need not be one step either.
        let taken = self.taken.load(Ordering::Relaxed);
        if taken > 0 {
            self.taken.store(0, Ordering::Relaxed);
            inner.counted = inner.counted.saturating_sub(taken);
        }
        if !inner.tickets.is_empty() {
            self.admit(inner);
        }
    }

    fn has_room(&self, inner: &Inner<M, Y>) -> bool {
        let held = inner
            .counted
            .saturating_sub(self.taken.load(Ordering::Acquire));
        held < inner.limit.capacity
    }

    fn admit(&self, inner: &mut Inner<M, Y>) {
        while self.has_room(inner) {
            let Some(ticket) = inner.tickets.pop_front() else {
                break;
            };
            // One that timed out or was dropped does not want it any more.
            if ticket.complete(()).is_ok() {
                inner.counted += 1;
            }
        }
        self.wanted
            .store(!inner.tickets.is_empty(), Ordering::Relaxed);
    }

    /// From now on nothing is taken. What was there comes back, and who waits for room is told.
    pub(crate) fn close(&self) -> Leftover<M, Y> {
        let (leftover, tickets) = {
            let mut inner = self.inner.lock();
            inner.closed = true;
            self.take_parked(&mut inner);
            self.urgent.store(false, Ordering::Relaxed);
            let leftover = Leftover {
                letters: std::mem::take(&mut inner.letters),
                system: std::mem::take(&mut inner.system),
            };
            (leftover, std::mem::take(&mut inner.tickets))
        };
        for ticket in tickets {
            ticket.fail(crate::process::slot::Failure::Dropped);
        }
        leftover
    }

    /// Messages that wait to be handled.
    pub(crate) fn len(&self) -> usize {
        let inner = self.inner.lock();
        inner
            .counted
            .saturating_sub(self.taken.load(Ordering::Acquire))
    }

    pub(crate) fn capacity(&self) -> usize {
        self.inner.lock().limit.capacity
    }

    /// Messages lost to the overflow policy so far.
    pub(crate) fn dropped(&self) -> u64 {
        self.inner.lock().dropped
    }
}

impl<M, Y> Inner<M, Y> {
    /// Takes the oldest message out and counts it as dropped. `None` when all
    /// the room is promised: the mailbox is one over for a moment.
    fn displace(&mut self) -> Option<Box<M>> {
        let oldest = self.letters.iter().position(Letter::counts)?;
        match self.letters.remove(oldest) {
            Some(Letter::Message(message)) => {
                self.dropped += 1;
                Some(Box::new(message))
            }
            _ => None,
        }
    }
}

/// What was in the mailbox when it was closed.
pub(crate) struct Leftover<M, Y> {
    pub(crate) letters: VecDeque<Letter<M>>,
    pub(crate) system: VecDeque<Y>,
}

#[cfg(test)]
mod tests {
    use super::*;

    type Numbers = Queue<u32, ()>;

    fn post(queue: &Numbers, n: u32) -> Result<Posted<u32>, Refused<u32>> {
        queue.post(n, Full::ByPolicy, |n| n)
    }

    fn read(queue: &Numbers) -> Vec<u32> {
        let mut all = Vec::new();
        let mut batch = Batch::new();
        while queue.refill(&mut batch) == Refill::Filled {
            while let Some(letter) = batch.pop_front() {
                if letter.counts() {
                    queue.took_one();
                }
                if let Letter::Message(n) | Letter::Notice(n) = letter {
                    all.push(n);
                }
            }
        }
        all
    }

    #[test]
    fn only_the_first_post_after_parking_asks_for_a_wake_up() {
        let queue = Numbers::new(Mailbox::default());
        assert_eq!(read(&queue), Vec::<u32>::new());
        assert!(matches!(post(&queue, 1), Ok(Posted::Wake)));
        assert!(matches!(post(&queue, 2), Ok(Posted::Quiet)));
        assert_eq!(read(&queue), [1, 2]);
        assert!(matches!(post(&queue, 3), Ok(Posted::Wake)));
    }

    #[test]
    fn what_the_loop_has_taken_makes_room_at_once() {
        let queue = Numbers::new(Mailbox::bounded(2));
        assert!(post(&queue, 1).is_ok() && post(&queue, 2).is_ok());
        assert!(matches!(post(&queue, 3), Err(Refused::Full(3))));
        let mut batch = Batch::new();
        assert_eq!(queue.refill(&mut batch), Refill::Filled);
        assert!(matches!(post(&queue, 3), Err(Refused::Full(3))));
        assert!(batch.pop_front().is_some());
        queue.took_one();
        assert!(post(&queue, 3).is_ok());
        assert!(matches!(post(&queue, 4), Err(Refused::Full(4))));
        assert_eq!(queue.len(), 2);
    }

    #[test]
    fn the_policies_drop_what_they_say_and_count_it() {
        let newest = Numbers::new(Mailbox::bounded(2).on_full(Overflow::DropNewest));
        let oldest = Numbers::new(Mailbox::bounded(2).on_full(Overflow::DropOldest));
        for n in 1..=4 {
            let _ = post(&newest, n);
            let _ = post(&oldest, n);
        }
        assert_eq!((read(&newest), newest.dropped()), (vec![1, 2], 2));
        assert_eq!((read(&oldest), oldest.dropped()), (vec![3, 4], 2));
    }

    #[test]
    fn what_does_not_count_is_taken_by_a_full_mailbox_and_keeps_its_place() {
        let queue = Numbers::new(Mailbox::bounded(1));
        assert!(post(&queue, 1).is_ok());
        assert!(queue.post_uncounted(Letter::Notice(2)).is_ok());
        assert!(matches!(post(&queue, 3), Err(Refused::Full(3))));
        assert_eq!(read(&queue), [1, 2]);
    }

    #[test]
    fn room_is_given_in_the_order_of_asking_and_given_back() {
        let queue = Numbers::new(Mailbox::bounded(1));
        assert!(post(&queue, 1).is_ok());
        let first = queue.ask_for_room().expect("open");
        let second = queue.ask_for_room().expect("open");
        assert_eq!(read(&queue), [1]);
        assert!(matches!(first.try_take(), Some(Ok(()))));
        assert!(second.try_take().is_none());
        assert!(matches!(post(&queue, 9), Err(Refused::Full(9))), "promised");
        queue.give_room_back();
        assert!(matches!(second.try_take(), Some(Ok(()))));
        assert_eq!(queue.post_promised(2, |n| n).ok(), Some(true));
        assert_eq!(read(&queue), [2]);
    }

    #[test]
    fn a_closed_mailbox_hands_back_what_it_had_and_what_comes() {
        let queue = Numbers::new(Mailbox::default());
        assert!(post(&queue, 1).is_ok());
        assert_eq!(queue.close().letters.len(), 1);
        assert!(matches!(post(&queue, 2), Err(Refused::Closed(2))));
        assert!(queue.post_uncounted(Letter::Notice(3)).is_err());
        assert!(queue.post_system(()).is_err());
        assert!(queue.ask_for_room().is_none());
    }
}
