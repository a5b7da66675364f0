//! ListOffsets 1-11: where a partition begins and ends, and which record a time stands for.
//!
//! Version 2 adds isolation, 4 leader epochs, 6 is flexible, 7 allows -3 (KIP-734), 8 allows -4 (KIP-405), 9 allows -5
//! (KIP-1005), 10 adds a timeout, 11 allows -6 (KIP-1023). A special timestamp that the version does not have is
//! UNSUPPORTED_VERSION (OFF-6).
use super::{
    Context, Reply,
    cold::{self, Cold, Unanswered, coded},
    current_epoch,
    merging::merged,
};
use crate::{
    log::{ReadLimit, TimestampedOffset},
    replica::Partition,
    types::{ErrorCode, Isolation, LeaderEpoch, Offset},
    wire::Version,
};
use kafka_protocol::messages::{
    ListOffsetsRequest, ListOffsetsResponse,
    list_offsets_request::ListOffsetsPartition,
    list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse},
};
use std::{collections::BTreeSet, sync::Arc};

/// The sentinels of the wire, by name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum From {
    Time(i64),
    Latest,
    Earliest,
    MaxTimestamp,
    EarliestLocal,
    LatestTiered,
    EarliestPendingUpload,
}

impl From {
    fn from_wire(timestamp: i64, version: i16) -> Option<From> {
        let (from, since) = match timestamp {
            -1 => (From::Latest, 1),
            -2 => (From::Earliest, 1),
            -3 => (From::MaxTimestamp, 7),
            -4 => (From::EarliestLocal, 8),
            -5 => (From::LatestTiered, 9),
            -6 => (From::EarliestPendingUpload, 11),
            0.. => (From::Time(timestamp), 1),
            _ => return None,
        };
        (version >= since).then_some(from)
    }
}

pub fn handle(cx: &Context, mut request: ListOffsetsRequest) -> Reply<ListOffsetsResponse> {
    let Some(isolation) = Isolation::from_wire(request.isolation_level) else {
        return Reply::Now(refused(cx, &request, ErrorCode::UnknownServerError));
    };
    let twice = named_twice(&request);
    request.topics = merged(
        request.topics,
        |topic| topic.name.to_string(),
        |topic| &mut topic.partitions,
        |partition| partition.partition_index,
    );
    cold::answer(cx, request, asked, move |cx, request| answer(cx, request, isolation, &twice))
}

fn asked(request: &ListOffsetsRequest) -> Vec<(&str, i32)> {
    let topics = request.topics.iter();
    topics.flat_map(|topic| topic.partitions.iter().map(|asked| (topic.name.as_str(), asked.partition_index))).collect()
}

/// Kafka's broker fails on an isolation level that is none: all of the question is answered so, as it stood.
fn refused(cx: &Context, request: &ListOffsetsRequest, code: ErrorCode) -> ListOffsetsResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| told(cx, asked.partition_index, Err(code)));
        ListOffsetsTopicResponse::default().with_name(topic.name.clone()).with_partitions(partitions.collect())
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}

/// Partitions that stand in the question more than once.
fn named_twice(request: &ListOffsetsRequest) -> BTreeSet<(String, i32)> {
    let mut seen = BTreeSet::new();
    let mut twice = BTreeSet::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            if !seen.insert((topic.name.as_str(), partition.partition_index)) {
                twice.insert((topic.name.to_string(), partition.partition_index));
            }
        }
    }
    twice
}

fn answer(
    cx: &Context,
    request: &ListOffsetsRequest,
    isolation: Isolation,
    twice: &BTreeSet<(String, i32)>,
) -> Result<ListOffsetsResponse, Cold> {
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let mut outcomes = Vec::with_capacity(topic.partitions.len());
        for asked in &topic.partitions {
            let index = asked.partition_index;
            let found = || {
                if twice.contains(&(topic.name.to_string(), index)) {
                    return Err(ErrorCode::InvalidRequest.into());
                }
                let from = From::from_wire(asked.timestamp, cx.version).ok_or(ErrorCode::UnsupportedVersion)?;
                let partition = cx.broker.partitions.partition(&topic.name, index);
                lookup(cx, &partition.ok_or(ErrorCode::UnknownTopicOrPartition)?, asked, (from, isolation))
            };
            outcomes.push((index, coded(found())?));
        }
        topics.push((topic.name.clone(), outcomes));
    }
    // Errors are counted with an answer that is given.
    let topics = topics.into_iter().map(|(name, outcomes)| {
        let partitions = outcomes.into_iter().map(|(index, outcome)| told(cx, index, outcome)).collect();
        ListOffsetsTopicResponse::default().with_name(name).with_partitions(partitions)
    });
    Ok(ListOffsetsResponse::default().with_topics(topics.collect()))
}

fn told(cx: &Context, index: i32, outcome: Result<Option<Answer>, ErrorCode>) -> ListOffsetsPartitionResponse {
    let blank = ListOffsetsPartitionResponse::default().with_partition_index(index);
    match outcome {
        Ok(Some(found)) => blank
            .with_timestamp(found.timestamp)
            .with_offset(found.offset.get())
            .with_leader_epoch(if cx.version >= 4 { found.epoch.map_or(-1, LeaderEpoch::get) } else { -1 }),
        Ok(None) => blank,
        Err(code) => blank.with_error_code(cx.error(code)),
    }
}

struct Answer {
    timestamp: i64,
    offset: Offset,
    epoch: Option<LeaderEpoch>,
}

fn lookup(
    cx: &Context,
    partition: &Arc<Partition>,
    asked: &ListOffsetsPartition,
    (from, isolation): (From, Isolation),
) -> Result<Option<Answer>, Unanswered> {
    partition.check_leader(current_epoch(asked.current_leader_epoch)?)?;
    let log = partition.log()?;
    let limit = match isolation {
        Isolation::ReadUncommitted => ReadLimit::High,
        Isolation::ReadCommitted => ReadLimit::Stable,
    };
    let at = |offset: Offset| Answer { timestamp: -1, offset, epoch: log.epoch_at(offset) };
    let timed = |found: TimestampedOffset| Answer {
        timestamp: found.timestamp_ms,
        offset: found.offset,
        epoch: found.epoch.or_else(|| log.epoch_at(found.offset)),
    };
    let settled = || settled(log.latest_epoch_start(), log.bounds().high(), cx.version);
    Ok(match from {
        From::Latest => {
            settled()?;
            // The end belongs to no record yet: its epoch is the newest one.
            Some(Answer { timestamp: -1, offset: limit.of(&log.bounds()), epoch: log.latest_epoch() })
        }
        From::Earliest | From::EarliestLocal => Some(at(log.bounds().start())),
        From::MaxTimestamp => match log.offset_of_max_timestamp()? {
            Some(found) if found.offset >= limit.of(&log.bounds()) => settled().map(|()| None)?,
            found => found.map(timed),
        },
        From::Time(time) => match log.offset_for_timestamp(time, limit)? {
            None => settled().map(|()| None)?,
            found => found.map(timed),
        },
        // Nothing is ever tiered here: -1, as Kafka answers without remote storage.
        From::LatestTiered | From::EarliestPendingUpload => None,
    })
}

/// OFF-8: a new leader that does not know yet what is committed up to the begin of its epoch would tell a latest offset
/// that lies before one told by the leader before it.
fn settled(epoch_start: Option<Offset>, high: Offset, version: Version) -> Result<(), ErrorCode> {
    match epoch_start {
        Some(start) if start > high && version >= 5 => Err(ErrorCode::OffsetNotAvailable),
        Some(start) if start > high => Err(ErrorCode::LeaderNotAvailable),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn off_8_a_leader_that_is_behind_its_epoch_tells_no_end() {
        let at = Offset::new;
        for (start, high, version, expected) in [
            (None, 0, 11, Ok(())),
            (Some(at(5)), 5, 11, Ok(())),
            (Some(at(5)), 9, 1, Ok(())),
            (Some(at(5)), 4, 11, Err(ErrorCode::OffsetNotAvailable)),
            (Some(at(5)), 4, 5, Err(ErrorCode::OffsetNotAvailable)),
            (Some(at(5)), 4, 4, Err(ErrorCode::LeaderNotAvailable)),
        ] {
            assert_eq!(settled(start, at(high), version), expected, "epoch from {start:?}, committed to {high}");
        }
    }

    #[test]
    fn off_6_each_special_timestamp_has_its_first_version() {
        for (timestamp, since) in [(-1, 1), (-2, 1), (-3, 7), (-4, 8), (-5, 9), (-6, 11)] {
            assert!(From::from_wire(timestamp, since).is_some(), "{timestamp}");
            assert!(since == 1 || From::from_wire(timestamp, since - 1).is_none(), "{timestamp}");
        }
        assert_eq!(From::from_wire(-7, 11), None);
        assert_eq!(From::from_wire(5, 1), Some(From::Time(5)));
    }
}
