//! The partitions' directories inside a log directory: made, found, set aside, deleted. A directory is one topic's for as
//! long as it has its name (LOG-27).
use crate::{
    log::{
        Closed,
        log::{Log, LogError, LogId},
        log_dir::LogDir,
        log_dir_error::LogDirError,
        names, properties,
        wal::EntryKind,
    },
    platform::{Disk, Entry, OpenMode},
    types::{Offset, TopicId, TopicName, TopicPartition},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
};

/// What is known of the topics that had a partition's name before its topic.
#[derive(Clone, Default, Debug)]
pub struct Earlier {
    /// Those that were deleted.
    pub deleted: BTreeSet<TopicId>,
    /// The topic is no older than the last life of the broker: that life may have been killed before it took the notes of a deleted one
    /// out of the checkpoints.
    pub is_young: bool,
}

/// Answers for a log. It may take as long as the metadata log is to read, and is asked only where something is not as it should be.
pub type AskEarlier = Arc<dyn Fn(&LogId) -> Earlier + Send + Sync>;

/// What stands where a log's directory should.
enum Place {
    Held(Vec<Entry>),
    /// What stood there was another topic's, or nobody's.
    Cleared,
    Empty,
}

/// What the last life left here that is no partition as it should be.
#[derive(Default)]
pub(in crate::log) struct Leftovers {
    nameless: BTreeSet<(TopicName, i32)>,
    unfinished: BTreeMap<LogId, PathBuf>,
}

/// Whether a log directory has one of any partition but the metadata log's.
pub(in crate::log) fn holds_partitions(disk: &dyn Disk, directory: &Path) -> io::Result<bool> {
    let is_partition = |entry: &Entry| entry.is_dir && names::partition_of(&entry.name).is_some();
    Ok(disk.list(directory)?.iter().any(|entry| is_partition(entry) && entry.name != names::METADATA_LOG))
}

impl LogDir {
    /// The partitions on disk, by name. Directories that were being deleted go on being deleted; those that were made
    /// but never got a topic id are removed when empty and set aside otherwise.
    pub fn found(&self) -> Result<Vec<LogId>, LogDirError> {
        let listing = self.shared.disk.list(self.path()).map_err(LogDirError::io("list", self.path()))?;
        let mut found = Vec::new();
        let names = listing.iter().map(|entry| entry.name.clone()).collect();
        for entry in listing.into_iter().filter(|entry| entry.is_dir) {
            let path = self.path().join(&entry.name);
            if entry.name.ends_with(names::DELETE_DIR) {
                self.shared.remove_later(path, true, 0);
                continue;
            }
            if let Some((topic, partition)) = names::future_of(&entry.name) {
                // Those of later are this life's own.
                if !self.is_recovered() {
                    self.take_copy(path, topic, partition);
                }
                continue;
            }
            let Some((topic, partition)) = names::partition_of(&entry.name) else { continue };
            // A directory that is being made right now has no topic id yet: it is looked at before or after, not between.
            let _naming = self.naming.lock();
            match self.topic_id_of(&path).map_err(LogDirError::io("read", &path))? {
                Some(topic_id) => {
                    self.topic_ids.lock().insert(entry.name, topic_id);
                    found.push(LogId { topic, topic_id, partition });
                }
                None if !self.shared.disk.exists(&path) => {}
                None if self.was_synced(&TopicPartition { topic: topic.clone(), partition }) => {
                    self.leftovers.lock().nameless.insert((topic, partition));
                }
                None => self.set_aside_nameless(&entry, &path)?,
            }
        }
        if !self.is_recovered() {
            self.forget_all_but(&names);
        }
        Ok(found)
    }

    /// Notes of partitions that are not here any more would be taken for those of what is put in their place one day.
    fn forget_all_but(&self, names: &BTreeSet<String>) {
        let noted = self.checkpoints.lock().noted();
        let is_gone = |at: &TopicPartition| !names.contains(&names::of_partition(&at.topic, at.partition));
        noted.into_iter().filter(is_gone).for_each(|at| self.forget(at));
    }

    /// Who knows of topics that were deleted. Without, a directory is never deleted for another that takes its name.
    pub fn ask_of_earlier(&self, ask: AskEarlier) {
        let _ = self.earlier.set(ask);
    }

    fn earlier(&self, id: &LogId) -> Earlier {
        self.earlier.get().map(|ask| ask(id)).unwrap_or_default()
    }

    /// Forgets what is noted of partitions that are neither known nor here: a kill came before the notes of a deleted topic were taken
    /// out of the checkpoints.
    pub fn forget_deleted(&self, is_known: impl Fn(&TopicPartition) -> bool) {
        let noted = self.checkpoints.lock().noted();
        for at in noted.into_iter().filter(|at| !is_known(at)) {
            if !self.shared.disk.exists(&self.path().join(names::of_partition(&at.topic, at.partition))) {
                self.forget(at);
            }
        }
    }

    /// Whether there is a directory of any partition but the metadata log's.
    pub fn holds_partitions(&self) -> Result<bool, LogDirError> {
        holds_partitions(&*self.shared.disk, self.path()).map_err(LogDirError::io("list", self.path()))
    }

    /// Whether the metadata log is here, if only in the write-ahead log.
    pub fn holds_metadata_log(&self) -> bool {
        self.shared.disk.exists(&self.path().join(names::METADATA_LOG))
            || self.pending().contains(&(TopicId::METADATA, 0))
    }

    /// As `found`, where there is a choice between several directories; one need not be asked.
    pub fn found_among(&self, directories: usize) -> Result<Vec<LogId>, LogDirError> {
        if directories > 1 { self.found() } else { Ok(Vec::new()) }
    }

    /// Partitions whose topic id is lost although it was safe once: they are here, and nobody may begin them anew elsewhere.
    pub fn nameless(&self) -> Vec<(TopicName, i32)> {
        self.leftovers.lock().nameless.iter().cloned().collect()
    }

    /// Partitions that were on their way to this directory when the broker last stopped, or was stopped, and their copies.
    pub fn unfinished(&self) -> BTreeMap<LogId, PathBuf> {
        self.leftovers.lock().unfinished.clone()
    }

    /// A copy that a stop has left is not completed but made anew. Its directory stays for that: a kill may come again before.
    fn take_copy(&self, path: PathBuf, topic: TopicName, partition: i32) {
        let superfluous = match self.topic_id_of(&path) {
            Ok(Some(topic_id)) => self.leftovers.lock().unfinished.insert(LogId { topic, topic_id, partition }, path),
            _ => Some(path),
        };
        if let Some(path) = superfluous {
            self.shared.remove_later(path, true, 0);
        }
    }

    /// A new name for a copy of this log.
    pub(in crate::log) fn future_path(&self, id: &LogId) -> PathBuf {
        let given = self.names_given.fetch_add(1, Ordering::Relaxed);
        let unique = (self.shared.clock.wall_ms() as u128) << 64 | u128::from(given);
        let name = names::of_partition(&id.topic, id.partition);
        self.path().join(names::of_leaving(&name, unique, names::FUTURE_DIR))
    }

    /// A copy that nobody wants any more loses the name by which the next start would know it.
    pub fn leave_copy(&self, path: &Path) -> io::Result<()> {
        let Some(name) = path.file_name().and_then(OsStr::to_str) else { return Ok(()) };
        let left = match self.set_aside(name, names::DELETE_DIR) {
            // It never was, or has taken its log's place.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            left => left?,
        };
        self.shared.remove_later(left, true, 0);
        self.shared.disk.sync_dir(self.path())
    }

    /// Are so many bytes free, beside what is kept back?
    pub(in crate::log) fn has_room(&self, bytes: u64) -> bool {
        self.shared.space.has_room(bytes)
    }

    /// As `has_room`, and they count as used until the disk is asked again.
    pub(in crate::log) fn take_room(&self, bytes: u64) -> bool {
        self.shared.space.take_beside(bytes)
    }

    /// A checkpoint has synced records of it, and its topic id before them.
    fn was_synced(&self, at: &TopicPartition) -> bool {
        self.checkpoints.lock().recovery.get(at).is_some_and(|synced| synced > Offset::ZERO)
    }

    fn topic_id_of(&self, path: &Path) -> io::Result<Option<TopicId>> {
        // That of the metadata log is the same everywhere, and known without its file.
        let known = || (path.file_name()? == names::METADATA_LOG).then_some(TopicId::METADATA);
        match self.shared.disk.read(&path.join(names::PARTITION_METADATA)) {
            Ok(bytes) => Ok(properties::parse_partition_metadata(&bytes).ok().or_else(known)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(known()),
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
    pub(in crate::log) fn set_aside(&self, name: &str, suffix: &str) -> io::Result<PathBuf> {
        let wall = self.shared.clock.wall_ms() as u128;
        let to = loop {
            let given = self.names_given.fetch_add(1, Ordering::Relaxed);
            let to = self.path().join(names::of_leaving(name, wall << 64 | u128::from(given), suffix));
            // The clock may show again what it showed to a process before this one.
            if !self.shared.disk.exists(&to) {
                break to;
            }
        };
        self.shared.disk.rename(&self.path().join(name), &to)?;
        self.topic_ids.lock().remove(name);
        if suffix == names::STRAY_DIR {
            tracing::warn!(directory = %to.display(), "a partition directory belongs to no topic of this cluster and was set aside");
        }
        Ok(to)
    }

    /// The listing of the log's directory when it is there; when not, it is made.
    pub(in crate::log) fn found_or_made(&self, id: &LogId, path: &Path) -> Result<Option<Vec<Entry>>, LogError> {
        let name = names::of_partition(&id.topic, id.partition);
        // Nearly all are where they should be. Those of a start are looked at side by side: each waits for the disk.
        if let Some((listing, _)) = self.look(id, &name, path)?.filter(|(_, is)| *is == Some(id.topic_id)) {
            return Ok(Some(listing));
        }
        let _naming = self.naming.lock();
        let at = id.topic_partition();
        match self.existing(id, &name, path)? {
            Place::Held(listing) => return Ok(Some(listing)),
            Place::Empty if self.was_synced(&at) => self.tell_gone(id, path),
            Place::Empty | Place::Cleared => {}
        }
        // What the checkpoints say is of an earlier topic of this name, or of a directory that was taken away. They say so no
        // longer before the directory is there: a start between the two would take it for the new log's.
        self.forget(at.clone());
        self.write_forgotten(&at).map_err(LogError::io("write the checkpoints of", self.path()))?;
        self.create_folder(id, path).map_err(LogError::io("create", path))?;
        self.topic_ids.lock().insert(name, id.topic_id);
        Ok(None)
    }

    /// Records are noted, and there is no directory for them.
    fn tell_gone(&self, id: &LogId, path: &Path) {
        let log = path.display();
        let earlier = self.earlier(id);
        // An orderly stop leaves no notes of deleted topics.
        if earlier.deleted.is_empty() || self.was_clean() {
            tracing::warn!(%log, "the partition's directory is gone, with the records in it: its log begins anew");
        } else if earlier.is_young {
            tracing::info!(%log, "the records that the checkpoints still note here were of an earlier topic of this name, which was deleted");
        } else {
            tracing::warn!(%log, "the partition's directory is gone, with the records in it, unless they were of an earlier topic of this name: its log begins anew");
        }
    }

    /// What is in the directory of that name, and whose it is.
    fn look(&self, id: &LogId, name: &str, path: &Path) -> Result<Option<(Vec<Entry>, Option<TopicId>)>, LogError> {
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
        if topic_id == Some(TopicId::METADATA) && topic_id == Some(id.topic_id) {
            self.say_whose_again(path).map_err(LogError::io("write", path))?;
        }
        Ok(Some((listing, topic_id)))
    }

    /// The listing of the log's directory, when it is there and belongs to this topic. One of an earlier topic of the
    /// same name is never adopted (LOG-27).
    fn existing(&self, id: &LogId, name: &str, path: &Path) -> Result<Place, LogError> {
        let Some((listing, topic_id)) = self.look(id, name, path)? else { return Ok(Place::Empty) };
        if topic_id == Some(id.topic_id) {
            return Ok(Place::Held(listing));
        }
        let has_records = listing.iter().any(|file| file.name.ends_with(names::LOG) && file.len > 0);
        if topic_id.is_none() && has_records && self.was_synced(&id.topic_partition()) {
            let what = "it does not say any more whose records these are".to_owned();
            return Err(LogError::Damaged { path: path.join(names::PARTITION_METADATA), position: 0, what });
        }
        if !has_records {
            self.shared.disk.remove_dir_all(path).map_err(LogError::io("remove", path))?;
            self.topic_ids.lock().remove(name);
        } else if topic_id.is_some_and(|topic_id| self.earlier(id).deleted.contains(&topic_id)) {
            // A kill came between the deletion and the disk.
            let left = self.set_aside(name, names::DELETE_DIR).map_err(LogError::io("rename", path))?;
            tracing::info!(directory = %left.display(), "deleted what a deleted topic had left");
            self.shared.remove_later(left, true, 0);
        } else {
            self.set_aside(name, names::STRAY_DIR).map_err(LogError::io("rename", path))?;
        }
        Ok(Place::Cleared)
    }

    /// The file that says of which topic the metadata log is may be lost.
    fn say_whose_again(&self, path: &Path) -> io::Result<()> {
        let metadata = path.join(names::PARTITION_METADATA);
        match self.shared.disk.read(&metadata) {
            Ok(bytes) if properties::parse_partition_metadata(&bytes).is_ok() => Ok(()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => {
                let text = properties::print_partition_metadata(TopicId::METADATA);
                self.shared.disk.write_atomic(&metadata, text.as_bytes())
            }
        }
    }

    fn create_folder(&self, id: &LogId, path: &Path) -> io::Result<()> {
        self.shared.disk.create_dir_all(path)?;
        let file = self.shared.disk.open(&path.join(names::PARTITION_METADATA), OpenMode::Create)?;
        file.write_all_at(properties::print_partition_metadata(id.topic_id).as_bytes(), 0)
    }
    /// The log goes: no more appends, waiters are told, the directory is renamed now and removed after
    /// `file.delete.delay.ms`. Bytes that a reader holds stay readable.
    pub fn delete_log(&self, log: &Arc<Log>) -> Result<(), LogError> {
        let _reshaping = log.reshaping.lock();
        log.close(Closed::Deleted);
        self.shared.logs.lock().remove(&log.id.key());
        let dropped = self.shared.wal.append(&log.entry(EntryKind::Drop, Default::default()), &[], None);
        if let Err(error) = dropped {
            tracing::warn!(log = %log.id, "the deletion was not noted in the write-ahead log: {error}");
        }
        if let Some(path) = self.leave_directory(&log.id, log.config().file_delete_delay_ms)? {
            log.folder.moved(path);
        }
        Ok(())
    }

    /// Deletes the directory of a log that is not open: of a deleted topic that was never used here, that cannot be
    /// opened, or that a crash left. Nothing happens when the directory is another topic's by now.
    pub fn delete_closed(&self, id: &LogId, delay_ms: u64) -> Result<(), LogError> {
        // On its own line: within an `if let` the lock would be held while the log is deleted, which takes it again.
        let open = self.shared.logs.lock().get(&id.key()).cloned();
        if let Some(log) = open {
            return self.delete_log(&log);
        }
        self.leave_directory(id, delay_ms)?;
        self.no_longer_held(&id.key());
        Ok(())
    }

    /// Sets the directory of a partition aside that belongs to no topic, with all that the write-ahead log has of it: nothing says
    /// that anybody wants it deleted.
    pub fn leave_stray(&self, id: &LogId) -> Result<(), LogError> {
        let open = self.shared.logs.lock().get(&id.key()).cloned();
        if let Some(log) = open {
            self.checkpoint().map_err(|error| LogError::StorageFailed(error.to_string()))?;
            log.close(Closed::Deleted);
            self.shared.logs.lock().remove(&id.key());
        }
        self.take_name(id, names::STRAY_DIR).map(|_| ())
    }

    pub(in crate::log) fn leave_directory(&self, id: &LogId, delay_ms: u64) -> Result<Option<PathBuf>, LogError> {
        let left = self.take_name(id, names::DELETE_DIR)?;
        if let Some(path) = &left {
            self.shared.remove_later(path.clone(), true, delay_ms);
        }
        Ok(left)
    }

    /// Nothing happens when the directory of that name is another topic's by now.
    fn take_name(&self, id: &LogId, suffix: &str) -> Result<Option<PathBuf>, LogError> {
        let name = names::of_partition(&id.topic, id.partition);
        let path = self.path().join(&name);
        let _naming = self.naming.lock();
        if self.topic_id_of(&path).map_err(LogError::io("read", &path))? != Some(id.topic_id) {
            return Ok(None);
        }
        self.forget(id.topic_partition());
        self.set_aside(&name, suffix).map(Some).map_err(LogError::io("rename", &path))
    }
}
