//! A broker process of one test's own, and the few bytes of Kafka's protocol that these tests speak.
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// A running broker; killed when this goes.
pub struct Child {
    pub process: std::process::Child,
    log: std::path::PathBuf,
}

/// A port that nobody listens on right now, neither on IPv4 nor on IPv6.
pub fn free_port() -> u16 {
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if TcpListener::bind(("::1", port)).is_ok() || TcpListener::bind("[::1]:0").is_err() {
            return port;
        }
    }
}

/// `ottla` in `directory`, with nothing of this process's Kafka environment.
pub fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ottla"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("KAFKA_") || name == "CLUSTER_ID" {
            command.env_remove(name);
        }
    }
    command.current_dir(directory).args(arguments).stdin(Stdio::null()).env("OTTLA_LOG", "info");
    command
}

/// Runs to its end, which must come: what it said on standard error, and its exit code.
pub fn refused(mut command: Command) -> (i32, String) {
    let output = command.output().unwrap();
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}

impl Child {
    /// Starts it and waits for its ready line.
    pub fn start(directory: &Path, arguments: &[&str]) -> Child {
        Child::run(directory, command(directory, arguments))
    }

    /// `ottla serve` on loopback at `port`, data in `directory/data`.
    pub fn serve(directory: &Path, port: u16, overrides: &[&str]) -> Child {
        let listeners = format!("listeners=PLAINTEXT://127.0.0.1:{port}");
        let data = format!("log.dirs={}", directory.join("data").display());
        let mut arguments = vec!["serve", "-o", &listeners, "-o", &data, "-o", "ottla.http.listen=off"];
        arguments.extend(overrides.iter().flat_map(|setting| ["-o", setting]));
        Child::start(directory, &arguments)
    }

    pub fn run(directory: &Path, mut command: Command) -> Child {
        let log = directory.join(format!("log-{}", free_port()));
        let process =
            command.stdout(Stdio::null()).stderr(std::fs::File::create(&log).unwrap()).spawn().expect("ottla starts");
        let mut child = Child { process, log };
        let begun = Instant::now();
        while !child.said().contains("ready in") {
            if let Some(status) = child.process.try_wait().unwrap() {
                panic!("it ended with {status}: {}", child.said());
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "not ready: {}", child.said());
            std::thread::sleep(Duration::from_millis(5));
        }
        child
    }

    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until a line of its log contains this.
    pub fn says(&self, text: &str) {
        let begun = Instant::now();
        while !self.said().contains(text) {
            assert!(begun.elapsed() < Duration::from_secs(5), "no line says `{text}`: {}", self.said());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn ready_line(&self) -> String {
        let said = self.said();
        let mut lines = said.lines().filter(|line| line.contains("ready in"));
        let line = lines.next().unwrap().to_owned();
        assert_eq!(lines.next(), None, "one ready line");
        line
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Its end, within `limit`.
    pub fn ended(&mut self, limit: Duration) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < limit, "not ended after {limit:?}: {}", self.said());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// SIGTERM, and an orderly end.
    pub fn stop(mut self) {
        self.signal(rustix::process::Signal::TERM);
        assert_eq!(self.ended(Duration::from_secs(10)).code(), Some(0), "{}", self.said());
    }

    /// Resident memory in KiB.
    pub fn memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Whether the process has this file open.
    pub fn holds_open(&self, path: &Path) -> bool {
        let descriptors = std::fs::read_dir(format!("/proc/{}/fd", self.process.id())).unwrap();
        // A descriptor that is closed meanwhile has no name any more.
        descriptors.flatten().any(|open| std::fs::read_link(open.path()).is_ok_and(|name| name == path))
    }

    /// Processor time used so far, in clock ticks of 10 ms.
    pub fn processor_ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        let behind_name = stat.rsplit_once(')').unwrap().1;
        let fields: Vec<u64> = behind_name.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
        fields[11] + fields[12]
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub fn connect(port: u16) -> TcpStream {
    let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket.set_nodelay(true).unwrap();
    socket
}

/// A frame: length, key, version, correlation id, client id `t`, body. For versions before the flexible ones.
pub fn frame(key: i16, version: i16, correlation: i32, body: &[u8]) -> Vec<u8> {
    let length = (2 + 2 + 4 + 3 + body.len()) as i32;
    let mut frame = length.to_be_bytes().to_vec();
    frame.extend(key.to_be_bytes());
    frame.extend(version.to_be_bytes());
    frame.extend(correlation.to_be_bytes());
    frame.extend([0, 1, b't']);
    frame.extend(body);
    frame
}

/// ApiVersions 0: a request without a body.
pub fn api_versions(correlation: i32) -> Vec<u8> {
    frame(18, 0, correlation, &[])
}

/// Metadata 4 for one topic, made when it is not there.
pub fn metadata(correlation: i32, topic: &str) -> Vec<u8> {
    let mut body = 1i32.to_be_bytes().to_vec();
    body.extend((topic.len() as i16).to_be_bytes());
    body.extend(topic.as_bytes());
    body.push(1);
    frame(3, 4, correlation, &body)
}

/// Fetch 4 of partition 0 of `topic` from its begin, waiting up to `wait_ms` for a byte.
pub fn fetch(correlation: i32, topic: &str, wait_ms: i32) -> Vec<u8> {
    let mut body = (-1i32).to_be_bytes().to_vec();
    body.extend(wait_ms.to_be_bytes());
    body.extend(1i32.to_be_bytes());
    body.extend((50i32 << 20).to_be_bytes());
    body.push(0);
    body.extend(1i32.to_be_bytes());
    body.extend((topic.len() as i16).to_be_bytes());
    body.extend(topic.as_bytes());
    body.extend(1i32.to_be_bytes());
    body.extend(0i32.to_be_bytes());
    body.extend(0i64.to_be_bytes());
    body.extend((10i32 << 20).to_be_bytes());
    frame(1, 4, correlation, &body)
}

/// The next answer: its correlation id and what follows.
pub fn answer(socket: &mut TcpStream) -> std::io::Result<(i32, Vec<u8>)> {
    let mut length = [0; 4];
    socket.read_exact(&mut length)?;
    let mut frame = vec![0; i32::from_be_bytes(length) as usize];
    socket.read_exact(&mut frame)?;
    let body = frame.split_off(4);
    Ok((i32::from_be_bytes(frame.try_into().unwrap()), body))
}

/// Sends and waits for the answer.
pub fn ask(socket: &mut TcpStream, frame: &[u8]) -> std::io::Result<(i32, Vec<u8>)> {
    socket.write_all(frame)?;
    answer(socket)
}

/// Makes a topic and waits until it can be read.
pub fn make_topic(port: u16, topic: &str) {
    const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
    // Throttle, one topic with its name, one partition: index, then the code.
    let code_at = 18 + topic.len();
    let mut socket = connect(port);
    for _ in 0..500 {
        // Of a topic that was just deleted the first question is told that it is gone.
        ask(&mut socket, &metadata(1, topic)).unwrap();
        let body = ask(&mut socket, &fetch(2, topic, 0)).unwrap().1;
        if i16::from_be_bytes([body[code_at], body[code_at + 1]]) != UNKNOWN_TOPIC_OR_PARTITION {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("{topic} was never made");
}
