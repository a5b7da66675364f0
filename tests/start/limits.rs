//! Limits that hold: connections, frames, memory, idle and slow clients (NET-1, NET-5, NET-6).
use crate::child::{Child, answer, api_versions, ask, connect, fetch, frame, free_port, make_topic};
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    time::{Duration, Instant},
};

/// True once the broker has closed the connection.
fn is_closed(socket: &mut TcpStream) -> bool {
    matches!(socket.read(&mut [0; 64]), Ok(0)) || socket.peek(&mut [0]).is_err()
}

fn serves(port: u16) {
    assert_eq!(ask(&mut connect(port), &api_versions(77)).unwrap().0, 77);
}

#[test]
fn net_6_connections_beyond_the_limits_are_closed_and_places_come_back() {
    for setting in ["max.connections=3", "max.connections.per.ip=3"] {
        let directory = tempfile::tempdir().unwrap();
        let port = free_port();
        let child = Child::serve(directory.path(), port, &[setting]);
        let mut held: Vec<_> = (0..3).map(|_| connect(port)).collect();
        for socket in &mut held {
            ask(socket, &api_versions(1)).unwrap();
        }
        assert!(is_closed(&mut connect(port)), "{setting}");
        drop(held.pop());
        let begun = Instant::now();
        while ask(&mut connect(port), &api_versions(2)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(5), "{setting}: the place came back");
        }
        child.stop();
    }
}

#[test]
fn net_6_idle_connections_are_closed_and_waiting_ones_are_not() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let child = Child::serve(directory.path(), port, &["connections.max.idle.ms=500"]);
    make_topic(port, "t");
    let (mut silent, mut asked, mut half, mut polls) = (connect(port), connect(port), connect(port), connect(port));
    ask(&mut asked, &api_versions(1)).unwrap();
    half.write_all(&api_versions(1)[..9]).unwrap();
    polls.write_all(&fetch(5, "t", 2_000)).unwrap();
    let begun = Instant::now();
    for socket in [&mut silent, &mut asked, &mut half] {
        assert!(is_closed(socket));
    }
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_millis(400) && waited < Duration::from_millis(1_800), "{waited:?}");
    assert_eq!(answer(&mut polls).unwrap().0, 5, "a long poll is no idleness");
    child.stop();
}

#[test]
fn net_1_frames_that_claim_too_much_or_nonsense_close_their_connection_only() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let child = Child::serve(directory.path(), port, &["socket.request.max.bytes=100000"]);
    for length in [100_001, i32::MAX, -1, i32::MIN] {
        let mut socket = connect(port);
        socket.write_all(&length.to_be_bytes()).unwrap();
        assert!(is_closed(&mut socket), "{length}");
    }
    let mut http = connect(port);
    http.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut said = String::new();
    http.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("HTTP/1.1 400") && said.contains("ottla.http.listen"), "{said}");
    let mut tls = connect(port);
    tls.write_all(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC]).unwrap();
    assert!(is_closed(&mut tls));
    child.says("TLS handshake");
    serves(port);
    child.stop();
}

#[test]
fn net_5_claims_that_never_arrive_take_nothing_from_others() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let child =
        Child::serve(directory.path(), port, &["queued.max.request.bytes=1000000", "socket.request.max.bytes=1000000"]);
    let memory_kib = child.memory_kib();
    let claims: Vec<_> = (0..50)
        .map(|_| {
            let mut socket = connect(port);
            socket.write_all(&1_000_000i32.to_be_bytes()).unwrap();
            socket.write_all(&[0; 5_000]).unwrap();
            socket
        })
        .collect();
    std::thread::sleep(Duration::from_millis(100));
    // A large request of somebody else: Metadata of 20,000 names, half a megabyte.
    let mut body = 20_000i32.to_be_bytes().to_vec();
    (0..20_000).for_each(|_| body.extend(b"\0\x17a-name-of-23-characters"));
    body.push(0);
    let begun = Instant::now();
    assert_eq!(ask(&mut connect(port), &frame(3, 4, 9, &body)).unwrap().0, 9);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(child.memory_kib() < memory_kib + 40 * 1024, "{} KiB, before {memory_kib}", child.memory_kib());
    drop(claims);
    child.stop();
}

#[test]
fn requests_that_come_byte_by_byte_are_served() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let child = Child::serve(directory.path(), port, &[]);
    let mut socket = connect(port);
    for byte in [api_versions(1), api_versions(2)].concat() {
        socket.write_all(&[byte]).unwrap();
    }
    assert_eq!((answer(&mut socket).unwrap().0, answer(&mut socket).unwrap().0), (1, 2));
    child.stop();
}

#[test]
fn net_4_ten_thousand_pipelined_requests_are_answered_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let child = Child::serve(directory.path(), port, &[]);
    let mut reading = connect(port);
    let mut writing = reading.try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        let all: Vec<u8> = (0..10_000).flat_map(api_versions).collect();
        writing.write_all(&all).unwrap();
    });
    for correlation in 0..10_000 {
        assert_eq!(answer(&mut reading).unwrap().0, correlation);
    }
    writer.join().unwrap();
    child.stop();
}

#[test]
fn net_5_a_client_that_does_not_read_is_held_back_and_closed() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let child = Child::serve(directory.path(), port, &["connections.max.idle.ms=1000"]);
    let memory_kib = child.memory_kib();
    let mut deaf = connect(port);
    deaf.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    let many: Vec<u8> = (0..10_000).flat_map(api_versions).collect();
    let begun = Instant::now();
    // It asks and asks, until the broker takes no more, and then until the broker has had enough.
    let ended = loop {
        match deaf.write_all(&many) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => break error.kind(),
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "it was never closed");
    };
    assert!(matches!(ended, std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe), "{ended}");
    assert!(child.memory_kib() < memory_kib + 20 * 1024, "{} KiB, before {memory_kib}", child.memory_kib());
    serves(port);
    child.says("were not read");
    child.stop();
}

/// A broker with one topic of so many partitions, and connections that send without reading: how much more memory it takes once it
/// takes nothing more.
fn grows_by_kib(partitions: usize, first: &[u8], sent: &[u8]) -> u64 {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let child = Child::serve(directory.path(), port, &[&format!("num.partitions={partitions}")]);
    make_topic(port, "t");
    // Once what is asked for is open.
    ask(&mut connect(port), first).unwrap();
    let memory_kib = child.memory_kib();
    let deaf: Vec<TcpStream> = (0..20)
        .map(|_| {
            let mut socket = connect(port);
            socket.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
            let _ = socket.write_all(sent);
            socket
        })
        .collect();
    let mut most_kib = memory_kib;
    for _ in 0..20 {
        serves(port);
        most_kib = most_kib.max(child.memory_kib());
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(deaf);
    child.stop();
    most_kib - memory_kib
}

/// Fetch 4 of all partitions of `t`.
fn fetch_all(correlation: i32, partitions: usize, wait_ms: i32) -> Vec<u8> {
    let one = fetch(correlation, "t", wait_ms);
    // The last 12 bytes are what is asked of its one partition, behind how many there are and its index.
    let (before, asked) = (one.len() - 20, &one[one.len() - 12..]);
    let mut frame = one[..before].to_vec();
    frame.extend((partitions as i32).to_be_bytes());
    for index in 0..partitions as i32 {
        frame.extend(index.to_be_bytes());
        frame.extend(asked);
    }
    let length = (frame.len() - 4) as i32;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame
}

#[test]
fn net_5_answers_that_are_ready_count_as_not_read() {
    let mut body = (-1i32).to_be_bytes().to_vec();
    body.push(0);
    // Some 130 KB each, 1,280 of them, behind an answer that is not there yet.
    let all = frame(3, 4, 1, &body);
    let grown = grows_by_kib(5_000, &all, &[fetch(1, "t", 60_000), all.repeat(64)].concat());
    assert!(grown < 80 * 1024, "{grown} KiB");
}

#[test]
fn net_5_nothing_is_read_behind_large_requests_that_wait() {
    let grown = grows_by_kib(500, &fetch_all(1, 500, 0), &fetch_all(1, 500, 60_000).repeat(64));
    assert!(grown < 80 * 1024, "{grown} KiB");
}

#[test]
fn net_8_a_client_that_sends_nothing_more_and_is_gone_gives_its_place_back() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let settings = ["max.connections=1", "connections.max.idle.ms=4000"];
    let child = Child::serve(directory.path(), port, &settings);
    make_topic(port, "t");
    let back_after = |goes: bool| {
        let mut waits = loop {
            let mut socket = connect(port);
            if socket.write_all(&api_versions(1)).is_ok() && socket.peek(&mut [0]).is_ok_and(|bytes| bytes > 0) {
                break socket;
            }
        };
        waits.write_all(&fetch(2, "t", 60_000)).unwrap();
        waits.shutdown(Shutdown::Write).unwrap();
        std::thread::sleep(Duration::from_millis(300));
        assert!(ask(&mut connect(port), &api_versions(3)).is_err(), "it waits for its answer");
        let begun = Instant::now();
        // The answer that nobody read makes this a reset.
        let held = (!goes).then_some(waits);
        while ask(&mut connect(port), &api_versions(4)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "the place came back");
        }
        drop(held);
        begun.elapsed()
    };
    let (gone, silent) = (back_after(true), back_after(false));
    assert!(gone < Duration::from_secs(2), "{gone:?}");
    assert!(silent < Duration::from_secs(10), "the idle time is the end of its wait: {silent:?}");
    child.stop();
}

#[test]
fn half_closed_connections_do_not_stay() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let child = Child::serve(directory.path(), port, &["max.connections=10"]);
    make_topic(port, "t");
    for _ in 0..100 {
        let mut socket = connect(port);
        socket.write_all(&fetch(1, "t", 10)).unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        assert_eq!(answer(&mut socket).unwrap().0, 1);
        assert!(is_closed(&mut socket));
    }
    serves(port);
    child.stop();
}

#[test]
fn five_thousand_idle_connections_cost_little_memory_and_no_time() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let child = Child::serve(directory.path(), port, &[]);
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(1 << 20);
    let count = usize::try_from(limit.saturating_sub(200)).unwrap().min(5_000);
    let memory_kib = child.memory_kib();
    let sockets: Vec<_> = (0..count)
        .map(|_| {
            let mut socket = connect(port);
            ask(&mut socket, &api_versions(1)).unwrap();
            socket
        })
        .collect();
    std::thread::sleep(Duration::from_millis(300));
    let each = (child.memory_kib().saturating_sub(memory_kib)) * 1024 / count as u64;
    let ticks = child.processor_ticks();
    std::thread::sleep(Duration::from_millis(500));
    let used = child.processor_ticks() - ticks;
    println!("{count} connections, {each} bytes each, {used} ticks in half a second");
    assert!(each < 6_000, "{each} bytes for each idle connection");
    assert!(used <= 3, "{used} ticks while nothing happened");
    drop(sockets);
    child.stop();
}
