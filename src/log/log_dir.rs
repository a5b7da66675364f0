//! A log directory: its lock, its write-ahead log, its checkpoints, and the logs in it.
use crate::{
    log::{
        Closed, LogConfig, LogDirSettings,
        checkpoint::{self, Offsets},
        folder::Folder,
        log::{Log, LogError, LogId},
        names,
        opening::{Known, Opening},
        properties::{self, MetaProperties, PropertiesError},
        shared::Shared,
        wal::{EntryKind, Recovered, RecoveredEntry, Wal, WalError},
    },
    platform::{Clock, Disk, Entry, OpenMode},
    types::{Offset, TopicId, TopicPartition},
};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// Why a log directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LogDirError {
    #[error(
        "{} is in use by another process (it holds the file .lock); stop it, or give this broker a directory of its own with --override log.dirs=DIR",
        path.display()
    )]
    Locked { path: PathBuf },
    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error("{} cannot be used: {source}", path.display())]
    Meta { path: PathBuf, source: PropertiesError },
    #[error(transparent)]
    Wal(#[from] WalError),
    #[error("the log directory failed: {0}")]
    Failed(String),
}

impl LogDirError {
    pub(in crate::log) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> LogDirError {
        let path = path.into();
        move |source| LogDirError::Io { action, path, source }
    }
}

/// What the three checkpoint files say, and what they should say next.
#[derive(Default)]
pub(in crate::log) struct Checkpoints {
    pub recovery: Offsets,
    pub starts: Offsets,
    pub highs: Offsets,
    /// Logs that are gone while the files still speak of them.
    pub stale: BTreeSet<TopicPartition>,
    /// The texts as last written.
    pub written: [String; 3],
}

/// Entries of the write-ahead log that are not in their logs yet, by log.
pub(in crate::log) struct Pending {
    recovered: Recovered,
    by_log: BTreeMap<(TopicId, i32), Vec<RecoveredEntry>>,
}

/// One log directory of the broker.
pub struct LogDir {
    pub(in crate::log) shared: Arc<Shared>,
    pub(in crate::log) settings: LogDirSettings,
    meta: OnceLock<MetaProperties>,
    clean: bool,
    previous_broker_epoch: Option<i64>,
    broker_epoch: AtomicI64,
    pub(in crate::log) checkpoints: Mutex<Checkpoints>,
    pub(in crate::log) pending: Mutex<Option<Arc<Pending>>>,
    topic_ids: Mutex<BTreeMap<String, TopicId>>,
    names_given: AtomicU64,
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
        disk.create_dir_all(path).map_err(LogDirError::io("create", path))?;
        let lock = disk.lock(&path.join(names::LOCK)).map_err(|source| match source.kind() {
            io::ErrorKind::WouldBlock => LogDirError::Locked { path: path.to_owned() },
            _ => LogDirError::Io { action: "lock", path: path.to_owned(), source },
        })?;
        let meta = read_meta(&*disk, path)?;
        let marker = take_marker(&*disk, path)?;
        let wal_path = path.join(names::WAL);
        let (wal, recovered) = Wal::open(disk.clone(), clock.clone(), &wal_path, settings.wal.clone())?;
        let mut by_log: BTreeMap<(TopicId, i32), Vec<RecoveredEntry>> = BTreeMap::new();
        for entry in recovered.entries() {
            by_log.entry((entry.head.topic_id, entry.head.partition)).or_default().push(*entry);
        }
        by_log.retain(|_, entries| entries.last().is_none_or(|last| last.head.kind != EntryKind::Drop));
        let read = |name: &str| read_offsets(&*disk, &path.join(name));
        let checkpoints = Checkpoints {
            recovery: read(names::RECOVERY_POINTS)?,
            starts: read(names::LOG_STARTS)?,
            highs: read(names::HIGH_WATERMARKS)?,
            ..Checkpoints::default()
        };
        let shared = Shared::new(disk, clock, wal, path.to_owned(), &settings);
        let directory = Arc::new(LogDir {
            clean: marker.is_some(),
            previous_broker_epoch: marker.flatten(),
            broker_epoch: AtomicI64::new(-1),
            shared,
            settings,
            meta: meta.map(OnceLock::from).unwrap_or_default(),
            checkpoints: Mutex::new(checkpoints),
            pending: Mutex::new(Some(Arc::new(Pending { recovered, by_log }))),
            topic_ids: Mutex::default(),
            names_given: AtomicU64::new(0),
            thread: Mutex::new(None),
            checkpointing: Mutex::default(),
            _lock: lock,
        });
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

    /// Formats the directory: written once, durable when this returns.
    pub fn write_meta_properties(&self, meta: &MetaProperties) -> Result<(), LogDirError> {
        let path = self.path().join(names::META_PROPERTIES);
        let written = self.shared.disk.write_atomic(&path, meta.print().as_bytes());
        written.map_err(LogDirError::io("write", &path))?;
        let _ = self.meta.set(meta.clone());
        Ok(())
    }

    /// The partitions on disk, by name. Directories that were being deleted go on being deleted; those that were made
    /// but never got a topic id are removed when empty and set aside otherwise.
    pub fn found(&self) -> Result<Vec<LogId>, LogDirError> {
        let listing = self.shared.disk.list(self.path()).map_err(LogDirError::io("list", self.path()))?;
        let mut found = Vec::new();
        for entry in listing.into_iter().filter(|entry| entry.is_dir) {
            let path = self.path().join(&entry.name);
            if entry.name.ends_with(names::DELETE_DIR) {
                self.shared.remove_later(path, true, 0);
                continue;
            }
            let Some((topic, partition)) = names::partition_of(&entry.name) else { continue };
            match self.topic_id_of(&path).map_err(LogDirError::io("read", &path))? {
                Some(topic_id) => {
                    self.topic_ids.lock().insert(entry.name, topic_id);
                    found.push(LogId { topic, topic_id, partition });
                }
                None => self.set_aside_nameless(&entry, &path)?,
            }
        }
        Ok(found)
    }

    fn topic_id_of(&self, path: &Path) -> io::Result<Option<TopicId>> {
        match self.shared.disk.read(&path.join(names::PARTITION_METADATA)) {
            Ok(bytes) => Ok(properties::parse_partition_metadata(&bytes).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn set_aside_nameless(&self, entry: &Entry, path: &Path) -> Result<(), LogDirError> {
        let files = self.shared.disk.list(path).map_err(LogDirError::io("list", path))?;
        if files.iter().all(|file| !file.name.ends_with(names::LOG) || file.len == 0) {
            return self.shared.disk.remove_dir_all(path).map_err(LogDirError::io("remove", path));
        }
        self.set_aside(&entry.name, names::STRAY_DIR).map(|_| ()).map_err(LogDirError::io("rename", path))
    }

    /// Renames a partition's directory out of the way.
    fn set_aside(&self, name: &str, suffix: &str) -> io::Result<PathBuf> {
        let given = self.names_given.fetch_add(1, Ordering::Relaxed);
        let wall = self.shared.clock.wall_ms() as u128;
        let to = self.path().join(names::of_leaving(name, wall << 64 | u128::from(given), suffix));
        self.shared.disk.rename(&self.path().join(name), &to)?;
        if suffix == names::STRAY_DIR {
            tracing::warn!(directory = %to.display(), "a partition directory belongs to no topic of this cluster and was set aside");
        }
        Ok(to)
    }

    /// Logs that have entries in the write-ahead log: to be opened before `finish_recovery`.
    pub fn pending(&self) -> Vec<(TopicId, i32)> {
        let pending = self.pending.lock();
        pending.as_ref().map(|pending| pending.by_log.keys().copied().collect()).unwrap_or_default()
    }

    /// Opens one log, recovering what a crash left undone, or creates it. A log that is open already is answered again.
    pub fn open_log(&self, id: &LogId, config: Arc<LogConfig>) -> Result<Arc<Log>, LogError> {
        if let Some(open) = self.shared.logs.lock().get(&id.key()) {
            return Ok(open.clone());
        }
        let name = names::of_partition(&id.topic, id.partition);
        let path = self.path().join(&name);
        let listing = self.existing(id, &name, &path)?;
        let pending = self.pending.lock().clone();
        let entries = pending.as_ref().and_then(|pending| pending.by_log.get(&id.key()));
        let folder = Folder::new(path.clone(), self.shared.files.clone(), self.shared.indexes.clone());
        let known = self.known(id, listing.is_some() && entries.is_none())?;
        let opening = Opening::new(&folder, &config, known, self.shared.clock.wall_ms());
        let fresh = listing.is_none();
        let loaded = match &listing {
            Some(listing) => opening.load(listing)?,
            None => {
                self.create_folder(id, &path).map_err(LogError::io("create", &path))?;
                opening.fresh(Default::default())
            }
        };
        if loaded.bounds.end() > Offset::ZERO && loaded.writer.active.bytes() == 0 {
            // The file's name is what tells where an empty log begins. One that begins at 0 gets it when needed.
            loaded.writer.active.file().map_err(LogError::io("create", &path))?;
        }
        let log = Log::assemble(id.clone(), self.shared.clone(), folder, config, loaded);
        if let (Some(pending), Some(entries)) = (&pending, entries) {
            log.replay(&pending.recovered, entries, fresh)?;
        }
        {
            let mut writer = log.writer.lock();
            writer.new_folder |= entries.is_some();
            if writer.unlogged || writer.new_folder {
                log.list_for_checkpoint(&mut writer);
            }
        }
        if self.failure().is_some() {
            log.close_marks(Closed::StorageFailed);
        }
        Ok(self.shared.logs.lock().entry(id.key()).or_insert(log).clone())
    }

    /// The listing of the log's directory, when it is there and belongs to this topic. One of an earlier topic of the
    /// same name is never adopted (LOG-27).
    fn existing(&self, id: &LogId, name: &str, path: &Path) -> Result<Option<Vec<Entry>>, LogError> {
        let listing = match self.shared.disk.list(path) {
            Ok(listing) => listing,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LogError::io("list", path)(error)),
        };
        let known = self.topic_ids.lock().get(name).copied();
        let topic_id = match known {
            Some(topic_id) => Some(topic_id),
            None => self.topic_id_of(path).map_err(LogError::io("read", path))?,
        };
        if topic_id == Some(id.topic_id) {
            return Ok(Some(listing));
        }
        let has_records = listing.iter().any(|file| file.name.ends_with(names::LOG) && file.len > 0);
        if has_records {
            self.set_aside(name, names::STRAY_DIR).map_err(LogError::io("rename", path))?;
        } else {
            self.shared.disk.remove_dir_all(path).map_err(LogError::io("remove", path))?;
        }
        self.forget(id.topic_partition());
        Ok(None)
    }

    fn create_folder(&self, id: &LogId, path: &Path) -> io::Result<()> {
        self.shared.disk.create_dir_all(path)?;
        let file = self.shared.disk.open(&path.join(names::PARTITION_METADATA), OpenMode::Create)?;
        file.write_all_at(properties::print_partition_metadata(id.topic_id).as_bytes(), 0)
    }

    /// What the checkpoints say of a log. A new log of an old name must not inherit: when the files still speak of the
    /// old one, they are written anew first.
    fn known(&self, id: &LogId, undisturbed: bool) -> Result<Known, LogError> {
        let at = id.topic_partition();
        let exists = self.shared.disk.exists(&self.path().join(names::of_partition(&id.topic, id.partition)));
        if !exists {
            self.forget(at.clone());
        }
        let mut checkpoints = self.checkpoints.lock();
        if checkpoints.stale.contains(&at) {
            self.write_checkpoints(&mut checkpoints).map_err(LogError::io("write the checkpoints of", self.path()))?;
        }
        Ok(Known {
            clean: self.clean && undisturbed,
            recovery_point: checkpoints.recovery.get(&at).copied(),
            log_start: checkpoints.starts.get(&at).copied(),
            high: checkpoints.highs.get(&at).copied(),
        })
    }

    fn forget(&self, at: TopicPartition) {
        let mut checkpoints = self.checkpoints.lock();
        let known = [checkpoints.recovery.remove(&at), checkpoints.starts.remove(&at), checkpoints.highs.remove(&at)];
        if known.iter().any(Option::is_some) {
            checkpoints.stale.insert(at);
        }
    }

    /// All logs with entries in the write-ahead log are open: what is left of others is dropped with the next
    /// checkpoint, which is taken now. Call it before records are taken.
    pub fn finish_recovery(&self) -> Result<(), LogDirError> {
        let left = {
            let logs = self.shared.logs.lock();
            let mut pending = self.pending.lock();
            let left = pending
                .as_ref()
                .map_or(0, |pending| pending.by_log.keys().filter(|key| !logs.contains_key(key)).count());
            *pending = None;
            left
        };
        if left > 0 {
            tracing::info!(logs = left, "entries of deleted partitions in the write-ahead log are dropped");
        }
        self.checkpoint()
    }

    /// The log goes: no more appends, waiters are told, the directory is renamed now and removed after
    /// `file.delete.delay.ms`. Bytes that a reader holds stay readable.
    pub fn delete_log(&self, log: &Arc<Log>) -> Result<(), LogError> {
        log.close(Closed::Deleted);
        self.shared.logs.lock().remove(&log.id.key());
        self.forget(log.id.topic_partition());
        let name = names::of_partition(&log.id.topic, log.id.partition);
        self.topic_ids.lock().remove(&name);
        let dropped = self.shared.wal.append(&log.entry(EntryKind::Drop, Default::default()), &[], None);
        if let Err(error) = dropped {
            tracing::warn!(log = %log.id, "the deletion was not noted in the write-ahead log: {error}");
        }
        match self.set_aside(&name, names::DELETE_DIR) {
            Ok(path) => {
                log.folder.moved(path.clone());
                self.shared.remove_later(path, true, log.config().file_delete_delay_ms);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(LogError::io("rename", log.path())(error)),
        }
    }

    /// The open logs.
    pub fn logs(&self) -> Vec<Arc<Log>> {
        self.shared.logs.lock().values().cloned().collect()
    }

    /// How many segment files are open.
    pub fn open_files(&self) -> usize {
        self.shared.files.open_count()
    }

    /// Bytes that can still be written here, as last seen.
    pub fn free_bytes(&self) -> u64 {
        self.shared.space.left_bytes()
    }

    pub(in crate::log) fn look_at_space(&self) {
        match self.shared.disk.free_bytes(self.path()) {
            Ok(free) => self.shared.space.refresh(free),
            Err(error) => tracing::warn!(directory = %self.path().display(), "cannot ask for free space: {error}"),
        }
    }

    /// How long the background thread sleeps at most.
    pub(in crate::log) const TICK: Duration = Duration::from_secs(1);
}

impl Drop for LogDir {
    /// Logs and directory hold each other; without an orderly stop this is what a kill leaves.
    fn drop(&mut self) {
        self.shared.alarm.stop();
        self.shared.dirty.lock().clear();
        self.shared.logs.lock().clear();
    }
}

fn read_meta(disk: &dyn Disk, path: &Path) -> Result<Option<MetaProperties>, LogDirError> {
    let path = path.join(names::META_PROPERTIES);
    match disk.read(&path) {
        Ok(bytes) => MetaProperties::parse(&bytes).map(Some).map_err(|source| LogDirError::Meta { path, source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LogDirError::io("read", &path)(error)),
    }
}

/// Reads and removes the marker of an orderly stop; the inner value is the broker epoch in it.
fn take_marker(disk: &dyn Disk, directory: &Path) -> Result<Option<Option<i64>>, LogDirError> {
    let path = directory.join(names::CLEAN_SHUTDOWN);
    let bytes = match disk.read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(LogDirError::io("read", &path)(error)),
    };
    disk.remove_file(&path).map_err(LogDirError::io("remove", &path))?;
    disk.sync_dir(directory).map_err(LogDirError::io("sync", directory))?;
    let epoch = serde_json::from_slice::<serde_json::Value>(&bytes).ok();
    Ok(Some(epoch.and_then(|content| content.get("brokerEpoch")?.as_i64())))
}

fn read_offsets(disk: &dyn Disk, path: &Path) -> Result<Offsets, LogDirError> {
    match disk.read(path) {
        Ok(bytes) => Ok(checkpoint::read_offsets(&bytes).unwrap_or_else(|error| {
            tracing::warn!(file = %path.display(), "a checkpoint is damaged; all of every log is checked: {error}");
            Offsets::new()
        })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Offsets::new()),
        Err(error) => Err(LogDirError::io("read", path)(error)),
    }
}
