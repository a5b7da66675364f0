//! Strings that are not UTF-8: bytes that are no character are U+FFFD, so that who writes Latin-1 is served; and frames
//! that say what no client says.
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::{
    FindCoordinatorRequest, GroupId, MetadataRequest, OffsetCommitRequest, OffsetFetchRequest,
};
use kafka_protocol::protocol::Request;
use protocol_tests::time::eventually;
use protocol_tests::{
    Batch, Code, Connection, append, assert_error, assert_ok, encode_request, fetch_request, fresh_name, from_offset,
    metadata, new_topic, on_kafka, only_partition, text, topic_name,
};

/// Stands where the bytes shall be that are no UTF-8.
const PLACE: &str = "~~~";
/// `ü` in Latin-1, as often.
const SENT: [u8; 3] = [0xFC; 3];
const READ: &str = "\u{FFFD}\u{FFFD}\u{FFFD}";

/// Calls with a request that has [`SENT`] at each of `places`.
#[track_caller]
fn call<R: Request>(version: i16, request: &R, client: &str, places: usize) -> R::Response {
    let mut connection = Connection::open();
    let mut frame = encode_request(version, request, 1, client).to_vec();
    let found: Vec<usize> = (0..frame.len()).filter(|at| frame[*at..].starts_with(PLACE.as_bytes())).collect();
    assert_eq!(found.len(), places);
    for at in found {
        frame[at..at + SENT.len()].copy_from_slice(&SENT);
    }
    connection.send_frame(&frame);
    connection.receive::<R>(version, 1)
}

#[test]
fn a_client_id_that_is_not_utf_8_is_served() {
    for version in [1, 8, 9, 13] {
        let request = MetadataRequest::default().with_topics(Some(Vec::new()));
        let answer = call(version, &request, &format!("m{PLACE}ller"), 1);
        assert_eq!(answer.brokers.len(), 1, "version {version}");
    }
}

#[test]
fn net_2_a_length_below_minus_one_and_tags_that_do_not_rise_end_the_connection() {
    let tags = |numbers: [u8; 2]| [2, numbers[0], 0, numbers[1], 0];
    let flexible = |header_tags: &[u8], tags: &[u8]| {
        // Metadata 12 of no topics.
        [&[0, 3, 0, 12, 0, 0, 0, 7, 0, 1, b'x'], header_tags, &[1, 0, 0], tags].concat()
    };
    let of_client = |length: [u8; 2]| [&[0, 3, 0, 1, 0, 0, 0, 7], &length[..], &[0; 4]].concat();
    for good in [of_client([0xFF, 0xFF]), flexible(&tags([4, 5]), &[0]), flexible(&[0], &tags([4, 5]))] {
        let mut connection = Connection::open();
        connection.send_frame(&good);
        assert!(connection.read_frame().is_ok(), "{good:?}");
    }
    let mut bad = vec![of_client([0xFF, 0xFE])];
    for numbers in [[5, 5], [5, 4]] {
        bad.extend([flexible(&tags(numbers), &[0]), flexible(&[0], &tags(numbers))]);
    }
    for bad in bad {
        let mut connection = Connection::open();
        connection.send_frame(&bad);
        if on_kafka() {
            assert!(connection.read_frame().is_ok(), "{bad:?}");
        } else {
            connection.assert_closed();
        }
    }
}

#[test]
fn a_topic_that_is_not_utf_8_is_told_of_with_what_could_be_read() {
    let mut connection = Connection::open();
    let there = new_topic(&mut connection, 1);
    for version in [4, 8, 9, 12, 13] {
        let named = |name: &str| MetadataRequestTopic::default().with_name(Some(topic_name(name)));
        let topics = vec![named(&format!("{PLACE}topic{PLACE}")), named(&there.name)];
        let request = MetadataRequest::default().with_topics(Some(topics)).with_allow_auto_topic_creation(false);
        let answer = call(version, &request, "client", 2);
        let code = |name: &str| {
            let told = answer.topics.iter().find(|topic| topic.name.as_ref().is_some_and(|told| told.as_str() == name));
            told.unwrap_or_else(|| panic!("version {version}: {name} in {answer:?}")).error_code
        };
        assert_ok(code(&there.name));
        assert_error(code(&format!("{READ}topic{READ}")), Code::InvalidTopicException);
    }
}

#[test]
fn a_group_that_is_not_utf_8_commits_and_is_found_by_what_could_be_read() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for version in 2..=9 {
        let name = fresh_name("group");
        let written = format!("{PLACE}{name}");
        let partition = OffsetCommitRequestPartition::default()
            .with_committed_offset(7)
            .with_committed_metadata(Some(text(format!("as {PLACE} said"))));
        let commit = OffsetCommitRequest::default()
            .with_group_id(GroupId(text(written.clone())))
            .with_generation_id_or_member_epoch(-1)
            .with_retention_time_ms(-1)
            .with_topics(vec![
                OffsetCommitRequestTopic::default().with_name(topic.wire_name()).with_partitions(vec![partition]),
            ]);
        eventually(20_000, "the coordinator of groups serves", || {
            let found = FindCoordinatorRequest::default().with_key(text(written.clone()));
            assert!([0, Code::CoordinatorNotAvailable.code()].contains(&call(2, &found, "client", 1).error_code));
            let answer = call(version, &commit, "client", 2);
            (answer.topics[0].partitions[0].error_code == 0).then_some(())
        });
        let asked =
            OffsetFetchRequestGroup::default().with_group_id(GroupId(text(format!("{READ}{name}")))).with_topics(Some(
                vec![OffsetFetchRequestTopics::default().with_name(topic.wire_name()).with_partition_indexes(vec![0])],
            ));
        let answer = connection.call(8, &OffsetFetchRequest::default().with_groups(vec![asked]));
        let told = &answer.groups[0].topics[0].partitions[0];
        assert_eq!(told.committed_offset, 7, "version {version}");
        assert_eq!(told.metadata.as_ref().map(|metadata| metadata.to_string()), Some(format!("as {READ} said")));
    }
}

#[test]
fn a_tagged_string_that_is_not_utf_8_changes_nothing_around_it() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    append(&mut connection, &topic, &Batch::of(&["x"]));
    let cluster = metadata(&mut connection, 12, Some(&[])).cluster_id.expect("a cluster id").to_string();
    for version in 12..=18 {
        let request = fetch_request(version, &topic, vec![from_offset(0, 0)])
            .with_rack_id(text(format!("r{PLACE}")))
            .with_cluster_id(Some(text(format!("{cluster}{PLACE}"))));
        let partition = only_partition(&call(version, &request, &format!("{PLACE} {PLACE}"), 4));
        assert_ok(partition.error_code);
        assert!(partition.records.is_some_and(|records| !records.is_empty()), "version {version}");
    }
}
