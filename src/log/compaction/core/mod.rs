//! The rules of compaction, as functions on values: what may be cleaned, what stays, how a batch looks afterwards.
mod cleanable;
mod collecting;
mod filter;
mod grouping;
mod offset_map;
mod pace;
mod rewriting;
mod stretches;
mod transactions;

pub use cleanable::{Cleanable, CleaningRules, LogView, SegmentView, cleanable};
pub use collecting::collect;
pub use filter::{Filter, FilterError, LastRecord, Outcome};
pub use grouping::{Group, Next};
pub use offset_map::{Full, OffsetMap};
pub use pace::Pace;
pub use stretches::Stretches;
pub use transactions::{Aborted, AbortedRange, Ongoing, control_of};
