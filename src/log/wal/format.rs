//! The frames of a write-ahead log file: its first block and the head of each group (docs/formats.md).
use super::entry::WalSequence;
use crc_fast::{CrcAlgorithm, Digest};

/// Unit of every position and length written: what O_DIRECT asks for.
pub(in crate::log) const BLOCK_BYTES: usize = 4096;
const FILE_MAGIC: &[u8; 8] = b"OTTLAWAL";
const GROUP_MAGIC: u32 = 0x4F57_4C47; // "OWLG"
/// Version 1 knows no entries that are laid out.
pub(super) const FORMAT_VERSION: u32 = 2;
pub(super) const FORMAT_VERSION_MIN: u32 = 1;

/// Bytes of a batch that its own CRC-32C, the last four of them, does not cover.
pub(super) const BATCH_UNCHECKED_BYTES: usize = 21;

/// `N` bytes at `at`; the caller has checked that they are there.
pub(super) fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

pub(super) fn new_crc() -> Digest {
    Digest::new(CrcAlgorithm::Crc32Iscsi)
}

/// Bytes rounded up to whole blocks.
pub(super) fn in_blocks(bytes: u64) -> u64 {
    bytes.next_multiple_of(BLOCK_BYTES as u64)
}

/// The first block of a file. It is on disk before the file gets its number, so a numbered file without it is damaged.
///
/// ```text
/// 0 magic "OTTLAWAL" | 8 version u32 | 12 crc32c u32 of 16..40 | 16 file number u64 | 24 salt u64 | 32 file bytes u64
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FileHeader {
    pub number: u64,
    /// Chance: bytes of a file's earlier life, or inside somebody's records, never pass for a group of this file.
    pub salt: u64,
    pub file_bytes: u64,
}

#[derive(PartialEq, Eq, Debug)]
pub(super) enum FileHeaderError {
    Damaged(&'static str),
    UnknownVersion(u32),
}

impl FileHeader {
    const BYTES: usize = 40;

    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut out = [0; Self::BYTES];
        out[..8].copy_from_slice(FILE_MAGIC);
        out[8..12].copy_from_slice(&FORMAT_VERSION.to_be_bytes());
        out[16..24].copy_from_slice(&self.number.to_be_bytes());
        out[24..32].copy_from_slice(&self.salt.to_be_bytes());
        out[32..40].copy_from_slice(&self.file_bytes.to_be_bytes());
        let crc = crate::record::crc32c(&out[16..]);
        out[12..16].copy_from_slice(&crc.to_be_bytes());
        out
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<FileHeader, FileHeaderError> {
        if bytes.len() < Self::BYTES || bytes[..8] != *FILE_MAGIC {
            return Err(FileHeaderError::Damaged("the file does not begin as a write-ahead log file"));
        }
        let version = u32::from_be_bytes(field(bytes, 8));
        if !(FORMAT_VERSION_MIN..=FORMAT_VERSION).contains(&version) {
            return Err(FileHeaderError::UnknownVersion(version));
        }
        if u32::from_be_bytes(field(bytes, 12)) != crate::record::crc32c(&bytes[16..Self::BYTES]) {
            return Err(FileHeaderError::Damaged("the checksum of the file's header does not match"));
        }
        Ok(FileHeader {
            number: u64::from_be_bytes(field(bytes, 16)),
            salt: u64::from_be_bytes(field(bytes, 24)),
            file_bytes: u64::from_be_bytes(field(bytes, 32)),
        })
    }
}

/// What stands before the entries of one commit, at the beginning of a block.
///
/// ```text
/// 0 magic "OWLG" | 4 crc32c u32 of 8.. and the entries | 8 file number u64 | 16 salt u64 | 24 position u64
/// 32 first sequence u64 | 40 released u64 | 48 entries u32 | 52 entry bytes u32 | 56 zero u64 | 64 entries
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct GroupHeader {
    pub crc: u32,
    pub number: u64,
    pub salt: u64,
    /// Where in the file the group begins: a write that went astray is not taken for a group.
    pub position: u64,
    pub first_sequence: WalSequence,
    /// Entries below need not be replayed any more: they are in synced segments.
    pub released: WalSequence,
    pub entries: u32,
    /// Bytes of heads and bodies after this header, without the padding to a whole block.
    pub entry_bytes: u32,
}

impl GroupHeader {
    pub const BYTES: usize = 64;
    /// Where the checksum begins.
    const CHECKED_FROM: usize = 8;

    /// The bytes with `crc` as it stands in `self`.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut out = [0; Self::BYTES];
        out[..4].copy_from_slice(&GROUP_MAGIC.to_be_bytes());
        out[4..8].copy_from_slice(&self.crc.to_be_bytes());
        out[8..16].copy_from_slice(&self.number.to_be_bytes());
        out[16..24].copy_from_slice(&self.salt.to_be_bytes());
        out[24..32].copy_from_slice(&self.position.to_be_bytes());
        out[32..40].copy_from_slice(&self.first_sequence.get().to_be_bytes());
        out[40..48].copy_from_slice(&self.released.get().to_be_bytes());
        out[48..52].copy_from_slice(&self.entries.to_be_bytes());
        out[52..56].copy_from_slice(&self.entry_bytes.to_be_bytes());
        out
    }

    /// `None` where no group begins. The checksum is the reader's to compare.
    pub fn from_bytes(bytes: &[u8]) -> Option<GroupHeader> {
        if bytes.len() < Self::BYTES
            || u32::from_be_bytes(field(bytes, 0)) != GROUP_MAGIC
            || bytes[56..Self::BYTES] != [0; 8]
        {
            return None;
        }
        Some(GroupHeader {
            crc: u32::from_be_bytes(field(bytes, 4)),
            number: u64::from_be_bytes(field(bytes, 8)),
            salt: u64::from_be_bytes(field(bytes, 16)),
            position: u64::from_be_bytes(field(bytes, 24)),
            first_sequence: WalSequence::new(u64::from_be_bytes(field(bytes, 32))),
            released: WalSequence::new(u64::from_be_bytes(field(bytes, 40))),
            entries: u32::from_be_bytes(field(bytes, 48)),
            entry_bytes: u32::from_be_bytes(field(bytes, 52)),
        })
    }

    /// A checksum that has seen this header; the entries come next.
    pub fn begin_crc(self) -> Digest {
        let mut crc = new_crc();
        crc.update(&self.to_bytes()[Self::CHECKED_FROM..]);
        crc
    }

    /// Header, entries and padding, in bytes.
    pub fn padded_bytes(&self) -> u64 {
        in_blocks(Self::BYTES as u64 + u64::from(self.entry_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_survive_their_bytes() {
        let file = FileHeader { number: 3, salt: u64::MAX, file_bytes: 1 << 26 };
        assert_eq!(FileHeader::from_bytes(&file.to_bytes()), Ok(file));
        let group = GroupHeader {
            crc: 1,
            number: 2,
            salt: 3,
            position: 4096,
            first_sequence: WalSequence::new(5),
            released: WalSequence::new(4),
            entries: 6,
            entry_bytes: 4033,
        };
        assert_eq!(GroupHeader::from_bytes(&group.to_bytes()), Some(group));
        assert_eq!(group.padded_bytes(), 8192);
    }

    #[test]
    fn each_flipped_bit_of_a_file_header_is_seen() {
        let bytes = FileHeader { number: 3, salt: 77, file_bytes: 1 << 26 }.to_bytes();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(FileHeader::from_bytes(&flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_newer_version_is_named() {
        let mut bytes = FileHeader { number: 3, salt: 77, file_bytes: 1 << 26 }.to_bytes();
        bytes[11] = 3;
        assert_eq!(FileHeader::from_bytes(&bytes), Err(FileHeaderError::UnknownVersion(3)));
    }
}
