//! What goes wrong around transactions: zombies, late markers, frames that come again, gaps, offsets of groups that are not
//! the producer's, topics that go. Each gets Kafka's code, and no transaction hangs because of it.
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::{
    DeleteTopicsRequest, EndTxnRequest, InitProducerIdRequest, TransactionalId, TxnOffsetCommitRequest,
    txn_offset_commit_request,
};
use protocol_tests::batch::TRANSACTIONAL;
use protocol_tests::groups::{group_id, join, joining, new_group};
use protocol_tests::time::eventually;
use protocol_tests::transactions::{Producer, ask_for_id, commit_offset, find, offset, read, settled};
use protocol_tests::{
    Batch, Code, Connection, Topic, assert_error, assert_ok, fresh_name, new_topic, on_kafka, produce_request, text,
};

#[test]
fn init_2_a_timeout_outside_its_bounds_is_refused_at_every_version() {
    let mut connection = Connection::open();
    let id = TransactionalId(text(fresh_name("transactional")));
    find(&mut connection, 1, &id);
    assert_ok(ask_for_id(&mut connection, &id, 4).error_code);
    for version in 0..=5 {
        for timeout_ms in [900_001, i32::MAX, 0, -1] {
            let mut request = InitProducerIdRequest::default()
                .with_transactional_id(Some(id.clone()))
                .with_transaction_timeout_ms(timeout_ms);
            if version >= 3 {
                request = request.with_producer_id((-1).into()).with_producer_epoch(-1);
            }
            let answer = connection.call(version, &request);
            assert_error(answer.error_code, Code::InvalidTransactionTimeout);
            assert_eq!((answer.producer_id.0, answer.producer_epoch), (-1, -1));
        }
    }
    assert_eq!(ask_for_id(&mut connection, &id, 4).producer_epoch, 1, "nothing was changed by that");
}

#[test]
fn txn_29_a_zombie_is_told_so_by_every_api_and_writes_nowhere() {
    for old in [true, false] {
        let mut zombie = Producer::fresh();
        let group = new_group();
        find(&mut zombie.connection, 0, &group);
        let topic = new_topic(&mut zombie.connection, 2);
        let (produced, ended) = if old { (11, 4) } else { (12, 5) };
        if old {
            assert_eq!(zombie.add(3, &topic, vec![0]), [0]);
        }
        assert_ok(zombie.produce(produced, &topic, 0, 1));
        let mut next = Producer::again(zombie.id.clone());
        assert!((next.pid, next.epoch) > (zombie.pid, zombie.epoch));
        assert_eq!(zombie.add(1, &topic, vec![1]), [Code::InvalidProducerEpoch.code()]);
        assert_eq!(zombie.add(3, &topic, vec![1]), [Code::ProducerFenced.code()]);
        assert_error(zombie.add_offsets(1, &group), Code::InvalidProducerEpoch);
        assert_error(zombie.add_offsets(3, &group), Code::ProducerFenced);
        assert_error(zombie.end(1, true).error_code, Code::InvalidProducerEpoch);
        assert_error(zombie.end(ended, true).error_code, Code::ProducerFenced);
        assert_error(zombie.end(ended, false).error_code, Code::ProducerFenced);
        // Where it wrote a marker has told the new epoch; where it never did, the coordinator is asked.
        assert_error(zombie.produce(produced, &topic, 1, 1), Code::InvalidProducerEpoch);
        assert_error(zombie.produce_at(produced, (&topic, 1), 0, 1), Code::InvalidProducerEpoch);
        let code = commit_offset(&mut zombie, if old { 4 } else { 5 }, &group, &topic, 1);
        assert_error(code, Code::InvalidProducerEpoch);
        assert_eq!(settled(&topic, 2), 1);
        // Its successor is not disturbed by any of it.
        if old {
            assert_eq!(next.add(3, &topic, vec![0]), [0]);
        }
        assert_ok(next.produce(produced, &topic, 0, 1));
        assert_ok(next.end(ended, true).error_code);
        assert_eq!(settled(&topic, 4), 1);
    }
}

#[test]
fn init_5_a_zombie_that_names_its_epoch_gets_no_other() {
    let zombie = Producer::fresh();
    let next = Producer::again(zombie.id.clone());
    let naming = |producer: &Producer, epoch: i16| {
        InitProducerIdRequest::default()
            .with_transactional_id(Some(producer.id.clone()))
            .with_transaction_timeout_ms(60_000)
            .with_producer_id(producer.pid.into())
            .with_producer_epoch(epoch)
    };
    let mut connection = Connection::open();
    let answer = connection.call(3, &naming(&zombie, zombie.epoch));
    assert_error(answer.error_code, Code::InvalidProducerEpoch);
    for version in [4, 5] {
        let answer = connection.call(version, &naming(&zombie, zombie.epoch));
        assert_error(answer.error_code, Code::ProducerFenced);
    }
    let answer = connection.call(5, &naming(&next, next.epoch));
    assert_ok(answer.error_code);
    assert_eq!(answer.producer_epoch, next.epoch + 1);
    // The answer was lost, so it asks once more.
    let answer = connection.call(5, &naming(&next, next.epoch));
    assert_ok(answer.error_code);
    assert_eq!(answer.producer_epoch, next.epoch + 1);
}

#[test]
fn txn_4_an_end_that_comes_again_does_not_touch_the_next_transaction() {
    let mut producer = Producer::fresh();
    let topic = new_topic(&mut producer.connection, 1);
    assert_ok(producer.produce(12, &topic, 0, 1));
    let (replayed, opposite) = (producer.end_request(true), producer.end_request(false));
    producer.end_2(true);
    assert_eq!(settled(&topic, 2), 0);
    let again = |producer: &mut Producer, request: &EndTxnRequest| {
        eventually(20_000, "the end before", || {
            let answer = producer.connection.call(5, request);
            (answer.error_code != Code::ConcurrentTransactions.code()).then_some(answer)
        })
    };
    // A lost answer: the same is told once more. The opposite was never meant.
    let answer = again(&mut producer, &replayed);
    assert_ok(answer.error_code);
    assert_eq!((answer.producer_id.0, answer.producer_epoch), (producer.pid, producer.epoch));
    assert_error(again(&mut producer, &opposite).error_code, Code::InvalidTxnState);
    // KAFKA-17754: the frame arrives while the next transaction is open.
    assert_ok(producer.produce(12, &topic, 0, 1));
    for request in [&replayed, &opposite] {
        assert_error(again(&mut producer, request).error_code, Code::ProducerFenced);
    }
    let open = read(&topic, true);
    assert_eq!((open.last_stable_offset, open.high_watermark), (2, 3));
    producer.end_2(false);
    assert_eq!(settled(&topic, 4), 1, "it is aborted, whatever came in between");
}

#[test]
fn txn_31_an_end_of_an_older_client_that_comes_again_ends_the_next_transaction() {
    let mut producer = Producer::fresh();
    let topic = new_topic(&mut producer.connection, 1);
    assert_eq!(producer.add(3, &topic, vec![0]), [0]);
    assert_ok(producer.produce(11, &topic, 0, 1));
    let replayed = producer.end_request(true);
    assert_ok(producer.end(4, true).error_code);
    assert_eq!(settled(&topic, 2), 0);
    assert_eq!(producer.add(3, &topic, vec![0]), [0]);
    assert_ok(producer.produce(11, &topic, 1, 1));
    // Nothing in the frame says of which transaction it is: only `transaction.version` 2 protects from that.
    assert_ok(producer.connection.call(4, &replayed).error_code);
    assert_eq!(settled(&topic, 4), 0);
    assert_error(producer.end(4, false).error_code, Code::InvalidTxnState);
    assert_eq!(settled(&topic, 4), 0, "and nothing hangs");
}

#[test]
fn idem_5_a_gap_at_the_start_of_a_transaction_is_refused_and_it_can_be_aborted() {
    let mut producer = Producer::fresh();
    let topic = new_topic(&mut producer.connection, 1);
    // Nothing is known of the producer here, nor of this epoch of it.
    for round in 0..2 {
        assert_error(producer.produce(12, &topic, 5, 1), Code::OutOfOrderSequenceNumber);
        assert_eq!(read(&topic, false).high_watermark, if round == 0 { 0 } else { 3 }, "nothing was written");
        producer.end_2(false);
        if round == 0 {
            assert_ok(producer.produce(12, &topic, 0, 1));
            producer.end_2(true);
            eventually(20_000, "the marker", || (read(&topic, true).last_stable_offset >= 3).then_some(()));
        }
    }
    assert_ok(producer.produce(12, &topic, 0, 2));
    assert_error(producer.produce(12, &topic, 3, 1), Code::OutOfOrderSequenceNumber);
    assert_ok(producer.produce(12, &topic, 2, 1));
    producer.end_2(true);
    eventually(20_000, "the marker", || {
        let read = read(&topic, true);
        (read.last_stable_offset == read.high_watermark).then_some(())
    });
}

/// As Java hashes a string, and Kafka places a group.
fn place(group: &str) -> u32 {
    let hash = group.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    hash.unsigned_abs() % 50
}

#[test]
fn txn_21_offsets_of_a_group_that_is_not_in_the_transaction_are_refused() {
    let mut producer = Producer::fresh();
    let topic = new_topic(&mut producer.connection, 1);
    let (mine, foreign) = (new_group(), (0..).map(|_| new_group()));
    let foreign = { foreign }.find(|group| place(group) != place(&mine)).unwrap();
    find(&mut producer.connection, 0, &mine);
    assert_ok(producer.add_offsets(3, &mine));
    assert_error(commit_offset(&mut producer, 3, &foreign, &topic, 7), Code::InvalidTxnState);
    assert_error(commit_offset(&mut producer, 4, &foreign, &topic, 7), Code::TransactionAbortable);
    assert_ok(commit_offset(&mut producer, 4, &mine, &topic, 8));
    assert_ok(producer.end(4, true).error_code);
    let now = eventually(20_000, "the marker", || offset(&mut producer.connection, &mine, &topic, true).ok());
    assert_eq!(now, 8);
    assert_eq!(offset(&mut producer.connection, &foreign, &topic, true), Ok(-1));
}

fn commit_as(producer: &mut Producer, version: i16, group: &str, topic: &Topic, member: &str, generation: i32) -> i16 {
    let partition = txn_offset_commit_request::TxnOffsetCommitRequestPartition::default()
        .with_committed_offset(5)
        .with_committed_metadata(Some(text("")));
    let topic = txn_offset_commit_request::TxnOffsetCommitRequestTopic::default()
        .with_name(topic.wire_name())
        .with_partitions(vec![partition]);
    let request = TxnOffsetCommitRequest::default()
        .with_transactional_id(producer.id.clone())
        .with_group_id(group_id(group))
        .with_producer_id(producer.pid.into())
        .with_producer_epoch(producer.epoch)
        .with_member_id(text(member))
        .with_generation_id(generation)
        .with_topics(vec![topic]);
    producer.connection.call(version, &request).topics[0].partitions[0].error_code
}

#[test]
fn txn_21_offsets_of_a_member_that_the_group_does_not_have_are_refused() {
    let mut producer = Producer::fresh();
    let topic = new_topic(&mut producer.connection, 1);
    let group = new_group();
    find(&mut producer.connection, 0, &group);
    let mut member = Connection::open();
    let joined = join(&mut member, 5, joining(&group, "", &["range"]));
    assert_ok(joined.error_code);
    let (own, generation) = (joined.member_id.to_string(), joined.generation_id);
    assert_ok(commit_as(&mut producer, 5, &group, &topic, &own, generation));
    for version in [3, 4, 5] {
        let nobody = commit_as(&mut producer, version, &group, &topic, "nobody", generation);
        assert_error(nobody, Code::UnknownMemberId);
        let late = commit_as(&mut producer, version, &group, &topic, &own, generation + 1);
        assert_error(late, Code::IllegalGeneration);
    }
    // A group that was never there has no generation.
    let none = new_group();
    find(&mut producer.connection, 0, &none);
    assert_error(commit_as(&mut producer, 5, &none, &topic, "", 3), Code::IllegalGeneration);
    producer.end_2(false);
    let now = eventually(20_000, "the marker", || offset(&mut producer.connection, &group, &topic, true).ok());
    assert_eq!(now, -1);
}

#[test]
fn txn_12_a_topic_that_is_deleted_inside_a_transaction_holds_up_neither_it_nor_the_next() {
    for commit in [true, false] {
        let mut producer = Producer::fresh();
        let (kept, gone) = (new_topic(&mut producer.connection, 1), new_topic(&mut producer.connection, 2));
        assert_ok(producer.produce(12, &kept, 0, 1));
        assert_ok(producer.produce(12, &gone, 0, 1));
        assert_ok(producer.produce_at(12, (&gone, 1), 0, 1));
        let name = DeleteTopicState::default().with_name(Some(gone.wire_name()));
        let request = DeleteTopicsRequest::default().with_topics(vec![name]).with_timeout_ms(15_000);
        assert_ok(producer.connection.call(6, &request).responses[0].error_code);
        producer.end_2(commit);
        assert_eq!(settled(&kept, 2), usize::from(!commit));
        assert_ok(producer.produce(12, &kept, 0, 1));
        producer.end_2(true);
        assert_eq!(settled(&kept, 4), usize::from(!commit));
    }
}

#[test]
fn txn_5_ids_that_nobody_has_and_ids_of_others_are_refused() {
    let (mut mine, other) = (Producer::fresh(), Producer::fresh());
    let topic = new_topic(&mut mine.connection, 1);
    let group = new_group();
    find(&mut mine.connection, 0, &group);
    let mapping = Code::InvalidProducerIdMapping;
    let (own_id, own_pid) = (mine.id.clone(), mine.pid);
    for (id, pid) in [(own_id.clone(), other.pid), (TransactionalId(text(fresh_name("nobody"))), own_pid)] {
        (mine.id, mine.pid) = (id, pid);
        assert_eq!(mine.add(3, &topic, vec![0]), [mapping.code()]);
        assert_error(mine.add_offsets(3, &group), mapping);
        for version in [4, 5] {
            assert_error(mine.end(version, true).error_code, mapping);
        }
        assert_error(mine.produce(12, &topic, 0, 1), mapping);
        assert_error(mine.produce(11, &topic, 0, 1), mapping);
        assert_error(commit_offset(&mut mine, 5, &group, &topic, 1), mapping);
    }
    (mine.id, mine.pid) = (own_id, own_pid);
    assert_ok(mine.produce(12, &topic, 0, 1));
    mine.end_2(true);
    assert_eq!(settled(&topic, 2), 0);
}

#[test]
fn val_5_a_batch_of_a_transaction_needs_a_transactional_id() {
    let mut producer = Producer::fresh();
    let topic = new_topic(&mut producer.connection, 1);
    let batch = Batch::from_producer((producer.pid, producer.epoch), 0, 1).attributes(TRANSACTIONAL);
    for version in [9, 12, 13] {
        let answer = producer.connection.call(version, &produce_request(version, &topic, 0, batch.encode()));
        let code = answer.responses[0].partition_responses[0].error_code;
        assert_error(code, Code::TransactionalIdAuthorizationFailed);
    }
    assert_eq!(read(&topic, false).high_watermark, 0);
}

#[test]
fn val_5_a_batch_of_a_transaction_has_a_producer() {
    if on_kafka() {
        return;
    }
    let mut producer = Producer::fresh();
    let topic = new_topic(&mut producer.connection, 1);
    let batch = Batch { producer: (-1, -1), base_sequence: -1, ..Batch::of(&["one"]) }.attributes(TRANSACTIONAL);
    for version in [9, 12, 13] {
        let request = produce_request(version, &topic, 0, batch.encode());
        let answer = producer.connection.call(version, &request.with_transactional_id(Some(producer.id.clone())));
        assert_error(answer.responses[0].partition_responses[0].error_code, Code::InvalidRecord);
    }
    assert_eq!(read(&topic, false).high_watermark, 0);
}
