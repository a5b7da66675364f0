//! Values as they were given, each with where it came from; the layers of one broker put together.
use crate::config::setting::{Scope, Setting};
use crate::config::table;
use crate::config::value::{InvalidValue, Value};
use std::{collections::BTreeMap, fmt, sync::Arc};

/// Where a static value was given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    File {
        name: Arc<str>,
        line: u32,
    },
    Environment {
        variable: String,
    },
    Flag,
    /// Follows from another key, for example `broker.id` from `node.id`.
    Derived {
        from: &'static str,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::File { name, line } => write!(f, "{name}:{line}"),
            Source::Environment { variable } => write!(f, "environment variable {variable}"),
            Source::Flag => write!(f, "--override"),
            Source::Derived { from } => write!(f, "from {from}"),
        }
    }
}

/// A text and its source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RawValue {
    pub text: String,
    pub source: Source,
}

/// Everything that was set on one broker: by file, environment and flags (static), for the whole cluster and for this
/// broker at run time (dynamic). Only keys that somebody set are in it; defaults stand in the table.
#[derive(Clone, Default, Debug)]
pub struct RawSettings {
    fixed: BTreeMap<String, RawValue>,
    cluster: BTreeMap<String, String>,
    own: BTreeMap<String, String>,
    effective: BTreeMap<String, String>,
}

impl RawSettings {
    /// Static values alone.
    pub fn new(mut fixed: BTreeMap<String, RawValue>) -> RawSettings {
        // Kafka reports both names of the broker's number once one of them is set.
        for (from, to) in [("node.id", "broker.id"), ("broker.id", "node.id")] {
            if let Some(value) = fixed.get(from).filter(|_| !fixed.contains_key(to)) {
                let derived = RawValue { text: value.text.clone(), source: Source::Derived { from } };
                fixed.insert(to.into(), derived);
                break;
            }
        }
        let effective = fixed.iter().map(|(key, value)| (key.clone(), value.text.clone())).collect();
        RawSettings { fixed, cluster: BTreeMap::new(), own: BTreeMap::new(), effective }
    }

    /// The same static values under other dynamic ones: `cluster` for every broker, `own` for this one. A dynamic value
    /// also beats static values given under a synonym, in `log.roll.hours` for `log.roll.ms` for example.
    pub fn with_dynamic(&self, cluster: &BTreeMap<String, String>, own: &BTreeMap<String, String>) -> RawSettings {
        let mut effective: BTreeMap<String, String> =
            self.fixed.iter().map(|(key, value)| (key.clone(), value.text.clone())).collect();
        for (key, text) in cluster.iter().chain(own) {
            for synonym in table::broker_synonyms(key, false) {
                effective.remove(&synonym);
            }
            effective.insert(key.clone(), text.clone());
        }
        RawSettings { fixed: self.fixed.clone(), cluster: cluster.clone(), own: own.clone(), effective }
    }

    /// The text in force for a key, without defaults.
    pub fn given(&self, name: &str) -> Option<&str> {
        self.effective.get(name).map(String::as_str)
    }

    /// The text in force for a key: given, or the table's default.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.given(name).or_else(|| table::broker(name).and_then(|setting| setting.default))
    }

    /// The value in force for a key; `None` where there is neither a value nor a default.
    pub fn value(&self, setting: &Setting) -> Result<Option<Value>, InvalidValue> {
        self.text(setting.name).map(|text| Value::parse(setting, text)).transpose()
    }

    /// Where the value in force was given, if a file, variable or flag gave it.
    pub fn source(&self, name: &str) -> Option<&Source> {
        self.fixed.get(name).map(|value| &value.source)
    }

    /// Every key that is set, statically or at run time.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.effective.keys().map(String::as_str)
    }

    /// Static values.
    pub fn fixed(&self) -> &BTreeMap<String, RawValue> {
        &self.fixed
    }

    /// Values set at run time for every broker.
    pub fn cluster(&self) -> &BTreeMap<String, String> {
        &self.cluster
    }

    /// Values set at run time for this broker.
    pub fn own(&self) -> &BTreeMap<String, String> {
        &self.own
    }

    /// The default a topic key has on this broker: from the strongest broker key that is set, else the table's.
    pub fn topic_default(&self, setting: &Setting) -> Result<Option<Value>, InvalidValue> {
        let synonyms = table::broker_synonyms_of_topic(setting.name);
        let set = synonyms.iter().find_map(|synonym| Some((synonym, self.given(synonym.broker)?)));
        let Some((synonym, text)) = set else {
            return setting.default.map(|text| Value::parse(setting, text)).transpose();
        };
        let row = table::broker(synonym.broker).expect("every synonym stands in the table");
        let value = match (Value::parse(row, text)?, synonym.factor) {
            (Value::Int(number), factor) if factor != 1 => Value::Long(i64::from(number).saturating_mul(factor)),
            (Value::Long(number), factor) if factor != 1 => Value::Long(number.saturating_mul(factor)),
            (value, _) => value,
        };
        let is_unlimited = setting.name == "retention.ms" && matches!(value, Value::Long(ms) if ms < 0);
        // However much below zero, in whatever unit: no limit (Kafka's `logRetentionTimeMillis`).
        Ok(Some(if is_unlimited { Value::Long(-1) } else { value }))
    }
}

/// Every known key that is set holds a value of its type and within its limits.
pub(in crate::config) fn check_values(raw: &RawSettings) -> Result<(), (String, InvalidValue)> {
    // What somebody wrote comes first: a complaint names that, and not what follows from it.
    let (derived, written): (Vec<_>, Vec<_>) =
        raw.fixed().iter().partition(|(_, value)| matches!(value.source, Source::Derived { .. }));
    for (key, value) in written.into_iter().chain(derived) {
        if let Some(setting) = setting_behind(key) {
            Value::parse(setting, &value.text).map_err(|invalid| (value.source.to_string(), invalid))?;
        }
    }
    Ok(())
}

/// The row that says what values a broker key takes; for a key of one listener that of the key it overrides.
pub(in crate::config) fn setting_behind(key: &str) -> Option<&'static Setting> {
    table::broker(key).or_else(|| table::broker(table::listener_key_base(key)?))
}

/// All known broker names.
pub(in crate::config) fn known_names() -> impl Iterator<Item = &'static str> {
    table::all(Scope::Broker).map(|setting| setting.name)
}
