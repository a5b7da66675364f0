//! Resources that DescribeConfigs knows although nobody can change them here: what is logged, and metrics of clients.
use super::{ConfigSource, DescribedSetting};
use crate::config::setting::ValueKind;

/// The loggers of this broker: there is one, and `level` is the most it writes down.
pub fn describe_loggers(level: &str) -> Vec<DescribedSetting> {
    let value = level.to_uppercase();
    vec![setting("root", &value, ConfigSource::DynamicBrokerLogger, ValueKind::String, "What is logged.")]
}

/// A subscription to metrics of clients (KIP-714), as it is until somebody changes it.
pub fn describe_client_metrics() -> Vec<DescribedSetting> {
    let setting = |name, value, kind, doc| setting(name, value, ConfigSource::Default, kind, doc);
    vec![
        setting("interval.ms", "300000", ValueKind::Int, "How often clients send their metrics."),
        setting("match", "", ValueKind::List, "Which clients send metrics."),
        setting("metrics", "", ValueKind::List, "Which metrics they send, by the beginnings of their names."),
    ]
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
