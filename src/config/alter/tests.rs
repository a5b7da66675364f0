//! Changes against what Apache Kafka 4.3.1 answered to the same ones, and the rules one by one.
use super::*;
use crate::config::topic::validate_topic;

const ANSWERS: &str = include_str!("kafka-4.3.1.tsv");

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|&(key, text)| (key.to_owned(), text.to_owned())).collect()
}

fn alteration(operation: &str, key: &str, value: &str) -> Alteration {
    let code = ["SET", "DELETE", "APPEND", "SUBTRACT"].iter().position(|name| *name == operation).unwrap();
    Alteration::from_wire(key, code as i8, Some(value)).unwrap()
}

fn change_topic(current: &mut BTreeMap<String, String>, change: Alteration) -> Result<(), String> {
    let changed = apply(Scope::Topic, current, &[change]).map_err(|error| error.to_string())?;
    validate_topic(&RawSettings::default(), &changed).map_err(|error| error.to_string())?;
    *current = changed;
    Ok(())
}

fn change_broker(
    current: &mut BTreeMap<String, String>,
    raw: &RawSettings,
    per_broker: bool,
    change: Alteration,
) -> Result<(), String> {
    let changed = apply(Scope::Broker, current, &[change]).map_err(|error| error.to_string())?;
    check_broker(raw, &changed, per_broker).map_err(|error| error.to_string())?;
    *current = changed;
    Ok(())
}

#[test]
fn changes_are_answered_as_by_kafka() {
    let mut topic = map(&[("cleanup.policy", "compact,delete"), ("min.cleanable.dirty.ratio", "0.10")]);
    let mut cluster = map(&[("log.retention.ms", "86400001")]);
    let mut own = map(&[("log.retention.ms", "5000")]);
    let mut compared = 0;
    for line in ANSWERS.lines().filter(|line| !line.starts_with('#')) {
        let [resource, operation, key, value, answer] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("five columns: {line}")
        };
        let raw = RawSettings::default().with_dynamic(&cluster, &own);
        let change = alteration(operation, key, value);
        let ours = match resource {
            "topic" => change_topic(&mut topic, change),
            "cluster" => change_broker(&mut cluster, &raw, false, change),
            _ => change_broker(&mut own, &raw, true, change),
        };
        assert_eq!(ours.err().unwrap_or_else(|| "ok".into()), answer, "{line}");
        compared += 1;
    }
    assert!(compared > 90, "the recording is complete");
}

#[test]
fn elements_are_added_once_and_taken_out_once() {
    let key = "follower.replication.throttled.replicas";
    let one = apply(Scope::Topic, &BTreeMap::new(), &[alteration("APPEND", key, "0:1")]).unwrap();
    let two = apply(Scope::Topic, &one, &[alteration("APPEND", key, "0:2,0:1")]).unwrap();
    assert_eq!(two, map(&[(key, "0:1,0:2")]));
    let left = apply(Scope::Topic, &two, &[alteration("SUBTRACT", key, "0:1,9:9")]).unwrap();
    assert_eq!(left, map(&[(key, "0:2")]));
}

#[test]
fn a_list_that_is_not_set_starts_from_its_default() {
    let changed = apply(Scope::Topic, &BTreeMap::new(), &[alteration("APPEND", "cleanup.policy", "compact")]);
    assert_eq!(changed.unwrap(), map(&[("cleanup.policy", "delete,compact")]));
}

#[test]
fn one_failure_changes_nothing_and_is_named() {
    let current = map(&[("retention.ms", "1")]);
    let twice = [alteration("SET", "retention.ms", "2"), alteration("SET", "retention.ms", "3")];
    assert_eq!(apply(Scope::Topic, &current, &twice), Err(AlterError::Duplicate));
    let long = [alteration("SET", "cleanup.policy", &"x".repeat(TEXT_LENGTH_MAX + 1))];
    assert_eq!(apply(Scope::Topic, &current, &long), Err(AlterError::TooLong));
    assert!(AlterError::TooLong.is_invalid_config());
    let missing = Alteration::from_wire("retention.ms", 0, None).unwrap_err();
    assert_eq!(missing.to_string(), "Null value not supported for : retention.ms");
    assert!(!missing.is_invalid_config());
    let unknown = Alteration::from_wire("retention.ms", 9, None).unwrap_err();
    assert_eq!(unknown.to_string(), "Unknown operations type 9");
}

#[test]
fn a_dynamic_value_the_node_could_not_start_with_is_refused() {
    let error = check_broker(&RawSettings::default(), &map(&[("log.retention.ms", "0")]), true).unwrap_err();
    assert_eq!(error.to_string(), "log.retention.ms must be unlimited (-1) or at least 1, but is 0");
}
