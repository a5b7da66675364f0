//! Compaction: of each key only the last record stays. The rules are in `core`; here are the files and the threads.
mod cleaner;
mod cleaning;
mod core;
mod in_place;
mod output;
mod reader;
mod replacing;
mod state;
mod undecided;

pub use core::Pace;

pub use cleaner::{Cleaner, CleanerSettings, CleanerTotals};

#[cfg(test)]
pub(in crate::log) use undecided::aborted_from;

/// One run over one log, with a look at each piece of it.
#[cfg(test)]
pub(in crate::log) fn clean_in_test(
    log: &std::sync::Arc<crate::log::Log>,
    spend: &dyn Fn(u64) -> bool,
) -> Result<(), cleaning::CleanError> {
    let resources = cleaning::Resources { map_bytes: 1 << 20, map_load: 0.9, buffer_bytes: 100, spend };
    let plan = log.cleanable(log.shared().clock.wall_ms());
    cleaning::Cleaning::new(log, &resources).run(&plan).map(|_| ())
}
