//! The broker under test: one that runs elsewhere, or our own started once per test program and never left behind.
#![expect(clippy::disallowed_methods, reason = "scenarios stand outside the broker and its platform layer")]
use crate::Connection;
use crate::time::Stopwatch;
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal, waitpid};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock};

/// How long a broker may take from its start to its first answer.
const START_MS_MAX: u64 = 30_000;

static ADDRESS: OnceLock<SocketAddr> = OnceLock::new();
static OWN: Mutex<Option<Own>> = Mutex::new(None);

struct Own {
    pid: Pid,
    directory: PathBuf,
}

/// Where the broker listens. The first call starts our own broker unless `OTTLA_TEST_BROKER` names another.
///
/// # Panics
/// When there is no broker to test.
pub fn address() -> SocketAddr {
    *ADDRESS.get_or_init(|| match std::env::var("OTTLA_TEST_BROKER") {
        Ok(named) => {
            let found = named.to_socket_addrs().ok().and_then(|mut all| all.next());
            found.unwrap_or_else(|| panic!("OTTLA_TEST_BROKER={named} is not host:port"))
        }
        Err(_) => start_own(),
    })
}

/// Whether the broker is Apache Kafka: any broker named from outside, unless `OTTLA_TEST_KIND=ottla`.
///
/// Only for the deliberate differences listed in DIFFERENCES.md.
pub fn on_kafka() -> bool {
    std::env::var_os("OTTLA_TEST_BROKER").is_some()
        && std::env::var("OTTLA_TEST_KIND").map_or(true, |kind| kind != "ottla")
}

/// The memory our own broker holds, in bytes; `None` when the broker runs elsewhere.
pub fn resident_bytes() -> Option<u64> {
    address();
    let pid = OWN.lock().unwrap().as_ref()?.pid.as_raw_nonzero();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

/// The file to run: `OTTLA_BIN`, else `ottla` in the directory above the test program's (`target/debug/deps/..`).
pub fn program() -> PathBuf {
    if let Some(path) = std::env::var_os("OTTLA_BIN") {
        return PathBuf::from(path);
    }
    let here = std::env::current_exe().expect("the test program's own path");
    let path = here.ancestors().nth(2).unwrap_or(Path::new(".")).join("ottla");
    assert!(path.exists(), "no broker at {}: run `cargo build`, or set OTTLA_BIN or OTTLA_TEST_BROKER", path.display());
    path
}

fn start_own() -> SocketAddr {
    let program = program();
    let directory = tempfile::Builder::new().prefix("ottla-protocol-tests-").tempdir().expect("a directory").keep();
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    let output = directory.join("broker.log");
    let log = std::fs::File::create(&output).expect("a file for the broker's output");
    let mut command = Command::new(program);
    command.arg("serve");
    for setting in [
        format!("listeners=PLAINTEXT://127.0.0.1:{port}"),
        format!("advertised.listeners=PLAINTEXT://127.0.0.1:{port}"),
        format!("log.dirs={}", directory.join("data").display()),
        "ottla.http.listen=off".to_string(),
        "group.initial.rebalance.delay.ms=0".to_string(),
    ] {
        command.arg("--override").arg(setting);
    }
    command.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log).current_dir(&directory);
    let pid = spawn_from_lasting_thread(command);
    *OWN.lock().unwrap() = Some(Own { pid, directory });
    // SAFETY: `stop_own` is a plain function that lives as long as the program.
    unsafe { atexit(stop_own) };
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let watch = Stopwatch::start();
    while Connection::try_open_at(address).is_err() {
        let told = || std::fs::read_to_string(&output).unwrap_or_default();
        assert!(watch.elapsed_ms() < START_MS_MAX, "the broker does not listen; it said:\n{}", told());
        let gone = waitpid(Some(pid), rustix::process::WaitOptions::NOHANG).ok().flatten().is_some();
        assert!(!gone, "the broker ended at once; it said:\n{}", told());
        crate::time::pause_ms(20);
    }
    address
}

/// The kernel kills the child when the *thread* that made it ends, so that thread must outlive every test.
fn spawn_from_lasting_thread(mut command: Command) -> Pid {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        // SAFETY: one async-signal-safe system call between fork and exec.
        unsafe {
            command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?));
        }
        let child = command.spawn().map(|child| Pid::from_child(&child));
        let _ = tell.send(child);
        loop {
            std::thread::park();
        }
    });
    told.recv().expect("the starting thread").expect("the broker program starts")
}

unsafe extern "C" {
    fn atexit(function: extern "C" fn()) -> std::ffi::c_int;
}

/// Runs when the test program ends: statics are never dropped in Rust.
pub(crate) extern "C" fn stop_own() {
    let Ok(mut own) = OWN.lock() else { return };
    if let Some(own) = own.take() {
        let _ = kill_process(own.pid, Signal::KILL);
        let _ = waitpid(Some(own.pid), rustix::process::WaitOptions::empty());
        if std::env::var_os("OTTLA_TEST_KEEP").is_none() {
            let _ = std::fs::remove_dir_all(&own.directory);
        }
    }
}
