//! The HTTP pages of a running broker, and that what they count is true.
use crate::{
    asker::{Asker, name, produce_data, text},
    child::{Child, api_versions, ask, command, connect, free_port, make_topic},
};
use bytes::Bytes;
use kafka_protocol::{
    messages::{
        write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic},
        *,
    },
    records::{Record, TimestampType},
};
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

pub fn get(port: u16, path: &str) -> String {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

/// The sum of all series of `name` that carry every one of `labels`.
pub fn figure(page: &str, name: &str, labels: &[&str]) -> f64 {
    let series = page.lines().filter(|line| line.starts_with(name) && labels.iter().all(|label| line.contains(label)));
    let series = series.filter(|line| matches!(line.as_bytes().get(name.len()), Some(b' ' | b'{')));
    series.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
}

/// A record of a transaction that nobody will end; the partition must not ask for its coordinator.
fn leave_open(asker: &mut Asker, topic: &str) {
    let record = Record {
        transactional: true,
        control: false,
        partition_leader_epoch: -1,
        producer_id: 77,
        producer_epoch: 0,
        timestamp_type: TimestampType::Creation,
        offset: 0,
        sequence: 0,
        timestamp: 5,
        key: None,
        value: Some(Bytes::from_static(b"open")),
        headers: Default::default(),
        delete_horizon: false,
    };
    let topic = produce_data(topic, &record);
    let request = ProduceRequest::default()
        .with_transactional_id(Some(TransactionalId(text("nobody's"))))
        .with_acks(-1)
        .with_timeout_ms(5_000)
        .with_topic_data(vec![topic]);
    let answer = asker.ask(9, &request).unwrap();
    assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
}

fn abort(asker: &mut Asker, topic: &str) {
    let topic = WritableTxnMarkerTopic::default().with_name(name(topic)).with_partition_indexes(vec![0]);
    let marker = WritableTxnMarker::default().with_producer_id(77.into()).with_topics(vec![topic]);
    let answer = asker.ask(1, &WriteTxnMarkersRequest::default().with_markers(vec![marker])).unwrap();
    assert_eq!(answer.markers[0].topics[0].partitions[0].error_code, 0);
}

#[test]
fn txn_25_a_partition_that_is_held_back_is_named_until_it_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let (port, http) = (free_port(), free_port());
    let child = Child::serve(
        directory.path(),
        port,
        &[
            &format!("ottla.http.listen=127.0.0.1:{http}"),
            "transaction.partition.verification.enable=false",
            "ottla.transactions.shown.after.ms=200",
        ],
    );
    make_topic(port, "held");
    let mut asker = Asker::new(port);
    leave_open(&mut asker, "held");
    let shown = || figure(&get(http, "/metrics"), "ottla_partition_held_back_seconds", &["\"held\""]);
    let reached = |wanted: fn(f64) -> bool| {
        (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            wanted(shown())
        })
    };
    assert!(reached(|seconds| seconds > 0.2));
    assert_eq!(figure(&get(http, "/metrics"), "ottla_partitions_held_back", &[]), 1.0);
    abort(&mut asker, "held");
    assert!(reached(|seconds| seconds == 0.0));
    assert_eq!(figure(&get(http, "/metrics"), "ottla_partitions_held_back", &[]), 0.0);
    child.stop();
}

#[test]
fn health_and_readiness_are_told_and_the_figures_are_true() {
    let directory = tempfile::tempdir().unwrap();
    let (port, http) = (free_port(), free_port());
    let child = Child::serve(directory.path(), port, &[&format!("ottla.http.listen=127.0.0.1:{http}")]);
    assert!(child.ready_line().contains(&format!("http://127.0.0.1:{http}")));
    assert!(get(http, "/healthz").starts_with("HTTP/1.1 200"));
    assert!(get(http, "/readyz").starts_with("HTTP/1.1 200"));
    make_topic(port, "counted");
    let before = get(http, "/metrics");
    let mut socket = connect(port);
    let request = api_versions(1);
    let mut answered = 0;
    for _ in 0..10 {
        answered += 8 + ask(&mut socket, &request).unwrap().1.len();
    }
    let after = get(http, "/metrics");
    let grown = |name: &str, labels: &[&str]| figure(&after, name, labels) - figure(&before, name, labels);
    let api = ["\"ApiVersions\""];
    assert_eq!(grown("kafka_network_requestmetrics_requests_total", &api), 10.0);
    assert_eq!(grown("ottla_request_bytes_total", &api), (10 * (request.len() - 4)) as f64);
    assert_eq!(grown("ottla_response_bytes_total", &api), answered as f64);
    assert_eq!(figure(&after, "kafka_controller_kafkacontroller_globaltopiccount", &[]), 1.0);
    assert_eq!(figure(&after, "kafka_server_socket_server_metrics_connection_count", &[]), 1.0);
    drop(socket);
    child.stop();
}

/// A broker that is starting, and the port of its pages; `None` where it has ended.
fn serving_pages(directory: &std::path::Path) -> Option<(std::process::Child, u16)> {
    let (port, http) = (free_port(), free_port());
    let listeners = format!("listeners=PLAINTEXT://127.0.0.1:{port}");
    let pages = format!("ottla.http.listen=127.0.0.1:{http}");
    let arguments = ["serve", "-o", &listeners, "-o", "log.dirs=data", "-o", &pages];
    let mut process = command(directory, &arguments).stderr(std::process::Stdio::null()).spawn().unwrap();
    let begun = std::time::Instant::now();
    while TcpStream::connect(("127.0.0.1", http)).is_err() {
        assert!(begun.elapsed().as_secs() < 10, "the pages are not served");
        if process.try_wait().unwrap().is_some() {
            return None;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    Some((process, http))
}

/// A directory's own file that nobody fills holds the start up for as long as the test likes.
#[test]
fn while_a_broker_starts_it_is_alive_and_not_ready() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("data")).unwrap();
    let pipe = directory.path().join("data/meta.properties");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    // Another test may take a port that was free a moment ago.
    let (mut process, http) = (0..3).find_map(|_| serving_pages(directory.path())).expect("the pages are not served");
    let told = ["/healthz", "/readyz", "/metrics"].map(|path| get(http, path));
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(told[0].starts_with("HTTP/1.1 200"), "{}", told[0]);
    assert!(told[1].starts_with("HTTP/1.1 503") && told[1].ends_with("starting\n"), "{}", told[1]);
    assert!(told[2].starts_with("HTTP/1.1 200") && told[2].contains("brokerstate 1"), "{}", told[2]);
}
