//! Why a log directory cannot be opened or used.
use crate::log::{properties::PropertiesError, wal::WalError};
use std::{io, path::PathBuf};

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
    #[error(
        "{} is gone, and the broker was not stopped in order: put it back. To go on without what was acknowledged since the last \
         checkpoint, make an empty directory in its place",
        path.display()
    )]
    NoWriteAheadLog { path: PathBuf },
    #[error("the log directory failed: {0}")]
    Failed(String),
    #[error("{log} is in more than one log directory, and no move explains it: move all but one away ({paths:?})")]
    Twice { log: String, paths: Vec<PathBuf> },
    #[error("{} was left by a move and cannot be removed: {error}", path.display())]
    Leftover { path: PathBuf, error: String },
    #[error(
        "the disk of {} is full: make at least {needed_kib} KiB of room there, not by deleting files of the broker, and start it \
         again ({cause})",
        path.display()
    )]
    NoRoom { path: PathBuf, needed_kib: u64, cause: String },
    /// A checkpoint was put off; nothing is lost.
    #[error("the disk of {} is full: the checkpoint waits for room", path.display())]
    Full { path: PathBuf },
}

impl LogDirError {
    /// Of this disk or of what lies on it: others may be in order.
    pub fn is_of_disk(&self) -> bool {
        matches!(
            self,
            LogDirError::Io { .. }
                | LogDirError::Wal(_)
                | LogDirError::NoWriteAheadLog { .. }
                | LogDirError::NoRoom { .. }
                | LogDirError::Failed(_)
        )
    }

    pub(in crate::log) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> LogDirError {
        let path = path.into();
        move |source| LogDirError::Io { action, path, source }
    }
}
