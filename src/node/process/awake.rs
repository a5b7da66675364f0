//! Processors that wake fast while records move (`ottla.cpu.wakeup.max.us`).
use crate::platform::WakeupLimit;
use std::io;

/// Looks without a record after which processors may rest again: a pause of a second or two is not the end of a load.
const QUIET_LOOKS_MAX: u8 = 3;

/// Whether records move, by looks at a counter.
struct Traffic {
    counted: u64,
    quiet_looks: u8,
}

impl Traffic {
    /// At rest until the first record.
    fn new(counted: u64) -> Traffic {
        Traffic { counted, quiet_looks: QUIET_LOOKS_MAX }
    }

    fn look(&mut self, counted: u64) -> bool {
        let moved = counted != self.counted;
        self.counted = counted;
        self.quiet_looks = if moved { 0 } else { self.quiet_looks.saturating_add(1) };
        self.quiet_looks < QUIET_LOOKS_MAX
    }
}

/// Asks the kernel while records move, and takes it back when they do not.
pub struct Awake<Limit = WakeupLimit> {
    us_max: u32,
    ask: fn(u32) -> io::Result<Limit>,
    traffic: Traffic,
    held: Option<Limit>,
}

impl Awake {
    /// `None`: not wanted, or not possible, which is told.
    pub fn start(us_max: Option<u32>, traffic: u64) -> Option<Awake> {
        let started = Awake::try_start(us_max?, traffic, WakeupLimit::ask);
        if let Err(error) = &started {
            tracing::warn!(
                "ottla.cpu.wakeup.max.us has no effect: cannot write to {}: {error}. Give the broker's user that file (a udev rule; \
                 `--device {}` for a container), or take the setting away",
                WakeupLimit::DEVICE,
                WakeupLimit::DEVICE,
            );
        }
        started.ok()
    }
}

impl<Limit> Awake<Limit> {
    /// Asks once, so that a start tells whether it can.
    fn try_start(us_max: u32, traffic: u64, ask: fn(u32) -> io::Result<Limit>) -> io::Result<Awake<Limit>> {
        drop(ask(us_max)?);
        Ok(Awake { us_max, ask, traffic: Traffic::new(traffic), held: None })
    }

    /// Once a second; `traffic` grows while records move.
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
        let mut awake = Awake::try_start(7, 100, Ok).unwrap();
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
    fn a_start_tells_that_the_kernel_refuses() {
        let refused = Awake::<u32>::try_start(0, 0, |_| Err(io::ErrorKind::PermissionDenied.into()));
        assert_eq!(refused.err().map(|error| error.kind()), Some(io::ErrorKind::PermissionDenied));
    }
}
