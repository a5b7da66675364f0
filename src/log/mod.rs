//! Partition logs: segment files, indexes, producer state, recovery, the write-ahead log.
mod aborted;
mod append;
mod checkpoint;
mod checkpointing;
mod compaction;
mod config;
pub mod damage;
mod epoch_cache;
mod file_cache;
mod folder;
mod hints;
mod index;
#[expect(clippy::module_inception, reason = "a log is what this module is about")]
mod log;
mod log_dir;
mod lookup;
mod names;
mod opening;
mod partition_dirs;
mod producer_snapshot;
mod producer_state;
mod properties;
mod read;
mod recovering;
mod reindex;
mod replay;
mod scan;
mod segment;
mod shared;
mod tail;
mod time_index;
mod transactions;
mod trimming;
mod verification;
pub mod wal;
mod watermark;

pub use aborted::AbortedEntry;
pub use append::{AppendError, Appended};
pub use compaction::{Cleaner, CleanerSettings, CleanerTotals};
pub use config::{LogConfig, LogDirSettings, SyncPolicy};
pub use damage::{Damage, ScrubTotals, Scrubber};
pub use log::{Log, LogError, LogId};
pub use log_dir::{LogDir, LogDirError};
pub use producer_state::{AppendOrigin, ProducerError, ProducerView};
pub use properties::MetaProperties;
pub use read::{AbortedTransaction, Ended, Read, ReadError, ReadLimit, Slice};
pub use time_index::TimestampedOffset;
pub use transactions::AppendTerms;
pub use trimming::StartMove;
pub use verification::{Question, VerificationGuard};
pub use watermark::{Closed, Reached, Watermark};

#[cfg(test)]
mod tests;
