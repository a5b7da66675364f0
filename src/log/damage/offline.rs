//! Segments looked at and mended without a broker (`ottla log verify`, `ottla log repair`).
use super::{
    Damage, Examined, Expected, MISSING, examine,
    filling::{self, OFFSETS_MAX},
    lost_markers::LostMarker,
    noted::Notes,
    restoring::restored,
};
use crate::{
    log::{
        checkpoint,
        epoch_cache::EpochCache,
        names,
        scan::{Scan, Step},
    },
    platform::{Disk, DiskFile, OpenMode},
    record::{BatchHeader, HEADER_BYTES},
    types::{Offset, TopicPartition},
};
use std::{
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Files that are begun at most for offsets that have no place in the damaged one: a note that lies fills no disk.
const FILES_MAX: i64 = 16;

/// Why segments cannot be looked at or mended.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error("{}: no segment, partition directory or log directory", path.display())]
    NoSegments { path: PathBuf },
    #[error("a broker uses {}: stop it first", path.display())]
    InUse { path: PathBuf },
    #[error("{}: a stop came while compaction put this file in the place of others, and the next start goes on with that: start the broker once, then repair what is still damaged", path.display())]
    Swap { path: PathBuf },
    #[error("what is torn of {} came behind the last checkpoint: the next start cuts it, and writes it again from the write-ahead log", path.display())]
    Torn { path: PathBuf },
    #[error("{}: offsets {} to {} are lost, more than a repair takes", path.display(), lost.start, lost.end)]
    TooMany { path: PathBuf, lost: Range<Offset> },
}

impl OfflineError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OfflineError {
        let path = path.to_owned();
        move |source| OfflineError::Io { action, path, source }
    }
}

/// One segment as it was found.
#[derive(Clone, Debug)]
pub struct SegmentReport {
    pub path: PathBuf,
    pub bytes: u64,
    pub batches: u64,
    pub records: u64,
    pub damages: Vec<Damage>,
    /// Behind the last checkpoint, up to the file's end: no damage, the next start cuts it and writes it again from the write-ahead log.
    pub torn: Option<Damage>,
}

/// What a repair did.
#[derive(Clone, Debug)]
pub struct Repaired {
    pub report: SegmentReport,
    /// Where the damaged bytes are kept; `None` where there was no file.
    pub kept: Option<PathBuf>,
    pub bytes: u64,
    /// Of the damages those that cost no records that are in the file.
    pub restored: Vec<Damage>,
}

/// One partition's directory and what its log directory says of it.
pub(super) struct Folder<'a> {
    pub disk: &'a dyn Disk,
    pub path: PathBuf,
    pub bases: Vec<Offset>,
    epochs: EpochCache,
    notes: Notes,
    /// Compaction has removed records here, and nobody notes up to where.
    is_sparse: bool,
    /// A file that compaction was putting in the place of others: those may be gone already.
    swap: Option<PathBuf>,
}

/// What a segment is written anew from.
#[derive(Default)]
struct Pieces {
    pieces: Vec<Piece>,
    restored: Vec<Damage>,
}

/// A stretch of the damaged file, or other bytes.
enum Piece {
    Kept(Range<u64>),
    New(Vec<u8>),
}

/// Looks at one segment, all of a partition, or all of a log directory.
pub fn verify(disk: &dyn Disk, path: &Path) -> Result<Vec<SegmentReport>, OfflineError> {
    if let Some(base) = base_of(path) {
        let folder = Folder::open(disk, path.parent().unwrap_or(Path::new(".")))?;
        return Ok(vec![folder.report_of(base)?]);
    }
    let names = disk.list(path).map_err(OfflineError::io("list", path))?;
    let is_of_partition =
        |name: &str| name == names::PARTITION_METADATA || names::offset_of(name, names::LOG).is_some();
    let folders: Vec<PathBuf> = if names.iter().any(|file| is_of_partition(&file.name)) {
        vec![path.to_owned()]
    } else {
        let partitions = names.iter().filter(|entry| entry.is_dir && names::partition_of(&entry.name).is_some());
        partitions.map(|entry| path.join(&entry.name)).collect()
    };
    let mut reports = Vec::new();
    for folder in folders {
        verify_all(disk, &folder, &mut reports)?;
    }
    if reports.is_empty() { Err(OfflineError::NoSegments { path: path.to_owned() }) } else { Ok(reports) }
}

/// Of one partition. A broker that runs may take files away and put others in their place meanwhile, so what seems wrong is looked at again, by
/// what is there and noted then.
fn verify_all(disk: &dyn Disk, path: &Path, reports: &mut Vec<SegmentReport>) -> Result<(), OfflineError> {
    let mut folder = Folder::open(disk, path)?;
    reports.extend(folder.lost_beginning().map(|(_, report)| report));
    let mut next = folder.bases.first().copied();
    while let Some(base) = next {
        let mut report = folder.look_at(base);
        if report.as_ref().map_or(true, |report| !report.damages.is_empty()) {
            folder = Folder::open(disk, path)?;
            report = folder.look_at(base);
        }
        if report.is_ok() || folder.bases.contains(&base) {
            reports.push(report?);
        }
        next = folder.bases.iter().copied().find(|other| *other > base);
    }
    Ok(())
}

/// Writes a segment anew from what is whole of it; the damaged one is kept beside it. `None` when there is no damage. A file that is
/// gone is made anew without records, or the one before it goes on to where its records ended.
pub fn repair(disk: &dyn Disk, path: &Path) -> Result<Option<Repaired>, OfflineError> {
    let base = base_of(path).ok_or_else(|| OfflineError::NoSegments { path: path.to_owned() })?;
    let folder = Folder::open(disk, path.parent().unwrap_or(Path::new(".")))?;
    let _lock = folder.lock()?;
    if let Some(path) = folder.swap {
        return Err(OfflineError::Swap { path });
    }
    let base = folder.responsible_for(base);
    let report = folder.report_of(base)?;
    let path = &report.path;
    if let (Some(_), true) = (&report.torn, report.damages.is_empty()) {
        return Err(OfflineError::Torn { path: path.to_owned() });
    }
    if report.damages.is_empty() {
        return Ok(None);
    }
    let beside = |suffix: &str| folder.path.join(format!("{}{suffix}", names::of_offset(base, names::LOG)));
    let taken = |kept: &PathBuf| !disk.exists(kept);
    let source = match disk.exists(path) {
        true => Some(disk.open(path, OpenMode::Read).map_err(OfflineError::io("open", path))?),
        false => None,
    };
    let Pieces { pieces, restored } = folder.pieces(base, &report, source.as_deref())?;
    let mut kept = None;
    if source.is_some() {
        let to = (0..).map(|at| beside(&format!(".damaged-{at}"))).find(taken).unwrap_or_else(|| beside(".damaged"));
        let all = [Piece::Kept(0..report.bytes)];
        copy(disk, source.as_deref(), &all, &to).map_err(OfflineError::io("write", &to))?;
        kept = Some(to);
    }
    let whole = beside(".repaired");
    let bytes = copy(disk, source.as_deref(), &pieces, &whole).map_err(OfflineError::io("write", &whole))?;
    let taken_over = folder.take_over_markers(base, &report.damages)?;
    for suffix in [names::INDEX, names::TIME_INDEX] {
        // They are made again.
        let _ = disk.remove_file(&folder.path.join(names::of_offset(base, suffix)));
    }
    disk.rename(&whole, path).map_err(OfflineError::io("rename", &whole))?;
    disk.sync_dir(&folder.path).map_err(OfflineError::io("sync", &folder.path))?;
    for index in taken_over {
        let _ = disk.remove_file(&index);
    }
    Ok(Some(Repaired { report, kept, bytes, restored }))
}

/// Offsets from here on have no place in a segment of this base.
fn room_of(base: Offset) -> Offset {
    Offset::new(base.get().saturating_add(OFFSETS_MAX))
}

fn base_of(path: &Path) -> Option<Offset> {
    names::offset_of(path.file_name()?.to_str()?, names::LOG)
}

/// Pieces, one behind the other, in a new file; durable when this returns.
fn copy(disk: &dyn Disk, from: Option<&dyn DiskFile>, pieces: &[Piece], to: &Path) -> io::Result<u64> {
    const CHUNK_BYTES: u64 = 1 << 20;
    let file = disk.open(to, OpenMode::Create)?;
    file.set_len(0)?;
    let (mut written, mut buffer) = (0, Vec::new());
    for piece in pieces {
        let stretch = match piece {
            Piece::Kept(stretch) => stretch,
            Piece::New(bytes) => {
                file.write_all_at(bytes, written)?;
                written += bytes.len() as u64;
                continue;
            }
        };
        let mut at = stretch.start;
        while at < stretch.end {
            buffer.resize(CHUNK_BYTES.min(stretch.end - at) as usize, 0);
            let filled = from.map_or(Ok(0), |from| from.read_at(&mut buffer, at))?;
            if filled == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            file.write_all_at(&buffer[..filled], written)?;
            (at, written) = (at + filled as u64, written + filled as u64);
        }
    }
    file.sync_all()?;
    Ok(written)
}

impl<'a> Folder<'a> {
    fn open(disk: &'a dyn Disk, path: &Path) -> Result<Folder<'a>, OfflineError> {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let name = absolute.file_name().and_then(|name| name.to_str()).and_then(names::partition_of);
        // Before the files are listed: a broker may be writing more.
        let notes = match (name, absolute.parent()) {
            (Some((topic, partition)), Some(parent)) => {
                Notes::read(disk, parent, path, &TopicPartition { topic, partition })
            }
            _ => Notes::default(),
        };
        let names = disk.list(path).map_err(OfflineError::io("list", path))?;
        let bases = names.iter().filter_map(|file| names::offset_of(&file.name, names::LOG)).collect();
        let epochs = disk.read(&path.join(names::EPOCH_CHECKPOINT)).ok();
        let epochs = epochs.and_then(|bytes| checkpoint::read_epochs(&bytes).ok()).unwrap_or_default();
        let epochs = EpochCache::loaded(epochs);
        let swap = format!("{}{}", names::LOG, names::SWAP);
        let swap = names.iter().find(|file| file.name.ends_with(&swap)).map(|file| path.join(&file.name));
        let mut folder = Folder { disk, path: path.to_owned(), bases, epochs, notes, is_sparse: false, swap };
        folder.is_sparse = folder.swap.is_some() || (notes.recovery.is_none() && folder.shows_compaction());
        Ok(folder)
    }

    fn log_directory(&self) -> PathBuf {
        let absolute = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        absolute.parent().map_or_else(|| absolute.clone(), Path::to_owned)
    }

    fn lock(&self) -> Result<Option<Box<dyn Send + Sync>>, OfflineError> {
        let (directory, lock) = (self.log_directory(), self.log_directory().join(names::LOCK));
        if !self.disk.exists(&lock) {
            return Ok(None);
        }
        match self.disk.lock(&lock) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(OfflineError::InUse { path: directory }),
            locked => locked.map(Some).map_err(OfflineError::io("lock", &lock)),
        }
    }

    /// Does a batch have fewer records than offsets, or do batches on both sides of a gap agree that there is one?
    fn shows_compaction(&self) -> bool {
        self.bases.iter().any(|base| self.is_compacted(*base).unwrap_or(false))
    }

    fn is_compacted(&self, base: Offset) -> io::Result<bool> {
        let file = self.disk.open(&self.path.join(names::of_offset(base, names::LOG)), OpenMode::Read)?;
        let mut scan = Scan::headers(&*file, 0, file.len()?);
        let (mut due, mut is_behind_gap) = (Some(base), false);
        while let Step::Batch { header, .. } = scan.next_step()? {
            // One without any records and of no producer is a repair's.
            let is_filling = header.record_count == 0 && header.producer_id < 0;
            if !(header.is_dense() || is_filling) || (is_behind_gap && header.base() == due) {
                return Ok(true);
            }
            is_behind_gap = header.base() > due;
            due = header.last().map(Offset::next);
        }
        Ok(false)
    }

    /// The segment in which records are missed that should stand in this one.
    fn responsible_for(&self, base: Offset) -> Offset {
        let is_first = self.lost_beginning().is_some_and(|(lost, _)| lost == base);
        let before = || self.bases.iter().copied().rfind(|other| *other < base);
        if is_first || self.bases.contains(&base) { base } else { before().unwrap_or(base) }
    }

    fn report_of(&self, base: Offset) -> Result<SegmentReport, OfflineError> {
        let lost = self.lost_beginning().filter(|(lost, _)| *lost == base);
        lost.map_or_else(|| self.look_at(base), |(_, report)| Ok(report))
    }

    /// The file that the log began with is gone, maybe with those behind it. After a kill the write-ahead log may know that the start
    /// has moved, so that only a start can tell.
    fn lost_beginning(&self) -> Option<(Offset, SegmentReport)> {
        let begins = self.notes.begins.filter(|_| self.notes.is_clean)?;
        let end = self.bases.first().copied().or(self.notes.recovery).filter(|end| begins < *end)?;
        let path = self.path.join(names::of_offset(begins, names::LOG));
        let damage = Damage { bytes: 0..0, offsets: begins..end, what: MISSING.into() };
        Some((begins, SegmentReport { path, bytes: 0, batches: 0, records: 0, damages: vec![damage], torn: None }))
    }

    fn look_at(&self, base: Offset) -> Result<SegmentReport, OfflineError> {
        let path = self.path.join(names::of_offset(base, names::LOG));
        let read = |source| OfflineError::io("read", &path)(source);
        let file: Arc<dyn DiskFile> = self.disk.open(&path, OpenMode::Read).map_err(read)?;
        let bytes = file.len().map_err(read)?;
        let end = self.bases.iter().copied().find(|other| *other > base);
        let gaps = |at: Offset| self.is_sparse || self.notes.cleaned.is_some_and(|cleaned| at < cleaned);
        let epoch = |at: Offset| self.epochs.at(at);
        let expected = Expected {
            base,
            first: Some(base),
            end,
            gaps: &gaps,
            epoch: &epoch,
            epochs_known_to: self.epochs_known_to(),
            open: &[],
            is_known_aborted: &|_| true,
        };
        let found = examine(&*file, 0..bytes, &expected, &mut |_| true).map_err(read)?;
        let mut found = found.unwrap_or_default();
        if end.is_none() {
            self.look_at_end(&*file, bytes, &mut found).map_err(read)?;
        }
        let torn = self.take_torn(&mut found.damages, bytes, end.is_none());
        Ok(SegmentReport { path, bytes, batches: found.batches, records: found.records, damages: found.damages, torn })
    }

    /// The epochs are noted before the recovery point is.
    fn epochs_known_to(&self) -> Offset {
        match self.notes.is_clean {
            true => Offset::MAX,
            false => self.notes.recovery.or(self.epochs.latest_start()).unwrap_or_default(),
        }
    }

    /// Of the damages those behind the last checkpoint: what a repair put there the start would take for what was written, and leave
    /// out what the write-ahead log has. One that reaches over the checkpoint is one only up to there.
    fn take_torn(&self, damages: &mut Vec<Damage>, bytes: u64, is_last: bool) -> Option<Damage> {
        let from = self.notes.torn_from()?;
        if !self.notes.is_logged {
            // Nobody has what stands behind it but the file.
            return damages.pop_if(|last| is_last && last.offsets.start >= from);
        }
        let at = damages.iter().position(|damage| damage.offsets.end > from || damage.offsets.start >= from)?;
        let end = damages.last().map_or(from, |last| last.offsets.end);
        let mut rest = damages.drain(at..);
        let first = rest.next()?;
        drop(rest);
        let mut torn = Damage { bytes: first.bytes.start..bytes, offsets: first.offsets.start..end, ..first.clone() };
        if first.offsets.start < from {
            (torn.bytes.start, torn.offsets.start) = (first.bytes.end, from);
            damages.push(Damage { offsets: first.offsets.start..from, ..first });
        }
        Some(torn)
    }

    /// No later file says where the last one ends: the notes do.
    fn look_at_end(&self, file: &dyn DiskFile, bytes: u64, found: &mut Examined) -> io::Result<()> {
        let is_torn = |last: &Damage| self.notes.torn_from().is_some_and(|from| last.offsets.start >= from);
        if found.damages.last().is_some_and(is_torn) {
            return Ok(());
        }
        let synced = self.notes.recovery;
        if let Some(last) = found.damages.last_mut().filter(|last| last.bytes.end == bytes) {
            // Offsets that were seen are not given out again (OFF-12). Without notes, what the damaged batch says of itself.
            let from = last.offsets.start;
            let mut head = [0; HEADER_BYTES];
            let filled = file.read_at(&mut head, last.bytes.start)?;
            let said = head.get(..filled).and_then(|head| BatchHeader::parse(head).ok());
            let said = said.filter(|said| said.base() == Some(from) && said.is_dense());
            let end = synced.or(said.and_then(|said| said.last()).map(Offset::next));
            last.offsets.end = last.offsets.end.max(end.unwrap_or(from));
        } else if let (Some(due), Some(synced)) = (found.next, synced)
            && due < synced
        {
            let what = "records are missing".to_owned();
            found.damages.push(Damage { bytes: bytes..bytes, offsets: due..synced, what });
        }
        Ok(())
    }

    /// The segment without its damage.
    fn pieces(
        &self,
        base: Offset,
        report: &SegmentReport,
        source: Option<&dyn DiskFile>,
    ) -> Result<Pieces, OfflineError> {
        let markers = self.lost_markers(base, &report.damages)?;
        let (mut made, mut from) = (Pieces::default(), 0);
        for damage in &report.damages {
            made.pieces.push(Piece::Kept(from..damage.bytes.start));
            from = damage.bytes.end;
            let restore = |source| restored(source, damage, &self.epochs, &markers, room_of(base));
            let restored = source.map_or(Ok(None), restore);
            let restored = restored.map_err(OfflineError::io("read", &report.path))?;
            made.restored.extend(restored.is_some().then(|| damage.clone()));
            let filled = || self.filled(base, damage, &markers);
            made.pieces.push(Piece::New(restored.map_or_else(filled, Ok)?));
        }
        // Behind a damage that reaches over the last checkpoint the file ends, so that the start goes on there.
        let is_torn_from_here = report.torn.as_ref().is_some_and(|torn| torn.bytes.start == from);
        made.pieces.push(Piece::Kept(from..if is_torn_from_here { from } else { report.bytes }));
        Ok(made)
    }

    /// What takes the place of lost records. Offsets that have no place in the segment get files of their own, first.
    fn filled(&self, base: Offset, damage: &Damage, markers: &[LostMarker]) -> Result<Vec<u8>, OfflineError> {
        let lost = &damage.offsets;
        let mut end = room_of(base).min(lost.end);
        let here = filling::in_place_of(&(lost.start..end), &self.epochs, markers);
        if lost.end.since(end) > (FILES_MAX * OFFSETS_MAX) as u64 {
            return Err(OfflineError::TooMany { path: self.path.clone(), lost: lost.clone() });
        }
        while end < lost.end {
            let there = end..room_of(end).min(lost.end);
            let path = self.path.join(names::of_offset(end, names::LOG));
            let bytes = filling::in_place_of(&there, &self.epochs, markers);
            self.disk.write_atomic(&path, &bytes).map_err(OfflineError::io("write", &path))?;
            end = there.end;
        }
        Ok(here)
    }
}
