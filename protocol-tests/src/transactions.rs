//! One transactional producer by hand, as clients of `transaction.version` 1 and 2 are; and what it leaves in partitions.
use crate::batch::TRANSACTIONAL;
use crate::time::eventually;
use crate::{
    Batch, Code, Connection, Topic, assert_ok, fetch_request, fresh_name, from_offset, only_partition, produce_request,
    text,
};
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, EndTxnRequest, EndTxnResponse, FindCoordinatorRequest, GroupId,
    InitProducerIdRequest, InitProducerIdResponse, OffsetFetchRequest, TransactionalId, TxnOffsetCommitRequest,
};

/// One transactional producer, as far as it knows itself.
pub struct Producer {
    pub connection: Connection,
    pub id: TransactionalId,
    pub pid: i64,
    pub epoch: i16,
}

pub fn ask_for_id(connection: &mut Connection, id: &TransactionalId, version: i16) -> InitProducerIdResponse {
    let request = InitProducerIdRequest::default()
        .with_transactional_id(Some(id.clone()))
        .with_transaction_timeout_ms(60_000)
        .with_producer_id((-1).into())
        .with_producer_epoch(-1);
    eventually(20_000, "a producer id", || {
        let answer = connection.call(version, &request);
        let passing = [Code::ConcurrentTransactions, Code::NotCoordinator, Code::CoordinatorLoadInProgress];
        (!passing.iter().any(|code| code.code() == answer.error_code)).then_some(answer)
    })
}

pub fn find(connection: &mut Connection, kind: i8, key: &str) {
    let request = FindCoordinatorRequest::default().with_key_type(kind).with_coordinator_keys(vec![text(key)]);
    eventually(20_000, "a coordinator", || {
        (connection.call(4, &request).coordinators[0].error_code == 0).then_some(())
    });
}

impl Producer {
    /// Of an id of its own.
    pub fn fresh() -> Producer {
        Producer::again(TransactionalId(text(fresh_name("transactional"))))
    }

    pub fn again(id: TransactionalId) -> Producer {
        let mut connection = Connection::open();
        find(&mut connection, 1, &id);
        let answer = ask_for_id(&mut connection, &id, 4);
        assert_ok(answer.error_code);
        Producer { connection, id, pid: answer.producer_id.0, epoch: answer.producer_epoch }
    }

    /// The codes in the order of partitions.
    pub fn add(&mut self, version: i16, topic: &Topic, partitions: Vec<i32>) -> Vec<i16> {
        let topic = AddPartitionsToTxnTopic::default().with_name(topic.wire_name()).with_partitions(partitions);
        let request = AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(self.id.clone())
            .with_v3_and_below_producer_id(self.pid.into())
            .with_v3_and_below_producer_epoch(self.epoch)
            .with_v3_and_below_topics(vec![topic]);
        eventually(20_000, "the transaction before to end", || {
            let answer = self.connection.call(version, &request);
            let mut results = answer.results_by_topic_v3_and_below[0].results_by_partition.clone();
            results.sort_by_key(|result| result.partition_index);
            let codes: Vec<i16> = results.iter().map(|result| result.partition_error_code).collect();
            (!codes.contains(&Code::ConcurrentTransactions.code())).then_some(codes)
        })
    }

    pub fn add_offsets(&mut self, version: i16, group: &str) -> i16 {
        let request = AddOffsetsToTxnRequest::default()
            .with_transactional_id(self.id.clone())
            .with_producer_id(self.pid.into())
            .with_producer_epoch(self.epoch)
            .with_group_id(GroupId(text(group)));
        eventually(20_000, "the transaction before to end", || {
            let code = self.connection.call(version, &request).error_code;
            (code != Code::ConcurrentTransactions.code()).then_some(code)
        })
    }

    pub fn produce(&mut self, version: i16, topic: &Topic, sequence: i32, count: usize) -> i16 {
        self.produce_at(version, (topic, 0), sequence, count)
    }

    pub fn produce_at(&mut self, version: i16, (topic, partition): (&Topic, i32), sequence: i32, count: usize) -> i16 {
        let batch = Batch::from_producer((self.pid, self.epoch), sequence, count).attributes(TRANSACTIONAL);
        let records = batch.encode();
        let request = produce_request(version, topic, partition, records).with_transactional_id(Some(self.id.clone()));
        eventually(20_000, "the transaction before to end", || {
            let answer = self.connection.call(version, &request);
            let code = answer.responses[0].partition_responses[0].error_code;
            (code != Code::ConcurrentTransactions.code()).then_some(code)
        })
    }

    /// What ends its transaction.
    pub fn end_request(&self, commit: bool) -> EndTxnRequest {
        EndTxnRequest::default()
            .with_transactional_id(self.id.clone())
            .with_producer_id(self.pid.into())
            .with_producer_epoch(self.epoch)
            .with_committed(commit)
    }

    pub fn end(&mut self, version: i16, commit: bool) -> EndTxnResponse {
        let request = self.end_request(commit);
        eventually(20_000, "the end", || {
            let answer = self.connection.call(version, &request);
            (answer.error_code != Code::ConcurrentTransactions.code()).then_some(answer)
        })
    }

    /// Ends as a client of `transaction.version` 2: with the next epoch.
    pub fn end_2(&mut self, commit: bool) {
        let answer = self.end(5, commit);
        assert_ok(answer.error_code);
        assert_eq!((answer.producer_id.0, answer.producer_epoch), (self.pid, self.epoch + 1));
        self.epoch += 1;
    }
}

pub fn read(topic: &Topic, committed: bool) -> PartitionData {
    let request = fetch_request(18, topic, vec![from_offset(0, 0)]).with_isolation_level(i8::from(committed));
    only_partition(&Connection::open().call(18, &request))
}

/// Waits until nothing is open; then the number of aborted transactions that a consumer is told of.
pub fn settled(topic: &Topic, end: i64) -> usize {
    let read = eventually(20_000, "the markers", || {
        let read = read(topic, true);
        (read.last_stable_offset == end && read.high_watermark == end).then_some(read)
    });
    read.aborted_transactions.map_or(0, |aborted| aborted.len())
}

pub fn offset(connection: &mut Connection, group: &str, topic: &Topic, stable: bool) -> Result<i64, i16> {
    let asked = OffsetFetchRequestTopics::default().with_name(topic.wire_name()).with_partition_indexes(vec![0]);
    let asked = OffsetFetchRequestGroup::default()
        .with_group_id(GroupId(text(group)))
        .with_member_id(None)
        .with_member_epoch(-1)
        .with_topics(Some(vec![asked]));
    let answer =
        connection.call(9, &OffsetFetchRequest::default().with_groups(vec![asked]).with_require_stable(stable));
    let told = &answer.groups[0].topics[0].partitions[0];
    if told.error_code == 0 { Ok(told.committed_offset) } else { Err(told.error_code) }
}

pub fn commit_request(producer: &Producer, group: &str, topic: &Topic, offset: i64) -> TxnOffsetCommitRequest {
    let partition = TxnOffsetCommitRequestPartition::default()
        .with_committed_offset(offset)
        .with_committed_metadata(Some(text("")));
    let topic = TxnOffsetCommitRequestTopic::default().with_name(topic.wire_name()).with_partitions(vec![partition]);
    TxnOffsetCommitRequest::default()
        .with_transactional_id(producer.id.clone())
        .with_group_id(GroupId(text(group)))
        .with_producer_id(producer.pid.into())
        .with_producer_epoch(producer.epoch)
        .with_topics(vec![topic])
}

pub fn commit_offset(producer: &mut Producer, version: i16, group: &str, topic: &Topic, offset: i64) -> i16 {
    let request = commit_request(producer, group, topic, offset);
    eventually(20_000, "the transaction before to end", || {
        let answer = producer.connection.call(version, &request);
        let code = answer.topics[0].partitions[0].error_code;
        let passing = [Code::ConcurrentTransactions, Code::CoordinatorLoadInProgress, Code::CoordinatorNotAvailable];
        (!passing.iter().any(|passing| passing.code() == code)).then_some(code)
    })
}
