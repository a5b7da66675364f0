//! What many scenarios do: make a topic, write a batch, read it back.
use crate::connection::prepared;
use crate::time::eventually;
use crate::{Batch, Code, Connection};
use bytes::Bytes;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::list_offsets_response::ListOffsetsPartitionResponse;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::{
    BrokerId, CreateTopicsRequest, FetchRequest, FetchResponse, InitProducerIdRequest, InitProducerIdResponse,
    ListOffsetsRequest, MetadataRequest, MetadataResponse, ProduceRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use std::sync::atomic::{AtomicU32, Ordering};
use uuid::Uuid;

/// The special timestamps of ListOffsets.
pub const LATEST: i64 = -1;
pub const EARLIEST: i64 = -2;
pub const MAX_TIMESTAMP: i64 = -3;
pub const EARLIEST_LOCAL: i64 = -4;
pub const LATEST_TIERED: i64 = -5;
pub const EARLIEST_PENDING_UPLOAD: i64 = -6;

/// The newest versions that speak of topics by name.
pub const PRODUCE_BY_NAME: i16 = 12;
pub const FETCH_BY_NAME: i16 = 12;

/// A topic made for one scenario.
#[derive(Clone, Debug)]
pub struct Topic {
    pub name: String,
    pub id: Uuid,
}

impl Topic {
    pub fn wire_name(&self) -> TopicName {
        topic_name(&self.name)
    }
}

pub fn text(text: impl Into<String>) -> StrBytes {
    StrBytes::from_string(text.into())
}

pub fn topic_name(name: impl Into<String>) -> TopicName {
    TopicName(text(name))
}

/// A topic name no other scenario or run has.
pub fn fresh_name(subject: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{subject}-{}-{}-{count}", crate::time::now_ms(), std::process::id())
}

/// Makes a topic with Kafka's default settings and waits until it can be used.
#[track_caller]
pub fn new_topic(connection: &mut Connection, partitions: i32) -> Topic {
    new_topic_with(connection, partitions, &[])
}

/// Makes a topic with these settings and waits until it can be used.
#[track_caller]
pub fn new_topic_with(connection: &mut Connection, partitions: i32, settings: &[(&str, &str)]) -> Topic {
    make_topic(connection, &fresh_name("topic"), partitions, settings)
}

/// Makes a topic of this name, again where it was deleted, and waits until it can be used.
#[track_caller]
pub fn new_topic_named(connection: &mut Connection, name: &str, partitions: i32) -> Topic {
    make_topic(connection, name, partitions, &[])
}

#[track_caller]
fn make_topic(connection: &mut Connection, name: &str, partitions: i32, settings: &[(&str, &str)]) -> Topic {
    let configs = settings
        .iter()
        .map(|(name, value)| CreatableTopicConfig::default().with_name(text(*name)).with_value(Some(text(*value))));
    let topic = CreatableTopic::default()
        .with_name(topic_name(name))
        .with_num_partitions(partitions)
        .with_replication_factor(1)
        .with_configs(configs.collect());
    let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(15_000);
    let answer = connection.call(7, &request);
    assert_eq!(answer.topics.len(), 1);
    prepared(answer.topics[0].error_code, "CreateTopics");
    let topic = Topic { name: name.to_owned(), id: answer.topics[0].topic_id };
    await_topic(connection, &topic, partitions);
    topic
}

/// Apache Kafka answers CreateTopics before its own broker part leads the partitions.
#[track_caller]
pub fn await_topic(connection: &mut Connection, topic: &Topic, partitions: i32) {
    eventually(15_000, "every partition can be read", || {
        let all: Vec<i32> = (0..partitions).collect();
        let found = list_offsets(connection, 8, &topic.name, &all, LATEST);
        found.iter().all(|partition| partition.error_code == 0).then_some(())
    });
}

/// Metadata of these topics, or of all; never creates one.
#[track_caller]
pub fn metadata(connection: &mut Connection, version: i16, names: Option<&[&str]>) -> MetadataResponse {
    let topics = names.map(|names| {
        names.iter().map(|name| MetadataRequestTopic::default().with_name(Some(topic_name(*name)))).collect()
    });
    let request = MetadataRequest::default().with_topics(topics);
    connection.call(version, &request.with_allow_auto_topic_creation(version < 4))
}

/// The node id of the only broker.
#[track_caller]
pub fn node_id(connection: &mut Connection) -> BrokerId {
    let answer = metadata(connection, 12, Some(&[]));
    answer.brokers.first().expect("a broker").node_id
}

/// A Produce request of one batch to one partition, by id where the version does so.
pub fn produce_request(version: i16, topic: &Topic, partition: i32, records: Bytes) -> ProduceRequest {
    let data = PartitionProduceData::default().with_index(partition).with_records(Some(records));
    produce_request_of(version, topic, vec![data])
}

/// A Produce request of several partitions of one topic.
pub fn produce_request_of(version: i16, topic: &Topic, partitions: Vec<PartitionProduceData>) -> ProduceRequest {
    let mut of_topic = TopicProduceData::default().with_partition_data(partitions);
    if version > PRODUCE_BY_NAME {
        of_topic.topic_id = topic.id;
    } else {
        of_topic.name = topic.wire_name();
    }
    ProduceRequest::default().with_acks(-1).with_timeout_ms(10_000).with_topic_data(vec![of_topic])
}

/// Writes bytes to partition 0 with acks=all at the newest version; returns the partition's answer.
#[track_caller]
pub fn produce(connection: &mut Connection, topic: &Topic, records: Bytes) -> PartitionProduceResponse {
    produce_at(connection, 13, topic, 0, records)
}

/// As `produce`, at a version and partition.
#[track_caller]
pub fn produce_at(
    connection: &mut Connection,
    version: i16,
    topic: &Topic,
    partition: i32,
    records: Bytes,
) -> PartitionProduceResponse {
    let answer = connection.call(version, &produce_request(version, topic, partition, records));
    assert_eq!(answer.responses.len(), 1, "one topic");
    assert_eq!(answer.responses[0].partition_responses.len(), 1, "one partition");
    answer.responses[0].partition_responses[0].clone()
}

/// Writes a right batch to partition 0 and returns its base offset.
#[track_caller]
pub fn append(connection: &mut Connection, topic: &Topic, batch: &Batch) -> i64 {
    let answer = produce(connection, topic, batch.encode());
    prepared(answer.error_code, "Produce");
    answer.base_offset
}

/// A sessionless Fetch request that does not wait.
pub fn fetch_request(version: i16, topic: &Topic, partitions: Vec<FetchPartition>) -> FetchRequest {
    let mut of_topic = FetchTopic::default().with_partitions(partitions);
    if version > FETCH_BY_NAME {
        of_topic.topic_id = topic.id;
    } else {
        of_topic.topic = topic.wire_name();
    }
    FetchRequest::default()
        .with_max_wait_ms(0)
        .with_min_bytes(1)
        .with_max_bytes(50 << 20)
        .with_session_id(0)
        .with_session_epoch(-1)
        .with_topics(vec![of_topic])
}

/// One partition of a Fetch request, up to 1 MiB from an offset on.
pub fn from_offset(partition: i32, offset: i64) -> FetchPartition {
    FetchPartition::default()
        .with_partition(partition)
        .with_current_leader_epoch(-1)
        .with_fetch_offset(offset)
        .with_partition_max_bytes(1 << 20)
}

/// The only partition of an answer that holds one.
///
/// # Panics
/// When the answer has an error of its own or another number of partitions.
#[track_caller]
pub fn only_partition(answer: &FetchResponse) -> PartitionData {
    prepared(answer.error_code, "Fetch");
    assert_eq!(answer.responses.len(), 1, "one topic");
    assert_eq!(answer.responses[0].partitions.len(), 1, "one partition");
    answer.responses[0].partitions[0].clone()
}

/// Reads partition 0 from an offset on, at the newest version.
#[track_caller]
pub fn fetch(connection: &mut Connection, topic: &Topic, offset: i64) -> PartitionData {
    let answer = connection.call(18, &fetch_request(18, topic, vec![from_offset(0, offset)]));
    only_partition(&answer)
}

/// ListOffsets of one timestamp for several partitions.
#[track_caller]
pub fn list_offsets(
    connection: &mut Connection,
    version: i16,
    topic: &str,
    partitions: &[i32],
    timestamp: i64,
) -> Vec<ListOffsetsPartitionResponse> {
    let partitions = partitions.iter().map(|&partition| {
        let wanted = ListOffsetsPartition::default().with_partition_index(partition).with_timestamp(timestamp);
        wanted.with_current_leader_epoch(-1)
    });
    let topic = ListOffsetsTopic::default().with_name(topic_name(topic)).with_partitions(partitions.collect());
    let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic]);
    let answer = connection.call(version, &request);
    answer.topics.into_iter().flat_map(|topic| topic.partitions).collect()
}

/// The offset the next record of partition 0 will get, once it is visible.
#[track_caller]
pub fn end_offset(connection: &mut Connection, topic: &Topic) -> i64 {
    let found = list_offsets(connection, 8, &topic.name, &[0], LATEST);
    prepared(found[0].error_code, "ListOffsets");
    found[0].offset
}

/// A producer id and epoch for an idempotent producer.
#[track_caller]
pub fn new_producer(connection: &mut Connection) -> (i64, i16) {
    let request = InitProducerIdRequest::default().with_transactional_id(None).with_transaction_timeout_ms(60_000);
    let request = request.with_producer_id((-1).into()).with_producer_epoch(-1);
    let answer = init_producer_id(connection, 4, &request);
    prepared(answer.error_code, "InitProducerId");
    (answer.producer_id.into(), answer.producer_epoch)
}

/// InitProducerId as a client does it: asked again while the broker waits for its next block of ids.
#[track_caller]
pub fn init_producer_id(
    connection: &mut Connection,
    version: i16,
    request: &InitProducerIdRequest,
) -> InitProducerIdResponse {
    eventually(10_000, "a block of producer ids", || {
        let answer = connection.call(version, request);
        (answer.error_code != Code::CoordinatorLoadInProgress.code()).then_some(answer)
    })
}
