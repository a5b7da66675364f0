//! Round trips through a broker.
use crate::broker::{broker, command, topic};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn status_is_quick_to_say_ready() {
    let broker = broker();
    assert!(broker.ok(&["status"], b"").starts_with(&format!("ready: {}", broker.address)));
    assert_eq!(json(&broker.ok(&["status", "--json"], b""))["ready"], true);
    assert_eq!(broker.ok(&["status", "-q"], b""), "");
}

#[test]
fn topics_are_made_shown_grown_and_deleted() {
    let broker = broker();
    let (name, other) = (topic("topics"), topic("other"));
    let create = ["topic", "create", &name, &other, "-p", "3", "-c", "retention.ms=86400000"];
    assert!(broker.ok(&create, b"").contains(&format!("created {name} (3 partitions, replication 1)\n")));
    assert!(broker.fails(1, &["topic", "create", &name]).contains("--if-not-exists"));
    assert!(broker.ok(&["topic", "create", &name, "--if-not-exists"], b"").contains("exists already"));
    let list = broker.ok(&["topic", "list", "-q"], b"");
    assert!(list.lines().any(|line| line == name) && list.lines().any(|line| line == other), "{list}");

    let described = json(&broker.ok(&["topic", "describe", &name, "--json"], b""));
    assert_eq!(described[0]["configs"]["retention.ms"]["value"], "86400000");
    assert_eq!(described[0]["partitions"].as_array().unwrap().len(), 3);
    assert_eq!(described[0]["partitions"][0]["end_offset"], 0);
    assert!(broker.ok(&["topic", "describe", &name], b"").contains("retention.ms"));

    broker.ok(&["topic", "add-partitions", &name, "-n", "2"], b"");
    let described = json(&broker.ok(&["topic", "describe", &name, "--json"], b""));
    assert_eq!(described[0]["partitions"].as_array().unwrap().len(), 5);
    broker.fails(1, &["topic", "add-partitions", &name, "--to", "5"]);

    broker.ok(&["topic", "delete", &name, &other], b"");
    broker.fails(3, &["topic", "delete", &name]);
    broker.ok(&["topic", "delete", &name, "--if-exists"], b"");
    broker.fails(3, &["topic", "describe", &name]);
    broker.fails(3, &["consume", &name, "-e"]);
}

#[test]
fn a_broker_refuses_with_its_own_words() {
    let broker = broker();
    let said = broker.fails(1, &["topic", "create", &topic("bad"), "-c", "no.such.setting=1"]);
    assert!(said.contains("no.such.setting") && said.contains("INVALID_CONFIG"), "{said}");
    assert!(broker.fails(1, &["topic", "create", "a b"]).contains("INVALID_TOPIC_EXCEPTION"));
}

/// Apache Kafka adds them, and its next start finds nothing of what its coordinators knew.
#[test]
fn txn_19_no_partitions_are_added_to_a_coordinators_topic() {
    let broker = broker();
    if !broker.is_own() {
        return;
    }
    broker.fails(3, &["txn", "describe", "nobody"]);
    for dry in [&[][..], &["--dry-run"]] {
        let args = [&["topic", "add-partitions", "__transaction_state", "-n", "1"], dry].concat();
        let said = broker.fails(1, &args);
        assert!(said.contains("INVALID_REQUEST") && said.contains("transaction.state.log.num.partitions"), "{said}");
    }
}

#[test]
fn a_dry_run_creates_nothing() {
    let broker = broker();
    let name = topic("dry");
    assert!(broker.ok(&["topic", "create", &name, "--dry-run"], b"").contains("would create"));
    broker.fails(3, &["topic", "describe", &name]);
}

#[test]
fn lines_come_back_as_they_were_in_every_codec() {
    let broker = broker();
    let input: String = (0..20_000).map(|n| format!("line {n} of the same text\r\n")).collect();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let name = topic(codec);
        broker.ok(&["topic", "create", &name], b"");
        broker.ok(&["produce", &name, "-z", codec, "-q"], input.as_bytes());
        assert!(broker.ok(&["consume", &name, "-e"], b"") == input, "{codec}");
        broker.ok(&["topic", "delete", &name], b"");
    }
}

#[test]
fn keys_headers_and_places_are_kept() {
    let broker = broker();
    let name = topic("places");
    broker.ok(&["topic", "create", &name, "-p", "7"], b"");
    let made = broker.ok(&["produce", &name, "-K", ":", "-H", "a=1", "-H", "a", "--json"], b"21:x\n21:y\nfoobar:\n");
    assert_eq!(json(&made)["records"], 3);
    // Where Java's partitioner puts these keys among seven partitions.
    let (of_21, of_foobar) = ((-973_932_308 & i32::MAX) % 7, (-790_332_482 & i32::MAX) % 7);
    let shown = broker.ok(&["consume", &name, "-e", "-f", "%p %o %k=%s %K %S %h\\n"], b"");
    let mut lines: Vec<&str> = shown.lines().collect();
    lines.sort_by_key(|line| line.contains("foobar"));
    assert_eq!(lines[0], format!("{of_21} 0 21=x 2 1 a=1,a=NULL"));
    assert_eq!(lines[1], format!("{of_21} 1 21=y 2 1 a=1,a=NULL"));
    assert_eq!(lines[2], format!("{of_foobar} 0 foobar= 6 0 a=1,a=NULL"));
    broker.ok(&["produce", &name, "-p", "6", "-Z", "-k", "gone"], b"\n");
    let last = json(&broker.ok(&["consume", &name, "-p", "6", "-o", "-1", "-e", "--json"], b""));
    assert_eq!((&last["key"], &last["payload"], &last["tstype"]), (&"gone".into(), &Value::Null, &"create".into()));
    broker.fails(3, &["consume", &name, "-p", "7", "-e"]);
    broker.ok(&["topic", "delete", &name], b"");
}

#[test]
fn reading_begins_and_stops_where_it_is_told() {
    let broker = broker();
    let name = topic("offsets");
    broker.ok(&["topic", "create", &name], b"");
    let input: String = (0..100).map(|n| format!("{n}\n")).collect();
    broker.ok(&["produce", &name], input.as_bytes());
    let lines = |args: &[&str]| {
        let shown = broker.ok(&[&["consume", &name], args].concat(), b"");
        shown.lines().map(|line| line.parse().unwrap()).collect::<Vec<i32>>()
    };
    assert_eq!(lines(&["-o", "-3", "-e"]), [97, 98, 99]);
    assert_eq!(lines(&["-o", "+97:end"]), [97, 98, 99]);
    assert_eq!(lines(&["-o", "5:8"]), [5, 6, 7]);
    assert_eq!(lines(&["-o", "5", "-n", "2"]), [5, 6]);
    assert_eq!(lines(&["-o", "@1h", "-n", "1"]), [0]);
    assert_eq!(lines(&["-o", "@2000-01-01:@2001-01-01"]), [0; 0]);
    assert_eq!(lines(&["-o", "end", "-e"]), [0; 0]);
    assert_eq!(lines(&[":end", "--read-committed"].map(|arg| if arg == ":end" { "-o:end" } else { arg })).len(), 100);
    assert!(broker.fails(1, &["consume", &name, "-o", "101"]).contains("it holds 0 to 100"));
    broker.ok(&["topic", "delete", &name], b"");
}

#[test]
fn a_group_goes_on_behind_what_was_printed_also_in_the_middle_of_a_batch() {
    let broker = broker();
    let (name, group) = (topic("shared"), topic("readers"));
    broker.ok(&["topic", "create", &name], b"");
    let input: String = (0..100).map(|n| format!("{n}\n")).collect();
    broker.ok(&["produce", &name], input.as_bytes());
    let lines = |args: &[&str]| {
        let shown = broker.ok(&[&["consume", &name, "-g", &group], args].concat(), b"");
        shown.lines().map(|line| line.parse().unwrap()).collect::<Vec<i32>>()
    };
    assert_eq!(lines(&["-n", "30"]), (0..30).collect::<Vec<_>>());
    assert_eq!(lines(&["-o", "start:50"]), (30..50).collect::<Vec<_>>());
    assert_eq!(lines(&["-e"]), (50..100).collect::<Vec<_>>());
    broker.ok(&["topic", "delete", &name], b"");
}

#[test]
fn generated_records_arrive_with_every_acks() {
    let broker = broker();
    let name = topic("generated");
    broker.ok(&["topic", "create", &name], b"");
    for acks in ["all", "1", "0"] {
        broker.ok(&["produce", &name, "--count", "5000", "--size", "50", "--acks", acks], b"");
    }
    broker.ok(&["produce", &name, "--count", "20", "--rate", "200", "--no-idempotence"], b"");
    let shown = broker.ok(&["consume", &name, "-e", "-f", "%S\\n"], b"");
    assert_eq!(shown.lines().filter(|line| *line == "50").count(), 15_000);
    assert_eq!(shown.lines().filter(|line| *line == "100").count(), 20);
    broker.ok(&["topic", "delete", &name], b"");
}

#[test]
fn a_closed_pipe_ends_in_silence() {
    let broker = broker();
    let name = topic("pipe");
    broker.ok(&["topic", "create", &name], b"");
    broker.ok(&["produce", &name, "--count", "50000"], b"");
    let mut child = command(&["consume", &name, "-b", &broker.address]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("0 "), "{line}");
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""));
    broker.ok(&["topic", "delete", &name], b"");
}
