//! One partition on this broker: who leads it, its log, what may be written and read.
use super::TopicSettings;
use crate::{
    log::{
        AppendError, AppendOrigin, AppendTerms, Appended, Closed, Log, LogDir, LogError, LogId, MoveError, Moving,
        Progress, Question, Read, ReadError, ReadLimit, StartMove, VerificationGuard, Watermark,
    },
    platform::{
        is_hurried,
        seeded::{self, Bug},
    },
    record::{CheckedBatch, EndTransactionMarker},
    types::{Acks, Isolation, LeaderEpoch, NodeId, Offset, ProducerEpoch, ProducerId, TransactionVersion},
};
use arc_swap::{ArcSwap, ArcSwapOption};
use parking_lot::Mutex;
use std::sync::{Arc, OnceLock};

/// Who leads a partition and who keeps up, as the controller decided it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leadership {
    /// `None` while no replica may lead.
    pub leader: Option<NodeId>,
    pub epoch: LeaderEpoch,
    pub partition_epoch: i32,
    pub replicas: Vec<NodeId>,
    pub in_sync: Vec<NodeId>,
}

/// Why a request cannot be served by this broker right now.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unavailable {
    #[error("this broker does not lead the partition")]
    NotLeader,
    #[error("the client's leader epoch is older than the partition's")]
    FencedEpoch,
    #[error("the client's leader epoch is newer than the partition's")]
    UnknownEpoch,
    #[error("the log directory failed")]
    StorageFailed,
    #[error("the partition's log is damaged: {0}")]
    Damaged(String),
    /// Asked again where waiting is allowed.
    #[error("the partition's log is not open yet, and this thread must not wait for a disk")]
    Cold,
}

/// Why an append was refused; nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum ProduceError {
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    #[error("{in_sync} replicas are in sync, min.insync.replicas is {minimum}")]
    NotEnoughReplicas { in_sync: usize, minimum: usize },
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// Why no records are deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteRecordsError {
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    #[error("the topic is compacted and never deletes records by age or size")]
    Policy,
    #[error(transparent)]
    Log(#[from] AppendError),
}

/// Why nothing can be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadFault {
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl ReadFault {
    /// What is asked for is not in memory, and this thread must not wait for a disk.
    pub fn is_cold(&self) -> bool {
        match self {
            ReadFault::Unavailable(fault) => *fault == Unavailable::Cold,
            ReadFault::Read(fault) => fault.is_cold(),
        }
    }
}

/// One partition of which this broker keeps a copy.
pub struct Partition {
    id: LogId,
    this_node: NodeId,
    /// `None`: it cannot be used, and the partition with it.
    directory: ArcSwapOption<LogDir>,
    /// Held while a copy in another directory is begun, takes its place or is called off, and while the partition is deleted.
    placing: Mutex<()>,
    leadership: ArcSwap<Leadership>,
    settings: ArcSwap<TopicSettings>,
    /// Opened at the first use: a broker with 100,000 partitions starts without touching their directories.
    log: OnceLock<Arc<Log>>,
    /// Where the log ended when it was opened.
    opened_at: OnceLock<Offset>,
    /// Held while the log is opened, so that it is opened once. Tells why it never will be.
    opening: Mutex<Option<Unavailable>>,
}

impl Partition {
    pub fn new(
        id: LogId,
        this_node: NodeId,
        directory: Option<Arc<LogDir>>,
        leadership: Leadership,
        settings: Arc<TopicSettings>,
    ) -> Arc<Partition> {
        Arc::new(Partition {
            id,
            this_node,
            directory: ArcSwapOption::from(directory),
            placing: Mutex::new(()),
            leadership: ArcSwap::from_pointee(leadership),
            settings: ArcSwap::from(settings),
            log: OnceLock::new(),
            opened_at: OnceLock::new(),
            opening: Mutex::new(None),
        })
    }

    pub fn id(&self) -> &LogId {
        &self.id
    }

    /// Where the partition is; `None` when that directory could not be opened at the start (OPS-2).
    pub fn directory(&self) -> Option<Arc<LogDir>> {
        self.directory.load_full()
    }

    pub fn is_in(&self, directory: &Arc<LogDir>) -> bool {
        self.directory.load().as_ref().is_some_and(|own| Arc::ptr_eq(own, directory))
    }

    /// Takes the partition to another log directory while it is served. `spend` is told of every piece that is copied and may end it;
    /// `keeps_copy` says whether the next start is to try again, which it is not where the move was called off.
    pub fn move_to(
        self: &Arc<Self>,
        to: &Arc<LogDir>,
        progress: &Arc<Progress>,
        spend: &mut dyn FnMut(u64) -> bool,
        keeps_copy: &dyn Fn() -> bool,
    ) -> Result<(), MoveError> {
        let moved = self.copy_to(to, progress, spend);
        if moved.is_err() && (progress.is_called_off() || !keeps_copy()) {
            progress.abandon(to);
        }
        moved
    }

    fn copy_to(
        self: &Arc<Self>,
        to: &Arc<LogDir>,
        progress: &Arc<Progress>,
        spend: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), MoveError> {
        let from = self.directory().ok_or(MoveError::Gone)?;
        let log = self.log().map_err(|_| MoveError::Gone)?.clone();
        let mut moving = Moving::begin(log, from, to.clone(), progress.clone())?;
        let mut take_place = || {
            moving.catch_up(spend)?;
            let _placing = self.placing.lock();
            moving.finish()?;
            self.directory.store(Some(to.clone()));
            Ok(())
        };
        loop {
            match take_place() {
                Err(MoveError::Behind) => {}
                moved => return moved,
            }
        }
    }

    /// Nobody wants a move of it to `to` any more, unless it has ended by itself; answers where the partition is and stays.
    pub fn call_off(&self, to: &LogDir, progress: &Progress) -> Result<Option<Arc<LogDir>>, Unavailable> {
        // Not while the copy takes its place: then it is too late.
        let _placing = self.placing.lock();
        progress.call_off(to).map_err(|error| {
            tracing::error!(partition = %self.id, to = %to.path().display(), %error, "a move cannot be called off");
            Unavailable::StorageFailed
        })?;
        Ok(self.directory())
    }

    pub fn leadership(&self) -> Arc<Leadership> {
        self.leadership.load_full()
    }

    pub fn settings(&self) -> arc_swap::Guard<Arc<TopicSettings>> {
        self.settings.load()
    }

    /// The log when it is open already.
    pub fn opened(&self) -> Option<&Arc<Log>> {
        self.log.get()
    }

    /// Where the log ended when it was opened here: what is below was written before.
    pub fn opened_at(&self) -> Option<Offset> {
        self.opened_at.get().copied()
    }

    /// The log, opened (and recovered) if this is its first use: that reads its files, after a crash all that was not synced. None in a
    /// directory that has failed, whatever the kernel still has of it (OPS-2).
    pub fn log(self: &Arc<Self>) -> Result<&Arc<Log>, Unavailable> {
        let log = self.log.get().map_or_else(|| self.open(), Ok)?;
        if log.is_offline() { Err(Unavailable::StorageFailed) } else { Ok(log) }
    }

    fn open(self: &Arc<Self>) -> Result<&Arc<Log>, Unavailable> {
        if is_hurried() {
            return Err(Unavailable::Cold);
        }
        let mut opening = self.opening.lock();
        if let Some(log) = self.log.get() {
            return Ok(log);
        }
        if let Some(never) = &*opening {
            return Err(never.clone());
        }
        let directory = self.directory().ok_or(Unavailable::StorageFailed)?;
        let log = directory.open_log(&self.id, self.settings.load().log.clone()).map_err(|error| {
            tracing::error!(partition = %self.id, %error, "the log cannot be opened");
            match error {
                // Looked at once: all of a large log is read for it, and it does not heal by itself.
                LogError::Damaged { .. } => opening.insert(Unavailable::Damaged(error.to_string())).clone(),
                _ => Unavailable::StorageFailed,
            }
        })?;
        // One replica in sync: what is synced here is committed. Other replicas will have their say in this place.
        let raised = Arc::downgrade(&log);
        log.on_synced(Box::new(move |synced| {
            if let Some(log) = raised.upgrade() {
                log.advance_high(synced);
            }
        }));
        // What was recovered was synced by recovery.
        log.advance_high(log.synced_mark().get());
        log.begin_epoch(self.leadership.load().epoch);
        self.opened_at.get_or_init(|| log.bounds().end());
        Ok(self.log.get_or_init(|| log))
    }

    /// Checks that this broker leads and that the client knows the same leader (OFF-9, FET-6). `None`: the client
    /// did not say an epoch.
    pub fn check_leader(&self, current_epoch: Option<LeaderEpoch>) -> Result<LeaderEpoch, Unavailable> {
        let leadership = self.leadership.load();
        if let Some(current) = current_epoch {
            if current < leadership.epoch {
                return Err(Unavailable::FencedEpoch);
            }
            if current > leadership.epoch {
                return Err(Unavailable::UnknownEpoch);
            }
        }
        self.leads(&leadership)
    }

    fn leads(&self, leadership: &Leadership) -> Result<LeaderEpoch, Unavailable> {
        if leadership.leader == Some(self.this_node) { Ok(leadership.epoch) } else { Err(Unavailable::NotLeader) }
    }

    /// No other replica has to have what is committed.
    pub fn is_alone_in_sync(&self) -> bool {
        self.leadership.load().in_sync == [self.this_node]
    }

    /// Appends one checked batch. The caller waits for [`Partition::committed`] when `acks` asks for it.
    pub fn append(
        self: &Arc<Self>,
        batch: CheckedBatch,
        acks: Acks,
        terms: impl Into<AppendTerms>,
    ) -> Result<Appended, ProduceError> {
        let leadership = self.leadership.load();
        let epoch = self.leads(&leadership)?;
        if acks == Acks::All {
            let in_sync = leadership.in_sync.len();
            // No more can be asked for than there are replicas (Kafka's `effectiveMinIsr`).
            let minimum = self.settings.load().in_sync_replicas_min.min(leadership.replicas.len());
            if in_sync < minimum {
                return Err(ProduceError::NotEnoughReplicas { in_sync, minimum });
            }
        }
        Ok(self.log()?.append(batch, epoch, terms)?)
    }

    /// Appends the marker that ends what a producer has open here (TXN-9). The caller waits for its commit.
    pub fn append_marker(
        self: &Arc<Self>,
        producer: ProducerId,
        epoch: ProducerEpoch,
        marker: EndTransactionMarker,
        version: TransactionVersion,
    ) -> Result<Appended, ProduceError> {
        let batch = marker.batch(producer, epoch, self.log()?.wall_ms());
        self.append(batch, Acks::All, AppendTerms { version, ..AppendOrigin::Coordinator.into() })
    }

    /// Before the first batch of a transaction is appended its coordinator is asked; the guard goes with the append
    /// (TXN-7). `None`: the transaction is open here already.
    pub fn start_verification(self: &Arc<Self>, question: Question) -> Result<Option<VerificationGuard>, ProduceError> {
        self.check_leader(None)?;
        Ok(self.log()?.start_verification(question)?)
    }

    /// Reads what a consumer may see: below the high watermark, or below the last stable offset.
    pub fn read(
        self: &Arc<Self>,
        from: Offset,
        isolation: Isolation,
        bytes_max: usize,
        at_least_one: bool,
    ) -> Result<Read, ReadFault> {
        let limit = match isolation {
            Isolation::ReadUncommitted => ReadLimit::High,
            Isolation::ReadCommitted if seeded::strikes(Bug::IgnoresStable) => ReadLimit::High,
            Isolation::ReadCommitted => ReadLimit::Stable,
        };
        Ok(self.log()?.read(from, limit, bytes_max, at_least_one)?)
    }

    /// May records be deleted here? Only where this broker leads and the topic's policy knows of deletion.
    pub fn may_delete_records(&self) -> Result<(), DeleteRecordsError> {
        self.check_leader(None)?;
        let settings = self.settings.load();
        if settings.log.compact && !settings.log.delete { Err(DeleteRecordsError::Policy) } else { Ok(()) }
    }

    /// Deletes the records below `to`, or all that are committed; the answer is to be waited for.
    pub fn delete_records(self: &Arc<Self>, to: Option<Offset>) -> Result<StartMove, DeleteRecordsError> {
        self.may_delete_records()?;
        Ok(self.log()?.advance_start(to)?)
    }

    /// The mark that a consumer of this isolation waits on.
    pub fn visible(self: &Arc<Self>, isolation: Isolation) -> Result<&Arc<Watermark>, Unavailable> {
        let log = self.log()?;
        Ok(match isolation {
            Isolation::ReadUncommitted => log.high_mark(),
            Isolation::ReadCommitted => log.stable_mark(),
        })
    }

    pub fn update_leadership(&self, leadership: Leadership) {
        let lost = leadership.leader != Some(self.this_node);
        let epoch = leadership.epoch;
        self.leadership.store(Arc::new(leadership));
        if let Some(log) = self.log.get().filter(|_| !lost) {
            log.begin_epoch(epoch);
        }
        if lost {
            self.close_marks(Closed::NotLeader);
        }
    }

    pub fn update_settings(&self, settings: Arc<TopicSettings>) {
        if let Some(log) = self.log.get() {
            log.update_config(settings.log.clone());
        }
        self.settings.store(settings);
    }

    /// Wakes everyone who waits for this partition, with the reason.
    pub fn close_marks(&self, why: Closed) {
        if let Some(log) = self.log.get() {
            for mark in [log.end_mark(), log.synced_mark(), log.high_mark(), log.stable_mark()] {
                mark.close(why);
            }
        }
    }

    /// The topic was deleted: waiters leave, the directory goes.
    pub fn delete(self: &Arc<Self>) {
        self.close_marks(Closed::Deleted);
        // What an offline directory holds goes when it can be used again, as the rest of a deleted topic.
        let _placing = self.placing.lock();
        let Some(directory) = self.directory() else { return };
        let deleted = {
            let mut opening = self.opening.lock();
            match self.log.get() {
                Some(log) => directory.delete_log(log),
                None => {
                    // Who asks for it from now on has old metadata.
                    *opening = Some(Unavailable::NotLeader);
                    directory.delete_closed(&self.id, self.settings.load().log.file_delete_delay_ms)
                }
            }
        };
        if let Err(error) = deleted {
            tracing::error!(partition = %self.id, %error, "the log of a deleted topic cannot be removed");
        }
    }
}
