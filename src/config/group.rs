//! Settings of one group (KIP-1160's GROUP resource): which there are, what they may be, and what DescribeConfigs says.
use crate::config::describe::{ConfigSource, DescribedSetting, DescribedSynonym, broker_synonyms};
use crate::config::raw::RawSettings;
use crate::config::setting::Setting;
use crate::config::table;
use crate::config::value::{InvalidValue, Value};
use std::collections::BTreeMap;

/// Why a group may not have these settings.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum GroupConfigError {
    #[error("Unknown group config name: {0}")]
    Unknown(String),
    #[error(transparent)]
    Value(#[from] InvalidValue),
    #[error("{name} must be greater than or equal to {bound}")]
    TooSmall { name: &'static str, bound: String },
    #[error("{name} must be less than or equal to {bound}")]
    TooLarge { name: &'static str, bound: String },
    #[error("{timeout} must be greater than {interval}")]
    SessionWithinHeartbeat { timeout: String, interval: String },
}

/// May a group on this broker have these settings? The broker's own limits are `group.consumer.min.*` and so on.
///
/// # Errors
/// An unknown name, no such value, one beyond the limits, a session that ends before its next heartbeat.
pub fn validate_group(raw: &RawSettings, settings: &BTreeMap<String, String>) -> Result<(), GroupConfigError> {
    if let Some(name) = settings.keys().find(|name| table::group(name).is_none()) {
        return Err(GroupConfigError::Unknown(name.clone()));
    }
    for (name, text) in settings {
        let Some(setting) = table::group(name) else { continue };
        if let Value::Int(value) = Value::parse(setting, text)? {
            check_bounds(raw, setting.name, value)?;
        }
    }
    for kind in ["consumer", "share", "streams"] {
        let (timeout, interval) = (format!("{kind}.session.timeout.ms"), format!("{kind}.heartbeat.interval.ms"));
        let in_force = |name: &String| match settings.get(name) {
            Some(text) => text.trim().parse::<i32>().ok(),
            None => broker_int(raw, &format!("group.{name}")),
        };
        let touched = settings.contains_key(&timeout) || settings.contains_key(&interval);
        if touched && in_force(&timeout) <= in_force(&interval) {
            return Err(GroupConfigError::SessionWithinHeartbeat { timeout, interval });
        }
    }
    Ok(())
}

fn check_bounds(raw: &RawSettings, name: &'static str, value: i32) -> Result<(), GroupConfigError> {
    let Some((kind, rest)) = name.split_once('.') else { return Ok(()) };
    // `streams.num.standby.replicas` has its bound under a shorter name.
    let rest = rest.strip_prefix("num.").unwrap_or(rest);
    let bound = |end: &str| format!("group.{kind}.{end}.{rest}");
    if broker_int(raw, &bound("min")).is_some_and(|min| value < min) {
        return Err(GroupConfigError::TooSmall { name, bound: bound("min") });
    }
    if broker_int(raw, &bound("max")).is_some_and(|max| value > max) {
        return Err(GroupConfigError::TooLarge { name, bound: bound("max") });
    }
    Ok(())
}

fn broker_int(raw: &RawSettings, name: &str) -> Option<i32> {
    match raw.value(table::broker(name)?) {
        Ok(Some(Value::Int(value))) => Some(value),
        _ => None,
    }
}

/// All settings of a group with `overrides`, by name.
pub fn describe_group(raw: &RawSettings, overrides: &BTreeMap<String, String>) -> Vec<DescribedSetting> {
    table::groups().map(|setting| entry(raw, overrides, setting)).collect()
}

fn entry(raw: &RawSettings, overrides: &BTreeMap<String, String>, setting: &'static Setting) -> DescribedSetting {
    let name = setting.name;
    let behind = table::broker(&format!("group.{name}"));
    let mut synonyms = Vec::new();
    if let Some(text) = overrides.get(name) {
        let value = Value::parse(setting, text).map_or_else(|_| text.clone(), |value| value.render());
        let (name, value) = (name.to_owned(), Some(value));
        synonyms.push(DescribedSynonym { name, value, source: ConfigSource::DynamicGroup });
    }
    match behind {
        Some(behind) => synonyms.extend(broker_synonyms(raw, behind.name, false)),
        None => {
            let value = setting.default.map(str::to_owned);
            synonyms.push(DescribedSynonym { name: name.to_owned(), value, source: ConfigSource::Default });
        }
    }
    let first = synonyms.first();
    DescribedSetting {
        name: name.to_owned(),
        value: first.and_then(|synonym| synonym.value.clone()),
        source: first.map_or(ConfigSource::Default, |synonym| synonym.source),
        is_sensitive: false,
        read_only: false,
        type_code: setting.kind.code(),
        doc: Some(setting.doc),
        synonyms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(settings: &[(&str, &str)]) -> Result<(), String> {
        let settings = settings.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        validate_group(&RawSettings::default(), &settings).map_err(|fault| fault.to_string())
    }

    #[test]
    fn values_keep_within_the_brokers_bounds() {
        assert_eq!(check(&[("consumer.session.timeout.ms", "50000")]), Ok(()));
        assert_eq!(check(&[("streams.num.standby.replicas", "2"), ("share.auto.offset.reset", "earliest")]), Ok(()));
        let refused = [
            ("nothing", "1", "Unknown group config name: nothing"),
            ("consumer.session.timeout.ms", "0", "Value must be at least 1"),
            ("consumer.session.timeout.ms", "100", "greater than or equal to group.consumer.min.session.timeout.ms"),
            ("consumer.session.timeout.ms", "90000", "less than or equal to group.consumer.max.session.timeout.ms"),
            ("consumer.heartbeat.interval.ms", "x", "consumer.heartbeat.interval.ms"),
            ("streams.num.standby.replicas", "3", "group.streams.max.standby.replicas"),
            ("share.isolation.level", "some", "share.isolation.level"),
        ];
        for (name, value, why) in refused {
            let told = check(&[(name, value)]).unwrap_err();
            assert!(told.contains(why), "{name}={value}: {told}");
        }
    }

    #[test]
    fn a_session_is_longer_than_its_heartbeat() {
        let raw = RawSettings::default();
        let bounds =
            [("group.consumer.min.session.timeout.ms", "1"), ("group.consumer.min.heartbeat.interval.ms", "1")];
        let bounds = bounds.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let raw = raw.with_dynamic(&bounds, &BTreeMap::new());
        let set = |value: &str| BTreeMap::from([("consumer.session.timeout.ms".to_owned(), value.to_owned())]);
        assert_eq!(validate_group(&raw, &set("5001")), Ok(()));
        assert!(matches!(validate_group(&raw, &set("5000")), Err(GroupConfigError::SessionWithinHeartbeat { .. })));
    }

    #[test]
    fn a_group_shows_its_own_values_over_the_brokers() {
        let set = BTreeMap::from([("consumer.session.timeout.ms".to_owned(), "50000".to_owned())]);
        let described = describe_group(&RawSettings::default(), &set);
        assert_eq!(described.len(), 17, "all of Apache Kafka 4.3");
        let of = |name: &str| described.iter().find(|setting| setting.name == name).unwrap();
        let own = of("consumer.session.timeout.ms");
        assert_eq!((own.value.as_deref(), own.source), (Some("50000"), ConfigSource::DynamicGroup));
        assert_eq!((own.synonyms.len(), own.synonyms[1].value.as_deref()), (2, Some("45000")));
        let broker = of("consumer.heartbeat.interval.ms");
        assert_eq!((broker.value.as_deref(), broker.source), (Some("5000"), ConfigSource::Default));
        assert_eq!(broker.synonyms[0].name, "group.consumer.heartbeat.interval.ms");
        assert_eq!(of("share.auto.offset.reset").value.as_deref(), Some("latest"));
    }
}
