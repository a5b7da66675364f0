//! The process around a node: settings, log lines, signals, exit codes.
mod awake;
#[cfg(test)]
mod tests;

use self::awake::Awake;
use super::{Node, NodeParts};
use crate::{
    cli::ServeArgs,
    config::{self, Loaded, NoteLevel, Wakeup},
    net::BrokerAddress,
    platform::{Clock, Disk, HeldSignals, RealDisk, SystemChance, SystemClock, say, seeded},
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::level_filters::STATIC_MAX_LEVEL;
use tracing_subscriber::EnvFilter;

/// How long an orderly stop may take before the process ends all the same.
const STOP_MAX: Duration = Duration::from_secs(30);
/// Signals so close to the first are not another one.
const SAME_SIGNAL: Duration = Duration::from_millis(100);

/// Runs a broker until it is told to stop. 0 after an orderly stop, 1 when it cannot start or a directory failed, 2
/// when the settings cannot be used.
pub fn serve(args: ServeArgs) -> ExitCode {
    huge_pages(false);
    let clock = Arc::new(SystemClock::new());
    // A signal that comes between the moment that the system no longer ends the process and the one that somebody listens would be lost.
    let held = HeldSignals::begin();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("ottla").build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            say(format_args!("ottla: cannot start its threads: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(heed(args, clock, held));
    // Nothing that still hangs in a blocking thread holds the exit up.
    runtime.shutdown_timeout(Duration::from_millis(100));
    code
}

/// Listens to signals before anything else: one that comes from now on ends the process in order. Until then it ends it by itself,
/// and nothing was touched.
async fn heed(args: ServeArgs, clock: Arc<SystemClock>, held: HeldSignals) -> ExitCode {
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            say(format_args!("ottla: cannot listen to signals: {error}"));
            return ExitCode::FAILURE;
        }
    };
    held.let_go();
    let loaded = tokio::select! {
        // A file can be a pipe that nobody fills.
        loaded = tokio::task::spawn_blocking(move || load(&args)) => loaded,
        () = signals.next() => return ExitCode::SUCCESS,
    };
    let loaded = match loaded.map_err(|error| error.to_string()).and_then(|loaded| loaded) {
        Ok(loaded) => loaded,
        Err(why) => {
            say(format_args!("ottla: {why}"));
            return ExitCode::from(2);
        }
    };
    start_logging(&loaded.log_levels);
    for note in &loaded.notes {
        match note.level {
            NoteLevel::Info => tracing::info!("{}", note.text),
            NoteLevel::Warn => tracing::warn!("{}", note.text),
        }
    }
    raise_descriptor_limit();
    run(loaded, signals, clock, Arc::new(RealDisk)).await
}

fn load(args: &ServeArgs) -> Result<Loaded, String> {
    let file = match &args.file {
        None => None,
        Some(path) => {
            let bytes = Disk::read(&RealDisk, Path::new(path))
                .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            Some((path.display().to_string(), config::properties_text(bytes)))
        }
    };
    let file = file.as_ref().map(|(name, text)| (name.as_str(), text.as_str()));
    let environment =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    config::load(file, environment, &args.overrides, &RealDisk).map_err(|error| error.to_string())
}

impl config::Files for RealDisk {
    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        Disk::read(self, path)
    }

    fn canonical(&self, path: &Path) -> std::io::Result<PathBuf> {
        path.canonicalize()
    }

    fn is_file(&self, path: &Path) -> bool {
        path.is_file()
    }
}

/// Log lines of these levels (as `info` or `ottla::server=debug`) go to standard error; `OTTLA_LOG_FORMAT` is `text` or
/// `json`.
fn start_logging(levels: &str) {
    let filter = filter(levels).unwrap_or_else(|| EnvFilter::new("info"));
    let too_much = filter.max_level_hint() > Some(STATIC_MAX_LEVEL);
    // A line that cannot be written, to a file on a full disk say, is lost; to complain of it there would be a panic.
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let lines = lines.log_internal_errors(false);
    let started = match std::env::var("OTTLA_LOG_FORMAT").as_deref() {
        Ok("json") => lines.json().try_init(),
        _ => lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
    };
    if let Err(error) = started {
        say(format_args!("ottla: no log lines will be seen: {error}"));
    }
    if too_much {
        tracing::warn!("more log lines are asked for than there are in this build: the most is {STATIC_MAX_LEVEL}");
    }
}

/// What `levels` choose, if they can be read. One by one: all at once, the filter tells people itself of levels that this build leaves out,
/// and would end the process where standard error cannot be written.
fn filter(levels: &str) -> Option<EnvFilter> {
    let mut levels = levels.split(',').filter(|level| !level.is_empty());
    levels.try_fold(EnvFilter::default(), |filter, level| Some(filter.add_directive(level.parse().ok()?)))
}

/// Who looks whether the broker is there comes with one connection.
const CONNECTIONS_AT_REST: usize = 1;

/// Off for the start, on for work, which they make some percent cheaper. A start touches a little of every thread's memory; with pages of
/// 2 MiB that little is several times as much at rest. A hint: a kernel without huge pages has nothing to switch.
fn huge_pages(on: bool) {
    let _ = rustix::thread::disable_transparent_huge_pages(!on);
}

/// As many open files as the system lets us have: segments and connections need them.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
    {
        tracing::warn!(%error, "the limit of open files stays at {:?}", limit.current);
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Signals> {
        Ok(Signals { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

async fn run(loaded: Loaded, mut signals: Signals, clock: Arc<SystemClock>, disk: Arc<dyn Disk>) -> ExitCode {
    if let Some(notice) = seeded::notice() {
        say(format_args!("ottla: {notice}"));
        tracing::error!("{notice}");
    }
    let directories: Vec<String> = loaded.node.log_dirs.iter().map(|path| path.display().to_string()).collect();
    let wakeup = loaded.node.wakeup;
    let parts = NodeParts {
        config: loaded.node,
        raw: loaded.raw,
        disk,
        clock: clock.clone(),
        chance: Arc::new(SystemChance),
        version: seeded::VERSION,
        views: true,
    };
    let started = tokio::select! {
        started = Node::start(parts) => started,
        // Recovery can take long; nothing was promised to anybody yet, and the next start recovers the same.
        () = signals.next() => {
            tracing::info!("told to stop before it was ready");
            return ExitCode::SUCCESS;
        }
    };
    let node = match started {
        Ok(node) => node,
        Err(error) => {
            say(format_args!("ottla: {error}"));
            return ExitCode::FAILURE;
        }
    };
    announce(&node, &*clock, &directories);
    let failed = tokio::select! {
        () = signals.next() => None,
        failure = watch(&node, wakeup) => Some(failure),
    };
    if let Some(failure) = failed {
        // LOG-9: nothing that was not synced may be believed; the next start recovers what is on disk.
        tracing::error!(%failure, "a log directory failed: the broker stops at once");
        return ExitCode::FAILURE;
    }
    tracing::info!("stopping; a second signal ends it at once");
    stop(node, signals, &*clock).await
}

/// One line: what serves where, what clients are told, and how long it took.
fn announce(node: &Node, clock: &dyn Clock, directories: &[String]) {
    let listeners: Vec<String> = node
        .listeners
        .iter()
        .map(|listener| {
            let told = node.advertised.iter().find(|told| told.name == listener.name);
            let told = told.map_or("nothing".into(), |told| {
                BrokerAddress { host: told.host.clone(), port: told.port }.to_string()
            });
            format!("{listener} (clients are told {told})")
        })
        .collect();
    let http = node.http.map_or("off".into(), |address| format!("http://{address}"));
    tracing::info!(
        "ready in {} ms: {}; metrics {http}; cluster {}; data in {}",
        clock.monotonic().as_millis(),
        listeners.join(", "),
        node.cluster_id,
        directories.join(", "),
    );
}

/// Fits the process to its load, and completes when a log directory failed.
async fn watch(node: &Node, wakeup: Wakeup) -> String {
    let mut looks = tokio::time::interval(Duration::from_secs(1));
    let mut awake = Awake::start(wakeup, node.traffic());
    let mut at_rest = true;
    loop {
        looks.tick().await;
        if at_rest && node.connections() > CONNECTIONS_AT_REST {
            at_rest = false;
            huge_pages(true);
        }
        if let Some(awake) = &mut awake {
            awake.look(node.traffic());
        }
        if let Some(failure) = node.failure() {
            return failure;
        }
    }
}

/// Asked again to stop. What comes with the first signal is a part of it: some supervisors tell the process, and then its group.
async fn again(signals: &mut Signals) {
    let same = tokio::time::sleep(SAME_SIGNAL);
    tokio::pin!(same);
    loop {
        tokio::select! {
            biased;
            () = &mut same => break,
            () = signals.next() => {}
        }
    }
    signals.next().await;
}

async fn stop(node: Node, mut signals: Signals, clock: &dyn Clock) -> ExitCode {
    let begun = clock.monotonic();
    tokio::select! {
        stopped = node.stop() => match stopped {
            Ok(()) => {
                tracing::info!("stopped in {} ms", (clock.monotonic() - begun).as_millis());
                ExitCode::SUCCESS
            }
            Err(error) => {
                tracing::error!(%error, "not stopped in order; the next start recovers");
                ExitCode::FAILURE
            }
        },
        () = again(&mut signals) => {
            tracing::warn!("told twice: ended at once; the next start recovers");
            ExitCode::FAILURE
        }
        () = tokio::time::sleep(STOP_MAX) => {
            tracing::error!("not stopped within {} s; the next start recovers", STOP_MAX.as_secs());
            ExitCode::FAILURE
        }
    }
}
