//! What a log and a log directory are told: typed settings, already validated by whoever reads them.
use crate::log::wal::WalSettings;

/// When an append counts as safe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SyncPolicy {
    /// After the write-ahead log's commit (our default, LOG-7).
    Wal,
    /// As soon as the page cache has it, as Kafka does; `flush.messages` and `flush.ms` are honoured.
    PageCache,
}

/// Settings of one log; `None` means without limit. Names as Kafka's topic settings.
#[derive(Clone, PartialEq, Debug)]
pub struct LogConfig {
    pub segment_bytes: u64,
    pub segment_ms: i64,
    pub segment_jitter_ms: i64,
    /// Most bytes of one `.index` or `.timeindex` file; a full index rolls the segment.
    pub segment_index_bytes: u64,
    /// A batch gets an index entry when at least this many bytes lie before it since the last one.
    pub index_interval_bytes: u64,
    pub retention_ms: Option<i64>,
    pub retention_bytes: Option<u64>,
    /// `cleanup.policy` has `delete`.
    pub delete: bool,
    /// `cleanup.policy` has `compact`.
    pub compact: bool,
    /// Records younger than this are not compacted; older ones than the maximum make the log due.
    pub compaction_lag_ms_min: i64,
    pub compaction_lag_ms_max: i64,
    /// The dirty part from which on a log is compacted.
    pub dirty_ratio_min: f64,
    /// How long a compacted log keeps the mark of a deleted key.
    pub delete_retention_ms: i64,
    pub file_delete_delay_ms: u64,
    pub flush_messages: u64,
    pub flush_ms: Option<u64>,
    pub sync: SyncPolicy,
    pub producer_id_expiration_ms: i64,
    /// Producer ids remembered at most; the idlest are forgotten first (IDEM-12).
    pub producer_ids_max: usize,
    /// Records of a transaction need a word from its coordinator (TXN-7).
    pub verify_transactions: bool,
}

impl Default for LogConfig {
    fn default() -> LogConfig {
        LogConfig {
            segment_bytes: 1 << 30,
            segment_ms: 7 * 24 * 3_600_000,
            segment_jitter_ms: 0,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            retention_ms: Some(7 * 24 * 3_600_000),
            retention_bytes: None,
            delete: true,
            compact: false,
            compaction_lag_ms_min: 0,
            compaction_lag_ms_max: i64::MAX,
            dirty_ratio_min: 0.5,
            delete_retention_ms: 24 * 3_600_000,
            file_delete_delay_ms: 60_000,
            flush_messages: u64::MAX,
            flush_ms: None,
            sync: SyncPolicy::Wal,
            producer_id_expiration_ms: 24 * 3_600_000,
            producer_ids_max: 100_000,
            verify_transactions: true,
        }
    }
}

/// Which batches go to their segments past the page cache.
#[derive(Clone, Copy, Debug)]
pub struct DirectWrites {
    /// Smaller ones do not: a direct write waits for the disk, which pays only when it carries much.
    pub bytes_min: usize,
    /// None of a log that was read within this time: who reads will go on, and finds the newest records in the page cache.
    pub reader_kept_ms: u64,
}

impl Default for DirectWrites {
    fn default() -> DirectWrites {
        DirectWrites { bytes_min: 128 << 10, reader_kept_ms: 60_000 }
    }
}

/// Settings of one log directory.
#[derive(Clone, Debug)]
pub struct LogDirSettings {
    pub wal: WalSettings,
    pub direct: DirectWrites,
    /// Descriptors of segment files held open at most, whatever the number of partitions.
    pub open_files_max: usize,
    /// Memory for the offset indexes of segments that are no longer written.
    pub index_cache_bytes_max: usize,
    /// A checkpoint is taken when this many bytes lie in the write-ahead log.
    pub checkpoint_wal_bytes: u64,
    /// A start takes one, and lets everybody wait for it, where a crash has left more than this there.
    pub start_wal_bytes_max: u64,
    /// A checkpoint is taken at least this often while anything is written.
    pub checkpoint_interval_ms: u64,
    /// Appends are refused while the disk has less free than this and a file of the write-ahead log (OPS-3).
    pub disk_headroom_bytes: u64,
    /// How often idle producers are looked for (IDEM-9).
    pub producer_expiry_interval_ms: u64,
    /// Run checkpoints, delayed deletions and expiry on a thread of the directory's own. Tests switch it off.
    pub background: bool,
}

impl Default for LogDirSettings {
    fn default() -> LogDirSettings {
        LogDirSettings {
            wal: WalSettings::default(),
            direct: DirectWrites::default(),
            open_files_max: 2_000,
            index_cache_bytes_max: 32 << 20,
            checkpoint_wal_bytes: 256 << 20,
            start_wal_bytes_max: 1 << 30,
            checkpoint_interval_ms: 5_000,
            disk_headroom_bytes: 64 << 20,
            producer_expiry_interval_ms: 600_000,
            background: true,
        }
    }
}

/// What is kept back, and a file of the write-ahead log, take at most this part of the file system each.
const DISK_PART: u64 = 32;
/// The write-ahead log may hold this many such parts before a checkpoint.
const WAL_PARTS: u64 = 4;

impl LogDirSettings {
    /// On a small file system less is kept back and less goes to the write-ahead log, so that it has room for records.
    pub(in crate::log) fn fitted_to(mut self, disk_bytes: u64) -> LogDirSettings {
        let part = disk_bytes / DISK_PART;
        self.disk_headroom_bytes = self.disk_headroom_bytes.min(part);
        self.wal.file_bytes = self.wal.file_bytes.min(part.max(self.wal.first_file_bytes));
        self.checkpoint_wal_bytes = self.checkpoint_wal_bytes.min(part * WAL_PARTS);
        self.start_wal_bytes_max = self.start_wal_bytes_max.min(part * WAL_PARTS);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(disk_bytes: u64) -> [u64; 4] {
        let fitted = LogDirSettings::default().fitted_to(disk_bytes);
        let wal = [fitted.wal.file_bytes, fitted.checkpoint_wal_bytes, fitted.start_wal_bytes_max];
        [fitted.disk_headroom_bytes, wal[0], wal[1], wal[2]].map(|bytes| bytes >> 20)
    }

    #[test]
    fn ops_3_on_a_small_file_system_less_is_kept_back() {
        assert_eq!(sizes(u64::MAX), [64, 64, 256, 1024]);
        assert_eq!(sizes(2 << 30), [64, 64, 256, 256]);
        assert_eq!(sizes(224 << 20), [7, 7, 28, 28]);
        assert_eq!(sizes(0), [0, 1, 0, 0]);
    }
}
