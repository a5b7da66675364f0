//! Many logs at once: opened by several threads, which mostly wait for the disk.
use super::Partition;
use std::{
    num::NonZero,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// For each thread; fewer logs are opened sooner than it has begun.
const LOGS_MIN: usize = 16;
/// For each processor. What they read is small, all over the disk and often no longer in memory: with four threads, one of which looked
/// at a directory while the others waited, 100,000 logs took three times as long.
const THREADS: usize = 16;

/// Opens the logs of these partitions; on the way back all that can be are open. What cannot be opened was told in the log, and is
/// told again to whoever asks for it; the others go on. For threads that may wait.
pub fn open_all(partitions: &[Arc<Partition>]) {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get) * THREADS;
    let next = AtomicUsize::new(0);
    let open = || {
        while let Some(partition) = partitions.get(next.fetch_add(1, Ordering::Relaxed)) {
            let _ = partition.log();
        }
    };
    std::thread::scope(|scope| {
        // This thread is one of them.
        for _ in 1..threads.min(partitions.len() / LOGS_MIN) {
            scope.spawn(open);
        }
        open();
    });
}
