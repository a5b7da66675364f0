//! Many logs at once: opened by several threads, which mostly wait for the disk.
use super::Partition;
use std::{
    num::NonZero,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{Builder, available_parallelism, scope},
};

/// For each thread; fewer logs are opened sooner than it has begun.
const LOGS_MIN: usize = 16;
/// For each processor. What they read is small, all over the disk and often no longer in memory: with four threads, one of which looked
/// at a directory while the others waited, 100,000 logs took three times as long.
const THREADS: usize = 16;
/// Of all who open at the same time, whatever they open: a container may have few threads, and a log directory opens 64 logs at once.
const THREADS_MAX: usize = 64;

static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// Threads that one who opens logs may have besides its own.
struct Places<'a> {
    taken: &'a AtomicUsize,
    count: usize,
}

impl Places<'_> {
    fn take(taken: &AtomicUsize, wanted: usize) -> Places<'_> {
        let mut count = 0;
        let _ = taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| {
            count = wanted.min(THREADS_MAX.saturating_sub(now));
            Some(now + count)
        });
        Places { taken, count }
    }
}

impl Drop for Places<'_> {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.count, Ordering::AcqRel);
    }
}

/// Opens the logs of these partitions; on the way back all that can be are open. What cannot be opened was told in the log, and is
/// told again to whoever asks for it; the others go on. For threads that may wait.
pub fn open_all(partitions: &[Arc<Partition>]) {
    let wanted = (available_parallelism().map_or(1, NonZero::get) * THREADS).min(partitions.len() / LOGS_MIN);
    // This thread is one of them.
    let places = Places::take(&TAKEN, wanted.saturating_sub(1));
    let next = AtomicUsize::new(0);
    let open = || {
        while let Some(partition) = partitions.get(next.fetch_add(1, Ordering::Relaxed)) {
            let _ = partition.log();
        }
    };
    scope(|scope| {
        for _ in 0..places.count {
            // A system that has no more threads has these: the broker has work for them all the same.
            if Builder::new().spawn_scoped(scope, open).is_err() {
                break;
            }
        }
        open();
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_opens_beside_many_others_does_it_with_the_threads_that_are_left() {
        let taken = AtomicUsize::new(0);
        let first = Places::take(&taken, 31);
        let second = Places::take(&taken, 50);
        let third = Places::take(&taken, 7);
        assert_eq!((first.count, second.count, third.count), (31, THREADS_MAX - 31, 0));
        drop(second);
        assert_eq!(Places::take(&taken, 7).count, 7);
        drop((first, third));
        assert_eq!(taken.into_inner(), 0);
    }
}
