//! One file per Kafka API, and the one table of them.
mod add_offsets_to_txn;
mod add_partitions_to_txn;
mod alter_configs;
mod alter_partition_reassignments;
mod alter_replica_log_dirs;
mod api_versions;
mod broker;
mod cold;
mod compatibility;
mod consumer_group_describe;
mod consumer_group_heartbeat;
mod context;
mod create_partitions;
mod create_topics;
mod delete_groups;
mod delete_records;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod describe_log_dirs;
mod describe_producers;
mod describe_quorum;
mod describe_topic_partitions;
mod describe_transactions;
mod elect_leaders;
mod end_txn;
mod errors;
mod expressions;
mod fetch;
mod find_coordinator;
mod groups;
mod heartbeat;
mod incremental_alter_configs;
mod init_producer_id;
mod internal_topics;
mod join_group;
mod just_deleted;
mod leave_group;
mod list_config_resources;
mod list_groups;
mod list_offsets;
mod list_partition_reassignments;
mod list_transactions;
mod merging;
mod metadata;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_for_leader_epoch;
mod operations;
mod patience;
mod produce;
mod reply;
mod sasl_authenticate;
mod sasl_handshake;
mod sync_group;
mod table;
mod transactions;
mod txn_offset_commit;
mod update_features;
mod write_txn_markers;

pub use broker::Broker;
pub use compatibility::compatibility_page;
pub use context::{Connection, Context};
use errors::failure;
pub use fetch::{SessionCache, SessionSettings};
pub use just_deleted::JustDeleted;
pub use reply::{Closing, Later, Reply, Response};
pub use table::{IntoResponse, Route, Routed, Router, TABLE, reads_records};

use crate::types::{ErrorCode, LeaderEpoch};

/// The epoch in which a client believes the leader to be; none where it says -1. Lower numbers are epochs of long ago.
fn current_epoch(wire: i32) -> Result<Option<LeaderEpoch>, ErrorCode> {
    match wire {
        -1 => Ok(None),
        epoch => LeaderEpoch::from_wire(epoch).map(Some).ok_or(ErrorCode::FencedLeaderEpoch),
    }
}

#[cfg(test)]
mod tests_of_versions;
