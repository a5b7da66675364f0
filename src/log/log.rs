//! One partition's log: its face to the rest of the broker, and the state that append, read and recovery share.
use crate::{
    log::{
        Closed, LogConfig, Watermark,
        epoch_cache::EpochCache,
        folder::Folder,
        producer_state::{ProducerStates, ProducerView},
        segment::Segment,
        shared::Shared,
        tail::Tail,
        transactions::Unstable,
        verification::Verifications,
        wal::{Committed, EntryHead, EntryKind, WalError, WalSequence},
    },
    types::{LeaderEpoch, LogBounds, Offset, OffsetAndEpoch, ProducerId, TopicId, TopicName, TopicPartition},
};
use arc_swap::ArcSwap;
use parking_lot::{Mutex, RwLock};
use std::{
    path::PathBuf,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

/// Which log.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LogId {
    pub topic: TopicName,
    pub topic_id: TopicId,
    pub partition: i32,
}

impl LogId {
    /// What the write-ahead log knows it by.
    pub fn key(&self) -> (TopicId, i32) {
        (self.topic_id, self.partition)
    }

    pub fn topic_partition(&self) -> TopicPartition {
        TopicPartition { topic: self.topic.clone(), partition: self.partition }
    }

    /// What is told of it to the write-ahead log, without a body.
    pub(in crate::log) fn entry(&self, kind: EntryKind, offset: Offset, leader_epoch: LeaderEpoch) -> EntryHead {
        EntryHead { kind, topic_id: self.topic_id, partition: self.partition, offset, leader_epoch, len: 0 }
    }
}

impl std::fmt::Display for LogId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// Why a log cannot be opened, cut or deleted.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: std::io::Error },
    /// Damage below what was known to be synced is never repaired by forgetting (LOG-14).
    #[error(
        "{} is damaged at byte {position}, below what was synced: {what}. Restore this file from a copy, or move the \
         partition's directory away to let it be fetched from a replica (what only this broker has would be lost)",
        path.display()
    )]
    Damaged { path: PathBuf, position: u64, what: String },
    #[error("the log directory failed: {0}")]
    StorageFailed(String),
    #[error("the write-ahead log refused the entry: {0}")]
    Wal(#[from] WalError),
    #[error("the log was deleted")]
    Deleted,
}

impl LogError {
    pub fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> LogError {
        let path = path.into();
        move |source| LogError::Io { action, path, source }
    }
}

/// One partition's log.
pub struct Log {
    pub(in crate::log) id: LogId,
    /// Of the directory that the log is in, which may change.
    shared: ArcSwap<Shared>,
    pub(in crate::log) folder: Arc<Folder>,
    pub(in crate::log) config: ArcSwap<LogConfig>,
    /// The append lock.
    pub(in crate::log) writer: Mutex<Writer>,
    /// The bounds lock: held for a few instructions only, also by readers and the write-ahead log's thread.
    pub(in crate::log) shown: Mutex<Shown>,
    /// Sorted by base offset, never empty; the last is the one written.
    pub(in crate::log) segments: RwLock<Vec<Arc<Segment>>>,
    pub(in crate::log) epochs: Mutex<EpochCache>,
    /// Held, before the append lock, while segments other than the one written to are removed, cut or replaced.
    pub(in crate::log) reshaping: Mutex<()>,
    /// Where compaction ended last; -1 before its first run.
    cleaned: AtomicI64,
    /// As `Known::gaps_to`.
    gaps_to: AtomicI64,
    /// When somebody last asked for records, in milliseconds of the monotonic clock, plus one; 0 for never.
    asked_ms: AtomicU64,
    pub(in crate::log) reach: Arc<Reach>,
    /// The same as `reach`, as the write-ahead log takes it.
    pub(in crate::log) committed: Arc<dyn Committed>,
    end_mark: Arc<Watermark>,
    high_mark: Arc<Watermark>,
    stable_mark: Arc<Watermark>,
    pub(in crate::log) this: Weak<Log>,
}

/// What only the holder of the append lock sees.
pub(in crate::log) struct Writer {
    pub active: Arc<Segment>,
    pub end: Offset,
    /// Bytes since the last index entry.
    pub since_index: u64,
    /// Timestamp of the active segment's first batch, once asked for.
    pub first_timestamp_ms: Option<i64>,
    pub created_ms: i64,
    pub producers: ProducerStates,
    pub verifications: Verifications,
    pub latest_epoch: Option<LeaderEpoch>,
    /// Segments rolled since the last checkpoint.
    pub sealed_dirty: Vec<Arc<Segment>>,
    /// There are bytes in the segments that neither the write-ahead log nor a sync covers.
    pub unlogged: bool,
    /// Listed for the next checkpoint.
    pub listed: bool,
    /// Names were made since the last checkpoint, perhaps the directory itself: they are to be synced too (LOG-10).
    pub new_folder: bool,
    pub recovery_point: Offset,
    pub snapshots: Vec<Offset>,
    /// Those that no checkpoint has synced yet.
    pub unsynced_snapshots: Vec<Offset>,
    /// Those that a checkpoint has taken from there and may not have synced yet.
    pub syncing_snapshots: Vec<Offset>,
    pub unflushed_records: u64,
    /// The newest cut that the write-ahead log has and no checkpoint covers: a crash does it once more.
    pub cut: Option<WalSequence>,
    /// Why no more is appended.
    pub closed: Option<Closed>,
}

/// What readers see, under the bounds lock.
pub(in crate::log) struct Shown {
    pub bounds: LogBounds,
    pub unstable: Unstable,
    pub tail: Tail,
}

/// How far the log is safe on disk, and who wants to know.
pub(in crate::log) struct Reach {
    pub synced: Arc<Watermark>,
    pub hook: OnceLock<Box<dyn Fn(Offset) + Send + Sync>>,
    pub shared: Mutex<Weak<Shared>>,
}

impl Committed for Reach {
    fn committed(&self, up_to: Offset) {
        self.synced.raise(up_to);
        if let Some(hook) = self.hook.get() {
            hook(up_to);
        }
    }

    fn failed(&self, error: &WalError) {
        self.synced.close(Closed::StorageFailed);
        let shared = self.shared.lock().upgrade();
        if let Some(shared) = shared {
            shared.fail(error.to_string());
        }
    }
}

/// What recovery hands over to make a log of.
pub(in crate::log) struct Loaded {
    pub segments: Vec<Arc<Segment>>,
    pub writer: Writer,
    pub bounds: LogBounds,
    pub epochs: EpochCache,
    pub synced: Offset,
    pub unstable: Unstable,
    pub cleaned: Option<Offset>,
    pub gaps_to: Option<Offset>,
}

impl Log {
    pub(in crate::log) fn assemble(
        id: LogId,
        shared: Arc<Shared>,
        folder: Arc<Folder>,
        config: Arc<LogConfig>,
        loaded: Loaded,
    ) -> Arc<Log> {
        let Loaded { segments, writer, bounds, epochs, synced, unstable, cleaned, gaps_to } = loaded;
        shared.take_config(&config);
        let tail = Tail::new(writer.active.clone());
        let reach = Arc::new(Reach {
            synced: Watermark::new(synced),
            hook: OnceLock::new(),
            shared: Mutex::new(Arc::downgrade(&shared)),
        });
        Arc::new_cyclic(|this| Log {
            id,
            folder,
            config: ArcSwap::new(config),
            writer: Mutex::new(writer),
            shown: Mutex::new(Shown { bounds, unstable, tail }),
            segments: RwLock::new(segments),
            epochs: Mutex::new(epochs),
            reshaping: Mutex::new(()),
            cleaned: AtomicI64::new(cleaned.map_or(-1, Offset::get)),
            gaps_to: AtomicI64::new(gaps_to.map_or(-1, Offset::get)),
            asked_ms: AtomicU64::new(0),
            committed: reach.clone(),
            reach,
            end_mark: Watermark::new(bounds.end()),
            high_mark: Watermark::new(bounds.high()),
            stable_mark: Watermark::new(bounds.stable()),
            this: this.clone(),
            shared: ArcSwap::from(shared),
        })
    }

    /// The common part of the directory that the log is in.
    pub(in crate::log) fn shared(&self) -> arc_swap::Guard<Arc<Shared>> {
        self.shared.load()
    }

    /// The log is in another directory from now on. Under the append lock.
    pub(in crate::log) fn set_shared(&self, shared: &Arc<Shared>) {
        *self.reach.shared.lock() = Arc::downgrade(shared);
        self.shared.store(shared.clone());
    }

    pub fn id(&self) -> &LogId {
        &self.id
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path()
    }

    pub fn config(&self) -> Arc<LogConfig> {
        self.config.load_full()
    }

    /// Takes effect with the next append; a segment that is already too large is rolled then.
    pub fn update_config(&self, config: Arc<LogConfig>) {
        self.shared().take_config(&config);
        self.config.store(config);
    }

    /// The four ends. Takes the bounds lock only, never the append lock.
    pub fn bounds(&self) -> LogBounds {
        self.shown.lock().bounds
    }

    /// Raised by every append.
    pub fn end_mark(&self) -> &Arc<Watermark> {
        &self.end_mark
    }

    /// Everything below is safe on this disk as the sync policy demands.
    pub fn synced_mark(&self) -> &Arc<Watermark> {
        &self.reach.synced
    }

    pub fn high_mark(&self) -> &Arc<Watermark> {
        &self.high_mark
    }

    pub fn stable_mark(&self) -> &Arc<Watermark> {
        &self.stable_mark
    }

    /// `hook` is called whenever the synced mark rose, from the write-ahead log's thread or the appender's: it must not
    /// block nor append. Set once, before the first append; what was synced before is in `synced_mark`.
    pub fn on_synced(&self, hook: Box<dyn Fn(Offset) + Send + Sync>) {
        assert!(self.reach.hook.set(hook).is_ok(), "the synced hook is set once");
    }

    /// Moves the high watermark, never back and not past the end; the stable offset follows (OFF-1, OFF-2).
    pub fn advance_high(&self, to: Offset) {
        let (high, stable) = {
            let mut shown = self.shown.lock();
            // A commit can be quicker than its appender, which calls again once the end is shown.
            let to = to.min(shown.bounds.end());
            shown.unstable.replicated(to);
            let first_unstable = shown.unstable.first();
            shown.bounds.advance_high(to, first_unstable);
            (shown.bounds.high(), shown.bounds.stable())
        };
        self.high_mark.raise(high);
        self.stable_mark.raise(stable);
    }

    /// Marks after a cut: they go back without waking anyone.
    pub(in crate::log) fn reset_marks(&self, bounds: LogBounds) {
        self.end_mark.reset(bounds.end());
        self.high_mark.reset(bounds.high());
        self.stable_mark.reset(bounds.stable());
        if self.reach.synced.get() > bounds.end() {
            self.reach.synced.reset(bounds.end());
        }
    }

    /// Everyone who waits here, now or later, gets `why`.
    pub fn close_marks(&self, why: Closed) {
        for mark in [&self.end_mark, &self.high_mark, &self.stable_mark, &self.reach.synced] {
            mark.close(why);
        }
    }

    /// The directory has failed: the log takes no more records, and what it has is not certain.
    pub fn is_offline(&self) -> bool {
        self.shared().failure().is_some()
    }

    /// A leader begins `epoch`: its first record will be the next one (LOG-20).
    pub fn begin_epoch(&self, epoch: LeaderEpoch) {
        let mut writer = self.writer.lock();
        if writer.latest_epoch.is_none_or(|latest| latest < epoch) {
            writer.latest_epoch = Some(epoch);
            self.epochs.lock().assign(epoch, writer.end);
        }
    }

    /// Where `epoch` ended here (FET-8); `None` when it is later than all epochs of this log.
    pub fn epoch_end(&self, epoch: LeaderEpoch) -> Option<OffsetAndEpoch> {
        let end = self.bounds().end();
        self.epochs.lock().end_of(epoch, end)
    }

    /// Epoch of the record at `offset`.
    pub fn epoch_at(&self, offset: Offset) -> Option<LeaderEpoch> {
        self.epochs.lock().at(offset)
    }

    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.epochs.lock().latest()
    }

    /// Where the newest epoch begins here.
    pub fn latest_epoch_start(&self) -> Option<Offset> {
        self.epochs.lock().latest_start()
    }

    /// Everything below was compacted once.
    pub fn cleaned(&self) -> Option<Offset> {
        Offset::from_wire(self.cleaned.load(Ordering::Acquire))
    }

    pub(in crate::log) fn set_cleaned(&self, to: Offset) {
        self.cleaned.store(to.get(), Ordering::Release);
    }

    /// Below, compaction may have removed records.
    pub(in crate::log) fn gaps_to(&self) -> Option<Offset> {
        Offset::from_wire(self.gaps_to.load(Ordering::Acquire)).max(self.cleaned())
    }

    /// Before a run of compaction puts anything in place. Until one has come as far, to its end: a later one may end before.
    pub(in crate::log) fn expect_gaps(&self, to: Offset) {
        self.gaps_to.fetch_max(to.get(), Ordering::AcqRel);
    }

    /// Of a cut: nothing stands behind it.
    pub(in crate::log) fn end_gaps(&self, at: Offset) {
        self.gaps_to.fetch_min(at.get(), Ordering::AcqRel);
    }

    /// Somebody asks for records.
    pub(in crate::log) fn note_asked(&self) {
        self.asked_ms.store(self.shared().clock.monotonic().as_millis() as u64 + 1, Ordering::Relaxed);
    }

    /// When somebody last did, by the monotonic clock.
    pub(in crate::log) fn asked(&self) -> Option<Duration> {
        self.asked_ms.load(Ordering::Relaxed).checked_sub(1).map(Duration::from_millis)
    }

    /// Bytes of all segments.
    pub fn size_bytes(&self) -> u64 {
        self.segments.read().iter().filter(|segment| !segment.is_stand_in()).map(|segment| segment.bytes()).sum()
    }

    /// Number of segments.
    pub fn segments(&self) -> usize {
        self.segments.read().len()
    }

    /// The producers this log remembers, by id.
    pub fn producers(&self) -> Vec<ProducerView> {
        self.writer.lock().producers.iter().map(|(id, producer)| ProducerView::of(id, producer)).collect()
    }

    /// One of them.
    pub fn producer(&self, id: ProducerId) -> Option<ProducerView> {
        self.writer.lock().producers.get(id).map(|producer| ProducerView::of(id, producer))
    }

    /// Forgets idle producers (IDEM-9, IDEM-12).
    pub fn expire_producers(&self) -> usize {
        let config = self.config();
        let now_ms = self.shared().clock.wall_ms();
        let mut writer = self.writer.lock();
        writer.verifications.expire(now_ms, config.producer_id_expiration_ms);
        writer.producers.expire(now_ms, config.producer_id_expiration_ms, config.producer_ids_max)
    }
}
