//! A log directory: its lock, its write-ahead log, its checkpoints, and the logs in it.
use crate::{
    log::{
        Closed, LogConfig, LogDirSettings,
        checkpoint::Noted,
        failed_sync,
        folder::Folder,
        known, last_stop,
        log::{Log, LogError, LogId},
        log_dir_error::LogDirError,
        lost_notes, names,
        opening::Opening,
        partition_dirs::{AskEarlier, Leftovers},
        pending::Pending,
        properties::MetaProperties,
        shared::Shared,
        wal::{RecoveredEntry, Wal, WalSequence},
    },
    platform::{Clock, Disk, Filesystem},
    types::{TopicId, TopicPartition},
};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// What the five checkpoint files say, and what they should say next.
#[derive(Default)]
pub(in crate::log) struct Checkpoints {
    /// Logs that have snapshots of their producers are marked; and those of which nothing is synced yet, while the first
    /// checkpoint goes on that leaves them epochs (see `first_checkpoint`).
    pub recovery: Noted,
    /// At the start of this process it was as this broker writes it, not as Kafka does.
    pub recovery_sealed: bool,
    /// It was not there, or could not be read.
    pub recovery_lost: bool,
    /// Logs that were compacted once are marked.
    pub starts: Noted,
    /// There was a file of log starts before this process, and it is gone or could not be read.
    pub starts_lost: bool,
    /// All logs have told theirs since.
    pub starts_taken: bool,
    pub highs: Noted,
    pub cleaned: Noted,
    /// Of logs that were cut: entries of the write-ahead log below are in the segments. Numbers of entries, not offsets.
    pub cuts: Noted,
    /// Those whose first recovery point is not in the file yet.
    pub unwritten: BTreeSet<TopicPartition>,
    /// Logs that are gone while the files still speak of them.
    pub stale: BTreeSet<TopicPartition>,
    /// Logs whose high watermark was below their end when it was noted: it rises without an append.
    pub behind: BTreeMap<(TopicId, i32), Arc<Log>>,
}

/// One log directory of the broker.
pub struct LogDir {
    pub(in crate::log) shared: Arc<Shared>,
    pub(in crate::log) settings: LogDirSettings,
    /// Held from before anything is written here.
    pub(in crate::log) filesystem: Arc<dyn Filesystem>,
    meta: OnceLock<MetaProperties>,
    clean: bool,
    previous_broker_epoch: Option<i64>,
    broker_epoch: AtomicI64,
    pub(in crate::log) checkpoints: Mutex<Checkpoints>,
    pub(in crate::log) pending: Mutex<Option<Arc<Pending>>>,
    /// Logs with entries in the write-ahead log that could not be opened: their entries are kept until they can be.
    pub(in crate::log) held: Mutex<BTreeSet<(TopicId, i32)>>,
    /// `finish_recovery` was called.
    recovered: AtomicBool,
    /// The background thread is to take a checkpoint, whatever the time.
    pub(in crate::log) checkpoint_soon: AtomicBool,
    pub(in crate::log) topic_ids: Mutex<BTreeMap<String, TopicId>>,
    pub(in crate::log) leftovers: Mutex<Leftovers>,
    pub(in crate::log) earlier: OnceLock<AskEarlier>,
    /// Held while a partition's directory gets or loses its name.
    pub(in crate::log) naming: Mutex<()>,
    pub(in crate::log) names_given: AtomicU64,
    /// Held while a log is opened, so that no two threads recover one log; several, so that many are opened at once.
    opening: [Mutex<()>; 64],
    pub(in crate::log) thread: Mutex<Option<JoinHandle<()>>>,
    /// One checkpoint at a time.
    pub(in crate::log) checkpointing: Mutex<()>,
    _lock: Box<dyn Send + Sync>,
}

impl LogDir {
    /// Takes the directory's lock, opens its write-ahead log and reads its checkpoints. The clean-shutdown marker is
    /// removed before any log is opened (LOG-12).
    pub fn open(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        path: &Path,
        settings: LogDirSettings,
    ) -> Result<Arc<LogDir>, LogDirError> {
        make_durably(&*disk, path)?;
        let lock = disk.lock(&path.join(names::LOCK)).map_err(|source| match source.kind() {
            io::ErrorKind::WouldBlock => LogDirError::Locked { path: path.to_owned() },
            _ => LogDirError::Io { action: "lock", path: path.to_owned(), source },
        })?;
        LogDir::open_locked(disk.clone(), clock, path, settings, lock).inspect_err(failed_sync::noted(&*disk, path))
    }

    fn open_locked(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        path: &Path,
        settings: LogDirSettings,
        lock: Box<dyn Send + Sync>,
    ) -> Result<Arc<LogDir>, LogDirError> {
        let filesystem = disk.filesystem(path).map_err(LogDirError::io("open", path))?;
        failed_sync::write_again(&*disk, path, &*filesystem)?;
        let meta = read_meta(&*disk, path)?;
        let bytes = disk.total_bytes(path).map_err(LogDirError::io("ask for the size of", path))?;
        let settings = settings.fitted_to(bytes);
        let (wal, recovered, orderly) = last_stop::open_wal(&disk, &clock, path, &settings)?;
        let mut by_log: BTreeMap<(TopicId, i32), Vec<RecoveredEntry>> = BTreeMap::new();
        for entry in recovered.entries() {
            by_log.entry((entry.head.topic_id, entry.head.partition)).or_default().push(*entry);
        }
        by_log.retain(|_, entries| known::are_left(entries));
        let read = |name: &str| lost_notes::read_noted(&*disk, &path.join(name));
        let starts = read(names::LOG_STARTS)?;
        let recovery = read(names::RECOVERY_POINTS)?;
        let starts_lost = lost_notes::are_starts_lost(&*disk, path, &starts, &recovery);
        let checkpoints = Checkpoints {
            recovery_sealed: recovery.sealed,
            recovery_lost: recovery.changed,
            recovery: recovery.marked_unless_sealed(),
            // What cannot be read is to be written again.
            starts_lost: starts_lost.map_err(LogDirError::io("list", path))?,
            starts,
            highs: read(names::HIGH_WATERMARKS)?,
            // Only directories where something is compacted have this file.
            cleaned: read(names::CLEANER_OFFSETS)?,
            // Nor was any of most directories ever cut.
            cuts: read(names::CUTS_DONE)?,
            ..Checkpoints::default()
        };
        let shared = Shared::new(disk, clock, wal, path.to_owned(), &settings);
        let directory = Arc::new(LogDir {
            clean: orderly.is_some(),
            previous_broker_epoch: orderly.and_then(|stop| stop.broker_epoch),
            broker_epoch: AtomicI64::new(-1),
            shared,
            settings,
            filesystem,
            meta: meta.map(OnceLock::from).unwrap_or_default(),
            checkpoints: Mutex::new(checkpoints),
            pending: Mutex::new(Some(Arc::new(Pending { recovered, by_log }))),
            held: Mutex::default(),
            recovered: AtomicBool::new(false),
            checkpoint_soon: AtomicBool::new(false),
            topic_ids: Mutex::default(),
            leftovers: Mutex::default(),
            earlier: OnceLock::new(),
            naming: Mutex::default(),
            names_given: AtomicU64::new(0),
            opening: std::array::from_fn(|_| Mutex::new(())),
            thread: Mutex::new(None),
            checkpointing: Mutex::default(),
            _lock: lock,
        });
        let _ = directory.shared.directory.set(Arc::downgrade(&directory));
        directory.look_at_space();
        directory.start_background()?;
        Ok(directory)
    }

    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    pub fn wal(&self) -> &Arc<Wal> {
        &self.shared.wal
    }

    /// Why the directory takes no more records, if so.
    pub fn failure(&self) -> Option<String> {
        self.shared.failure().map(str::to_owned)
    }

    /// The last stop of a broker here was orderly.
    pub fn was_clean(&self) -> bool {
        self.clean
    }

    /// The broker epoch that the last orderly stop noted (KIP-966).
    pub fn previous_broker_epoch(&self) -> Option<i64> {
        self.previous_broker_epoch
    }

    /// To be noted by an orderly stop.
    pub fn set_broker_epoch(&self, epoch: i64) {
        self.broker_epoch.store(epoch, Ordering::Relaxed);
    }

    pub(in crate::log) fn broker_epoch(&self) -> i64 {
        self.broker_epoch.load(Ordering::Relaxed)
    }

    /// Whose directory this is; `None` when it is not formatted.
    pub fn meta_properties(&self) -> Option<&MetaProperties> {
        self.meta.get()
    }

    /// Whether `meta.properties` tells later starts that a life of this broker was here.
    pub fn is_marked_as_ours(&self) -> bool {
        last_stop::had_a_life(&*self.shared.disk, self.path())
    }

    /// Formats the directory: durable when this returns.
    pub fn write_meta_properties(&self, meta: &MetaProperties) -> Result<(), LogDirError> {
        let write = |name: &str, text: String| {
            let path = self.path().join(name);
            self.shared.disk.write_atomic(&path, text.as_bytes()).map_err(LogDirError::io("write", &path))
        };
        // From here on a start takes the file for lost where it is not there.
        if !self.starts_lost() && !self.shared.disk.exists(&self.path().join(names::LOG_STARTS)) {
            write(names::LOG_STARTS, Noted::default().print())?;
        }
        write(names::META_PROPERTIES, meta.print())?;
        let _ = self.meta.set(meta.clone());
        Ok(())
    }

    /// The notes of where logs start are gone or cannot be read: all logs are to be opened before `finish_recovery`, so that the next checkpoint,
    /// which makes the file anew, knows their starts (LOG-18).
    pub fn starts_lost(&self) -> bool {
        self.checkpoints.lock().starts_lost
    }

    /// Opens one log, recovering what a crash left undone, or creates it. A log that is open already is answered again.
    pub fn open_log(&self, id: &LogId, config: Arc<LogConfig>) -> Result<Arc<Log>, LogError> {
        let lane = id.topic_id.0.as_bytes()[15] as usize + id.partition as usize;
        let _one = self.opening[lane % self.opening.len()].lock();
        if let Some(open) = self.shared.logs.lock().get(&id.key()) {
            return Ok(open.clone());
        }
        let pending = self.pending.lock().clone();
        let entries = pending.as_ref().and_then(|pending| Some((&**pending, pending.by_log.get(&id.key())?)));
        let opened = self.open_closed(id, config, entries);
        if entries.is_some() {
            match &opened {
                Ok(_) => self.no_longer_held(&id.key()),
                Err(_) => {
                    self.held.lock().insert(id.key());
                }
            }
        }
        opened
    }

    fn open_closed(
        &self,
        id: &LogId,
        config: Arc<LogConfig>,
        pending: Option<(&Pending, &Vec<RecoveredEntry>)>,
    ) -> Result<Arc<Log>, LogError> {
        let path = self.path().join(names::of_partition(&id.topic, id.partition));
        let listing = self.found_or_made(id, &path)?;
        let folder = Folder::new(path.clone(), self.shared.files.clone(), self.shared.indexes.clone());
        let as_it_is = self.takes_as_it_is(id, listing.as_deref().unwrap_or_default(), pending.is_some())?;
        let pending = pending.filter(|_| !as_it_is);
        let undisturbed = listing.is_some() && pending.is_none() && !as_it_is;
        let mut known = self.checkpoints.lock().known(&id.topic_partition(), undisturbed);
        known.clean = self.clean && undisturbed;
        known.notes_lost |= as_it_is;
        known.take_policy(config.compact);
        let cuts_done = self.checkpoints.lock().cuts.get(&id.topic_partition());
        let cuts_done = cuts_done.map_or(WalSequence::ZERO, |done| WalSequence::new(done.get().unsigned_abs()));
        let entries = pending.map_or(&[][..], |(_, entries)| entries);
        known.take_entries(entries, cuts_done);
        if entries.is_empty() {
            known.take_files(listing.as_deref().unwrap_or_default());
        }
        let opening = Opening::new(&folder, &config, known, self.shared.clock.wall_ms());
        let loaded = match &listing {
            Some(listing) => opening.load(listing)?,
            None => opening.fresh(Default::default()),
        };
        if loaded.writer.active.bytes() == 0 {
            // The file's name is what tells where an empty log begins, and no append waits for a file to be made.
            loaded.writer.active.file().map_err(LogError::io("create", &path))?;
        }
        let log = Log::assemble(id.clone(), self.shared.clone(), folder, config, loaded);
        log.tell_lost_beginning().map_err(LogError::io("read", &path))?;
        if let Some((pending, entries)) = pending {
            log.replay(&pending.recovered, entries, listing.is_none(), cuts_done)?;
        }
        log.settle(pending.is_some(), self.is_recovered())?;
        let mut checkpoints = self.checkpoints.lock();
        if checkpoints.starts_lost {
            // The next checkpoint makes the file that is lost.
            checkpoints.behind.insert(id.key(), log.clone());
        }
        drop(checkpoints);
        if self.failure().is_some() {
            log.close_marks(Closed::StorageFailed);
        }
        Ok(self.shared.logs.lock().entry(id.key()).or_insert(log).clone())
    }

    pub(in crate::log) fn forget(&self, at: TopicPartition) {
        let mut checkpoints = self.checkpoints.lock();
        let Checkpoints { recovery, starts, highs, cleaned, cuts, stale, .. } = &mut *checkpoints;
        let files = [recovery, starts, highs, cleaned, cuts];
        if files.iter().any(|file| file.get(&at).is_some()) {
            files.into_iter().for_each(|file| file.set(&at, None));
            stale.insert(at);
        }
    }

    /// A new log of an old name must not inherit: where the checkpoint files still speak of the old one, they are written anew.
    pub(in crate::log) fn write_forgotten(&self, at: &TopicPartition) -> io::Result<()> {
        let mut checkpoints = self.checkpoints.lock();
        if checkpoints.stale.contains(at) { self.write_checkpoints(&mut checkpoints) } else { Ok(()) }
    }

    /// All logs with entries in the write-ahead log are open: what is left of others is dropped with the next
    /// checkpoint, which begins now. Call it before records are taken. Entries of a log that could not be opened are
    /// not dropped: they stay until it can be, or is deleted.
    pub fn finish_recovery(&self) -> Result<(), LogDirError> {
        let left = {
            let logs = self.shared.logs.lock();
            let held = self.held.lock();
            let mut pending = self.pending.lock();
            let is_left = |key: &&(TopicId, i32)| !logs.contains_key(key) && !held.contains(key);
            let left = pending.as_ref().map_or(0, |pending| pending.by_log.keys().filter(is_left).count());
            if held.is_empty() {
                *pending = None;
            } else {
                let directory = self.path().display();
                tracing::error!(%directory, logs = held.len(), "partitions with records in the write-ahead log cannot be opened: it is kept, and grows, until they can be or are deleted");
            }
            self.recovered.store(true, Ordering::Release);
            left
        };
        if left > 0 {
            tracing::info!(logs = left, "entries of deleted partitions in the write-ahead log are dropped");
        }
        if self.settings.background && self.shared.wal.unreleased_bytes() < self.settings.start_wal_bytes_max {
            // Syncing everything may take long on a busy disk, and nobody has to wait for it: what was replayed is still
            // in the write-ahead log. Unless that has grown large by one crash after the other.
            self.checkpoint_soon.store(true, Ordering::Release);
            self.shared.alarm.ring();
            return Ok(());
        }
        match self.checkpoint() {
            // What is in the write-ahead log stays there: nothing is lost, and reading goes on.
            Err(LogDirError::Full { .. }) => Ok(()),
            other => other,
        }
    }

    /// `finish_recovery` was called: checkpoints may be taken.
    pub(in crate::log) fn is_recovered(&self) -> bool {
        self.recovered.load(Ordering::Acquire)
    }

    /// Nothing but the write-ahead log has the records of some log.
    pub(in crate::log) fn is_pending(&self) -> bool {
        self.pending.lock().is_some()
    }

    /// A log's entries are in its segments, or nobody wants them any more.
    pub(in crate::log) fn no_longer_held(&self, key: &(TopicId, i32)) {
        let mut held = self.held.lock();
        if held.remove(key) && held.is_empty() && self.is_recovered() {
            *self.pending.lock() = None;
        }
    }

    /// The open logs.
    pub fn logs(&self) -> Vec<Arc<Log>> {
        self.shared.logs.lock().values().cloned().collect()
    }

    /// Damages found in the logs here since the start.
    pub fn damages(&self) -> u64 {
        self.shared.damages.load(Ordering::Relaxed)
    }

    /// How many segment files are open.
    pub fn open_files(&self) -> usize {
        self.shared.files.open_count()
    }

    /// Bytes that can still be written here, as last seen.
    pub fn free_bytes(&self) -> u64 {
        self.shared.space.left_bytes()
    }

    /// All bytes of the filesystem and those that can still be written, as they are now.
    pub fn room(&self) -> io::Result<(i64, i64)> {
        let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        let disk = &self.shared.disk;
        Ok((signed(disk.total_bytes(self.path())?), signed(disk.free_bytes(self.path())?)))
    }

    /// Bytes of a log's segments, whether or not it is open.
    pub fn size_of(&self, id: &LogId) -> io::Result<u64> {
        if let Some(log) = self.shared.logs.lock().get(&id.key()) {
            return Ok(log.size_bytes());
        }
        let path = self.path().join(names::of_partition(&id.topic, id.partition));
        match self.shared.disk.list(&path) {
            Ok(files) => {
                let segments = files.iter().filter(|file| names::offset_of(&file.name, names::LOG).is_some());
                Ok(segments.map(|file| file.len).sum())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }

    pub(in crate::log) fn look_at_space(&self) {
        match self.shared.disk.free_bytes(self.path()) {
            Ok(free) => {
                if self.shared.space.refresh(free) {
                    self.shared.wal.keep_few_spares(false);
                    tracing::info!(directory = %self.path().display(), free_bytes = free, "the disk has room again: records are taken");
                }
            }
            Err(error) => tracing::warn!(directory = %self.path().display(), "cannot ask for free space: {error}"),
        }
    }

    /// How long the background thread sleeps at most.
    pub(in crate::log) const TICK: Duration = Duration::from_secs(1);
    /// How soon a checkpoint is tried again that a full disk has put off.
    pub(in crate::log) const PUT_OFF: Duration = Duration::from_secs(5);
}

impl Drop for LogDir {
    /// Logs and directory hold each other; without an orderly stop this is what a kill leaves.
    fn drop(&mut self) {
        self.shared.alarm.stop();
        self.shared.dirty.lock().clear();
        self.shared.logs.lock().clear();
    }
}

/// Makes the directory when it is missing; its name, and those of what is made above it, outlive a crash (LOG-10).
fn make_durably(disk: &dyn Disk, path: &Path) -> Result<(), LogDirError> {
    let missing: Vec<&Path> = path.ancestors().take_while(|above| !disk.exists(above)).collect();
    disk.create_dir_all(path).map_err(LogDirError::io("create", path))?;
    for made in missing {
        // The parent of a relative path's first part is the working directory.
        let parent = made.parent().map(|parent| if parent == Path::new("") { Path::new(".") } else { parent });
        if let Some(parent) = parent {
            disk.sync_dir(parent).map_err(LogDirError::io("sync", parent))?;
        }
    }
    Ok(())
}

fn read_meta(disk: &dyn Disk, path: &Path) -> Result<Option<MetaProperties>, LogDirError> {
    let path = path.join(names::META_PROPERTIES);
    match disk.read(&path) {
        Ok(bytes) => MetaProperties::parse(&bytes).map(Some).map_err(|source| LogDirError::Meta { path, source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LogDirError::io("read", &path)(error)),
    }
}
