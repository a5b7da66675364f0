//! A classic group at work: the members of the round under way and who waits for what. Soft: made anew from the record.
use super::{Group, History, JoinedMember, Member, MemberId, Protocol};
use crate::{
    machine::Ticket,
    types::ErrorCode,
    wire::{coordinator::GroupMember, structure::Blob},
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Kafka's states of a classic group; a group without state is Dead there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Empty,
    PreparingRebalance,
    CompletingRebalance,
    Stable,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            State::Empty => "Empty",
            State::PreparingRebalance => "PreparingRebalance",
            State::CompletingRebalance => "CompletingRebalance",
            State::Stable => "Stable",
        }
    }
}

/// The wait of a group's first rebalance: it grows while members come, up to a bound (GRP-5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gathering {
    pub delay_ms: u64,
    pub remaining_ms: u64,
    /// Somebody came since the timer was set.
    pub grown: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Live {
    pub state: State,
    pub generation: i32,
    pub protocol_type: Option<Arc<str>>,
    pub protocol: Option<Arc<str>>,
    pub leader: Option<MemberId>,
    /// Milliseconds since 1970 of the last change of state; -1: not told.
    pub since_ms: i64,
    members: BTreeMap<MemberId, Member>,
    /// Instance id to member id.
    statics: BTreeMap<Arc<str>, MemberId>,
    /// Ids given out that did not join yet (GRP-4).
    pub pending: BTreeSet<MemberId>,
    /// Who has not synced in this generation (GRP-11).
    pub unsynced: BTreeSet<MemberId>,
    /// Set while preparing the first rebalance.
    pub(super) gathering: Option<Gathering>,
    /// The round's timer was late and set once more (GRP-25).
    pub(super) spared: bool,
    /// How many members know each protocol.
    supported: BTreeMap<Arc<str>, usize>,
    /// How many members wait in JoinGroup.
    joining: usize,
    pub history: History,
}

impl Default for Live {
    /// A new group: empty, of no kind so far.
    fn default() -> Live {
        Live {
            state: State::Empty,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            since_ms: -1,
            members: BTreeMap::new(),
            statics: BTreeMap::new(),
            pending: BTreeSet::new(),
            unsynced: BTreeSet::new(),
            gathering: None,
            spared: false,
            supported: BTreeMap::new(),
            joining: 0,
            history: History::default(),
        }
    }
}

impl Live {
    /// What the last record says, with nobody waiting.
    pub fn from_record(group: &Group) -> Live {
        let mut live = Live::default();
        let protocol: Arc<str> = group.protocol.as_deref().unwrap_or_default().into();
        for member in &group.members {
            live.insert(member.member_id.as_str().into(), from_record(member, &protocol));
        }
        live.state = if live.members.is_empty() { State::Empty } else { State::Stable };
        live.generation = group.generation;
        live.protocol_type = (!group.protocol_type.is_empty()).then(|| group.protocol_type.as_str().into());
        live.protocol = group.protocol.as_deref().map(Arc::from);
        live.leader = group.leader.as_deref().map(Arc::from);
        live.since_ms = group.current_state_timestamp;
        live
    }

    /// The group as it is written; members that lack the protocol have no business in it.
    pub fn to_record(&self) -> Group {
        let protocol = self.protocol.as_deref();
        Group {
            protocol_type: self.protocol_type.as_deref().unwrap_or_default().to_owned(),
            generation: self.generation,
            protocol: protocol.map(str::to_owned),
            leader: self.leader.as_deref().map(str::to_owned),
            current_state_timestamp: self.since_ms,
            members: self
                .members
                .iter()
                .map(|(id, member)| GroupMember {
                    member_id: id.to_string(),
                    group_instance_id: member.instance_id.as_deref().map(str::to_owned),
                    client_id: member.client_id.to_string(),
                    client_host: member.client_host.to_string(),
                    rebalance_timeout_ms: member.rebalance_timeout_ms,
                    session_timeout_ms: member.session_timeout_ms,
                    subscription: Blob(
                        protocol.and_then(|protocol| member.metadata(protocol)).cloned().unwrap_or_default(),
                    ),
                    assignment: Blob(member.assignment.clone()),
                })
                .collect(),
        }
    }

    pub fn members(&self) -> &BTreeMap<MemberId, Member> {
        &self.members
    }

    /// Empty, and nobody is on the way: the record, if there is one, says it all.
    pub fn is_idle(&self) -> bool {
        self.state == State::Empty && self.pending.is_empty()
    }

    pub fn joining(&self) -> usize {
        self.joining
    }

    pub fn static_member(&self, instance_id: &str) -> Option<&MemberId> {
        self.statics.get(instance_id)
    }

    pub(super) fn member_mut(&mut self, id: &str) -> Option<&mut Member> {
        self.members.get_mut(id)
    }

    /// The member was heard: its id and how long its session now lasts.
    pub(super) fn renew(&mut self, id: &str) -> Option<(MemberId, u64)> {
        let id = self.members.get_key_value(id)?.0.clone();
        let member = self.members.get_mut(&id)?;
        member.spared = false;
        let session_ms = member.session_ms();
        Some((id, session_ms))
    }

    pub fn is_leader(&self, id: &str) -> bool {
        self.leader.as_deref() == Some(id)
    }

    /// Whether this is a member, and the one its instance id stands for.
    pub fn validate(&self, id: &str, instance_id: Option<&str>) -> Result<(), ErrorCode> {
        if let Some(instance_id) = instance_id {
            let current = self.statics.get(instance_id).ok_or(ErrorCode::UnknownMemberId)?;
            if **current != *id {
                return Err(ErrorCode::FencedInstanceId);
            }
        }
        if self.members.contains_key(id) { Ok(()) } else { Err(ErrorCode::UnknownMemberId) }
    }

    /// Whether a member with these protocols would leave one that all know (GRP-3).
    pub fn supports(&self, protocol_type: &str, protocols: &[Protocol]) -> bool {
        if self.state == State::Empty {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        let known_to_all = |protocol: &Protocol| self.supporters(&protocol.name) == self.members.len();
        self.protocol_type.as_deref() == Some(protocol_type) && protocols.iter().any(known_to_all)
    }

    fn supporters(&self, protocol: &str) -> usize {
        self.supported.get(protocol).copied().unwrap_or(0)
    }

    /// The first member of a group says what kind of group it is, and leads.
    pub(super) fn add(&mut self, id: MemberId, member: Member, protocol_type: &Arc<str>) {
        if self.members.is_empty() {
            self.protocol_type = Some(protocol_type.clone());
        }
        self.leader.get_or_insert_with(|| id.clone());
        self.pending.remove(&id);
        self.insert(id, member);
    }

    fn insert(&mut self, id: MemberId, member: Member) {
        if let Some(instance_id) = &member.instance_id {
            self.statics.insert(instance_id.clone(), id.clone());
        }
        for protocol in &member.protocols {
            *self.supported.entry(protocol.name.clone()).or_default() += 1;
        }
        self.joining += usize::from(member.join.is_some());
        if let Some(before) = self.members.insert(id, member) {
            // Only a record of somebody else can name a member twice.
            self.discount(&before);
        }
    }

    fn discount(&mut self, member: &Member) {
        for protocol in &member.protocols {
            if let Some(count) = self.supported.get_mut(&protocol.name) {
                *count -= 1;
                if *count == 0 {
                    self.supported.remove(&protocol.name);
                }
            }
        }
        self.joining -= usize::from(member.join.is_some());
    }

    /// Takes a member or a pending id out. The caller answers what the member waited for.
    pub(super) fn remove(&mut self, id: &str) -> Option<Member> {
        self.pending.remove(id);
        self.unsynced.remove(id);
        let member = self.members.remove(id)?;
        self.discount(&member);
        if let Some(instance_id) = &member.instance_id {
            self.statics.remove(instance_id);
        }
        if self.is_leader(id) {
            self.leader = self.members.keys().next().cloned();
        }
        Some(member)
    }

    /// A static member goes on under another id, with its assignment (GRP-14). The caller answers the old one.
    pub(super) fn replace(&mut self, old: &str, new: MemberId) -> Option<(Option<Ticket>, Option<Ticket>)> {
        let mut member = self.members.remove(old)?;
        self.discount(&member);
        let parked = (member.join.take(), member.sync.take());
        if self.is_leader(old) {
            self.leader = Some(new.clone());
        }
        if self.unsynced.remove(old) {
            self.unsynced.insert(new.clone());
        }
        self.insert(new, member);
        Some(parked)
    }

    /// What a member says of itself when it joins again.
    pub(super) fn update(&mut self, id: &str, change: impl FnOnce(&mut Member)) {
        if let Some((id, mut member)) = self.members.remove_entry(id) {
            self.discount(&member);
            change(&mut member);
            self.insert(id, member);
        }
    }

    /// Who waited in this member's place before.
    pub(super) fn park_join(&mut self, id: &str, ticket: Ticket) -> Option<Ticket> {
        let member = self.members.get_mut(id)?;
        let before = member.join.replace(ticket);
        self.joining += usize::from(before.is_none());
        before
    }

    pub(super) fn take_join(&mut self, id: &str) -> Option<Ticket> {
        let taken = self.members.get_mut(id)?.join.take();
        self.joining -= usize::from(taken.is_some());
        taken
    }

    pub fn all_joined(&self) -> bool {
        self.joining == self.members.len() && self.pending.is_empty()
    }

    /// A leader that joined, if anybody did: the one before when it can be.
    pub(super) fn elect(&mut self) -> bool {
        let joined = |id: &MemberId| self.members.get(id).is_some_and(|member| member.join.is_some());
        if !self.leader.as_ref().is_some_and(joined) {
            let Some((first, _)) = self.members.iter().find(|(_, member)| member.join.is_some()) else { return false };
            self.leader = Some(first.clone());
        }
        true
    }

    /// The protocol that most members like best among those that all know; on a tie the leader's order counts (GRP-8).
    pub fn select_protocol(&self) -> Option<Arc<str>> {
        let everyone = self.members.len();
        let mut votes: BTreeMap<&Arc<str>, usize> = BTreeMap::new();
        for member in self.members.values() {
            let first = member.protocols.iter().find(|protocol| self.supporters(&protocol.name) == everyone);
            if let Some(protocol) = first {
                *votes.entry(&protocol.name).or_default() += 1;
            }
        }
        let leader = self.leader.as_ref().and_then(|leader| self.members.get(leader));
        let order = leader.map_or(&[][..], |leader| &leader.protocols);
        let rank = |name: &str| order.iter().position(|protocol| *protocol.name == *name);
        votes.into_iter().max_by_key(|(name, votes)| (*votes, Reverse(rank(name)))).map(|(name, _)| name.clone())
    }

    /// Everyone with the metadata of the protocol in force: what the leader needs.
    pub(super) fn roster(&self) -> Vec<JoinedMember> {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let joined = |(id, member): (&MemberId, &Member)| JoinedMember {
            member_id: id.clone(),
            instance_id: member.instance_id.clone(),
            metadata: member.metadata(protocol).cloned().unwrap_or_default(),
        };
        self.members.iter().map(joined).collect()
    }

    /// The longest that a member needs to come back (GRP-6).
    pub fn rebalance_ms(&self) -> u64 {
        let longest = self.members.values().map(|member| member.rebalance_timeout_ms).max();
        u64::try_from(longest.unwrap_or(0)).unwrap_or(0)
    }
}

fn from_record(member: &GroupMember, protocol: &Arc<str>) -> Member {
    // Version 0 of the record had no rebalance timeout.
    let rebalance_timeout_ms = match member.rebalance_timeout_ms {
        -1 => member.session_timeout_ms,
        known => known,
    };
    Member {
        instance_id: member.group_instance_id.as_deref().map(Arc::from),
        client_id: member.client_id.as_str().into(),
        client_host: member.client_host.as_str().into(),
        session_timeout_ms: member.session_timeout_ms,
        rebalance_timeout_ms,
        protocols: vec![Protocol { name: protocol.clone(), metadata: member.subscription.0.clone() }],
        assignment: member.assignment.0.clone(),
        is_new: false,
        join: None,
        sync: None,
        spared: false,
    }
}
