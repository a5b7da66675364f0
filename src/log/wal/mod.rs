//! The write-ahead log: what makes an acknowledged record durable, whatever the number of partitions written.
//!
//! One thread commits groups of entries with one aligned write each, past the page cache, into files that were
//! zero-filled beforehand; while it writes, the next group fills. It knows nothing of segments: whoever appends keeps
//! its own files, syncs them at leisure and then calls [`Wal::release`]. The bytes are described in docs/formats.md.
mod chunks;
mod commit;
mod entry;
mod error;
mod files;
mod format;
mod gather;
mod group;
mod held;
mod laid_out;
mod newest;
mod replay;
mod scan;
mod settings;
mod supply;
mod write_ahead;

pub use entry::{EntryHead, EntryKind, WalSequence};
pub use error::WalError;
pub(in crate::log) use format::BLOCK_BYTES;
pub use held::HeldCommits;
pub use laid_out::LaidOut;
pub use replay::{Recovered, RecoveredEntry};
pub use settings::{WalFigures, WalSettings};
pub use write_ahead::{Committed, Wal};

#[cfg(test)]
mod tests;
