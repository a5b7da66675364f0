//! What works without a broker: help, usage errors, unreachable brokers, dumps of files.
use crate::broker::ottla;
use ottla::record::BatchBuilder;
use std::{
    net::TcpListener,
    path::{Path, PathBuf},
};

#[track_caller]
fn check(args: &[&str], code: i32, stdout: &str, stderr: &str) {
    let output = ottla(args, b"");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{args:?}: {out}{err}");
    assert!(out.contains(stdout), "{args:?}: stdout {out:?}");
    assert!(err.contains(stderr), "{args:?}: stderr {err:?}");
    if code != 0 && stdout.is_empty() {
        assert_eq!(out, "", "{args:?}: only data goes to stdout");
    }
}

#[test]
fn help_shows_examples_and_version_is_told() {
    check(&["--help"], 0, "Examples:", "");
    for command in ["topic create", "topic list", "topic describe", "topic delete", "topic add-partitions"] {
        let args: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        check(&args, 0, "Examples:", "");
    }
    for command in ["list", "describe", "abort-hanging"] {
        check(&["txn", command, "--help"], 0, "Examples:", "");
    }
    for command in ["serve", "produce", "consume", "status", "topic", "group", "txn", "log"] {
        check(&[command, "--help"], 0, "Examples:", "");
    }
    check(&["log", "dump", "--help"], 0, "Examples:", "");
    check(&["version"], 0, concat!("ottla ", env!("CARGO_PKG_VERSION")), "");
    check(&["version", "--json"], 0, "{\"name\":\"ottla\",\"version\":", "");
}

#[test]
fn wrong_usage_is_exit_code_2() {
    check(&["nonsense"], 2, "", "unrecognized subcommand");
    check(&["topic", "create"], 2, "", "<TOPIC>");
    check(&["topic", "add-partitions", "t"], 2, "", "--to");
    check(&["topic", "list", "-b", "host:port"], 2, "", "host:port");
    check(&["topic", "list", "--timeout", "soon"], 2, "", "500ms");
    check(&["consume", "t", "-o", "somewhere"], 2, "", "start, end, 42");
    check(&["consume", "t", "-f", "%y"], 2, "", "%t topic");
    check(&["produce", "t", "-z", "brotli"], 2, "", "zstd");
    check(&["log", "dump", "/dev/null"], 2, "", ".timeindex");
    check(&["txn", "list", "--state", "Gone"], 2, "", "Ongoing");
    check(&["txn", "abort-hanging"], 2, "", "--transactional-id");
    check(&["txn", "abort-hanging", "--transactional-id", "a", "--partition", "0"], 2, "", "--partition");
}

#[test]
fn an_absent_broker_is_named_with_the_way_out() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let refused = format!("cannot connect to {address}: connection refused: is the broker running?");
    check(&["status", "-b", &address], 4, "", &refused);
    check(&["status", "-b", &address, "--json"], 4, "\"ready\":false", &refused);
    check(&["topic", "list", "-b", &address], 1, "", &refused);
}

#[test]
fn a_silent_peer_is_exit_code_124_and_not_healthy() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    check(&["topic", "list", "-b", &address, "--timeout", "300ms"], 124, "", "no answer to ApiVersions within 300 ms");
    check(&["status", "-b", &address, "--timeout", "300ms"], 4, "", "no answer");
}

fn file(directory: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn segments_are_dumped_and_damage_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let headers = [("trace", Some(&b"7"[..]))];
    let batch = BatchBuilder::new(1_795_255_200_000).record_with_headers(Some(b"key"), Some(b"a\xFF"), &headers);
    let batch = batch.record(None, None).build();
    let mut bytes = batch.bytes().to_vec();
    let whole = file(directory.path(), "00000000000000000000.log", &bytes);
    let whole = whole.to_str().unwrap();
    check(&["log", "dump", whole], 0, "offsets 0-1  records 2  position 0", "");
    check(&["log", "dump", whole, "--records"], 0, "key \"key\"  value \"a\\xff\"  trace=7", "");
    check(&["log", "dump", whole, "-r", "--json"], 0, "\"codec\":\"none\"", "");

    let cut = file(directory.path(), "1.log", &bytes[..bytes.len() - 1]);
    check(&["log", "dump", cut.to_str().unwrap()], 1, "", "damaged at byte 0: the last batch has");
    *bytes.last_mut().unwrap() ^= 1;
    let flipped = file(directory.path(), "2.log", &bytes);
    check(&["log", "dump", flipped.to_str().unwrap()], 1, "DAMAGED", "the checksum does not fit");
    check(&["log", "dump", "no-such.log"], 3, "", "no such file");
}

#[test]
fn log_14_damage_is_verified_and_repaired() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("orders-0");
    std::fs::create_dir(&folder).unwrap();
    let mut bytes = BatchBuilder::new(1_795_255_200_000).record(None, Some(b"a")).build().bytes().to_vec();
    let path = file(&folder, "00000000000000000000.log", &bytes);
    let (path, all) = (path.to_str().unwrap(), directory.path().to_str().unwrap());
    check(&["log", "verify", path], 0, "whole  batches 1  records 1", "");
    check(&["log", "repair", path], 0, "", "nothing is damaged");
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(path, &bytes).unwrap();
    check(&["log", "verify", all], 1, "DAMAGED", "1 of 1 segments are damaged");
    check(&["log", "verify", "--json", all], 1, "\"from_byte\":0", "");
    check(&["log", "repair", path], 0, "lost: bytes 0 to", "");
    assert_eq!(std::fs::read(format!("{path}.damaged-0")).unwrap(), bytes);
    // One without records stands there.
    check(&["log", "verify", all], 0, "whole  batches 1  records 0", "");
    // Its length is in no checksum: no record is lost.
    *bytes.last_mut().unwrap() ^= 1;
    bytes[11] ^= 4;
    std::fs::write(path, &bytes).unwrap();
    check(&["log", "repair", path], 0, "restored: bytes 0 to", "");
    check(&["log", "verify", all], 0, "whole  batches 1  records 1", "");
    check(&["log", "verify", "no-such-directory"], 3, "", "no-such-directory");
}

#[test]
fn indexes_are_dumped() {
    let directory = tempfile::tempdir().unwrap();
    let entry = [0, 0, 0, 5, 0, 0, 16, 0];
    let index = file(directory.path(), "00000000000000000100.index", &entry);
    check(&["log", "dump", index.to_str().unwrap()], 0, "offset 105  position 4096\n", "");
    let mut entry = 1_795_255_200_000i64.to_be_bytes().to_vec();
    entry.extend([0, 0, 0, 5]);
    let times = file(directory.path(), "00000000000000000100.timeindex", &entry);
    let shown = "timestamp 1795255200000 (2026-11-21T10:00:00.000Z)  offset 105\n";
    check(&["log", "dump", times.to_str().unwrap()], 0, shown, "");
    entry.push(1);
    let torn = file(directory.path(), "00000000000000000200.timeindex", &entry);
    check(&["log", "dump", torn.to_str().unwrap()], 1, "offset 205", "1 bytes are left");
}
