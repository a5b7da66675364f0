//! How the last life here ended: the marker of an orderly stop, and the write-ahead log that must be there without it.
use crate::{
    log::{
        LogDirSettings,
        log_dir_error::LogDirError,
        names, properties, reserve,
        wal::{Recovered, Wal},
    },
    platform::{Clock, Disk},
};
use std::{io, path::Path, sync::Arc};

/// What the marker of an orderly stop says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::log) struct OrderlyStop {
    pub broker_epoch: Option<i64>,
}

/// The write-ahead log, and whether the last stop was in order. From then on a kill is one (LOG-12).
pub(in crate::log) fn open_wal(
    disk: &Arc<dyn Disk>,
    clock: &Arc<dyn Clock>,
    path: &Path,
    settings: &LogDirSettings,
) -> Result<(Arc<Wal>, Recovered, Option<OrderlyStop>), LogDirError> {
    let orderly = read_marker(&**disk, path)?;
    if orderly.is_none() {
        check_write_ahead_log(&**disk, path)?;
    }
    reserve::give_up_if_full(&**disk, path)?;
    let wal = path.join(names::WAL);
    let opened = Wal::open_after(disk.clone(), clock.clone(), &wal, settings.wal.clone(), orderly.is_some());
    let (wal, recovered) = opened.map_err(reserve::told(path))?;
    if orderly.is_some() {
        remove_marker(&**disk, path)?;
    }
    Ok((wal, recovered, orderly))
}

/// `None` when the last stop was none in order.
fn read_marker(disk: &dyn Disk, directory: &Path) -> Result<Option<OrderlyStop>, LogDirError> {
    let path = directory.join(names::CLEAN_SHUTDOWN);
    let bytes = match disk.read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(LogDirError::io("read", &path)(error)),
    };
    let content = serde_json::from_slice::<serde_json::Value>(&bytes).ok();
    Ok(Some(OrderlyStop { broker_epoch: content.and_then(|content| content.get("brokerEpoch")?.as_i64()) }))
}

/// From now on a kill is one.
fn remove_marker(disk: &dyn Disk, directory: &Path) -> Result<(), LogDirError> {
    let path = directory.join(names::CLEAN_SHUTDOWN);
    disk.remove_file(&path).map_err(LogDirError::io("remove", &path))?;
    disk.sync_dir(directory).map_err(LogDirError::io("sync", directory))
}

/// Every life says whose the directory is, in the bytes of this broker.
pub(in crate::log) fn had_a_life(disk: &dyn Disk, directory: &Path) -> bool {
    disk.read(&directory.join(names::META_PROPERTIES)).is_ok_and(|meta| properties::is_ours(&meta))
}

/// After a kill the write-ahead log has what was acknowledged last. Without it the logs would be cut where the disk left them torn,
/// as if nobody had been told more; so somebody must say first that this is to be (LOG-14). Every life makes it before it says whose the
/// directory is. Directories that had no life of this broker have none: those of Apache Kafka, and new ones that partitions were moved to.
fn check_write_ahead_log(disk: &dyn Disk, directory: &Path) -> Result<(), LogDirError> {
    let path = directory.join(names::WAL);
    let list = |path: &Path| disk.list(path).map_err(LogDirError::io("list", path));
    let has_partitions =
        list(directory)?.iter().any(|entry| entry.is_dir && names::partition_of(&entry.name).is_some());
    if !has_partitions || !had_a_life(disk, directory) {
        return Ok(());
    }
    if !disk.exists(&path) {
        return Err(LogDirError::NoWriteAheadLog { path });
    }
    if list(&path)?.is_empty() {
        tracing::warn!(
            directory = %directory.display(),
            "the write-ahead log is empty, and the last stop was not in order: records acknowledged since the last checkpoint may be lost"
        );
    }
    Ok(())
}
