//! Changing settings: what a list of operations makes of the present ones, and which broker keys may change at run time.
use crate::config::raw::{RawSettings, setting_behind};
use crate::config::setting::{Dynamic, Scope, ValueKind};
use crate::config::value::{InvalidValue, Value};
use crate::config::{NodeConfig, NodeConfigError, table};
use std::collections::{BTreeMap, BTreeSet};

/// One key and what happens to it (IncrementalAlterConfigs, KIP-339).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alteration {
    pub key: String,
    pub operation: Operation,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Operation {
    Set(String),
    Delete,
    /// Adds elements to a list that it does not have yet.
    Append(String),
    /// Takes elements out of a list.
    Subtract(String),
}

impl Alteration {
    /// From the `config_operation` and `value` of the protocol.
    ///
    /// # Errors
    /// An operation nobody knows, or no value where one is needed.
    pub fn from_wire(key: &str, operation: i8, value: Option<&str>) -> Result<Alteration, AlterError> {
        let needed = || value.map(str::to_owned).ok_or_else(|| AlterError::NullValue { keys: key.into() });
        let operation = match operation {
            0 => Operation::Set(needed()?),
            1 => Operation::Delete,
            2 => Operation::Append(needed()?),
            3 => Operation::Subtract(needed()?),
            other => return Err(AlterError::UnknownOperation(other)),
        };
        Ok(Alteration { key: key.into(), operation })
    }
}

/// Why settings stay as they are; `is_invalid_config` tells Kafka's two error codes apart.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum AlterError {
    #[error("Error due to duplicate config keys")]
    Duplicate,
    #[error("Null value not supported for : {keys}")]
    NullValue { keys: String },
    #[error("Unknown operations type {0}")]
    UnknownOperation(i8),
    #[error("Can't {operation} to key {key} because its type is not LIST.")]
    NotAList { operation: &'static str, key: String },
    #[error("Config value {operation} is not allowed for config key: {key}")]
    NotABrokersList { operation: String, key: String },
    #[error("Unknown config name: {0}")]
    UnknownList(String),
    #[error("The configuration value cannot be added because it exceeds the maximum value size of 32767 bytes.")]
    TooLong,
    #[error("Cannot update these configs dynamically: [{}]", .0.join(", "))]
    NotDynamic(Vec<String>),
    #[error(
        "These security configs can be dynamically updated only per-listener using the listener prefix: [{}]",
        .0.join(", ")
    )]
    NeedsListener(Vec<String>),
    #[error(
        "Cannot update these configs at default cluster level, broker id must be specified: [{}]",
        .0.join(", ")
    )]
    NeedsBroker(Vec<String>),
    #[error(transparent)]
    Value(#[from] InvalidValue),
    #[error(transparent)]
    Node(#[from] NodeConfigError),
}

impl AlterError {
    /// INVALID_CONFIG rather than INVALID_REQUEST.
    pub fn is_invalid_config(&self) -> bool {
        use AlterError::{NotABrokersList, NotAList, TooLong, UnknownList};
        matches!(self, NotAList { .. } | NotABrokersList { .. } | UnknownList(_) | TooLong)
    }
}

/// What is set after the operations. Values are not judged here (see `validate_topic`, `check_broker`); a list that was
/// not set starts from the table's default, as Kafka's controller does it.
///
/// # Errors
/// A key named twice, APPEND or SUBTRACT on anything but a list, a text longer than a metadata record holds.
pub fn apply(
    scope: Scope,
    current: &BTreeMap<String, String>,
    alterations: &[Alteration],
) -> Result<BTreeMap<String, String>, AlterError> {
    let mut seen = BTreeSet::new();
    if !alterations.iter().all(|alteration| seen.insert(&alteration.key)) {
        return Err(AlterError::Duplicate);
    }
    let mut settings = current.clone();
    for Alteration { key, operation } in alterations {
        let text = match operation {
            Operation::Delete => None,
            Operation::Set(text) => Some(text.clone()),
            Operation::Append(text) => Some(list_with(present(scope, current, key, "APPEND")?, text)),
            Operation::Subtract(text) => Some(list_without(present(scope, current, key, "SUBTRACT")?, text)),
        };
        match text {
            None => settings.remove(key),
            Some(text) if text.encode_utf16().count() > TEXT_LENGTH_MAX => return Err(AlterError::TooLong),
            Some(text) => settings.insert(key.clone(), text),
        };
    }
    Ok(settings)
}

/// Characters (UTF-16 units, as Java counts) in one value.
const TEXT_LENGTH_MAX: usize = 32_767;

/// What APPEND makes of a list: with the elements of `text` that it does not have yet.
pub fn list_with(list: &str, text: &str) -> String {
    let mut elements = elements(list);
    for element in split(text) {
        if !elements.contains(&element) {
            elements.push(element);
        }
    }
    elements.join(",")
}

/// What SUBTRACT makes of a list: without the elements of `text`, each taken out once.
pub fn list_without(list: &str, text: &str) -> String {
    let mut elements = elements(list);
    for element in split(text) {
        if let Some(at) = elements.iter().position(|known| *known == element) {
            elements.remove(at);
        }
    }
    elements.join(",")
}

fn elements(list: &str) -> Vec<&str> {
    list.split(',').filter(|element| !element.is_empty()).collect()
}

/// The text of a list as it is now.
fn present<'a>(
    scope: Scope,
    current: &'a BTreeMap<String, String>,
    key: &str,
    operation: &'static str,
) -> Result<&'a str, AlterError> {
    let setting = match scope {
        Scope::Broker => table::broker(key),
        Scope::Topic => table::topic(key),
    };
    if setting.is_none_or(|setting| setting.kind != ValueKind::List) {
        let key = key.to_owned();
        // A broker judges changes of its own settings before the controller sees them, in other words.
        return Err(match (scope, setting) {
            (Scope::Topic, _) => AlterError::NotAList { operation, key },
            (Scope::Broker, Some(_)) => AlterError::NotABrokersList { operation: operation.to_lowercase(), key },
            (Scope::Broker, None) => AlterError::UnknownList(key),
        });
    }
    let text = current.get(key).map(String::as_str).or(setting.and_then(|setting| setting.default));
    Ok(text.unwrap_or_default())
}

/// Java's `split(",")`: empty elements at the end are none, but an empty text is one empty element.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let trimmed = text.trim_end_matches(',');
    let count = if trimmed.is_empty() && !text.is_empty() { 0 } else { usize::MAX };
    trimmed.split(',').take(count)
}

/// May these be the dynamic settings of one broker (`per_broker`) or of all of them? Keys that only a plugin knows may.
/// `raw` is the broker that is asked: the settings must also fit its static ones.
///
/// # Errors
/// What Kafka refuses: keys that only a restart changes, keys that belong to one listener or one broker, values outside
/// their limits, a sum that the node could not start with.
pub fn check_broker(
    raw: &RawSettings,
    settings: &BTreeMap<String, String>,
    per_broker: bool,
) -> Result<(), AlterError> {
    let chosen = |is_chosen: &dyn Fn(&str) -> bool| -> Vec<String> {
        settings.keys().filter(|key| is_chosen(key)).cloned().collect()
    };
    let is = |key: &str, dynamic: Dynamic| table::broker(key).is_some_and(|setting| setting.dynamic == dynamic);
    let fixed = chosen(&|key| is(key, Dynamic::Fixed));
    if !fixed.is_empty() {
        return Err(AlterError::NotDynamic(fixed));
    }
    let of_listeners = chosen(&|key| ONLY_PER_LISTENER.contains(&key));
    if !of_listeners.is_empty() {
        return Err(AlterError::NeedsListener(of_listeners));
    }
    for (key, text) in settings {
        if let Some(setting) = setting_behind(key) {
            Value::parse(setting, text)?;
        }
    }
    let of_brokers = chosen(&|key| is(key, Dynamic::PerBroker) || is_of_one_broker_by_listener(key));
    if !per_broker && !of_brokers.is_empty() {
        return Err(AlterError::NeedsBroker(of_brokers));
    }
    let changed =
        if per_broker { raw.with_dynamic(raw.cluster(), settings) } else { raw.with_dynamic(settings, raw.own()) };
    NodeConfig::resolve(&changed)?;
    Ok(())
}

/// Keystores belong to a listener; changing them for all at once is refused (Kafka's `SslConfigs`).
const ONLY_PER_LISTENER: &[&str] = &[
    "ssl.key.password",
    "ssl.keystore.certificate.chain",
    "ssl.keystore.key",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.keystore.type",
    "ssl.truststore.certificates",
    "ssl.truststore.location",
    "ssl.truststore.password",
    "ssl.truststore.type",
];

/// Keys of one listener are keys of one broker, but for the limits that the cluster may set.
fn is_of_one_broker_by_listener(key: &str) -> bool {
    const OF_THE_CLUSTER: &[&str] = &["max.connections", "max.connection.creation.rate", "num.network.threads"];
    table::listener_key_base(key).is_some_and(|base| !OF_THE_CLUSTER.contains(&base))
}

#[cfg(test)]
mod tests;
