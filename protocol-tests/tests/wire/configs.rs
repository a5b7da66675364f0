//! DescribeConfigs 1 to 4, AlterConfigs 0 to 2 and IncrementalAlterConfigs 0 to 1, for topics and the broker.
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{DescribeConfigsResourceResult, DescribeConfigsResult};
use kafka_protocol::messages::{
    AlterConfigsRequest, DescribeConfigsRequest, IncrementalAlterConfigsRequest, alter_configs_request,
    incremental_alter_configs_request,
};
use protocol_tests::time::eventually;
use protocol_tests::{
    Batch, Code, Connection, assert_error, assert_ok, code_name, fresh_name, new_topic, new_topic_with, node_id,
    on_kafka, produce, text,
};
use std::collections::BTreeMap;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const SOURCE_TOPIC: i8 = 1;
const SOURCE_CLUSTER: i8 = 3;
const SOURCE_DEFAULT: i8 = 5;
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

fn resource(kind: i8, name: &str, keys: Option<&[&str]>) -> DescribeConfigsResource {
    let keys = keys.map(|keys| keys.iter().map(|key| text(*key)).collect());
    DescribeConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configuration_keys(keys)
}

fn describe(version: i16, kind: i8, name: &str, keys: Option<&[&str]>) -> DescribeConfigsResult {
    let request = DescribeConfigsRequest::default().with_resources(vec![resource(kind, name, keys)]);
    let mut answer = Connection::open().call(version, &request);
    assert_eq!(answer.throttle_time_ms, 0);
    assert_eq!(answer.results.len(), 1);
    answer.results.remove(0)
}

fn setting(topic: &str, name: &str) -> DescribeConfigsResourceResult {
    let result = describe(4, TOPIC, topic, Some(&[name]));
    assert_ok(result.error_code);
    assert_eq!(result.configs.len(), 1, "{name}");
    result.configs[0].clone()
}

fn value(topic: &str, name: &str) -> String {
    setting(topic, name).value.map(|value| value.as_str().to_string()).unwrap_or_default()
}

/// IncrementalAlterConfigs of one topic; the error code.
fn alter_as(version: i16, topic: &str, changes: &[(&str, i8, Option<&str>)], validate_only: bool) -> i16 {
    let configs = changes.iter().map(|(name, operation, value)| {
        incremental_alter_configs_request::AlterableConfig::default()
            .with_name(text(*name))
            .with_config_operation(*operation)
            .with_value(value.map(text))
    });
    let resource = incremental_alter_configs_request::AlterConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(text(topic))
        .with_configs(configs.collect());
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    let answer = Connection::open().call(version, &request.with_validate_only(validate_only));
    assert_eq!(answer.responses.len(), 1);
    assert_eq!((answer.responses[0].resource_type, answer.responses[0].resource_name.as_str()), (TOPIC, topic));
    let result = &answer.responses[0];
    let untold = result.error_code == Code::UnknownServerError.code();
    assert_eq!(result.error_message.is_some(), result.error_code != 0 && !untold, "{changes:?}");
    answer.responses[0].error_code
}

fn alter(topic: &str, changes: &[(&str, i8, Option<&str>)]) -> i16 {
    alter_as(1, topic, changes, false)
}

/// AlterConfigs, which replaces all settings of the topic; the error code.
fn replace(version: i16, topic: &str, settings: &[(&str, Option<&str>)], validate_only: bool) -> i16 {
    let configs = settings.iter().map(|(name, value)| {
        alter_configs_request::AlterableConfig::default().with_name(text(*name)).with_value(value.map(text))
    });
    let resource = alter_configs_request::AlterConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(text(topic))
        .with_configs(configs.collect());
    let request = AlterConfigsRequest::default().with_resources(vec![resource]);
    let answer = Connection::open().call(version, &request.with_validate_only(validate_only));
    assert_eq!(answer.responses.len(), 1);
    answer.responses[0].error_code
}

#[track_caller]
fn becomes(topic: &str, name: &str, wanted: &str) {
    eventually(10_000, &format!("{name} becomes {wanted}"), || (value(topic, name) == wanted).then_some(()));
}

#[test]
fn pitfall_34_every_version_lists_all_settings_of_a_topic_with_defaults() {
    let topic = new_topic_with(&mut Connection::open(), 1, &[("retention.ms", "3600000")]);
    let known = [
        ("cleanup.policy", "delete"),
        ("compression.type", "producer"),
        ("delete.retention.ms", "86400000"),
        ("flush.messages", "9223372036854775807"),
        ("index.interval.bytes", "4096"),
        ("max.message.bytes", "1048588"),
        ("message.timestamp.after.max.ms", "3600000"),
        ("message.timestamp.before.max.ms", "9223372036854775807"),
        ("message.timestamp.type", "CreateTime"),
        ("min.cleanable.dirty.ratio", "0.5"),
        ("min.insync.replicas", "1"),
        ("preallocate", "false"),
        ("retention.bytes", "-1"),
        ("retention.ms", "3600000"),
        ("segment.bytes", "1073741824"),
        ("segment.index.bytes", "10485760"),
        ("segment.ms", "604800000"),
        ("unclean.leader.election.enable", "false"),
    ];
    for version in 1..=4 {
        let result = describe(version, TOPIC, &topic.name, None);
        assert_ok(result.error_code);
        assert_eq!((result.resource_type, result.resource_name.as_str()), (TOPIC, topic.name.as_str()));
        let found: BTreeMap<&str, &DescribeConfigsResourceResult> =
            result.configs.iter().map(|config| (config.name.as_str(), config)).collect();
        assert_eq!(found.len(), result.configs.len(), "each once");
        for (name, value) in known {
            let config = found.get(name).unwrap_or_else(|| panic!("{name} is not listed in version {version}"));
            assert_eq!(config.value.as_ref().map(|value| value.as_str()), Some(value), "{name}");
            let source = if name == "retention.ms" { SOURCE_TOPIC } else { SOURCE_DEFAULT };
            // With eligible leader replicas Apache Kafka sets the least number of replicas for the whole cluster.
            let cluster_wide = name == "min.insync.replicas" && config.config_source == SOURCE_CLUSTER;
            assert!(config.config_source == source || cluster_wide, "{name}: {}", config.config_source);
            assert!(!config.read_only && !config.is_sensitive);
            assert!(config.synonyms.is_empty(), "not asked for");
            assert_eq!(config.config_type != 0, version >= 3, "{name} has a type in version {version}");
            assert!(version < 3 || config.documentation.is_none(), "not asked for");
        }
    }
}

#[test]
fn types_of_settings() {
    let topic = new_topic(&mut Connection::open(), 1);
    for (name, kind) in [
        ("preallocate", 1),
        ("compression.type", 2),
        ("max.message.bytes", 3),
        ("retention.ms", 5),
        ("min.cleanable.dirty.ratio", 6),
        ("cleanup.policy", 7),
    ] {
        assert_eq!(setting(&topic.name, name).config_type, kind, "{name}");
    }
}

#[test]
fn documentation_and_synonyms_when_asked() {
    let topic = new_topic_with(&mut Connection::open(), 1, &[("max.message.bytes", "2000000")]);
    for version in 3..=4 {
        let request = DescribeConfigsRequest::default()
            .with_resources(vec![resource(TOPIC, &topic.name, Some(&["max.message.bytes"]))])
            .with_include_documentation(true)
            .with_include_synonyms(true);
        let answer = Connection::open().call(version, &request);
        let config = &answer.results[0].configs[0];
        assert!(config.documentation.as_ref().is_some_and(|text| !text.is_empty()));
        let first = config.synonyms.first().expect("the topic's own value");
        assert_eq!((first.name.as_str(), first.source), ("max.message.bytes", SOURCE_TOPIC));
        assert_eq!(first.value.as_ref().map(|value| value.as_str()), Some("2000000"));
        let last = config.synonyms.last().expect("the default");
        assert_eq!((last.name.as_str(), last.source), ("message.max.bytes", SOURCE_DEFAULT));
        assert_eq!(last.value.as_ref().map(|value| value.as_str()), Some("1048588"));
    }
}

#[test]
fn only_the_keys_asked_for() {
    let topic = new_topic(&mut Connection::open(), 1);
    for version in 1..=4 {
        let keys: &[&str] = &["segment.bytes", "retention.ms", "no.such.setting"];
        let result = describe(version, TOPIC, &topic.name, Some(keys));
        assert_ok(result.error_code);
        let mut names: Vec<&str> = result.configs.iter().map(|config| config.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["retention.ms", "segment.bytes"], "version {version}");
    }
}

#[test]
fn describing_unknown_and_invalid_resources() {
    for version in 1..=4 {
        let missing = describe(version, TOPIC, &fresh_name("missing"), None);
        assert_error(missing.error_code, Code::UnknownTopicOrPartition);
        assert!(missing.configs.is_empty());
        assert_error(describe(version, TOPIC, "a b", None).error_code, Code::InvalidTopicException);
        assert_error(describe(version, BROKER, "not-a-number", None).error_code, Code::InvalidRequest);
        assert_error(describe(version, BROKER, "31337", None).error_code, Code::InvalidRequest);
        assert_error(describe(version, 99, "x", None).error_code, Code::InvalidRequest);
    }
}

#[test]
fn subscriptions_to_metrics_of_clients_are_kept() {
    const CLIENT_METRICS: i8 = 16;
    let name = fresh_name("subscription");
    let alter = |key: &str, value: &str| {
        let config = incremental_alter_configs_request::AlterableConfig::default()
            .with_name(text(key))
            .with_config_operation(SET)
            .with_value(Some(text(value)));
        let resource = incremental_alter_configs_request::AlterConfigsResource::default()
            .with_resource_type(CLIENT_METRICS)
            .with_resource_name(text(&name))
            .with_configs(vec![config]);
        let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
        Connection::open().call(1, &request).responses[0].error_code
    };
    assert_ok(alter("metrics", "org.apache.kafka.producer."));
    assert_ok(alter("match", "client_software_name=Java,client_id=a.*"));
    assert_error(alter("match", "hat=red"), Code::InvalidConfig);
    assert_error(alter("interval.ms", "99"), Code::InvalidRequest);
    assert_error(alter("unknown.config", "1"), Code::InvalidRequest);
    assert_error(describe(4, CLIENT_METRICS, "", None).error_code, Code::InvalidRequest);
    eventually(10_000, "the subscription", || {
        let told = describe(4, CLIENT_METRICS, &name, None);
        assert_ok(told.error_code);
        let of = |key: &str| {
            let config = told.configs.iter().find(|config| config.name.as_str() == key).expect("the setting");
            (config.value.as_ref().map(|value| value.to_string()).unwrap_or_default(), config.config_source)
        };
        assert_eq!((told.configs.len(), of("interval.ms")), (3, ("300000".to_string(), SOURCE_DEFAULT)));
        (of("metrics") == ("org.apache.kafka.producer.".to_string(), 7) && of("match").1 == 7).then_some(())
    });
}

#[test]
fn the_broker_s_settings_have_sources() {
    let node = node_id(&mut Connection::open()).0.to_string();
    for version in 1..=4 {
        let result = describe(version, BROKER, &node, None);
        assert_ok(result.error_code);
        let found: BTreeMap<&str, &DescribeConfigsResourceResult> =
            result.configs.iter().map(|config| (config.name.as_str(), config)).collect();
        for name in ["log.dirs", "listeners", "num.partitions", "message.max.bytes", "auto.create.topics.enable"] {
            assert!(found.contains_key(name), "{name}");
        }
        assert_eq!(found["listeners"].config_source, 4, "given at start");
        assert_eq!(found["message.max.bytes"].config_source, SOURCE_DEFAULT);
        assert!(found["log.dirs"].read_only);
        assert!(!found["message.max.bytes"].read_only, "dynamic");
    }
}

#[test]
fn incremental_set_and_delete() {
    let topic = new_topic(&mut Connection::open(), 1);
    for (version, wanted) in [(0, "1111111"), (1, "2222222")] {
        assert_ok(alter_as(version, &topic.name, &[("retention.ms", SET, Some(wanted))], false));
        becomes(&topic.name, "retention.ms", wanted);
        assert_eq!(setting(&topic.name, "retention.ms").config_source, SOURCE_TOPIC);
    }
    assert_ok(alter(&topic.name, &[("retention.ms", DELETE, None), ("segment.ms", SET, Some("60000"))]));
    becomes(&topic.name, "retention.ms", "604800000");
    becomes(&topic.name, "segment.ms", "60000");
    assert_eq!(setting(&topic.name, "retention.ms").config_source, SOURCE_DEFAULT);
}

#[test]
fn incremental_append_and_subtract_for_lists() {
    let topic = new_topic(&mut Connection::open(), 1);
    assert_ok(alter(&topic.name, &[("cleanup.policy", APPEND, Some("compact"))]));
    eventually(10_000, "both policies", || {
        let value = value(&topic.name, "cleanup.policy");
        (value.contains("compact") && value.contains("delete")).then_some(())
    });
    assert_ok(alter(&topic.name, &[("cleanup.policy", SUBTRACT, Some("delete"))]));
    becomes(&topic.name, "cleanup.policy", "compact");
    assert_error(alter(&topic.name, &[("retention.ms", APPEND, Some("1"))]), Code::InvalidConfig);
    assert_error(alter(&topic.name, &[("retention.ms", SUBTRACT, Some("1"))]), Code::InvalidConfig);
}

#[test]
fn empty_elements_of_lists() {
    let topic = new_topic(&mut Connection::open(), 1);
    assert_ok(alter(&topic.name, &[("cleanup.policy", APPEND, Some("compact,"))]));
    becomes(&topic.name, "cleanup.policy", "delete,compact");
    assert_ok(alter(&topic.name, &[("cleanup.policy", SUBTRACT, Some("delete,,"))]));
    becomes(&topic.name, "cleanup.policy", "compact");
    assert_ok(alter(&topic.name, &[("cleanup.policy", APPEND, Some(","))]));
    assert_error(alter(&topic.name, &[("cleanup.policy", SET, Some("compact,"))]), Code::InvalidConfig);
    assert_error(alter(&topic.name, &[("cleanup.policy", APPEND, Some(",delete"))]), Code::InvalidConfig);
    assert_eq!(value(&topic.name, "cleanup.policy"), "compact");
    for key in ["leader.replication.throttled.replicas", "follower.replication.throttled.replicas"] {
        for wanted in [",", "1:1,1:1", "1:1,,0:2", "*,", "*", ""] {
            assert_ok(alter(&topic.name, &[(key, SET, Some(wanted))]));
            becomes(&topic.name, key, wanted);
        }
        for wanted in ["*,*", "*,1:1", "1:1,x", "1:", ":1"] {
            assert_error(alter(&topic.name, &[(key, SET, Some(wanted))]), Code::InvalidConfig);
        }
    }
}

#[test]
fn ctl_10_more_changes_than_one_operation_takes_are_refused() {
    const GROUP: i8 = 32;
    const KEY: &str = "consumer.session.timeout.ms";
    let names = || (0..10_001).map(|number| text(format!("group-{number}")));
    let setting = incremental_alter_configs_request::AlterableConfig::default()
        .with_name(text(KEY))
        .with_value(Some(text("46000")));
    let resource = incremental_alter_configs_request::AlterConfigsResource::default()
        .with_resource_type(GROUP)
        .with_configs(vec![setting]);
    let resources = names().map(|name| resource.clone().with_resource_name(name)).collect();
    let request = IncrementalAlterConfigsRequest::default().with_resources(resources).with_validate_only(true);
    let answer = Connection::open().call(1, &request);
    assert_eq!(answer.responses.len(), 10_001);
    answer.responses.iter().for_each(|one| assert_error(one.error_code, Code::PolicyViolation));
    let setting =
        alter_configs_request::AlterableConfig::default().with_name(text(KEY)).with_value(Some(text("46000")));
    let resource =
        alter_configs_request::AlterConfigsResource::default().with_resource_type(GROUP).with_configs(vec![setting]);
    let resources = names().map(|name| resource.clone().with_resource_name(name)).collect();
    let request = AlterConfigsRequest::default().with_resources(resources).with_validate_only(true);
    let answer = Connection::open().call(2, &request);
    assert_eq!(answer.responses.len(), 10_001);
    answer.responses.iter().for_each(|one| assert_error(one.error_code, Code::PolicyViolation));
}

#[test]
fn incremental_changes_that_are_refused_change_nothing() {
    let topic = new_topic(&mut Connection::open(), 1);
    for (name, wanted) in [
        ("retention.ms", "soon"),
        ("retention.ms", "-2"),
        ("segment.bytes", "0"),
        ("cleanup.policy", "shred"),
        ("no.such.setting", "1"),
        ("min.insync.replicas", "0"),
        ("compression.type", ""),
    ] {
        for version in 0..=1 {
            let code =
                alter_as(version, &topic.name, &[("segment.ms", SET, Some("77777")), (name, SET, Some(wanted))], false);
            assert!(code == Code::InvalidConfig.code(), "{name}={wanted}: {}", code_name(code));
        }
    }
    assert_eq!(value(&topic.name, "segment.ms"), "604800000", "all or nothing");
    let unknown = alter(&topic.name, &[("retention.ms", 9, Some("1"))]);
    assert_error(unknown, if on_kafka() { Code::UnknownServerError } else { Code::InvalidRequest });
    let twice = alter(&topic.name, &[("retention.ms", SET, Some("1")), ("retention.ms", SET, Some("2"))]);
    assert_error(twice, Code::InvalidRequest);
    let null = alter(&topic.name, &[("retention.ms", SET, None)]);
    assert_error(null, Code::InvalidRequest);
}

#[test]
fn incremental_validate_only() {
    let topic = new_topic(&mut Connection::open(), 1);
    for version in 0..=1 {
        assert_ok(alter_as(version, &topic.name, &[("retention.ms", SET, Some("5"))], true));
        assert_error(alter_as(version, &topic.name, &[("retention.ms", SET, Some("x"))], true), Code::InvalidConfig);
    }
    assert_eq!(value(&topic.name, "retention.ms"), "604800000");
}

#[test]
fn altering_an_unknown_topic() {
    let name = fresh_name("missing");
    for version in 0..=1 {
        let code = alter_as(version, &name, &[("retention.ms", SET, Some("5"))], false);
        assert_error(code, Code::UnknownTopicOrPartition);
    }
    for version in 0..=2 {
        assert_error(replace(version, &name, &[("retention.ms", Some("5"))], false), Code::UnknownTopicOrPartition);
    }
}

#[test]
fn alter_configs_replaces_everything() {
    let topic = new_topic_with(&mut Connection::open(), 1, &[("segment.ms", "60000"), ("retention.ms", "70000")]);
    for (version, wanted) in [(0, "80000"), (1, "90000"), (2, "95000")] {
        assert_ok(replace(version, &topic.name, &[("retention.ms", Some(wanted))], false));
        becomes(&topic.name, "retention.ms", wanted);
        assert_eq!(value(&topic.name, "segment.ms"), "604800000", "what is not named is the default again");
        assert_ok(replace(version, &topic.name, &[("segment.ms", Some("60000"))], false));
        becomes(&topic.name, "segment.ms", "60000");
    }
    assert_ok(replace(2, &topic.name, &[], false));
    becomes(&topic.name, "segment.ms", "604800000");
}

#[test]
fn alter_configs_that_are_refused_or_only_tried_change_nothing() {
    let topic = new_topic_with(&mut Connection::open(), 1, &[("segment.ms", "60000")]);
    for version in 0..=2 {
        assert_error(replace(version, &topic.name, &[("retention.ms", Some("x"))], false), Code::InvalidConfig);
        assert_error(replace(version, &topic.name, &[("no.such.setting", Some("x"))], false), Code::InvalidConfig);
        assert_ok(replace(version, &topic.name, &[("retention.ms", Some("5"))], true));
        assert_eq!(value(&topic.name, "segment.ms"), "60000");
        assert_eq!(value(&topic.name, "retention.ms"), "604800000");
    }
}

#[test]
fn a_changed_limit_is_obeyed() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let batch = Batch::of(&[&"x".repeat(2_000)]).encode();
    assert_ok(produce(&mut connection, &topic, batch.clone()).error_code);
    assert_ok(alter(&topic.name, &[("max.message.bytes", SET, Some("1000"))]));
    eventually(10_000, "the limit holds", || {
        let code = produce(&mut connection, &topic, batch.clone()).error_code;
        (code == Code::MessageTooLarge.code()).then_some(())
    });
    assert_ok(alter(&topic.name, &[("max.message.bytes", DELETE, None)]));
    eventually(10_000, "the limit is gone", || {
        (produce(&mut connection, &topic, batch.clone()).error_code == 0).then_some(())
    });
}

#[test]
fn altering_what_is_no_topic_s_name() {
    for version in 0..=1 {
        for (name, code) in [("", Code::InvalidRequest), ("a b", Code::InvalidTopicException)] {
            assert_error(alter_as(version, name, &[("retention.ms", SET, Some("1"))], false), code);
            assert_error(replace(version, name, &[("retention.ms", Some("1"))], false), code);
            assert_error(replace(version, name, &[], true), code);
        }
        // The change is looked at before the name, its values after it.
        for (change, code) in [
            (("flush.messages", APPEND, Some("1")), Code::InvalidConfig),
            (("retention.ms", SUBTRACT, Some("1")), Code::InvalidConfig),
            (("retention.ms", SET, None), Code::InvalidRequest),
            (("retention.ms", SET, Some("x")), Code::InvalidTopicException),
            (("no.such.setting", SET, Some("1")), Code::InvalidTopicException),
        ] {
            assert_error(alter_as(version, "a b", &[change], true), code);
        }
        assert_error(alter_as(version, "", &[("flush.messages", APPEND, Some("1"))], true), Code::InvalidConfig);
    }
}

#[test]
fn loggers_and_metrics_of_clients_are_described() {
    const LOGGERS: i8 = 8;
    const CLIENT_METRICS: i8 = 16;
    const SOURCE_LOGGER: i8 = 6;
    let node = node_id(&mut Connection::open()).0;
    for version in 1..=4 {
        let loggers = describe(version, LOGGERS, &node.to_string(), None);
        assert_ok(loggers.error_code);
        let root =
            loggers.configs.iter().find(|logger| logger.name.as_str() == "root").expect("the root of all loggers");
        let level = root.value.as_ref().expect("a level").as_str();
        assert!(["FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE", "OFF"].contains(&level), "{level}");
        assert_eq!(root.config_source, SOURCE_LOGGER);
        let metrics = describe(version, CLIENT_METRICS, &fresh_name("subscription"), None);
        assert_ok(metrics.error_code);
        let mut names: Vec<&str> = metrics.configs.iter().map(|entry| entry.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["interval.ms", "match", "metrics"]);
        assert!(metrics.configs.iter().all(|entry| entry.config_source == SOURCE_DEFAULT));
        for (kind, name) in [(LOGGERS, ""), (LOGGERS, "x"), (LOGGERS, "77"), (CLIENT_METRICS, "")] {
            assert_error(describe(version, kind, name, None).error_code, Code::InvalidRequest);
        }
    }
}
