//! A client of the classic protocol as the model plays it: eager, one request at a time.
use super::*;
use crate::{coordinator::group::tests::rig::outcome, machine::NotWritten};

const BEAT_MS: u64 = 3_000;
/// A process that died comes back after this.
const RESTART_MS: u64 = 20_000;

pub enum Phase {
    Out,
    /// Since when.
    Joining(u64, Asking),
    Syncing(u64, Asking),
    In {
        beat_ms: u64,
    },
    Dead {
        until_ms: u64,
    },
    /// Another process is the static member: a client gives up then.
    Fenced,
}

pub struct Client {
    pub instance: Option<&'static str>,
    pub member_id: MemberId,
    pub generation: i32,
    pub phase: Phase,
    pub owned: BTreeSet<u8>,
    pub wants_rejoin: bool,
    pub only_range: bool,
}

/// `None`: still waiting. An error: the coordinator is gone.
pub fn poll(asking: &mut Asking) -> Option<Result<Reply, NotWritten>> {
    outcome(asking).map(|outcome| match outcome {
        Ok(group::Reply::Classic(reply)) => Ok(reply),
        Ok(other) => panic!("{other:?}"),
        Err(gone) => Err(gone),
    })
}

impl Client {
    pub fn new(instance: Option<&'static str>) -> Client {
        Client {
            instance,
            member_id: "".into(),
            generation: -1,
            phase: Phase::Out,
            owned: BTreeSet::new(),
            wants_rejoin: false,
            only_range: false,
        }
    }

    pub fn asked_at(&self) -> Option<u64> {
        match &self.phase {
            Phase::Joining(at_ms, _) | Phase::Syncing(at_ms, _) => Some(*at_ms),
            _ => None,
        }
    }

    pub fn join_request(&self) -> JoinRequest {
        let names: &[&str] = if self.only_range { &["range"] } else { &["range", "sticky"] };
        let instance_id = self.instance.map(Into::into);
        JoinRequest { instance_id, protocols: protocols(names), ..joining(&self.member_id) }
    }

    /// The process ends without a word. What it waited for is left behind.
    pub fn vanish(&mut self, now_ms: u64) -> Option<(u64, Asking)> {
        self.member_id = "".into();
        self.owned.clear();
        match std::mem::replace(&mut self.phase, Phase::Dead { until_ms: now_ms + RESTART_MS }) {
            Phase::Joining(at_ms, asking) | Phase::Syncing(at_ms, asking) => Some((at_ms, asking)),
            _ => None,
        }
    }

    /// Does what is next to do; as a client would, with nothing in between.
    pub fn act(&mut self, rig: &mut Rig) -> Option<(u64, Asking)> {
        let now_ms = rig.at.monotonic_ms;
        match &mut self.phase {
            Phase::Dead { until_ms } if *until_ms <= now_ms => self.phase = Phase::Out,
            Phase::Dead { .. } | Phase::Fenced => {}
            Phase::Out => self.phase = Phase::Joining(now_ms, rig.join(self.join_request())),
            Phase::Joining(_, asking) => match poll(asking) {
                None => {}
                Some(Ok(Reply::Join(joined))) => self.on_joined(rig, joined),
                Some(Err(_)) => self.phase = Phase::Out,
                Some(other) => panic!("{other:?}"),
            },
            Phase::Syncing(_, asking) => match poll(asking) {
                None => {}
                Some(Ok(Reply::Sync(synced))) if synced.error == ErrorCode::None => {
                    self.owned = synced.assignment.iter().copied().collect();
                    self.phase = Phase::In { beat_ms: now_ms };
                }
                Some(Ok(Reply::Sync(synced))) => self.on_error(synced.error),
                Some(Err(_)) => self.phase = Phase::Out,
                Some(other) => panic!("{other:?}"),
            },
            Phase::In { .. } if self.wants_rejoin => {
                self.wants_rejoin = false;
                self.out();
            }
            Phase::In { beat_ms } if *beat_ms <= now_ms => {
                *beat_ms = now_ms + BEAT_MS;
                let code = rig.beat_as(&self.member_id, self.instance, self.generation);
                if code.is_error() {
                    self.on_error(code);
                }
            }
            Phase::In { .. } => {}
        }
        None
    }

    fn out(&mut self) {
        self.owned.clear();
        self.phase = Phase::Out;
    }

    fn on_joined(&mut self, rig: &mut Rig, joined: Joined) {
        if joined.error == ErrorCode::MemberIdRequired {
            self.member_id = joined.member_id;
            return self.out();
        }
        if joined.error.is_error() {
            return self.on_error(joined.error);
        }
        self.member_id = joined.member_id.clone();
        self.generation = joined.generation;
        let leads = joined.leader == joined.member_id && !joined.skip_assignment;
        assert_eq!(leads, !joined.members.is_empty() && !joined.skip_assignment);
        let mut request = syncing(&joined, &[]);
        request.instance_id = self.instance.map(Into::into);
        let count = joined.members.len() as u8;
        let share = |index: u8| (0..PARTITIONS).filter(|partition| partition % count == index).collect::<Vec<u8>>();
        if leads {
            let members = joined.members.iter().zip(0..);
            request.assignments =
                members.map(|(member, index)| (member.member_id.clone(), share(index).into())).collect();
        }
        self.phase = Phase::Syncing(rig.at.monotonic_ms, rig.sync(request));
    }

    fn on_error(&mut self, code: ErrorCode) {
        self.out();
        match code {
            ErrorCode::RebalanceInProgress => {}
            ErrorCode::IllegalGeneration => {}
            ErrorCode::UnknownMemberId | ErrorCode::GroupMaxSizeReached => self.member_id = "".into(),
            ErrorCode::FencedInstanceId => self.phase = Phase::Fenced,
            other => panic!("a client of good will is told {other}"),
        }
    }
}
