//! Damage below what was synced: found on reading and by a slow look at everything, kept apart, never cut away (LOG-14 to
//! LOG-16). What is whole around it is served.
mod examine;
mod filling;
mod finding;
mod health;
mod lost_markers;
mod noted;
mod offline;
mod restoring;
mod rolled_back;
mod scrubber;

use examine::MISSING;
pub use examine::{Damage, Examined, Expected, examine};
pub(in crate::log) use health::Health;
pub use offline::{OfflineError, Repaired, SegmentReport, repair, verify};
pub use scrubber::{ScrubTotals, Scrubber};
