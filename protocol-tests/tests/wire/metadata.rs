//! Metadata 0 to 13: brokers, topics by name and id, automatic creation, authorized operations.
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{MetadataResponse, MetadataResponseTopic};
use kafka_protocol::messages::{DeleteTopicsRequest, DescribeClusterRequest, DescribeConfigsRequest, MetadataRequest};
use protocol_tests::child::{Child, free_port};
use protocol_tests::time::eventually;
use protocol_tests::{
    Code, Connection, address, assert_error, assert_ok, encode_request, fresh_name, metadata, new_topic, on_kafka,
    text, topic_name,
};
use uuid::Uuid;

const ALL: std::ops::RangeInclusive<i16> = 0..=13;
const OPERATIONS_NOT_ASKED: i32 = i32::MIN;

fn by_name(name: &str) -> MetadataRequestTopic {
    MetadataRequestTopic::default().with_name(Some(topic_name(name)))
}

fn by_id(id: Uuid) -> MetadataRequestTopic {
    MetadataRequestTopic::default().with_name(None).with_topic_id(id)
}

fn ask(version: i16, topics: Vec<MetadataRequestTopic>) -> MetadataResponse {
    let request = MetadataRequest::default().with_topics(Some(topics)).with_allow_auto_topic_creation(version < 4);
    Connection::open().call(version, &request)
}

fn name_of(topic: &MetadataResponseTopic) -> Option<&str> {
    topic.name.as_ref().map(|name| name.as_str())
}

#[test]
fn every_version_describes_a_topic() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 3);
    for version in ALL {
        let answer = metadata(&mut connection, version, Some(&[&topic.name]));
        assert_eq!(answer.topics.len(), 1, "version {version}");
        let found = &answer.topics[0];
        assert_ok(found.error_code);
        assert_eq!(name_of(found), Some(topic.name.as_str()));
        assert!(!found.is_internal);
        assert_eq!(found.topic_id, if version >= 10 { topic.id } else { Uuid::nil() });
        let mut indexes: Vec<i32> = found.partitions.iter().map(|partition| partition.partition_index).collect();
        indexes.sort_unstable();
        assert_eq!(indexes, [0, 1, 2]);
        for partition in &found.partitions {
            assert_ok(partition.error_code);
            assert_eq!(partition.leader_id, answer.brokers[0].node_id);
            assert_eq!(partition.replica_nodes, [partition.leader_id]);
            assert_eq!(partition.isr_nodes, [partition.leader_id]);
            assert!(partition.offline_replicas.is_empty());
            assert_eq!(partition.leader_epoch >= 0, version >= 7, "leader epoch in version {version}");
        }
    }
}

/// librdkafka 2.15 leaves three bytes behind a Metadata 13 that asks for all topics; they mean nothing.
#[test]
fn bytes_left_over_behind_a_request_are_ignored() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let request = MetadataRequest::default().with_topics(None).with_allow_auto_topic_creation(false);
    let mut frame = encode_request(13, &request, 7, "left-over").to_vec();
    frame.extend([1, 0, 0]);
    connection.send_frame(&frame);
    let answer: MetadataResponse = connection.receive::<MetadataRequest>(13, 7);
    assert!(answer.topics.iter().any(|found| name_of(found) == Some(topic.name.as_str())));
}

#[test]
fn every_version_names_the_broker_we_speak_to() {
    let mut connection = Connection::open();
    for version in ALL {
        let answer = metadata(&mut connection, version, Some(&[]));
        assert_eq!(answer.brokers.len(), 1, "version {version}");
        let broker = &answer.brokers[0];
        assert_eq!(broker.port, i32::from(address().port()));
        assert!(!broker.host.is_empty());
        assert!(broker.rack.is_none());
        if version >= 1 {
            assert_eq!(answer.controller_id, broker.node_id);
        }
        assert_eq!(answer.cluster_id.is_some(), version >= 2);
        assert_eq!(answer.throttle_time_ms, 0);
        assert_ok(answer.error_code);
    }
}

#[test]
fn cluster_id_is_that_of_describe_cluster() {
    let mut connection = Connection::open();
    let cluster = connection.call(1, &DescribeClusterRequest::default().with_endpoint_type(1));
    assert_ok(cluster.error_code);
    let answer = metadata(&mut connection, 13, Some(&[]));
    assert_eq!(answer.cluster_id, Some(cluster.cluster_id.clone()));
    assert_eq!(cluster.cluster_id.len(), 22, "sixteen bytes in base64");
}

#[test]
fn null_is_all_topics_from_version_1_and_empty_is_all_in_version_0() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let has_it = |answer: &MetadataResponse| answer.topics.iter().any(|found| name_of(found) == Some(&topic.name));
    assert!(has_it(&metadata(&mut connection, 0, Some(&[]))), "version 0");
    for version in 1..=13 {
        assert!(has_it(&metadata(&mut connection, version, None)), "version {version}");
    }
}

#[test]
fn empty_is_no_topic_from_version_1() {
    let mut connection = Connection::open();
    new_topic(&mut connection, 1);
    for version in 1..=13 {
        assert!(metadata(&mut connection, version, Some(&[])).topics.is_empty(), "version {version}");
    }
}

#[test]
fn pitfall_17_unknown_topic_without_the_flag_is_an_error_and_stays_unknown() {
    for version in 4..=13 {
        let name = fresh_name("unknown");
        for _ in 0..2 {
            let answer = ask(version, vec![by_name(&name)]);
            assert_eq!(answer.topics.len(), 1);
            assert_error(answer.topics[0].error_code, Code::UnknownTopicOrPartition);
            assert_eq!(name_of(&answer.topics[0]), Some(name.as_str()));
            assert!(answer.topics[0].partitions.is_empty());
        }
    }
}

#[test]
fn pitfall_17_unknown_topic_with_the_flag_is_created() {
    for version in [0, 1, 3, 4, 8, 13] {
        let name = fresh_name("auto");
        let request =
            MetadataRequest::default().with_topics(Some(vec![by_name(&name)])).with_allow_auto_topic_creation(true);
        let mut connection = Connection::open();
        eventually(15_000, "the topic is created", || {
            let answer = connection.call(version, &request);
            assert_eq!(answer.topics.len(), 1);
            let found = &answer.topics[0];
            let waiting = [Code::UnknownTopicOrPartition.code(), Code::LeaderNotAvailable.code()];
            assert!(found.error_code == 0 || waiting.contains(&found.error_code), "{}", found.error_code);
            (found.error_code == 0 && found.partitions.len() == 1).then_some(())
        });
    }
}

/// Who asks whether a topic is gone is told so, also when the question makes it again.
#[test]
fn pitfall_17_a_deleted_topic_is_unknown_in_the_first_answer() {
    let mut connection = Connection::open();
    for version in [1, 4, 13] {
        let topic = new_topic(&mut connection, 1);
        let request = DeleteTopicsRequest::default().with_topic_names(vec![topic.wire_name()]).with_timeout_ms(15_000);
        assert_ok(connection.call(5, &request).responses[0].error_code);
        let request = MetadataRequest::default()
            .with_topics(Some(vec![by_name(&topic.name)]))
            .with_allow_auto_topic_creation(true);
        eventually(15_000, "the topic is gone", || {
            let found = connection.call(version, &request).topics.remove(0);
            (found.error_code == Code::UnknownTopicOrPartition.code()).then_some(())
        });
        eventually(15_000, "the topic is there again", || {
            let found = connection.call(version, &request).topics.remove(0);
            (found.error_code == 0 && (version < 10 || found.topic_id != topic.id)).then_some(())
        });
    }
}

#[test]
fn what_is_not_there_has_operations_and_may_be_internal() {
    let name = fresh_name("nobody");
    let request = MetadataRequest::default()
        .with_topics(Some(vec![by_name(&name), by_name("__share_group_state")]))
        .with_allow_auto_topic_creation(false)
        .with_include_topic_authorized_operations(true);
    let answer = Connection::open().call(12, &request);
    let told = [&*name, "__share_group_state"]
        .map(|asked| answer.topics.iter().find(|topic| name_of(topic) == Some(asked)).expect("a topic"))
        .map(|topic| (topic.error_code, topic.is_internal, topic.topic_authorized_operations));
    let code = Code::UnknownTopicOrPartition.code();
    assert_eq!(told, [(code, false, 0xdf8), (code, true, 0xdf8)]);
}

#[test]
fn invalid_names_are_invalid_topics_and_never_created() {
    let long = "x".repeat(250);
    for name in ["a b", "a/b", "é", ".", "..", "a\u{0}b", "a:b", long.as_str()] {
        for version in [1, 4, 13] {
            let request =
                MetadataRequest::default().with_topics(Some(vec![by_name(name)])).with_allow_auto_topic_creation(true);
            let answer = Connection::open().call(version, &request);
            assert_eq!(answer.topics.len(), 1);
            assert_error(answer.topics[0].error_code, Code::InvalidTopicException);
        }
    }
}

#[test]
fn errors_are_per_topic() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let missing = fresh_name("missing");
    let answer = ask(12, vec![by_name(&missing), by_name(&topic.name)]);
    assert_eq!(answer.topics.len(), 2);
    for found in &answer.topics {
        if name_of(found) == Some(&missing) {
            assert_error(found.error_code, Code::UnknownTopicOrPartition);
        } else {
            assert_ok(found.error_code);
            assert_eq!(found.partitions.len(), 1);
        }
    }
}

#[test]
fn a_topic_asked_twice_is_described_once() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for version in [1, 9, 13] {
        let answer = ask(version, vec![by_name(&topic.name), by_name(&topic.name)]);
        assert_eq!(answer.topics.len(), 1, "version {version}");
    }
}

#[test]
fn by_id_from_version_12() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 2);
    for version in [12, 13] {
        let answer = ask(version, vec![by_id(topic.id)]);
        assert_eq!(answer.topics.len(), 1);
        assert_ok(answer.topics[0].error_code);
        assert_eq!(name_of(&answer.topics[0]), Some(topic.name.as_str()));
        assert_eq!(answer.topics[0].topic_id, topic.id);
        assert_eq!(answer.topics[0].partitions.len(), 2);
    }
}

#[test]
fn unknown_id_is_unknown_topic_id() {
    for version in [12, 13] {
        let id = Uuid::from_u128(0x1234_5678_9abc_def0_1234_5678_9abc_def0);
        let answer = ask(version, vec![by_id(id)]);
        assert_eq!(answer.topics.len(), 1);
        assert_error(answer.topics[0].error_code, Code::UnknownTopicId);
        assert_eq!(answer.topics[0].topic_id, id);
        assert_eq!(name_of(&answer.topics[0]), None);
    }
}

#[test]
fn pitfall_17_null_name_or_id_in_versions_10_and_11_is_an_error() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for version in [10, 11] {
        let answer = ask(version, vec![by_id(topic.id)]);
        assert_eq!(answer.topics.len(), 1);
        assert_error(answer.topics[0].error_code, Code::InvalidRequest);
    }
}

#[test]
fn topic_operations_only_when_asked() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for version in 8..=13 {
        for asked in [false, true] {
            let request = MetadataRequest::default()
                .with_topics(Some(vec![by_name(&topic.name)]))
                .with_allow_auto_topic_creation(false)
                .with_include_topic_authorized_operations(asked);
            let answer = connection.call(version, &request);
            let operations = answer.topics[0].topic_authorized_operations;
            if asked {
                // read 3, write 4, create 5, delete 6, alter 7, describe 8, describe configs 10, alter configs 11
                assert_eq!(operations, 0b1101_1111_1000, "version {version}");
            } else {
                assert_eq!(operations, OPERATIONS_NOT_ASKED, "version {version}");
            }
        }
    }
}

#[test]
fn pitfall_16_cluster_operations_only_when_asked_in_versions_8_to_10() {
    let mut connection = Connection::open();
    for version in 8..=10 {
        for asked in [false, true] {
            let request = MetadataRequest::default()
                .with_topics(Some(Vec::new()))
                .with_include_cluster_authorized_operations(asked);
            let operations = connection.call(version, &request).cluster_authorized_operations;
            assert_eq!(operations != OPERATIONS_NOT_ASKED, asked, "version {version}");
            assert!(!asked || operations > 0);
        }
    }
}

#[test]
fn pitfall_12_leader_epoch_does_not_change_by_itself() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let epochs: Vec<(i32, i32)> = (0..5)
        .map(|_| {
            let answer = metadata(&mut Connection::open(), 13, Some(&[&topic.name]));
            let partition = &answer.topics[0].partitions[0];
            (partition.leader_id.0, partition.leader_epoch)
        })
        .collect();
    assert!(epochs.iter().all(|epoch| *epoch == epochs[0]), "{epochs:?}");
}

/// The topics of coordinators are made like that whoever asks first; this broker of the test's own was asked by nobody else.
#[test]
fn pitfall_17_the_coordinators_topics_are_made_as_they_need_them() {
    let directory = tempfile::tempdir().expect("a directory");
    let own = (!on_kafka()).then(|| Child::start(free_port(), directory.path(), &[]));
    let at = own.as_ref().map_or_else(address, Child::address);
    let mut connection = Connection::try_open_at(at).expect("a connection");
    for (name, version, compression) in [
        ("__consumer_offsets", 4, "producer"),
        ("__transaction_state", 3, "uncompressed"),
        ("__consumer_offsets", 0, "producer"),
    ] {
        eventually(20_000, "fifty partitions", || {
            let request = MetadataRequest::default().with_topics(Some(vec![by_name(name)]));
            let answer = connection.call(version, &request.with_allow_auto_topic_creation(true));
            let topic = &answer.topics[0];
            if topic.error_code != 0 {
                let later = [Code::UnknownTopicOrPartition.code(), Code::LeaderNotAvailable.code()];
                assert!(later.contains(&topic.error_code), "{}", topic.error_code);
                return None;
            }
            assert_eq!(topic.partitions.len(), 50, "{name}");
            Some(())
        });
        let wanted = DescribeConfigsResource::default().with_resource_type(2).with_resource_name(text(name));
        let request = DescribeConfigsRequest::default().with_resources(vec![wanted.with_configuration_keys(None)]);
        let answer = connection.call(4, &request);
        for (key, value) in
            [("cleanup.policy", "compact"), ("segment.bytes", "104857600"), ("compression.type", compression)]
        {
            let entry = answer.results[0].configs.iter().find(|entry| entry.name.as_str() == key).expect("a setting");
            assert_eq!(entry.value.as_ref().map(|value| value.as_str()), Some(value), "{name}: {key}");
        }
    }
}
