//! The thread that slowly looks at all stored records, so that damage is found while there are copies of what it took (LOG-15).
use crate::{
    log::{LogDir, compaction::Pace, shared::Alarm},
    platform::{Clock, make_way},
};
use parking_lot::Mutex;
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// A start has enough to read.
const FIRST_AFTER: Duration = Duration::from_secs(600);
/// From the end of one pass to the next: little data is not read over and over.
const PASS_EVERY: Duration = Duration::from_secs(6 * 3_600);

/// What was done since the start.
#[derive(Clone, Copy, Default, Debug)]
pub struct ScrubTotals {
    pub bytes: u64,
    /// Damages found, by whoever came upon them.
    pub damages: u64,
}

/// Looks at the open logs of all directories, one after the other.
pub struct Scrubber {
    directories: Vec<Arc<LogDir>>,
    clock: Arc<dyn Clock>,
    bytes_per_second: u64,
    pace: Mutex<Pace>,
    bytes: AtomicU64,
    alarm: Alarm,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Scrubber {
    /// No thread runs until `start`.
    pub fn new(directories: Vec<Arc<LogDir>>, clock: Arc<dyn Clock>, bytes_per_second: u64) -> Arc<Scrubber> {
        Arc::new(Scrubber {
            directories,
            clock,
            bytes_per_second,
            pace: Mutex::new(Pace::new(bytes_per_second as f64)),
            bytes: AtomicU64::new(0),
            alarm: Alarm::default(),
            thread: Mutex::default(),
        })
    }

    /// Does nothing when the rate is 0.
    pub fn start(self: &Arc<Self>) -> io::Result<()> {
        if self.bytes_per_second == 0 {
            return Ok(());
        }
        let scrubber = self.clone();
        let body = move || {
            make_way();
            let mut wait = FIRST_AFTER;
            while scrubber.alarm.wait(wait) && scrubber.pass() {
                wait = PASS_EVERY;
            }
        };
        *self.thread.lock() = Some(std::thread::Builder::new().name("log-scrubber".into()).spawn(body)?);
        Ok(())
    }

    /// Ends the thread. Idempotent.
    pub fn stop(&self) {
        self.alarm.stop();
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }

    pub fn totals(&self) -> ScrubTotals {
        let damages = self.directories.iter().map(|directory| directory.damages()).sum();
        ScrubTotals { bytes: self.bytes.load(Ordering::Relaxed), damages }
    }

    /// Looks at everything once; false when it was stopped.
    pub fn pass(&self) -> bool {
        let mut goes_on = true;
        for directory in self.directories.iter().filter(|directory| directory.failure().is_none()) {
            for log in directory.logs() {
                for segment in log.all_segments() {
                    let mut spend = |bytes: u64| {
                        self.bytes.fetch_add(bytes, Ordering::Relaxed);
                        let pause = self.pace.lock().spend(self.clock.monotonic(), bytes);
                        goes_on = pause.is_zero() || self.alarm.wait(pause);
                        goes_on
                    };
                    let looked = log.examine_segment(&segment, &mut spend);
                    if let Err(error) = looked
                        && error.kind() != io::ErrorKind::NotFound
                    {
                        tracing::error!(log = %log.id(), segment = %segment.base(), %error, "the segment cannot be read");
                    }
                    if !goes_on {
                        return false;
                    }
                }
            }
        }
        goes_on
    }
}
