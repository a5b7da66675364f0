//! Starts and stops the two brokers; none outlives the harness.
use crate::{
    admin,
    fault::{During, Fault},
    options::Options,
    process,
};
use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Name of Apache Kafka's instance in its own script.
const INSTANCE: &str = "bench";
const START_MAX: Duration = Duration::from_secs(60);
const STOP_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_micros(500);
/// The same for both: deleted topics leave the disk soon, so that runs do not wait for each other's data.
/// Groups of a measurement do not wait for members that nobody starts.
const SETTINGS: &[&str] =
    &["log.segment.delete.delay.ms=1000", "auto.create.topics.enable=false", "group.initial.rebalance.delay.ms=0"];
/// As Ottla logs by default, and what each partition of a coordinator was loaded from.
const LOG_LEVELS: &str = "info,ottla::coordinator::run::shard=debug";
pub const OUTPUT_FILE: &str = "output";

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    Ottla,
    Kafka,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Ottla => "Ottla",
            Kind::Kafka => "Apache Kafka",
        }
    }
}

/// Where a broker of one kind lives, whether it runs or not. Dropping it stops it and deletes its data.
pub struct Broker {
    kind: Kind,
    address: SocketAddr,
    program: PathBuf,
    directory: PathBuf,
    /// Besides those of every measurement.
    settings: &'static [&'static str],
    /// Ottla's process; Apache Kafka's is known to its script.
    child: Option<Child>,
    pid: Option<u32>,
}

impl Broker {
    /// A broker on a free port, not yet started, without data.
    pub fn new(kind: Kind, options: &Options) -> Result<Broker, Fault> {
        Broker::with(kind, options, &[])
    }

    /// The same with settings (`name=value`) that one row needs.
    pub fn with(kind: Kind, options: &Options, settings: &'static [&'static str]) -> Result<Broker, Fault> {
        let program = match kind {
            Kind::Ottla => &options.ottla,
            Kind::Kafka => &options.kafka,
        };
        let program = fs::canonicalize(program).during(format!("looking for {}", program.display()))?;
        let directory = options.directory.join("ottla");
        let mut broker =
            Broker { kind, address: free_address()?, program, directory, settings, child: None, pid: None };
        broker.remove_data();
        Ok(broker)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The running process.
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Starts it on the data it has and gives the time from start to the first Metadata answer.
    pub fn start(&mut self) -> Result<Duration, Fault> {
        match self.kind {
            Kind::Ottla => self.start_ottla(),
            Kind::Kafka => self.start_kafka(),
        }
    }

    fn start_ottla(&mut self) -> Result<Duration, Fault> {
        fs::create_dir_all(&self.directory).during("making Ottla's directory")?;
        let output = File::create(self.directory.join(OUTPUT_FILE)).during("making Ottla's output file")?;
        let mut command = Command::new(&self.program);
        command.arg("serve");
        let own = [
            format!("listeners=PLAINTEXT://{}", self.address),
            format!("log.dirs={}", self.directory.join("data").display()),
            "ottla.http.listen=off".to_string(),
        ];
        for setting in own.iter().map(String::as_str).chain(self.settings()) {
            command.args(["--override", setting]);
        }
        command.env("OTTLA_LOG", LOG_LEVELS);
        command.stdin(Stdio::null()).stderr(output.try_clone().during("sharing the output file")?).stdout(output);
        // SAFETY: between fork and exec only one system call is made.
        unsafe {
            command.pre_exec(|| {
                Ok(rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?)
            });
        }
        let started = Instant::now();
        let child = self.child.insert(command.spawn().during(format!("starting {}", self.program.display()))?);
        self.pid = Some(child.id());
        while !admin::answers_metadata(self.address) {
            if let Some(status) = child.try_wait().during("asking for Ottla's state")? {
                return Err(self.not_started(format!("it ended with {status}: {}", tail(&self.directory))));
            }
            if started.elapsed() > START_MAX {
                return Err(self.not_started(format!("no answer in {} s", START_MAX.as_secs())));
            }
            thread::sleep(POLL);
        }
        Ok(started.elapsed())
    }

    /// The script waits for the first answer itself and prints `ready in N ms`, formatting not included.
    fn start_kafka(&mut self) -> Result<Duration, Fault> {
        let port = self.address.port().to_string();
        let mut arguments = vec!["up", INSTANCE, port.as_str()];
        arguments.extend(self.settings());
        let output = self.script(&arguments)?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let words: Vec<&str> = text.split_whitespace().collect();
        let ready = words.windows(2).rev().find(|pair| pair[1] == "ms").and_then(|pair| pair[0].parse::<f64>().ok());
        let Some(ready_ms) = ready.filter(|_| output.status.success()) else {
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(self.not_started(format!("{text}{error}")));
        };
        let pid = self.script(&["pid", INSTANCE])?;
        self.pid = String::from_utf8_lossy(&pid.stdout).trim().parse().ok();
        while !admin::answers_metadata(self.address) {
            thread::sleep(POLL);
        }
        Ok(Duration::from_secs_f64(ready_ms / 1000.0))
    }

    fn settings(&self) -> impl Iterator<Item = &str> {
        SETTINGS.iter().chain(self.settings).copied()
    }

    /// Ends the process without warning; its data stays.
    pub fn kill(&mut self) -> Result<(), Fault> {
        self.pid = None;
        match self.kind {
            Kind::Ottla => {
                if let Some(mut child) = self.child.take() {
                    child.kill().during("killing Ottla")?;
                    child.wait().during("waiting for Ottla")?;
                }
            }
            Kind::Kafka => {
                self.script(&["down", INSTANCE, "--kill", "--keep"])?;
            }
        }
        Ok(())
    }

    /// Where Ottla lives, with its data and its output; Apache Kafka's place is known to its script.
    pub fn directory(&self) -> Option<&Path> {
        (self.kind == Kind::Ottla).then_some(&*self.directory)
    }

    /// The directory in which both brokers have one for each partition, of the same name.
    pub fn log_directory(&self) -> Result<PathBuf, Fault> {
        match self.kind {
            Kind::Ottla => Ok(self.directory.join("data")),
            Kind::Kafka => {
                let log = self.script(&["log", INSTANCE])?;
                let log = String::from_utf8_lossy(&log.stdout).trim().to_string();
                Ok(Path::new(&log).with_file_name("data"))
            }
        }
    }

    /// Asks it to stop and gives the time until its process is gone; its data stays.
    pub fn stop(&mut self) -> Result<Duration, Fault> {
        let Some(pid) = self.pid.take() else { return Ok(Duration::ZERO) };
        let process = rustix::process::Pid::from_raw(pid as i32).expect("a process id is not 0");
        let asked = Instant::now();
        rustix::process::kill_process(process, rustix::process::Signal::TERM)
            .map_err(std::io::Error::from)
            .during("asking a broker to stop")?;
        while asked.elapsed() < STOP_MAX {
            let ended = match &mut self.child {
                Some(child) => child.try_wait().during("waiting for Ottla")?.is_some(),
                None => !process::runs(pid),
            };
            if ended {
                self.child = None;
                return Ok(asked.elapsed());
            }
            thread::sleep(POLL);
        }
        Err(Fault::TooLate { what: "a stop".into(), seconds: STOP_MAX.as_secs() })
    }

    fn remove_data(&mut self) {
        match self.kind {
            Kind::Ottla => drop(fs::remove_dir_all(&self.directory)),
            Kind::Kafka => drop(self.script(&["down", INSTANCE])),
        }
    }

    fn script(&self, arguments: &[&str]) -> Result<Output, Fault> {
        // The script leaves a broker behind that would keep a pipe open for ever: output goes to a file.
        let path = std::env::temp_dir().join(format!("bench-kafka-{}", std::process::id()));
        let file = File::create(&path).during("making a file for the script's output")?;
        let status = Command::new(&self.program)
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(file.try_clone().during("sharing the output file")?)
            .stdout(file)
            .status()
            .during(format!("running {}", self.program.display()))?;
        let stdout = fs::read(&path).during("reading the script's output")?;
        fs::remove_file(&path).during("removing the script's output")?;
        Ok(Output { status, stdout, stderr: Vec::new() })
    }

    fn not_started(&self, why: String) -> Fault {
        Fault::NotStarted { broker: self.kind.name(), why }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.stop();
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.remove_data();
    }
}

/// A port that nobody has, whose neighbour is free too: Apache Kafka's controller takes that one.
fn free_address() -> Result<SocketAddr, Fault> {
    for _ in 0..100 {
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).during("looking for a free port")?;
        let address = first.local_addr().during("looking for a free port")?;
        let next = address.port().checked_add(1);
        if next.is_some_and(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()) {
            return Ok(address);
        }
    }
    Err(Fault::Usage("no two free ports side by side".into()))
}

/// The last lines of a broker's output.
fn tail(directory: &Path) -> String {
    let text = fs::read_to_string(directory.join(OUTPUT_FILE)).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join(" | ")
}
