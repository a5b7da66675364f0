//! The entries of one commit, laid out as they go to disk, and whom to tell afterwards.
use super::{
    chunks::{Chunk, Pool},
    entry::{EntryHead, WalSequence},
    error::WalError,
    format::{GroupHeader, in_blocks},
    write_ahead::Committed,
};
use crate::types::Offset;
use std::{collections::HashMap, io::IoSlice, sync::Arc};

/// One group: fills while the group before it is written.
#[derive(Default)]
pub(super) struct Group {
    pub first_sequence: WalSequence,
    pub released: WalSequence,
    chunks: Vec<Chunk>,
    /// Bytes laid out, the header's included; 0 before the first entry.
    len: usize,
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
        self.put(&head.to_bytes(), pool);
        for part in body {
            self.put(part, pool);
        }
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
            self.chunks.push(pool.take());
            self.len = GroupHeader::BYTES;
        }
    }

    fn put(&mut self, mut bytes: &[u8], pool: &mut Pool) {
        while !bytes.is_empty() {
            let at = self.len % Chunk::BYTES;
            if self.len == self.chunks.len() * Chunk::BYTES {
                self.chunks.push(pool.take());
            }
            let chunk = self.chunks.last_mut().expect("a chunk was just ensured").bytes_mut();
            let (now, later) = bytes.split_at(bytes.len().min(Chunk::BYTES - at));
            chunk[at..at + now.len()].copy_from_slice(now);
            self.len += now.len();
            bytes = later;
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
        let mut from = GroupHeader::BYTES;
        for (index, chunk) in self.chunks.iter().enumerate() {
            let until = (self.len - index * Chunk::BYTES).min(Chunk::BYTES);
            crc.update(&chunk.bytes()[from..until]);
            from = 0;
        }
        header.crc = crc.finalize() as u32;
        self.chunks[0].bytes_mut()[..GroupHeader::BYTES].copy_from_slice(&header.to_bytes());
        let padded = self.padded_bytes() as usize;
        let last_starts = (self.chunks.len() - 1) * Chunk::BYTES;
        self.chunks.last_mut().expect("the header has its chunk").bytes_mut()
            [self.len - last_starts..padded - last_starts]
            .fill(0);
    }

    /// The sealed group as it is to be written.
    pub fn slices(&self) -> Vec<IoSlice<'_>> {
        let padded = self.padded_bytes() as usize;
        let bytes_of = |index: usize| (padded - index * Chunk::BYTES).min(Chunk::BYTES);
        self.chunks.iter().enumerate().map(|(index, chunk)| IoSlice::new(&chunk.bytes()[..bytes_of(index)])).collect()
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
        pool.give_back(&mut self.chunks, bytes_max);
        self.chunks.clear();
    }

    /// Empties the group for its next use; what it holds to remember many logs goes when it was unusually much.
    pub fn clear(&mut self) {
        const LOGS_AT_REST: usize = 1024;
        assert!(self.chunks.is_empty(), "chunks are given back first");
        self.len = 0;
        self.entries = 0;
        self.reaches.clear();
        self.place_by_log.clear();
        self.reaches.shrink_to(LOGS_AT_REST);
        self.place_by_log.shrink_to(LOGS_AT_REST);
    }
}
