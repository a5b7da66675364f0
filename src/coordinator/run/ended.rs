//! Who waits until the transaction of an id is ended, so that the next one begins at once instead of asking from time to time.
use crate::coordinator::txn::TransactionalId;
use parking_lot::Mutex;
use std::{collections::BTreeMap, future::Future};
use tokio::sync::oneshot;

#[derive(Default)]
pub(super) struct EndWaiters {
    /// None is empty. Held for a look-up.
    by_id: Mutex<BTreeMap<TransactionalId, Vec<oneshot::Sender<()>>>>,
}

impl EndWaiters {
    /// Completes when the next end of this id is told. Who asks for the state afterwards misses no end.
    pub fn next(&self, id: &TransactionalId) -> impl Future<Output = ()> + Send + 'static + use<> {
        let (sender, receiver) = oneshot::channel();
        let mut by_id = self.by_id.lock();
        let waiting = by_id.entry(id.clone()).or_default();
        waiting.retain(|other| !other.is_closed());
        waiting.push(sender);
        drop(by_id);
        async move { _ = receiver.await }
    }

    pub fn tell(&self, id: &TransactionalId) {
        let waiting = self.by_id.lock().remove(id).unwrap_or_default();
        for waiter in waiting {
            // Who gave up is not told.
            let _ = waiter.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn all_who_wait_for_an_id_are_told_once_and_who_left_is_forgotten() {
        let waiters = EndWaiters::default();
        let (one, other) = (TransactionalId::from("one"), TransactionalId::from("other"));
        let (mut first, mut second, mut third) =
            (waiters.next(&one).boxed(), waiters.next(&one).boxed(), waiters.next(&other).boxed());
        waiters.tell(&one);
        assert!((&mut first).now_or_never().is_some() && (&mut second).now_or_never().is_some());
        assert!((&mut third).now_or_never().is_none());
        for _ in 0..9 {
            drop(waiters.next(&other));
        }
        assert_eq!(waiters.by_id.lock()[&other].len(), 2, "who waits, and the last of those who left");
        waiters.tell(&other);
        assert!((&mut third).now_or_never().is_some());
        assert!(waiters.by_id.lock().is_empty());
    }
}
