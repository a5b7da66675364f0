//! The newest record of every key of each journal, and how far the journal was read for it, in one sled tree.
//!
//! ```text
//! 1 | topic id, 16 | partition, i32                    -> next offset, i64: the journal below it is in here
//! 2 | topic id, 16 | partition, i32 | a record's key   -> a block: rows from that key on, up to the next block's
//! 3 | topic id, 16 | partition, i32                    -> number of its rows, u64
//! ```
use super::{
    block::{self, Rows},
    trust::{Marker, Stage, boot_id, judge},
};
use crate::{
    platform::{Disk, Filesystem},
    types::{Offset, TopicId},
};
use parking_lot::Mutex;
use sled::{Batch, Db, IVec};
use std::{
    collections::BTreeMap,
    io,
    ops::Bound,
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

/// One partition of an internal topic.
pub type JournalId = (TopicId, i32);

/// In the view's folder, beside the file that says whether it is to be trusted.
const SLED_FOLDER: &str = "sled";
const POSITION: u8 = 1;
const ROW: u8 = 2;
const COUNT: u8 = 3;
/// sled's page cache; what it really takes is some multiple.
const CACHE_BYTES: u64 = 8 << 20;
/// How often sled writes its buffer out and syncs it. Each costs tens of kilobytes and competes with the write-ahead log.
const FLUSH_MS: u64 = 1_000;
/// sled lets its files go a moment after its last handle, when its threads have ended. The data directory is ours alone, so
/// whoever has them still will let them go.
const OPENINGS_MAX: u32 = 250;
const OPENING_PAUSE: Duration = Duration::from_millis(20);
/// In one batch: sled locks everything for as long as one takes.
const BLOCKS_PER_BATCH: usize = 100;

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

/// The newest record of one key; `None` where it is a tombstone.
pub type Change = Option<(Offset, Vec<u8>)>;

/// Views of all journals of one coordinator. Opened at its first use, so that a broker without long journals has none.
pub struct View {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    /// Held while it is opened and closed, and for a copy of the handle.
    state: Mutex<State>,
}

enum State {
    Unopened,
    Open(Open),
    /// Closed, or given up after an error.
    Off,
}

struct Open {
    db: Db,
    marker: Marker,
    filesystem: Arc<dyn Filesystem>,
}

impl View {
    /// What this keeps in `folder` belongs to the view alone.
    pub fn new(disk: Arc<dyn Disk>, folder: PathBuf) -> Arc<View> {
        Arc::new(View { disk, folder, state: Mutex::new(State::Unopened) })
    }

    /// Whether an earlier life or this one has made it.
    pub fn is_there(&self) -> bool {
        self.disk.exists(&self.folder.join(SLED_FOLDER))
    }

    /// Opens what an earlier life made, beside whatever a start does before the first journal is loaded. Who needs it sooner
    /// waits for this; what goes wrong is told here.
    pub fn open_ahead(self: &Arc<View>) -> Option<JoinHandle<()>> {
        if !self.is_there() {
            return None;
        }
        let view = self.clone();
        let open = move || match view.db() {
            Ok(_) | Err(ViewError::Off) => {}
            Err(error) => {
                tracing::error!(folder = %view.folder.display(), %error, "the coordinators' view is given up until the next start");
            }
        };
        // Without a thread the first who needs it opens it.
        thread::Builder::new().name("view".into()).spawn(open).ok()
    }

    /// How far the journal was read; zero when nothing of it is here.
    pub fn position(&self, of: JournalId) -> Result<Offset, ViewError> {
        let Some(bytes) = self.db()?.get(prefix(POSITION, of))? else { return Ok(Offset::ZERO) };
        let bytes: [u8; 8] = bytes.as_ref().try_into().map_err(|_| ViewError::Entry)?;
        Offset::from_wire(i64::from_be_bytes(bytes)).ok_or(ViewError::Entry)
    }

    /// All records of one journal in the order of their offsets, in place of what `rows` had: what compaction would have left
    /// of it.
    pub fn rows(&self, of: JournalId, rows: &mut Rows) -> Result<(), ViewError> {
        rows.clear();
        for block in self.db()?.scan_prefix(prefix(ROW, of)).values() {
            rows.add(&block?)?;
        }
        rows.sort();
        Ok(())
    }

    /// How many rows there are of one journal.
    pub fn row_count(&self, of: JournalId) -> Result<u64, ViewError> {
        let Some(bytes) = self.db()?.get(prefix(COUNT, of))? else { return Ok(0) };
        Ok(u64::from_be_bytes(bytes.as_ref().try_into().map_err(|_| ViewError::Entry)?))
    }

    /// Brings one journal's view up to `next`. The position is written with the last of the changes, so that it never
    /// tells of more than is here.
    pub fn apply(&self, of: JournalId, changes: BTreeMap<Vec<u8>, Change>, next: Offset) -> Result<(), ViewError> {
        let db = self.db()?;
        let mut row_count = self.row_count(of)?;
        let mut batch = Batch::default();
        let mut changes = changes.iter().map(|(key, change)| (&key[..], change)).peekable();
        let mut blocks = 0;
        while let Some((key, _)) = changes.peek() {
            if blocks >= BLOCKS_PER_BATCH {
                batch.insert(prefix(COUNT, of).to_vec(), row_count.to_be_bytes().to_vec());
                db.apply_batch(std::mem::take(&mut batch))?;
                blocks = 0;
            }
            let place = Place::of(&db, of, key)?;
            let here = std::iter::from_fn(|| changes.next_if(|(key, _)| place.holds(key)));
            let (packing, had) = block::merge(&place.block, here)?;
            row_count = (row_count + packing.rows()).saturating_sub(had);
            blocks += place.put(packing.into_blocks(), &mut batch);
        }
        batch.insert(prefix(POSITION, of).to_vec(), next.get().to_be_bytes().to_vec());
        batch.insert(prefix(COUNT, of).to_vec(), row_count.to_be_bytes().to_vec());
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
        if let State::Open(open) = &mut *self.state.lock()
            && open.marker.stage == Stage::Opening
        {
            let settled = Marker { stage: Stage::Open, ..open.marker.clone() };
            settled.write(&*self.disk, &self.folder).map_err(self.io("mark"))?;
            open.marker = settled;
        }
        Ok(())
    }

    /// Makes everything durable and says so; not used any more. Idempotent.
    pub fn close(&self) -> Result<(), ViewError> {
        let State::Open(open) = std::mem::replace(&mut *self.state.lock(), State::Off) else { return Ok(()) };
        open.db.flush()?;
        drop(open.db);
        // sled's own flush does not sync its files.
        open.filesystem.sync().map_err(self.io("sync"))?;
        Marker { stage: Stage::Closed, ..open.marker }.write(&*self.disk, &self.folder).map_err(self.io("mark"))
    }

    /// After an error: not used any more in this life, and thrown away by the next, which finds it unclosed.
    pub fn give_up(&self) {
        if let State::Open(open) = std::mem::replace(&mut *self.state.lock(), State::Off) {
            let doubtful = Marker { stage: Stage::Opening, ..open.marker };
            if let Err(error) = doubtful.write(&*self.disk, &self.folder) {
                tracing::warn!(folder = %self.folder.display(), %error, "the coordinators' view cannot be marked");
            }
        }
    }

    fn db(&self) -> Result<Db, ViewError> {
        let mut state = self.state.lock();
        if let State::Unopened = &*state {
            *state = State::Off;
            *state = State::Open(self.open()?);
        }
        match &*state {
            State::Open(open) => Ok(open.db.clone()),
            State::Unopened | State::Off => Err(ViewError::Off),
        }
    }

    fn open(&self) -> Result<Open, ViewError> {
        let disk = &*self.disk;
        let sled_folder = self.folder.join(SLED_FOLDER);
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
        let filesystem = disk.filesystem(&self.folder).map_err(self.io("open"))?;
        let db = open_sled(&sled_folder).or_else(|error| {
            tracing::warn!(folder = %self.folder.display(), %error, "the coordinators' view is made anew");
            disk.remove_dir_all(&sled_folder).map_err(self.io("clear"))?;
            Ok::<_, ViewError>(open_sled(&sled_folder)?)
        })?;
        Ok(Open { db, marker, filesystem })
    }

    fn io(&self, action: &'static str) -> impl Fn(io::Error) -> ViewError + use<> {
        let path = self.folder.clone();
        move |source| ViewError::Io { action, path: path.clone(), source }
    }
}

/// Where the rows from some key on are, up to where the next block begins.
struct Place {
    rows: [u8; 21],
    /// The block's key, and that of the next of this journal.
    key: Vec<u8>,
    next: Option<IVec>,
    /// Empty where there is none.
    block: IVec,
}

impl Place {
    /// Where the row of `key` is or is to be.
    fn of(db: &Db, of: JournalId, key: &[u8]) -> Result<Place, ViewError> {
        let rows = prefix(ROW, of);
        let key = [&rows[..], key].concat();
        let is_ours = |(key, _): &(IVec, IVec)| key.starts_with(&rows);
        let here = db.range(rows.to_vec()..=key.clone()).next_back().transpose()?;
        let next = db.range::<Vec<u8>, _>((Bound::Excluded(key), Bound::Unbounded)).next().transpose()?;
        // Before the first block is room for any key.
        let (key, block) = here.map_or((rows.to_vec(), IVec::default()), |(key, block)| (key.to_vec(), block));
        Ok(Place { rows, key, next: next.filter(is_ours).map(|(key, _)| key), block })
    }

    fn holds(&self, key: &[u8]) -> bool {
        self.next.as_ref().is_none_or(|next| key < &next[self.rows.len()..])
    }

    /// Puts `blocks` there, the first of them in the old one's place. How many keys that touches.
    fn put(self, blocks: Vec<(Vec<u8>, Vec<u8>)>, batch: &mut Batch) -> usize {
        if blocks.is_empty() {
            batch.remove(self.key);
            return 1;
        }
        let count = blocks.len();
        for (number, (first, block)) in blocks.into_iter().enumerate() {
            let key = if number == 0 { self.key.clone() } else { [&self.rows[..], &first].concat() };
            batch.insert(key, block);
        }
        count
    }
}

fn open_sled(folder: &Path) -> sled::Result<Db> {
    let config = sled::Config::new()
        .path(folder)
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(Some(FLUSH_MS))
        .mode(sled::Mode::HighThroughput);
    for _ in 1..OPENINGS_MAX {
        match config.open() {
            // Its lock, in words only: of another kind than what a filesystem answers.
            Err(sled::Error::Io(error)) if error.kind() == io::ErrorKind::Other => {
                #[expect(clippy::disallowed_methods, reason = "nobody tells when a lock of another is free")]
                thread::sleep(OPENING_PAUSE);
            }
            opened => return opened,
        }
    }
    config.open()
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
