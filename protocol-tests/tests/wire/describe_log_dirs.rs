//! DescribeLogDirs 1 to 4: directories, sizes of partitions, room on the disk (KIP-113, KIP-827).
use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use kafka_protocol::messages::describe_log_dirs_response::{DescribeLogDirsPartition, DescribeLogDirsResult};
use kafka_protocol::messages::{DescribeLogDirsRequest, TopicName};
use protocol_tests::{Batch, Connection, Topic, append, assert_ok, fresh_name, new_topic, topic_name};

fn describe(version: i16, topics: Option<Vec<(TopicName, Vec<i32>)>>) -> Vec<DescribeLogDirsResult> {
    let topics = topics.map(|topics| {
        let asked = topics
            .into_iter()
            .map(|(topic, partitions)| DescribableLogDirTopic::default().with_topic(topic).with_partitions(partitions));
        asked.collect()
    });
    let answer = Connection::open().call(version, &DescribeLogDirsRequest::default().with_topics(topics));
    assert_ok(answer.error_code);
    assert_eq!(answer.throttle_time_ms, 0);
    assert!(!answer.results.is_empty());
    for result in &answer.results {
        assert_ok(result.error_code);
        assert!(result.log_dir.starts_with('/'), "{}", result.log_dir);
    }
    answer.results
}

fn of_topic(results: &[DescribeLogDirsResult], topic: &Topic) -> Vec<DescribeLogDirsPartition> {
    let topics = results.iter().flat_map(|result| &result.topics).filter(|found| found.name == topic.wire_name());
    let mut partitions: Vec<_> = topics.flat_map(|topic| topic.partitions.clone()).collect();
    partitions.sort_by_key(|partition| partition.partition_index);
    partitions
}

#[test]
fn every_version_tells_the_sizes_of_partitions() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 3);
    let batch = Batch::of(&["some bytes"]);
    append(&mut connection, &topic, &batch);
    let bytes = batch.encode().len() as i64;
    for version in 1..=4 {
        for asked in [None, Some(vec![(topic.wire_name(), vec![0, 1, 2])])] {
            let found = of_topic(&describe(version, asked), &topic);
            let sizes: Vec<_> = found.iter().map(|one| (one.partition_index, one.partition_size)).collect();
            assert_eq!(sizes, [(0, bytes), (1, 0), (2, 0)], "version {version}");
            assert!(found.iter().all(|one| one.offset_lag == 0 && !one.is_future_key));
        }
    }
}

#[test]
fn only_what_was_asked_for_is_told() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 2);
    let found = describe(4, Some(vec![(topic.wire_name(), vec![1, 9]), (topic_name(fresh_name("missing")), vec![0])]));
    assert_eq!(found.iter().flat_map(|result| &result.topics).count(), 1);
    let partitions: Vec<_> = of_topic(&found, &topic).iter().map(|one| one.partition_index).collect();
    assert_eq!(partitions, [1]);
    assert!(describe(4, Some(vec![])).iter().all(|result| result.topics.is_empty()));
}

#[test]
fn version_4_tells_the_room_on_the_disk() {
    for result in describe(4, Some(vec![])) {
        assert!(result.usable_bytes > 0 && result.total_bytes >= result.usable_bytes);
    }
    assert!(describe(3, Some(vec![])).iter().all(|result| (result.total_bytes, result.usable_bytes) == (-1, -1)));
}
