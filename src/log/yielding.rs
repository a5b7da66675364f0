//! How work in the background makes way for commits: it rests now and then, and longer where they take longer beside it.
use std::time::Duration;

/// Work is not interrupted before.
const WORK: Duration = Duration::from_millis(20);
/// Rests, in times of the work before them. The shortest tells how long commits take without the work; with the longest half of the
/// time is work, however slow the disk.
const REST_LEAST: f64 = 0.2;
const REST_MOST: f64 = 1.0;
/// Whatever the work: more tells nothing new.
const REST_TIME_MOST: Duration = Duration::from_millis(100);
/// The first part of a rest says nothing: what commits then had to wait for the work.
const SETTLING_PART: u32 = 4;
/// Commits may take so many times as long as without the work.
const SLOWER: f64 = 1.5;
/// What counts of the times before with each new one.
const KEPT_PART: f64 = 0.95;

/// Commits of the write-ahead log so far, and the time that they took.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Commits {
    pub count: u64,
    pub time: Duration,
}

impl std::ops::Add for Commits {
    type Output = Commits;

    fn add(self, other: Commits) -> Commits {
        Commits { count: self.count + other.count, time: self.time + other.time }
    }
}

/// The newest commits count most.
#[derive(Clone, Copy, Default, Debug)]
struct Mean {
    count: f64,
    seconds: f64,
}

impl Mean {
    fn take(&mut self, from: Commits, to: Commits) {
        self.count = self.count * KEPT_PART + to.count.saturating_sub(from.count) as f64;
        self.seconds = self.seconds * KEPT_PART + to.time.saturating_sub(from.time).as_secs_f64();
    }

    /// Longer than `other`, as far as both are known?
    fn is_slower(&self, other: &Mean) -> bool {
        let are_known = self.count >= 1.0 && other.count >= 1.0;
        are_known && self.seconds / self.count > other.seconds / other.count * SLOWER
    }
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Work,
    Settling { left: Duration },
    Rest,
}

/// Of one work, from its begin on.
#[derive(Clone, Copy, Debug)]
pub struct Yielding {
    phase: Phase,
    since: Duration,
    seen: Commits,
    beside: Mean,
    resting: Mean,
    rest_part: f64,
}

impl Yielding {
    pub fn begin(now: Duration, commits: Commits) -> Yielding {
        let (beside, resting) = (Mean::default(), Mean::default());
        Yielding { phase: Phase::Work, since: now, seen: commits, beside, resting, rest_part: REST_LEAST }
    }

    /// Asked after each piece of work, and after each wait: how long to wait now. Nothing: the next piece may begin.
    pub fn wait(&mut self, now: Duration, commits: impl FnOnce() -> Commits) -> Duration {
        let worked = now.saturating_sub(self.since);
        if matches!(self.phase, Phase::Work) && worked < WORK {
            return Duration::ZERO;
        }
        let before = std::mem::replace(&mut self.seen, commits());
        self.since = now;
        match self.phase {
            // Nobody writes.
            Phase::Work if self.seen.count == before.count => Duration::ZERO,
            Phase::Work => {
                self.beside.take(before, self.seen);
                let times = if self.beside.is_slower(&self.resting) { 2.0 } else { 0.5 };
                self.rest_part = (self.rest_part * times).clamp(REST_LEAST, REST_MOST);
                let rest = worked.mul_f64(self.rest_part).min(REST_TIME_MOST);
                let settling = rest / SETTLING_PART;
                self.phase = Phase::Settling { left: rest - settling };
                settling
            }
            Phase::Settling { left } => {
                self.phase = Phase::Rest;
                left
            }
            Phase::Rest => {
                self.resting.take(before, self.seen);
                self.phase = Phase::Work;
                Duration::ZERO
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Work and rests in turn for some time; a commit each millisecond takes as long as `us` says of it, which is told whether it
    /// comes beside the work and its number. Answers how much of the time was work.
    fn work_part(us: impl Fn(bool, u64) -> u64) -> f64 {
        let (mut now, mut commits, mut worked) = (Duration::ZERO, Commits::default(), Duration::ZERO);
        let pass = |commits: &mut Commits, now: &mut Duration, time: Duration, beside: bool| {
            let end = *now + time;
            for _ in now.as_millis()..end.as_millis() {
                let time = Duration::from_micros(us(beside, commits.count));
                *commits = *commits + Commits { count: 1, time };
            }
            *now = end;
        };
        let mut yielding = Yielding::begin(now, commits);
        while now < Duration::from_secs(10) {
            let piece = Duration::from_micros(700);
            pass(&mut commits, &mut now, piece, true);
            worked += piece;
            loop {
                let wait = yielding.wait(now, || commits);
                if wait.is_zero() {
                    break;
                }
                pass(&mut commits, &mut now, wait, false);
            }
        }
        worked.as_secs_f64() / now.as_secs_f64()
    }

    #[test]
    fn work_that_disturbs_nobody_goes_on() {
        assert!(work_part(|_, _| 250) > 0.8);
        assert!(work_part(|beside, _| if beside { 350 } else { 250 }) > 0.8);
    }

    #[test]
    fn work_that_slows_commits_down_rests_and_still_has_half_of_the_time() {
        for us in [1_000, 1_000_000] {
            let part = work_part(|beside, _| if beside { us } else { 250 });
            assert!((0.45..0.55).contains(&part), "{part}");
        }
        // One in twenty, and long.
        let part = work_part(|beside, number| if beside && number % 20 == 0 { 10_000 } else { 250 });
        assert!((0.45..0.55).contains(&part), "{part}");
    }

    #[test]
    fn a_disk_that_is_slow_by_itself_is_no_reason_to_rest() {
        assert!(work_part(|_, _| 20_000) > 0.8);
        let part = work_part(|_, number| if number % 7 == 0 { 5_000 } else { 250 });
        assert!(part > 0.7, "{part}");
    }

    #[test]
    fn where_nobody_commits_nothing_rests() {
        let mut yielding = Yielding::begin(Duration::ZERO, Commits::default());
        for ms in 1..1_000 {
            assert_eq!(yielding.wait(Duration::from_millis(ms), Commits::default), Duration::ZERO);
        }
    }

    #[test]
    fn what_waited_for_the_work_is_not_taken_for_the_disks_own_pace() {
        let at = Duration::from_millis;
        let mut yielding = Yielding::begin(at(0), Commits::default());
        let mut wait = |ms, count, time| yielding.wait(at(ms), || Commits { count, time: at(time) });
        assert_eq!(wait(19, 0, 0), at(0));
        assert_eq!(wait(20, 20, 20), at(1), "a quarter of 4 ms");
        assert_eq!(wait(21, 21, 40), at(3), "one that had begun beside the work");
        assert_eq!(wait(24, 24, 41), at(0));
        assert_eq!(wait(43, 0, 0), at(0));
        assert_eq!(wait(44, 44, 61), at(2), "twice as long a rest");
    }
}
