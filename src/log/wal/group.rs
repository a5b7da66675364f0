//! The entries of one commit, laid out as they go to disk, and whom to tell afterwards.
use super::{
    chunks::{Chunk, Pool},
    entry::{BodyPlace, EntryHead, WalSequence},
    error::WalError,
    format::{BATCH_UNCHECKED_BYTES, BLOCK_BYTES, GroupHeader, in_blocks},
    laid_out::LaidOut,
    write_ahead::Committed,
};
use crate::types::Offset;
use std::{collections::HashMap, io::IoSlice, ops::Range, sync::Arc};

/// A piece of the group's memory, filled up to `len`: all but the last to a whole number of blocks.
struct Part {
    chunk: Chunk,
    len: usize,
}

/// One group: fills while the group before it is written.
#[derive(Default)]
pub(super) struct Group {
    pub first_sequence: WalSequence,
    pub released: WalSequence,
    parts: Vec<Part>,
    /// Bytes laid out, the header's included; 0 before the first entry.
    len: usize,
    /// What the group's checksum leaves out, in order: padding, and bytes that have a checksum of their own.
    uncovered: Vec<Range<usize>>,
    entries: u32,
    reaches: Vec<(Arc<dyn Committed>, Offset)>,
    /// Where in `reaches` a log stands, by its address: a log is told once per commit, with its highest offset.
    place_by_log: HashMap<usize, usize>,
}

impl Group {
    pub fn entries(&self) -> u32 {
        self.entries
    }

    pub fn next_sequence(&self) -> WalSequence {
        self.first_sequence.plus(u64::from(self.entries))
    }

    /// Bytes of entries, heads included.
    pub fn entry_bytes(&self) -> usize {
        self.len.saturating_sub(GroupHeader::BYTES)
    }

    /// Whether an entry with a body of `len` bytes still fits. A group of one is never too large.
    pub fn has_room(&self, len: usize, group_bytes_max: usize) -> bool {
        self.entries == 0 || (self.len + EntryHead::BYTES + len <= group_bytes_max && self.entries < u32::MAX)
    }

    /// The only copy that is made of a body on its way to the disk.
    pub fn push(&mut self, head: &EntryHead, body: &[&[u8]], pool: &mut Pool) -> WalSequence {
        let sequence = self.next_sequence();
        self.reserve_header(pool);
        self.put(&head.to_bytes(BodyPlace::Behind), pool);
        for part in body {
            self.put(part, pool);
        }
        self.entries += 1;
        sequence
    }

    /// Takes a body as it lies in memory. It is one batch, whose own checksum covers all but its first bytes.
    pub fn push_laid_out(&mut self, head: &EntryHead, body: LaidOut, pool: &mut Pool) -> WalSequence {
        let sequence = self.next_sequence();
        self.reserve_header(pool);
        let skip = u16::try_from(body.skip()).expect("a body begins in its first block");
        self.put(&head.to_bytes(BodyPlace::LaidOut { skip }), pool);
        let head_end = self.len;
        self.pad_to_block();
        let begins = self.len + body.skip();
        self.uncovered.push(head_end..begins);
        for (chunk, len) in body.into_chunks() {
            self.parts.push(Part { chunk, len });
            self.len += len;
        }
        self.uncovered.push(begins + BATCH_UNCHECKED_BYTES..self.len);
        self.entries += 1;
        sequence
    }

    pub fn reach(&mut self, log: &Arc<dyn Committed>, offset: Offset) {
        let address = Arc::as_ptr(log).cast::<()>() as usize;
        let place = *self.place_by_log.entry(address).or_insert(self.reaches.len());
        match self.reaches.get_mut(place) {
            Some(known) => known.1 = known.1.max(offset),
            None => self.reaches.push((log.clone(), offset)),
        }
    }

    /// Room for the header; for a group without entries too.
    pub fn reserve_header(&mut self, pool: &mut Pool) {
        if self.len == 0 {
            self.parts.push(Part { chunk: pool.take(), len: GroupHeader::BYTES });
            self.len = GroupHeader::BYTES;
        }
    }

    /// Zeros up to the next block.
    fn pad_to_block(&mut self) {
        if let Some(part) = self.parts.last_mut() {
            let padded = part.len.next_multiple_of(BLOCK_BYTES);
            part.chunk.bytes_mut()[part.len..padded].fill(0);
            self.len += padded - part.len;
            part.len = padded;
        }
    }

    fn put(&mut self, mut bytes: &[u8], pool: &mut Pool) {
        while !bytes.is_empty() {
            if self.parts.last().is_none_or(|part| part.len == Chunk::BYTES) {
                self.parts.push(Part { chunk: pool.take(), len: 0 });
            }
            let part = self.parts.last_mut().expect("a part was just ensured");
            let (now, later) = bytes.split_at(bytes.len().min(Chunk::BYTES - part.len));
            part.chunk.bytes_mut()[part.len..part.len + now.len()].copy_from_slice(now);
            part.len += now.len();
            self.len += now.len();
            bytes = later;
        }
    }

    /// Calls `see` with all that the group's checksum covers behind the header.
    fn each_covered(&self, mut see: impl FnMut(&[u8])) {
        let mut left_out = self.uncovered.iter().peekable();
        let (mut begins, mut at) = (0, GroupHeader::BYTES);
        for part in &self.parts {
            let ends = begins + part.len;
            while at < ends {
                match left_out.peek() {
                    Some(range) if range.start <= at => {
                        at = at.max(range.end.min(ends));
                        left_out.next_if(|range| range.end <= at);
                    }
                    next => {
                        let until = next.map_or(ends, |range| range.start.min(ends));
                        see(&part.chunk.bytes()[at - begins..until - begins]);
                        at = until;
                    }
                }
            }
            begins = ends;
        }
    }

    /// Bytes on disk, padding included.
    pub fn padded_bytes(&self) -> u64 {
        in_blocks(self.len.max(GroupHeader::BYTES) as u64)
    }

    /// The same, with one more entry whose body has `len` bytes.
    pub fn padded_bytes_with(&self, len: usize) -> u64 {
        in_blocks((self.len.max(GroupHeader::BYTES) + EntryHead::BYTES + len) as u64)
    }

    /// Writes header and padding: the group is then ready for this one place of this one file.
    pub fn seal(&mut self, number: u64, salt: u64, position: u64) {
        assert!(self.len >= GroupHeader::BYTES, "a group has room for its header before it is sealed");
        assert!(self.released <= self.next_sequence(), "what will be written later cannot be released yet");
        let mut header = GroupHeader {
            crc: 0,
            number,
            salt,
            position,
            first_sequence: self.first_sequence,
            released: self.released,
            entries: self.entries,
            entry_bytes: u32::try_from(self.entry_bytes()).expect("the sizes of entries and groups are bounded"),
        };
        let mut crc = header.begin_crc();
        self.each_covered(|bytes| crc.update(bytes));
        header.crc = crc.finalize() as u32;
        self.parts[0].chunk.bytes_mut()[..GroupHeader::BYTES].copy_from_slice(&header.to_bytes());
        let last = self.parts.last_mut().expect("the header has its part");
        last.chunk.bytes_mut()[last.len..last.len.next_multiple_of(BLOCK_BYTES)].fill(0);
    }

    /// The sealed group as it is to be written.
    pub fn slices(&self) -> Vec<IoSlice<'_>> {
        let padded = |part: &Part| part.len.next_multiple_of(BLOCK_BYTES);
        self.parts.iter().map(|part| IoSlice::new(&part.chunk.bytes()[..padded(part)])).collect()
    }

    pub fn tell_committed(&self) {
        for (log, offset) in &self.reaches {
            log.committed(*offset);
        }
    }

    pub fn tell_failed(&self, error: &WalError) {
        for (log, _) in &self.reaches {
            log.failed(error);
        }
    }

    pub fn give_back_chunks(&mut self, pool: &mut Pool, bytes_max: usize) {
        pool.give_back(self.parts.drain(..).map(|part| part.chunk), bytes_max);
    }

    /// Empties the group for its next use; what it holds to remember many logs goes when it was unusually much.
    pub fn clear(&mut self) {
        const LOGS_AT_REST: usize = 1024;
        assert!(self.parts.is_empty(), "chunks are given back first");
        self.len = 0;
        self.entries = 0;
        self.uncovered.clear();
        self.reaches.clear();
        self.place_by_log.clear();
        self.uncovered.shrink_to(LOGS_AT_REST);
        self.reaches.shrink_to(LOGS_AT_REST);
        self.place_by_log.shrink_to(LOGS_AT_REST);
    }
}
