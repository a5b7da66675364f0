//! Processors that are kept awake while records move, seen in what the process holds open.
use crate::{
    asker::Asker,
    child::{Child, free_port, make_topic},
    dynamic::write,
};
use std::{
    fs::OpenOptions,
    path::Path,
    time::{Duration, Instant},
};

const DEVICE: &str = "/dev/cpu_dma_latency";

fn becomes(child: &Child, asked: bool) {
    let begun = Instant::now();
    while child.holds_open(Path::new(DEVICE)) != asked {
        assert!(begun.elapsed() < Duration::from_secs(10), "asked for: {asked}; {}", child.said());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What the broker does by itself depends on the machine, so that one without a halting guest's driver sees the other half of it.
#[test]
fn a_guest_s_processors_are_asked_for_under_load_unless_the_broker_is_told_to_leave_them() {
    let driver = std::fs::read_to_string("/sys/devices/system/cpu/cpuidle/current_driver").unwrap_or_default();
    let by_itself = driver.trim() == "haltpoll" && OpenOptions::new().write(true).open(DEVICE).is_ok();
    for (setting, asked) in [("ottla.cpu.wakeup.max.us=auto", by_itself), ("ottla.cpu.wakeup.max.us=off", false)] {
        let directory = tempfile::tempdir().unwrap();
        let port = free_port();
        let child = Child::serve(directory.path(), port, &[setting]);
        make_topic(port, "t");
        let mut asker = Asker::new(port);
        let begun = Instant::now();
        let mut seen = false;
        while begun.elapsed() < Duration::from_secs(4) && !seen {
            assert_eq!(write(&mut asker, "t", 10, 5).0, 0);
            seen = child.holds_open(Path::new(DEVICE));
        }
        assert_eq!(seen, asked, "{setting}; {}", child.said());
        child.stop();
    }
}

#[test]
fn processors_are_asked_to_wake_fast_while_records_move_or_it_is_told_that_they_cannot() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let child = Child::serve(directory.path(), port, &["ottla.cpu.wakeup.max.us=50"]);
    if OpenOptions::new().write(true).open(DEVICE).is_err() {
        child.says("ottla.cpu.wakeup.max.us has no effect");
        return child.stop();
    }
    make_topic(port, "t");
    becomes(&child, false);
    assert_eq!(write(&mut Asker::new(port), "t", 10, 5).0, 0);
    becomes(&child, true);
    becomes(&child, false);
    assert!(!child.said().contains("has no effect"), "{}", child.said());
    child.stop();
}
