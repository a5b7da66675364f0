//! CreateTopics 2 to 7: names, counts, assignments, settings, validate-only.
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::{BrokerId, CreateTopicsRequest};
use protocol_tests::time::eventually;
use protocol_tests::{
    Code, Connection, assert_error, assert_ok, code_name, fresh_name, metadata, node_id, text, topic_name,
};
use std::collections::BTreeSet;
use uuid::Uuid;

fn wanted(name: &str, partitions: i32, replicas: i16) -> CreatableTopic {
    let topic = CreatableTopic::default().with_name(topic_name(name));
    topic.with_num_partitions(partitions).with_replication_factor(replicas)
}

fn setting(name: &str, value: &str) -> CreatableTopicConfig {
    CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value)))
}

fn create_all(version: i16, topics: Vec<CreatableTopic>) -> Vec<CreatableTopicResult> {
    let request = CreateTopicsRequest::default().with_topics(topics).with_timeout_ms(15_000);
    let answer = Connection::open().call(version, &request);
    assert_eq!(answer.throttle_time_ms, 0);
    answer.topics
}

fn create(version: i16, topic: CreatableTopic) -> CreatableTopicResult {
    let mut results = create_all(version, vec![topic]);
    assert_eq!(results.len(), 1);
    results.remove(0)
}

/// The error of the topic in Metadata, without creating it.
fn error_in_metadata(name: &str) -> i16 {
    metadata(&mut Connection::open(), 12, Some(&[name])).topics[0].error_code
}

#[track_caller]
fn refused(topic: CreatableTopic, code: Code) {
    for version in [2, 4, 5, 7] {
        let result = create(version, topic.clone());
        assert_error(result.error_code, code);
        assert!(result.error_message.is_some(), "version {version}: an error says what is wrong");
        assert!(result.topic_id.is_nil());
    }
}

#[test]
fn every_version_creates() {
    for version in 2..=7 {
        let name = fresh_name("made");
        let result = create(version, wanted(&name, 3, 1));
        assert_ok(result.error_code);
        assert_eq!(result.name.as_str(), name);
        assert_eq!(result.error_message, None);
        assert_eq!(result.topic_id != Uuid::nil(), version >= 7);
        if version >= 5 {
            assert_eq!((result.num_partitions, result.replication_factor), (3, 1));
            assert_eq!(result.topic_config_error_code, 0);
        }
        let id = eventually(10_000, "the topic is in Metadata", || {
            let found = metadata(&mut Connection::open(), 12, Some(&[&name])).topics.remove(0);
            (found.error_code == 0 && found.partitions.len() == 3).then_some(found.topic_id)
        });
        assert!(version < 7 || id == result.topic_id);
    }
}

#[test]
fn versions_from_5_return_every_setting() {
    for version in 5..=7 {
        let topic = wanted(&fresh_name("made"), 1, 1).with_configs(vec![setting("retention.ms", "86400000")]);
        let result = create(version, topic);
        assert_ok(result.error_code);
        let settings = result.configs.expect("settings");
        let names: BTreeSet<&str> = settings.iter().map(|found| found.name.as_str()).collect();
        for name in ["cleanup.policy", "retention.ms", "segment.bytes", "max.message.bytes", "min.insync.replicas"] {
            assert!(names.contains(name), "{name}");
        }
        assert_eq!(names.len(), settings.len(), "each once");
        let retention = settings.iter().find(|found| found.name.as_str() == "retention.ms").expect("retention.ms");
        assert_eq!(retention.value.as_ref().map(|value| value.as_str()), Some("86400000"));
        assert_eq!((retention.config_source, retention.read_only, retention.is_sensitive), (1, false, false));
        let policy = settings.iter().find(|found| found.name.as_str() == "cleanup.policy").expect("cleanup.policy");
        assert_eq!(policy.value.as_ref().map(|value| value.as_str()), Some("delete"));
        assert_eq!(policy.config_source, 5, "a default");
    }
}

#[test]
fn an_existing_topic_is_refused() {
    let name = fresh_name("twice");
    assert_ok(create(7, wanted(&name, 1, 1)).error_code);
    refused(wanted(&name, 1, 1), Code::TopicAlreadyExists);
}

#[test]
fn names_that_differ_by_dot_and_underscore_collide() {
    let name = fresh_name("a.b");
    assert_ok(create(7, wanted(&name, 1, 1)).error_code);
    refused(wanted(&name.replace('.', "_"), 1, 1), Code::InvalidTopicException);
}

#[test]
fn invalid_names() {
    for name in ["", ".", "..", "a b", "a/b", "a,b", "é", "a\u{0}", &"x".repeat(250)] {
        refused(wanted(name, 1, 1), Code::InvalidTopicException);
    }
    let longest = format!("{:x<249}", fresh_name("long"));
    assert_ok(create(7, wanted(&longest, 1, 1)).error_code);
    let odd = fresh_name("._-Az09");
    assert_ok(create(7, wanted(&odd, 1, 1)).error_code);
}

#[test]
fn counts_out_of_range() {
    for partitions in [0, -2, i32::MIN] {
        refused(wanted(&fresh_name("count"), partitions, 1), Code::InvalidPartitions);
    }
    for replicas in [0, -2, 2, 100, i16::MAX, i16::MIN] {
        refused(wanted(&fresh_name("count"), 1, replicas), Code::InvalidReplicationFactor);
    }
}

#[test]
fn minus_one_is_the_broker_s_default_from_version_4() {
    for version in 4..=7 {
        let name = fresh_name("defaults");
        let result = create(version, wanted(&name, -1, -1));
        assert_ok(result.error_code);
        if version >= 5 {
            assert_eq!((result.num_partitions, result.replication_factor), (1, 1));
        }
    }
}

#[test]
fn manual_assignments() {
    let node = node_id(&mut Connection::open());
    let assigned = |partitions: &[i32], brokers: &[BrokerId]| -> Vec<CreatableReplicaAssignment> {
        let one = |&partition: &i32| {
            CreatableReplicaAssignment::default().with_partition_index(partition).with_broker_ids(brokers.to_vec())
        };
        partitions.iter().map(one).collect()
    };
    for version in [2, 7] {
        let name = fresh_name("assigned");
        let topic = wanted(&name, -1, -1).with_assignments(assigned(&[0, 1, 2], &[node]));
        assert_ok(create(version, topic).error_code);
        eventually(10_000, "three partitions", || {
            let found = metadata(&mut Connection::open(), 12, Some(&[&name])).topics.remove(0);
            (found.partitions.len() == 3).then_some(())
        });
    }
    let name = fresh_name("assigned");
    let with = |assignments| wanted(&name, -1, -1).with_assignments(assignments);
    refused(with(assigned(&[0, 2], &[node])), Code::InvalidReplicaAssignment);
    refused(with(assigned(&[1], &[node])), Code::InvalidReplicaAssignment);
    refused(with(assigned(&[0, 0], &[node])), Code::InvalidReplicaAssignment);
    refused(with(assigned(&[0], &[BrokerId(node.0 + 1_000)])), Code::InvalidReplicaAssignment);
    refused(with(assigned(&[0], &[node, node])), Code::InvalidReplicaAssignment);
    refused(with(assigned(&[0], &[])), Code::InvalidReplicaAssignment);
    let counted = |partitions, replicas| wanted(&name, partitions, replicas).with_assignments(assigned(&[0], &[node]));
    refused(counted(1, -1), Code::InvalidRequest);
    refused(counted(-1, 1), Code::InvalidRequest);
}

#[test]
fn settings_that_make_no_sense() {
    for (name, value) in [
        ("no.such.setting", "1"),
        ("retention.ms", "soon"),
        ("retention.ms", "-2"),
        ("segment.bytes", "0"),
        ("cleanup.policy", "shred"),
        ("compression.type", "rar"),
        ("min.insync.replicas", "0"),
        ("max.message.bytes", "-1"),
        ("message.timestamp.type", "Yesterday"),
        ("", "x"),
    ] {
        let topic = wanted(&fresh_name("settings"), 1, 1).with_configs(vec![setting(name, value)]);
        for version in [2, 7] {
            let result = create(version, topic.clone());
            assert!(
                result.error_code == Code::InvalidConfig.code(),
                "{name}={value}: {}",
                code_name(result.error_code)
            );
            assert!(result.error_message.is_some());
        }
    }
}

#[test]
fn pitfall_34_settings_of_kafka_that_mean_little_here_are_accepted() {
    let settings = [
        ("follower.replication.throttled.replicas", "*"),
        ("leader.replication.throttled.replicas", "0:1"),
        ("unclean.leader.election.enable", "false"),
        ("preallocate", "false"),
        ("flush.messages", "9223372036854775807"),
        ("flush.ms", "1000"),
        ("file.delete.delay.ms", "60000"),
        ("index.interval.bytes", "4096"),
        ("segment.index.bytes", "10485760"),
        ("segment.jitter.ms", "0"),
        ("segment.ms", "604800000"),
        ("retention.bytes", "-1"),
        ("remote.storage.enable", "false"),
        ("local.retention.ms", "-2"),
        ("local.retention.bytes", "-2"),
        ("delete.retention.ms", "86400000"),
        ("min.cleanable.dirty.ratio", "0.5"),
        ("min.compaction.lag.ms", "0"),
        ("max.compaction.lag.ms", "9223372036854775807"),
        ("message.timestamp.before.max.ms", "9223372036854775807"),
        ("compression.gzip.level", "-1"),
        ("compression.lz4.level", "9"),
        ("compression.zstd.level", "3"),
    ];
    let configs = settings.iter().map(|(name, value)| setting(name, value)).collect();
    let result = create(7, wanted(&fresh_name("settings"), 1, 1).with_configs(configs));
    assert_eq!(result.error_code, 0, "{:?}", result.error_message);
}

#[test]
fn validate_only_creates_nothing() {
    for version in 2..=7 {
        let name = fresh_name("dry");
        let request = CreateTopicsRequest::default()
            .with_topics(vec![wanted(&name, 4, 1)])
            .with_timeout_ms(15_000)
            .with_validate_only(true);
        let result = Connection::open().call(version, &request).topics.remove(0);
        assert_ok(result.error_code);
        if version >= 5 {
            assert_eq!((result.num_partitions, result.replication_factor), (4, 1));
        }
        assert_error(error_in_metadata(&name), Code::UnknownTopicOrPartition);
        let bad = request.clone().with_topics(vec![wanted(&name, 0, 1)]);
        assert_error(Connection::open().call(version, &bad).topics[0].error_code, Code::InvalidPartitions);
    }
}

#[test]
fn errors_are_per_topic() {
    let good = fresh_name("good");
    let results = create_all(7, vec![wanted("a b", 1, 1), wanted(&good, 1, 1), wanted(&fresh_name("bad"), 0, 1)]);
    assert_eq!(results.len(), 3);
    for result in results {
        match result.name.as_str() {
            "a b" => assert_error(result.error_code, Code::InvalidTopicException),
            name if name == good => assert_ok(result.error_code),
            _ => assert_error(result.error_code, Code::InvalidPartitions),
        }
    }
}

#[test]
fn a_name_given_twice_is_refused_and_not_created() {
    let name = fresh_name("double");
    let other = fresh_name("other");
    let results = create_all(7, vec![wanted(&name, 1, 1), wanted(&name, 2, 1), wanted(&other, 1, 1)]);
    for result in &results {
        if result.name.as_str() == name {
            assert_error(result.error_code, Code::InvalidRequest);
        } else {
            assert_ok(result.error_code);
        }
    }
    assert_error(error_in_metadata(&name), Code::UnknownTopicOrPartition);
}

#[test]
fn no_topics_is_an_empty_answer() {
    for version in 2..=7 {
        assert!(create_all(version, Vec::new()).is_empty());
    }
}

#[test]
fn the_metadata_topic_cannot_be_created() {
    let result = create(7, wanted("__cluster_metadata", 1, 1));
    assert!(result.error_code != 0);
}

#[test]
fn a_hundred_topics_at_once() {
    let names: Vec<String> = (0..100).map(|_| fresh_name("many")).collect();
    let results = create_all(7, names.iter().map(|name| wanted(name, 2, 1)).collect());
    assert_eq!(results.len(), 100);
    let ids: BTreeSet<Uuid> = results.iter().map(|result| result.topic_id).collect();
    assert_eq!(ids.len(), 100, "an id each");
    results.iter().for_each(|result| assert_ok(result.error_code));
}

#[test]
fn more_partitions_than_anyone_needs_are_refused() {
    for partitions in [10_001, 1_000_000, i32::MAX] {
        let name = fresh_name("huge");
        let result = create(7, wanted(&name, partitions, 1));
        assert_error(result.error_code, Code::PolicyViolation);
        assert_error(error_in_metadata(&name), Code::UnknownTopicOrPartition);
    }
}

#[test]
fn what_is_refused_whatever_it_asks_for_keeps_no_other_topic_out() {
    let (double, other) = (fresh_name("double"), fresh_name("other"));
    let many = [&double, &double, "__cluster_metadata"].map(|name| wanted(name, 10_001, 1));
    let mut results = create_all(7, [&many[..], &[wanted(&other, 1, 1)]].concat());
    results.sort_by_key(|result| result.error_code);
    assert_eq!(results.len(), 3, "one answer for each name");
    assert_eq!((results[0].name.as_str(), results[0].error_code), (other.as_str(), 0));
    results[1..].iter().for_each(|result| assert_error(result.error_code, Code::InvalidRequest));
    assert_error(error_in_metadata(&double), Code::UnknownTopicOrPartition);
    let too_many = [wanted(&double, 1, 1), wanted(&double, 1, 1), wanted(&fresh_name("huge"), 10_001, 1)];
    for result in create_all(7, too_many.to_vec()) {
        assert_error(result.error_code, Code::PolicyViolation);
    }
}

#[test]
fn names_that_collide_in_one_request_are_both_made() {
    let name = fresh_name("q.a");
    let results = create_all(7, vec![wanted(&name, 1, 1), wanted(&name.replace('.', "_"), 1, 1)]);
    assert_eq!(results.len(), 2);
    results.iter().for_each(|result| assert_ok(result.error_code));
}

#[test]
fn without_time_nothing_is_made() {
    for version in 2..=7 {
        for timeout_ms in [0, -1, i32::MIN] {
            let name = fresh_name("late");
            let request = CreateTopicsRequest::default().with_topics(vec![wanted(&name, 1, 1), wanted("a b", 1, 1)]);
            let answer = Connection::open().call(version, &request.with_timeout_ms(timeout_ms));
            assert_eq!(answer.topics.len(), 2);
            answer.topics.iter().for_each(|topic| assert_error(topic.error_code, Code::RequestTimedOut));
            assert_error(error_in_metadata(&name), Code::UnknownTopicOrPartition);
        }
    }
}
