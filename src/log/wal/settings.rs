//! What the write-ahead log can be told, and what it tells.
use std::time::Duration;

/// How the write-ahead log of one log directory uses disk and memory.
#[derive(Clone, Debug)]
pub struct WalSettings {
    /// Size of a file once the log has grown.
    pub file_bytes: u64,
    /// Size of the very first file: small, so that a first start is quick; each next one is four times as large.
    pub first_file_bytes: u64,
    /// Both buffers together; whoever appends waits when they are full.
    pub buffer_bytes_max: usize,
    /// Write past the page cache (O_DIRECT) where the filesystem allows it.
    pub direct: bool,
}

impl Default for WalSettings {
    fn default() -> Self {
        WalSettings { file_bytes: 64 << 20, first_file_bytes: 1 << 20, buffer_bytes_max: 16 << 20, direct: true }
    }
}

/// What the write-ahead log has done since it was opened; all but the `last_` fields only grow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WalFigures {
    pub commits: u64,
    pub entries: u64,
    /// Entries with their heads.
    pub entry_bytes: u64,
    /// What went to disk for them, with padding.
    pub written_bytes: u64,
    /// Time in writes and syncs.
    pub sync_time: Duration,
    /// The newest commit: entries in it, bytes of them, time of its write and sync.
    pub last_entries: u64,
    pub last_bytes: u64,
    pub last_sync_time: Duration,
    /// Calls of `append` that had to wait for room in the buffers.
    pub waits: u64,
    /// Files zero-filled, and files used again instead.
    pub files_filled: u64,
    pub files_recycled: u64,
    /// On disk now, spare files included.
    pub disk_bytes: u64,
    pub unreleased_bytes: u64,
    /// Whether writes bypass the page cache.
    pub direct: bool,
}
