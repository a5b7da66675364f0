//! Which group protocols a broker serves: by its own settings, and by the cluster's `group.version`.
use kafka_protocol::messages::{
    ApiVersionsRequest, ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
};
use protocol_tests::{
    Code, Connection, assert_error,
    child::{Child, free_port},
    groups::group_id,
    text,
};

const NEWEST: i16 = 1;

fn with_setting(setting: &str, check: impl FnOnce(&mut Connection)) {
    let directory = tempfile::tempdir().expect("a directory");
    let broker = Child::start(free_port(), directory.path(), &[setting]);
    check(&mut Connection::try_open_at(broker.address()).expect("a connection"));
}

fn heartbeat(connection: &mut Connection) -> ConsumerGroupHeartbeatResponse {
    let request = ConsumerGroupHeartbeatRequest::default()
        .with_group_id(group_id("group"))
        .with_member_id(text("member"))
        .with_rebalance_timeout_ms(30_000)
        .with_subscribed_topic_names(Some(vec![]))
        .with_topic_partitions(Some(vec![]));
    connection.call(NEWEST, &request)
}

/// As Apache Kafka answers: the code, and not a word more.
fn refused(connection: &mut Connection) {
    let answer = heartbeat(connection);
    assert_error(answer.error_code, Code::UnsupportedVersion);
    assert_eq!((answer.error_message, answer.member_id, answer.assignment), (None, None, None));
    let groups = vec![group_id("one"), group_id("two")];
    let described = connection.call(NEWEST, &ConsumerGroupDescribeRequest::default().with_group_ids(groups));
    assert_eq!(described.groups.len(), 2);
    for group in described.groups {
        assert_error(group.error_code, Code::UnsupportedVersion);
        assert_eq!(group.error_message, None);
    }
}

/// `group.version` as the cluster has it; absent is 0.
fn group_version(connection: &mut Connection) -> i16 {
    let request =
        ApiVersionsRequest::default().with_client_software_name(text("test")).with_client_software_version(text("1"));
    let answer = connection.call(4, &request);
    let supported = answer.supported_features.iter().find(|feature| feature.name.as_str() == "group.version");
    assert_eq!(supported.map(|feature| (feature.min_version, feature.max_version)), Some((0, 1)));
    let finalized = answer.finalized_features.iter().find(|feature| feature.name.as_str() == "group.version");
    finalized.map_or(0, |feature| feature.max_version_level)
}

#[test]
fn a_broker_that_serves_classic_groups_only_refuses_the_consumer_protocol() {
    with_setting("group.coordinator.rebalance.protocols=classic", |connection| {
        assert_eq!(group_version(connection), 1);
        refused(connection);
    });
}

#[test]
fn a_cluster_of_group_version_0_has_no_consumer_protocol() {
    with_setting("ottla.format.features=group.version=0", |connection| {
        assert_eq!(group_version(connection), 0);
        refused(connection);
    });
}

#[test]
fn a_cluster_begins_with_the_consumer_protocol() {
    with_setting("group.coordinator.rebalance.protocols=classic,consumer", |connection| {
        assert_eq!(group_version(connection), 1);
        let answer = heartbeat(connection);
        assert_ne!(answer.error_code, Code::UnsupportedVersion.code());
    });
}
