//! How fast the write-ahead log commits on this machine's disk: `cargo bench --bench wal`.
#![expect(clippy::disallowed_methods, reason = "a measurement needs the machine's own clock and files")]
use ottla::{
    log::wal::{Committed, EntryHead, EntryKind, Wal, WalError, WalSettings},
    platform::{RealDisk, SystemClock},
    types::{LeaderEpoch, Offset, TopicId},
};
use parking_lot::{Condvar, Mutex};
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

/// Knows how far its entries are durable.
#[derive(Default)]
struct Reached {
    offset: Mutex<i64>,
    changed: Condvar,
}

impl Committed for Reached {
    fn committed(&self, up_to: Offset) {
        *self.offset.lock() = up_to.get();
        self.changed.notify_all();
    }

    fn failed(&self, error: &WalError) {
        panic!("{error}");
    }
}

impl Reached {
    fn wait_for(&self, offset: i64) {
        let mut at = self.offset.lock();
        while *at < offset {
            self.changed.wait(&mut at);
        }
    }
}

/// User and system time of this process; Linux counts hundredths of a second.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("this is Linux");
    let after_name = stat.rsplit(')').next().expect("a name in brackets");
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).map(|n| n.parse::<u64>().expect("a number")).sum();
    Duration::from_millis(ticks * 10)
}

struct Load {
    name: &'static str,
    callers: usize,
    body_bytes: usize,
    /// Appends that a caller has open at once.
    in_flight: i64,
    total_bytes: usize,
}

fn measure(load: &Load, direct: bool) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("wal");
    let settings = WalSettings { direct, ..WalSettings::default() };
    let open = |path: &Path| Wal::open(Arc::new(RealDisk), Arc::new(SystemClock::new()), path, settings.clone());
    let began = Instant::now();
    let (wal, _) = open(&path).expect("an empty directory");
    let open_time = began.elapsed();
    let entries = (load.total_bytes / load.body_bytes / load.callers) as i64;
    // Growing to full size is no part of the figure.
    call(&wal, -1, 192, 1 << 20, 4);
    let (before, cpu_before, began) = (wal.figures(), cpu_time(), Instant::now());
    let mut latencies: Vec<Duration> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..load.callers)
            .map(|caller| {
                let wal = &wal;
                scope.spawn(move || call(wal, caller as i32, entries, load.body_bytes, load.in_flight))
            })
            .collect();
        callers.into_iter().flat_map(|caller| caller.join().expect("a caller")).collect()
    });
    let (took, cpu, after) = (began.elapsed(), cpu_time() - cpu_before, wal.figures());
    wal.close().expect("a good end");
    latencies.sort_unstable();
    let bytes = (entries as usize * load.callers * load.body_bytes) as f64;
    let commits = (after.commits - before.commits) as f64;
    println!(
        "{:28} {:8} {:>8.0} commits/s {:>8.0} entries/s {:>6.0} MB/s  {:>5.2} CPU-s/GB  {:>5.1} us CPU/entry  \
         p50 {:>6.3} p99 {:>6.3} ms  open {:.1} ms  filled {} recycled {}",
        load.name,
        if after.direct { "direct" } else { "buffered" },
        commits / took.as_secs_f64(),
        (after.entries - before.entries) as f64 / took.as_secs_f64(),
        bytes / took.as_secs_f64() / 1e6,
        cpu.as_secs_f64() / (bytes / 1e9),
        cpu.as_secs_f64() * 1e6 / (after.entries - before.entries) as f64,
        latencies[latencies.len() / 2].as_secs_f64() * 1e3,
        latencies[latencies.len() * 99 / 100].as_secs_f64() * 1e3,
        open_time.as_secs_f64() * 1e3,
        after.files_filled,
        after.files_recycled,
    );
}

/// Appends with so many in flight; how long each took to be durable.
fn call(wal: &Wal, partition: i32, entries: i64, body_bytes: usize, in_flight: i64) -> Vec<Duration> {
    let reached = Arc::new(Reached::default());
    let log: Arc<dyn Committed> = reached.clone();
    let body = vec![0x5A; body_bytes];
    let mut begun = std::collections::VecDeque::new();
    let mut latencies = Vec::new();
    for offset in 0..entries + in_flight - 1 {
        if offset < entries {
            let head = EntryHead {
                kind: EntryKind::Append,
                topic_id: TopicId::METADATA,
                partition,
                offset: Offset::new(offset),
                leader_epoch: LeaderEpoch::ZERO,
                len: body_bytes as u32,
            };
            begun.push_back(Instant::now());
            wal.append(&head, &[&body], Some((&log, Offset::new(offset + 1)))).expect("room");
        }
        let answered = offset + 2 - in_flight;
        if answered > 0
            && answered <= entries
            && let Some(began) = begun.pop_front()
        {
            reached.wait_for(answered);
            latencies.push(began.elapsed());
        }
        if wal.unreleased_bytes() > 256 << 20 {
            wal.release(wal.next_sequence());
        }
    }
    latencies
}

fn main() {
    // `cargo test --benches` runs this, too, and is not meant to wait for it.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let loads = [
        Load { name: "1 caller, 4 KB", callers: 1, body_bytes: 4 << 10, in_flight: 1, total_bytes: 32 << 20 },
        Load { name: "1 caller, 100 B", callers: 1, body_bytes: 100, in_flight: 1, total_bytes: 800_000 },
        Load {
            name: "2 callers, 16 KB, 5 open",
            callers: 2,
            body_bytes: 16 << 10,
            in_flight: 5,
            total_bytes: 256 << 20,
        },
        Load { name: "8 callers, 100 B, 5 open", callers: 8, body_bytes: 100, in_flight: 5, total_bytes: 16 << 20 },
        Load { name: "1 caller, 1 MB, 5 open", callers: 1, body_bytes: 1 << 20, in_flight: 5, total_bytes: 1 << 30 },
    ];
    for load in &loads {
        for direct in [true, false] {
            measure(load, direct);
        }
    }
}
