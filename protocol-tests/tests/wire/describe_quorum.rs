//! DescribeQuorum 0 to 2 (KIP-595, KIP-836, KIP-853).
use kafka_protocol::messages::describe_quorum_request::{PartitionData, TopicData};
use kafka_protocol::messages::{DescribeQuorumRequest, DescribeQuorumResponse};
use protocol_tests::{Code, Connection, assert_error, assert_ok, new_topic, node_id, time, topic_name};

fn describe(version: i16, topics: &[(&str, &[i32])]) -> DescribeQuorumResponse {
    let topics = topics.iter().map(|(name, partitions)| {
        let partitions = partitions.iter().map(|number| PartitionData::default().with_partition_index(*number));
        TopicData::default().with_topic_name(topic_name(*name)).with_partitions(partitions.collect())
    });
    Connection::open().call(version, &DescribeQuorumRequest::default().with_topics(topics.collect()))
}

#[test]
fn one_node_leads_and_has_everything() {
    let mut connection = Connection::open();
    let node = node_id(&mut connection);
    for version in 0..=2 {
        let before = describe(version, &[("__cluster_metadata", &[0])]);
        new_topic(&mut connection, 1);
        let answer = describe(version, &[("__cluster_metadata", &[0])]);
        assert_ok(answer.error_code);
        let partition = &answer.topics[0].partitions[0];
        assert_ok(partition.error_code);
        assert_eq!((answer.topics[0].topic_name.as_str(), partition.partition_index), ("__cluster_metadata", 0));
        assert_eq!(partition.leader_id, node);
        assert!(partition.leader_epoch >= 1);
        assert!(partition.high_watermark > before.topics[0].partitions[0].high_watermark, "a topic is some records");
        assert!(partition.observers.is_empty());
        let voter = &partition.current_voters[0];
        assert_eq!((partition.current_voters.len(), voter.replica_id), (1, node));
        assert!(voter.log_end_offset >= partition.high_watermark);
        if version >= 1 {
            let late_ms = time::now_ms() - voter.last_caught_up_timestamp;
            assert!((-60_000..60_000).contains(&late_ms), "{late_ms}");
            assert_eq!(voter.last_fetch_timestamp, voter.last_caught_up_timestamp);
        }
        if version >= 2 {
            assert_eq!(answer.nodes.iter().map(|one| one.node_id).collect::<Vec<_>>(), [node]);
        }
    }
}

#[test]
fn other_topics_have_no_quorum() {
    let topic = new_topic(&mut Connection::open(), 1);
    for version in 0..=2 {
        for asked in [(topic.name.as_str(), &[0][..]), ("__cluster_metadata", &[1]), ("__cluster_metadata", &[0, 1])] {
            let answer = describe(version, &[asked]);
            assert_ok(answer.error_code);
            assert_eq!(answer.topics[0].topic_name.as_str(), asked.0);
            for (partition, number) in answer.topics[0].partitions.iter().zip(asked.1) {
                assert_eq!(partition.partition_index, *number);
                assert_error(partition.error_code, Code::UnknownTopicOrPartition);
            }
        }
        assert!(describe(version, &[]).topics.is_empty());
    }
}
