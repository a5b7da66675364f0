//! Who waits until the transaction of an id is ended, so that the next one begins at once instead of asking from time to time.
use crate::coordinator::txn::{Join, TransactionalId};
use parking_lot::Mutex;
use std::{collections::BTreeMap, future::Future};
use tokio::sync::oneshot;

#[derive(Default)]
pub(super) struct EndWaiters {
    /// None is empty. Held for a look-up.
    by_id: Mutex<BTreeMap<TransactionalId, Vec<Waiter>>>,
}

/// One who waits, and with what it will go on.
pub(super) struct Waiter {
    pub join: Join,
    told: oneshot::Sender<()>,
}

impl Waiter {
    pub fn tell(self) {
        // Who gave up is not told.
        let _ = self.told.send(());
    }
}

impl EndWaiters {
    /// Completes when the next end of this id is told. Who asks for the state afterwards misses no end.
    pub fn next(&self, id: &TransactionalId, join: Join) -> impl Future<Output = ()> + Send + 'static + use<> {
        let (told, receiver) = oneshot::channel();
        let mut by_id = self.by_id.lock();
        let waiting = by_id.entry(id.clone()).or_default();
        waiting.retain(|other| !other.told.is_closed());
        waiting.push(Waiter { join, told });
        drop(by_id);
        async move { _ = receiver.await }
    }

    /// Those who wait now and are still there; they are to be told.
    pub fn take(&self, id: &TransactionalId) -> Vec<Waiter> {
        let mut waiting = self.by_id.lock().remove(id).unwrap_or_default();
        waiting.retain(|waiter| !waiter.told.is_closed());
        waiting
    }

    pub fn tell(&self, id: &TransactionalId) {
        self.take(id).into_iter().for_each(Waiter::tell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coordinator::txn::Producer;
    use futures_util::FutureExt;
    use std::collections::BTreeSet;

    #[test]
    fn all_who_wait_for_an_id_are_told_once_and_who_left_is_forgotten() {
        let waiters = EndWaiters::default();
        let (one, other) = (TransactionalId::from("one"), TransactionalId::from("other"));
        let join = Join { producer: Producer { id: 1, epoch: 0 }, partitions: BTreeSet::new() };
        let wait = |id| waiters.next(id, join.clone()).boxed();
        let (mut first, mut second, mut third) = (wait(&one), wait(&one), wait(&other));
        waiters.tell(&one);
        assert!((&mut first).now_or_never().is_some() && (&mut second).now_or_never().is_some());
        assert!((&mut third).now_or_never().is_none());
        for _ in 0..9 {
            drop(wait(&other));
        }
        assert_eq!(waiters.by_id.lock()[&other].len(), 2, "who waits, and the last of those who left");
        assert_eq!(waiters.take(&one).len(), 0);
        waiters.tell(&other);
        assert!((&mut third).now_or_never().is_some());
        assert!(waiters.by_id.lock().is_empty());
    }
}
