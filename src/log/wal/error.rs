//! Why the write-ahead log cannot do what was asked.
use super::entry::WalSequence;
use std::{io, path::PathBuf, sync::Arc};

/// Why the write-ahead log cannot do what was asked. Cheap to clone: one failure is told to many waiters.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WalError {
    /// The disk refused. While the log runs this is final: see `Failed`.
    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: Arc<io::Error> },
    /// A write or sync failed before. What the disk holds since then is unknown, so nothing is written any more
    /// until the broker is started again and reads what is there (LOG-9).
    #[error("the write-ahead log stopped for good: {reason}")]
    Failed { reason: Arc<str> },
    /// No room for the next file; nothing was taken. Appending works again once there is room.
    #[error("no space for the next write-ahead log file in {}: free some space or lower retention", directory.display())]
    DiskFull { directory: PathBuf },
    /// Bytes that were acknowledged are no longer what was written. They are not skipped.
    #[error(
        "{} is damaged at byte {position}: {reason}; the entries from {sequence} on cannot be read. Restore the file. If the \
         broker was stopped in order (there is a .kafka_cleanshutdown), the logs have them all: then move {} away and start it again",
        path.display(),
        path.parent().unwrap_or(path).display()
    )]
    Damaged { path: PathBuf, position: u64, sequence: WalSequence, reason: &'static str },
    /// Files that had acknowledged entries are not there.
    #[error(
        "files of {} are gone or damaged, and the broker was not stopped in order: it had written to file {number}, which begins \
         with entry {sequence}. Put them back. To go on without what was acknowledged since the last checkpoint, make an empty directory in its place",
        path.display()
    )]
    Gone { path: PathBuf, number: u64, sequence: WalSequence },
    #[error("{} was written by a newer version of this broker (write-ahead log format {version})", path.display())]
    UnknownVersion { path: PathBuf, version: u32 },
    #[error("an entry of {len} bytes is larger than the write-ahead log takes ({len_max})")]
    EntryTooLarge { len: usize, len_max: usize },
    #[error("the write-ahead log is closed")]
    Closed,
}

impl WalError {
    pub(super) fn io(action: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> WalError {
        let path = path.to_owned();
        move |source| WalError::Io { action, path, source: Arc::new(source) }
    }

    /// Whether only room is missing.
    pub(in crate::log) fn is_disk_full(&self) -> bool {
        match self {
            WalError::DiskFull { .. } => true,
            WalError::Io { source, .. } => {
                matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            _ => false,
        }
    }
}
