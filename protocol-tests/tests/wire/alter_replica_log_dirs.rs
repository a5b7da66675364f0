//! AlterReplicaLogDirs 1 and 2: what is asked of directories that there are, and that there are not (KIP-113).
use kafka_protocol::messages::alter_replica_log_dirs_request::{AlterReplicaLogDir, AlterReplicaLogDirTopic};
use kafka_protocol::messages::{AlterReplicaLogDirsRequest, DescribeLogDirsRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use protocol_tests::{Batch, Connection, append, fresh_name, new_topic, topic_name};

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const INVALID_TOPIC: i16 = 17;
const LOG_DIR_NOT_FOUND: i16 = 57;

fn alter(version: i16, path: &str, topic: TopicName, partitions: Vec<i32>) -> Vec<(i32, i16)> {
    let asked = AlterReplicaLogDirTopic::default().with_name(topic.clone()).with_partitions(partitions);
    let path = StrBytes::from_string(path.to_owned());
    let dir = AlterReplicaLogDir::default().with_path(path).with_topics(vec![asked]);
    let answer = Connection::open().call(version, &AlterReplicaLogDirsRequest::default().with_dirs(vec![dir]));
    assert_eq!(answer.throttle_time_ms, 0);
    assert_eq!(answer.results.iter().map(|one| &one.topic_name).collect::<Vec<_>>(), [&topic]);
    let results = answer.results[0].partitions.iter().map(|one| (one.partition_index, one.error_code));
    let mut results: Vec<_> = results.collect();
    results.sort_unstable();
    results
}

#[test]
fn a_partition_stays_where_it_is_asked_to_be() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 2);
    append(&mut connection, &topic, &Batch::of(&["here"]));
    let described = connection.call(4, &DescribeLogDirsRequest::default().with_topics(None));
    let has_it = |one: &&kafka_protocol::messages::describe_log_dirs_response::DescribeLogDirsResult| {
        one.topics.iter().any(|found| {
            found.name == topic.wire_name() && found.partitions.iter().any(|partition| partition.partition_index == 0)
        })
    };
    let here = described.results.iter().find(has_it).expect("a directory with it").log_dir.to_string();
    for version in 1..=2 {
        assert_eq!(alter(version, &here, topic.wire_name(), vec![0]), [(0, 0)], "version {version}");
    }
    let described = connection.call(4, &DescribeLogDirsRequest::default().with_topics(None));
    let here = described.results.iter().filter(has_it);
    assert!(here.flat_map(|one| &one.topics).flat_map(|topic| &topic.partitions).all(|one| !one.is_future_key));
}

#[test]
fn what_is_not_there_is_refused_by_its_own_code() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    append(&mut connection, &topic, &Batch::of(&["here"]));
    let described = connection.call(4, &DescribeLogDirsRequest::default().with_topics(Some(vec![])));
    let here = described.results[0].log_dir.to_string();
    for version in 1..=2 {
        let (name, missing) = (topic.wire_name(), topic_name(fresh_name("missing")));
        assert_eq!(alter(version, "/no/such/directory", name.clone(), vec![0]), [(0, LOG_DIR_NOT_FOUND)]);
        assert_eq!(alter(version, &here, name, vec![7]), [(7, UNKNOWN_TOPIC_OR_PARTITION)]);
        assert_eq!(alter(version, &here, missing, vec![0]), [(0, UNKNOWN_TOPIC_OR_PARTITION)]);
        // No name is left for its second copy.
        let long = topic_name("x".repeat(240));
        assert_eq!(alter(version, &here, long, vec![0]), [(0, INVALID_TOPIC)]);
    }
    // Nothing is asked, nothing is answered.
    assert!(connection.call(2, &AlterReplicaLogDirsRequest::default()).results.is_empty());
}
