//! Batches of which only what stands before the checksum is damaged: the rest is proven by it, and what was there is known.
use super::Damage;
use crate::{
    platform::DiskFile,
    record::{BatchHeader, HEADER_BYTES, LOG_OVERHEAD_BYTES},
    types::LeaderEpoch,
};
use std::io;

/// The batch that the damage is all of, with its length and magic and the leader epoch that is noted of it. `None` unless it says itself
/// that it begins where one was due: another's batch that stands here gets no other offsets.
pub fn restored(file: &dyn DiskFile, damage: &Damage, epoch: Option<LeaderEpoch>) -> io::Result<Option<Vec<u8>>> {
    const MAGIC_AT: usize = 16;
    let len = damage.bytes.end - damage.bytes.start;
    let length = len.checked_sub(LOG_OVERHEAD_BYTES as u64).and_then(|length| i32::try_from(length).ok());
    let (Some(length), Some(epoch)) = (length, epoch) else { return Ok(None) };
    let mut head = [0; HEADER_BYTES];
    if len < HEADER_BYTES as u64 || file.read_at(&mut head, damage.bytes.start)? < HEADER_BYTES {
        return Ok(None);
    }
    head[8..12].copy_from_slice(&length.to_be_bytes());
    head[12..MAGIC_AT].copy_from_slice(&epoch.get().to_be_bytes());
    head[MAGIC_AT] = 2;
    let Ok(header) = BatchHeader::parse(&head) else { return Ok(None) };
    let takes_all = header.base() == Some(damage.offsets.start)
        && header.last().is_some_and(|last| last < damage.offsets.end && last.next() == damage.offsets.end);
    if !takes_all || header.record_count < 0 {
        return Ok(None);
    }
    let mut batch = vec![0; len as usize];
    let filled = file.read_at(&mut batch, damage.bytes.start)?;
    batch[..HEADER_BYTES].copy_from_slice(&head);
    Ok((filled == batch.len() && BatchHeader::crc_of(&batch) == header.crc).then_some(batch))
}
