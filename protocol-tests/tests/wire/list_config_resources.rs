//! ListConfigResources 0 to 1 (KIP-714, KIP-1142).
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::{
    IncrementalAlterConfigsRequest, ListConfigResourcesRequest, ListConfigResourcesResponse,
};
use protocol_tests::{Code, Connection, assert_error, assert_ok, fresh_name, new_topic, node_id, text, time};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const BROKER_LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;

fn list(version: i16, kinds: &[i8]) -> ListConfigResourcesResponse {
    Connection::open().call(version, &ListConfigResourcesRequest::default().with_resource_types(kinds.to_vec()))
}

fn names(answer: &ListConfigResourcesResponse, kind: i8) -> Vec<String> {
    let resources = answer.config_resources.iter().filter(|one| one.resource_type == kind);
    resources.map(|one| one.resource_name.to_string()).collect()
}

#[test]
fn topics_and_brokers_have_settings_always() {
    let mut connection = Connection::open();
    let (topic, node) = (new_topic(&mut connection, 1), node_id(&mut connection).0.to_string());
    let all = list(1, &[]);
    assert_ok(all.error_code);
    assert!(names(&all, TOPIC).contains(&topic.name));
    assert_eq!(names(&all, BROKER), [node.as_str()]);
    assert_eq!(names(&all, BROKER_LOGGER), [node.as_str()]);
    let brokers = list(1, &[BROKER]);
    assert_ok(brokers.error_code);
    assert_eq!(brokers.config_resources.len(), 1, "only what was asked for");
}

#[test]
fn groups_that_have_settings() {
    let group = fresh_name("set");
    let setting =
        AlterableConfig::default().with_name(text("consumer.session.timeout.ms")).with_value(Some(text("50000")));
    let resource = AlterConfigsResource::default()
        .with_resource_type(GROUP)
        .with_resource_name(text(group.clone()))
        .with_configs(vec![setting]);
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    assert_ok(Connection::open().call(1, &request).responses[0].error_code);
    let listed = || names(&list(1, &[GROUP, TOPIC]), GROUP).contains(&group).then_some(());
    time::eventually(15_000, "the group is listed", listed);
    assert!(!names(&list(1, &[TOPIC]), GROUP).contains(&group));
}

#[test]
fn version_0_knows_client_metrics_only() {
    let answer = list(0, &[]);
    assert_ok(answer.error_code);
    assert!(answer.config_resources.iter().all(|one| one.resource_type == CLIENT_METRICS));
}

#[test]
fn kinds_that_do_not_exist() {
    for kind in [0, 1, 3, 64, -1] {
        let answer = list(1, &[TOPIC, kind]);
        assert_error(answer.error_code, Code::UnsupportedVersion);
        assert!(answer.config_resources.is_empty());
    }
}
