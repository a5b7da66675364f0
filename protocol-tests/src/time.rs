//! The clock of the scenarios: durations measured, pauses taken, and the wall clock for record timestamps.
#![expect(clippy::disallowed_methods, reason = "scenarios stand outside the broker and its platform layer")]
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Measures from its making.
#[derive(Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    pub fn start() -> Stopwatch {
        Stopwatch(Instant::now())
    }

    pub fn elapsed_ms(&self) -> u64 {
        self.0.elapsed().as_millis() as u64
    }
}

/// Does nothing for so many milliseconds.
pub fn pause_ms(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}

/// Milliseconds since 1970, as record timestamps count them.
pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// Asks again and again until the answer is `Some`, for at most `limit_ms`.
///
/// # Panics
/// When the time is over; `what` says what did not happen.
#[track_caller]
pub fn eventually<T>(limit_ms: u64, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let watch = Stopwatch::start();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(watch.elapsed_ms() < limit_ms, "not within {limit_ms} ms: {what}");
        pause_ms(10);
    }
}
