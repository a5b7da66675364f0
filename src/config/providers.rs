//! Values that stand elsewhere: `${NAME:[PATH:]KEY}` in a setting, looked up by a provider that `config.providers` names (KIP-297).
use crate::config::properties::{self, PropertiesError};
use crate::config::raw::RawValue;
use regex::{Captures, Regex};
use std::{
    collections::BTreeMap,
    io,
    path::{Component, Path, PathBuf},
};

const NAMES: &str = "config.providers";
const CLASSES: &[&str] = &["EnvVarConfigProvider", "FileConfigProvider", "DirectoryConfigProvider"];
const PACKAGE: &str = "org.apache.kafka.common.config.provider.";
/// As in Kafka's `ConfigTransformer`.
const VARIABLE: &str = r"\$\{([^}]*?):(?:([^}]*?):)?([^}]*?)\}";

/// The files that providers look into.
pub trait Files {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// The path without links and dots; an error where nothing is there.
    fn canonical(&self, path: &Path) -> io::Result<PathBuf>;
    fn is_file(&self, path: &Path) -> bool;
}

/// Why a provider cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProviderError {
    #[error("Java class '{0}' cannot run here; there are {PACKAGE}{{{known}}}", known = CLASSES.join(","))]
    UnknownClass(String),
    #[error("no regular expression that can be used here: {0}")]
    Pattern(String),
    #[error("Path {} is not absolute", .0.display())]
    NotAbsolute(PathBuf),
    #[error("Path {} could not be resolved: {error}", path.display())]
    NoSuchPath { path: PathBuf, error: String },
    #[error("Path is not supported for EnvVarConfigProvider, invalid value '{0}'")]
    VariableWithPath(String),
    #[error("Could not read {}: {error}", path.display())]
    Unreadable { path: PathBuf, error: String },
    #[error("Could not read properties from file {}: {error}", path.display())]
    Properties { path: PathBuf, error: PropertiesError },
}

/// What went wrong, and with which setting.
pub(in crate::config) struct Fault {
    pub key: String,
    pub error: ProviderError,
}

/// Puts what providers find in the place of what names it. Answers with the variables that nobody could tell, each behind the key of its
/// setting: as in Kafka they stay as they are.
pub(in crate::config) fn resolve(
    values: &mut BTreeMap<String, RawValue>,
    variables: &BTreeMap<String, String>,
    files: &dyn Files,
) -> Result<Vec<(String, String)>, Fault> {
    let providers = providers(values, variables, files)?;
    if providers.is_empty() {
        return Ok(Vec::new());
    }
    let pattern = Regex::new(VARIABLE).expect("a good pattern");
    let mut left = Vec::new();
    for (key, value) in values.iter_mut().filter(|(key, _)| !key.starts_with(NAMES)) {
        let text = replaced(&pattern, &value.text, |found| {
            let part = |number: usize| found.get(number).map_or("", |part| part.as_str());
            let Some(provider) = providers.get(part(1)) else { return Ok(None) };
            let told = provider.get(part(2), part(3)).map_err(|error| Fault { key: key.clone(), error })?;
            if told.is_none() {
                left.push((key.clone(), part(0).to_owned()));
            }
            Ok(told)
        })?;
        value.text = text;
    }
    Ok(left)
}

/// `text` with every match for which there is something in its place.
fn replaced(
    pattern: &Regex,
    text: &str,
    mut told: impl FnMut(&Captures<'_>) -> Result<Option<String>, Fault>,
) -> Result<String, Fault> {
    let mut result = String::new();
    let mut from = 0;
    for found in pattern.captures_iter(text) {
        let whole = found.get_match();
        if let Some(told) = told(&found)? {
            result.push_str(&text[from..whole.start()]);
            result.push_str(&told);
            from = whole.end();
        }
    }
    result.push_str(&text[from..]);
    Ok(result)
}

fn names(values: &BTreeMap<String, RawValue>) -> impl Iterator<Item = &str> {
    let names = values.get(NAMES).map_or("", |value| &value.text);
    names.split(',').map(str::trim).filter(|name| !name.is_empty())
}

/// Whether a key tells of a provider that is named.
pub(in crate::config) fn is_of_one(values: &BTreeMap<String, RawValue>, key: &str) -> bool {
    let Some(rest) = key.strip_prefix(NAMES).and_then(|rest| rest.strip_prefix('.')) else { return false };
    let of = |name: &str| rest.strip_prefix(name).is_some_and(|rest| rest == ".class" || rest.starts_with(".param."));
    names(values).any(of)
}

enum Provider<'a> {
    Variables { all: &'a BTreeMap<String, String>, allowed: Option<Regex> },
    File { files: &'a dyn Files, allowed: AllowedPaths },
    Directory { files: &'a dyn Files, allowed: AllowedPaths },
}

/// Those that are named and have a class.
fn providers<'a>(
    values: &BTreeMap<String, RawValue>,
    variables: &'a BTreeMap<String, String>,
    files: &'a dyn Files,
) -> Result<BTreeMap<String, Provider<'a>>, Fault> {
    let mut providers = BTreeMap::new();
    for name in names(values) {
        let given = |what: &str| {
            let key = format!("{NAMES}.{name}.{what}");
            values.get(&key).map(|value| (value.text.as_str(), key))
        };
        let Some((class, class_key)) = given("class") else { continue };
        let paths = || match given("param.allowed.paths") {
            None => Ok(AllowedPaths(None)),
            Some((text, key)) => AllowedPaths::parse(files, text).map_err(|error| Fault { key, error }),
        };
        let provider = match class.trim().strip_prefix(PACKAGE) {
            Some("EnvVarConfigProvider") => {
                let allowed = given("param.allowlist.pattern").map(|(text, key)| {
                    // The whole name must match.
                    let pattern = Regex::new(&format!("^(?:{text})$"));
                    pattern.map_err(|error| Fault { key, error: ProviderError::Pattern(error.to_string()) })
                });
                Provider::Variables { all: variables, allowed: allowed.transpose()? }
            }
            Some("FileConfigProvider") => Provider::File { files, allowed: paths()? },
            Some("DirectoryConfigProvider") => Provider::Directory { files, allowed: paths()? },
            _ => return Err(Fault { key: class_key, error: ProviderError::UnknownClass(class.to_owned()) }),
        };
        providers.insert(name.to_owned(), provider);
    }
    Ok(providers)
}

impl Provider<'_> {
    fn get(&self, path: &str, key: &str) -> Result<Option<String>, ProviderError> {
        match self {
            Provider::Variables { .. } if !path.is_empty() => Err(ProviderError::VariableWithPath(path.to_owned())),
            Provider::Variables { all, allowed } => {
                let is_allowed = allowed.as_ref().is_none_or(|allowed| allowed.is_match(key));
                Ok(all.get(key).filter(|_| is_allowed).cloned())
            }
            Provider::File { files, allowed } => {
                let Some(path) = allowed.path(*files, path) else { return Ok(None) };
                let read = properties::parse(&text(*files, &path)?);
                let read = read.map_err(|error| ProviderError::Properties { path, error })?;
                Ok(read.into_iter().rev().find(|property| property.key == key).map(|property| property.value))
            }
            Provider::Directory { files, allowed } => {
                let Some(path) = allowed.path(*files, path) else { return Ok(None) };
                // One name: what lies beside or below the directory is none of it.
                let mut parts = Path::new(key).components();
                let is_name =
                    matches!((parts.next(), parts.next()), (Some(Component::Normal(name)), None) if name == key);
                let path = path.join(key);
                if !is_name || !files.is_file(&path) {
                    return Ok(None);
                }
                text(*files, &path).map(Some)
            }
        }
    }
}

fn text(files: &dyn Files, path: &Path) -> Result<String, ProviderError> {
    let bytes = files.read(path).map_err(|error| error.to_string());
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).map_err(|error| error.to_string()));
    text.map_err(|error| ProviderError::Unreadable { path: path.to_owned(), error })
}

/// Where a provider may look; `None`: everywhere.
struct AllowedPaths(Option<Vec<Allowed>>);

struct Allowed {
    /// As it is written, without dots.
    named: PathBuf,
    real: PathBuf,
}

impl AllowedPaths {
    fn parse(files: &dyn Files, text: &str) -> Result<AllowedPaths, ProviderError> {
        if text.is_empty() {
            return Ok(AllowedPaths(None));
        }
        let paths = text.split(',').map(|path| {
            let path = PathBuf::from(path);
            if !path.is_absolute() {
                return Err(ProviderError::NotAbsolute(path));
            }
            match files.canonical(&path) {
                Ok(real) => Ok(Allowed { named: without_dots(&path), real }),
                Err(error) => Err(ProviderError::NoSuchPath { path, error: error.to_string() }),
            }
        });
        Ok(AllowedPaths(Some(paths.collect::<Result<_, _>>()?)))
    }

    fn path(&self, files: &dyn Files, path: &str) -> Option<PathBuf> {
        let Some(allowed) = &self.0 else { return (!path.is_empty()).then(|| path.into()) };
        let Ok(real) = files.canonical(Path::new(path)) else {
            // Nothing can be read there, and as in Kafka that is told where it might have been looked at.
            let path = without_dots(Path::new(path));
            return allowed.iter().any(|of| path.starts_with(&of.named) || path.starts_with(&of.real)).then_some(path);
        };
        allowed.iter().any(|allowed| real.starts_with(&allowed.real)).then_some(real)
    }
}

/// By its words alone, as Java's `Path.normalize`.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
pub(in crate::config) mod tests;
