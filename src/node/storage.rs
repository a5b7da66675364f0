//! The log directories of a node: opened, formatted, recovered. One that cannot be opened takes its partitions with it and
//! nothing else (OPS-2).
use super::{NodeParts, StartError, format::identify, limits::Descriptors};
use crate::{
    log::{LogDir, LogDirError, LogDirSettings, settle_duplicates},
    replica::{Found, Partition, Partitions},
    store::View,
    types::TopicId,
};
use std::{path::PathBuf, sync::Arc};

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
    pub cluster_id: String,
    pub directory_ids: Vec<TopicId>,
}

pub(super) fn open_directories(parts: &NodeParts) -> Result<Storage, StartError> {
    let settings = LogDirSettings {
        // Each directory has a cache of its own.
        open_files_max: Descriptors::of_process().segments / parts.config.log_dirs.len().max(1),
        checkpoint_interval_ms: parts.config.log.recovery_checkpoint_interval_ms,
        producer_expiry_interval_ms: parts.config.producers.id_expiration_check_interval_ms,
        ..LogDirSettings::default()
    };
    let open = |path: &PathBuf| LogDir::open(parts.disk.clone(), parts.clock.clone(), path, settings.clone());
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
    let metadata = match directories.iter().find(|directory| directory.path() == parts.config.metadata_log_dir) {
        Some(directory) => directory.clone(),
        None => open(&parts.config.metadata_log_dir)?,
    };
    let mut all = directories.clone();
    if !directories.iter().any(|directory| Arc::ptr_eq(directory, &metadata)) {
        all.push(metadata.clone());
    }
    let wanted = parts.config.cluster_id.as_deref();
    let (cluster_id, directory_ids) = identify(&all, parts.config.node_id, wanted, &*parts.chance)?;
    let has_views = parts.views && directories.first().is_some_and(|first| first.path() == paths[0]);
    let views = has_views.then(|| {
        let folder = paths[0].join(VIEW_FOLDER);
        let transactions = View::new(parts.disk.clone(), folder.join(TRANSACTIONS_FOLDER));
        Views { groups: View::new(parts.disk.clone(), folder), transactions }
    });
    for view in views.iter().flat_map(|views| [&views.groups, &views.transactions]) {
        view.open_ahead();
    }
    Ok(Storage { directories, found, metadata, views, cluster_id, directory_ids })
}

/// Logs with entries in the write-ahead log are opened now, which replays them; all others when they are first used.
pub(super) fn recover(storage: &Storage, partitions: &Arc<Partitions>) -> Result<(), LogDirError> {
    for directory in &storage.directories {
        let pending = directory.pending();
        let wanted: Vec<Arc<Partition>> = pending
            .into_iter()
            .filter_map(|(topic, index)| partitions.topic_by_id(topic)?.partition(index).cloned())
            .filter(|partition| partition.is_in(directory))
            .collect();
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

/// Opens logs on as many threads as there are processors: most of the time goes to waiting for the disk.
fn open_all(partitions: &[Arc<Partition>]) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = partitions.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        for part in partitions.chunks(share) {
            scope.spawn(move || {
                for partition in part {
                    // What cannot be opened was told in the log; the other partitions go on.
                    let _ = partition.log();
                }
            });
        }
    });
}
