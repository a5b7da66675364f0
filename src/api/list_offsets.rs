//! ListOffsets 1-11: where a partition begins and ends, and which record a time stands for.
//!
//! Version 2 adds isolation, 4 leader epochs, 6 is flexible, 7 allows -3 (KIP-734), 8 allows -4 (KIP-405), 9 allows -5
//! (KIP-1005), 10 adds a timeout, 11 allows -6 (KIP-1023). A special timestamp that the version does not have is
//! UNSUPPORTED_VERSION (OFF-6).
use super::{Context, Reply, errors};
use crate::{
    log::TimestampedOffset,
    replica::Partition,
    types::{ErrorCode, Isolation, LeaderEpoch, Offset},
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

pub fn handle(cx: &Context, request: ListOffsetsRequest) -> Reply<ListOffsetsResponse> {
    let isolation = Isolation::from_wire(request.isolation_level).unwrap_or(Isolation::ReadUncommitted);
    let mut seen = BTreeSet::new();
    let mut twice = BTreeSet::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            if !seen.insert((topic.name.as_str(), partition.partition_index)) {
                twice.insert((topic.name.to_string(), partition.partition_index));
            }
        }
    }
    let topics = request
        .topics
        .iter()
        .map(|topic| {
            let answers = topic.partitions.iter().map(|asked| {
                let blank = ListOffsetsPartitionResponse::default().with_partition_index(asked.partition_index);
                if twice.contains(&(topic.name.to_string(), asked.partition_index)) {
                    return blank.with_error_code(cx.error(ErrorCode::InvalidRequest));
                }
                let found = cx.broker.partitions.partition(&topic.name, asked.partition_index);
                let outcome = found
                    .ok_or(ErrorCode::UnknownTopicOrPartition)
                    .and_then(|partition| lookup(cx, &partition, asked, isolation));
                match outcome {
                    Ok(Some(found)) => blank
                        .with_timestamp(found.timestamp)
                        .with_offset(found.offset.get())
                        .with_leader_epoch(if cx.version >= 4 { found.epoch.map_or(-1, LeaderEpoch::get) } else { -1 }),
                    Ok(None) => blank,
                    Err(code) => blank.with_error_code(cx.error(code)),
                }
            });
            ListOffsetsTopicResponse::default().with_name(topic.name.clone()).with_partitions(answers.collect())
        })
        .collect();
    Reply::Now(ListOffsetsResponse::default().with_topics(topics))
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
    isolation: Isolation,
) -> Result<Option<Answer>, ErrorCode> {
    let from = From::from_wire(asked.timestamp, cx.version).ok_or(ErrorCode::UnsupportedVersion)?;
    partition
        .check_leader(LeaderEpoch::from_wire(asked.current_leader_epoch))
        .map_err(|fault| errors::unavailable(&fault))?;
    let log = partition.log().map_err(|fault| errors::unavailable(&fault))?;
    let bounds = log.bounds();
    let limit = match isolation {
        Isolation::ReadUncommitted => bounds.high(),
        Isolation::ReadCommitted => bounds.stable(),
    };
    let at = |offset: Offset| Answer { timestamp: -1, offset, epoch: log.epoch_at(offset) };
    let timed = |found: TimestampedOffset| Answer {
        timestamp: found.timestamp_ms,
        offset: found.offset,
        epoch: found.epoch.or_else(|| log.epoch_at(found.offset)),
    };
    Ok(match from {
        // The end belongs to no record yet: its epoch is the newest one.
        From::Latest => Some(Answer { timestamp: -1, offset: limit, epoch: log.latest_epoch() }),
        From::Earliest | From::EarliestLocal => Some(at(bounds.start())),
        From::MaxTimestamp => {
            let found = log.offset_of_max_timestamp().map_err(|fault| errors::read_error(&fault))?;
            found.filter(|found| found.offset < limit).map(timed)
        }
        From::Time(time) => {
            let found = log.offset_for_timestamp(time, limit).map_err(|fault| errors::read_error(&fault))?;
            found.map(timed)
        }
        // Nothing is ever tiered here: -1, as Kafka answers without remote storage.
        From::LatestTiered | From::EarliestPendingUpload => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
