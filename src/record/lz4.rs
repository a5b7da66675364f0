//! The lz4 frame that Kafka's Java clients read: one, of version 1 with independent blocks, with its end mark (`Lz4BlockInputStream`).
//! Other readers go on into a second frame, or take the end of the bytes for the frame's; a batch made so would be read by none of them alike.
use thiserror::Error;

const MAGIC: [u8; 4] = 0x184D_2204u32.to_le_bytes();
const VERSION_AND_INDEPENDENT: u8 = 0b0110_0000;
const VERSION_AND_INDEPENDENT_MASK: u8 = 0b1110_0000;
const BLOCK_CHECKSUM: u8 = 1 << 4;
const CONTENT_SIZE: u8 = 1 << 3;
const CONTENT_CHECKSUM: u8 = 1 << 2;
const DICTIONARY_ID: u8 = 1;
/// Of a block's length: the block is not compressed.
const PLAIN: u32 = 1 << 31;
const CHECKSUM_BYTES: usize = 4;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub(super) enum FrameError {
    #[error("it is no frame of version 1 with independent blocks")]
    Foreign,
    #[error("the frame ends early")]
    Short,
}

/// The bytes of the first frame, its end mark and checksum included. What stands behind it nobody reads.
pub(super) fn frame(bytes: &[u8]) -> Result<&[u8], FrameError> {
    let flags = bytes.get(MAGIC.len()).copied().unwrap_or_default();
    if !bytes.starts_with(&MAGIC) || flags & VERSION_AND_INDEPENDENT_MASK != VERSION_AND_INDEPENDENT {
        return Err(FrameError::Foreign);
    }
    let has = |flag, bytes| if flags & flag != 0 { bytes } else { 0 };
    // Flags, the largest block's size, and a checksum of the header stand in one byte each.
    let mut at = MAGIC.len() + 3 + has(CONTENT_SIZE, 8) + has(DICTIONARY_ID, 4);
    loop {
        let length = bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or(FrameError::Short)?;
        let length = u32::from_le_bytes(*length) & !PLAIN;
        at += size_of::<u32>();
        if length == 0 {
            return bytes.get(..at + has(CONTENT_CHECKSUM, CHECKSUM_BYTES)).ok_or(FrameError::Short);
        }
        let block = usize::try_from(length).unwrap_or(usize::MAX);
        at = at.saturating_add(block).saturating_add(has(BLOCK_CHECKSUM, CHECKSUM_BYTES));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lz4_flex::frame::{BlockMode, FrameEncoder, FrameInfo};
    use std::io::Write;

    fn made(info: FrameInfo, bytes: usize) -> Vec<u8> {
        let mut encoder = FrameEncoder::with_frame_info(info.block_mode(BlockMode::Independent), Vec::new());
        encoder.write_all(&b"abc".repeat(bytes / 3)).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_frame_ends_where_its_maker_ended_it() {
        for (checks_blocks, checks_content, size) in
            [(false, false, None), (true, false, None), (false, true, None), (true, true, Some(300_000))]
        {
            let info = FrameInfo::new().block_checksums(checks_blocks).content_checksum(checks_content);
            let one = made(info.content_size(size), 300_000);
            let mut more = one.clone();
            more.extend(&one);
            assert_eq!(frame(&more), Ok(&*one));
            assert!((7..one.len()).all(|cut| frame(&one[..cut]) == Err(FrameError::Short)), "each byte is missed");
        }
    }

    #[test]
    fn what_claims_more_than_is_there_is_short() {
        let mut one = made(FrameInfo::new(), 300);
        one[7..11].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(frame(&one), Err(FrameError::Short));
        assert_eq!(frame(&[]), Err(FrameError::Foreign));
        assert_eq!(frame(&MAGIC), Err(FrameError::Foreign));
    }
}
