//! Moves of partitions between log directories, and directories that get no new ones.
use super::{NodeParts, StartError};
use crate::{
    config::NodeConfig,
    replica::{Moves, Partitions},
};
use std::sync::Arc;

/// Begins to carry out moves: first those that the last stop has left.
pub(super) fn begin_moves(parts: &NodeParts, partitions: &Arc<Partitions>) -> Result<(), StartError> {
    let moves = Moves::new(parts.clock.clone(), parts.config.log.move_bytes_per_second);
    partitions.set_moves(moves.clone());
    for directory in partitions.directories() {
        for id in directory.unfinished() {
            let topic = partitions.topic_by_id(id.topic_id);
            if let Some(partition) = topic.and_then(|topic| topic.partition(id.partition).cloned()) {
                tracing::info!(partition = %id, to = %directory.path().display(), "a move that was interrupted begins anew");
                let _ = moves.want(&partition, directory);
            }
        }
    }
    moves.start().map_err(|error| StartError::Threads("moves of partitions", error))
}

/// Which directories get no new partitions, and how fast others are filled by moves.
pub(super) fn configure_directories(partitions: &Partitions, config: &NodeConfig) {
    partitions.set_cordoned(config.cordoned_log_dirs.iter().cloned());
    if let Some(moves) = partitions.moves() {
        moves.set_rate(config.log.move_bytes_per_second);
    }
}
