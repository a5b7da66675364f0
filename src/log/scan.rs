//! Walks the batches of a segment file, header by header or with their checksums. The bytes are not trusted.
use crate::{
    platform::DiskFile,
    record::{BatchHeader, EndTransactionMarker, HEADER_BYTES, HeaderError},
    types::Offset,
};
use std::io;

/// Bytes read at a time while walking.
const CHUNK_BYTES: usize = 64 << 10;

/// Why the bytes at a position are no batch.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadBatch {
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error("the batch claims {size} bytes, {have} are left in the file")]
    Cut { size: usize, have: u64 },
    #[error("the checksum is {found:08x}, the batch says {expected:08x}")]
    Checksum { expected: u32, found: u32 },
    #[error("the batch's offset or record count is impossible ({base}, {delta}, {count})")]
    Numbers { base: i64, delta: i32, count: i32 },
    #[error("the batch begins at offset {base}, {expected} was due")]
    Offset { base: i64, expected: i64 },
    #[error("the batch's leader epoch {epoch} is below the {before} before it")]
    Epoch { epoch: i32, before: i32 },
    #[error("the batch's leader epoch {epoch} is not the {noted} that is noted of its offset")]
    OtherEpoch { epoch: i32, noted: i32 },
}

/// One step of a [`Scan`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    Batch {
        position: u64,
        header: BatchHeader,
    },
    /// The end was reached exactly after a batch.
    End,
    /// No batch stands at `position`.
    Bad {
        position: u64,
        why: BadBatch,
    },
}

/// Reads batches one after the other from a file between two positions.
pub struct Scan<'a> {
    file: &'a dyn DiskFile,
    position: u64,
    end: u64,
    checksums: bool,
    chunk_bytes: usize,
    buffer: Vec<u8>,
    /// Where in the file the buffer begins.
    buffer_at: u64,
}

impl<'a> Scan<'a> {
    /// Headers only; bodies are skipped unless they happen to lie in the chunk.
    pub fn headers(file: &'a dyn DiskFile, position: u64, end: u64) -> Scan<'a> {
        Scan { file, position, end, checksums: false, chunk_bytes: CHUNK_BYTES, buffer: Vec::new(), buffer_at: 0 }
    }

    /// Every batch's checksum is computed.
    pub fn checked(file: &'a dyn DiskFile, position: u64, end: u64) -> Scan<'a> {
        Scan { checksums: true, ..Scan::headers(file, position, end) }
    }

    /// How much is read at a time.
    pub fn chunk(self, chunk_bytes: usize) -> Scan<'a> {
        Scan { chunk_bytes, ..self }
    }

    pub fn position(&self) -> u64 {
        self.position
    }

    pub fn next_step(&mut self) -> io::Result<Step> {
        let position = self.position;
        let left = self.end.saturating_sub(position);
        if left == 0 {
            return Ok(Step::End);
        }
        let bad = |why: BadBatch| Ok(Step::Bad { position, why });
        let header = match BatchHeader::parse(self.bytes(HEADER_BYTES)?) {
            Ok(header) => header,
            Err(why) => return bad(why.into()),
        };
        let size = header.size();
        if size as u64 > left {
            return bad(BadBatch::Cut { size, have: left });
        }
        if header.last().is_none() || header.record_count < 0 {
            let (base, delta, count) = (header.base_offset, header.last_offset_delta, header.record_count);
            return bad(BadBatch::Numbers { base, delta, count });
        }
        if self.checksums {
            let bytes = self.bytes(size)?;
            if bytes.len() < size {
                return bad(BadBatch::Cut { size, have: bytes.len() as u64 });
            }
            let found = BatchHeader::crc_of(bytes);
            if found != header.crc {
                return bad(BadBatch::Checksum { expected: header.crc, found });
            }
        }
        self.position += size as u64;
        Ok(Step::Batch { position, header })
    }

    /// The transaction marker in the control batch that the last step has found at `position`: mostly what was read already.
    pub fn marker(&self, position: u64, header: &BatchHeader) -> io::Result<Option<EndTransactionMarker>> {
        let from = position.checked_sub(self.buffer_at).and_then(|from| usize::try_from(from).ok());
        let held = from.and_then(|from| self.buffer.get(from..from.checked_add(header.size())?));
        match held {
            Some(batch) => Ok(EndTransactionMarker::of(header, batch)),
            None => marker_at(self.file, position, header),
        }
    }

    /// `want` bytes at the present position, fewer at the end. `want` never exceeds what the file has left or a
    /// header's length, so a claimed length allocates no more than is there.
    fn bytes(&mut self, want: usize) -> io::Result<&[u8]> {
        let left = self.end.saturating_sub(self.position);
        let want = usize::try_from(left).unwrap_or(usize::MAX).min(want);
        let held = self.position.checked_sub(self.buffer_at).and_then(|from| usize::try_from(from).ok());
        let held = held.filter(|from| from.saturating_add(want) <= self.buffer.len());
        let from = match held {
            Some(from) => from,
            None => {
                let fill = usize::try_from(left).unwrap_or(usize::MAX).min(want.max(self.chunk_bytes));
                self.buffer.resize(fill, 0);
                self.buffer_at = self.position;
                let filled = self.file.read_at(&mut self.buffer, self.position)?;
                self.buffer.truncate(filled);
                0
            }
        };
        let to = from.saturating_add(want).min(self.buffer.len());
        Ok(self.buffer.get(from..to).unwrap_or_default())
    }
}

/// The transaction marker in the control batch at `position`. Control batches are small; a larger one is none of ours.
fn marker_at(file: &dyn DiskFile, position: u64, header: &BatchHeader) -> io::Result<Option<EndTransactionMarker>> {
    if !header.is_control() || header.size() > CHUNK_BYTES {
        return Ok(None);
    }
    let mut bytes = vec![0; header.size()];
    let filled = file.read_at(&mut bytes, position)?;
    Ok(bytes.get(..filled).and_then(|batch| EndTransactionMarker::of(header, batch)))
}

/// Where the whole batches of a segment of `bytes` bytes end, by their headers; `empty` when there is none. A header that goes back is
/// no batch: with the sectors of its beginning missing, one that was torn says offset 0.
pub fn end_of_records(file: &dyn DiskFile, bytes: u64, empty: Offset) -> io::Result<Offset> {
    let (mut scan, mut end) = (Scan::headers(file, 0, bytes), None);
    while let Step::Batch { header, .. } = scan.next_step()? {
        if header.base() < end {
            break;
        }
        end = header.last().map(Offset::next).or(end);
    }
    Ok(end.unwrap_or(empty))
}

/// The header at `position`, by one small read; `None` when there is no batch.
pub fn header_at(file: &dyn DiskFile, position: u64, end: u64) -> io::Result<Option<BatchHeader>> {
    let mut bytes = [0; HEADER_BYTES];
    if end.saturating_sub(position) < HEADER_BYTES as u64 || file.read_at(&mut bytes, position)? < HEADER_BYTES {
        return Ok(None);
    }
    let header = BatchHeader::parse(&bytes).ok().filter(|header| header.last().is_some());
    Ok(header.filter(|header| header.size() as u64 <= end - position))
}
