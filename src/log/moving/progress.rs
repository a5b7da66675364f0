//! A copy that is wanted: its directory, by which the next start knows of the move, and how far it is, for who asks meanwhile.
use super::MoveError;
use crate::{
    log::{log::LogId, log_dir::LogDir, names, properties},
    types::Offset,
};
use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
};

/// Of one copy.
#[derive(Debug)]
pub struct Progress {
    /// As long as it is a copy.
    folder: PathBuf,
    bytes: AtomicU64,
    reached: AtomicI64,
    called_off: AtomicBool,
}

impl Progress {
    /// Makes the copy's directory, with nothing in it but whose it is. Behind this, any start goes on with the move (OPS-2).
    pub fn begin(to: &LogDir, id: &LogId) -> Result<Arc<Progress>, MoveError> {
        let folder = to.future_path(id);
        let make = || {
            let disk = &to.shared.disk;
            disk.create_dir_all(&folder).map_err(MoveError::io("create", &folder))?;
            let metadata = folder.join(names::PARTITION_METADATA);
            let text = properties::print_partition_metadata(id.topic_id);
            disk.write_atomic(&metadata, text.as_bytes()).map_err(MoveError::io("write", &metadata))?;
            disk.sync_dir(to.path()).map_err(MoveError::io("sync", to.path()))
        };
        make().inspect_err(|error| {
            error.judge([to]);
            // Nobody was told of a move: no start is to find one.
            let _ = to.shared.disk.remove_dir_all(&folder);
        })?;
        Ok(Progress::again(folder))
    }

    /// Of a copy that a stop has left: it is made anew in the same directory.
    pub fn again(folder: PathBuf) -> Arc<Progress> {
        let (bytes, reached, called_off) = Default::default();
        Arc::new(Progress { folder, bytes, reached, called_off })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Of the batches that were copied.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The copy holds every record below.
    pub fn reached(&self) -> Offset {
        Offset::new(self.reached.load(Ordering::Relaxed))
    }

    pub(super) fn set_reached(&self, to: Offset) {
        self.reached.fetch_max(to.get(), Ordering::Relaxed);
    }

    pub(super) fn add_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn drop_bytes(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Nobody wants the copy any more: when this returns, no start takes it for a move that goes on. Not between the begin and the end of
    /// [`super::Moving::finish`].
    pub fn call_off(&self, to: &LogDir) -> io::Result<()> {
        self.called_off.store(true, Ordering::Release);
        to.leave_copy(&self.folder).inspect_err(|error| to.shared.judge(error))
    }

    pub fn is_called_off(&self) -> bool {
        self.called_off.load(Ordering::Acquire)
    }

    /// What has been copied goes.
    pub fn abandon(&self, to: &LogDir) {
        if let Err(error) = to.shared.disk.remove_dir_all(&self.folder)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(directory = %self.folder.display(), %error, "the copy of a log that does not move cannot be removed");
        }
        // What it took is there again.
        to.look_at_space();
    }
}
