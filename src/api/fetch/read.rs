//! One pass over the partitions of a fetch: what each has, within the limits of the whole.
use super::session::Item;
use crate::{
    api::{Context, errors},
    log::{AbortedTransaction, Ended, Read, ReadError, Slice},
    net::FileRange,
    record::{BatchHeader, Codec, HEADER_BYTES},
    replica::{Partition, ReadFault, Unavailable},
    types::{ErrorCode, Isolation, LeaderEpoch, LogBounds, Offset, OffsetAndEpoch},
};
use std::sync::Arc;

/// What holds for all partitions of one fetch.
pub struct Limits {
    pub isolation: Isolation,
    pub bytes_max: usize,
    pub follower: bool,
}

/// What one partition has for the fetch.
pub struct Found {
    pub code: ErrorCode,
    /// `None` when the partition is unknown here: -1 on the wire.
    pub bounds: Option<LogBounds>,
    pub range: Option<FileRange>,
    /// `None` for read_uncommitted: those readers get no list (OFF-4, pitfall 22).
    pub aborted: Option<Vec<AbortedTransaction>>,
    /// Where the reader's log and ours part (FET-7).
    pub diverging: Option<OffsetAndEpoch>,
    /// Bytes towards the `min_bytes` of the fetch: what is there as far as the limits allow, also where only less makes
    /// whole batches.
    pub counted: usize,
    /// The rest stands in the next segment: waiting brings no more.
    pub is_final: bool,
}

impl Found {
    fn error(code: ErrorCode) -> Found {
        Found { code, bounds: None, range: None, aborted: None, diverging: None, counted: 0, is_final: false }
    }

    pub fn bytes(&self) -> usize {
        self.range.as_ref().map_or(0, |range| range.len)
    }
}

/// Reads every partition in order. The first that has data gives at least one batch, whatever its size (FET-1).
pub fn all(cx: &Context, items: &[Item], limits: &Limits) -> Vec<Found> {
    let mut left = limits.bytes_max;
    let mut empty = true;
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        let one = one(cx, item, limits, left, empty);
        left = left.saturating_sub(one.bytes());
        empty &= one.bytes() == 0;
        found.push(one);
    }
    found
}

fn one(cx: &Context, item: &Item, limits: &Limits, left: usize, at_least_one: bool) -> Found {
    let partition = match &item.partition {
        Ok(partition) => partition,
        Err(code) => return Found::error(*code),
    };
    if limits.follower {
        return Found::error(of_stranger(partition, item));
    }
    match read(cx, partition, item, limits, left, at_least_one) {
        Ok(found) => found,
        Err(fault) => {
            let code = match (&fault, cx.version) {
                // Clients of old versions do not know the storage error (OPS-2).
                (ReadFault::Unavailable(Unavailable::StorageFailed) | ReadFault::Read(ReadError::Io { .. }), ..=5) => {
                    ErrorCode::NotLeaderOrFollower
                }
                _ => errors::read(&fault),
            };
            // Also with an error the bounds are told where they are known (pitfall 20).
            let bounds = partition.opened().map(|log| log.bounds()).filter(|_| code == ErrorCode::OffsetOutOfRange);
            Found { bounds, ..Found::error(code) }
        }
    }
}

/// FET-14: no other broker has a copy. One that names the leader's epoch has newer metadata, or older, and asks again.
fn of_stranger(partition: &Arc<Partition>, item: &Item) -> ErrorCode {
    let current = LeaderEpoch::from_wire(item.current_leader_epoch);
    match partition.check_leader(current) {
        Err(fault) => errors::unavailable(&fault),
        Ok(_) if current.is_some() => ErrorCode::UnknownLeaderEpoch,
        Ok(_) => ErrorCode::NotLeaderOrFollower,
    }
}

fn read(
    cx: &Context,
    partition: &Arc<Partition>,
    item: &Item,
    limits: &Limits,
    left: usize,
    at_least_one: bool,
) -> Result<Found, ReadFault> {
    partition.check_leader(LeaderEpoch::from_wire(item.current_leader_epoch))?;
    let log = partition.log()?;
    let Some(from) = Offset::from_wire(item.fetch_offset) else {
        return Ok(Found { bounds: Some(log.bounds()), ..Found::error(ErrorCode::OffsetOutOfRange) });
    };
    if let Some(last) = LeaderEpoch::from_wire(item.last_fetched_epoch) {
        let bounds = Some(log.bounds());
        // FET-7: where that epoch ended here; an epoch that is not known here has no place in this log.
        let Some(end) = log.epoch_end(last) else {
            return Ok(Found { bounds, ..Found::error(ErrorCode::OffsetOutOfRange) });
        };
        if end.epoch < last || end.offset < from {
            return Ok(Found { bounds, diverging: Some(end), ..Found::error(ErrorCode::None) });
        }
    }
    let bytes_max = usize::try_from(item.partition_max_bytes).unwrap_or(0).min(left);
    let Read { slice, ended, bounds, aborted } = partition.read(from, limits.isolation, bytes_max, at_least_one)?;
    if cx.version < 10 && slice.as_ref().and_then(codec_of) == Some(Codec::Zstd) {
        return Ok(Found { bounds: Some(bounds), ..Found::error(ErrorCode::UnsupportedCompressionType) });
    }
    let bytes = slice.as_ref().map_or(0, |slice| slice.len);
    Ok(Found {
        counted: if ended == Ended::Bytes { bytes.max(bytes_max) } else { bytes },
        is_final: ended == Ended::Segment,
        code: ErrorCode::None,
        bounds: Some(bounds),
        range: slice.map(|slice| FileRange { file: slice.file, position: slice.position, len: slice.len }),
        aborted: (limits.isolation == Isolation::ReadCommitted).then_some(aborted),
        diverging: None,
    })
}

/// Readers below version 10 cannot read zstd; only they pay for this look at the first batch.
fn codec_of(slice: &Slice) -> Option<Codec> {
    let mut head = [0; HEADER_BYTES];
    slice.file.read_at(&mut head, slice.position).ok()?;
    BatchHeader::parse(&head).ok()?.codec()
}
