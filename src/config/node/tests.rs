//! Node settings: what is read, what contradicts, what is refused.
use super::*;
use crate::config::raw::{RawValue, Source};
use crate::config::setting::{Effect, Scope};
use crate::config::table;
use std::collections::BTreeSet;

fn raw(pairs: &[(&str, &str)]) -> RawSettings {
    let value = |text: &str| RawValue { text: text.to_owned(), source: Source::Flag };
    RawSettings::new(pairs.iter().map(|&(key, text)| (key.to_owned(), value(text))).collect())
}

fn resolve(pairs: &[(&str, &str)]) -> Result<NodeConfig, NodeConfigError> {
    NodeConfig::resolve(&raw(pairs))
}

fn message(pairs: &[(&str, &str)]) -> String {
    resolve(pairs).map(|_| "it resolves").unwrap_err().to_string()
}

/// A promise in docs/settings.md that nothing reads would be a lie.
#[test]
fn what_is_honoured_is_read() {
    let raw = raw(&[("broker.id", "1")]);
    let reader = Reader::of_broker(&raw);
    NodeConfig::read(&reader, &raw).unwrap();
    let mut read: BTreeSet<&str> = reader.read();
    let topics = table::all(Scope::Topic).flat_map(|setting| table::broker_synonyms_of_topic(setting.name));
    read.extend(topics.map(|synonym| synonym.broker));
    // Read by `load` before anything else.
    read.extend(["config.providers", "config.unknown"]);
    for setting in table::all(Scope::Broker).filter(|setting| setting.effect != Effect::NoEffect) {
        assert!(read.contains(setting.name), "{} is said to have an effect", setting.name);
    }
}

#[test]
fn either_name_of_the_number_will_do_but_not_two_numbers() {
    assert_eq!(resolve(&[("broker.id", "7")]).unwrap().node_id, NodeId(7));
    assert_eq!(resolve(&[("node.id", "8")]).unwrap().node_id, NodeId(8));
    assert!(message(&[("broker.id", "7"), ("node.id", "8")]).contains("must be the same number"));
}

#[test]
fn log_dirs_beat_log_dir_and_name_the_metadata_directory() {
    let node = resolve(&[("log.dirs", "/a, /b"), ("log.dir", "/c")]).unwrap();
    assert_eq!(node.log_dirs, [PathBuf::from("/a"), PathBuf::from("/b")]);
    assert_eq!(node.metadata_log_dir, PathBuf::from("/a"));
    assert_eq!(resolve(&[("metadata.log.dir", "/m")]).unwrap().metadata_log_dir, PathBuf::from("/m"));
    assert!(message(&[("log.dirs", "")]).contains("must not be empty"));
}

#[test]
fn listeners_need_names_protocols_and_ports_of_their_own() {
    let listeners = |text: &'static str| message(&[("listeners", text)]);
    assert!(listeners("localhost:9092").contains("write NAME://host:port"));
    assert!(listeners("PLAINTEXT://a:x").contains("write NAME://host:port"));
    assert!(listeners("PLAINTEXT://::1:9092").contains("write NAME://host:port"));
    assert!(listeners("HOME://:9092").contains("add HOME:PLAINTEXT to listener.security.protocol.map"));
    assert!(listeners("PLAINTEXT://:1,plaintext://:2").contains("two listeners are called 'PLAINTEXT'"));
    let map = ("listener.security.protocol.map", "A:PLAINTEXT,B:PLAINTEXT,C:PLAINTEXT,CONTROLLER:PLAINTEXT");
    let with_map = |text: &'static str| resolve(&[map, ("listeners", text), ("inter.broker.listener.name", "A")]);
    assert!(with_map("A://x:1,B://y:1").unwrap_err().to_string().contains("have the same port"));
    assert!(with_map("A://127.0.0.1:1,B://[::1]:1").is_ok(), "one of each family");
    assert!(with_map("A://127.0.0.1:1,B://127.0.0.2:1").is_err());
    assert!(with_map("A://127.0.0.1:1,B://[::1]:1,C://:1").is_err());
    assert!(with_map("A://localhost:0,B://localhost:0").is_ok(), "port 0 is any port");
    assert!(message(&[("listener.security.protocol.map", "A:TELNET")]).contains("no NAME:PROTOCOL"));
}

#[test]
fn what_is_advertised_must_be_bound_and_reachable() {
    let advertised = |text: &'static str| message(&[("advertised.listeners", text)]);
    assert!(advertised("SSL://h:1").contains("not among the names of listeners"));
    assert!(advertised("PLAINTEXT://0.0.0.0:9092").contains("cannot be reached by clients"));
    assert!(message(&[("listeners", "PLAINTEXT://0.0.0.0:9092")]).contains("cannot be reached by clients"));
    let node = resolve(&[("advertised.listeners", "PLAINTEXT://kafka.example:19092")]).unwrap();
    assert_eq!(node.network.advertised[0].to_string(), "PLAINTEXT://kafka.example:19092");
}

#[test]
fn controllers_have_listeners_of_their_own() {
    let both = ("listeners", "PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093");
    let node = resolve(&[both]).unwrap();
    assert_eq!(node.network.controller_listeners[0].name, "CONTROLLER");
    assert_eq!(node.network.listeners.len(), 1);
    let names = ("controller.listener.names", "CTRL");
    assert!(message(&[names]).contains("'CTRL' is not among the names of listeners"));
    assert!(message(&[("listeners", "CONTROLLER://localhost:9093")]).contains("a broker needs one for clients"));
}

#[test]
fn brokers_need_a_listener_among_themselves() {
    assert!(message(&[("inter.broker.listener.name", "INTERNAL")]).contains("'INTERNAL' is not among"));
    let twice = [("inter.broker.listener.name", "PLAINTEXT"), ("security.inter.broker.protocol", "PLAINTEXT")];
    assert!(message(&twice).contains("only one of"));
}

#[test]
fn protection_that_is_not_there_is_refused_not_ignored() {
    for (key, value) in [
        ("listeners", "SSL://localhost:9093"),
        ("listeners", "SASL_PLAINTEXT://localhost:9093"),
        ("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
        ("create.topic.policy.class.name", "com.example.Policy"),
        ("alter.config.policy.class.name", "com.example.Policy"),
        ("client.quota.callback.class", "com.example.Quotas"),
        ("principal.builder.class", "com.example.Principals"),
        ("process.roles", "broker"),
        ("controller.quorum.voters", "1@a:1,2@b:1,3@c:1"),
        ("controller.quorum.bootstrap.servers", "a:1,b:1"),
    ] {
        let error = resolve(&[(key, value)]).unwrap_err();
        assert!(matches!(error, NodeConfigError::NotServed { .. }), "{key}={value}: {error}");
    }
    assert!(message(&[("controller.quorum.voters", "2@localhost:9093")]).contains("this node's node.id"));
}

#[test]
fn levels_of_features_and_protocols_of_groups_are_checked() {
    assert_eq!(resolve(&[]).unwrap().first_levels, BTreeMap::new());
    let node = resolve(&[("ottla.format.features", "group.version=0, transaction.version = 1")]).unwrap();
    assert_eq!(node.first_levels, BTreeMap::from([("group.version".into(), 0), ("transaction.version".into(), 1)]));
    for wrong in ["group.version", "group.version=new", "group.version=99999"] {
        assert!(message(&[("ottla.format.features", wrong)]).contains("NAME=LEVEL"), "{wrong}");
    }
    assert!(resolve(&[]).unwrap().groups.consumer.enabled);
    assert!(!resolve(&[("group.coordinator.rebalance.protocols", "classic")]).unwrap().groups.consumer.enabled);
    assert!(message(&[("group.coordinator.rebalance.protocols", "consumer")]).contains("with classic"));
}

#[test]
fn limits_hold_together() {
    let small = [("queued.max.request.bytes", "1000")];
    assert!(message(&small).contains("at least socket.request.max.bytes"));
    assert!(message(&[("max.connections.per.ip", "0")]).contains("max.connections.per.ip.overrides"));
    let node = resolve(&[("max.connections.per.ip.overrides", "10.0.0.1:5, host.example:6,[::1]:7")]).unwrap();
    let limits = node.network.connections_per_address_overrides;
    assert_eq!(limits, BTreeMap::from([("10.0.0.1".into(), 5), ("::1".into(), 7), ("host.example".into(), 6)]));
    assert!(message(&[("max.connections.per.ip.overrides", "10.0.0.1")]).contains("host:limit"));
    assert!(message(&[("default.replication.factor", "0")]).contains("1 to 32767"));
}

#[test]
fn minus_one_is_no_limit() {
    let node = resolve(&[("connections.max.idle.ms", "-1"), ("socket.send.buffer.bytes", "-1")]).unwrap();
    assert_eq!((node.network.connection_idle_ms_max, node.network.socket_send_buffer_bytes), (None, None));
    assert_eq!(node.network.queued_request_bytes_max, None);
}

#[test]
fn retention_and_roll_are_judged_in_milliseconds() {
    assert!(
        message(&[("log.retention.minutes", "0")]).contains("log.retention.ms must be unlimited (-1) or at least 1")
    );
    assert!(message(&[("log.roll.ms", "0")]).contains("log.roll.ms must be at least 1"));
    assert!(resolve(&[("log.retention.hours", "-1")]).is_ok());
}

#[test]
fn log_dirs_are_told_without_a_slash_at_the_end() {
    let told = resolve(&[("log.dirs", "/a/, b//c/,./d")]).unwrap().log_dirs;
    let told: Vec<_> = told.iter().map(|path| path.to_str().unwrap()).collect();
    assert_eq!(told, ["/a", "b/c", "./d"]);
}

#[test]
fn http_has_an_address_or_is_off() {
    let listen = |text: &'static str| resolve(&[("ottla.http.listen", text)]).map(|node| node.network.http_listen);
    assert_eq!(listen("off").unwrap(), None);
    assert_eq!(listen("[::1]:80").unwrap(), Some(HostPort { host: "::1".into(), port: 80 }));
    assert_eq!(listen(":8080").unwrap(), Some(HostPort { host: String::new(), port: 8080 }));
    assert!(listen("8080").is_err());
}

#[test]
fn processors_wake_as_the_broker_finds_right_as_the_system_has_it_or_as_told() {
    let wakeup = |text: &'static str| resolve(&[("ottla.cpu.wakeup.max.us", text)]).map(|node| node.wakeup);
    assert_eq!(resolve(&[]).unwrap().wakeup, Wakeup::Auto);
    assert_eq!(wakeup("off").unwrap(), Wakeup::AsItIs);
    assert_eq!(wakeup("10").unwrap(), Wakeup::Within(10));
    assert!(message(&[("ottla.cpu.wakeup.max.us", "-1")]).contains("auto, off or a number of microseconds"));
}

#[test]
fn compaction_can_be_switched_off_and_needs_memory_for_each_thread() {
    let cleaner = |pairs: &[(&str, &str)]| resolve(pairs).unwrap().log.cleaner;
    assert_eq!((cleaner(&[]).threads, cleaner(&[]).map_bytes, cleaner(&[]).backoff_ms), (1, 128 << 20, 15_000));
    assert_eq!(cleaner(&[("log.cleaner.enable", "false")]).threads, 0);
    let small = [("log.cleaner.dedupe.buffer.size", "2097153"), ("log.cleaner.threads", "2")];
    assert!(message(&small).contains("more than 1048576 for each of log.cleaner.threads"));
    assert_eq!(cleaner(&[("log.cleaner.dedupe.buffer.size", "2097154"), small[1]]).threads, 2);
}
