//! OffsetForLeaderEpoch 2-4 (KIP-101, KIP-320): where an epoch ended. Version 3 adds the replica's id, 4 is flexible.
use super::{Context, Reply, current_epoch, errors};
use crate::{
    replica::Partition,
    types::{ErrorCode, LeaderEpoch},
};
use kafka_protocol::messages::{
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    offset_for_leader_epoch_request::OffsetForLeaderPartition,
    offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult},
};
use std::sync::Arc;

/// What the wire says for no epoch.
const NO_EPOCH: i32 = -1;

pub fn handle(cx: &Context, request: OffsetForLeaderEpochRequest) -> Reply<OffsetForLeaderEpochResponse> {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let blank =
                EpochEndOffset::default().with_partition(asked.partition).with_leader_epoch(-1).with_end_offset(-1);
            let outcome = cx
                .broker
                .partitions
                .partition(&topic.topic, asked.partition)
                .ok_or(ErrorCode::UnknownTopicOrPartition)
                .and_then(|partition| end(&partition, asked));
            match outcome {
                Ok((epoch, offset)) => blank.with_leader_epoch(epoch).with_end_offset(offset),
                Err(code) => blank.with_error_code(cx.error(code)),
            }
        });
        OffsetForLeaderTopicResult::default().with_topic(topic.topic.clone()).with_partitions(partitions.collect())
    });
    Reply::Now(OffsetForLeaderEpochResponse::default().with_topics(topics.collect()))
}

/// FET-8; (-1, -1) where nothing is known of the epoch.
fn end(partition: &Arc<Partition>, asked: &OffsetForLeaderPartition) -> Result<(i32, i64), ErrorCode> {
    partition.check_leader(current_epoch(asked.current_leader_epoch)?).map_err(|fault| errors::unavailable(&fault))?;
    let log = partition.log().map_err(|fault| errors::unavailable(&fault))?;
    if asked.leader_epoch < NO_EPOCH && log.latest_epoch().is_some() {
        // It lies before every epoch there was, as any other that is too low: it ended where the log begins.
        return Ok((asked.leader_epoch, log.bounds().start().get()));
    }
    let end = LeaderEpoch::from_wire(asked.leader_epoch).and_then(|epoch| log.epoch_end(epoch));
    Ok(end.map_or((-1, -1), |end| (end.epoch.get(), end.offset.get())))
}
