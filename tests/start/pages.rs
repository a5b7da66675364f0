//! The HTTP pages of a running broker, and that what they count is true.
use crate::child::{Child, api_versions, ask, connect, free_port, make_topic};
use std::{
    io::{Read, Write},
    net::TcpStream,
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
