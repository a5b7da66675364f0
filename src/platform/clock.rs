//! What time it is: wall time for record timestamps and retention, monotonic time for everything else (OPS-8).
use parking_lot::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub trait Clock: Send + Sync {
    /// Milliseconds since 1970, as record timestamps count. May jump.
    fn wall_ms(&self) -> i64;
    /// Time since some fixed moment of this process; never goes back.
    fn monotonic(&self) -> Duration;
}

/// The machine's clocks.
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one door to the machine's clocks")]
    pub fn new() -> SystemClock {
        SystemClock { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one door to the machine's clocks")]
    fn wall_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// A clock that stands still until it is moved: for tests and simulations.
#[derive(Default)]
pub struct ManualClock {
    at: Mutex<(i64, Duration)>,
}

impl ManualClock {
    pub fn at_wall_ms(wall_ms: i64) -> ManualClock {
        ManualClock { at: Mutex::new((wall_ms, Duration::ZERO)) }
    }

    /// As somebody sets the machine's clock: no time passes.
    pub fn set_wall_ms(&self, wall_ms: i64) {
        self.at.lock().0 = wall_ms;
    }

    pub fn advance(&self, by: Duration) {
        let mut at = self.at.lock();
        at.0 += by.as_millis() as i64;
        at.1 += by;
    }
}

impl Clock for ManualClock {
    fn wall_ms(&self) -> i64 {
        self.at.lock().0
    }

    fn monotonic(&self) -> Duration {
        self.at.lock().1
    }
}
