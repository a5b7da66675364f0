//! What the kernel says of a broker's process: processor time and resident memory.
use std::{fs, time::Duration};

/// User and system time so far, in seconds, to the clock tick (10 ms); 0 when the process is gone.
pub fn cpu_seconds(pid: u32) -> f64 {
    let ticks = fs::read_to_string(format!("/proc/{pid}/stat")).ok().and_then(|stat| {
        let fields: Vec<u64> = stat
            .rsplit(')')
            .next()?
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse().ok())
            .collect();
        Some(fields.iter().sum::<u64>())
    });
    ticks.unwrap_or(0) as f64 / rustix::param::clock_ticks_per_second() as f64
}

/// Whether the process lives; one that ended and was not waited for does not.
pub fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next()).is_some_and(|state| state != "Z")
}

/// The share of one processor in percent that all living threads used over a while, exact to the nanosecond.
/// For a process at rest only: what threads used that ended meanwhile is not in it.
pub fn idle_cpu_percent(pid: u32, over: Duration) -> f64 {
    let before = thread_nanos(pid);
    std::thread::sleep(over);
    let used: u64 = thread_nanos(pid)
        .into_iter()
        .map(|(thread, nanos)| {
            let earlier = before.iter().find(|(other, _)| *other == thread).map_or(0, |(_, nanos)| *nanos);
            nanos.saturating_sub(earlier)
        })
        .sum();
    used as f64 / over.as_nanos() as f64 * 100.0
}

fn thread_nanos(pid: u32) -> Vec<(String, u64)> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let times = threads.filter_map(|thread| {
        let path = thread.ok()?.path();
        let text = fs::read_to_string(path.join("schedstat")).ok()?;
        Some((path.file_name()?.to_string_lossy().into_owned(), text.split_whitespace().next()?.parse().ok()?))
    });
    times.collect()
}

/// Resident memory in MB (10^6 bytes); NaN when the process is gone.
pub fn resident_mb(pid: u32) -> f64 {
    let kib = fs::read_to_string(format!("/proc/{pid}/status")).ok().and_then(|status| {
        let line = status.lines().find(|line| line.starts_with("VmRSS"))?.to_string();
        line.split_whitespace().nth(1)?.parse::<f64>().ok()
    });
    kib.map_or(f64::NAN, |kib| kib * 1024.0 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_no_other_does() {
        assert!(resident_mb(std::process::id()) > 0.5);
        assert!(runs(std::process::id()) && !runs(u32::MAX));
        assert!(resident_mb(u32::MAX).is_nan());
        assert_eq!(cpu_seconds(u32::MAX), 0.0);
        assert!(idle_cpu_percent(std::process::id(), Duration::from_millis(20)) >= 0.0);
    }
}
