//! Files, variables and flags together: what wins, what is refused, and in which words.
use super::*;
use crate::config::NoteLevel;
use crate::config::listener::Protocol;
use crate::config::providers::tests::KnownFiles;

fn load_all(file: &str, variables: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
    };
    load(Some(("server.properties", file)), owned(variables).into_iter(), &owned(flags), &KnownFiles(&[]))
}

fn message(file: &str) -> String {
    load_all(file, &[], &[]).map(|_| "it loads").unwrap_err().to_string()
}

#[test]
fn nothing_at_all_is_a_complete_node() {
    let loaded = load(None, std::iter::empty(), &[], &KnownFiles(&[])).unwrap();
    assert!(loaded.notes.is_empty(), "{:?}", loaded.notes);
    assert_eq!(loaded.node.node_id.0, 1);
    assert_eq!(loaded.node.network.listeners.len(), 1);
    assert_eq!(loaded.node.network.listeners[0].to_string(), "PLAINTEXT://localhost:9092");
    assert_eq!(loaded.node.network.advertised, loaded.node.network.listeners);
    assert_eq!(loaded.node.log_dirs, [std::path::PathBuf::from("./ottla-data")]);
}

#[test]
fn segments_too_small_for_any_topic_are_told_of_at_the_start() {
    let notes = |text: &str| load_all(text, &[], &[]).unwrap().notes;
    assert!(notes("offsets.topic.segment.bytes=1048576\ntransaction.state.log.segment.bytes=1048576").is_empty());
    for name in ["offsets.topic.segment.bytes", "transaction.state.log.segment.bytes"] {
        let notes = notes(&format!("{name}=1048575"));
        assert_eq!((notes.len(), notes[0].level), (1, NoteLevel::Warn));
        assert!(notes[0].text.starts_with(&format!("{name}=1048575: ")), "{}", notes[0].text);
    }
}

#[test]
fn flags_beat_variables_beat_the_file() {
    let partitions = |variables: &[(&str, &str)], flags: &[(&str, &str)]| {
        let loaded = load_all("num.partitions=2\nnum.partitions=3", variables, flags).unwrap();
        (loaded.node.topics.partitions_default, loaded.raw.source("num.partitions").unwrap().to_string())
    };
    assert_eq!(partitions(&[], &[]), (3, "server.properties:2".into()));
    let variable = [("KAFKA_NUM_PARTITIONS", "4")];
    assert_eq!(partitions(&variable, &[]), (4, "environment variable KAFKA_NUM_PARTITIONS".into()));
    let flags = [("num.partitions", "5"), ("num.partitions", "6")];
    assert_eq!(partitions(&variable, &flags), (6, "--override".into()));
}

#[test]
fn a_wrong_number_of_the_node_is_told_where_it_was_written() {
    let text = message("node.id=abc");
    assert!(text.starts_with("server.properties:1: Invalid value abc for configuration node.id"), "{text}");
    let text = message("broker.id=abc");
    assert!(text.starts_with("server.properties:1: Invalid value abc for configuration broker.id"), "{text}");
    // Good for the one name and not for the other.
    assert!(message("broker.id=-7").contains("node.id"));
}

#[test]
fn a_typo_stops_the_start_with_what_was_meant() {
    let text = message("num.partition=3\n\nentirely.unheard.of=1");
    assert!(
        text.contains("unknown setting 'num.partition' (server.properties:1); did you mean num.partitions?"),
        "{text}"
    );
    assert!(text.contains("unknown setting 'entirely.unheard.of' (server.properties:3)"), "{text}");
    assert!(text.contains("config.unknown=warn"), "{text}");
}

#[test]
fn a_typo_passes_with_a_warning_when_told_so() {
    let loaded = load_all("num.partition=3\nconfig.unknown=warn", &[], &[]).unwrap();
    assert_eq!(loaded.notes.len(), 1);
    assert_eq!(loaded.notes[0].level, NoteLevel::Warn);
    assert_eq!(loaded.node.topics.partitions_default, 1);
}

#[test]
fn a_near_miss_of_a_security_key_is_a_typo_too() {
    assert!(message("ssl.keystore.locaton=/x").contains("did you mean ssl.keystore.location?"));
    assert!(load_all("ssl.engine.of.mine.frobnicate=1", &[], &[]).is_ok(), "a plugin may know it");
}

#[test]
fn settings_without_effect_are_named_in_one_line() {
    let file = "num.io.threads=8\nssl.protocol=TLSv1.3\nlistener.name.plaintext.my.plugin=1";
    let loaded = load_all(file, &[], &[]).unwrap();
    let [note] = &loaded.notes[..] else { panic!("one line, not {:?}", loaded.notes) };
    assert_eq!(note.level, NoteLevel::Info);
    assert!(note.text.starts_with("accepted, no effect: "), "{}", note.text);
    assert!(note.text.contains("num.io.threads (server.properties:1)"), "{}", note.text);
    let loaded = load_all("max.connections=3\nlistener.name.plaintext.max.connections=2", &[], &[]).unwrap();
    let [note] = &loaded.notes[..] else { panic!("one line, not {:?}", loaded.notes) };
    assert!(
        note.text.ends_with("effect: listener.name.plaintext.max.connections (server.properties:2)"),
        "{}",
        note.text
    );
}

#[test]
fn quotas_among_the_settings_of_a_broker_are_ignored() {
    let file = "producer_byte_rate=1\nconsumer_byte_rate=2\nrequest_percentage=2.5\ncontroller_mutation_rate=3\n\
                connection_creation_rate=4";
    let loaded = load_all(file, &[], &[]).unwrap();
    let [note] = &loaded.notes[..] else { panic!("one line, not {:?}", loaded.notes) };
    assert_eq!(note.level, NoteLevel::Info);
    assert_eq!(note.text.matches("server.properties:").count(), 5, "{}", note.text);
}

#[test]
fn keys_of_other_releases_are_accepted_with_a_warning() {
    let loaded = load_all("zookeeper.connect=z:2181\ninter.broker.protocol.version=3.9\nsuper.users=User:a", &[], &[]);
    let notes = loaded.unwrap().notes;
    assert_eq!(notes.len(), 3);
    assert!(notes.iter().all(|note| note.level == NoteLevel::Warn));
}

#[test]
fn a_bad_value_names_its_place_and_its_rule() {
    assert_eq!(
        message("a.b=1\nconfig.unknown=warn\nlog.segment.bytes=5"),
        "server.properties:3: Invalid value 5 for configuration log.segment.bytes: Value must be at least 1048576"
    );
    assert!(message("listener.name.plaintext.max.connections=x").contains("Not a number of type INT"));
    assert!(message("a=\\u12").starts_with("server.properties, line 1: \\u needs"));
}

#[test]
fn a_secret_is_not_repeated() {
    let loaded = load_all("ssl.keystore.password=hush", &[], &[]).unwrap();
    assert!(!format!("{:?}", loaded.notes).contains("hush"));
}

#[test]
fn the_two_listener_compose_file_works_verbatim() {
    let variables = [
        ("KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PLAINTEXT_HOST:PLAINTEXT"),
        ("KAFKA_LISTENERS", "CONTROLLER://:29093,PLAINTEXT_HOST://:9092,PLAINTEXT://:19092"),
        ("KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT_HOST://localhost:9092,PLAINTEXT://broker:19092"),
        ("KAFKA_CONTROLLER_QUORUM_VOTERS", "1@broker:29093"),
        ("KAFKA_INTER_BROKER_LISTENER_NAME", "PLAINTEXT"),
        ("KAFKA_PROCESS_ROLES", "broker,controller"),
        ("KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER"),
        ("KAFKA_NODE_ID", "1"),
        ("CLUSTER_ID", "4L6g3nShT-eMCtK--X86sw"),
    ];
    let node = load(None, variables.map(|(key, value)| (key.into(), value.into())).into_iter(), &[], &KnownFiles(&[]))
        .unwrap()
        .node;
    let names = |listeners: &[crate::config::Listener]| -> Vec<String> {
        listeners.iter().map(|listener| format!("{listener} {}", listener.protocol.name())).collect()
    };
    assert_eq!(names(&node.network.listeners), ["PLAINTEXT_HOST://:9092 PLAINTEXT", "PLAINTEXT://:19092 PLAINTEXT"]);
    assert_eq!(names(&node.network.controller_listeners), ["CONTROLLER://:29093 PLAINTEXT"]);
    assert_eq!(node.network.advertised[1].host, "broker");
    assert_eq!(node.network.advertised[0].protocol, Protocol::Plaintext);
    assert_eq!(node.cluster_id.as_deref(), Some("4L6g3nShT-eMCtK--X86sw"));
}

#[test]
fn advertising_alone_listens_on_every_interface() {
    let loaded = load_all("", &[("KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT://broker:9092")], &[]).unwrap();
    assert_eq!(loaded.node.network.listeners[0].to_string(), "PLAINTEXT://0.0.0.0:9092");
    let listeners = [("listeners", "PLAINTEXT://localhost:9092")];
    let loaded = load_all("", &[("KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT://broker:9092")], &listeners).unwrap();
    assert_eq!(loaded.node.network.listeners[0].host, "localhost");
}

#[test]
fn a_variable_of_another_program_only_warns_but_a_typo_stops() {
    let loaded = load_all("", &[("KAFKA_BOOTSTRAP_SERVERS", "broker:9092")], &[]).unwrap();
    assert_eq!(loaded.notes.len(), 1);
    assert_eq!(loaded.notes[0].level, NoteLevel::Warn);
    assert!(matches!(load_all("", &[("KAFKA_NUM_PARTITION", "3")], &[]), Err(ConfigError::Unknown(_))));
}

#[test]
fn blanks_around_a_value_do_not_count() {
    let loaded = load_all("config.unknown = warn  \nlog.dirs = /a , /b \nno.such.key.at.all=1", &[], &[]).unwrap();
    assert_eq!(loaded.node.log_dirs.len(), 2);
}
