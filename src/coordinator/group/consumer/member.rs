//! One member of a consumer group: what it asked for, and what it has.
use super::group::Partitions;
use crate::{types::TopicId, wire::coordinator::ClassicMemberMetadata};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A member's name, chosen by itself or, before version 1 of its heartbeat, by the coordinator.
pub type MemberId = Arc<str>;

/// Partitions that a member has, each with the member epoch at which it got it (KIP-1251).
pub type Held = BTreeMap<TopicId, BTreeMap<i32, i32>>;

/// Member epoch of a static member that is away and will come back.
pub const AWAY_EPOCH: i32 = -2;

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Member {
    pub metadata: Metadata,
    pub current: Current,
}

/// What a member told of itself (record type 5).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Metadata {
    pub instance_id: Option<String>,
    pub rack_id: Option<String>,
    pub client_id: String,
    pub client_host: String,
    /// Topics subscribed to by name.
    pub topics: BTreeSet<String>,
    /// As the client gave it; empty is none.
    pub regex: Option<String>,
    pub rebalance_timeout_ms: i32,
    pub assignor: Option<String>,
    /// Of a member that speaks the classic protocol.
    pub classic: Option<ClassicMemberMetadata>,
}

impl Default for Metadata {
    fn default() -> Metadata {
        Metadata {
            instance_id: None,
            rack_id: None,
            client_id: String::new(),
            client_host: String::new(),
            topics: BTreeSet::new(),
            regex: None,
            rebalance_timeout_ms: -1,
            assignor: None,
            classic: None,
        }
    }
}

impl Metadata {
    /// The regular expression, if there is one.
    pub fn pattern(&self) -> Option<&str> {
        self.regex.as_deref().filter(|regex| !regex.is_empty())
    }

    /// What a member of the classic protocol knows of ways to share out partitions; each once.
    pub fn protocols(&self) -> impl Iterator<Item = &str> {
        let known = self.classic.as_ref().map_or(&[][..], |classic| &classic.supported_protocols);
        let names = known.iter().map(|protocol| protocol.name.as_str());
        names.enumerate().filter(|(at, name)| known[..*at].iter().all(|one| one.name != *name)).map(|(_, name)| name)
    }
}

/// Where a member is on its way to the target (record type 8).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Current {
    pub epoch: i32,
    pub previous_epoch: i32,
    pub state: MemberState,
    pub assigned: Held,
    /// The member must let go of these before it moves on.
    pub revoking: Held,
}

/// Kafka's `MemberState` (CG-4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MemberState {
    /// Has all it shall have, as of its epoch.
    #[default]
    Stable,
    /// Must give partitions back first; stays at its epoch until then.
    Unrevoked,
    /// Waits for partitions that others have yet to give back.
    Unreleased,
    /// Written by a newer broker.
    Unknown,
}

impl MemberState {
    pub fn number(self) -> i8 {
        match self {
            MemberState::Stable => 0,
            MemberState::Unrevoked => 1,
            MemberState::Unreleased => 2,
            MemberState::Unknown => 127,
        }
    }

    pub fn from_number(number: i8) -> MemberState {
        match number {
            0 => MemberState::Stable,
            1 => MemberState::Unrevoked,
            2 => MemberState::Unreleased,
            _ => MemberState::Unknown,
        }
    }
}

impl Current {
    /// Nothing is left to do for the target of this epoch.
    pub fn is_settled(&self, target_epoch: i32) -> bool {
        self.state == MemberState::Stable && self.epoch == target_epoch
    }

    /// What the member has or has yet to give back.
    pub fn held(&self) -> impl Iterator<Item = (&TopicId, &BTreeMap<i32, i32>)> {
        self.assigned.iter().chain(&self.revoking)
    }

    /// The same without epochs.
    pub fn all(&self) -> Partitions {
        let mut all = Partitions::new();
        for (topic, partitions) in self.held() {
            all.entry(*topic).or_default().extend(partitions.keys());
        }
        all
    }

    /// Whether the member has, or has yet to give back, all of these.
    pub fn knows(&self, owned: &Partitions) -> bool {
        owned.iter().all(|(topic, partitions)| {
            let held = |one: &i32| self.held().any(|(held, all)| held == topic && all.contains_key(one));
            partitions.iter().all(held)
        })
    }

    /// Whether the member is told to use all of these.
    pub fn has_all(&self, owned: &Partitions) -> bool {
        owned.iter().all(|(topic, partitions)| {
            self.assigned.get(topic).is_some_and(|assigned| partitions.iter().all(|one| assigned.contains_key(one)))
        })
    }
}
