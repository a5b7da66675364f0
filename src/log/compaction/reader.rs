//! Reads a segment from one end to the other in large pieces of whole batches.
use crate::{
    log::{file_cache::OpenFile, scan::BadBatch},
    record::{BatchHeader, HEADER_BYTES, WalkError, walk},
};
use std::io;

/// Why a segment cannot be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReadFault {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("byte {position}: {why}")]
    Bad { position: u64, why: BadBatch },
}

/// The batches of a file between two positions; its buffer is used again from segment to segment.
pub struct BatchReader {
    buffer: Vec<u8>,
    /// Bytes of `buffer` that were read, and those of them that were given out.
    filled: usize,
    given: usize,
    /// Where in the file the buffer begins.
    at: u64,
    end: u64,
    /// Bytes read at a time, unless one batch is larger.
    bytes: usize,
}

impl BatchReader {
    pub fn new(bytes: usize) -> BatchReader {
        BatchReader { buffer: Vec::new(), filled: 0, given: 0, at: 0, end: 0, bytes: bytes.max(HEADER_BYTES) }
    }

    /// Begins at `position`, a batch's begin.
    pub fn begin(&mut self, position: u64, end: u64) {
        (self.at, self.end, self.filled, self.given) = (position, end, 0, 0);
    }

    /// The next whole batches and where they stand; `None` at the end. Asks for memory only up to what the file has.
    pub fn next(&mut self, file: &OpenFile) -> Result<Option<(u64, &[u8])>, ReadFault> {
        let mut wanted = self.bytes;
        loop {
            self.fill(file, wanted)?;
            let left = self.end - self.at;
            if left == 0 {
                return Ok(None);
            }
            let have = self.filled as u64;
            let bad = |why| Err(ReadFault::Bad { position: self.at, why });
            match whole(&self.buffer[..self.filled]) {
                Ok(0) => {}
                Ok(bytes) => {
                    self.given = bytes;
                    return Ok(Some((self.at, &self.buffer[..bytes])));
                }
                Err(why) => return bad(why),
            }
            if have == left {
                // All there is, and no batch.
                let size = BatchHeader::parse(&self.buffer[..self.filled]).map_or(HEADER_BYTES, |header| header.size());
                return bad(BadBatch::Cut { size, have });
            }
            let size = BatchHeader::parse(&self.buffer[..self.filled]).map_or(HEADER_BYTES, |header| header.size());
            if size as u64 > left {
                return bad(BadBatch::Cut { size, have: left });
            }
            wanted = size.max(wanted + 1);
        }
    }

    /// Moves what was not given out to the front and reads on behind it.
    fn fill(&mut self, file: &OpenFile, wanted: usize) -> io::Result<()> {
        self.buffer.copy_within(self.given..self.filled, 0);
        self.at += self.given as u64;
        self.filled -= std::mem::take(&mut self.given);
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let target = wanted.min(left);
        if self.buffer.len() < target {
            self.buffer.resize(target, 0);
        }
        if self.filled < target {
            let read = file.read_at(&mut self.buffer[self.filled..target], self.at + self.filled as u64)?;
            if read < target - self.filled {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is shorter than it was"));
            }
            self.filled = target;
        }
        Ok(())
    }
}

/// Bytes of the whole batches that `bytes` begins with.
fn whole(bytes: &[u8]) -> Result<usize, BadBatch> {
    let mut walked = walk(bytes);
    for batch in walked.by_ref() {
        match batch {
            Ok(_) | Err(WalkError::Torn { .. }) => {}
            Err(WalkError::Header { error, .. }) => return Err(error.into()),
        }
    }
    Ok(walked.position())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        platform::{Disk, MemoryDisk, OpenMode},
        record::BatchBuilder,
    };
    use std::path::Path;

    fn file(bytes: &[u8]) -> OpenFile {
        let disk = MemoryDisk::new();
        let file = disk.open(Path::new("/f"), OpenMode::Create).unwrap();
        file.write_all_at(bytes, 0).unwrap();
        file
    }

    fn batches(sizes: &[usize]) -> Vec<u8> {
        let batch = |size: &usize| BatchBuilder::new(0).record(Some(b"k"), Some(&vec![7; *size])).build();
        sizes.iter().flat_map(|size| batch(size).bytes().to_vec()).collect()
    }

    #[test]
    fn every_batch_comes_once_whatever_the_size_of_the_buffer() {
        let bytes = batches(&[10, 3_000, 1, 200, 90, 9_000, 5]);
        let file = file(&bytes);
        for size in [1, 100, 1_000, 4_096, 1 << 20] {
            let mut reader = BatchReader::new(size);
            reader.begin(0, bytes.len() as u64);
            let mut read = Vec::new();
            while let Some((position, chunk)) = reader.next(&file).unwrap() {
                assert_eq!(position, read.len() as u64);
                assert!(walk(chunk).all(|batch| batch.is_ok_and(|batch| batch.crc_matches())));
                read.extend_from_slice(chunk);
            }
            assert_eq!(read, bytes);
        }
    }

    #[test]
    fn damage_is_told_with_its_place_and_claims_ask_for_no_memory() {
        let mut bytes = batches(&[10, 20]);
        let second = batches(&[10]).len();
        bytes[second + 8..second + 12].copy_from_slice(&i32::MAX.to_be_bytes());
        let file_of = file(&bytes);
        let mut reader = BatchReader::new(1 << 20);
        reader.begin(0, bytes.len() as u64);
        assert_eq!(reader.next(&file_of).unwrap().unwrap().1.len(), second);
        let fault = reader.next(&file_of).unwrap_err();
        assert!(matches!(fault, ReadFault::Bad { position, why: BadBatch::Cut { .. } } if position == second as u64));
        assert!(reader.buffer.len() < 4_096);
        let torn = file(&bytes[..second - 1]);
        reader.begin(0, second as u64 - 1);
        assert!(matches!(reader.next(&torn), Err(ReadFault::Bad { position: 0, .. })));
        reader.begin(0, 4_000);
        assert!(matches!(reader.next(&torn), Err(ReadFault::Io(_))));
    }
}
