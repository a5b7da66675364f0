//! A broker of one test's own: started, killed and started again on the same directory.
#![expect(clippy::disallowed_methods, reason = "scenarios stand outside the broker and its platform layer")]
use crate::{Connection, broker::program, time::Stopwatch};
use kafka_protocol::messages::MetadataRequest;
use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Command, Stdio},
};

/// How long a broker may take from its start to its first answer.
const START_MS_MAX: u64 = 30_000;

/// A running broker; killed when this goes.
pub struct Child {
    process: std::process::Child,
    address: SocketAddr,
    started_ms: u64,
}

/// A port that nobody listens on right now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port()
}

impl Child {
    /// Starts a broker with its data in `directory` and waits until it answers.
    ///
    /// # Panics
    /// When it does not.
    pub fn start(port: u16, directory: &Path, overrides: &[&str]) -> Child {
        Child::start_with(port, directory, overrides, &[])
    }

    /// As `start`, with log lines of these levels.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn start_logging(port: u16, directory: &Path, overrides: &[&str], levels: &str) -> Child {
        Child::start_with(port, directory, overrides, &[("OTTLA_LOG", levels)])
    }

    fn start_with(port: u16, directory: &Path, overrides: &[&str], environment: &[(&str, &str)]) -> Child {
        let output = directory.join("broker.log");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&output).expect("a file for its output");
        let mut command = Command::new(program());
        command.arg("serve").envs(environment.iter().copied());
        let own = [
            format!("listeners=PLAINTEXT://127.0.0.1:{port}"),
            format!("advertised.listeners=PLAINTEXT://127.0.0.1:{port}"),
            format!("log.dirs={}", directory.join("data").display()),
            "ottla.http.listen=off".to_string(),
        ];
        for setting in own.iter().map(String::as_str).chain(overrides.iter().copied()) {
            command.arg("--override").arg(setting);
        }
        let watch = Stopwatch::start();
        let process = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("the broker program starts");
        let mut child = Child { process, address: SocketAddr::from(([127, 0, 0, 1], port)), started_ms: 0 };
        // The port is open before the broker serves: only an answer says that it does.
        let serves = |address| {
            let asked = MetadataRequest::default().with_topics(Some(Vec::new()));
            Connection::try_open_at(address).is_ok_and(|mut connection| connection.try_call(12, &asked).is_ok())
        };
        while !serves(child.address) {
            let told = || std::fs::read_to_string(&output).unwrap_or_default();
            assert!(watch.elapsed_ms() < START_MS_MAX, "the broker does not listen; it said:\n{}", told());
            let gone = child.process.try_wait().expect("its state");
            assert!(gone.is_none(), "the broker ended at once with {gone:?}; it said:\n{}", told());
            crate::time::pause_ms(2);
        }
        child.started_ms = watch.elapsed_ms();
        child
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From the start of the process to its first answer.
    pub fn started_ms(&self) -> u64 {
        self.started_ms
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// SIGKILL: the process ends between two instructions.
    pub fn kill(&mut self) {
        self.process.kill().expect("the broker can be killed");
        self.process.wait().expect("the broker ends");
    }

    /// SIGTERM: the broker stops as it should; returns its exit status and how long it took.
    pub fn stop(&mut self) -> (std::process::ExitStatus, u64) {
        let watch = Stopwatch::start();
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("the broker can be told to stop");
        let status = self.process.wait().expect("the broker ends");
        (status, watch.elapsed_ms())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
