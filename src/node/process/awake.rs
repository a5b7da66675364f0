//! Processors that wake fast while records are produced (`ottla.cpu.wakeup.max.us`).
use crate::{config::Wakeup, platform::WakeupLimit};
use std::io;

/// Looks without load after which processors may rest again: a pause of a second or two is not the end of a load.
const QUIET_LOOKS_MAX: u8 = 3;

/// Records a second from which processors are kept awake unasked. Below, whoever waits does so seldom.
const AUTO_LOAD: u64 = 200;

/// Whether there is load, by looks at a counter.
struct Traffic {
    counted: u64,
    /// What a look must find more to count as load.
    load: u64,
    quiet_looks: u8,
}

impl Traffic {
    /// At rest until the first load.
    fn new(counted: u64, load: u64) -> Traffic {
        Traffic { counted, load, quiet_looks: QUIET_LOOKS_MAX }
    }

    fn look(&mut self, counted: u64) -> bool {
        let loaded = counted.wrapping_sub(self.counted) >= self.load;
        self.counted = counted;
        self.quiet_looks = if loaded { 0 } else { self.quiet_looks.saturating_add(1) };
        self.quiet_looks < QUIET_LOOKS_MAX
    }
}

/// Asks the kernel while there is load, and takes it back when there is none.
pub struct Awake<Limit = WakeupLimit> {
    us_max: u32,
    ask: fn(u32) -> io::Result<Limit>,
    traffic: Traffic,
    held: Option<Limit>,
}

impl Awake {
    /// `None`: not wanted, of no use, or not possible, which is told to who asked for it.
    pub fn start(wakeup: Wakeup, traffic: u64) -> Option<Awake> {
        let (us_max, load) = match wakeup {
            Wakeup::AsItIs => return None,
            Wakeup::Auto if !WakeupLimit::halts_to_a_host() => return None,
            Wakeup::Auto => (0, AUTO_LOAD),
            Wakeup::Within(us_max) => (us_max, 1),
        };
        let started = Awake::try_start(us_max, Traffic::new(traffic, load), WakeupLimit::ask);
        match (&started, wakeup) {
            (Ok(_), Wakeup::Auto) => tracing::info!(
                "idle processors of this guest poll instead of halting while {AUTO_LOAD} or more records a second are produced \
                 (ottla.cpu.wakeup.max.us=auto; off leaves them alone)"
            ),
            (Ok(_), _) => {}
            (Err(error), Wakeup::Auto) => tracing::debug!(%error, "cannot write to {}", WakeupLimit::DEVICE),
            (Err(error), _) => tracing::warn!(
                "ottla.cpu.wakeup.max.us has no effect: cannot write to {}: {error}. Give the broker's user that file (a udev rule; \
                 `--device {}` for a container), or take the setting away",
                WakeupLimit::DEVICE,
                WakeupLimit::DEVICE,
            ),
        }
        started.ok()
    }
}

impl<Limit> Awake<Limit> {
    /// Asks once, so that a start tells whether it can.
    fn try_start(us_max: u32, traffic: Traffic, ask: fn(u32) -> io::Result<Limit>) -> io::Result<Awake<Limit>> {
        drop(ask(us_max)?);
        Ok(Awake { us_max, ask, traffic, held: None })
    }

    /// Once a second; `traffic` grows by one with each record.
    pub fn look(&mut self, traffic: u64) {
        if !self.traffic.look(traffic) {
            self.held = None;
        } else if self.held.is_none() {
            // Where it was possible at the start and is not now, the next look tries again.
            self.held = (self.ask)(self.us_max).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_asked_for_while_records_move_and_three_looks_after() {
        let mut awake = Awake::try_start(7, Traffic::new(100, 1), Ok).unwrap();
        let mut held_after = |traffic| {
            awake.look(traffic);
            awake.held
        };
        assert_eq!(held_after(100), None, "nothing has moved");
        assert_eq!(held_after(101), Some(7));
        assert_eq!((held_after(101), held_after(101)), (Some(7), Some(7)));
        assert_eq!(held_after(102), Some(7), "a pause");
        assert_eq!((held_after(102), held_after(102), held_after(102)), (Some(7), Some(7), None));
        assert_eq!(held_after(103), Some(7), "again");
    }

    #[test]
    fn a_few_records_a_second_are_no_load() {
        let mut awake = Awake::try_start(0, Traffic::new(0, AUTO_LOAD), Ok).unwrap();
        let mut held_after = |traffic| {
            awake.look(traffic);
            awake.held
        };
        assert_eq!((held_after(199), held_after(398)), (None, None));
        assert_eq!(held_after(598), Some(0));
        assert_eq!((held_after(700), held_after(800), held_after(900)), (Some(0), Some(0), None));
    }

    #[test]
    fn a_start_tells_that_the_kernel_refuses() {
        let refused = Awake::<u32>::try_start(0, Traffic::new(0, 1), |_| Err(io::ErrorKind::PermissionDenied.into()));
        assert_eq!(refused.err().map(|error| error.kind()), Some(io::ErrorKind::PermissionDenied));
    }
}
