//! What providers look up, what they leave as it is, and what they refuse; the words of Apache Kafka 4.3.1.
use super::*;
use crate::config::{Loaded, load};

/// Files with their texts, and nothing else on the disk.
pub(in crate::config) struct KnownFiles(pub &'static [(&'static str, &'static str)]);

impl Files for KnownFiles {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let found = self.0.iter().find(|(name, _)| path == Path::new(name));
        Ok(found.ok_or(io::ErrorKind::NotFound)?.1.as_bytes().to_vec())
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        let path = path.to_str().unwrap().replace("/link", "/secrets").replace("/secrets/..", "");
        let there = self.0.iter().any(|(name, _)| Path::new(name).starts_with(&path));
        there.then(|| path.into()).ok_or(io::ErrorKind::NotFound.into())
    }

    fn is_file(&self, path: &Path) -> bool {
        self.0.iter().any(|(name, _)| path == Path::new(name))
    }
}

const FILES: KnownFiles = KnownFiles(&[
    ("/secrets/broker.properties", "rack = a\\\n  b\nrack=r\\u0031\nempty=\n"),
    ("/secrets/broken.properties", "key=\\uzzzz\n"),
    ("/secrets/rack", "r2\n"),
    ("/elsewhere/rack", "r3"),
]);

const ALL: &str = "config.providers = env, file,dir
config.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider
config.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider
config.providers.dir.class=org.apache.kafka.common.config.provider.DirectoryConfigProvider
";

fn loaded(text: &str) -> Result<Loaded, String> {
    let variables = [("RACK", "r0"), ("OTHER", "${env:RACK}"), ("KAFKA_LOG_DIRS", "/d/${env:RACK}")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let text = format!("{ALL}{text}");
    load(Some(("f", &text)), variables.into_iter(), &[], &FILES).map_err(|error| error.to_string())
}

/// The rack and the warnings.
#[track_caller]
fn rack(text: &str) -> (String, Vec<String>) {
    let loaded = loaded(&format!("broker.rack={text}")).unwrap();
    let told = loaded.notes.into_iter().map(|note| note.text).filter(|text| text.contains("broker.rack"));
    (loaded.node.rack.expect("a rack"), told.collect())
}

#[test]
fn variables_files_and_directories_are_looked_up_and_keep_their_place() {
    for (text, found) in [
        ("${env:RACK}", "r0"),
        ("a-${env:RACK}-${file:/secrets/broker.properties:rack}-z", "a-r0-r1-z"),
        ("${dir:/secrets:rack}", "r2"),
        ("${dir:/elsewhere:rack}${env::RACK}", "r3r0"),
        // Once and not again.
        ("${env:OTHER}", "${env:RACK}"),
        // Of nobody who is named.
        ("${vault:RACK}", "${vault:RACK}"),
        ("${RACK} $env:RACK ${env RACK}", "${RACK} $env:RACK ${env RACK}"),
    ] {
        assert_eq!(rack(text), (found.to_owned(), Vec::new()), "{text}");
    }
    let loaded = loaded("broker.rack=${env:RACK}").unwrap();
    assert_eq!(loaded.raw.source("broker.rack").unwrap().to_string(), "f:5");
    let without_effect = loaded.notes.iter().any(|note| note.text.contains("config.providers"));
    assert!(!without_effect, "{:?}", loaded.notes);
    assert_eq!(loaded.node.log_dirs, [PathBuf::from("/d/r0")], "a setting out of a variable");
}

#[test]
fn what_is_not_found_stays_as_it_is_and_is_told() {
    for text in [
        "${env:NOWHERE}",
        "${file:/secrets/broker.properties:nowhere}",
        "${file:rack}",
        "${dir:/secrets:nowhere}",
        "${dir:/nowhere:rack}",
        "${dir:/secrets:../elsewhere/rack}",
        "${dir:/secrets:./rack}",
        "${dir:/secrets:}",
    ] {
        let told = format!("broker.rack (f:5): nothing is found for {text}, so it stands as it is");
        assert_eq!(rack(text), (text.to_owned(), vec![told]));
    }
}

#[test]
fn who_may_be_looked_at_can_be_limited() {
    let env = |pattern: &str| rack(&format!("${{env:RACK}}\nconfig.providers.env.param.allowlist.pattern={pattern}")).0;
    assert_eq!(env("RA.*|X"), "r0");
    assert_eq!(env("RA"), "${env:RACK}", "the whole name must match");
    for (name, key) in [("file", "broker.properties:rack"), ("dir", ":rack")] {
        let look = |allowed: &str, directory: &str| {
            let (rack, told) =
                rack(&format!("${{{name}:{directory}{key}}}\nconfig.providers.{name}.param.allowed.paths={allowed}"));
            assert_eq!(rack.starts_with('$'), !told.is_empty());
            told.is_empty()
        };
        let at = |path: &str| if name == "file" { format!("{path}/") } else { path.to_owned() };
        assert!(look("/secrets", &at("/secrets")) && look("/elsewhere,/secrets", &at("/link")), "{name}");
        assert!(look("", &at("/secrets")), "{name}");
        assert!(!look("/elsewhere", &at("/secrets")) && !look("/elsewhere", &at("/elsewhere/../secrets")), "{name}");
    }
}

/// A file that is missed is not one that may not be looked at.
#[test]
fn a_file_that_is_not_there_is_refused_where_it_may_be_looked_at() {
    let look = |allowed: &str, path: &str| {
        loaded(&format!("broker.rack=${{file:{path}:rack}}\nconfig.providers.file.param.allowed.paths={allowed}"))
    };
    for (allowed, path) in
        [("/secrets", "/secrets/no"), ("/elsewhere,/link", "/link/../secrets/./no"), ("/link", "/link/no")]
    {
        let text = look(allowed, path).map(|_| "it loads").unwrap_err();
        assert!(text.starts_with("broker.rack (f:5): Could not read /"), "{allowed} {path}: {text}");
    }
    for (allowed, path) in [("/secrets", "/elsewhere/no"), ("/secrets", "/secrets/../elsewhere/no"), ("/secrets", "no")]
    {
        assert!(look(allowed, path).is_ok(), "{allowed} {path}");
    }
}

#[test]
fn providers_that_cannot_be_used_are_refused_with_their_place() {
    let refused = |text: &str| loaded(text).map(|_| "it loads").unwrap_err();
    let text = refused("config.providers.env.class=org.example.Vault");
    assert!(text.starts_with("config.providers.env.class (f:5): Java class 'org.example.Vault' cannot run"), "{text}");
    assert!(text.contains("provider.{EnvVarConfigProvider,FileConfigProvider,"), "{text}");
    assert!(refused("config.providers.env.param.allowlist.pattern=(").starts_with("config.providers.env.param."));
    for (paths, why) in
        [("secrets", "Path secrets is not absolute"), ("/secrets,/no", "Path /no could not be resolved")]
    {
        let text = refused(&format!("config.providers.dir.param.allowed.paths={paths}"));
        assert!(text.starts_with(&format!("config.providers.dir.param.allowed.paths (f:5): {why}")), "{text}");
    }
    for (variable, why) in [
        ("${env:PATH:RACK}", "Path is not supported for EnvVarConfigProvider, invalid value 'PATH'"),
        ("${file:/no:rack}", "Could not read /no: "),
        (
            "${file:/secrets/broken.properties:key}",
            "Could not read properties from file /secrets/broken.properties: line 1",
        ),
    ] {
        let text = refused(&format!("broker.rack={variable}"));
        assert!(text.starts_with(&format!("broker.rack (f:5): {why}")), "{text}");
    }
}

#[test]
fn without_named_providers_every_value_is_what_it_says() {
    let loaded = load(Some(("f", "broker.rack=${env:RACK}")), std::iter::empty(), &[], &FILES).unwrap();
    assert_eq!(loaded.node.rack.as_deref(), Some("${env:RACK}"));
    assert!(loaded.notes.is_empty(), "{:?}", loaded.notes);
}
