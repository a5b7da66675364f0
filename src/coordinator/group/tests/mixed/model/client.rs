//! A client of either protocol as the model plays it.
use super::*;
use crate::{coordinator::group::tests::rig::outcome, machine::NotWritten};
use std::fmt;

/// The classic protocol and what the client is about, or the consumer protocol.
pub enum Speaks {
    Old { id: String, generation: i32, phase: Phase, leads: Option<i32> },
    New { id: String, epoch: i32, told: Option<BTreeSet<i32>>, full: bool },
}

pub enum Phase {
    Out,
    Joining(Asking),
    Syncing(Asking),
    In,
}

pub struct Client {
    /// Of a classic client: it keeps what it has while it joins again.
    pub cooperative: bool,
    pub instance: Option<String>,
    /// What it reads.
    pub owned: BTreeSet<i32>,
    pub speaks: Speaks,
}

impl Speaks {
    pub fn old() -> Speaks {
        Speaks::Old { id: String::new(), generation: -1, phase: Phase::Out, leads: None }
    }

    pub fn new(id: String) -> Speaks {
        Speaks::New { id, epoch: 0, told: None, full: true }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match &self.speaks {
            Speaks::Old { generation, phase: Phase::Out, .. } => format!("old, out of {generation}"),
            Speaks::Old { generation, phase: Phase::Joining(_), .. } => format!("old, joins after {generation}"),
            Speaks::Old { generation, phase: Phase::Syncing(_), .. } => format!("old, syncs in {generation}"),
            Speaks::Old { generation, phase: Phase::In, .. } => format!("old, in {generation}"),
            Speaks::New { epoch, told, .. } => format!("new, at {epoch}, told {told:?}"),
        };
        write!(f, "{} {:?} reads {:?}: {what}", self.id(), self.instance, self.owned)
    }
}

fn poll(asking: &mut Asking) -> Option<Result<classic::Reply, NotWritten>> {
    outcome(asking).map(|outcome| match outcome {
        Ok(Reply::Classic(reply)) => Ok(reply),
        Ok(other) => panic!("{other:?}"),
        Err(gone) => Err(gone),
    })
}

impl Client {
    pub fn new(cooperative: bool, instance: Option<String>, speaks: Speaks) -> Client {
        Client { cooperative, instance, owned: BTreeSet::new(), speaks }
    }

    pub fn id(&self) -> &str {
        match &self.speaks {
            Speaks::Old { id, .. } | Speaks::New { id, .. } => id,
        }
    }

    /// It believes to be a member.
    pub fn is_in(&self) -> bool {
        match &self.speaks {
            Speaks::Old { id, .. } => !id.is_empty(),
            Speaks::New { epoch, .. } => *epoch > 0,
        }
    }

    /// The generation in which a classic client reads.
    pub fn reads_in(&self) -> Option<i32> {
        match &self.speaks {
            Speaks::Old { phase: Phase::In, generation, .. } => Some(*generation),
            _ => None,
        }
    }

    pub fn is_settled(&self) -> bool {
        matches!(
            &self.speaks,
            Speaks::Old { phase: Phase::In, .. } | Speaks::New { epoch: 1.., told: None, full: false, .. }
        )
    }

    /// The process ends: with a word, or without.
    pub fn end(self, rig: &mut Rig, word: bool, comes_back: bool) {
        if !word || !self.is_in() {
            return;
        }
        let instance = self.instance.as_deref();
        match &self.speaks {
            // Static members of the classic protocol say nothing: that is what their instance ids are for.
            Speaks::Old { id, .. } if instance.is_none() => {
                rig.classic_leave(id, None);
            }
            Speaks::Old { .. } => {}
            Speaks::New { id, .. } => {
                let epoch = if instance.is_some() && comes_back { -2 } else { -1 };
                // It may have been put out without knowing.
                let _ = rig.try_beat(&Heartbeat { instance_id: self.instance.clone(), ..staying(id, epoch) });
            }
        }
    }

    /// Does what is next to do. `lazy`: it takes its time to let go of partitions, and to take others.
    pub fn act(&mut self, rig: &mut Rig, count: i32, lazy: bool) {
        match &self.speaks {
            Speaks::Old { .. } => self.act_old(rig, count),
            Speaks::New { .. } => self.act_new(rig, lazy),
        }
    }

    fn act_new(&mut self, rig: &mut Rig, lazy: bool) {
        let Speaks::New { id, epoch, told, full } = &mut self.speaks else { return };
        if !lazy && let Some(now) = told.take() {
            // Letting go comes first: others may have it before this one takes what is new.
            let kept: BTreeSet<i32> = self.owned.intersection(&now).copied().collect();
            if kept == self.owned {
                self.owned = now;
            } else {
                (self.owned, *told) = (kept, Some(now));
            }
        }
        let topic = rig.image.topics.named("t").expect("the topic").id;
        let owned = Partitions::from_iter((!self.owned.is_empty()).then(|| (topic, self.owned.clone())));
        let base = if *full { arriving(id) } else { staying(id, *epoch) };
        let heartbeat =
            Heartbeat { member_epoch: *epoch, owned: Some(owned), instance_id: self.instance.clone(), ..base };
        match rig.try_beat(&heartbeat) {
            Ok(reply) => {
                (*epoch, *full) = (reply.member_epoch, false);
                if let Some(now) = reply.assignment {
                    let now: BTreeSet<i32> = now.into_values().flatten().collect();
                    *told = (now != self.owned).then_some(now);
                }
            }
            Err(ErrorCode::UnreleasedInstanceId) => assert!(self.instance.is_some() && *epoch == 0),
            Err(ErrorCode::FencedMemberEpoch | ErrorCode::UnknownMemberId | ErrorCode::GroupIdNotFound) => {
                (*epoch, *full, *told) = (0, true, None);
                self.owned.clear();
            }
            Err(other) => panic!("a client of good will is told {other}"),
        }
    }

    fn request(&self) -> JoinRequest {
        let owned: Vec<i32> = self.owned.iter().copied().collect();
        let names: &[&str] = if self.cooperative { &["cooperative-sticky"] } else { &["range"] };
        let protocols = protocols(names, &subscription(&["t"], &owned));
        JoinRequest { protocols, instance_id: self.instance.as_deref().map(Into::into), ..joining(self.id(), &[]) }
    }

    fn act_old(&mut self, rig: &mut Rig, count: i32) {
        let request = self.request();
        let instance = self.instance.clone();
        let Speaks::Old { id, generation, phase, leads } = &mut self.speaks else { return };
        match phase {
            Phase::Out => *phase = Phase::Joining(rig.classic_join(request)),
            Phase::Joining(asking) => match poll(asking) {
                None => {}
                Some(Ok(classic::Reply::Join(joined))) => self.on_joined(rig, joined, count),
                Some(Err(_)) => *phase = Phase::Out,
                Some(other) => panic!("{other:?}"),
            },
            Phase::Syncing(asking) => match poll(asking) {
                None => {}
                Some(Ok(classic::Reply::Sync(told))) if told.error == ErrorCode::None => self.on_synced(&told),
                Some(Ok(classic::Reply::Sync(told))) => self.on_error(told.error),
                Some(Err(_)) => *phase = Phase::Out,
                Some(other) => panic!("{other:?}"),
            },
            // A leader sees that there are more partitions.
            Phase::In if leads.is_some_and(|known| known != count) => self.on_error(ErrorCode::RebalanceInProgress),
            Phase::In => {
                let code = rig.classic_beat_as(id, instance.as_deref(), *generation);
                if code.is_error() {
                    self.on_error(code);
                }
            }
        }
    }

    fn on_joined(&mut self, rig: &mut Rig, joined: Joined, count: i32) {
        let instance_id = self.instance.as_deref().map(Into::into);
        let cooperative = self.cooperative;
        let Speaks::Old { id, generation, phase, leads } = &mut self.speaks else { return };
        if joined.error == ErrorCode::MemberIdRequired {
            (*id, *phase) = (joined.member_id.to_string(), Phase::Out);
            return;
        }
        if joined.error.is_error() {
            return self.on_error(joined.error);
        }
        (*id, *generation) = (joined.member_id.to_string(), joined.generation);
        let is_leader = joined.leader == joined.member_id;
        *leads = is_leader.then_some(count);
        let assignments = match is_leader && !joined.skip_assignment {
            true if cooperative => share_sticky(&joined, count),
            true => share_anew(&joined, count),
            false => vec![],
        };
        *phase = Phase::Syncing(rig.old(classic::Request::Sync(SyncRequest {
            group: GROUP.into(),
            generation: joined.generation,
            member_id: joined.member_id,
            instance_id,
            protocol_type: joined.protocol_type,
            protocol: joined.protocol,
            assignments,
        })));
    }

    fn on_synced(&mut self, told: &Synced) {
        let now = if told.assignment.is_empty() { BTreeSet::new() } else { partitions(&told.assignment) };
        let lost = self.owned.difference(&now).next().is_some();
        self.owned = now;
        let Speaks::Old { phase, .. } = &mut self.speaks else { return };
        // What one member let go of another gets in the next round.
        *phase = if lost { Phase::Out } else { Phase::In };
    }

    fn on_error(&mut self, code: ErrorCode) {
        let Speaks::Old { id, phase, .. } = &mut self.speaks else { return };
        *phase = Phase::Out;
        match code {
            ErrorCode::RebalanceInProgress if self.cooperative => {}
            ErrorCode::RebalanceInProgress | ErrorCode::IllegalGeneration => self.owned.clear(),
            // A coordinator that died before the round was written knows the former process only: this one starts anew.
            ErrorCode::UnknownMemberId | ErrorCode::FencedInstanceId => {
                id.clear();
                self.owned.clear();
            }
            other => panic!("a client of good will is told {other}"),
        }
    }
}

fn share_anew(joined: &Joined, count: i32) -> Vec<(classic::MemberId, Bytes)> {
    let members = joined.members.len() as i32;
    let part = |at: i32| (0..count).filter(|partition| partition % members == at).collect::<Vec<_>>();
    joined.members.iter().zip(0..).map(|(member, at)| (member.member_id.clone(), assigned(&part(at)))).collect()
}

/// Everyone keeps what it has up to its share; what others have above theirs is free in the next round only.
fn share_sticky(joined: &Joined, count: i32) -> Vec<(classic::MemberId, Bytes)> {
    let share = (count as usize).div_ceil(joined.members.len());
    let mut claims: BTreeMap<i32, usize> = BTreeMap::new();
    let owned: Vec<Vec<i32>> = joined
        .members
        .iter()
        .map(|member| {
            let owned = Subscription::of_bytes(&member.metadata).unwrap().1.owned_partitions;
            owned.into_iter().flat_map(|topic| topic.partitions).collect()
        })
        .collect();
    owned.iter().flatten().for_each(|one| *claims.entry(*one).or_default() += 1);
    let mut free = (0..count).filter(|one| !claims.contains_key(one));
    let keep = |owned: &Vec<i32>| owned.iter().copied().filter(|one| claims[one] == 1).take(share).collect::<Vec<_>>();
    let mut parts: Vec<Vec<i32>> = owned.iter().map(keep).collect();
    for part in &mut parts {
        let missing = share - part.len();
        part.extend(free.by_ref().take(missing));
    }
    joined.members.iter().zip(parts).map(|(member, part)| (member.member_id.clone(), assigned(&part))).collect()
}
