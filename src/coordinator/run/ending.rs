//! Ends transactions that are decided: writes their markers, then has them completed (TXN-9 to TXN-14); and sweeps out
//! what time ends (TXN-17, TXN-18).
use super::{CoordinatorError, GroupCoordinator, TransactionAsk, TransactionCoordinator, ended::EndWaiters};
use crate::{
    coordinator::{
        Coordinated, GroupMachine, TransactionMachine,
        group::{self, offsets},
        txn::{MarkerVerdict, Partition, PendingMarkers, Reply, Request, TransactionalId, verdict},
    },
    image::Image,
    log::{AppendError, Closed, ProducerError, Reached},
    machine::NotWritten,
    record::{EndTransactionMarker, TransactionResult},
    replica::{Partitions, ProduceError, Unavailable},
    types::{ErrorCode, ProducerEpoch, ProducerId, TransactionVersion},
    wire::coordinator::{Marker, Producer},
};
use arc_swap::ArcSwap;
use futures_util::future::{BoxFuture, join_all};
use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time,
};

/// Between attempts for partitions that did not take their marker.
const AGAIN_AFTER: Duration = Duration::from_millis(100);
/// How long a marker may wait for its commit (`request.timeout.ms` of Kafka's brokers).
const COMMIT_WAIT_MAX: Duration = Duration::from_secs(30);

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
    groups: Arc<GroupCoordinator>,
    partitions: Arc<Partitions>,
    image: Arc<ArcSwap<Image>>,
    fresh_id: FreshId,
    wake: mpsc::UnboundedSender<TransactionalId>,
    waiters: EndWaiters,
}

/// What is to be ended, in the order of asking; [`TransactionEnds::run`] takes it.
pub struct Woken(mpsc::UnboundedReceiver<TransactionalId>);

impl TransactionEnds {
    pub fn new(
        transactions: Arc<TransactionCoordinator>,
        groups: Arc<GroupCoordinator>,
        partitions: Arc<Partitions>,
        image: Arc<ArcSwap<Image>>,
        fresh_id: FreshId,
    ) -> (Arc<TransactionEnds>, Woken) {
        let (wake, woken) = mpsc::unbounded_channel();
        let ends =
            TransactionEnds { transactions, groups, partitions, image, fresh_id, wake, waiters: EndWaiters::default() };
        (Arc::new(ends), Woken(woken))
    }

    /// Something was decided for this id that may have to be told to partitions. Never waits.
    pub fn wake(&self, id: TransactionalId) {
        // Nobody listens only while the broker stops; the next start finds the decision in the journal (TXN-14).
        let _ = self.wake.send(id);
    }

    /// Completes when the transaction of this id that is being ended now is complete; who asks for its state after this call
    /// misses no end. It may never complete: partitions may be away.
    pub fn ended(&self, id: &TransactionalId) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.waiters.next(id)
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
        let mut abort = time::interval(sweeps.abort_every);
        let mut expire = time::interval(sweeps.expire_every);
        for timer in [&mut abort, &mut expire] {
            timer.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        }
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
                _ = abort.tick() => {
                    self.abort_late().await;
                    self.all_pending().await
                }
                _ = expire.tick() => {
                    self.expire().await;
                    continue
                }
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

    async fn ask(&self, partition: i32, ask: impl Into<TransactionAsk>) -> Result<Reply, CoordinatorError> {
        self.transactions.submit_at(partition, ask.into(), |_| Ok(())).await
    }

    /// Every transaction of every partition that is served whose markers are on their way.
    async fn all_pending(&self) -> Vec<TransactionalId> {
        let mut pending = Vec::new();
        for (partition, _) in self.transactions.served() {
            if let Ok(Reply::Markers(markers)) = self.ask(partition, Request::Markers(None)).await {
                pending.extend(markers.into_iter().map(|markers| markers.id));
            }
        }
        pending
    }

    async fn abort_late(&self) {
        for (partition, _) in self.transactions.served() {
            let mut fresh_producer_id = None;
            loop {
                let request = Request::AbortLate;
                match self.ask(partition, TransactionAsk { request, fresh_producer_id }).await {
                    Ok(Reply::Swept(aborted)) if aborted > 0 => fresh_producer_id = None,
                    Ok(Reply::NeedsProducerId) if fresh_producer_id.is_none() => {
                        fresh_producer_id = (self.fresh_id)().await;
                        if fresh_producer_id.is_none() {
                            break;
                        }
                    }
                    _ => break,
                }
            }
        }
    }

    async fn expire(&self) {
        for (partition, _) in self.transactions.served() {
            if let Err(error) = self.ask(partition, Request::Expire).await {
                tracing::debug!(partition, %error, "unused transactional ids are not looked for now");
            }
        }
    }

    /// Until all partitions have their marker, or another coordinator has taken over.
    async fn end(&self, id: &TransactionalId) {
        loop {
            let Some(partition) = self.transactions.partition_of(id) else { return };
            let Some(term) = self.transactions.term_of(partition) else { return };
            let markers = match self.ask(partition, Request::Markers(Some(id.clone()))).await {
                Ok(Reply::Markers(mut markers)) => match markers.pop() {
                    Some(markers) => markers,
                    None => return,
                },
                // It is loaded anew or not ours any more; then its markers are found again.
                _ => return,
            };
            let (marked, refused) = self.write(&markers, term.get()).await;
            let producer = markers.producer;
            if refused {
                tracing::warn!(%id, "a partition has seen a later epoch or coordinator: this transaction is not ended here");
                let _ = self.ask(partition, Request::MarkerRefused { id: id.clone(), producer }).await;
                return;
            }
            let is_all = marked.len() == markers.partitions.len();
            if !marked.is_empty() || is_all {
                let told = Request::Marked { id: id.clone(), producer, partitions: marked };
                let told = self.transactions.submit_at(partition, told.into(), |_| Ok(()));
                if is_all {
                    // Decided already; what the next transaction is answered waits for its commit.
                    self.waiters.tell(id);
                }
                if told.await.is_ok() && is_all {
                    return;
                }
            }
            time::sleep(AGAIN_AFTER).await;
        }
    }

    /// The partitions that have their marker now or are no more; and whether one refused it for good.
    async fn write(&self, markers: &PendingMarkers, coordinator_epoch: i32) -> (BTreeSet<Partition>, bool) {
        let image = self.image.load_full();
        let ends = EndTransactionMarker { result: markers.result, coordinator_epoch };
        let written = markers.partitions.iter().map(|at| {
            let waiting = self.write_one(&image, markers, ends, at);
            async move { (at.clone(), waiting.await) }
        });
        let (mut marked, mut refused) = (BTreeSet::new(), false);
        for (at, code) in join_all(written).await {
            match verdict(code) {
                MarkerVerdict::Written => _ = marked.insert(at),
                MarkerVerdict::GiveUp => refused = true,
                MarkerVerdict::Again => {
                    tracing::debug!(id = %markers.id, topic = %at.0, partition = at.1, ?code, "a marker is sent again");
                }
            }
        }
        (marked, refused)
    }

    /// Appended before this returns; the future waits for the commit.
    fn write_one(
        &self,
        image: &Image,
        markers: &PendingMarkers,
        ends: EndTransactionMarker,
        (topic, index): &Partition,
    ) -> BoxFuture<'static, ErrorCode> {
        let exists = image.topics.named(topic.as_str()).is_some_and(|topic| topic.partitions.get(index).is_some());
        let producer = ProducerId::from_wire(markers.producer.id);
        let epoch = ProducerEpoch::from_wire(markers.producer.epoch);
        let now = |code| -> BoxFuture<'static, ErrorCode> { Box::pin(std::future::ready(code)) };
        let (Some(id), Some(epoch), true) = (producer, epoch, exists) else {
            // A deleted partition holds nothing back (TXN-12).
            return now(ErrorCode::None);
        };
        if topic.as_str() == GroupMachine::TOPIC {
            let ended = end_offsets(&self.groups, *index, Producer { id, epoch }, ends, markers.version);
            return Box::pin(async move { code_of(ended.await) });
        }
        if topic.as_str() == TransactionMachine::TOPIC {
            return now(ErrorCode::None);
        }
        let Some(partition) = self.partitions.partition(topic.as_str(), *index) else {
            return now(ErrorCode::NotLeaderOrFollower);
        };
        let appended = partition.append_marker(id, epoch, ends, markers.version);
        let reached: Result<Reached, ErrorCode> = appended.map_err(|fault| code_of_append(&fault)).and_then(|at| {
            let log = partition.log().map_err(|_| ErrorCode::KafkaStorageError)?;
            Ok(log.high_mark().reached(at.last.next()))
        });
        match reached {
            Err(code) => now(code),
            Ok(reached) => Box::pin(async move {
                match time::timeout(COMMIT_WAIT_MAX, reached).await {
                    Ok(Ok(_)) => ErrorCode::None,
                    Ok(Err(Closed::Deleted)) => ErrorCode::UnknownTopicOrPartition,
                    Ok(Err(_)) => ErrorCode::NotLeaderOrFollower,
                    Err(_) => ErrorCode::RequestTimedOut,
                }
            }),
        }
    }
}

/// The marker for offsets that a transaction commits, through their coordinator: it makes them real (TXN-22).
pub fn end_offsets(
    groups: &GroupCoordinator,
    partition: i32,
    producer: Producer,
    ends: EndTransactionMarker,
    version: TransactionVersion,
) -> impl Future<Output = Result<(), CoordinatorError>> + Send + 'static + use<> {
    let commit = ends.result == TransactionResult::Commit;
    let marker = Marker { commit, coordinator_epoch: ends.coordinator_epoch };
    let request = group::Request::Offsets(offsets::Request::EndTransaction(producer, marker));
    let ended = groups.submit_at(partition, request, |log| {
        log.check_marker(producer.id, producer.epoch, ends, version).map_err(CoordinatorError::Producer)
    });
    async move { ended.await.map(|_| ()) }
}

fn code_of(ended: Result<(), CoordinatorError>) -> ErrorCode {
    match ended {
        Ok(()) => ErrorCode::None,
        Err(CoordinatorError::Producer(fault)) => code_of_producer(&fault),
        Err(CoordinatorError::NotWritten(NotWritten::Storage(_))) => ErrorCode::KafkaStorageError,
        Err(_) => ErrorCode::NotLeaderOrFollower,
    }
}

fn code_of_append(fault: &ProduceError) -> ErrorCode {
    match fault {
        ProduceError::Append(AppendError::Producer(fault)) => code_of_producer(fault),
        ProduceError::Append(AppendError::Deleted) => ErrorCode::UnknownTopicOrPartition,
        ProduceError::Unavailable(Unavailable::NotLeader) => ErrorCode::NotLeaderOrFollower,
        ProduceError::NotEnoughReplicas { .. } => ErrorCode::NotEnoughReplicas,
        ProduceError::Unavailable(_) | ProduceError::Append(_) => ErrorCode::KafkaStorageError,
    }
}

fn code_of_producer(fault: &ProducerError) -> ErrorCode {
    match fault {
        ProducerError::CoordinatorFenced { .. } => ErrorCode::TransactionCoordinatorFenced,
        _ => ErrorCode::InvalidProducerEpoch,
    }
}
