//! One file per Kafka API, and the one table of them.
mod alter_configs;
mod api_versions;
mod broker;
mod compatibility;
mod context;
mod create_partitions;
mod create_topics;
mod delete_groups;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod describe_topic_partitions;
mod errors;
mod fetch;
mod find_coordinator;
mod groups;
mod heartbeat;
mod incremental_alter_configs;
mod init_producer_id;
mod internal_topics;
mod join_group;
mod leave_group;
mod list_groups;
mod list_offsets;
mod metadata;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_for_leader_epoch;
mod operations;
mod produce;
mod reply;
mod sync_group;
mod table;

pub use broker::Broker;
pub use compatibility::compatibility_page;
pub use context::{Connection, Context};
use errors::failure;
pub use fetch::{SessionCache, SessionSettings};
pub use reply::{Closing, Later, Reply, Response};
pub use table::{IntoResponse, Route, Routed, Router, TABLE, reads_records};

#[cfg(test)]
mod tests_of_versions;
