//! Committed offsets: record type 1, and type 0 of brokers before 0.9.
use crate::wire::structure::structures;
use uuid::Uuid;

structures! {
    /// Whose offset: a group's, of one partition.
    pub struct OffsetCommitKey {
        group: String,
        topic: String,
        partition: i32,
    } tagged {}

    /// A committed offset. Versions 0 to 4; 4 is flexible.
    pub struct OffsetCommitValue {
        offset: i64,
        /// Of the last record that was consumed; -1: not told.
        leader_epoch: i32 [3] = -1,
        /// The client's own words.
        metadata: String,
        /// Milliseconds since 1970.
        commit_timestamp: i64,
        /// Milliseconds since 1970, from the retention that OffsetCommit 2 to 4 may name; -1: as the broker has it.
        expire_timestamp: i64 [1..=1] = -1,
    } tagged {
        0 => topic_id: Uuid [4] = Uuid::nil(),
    }

    /// As it was before the leader epoch and retention (record type 0).
    pub struct LegacyOffsetCommitValue {
        offset: i64,
        metadata: String,
        commit_timestamp: i64,
    } tagged {}
}
