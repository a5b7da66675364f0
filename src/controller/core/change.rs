//! A change of one partition: its replicas, who of them is in sync, who leads (Kafka's `PartitionChangeBuilder`). What follows
//! from what was asked, an end of a reassignment or an election, goes into the same record.
use super::placement;
use crate::{
    image::{DIRECTORY_LOST, Image, Partition},
    types::{NodeId, TopicId},
    wire::metadata::PartitionChangeRecord,
};

/// Who may lead afterwards (CTL-2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Election {
    /// The present leader stays if it can, else the first replica that is in sync.
    Clean,
    /// The first replica, if it is in sync.
    Preferred,
    /// As `Clean`; if nobody is in sync, any replica that lives.
    Unclean,
}

/// The partition as it shall be.
pub(super) struct Change<'a> {
    image: &'a Image,
    before: &'a Partition,
    record: PartitionChangeRecord,
    pub(super) election: Election,
    pub(super) replicas: Vec<i32>,
    pub(super) isr: Vec<i32>,
    pub(super) adding: Vec<i32>,
    pub(super) removing: Vec<i32>,
}

impl<'a> Change<'a> {
    pub(super) fn of(image: &'a Image, topic: TopicId, partition_id: i32, before: &'a Partition) -> Change<'a> {
        Change {
            image,
            before,
            record: PartitionChangeRecord { partition_id, topic_id: topic.0, ..PartitionChangeRecord::default() },
            election: Election::Clean,
            replicas: before.replicas.as_slice().to_vec(),
            isr: before.isr.as_slice().to_vec(),
            adding: before.adding().as_slice().to_vec(),
            removing: before.removing().as_slice().to_vec(),
        }
    }

    /// What to write; `None` when nothing changes.
    pub(super) fn record(mut self) -> Option<PartitionChangeRecord> {
        self.complete_reassignment();
        self.elect();
        let before = self.before;
        let stays = |id: &i32| self.replicas.contains(id);
        // CTL-5: whoever loses its replica must notice that the term is over.
        if self.record.leader == -2 && !before.replicas.as_slice().iter().all(stays) {
            self.record.leader = before.leader.map_or(-1, |leader| leader.0);
        }
        let changed = |now: &[i32], then: &[i32]| (now != then).then(|| now.to_vec());
        self.record.isr = changed(&self.isr, before.isr.as_slice());
        self.record.adding_replicas = changed(&self.adding, before.adding().as_slice());
        self.record.removing_replicas = changed(&self.removing, before.removing().as_slice());
        self.record.replicas = changed(&self.replicas, before.replicas.as_slice());
        if self.record.replicas.is_some() {
            let nodes = self.replicas.iter().map(|id| NodeId(*id));
            let directory = |node| before.directory(node).unwrap_or_else(|| placement::directory(self.image, node));
            self.record.directories = Some(nodes.map(directory).collect());
        }
        let nothing = PartitionChangeRecord {
            partition_id: self.record.partition_id,
            topic_id: self.record.topic_id,
            ..PartitionChangeRecord::default()
        };
        (self.record != nothing).then_some(self.record)
    }

    /// CTL-8: what is removed goes when everything that is added is in sync and somebody stays.
    fn complete_reassignment(&mut self) {
        if self.adding.is_empty() && self.removing.is_empty() {
            return;
        }
        let without = |list: &[i32]| -> Vec<i32> {
            list.iter().copied().filter(|replica| !self.removing.contains(replica)).collect()
        };
        let (isr, replicas) = (without(&self.isr), without(&self.replicas));
        let in_sync = |list: &[i32]| list.iter().all(|replica| isr.contains(replica));
        // With fewer replicas than before, all of them must be in sync: nobody who is shall go for one who is not (KAFKA-19975).
        let shrinks = self.adding.len() < self.removing.len();
        if isr.is_empty() || !in_sync(&self.adding) || shrinks && !in_sync(&replicas) {
            return;
        }
        (self.isr, self.replicas) = (isr, replicas);
        self.adding.clear();
        self.removing.clear();
    }

    fn elect(&mut self) {
        let (leader, unclean) = self.elected();
        if leader == self.before.leader {
            return;
        }
        self.record.leader = leader.map_or(-1, |leader| leader.0);
        let Some(leader) = leader.map(|leader| leader.0) else { return };
        if unclean {
            self.record.leader_recovery_state = 1;
        }
        if unclean || !self.isr.contains(&leader) {
            let eligible = self.before.eligible().as_slice().iter().copied().filter(|id| *id != leader && !unclean);
            let eligible: Vec<i32> = eligible.collect();
            self.isr = vec![leader];
            self.record.eligible_leader_replicas = (eligible != self.before.eligible().as_slice()).then_some(eligible);
            self.record.last_known_elr = (!self.before.last_known_eligible().is_empty()).then(Vec::new);
        }
    }

    /// The next leader, and whether records may be lost with it.
    fn elected(&self) -> (Option<NodeId>, bool) {
        let replicas = || self.replicas.iter().map(|id| NodeId(*id));
        let first = replicas().take(if self.election == Election::Preferred { 1 } else { 0 });
        let clean = first.chain(self.before.leader).chain(replicas()).find(|node| self.may_lead(*node));
        match clean {
            Some(node) => (Some(node), false),
            None if self.election == Election::Unclean => {
                let living = replicas().find(|node| self.lives(*node));
                (living, living.is_some())
            }
            None => (None, false),
        }
    }

    /// In sync, or eligible when nobody is.
    fn may_lead(&self, node: NodeId) -> bool {
        let has_all = self.isr.contains(&node.0) || self.isr.is_empty() && self.before.eligible().contains(node);
        has_all && self.replicas.contains(&node.0) && self.lives(node)
    }

    fn lives(&self, node: NodeId) -> bool {
        let active = self.image.cluster.broker(node).is_some_and(|broker| broker.is_active());
        active && self.before.directory(node) != Some(DIRECTORY_LOST)
    }
}
