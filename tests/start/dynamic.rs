//! Settings that are changed while the broker runs, and are in force at once.
use crate::{
    asker::{Asker, name, produce_data, text},
    child::{Child, answer, api_versions, ask, connect, fetch, free_port, make_topic},
};
use bytes::Bytes;
use kafka_protocol::{
    messages::{
        fetch_request::{FetchPartition, FetchTopic},
        incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig},
        *,
    },
    records::{Record, TimestampType},
};

/// Sets one setting of a topic (2) or of all brokers (4, no name); the code of the answer.
fn set(asker: &mut Asker, kind: i8, resource: &str, key: &str, value: Option<&str>) -> i16 {
    let config = AlterableConfig::default()
        .with_name(text(key))
        .with_config_operation(i8::from(value.is_none()))
        .with_value(value.map(text));
    let resource = AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(resource))
        .with_configs(vec![config]);
    let answer = asker.ask(1, &IncrementalAlterConfigsRequest::default().with_resources(vec![resource])).unwrap();
    answer.responses[0].error_code
}

/// Writes one record of `bytes` bytes with `timestamp`; code and append time of the answer.
pub fn write(asker: &mut Asker, topic: &str, bytes: usize, timestamp: i64) -> (i16, i64) {
    let record = Record {
        transactional: false,
        control: false,
        partition_leader_epoch: -1,
        producer_id: -1,
        producer_epoch: -1,
        timestamp_type: TimestampType::Creation,
        offset: 0,
        sequence: -1,
        timestamp,
        key: None,
        value: Some(Bytes::from(vec![b'v'; bytes])),
        headers: Default::default(),
        delete_horizon: false,
    };
    let topic = produce_data(topic, &record);
    let request = ProduceRequest::default().with_acks(-1).with_timeout_ms(5_000).with_topic_data(vec![topic]);
    let answer = asker.ask(9, &request).unwrap();
    let answer = &answer.responses[0].partition_responses[0];
    (answer.error_code, answer.log_append_time_ms)
}

#[test]
fn defaults_of_all_brokers_hold_for_topics_until_they_say_otherwise() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let child = Child::serve(directory.path(), port, &[]);
    make_topic(port, "t");
    let mut asker = Asker::new(port);
    assert_eq!(write(&mut asker, "t", 1_000, 5).0, 0);
    assert_eq!(set(&mut asker, 4, "", "message.max.bytes", Some("500")), 0);
    assert_eq!(write(&mut asker, "t", 1_000, 5).0, 10, "MESSAGE_TOO_LARGE");
    make_topic(port, "later");
    assert_eq!(write(&mut asker, "later", 1_000, 5).0, 10, "also for topics that come later");
    assert_eq!(set(&mut asker, 2, "t", "max.message.bytes", Some("5000")), 0);
    assert_eq!(write(&mut asker, "t", 1_000, 5).0, 0, "the topic's own setting counts");
    assert_eq!(set(&mut asker, 4, "", "message.max.bytes", None), 0);
    assert_eq!(write(&mut asker, "later", 1_000, 5).0, 0);
    assert_eq!(write(&mut asker, "t", 1, 5).1, -1);
    assert_eq!(set(&mut asker, 4, "", "log.message.timestamp.type", Some("LogAppendTime")), 0);
    assert!(write(&mut asker, "t", 1, 5).1 > 5, "the broker's clock is in the answer");
    assert_eq!(set(&mut asker, 2, "t", "min.insync.replicas", Some("9")), 0);
    // Bounded by the replicas there are: one.
    assert_eq!(write(&mut asker, "t", 1, 5).0, 0);
    child.stop();
    // What was changed is there after the next start.
    let child = Child::serve(directory.path(), port, &[]);
    assert!(write(&mut Asker::new(port), "t", 1, 5).1 > 5);
    child.stop();
}

#[test]
fn net_6_limits_of_connections_change_at_run_time() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let child = Child::serve(directory.path(), port, &[]);
    let mut asker = Asker::new(port);
    assert_eq!(set(&mut asker, 4, "", "max.connections", Some("2")), 0);
    let mut second = connect(port);
    ask(&mut second, &api_versions(1)).unwrap();
    assert!(ask(&mut connect(port), &api_versions(1)).is_err());
    assert_eq!(set(&mut asker, 4, "", "max.connections", None), 0);
    ask(&mut connect(port), &api_versions(1)).unwrap();
    child.stop();
}

/// Opens a session over so many partitions; its id. `replica` is the broker that asks, -1 for a consumer.
fn open_session(asker: &mut Asker, partitions: i32, replica: i32) -> i32 {
    let partitions = (0..partitions).map(|index| FetchPartition::default().with_partition(index));
    let topic = FetchTopic::default().with_topic(name("t")).with_partitions(partitions.collect());
    let request = FetchRequest::default().with_session_epoch(0).with_max_bytes(1_000).with_topics(vec![topic]);
    asker.ask(12, &request.with_replica_id(replica.into())).unwrap().session_id
}

#[test]
fn fet_12_a_full_cache_keeps_young_sessions_except_before_copies() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let slots = "max.incremental.fetch.session.cache.slots=2";
    let child = Child::serve(directory.path(), port, &[slots, "num.partitions=5"]);
    make_topic(port, "t");
    let mut asker = Asker::new(port);
    let (first, second) = (open_session(&mut asker, 3, -1), open_session(&mut asker, 2, -1));
    assert!(first > 0 && second > 0 && first != second);
    assert_eq!(open_session(&mut asker, 2, -1), 0, "no room: the client goes on without a session");
    assert_eq!(open_session(&mut asker, 5, -1), 0, "also a larger one");
    let of_copy = open_session(&mut asker, 1, 2);
    assert!(of_copy > 0);
    let next = |session| FetchRequest::default().with_session_id(session).with_session_epoch(1);
    assert_eq!(asker.ask(12, &next(second)).unwrap().error_code, 70, "FETCH_SESSION_ID_NOT_FOUND");
    assert_eq!(asker.ask(12, &next(first)).unwrap().error_code, 0);
    assert_eq!(asker.ask(12, &next(of_copy)).unwrap().error_code, 0);
    child.stop();
}

#[test]
fn fet_10_a_topic_made_anew_under_its_name_is_read_by_those_who_waited_for_the_old_one() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let child = Child::serve(directory.path(), port, &[]);
    make_topic(port, "t");
    let mut asker = Asker::new(port);
    for round in 0..10 {
        let mut waiting = connect(port);
        std::io::Write::write_all(&mut waiting, &fetch(round, "t", 10_000)).unwrap();
        // Half of them are deleted under a reader that surely waits, half as it comes.
        if round % 2 == 0 {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let begun = std::time::Instant::now();
        let delete = DeleteTopicsRequest::default().with_topic_names(vec![name("t")]).with_timeout_ms(5_000);
        assert_eq!(asker.ask(5, &delete).unwrap().responses[0].error_code, 0);
        make_topic(port, "t");
        // It is told that the topic went away, or it waits for the new one.
        assert_eq!(write(&mut asker, "t", 100, 5).0, 0);
        let (correlation, body) = answer(&mut waiting).unwrap();
        assert_eq!(correlation, round);
        assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
        // Throttle, one topic `t`, one partition: index, then the code.
        let code = i16::from_be_bytes([body[19], body[20]]);
        assert!(code == 0 || code == 3, "{code}");
        assert_eq!(code == 0, body.windows(10).any(|bytes| bytes == b"vvvvvvvvvv"));
        let again = ask(&mut connect(port), &fetch(99, "t", 0)).unwrap().1;
        assert!(again.windows(10).any(|bytes| bytes == b"vvvvvvvvvv"), "the new topic has its record");
    }
    child.stop();
}
