//! What DescribeConfigs answers: each setting with its value, where that came from and what it would be otherwise
//! (KIP-226, KIP-569; Kafka's `ConfigHelper`).
mod fixed;

use crate::config::raw::{RawSettings, setting_behind};
use crate::config::setting::{Dynamic, Scope, Setting};
use crate::config::table;
use crate::config::value::Value;
use std::collections::{BTreeMap, BTreeSet};

pub use fixed::describe_loggers;

/// Where a value comes from, with Kafka's numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(i8)]
pub enum ConfigSource {
    DynamicTopic = 1,
    DynamicBroker = 2,
    DynamicDefaultBroker = 3,
    StaticBroker = 4,
    Default = 5,
    DynamicBrokerLogger = 6,
    DynamicClientMetrics = 7,
    DynamicGroup = 8,
}

impl ConfigSource {
    pub fn code(self) -> i8 {
        self as i8
    }
}

/// One entry of the answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DescribedSetting {
    pub name: String,
    /// `None` for secrets and where nothing is set.
    pub value: Option<String>,
    pub source: ConfigSource,
    pub is_sensitive: bool,
    /// A running broker does not change it.
    pub read_only: bool,
    /// `config_type` of the protocol; 0 for a key that is not in the table.
    pub type_code: i8,
    pub doc: Option<&'static str>,
    /// The places that could give the value, the one in force first.
    pub synonyms: Vec<DescribedSynonym>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DescribedSynonym {
    pub name: String,
    pub value: Option<String>,
    pub source: ConfigSource,
}

/// All settings of a topic with `overrides`, by name.
pub fn describe_topic(raw: &RawSettings, overrides: &BTreeMap<String, String>) -> Vec<DescribedSetting> {
    let is_shown =
        |setting: &&Setting| overrides.contains_key(setting.name) || !table::is_shown_only_when_set(setting.name);
    table::all(Scope::Topic).filter(is_shown).map(|setting| topic_entry(raw, overrides, setting)).collect()
}

fn topic_entry(raw: &RawSettings, overrides: &BTreeMap<String, String>, setting: &'static Setting) -> DescribedSetting {
    let name = setting.name;
    let override_text = overrides.get(name);
    let typed = match override_text {
        Some(text) => Value::parse(setting, text).ok(),
        None => raw.topic_default(setting).ok().flatten(),
    };
    // A value that the table refuses can only be an old one; it is shown as it stands.
    let value = typed.map(|value| value.render()).or_else(|| override_text.cloned());
    let mut synonyms = Vec::new();
    if override_text.is_some() {
        let (name, value) = (name.to_owned(), value.clone());
        synonyms.push(DescribedSynonym { name, value, source: ConfigSource::DynamicTopic });
    }
    if let Some(first) = table::broker_synonyms_of_topic(name).first() {
        synonyms.extend(broker_synonyms(raw, first.broker, false));
    }
    DescribedSetting {
        name: name.to_owned(),
        value,
        source: source_of(&synonyms),
        is_sensitive: false,
        read_only: false,
        type_code: setting.kind.code(),
        doc: Some(setting.doc),
        synonyms,
    }
}

/// All settings of a broker, by name; also keys that only somebody's plugin knows.
pub fn describe_broker(raw: &RawSettings) -> Vec<DescribedSetting> {
    let always = table::all(Scope::Broker).map(|setting| setting.name);
    let names: BTreeSet<&str> = always.filter(|name| !table::is_shown_only_when_set(name)).chain(raw.keys()).collect();
    names.into_iter().map(|name| broker_entry(raw, name)).collect()
}

fn broker_entry(raw: &RawSettings, name: &str) -> DescribedSetting {
    let setting = table::broker(name);
    let is_sensitive = is_sensitive(name);
    let value = match setting {
        _ if is_sensitive => None,
        Some(setting) => match raw.value(setting) {
            Ok(value) => value.map(|value| value.render()),
            Err(_) => raw.text(name).map(str::to_owned),
        },
        None => raw.given(name).map(str::to_owned),
    };
    entry(name, value, is_sensitive, broker_synonyms(raw, name, is_sensitive))
}

/// What was set at run time for all brokers together (the BROKER resource with an empty name).
pub fn describe_cluster(raw: &RawSettings) -> Vec<DescribedSetting> {
    let entries = raw.cluster().iter().map(|(name, text)| {
        let is_sensitive = is_sensitive(name);
        let mut synonyms = broker_synonyms(raw, name, is_sensitive);
        synonyms.retain(|synonym| synonym.source == ConfigSource::DynamicDefaultBroker);
        let value = (!is_sensitive).then(|| text.clone());
        entry(name, value, is_sensitive, synonyms)
    });
    entries.collect()
}

fn entry(name: &str, value: Option<String>, is_sensitive: bool, synonyms: Vec<DescribedSynonym>) -> DescribedSetting {
    let is_dynamic = table::broker(name).is_some_and(|setting| setting.dynamic != Dynamic::Fixed);
    DescribedSetting {
        name: name.to_owned(),
        value,
        source: source_of(&synonyms),
        is_sensitive,
        read_only: !is_dynamic,
        type_code: setting_behind(name).map_or(0, |setting| setting.kind.code()),
        doc: table::broker(name).map(|setting| setting.doc),
        synonyms,
    }
}

/// Secrets, and keys nobody here knows, which may be secrets.
fn is_sensitive(name: &str) -> bool {
    setting_behind(name).is_none_or(|setting| setting.kind.is_sensitive())
}

fn source_of(synonyms: &[DescribedSynonym]) -> ConfigSource {
    synonyms.first().map_or(ConfigSource::Default, |synonym| synonym.source)
}

/// Every place that names the key or one of its synonyms: this broker's dynamic values, the cluster's, static ones,
/// defaults. As in Kafka the list begins where the key itself is first named, so a synonym that is set more strongly
/// does not show.
pub(in crate::config) fn broker_synonyms(raw: &RawSettings, name: &str, is_sensitive: bool) -> Vec<DescribedSynonym> {
    let names = table::broker_synonyms(name, true);
    let mut found = Vec::new();
    let mut add = |source: ConfigSource, text_of: &dyn Fn(&str) -> Option<String>| {
        for synonym in &names {
            if let Some(text) = text_of(synonym) {
                let value = (!is_sensitive).then_some(text);
                found.push(DescribedSynonym { name: synonym.clone(), value, source });
            }
        }
    };
    add(ConfigSource::DynamicBroker, &|key| raw.own().get(key).cloned());
    add(ConfigSource::DynamicDefaultBroker, &|key| raw.cluster().get(key).cloned());
    add(ConfigSource::StaticBroker, &|key| raw.fixed().get(key).map(|value| value.text.clone()));
    add(ConfigSource::Default, &|key| table::broker(key)?.default.map(str::to_owned));
    found.into_iter().skip_while(|synonym| synonym.name != name).collect()
}

#[cfg(test)]
mod tests;
