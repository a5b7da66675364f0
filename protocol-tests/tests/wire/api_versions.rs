//! ApiVersions: what is advertised, and how a client that is too new or too odd is answered (KIP-35, KIP-511).
use bytes::{Buf, BufMut};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use kafka_protocol::protocol::Decodable;
use protocol_tests::wire::{put_compact_string, request_start};
use protocol_tests::{Code, Connection, assert_error, assert_ok, codes, on_kafka, text};

const API_VERSIONS: i16 = 18;
const FIND_COORDINATOR: i16 = 10;

/// Key, least and greatest version of every API, as Apache Kafka 4.3 advertises them.
const SERVED: &[(i16, i16, i16, &str)] = &[
    (0, 0, 13, "Produce"),
    (1, 4, 18, "Fetch"),
    (2, 1, 11, "ListOffsets"),
    (3, 0, 13, "Metadata"),
    (8, 2, 10, "OffsetCommit"),
    (9, 1, 10, "OffsetFetch"),
    (10, 0, 6, "FindCoordinator"),
    (11, 0, 9, "JoinGroup"),
    (12, 0, 4, "Heartbeat"),
    (13, 0, 5, "LeaveGroup"),
    (14, 0, 5, "SyncGroup"),
    (15, 0, 6, "DescribeGroups"),
    (16, 0, 5, "ListGroups"),
    (17, 0, 1, "SaslHandshake"),
    (18, 0, 4, "ApiVersions"),
    (19, 2, 7, "CreateTopics"),
    (20, 1, 6, "DeleteTopics"),
    (21, 0, 2, "DeleteRecords"),
    (22, 0, 5, "InitProducerId"),
    (23, 2, 4, "OffsetForLeaderEpoch"),
    (32, 1, 4, "DescribeConfigs"),
    (33, 0, 2, "AlterConfigs"),
    (34, 1, 2, "AlterReplicaLogDirs"),
    (35, 1, 5, "DescribeLogDirs"),
    (36, 0, 2, "SaslAuthenticate"),
    (37, 0, 3, "CreatePartitions"),
    (42, 0, 2, "DeleteGroups"),
    (44, 0, 1, "IncrementalAlterConfigs"),
    (47, 0, 0, "OffsetDelete"),
    (60, 0, 2, "DescribeCluster"),
    (75, 0, 0, "DescribeTopicPartitions"),
];

fn request(version: i16) -> ApiVersionsRequest {
    let request = ApiVersionsRequest::default();
    if version < 3 {
        return request;
    }
    request.with_client_software_name(text("protocol-tests")).with_client_software_version(text("0.1.0"))
}

fn advertised(version: i16) -> Vec<ApiVersion> {
    let answer = Connection::open().call(version, &request(version));
    assert_ok(answer.error_code);
    answer.api_keys
}

fn call_named(version: i16, name: &str, software_version: &str) -> ApiVersionsResponse {
    let request = ApiVersionsRequest::default();
    let request = request.with_client_software_name(text(name)).with_client_software_version(text(software_version));
    Connection::open().call(version, &request)
}

#[test]
fn every_version_lists_the_served_apis_with_their_ranges() {
    for version in 0..=4 {
        let listed = advertised(version);
        for &(key, least, greatest, name) in SERVED {
            let found = listed.iter().find(|api| api.api_key == key);
            let found = found.unwrap_or_else(|| panic!("ApiVersions {version} does not list {name}"));
            // FindCoordinator 6 only adds share groups, which Ottla has not.
            let greatest = if key == FIND_COORDINATOR && !on_kafka() { 5 } else { greatest };
            assert_eq!((found.min_version, found.max_version), (least, greatest), "{name} in ApiVersions {version}");
        }
    }
}

#[test]
fn every_version_lists_the_same_ranges() {
    let first: Vec<_> = advertised(0).iter().map(|api| (api.api_key, api.min_version, api.max_version)).collect();
    for version in 1..=4 {
        let listed: Vec<_> =
            advertised(version).iter().map(|api| (api.api_key, api.min_version, api.max_version)).collect();
        assert_eq!(listed, first, "version {version}");
    }
}

#[test]
fn no_key_is_listed_twice() {
    let mut keys: Vec<i16> = advertised(4).iter().map(|api| api.api_key).collect();
    keys.sort_unstable();
    let count = keys.len();
    keys.dedup();
    assert_eq!(keys.len(), count);
}

#[test]
fn throttle_time_is_zero_from_version_1() {
    for version in 1..=4 {
        assert_eq!(Connection::open().call(version, &request(version)).throttle_time_ms, 0);
    }
}

#[test]
fn pitfall_01_response_header_has_no_tags_at_any_version() {
    for version in 0..=4 {
        let flexible = version >= 3;
        let mut frame = request_start(API_VERSIONS, version, 77, "me", flexible);
        if flexible {
            put_compact_string(&mut frame, "protocol-tests");
            put_compact_string(&mut frame, "1");
            frame.put_u8(0);
        }
        let mut connection = Connection::open();
        connection.send_frame(&frame);
        let mut answer = connection.read_frame().expect("an answer");
        assert_eq!(answer.get_i32(), 77);
        assert_eq!(answer.get_i16(), 0, "the error code follows the correlation id at once, version {version}");
    }
}

#[test]
fn pitfall_02_version_too_high_is_answered_in_version_0_with_our_range() {
    for version in [5, 6, 99, i16::MAX] {
        let mut frame = request_start(API_VERSIONS, version, 5, "me", true);
        put_compact_string(&mut frame, "future-client");
        put_compact_string(&mut frame, "9.9");
        frame.put_u8(0);
        let mut connection = Connection::open();
        connection.send_frame(&frame);
        let mut answer = connection.read_frame().expect("an answer in version 0");
        assert_eq!(answer.get_i32(), 5, "correlation id");
        let body = ApiVersionsResponse::decode(&mut answer, 0).expect("a body of version 0");
        assert!(!answer.has_remaining());
        assert_error(body.error_code, Code::UnsupportedVersion);
        codes::note(API_VERSIONS, body.error_code);
        let own = body.api_keys.iter().find(|api| api.api_key == API_VERSIONS).expect("ApiVersions itself is listed");
        assert_eq!((own.min_version, own.max_version), (0, 4));
        assert_eq!(body.api_keys.len() == 1, on_kafka(), "the others are told too");
        assert_ok(connection.call(4, &request(4)).error_code);
    }
}

#[test]
fn net_3_version_too_high_needs_no_readable_body() {
    let mut connection = Connection::open();
    let mut frame = request_start(API_VERSIONS, 40, 6, "me", true);
    frame.put_slice(&[0xff; 32]);
    connection.send_frame(&frame);
    let mut answer = connection.read_frame().expect("an answer in version 0");
    assert_eq!(answer.get_i32(), 6);
    assert_error(answer.get_i16(), Code::UnsupportedVersion);
}

#[test]
fn net_3_negative_version_is_answered_or_closed() {
    let mut connection = Connection::open();
    connection.send_frame(&request_start(API_VERSIONS, -1, 6, "me", false));
    if let Ok(mut answer) = connection.read_frame() {
        assert_eq!(answer.get_i32(), 6);
        assert_error(answer.get_i16(), Code::UnsupportedVersion);
    }
    assert_ok(Connection::open().call(4, &request(4)).error_code);
}

#[test]
fn pitfall_03_bad_software_names_are_invalid_requests() {
    for version in [3, 4] {
        for (name, software_version) in [
            ("", "1"),
            ("a", ""),
            (" a", "1"),
            ("a ", "1"),
            ("-a", "1"),
            ("a-", "1"),
            ("a", ".1"),
            ("a", "1."),
            ("a_b", "1"),
            ("é", "1"),
            ("a/b", "1"),
            ("a\n", "1"),
        ] {
            let answer = call_named(version, name, software_version);
            assert!(answer.error_code == 42, "{name:?} {software_version:?}: {}", answer.error_code);
            assert!(answer.api_keys.is_empty());
        }
    }
}

#[test]
fn pitfall_03_good_software_names_are_accepted() {
    for (name, software_version) in [
        ("a", "1"),
        ("A9", "v1"),
        ("apache-kafka-java", "4.3.1"),
        ("librdkafka", "2.15.0-RC1-dirty"),
        ("a.b-c.d", "1.2-3"),
        ("a--b..c", "0"),
        ("unknown", "unknown"),
    ] {
        assert_ok(call_named(3, name, software_version).error_code);
    }
}

#[test]
fn pitfall_03_invalid_request_keeps_the_connection() {
    let mut connection = Connection::open();
    let bad = ApiVersionsRequest::default().with_client_software_name(text("-"));
    assert_error(connection.call(3, &bad).error_code, Code::InvalidRequest);
    assert_ok(connection.call(3, &request(3)).error_code);
}

#[test]
fn pitfall_04_supported_features_with_minimum_zero_only_from_version_4() {
    let third = Connection::open().call(3, &request(3));
    for feature in &third.supported_features {
        assert!(feature.min_version > 0, "{} is listed from 0 at version 3", feature.name.as_str());
    }
    let fourth = Connection::open().call(4, &request(4));
    assert!(fourth.supported_features.len() >= third.supported_features.len());
}

#[test]
fn features_are_well_formed_and_within_what_is_supported() {
    for version in [3, 4] {
        let answer = Connection::open().call(version, &request(version));
        assert!(answer.finalized_features_epoch >= -1);
        assert!(answer.finalized_features.is_empty() || answer.finalized_features_epoch >= 0);
        for feature in &answer.finalized_features {
            assert!(feature.max_version_level >= feature.min_version_level, "{}", feature.name.as_str());
            let supported = answer.supported_features.iter().find(|known| known.name == feature.name);
            if let Some(supported) = supported {
                assert!(feature.max_version_level <= supported.max_version, "{}", feature.name.as_str());
            }
        }
        for feature in &answer.supported_features {
            assert!(feature.max_version >= feature.min_version);
        }
    }
}

#[test]
fn pitfall_05_produce_min_is_zero() {
    let listed = advertised(3);
    assert_eq!(listed.iter().find(|api| api.api_key == 0).expect("Produce").min_version, 0);
}

#[test]
fn pitfall_07_few_keys_and_least_not_above_greatest() {
    let listed = advertised(4);
    assert!(listed.len() < 1000);
    for api in &listed {
        assert!(0 <= api.min_version && api.min_version <= api.max_version, "key {}", api.api_key);
    }
}

#[test]
fn pitfall_09_topic_ids_everywhere_or_nowhere() {
    let listed = advertised(4);
    let greatest = |key| listed.iter().find(|api| api.api_key == key).map_or(-1, |api| api.max_version);
    if greatest(0) >= 13 || greatest(1) >= 13 {
        assert!(greatest(3) >= 12, "Metadata must give the topic ids that Produce and Fetch need");
    }
}

#[test]
fn repeated_on_one_connection_at_every_version() {
    let mut connection = Connection::open();
    for version in [0, 4, 1, 3, 2, 0] {
        assert_ok(connection.call(version, &request(version)).error_code);
    }
}

#[test]
fn null_and_empty_client_ids_are_fine() {
    for id in [&[0xff, 0xff][..], &[0, 0][..]] {
        let mut frame = Vec::new();
        frame.put_i16(API_VERSIONS);
        frame.put_i16(0);
        frame.put_i32(-9);
        frame.put_slice(id);
        let mut connection = Connection::open();
        connection.send_frame(&frame);
        let mut answer = connection.read_frame().expect("an answer");
        assert_eq!(answer.get_i32(), -9, "any correlation id comes back");
        assert_ok(answer.get_i16());
    }
}

#[test]
fn net_2_unknown_tags_are_skipped() {
    let mut frame = request_start(API_VERSIONS, 4, 3, "me", false);
    frame.put_slice(&[2, 0xe8, 7, 3, b'a', b'b', b'c', 0xe9, 7, 0]); // two tags in the header: 1000 and 1001
    put_compact_string(&mut frame, "a");
    put_compact_string(&mut frame, "1");
    frame.put_slice(&[1, 99, 2, 0, 0]);
    let mut connection = Connection::open();
    connection.send_frame(&frame);
    let mut answer = connection.read_frame().expect("an answer");
    assert_eq!(answer.get_i32(), 3);
    assert_ok(answer.get_i16());
}
