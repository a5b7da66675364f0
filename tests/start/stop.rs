//! How a broker ends: in order, at once, and what the next start finds.
use crate::child::{Child, api_versions, ask, command, connect, fetch, free_port, make_topic};
use rustix::process::Signal;
use std::{
    io::Write,
    path::Path,
    process::{Child as Process, ExitStatus, Stdio},
    time::{Duration, Instant},
};

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

/// As `timeout` sends them: to the process, and to its group.
#[test]
fn ops_1_signals_that_come_together_are_one() {
    let directory = tempfile::tempdir().unwrap();
    for _ in 0..5 {
        let mut child = Child::serve(directory.path(), free_port(), &[]);
        for signal in [Signal::TERM, Signal::INT, Signal::TERM] {
            child.signal(signal);
            std::thread::sleep(Duration::from_micros(500));
        }
        let status = child.ended(Duration::from_secs(1));
        assert_eq!(status.code(), Some(0), "{}", child.said());
        assert!(directory.path().join("data/.kafka_cleanshutdown").is_file());
    }
}

/// A broker that may not be ready yet; killed when this goes.
struct Starting(Process);

impl Drop for Starting {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts it and waits until it has its own way with SIGTERM: until then the system ends it.
fn begin(directory: &Path, arguments: &[&str]) -> Starting {
    let process = Starting(command(directory, arguments).stderr(Stdio::null()).spawn().unwrap());
    let begun = Instant::now();
    loop {
        let status = std::fs::read_to_string(format!("/proc/{}/status", process.0.id())).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        if u64::from_str_radix(caught.trim(), 16).unwrap() & (1 << (Signal::TERM.as_raw() - 1)) != 0 {
            return process;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "it never listens to signals");
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn ended(mut process: Starting) -> ExitStatus {
    let begun = Instant::now();
    loop {
        if let Some(status) = process.0.try_wait().unwrap() {
            return status;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "not ended");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn send(process: &Starting, signal: Signal) {
    rustix::process::kill_process(rustix::process::Pid::from_child(&process.0), signal).unwrap();
}

#[test]
fn a_signal_that_comes_during_the_start_ends_it_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let listeners = format!("listeners=PLAINTEXT://127.0.0.1:{}", free_port());
    let arguments = ["serve", "-o", &listeners, "-o", "log.dirs=data", "-o", "ottla.http.listen=off"];
    for round in 0..20 {
        if round == 10 {
            // From here on each start finds what the one before it left; up to here each began with nothing.
            Child::start(directory.path(), &arguments).stop();
        }
        if round < 10 && directory.path().join("data").exists() {
            std::fs::remove_dir_all(directory.path().join("data")).unwrap();
        }
        let process = begin(directory.path(), &arguments);
        // All over the first 60 ms, in no order.
        std::thread::sleep(Duration::from_micros(round * 7_919 * 7 % 60_000));
        send(&process, if round % 2 == 0 { Signal::TERM } else { Signal::INT });
        let status = ended(process);
        assert_eq!(status.code(), Some(0), "round {round}: {status}");
        Child::start(directory.path(), &arguments).stop();
    }
}

#[test]
fn signals_are_heeded_while_the_settings_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("server.properties");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    for signal in [Signal::TERM, Signal::INT] {
        let mut process = begin(directory.path(), &["serve", "server.properties"]);
        std::thread::sleep(Duration::from_millis(50));
        assert!(process.0.try_wait().unwrap().is_none(), "it waits for the file");
        send(&process, signal);
        assert_eq!(ended(process).code(), Some(0));
        assert!(!directory.path().join("ottla-data").exists());
    }
}
