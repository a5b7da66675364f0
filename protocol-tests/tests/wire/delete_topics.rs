//! DeleteTopics 1 to 6: by name, by id, errors per topic.
use kafka_protocol::messages::DeleteTopicsRequest;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use protocol_tests::time::eventually;
use protocol_tests::{
    Batch, Code, Connection, Topic, append, assert_error, assert_ok, end_offset, fresh_name, metadata, new_topic,
    produce_at, topic_name,
};
use uuid::Uuid;

fn by_name(name: &str) -> DeleteTopicState {
    DeleteTopicState::default().with_name(Some(topic_name(name)))
}

fn by_id(id: Uuid) -> DeleteTopicState {
    DeleteTopicState::default().with_name(None).with_topic_id(id)
}

fn delete_all(topics: Vec<DeleteTopicState>) -> Vec<DeletableTopicResult> {
    let request = DeleteTopicsRequest::default().with_topics(topics).with_timeout_ms(15_000);
    Connection::open().call(6, &request).responses
}

fn delete_name(version: i16, name: &str) -> DeletableTopicResult {
    if version >= 6 {
        return delete_all(vec![by_name(name)]).remove(0);
    }
    let request = DeleteTopicsRequest::default().with_topic_names(vec![topic_name(name)]).with_timeout_ms(15_000);
    let mut answer = Connection::open().call(version, &request);
    assert_eq!(answer.responses.len(), 1);
    assert_eq!(answer.throttle_time_ms, 0);
    answer.responses.remove(0)
}

#[track_caller]
fn gone(name: &str) {
    eventually(10_000, "the topic is gone from Metadata", || {
        let code = metadata(&mut Connection::open(), 12, Some(&[name])).topics[0].error_code;
        (code == Code::UnknownTopicOrPartition.code()).then_some(())
    });
}

#[test]
fn every_version_deletes_by_name() {
    let mut connection = Connection::open();
    for version in 1..=6 {
        let topic = new_topic(&mut connection, 2);
        let result = delete_name(version, &topic.name);
        assert_ok(result.error_code);
        assert_eq!(result.name, Some(topic.wire_name()));
        assert_eq!(result.topic_id, if version >= 6 { topic.id } else { Uuid::nil() });
        gone(&topic.name);
    }
}

#[test]
fn version_6_deletes_by_id() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let results = delete_all(vec![by_id(topic.id)]);
    assert_eq!(results.len(), 1);
    assert_ok(results[0].error_code);
    assert_eq!((results[0].topic_id, results[0].name.clone()), (topic.id, Some(topic.wire_name())));
    gone(&topic.name);
}

#[test]
fn unknown_names_and_ids() {
    for version in 1..=6 {
        let name = fresh_name("missing");
        let result = delete_name(version, &name);
        assert_error(result.error_code, Code::UnknownTopicOrPartition);
        assert_eq!(result.error_message.is_some(), version >= 5);
        assert_eq!(result.name, Some(topic_name(name)));
    }
    let id = Uuid::from_u128(0xbad << 64);
    let results = delete_all(vec![by_id(id)]);
    assert_error(results[0].error_code, Code::UnknownTopicId);
    assert_eq!((results[0].topic_id, &results[0].name), (id, &None));
}

#[test]
fn a_name_and_an_id_together_or_neither_is_invalid() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for wrong in [by_name(&topic.name).with_topic_id(topic.id), by_id(Uuid::nil())] {
        let results = delete_all(vec![wrong]);
        assert_eq!(results.len(), 1);
        assert_error(results[0].error_code, Code::InvalidRequest);
    }
    assert_eq!(end_offset(&mut connection, &topic), 0, "still there");
}

#[test]
fn the_same_topic_twice_is_invalid() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for twice in [
        vec![by_name(&topic.name), by_name(&topic.name)],
        vec![by_id(topic.id), by_id(topic.id)],
        vec![by_name(&topic.name), by_id(topic.id)],
    ] {
        let results = delete_all(twice);
        assert!(!results.is_empty());
        for result in results {
            assert_error(result.error_code, Code::InvalidRequest);
        }
    }
    assert_eq!(end_offset(&mut connection, &topic), 0, "still there");
}

#[test]
fn errors_are_per_topic() {
    let mut connection = Connection::open();
    let topics = [new_topic(&mut connection, 1), new_topic(&mut connection, 1)];
    let missing = fresh_name("missing");
    let results = delete_all(vec![by_name(&missing), by_name(&topics[0].name), by_id(topics[1].id)]);
    assert_eq!(results.len(), 3);
    for result in results {
        if result.name == Some(topic_name(missing.clone())) {
            assert_error(result.error_code, Code::UnknownTopicOrPartition);
        } else {
            assert_ok(result.error_code);
        }
    }
    topics.iter().for_each(|topic| gone(&topic.name));
}

#[test]
fn log_27_a_new_topic_of_the_same_name_has_a_new_id_and_no_records() {
    let mut connection = Connection::open();
    let old = new_topic(&mut connection, 1);
    append(&mut connection, &old, &Batch::of(&["old"]));
    assert_ok(delete_name(6, &old.name).error_code);
    gone(&old.name);
    let request = kafka_protocol::messages::CreateTopicsRequest::default()
        .with_topics(vec![
            kafka_protocol::messages::create_topics_request::CreatableTopic::default()
                .with_name(old.wire_name())
                .with_num_partitions(1)
                .with_replication_factor(1),
        ])
        .with_timeout_ms(15_000);
    let made = connection.call(7, &request).topics.remove(0);
    assert_ok(made.error_code);
    let new = Topic { name: old.name.clone(), id: made.topic_id };
    assert_ne!(new.id, old.id);
    protocol_tests::await_topic(&mut connection, &new, 1);
    assert_eq!(end_offset(&mut connection, &new), 0);
    let answer = produce_at(&mut connection, 13, &old, 0, Batch::of(&["late"]).encode());
    assert_error(answer.error_code, Code::UnknownTopicId);
    assert_eq!(append(&mut connection, &new, &Batch::of(&["new"])), 0);
}

#[test]
fn producing_to_a_deleted_topic() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    assert_ok(delete_name(6, &topic.name).error_code);
    gone(&topic.name);
    let by_name = produce_at(&mut connection, 12, &topic, 0, Batch::of(&["x"]).encode());
    assert_error(by_name.error_code, Code::UnknownTopicOrPartition);
    let by_id = produce_at(&mut connection, 13, &topic, 0, Batch::of(&["x"]).encode());
    assert_error(by_id.error_code, Code::UnknownTopicId);
}

#[test]
fn without_time_nothing_is_deleted() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for version in 1..=6 {
        for timeout_ms in [0, -1] {
            let request = match version {
                6 => DeleteTopicsRequest::default().with_topics(vec![by_name(&topic.name)]),
                _ => DeleteTopicsRequest::default().with_topic_names(vec![topic.wire_name()]),
            };
            let answer = connection.call(version, &request.with_timeout_ms(timeout_ms));
            assert_error(answer.responses[0].error_code, Code::RequestTimedOut);
        }
    }
    assert_eq!(end_offset(&mut connection, &topic), 0, "it is there");
}
