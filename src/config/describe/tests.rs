//! DescribeConfigs against what Apache Kafka 4.3.1 answered with the same settings.
use super::*;
use crate::config::raw::{RawValue, Source};
use crate::config::setting::ValueKind;

const ANSWERS: &str = include_str!("kafka-4.3.1.tsv");

/// Settings whose default is ours, so their last synonym differs.
const OUR_DEFAULTS: &[&str] =
    &["broker.id", "controller.listener.names", "listeners", "log.dir", "node.id", "process.roles"];

fn rows(of: &str) -> Vec<Vec<&'static str>> {
    let split = |line: &'static str| line.split('\t').collect::<Vec<_>>();
    ANSWERS.lines().map(split).filter(|row| row[0] == of).collect()
}

fn pairs(of: &str) -> BTreeMap<String, String> {
    rows(of).into_iter().map(|row| (row[1].to_owned(), row[2].to_owned())).collect()
}

fn started() -> RawSettings {
    let fixed = pairs("static").into_iter().map(|(key, text)| (key, RawValue { text, source: Source::Flag }));
    RawSettings::new(fixed.collect()).with_dynamic(&pairs("cluster"), &BTreeMap::new())
}

fn changed() -> RawSettings {
    let mut cluster = pairs("cluster");
    cluster.extend(pairs("late-cluster"));
    started().with_dynamic(&cluster, &pairs("own"))
}

fn source_name(source: ConfigSource) -> &'static str {
    match source {
        ConfigSource::DynamicTopic => "DYNAMIC_TOPIC_CONFIG",
        ConfigSource::DynamicBroker => "DYNAMIC_BROKER_CONFIG",
        ConfigSource::DynamicDefaultBroker => "DYNAMIC_DEFAULT_BROKER_CONFIG",
        ConfigSource::StaticBroker => "STATIC_BROKER_CONFIG",
        ConfigSource::Default => "DEFAULT_CONFIG",
        ConfigSource::DynamicBrokerLogger => "DYNAMIC_BROKER_LOGGER_CONFIG",
        ConfigSource::DynamicClientMetrics => "DYNAMIC_CLIENT_METRICS_CONFIG",
        ConfigSource::DynamicGroup => "DYNAMIC_GROUP_CONFIG",
    }
}

fn kind_name(code: i8) -> &'static str {
    let kinds = [
        ValueKind::Boolean,
        ValueKind::String,
        ValueKind::Int,
        ValueKind::Short,
        ValueKind::Long,
        ValueKind::Double,
        ValueKind::List,
        ValueKind::Class,
        ValueKind::Password,
    ];
    kinds.into_iter().find(|kind| kind.code() == code).map_or("UNKNOWN", ValueKind::name)
}

/// An entry in the words of the recording.
fn line(entry: &DescribedSetting) -> String {
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "(null)".into());
    let synonyms: Vec<String> = entry
        .synonyms
        .iter()
        .filter(|synonym| synonym.source != ConfigSource::Default || !OUR_DEFAULTS.contains(&synonym.name.as_str()))
        .map(|synonym| format!("{}={}@{}", synonym.name, shown(&synonym.value), source_name(synonym.source)))
        .collect();
    let flag = |is: bool, name: &'static str| if is { name } else { "-" };
    [
        &entry.name,
        &shown(&entry.value),
        source_name(entry.source),
        flag(entry.is_sensitive, "sensitive"),
        flag(entry.read_only, "read-only"),
        kind_name(entry.type_code),
        &synonyms.join(";"),
    ]
    .join("\t")
}

/// The recorded line without the default of a setting whose default is ours.
fn recorded(row: &[&str]) -> String {
    let keep = |synonym: &&str| {
        let name = synonym.split('=').next().unwrap_or_default();
        !synonym.ends_with("@DEFAULT_CONFIG") || !OUR_DEFAULTS.contains(&name)
    };
    let synonyms: Vec<&str> = row[7].split(';').filter(keep).collect();
    [&row[1..7], &[&synonyms.join(";")]].concat().join("\t")
}

fn compare(of: &str, ours: &[DescribedSetting]) {
    let ours: BTreeMap<&str, String> = ours.iter().map(|entry| (entry.name.as_str(), line(entry))).collect();
    let kafkas: BTreeMap<&str, String> = rows(of).into_iter().map(|row| (row[1], recorded(&row))).collect();
    assert!(!kafkas.is_empty(), "the recording has no {of}");
    for (name, expected) in &kafkas {
        if *name != "log.dir" {
            assert_eq!(ours.get(name), Some(expected), "{of}");
        }
    }
    let only_ours: Vec<&&str> = ours.keys().filter(|name| !kafkas.contains_key(*name)).collect();
    assert!(only_ours.is_empty() || of == "dynamic-broker", "{of}: Kafka does not list {only_ours:?}");
}

fn override_topic() -> BTreeMap<String, String> {
    let overrides =
        [("cleanup.policy", "compact,delete"), ("min.cleanable.dirty.ratio", "0.10"), ("retention.ms", "1000")];
    overrides.into_iter().map(|(key, text)| (key.to_owned(), text.to_owned())).collect()
}

#[test]
fn a_topic_reads_as_on_kafka() {
    compare("plain-topic", &describe_topic(&started(), &BTreeMap::new()));
    let segment = BTreeMap::from([("segment.bytes".to_owned(), "3145728".to_owned())]);
    compare("dynamic-topic", &describe_topic(&changed(), &segment));
    compare("override-topic", &describe_topic(&changed(), &override_topic()));
}

#[test]
fn a_broker_reads_as_on_kafka() {
    compare("plain-broker", &describe_broker(&started()));
}

#[test]
fn a_broker_changed_at_run_time_reads_as_on_kafka() {
    compare("dynamic-broker", &describe_broker(&changed()));
    compare("default-broker", &describe_cluster(&changed()));
}

#[test]
fn a_hidden_setting_shows_once_it_is_set() {
    let named = |overrides: &BTreeMap<String, String>| {
        describe_topic(&RawSettings::default(), overrides).into_iter().any(|entry| entry.name == "ottla.sync")
    };
    assert!(!named(&BTreeMap::new()));
    assert!(named(&BTreeMap::from([("ottla.sync".to_owned(), "page-cache".to_owned())])));
}
