//! Snappy as Kafka's clients write it: blocks in the framing of the Java library (xerial), or one bare block.
//!
//! ```text
//! 0x82 "SNAPPY" 0 | version i32 = 1 | compatible version i32 = 1 | (block length i32, big endian | snappy block)*
//! ```
//! A bare block is told by the lack of the magic. The magic may come again between blocks (joined streams).
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]
use std::io::{Error, ErrorKind, Read};

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const HEADER_BYTES: usize = 16;
/// What the Java library compresses at a time.
const BLOCK_BYTES: usize = 32 * 1024;
/// A copy of 64 bytes takes two or three: no honest block grows more than this.
const RATIO_MAX: usize = 64;

/// Decompresses block by block. A block whose claimed size the compressed bytes cannot reach is refused before
/// anything is allocated for it.
pub(super) struct XerialReader<'a> {
    rest: &'a [u8],
    framed: bool,
    block: Vec<u8>,
    taken: usize,
}

impl<'a> XerialReader<'a> {
    pub fn new(bytes: &'a [u8]) -> XerialReader<'a> {
        XerialReader { rest: bytes, framed: bytes.starts_with(&MAGIC), block: Vec::new(), taken: 0 }
    }

    /// Makes the next block that is not empty; false at the end.
    fn refill(&mut self) -> Result<bool, Error> {
        while self.taken == self.block.len() {
            if self.rest.is_empty() {
                return Ok(false);
            }
            let block = if self.framed { self.next_framed()? } else { std::mem::take(&mut self.rest) };
            self.taken = 0;
            self.block.clear();
            let bytes = snap::raw::decompress_len(block).map_err(Error::other)?;
            if bytes > block.len().saturating_mul(RATIO_MAX) {
                return Err(invalid("a snappy block claims more bytes than it can hold"));
            }
            self.block.resize(bytes, 0);
            if let Err(error) = snap::raw::Decoder::new().decompress(block, &mut self.block) {
                self.block.clear();
                return Err(Error::other(error));
            }
        }
        Ok(true)
    }

    fn next_framed(&mut self) -> Result<&'a [u8], Error> {
        if self.rest.starts_with(&MAGIC) {
            let Some((header, rest)) = self.rest.split_first_chunk::<HEADER_BYTES>() else {
                return Err(invalid("the snappy framing ends within its header"));
            };
            if header.get(12..) != Some(&1i32.to_be_bytes()[..]) {
                return Err(invalid("the snappy framing is of an unknown version"));
            }
            self.rest = rest;
            if rest.is_empty() {
                return Ok(&[0]);
            }
            return self.next_framed_block();
        }
        self.next_framed_block()
    }

    fn next_framed_block(&mut self) -> Result<&'a [u8], Error> {
        let Some((length, rest)) = self.rest.split_first_chunk::<4>() else {
            return Err(invalid("the snappy framing ends within a block's length"));
        };
        let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let Some((block, rest)) = rest.split_at_checked(length) else {
            return Err(invalid("the snappy framing ends within a block"));
        };
        self.rest = rest;
        Ok(block)
    }
}

impl Read for XerialReader<'_> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, Error> {
        if into.is_empty() || !self.refill()? {
            return Ok(0);
        }
        let have = self.block.get(self.taken..).unwrap_or_default();
        let bytes = have.len().min(into.len());
        if let (Some(to), Some(from)) = (into.get_mut(..bytes), have.get(..bytes)) {
            to.copy_from_slice(from);
        }
        self.taken += bytes;
        Ok(bytes)
    }
}

/// Compresses into the framing, in blocks of 32 KiB as the Java library does.
pub(super) fn compress(bytes: &[u8]) -> Result<Vec<u8>, snap::Error> {
    let mut out = Vec::with_capacity(HEADER_BYTES + bytes.len() / 2);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&1i32.to_be_bytes());
    out.extend_from_slice(&1i32.to_be_bytes());
    let mut encoder = snap::raw::Encoder::new();
    for block in bytes.chunks(BLOCK_BYTES) {
        let block = encoder.compress_vec(block)?;
        out.extend_from_slice(&(block.len() as u32).to_be_bytes());
        out.extend_from_slice(&block);
    }
    Ok(out)
}

fn invalid(text: &'static str) -> Error {
    Error::new(ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decompress(bytes: &[u8]) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        XerialReader::new(bytes).read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn framed_bare_and_joined_streams_are_read() {
        let text = b"to and fro, to and fro ".repeat(5_000);
        let framed = compress(&text).unwrap();
        assert_eq!(decompress(&framed).unwrap(), text);
        assert_eq!(decompress(&snap::raw::Encoder::new().compress_vec(&text).unwrap()).unwrap(), text);
        assert_eq!(decompress(&[&framed[..], &framed[..]].concat()).unwrap(), text.repeat(2));
        assert_eq!(decompress(&compress(b"").unwrap()).unwrap(), b"");
    }

    #[test]
    fn val_12_claimed_block_sizes_are_not_believed() {
        let mut bare = vec![0xFF, 0xFF, 0xFF, 0xFF, 0x0F];
        bare.push(0);
        assert!(decompress(&bare).is_err());
        let mut framed = compress(b"").unwrap();
        framed.extend_from_slice(&i32::MAX.to_be_bytes());
        assert!(decompress(&framed).is_err());
        let mut negative = compress(b"").unwrap();
        negative.extend_from_slice(&(-1i32).to_be_bytes());
        assert!(decompress(&negative).is_err());
    }
}
