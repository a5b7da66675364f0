//! One pass over the partitions of a fetch: what each has, within the limits of the whole.
use super::session::Item;
use crate::{
    api::{Context, errors},
    log::{AbortedTransaction, Read, ReadError, Slice},
    net::FileRange,
    platform::{
        hurried, is_hurried,
        seeded::{self, Bug},
    },
    record::{BatchHeader, Codec, HEADER_BYTES},
    replica::{Partition, ReadFault, Unavailable},
    types::{ErrorCode, Isolation, LeaderEpoch, LogBounds, Offset, OffsetAndEpoch},
};
use std::{io, sync::Arc};

/// What holds for all partitions of one fetch.
#[derive(Clone, Copy)]
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
}

impl Found {
    fn error(code: ErrorCode) -> Found {
        Found { code, bounds: None, range: None, aborted: None, diverging: None }
    }

    pub fn bytes(&self) -> usize {
        self.range.as_ref().map_or(0, |range| range.len)
    }
}

/// A part of the answer is not in memory, and this thread must not wait for a disk.
struct Cold;

/// Reads what is in memory; `None` when some of it is not: then [`patiently`] is the way.
pub fn at_once(cx: &Context, items: &[Item], limits: &Limits) -> Option<Vec<Found>> {
    hurried(|| all(cx, items, limits)).ok()
}

/// Reads on a blocking thread, which may wait for disks.
pub async fn patiently(cx: &Context, items: &mut Vec<Item>, limits: &Limits) -> Vec<Found> {
    cx.broker.metrics.cold_fetches.inc();
    let (of, limits, asked) = (cx.clone(), *limits, std::mem::take(items));
    let reading = tokio::task::spawn_blocking(move || {
        let found = all(&of, &asked, &limits);
        (asked, found)
    });
    match reading.await {
        Ok((asked, found)) => {
            *items = asked;
            // Nobody is hurried there, so nothing is left for want of patience.
            found.unwrap_or_default()
        }
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The process ends.
            Err(_) => Vec::new(),
        },
    }
}

/// As [`at_once`], and where that does not do, [`patiently`].
pub async fn read(cx: &Context, items: &mut Vec<Item>, limits: &Limits) -> Vec<Found> {
    match at_once(cx, items, limits) {
        Some(found) => found,
        None => patiently(cx, items, limits).await,
    }
}

/// Reads every partition in order. The first that has data gives at least one batch, whatever its size (FET-1).
fn all(cx: &Context, items: &[Item], limits: &Limits) -> Result<Vec<Found>, Cold> {
    let mut left = limits.bytes_max;
    let mut empty = true;
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        let one = one(cx, item, limits, left, empty)?;
        left = left.saturating_sub(one.bytes());
        empty &= one.bytes() == 0;
        found.push(one);
    }
    Ok(found)
}

fn one(cx: &Context, item: &Item, limits: &Limits, left: usize, at_least_one: bool) -> Result<Found, Cold> {
    let partition = match &item.partition {
        Ok(partition) => partition,
        Err(code) => return Ok(Found::error(*code)),
    };
    if limits.follower {
        return Ok(Found::error(ErrorCode::UnknownLeaderEpoch));
    }
    if is_hurried() && partition.opened().is_none() {
        // Opening a log reads its files, after a crash all that was not synced.
        return Err(Cold);
    }
    match within(cx, partition, item, limits, left, at_least_one) {
        Ok(found) => Ok(found),
        Err(ReadFault::Read(ReadError::Io { source, .. })) if source.kind() == io::ErrorKind::WouldBlock => Err(Cold),
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
            Ok(Found { bounds, ..Found::error(code) })
        }
    }
}

fn within(
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
    let Read { slice, bounds, mut aborted } = partition.read(from, limits.isolation, bytes_max, at_least_one)?;
    if seeded::strikes(Bug::ShowsAborted) {
        aborted.clear();
    }
    if cx.version < 10
        && let Some(slice) = &slice
        && codec_of(slice).map_err(|source| log.read_error(source))? == Some(Codec::Zstd)
    {
        return Ok(Found { bounds: Some(bounds), ..Found::error(ErrorCode::UnsupportedCompressionType) });
    }
    Ok(Found {
        code: ErrorCode::None,
        bounds: Some(bounds),
        range: slice.map(|slice| FileRange { file: slice.file, position: slice.position, len: slice.len }),
        aborted: (limits.isolation == Isolation::ReadCommitted).then_some(aborted),
        diverging: None,
    })
}

/// Readers below version 10 cannot read zstd; only they pay for this look at the first batch.
fn codec_of(slice: &Slice) -> io::Result<Option<Codec>> {
    let mut head = [0; HEADER_BYTES];
    slice.file.read_at(&mut head, slice.position)?;
    Ok(BatchHeader::parse(&head).ok().and_then(|header| header.codec()))
}
