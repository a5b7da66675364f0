//! Settings of one subscription to metrics of clients (KIP-714): what they may be, and what DescribeConfigs says.
use crate::config::describe::{ConfigSource, DescribedSetting, DescribedSynonym};
use crate::config::table;
use crate::config::value::{InvalidValue, Value};
use std::collections::BTreeMap;

const INTERVAL: &str = "interval.ms";
const INTERVAL_MS_MIN: i32 = 100;
const INTERVAL_MS_MAX: i32 = 3_600_000;
const MATCH: &str = "match";
/// What clients can be told apart by.
const PROPERTIES: &[&str] = &[
    "client_id",
    "client_instance_id",
    "client_software_name",
    "client_software_version",
    "client_source_address",
    "client_source_port",
];

/// Why a subscription may not have these settings.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum ClientMetricsError {
    #[error("Subscription name can't be empty")]
    Nameless,
    #[error("Unknown client metrics configuration: {0}")]
    Unknown(String),
    #[error("Invalid value {0} for interval.ms, interval must be between 100 and 3600000 (1 hour)")]
    Interval(i32),
    #[error("Illegal client matching pattern: {0}")]
    Pattern(String),
    #[error(transparent)]
    Value(#[from] InvalidValue),
}

/// May the subscription of this name have these settings?
///
/// # Errors
/// No name, an unknown setting, no such value.
pub fn validate_client_metrics(name: &str, settings: &BTreeMap<String, String>) -> Result<(), ClientMetricsError> {
    if name.is_empty() {
        return Err(ClientMetricsError::Nameless);
    }
    if let Some(unknown) = settings.keys().find(|name| table::client_metrics(name).is_none()) {
        return Err(ClientMetricsError::Unknown(unknown.clone()));
    }
    for (name, text) in settings {
        let Some(setting) = table::client_metrics(name) else { continue };
        match Value::parse(setting, text)? {
            Value::Int(ms) if name == INTERVAL && !(INTERVAL_MS_MIN..=INTERVAL_MS_MAX).contains(&ms) => {
                return Err(ClientMetricsError::Interval(ms));
            }
            Value::List(patterns) if name == MATCH => patterns.into_iter().try_for_each(check_pattern)?,
            _ => {}
        }
    }
    Ok(())
}

fn check_pattern(text: String) -> Result<(), ClientMetricsError> {
    let is_pattern = match text.split('=').collect::<Vec<_>>()[..] {
        [property, pattern] => PROPERTIES.contains(&property.trim()) && regex::Regex::new(pattern.trim()).is_ok(),
        _ => false,
    };
    if is_pattern { Ok(()) } else { Err(ClientMetricsError::Pattern(text)) }
}

/// All settings of a subscription with `overrides`, by name.
pub fn describe_client_metrics(overrides: &BTreeMap<String, String>) -> Vec<DescribedSetting> {
    let entry = |setting: &'static crate::config::setting::Setting| {
        let set = overrides.get(setting.name);
        let text = set.map(String::as_str).or(setting.default).unwrap_or_default();
        let value = Value::parse(setting, text).map_or_else(|_| text.to_owned(), |value| value.render());
        let synonym = |source| DescribedSynonym { name: setting.name.into(), value: Some(value.clone()), source };
        DescribedSetting {
            name: setting.name.to_owned(),
            source: set.map_or(ConfigSource::Default, |_| ConfigSource::DynamicClientMetrics),
            is_sensitive: false,
            read_only: false,
            type_code: setting.kind.code(),
            doc: Some(setting.doc),
            synonyms: set.map(|_| synonym(ConfigSource::DynamicClientMetrics)).into_iter().collect(),
            value: Some(value),
        }
    };
    table::all_client_metrics().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(settings: &[(&str, &str)]) -> BTreeMap<String, String> {
        settings.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    #[test]
    fn values_are_those_of_apache_kafka() {
        let check = |name: &str, value: &str| validate_client_metrics("all", &set(&[(name, value)]));
        for (name, value) in [
            ("interval.ms", "100"),
            ("interval.ms", "3600000"),
            ("metrics", ""),
            ("metrics", "*"),
            ("metrics", "org.apache.kafka.producer.,org.apache.kafka.consumer."),
            ("match", "client_software_name=Java, client_software_version = 11.1.*"),
        ] {
            assert_eq!(check(name, value), Ok(()), "{name}={value}");
        }
        assert_eq!(check("interval.ms", "99"), Err(ClientMetricsError::Interval(99)));
        assert!(matches!(check("interval.ms", "often"), Err(ClientMetricsError::Value(_))));
        assert_eq!(check("unknown.config", "1"), Err(ClientMetricsError::Unknown("unknown.config".into())));
        for pattern in ["client_id", "client_id=a=b", "hat=red", "client_id=["] {
            assert_eq!(check("match", pattern), Err(ClientMetricsError::Pattern(pattern.into())));
        }
        assert_eq!(validate_client_metrics("", &set(&[])), Err(ClientMetricsError::Nameless));
    }

    #[test]
    fn what_is_set_has_its_source_and_the_rest_its_default() {
        let described = describe_client_metrics(&set(&[("metrics", "org.apache")]));
        let of = |name: &str| described.iter().find(|setting| setting.name == name).expect("a setting");
        assert_eq!(described.len(), 3);
        assert_eq!((of("interval.ms").value.as_deref(), of("interval.ms").source.code()), (Some("300000"), 5));
        assert!(of("interval.ms").synonyms.is_empty());
        let metrics = of("metrics");
        assert_eq!((metrics.value.as_deref(), metrics.source.code()), (Some("org.apache"), 7));
        assert_eq!(metrics.synonyms.len(), 1);
    }
}
