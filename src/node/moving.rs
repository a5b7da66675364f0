//! Moves of partitions between log directories, and directories that get no new ones.
use super::{NodeParts, StartError, storage::Storage};
use crate::{
    config::NodeConfig,
    controller::ControllerHandle,
    replica::{Moves, Partitions},
};
use std::sync::Arc;
use tokio::{sync::watch, task::JoinHandle};

/// Begins to carry out moves: first those that the last stop has left.
pub(super) fn begin_moves(parts: &NodeParts, partitions: &Arc<Partitions>) -> Result<(), StartError> {
    let moves = Moves::new(parts.clock.clone(), parts.config.log.move_bytes_per_second);
    partitions.set_moves(moves.clone());
    for directory in partitions.directories() {
        for (id, copy) in directory.unfinished() {
            let topic = partitions.topic_by_id(id.topic_id);
            if let Some(partition) = topic.and_then(|topic| topic.partition(id.partition).cloned()) {
                tracing::info!(partition = %id, to = %directory.path().display(), "a move that was interrupted begins anew");
                moves.go_on(&partition, directory, copy);
            } else if let Err(error) = directory.leave_copy(&copy) {
                tracing::warn!(directory = %copy.display(), %error, "the copy of a log that is not here any more cannot be removed");
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

/// The controller places no new partitions where all directories are cordoned: it is told which are.
pub(super) fn tell_cordoned(
    storage: Storage,
    partitions: Arc<Partitions>,
    controller: &ControllerHandle,
    mut stopping: watch::Receiver<bool>,
) -> JoinHandle<()> {
    let controller = controller.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = stopping.wait_for(|stop| *stop) => return,
                () = partitions.cordons_changed() => {}
            }
            if let Err(error) = controller.cordon(storage.ids_where(|path| partitions.is_cordoned(path))).await {
                tracing::warn!(%error, "the controller does not know which log directories are cordoned");
            }
        }
    })
}
