//! Names of files and directories, as Kafka gives them.
use crate::types::{Offset, TopicName};

pub const LOG: &str = ".log";
pub const INDEX: &str = ".index";
pub const TIME_INDEX: &str = ".timeindex";
pub const TXN_INDEX: &str = ".txnindex";
/// Files that a segment may have beside its records.
pub const INDEXES: [&str; 3] = [INDEX, TIME_INDEX, TXN_INDEX];
pub const OF_SEGMENT: [&str; 4] = [LOG, INDEX, TIME_INDEX, TXN_INDEX];
pub const SNAPSHOT: &str = ".snapshot";
pub const DELETED: &str = ".deleted";
/// Ours: behind the name of a file of records that a start has set aside, and before the time.
pub const LEFT: &str = ".left";
pub const CLEANED: &str = ".cleaned";
pub const SWAP: &str = ".swap";
/// Beside a cleaned segment until it is in place: where those end that it replaces.
pub const COVERED: &str = ".covered";
pub const DELETE_DIR: &str = "-delete";
pub const STRAY_DIR: &str = "-stray";
/// A copy of a partition that will take its place.
pub const FUTURE_DIR: &str = "-future";
/// Ours: in a directory that took its partition's place, until the one before it has lost its name.
pub const MOVED: &str = "ottla-moved";
pub const PARTITION_METADATA: &str = "partition.metadata";
pub const EPOCH_CHECKPOINT: &str = "leader-epoch-checkpoint";
pub const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";
pub const LOG_STARTS: &str = "log-start-offset-checkpoint";
pub const HIGH_WATERMARKS: &str = "replication-offset-checkpoint";
/// Ours: up to which entry of the write-ahead log a log's cuts are done and must not be done again.
pub const CUTS_DONE: &str = "ottla-cuts-checkpoint";
pub const CLEANER_OFFSETS: &str = "cleaner-offset-checkpoint";
pub const META_PROPERTIES: &str = "meta.properties";
pub const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";
pub const LOCK: &str = ".lock";
/// Ours: an operator's word, in a partition's directory, that it is to be taken as it is.
pub const AS_IT_IS: &str = "ottla-as-it-is";
/// Ours: the disk failed in the last life here, which may have left in memory only what it wrote.
pub const SYNC_FAILED: &str = "ottla-sync-failed";
/// What is said of a whole log directory, in files at its top.
pub const NOTES: [&str; 7] =
    [RECOVERY_POINTS, LOG_STARTS, HIGH_WATERMARKS, CUTS_DONE, CLEANER_OFFSETS, META_PROPERTIES, CLEAN_SHUTDOWN];
/// Ours: room for a start on a full disk.
pub const RESERVE: &str = "ottla-reserve";
/// The folder of the write-ahead log inside a log directory.
pub const WAL: &str = "wal";

/// `00000000000000000042.log` for offset 42: 20 digits, so that names sort as offsets do.
pub fn of_offset(offset: Offset, suffix: &str) -> String {
    format!("{:020}{suffix}", offset.get())
}

/// The offset of a name made by [`of_offset`] with this suffix.
pub fn offset_of(name: &str, suffix: &str) -> Option<Offset> {
    let digits = name.strip_suffix(suffix)?;
    if digits.len() != 20 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Offset::from_wire(digits.parse().ok()?)
}

/// The directory of the metadata log.
pub const METADATA_LOG: &str = "__cluster_metadata-0";

/// `topic-0`.
pub fn of_partition(topic: &TopicName, partition: i32) -> String {
    format!("{topic}-{partition}")
}

/// Topic and partition of a directory's name; `None` for names that are no partition's.
pub fn partition_of(name: &str) -> Option<(TopicName, i32)> {
    let (topic, partition) = name.rsplit_once('-')?;
    if partition.is_empty() || !partition.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some((TopicName::parse(topic).ok()?, partition.parse().ok()?))
}

/// A unique name for a directory on its way out: `topic-0.<hex>-delete`, cut to what a file system takes.
pub fn of_leaving(name: &str, unique: u128, suffix: &str) -> String {
    let tail = format!(".{unique:032x}{suffix}");
    let room = 255usize.saturating_sub(tail.len());
    let kept = name.get(..room.min(name.len())).unwrap_or_default();
    format!("{kept}{tail}")
}

/// Topic and partition of a directory named by [`of_leaving`] with [`FUTURE_DIR`].
pub fn future_of(name: &str) -> Option<(TopicName, i32)> {
    let (partition, unique) = name.strip_suffix(FUTURE_DIR)?.rsplit_once('.')?;
    partition_of(partition).filter(|_| unique.len() == 32 && unique.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Has a copy of it a name that a file system takes?
pub fn may_move(topic: &TopicName, partition: i32) -> bool {
    of_partition(topic, partition).len() + 1 + 32 + FUTURE_DIR.len() <= 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        let name = of_offset(Offset::new(42), LOG);
        assert_eq!(name, "00000000000000000042.log");
        assert_eq!(offset_of(&name, LOG), Some(Offset::new(42)));
        assert_eq!(offset_of("42.log", LOG), None);
        assert_eq!(offset_of(&name, INDEX), None);
    }

    #[test]
    fn partitions_are_told_from_other_directories() {
        let (topic, partition) = partition_of("a-b-7").unwrap();
        assert_eq!((topic.as_str(), partition), ("a-b", 7));
        for other in ["wal", "a-", "-7", "a-b", "a-7.0f-delete", "a-99999999999"] {
            assert!(partition_of(other).is_none(), "{other}");
        }
    }

    #[test]
    fn a_leaving_directory_keeps_within_255_bytes() {
        let long = format!("{}-12", "t".repeat(249));
        let name = of_leaving(&long, 7, DELETE_DIR);
        assert!(name.len() == 255 && name.ends_with("-delete"));
    }

    #[test]
    fn a_copy_is_named_after_its_partition() {
        let topic = TopicName::parse("a-b").unwrap();
        assert_eq!(future_of(&of_leaving("a-b-7", 9, FUTURE_DIR)), Some((topic.clone(), 7)));
        assert_eq!((future_of("a-b-7"), future_of("a-b-7.9-future")), (None, None));
        assert!(may_move(&topic, 7) && !may_move(&TopicName::parse(&"t".repeat(249)).unwrap(), 7));
    }
}
