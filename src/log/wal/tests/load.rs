//! Many callers at once: order per log, bounded memory, one call per log and group.
use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn concurrent_callers_keep_the_order_of_each_log() {
    const LOGS: i32 = 8;
    const ENTRIES: i64 = 300;
    let disk = new_disk();
    let (wal, _) = open_with(&disk, WalSettings { buffer_bytes_max: 256 << 10, ..small() }).unwrap();
    std::thread::scope(|scope| {
        for partition in 0..LOGS {
            let wal = &wal;
            scope.spawn(move || {
                let (seen, log) = Seen::new();
                for offset in 0..ENTRIES {
                    let body = vec![offset as u8; (offset as usize * 37) % 2000];
                    let reach = Some((&log, Offset::new(offset + 1)));
                    wal.append(&head(partition, offset, body.len()), &[&body], reach).unwrap();
                    if offset % 50 == 0 {
                        assert!(seen.reaches(offset + 1));
                    }
                }
                assert!(seen.reaches(ENTRIES));
            });
        }
    });
    let figures = wal.figures();
    assert_eq!(figures.entries, ENTRIES as u64 * LOGS as u64);
    assert!(figures.commits < figures.entries, "groups of one only: {figures:?}");
    let recovered = recover(&disk.crash()).unwrap();
    for partition in 0..LOGS {
        let offsets = recovered.entries().iter().filter(|e| e.head.partition == partition).map(|e| e.head.offset.get());
        assert!(offsets.eq(0..ENTRIES), "partition {partition}");
    }
    for entry in recovered.entries() {
        let offset = entry.head.offset.get();
        assert_eq!(recovered.read_body(entry).unwrap(), vec![offset as u8; (offset as usize * 37) % 2000]);
    }
}

/// Holds the committing thread until it is let go.
#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    changed: Condvar,
    held: AtomicUsize,
}

impl Committed for Gate {
    fn committed(&self, _up_to: Offset) {
        self.held.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_all();
        let mut open = self.open.lock();
        while !*open {
            self.changed.wait(&mut open);
        }
    }

    fn failed(&self, _error: &WalError) {}
}

impl Gate {
    fn wait_until_held(&self) {
        let mut open = self.open.lock();
        while self.held.load(Ordering::SeqCst) == 0 {
            self.changed.wait_for(&mut open, Duration::from_millis(5));
        }
    }

    fn let_go(&self) {
        *self.open.lock() = true;
        self.changed.notify_all();
    }
}

#[test]
fn callers_wait_when_the_buffers_are_full_and_a_log_is_told_once_per_group() {
    let disk = new_disk();
    // It is not the file that is full.
    let (wal, _) = open_with(&disk, WalSettings { file_bytes: 1 << 20, first_file_bytes: 1 << 20, ..small() }).unwrap();
    let gate = Arc::new(Gate::default());
    let reach: Arc<dyn Committed> = gate.clone();
    append(&wal, &reach, 0, b"first").unwrap();
    gate.wait_until_held();
    let (seen, log) = Seen::new();
    let taken = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| {
            for offset in 0..100 {
                append(&wal, &log, offset, &[1; 10_000]).unwrap();
                taken.fetch_add(1, Ordering::SeqCst);
            }
        });
        while wal.figures().waits == 0 {
            std::thread::yield_now();
        }
        // One of the two buffers is 256 KiB.
        assert_eq!(taken.load(Ordering::SeqCst), (256 << 10) / 10_040);
        assert!(!caller.is_finished());
        gate.let_go();
    });
    assert!(seen.reaches(100));
    // Those that waited while the buffer was full came in one group; how large the groups behind it are depends on who is quicker.
    let (calls, commits) = (seen.state.lock().calls, wal.figures().commits);
    assert!(calls < commits && calls <= 100 - 25, "{calls} calls in {commits} commits");
}

#[test]
fn memory_goes_back_when_the_load_is_gone() {
    let disk = new_disk();
    let settings = WalSettings { buffer_bytes_max: 16 << 20, file_bytes: 8 << 20, ..small() };
    let (wal, _) = open_with(&disk, settings).unwrap();
    let (seen, log) = Seen::new();
    for offset in 0..20 {
        append(&wal, &log, offset, &vec![1; 1 << 20]).unwrap();
    }
    assert!(seen.reaches(20));
    let began = SystemClock::new();
    while wal.memory_bytes() > 256 << 10 {
        use crate::platform::Clock;
        assert!(began.monotonic() < Duration::from_secs(20), "{} bytes", wal.memory_bytes());
        std::thread::yield_now();
    }
}

#[test]
fn a_log_that_goes_away_in_its_own_callback_stops_nothing() {
    /// The last holder of the write-ahead log.
    struct Last(Mutex<Option<Arc<Wal>>>, Arc<AtomicUsize>);
    impl Committed for Last {
        fn committed(&self, _up_to: Offset) {}
        fn failed(&self, _error: &WalError) {}
    }
    impl Drop for Last {
        fn drop(&mut self) {
            drop(self.0.lock().take());
            self.1.fetch_add(1, Ordering::SeqCst);
        }
    }
    let disk = new_disk();
    let (wal, _) = open(&disk).unwrap();
    let dropped = Arc::new(AtomicUsize::new(0));
    let log: Arc<dyn Committed> = Arc::new(Last(Mutex::new(Some(wal.clone())), dropped.clone()));
    wal.append(&head(0, 0, 1), &[b"x"], Some((&log, Offset::new(1)))).unwrap();
    drop(wal);
    drop(log);
    while dropped.load(Ordering::SeqCst) == 0 {
        std::thread::yield_now();
    }
    assert_eq!(recover(&disk.crash()).unwrap().entries().len(), 1);
}
