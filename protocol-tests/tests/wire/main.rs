//! The scenarios, one file per subject; one broker serves them all at once.
mod api_versions;
mod idempotence;
mod init_producer_id;
mod list_offsets;
mod metadata;
mod offset_for_leader_epoch;
mod produce;
mod validation;
