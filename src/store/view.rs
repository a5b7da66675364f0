//! The newest record of every key of each journal, and how far the journal was read for it, in one sled tree.
//!
//! ```text
//! 1 | topic id, 16 | partition, i32                    -> next offset, i64: the journal below it is in here
//! 2 | topic id, 16 | partition, i32 | the record's key -> the record's offset, i64 | its value
//! 3 | topic id, 16 | partition, i32                    -> number of its rows, u64, about; not there: unknown
//! ```
use super::trust::{Marker, Stage, boot_id, judge};
use crate::{
    platform::Disk,
    types::{Offset, TopicId},
};
use parking_lot::Mutex;
use sled::{Batch, Db};
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// One partition of an internal topic.
pub type JournalId = (TopicId, i32);

const POSITION: u8 = 1;
const ROW: u8 = 2;
const COUNT: u8 = 3;
/// sled's page cache; what it really takes is some multiple.
const CACHE_BYTES: u64 = 8 << 20;
/// How often sled writes its buffer out and syncs it. Each costs tens of kilobytes and competes with the write-ahead log.
const FLUSH_MS: u64 = 1_000;
/// Keys in one batch: sled locks everything for as long as one takes.
const KEYS_PER_BATCH: usize = 2_000;

/// Why the view is of no use; the journals are.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    #[error(transparent)]
    Sled(#[from] sled::Error),
    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error("an entry of the view has impossible bytes")]
    Entry,
    #[error("the view is not in use")]
    Off,
}

/// A record as the view keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    pub offset: Offset,
    pub key: Vec<u8>,
    pub value: Vec<u8>,
}

/// The newest record of one key; `None` where it is a tombstone.
pub type Change = Option<(Offset, Vec<u8>)>;

/// Views of all journals of this broker. Opened at its first use, so that a broker without groups has none.
pub struct View {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    /// Held while it is opened and closed, and for a copy of the handle.
    state: Mutex<State>,
}

enum State {
    Unopened,
    Open(Db, Marker),
    /// Closed, or given up after an error.
    Off,
}

impl View {
    /// `folder` belongs to the view alone.
    pub fn new(disk: Arc<dyn Disk>, folder: PathBuf) -> Arc<View> {
        Arc::new(View { disk, folder, state: Mutex::new(State::Unopened) })
    }

    /// How far the journal was read; zero when nothing of it is here.
    pub fn position(&self, of: JournalId) -> Result<Offset, ViewError> {
        let Some(bytes) = self.db()?.get(prefix(POSITION, of))? else { return Ok(Offset::ZERO) };
        let bytes: [u8; 8] = bytes.as_ref().try_into().map_err(|_| ViewError::Entry)?;
        Offset::from_wire(i64::from_be_bytes(bytes)).ok_or(ViewError::Entry)
    }

    /// All records of one journal in the order of their offsets: what compaction would have left of it.
    pub fn rows(&self, of: JournalId) -> Result<Vec<Row>, ViewError> {
        let prefix = prefix(ROW, of);
        let mut rows = Vec::new();
        for entry in self.db()?.scan_prefix(prefix) {
            let (key, value) = entry?;
            let (offset, value) = value.split_first_chunk::<8>().ok_or(ViewError::Entry)?;
            let offset = Offset::from_wire(i64::from_be_bytes(*offset)).ok_or(ViewError::Entry)?;
            let key = key.get(prefix.len()..).ok_or(ViewError::Entry)?;
            rows.push(Row { offset, key: key.to_vec(), value: value.to_vec() });
        }
        rows.sort_unstable_by_key(|row| row.offset);
        Ok(rows)
    }

    /// About how many rows there are of one journal; a view of an earlier build does not know.
    pub fn row_count(&self, of: JournalId) -> Result<Option<u64>, ViewError> {
        let Some(bytes) = self.db()?.get(prefix(COUNT, of))? else { return Ok(None) };
        Ok(Some(u64::from_be_bytes(bytes.as_ref().try_into().map_err(|_| ViewError::Entry)?)))
    }

    /// Brings one journal's view up to `next`. The position is written with the last of the changes, so that it never
    /// tells of more than is here.
    pub fn apply(&self, of: JournalId, changes: BTreeMap<Vec<u8>, Change>, next: Offset) -> Result<(), ViewError> {
        let db = self.db()?;
        let rows = prefix(ROW, of);
        let mut row_count = match self.row_count(of)? {
            None if self.position(of)? == Offset::ZERO => Some(0),
            known => known,
        };
        let mut batch = Batch::default();
        for (count, (key, change)) in changes.into_iter().enumerate() {
            if count > 0 && count.is_multiple_of(KEYS_PER_BATCH) {
                db.apply_batch(std::mem::take(&mut batch))?;
            }
            let key = [&rows[..], &key[..]].concat();
            if let Some(rows) = &mut row_count {
                match (db.contains_key(&key)?, &change) {
                    (false, Some(_)) => *rows += 1,
                    (true, None) => *rows = rows.saturating_sub(1),
                    _ => {}
                }
            }
            match change {
                None => batch.remove(key),
                Some((offset, value)) => batch.insert(key, [&offset.get().to_be_bytes()[..], &value[..]].concat()),
            }
        }
        batch.insert(prefix(POSITION, of).to_vec(), next.get().to_be_bytes().to_vec());
        if let Some(rows) = row_count {
            batch.insert(prefix(COUNT, of).to_vec(), rows.to_be_bytes().to_vec());
        }
        Ok(db.apply_batch(batch)?)
    }

    /// Drops what is here of one journal.
    pub fn forget(&self, of: JournalId) -> Result<(), ViewError> {
        let db = self.db()?;
        // First, so that a half-forgotten journal is read from its begin.
        db.remove(prefix(POSITION, of))?;
        db.remove(prefix(COUNT, of))?;
        for key in db.scan_prefix(prefix(ROW, of)).keys() {
            db.remove(key?)?;
        }
        Ok(())
    }

    /// The journals of which something is here.
    pub fn journals(&self) -> Result<Vec<JournalId>, ViewError> {
        let keys = self.db()?.scan_prefix([POSITION]).keys();
        keys.map(|key| journal_of(&key?).ok_or(ViewError::Entry)).collect()
    }

    /// What was to be read from it was read without harm: from now on a death is not its fault.
    pub fn settle(&self) -> Result<(), ViewError> {
        if let State::Open(_, marker) = &mut *self.state.lock()
            && marker.stage == Stage::Opening
        {
            let settled = Marker { stage: Stage::Open, ..marker.clone() };
            settled.write(&*self.disk, &self.folder).map_err(self.io("mark"))?;
            *marker = settled;
        }
        Ok(())
    }

    /// Makes everything durable and says so; not used any more. Idempotent.
    pub fn close(&self) -> Result<(), ViewError> {
        let State::Open(db, marker) = std::mem::replace(&mut *self.state.lock(), State::Off) else { return Ok(()) };
        db.flush()?;
        drop(db);
        // sled's own flush does not sync its files.
        self.disk.sync_filesystem(&self.folder).map_err(self.io("sync"))?;
        Marker { stage: Stage::Closed, ..marker }.write(&*self.disk, &self.folder).map_err(self.io("mark"))
    }

    /// After an error: not used any more in this life, and thrown away by the next, which finds it unclosed.
    pub fn give_up(&self) {
        if let State::Open(_, marker) = std::mem::replace(&mut *self.state.lock(), State::Off) {
            let doubtful = Marker { stage: Stage::Opening, ..marker };
            if let Err(error) = doubtful.write(&*self.disk, &self.folder) {
                tracing::warn!(folder = %self.folder.display(), %error, "the coordinators' view cannot be marked");
            }
        }
    }

    fn db(&self) -> Result<Db, ViewError> {
        let mut state = self.state.lock();
        if let State::Unopened = &*state {
            *state = State::Off;
            let (db, marker) = self.open()?;
            *state = State::Open(db, marker);
        }
        match &*state {
            State::Open(db, _) => Ok(db.clone()),
            State::Unopened | State::Off => Err(ViewError::Off),
        }
    }

    fn open(&self) -> Result<(Db, Marker), ViewError> {
        let disk = &*self.disk;
        let sled_folder = self.folder.join("sled");
        let boot = boot_id(disk);
        let last = Marker::read(disk, &self.folder).map_err(self.io("read the marker of"))?;
        let marker = judge(last.as_ref(), &boot).or_else(|why| {
            if disk.exists(&sled_folder) {
                tracing::info!(folder = %self.folder.display(), "the coordinators' view is made anew: {why}");
                disk.remove_dir_all(&sled_folder).map_err(self.io("clear"))?;
            }
            Ok::<_, ViewError>(Marker { stage: Stage::Opening, boot, crashes: 0 })
        })?;
        disk.create_dir_all(&self.folder).map_err(self.io("make"))?;
        marker.write(disk, &self.folder).map_err(self.io("mark"))?;
        match open_sled(&sled_folder) {
            Ok(db) => Ok((db, marker)),
            Err(error) => {
                tracing::warn!(folder = %self.folder.display(), %error, "the coordinators' view is made anew");
                disk.remove_dir_all(&sled_folder).map_err(self.io("clear"))?;
                Ok((open_sled(&sled_folder)?, marker))
            }
        }
    }

    fn io(&self, action: &'static str) -> impl Fn(io::Error) -> ViewError + use<> {
        let path = self.folder.clone();
        move |source| ViewError::Io { action, path: path.clone(), source }
    }
}

fn open_sled(folder: &Path) -> sled::Result<Db> {
    sled::Config::new()
        .path(folder)
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(Some(FLUSH_MS))
        .mode(sled::Mode::HighThroughput)
        .open()
}

fn prefix(kind: u8, (topic, partition): JournalId) -> [u8; 21] {
    let mut key = [kind; 21];
    key[1..17].copy_from_slice(topic.0.as_bytes());
    key[17..].copy_from_slice(&partition.to_be_bytes());
    key
}

fn journal_of(key: &[u8]) -> Option<JournalId> {
    let (_, rest) = key.split_first()?;
    let (topic, rest) = rest.split_first_chunk::<16>()?;
    let partition = rest.try_into().ok().map(i32::from_be_bytes)?;
    Some((TopicId(uuid::Uuid::from_bytes(*topic)), partition))
}

#[cfg(test)]
mod tests;
