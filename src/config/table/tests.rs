//! The table itself: complete, consistent, and telling the truth about what is used.
use super::*;
use crate::config::setting::Dynamic;
use crate::config::value::Value;

fn every_row() -> impl Iterator<Item = (Scope, &'static Setting)> {
    [Scope::Broker, Scope::Topic].into_iter().flat_map(|scope| all(scope).map(move |setting| (scope, setting)))
}

#[test]
fn every_key_of_kafka_4_3_is_there() {
    // 360 keys of Kafka, three throttles and five quotas of its dynamic settings, nine of ours; 34 of topics and one of ours.
    assert_eq!(all(Scope::Broker).count(), 360 + 3 + 5 + 9);
    assert_eq!(all(Scope::Topic).count(), 34 + 1);
}

#[test]
fn every_default_is_a_value_of_its_setting() {
    for (scope, setting) in every_row() {
        if let Some(text) = setting.default {
            let value = Value::parse(setting, text).unwrap_or_else(|error| panic!("{scope:?}: {error}"));
            assert_eq!(value.render(), text, "{} is written as it is shown", setting.name);
        }
    }
}

#[test]
fn every_setting_is_explained_in_one_line() {
    for (_, setting) in every_row() {
        assert!(setting.doc.len() > 10 && setting.doc.len() <= 120, "{}: {}", setting.name, setting.doc);
        assert!(setting.doc.ends_with(['.', '?']), "{}: {}", setting.name, setting.doc);
        assert!(!setting.doc.contains(['|', '\n']), "{} would break its table", setting.name);
    }
}

#[test]
fn every_synonym_has_a_row_of_a_fitting_type() {
    for setting in all(Scope::Topic) {
        for synonym in broker_synonyms_of_topic(setting.name) {
            let row = broker(synonym.broker).unwrap_or_else(|| panic!("{} has no row", synonym.broker));
            assert!(synonym.factor > 1 || row.kind == setting.kind, "{} for {}", row.name, setting.name);
        }
        if let Some(first) = broker_synonyms_of_topic(setting.name).first() {
            let row = broker(first.broker).unwrap();
            assert!(row.dynamic == Dynamic::ClusterWide || row.name == "ottla.sync", "{} can change", row.name);
            assert_eq!(row.effect, setting.effect, "{} and {} have one effect", row.name, setting.name);
        }
    }
}

#[test]
fn hidden_keys_exist_and_foreign_ones_do_not() {
    for name in SHOWN_ONLY_WHEN_SET {
        assert!(broker(name).is_some() || topic(name).is_some(), "{name}");
    }
    for (_, setting) in every_row() {
        assert!(foreign(setting.name).is_none(), "{} is both known and foreign", setting.name);
    }
}

#[test]
fn a_listener_key_has_its_base() {
    assert_eq!(listener_key_base("listener.name.external.max.connections"), Some("max.connections"));
    assert_eq!(listener_key_base("listener.name.a.scram-sha-256.sasl.jaas.config"), Some("sasl.jaas.config"));
    assert_eq!(listener_key_base("max.connections"), None);
    assert_eq!(listener_key_base("listener.name.x"), None);
}
