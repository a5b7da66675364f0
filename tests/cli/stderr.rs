//! A standard error that nobody reads: remarks and errors are lost there, and nothing else.
use crate::broker::broker;
use std::{
    net::TcpListener,
    process::{Command, Stdio},
};

/// The exit code of a command whose standard error has no reader.
fn code(args: &[&str]) -> Option<i32> {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_ottla"));
    command.args(args).env("OTTLA_LOG", "trace").stdin(Stdio::null()).stdout(Stdio::null()).stderr(writer);
    command.status().unwrap().code()
}

#[test]
fn commands_end_as_they_would_where_nobody_reads_their_remarks() {
    let broker = broker();
    let to = ["-b", &broker.address];
    let run = |args: &[&str]| code(&[args, &to].concat());
    assert_eq!(run(&["topic", "create", "stderr-a", "stderr-b"]), Some(0), "remarks");
    assert_eq!(run(&["topic", "create", "stderr-a", "stderr-b"]), Some(1), "an error for each");
    assert_eq!(run(&["topic", "create", "a b"]), Some(1), "one error");
    assert_eq!(run(&["produce", "stderr-a"]), Some(0));
    assert_eq!(run(&["nonsense"]), Some(2));
}

#[test]
fn a_broker_that_cannot_start_ends_as_it_would() {
    assert_eq!(code(&["serve", "-o", "num.partitons=3"]), Some(2));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listeners = format!("listeners=PLAINTEXT://{}", taken.local_addr().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let data = format!("log.dirs={}", directory.path().join("data").display());
    // Its log lines go the same way, before it finds that out.
    assert_eq!(code(&["serve", "-o", &listeners, "-o", &data, "-o", "ottla.http.listen=off"]), Some(1));
}
