//! Collects the last offset of each key from the dirty part of a log.
use super::{
    filter::FilterError,
    offset_map::{Full, OffsetMap},
    transactions::Aborted,
};
use crate::{
    record::{BatchHeader, keyed_records, records},
    types::Offset,
};

/// Puts the keys of one batch into the map, from offset `from` on. Aborted records are none (CMP-4). `Err(Full)` within:
/// the map has no room for all of them, and ends before this batch.
pub fn collect(
    map: &mut OffsetMap,
    header: &BatchHeader,
    bytes: &[u8],
    from: Offset,
    aborted: &Aborted,
    decompressed_bytes_max: usize,
) -> Result<Result<(), Full>, FilterError> {
    let base = header.base_offset;
    let (Some(first), Some(last)) = (header.base(), header.last()) else {
        return Err(FilterError::Offset { base });
    };
    if header.crc != BatchHeader::crc_of(bytes) {
        return Err(FilterError::Checksum { base });
    }
    if last < from {
        return Ok(Ok(()));
    }
    if !header.is_control() && aborted.of(header).is_none() {
        let set =
            records(header, bytes, decompressed_bytes_max).map_err(|fault| FilterError::Records { base, fault })?;
        for record in keyed_records(set.body(), header.record_count) {
            let record = record.map_err(|fault| FilterError::Record { base, fault })?;
            let (Some(key), delta) = (record.key, record.offset_delta) else { continue };
            if !(0..=header.last_offset_delta).contains(&delta) {
                return Err(FilterError::Offset { base });
            }
            let offset = first.plus(i64::from(delta));
            if offset >= from
                && let Err(full) = map.put(key, offset)
            {
                return Ok(Err(full));
            }
        }
    }
    map.set_end(last.next());
    Ok(Ok(()))
}
