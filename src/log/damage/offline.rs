//! Segments looked at and mended without a broker (`ottla log verify`, `ottla log repair`).
use super::{Damage, Expected, examine};
use crate::{
    log::{
        checkpoint::{self, Marks, Offsets},
        epoch_cache::EpochCache,
        names,
    },
    platform::{Disk, DiskFile, OpenMode},
    types::{Offset, TopicPartition},
};
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Why segments cannot be looked at or mended.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error("{}: no segment, partition directory or log directory", path.display())]
    NoSegments { path: PathBuf },
    #[error("a broker uses {}: stop it first", path.display())]
    InUse { path: PathBuf },
    #[error("{} is a part of the log's end that a crash has torn: the next start cuts it", path.display())]
    Torn { path: PathBuf },
}

impl OfflineError {
    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OfflineError {
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
    /// Behind everything that was synced: no damage, the next start cuts it.
    pub torn: Option<Damage>,
}

/// What a repair did.
#[derive(Clone, Debug)]
pub struct Repaired {
    pub report: SegmentReport,
    /// Where the damaged bytes are kept.
    pub kept: PathBuf,
    pub bytes: u64,
}

/// One partition's directory and what its log directory says of it.
struct Folder<'a> {
    disk: &'a dyn Disk,
    path: PathBuf,
    bases: Vec<Offset>,
    epochs: EpochCache,
    cleaned: Option<Offset>,
    /// What is known to be synced: all, or up to this offset.
    synced: Option<Offset>,
}

/// Looks at one segment, all of a partition, or all of a log directory.
pub fn verify(disk: &dyn Disk, path: &Path) -> Result<Vec<SegmentReport>, OfflineError> {
    if let Some(base) = base_of(path) {
        let folder = Folder::open(disk, path.parent().unwrap_or(Path::new(".")))?;
        return Ok(vec![folder.look_at(base)?]);
    }
    let names = disk.list(path).map_err(OfflineError::io("list", path))?;
    let has_segments = names.iter().any(|file| names::offset_of(&file.name, names::LOG).is_some());
    let folders: Vec<PathBuf> = if has_segments {
        vec![path.to_owned()]
    } else {
        let partitions = names.iter().filter(|entry| entry.is_dir && names::partition_of(&entry.name).is_some());
        partitions.map(|entry| path.join(&entry.name)).collect()
    };
    let mut reports = Vec::new();
    for folder in folders {
        let folder = Folder::open(disk, &folder)?;
        for base in folder.bases.clone() {
            reports.push(folder.look_at(base)?);
        }
    }
    if reports.is_empty() { Err(OfflineError::NoSegments { path: path.to_owned() }) } else { Ok(reports) }
}

/// Writes a segment anew from what is whole of it; the damaged one is kept beside it. `None` when there is no damage.
pub fn repair(disk: &dyn Disk, path: &Path) -> Result<Option<Repaired>, OfflineError> {
    let base = base_of(path).ok_or_else(|| OfflineError::NoSegments { path: path.to_owned() })?;
    let folder = Folder::open(disk, path.parent().unwrap_or(Path::new(".")))?;
    let _lock = folder.lock()?;
    let report = folder.look_at(base)?;
    if let (Some(_), true) = (&report.torn, report.damages.is_empty()) {
        return Err(OfflineError::Torn { path: path.to_owned() });
    }
    if report.damages.is_empty() {
        return Ok(None);
    }
    let beside = |suffix: &str| folder.path.join(format!("{}{suffix}", names::of_offset(base, names::LOG)));
    let taken = |kept: &PathBuf| !disk.exists(kept);
    let kept = (0..).map(|at| beside(&format!(".damaged-{at}"))).find(taken).unwrap_or_else(|| beside(".damaged"));
    let whole = beside(".repaired");
    let source = disk.open(path, OpenMode::Read).map_err(OfflineError::io("open", path))?;
    copy(disk, &*source, std::slice::from_ref(&(0..report.bytes)), &kept).map_err(OfflineError::io("write", &kept))?;
    let mut stretches = Vec::new();
    let mut from = 0;
    for damage in &report.damages {
        stretches.push(from..damage.bytes.start);
        from = damage.bytes.end;
    }
    stretches.push(from..report.bytes);
    let bytes = copy(disk, &*source, &stretches, &whole).map_err(OfflineError::io("write", &whole))?;
    // Noted first: without it the gap would be found to be damage again.
    folder.note_gaps(base, &report)?;
    for suffix in [names::INDEX, names::TIME_INDEX] {
        // They are made again.
        let _ = disk.remove_file(&folder.path.join(names::of_offset(base, suffix)));
    }
    disk.rename(&whole, path).map_err(OfflineError::io("rename", &whole))?;
    disk.sync_dir(&folder.path).map_err(OfflineError::io("sync", &folder.path))?;
    Ok(Some(Repaired { report, kept, bytes }))
}

fn base_of(path: &Path) -> Option<Offset> {
    names::offset_of(path.file_name()?.to_str()?, names::LOG)
}

/// Stretches of a file, one behind the other, in a new file; durable when this returns.
fn copy(disk: &dyn Disk, from: &dyn DiskFile, stretches: &[std::ops::Range<u64>], to: &Path) -> io::Result<u64> {
    const CHUNK_BYTES: u64 = 1 << 20;
    let file = disk.open(to, OpenMode::Create)?;
    file.set_len(0)?;
    let (mut written, mut buffer) = (0, Vec::new());
    for stretch in stretches {
        let mut at = stretch.start;
        while at < stretch.end {
            buffer.resize(CHUNK_BYTES.min(stretch.end - at) as usize, 0);
            let filled = from.read_at(&mut buffer, at)?;
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
        let names = disk.list(path).map_err(OfflineError::io("list", path))?;
        let bases = names.iter().filter_map(|file| names::offset_of(&file.name, names::LOG)).collect();
        let epochs = disk.read(&path.join(names::EPOCH_CHECKPOINT)).ok();
        let epochs = epochs.and_then(|bytes| checkpoint::read_epochs(&bytes).ok()).unwrap_or_default();
        let mut folder = Folder {
            disk,
            path: path.to_owned(),
            bases,
            epochs: EpochCache::loaded(epochs),
            cleaned: None,
            synced: Some(Offset::ZERO),
        };
        let at = folder.partition();
        let of = |name: &str| folder.offsets(name).zip(at.as_ref()).and_then(|(offsets, at)| offsets.get(at).copied());
        let (cleaned, recovery) = (of(names::CLEANER_OFFSETS), of(names::RECOVERY_POINTS));
        let is_clean = disk.exists(&folder.log_directory().join(names::CLEAN_SHUTDOWN));
        // A directory on its own, a copy say, says nothing of what is synced: then all of it is.
        let known = recovery.filter(|_| !is_clean);
        (folder.cleaned, folder.synced) = (cleaned, known);
        Ok(folder)
    }

    fn log_directory(&self) -> PathBuf {
        let absolute = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        absolute.parent().map_or_else(|| absolute.clone(), Path::to_owned)
    }

    fn partition(&self) -> Option<TopicPartition> {
        let absolute = std::path::absolute(&self.path).ok()?;
        let (topic, partition) = names::partition_of(absolute.file_name()?.to_str()?)?;
        Some(TopicPartition { topic, partition })
    }

    fn offsets(&self, name: &str) -> Option<Offsets> {
        checkpoint::read_offsets(&self.disk.read(&self.log_directory().join(name)).ok()?).ok()
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

    fn look_at(&self, base: Offset) -> Result<SegmentReport, OfflineError> {
        let path = self.path.join(names::of_offset(base, names::LOG));
        let read = |source| OfflineError::io("read", &path)(source);
        let file: Arc<dyn DiskFile> = self.disk.open(&path, OpenMode::Read).map_err(read)?;
        let bytes = file.len().map_err(read)?;
        let end = self.bases.iter().copied().find(|other| *other > base);
        let gaps = |at: Offset| self.cleaned.is_some_and(|cleaned| at < cleaned);
        let epoch = |at: Offset| self.epochs.at(at);
        let expected = Expected {
            base,
            first: Some(base),
            end,
            gaps: &gaps,
            epoch: &epoch,
            open: &[],
            is_known_aborted: &|_| true,
        };
        let found = examine(&*file, 0..bytes, &expected, &mut |_| true).map_err(read)?.unwrap_or_default();
        let (mut damages, mut torn) = (found.damages, None);
        if let (None, Some(synced)) = (end, self.synced)
            && damages.last().is_some_and(|last| last.offsets.start >= synced)
        {
            torn = damages.pop();
        }
        Ok(SegmentReport { path, bytes, batches: found.batches, records: found.records, damages, torn })
    }

    /// What is missing now is missing on purpose, and a log whose end is gone ends where it does.
    fn note_gaps(&self, base: Offset, report: &SegmentReport) -> Result<(), OfflineError> {
        let Some(at) = self.partition() else { return Ok(()) };
        let last = report.damages.last();
        let (Some(from), Some(to)) = (last.map(|last| last.offsets.start), last.map(|last| last.offsets.end)) else {
            return Ok(());
        };
        let mut cleaned = self.offsets(names::CLEANER_OFFSETS).unwrap_or_default();
        let known = cleaned.entry(at.clone()).or_default();
        *known = (*known).max(to);
        self.write(names::CLEANER_OFFSETS, &cleaned, &Marks::new())?;
        let is_end = self.bases.last() == Some(&base) && last.is_some_and(|last| last.bytes.end == report.bytes);
        if let (true, Some(mut points)) = (is_end, self.offsets(names::RECOVERY_POINTS)) {
            let bytes = self.disk.read(&self.log_directory().join(names::RECOVERY_POINTS)).unwrap_or_default();
            points.entry(at).and_modify(|point| *point = (*point).min(from));
            self.write(names::RECOVERY_POINTS, &points, &checkpoint::read_marks(&bytes))?;
        }
        Ok(())
    }

    fn write(&self, name: &str, offsets: &Offsets, marks: &Marks) -> Result<(), OfflineError> {
        let path = self.log_directory().join(name);
        let written = self.disk.write_atomic(&path, checkpoint::write_offsets(offsets, marks).as_bytes());
        written.map_err(OfflineError::io("write", &path))
    }
}
