//! Batches of which only what stands before the checksum is damaged: the rest is proven by it, and what was there is known.
use super::{Damage, filling, lost_markers::LostMarker};
use crate::{
    log::epoch_cache::EpochCache,
    platform::DiskFile,
    record::{BatchHeader, HEADER_BYTES, LOG_OVERHEAD_BYTES},
    types::{LeaderEpoch, Offset},
};
use std::io;

const LENGTH_AT: usize = 8;
const EPOCH_AT: usize = LOG_OVERHEAD_BYTES;
const MAGIC_AT: usize = 16;

/// The batch that the damage is all of, with its length and magic and the leader epoch that is noted of it. It gets no other offsets:
/// `None` unless those that it claims end where the next one begins. One of which all is right but that it does not follow the one before it
/// stands where it says: the records before it are missing, and those behind it up to the next, of which `room` is the end.
pub fn restored(
    file: &dyn DiskFile,
    damage: &Damage,
    epochs: &EpochCache,
    markers: &[LostMarker],
    room: Offset,
) -> io::Result<Option<Vec<u8>>> {
    let len = damage.bytes.end - damage.bytes.start;
    let length = len.checked_sub(LOG_OVERHEAD_BYTES as u64).and_then(|length| i32::try_from(length).ok());
    let mut head = [0; HEADER_BYTES];
    let Some(length) = length.filter(|_| len >= HEADER_BYTES as u64) else { return Ok(None) };
    if file.read_at(&mut head, damage.bytes.start)? < HEADER_BYTES {
        return Ok(None);
    }
    let found = head;
    head[LENGTH_AT..EPOCH_AT].copy_from_slice(&length.to_be_bytes());
    head[MAGIC_AT] = 2;
    let Ok(header) = BatchHeader::parse(&head) else { return Ok(None) };
    let (Some(base), Some(last)) = (header.base(), header.last()) else { return Ok(None) };
    let epoch = epochs.at(base).map_or(header.partition_leader_epoch, LeaderEpoch::get);
    head[EPOCH_AT..MAGIC_AT].copy_from_slice(&epoch.to_be_bytes());
    let fits = last < damage.offsets.end;
    let takes_rest = fits && last.next() == damage.offsets.end;
    let is_behind_gap = base > damage.offsets.start && head == found && (takes_rest || damage.offsets.end <= room);
    let is_put_right = base == damage.offsets.start && head != found && takes_rest;
    if !fits || !(is_behind_gap || is_put_right) || header.record_count < 0 {
        return Ok(None);
    }
    let mut batch = vec![0; len as usize];
    let filled = file.read_at(&mut batch, damage.bytes.start)?;
    batch[..HEADER_BYTES].copy_from_slice(&head);
    if filled < batch.len() || BatchHeader::crc_of(&batch) != header.crc {
        return Ok(None);
    }
    let missing = |lost| filling::in_place_of(&lost, epochs, markers);
    Ok(Some([missing(damage.offsets.start..base), batch, missing(last.next()..damage.offsets.end)].concat()))
}
