//! DescribeCluster 0 to 2 (KIP-700, KIP-919, KIP-1073).
use kafka_protocol::messages::DescribeClusterRequest;
use protocol_tests::{Code, Connection, address, assert_error, assert_ok, metadata};

const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

fn request(version: i16) -> DescribeClusterRequest {
    let request = DescribeClusterRequest::default();
    if version >= 1 { request.with_endpoint_type(BROKERS) } else { request }
}

#[test]
fn every_version_names_the_broker() {
    let mut connection = Connection::open();
    let described = metadata(&mut connection, 12, Some(&[]));
    for version in 0..=2 {
        let answer = connection.call(version, &request(version));
        assert_ok(answer.error_code);
        assert_eq!(answer.error_message, None);
        assert_eq!(answer.throttle_time_ms, 0);
        assert_eq!(answer.endpoint_type, BROKERS);
        assert_eq!(Some(answer.cluster_id), described.cluster_id);
        assert_eq!(answer.brokers.len(), 1);
        let broker = &answer.brokers[0];
        assert_eq!(broker.broker_id, described.brokers[0].node_id);
        assert_eq!(answer.controller_id, broker.broker_id);
        assert_eq!((&broker.host, broker.port), (&described.brokers[0].host, i32::from(address().port())));
        assert_eq!(broker.rack, None);
        assert!(!broker.is_fenced);
        assert_eq!(answer.cluster_authorized_operations, i32::MIN);
    }
}

#[test]
fn pitfall_16_operations_when_asked() {
    for version in 0..=2 {
        let request = request(version).with_include_cluster_authorized_operations(true);
        let operations = Connection::open().call(version, &request).cluster_authorized_operations;
        assert!(operations > 0, "{operations:#b}");
        for (bit, name) in [(5, "create"), (7, "alter"), (8, "describe"), (12, "idempotent write")] {
            assert!(operations & 1 << bit != 0, "{name} in {operations:#b}");
        }
    }
}

#[test]
fn fenced_brokers_may_be_asked_for() {
    let request = request(2).with_include_fenced_brokers(true);
    let answer = Connection::open().call(2, &request);
    assert_ok(answer.error_code);
    assert_eq!(answer.brokers.len(), 1);
}

#[test]
fn a_broker_does_not_speak_for_controllers() {
    for version in 1..=2 {
        let request = request(version).with_endpoint_type(CONTROLLERS);
        let answer = Connection::open().call(version, &request);
        assert_error(answer.error_code, Code::MismatchedEndpointType);
        assert!(answer.error_message.is_some());
        assert!(answer.brokers.is_empty());
    }
}

#[test]
fn unknown_kinds_of_endpoint() {
    for kind in [0, 3, -1] {
        let answer = Connection::open().call(1, &request(1).with_endpoint_type(kind));
        assert_error(answer.error_code, Code::UnsupportedEndpointType);
        assert!(answer.error_message.is_some());
    }
}
