//! What a log directory notes of one partition, as it can be read without a broker.
use crate::{
    log::{checkpoint::Noted, names},
    platform::Disk,
    types::{Offset, TopicPartition},
};
use std::path::Path;

/// Nothing is known of a partition's directory on its own, a copy say.
#[derive(Clone, Copy, Default, Debug)]
pub struct Notes {
    /// Compaction may have removed records below.
    pub cleaned: Option<Offset>,
    /// The log goes this far at least.
    pub recovery: Option<Offset>,
    /// Where the first segment begins at the latest.
    pub begins: Option<Offset>,
    /// The last stop was in order: the write-ahead log has nothing to add.
    pub is_clean: bool,
    /// There is a write-ahead log, which has what came behind the last checkpoint.
    pub is_logged: bool,
    /// No checkpoint knows of the log yet.
    is_unsaved: bool,
}

/// One of the files of notes.
enum NoteFile {
    Absent,
    Lost,
    Read(Noted),
}

impl Notes {
    /// `folder` is the partition's.
    pub fn read(disk: &dyn Disk, directory: &Path, folder: &Path, at: &TopicPartition) -> Notes {
        let read = |name| NoteFile::read(disk, &directory.join(name));
        let (starts, points, cleaned) =
            (read(names::LOG_STARTS), read(names::RECOVERY_POINTS), read(names::CLEANER_OFFSETS));
        let highs = read(names::HIGH_WATERMARKS);
        let recovery = points.get(at);
        let is_logged = disk.list(&directory.join(names::WAL)).is_ok_and(|files| !files.is_empty());
        // The starts are noted before anything is written, the epochs by a log's first checkpoint. Files that are lost prove nothing.
        let has_epochs = disk.read(&folder.join(names::EPOCH_CHECKPOINT)).is_ok_and(|bytes| !bytes.is_empty());
        let is_begun = match &points {
            NoteFile::Absent => matches!(highs, NoteFile::Absent),
            NoteFile::Lost => false,
            NoteFile::Read(_) => true,
        };
        let is_silent = [&starts, &points, &highs, &cleaned].into_iter().all(|file| file.is_silent_of(at));
        Notes {
            cleaned: match cleaned.get(at) {
                Some(done) if cleaned.is_marked(at) => recovery.max(Some(done)),
                done => done.or(recovery.filter(|_| starts.is_marked(at))),
            },
            recovery,
            begins: starts.get(at),
            is_clean: disk.exists(&directory.join(names::CLEAN_SHUTDOWN)),
            is_logged,
            is_unsaved: is_begun && is_silent && !has_epochs && matches!(starts, NoteFile::Read(_)),
        }
    }

    /// What stands from here on came behind the last checkpoint: a start cuts what is torn of it, and writes it again from the
    /// write-ahead log.
    pub fn torn_from(&self) -> Option<Offset> {
        let unsaved = (self.is_unsaved && self.is_logged).then_some(Offset::ZERO);
        self.recovery.or(unsaved).filter(|_| !self.is_clean)
    }
}

impl NoteFile {
    fn read(disk: &dyn Disk, path: &Path) -> NoteFile {
        match disk.read(path) {
            Ok(bytes) => Noted::read(&bytes).map_or(NoteFile::Lost, NoteFile::Read),
            Err(_) if disk.exists(path) => NoteFile::Lost,
            Err(_) => NoteFile::Absent,
        }
    }

    fn get(&self, at: &TopicPartition) -> Option<Offset> {
        match self {
            NoteFile::Read(noted) => noted.get(at),
            NoteFile::Absent | NoteFile::Lost => None,
        }
    }

    fn is_marked(&self, at: &TopicPartition) -> bool {
        matches!(self, NoteFile::Read(noted) if noted.is_marked(at))
    }

    fn is_silent_of(&self, at: &TopicPartition) -> bool {
        !matches!(self, NoteFile::Lost) && self.get(at).is_none()
    }
}
