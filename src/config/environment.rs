//! Settings out of environment variables, as the Kafka images spell them.
use crate::config::listener::Endpoint;
use crate::config::log_levels;
use crate::config::note::{Note, information};
use std::collections::BTreeMap;

/// A setting that a variable gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FromVariable {
    pub key: String,
    pub value: String,
    pub variable: String,
}

/// Variables that only a Java machine needs, or the scripts that start it.
const OF_THE_JAVA_MACHINE: &[&str] = &[
    "KAFKA_DEBUG",
    "KAFKA_GC_LOG_OPTS",
    "KAFKA_HEAP_OPTS",
    "KAFKA_JMX_HOSTNAME",
    "KAFKA_JMX_OPTS",
    "KAFKA_JMX_PORT",
    "KAFKA_JVM_PERFORMANCE_OPTS",
    "KAFKA_LOG4J_OPTS",
    "KAFKA_OPTS",
    "KAFKA_TOOLS_LOG4J_LOGLEVEL",
];

/// Variables that the images set for themselves: nobody expects anything of them.
const OF_THE_IMAGES: &[&str] = &["KAFKA_HOME", "KAFKA_VERSION"];

/// The settings among the variables, by key: `KAFKA_X_Y` and `KAFKA_CFG_X_Y` are `x.y` (two underscores: `_`, three:
/// `-`), `CLUSTER_ID` is `cluster.id`. Where both spellings name one key, `KAFKA_X_Y` counts.
///
/// Addresses that Kubernetes puts there for a service called "kafka" are no settings.
pub fn settings_of(variables: impl Iterator<Item = (String, String)>) -> BTreeMap<String, FromVariable> {
    let mut settings = BTreeMap::new();
    let mut weaker = Vec::new();
    for (variable, value) in variables {
        let Some((key, is_weaker)) = key_of(&variable, &value) else { continue };
        let setting = FromVariable { key: key.clone(), value, variable };
        if is_weaker {
            weaker.push(setting);
        } else {
            settings.insert(key, setting);
        }
    }
    for setting in weaker {
        settings.entry(setting.key.clone()).or_insert(setting);
    }
    settings
}

/// One line for all variables that are for a Java machine, with their names only: options may hold passwords.
pub fn without_effect(variables: &BTreeMap<String, String>) -> Option<Note> {
    let is_set = |name: &&str| variables.get(*name).is_some_and(|value| !value.trim().is_empty());
    let names: Vec<&str> = OF_THE_JAVA_MACHINE.iter().copied().filter(is_set).collect();
    let text = || format!("accepted, no effect: {} (for a Java machine, and there is none)", names.join(", "));
    (!names.is_empty()).then(|| information(text()))
}

/// The key a variable sets, and whether the variable is the weaker of two spellings.
fn key_of(variable: &str, value: &str) -> Option<(String, bool)> {
    match variable {
        "CLUSTER_ID" => return Some(("cluster.id".into(), false)),
        "KAFKA_CLUSTER_ID" | "KAFKA_KRAFT_CLUSTER_ID" => return Some(("cluster.id".into(), true)),
        _ => {}
    }
    let is_another_s = [OF_THE_JAVA_MACHINE, OF_THE_IMAGES, &log_levels::OF_THE_IMAGES]
        .iter()
        .any(|variables| variables.contains(&variable));
    if is_another_s || is_service_link(variable, value) {
        return None;
    }
    let name = variable.strip_prefix("KAFKA_")?;
    let (name, is_weaker) = match name.strip_prefix("CFG_") {
        Some(name) => (name, true),
        None => (name, false),
    };
    if name.is_empty() {
        return None;
    }
    let key = name.to_lowercase().replace('_', ".").replace("...", "-").replace("..", "_");
    Some((key, is_weaker))
}

fn is_service_link(variable: &str, value: &str) -> bool {
    variable.starts_with("KAFKA_SERVICE_")
        || variable.starts_with("KAFKA_PORT_")
        || (variable == "KAFKA_PORT" && value.contains("://"))
}

/// The listeners of an image that was told only what to advertise: the same names and ports on every interface, as
/// the start script of Kafka's image derives them.
pub(in crate::config) fn listeners_from_advertised(advertised: &str) -> Option<String> {
    let endpoints: Option<Vec<String>> = advertised
        .split(',')
        .map(|part| {
            Endpoint::parse(part.trim()).map(|endpoint| format!("{}://0.0.0.0:{}", endpoint.name, endpoint.port))
        })
        .collect();
    endpoints.map(|endpoints| endpoints.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(variables: &[(&str, &str)]) -> Vec<(String, String)> {
        let variables = variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
        settings_of(variables).into_values().map(|setting| (setting.key, setting.value)).collect()
    }

    #[test]
    fn underscores_become_dots_underscores_and_dashes() {
        let found =
            keys(&[("KAFKA_LOG_DIRS", "/d"), ("KAFKA_A__B___C", "1"), ("KAFKA_CFG_NODE_ID", "7"), ("PATH", "/bin")]);
        let expected = [("a_b-c", "1"), ("log.dirs", "/d"), ("node.id", "7")];
        assert_eq!(found, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    #[test]
    fn the_short_spelling_wins_whatever_the_order() {
        let short = ("KAFKA_NODE_ID", "1");
        let long = ("KAFKA_CFG_NODE_ID", "2");
        assert_eq!(keys(&[short, long]), keys(&[long, short]));
        assert_eq!(keys(&[long, short]), [("node.id".to_owned(), "1".to_owned())]);
    }

    #[test]
    fn variables_of_the_java_machine_and_service_links_are_no_settings() {
        let none = [
            ("KAFKA_HEAP_OPTS", "-Xmx1g"),
            ("KAFKA_JMX_PORT", "9999"),
            ("KAFKA_HOME", "/opt/kafka"),
            ("KAFKA_VERSION", "4.3.1"),
            ("KAFKA_LOG4J_ROOT_LOGLEVEL", "DEBUG"),
            ("KAFKA_LOG4J_LOGGERS", "kafka.controller=WARN"),
            ("KAFKA_SERVICE_HOST", "10.0.0.1"),
            ("KAFKA_PORT", "tcp://10.0.0.1:9092"),
            ("KAFKA_PORT_9092_TCP_ADDR", "10.0.0.1"),
            ("KAFKA_", ""),
        ];
        assert!(keys(&none).is_empty());
    }

    #[test]
    fn what_is_set_for_a_java_machine_is_told_by_name_in_one_line() {
        let told = |variables: &[(&str, &str)]| {
            without_effect(&variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect())
        };
        let silent =
            [("KAFKA_HEAP_OPTS", ""), ("KAFKA_OPTS", " "), ("KAFKA_HOME", "/opt/kafka"), ("KAFKA_VERSION", "4")];
        assert_eq!(told(&silent), None);
        let note = told(&[("KAFKA_OPTS", "-Dpassword=x"), ("KAFKA_HEAP_OPTS", "-Xmx1g"), ("PATH", "/bin")]).unwrap();
        let text = "accepted, no effect: KAFKA_HEAP_OPTS, KAFKA_OPTS (for a Java machine, and there is none)";
        assert_eq!(note, information(text.into()));
    }

    #[test]
    fn cluster_id_has_three_names() {
        for name in ["CLUSTER_ID", "KAFKA_CLUSTER_ID", "KAFKA_KRAFT_CLUSTER_ID"] {
            assert_eq!(keys(&[(name, "abc")]), [("cluster.id".to_owned(), "abc".to_owned())]);
        }
    }

    #[test]
    fn listeners_follow_what_is_advertised() {
        let advertised = "PLAINTEXT://broker:9092, X://[::1]:9093";
        assert_eq!(listeners_from_advertised(advertised).as_deref(), Some("PLAINTEXT://0.0.0.0:9092,X://0.0.0.0:9093"));
        assert_eq!(listeners_from_advertised("nonsense"), None);
    }
}
