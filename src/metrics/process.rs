//! What the operating system says of this process, read when somebody asks.
use super::table::Families;

/// Reads `/proc/self`; what cannot be read keeps its last value.
#[expect(clippy::disallowed_methods, reason = "/proc is no file of the broker")]
pub(super) fn refresh(families: &Families) {
    if let Ok(stat) = std::fs::read_to_string("/proc/self/stat")
        && let Some(fields) = stat.rsplit(')').next()
    {
        let ticks: f64 = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
        let counter = families.counter("process_cpu_seconds_total");
        let seconds = ticks / rustix::param::clock_ticks_per_second() as f64;
        counter.inc_by((seconds - counter.get()).max(0.0));
    }
    if let Ok(statm) = std::fs::read_to_string("/proc/self/statm")
        && let Some(pages) = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<f64>().ok())
    {
        families.gauge("process_resident_memory_bytes").set(pages * rustix::param::page_size() as f64);
    }
    if let Ok(entries) = std::fs::read_dir("/proc/self/fd") {
        families.gauge("process_open_fds").set(entries.count() as f64);
    }
    if let Some(limit) = rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
        families.gauge("process_max_fds").set(limit as f64);
    }
}
