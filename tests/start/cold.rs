//! Records that are not in memory any more: read from the disk, on threads that may wait for it.
use crate::{
    asker::{Asker, name},
    child::{Child, command, free_port, make_topic},
    pages::{figure, get},
};
use kafka_protocol::messages::{
    DeleteRecordsRequest, WriteTxnMarkersRequest,
    delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic},
    write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic},
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

fn produce(directory: &Path, port: u16, lines: &str) {
    let mut producer = client(directory, port, &["produce", "cold"]).stdin(Stdio::piped()).spawn().unwrap();
    producer.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    assert!(producer.wait().unwrap().success());
}

#[test]
fn what_is_not_in_memory_is_looked_for_where_waiting_is_allowed() {
    let directory = tempfile::tempdir().unwrap();
    let (port, http) = (free_port(), free_port());
    let child = Child::serve(directory.path(), port, &[&format!("ottla.http.listen=127.0.0.1:{http}")]);
    let mut lines: String = (0..LINES).map(|line| format!("{line:0200}\n")).collect();
    produce(directory.path(), port, &lines);
    child.stop();
    // What was written just now is remembered without a look at the file; after a start it is not.
    let child = Child::serve(directory.path(), port, &[&format!("ottla.http.listen=127.0.0.1:{http}")]);
    let cold = |of: &str| figure(&get(http, "/metrics"), &format!("ottla_cold_{of}_total"), &[]);
    assert_eq!(cold("requests"), 0.0);
    produce(directory.path(), port, "the last\n");
    lines.push_str("the last\n");
    assert_eq!(cold("requests"), 1.0, "the first append opened the log on a thread that serves connections");
    let read = |from: &str| {
        let read = client(directory.path(), port, &["consume", "cold", "-o", from, "-e"]).output().unwrap();
        assert!(read.status.success());
        assert!(read.stdout == lines.as_bytes(), "{} of {} bytes came back", read.stdout.len(), lines.len());
    };
    read("start");
    let segment = File::open(directory.path().join("data/cold-0/00000000000000000000.log")).unwrap();
    for (from, of) in [("start", "fetches"), ("@2h", "requests")] {
        let before = cold(of);
        let evicted = evict(&segment);
        read(from);
        if evicted {
            assert!(cold(of) > before, "{of}: a batch was looked for on a thread that serves connections");
        }
    }
    child.stop();
}

#[test]
fn logs_are_opened_where_waiting_is_allowed() {
    let directory = tempfile::tempdir().unwrap();
    let (port, http) = (free_port(), free_port());
    let child = Child::serve(directory.path(), port, &[&format!("ottla.http.listen=127.0.0.1:{http}")]);
    ["cut", "ended"].into_iter().for_each(|topic| make_topic(port, topic));
    child.stop();
    let child = Child::serve(directory.path(), port, &[&format!("ottla.http.listen=127.0.0.1:{http}")]);
    let cold = || figure(&get(http, "/metrics"), "ottla_cold_requests_total", &[]);
    let mut asker = Asker::new(port);
    let all = DeleteRecordsPartition::default().with_offset(-1);
    let topic = DeleteRecordsTopic::default().with_name(name("cut")).with_partitions(vec![all]);
    let cut = DeleteRecordsRequest::default().with_topics(vec![topic]);
    let topic = WritableTxnMarkerTopic::default().with_name(name("ended")).with_partition_indexes(vec![0]);
    let marker = WritableTxnMarker::default().with_producer_id(7.into()).with_topics(vec![topic]);
    let ended = WriteTxnMarkersRequest::default().with_markers(vec![marker]);
    // The second time the log is open.
    for opened in [1.0, 1.0] {
        let answer = asker.ask(2, &cut).unwrap();
        assert_eq!(answer.topics[0].partitions[0].error_code, 0);
        assert_eq!(cold(), opened, "DeleteRecords");
    }
    for opened in [2.0, 2.0] {
        let answer = asker.ask(1, &ended).unwrap();
        assert_eq!(answer.markers[0].topics[0].partitions[0].error_code, 0);
        assert_eq!(cold(), opened, "WriteTxnMarkers");
    }
    child.stop();
}
