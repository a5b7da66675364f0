//! The four codecs without any compressor: each frame holds its bytes literally, as its format allows.
use bytes::BufMut;
use crc_fast::{CrcAlgorithm, checksum};

/// How the records of a batch are packed, with the number Kafka gives it in the attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    None,
    Gzip,
    /// Framed as the Java client's library does it (xerial).
    Snappy,
    /// One bare block, as librdkafka and others send it.
    SnappyBare,
    Lz4,
    Zstd,
    /// Numbers 5 to 7 name no codec.
    Unknown(i16),
}

impl Codec {
    /// Every codec there is, in both spellings of snappy.
    pub const ALL: [Codec; 6] = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::SnappyBare, Codec::Lz4, Codec::Zstd];

    pub fn bits(self) -> i16 {
        match self {
            Codec::None => 0,
            Codec::Gzip => 1,
            Codec::Snappy | Codec::SnappyBare => 2,
            Codec::Lz4 => 3,
            Codec::Zstd => 4,
            Codec::Unknown(bits) => bits,
        }
    }

    pub fn compress(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Codec::None | Codec::Unknown(_) => bytes.to_vec(),
            Codec::Gzip => gzip(bytes),
            Codec::Snappy => snappy_framed(bytes),
            Codec::SnappyBare => snappy(bytes),
            Codec::Lz4 => lz4(bytes),
            Codec::Zstd => zstd(bytes),
        }
    }
}

/// RFC 1952 around stored blocks of RFC 1951.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let blocks = bytes.chunks(0xffff).count();
    for (index, block) in bytes.chunks(0xffff).enumerate() {
        out.put_u8(u8::from(index + 1 == blocks));
        out.put_u16_le(block.len() as u16);
        out.put_u16_le(!(block.len() as u16));
        out.put_slice(block);
    }
    if blocks == 0 {
        out.put_slice(&[1, 0, 0, 0xff, 0xff]);
    }
    out.put_u32_le(checksum(CrcAlgorithm::Crc32IsoHdlc, bytes) as u32);
    out.put_u32_le(bytes.len() as u32);
    out
}

/// The length, then literals only.
fn snappy(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    crate::wire::put_unsigned_varint(&mut out, bytes.len() as u32);
    for literal in bytes.chunks(1 << 16) {
        out.put_u8(61 << 2);
        out.put_u16_le((literal.len() - 1) as u16);
        out.put_slice(literal);
    }
    out
}

/// Magic, version 1, compatible with 1, then blocks of 32 KiB each with its packed length.
fn snappy_framed(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
    out.put_i32(1);
    out.put_i32(1);
    for block in bytes.chunks(32 << 10) {
        let packed = snappy(block);
        out.put_i32(packed.len() as i32);
        out.put_slice(&packed);
    }
    out
}

/// One frame of independent 64 KiB blocks, all stored; 0x82 is the checksum of this very descriptor.
fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];
    for block in bytes.chunks(64 << 10) {
        out.put_u32_le(block.len() as u32 | 0x8000_0000);
        out.put_slice(block);
    }
    out.put_u32_le(0);
    out
}

/// One frame with a single segment, its size in four bytes, and raw blocks.
fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x28, 0xb5, 0x2f, 0xfd, 0xa0];
    out.put_u32_le(bytes.len() as u32);
    let blocks = bytes.chunks(64 << 10).count();
    for (index, block) in bytes.chunks(64 << 10).enumerate() {
        out.put_uint_le((block.len() as u64) << 3 | u64::from(index + 1 == blocks), 3);
        out.put_slice(block);
    }
    if blocks == 0 {
        out.put_uint_le(1, 3);
    }
    out
}

/// A frame of a few hundred KiB that unpacks to 128 KiB of zeros per block, behind the start of one record that claims
/// to be 1.9 GB long.
pub fn zstd_bomb(blocks: usize) -> Vec<u8> {
    let mut record = Vec::new();
    crate::wire::put_varlong(&mut record, 1_900_000_000);
    record.put_slice(&[0, 0, 0, 1]);
    crate::wire::put_varlong(&mut record, 1_899_999_980);
    // No single segment, no size; a window of 2 MiB.
    let mut out = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58];
    out.put_uint_le((record.len() as u64) << 3, 3);
    out.put_slice(&record);
    for block in 1..=blocks {
        out.put_uint_le((128 << 10) << 3 | 1 << 1 | u64::from(block == blocks), 3);
        out.put_u8(0);
    }
    out
}
