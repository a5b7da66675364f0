//! FindCoordinator 0 to 5, and 6 where there are share groups: the shape of its answers, one key or many (KIP-699).
use kafka_protocol::messages::{
    FindCoordinatorRequest, FindCoordinatorResponse, MetadataRequest, MetadataResponse, TopicName,
    metadata_request::MetadataRequestTopic,
};
use protocol_tests::time::eventually;
use protocol_tests::{Code, Connection, address, node_id, on_kafka, text};

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

/// Version 6 only adds coordinators of share groups.
fn last() -> i16 {
    if on_kafka() { 6 } else { 5 }
}

fn single(version: i16, kind: i8, key: &str) -> FindCoordinatorResponse {
    let request = FindCoordinatorRequest::default().with_key(text(key)).with_key_type(kind);
    Connection::open().call(version, &request)
}

fn many(version: i16, kind: i8, keys: &[&str]) -> FindCoordinatorResponse {
    let keys = keys.iter().map(|key| text(*key)).collect();
    let request = FindCoordinatorRequest::default().with_key_type(kind).with_coordinator_keys(keys);
    Connection::open().call(version, &request)
}

/// Whether to ask again: Kafka makes the topic of groups after its first answer.
fn ask_again(code: i16) -> bool {
    on_kafka() && not_yet(code)
}

fn not_yet(code: i16) -> bool {
    code == Code::CoordinatorNotAvailable.code()
}

#[test]
fn pitfall_31_one_key_up_to_version_3() {
    let node = node_id(&mut Connection::open());
    for version in 0..=3 {
        let answer = eventually(20_000, "a coordinator", || {
            let answer = single(version, GROUP, "some-group");
            (!ask_again(answer.error_code)).then_some(answer)
        });
        assert!(answer.coordinators.is_empty());
        assert_eq!(answer.throttle_time_ms, 0);
        assert_eq!(answer.error_code, 0, "version {version}");
        assert_eq!(answer.node_id, node);
        assert_eq!(answer.port, i32::from(address().port()));
        assert!(!answer.host.is_empty());
    }
}

#[test]
fn pitfall_31_many_keys_from_version_4() {
    let node = node_id(&mut Connection::open());
    for version in 4..=last() {
        let keys = ["first-group", "second-group", "third-group"];
        let answer = eventually(20_000, "coordinators", || {
            let answer = many(version, GROUP, &keys);
            (!answer.coordinators.iter().any(|found| ask_again(found.error_code))).then_some(answer)
        });
        let found: Vec<&str> = answer.coordinators.iter().map(|found| found.key.as_str()).collect();
        assert_eq!(found, keys, "each key is answered, in order");
        for coordinator in &answer.coordinators {
            assert_eq!(coordinator.error_code, 0);
            assert_eq!(coordinator.node_id, node);
            assert_eq!(coordinator.port, i32::from(address().port()));
        }
    }
}

/// The topic of groups is there once a coordinator is: as many partitions as Kafka has, compacted, internal.
#[test]
fn grp_19_the_topic_of_groups_is_made_by_the_first_question() {
    eventually(20_000, "a coordinator", || (!ask_again(single(3, GROUP, "some-group").error_code)).then_some(()));
    let topic = MetadataRequestTopic::default().with_name(Some(TopicName(text("__consumer_offsets"))));
    let request = MetadataRequest::default().with_topics(Some(vec![topic]));
    let answer: MetadataResponse = Connection::open().call(12, &request);
    let topic = &answer.topics[0];
    assert_eq!((topic.error_code, topic.is_internal, topic.partitions.len()), (0, true, 50));
    assert!(topic.partitions.iter().all(|partition| partition.leader_id.0 >= 0));
}

#[test]
fn no_keys_are_no_coordinators() {
    for version in 4..=last() {
        assert!(many(version, GROUP, &[]).coordinators.is_empty());
    }
}

#[test]
fn unknown_kinds_of_key_are_invalid() {
    for kind in [7, -1, i8::MAX] {
        for version in 1..=3 {
            let answer = single(version, kind, "key");
            assert_eq!(answer.error_code, Code::InvalidRequest.code(), "kind {kind} in version {version}");
            assert_eq!((answer.node_id.0, answer.port), (-1, -1));
            assert!(answer.host.is_empty());
        }
        for version in 4..=last() {
            let answer = many(version, kind, &["key"]);
            assert_eq!(answer.coordinators.len(), 1);
            assert_eq!(answer.coordinators[0].error_code, Code::InvalidRequest.code());
            assert_eq!((answer.coordinators[0].node_id.0, answer.coordinators[0].port), (-1, -1));
        }
    }
}

/// Share groups come with version 6: before it nobody coordinates them, whatever the key says. There a key has three parts,
/// group:id of the topic:partition.
#[test]
fn the_kind_of_share_groups_is_invalid_before_version_6() {
    const SHARE: i8 = 2;
    let whole = "group:AAAAAAAAAAAAAAAAAAAAAQ:0";
    for key in [whole, "group", ""] {
        for version in 1..=3 {
            assert_eq!(single(version, SHARE, key).error_code, Code::InvalidRequest.code(), "{key:?} {version}");
        }
        for version in 4..=5 {
            let found = many(version, SHARE, &[key]).coordinators.remove(0);
            assert_eq!((found.error_code, found.key.as_str()), (Code::InvalidRequest.code(), key), "{version}");
        }
    }
    if on_kafka() {
        let malformed =
            ["group", "", "group:AAAAAAAAAAAAAAAAAAAAAQ", "group:no-id:0", "group:AAAAAAAAAAAAAAAAAAAAAQ:x"];
        for found in many(6, SHARE, &malformed).coordinators {
            assert_eq!(found.error_code, Code::InvalidRequest.code(), "{}", found.key);
        }
    }
}

#[test]
fn coordinators_of_transactions_are_found_or_not_available() {
    for version in 1..=3 {
        let code = single(version, TRANSACTION, "some-transaction").error_code;
        assert!(code == 0 || not_yet(code), "{code}");
    }
    for version in 4..=last() {
        let code = many(version, TRANSACTION, &["some-transaction"]).coordinators[0].error_code;
        assert!(code == 0 || not_yet(code), "{code}");
    }
}
