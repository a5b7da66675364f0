//! Requests of transactional producers, of clients that know `transaction.version` 2 and of those that do not.
use crate::{Batch, Record, Topic, batch::TRANSACTIONAL, produce_request, text};
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, EndTxnRequest, FindCoordinatorRequest, GroupId,
    InitProducerIdRequest, OffsetFetchRequest, ProduceRequest, TransactionalId, TxnOffsetCommitRequest,
};

/// Which transaction protocol a client speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// Partitions and groups are added before they are written.
    One,
    /// They are added by being written, and every end raises the epoch.
    Two,
}

/// The versions a client of each protocol speaks.
impl Protocol {
    pub fn init(self) -> i16 {
        if self == Protocol::One { 4 } else { 5 }
    }

    pub fn produce(self) -> i16 {
        if self == Protocol::One { 11 } else { 12 }
    }

    pub fn commit(self) -> i16 {
        if self == Protocol::One { 4 } else { 5 }
    }

    pub fn end(self) -> i16 {
        if self == Protocol::One { 4 } else { 5 }
    }
}

/// A producer as it knows itself.
#[derive(Clone, Debug)]
pub struct Identity {
    pub id: TransactionalId,
    pub producer: (i64, i16),
}

impl Identity {
    pub fn new(id: impl Into<String>) -> Identity {
        Identity { id: TransactionalId(text(id)), producer: (-1, -1) }
    }

    /// For a new epoch, whatever it was before.
    pub fn init(&self) -> InitProducerIdRequest {
        InitProducerIdRequest::default()
            .with_transactional_id(Some(self.id.clone()))
            .with_transaction_timeout_ms(60_000)
            .with_producer_id((-1).into())
            .with_producer_epoch(-1)
    }

    pub fn add(&self, topic: &Topic, partition: i32) -> AddPartitionsToTxnRequest {
        let topic = AddPartitionsToTxnTopic::default().with_name(topic.wire_name()).with_partitions(vec![partition]);
        AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(self.id.clone())
            .with_v3_and_below_producer_id(self.producer.0.into())
            .with_v3_and_below_producer_epoch(self.producer.1)
            .with_v3_and_below_topics(vec![topic])
    }

    pub fn add_group(&self, group: &str) -> AddOffsetsToTxnRequest {
        AddOffsetsToTxnRequest::default()
            .with_transactional_id(self.id.clone())
            .with_producer_id(self.producer.0.into())
            .with_producer_epoch(self.producer.1)
            .with_group_id(GroupId(text(group)))
    }

    /// Each value a record, by the name of the topic.
    pub fn produce(
        &self,
        version: i16,
        (topic, partition): (&Topic, i32),
        sequence: i32,
        values: &[String],
    ) -> ProduceRequest {
        let records = values.iter().map(Record::of).collect();
        let batch = Batch { producer: self.producer, base_sequence: sequence, ..Batch::records(records) };
        produce_request(version, topic, partition, batch.attributes(TRANSACTIONAL).encode())
            .with_transactional_id(Some(self.id.clone()))
    }

    /// The offset of a consumer that is no member of its group.
    pub fn commit_offset(&self, group: &str, topic: &Topic, partition: i32, offset: i64) -> TxnOffsetCommitRequest {
        let partition = TxnOffsetCommitRequestPartition::default()
            .with_partition_index(partition)
            .with_committed_offset(offset)
            .with_committed_metadata(Some(text("")));
        let topic =
            TxnOffsetCommitRequestTopic::default().with_name(topic.wire_name()).with_partitions(vec![partition]);
        TxnOffsetCommitRequest::default()
            .with_transactional_id(self.id.clone())
            .with_group_id(GroupId(text(group)))
            .with_producer_id(self.producer.0.into())
            .with_producer_epoch(self.producer.1)
            .with_topics(vec![topic])
    }

    pub fn end(&self, commit: bool) -> EndTxnRequest {
        EndTxnRequest::default()
            .with_transactional_id(self.id.clone())
            .with_producer_id(self.producer.0.into())
            .with_producer_epoch(self.producer.1)
            .with_committed(commit)
    }
}

/// For the coordinator of a group (0) or a transactional id (1).
pub fn find_coordinator(kind: i8, key: &str) -> FindCoordinatorRequest {
    FindCoordinatorRequest::default().with_key_type(kind).with_coordinator_keys(vec![text(key)])
}

/// For the offset of one partition, once no transaction is about to change it.
pub fn stable_offset(group: &str, topic: &Topic, partition: i32) -> OffsetFetchRequest {
    let asked =
        OffsetFetchRequestTopics::default().with_name(topic.wire_name()).with_partition_indexes(vec![partition]);
    let asked = OffsetFetchRequestGroup::default()
        .with_group_id(GroupId(text(group)))
        .with_member_id(None)
        .with_member_epoch(-1)
        .with_topics(Some(vec![asked]));
    OffsetFetchRequest::default().with_groups(vec![asked]).with_require_stable(true)
}
