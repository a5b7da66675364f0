//! OffsetForLeaderEpoch 2-4 (KIP-101, KIP-320): where an epoch ended. Version 3 adds the replica's id, 4 is flexible.
use super::{
    Context, Reply,
    cold::{self, Cold, Unanswered, coded},
    current_epoch,
};
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
    cold::answer(cx, request, asked, answer)
}

fn asked(request: &OffsetForLeaderEpochRequest) -> Vec<(&str, i32)> {
    let topics = request.topics.iter();
    topics.flat_map(|topic| topic.partitions.iter().map(|asked| (topic.topic.as_str(), asked.partition))).collect()
}

fn answer(cx: &Context, request: &OffsetForLeaderEpochRequest) -> Result<OffsetForLeaderEpochResponse, Cold> {
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let mut outcomes = Vec::with_capacity(topic.partitions.len());
        for asked in &topic.partitions {
            let partition = cx.broker.partitions.partition(&topic.topic, asked.partition);
            let partition = partition.ok_or(ErrorCode::UnknownTopicOrPartition.into());
            outcomes.push((asked.partition, coded(partition.and_then(|partition| end(&partition, asked)))?));
        }
        topics.push((topic.topic.clone(), outcomes));
    }
    let told = |(index, outcome)| {
        let blank = EpochEndOffset::default().with_partition(index).with_leader_epoch(-1).with_end_offset(-1);
        match outcome {
            Ok((epoch, offset)) => blank.with_leader_epoch(epoch).with_end_offset(offset),
            Err(code) => blank.with_error_code(cx.error(code)),
        }
    };
    let topics = topics.into_iter().map(|(name, outcomes)| {
        let partitions = outcomes.into_iter().map(told).collect();
        OffsetForLeaderTopicResult::default().with_topic(name).with_partitions(partitions)
    });
    Ok(OffsetForLeaderEpochResponse::default().with_topics(topics.collect()))
}

/// FET-8; (-1, -1) where nothing is known of the epoch.
fn end(partition: &Arc<Partition>, asked: &OffsetForLeaderPartition) -> Result<(i32, i64), Unanswered> {
    partition.check_leader(current_epoch(asked.current_leader_epoch)?)?;
    let log = partition.log()?;
    if asked.leader_epoch < NO_EPOCH && log.latest_epoch().is_some() {
        // It lies before every epoch there was, as any other that is too low: it ended where the log begins.
        return Ok((asked.leader_epoch, log.bounds().start().get()));
    }
    let end = LeaderEpoch::from_wire(asked.leader_epoch).and_then(|epoch| log.epoch_end(epoch));
    Ok(end.map_or((-1, -1), |end| (end.epoch.get(), end.offset.get())))
}
