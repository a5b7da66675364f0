//! The body of a large entry, laid out once in aligned memory: the segment and the write-ahead log are both written from it
//! past the page cache.
use super::{chunks::Chunk, format::BLOCK_BYTES};
use std::io::IoSlice;

/// A body that lies in its first block where it will stand in a block of its segment.
pub struct LaidOut {
    chunks: Vec<Chunk>,
    /// Bytes of the first block before the body.
    skip: usize,
    len: usize,
}

impl LaidOut {
    /// How many chunks a body takes.
    pub(super) fn chunks_for(skip: usize, len: usize) -> usize {
        (skip + len).div_ceil(Chunk::BYTES)
    }

    /// The only copy that is made of `parts` on their way to both files.
    pub(super) fn new(mut chunks: Vec<Chunk>, skip: usize, parts: &[&[u8]]) -> LaidOut {
        assert!(skip < BLOCK_BYTES, "a body begins in its first block");
        let len = parts.iter().map(|part| part.len()).sum::<usize>();
        assert_eq!(chunks.len(), Self::chunks_for(skip, len), "a body has its chunks");
        let mut at = skip;
        for part in parts {
            let mut rest = *part;
            while !rest.is_empty() {
                // Block by block: what the library does for longer pieces (`rep movsb`) takes twice as long here, where
                // the target is in no cache.
                let (now, later) = rest.split_at(rest.len().min(BLOCK_BYTES - at % BLOCK_BYTES));
                let from = at % Chunk::BYTES;
                chunks[at / Chunk::BYTES].bytes_mut()[from..from + now.len()].copy_from_slice(now);
                at += now.len();
                rest = later;
            }
        }
        if let Some(first) = chunks.first_mut() {
            first.bytes_mut()[..skip].fill(0);
        }
        if let Some(last) = chunks.last_mut() {
            let until = at % Chunk::BYTES;
            last.bytes_mut()[until..until.next_multiple_of(BLOCK_BYTES)].fill(0);
        }
        LaidOut { chunks, skip, len }
    }

    pub fn skip(&self) -> usize {
        self.skip
    }

    pub fn size(&self) -> usize {
        self.len
    }

    /// Where the whole blocks begin and end, counted from the first block on.
    fn whole_blocks(&self) -> (usize, usize) {
        let end = self.skip + self.len;
        let from = self.skip.next_multiple_of(BLOCK_BYTES).min(end);
        (from, (end / BLOCK_BYTES * BLOCK_BYTES).max(from))
    }

    /// The bytes before the first whole block.
    pub fn before(&self) -> &[u8] {
        let (from, _) = self.whole_blocks();
        self.chunks.first().map_or(&[], |first| &first.bytes()[self.skip..from])
    }

    /// The whole blocks, aligned.
    pub fn blocks(&self) -> Vec<IoSlice<'_>> {
        let (from, until) = self.whole_blocks();
        let pieces = self.chunks.iter().enumerate().map(|(index, chunk)| {
            let starts = index * Chunk::BYTES;
            let (from, until) = (from.max(starts) - starts, until.clamp(starts, starts + Chunk::BYTES) - starts);
            IoSlice::new(&chunk.bytes()[from.min(until)..until])
        });
        pieces.filter(|piece| !piece.is_empty()).collect()
    }

    /// The bytes behind the last whole block.
    pub fn behind(&self) -> &[u8] {
        let (_, until) = self.whole_blocks();
        let starts = self.chunks.len().saturating_sub(1) * Chunk::BYTES;
        self.chunks.last().map_or(&[], |last| &last.bytes()[until - starts..self.skip + self.len - starts])
    }

    /// Its chunks, and how many bytes of each go to disk.
    pub(super) fn into_chunks(self) -> impl Iterator<Item = (Chunk, usize)> {
        let bytes = (self.skip + self.len).next_multiple_of(BLOCK_BYTES);
        self.chunks
            .into_iter()
            .enumerate()
            .map(move |(index, chunk)| (chunk, (bytes - index * Chunk::BYTES).min(Chunk::BYTES)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_pieces_are_the_body_and_the_middle_is_aligned() {
        for (skip, len) in
            [(0, 3 * Chunk::BYTES), (1, 128 << 10), (4095, 1 << 20), (77, 300_000), (0, 5), (9, 4087), (9, 4086)]
        {
            let body: Vec<u8> = (0..len).map(|i| (i % 251) as u8 + 1).collect();
            let chunks = (0..LaidOut::chunks_for(skip, len)).map(|_| Chunk::new()).collect();
            let (a, b) = body.split_at(len / 3);
            let laid = LaidOut::new(chunks, skip, &[a, b]);
            let blocks = laid.blocks();
            for block in &blocks {
                assert!(
                    (block.as_ptr() as usize).is_multiple_of(BLOCK_BYTES) && block.len().is_multiple_of(BLOCK_BYTES)
                );
            }
            let middle = blocks.iter().flat_map(|block| block.iter());
            let whole: Vec<u8> = laid.before().iter().chain(middle).chain(laid.behind()).copied().collect();
            assert_eq!(whole, body, "{skip} {len}");
            assert!(laid.before().len() < BLOCK_BYTES && laid.behind().len() < BLOCK_BYTES);
            assert!(blocks.is_empty() || (skip + laid.before().len()).is_multiple_of(BLOCK_BYTES));
        }
    }
}
