//! Aligned pieces of memory that a buffer is made of: it grows without copying and shrinks when the load is gone.

use super::format::BLOCK_BYTES;

/// A piece of memory that begins at a multiple of the block size, as O_DIRECT demands.
pub(super) struct Chunk {
    memory: Box<[u8]>,
    start: usize,
}

impl Chunk {
    pub const BYTES: usize = 128 << 10;

    pub fn new() -> Chunk {
        // Zeroed memory comes from the system untouched: pages that are never written cost nothing.
        let memory = vec![0; Self::BYTES + BLOCK_BYTES].into_boxed_slice();
        let start = memory.as_ptr().align_offset(BLOCK_BYTES);
        assert!(start < BLOCK_BYTES, "a block boundary lies within every block's length");
        Chunk { memory, start }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.start + Self::BYTES]
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + Self::BYTES]
    }
}

/// Chunks that wait to be used again.
#[derive(Default)]
pub(super) struct Pool {
    free: Vec<Chunk>,
}

impl Pool {
    /// Kept when nothing happens: one for the group that fills, one for the group that is written.
    const AT_REST: usize = 2;

    pub fn take(&mut self) -> Chunk {
        self.free.pop().unwrap_or_else(Chunk::new)
    }

    /// Takes back what was used; keeps `bytes_max` in all and lets the rest go.
    pub fn give_back(&mut self, chunks: impl Iterator<Item = Chunk>, bytes_max: usize) {
        let room = (bytes_max / Chunk::BYTES).max(Self::AT_REST).saturating_sub(self.free.len());
        self.free.extend(chunks.take(room));
    }

    /// Up to so many that are there.
    pub fn take_free(&mut self, count: usize) -> Vec<Chunk> {
        self.free.split_off(self.free.len().saturating_sub(count))
    }

    pub fn holds_more_than_at_rest(&self) -> bool {
        self.free.len() > Self::AT_REST
    }

    pub fn shrink(&mut self) {
        self.free.truncate(Self::AT_REST);
        self.free.shrink_to_fit();
    }

    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.free.len() * Chunk::BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_aligned_and_the_pool_is_bounded() {
        let mut pool = Pool::default();
        let taken: Vec<Chunk> = (0..10).map(|_| pool.take()).collect();
        assert!(taken.iter().all(|c| (c.bytes().as_ptr() as usize).is_multiple_of(BLOCK_BYTES)));
        pool.give_back(taken.into_iter(), 4 * Chunk::BYTES);
        assert_eq!(pool.bytes(), 4 * Chunk::BYTES);
        assert!(pool.holds_more_than_at_rest());
        pool.shrink();
        assert!(pool.bytes() <= 256 << 10);
    }
}
