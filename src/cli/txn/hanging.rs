//! Transactions that hang: open in a partition, and no coordinator will end them there (KIP-664).
use super::{describe, list};
use crate::{
    cli::{
        CliError,
        cluster::{Cluster, Topic, partition_error, wire_name},
    },
    types::ErrorCode,
    wire::messages::{
        DescribeProducersRequest, describe_producers_request::TopicRequest, describe_producers_response::ProducerState,
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// A transaction that is open in one partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Open {
    pub topic: String,
    pub partition: i32,
    /// The broker that leads it.
    pub leader: i32,
    pub producer_id: i64,
    pub epoch: i16,
    /// -1 before the first marker.
    pub coordinator_epoch: i32,
    pub since: i64,
    pub written_ms: i64,
}

impl Open {
    fn of(topic: &str, partition: i32, leader: i32, producer: &ProducerState) -> Option<Open> {
        let since = producer.current_txn_start_offset;
        (since >= 0).then(|| Open {
            topic: topic.to_owned(),
            partition,
            leader,
            producer_id: producer.producer_id.0,
            epoch: i16::try_from(producer.producer_epoch).unwrap_or(-1),
            coordinator_epoch: producer.coordinator_epoch,
            since,
            written_ms: producer.last_timestamp,
        })
    }

    /// The same transaction, however many records came since.
    fn is_same(&self, other: &Open) -> bool {
        let key = |one: &Open| (one.topic.clone(), one.partition, one.producer_id, one.since);
        key(self) == key(other)
    }
}

/// Open transactions in partitions of `topic` (all, or one) to which nothing was added since `before_ms`, of one producer
/// or of any.
async fn open(
    cluster: &mut Cluster,
    topic: &Topic,
    partition: Option<i32>,
    before_ms: i64,
    producer_id: Option<i64>,
) -> Result<Vec<Open>, CliError> {
    let mut by_leader: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for known in topic.partitions.iter().filter(|known| partition.is_none_or(|wanted| wanted == known.index)) {
        if let Some(leader) = known.leader {
            by_leader.entry(leader).or_default().push(known.index);
        }
    }
    let mut found = Vec::new();
    for (leader, partitions) in by_leader {
        let asked = TopicRequest::default().with_name(wire_name(&topic.name)).with_partition_indexes(partitions);
        let request = DescribeProducersRequest::default().with_topics(vec![asked]);
        let answer = cluster.broker(leader).await?.ask(&request).await?;
        for at in answer.topics.iter().flat_map(|topic| &topic.partitions) {
            // Deleted meanwhile: nothing hangs there.
            if at.error_code == ErrorCode::UnknownTopicOrPartition.code() {
                continue;
            }
            if at.error_code != 0 {
                return Err(CliError::Failed(partition_error(&topic.name, at.partition_index, at.error_code)));
            }
            let open = at.active_producers.iter();
            let open = open.filter_map(|one| Open::of(&topic.name, at.partition_index, leader, one));
            found.extend(open.filter(|one| {
                one.written_ms <= before_ms && producer_id.is_none_or(|wanted| wanted == one.producer_id)
            }));
        }
    }
    found.sort_by_key(|one| (one.partition, one.since));
    Ok(found)
}

/// Those of `candidates` that no coordinator will end. Looked at once more at the last: what was ended meanwhile, or is
/// another transaction by now, hangs no longer.
async fn among(cluster: &mut Cluster, topic: &Topic, candidates: Vec<Open>) -> Result<Vec<Open>, CliError> {
    if candidates.is_empty() {
        return Ok(candidates);
    }
    let producers: BTreeSet<i64> = candidates.iter().map(|one| one.producer_id).collect();
    let listed = list::ask(cluster, &list::filter(producers.into_iter())).await?;
    // By producer: what its coordinator will still end.
    let mut awaited: BTreeMap<i64, BTreeSet<(String, i32)>> = BTreeMap::new();
    for (id, one) in listed {
        match describe::ask(cluster, &id).await {
            Ok(described) => awaited.entry(one.producer_id).or_default().extend(described.partitions),
            Err(CliError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let hangs = unawaited(candidates, &awaited);
    let still = open(cluster, topic, None, i64::MAX, None).await?;
    Ok(hangs.into_iter().filter(|one| still.iter().any(|now| now.is_same(one))).collect())
}

/// Those of all `topics` to which nothing was added since `before_ms`.
pub async fn within(
    cluster: &mut Cluster,
    topics: &[Topic],
    partition: Option<i32>,
    before_ms: i64,
    producer_id: Option<i64>,
) -> Result<Vec<Open>, CliError> {
    let mut hangs = Vec::new();
    for topic in topics {
        let candidates = open(cluster, topic, partition, before_ms, producer_id).await?;
        hangs.extend(among(cluster, topic, candidates).await?);
    }
    Ok(hangs)
}

fn unawaited(candidates: Vec<Open>, awaited: &BTreeMap<i64, BTreeSet<(String, i32)>>) -> Vec<Open> {
    let is_awaited = |one: &Open| {
        awaited.get(&one.producer_id).is_some_and(|partitions| partitions.contains(&(one.topic.clone(), one.partition)))
    };
    candidates.into_iter().filter(|one| !is_awaited(one)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(producer_id: i64, partition: i32) -> Open {
        let (topic, leader, epoch, coordinator_epoch) = ("t".to_owned(), 1, 0, -1);
        Open { topic, partition, leader, producer_id, epoch, coordinator_epoch, since: 5, written_ms: 0 }
    }

    #[test]
    fn txn_25_what_no_coordinator_will_end_hangs() {
        let awaited = BTreeMap::from([(7, BTreeSet::from([("t".to_owned(), 0), ("u".to_owned(), 1)]))]);
        // Of a producer that nobody knows, in a partition that its coordinator does not name, and one that it does.
        let candidates = vec![one(8, 0), one(7, 1), one(7, 0)];
        assert_eq!(unawaited(candidates, &awaited), [one(8, 0), one(7, 1)]);
    }

    #[test]
    fn a_later_transaction_is_another_one() {
        let later = Open { since: 9, ..one(7, 0) };
        assert!(!later.is_same(&one(7, 0)) && one(7, 0).is_same(&Open { written_ms: 3, ..one(7, 0) }));
        let none = ProducerState::default().with_current_txn_start_offset(-1);
        assert_eq!(Open::of("t", 0, 1, &none), None);
    }
}
