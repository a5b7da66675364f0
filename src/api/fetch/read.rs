//! One pass over the partitions of a fetch: what each has, within the limits of the whole.
use super::session::Item;
use crate::{
    api::{
        Context,
        cold::{self, Cold},
        errors,
    },
    log::{AbortedTransaction, Ended, Read},
    net::FileRange,
    platform::{
        hurried,
        seeded::{self, Bug},
    },
    replica::{Partition, ReadFault, open_all},
    types::{ErrorCode, Isolation, LeaderEpoch, LogBounds, Offset, OffsetAndEpoch},
};
use std::sync::Arc;

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

    /// Up to where this read could see.
    pub fn visible(&self, isolation: Isolation) -> Option<Offset> {
        self.bounds.map(|bounds| match isolation {
            Isolation::ReadUncommitted => bounds.high(),
            Isolation::ReadCommitted => bounds.stable(),
        })
    }
}

/// Reads what is in memory; `None` when some of it is not: then [`patiently`] is the way.
pub fn at_once(cx: &Context, items: &[Item], limits: &Limits) -> Option<Vec<Found>> {
    hurried(|| all(cx, items, limits)).ok()
}

/// Reads on a blocking thread, which may wait for disks.
pub async fn patiently(cx: &Context, items: &mut Vec<Item>, limits: &Limits) -> Vec<Found> {
    cx.broker.metrics.cold_fetches.inc();
    let (of, limits, asked) = (cx.clone(), *limits, std::mem::take(items));
    let reading = cold::patiently(move || {
        let partitions = asked.iter().filter_map(|item| item.partition.as_ref().ok());
        open_all(&cold::cold_among(partitions));
        let found = all(&of, &asked, &limits);
        // Nobody is hurried there, so nothing is left for want of patience.
        (asked, found.unwrap_or_default())
    });
    let found;
    (*items, found) = reading.await;
    found
}

/// As [`at_once`], and where that does not do, [`patiently`].
pub async fn read(cx: &Context, items: &mut Vec<Item>, limits: &Limits) -> Vec<Found> {
    match at_once(cx, items, limits) {
        Some(found) => found,
        None => patiently(cx, items, limits).await,
    }
}

/// After a wait: what has nothing new is not read again, a consumer of many partitions waits for all of them. `None` as for [`at_once`].
pub fn risen(cx: &Context, items: &[Item], limits: &Limits, before: Vec<Found>) -> Option<Vec<Found>> {
    let read = |(item, found): (&Item, Found), room: Room| {
        if found.bytes() <= room.left && is_still(item, limits, &found) {
            return Ok(found);
        }
        one(cx, item, limits, room.left, room.is_empty)
    };
    hurried(|| pass(items.iter().zip(before), limits.bytes_max, read)).ok()
}

fn is_still(item: &Item, limits: &Limits, found: &Found) -> bool {
    let Ok(partition) = &item.partition else { return false };
    let Ok(mark) = partition.visible(limits.isolation) else { return false };
    // Records that were deleted meanwhile are no answer any more (FET-4).
    let start = partition.opened().map(|log| log.bounds().start());
    found.visible(limits.isolation) == Some(mark.get()) && found.bounds.map(|bounds| bounds.start()) == start
}

/// Reads every partition in order. The first that has data gives at least one batch, whatever its size (FET-1).
fn all(cx: &Context, items: &[Item], limits: &Limits) -> Result<Vec<Found>, Cold> {
    pass(items.iter(), limits.bytes_max, |item, room| one(cx, item, limits, room.left, room.is_empty))
}

/// What one answer has room for.
#[derive(Clone, Copy)]
struct Room {
    left: usize,
    /// Nothing was found so far.
    is_empty: bool,
}

fn pass<T>(
    items: impl ExactSizeIterator<Item = T>,
    bytes_max: usize,
    read: impl Fn(T, Room) -> Result<Found, Cold>,
) -> Result<Vec<Found>, Cold> {
    let mut room = Room { left: bytes_max, is_empty: true };
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        let one = read(item, room)?;
        room.left = room.left.saturating_sub(one.bytes());
        room.is_empty &= one.bytes() == 0;
        found.push(one);
    }
    Ok(found)
}

fn one(cx: &Context, item: &Item, limits: &Limits, left: usize, at_least_one: bool) -> Result<Found, Cold> {
    let partition = match &item.partition {
        Ok(partition) => partition,
        // Its log was asked for, and was another's.
        Err(code @ ErrorCode::InconsistentTopicId) => return Ok(Found::error(*code)),
        // Kafka tells an empty list of what it does not know.
        Err(code) => return Ok(Found { aborted: Some(Vec::new()), ..Found::error(*code) }),
    };
    if limits.follower {
        return Ok(Found::error(of_stranger(partition, item)));
    }
    match within(partition, item, limits, left, at_least_one) {
        Ok(found) => Ok(found),
        Err(fault) if fault.is_cold() => Err(Cold),
        Err(fault) => {
            let code = errors::fetch(&fault, cx.version);
            // Also with an error the bounds are told where they are known (pitfall 20).
            let bounds = partition.opened().map(|log| log.bounds()).filter(|_| code == ErrorCode::OffsetOutOfRange);
            Ok(Found { bounds, ..Found::error(code) })
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

fn within(
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
    let Read { slice, ended, bounds, mut aborted } = partition.read(from, limits.isolation, bytes_max, at_least_one)?;
    if seeded::strikes(Bug::ShowsAborted) {
        aborted.clear();
    }
    // They are kept in the order of their ends; clients go through them by where they begin (pitfall 22).
    aborted.sort_by_key(|aborted| aborted.first);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::{Disk, MemoryDisk, OpenMode};
    use std::{cell::RefCell, path::Path};

    fn found(len: usize) -> Found {
        let file = MemoryDisk::new().open(Path::new("segment"), OpenMode::Create).unwrap();
        let range = (len > 0).then_some(FileRange { file, position: 0, len });
        Found { range, ..Found::error(ErrorCode::None) }
    }

    #[test]
    fn fet_1_each_partition_has_the_room_that_those_before_it_left() {
        let rooms = RefCell::new(Vec::new());
        let all = pass([0, 70, 0, 50, 9].into_iter(), 100, |len, room| {
            rooms.borrow_mut().push((room.left, room.is_empty));
            Ok(found(len))
        });
        let all = all.unwrap_or_default();
        assert_eq!(all.iter().map(Found::bytes).sum::<usize>(), 129);
        assert_eq!(*rooms.borrow(), [(100, true), (100, true), (30, false), (30, false), (0, false)]);
    }
}
