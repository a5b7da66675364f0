//! Reads the groups of one file in pieces, never a whole body, and tells a torn tail from damage.
use super::{
    entry::{BodyPlace, EntryHead, EntryKind, WalSequence},
    error::WalError,
    files::LogFile,
    format::{BATCH_UNCHECKED_BYTES, BLOCK_BYTES, FileHeader, GroupHeader, field, in_blocks, new_crc},
    replay::RecoveredEntry,
};
use crate::{
    platform::{DiskFile, is_direct_refused},
    record::{BatchHeader, HEADER_BYTES},
    types::Offset,
};
use crc_fast::Digest;
use std::path::Path;

/// One file about to be read.
pub(super) struct FileScan<'a> {
    pub path: &'a Path,
    pub file: &'a dyn DiskFile,
    /// The same past the page cache, which has nothing of it, and would take longer to make room than the disk to read. `None`
    /// where the filesystem refuses.
    pub direct: Option<&'a dyn DiskFile>,
    pub header: FileHeader,
    pub file_bytes: u64,
    /// Place of the file in the list of recovered files.
    pub index: u32,
}

/// What one file holds.
#[derive(Default)]
pub(super) struct Scanned {
    /// Of the first whole group.
    pub first_sequence: Option<WalSequence>,
    /// After the last whole group.
    pub next_sequence: WalSequence,
    pub released: WalSequence,
    pub entries: Vec<RecoveredEntry>,
    /// Where something stands that is no whole group although the file is not full, and whether whole groups follow.
    pub bad: Option<(u64, bool)>,
}

impl FileScan<'_> {
    pub fn damaged(&self, position: u64, sequence: WalSequence, reason: &'static str) -> WalError {
        WalError::Damaged { path: self.path.to_owned(), position, sequence, reason }
    }

    pub fn read(&self) -> Result<Scanned, WalError> {
        let mut window = Window::new(self);
        let mut scanned = Scanned::default();
        let mut position = LogFile::FIRST_POSITION;
        while position < self.file_bytes {
            let before = scanned.entries.len();
            let Some(group) = self.group_at(&mut window, position, &mut scanned.entries)? else {
                scanned.entries.truncate(before);
                let lost = self.groups_follow(&mut window, position + BLOCK_BYTES as u64)?;
                scanned.bad = Some((position, lost));
                break;
            };
            if scanned.first_sequence.is_none() {
                scanned.first_sequence = Some(group.first_sequence);
            } else if group.first_sequence != scanned.next_sequence {
                return Err(self.damaged(position, scanned.next_sequence, "a group is out of order"));
            }
            scanned.next_sequence = group.first_sequence.plus(u64::from(group.entries));
            if group.released > scanned.next_sequence {
                return Err(self.damaged(position, group.first_sequence, "a group releases what was never written"));
            }
            scanned.released = scanned.released.max(group.released);
            position += group.padded_bytes();
        }
        Ok(scanned)
    }

    /// The whole and unharmed group that begins here, its entries added to `into`; `None` when there is none (then
    /// `into` may hold a part).
    fn group_at(
        &self,
        window: &mut Window<'_>,
        position: u64,
        into: &mut Vec<RecoveredEntry>,
    ) -> Result<Option<GroupHeader>, WalError> {
        let Some(group) = GroupHeader::from_bytes(window.at(position, GroupHeader::BYTES)?) else { return Ok(None) };
        let mine = (group.number, group.salt, group.position) == (self.header.number, self.header.salt, position);
        // Padding never goes beyond the file, and numbers from disk are not trusted to add up.
        if !mine || group.padded_bytes() > self.file_bytes - position {
            return Ok(None);
        }
        if group.first_sequence.get().checked_add(u64::from(group.entries)).is_none() {
            return Ok(None);
        }
        let mut crc = group.begin_crc();
        let mut at = position + GroupHeader::BYTES as u64;
        let end = at + u64::from(group.entry_bytes);
        for index in 0..group.entries {
            if end.saturating_sub(at) < EntryHead::BYTES as u64 {
                return Ok(None);
            }
            let bytes = window.at(at, EntryHead::BYTES)?;
            if bytes.len() < EntryHead::BYTES {
                return Ok(None);
            }
            let bytes: [u8; EntryHead::BYTES] = field(bytes, 0);
            let Some((head, place)) = EntryHead::from_bytes(&bytes) else { return Ok(None) };
            crc.update(&bytes);
            at += EntryHead::BYTES as u64;
            if let BodyPlace::LaidOut { skip } = place {
                at = in_blocks(at) + u64::from(skip);
            }
            if end.saturating_sub(at) < u64::from(head.len) {
                return Ok(None);
            }
            let end_of_batch = match head.kind {
                EntryKind::Append => batch_end(window.at(at, HEADER_BYTES.min(head.len as usize))?),
                _ => None,
            };
            let Some(body_crc) = self.body_at(window, at, &head, place, &mut crc)? else { return Ok(None) };
            into.push(RecoveredEntry {
                sequence: group.first_sequence.plus(u64::from(index)),
                head,
                end: end_of_batch,
                file: self.index,
                position: at,
                body_crc,
            });
            at += u64::from(head.len);
            if let BodyPlace::LaidOut { .. } = place {
                at = in_blocks(at);
            }
        }
        Ok((at == end && crc.finalize() as u32 == group.crc).then_some(group))
    }

    /// The checksum of a body, of which `group` sees what it covers; `None` where the file ends before, or where a body that is
    /// laid out does not fit its own.
    fn body_at(
        &self,
        window: &mut Window<'_>,
        at: u64,
        head: &EntryHead,
        place: BodyPlace,
        group: &mut Digest,
    ) -> Result<Option<u32>, WalError> {
        let mut body = new_crc();
        let len = u64::from(head.len);
        if place == BodyPlace::Behind {
            let whole = window.each(at, len, |piece| {
                group.update(piece);
                body.update(piece);
            })?;
            return Ok(whole.then(|| body.finalize() as u32));
        }
        let first = window.at(at, BATCH_UNCHECKED_BYTES)?;
        if first.len() < BATCH_UNCHECKED_BYTES || len < BATCH_UNCHECKED_BYTES as u64 {
            return Ok(None);
        }
        let own = u32::from_be_bytes(field(first, BATCH_UNCHECKED_BYTES - 4));
        group.update(first);
        body.update(first);
        let mut batch = new_crc();
        let rest = at + BATCH_UNCHECKED_BYTES as u64;
        let whole = window.each(rest, len - BATCH_UNCHECKED_BYTES as u64, |piece| {
            body.update(piece);
            batch.update(piece);
        })?;
        Ok((whole && batch.finalize() as u32 == own).then(|| body.finalize() as u32))
    }

    /// Groups are written one after the other, each durable before the next: a whole one beyond a bad one proves that
    /// the bad one was whole once.
    fn groups_follow(&self, window: &mut Window<'_>, from: u64) -> Result<bool, WalError> {
        let mut unused = Vec::new();
        let mut position = from;
        while position < self.file_bytes {
            unused.clear();
            if self.group_at(window, position, &mut unused)?.is_some() {
                return Ok(true);
            }
            position += BLOCK_BYTES as u64;
        }
        Ok(false)
    }
}

/// Where the batch that begins so ends. Its bytes are checked with the rest of it.
fn batch_end(first: &[u8]) -> Option<Offset> {
    BatchHeader::parse(first).ok()?.last().map(Offset::next)
}

/// A bounded piece of the file in memory that moves on as it is read.
struct Window<'a> {
    scan: &'a FileScan<'a>,
    /// No longer used once a read was refused.
    direct: Option<&'a dyn DiskFile>,
    memory: Vec<u8>,
    /// Where in the memory the first block boundary lies.
    aligned: usize,
    bytes: usize,
    /// The beginning of a block.
    starts: u64,
    filled: usize,
}

impl<'a> Window<'a> {
    const BYTES: usize = 2 << 20;

    fn new(scan: &'a FileScan<'a>) -> Window<'a> {
        let bytes = usize::try_from(scan.file_bytes).unwrap_or(usize::MAX).min(Self::BYTES);
        let memory = vec![0; bytes + BLOCK_BYTES];
        let aligned = memory.as_ptr().align_offset(BLOCK_BYTES).min(BLOCK_BYTES);
        let direct = scan.direct.filter(|_| bytes.is_multiple_of(BLOCK_BYTES));
        Window { scan, direct, memory, aligned, bytes, starts: 0, filled: 0 }
    }

    /// Moves to the block that `position` is in.
    fn move_to(&mut self, position: u64) -> Result<(), WalError> {
        self.starts = position - position % BLOCK_BYTES as u64;
        let left = usize::try_from(self.scan.file_bytes.saturating_sub(self.starts)).unwrap_or(usize::MAX);
        let buffer = &mut self.memory[self.aligned..][..self.bytes.min(left)];
        let mut read = self.direct.unwrap_or(self.scan.file).read_at(buffer, self.starts);
        if self.direct.is_some() && read.as_ref().is_err_and(is_direct_refused) {
            self.direct = None;
            read = self.scan.file.read_at(buffer, self.starts);
        }
        self.filled = read.map_err(WalError::io("read", self.scan.path))?;
        Ok(())
    }

    /// `len` bytes at `position`, or fewer where the file ends.
    fn at(&mut self, position: u64, len: usize) -> Result<&[u8], WalError> {
        let len = len.min(self.bytes);
        let inside = position >= self.starts && position + len as u64 <= self.starts + self.filled as u64;
        if !inside {
            self.move_to(position)?;
        }
        let from = ((position - self.starts) as usize).min(self.filled);
        Ok(&self.memory[self.aligned..][from..(from + len).min(self.filled)])
    }

    /// Calls `see` with the bytes of a range piece by piece; `false` when the file ends before the range does.
    fn each(&mut self, mut position: u64, mut len: u64, mut see: impl FnMut(&[u8])) -> Result<bool, WalError> {
        while len > 0 {
            let in_window = (self.starts + self.filled as u64).saturating_sub(position);
            let now = if position >= self.starts && in_window > 0 { len.min(in_window) } else { len };
            let piece = self.at(position, usize::try_from(now).unwrap_or(usize::MAX))?;
            if piece.is_empty() {
                return Ok(false);
            }
            see(piece);
            position += piece.len() as u64;
            len -= piece.len() as u64;
        }
        Ok(true)
    }
}
