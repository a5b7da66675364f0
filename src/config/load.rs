//! From file, environment and flags to checked settings, with every complaint naming its source.
use crate::config::environment::{self, FromVariable};
use crate::config::log_levels::log_levels;
use crate::config::node::{InternalTopic, NodeConfig, NodeConfigError};
use crate::config::note::{Note, information, warning};
use crate::config::properties::{self, PropertiesError};
use crate::config::providers::{self, Files, ProviderError};
use crate::config::raw::{self, RawSettings, RawValue, Source};
use crate::config::value::InvalidValue;
use crate::config::{suggest, table};
use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Settings ready for use, and what to tell the person who wrote them.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub node: NodeConfig,
    pub raw: RawSettings,
    /// Which log lines are written, as `info,ottla::server=debug`.
    pub log_levels: String,
    /// Lines for the log.
    pub notes: Vec<Note>,
}

/// A key nobody knows, where it stands and what may have been meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownKey {
    pub key: String,
    pub source: Source,
    pub nearest: Vec<&'static str>,
}

impl fmt::Display for UnknownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown setting '{}' ({})", self.key, self.source)?;
        if !self.nearest.is_empty() {
            write!(f, "; did you mean {}?", self.nearest.join(" or "))?;
        }
        Ok(())
    }
}

/// Why the settings cannot be used.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{file}, {error}")]
    Properties { file: String, error: PropertiesError },
    #[error("{}\n(config.unknown=warn lets unknown settings pass)", lines(.0))]
    Unknown(Vec<UnknownKey>),
    #[error("{source_text}: {invalid}")]
    Value { source_text: String, invalid: InvalidValue },
    #[error("{key} ({source_text}): {error}")]
    Provider { key: String, source_text: String, error: ProviderError },
    #[error("log.dirs: {} and {} are the same directory, name it once", one.display(), other.display())]
    SameDirectory { one: PathBuf, other: PathBuf },
    #[error(transparent)]
    Node(#[from] NodeConfigError),
}

fn lines(unknown: &[UnknownKey]) -> String {
    unknown.iter().map(UnknownKey::to_string).collect::<Vec<_>>().join("\n")
}

/// Reads settings: `overrides` beat `environment`, which beats `file` (its name and text), which beats the defaults.
/// Of equal keys in one place the last counts. `files` are for the providers that `config.providers` names.
///
/// # Errors
/// A malformed file, an unknown key (unless `config.unknown=warn`, or it comes from a variable and is like no known
/// one), a value outside its limits, settings that
/// contradict each other or ask for what this broker does not serve.
pub fn load(
    file: Option<(&str, &str)>,
    environment: impl Iterator<Item = (String, String)>,
    overrides: &[(String, String)],
    files: &dyn Files,
) -> Result<Loaded, ConfigError> {
    let variables: BTreeMap<String, String> = environment.collect();
    let mut values = gather(file, variables.clone().into_iter(), overrides)?;
    let (log_levels, mut notes) = log_levels(&variables);
    notes.extend(environment::without_effect(&variables));
    notes.extend(look_up(&mut values, &variables, files)?);
    let raw = RawSettings::new(values);
    notes.extend(judge_keys(&raw)?);
    raw::check_values(&raw).map_err(|(source_text, invalid)| ConfigError::Value { source_text, invalid })?;
    let node = NodeConfig::resolve(&raw)?;
    check_directories(&node, files)?;
    notes.extend(topics_that_cannot_be_made(&node));
    Ok(Loaded { node, raw, log_levels, notes })
}

fn gather(
    file: Option<(&str, &str)>,
    environment: impl Iterator<Item = (String, String)>,
    overrides: &[(String, String)],
) -> Result<BTreeMap<String, RawValue>, ConfigError> {
    let mut values = BTreeMap::new();
    if let Some((name, text)) = file {
        let properties =
            properties::parse(text).map_err(|error| ConfigError::Properties { file: name.to_owned(), error })?;
        let name: Arc<str> = name.into();
        for property in properties {
            let source = Source::File { name: name.clone(), line: property.line };
            values.insert(property.key, RawValue { text: property.value, source });
        }
    }
    let variables = environment::settings_of(environment);
    let only_advertised = variables.get("advertised.listeners").filter(|_| !variables.contains_key("listeners"));
    if let Some(FromVariable { value, .. }) = only_advertised
        && let Some(text) = environment::listeners_from_advertised(value)
    {
        // The images' start script does the same, so a compose file that only advertises keeps working.
        let source = Source::Derived { from: "advertised.listeners" };
        values.entry("listeners".into()).or_insert(RawValue { text, source });
    }
    for (key, FromVariable { value, variable, .. }) in variables {
        values.insert(key, RawValue { text: value, source: Source::Environment { variable } });
    }
    for (key, text) in overrides {
        values.insert(key.clone(), RawValue { text: text.clone(), source: Source::Flag });
    }
    Ok(values)
}

/// Values that stand elsewhere come in.
fn look_up(
    values: &mut BTreeMap<String, RawValue>,
    variables: &BTreeMap<String, String>,
    files: &dyn Files,
) -> Result<Vec<Note>, ConfigError> {
    let left = providers::resolve(values, variables, files);
    let source_text = |key: &str| values.get(key).map_or_else(String::new, |value| value.source.to_string());
    match left {
        Ok(left) => {
            let note = |(key, variable): (String, String)| {
                warning(format!(
                    "{key} ({}): nothing is found for {variable}, so it stands as it is",
                    source_text(&key)
                ))
            };
            Ok(left.into_iter().map(note).collect())
        }
        Err(providers::Fault { key, error }) => {
            let source_text = source_text(&key);
            Err(ConfigError::Provider { key, source_text, error })
        }
    }
}

/// A directory under two names, by a link say, would be found in use by its own broker.
fn check_directories(node: &NodeConfig, files: &dyn Files) -> Result<(), ConfigError> {
    let mut seen: Vec<(PathBuf, &PathBuf)> = Vec::new();
    let metadata = Some(&node.metadata_log_dir).filter(|path| !node.log_dirs.contains(path));
    for path in node.log_dirs.iter().chain(metadata) {
        let real = real(files, path);
        if let Some((_, one)) = seen.iter().find(|(seen, _)| *seen == real) {
            return Err(ConfigError::SameDirectory { one: one.to_path_buf(), other: path.clone() });
        }
        seen.push((real, path));
    }
    Ok(())
}

/// Where a path leads, as far as it is there.
fn real(files: &dyn Files, path: &Path) -> PathBuf {
    let above = |path: &Path| match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if parent.as_os_str().is_empty() => real(files, Path::new(".")).join(name),
        (Some(parent), Some(name)) => real(files, parent).join(name),
        _ => path.to_path_buf(),
    };
    files.canonical(path).unwrap_or_else(|_| above(path))
}

/// Sorts the keys into known, passed on, without effect and unknown.
fn judge_keys(raw: &RawSettings) -> Result<Vec<Note>, ConfigError> {
    let mut notes = Vec::new();
    let mut without_effect = Vec::new();
    let mut unknown = Vec::new();
    for (key, value) in raw.fixed() {
        if matches!(value.source, Source::Derived { .. }) || providers::is_of_one(raw.fixed(), key) {
            continue;
        }
        let known = table::broker(key);
        if let Some(why) = table::foreign(key) {
            notes.push(warning(format!("{key} ({}) has no effect: {why}", value.source)));
        } else if known.map_or_else(|| raw::setting_behind(key).is_some(), |setting| !table::has_effect(setting)) {
            // No setting has a value of its own for single listeners here.
            without_effect.push(format!("{key} ({})", value.source));
        } else if known.is_none() {
            let nearest = suggest::nearest(key, raw::known_names());
            let is_stranger = nearest.is_empty();
            let found = UnknownKey { key: key.clone(), source: value.source.clone(), nearest };
            if is_stranger && table::is_passed_on(key) {
                without_effect.push(format!("{key} ({})", value.source));
            } else if is_stranger && matches!(value.source, Source::Environment { .. }) {
                // KAFKA_BOOTSTRAP_SERVERS and the like are there for other programs.
                notes.push(warning(found.to_string()));
            } else {
                unknown.push(found);
            }
        }
    }
    if !without_effect.is_empty() {
        notes.push(information(format!("accepted, no effect: {}", without_effect.join(", "))));
    }
    if unknown.is_empty() {
        return Ok(notes);
    }
    if raw.text("config.unknown").map(str::trim) != Some("warn") {
        return Err(ConfigError::Unknown(unknown));
    }
    notes.extend(unknown.iter().map(|unknown| warning(unknown.to_string())));
    Ok(notes)
}

/// The least that a topic's own `segment.bytes` may be; the settings of internal topics have no such limit.
const SEGMENT_BYTES_MIN: u32 = 1_048_576;

/// As Kafka does, the broker starts, and its coordinators never get their topics.
fn topics_that_cannot_be_made(node: &NodeConfig) -> Vec<Note> {
    let topics = &node.internal_topics;
    let all = [("offsets.topic", &topics.offsets), ("transaction.state.log", &topics.transactions)];
    let too_small = all.into_iter().filter(|(_, topic)| topic.segment_bytes < SEGMENT_BYTES_MIN);
    let note = |(name, topic): (_, &InternalTopic)| {
        let (is, least) = (topic.segment_bytes, SEGMENT_BYTES_MIN);
        warning(format!("{name}.segment.bytes={is}: no topic may have less than {least}, so it cannot be made"))
    };
    too_small.map(note).collect()
}

#[cfg(test)]
mod tests;
