//! Ends transactions that are decided: writes their markers, then has them completed (TXN-9 to TXN-14); and sweeps out
//! what time ends (TXN-17, TXN-18).
use super::{
    CoordinatorError, TransactionAsk, TransactionCoordinator,
    ended::{EndWaiters, Waiter},
    marking::MarkerWriter,
};
use crate::{
    coordinator::txn::{Join, Late, Reply, Request, TransactionalId},
    machine::NotWritten,
    types::{LeaderEpoch, ProducerId},
};
use futures_util::future::BoxFuture;
use std::{collections::BTreeMap, convert::Infallible, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time,
};

/// Between attempts for partitions that did not take their marker.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// How often is looked for what time has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TransactionSweeps {
    pub abort_every: Duration,
    pub expire_every: Duration,
}

/// Gives a producer id that nobody has.
type FreshId = Box<dyn Fn() -> BoxFuture<'static, Option<ProducerId>> + Send + Sync>;

/// Writes markers of the transactions that this broker coordinates.
pub struct TransactionEnds {
    pub transactions: Arc<TransactionCoordinator>,
    markers: MarkerWriter,
    fresh_id: FreshId,
    wake: mpsc::UnboundedSender<TransactionalId>,
    waiters: EndWaiters,
}

/// What is to be ended, in the order of asking; [`TransactionEnds::run`] takes it.
pub struct Woken(mpsc::UnboundedReceiver<TransactionalId>);

impl TransactionEnds {
    pub fn new(
        transactions: Arc<TransactionCoordinator>,
        markers: MarkerWriter,
        fresh_id: FreshId,
    ) -> (Arc<TransactionEnds>, Woken) {
        let (wake, woken) = mpsc::unbounded_channel();
        let ends = TransactionEnds { transactions, markers, fresh_id, wake, waiters: EndWaiters::default() };
        (Arc::new(ends), Woken(woken))
    }

    /// Something was decided for this id that may have to be told to partitions. Never waits.
    pub fn wake(&self, id: TransactionalId) {
        // Nobody listens only while the broker stops; the next start finds the decision in the journal (TXN-14).
        let _ = self.wake.send(id);
    }

    /// Completes when the transaction of this id that is being ended now is complete; who asks for its state after this call
    /// misses no end. It may never complete: partitions may be away. If it is still waited for by then, `join` is begun with
    /// the end; the coordinator says the rest when it is asked.
    pub fn ended(&self, id: &TransactionalId, join: Join) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.waiters.next(id, join)
    }

    /// Runs until `stopping` turns true. What is on its way then is sent again after the next start.
    pub async fn run(
        self: Arc<Self>,
        mut woken: Woken,
        sweeps: TransactionSweeps,
        mut stopping: watch::Receiver<bool>,
    ) {
        let mut ending = JoinSet::new();
        // By id: was it asked for again meanwhile?
        let mut busy: BTreeMap<TransactionalId, bool> = BTreeMap::new();
        let sweeping = self.sweep(sweeps);
        tokio::pin!(sweeping);
        loop {
            let next = tokio::select! {
                () = async { _ = stopping.wait_for(|stop| *stop).await } => return,
                Some(ended) = ending.join_next(), if !ending.is_empty() => {
                    let id: TransactionalId = match ended {
                        Ok(id) => id,
                        Err(error) => {
                            tracing::error!(%error, "writing a transaction's markers ended early");
                            // Whose it was is not told; to write markers twice does no harm.
                            busy.clear();
                            continue;
                        }
                    };
                    if busy.remove(&id) != Some(true) { continue }
                    vec![id]
                }
                Some(id) = woken.0.recv() => vec![id],
                () = self.transactions.loaded() => self.all_pending().await,
                never = &mut sweeping => match never {},
            };
            for id in next {
                if let Some(again) = busy.get_mut(&id) {
                    *again = true;
                    continue;
                }
                busy.insert(id.clone(), false);
                let this = self.clone();
                ending.spawn(async move {
                    this.end(&id).await;
                    this.waiters.tell(&id);
                    id
                });
            }
        }
    }

    /// Beside the rest: where much is late, each of it waits for a commit, and nobody else waits for that.
    async fn sweep(&self, sweeps: TransactionSweeps) -> Infallible {
        let mut abort = time::interval(sweeps.abort_every);
        let mut expire = time::interval(sweeps.expire_every);
        for timer in [&mut abort, &mut expire] {
            timer.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        }
        loop {
            tokio::select! {
                _ = abort.tick() => self.abort_late().await,
                _ = expire.tick() => self.expire().await,
            }
        }
    }

    async fn ask(&self, partition: i32, ask: impl Into<TransactionAsk>) -> Result<Reply, CoordinatorError> {
        self.transactions.submit_at(partition, ask.into(), |_| Ok(())).await
    }

    /// Every transaction of every partition that is served whose markers are on their way.
    pub(super) async fn all_pending(&self) -> Vec<TransactionalId> {
        let mut pending = Vec::new();
        for (partition, _) in self.transactions.served() {
            pending.extend(self.pending_in(partition).await);
        }
        pending
    }

    async fn pending_in(&self, partition: i32) -> Vec<TransactionalId> {
        match self.ask(partition, Request::Markers(None)).await {
            Ok(Reply::Markers(markers)) => markers.into_iter().map(|markers| markers.id).collect(),
            _ => Vec::new(),
        }
    }

    pub(super) async fn abort_late(&self) {
        for (partition, _) in self.transactions.served() {
            self.abort_late_in(partition).await;
            // Also those that something kept from being ended before.
            self.pending_in(partition).await.into_iter().for_each(|id| self.wake(id));
        }
    }

    async fn abort_late_in(&self, partition: i32) {
        let (mut after, mut fresh_producer_id) = (None, None);
        loop {
            let request = Request::AbortLate { after: after.clone() };
            match self.ask(partition, TransactionAsk { request, fresh_producer_id }).await {
                Ok(Reply::Late(Some(Late { id, is_aborted }))) => {
                    if !is_aborted {
                        tracing::warn!(partition, %id, "a transaction is open for too long, and its abort is larger than \
                            max.message.bytes of __transaction_state: it stays open until that is raised");
                    }
                    (after, fresh_producer_id) = (Some(id), None);
                }
                Ok(Reply::NeedsProducerId) if fresh_producer_id.is_none() => {
                    fresh_producer_id = (self.fresh_id)().await;
                    if fresh_producer_id.is_none() {
                        return;
                    }
                }
                Ok(_) => return,
                Err(error) => return not_swept(partition, &error),
            }
        }
    }

    pub(super) async fn expire(&self) {
        for (partition, _) in self.transactions.served() {
            loop {
                match self.ask(partition, Request::Expire).await {
                    Ok(Reply::Forgotten(forgotten)) if forgotten > 0 => {}
                    Ok(_) => break,
                    Err(error) => {
                        not_swept(partition, &error);
                        break;
                    }
                }
            }
        }
    }

    /// Until all partitions have their marker, or another coordinator has taken over.
    pub(super) async fn end(&self, id: &TransactionalId) {
        loop {
            let Some(partition) = self.transactions.partition_of(id) else { return };
            let Some(term) = self.transactions.term_of(partition) else { return };
            let markers = match self.ask_in(partition, term, Request::Markers(Some(id.clone()))).await {
                Ok(Reply::Markers(mut markers)) => match markers.pop() {
                    Some(markers) => markers,
                    None => return,
                },
                // It is loaded anew or not ours any more; then its markers are found again.
                _ => return,
            };
            let round = self.markers.write(&markers, term.get()).await;
            let (told, producer) = (id.clone(), markers.producer);
            if round.is_refused {
                tracing::warn!(%id, "a partition has seen a later epoch or coordinator: this transaction is not ended here");
                let _ = self.ask_in(partition, term, Request::MarkerRefused { id: told, producer }).await;
                return;
            }
            let is_all = round.marked.len() == markers.partitions.len();
            if !round.marked.is_empty() || is_all {
                let waiters = if is_all { self.waiters.take(id) } else { Vec::new() };
                let waiting = waiters.iter().map(|waiter| waiter.join.clone()).collect();
                let told = Request::Marked { id: told, producer, partitions: round.marked, waiting };
                let told = self.transactions.submit_in(partition, term, told.into());
                // Decided already; what the next transaction is answered waits for its commit.
                waiters.into_iter().for_each(Waiter::tell);
                if is_all {
                    self.waiters.tell(id);
                }
                if told.await.is_ok() && is_all {
                    return;
                }
            }
            time::sleep(AGAIN_AFTER).await;
        }
    }

    /// What is told of markers of an earlier term says nothing to the coordinator of this one (TXN-16).
    async fn ask_in(&self, partition: i32, term: LeaderEpoch, ask: Request) -> Result<Reply, CoordinatorError> {
        self.transactions.submit_in(partition, term, ask.into()).await
    }
}

/// What time ends in one partition waits for the next sweep.
fn not_swept(partition: i32, error: &CoordinatorError) {
    match error {
        // Whoever leads it now sweeps it.
        CoordinatorError::NotWritten(NotWritten::NotLeader | NotWritten::Stopping) => {}
        CoordinatorError::NotWritten(_) => {
            tracing::warn!(partition, %error, "late transactions or unused transactional ids cannot be ended now");
        }
        _ => tracing::debug!(partition, %error, "late transactions or unused transactional ids are not looked for now"),
    }
}
