//! Whether the next commit waits a moment for those whom the last one has just answered. Clients that keep a number of requests
//! under way fall into two halves that take turns, each waiting for the other's commit; when they are quick to send again, a
//! short wait brings them together, and half as many commits carry the same load.
use std::time::Duration;

/// Fewer entries than this are not waited for: a client alone gains nothing.
const ENTRIES_MIN: u32 = 4;
/// No wait is longer, however slow the disk.
const WAIT_MAX: Duration = Duration::from_micros(500);
/// After failures, as many commits as two to this power go by without a wait, at most.
const DOUBLINGS_MAX: u32 = 10;

/// What a commit is to wait for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Wait {
    pub entries: u32,
    pub at_most: Duration,
}

/// Learns from each commit whether waiting pays.
#[derive(Default, Debug)]
pub(super) struct Gathering {
    last_entries: u32,
    last_took: Duration,
    /// The last group was waited for, and all came.
    complete: bool,
    misses: u32,
    /// Commits that go by before the next try.
    pause: u32,
}

impl Gathering {
    /// A group of `entries` was committed in `took`; `came` entries arrived meanwhile. What the next one waits for.
    pub fn committed(&mut self, entries: u32, took: Duration, came: u32) -> Option<Wait> {
        (self.last_entries, self.last_took) = (entries, took);
        // Where all came together nobody is left to come during the commit. If many do, they do not wait for answers, and
        // holding them up gains nothing.
        if std::mem::take(&mut self.complete) {
            if came <= entries / 4 { self.misses = 0 } else { self.missed() }
        }
        if self.pause > 0 {
            self.pause -= 1;
            return None;
        }
        // Taking turns costs everyone two commits; meeting costs one and the way to the client and back.
        let at_most = (took * 3 / 2).min(WAIT_MAX);
        let wait = Wait { entries: entries.saturating_add(came), at_most };
        (wait.entries >= ENTRIES_MIN && !wait.at_most.is_zero()).then_some(wait)
    }

    /// How a wait ended.
    pub fn waited(&mut self, wait: Wait, entries: u32) {
        if entries >= wait.entries { self.complete = true } else { self.missed() }
    }

    fn missed(&mut self) {
        self.misses = (self.misses + 1).min(DOUBLINGS_MAX);
        self.pause = 1 << self.misses;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOK: Duration = Duration::from_micros(200);

    #[test]
    fn two_halves_are_brought_together_and_stay_so() {
        let mut gathering = Gathering::default();
        let wait = gathering.committed(5, TOOK, 5).unwrap();
        assert_eq!(wait, Wait { entries: 10, at_most: Duration::from_micros(300) });
        gathering.waited(wait, 10);
        for _ in 0..100 {
            let wait = gathering.committed(10, TOOK, 0).unwrap();
            assert_eq!(wait.entries, 10);
            gathering.waited(wait, 10);
        }
    }

    #[test]
    fn who_is_alone_is_never_held_up() {
        let mut gathering = Gathering::default();
        for came in [0, 1, 2, 1] {
            assert_eq!(gathering.committed(1, TOOK, came), None);
        }
        assert_eq!(gathering.committed(8, Duration::ZERO, 8), None, "a disk that takes no time");
    }

    /// How many of a thousand commits wait, when `reached` tells whether all come and `came` arrive during each commit.
    fn waits(reached: bool, came: u32) -> usize {
        let mut gathering = Gathering::default();
        let commits = 0..1_000;
        let waited = commits.filter(|_| {
            let Some(wait) = gathering.committed(10, TOOK, came) else { return false };
            gathering.waited(wait, if reached { wait.entries } else { wait.entries - 1 });
            true
        });
        waited.count()
    }

    #[test]
    fn waits_that_do_not_pay_become_rare() {
        assert!(waits(false, 0) <= 10, "the clients are too slow");
        assert!(waits(true, 10) <= 10, "they come whether they are answered or not");
        assert_eq!(waits(true, 2), 1_000);
    }
}
