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
    for beyond in [3, 4, 1_000_000] {
        let answer = ask(&names, 2_000, Some((names[0], beyond)));
        answer.topics.iter().for_each(|topic| assert_ok(topic.error_code));
        let described: Vec<_> = answer.topics.iter().map(|topic| topic.name.as_ref().unwrap().as_str()).collect();
        assert_eq!(described, names);
        assert_eq!(listed(&answer), [(names[1].to_string(), 0), (names[1].to_string(), 1)]);
    }
    let of_second = ask(&names, 2_000, Some((names[1], 1)));
    assert_eq!(listed(&of_second), [(names[1].to_string(), 1)], "topics before it are not told again");
}

#[test]
fn a_cursor_that_no_answer_gave_is_refused_for_each_topic() {
    let topics = two_topics();
    let names = [topics[0].name.as_str(), topics[1].name.as_str()];
    let unlisted = format!("{}!", names[0]);
    for cursor in [(names[0], -1), (names[1], i32::MIN), (unlisted.as_str(), 0), ("zzz", 0), ("", 0)] {
        let answer = ask(&names, 2_000, Some(cursor));
        assert!(answer.next_cursor.is_none());
        assert_eq!(answer.topics.len(), 2, "{cursor:?}");
        for topic in &answer.topics {
            assert_error(topic.error_code, Code::InvalidRequest);
            assert!(topic.partitions.is_empty());
        }
    }
}

#[test]
fn a_full_answer_ends_before_the_next_topic_whether_there_is_one_or_not() {
    let topics = two_topics();
    let missing = fresh_name("zzz-missing");
    let answer = ask(&[&topics[0].name, &missing], 3, None);
    assert_eq!(answer.topics.len(), 1);
    let next = answer.next_cursor.expect("a cursor");
    assert_eq!((next.topic_name.as_str(), next.partition_index), (missing.as_str(), 0));
    let rest = ask(&[&topics[0].name, &missing], 3, Some((&missing, 0)));
    assert_eq!(rest.topics.len(), 1);
    assert_error(rest.topics[0].error_code, Code::UnknownTopicOrPartition);
    assert!(rest.next_cursor.is_none());
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
    assert_eq!(of(&missing).topic_authorized_operations, 0b1101_1111_1000);
}

#[test]
fn invalid_names_are_invalid_topics() {
    let answer = ask(&["a b"], 2_000, None);
    assert_error(answer.topics[0].error_code, Code::InvalidTopicException);
    assert_eq!(answer.topics[0].topic_authorized_operations, 0b1101_1111_1000);
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
