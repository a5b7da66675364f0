//! DescribeTopicPartitions 0: pages, cursors and limits (KIP-966).
use kafka_protocol::messages::describe_topic_partitions_request::{Cursor, TopicRequest};
use kafka_protocol::messages::{DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse};
use protocol_tests::{Code, Connection, Topic, assert_error, assert_ok, fresh_name, new_topic, node_id, topic_name};

fn ask(names: &[&str], limit: i32, cursor: Option<(&str, i32)>) -> DescribeTopicPartitionsResponse {
    let topics = names.iter().map(|name| TopicRequest::default().with_name(topic_name(*name))).collect();
    let cursor = cursor
        .map(|(name, partition)| Cursor::default().with_topic_name(topic_name(name)).with_partition_index(partition));
    let request = DescribeTopicPartitionsRequest::default()
        .with_topics(topics)
        .with_response_partition_limit(limit)
        .with_cursor(cursor);
    Connection::open().call(0, &request)
}

/// Topic name and partition of everything in an answer.
fn listed(answer: &DescribeTopicPartitionsResponse) -> Vec<(String, i32)> {
    let mut all = Vec::new();
    for topic in &answer.topics {
        let name = topic.name.as_ref().map(|name| name.as_str().to_string()).unwrap_or_default();
        all.extend(topic.partitions.iter().map(|partition| (name.clone(), partition.partition_index)));
    }
    all
}

fn two_topics() -> [Topic; 2] {
    let mut connection = Connection::open();
    let mut topics = [new_topic(&mut connection, 3), new_topic(&mut connection, 2)];
    topics.sort_by(|one, other| one.name.cmp(&other.name));
    topics
}

#[test]
fn a_topic_in_full() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 3);
    let node = node_id(&mut connection);
    let answer = ask(&[&topic.name], 2_000, None);
    assert_eq!(answer.throttle_time_ms, 0);
    assert!(answer.next_cursor.is_none());
    assert_eq!(answer.topics.len(), 1);
    let found = &answer.topics[0];
    assert_ok(found.error_code);
    assert_eq!(found.topic_id, topic.id);
    assert!(!found.is_internal);
    assert_eq!(found.topic_authorized_operations, 0b1101_1111_1000);
    assert_eq!(found.partitions.len(), 3);
    for (index, partition) in found.partitions.iter().enumerate() {
        assert_ok(partition.error_code);
        assert_eq!(partition.partition_index, index as i32);
        assert_eq!(partition.leader_id, node);
        assert_eq!(partition.leader_epoch, 0);
        assert_eq!(partition.replica_nodes, [node]);
        assert_eq!(partition.isr_nodes, [node]);
        assert!(partition.offline_replicas.is_empty());
        assert!(partition.eligible_leader_replicas.as_ref().is_none_or(Vec::is_empty));
        assert!(partition.last_known_elr.as_ref().is_none_or(Vec::is_empty));
    }
}

#[test]
fn pages_follow_the_cursor_over_topics_in_order() {
    let topics = two_topics();
    let names = [topics[1].name.as_str(), topics[0].name.as_str()];
    let all = listed(&ask(&names, 2_000, None));
    assert_eq!(all.len(), 5);
    assert!(all.is_sorted(), "{all:?}");
    for limit in 1..=5 {
        let mut pages = Vec::new();
        let mut cursor: Option<(String, i32)> = None;
        loop {
            let answer = ask(&names, limit, cursor.as_ref().map(|(name, partition)| (name.as_str(), *partition)));
            let page = listed(&answer);
            assert!(!page.is_empty() && page.len() <= limit as usize, "limit {limit}: {}", page.len());
            pages.extend(page);
            let Some(next) = answer.next_cursor else { break };
            cursor = Some((next.topic_name.as_str().to_string(), next.partition_index));
        }
        assert_eq!(pages, all, "limit {limit}");
    }
}

#[test]
fn the_cursor_names_what_comes_next() {
    let topics = two_topics();
    let names = [topics[0].name.as_str(), topics[1].name.as_str()];
    let answer = ask(&names, 1, None);
    let next = answer.next_cursor.expect("a cursor");
    assert_eq!(next.topic_name.as_str(), names[0]);
    assert_eq!(next.partition_index, 1);
}

#[test]
fn a_cursor_beyond_a_topic_goes_on_with_the_next() {
    let topics = two_topics();
    let names = [topics[0].name.as_str(), topics[1].name.as_str()];
    let answer = ask(&names, 2_000, Some((&format!("{}!", names[0]), 0)));
    assert!(listed(&answer).iter().all(|(name, _)| name == names[1]));
}

#[test]
fn unknown_topics_are_answered_each() {
    let topics = two_topics();
    let missing = fresh_name("zzz-missing");
    let answer = ask(&[&topics[0].name, &missing], 2_000, None);
    assert_eq!(answer.topics.len(), 2);
    let of = |name: &str| {
        answer
            .topics
            .iter()
            .find(|found| found.name.as_ref().is_some_and(|found| found.as_str() == name))
            .expect("named")
    };
    assert_ok(of(&topics[0].name).error_code);
    assert_error(of(&missing).error_code, Code::UnknownTopicOrPartition);
    assert!(of(&missing).partitions.is_empty());
    assert!(of(&missing).topic_id.is_nil());
}

#[test]
fn invalid_names_are_invalid_topics() {
    let answer = ask(&["a b"], 2_000, None);
    assert_error(answer.topics[0].error_code, Code::InvalidTopicException);
}

#[test]
fn no_names_are_all_topics() {
    let topics = two_topics();
    let mut all = Vec::new();
    let mut cursor: Option<(String, i32)> = None;
    loop {
        let answer = ask(&[], 2_000, cursor.as_ref().map(|(name, partition)| (name.as_str(), *partition)));
        all.extend(listed(&answer));
        let Some(next) = answer.next_cursor else { break };
        cursor = Some((next.topic_name.as_str().to_string(), next.partition_index));
    }
    for topic in &topics {
        assert!(all.iter().any(|(name, _)| name == &topic.name));
    }
}
