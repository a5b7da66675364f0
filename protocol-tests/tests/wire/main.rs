//! The scenarios, one file per subject; one broker serves them all at once.
mod api_versions;
mod describe_cluster;
mod describe_topic_partitions;
mod fetch;
mod fetch_sessions;
mod fetch_waiting;
mod find_coordinator;
mod idempotence;
mod init_producer_id;
mod list_offsets;
mod metadata;
mod offset_for_leader_epoch;
mod produce;
mod validation;
