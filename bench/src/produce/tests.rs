//! The produce load against a broker of a few lines.
use super::*;
use crate::batch;
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
};

#[test]
fn partitions_are_shared_out_and_nobody_is_without() {
    assert_eq!(partitions_of(0, 2, 6), [0, 2, 4]);
    assert_eq!(partitions_of(1, 2, 6), [1, 3, 5]);
    assert_eq!(partitions_of(3, 4, 2), [1]);
    assert_eq!(partitions_of(2, 4, 1), [0]);
}

#[test]
fn the_error_code_of_an_answer_is_read() {
    let mut frame = answer(19);
    assert_eq!(error_code(&frame).unwrap(), 19);
    frame.truncate(frame.len() - 1);
    assert!(error_code(&frame).is_err());
}

fn answer(code: i16) -> Vec<u8> {
    let mut frame = vec![0, 0, 0, 0, 0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 1, 0, 0, 0, 0];
    frame.extend(code.to_be_bytes());
    frame.extend([0; 24]);
    frame
}

/// Answers each request of one connection; every third with an error. Gives the bytes of requests it got.
fn small_broker() -> (SocketAddr, thread::JoinHandle<Vec<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serving = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut sizes = Vec::new();
        let mut prefix = [0; 4];
        while stream.read_exact(&mut prefix).is_ok() {
            let mut body = vec![0; i32::from_be_bytes(prefix) as usize];
            stream.read_exact(&mut body).unwrap();
            sizes.push(body.len());
            let answer = answer(if sizes.len() % 3 == 0 { 6 } else { 0 });
            stream.write_all(&(answer.len() as i32).to_be_bytes()).unwrap();
            stream.write_all(&answer).unwrap();
        }
        sizes
    });
    (address, serving)
}

#[test]
fn what_was_acknowledged_is_counted_and_what_was_refused_is_not() {
    let (address, serving) = small_broker();
    let batch_bytes = batch::encode(10, 100, 1).len() as u64;
    let target = Target { address, topic: "t".into(), partitions: 3, pid: None };
    let load = Produce {
        connections: 1,
        in_flight: 4,
        records: 10,
        record_bytes: 100,
        acks: -1,
        time: Duration::from_secs(60),
        bytes_max: 20 * batch_bytes,
    };
    let done = run(&target, &load).unwrap();
    let sizes = serving.join().unwrap();
    assert!((20..=24).contains(&done.requests), "stops at its limit and takes in what is in flight");
    assert_eq!(done.requests + done.errors, sizes.len() as u64);
    assert_eq!(done.errors, sizes.len() as u64 / 3);
    assert_eq!((done.records, done.bytes), (done.requests * 10, done.requests * batch_bytes));
    assert_eq!(done.latency.total(), done.requests);
    assert!(sizes.iter().all(|size| *size > batch_bytes as usize));
    assert!(done.cpu_seconds.is_nan(), "no process was named");
}
