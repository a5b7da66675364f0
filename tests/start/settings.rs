//! Where settings come from, and which of them counts.
use crate::child::{Child, answer, ask, command, connect, free_port, metadata};
use std::{
    io::Write,
    net::{TcpStream, ToSocketAddrs},
    path::Path,
    time::Duration,
};

/// What Metadata tells clients of the only broker: id, host and port.
fn told(socket: &mut TcpStream) -> (i32, String, i32) {
    let (_, body) = ask(socket, &metadata(1, "t")).unwrap();
    // Throttle, one broker: id, host, port.
    let id = i32::from_be_bytes(body[8..12].try_into().unwrap());
    let length = usize::from(u16::from_be_bytes([body[12], body[13]]));
    let host = String::from_utf8(body[14..14 + length].to_vec()).unwrap();
    let port = i32::from_be_bytes(body[14 + length..18 + length].try_into().unwrap());
    (id, host, port)
}

#[test]
fn localhost_is_served_on_ipv4_and_ipv6_and_the_data_is_in_the_working_directory() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let listeners = format!("PLAINTEXT://localhost:{port}");
    let mut alone = command(directory.path(), &[]);
    alone.env("KAFKA_LISTENERS", &listeners).env("KAFKA_OTTLA_HTTP_LISTEN", "off");
    let child = Child::run(directory.path(), alone);
    assert_eq!(told(&mut connect(port)).1, "localhost");
    // The machine may have no IPv6 at all; where it has, both addresses serve.
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        let mut socket = TcpStream::connect(("::1", port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        assert_eq!(told(&mut socket).2, i32::from(port));
    }
    assert!(directory.path().join("ottla-data/meta.properties").is_file());
    let line = child.ready_line();
    assert!(line.contains(&format!("clients are told localhost:{port}")) && line.contains("ottla-data"), "{line}");
    child.stop();
}

#[test]
fn flags_beat_variables_beat_the_file_and_the_short_spelling_beats_cfg() {
    let directory = tempfile::tempdir().unwrap();
    let ports = [free_port(), free_port()];
    let file = format!(
        "# a comment\nnode.id = 1\nlisteners=PLAINTEXT://127.0.0.1:{}\nlog.dirs: {}\nottla.http.listen=off\nbroker.rack=\\\n  file\nnum.partitions=2\n",
        ports[0],
        directory.path().join("from-file").display()
    );
    std::fs::write(directory.path().join("server.properties"), file).unwrap();
    let flag = format!("listeners=PLAINTEXT://127.0.0.1:{}", ports[1]);
    let mut serve = command(directory.path(), &["serve", "server.properties", "--override", &flag]);
    serve.env("KAFKA_CFG_NODE_ID", "6").env("KAFKA_NODE_ID", "7").env("KAFKA_CFG_NUM_PARTITIONS", "3");
    let child = Child::run(directory.path(), serve);
    assert!(TcpStream::connect(("127.0.0.1", ports[0])).is_err(), "the flag replaced the file's listeners");
    let mut socket = connect(ports[1]);
    assert_eq!(told(&mut socket), (7, "127.0.0.1".into(), i32::from(ports[1])));
    assert!(directory.path().join("from-file/meta.properties").is_file());
    let (_, body) = ask(&mut socket, &metadata(2, "made")).unwrap();
    let behind = body.windows(7).position(|bytes| bytes == b"\0\x04made\0").unwrap() + 7;
    assert_eq!(body[behind..behind + 4], 3i32.to_be_bytes(), "num.partitions");
    child.stop();
}

#[test]
fn the_compose_file_with_two_listeners_works_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let (host, inner, controller) = (free_port(), free_port(), free_port());
    let mut serve = command(directory.path(), &["serve"]);
    serve
        .env(
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP",
            "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PLAINTEXT_HOST:PLAINTEXT",
        )
        .env("KAFKA_LISTENERS", format!("CONTROLLER://:{controller},PLAINTEXT_HOST://:{host},PLAINTEXT://:{inner}"))
        .env("KAFKA_ADVERTISED_LISTENERS", format!("PLAINTEXT_HOST://localhost:{host},PLAINTEXT://broker:{inner}"))
        .env("KAFKA_CONTROLLER_QUORUM_VOTERS", format!("1@broker:{controller}"))
        .env("KAFKA_INTER_BROKER_LISTENER_NAME", "PLAINTEXT")
        .env("KAFKA_PROCESS_ROLES", "broker,controller")
        .env("KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER")
        .env("KAFKA_NODE_ID", "1")
        .env("KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR", "1")
        .env("KAFKA_HEAP_OPTS", "-Xmx1g")
        .env("CLUSTER_ID", "4L6g3nShT-eMCtK--X86sw")
        .env("KAFKA_OTTLA_HTTP_LISTEN", "off");
    let child = Child::run(directory.path(), serve);
    assert_eq!(told(&mut connect(host)), (1, "localhost".into(), i32::from(host)));
    assert_eq!(told(&mut connect(inner)), (1, "broker".into(), i32::from(inner)));
    assert!(child.ready_line().contains("4L6g3nShT-eMCtK--X86sw"));
    child.stop();
}

#[test]
fn clients_of_a_listener_on_every_interface_are_told_the_machine_s_name() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let listeners = format!("listeners=PLAINTEXT://:{port}");
    let child = Child::start(directory.path(), &["serve", "-o", &listeners, "-o", "ottla.http.listen=off"]);
    let machine = rustix::system::uname().nodename().to_str().unwrap().to_owned();
    let has_address = (machine.as_str(), port).to_socket_addrs().is_ok();
    let expected = if has_address { machine } else { "localhost".to_owned() };
    assert_eq!(told(&mut connect(port)).1, expected);
    assert!(child.ready_line().contains(&format!("PLAINTEXT://:{port} (clients are told {expected}:{port})")));
    child.stop();
}

#[test]
fn an_advertised_address_alone_is_listened_on_everywhere() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut serve = command(directory.path(), &["serve"]);
    serve
        .env("KAFKA_ADVERTISED_LISTENERS", format!("PLAINTEXT://kafka.example:{port}"))
        .env("KAFKA_OTTLA_HTTP_LISTEN", "off");
    let child = Child::run(directory.path(), serve);
    let mut socket = connect(port);
    assert_eq!(told(&mut socket).1, "kafka.example");
    // One connection serves many requests in order.
    socket.write_all(&[metadata(5, "a"), metadata(6, "b")].concat()).unwrap();
    assert_eq!((answer(&mut socket).unwrap().0, answer(&mut socket).unwrap().0), (5, 6));
    child.stop();
}

/// A broker whose log lines are chosen as the images of Kafka choose them.
fn as_an_image_says(directory: &Path, variables: &[(&str, &str)]) -> (u16, Child) {
    let port = free_port();
    let listeners = format!("listeners=PLAINTEXT://127.0.0.1:{port}");
    let mut serve = command(directory, &["serve", "-o", &listeners, "-o", "ottla.http.listen=off"]);
    serve.env_remove("OTTLA_LOG").envs(variables.iter().copied());
    (port, Child::run(directory, serve))
}

#[test]
fn log_levels_of_the_images_count_and_what_only_java_needs_is_told_once() {
    let directory = tempfile::tempdir().unwrap();
    let variables = [
        ("KAFKA_LOG4J_ROOT_LOGLEVEL", "DEBUG"),
        ("KAFKA_LOG4J_LOGGERS", "kafka.controller=WARN, org.apache.kafka=ERROR"),
        ("KAFKA_HEAP_OPTS", "-Xmx1g"),
        ("KAFKA_OPTS", "-Dsecret=s3cret"),
    ];
    let (port, child) = as_an_image_says(directory.path(), &variables);
    drop(connect(port));
    child.says("connection closed");
    let said = child.said();
    for (begin, names) in [
        ("accepted, no effect: KAFKA_HEAP_OPTS, KAFKA_OPTS", 1),
        ("KAFKA_LOG4J_LOGGERS, no effect: kafka.controller, org.apache.kafka", 1),
        ("s3cret", 0),
    ] {
        assert_eq!(said.matches(begin).count(), names, "{begin}: {said}");
    }
    child.stop();
}

#[test]
fn a_target_of_ours_has_its_own_level_and_ottla_log_beats_the_images_variables() {
    let directory = tempfile::tempdir().unwrap();
    // Its ready line is waited for.
    let levels = [("KAFKA_LOG4J_ROOT_LOGLEVEL", "off"), ("KAFKA_LOG4J_LOGGERS", "ottla::node::process=INFO")];
    as_an_image_says(directory.path(), &levels).1.stop();
    let unknown = [("KAFKA_LOG4J_ROOT_LOGLEVEL", "LOUD"), ("KAFKA_LOG_DIRS", "b")];
    let (_, child) = as_an_image_says(directory.path(), &unknown);
    assert_eq!(child.said().matches("KAFKA_LOG4J_ROOT_LOGLEVEL=LOUD").count(), 1, "{}", child.said());
    child.stop();
    let both = [("KAFKA_LOG4J_ROOT_LOGLEVEL", "OFF"), ("OTTLA_LOG", "info"), ("KAFKA_LOG_DIRS", "c")];
    as_an_image_says(directory.path(), &both).1.stop();
}
