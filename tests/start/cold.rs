//! Records that are not in memory any more: read from the disk, on threads that may wait for it.
use crate::{
    child::{Child, command, free_port},
    pages::{figure, get},
};
use rustix::{
    fs::{Advice, fadvise, fsync},
    io::{Errno, ReadWriteFlags, preadv2},
};
use std::{
    fs::File,
    io::{IoSliceMut, Write},
    path::Path,
    process::Stdio,
};

const LINES: usize = 20_000;

fn client(directory: &Path, port: u16, arguments: &[&str]) -> std::process::Command {
    let server = format!("127.0.0.1:{port}");
    let mut command = command(directory, arguments);
    command.args(["-b", &server]).stderr(Stdio::null());
    command
}

/// Takes the file out of the page cache; false where the filesystem keeps it there.
fn evict(file: &File) -> bool {
    fsync(file).unwrap();
    fadvise(file, 0, None, Advice::DontNeed).unwrap();
    let (mut byte, middle) = ([0], file.metadata().unwrap().len() / 2);
    preadv2(file, &mut [IoSliceMut::new(&mut byte)], middle, ReadWriteFlags::NOWAIT) == Err(Errno::AGAIN)
}

#[test]
fn what_is_not_in_memory_is_looked_for_where_waiting_is_allowed() {
    let directory = tempfile::tempdir().unwrap();
    let (port, http) = (free_port(), free_port());
    let child = Child::serve(directory.path(), port, &[&format!("ottla.http.listen=127.0.0.1:{http}")]);
    let lines: String = (0..LINES).map(|line| format!("{line:0200}\n")).collect();
    let mut producer = client(directory.path(), port, &["produce", "cold"]).stdin(Stdio::piped()).spawn().unwrap();
    producer.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    assert!(producer.wait().unwrap().success());
    child.stop();
    // What was written just now is remembered without a look at the file; after a start it is not.
    let child = Child::serve(directory.path(), port, &[&format!("ottla.http.listen=127.0.0.1:{http}")]);
    let read = || client(directory.path(), port, &["consume", "cold", "-o", "start", "-e"]).output().unwrap();
    assert!(read().status.success());
    let before = figure(&get(http, "/metrics"), "ottla_cold_fetches_total", &[]);
    let segment = File::open(directory.path().join("data/cold-0/00000000000000000000.log")).unwrap();
    let evicted = evict(&segment);
    let read = read();
    assert!(read.status.success());
    assert!(read.stdout == lines.as_bytes(), "{} of {} bytes came back", read.stdout.len(), lines.len());
    let after = figure(&get(http, "/metrics"), "ottla_cold_fetches_total", &[]);
    if evicted {
        assert!(after > before, "the place of the first batch was looked for on a thread that serves connections");
    }
    child.stop();
}
