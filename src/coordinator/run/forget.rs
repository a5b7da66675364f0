//! Topics that are gone, told to every partition of a coordinator until it has let go of all that it knew of them.
use super::{Coordinated, Sharded, shard::Shard};
use crate::{image::Delta, types::TopicId};
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::{sync::Notify, time};

/// Pause before a partition that could not write is asked again.
const AGAIN_MS: u64 = 1_000;

/// What one partition is still to be told; in memory only, as what is told is checked by topic id when read.
#[derive(Default)]
pub(super) struct Untold(Mutex<Vec<(String, TopicId)>>);

impl Untold {
    fn add(&self, topics: &[(String, TopicId)]) {
        self.0.lock().extend_from_slice(topics);
    }

    pub(super) fn all(&self) -> Vec<(String, TopicId)> {
        self.0.lock().clone()
    }

    /// Those came first, others may have come since.
    fn told(&self, count: usize) {
        self.0.lock().drain(..count);
    }
}

/// Wakes the task that asks on.
#[derive(Default)]
pub(super) struct Forgetting(Notify);

impl Forgetting {
    pub(super) fn ring(&self) {
        self.0.notify_one();
    }
}

impl<M: Coordinated> Sharded<M> {
    /// Every partition that serves is asked for the first time before this returns.
    pub(super) fn tell_deleted(&self, delta: &Delta) {
        let name = |topic: &crate::image::Topic| topic.name.as_str().to_owned();
        let topics: Vec<_> = delta.topics_removed.iter().map(|(id, topic)| (name(topic), *id)).collect();
        if topics.is_empty() || M::topics_deleted(Vec::new()).is_none() {
            return;
        }
        for shard in self.table.load().shards.values().filter(|shard| !shard.was_never_written()) {
            shard.untold.add(&topics);
            drop(shard.forget(self));
        }
        self.forgetting.ring();
    }

    /// Asks until nothing is left, whenever there is something; does not end.
    pub(super) async fn keep_forgetting(self: Arc<Self>) {
        loop {
            self.forgetting.0.notified().await;
            while !self.forget_topics().await {
                time::sleep(time::Duration::from_millis(AGAIN_MS)).await;
            }
        }
    }

    /// Whether everyone who serves took it all. Those who are being loaded ring when they serve.
    pub(super) async fn forget_topics(&self) -> bool {
        let shards: Vec<_> = self.table.load().shards.values().cloned().collect();
        let mut all = true;
        for shard in shards {
            all &= self.forget_in(&shard).await;
        }
        all
    }

    async fn forget_in(&self, shard: &Shard<M>) -> bool {
        while let Some((topics, asked)) = shard.forget(self) {
            match asked.reply().await {
                Ok(reply) if M::is_more(&reply) => {}
                Ok(_) => shard.untold.told(topics),
                Err(why) => {
                    tracing::debug!(partition = %shard.partition.id(), %why, "deleted topics are not forgotten yet");
                    return false;
                }
            }
        }
        true
    }
}
