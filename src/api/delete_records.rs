//! DeleteRecords 0-2 (KIP-107): the log start moves up. Version 1 only tells of throttling, 2 is flexible.
//!
//! The starts are moved before what comes behind on the connection is handled; the answer waits until the moves are on disk
//! (OFF-11). Only a commit of the write-ahead log is waited for, so the request's timeout has nothing to cut short.
use super::{Context, Reply, cold, errors, merging::merged};
use crate::{
    log::StartMove,
    replica::DeleteRecordsError,
    types::{ErrorCode, Offset},
};
use kafka_protocol::messages::{
    DeleteRecordsRequest, DeleteRecordsResponse, TopicName,
    delete_records_request::DeleteRecordsPartition,
    delete_records_response::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult},
};

/// The request's offset for "up to the high watermark".
const HIGH_WATERMARK: i64 = -1;
/// What an answer without a low watermark says.
const NO_LOW_WATERMARK: i64 = -1;

type Moves = Vec<(TopicName, Vec<(i32, Result<StartMove, ErrorCode>)>)>;

pub fn handle(cx: &Context, request: DeleteRecordsRequest) -> Reply<DeleteRecordsResponse> {
    let asked = request
        .topics
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(|partition| (topic.name.as_str(), partition.partition_index)));
    let cold = cold::cold_of(cx, asked);
    cold::begin(cx, request, cold, move_starts, DeleteRecordsResponse::default())
}

fn move_starts(cx: &Context, request: DeleteRecordsRequest) -> Reply<DeleteRecordsResponse> {
    let topics = merged(
        request.topics,
        |topic| topic.name.to_string(),
        |topic| &mut topic.partitions,
        |partition| partition.partition_index,
    );
    let moves: Moves = topics
        .iter()
        .map(|topic| {
            let begun = |asked: &DeleteRecordsPartition| (asked.partition_index, begin(cx, &topic.name, asked));
            (topic.name.clone(), topic.partitions.iter().map(begun).collect())
        })
        .collect();
    let cx = cx.clone();
    Reply::later(async move {
        let waited = tokio::task::spawn_blocking(move || wait(moves)).await.unwrap_or_default();
        let topics = waited.into_iter().map(|(name, partitions)| {
            let results = partitions.into_iter().map(|(index, result)| {
                let blank = DeleteRecordsPartitionResult::default().with_partition_index(index);
                match result {
                    Ok(low) => blank.with_low_watermark(low.get()),
                    Err(code) => blank.with_low_watermark(NO_LOW_WATERMARK).with_error_code(cx.error(code)),
                }
            });
            DeleteRecordsTopicResult::default().with_name(name).with_partitions(results.collect())
        });
        DeleteRecordsResponse::default().with_topics(topics.collect())
    })
}

fn begin(cx: &Context, topic: &TopicName, asked: &DeleteRecordsPartition) -> Result<StartMove, ErrorCode> {
    let partition = cx.broker.partitions.partition(topic, asked.partition_index);
    let partition = partition.ok_or(ErrorCode::UnknownTopicOrPartition)?;
    if crate::types::TopicName::parse(topic).is_ok_and(|name| name.is_internal()) {
        return Err(ErrorCode::InvalidTopicException);
    }
    let to = match asked.offset {
        HIGH_WATERMARK => None,
        offset => Some(Offset::from_wire(offset).ok_or(ErrorCode::OffsetOutOfRange)),
    };
    // Leadership and policy are judged before the offset, as in Kafka.
    partition.may_delete_records().map_err(|fault| refusal(&fault))?;
    partition.delete_records(to.transpose()?).map_err(|fault| refusal(&fault))
}

fn refusal(fault: &DeleteRecordsError) -> ErrorCode {
    match fault {
        DeleteRecordsError::Unavailable(fault) => errors::unavailable(fault),
        DeleteRecordsError::Policy => ErrorCode::PolicyViolation,
        DeleteRecordsError::Log(fault) => errors::append(fault),
    }
}

type Waited = Vec<(TopicName, Vec<(i32, Result<Offset, ErrorCode>)>)>;

fn wait(moves: Moves) -> Waited {
    let done = |moved: Result<StartMove, ErrorCode>| moved?.wait().map_err(|fault| errors::append(&fault));
    let topic = |(name, partitions): (TopicName, Vec<(i32, Result<StartMove, ErrorCode>)>)| {
        (name, partitions.into_iter().map(|(index, moved)| (index, done(moved))).collect())
    };
    moves.into_iter().map(topic).collect()
}
