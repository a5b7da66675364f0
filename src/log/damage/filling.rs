//! What a repair puts in the place of lost records: batches without any, so that their offsets are taken and no gap is left that
//! would have to be excused. Compaction leaves such batches too, in Kafka as here: every reader knows them.
use super::lost_markers::LostMarker;
use crate::{
    log::epoch_cache::EpochCache,
    record::{BatchHeader, EndTransactionMarker, HEADER_BYTES, LOG_OVERHEAD_BYTES, TransactionResult},
    types::{LeaderEpoch, Offset},
};
use std::ops::Range;

/// A batch has no more offsets, and a segment neither.
pub const OFFSETS_MAX: i64 = i32::MAX as i64 + 1;

/// What takes the place of lost records, in the epochs that they were written in. Markers that the transaction index knows to have
/// stood there do so again: without one, its producer's records behind it would be taken for rolled back, too (OFF-4).
pub fn in_place_of(lost: &Range<Offset>, epochs: &EpochCache, markers: &[LostMarker]) -> Vec<u8> {
    let (mut bytes, mut from) = (Vec::new(), lost.start);
    for marker in markers.iter().filter(|marker| lost.contains(&marker.at)) {
        put_empty(from..marker.at, epochs, &mut bytes);
        bytes.extend(abort_marker(marker, epochs.at(marker.at)));
        from = marker.at.next();
    }
    put_empty(from..lost.end, epochs, &mut bytes);
    bytes
}

fn abort_marker(marker: &LostMarker, epoch: Option<LeaderEpoch>) -> Vec<u8> {
    let end = EndTransactionMarker { result: TransactionResult::Abort, coordinator_epoch: 0 };
    let batch = end.batch(marker.producer, marker.producer_epoch, marker.timestamp_ms);
    let mut bytes = batch.place(marker.at, LeaderEpoch::ZERO).slices().concat();
    // Outside of the checksum.
    bytes[LOG_OVERHEAD_BYTES..LOG_OVERHEAD_BYTES + 4].copy_from_slice(&number(epoch).to_be_bytes());
    bytes
}

fn number(epoch: Option<LeaderEpoch>) -> i32 {
    epoch.map_or(BatchHeader::NO_EPOCH, LeaderEpoch::get)
}

/// One batch for each epoch, more where one cannot have as many offsets.
fn put_empty(offsets: Range<Offset>, epochs: &EpochCache, into: &mut Vec<u8>) {
    let (mut at, end) = (offsets.start.get(), offsets.end.get());
    while at < end {
        let later = epochs.entries().iter().map(|entry| entry.start.get()).find(|start| *start > at);
        let stop = end.min(later.unwrap_or(end)).min(at.saturating_add(OFFSETS_MAX));
        into.extend(empty_batch(at, stop - at, epochs.at(Offset::new(at))));
        at = stop;
    }
}

fn empty_batch(base_offset: i64, offsets: i64, epoch: Option<LeaderEpoch>) -> [u8; HEADER_BYTES] {
    let mut header = BatchHeader {
        base_offset,
        length: (HEADER_BYTES - LOG_OVERHEAD_BYTES) as i32,
        partition_leader_epoch: number(epoch),
        magic: 2,
        crc: 0,
        attributes: 0,
        last_offset_delta: i32::try_from(offsets - 1).expect("no more than a batch has"),
        base_timestamp: -1,
        max_timestamp: -1,
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        record_count: 0,
    };
    let mut bytes = [0; HEADER_BYTES];
    header.write(&mut bytes);
    header.crc = BatchHeader::crc_of(&bytes);
    header.write(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::epoch_cache::EpochStart;

    fn filled(from: i64, to: i64, epochs: &[(i32, i64)]) -> Vec<(i64, i64, i32)> {
        let start =
            |(epoch, start): &(i32, i64)| EpochStart { epoch: LeaderEpoch::new(*epoch), start: Offset::new(*start) };
        let epochs = EpochCache::loaded(epochs.iter().map(start).collect());
        let bytes = in_place_of(&(Offset::new(from)..Offset::new(to)), &epochs, &[]);
        let headers = bytes.chunks(HEADER_BYTES).map(|batch| {
            let header = BatchHeader::parse(batch).unwrap();
            assert_eq!((header.crc, header.record_count), (BatchHeader::crc_of(batch), 0));
            assert_eq!(header.size(), HEADER_BYTES);
            (header.base_offset, header.last().unwrap().get(), header.partition_leader_epoch)
        });
        headers.collect()
    }

    #[test]
    fn log_14_batches_without_records_take_the_offsets_that_are_lost() {
        assert_eq!(filled(7, 12, &[]), [(7, 11, -1)]);
        assert_eq!(filled(7, 7, &[]), []);
        assert_eq!(filled(7, 12, &[(3, 0), (5, 9), (6, 12)]), [(7, 8, 3), (9, 11, 5)]);
        let most = i64::from(i32::MAX);
        assert_eq!(filled(0, most + 3, &[]), [(0, most, -1), (most + 1, most + 2, -1)]);
    }
}
