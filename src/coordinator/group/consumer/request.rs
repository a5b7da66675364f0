//! What a member of a consumer group says with each heartbeat, and what it is told.
use super::{Refused, assignor::Assignor, group::Partitions, member::Metadata};
use crate::{coordinator::group::consumer::member::AWAY_EPOCH, types::ErrorCode};
use std::collections::BTreeSet;

/// `None` everywhere: as before.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Heartbeat {
    pub member_id: String,
    /// Members choose their id themselves, from version 1 on (KIP-1082).
    pub chooses_id: bool,
    /// 0 joins, -1 leaves, -2 leaves for a while.
    pub member_epoch: i32,
    pub instance_id: Option<String>,
    pub rack_id: Option<String>,
    pub rebalance_timeout_ms: Option<i32>,
    pub topics: Option<BTreeSet<String>>,
    pub regex: Option<String>,
    pub assignor: Option<String>,
    /// Partitions that the member has.
    pub owned: Option<Partitions>,
    pub client_id: String,
    pub client_host: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeartbeatReply {
    pub member_id: String,
    pub member_epoch: i32,
    pub heartbeat_interval_ms: i32,
    /// `None`: as before.
    pub assignment: Option<Partitions>,
}

/// Nothing but what Java's `trim` takes away: spaces and control characters.
pub fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| byte <= b' ')
}

impl Heartbeat {
    pub fn joins(&self) -> bool {
        self.member_epoch == 0
    }

    pub fn leaves(&self) -> bool {
        self.member_epoch == -1 || self.member_epoch == AWAY_EPOCH
    }

    /// All that a member can say is there: it wants to hear all in return.
    pub fn is_full(&self) -> bool {
        self.rebalance_timeout_ms.is_some() && (self.topics.is_some() || self.regex.is_some()) && self.owned.is_some()
    }

    /// Whether the request makes sense at all (CG-1, CG-8).
    pub fn check(&self, assignors: &[Assignor]) -> Result<(), Refused> {
        let invalid = |why: &str| Err(Refused::new(ErrorCode::InvalidRequest, why));
        let needs_id = self.chooses_id || self.member_epoch > 0 || self.member_epoch == -1;
        if needs_id && is_blank(&self.member_id) {
            return invalid("MemberId must not be empty");
        }
        for (name, text) in [("InstanceId", &self.instance_id), ("RackId", &self.rack_id)] {
            if text.as_deref().is_some_and(is_blank) {
                return invalid(&format!("{name} must not be empty"));
            }
        }
        if self.member_epoch < AWAY_EPOCH {
            return invalid("MemberEpoch is below -2");
        }
        if self.member_epoch == AWAY_EPOCH && self.instance_id.is_none() {
            return invalid("InstanceId is needed to leave for a while");
        }
        if self.joins() {
            if self.rebalance_timeout_ms.is_none() {
                return invalid("RebalanceTimeoutMs is needed to join");
            }
            if self.owned.as_ref().is_none_or(|owned| !owned.is_empty()) {
                return invalid("TopicPartitions must be there and empty to join");
            }
            if self.topics.is_none() && self.regex.is_none() {
                return invalid("SubscribedTopicNames or SubscribedTopicRegex is needed to join");
            }
        }
        match &self.assignor {
            Some(name) if !assignors.iter().any(|assignor| assignor.name() == name) => {
                let known: Vec<&str> = assignors.iter().map(|assignor| assignor.name()).collect();
                let why = format!("the assignor {name} is none of {}", known.join(", "));
                Err(Refused::new(ErrorCode::UnsupportedAssignor, why))
            }
            _ => Ok(()),
        }
    }

    /// What the member tells of itself, over what it told before.
    pub fn over(&self, before: &Metadata) -> Metadata {
        Metadata {
            instance_id: self.instance_id.clone().or_else(|| before.instance_id.clone()),
            rack_id: self.rack_id.clone().or_else(|| before.rack_id.clone()),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            topics: self.topics.clone().unwrap_or_else(|| before.topics.clone()),
            regex: self.regex.clone().or_else(|| before.regex.clone()),
            rebalance_timeout_ms: self.rebalance_timeout_ms.unwrap_or(before.rebalance_timeout_ms),
            assignor: self.assignor.clone().or_else(|| before.assignor.clone()),
            classic: None,
        }
    }
}
