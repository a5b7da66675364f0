//! What DescribeConfigs tells of loggers, although nobody can change them here.
use super::{ConfigSource, DescribedSetting};
use crate::config::setting::ValueKind;

/// The loggers of this broker: there is one, and `level` is the most it writes down.
pub fn describe_loggers(level: &str) -> Vec<DescribedSetting> {
    let value = level.to_uppercase();
    vec![setting("root", &value, ConfigSource::DynamicBrokerLogger, ValueKind::String, "What is logged.")]
}

fn setting(name: &str, value: &str, source: ConfigSource, kind: ValueKind, doc: &'static str) -> DescribedSetting {
    DescribedSetting {
        name: name.to_owned(),
        value: Some(value.to_owned()),
        source,
        is_sensitive: false,
        read_only: true,
        type_code: kind.code(),
        doc: Some(doc),
        synonyms: Vec::new(),
    }
}
