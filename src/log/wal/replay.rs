//! What a start finds in the write-ahead log: all entries in order, their bodies still on disk.
use super::{
    commit::LiveFile,
    entry::{EntryHead, WalSequence},
    error::WalError,
    files::{Directory, Found},
    format::{BLOCK_BYTES, FileHeader, FileHeaderError},
    scan::{FileScan, Scanned},
};
use crate::{platform::DiskFile, types::Offset};
use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

/// One entry that is not released: what to do, and where its body lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecoveredEntry {
    pub sequence: WalSequence,
    pub head: EntryHead,
    /// Behind the last record, where the body is a batch.
    pub end: Option<Offset>,
    /// Place in the list of recovered files.
    pub(super) file: u32,
    /// Where in the file the body begins.
    pub(super) position: u64,
    pub(super) body_crc: u32,
}

/// The entries of the last run, oldest first.
pub struct Recovered {
    files: Vec<RecoveredFile>,
    entries: Vec<RecoveredEntry>,
    released: WalSequence,
    next_sequence: WalSequence,
    newest_used: Option<u64>,
}

impl std::fmt::Debug for Recovered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recovered")
            .field("entries", &self.entries.len())
            .field("released", &self.released)
            .field("next_sequence", &self.next_sequence)
            .finish_non_exhaustive()
    }
}

struct RecoveredFile {
    path: PathBuf,
    file: Arc<dyn DiskFile>,
}

impl Recovered {
    /// In the order of their appends; none of them released.
    pub fn entries(&self) -> &[RecoveredEntry] {
        &self.entries
    }

    /// The body of one entry, checked once more. Only before the entry is released.
    pub fn read_body(&self, entry: &RecoveredEntry) -> Result<Vec<u8>, WalError> {
        let of = &self.files[entry.file as usize];
        // The length was checked against the file when the entry was found.
        let mut body = vec![0; entry.head.len as usize];
        let filled = of.file.read_at(&mut body, entry.position).map_err(WalError::io("read", &of.path))?;
        if filled < body.len() || crate::record::crc32c(&body) != entry.body_crc {
            return Err(WalError::Damaged {
                path: of.path.clone(),
                position: entry.position,
                sequence: entry.sequence,
                reason: "an entry changed since the start of this broker",
            });
        }
        Ok(body)
    }

    /// The sequence after the newest entry.
    pub fn next_sequence(&self) -> WalSequence {
        self.next_sequence
    }

    /// Entries below were released by the last run.
    pub fn released(&self) -> WalSequence {
        self.released
    }

    /// The number of the newest file with a group.
    pub(super) fn newest_used(&self) -> Option<u64> {
        self.newest_used
    }

    pub(super) fn entry_bytes(&self) -> u64 {
        self.entries.iter().map(|e| EntryHead::BYTES as u64 + u64::from(e.head.len)).sum()
    }

    pub(super) fn read(directory: &Directory, found: &Found) -> Result<(Recovered, VecDeque<LiveFile>), WalError> {
        let mut files = Vec::new();
        let (mut headers, mut direct) = (Vec::new(), Vec::new());
        for &number in &found.numbered {
            let path = directory.path_of(number);
            let file = directory.open_to_read(number)?;
            headers.push(read_header(&path, file.as_ref(), number)?);
            files.push(RecoveredFile { path, file });
            direct.push(directory.open_to_read_direct(number));
        }
        let scans: Vec<FileScan<'_>> = (0..)
            .zip(files.iter().zip(&direct).zip(headers))
            .map(|(index, ((RecoveredFile { path, file }, direct), (header, file_bytes)))| FileScan {
                path,
                file: file.as_ref(),
                direct: direct.as_deref(),
                header,
                file_bytes,
                index,
            })
            .collect();
        let mut chain = Chain::default();
        let mut live = VecDeque::new();
        let mut newest_used = None;
        for (scan, scanned) in scans.iter().zip(read_all(&scans)) {
            let scanned = scanned?;
            newest_used = scanned.first_sequence.map(|_| scan.header.number).or(newest_used);
            chain.take(scan, scanned)?;
            live.push_back(LiveFile { number: scan.header.number, file_bytes: scan.file_bytes, end: chain.next() });
        }
        let (entries, released, next_sequence) = chain.finish()?;
        // What was read may be in the page cache only, after a kill in the middle of a commit; new entries follow it.
        for &number in &found.numbered {
            directory.sync_file(number)?;
        }
        Ok((Recovered { files, entries, released, next_sequence, newest_used }, live))
    }
}

/// What each file holds, in their order: read on as many threads as there are processors, since a start after a crash waits
/// for nothing else, and one thread does not keep the disk busy.
fn read_all(scans: &[FileScan<'_>]) -> Vec<Result<Scanned, WalError>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(scans.len());
    if threads < 2 {
        return scans.iter().map(FileScan::read).collect();
    }
    let next = AtomicUsize::new(0);
    let slots: Vec<OnceLock<Result<Scanned, WalError>>> = scans.iter().map(|_| OnceLock::new()).collect();
    // The last files are the large ones: begun first, so that no thread is left with one of them alone.
    let work = || {
        while let Some(at) = scans.len().checked_sub(next.fetch_add(1, Ordering::Relaxed) + 1) {
            let _ = slots[at].set(scans[at].read());
        }
    };
    std::thread::scope(|scope| {
        // One of them is this thread: a system that has no more lets it do all.
        (1..threads).for_each(|_| drop(std::thread::Builder::new().spawn_scoped(scope, work)));
        work();
    });
    slots
        .into_iter()
        .map(|slot| slot.into_inner().expect("each file was read, or its thread's panic came here"))
        .collect()
}

fn read_header(path: &std::path::Path, file: &dyn DiskFile, number: u64) -> Result<(FileHeader, u64), WalError> {
    let mut block = vec![0; BLOCK_BYTES];
    let filled = file.read_at(&mut block, 0).map_err(WalError::io("read", path))?;
    let damaged =
        |reason| WalError::Damaged { path: path.to_owned(), position: 0, sequence: WalSequence::ZERO, reason };
    let header = FileHeader::from_bytes(&block[..filled]).map_err(|error| match error {
        FileHeaderError::Damaged(reason) => damaged(reason),
        FileHeaderError::UnknownVersion(version) => WalError::UnknownVersion { path: path.to_owned(), version },
    })?;
    if header.number != number {
        return Err(damaged("the file's name is not the one it was written under"));
    }
    let file_bytes = file.len().map_err(WalError::io("read", path))?;
    if file_bytes < header.file_bytes {
        return Err(damaged("the file is shorter than it was made"));
    }
    Ok((header, header.file_bytes))
}

/// Puts the files' entries together and sees what is missing between them.
#[derive(Default)]
struct Chain {
    entries: Vec<RecoveredEntry>,
    released: WalSequence,
    /// The sequence expected next; `None` before the first group.
    next: Option<WalSequence>,
    /// Sequences that no file has, by their end, with the damage they are unless they turn out to be released.
    gaps: Vec<(WalSequence, WalError)>,
    /// A bad group after which nothing else was found in its file: a torn tail, unless later files show more.
    bad: Option<WalError>,
}

impl Chain {
    fn next(&self) -> WalSequence {
        self.next.unwrap_or_default()
    }

    fn take(&mut self, scan: &FileScan<'_>, scanned: Scanned) -> Result<(), WalError> {
        if let Some(first) = scanned.first_sequence {
            if self.next.is_some_and(|next| first < next) {
                return Err(scan.damaged(BLOCK_BYTES as u64, first, "it repeats entries of the file before"));
            }
            if first > self.next() {
                let missing = scan.damaged(BLOCK_BYTES as u64, self.next(), "entries before its first are missing");
                self.gaps.push((first, self.bad.take().unwrap_or(missing)));
            }
            self.next = Some(scanned.next_sequence);
            self.released = self.released.max(scanned.released);
            self.bad = None;
        }
        self.entries.extend(scanned.entries);
        if let Some((position, lost)) = scanned.bad {
            let bad = scan.damaged(position, self.next(), "a group of entries does not match its checksum");
            if lost {
                return Err(bad);
            }
            self.bad = Some(bad);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(Vec<RecoveredEntry>, WalSequence, WalSequence), WalError> {
        if let Some((_, damage)) = self.gaps.into_iter().find(|(end, _)| *end > self.released) {
            return Err(damage);
        }
        let released = self.released;
        self.entries.retain(|e| e.sequence >= released);
        self.entries.shrink_to_fit();
        Ok((self.entries, released, self.next.unwrap_or_default()))
    }
}
