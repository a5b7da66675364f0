//! The broker the tests talk to: the one named by OTTLA_TEST_BROKER, else one of our own, started once.
use std::{
    io::Write,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

pub struct Broker {
    pub address: String,
    /// Our own, with its data directory.
    own: Option<(Mutex<Child>, tempfile::TempDir)>,
}

static SHARED: Mutex<Weak<Broker>> = Mutex::new(Weak::new());

/// The shared broker; it stops when the last test lets go of it.
pub fn broker() -> Arc<Broker> {
    let mut shared = SHARED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(broker) = shared.upgrade() {
        return broker;
    }
    let broker = Arc::new(match std::env::var("OTTLA_TEST_BROKER") {
        Ok(address) => Broker { address, own: None },
        Err(_) => start(),
    });
    *shared = Arc::downgrade(&broker);
    broker
}

fn start() -> Broker {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let directory = tempfile::tempdir().unwrap();
    let address = format!("127.0.0.1:{port}");
    let child = serve(&address, directory.path());
    Broker { address, own: Some((Mutex::new(child), directory)) }
}

/// One for a test that stops it.
pub fn own() -> Broker {
    start()
}

fn serve(address: &str, directory: &Path) -> Child {
    // A file: a pipe that nobody reads would stop a talkative broker.
    let log = directory.join("stderr");
    let data = directory.join("data");
    let mut child = Command::new(env!("CARGO_BIN_EXE_ottla"))
        .arg("serve")
        .args(["--override", &format!("listeners=PLAINTEXT://{address}")])
        .args(["--override", &format!("log.dirs={}", data.display())])
        .args(["--override", "ottla.http.listen=off"])
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    for _ in 0..200 {
        if ottla(&["status", "-b", address], b"").status.success() {
            return child;
        }
        if let Some(status) = child.try_wait().unwrap() {
            let said = std::fs::read_to_string(&log).unwrap();
            panic!("the broker ended with {status}: {said}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    panic!("the broker was not ready within ten seconds");
}

impl Broker {
    pub fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// Ends our own with this signal and starts it again.
    pub fn restart(&self, signal: &str) {
        let (child, directory) = self.own.as_ref().expect("a broker of our own");
        let mut child = child.lock().unwrap();
        send(signal, &child);
        child.wait().unwrap();
        *child = serve(&self.address, directory.path());
    }

    /// Runs a command against this broker.
    pub fn run(&self, args: &[&str], input: &[u8]) -> Output {
        ottla(&[args, &["-b", &self.address]].concat(), input)
    }

    /// The same, which must succeed; its stdout.
    #[track_caller]
    pub fn ok(&self, args: &[&str], input: &[u8]) -> String {
        let output = self.run(args, input);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?} ended with {}: {said}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same, which must fail with this exit code; its stderr.
    #[track_caller]
    pub fn fails(&self, code: i32, args: &[&str]) -> String {
        let output = self.run(args, b"");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        said
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some((child, _)) = &self.own {
            let mut child = child.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// As `kill(1)` does.
pub fn send(signal: &str, child: &Child) {
    assert!(Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap().success());
}

/// One run of the binary without the caller's environment getting in.
pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ottla"));
    command.args(args).env_remove("OTTLA_BOOTSTRAP").env_remove("KAFKA_BOOTSTRAP_SERVERS").env_remove("RPK_BROKERS");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub fn ottla(args: &[&str], input: &[u8]) -> Output {
    let mut child = command(args).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feed = std::thread::spawn(move || {
        // A command that does not read its input closes it; that is its right.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    feed.join().unwrap();
    output
}

/// A topic name of its own for each test run, so that runs against a standing broker do not meet.
pub fn topic(name: &str) -> String {
    format!("cli-{name}-{}", std::process::id())
}
