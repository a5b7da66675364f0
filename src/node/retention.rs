//! Old segments go, and what deleted topics left behind: every partition is looked at, some at a time, each `log.retention.check.interval.ms`.
use super::history::removed_topics;
use crate::{
    image::Image,
    log::{Commits, Log, LogId, Yielding, delete_old_segments},
    platform::Clock,
    quorum::MetadataLog,
    replica::{Partition, Partitions},
    types::TopicId,
};
use arc_swap::ArcSwap;
use std::{ops::Add, sync::Arc, time::Duration};
use tokio::{runtime::Handle, sync::watch, time};

/// So many partitions are looked at together and wait for the same commit; nothing else reshapes their logs meanwhile.
const ROUND_LOGS: usize = 16;

/// Runs until `stopping` turns true. The deletions themselves run on a blocking thread.
pub async fn run(
    partitions: Arc<Partitions>,
    clock: Arc<dyn Clock>,
    first: Duration,
    every: Duration,
    mut stopping: watch::Receiver<bool>,
) {
    let mut wait = first;
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = time::sleep(wait) => {}
        }
        wait = every;
        let (partitions, clock, stopping) = (partitions.clone(), clock.clone(), stopping.clone());
        let pass = tokio::task::spawn_blocking(move || delete_old(&partitions, &*clock, &stopping));
        if let Err(error) = pass.await {
            tracing::error!(%error, "the retention pass ended early");
        }
    }
}

fn delete_old(partitions: &Partitions, clock: &dyn Clock, stopping: &watch::Receiver<bool>) {
    let directories = partitions.directories();
    let commits = || directories.iter().map(|directory| directory.commits()).fold(Commits::default(), Add::add);
    let mut yielding = Yielding::begin(clock.monotonic(), commits());
    let mut rest = || {
        loop {
            let wait = yielding.wait(clock.monotonic(), commits);
            if wait.is_zero() || *stopping.borrow() {
                return;
            }
            let mut stopping = stopping.clone();
            let stopped = async move { _ = time::timeout(wait, stopping.wait_for(|stop| *stop)).await };
            Handle::current().block_on(stopped);
        }
    };
    let topics = partitions.topics();
    let all: Vec<_> = topics.iter().flat_map(|topic| topic.partitions.iter().flatten()).collect();
    for round in all.chunks(ROUND_LOGS) {
        if *stopping.borrow() {
            return;
        }
        delete_of(round, &mut rest);
    }
}

fn delete_of(round: &[&Arc<Partition>], rest: &mut dyn FnMut()) {
    // Nothing was written to a log that is not open; it is opened for this once in a while all the same.
    let open: Vec<_> = round.iter().filter_map(|partition| Some((partition.id(), partition.log().ok()?))).collect();
    let logs: Vec<&Log> = open.iter().map(|(_, log)| log.as_ref()).collect();
    for ((partition, _), deleted) in open.iter().zip(delete_old_segments(&logs, rest)) {
        match deleted {
            Ok(0) => {}
            Ok(segments) => tracing::info!(%partition, segments, "old segments deleted"),
            Err(error) => tracing::warn!(%partition, %error, "old segments stay"),
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
