//! The coordinator's one task: loads what is to be loaded, on blocking threads, and handles what is due.
use super::{Coordinated, Sharded, due::grace_ms, shard::NEVER_MS};
use crate::{log::LogDirError, machine::NotWritten, store::Rows};
use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{
    sync::watch,
    task::{JoinSet, spawn_blocking},
    time,
};

/// Partitions loaded at the same time, at most.
const LOADERS_MAX: usize = 4;

impl<M: Coordinated> Sharded<M> {
    /// Runs until `stopping` turns true; then nobody is served any more and whoever is parked is told.
    pub async fn run(self: Arc<Self>, mut stopping: watch::Receiver<bool>) {
        let this = self.clone();
        if spawn_blocking(move || this.begin()).await.is_err() {
            tracing::error!(topic = M::TOPIC, "the coordinator cannot begin");
        }
        let viewing = tokio::spawn(self.clone().keep_view(stopping.clone()));
        let mut loaders = JoinSet::new();
        let forgetting = self.clone().keep_forgetting();
        tokio::pin!(forgetting);
        while !*stopping.borrow_and_update() {
            while let Some(ended) = loaders.try_join_next() {
                report(ended);
            }
            self.start_loaders(&mut loaders);
            tokio::select! {
                changed = stopping.changed() => if changed.is_err() { break },
                () = self.alarm.rung() => {}
                () = self.handle_due() => {}
                () = &mut forgetting => {}
            }
        }
        let table = self.table.load_full();
        self.leave_all(&NotWritten::Stopping);
        while let Some(ended) = loaders.join_next().await {
            report(ended);
        }
        report(viewing.await);
        report(spawn_blocking(move || self.follow_all(&table)).await);
    }

    /// Partitions without a directory were never written: they cost nothing until somebody asks.
    pub(super) fn begin(&self) {
        self.started.store(true, Ordering::Release);
        let table = self.table.load();
        if table.shards.is_empty() {
            return;
        }
        match self.written() {
            Ok(written) => {
                let unwritten = table.shards.iter().filter(|(index, _)| !written.contains(index));
                unwritten.for_each(|(_, shard)| shard.is_unwritten());
            }
            Err(error) => tracing::warn!(%error, "all partitions of {} are opened now", M::TOPIC),
        }
    }

    fn written(&self) -> Result<BTreeSet<i32>, LogDirError> {
        let topic = self.table.load().topic;
        // Nobody knows what a partition has whose directory is offline: it is opened, which fails.
        let known = topic.and_then(|topic| self.partitions.topic_by_id(topic));
        let known = known.iter().flat_map(|topic| topic.partitions.iter().flatten());
        let mut written: BTreeSet<i32> =
            known.filter(|one| one.directory().is_none()).map(|one| one.id().partition).collect();
        for directory in self.partitions.directories() {
            let found = directory.found()?;
            written.extend(found.into_iter().filter(|id| Some(id.topic_id) == topic).map(|id| id.partition));
        }
        Ok(written)
    }

    fn start_loaders(self: &Arc<Self>, loaders: &mut JoinSet<()>) {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(LOADERS_MAX);
        let waiting = self.queue.lock().len();
        for _ in loaders.len()..threads.min(loaders.len() + waiting) {
            let this = self.clone();
            loaders.spawn_blocking(move || {
                let mut rows = Rows::default();
                while let Some(shard) = this.next_to_load() {
                    shard.load(&this, &mut rows);
                }
                this.settle_view();
            });
        }
    }

    /// Nothing more is to be taken out of the view.
    fn settle_view(&self) {
        if let Some(Err(error)) = self.view.as_ref().map(|view| view.settle()) {
            tracing::warn!(%error, "the coordinators' view cannot be marked as sound");
        }
    }

    pub(super) fn next_to_load(&self) -> Option<Arc<super::shard::Shard<M>>> {
        self.queue.lock().pop_front()
    }

    /// Sleeps until the first timer of all partitions is due, and handles what is due then.
    async fn handle_due(&self) {
        // Set first, looked at second: who sets an earlier timer in between rings.
        self.alarm.set(NEVER_MS);
        let due_ms = self.table.load().shards.values().map(|shard| shard.due_ms()).min().unwrap_or(NEVER_MS);
        self.alarm.set(due_ms);
        if due_ms == NEVER_MS {
            return std::future::pending().await;
        }
        time::sleep(Duration::from_millis(due_ms.saturating_sub(self.now_ms()))).await;
        let late_ms = self.now_ms().saturating_sub(due_ms);
        let grace_ms = grace_ms(late_ms);
        if grace_ms > 0 {
            tracing::info!(late_ms, grace_ms, "timers are late: what came in meanwhile is heard first");
            time::sleep(Duration::from_millis(grace_ms)).await;
        }
        self.fire();
    }

    /// Handles what is due now.
    pub(super) fn fire(&self) {
        let now_ms = self.now_ms();
        let table = self.table.load();
        for shard in table.shards.values().filter(|shard| shard.due_ms() <= now_ms) {
            shard.fire(self, now_ms);
        }
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a part of a coordinator ended early");
    }
}
