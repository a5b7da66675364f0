//! How a broker ends: in order, at once, and what the next start finds.
use crate::child::{Child, api_versions, ask, command, connect, fetch, free_port, make_topic};
use rustix::process::Signal;
use std::{io::Write, time::Duration};

#[test]
fn ops_1_a_signal_ends_it_within_a_second_whoever_is_connected() {
    for signal in [Signal::TERM, Signal::INT] {
        let directory = tempfile::tempdir().unwrap();
        let port = free_port();
        let mut child = Child::serve(directory.path(), port, &[]);
        make_topic(port, "t");
        let idle: Vec<_> = (0..50).map(|_| connect(port)).collect();
        let mut asked = connect(port);
        ask(&mut asked, &api_versions(1)).unwrap();
        let mut polls: Vec<_> = (0..20).map(|_| connect(port)).collect();
        for poll in &mut polls {
            poll.write_all(&fetch(7, "t", 60_000)).unwrap();
        }
        let mut half = connect(port);
        half.write_all(&api_versions(3)[..6]).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        child.signal(signal);
        let status = child.ended(Duration::from_secs(1));
        assert_eq!(status.code(), Some(0), "{}", child.said());
        for poll in &mut polls {
            assert_eq!(crate::child::answer(poll).unwrap().0, 7, "a long poll ends with an answer");
        }
        drop(idle);
        assert!(directory.path().join("data/.kafka_cleanshutdown").is_file());
    }
}

#[test]
fn a_second_signal_ends_it_at_once_and_the_next_start_recovers() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut child = Child::serve(directory.path(), port, &[]);
    make_topic(port, "t");
    child.signal(Signal::TERM);
    child.signal(Signal::INT);
    child.signal(Signal::TERM);
    child.ended(Duration::from_secs(1));
    Child::serve(directory.path(), port, &[]).stop();
}

#[test]
fn a_signal_that_comes_during_the_start_is_not_lost() {
    let directory = tempfile::tempdir().unwrap();
    for wait_ms in [0, 1, 3, 5, 8, 12, 20, 40] {
        let listeners = format!("listeners=PLAINTEXT://127.0.0.1:{}", free_port());
        let arguments = ["serve", "-o", &listeners, "-o", "ottla.http.listen=off"];
        let mut process = command(directory.path(), &arguments).stderr(std::process::Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(wait_ms));
        rustix::process::kill_process(rustix::process::Pid::from_child(&process), Signal::TERM).unwrap();
        let begun = std::time::Instant::now();
        while process.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < Duration::from_secs(3), "after {wait_ms} ms");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}
