//! The log directories of a node: opened, formatted, recovered. One that cannot be opened takes its partitions with it and
//! nothing else (OPS-2).
use super::{
    NodeParts, StartError,
    format::{Identity, identify},
    history::removed_topics,
    limits::Descriptors,
};
use crate::{
    log::{LogConfig, LogDir, LogDirError, LogDirSettings, LogId, settle_duplicates},
    quorum::MetadataLog,
    replica::{Found, Partition, Partitions, open_all},
    store::View,
    types::{TopicId, TopicPartition},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use uuid::Uuid;

/// In the first log directory: what starts of coordinators are made short with.
const VIEW_FOLDER: &str = "ottla-state";
/// In that: the view of transactions, beside that of groups.
const TRANSACTIONS_FOLDER: &str = "transactions";

/// The views of this node's coordinators, each in a place of its own: neither can spoil the other.
#[derive(Clone)]
pub(super) struct Views {
    pub groups: Arc<View>,
    pub transactions: Arc<View>,
}

/// The log directories and who they belong to.
#[derive(Clone)]
pub(super) struct Storage {
    pub directories: Vec<Arc<LogDir>>,
    pub found: Found,
    pub metadata: Arc<LogDir>,
    pub views: Option<Views>,
    pub identity: Identity,
}

impl Storage {
    /// The ids of such log directories.
    pub fn ids_where(&self, is_such: impl Fn(&Path) -> bool) -> Vec<Uuid> {
        let known = self.directories.iter().zip(&self.identity.directory_ids);
        known.filter(|(directory, _)| is_such(directory.path())).map(|(_, id)| id.0).collect()
    }

    /// The metadata log's last, where it has one of its own.
    pub fn all_directories(&self) -> Vec<Arc<LogDir>> {
        let is_apart = !self.directories.iter().any(|directory| Arc::ptr_eq(directory, &self.metadata));
        self.directories.iter().chain(Some(&self.metadata).filter(|_| is_apart)).cloned().collect()
    }
}

pub(super) fn open_directories(parts: &NodeParts) -> Result<Storage, StartError> {
    let mut opened = Vec::new();
    open_and_identify(parts, &mut opened)
        .inspect_err(|_| opened.iter().for_each(|directory| directory.leave_as_found()))
}

fn open_and_identify(parts: &NodeParts, opened: &mut Vec<Arc<LogDir>>) -> Result<Storage, StartError> {
    let settings = LogDirSettings {
        // Each directory has a cache of its own.
        open_files_max: Descriptors::of_process().segments / parts.config.log_dirs.len().max(1),
        checkpoint_interval_ms: parts.config.log.recovery_checkpoint_interval_ms,
        producer_expiry_interval_ms: parts.config.producers.id_expiration_check_interval_ms,
        ..LogDirSettings::default()
    };
    let mut open = |path: &PathBuf| {
        let directory = LogDir::open(parts.disk.clone(), parts.clock.clone(), path, settings.clone())?;
        opened.push(directory.clone());
        Ok::<_, LogDirError>(directory)
    };
    let paths = &parts.config.log_dirs;
    let (mut directories, mut found) = (Vec::with_capacity(paths.len()), Found::default());
    let mut held = Vec::with_capacity(paths.len());
    let mut last_error = None;
    for path in paths {
        let opened = open(path).and_then(|directory| Ok((directory.found_among(paths.len())?, directory)));
        match opened {
            Ok((partitions, directory)) => {
                let place = directories.len();
                held.push(partitions);
                found.nameless.extend(directory.nameless().into_iter().map(|named| (named, place)));
                directories.push(directory);
            }
            // The metadata log must be there, and a directory that is another process's or another format's is a mistake
            // that somebody made just now.
            Err(error) if *path == parts.config.metadata_log_dir || !error.is_of_disk() => return Err(error.into()),
            Err(error) => {
                tracing::error!(directory = %path.display(), %error, "the log directory cannot be used: its partitions are offline until it can be and the broker is started again");
                found.offline.push(path.clone());
                last_error = Some(error);
            }
        }
    }
    if let (true, Some(error)) = (directories.is_empty(), last_error) {
        return Err(error.into());
    }
    for (place, partitions) in settle_duplicates(&directories, held)?.into_iter().enumerate() {
        found.held.extend(partitions.into_iter().map(|id| ((id.topic_id, id.partition), place)));
    }
    if paths.len() > 1 {
        // A partition's name is durable with its first checkpoint only.
        for (place, directory) in directories.iter().enumerate() {
            directory.begun_in_write_ahead_log().into_iter().for_each(|key| _ = found.held.entry(key).or_insert(place));
        }
    }
    let metadata = match directories.iter().find(|directory| directory.path() == parts.config.metadata_log_dir) {
        Some(directory) => directory.clone(),
        None => open(&parts.config.metadata_log_dir)?,
    };
    let mut storage = Storage { directories, found, metadata, views: None, identity: Identity::default() };
    let wanted = parts.config.cluster_id.as_deref();
    let all = storage.all_directories();
    storage.identity = identify(&all, &storage.metadata, parts.config.node_id, wanted, &*parts.chance)?;
    let has_views = parts.views && storage.directories.first().is_some_and(|first| first.path() == paths[0]);
    storage.views = has_views.then(|| {
        let folder = paths[0].join(VIEW_FOLDER);
        let transactions = View::new(parts.disk.clone(), folder.join(TRANSACTIONS_FOLDER));
        Views { groups: View::new(parts.disk.clone(), folder), transactions }
    });
    for view in storage.views.iter().flat_map(|views| [&views.groups, &views.transactions]) {
        view.open_ahead();
    }
    Ok(storage)
}

/// Logs with entries in the write-ahead log are opened now, which replays them; all others when they are first used.
pub(super) fn recover(
    storage: &Storage,
    partitions: &Arc<Partitions>,
    log: &dyn MetadataLog,
) -> Result<(), LogDirError> {
    for directory in &storage.directories {
        let is_known = |at: &TopicPartition| partitions.partition(at.topic.as_str(), at.partition).is_some();
        directory.forget_deleted(is_known);
        let pending = directory.pending();
        let is_known =
            |(topic, _): &(TopicId, i32)| *topic == TopicId::METADATA || partitions.topic_by_id(*topic).is_some();
        if !pending.iter().all(is_known) {
            open_strays(directory, &pending, partitions, log);
        }
        for key in pending.iter().copied() {
            let partition = partitions.topic_by_id(key.0).and_then(|topic| topic.partition(key.1).cloned());
            if partition.is_some_and(|partition| partition.directory().is_none()) {
                directory.keep_entries(key);
            }
        }
        let with_entries =
            pending.into_iter().filter_map(|(topic, index)| partitions.topic_by_id(topic)?.partition(index).cloned());
        let mut wanted: Vec<Arc<Partition>> = match directory.starts_lost() {
            true => partitions.topics().iter().flat_map(|topic| topic.partitions.iter().flatten()).cloned().collect(),
            false => with_entries.collect(),
        };
        wanted.retain(|partition| partition.is_in(directory));
        open_all(&wanted);
        match directory.finish_recovery() {
            // It has failed, and was told; the others go on.
            Err(_) if !Arc::ptr_eq(directory, &storage.metadata) && directory.failure().is_some() => {}
            finished => finished?,
        }
    }
    if !storage.directories.iter().any(|directory| Arc::ptr_eq(directory, &storage.metadata)) {
        storage.metadata.finish_recovery()?;
    }
    Ok(())
}

/// What belongs to no topic, and to none that was deleted, gets the records that only the write-ahead log has, before it is set
/// aside.
fn open_strays(directory: &LogDir, pending: &[(TopicId, i32)], partitions: &Partitions, log: &dyn MetadataLog) {
    let (Ok(found), Ok(removed)) = (directory.found(), removed_topics(log)) else { return };
    let is_stray = |id: &&LogId| {
        pending.contains(&id.key()) && partitions.topic_by_id(id.topic_id).is_none() && !removed.contains(&id.topic_id)
    };
    for id in found.iter().filter(is_stray).filter(|id| id.topic_id != TopicId::METADATA) {
        // Its topic may have been compacted.
        let config = LogConfig { compact: true, ..LogConfig::default() };
        if let Err(error) = directory.open_log(id, Arc::new(config)) {
            tracing::error!(partition = %id, %error, "a partition of no topic cannot be recovered");
        }
    }
}
