//! An offset that only rises, can be waited for with a deadline and can be closed: the one way to wait.
use crate::types::Offset;
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    task::{Context, Poll, Waker},
};

/// Why nothing more will be reached here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Closed {
    #[error("this broker no longer leads the partition")]
    NotLeader,
    #[error("the partition was deleted")]
    Deleted,
    #[error("the log directory failed")]
    StorageFailed,
    #[error("the broker is stopping")]
    Stopping,
}

/// The offset that is waited for, and a number of its own.
type Key = (Offset, u64);

/// Who waits at one mark. Where many logs are written to in turn, each has one at a time: that one needs no memory.
#[derive(Default)]
struct Waiters {
    alone: Option<(Key, Waker)>,
    /// The others.
    more: BTreeMap<Key, Waker>,
}

impl Waiters {
    fn len(&self) -> usize {
        usize::from(self.alone.is_some()) + self.more.len()
    }

    /// Whoever waits already has the new waker instead.
    fn insert(&mut self, key: Key, waker: &Waker) {
        match &mut self.alone {
            Some((known, old)) if *known == key => old.clone_from(waker),
            None if self.more.is_empty() => self.alone = Some((key, waker.clone())),
            _ => _ = self.more.insert(key, waker.clone()),
        }
    }

    fn remove(&mut self, key: Key) {
        if self.alone.take_if(|(known, _)| *known == key).is_none() {
            self.more.remove(&key);
        }
    }

    fn take_reached(&mut self, to: Offset) -> Waiters {
        let alone = self.alone.take_if(|((offset, _), _)| *offset <= to);
        let more = match self.more.last_key_value() {
            Some(((last, _), _)) if *last > to => {
                let later = self.more.split_off(&(to.next(), 0));
                std::mem::replace(&mut self.more, later)
            }
            _ => std::mem::take(&mut self.more),
        };
        Waiters { alone, more }
    }

    fn into_wakers(self) -> impl Iterator<Item = Waker> {
        self.alone.map(|(_, waker)| waker).into_iter().chain(self.more.into_values())
    }
}

/// An offset that only rises. Waiting costs one entry; raising wakes whoever is reached.
pub struct Watermark {
    at: AtomicI64,
    /// Guards the waiters and the order of raises; held for no longer than their own work.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    closed: Option<Closed>,
    next_waiter: u64,
    waiters: Waiters,
}

impl Watermark {
    pub fn new(at: Offset) -> Arc<Watermark> {
        Arc::new(Watermark { at: AtomicI64::new(at.get()), state: Mutex::default() })
    }

    pub fn get(&self) -> Offset {
        Offset::new(self.at.load(Ordering::Acquire))
    }

    pub fn closed(&self) -> Option<Closed> {
        self.state.lock().closed
    }

    /// Lower values are ignored: a mark that is passed stays passed.
    pub fn raise(&self, to: Offset) {
        let reached = {
            let mut state = self.state.lock();
            if to <= self.get() {
                return;
            }
            self.at.store(to.get(), Ordering::Release);
            if state.waiters.len() == 0 {
                return;
            }
            state.waiters.take_reached(to)
        };
        reached.into_wakers().for_each(Waker::wake);
    }

    /// For a follower that cut its log, or a log start that moved: the mark is set back; waiters keep waiting.
    pub fn reset(&self, to: Offset) {
        let _state = self.state.lock();
        self.at.store(to.get(), Ordering::Release);
    }

    /// Everyone who waits, now or later, gets `why`. The first reason stays.
    pub fn close(&self, why: Closed) {
        let waiting = {
            let mut state = self.state.lock();
            state.closed.get_or_insert(why);
            std::mem::take(&mut state.waiters)
        };
        waiting.into_wakers().for_each(Waker::wake);
    }

    /// Leadership came back: waiting is possible again.
    pub fn reopen(&self) {
        self.state.lock().closed = None;
    }

    /// Completes when the mark is at or past `offset`, or closed. Dropping it stops the waiting.
    pub fn reached(self: &Arc<Self>, offset: Offset) -> Reached {
        Reached { mark: self.clone(), offset, waiter: None }
    }

    /// Number of parked waiters: for tests and metrics.
    pub fn waiters(&self) -> usize {
        self.state.lock().waiters.len()
    }
}

/// See [`Watermark::reached`].
pub struct Reached {
    mark: Arc<Watermark>,
    offset: Offset,
    waiter: Option<u64>,
}

impl Future for Reached {
    type Output = Result<Offset, Closed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let at = self.mark.get();
        if at >= self.offset {
            return Poll::Ready(Ok(at));
        }
        let this = &mut *self;
        let mut state = this.mark.state.lock();
        // Asked again under the lock: a raise between the first look and the lock has seen no waiter.
        let at = this.mark.get();
        if at >= this.offset {
            return Poll::Ready(Ok(at));
        }
        if let Some(why) = state.closed {
            return Poll::Ready(Err(why));
        }
        let waiter = *this.waiter.get_or_insert_with(|| {
            state.next_waiter += 1;
            state.next_waiter
        });
        state.waiters.insert((this.offset, waiter), cx.waker());
        Poll::Pending
    }
}

impl Drop for Reached {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter {
            self.mark.state.lock().waiters.remove((self.offset, waiter));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::task::noop_waker;

    fn poll(reached: &mut Reached) -> Poll<Result<Offset, Closed>> {
        Pin::new(reached).poll(&mut Context::from_waker(&noop_waker()))
    }

    #[test]
    fn a_waiter_wakes_when_its_offset_is_reached_and_not_before() {
        let mark = Watermark::new(Offset::ZERO);
        let mut waiting = mark.reached(Offset::new(5));
        assert!(poll(&mut waiting).is_pending());
        mark.raise(Offset::new(4));
        assert!(poll(&mut waiting).is_pending());
        assert_eq!(mark.waiters(), 1);
        mark.raise(Offset::new(9));
        assert_eq!(poll(&mut waiting), Poll::Ready(Ok(Offset::new(9))));
        assert_eq!(mark.waiters(), 0);
    }

    #[test]
    fn each_of_several_waiters_wakes_at_its_own_offset() {
        let mark = Watermark::new(Offset::ZERO);
        let reached = |at| mark.reached(Offset::new(at));
        let mut waiting: Vec<Reached> = [5, 3, 9, 3].map(reached).into();
        let pending = |waiting: &mut Vec<Reached>| {
            waiting.iter_mut().filter_map(|one| poll(one).is_pending().then_some(one.offset.get())).collect::<Vec<_>>()
        };
        assert_eq!((pending(&mut waiting), mark.waiters()), (vec![5, 3, 9, 3], 4));
        assert_eq!((pending(&mut waiting), mark.waiters()), (vec![5, 3, 9, 3], 4), "asked again they are the same");
        mark.raise(Offset::new(3));
        assert_eq!((mark.waiters(), pending(&mut waiting)), (2, vec![5, 9]));
        mark.raise(Offset::new(5));
        assert_eq!((mark.waiters(), pending(&mut waiting)), (1, vec![9]));
        let mut eleven = reached(11);
        assert!(poll(&mut eleven).is_pending());
        waiting.clear();
        assert_eq!(mark.waiters(), 1);
        mark.raise(Offset::new(11));
        assert_eq!((mark.waiters(), poll(&mut eleven)), (0, Poll::Ready(Ok(Offset::new(11)))));
    }

    #[test]
    fn a_mark_never_goes_back() {
        let mark = Watermark::new(Offset::new(7));
        mark.raise(Offset::new(3));
        assert_eq!(mark.get(), Offset::new(7));
    }

    #[test]
    fn net_8_a_dropped_waiter_leaves_nothing_behind() {
        let mark = Watermark::new(Offset::ZERO);
        let mut waiting = mark.reached(Offset::new(1));
        assert!(poll(&mut waiting).is_pending());
        drop(waiting);
        assert_eq!(mark.waiters(), 0);
    }

    #[test]
    fn closing_wakes_everyone_with_the_reason() {
        let mark = Watermark::new(Offset::ZERO);
        let mut waiting = mark.reached(Offset::new(1));
        assert!(poll(&mut waiting).is_pending());
        mark.close(Closed::Deleted);
        mark.close(Closed::Stopping);
        assert_eq!(poll(&mut waiting), Poll::Ready(Err(Closed::Deleted)));
        mark.raise(Offset::new(1));
        assert_eq!(poll(&mut waiting), Poll::Ready(Ok(Offset::new(1))));
    }
}
