//! Old segments go, and what deleted topics left behind: every partition is looked at, one after the other, each `log.retention.check.interval.ms`.
use super::history::removed_topics;
use crate::{image::Image, log::LogId, quorum::MetadataLog, replica::Partitions, types::TopicId};
use arc_swap::ArcSwap;
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, time};

/// Runs until `stopping` turns true. The deletions themselves run on a blocking thread.
pub async fn run(partitions: Arc<Partitions>, first: Duration, every: Duration, mut stopping: watch::Receiver<bool>) {
    let mut wait = first;
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = time::sleep(wait) => {}
        }
        wait = every;
        let (partitions, stopping) = (partitions.clone(), stopping.clone());
        let pass = tokio::task::spawn_blocking(move || delete_old(&partitions, &stopping));
        if let Err(error) = pass.await {
            tracing::error!(%error, "the retention pass ended early");
        }
    }
}

fn delete_old(partitions: &Partitions, stopping: &watch::Receiver<bool>) {
    for topic in partitions.topics() {
        for partition in topic.partitions.iter().flatten() {
            if *stopping.borrow() {
                return;
            }
            // Nothing was written to a log that is not open; it is opened for this once in a while all the same.
            let Ok(log) = partition.log() else { continue };
            match log.delete_old_segments() {
                Ok(0) => {}
                Ok(segments) => tracing::info!(partition = %partition.id(), segments, "old segments deleted"),
                Err(error) => tracing::warn!(partition = %partition.id(), %error, "old segments stay"),
            }
        }
    }
}

/// Deletes partitions of topics that were deleted: a crash came between the deletion and the disk (LOG-27). What is of a topic that the
/// metadata log never knew is set aside, as Apache Kafka does: it may be all that is left of something.
pub fn delete_orphans(partitions: &Partitions, image: &ArcSwap<Image>, log: &dyn MetadataLog) {
    for directory in partitions.directories() {
        let found = match directory.found() {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "cannot look for the remains of deleted topics");
                continue;
            }
        };
        // Loaded after the listing: a topic made in between is in it, and one deleted since is among the removed.
        let mut removed = None;
        let image = image.load();
        let is_orphan = |id: &&LogId| {
            id.topic_id != TopicId::METADATA && image.topics.partition(id.topic_id, id.partition).is_none()
        };
        for id in found.iter().filter(is_orphan) {
            let removed = removed.get_or_insert_with(|| removed_topics(log));
            if !removed.as_ref().is_ok_and(|removed| removed.contains(&id.topic_id)) {
                if let Err(error) = directory.leave_stray(id) {
                    tracing::warn!(partition = %id, %error, "a partition of no topic cannot be set aside");
                }
                continue;
            }
            let deleted = directory.delete_closed(id, 0);
            match deleted {
                Ok(()) => tracing::info!(partition = %id, "deleted what a deleted topic had left"),
                Err(error) => tracing::warn!(partition = %id, %error, "the remains of a deleted topic stay"),
            }
        }
    }
}
