//! The rules of classic groups on the machine: requests in, answers out, the journal replays to the state.
mod joining;
mod leaving;
mod model;
mod rebalancing;
mod reloading;
mod statics;
mod syncing;

use super::*;
use crate::coordinator::group::{
    self,
    tests::rig::{Asking, Rig, answer},
};
use bytes::Bytes;

const GROUP: &str = "g";
pub const SESSION_MS: u64 = 10_000;
/// Who is silent for so long is out.
pub const SILENCE_MS: u64 = SESSION_MS + expire::HEARING_MS;
pub const REBALANCE_MS: u64 = 60_000;

pub fn protocols(names: &[&str]) -> Vec<Protocol> {
    let protocol = |name: &&str| Protocol { name: (*name).into(), metadata: Bytes::copy_from_slice(name.as_bytes()) };
    names.iter().map(protocol).collect()
}

/// A dynamic member of a consumer group, of the newest version.
pub fn joining(member_id: &str) -> JoinRequest {
    JoinRequest {
        group: GROUP.into(),
        member_id: member_id.into(),
        instance_id: None,
        client_id: "client".into(),
        client_host: "/127.0.0.1".into(),
        session_timeout_ms: SESSION_MS as i32,
        rebalance_timeout_ms: REBALANCE_MS as i32,
        protocol_type: "consumer".into(),
        protocols: protocols(&["range", "sticky"]),
        reason: None,
        takes_id: true,
        skips_assignment: true,
    }
}

pub fn fixed(instance_id: &str, member_id: &str) -> JoinRequest {
    JoinRequest { instance_id: Some(instance_id.into()), ..joining(member_id) }
}

pub fn syncing(joined: &Joined, assignments: &[(&str, &'static str)]) -> SyncRequest {
    SyncRequest {
        group: GROUP.into(),
        generation: joined.generation,
        member_id: joined.member_id.clone(),
        instance_id: None,
        protocol_type: joined.protocol_type.clone(),
        protocol: joined.protocol.clone(),
        assignments: assignments.iter().map(|(id, text)| ((*id).into(), Bytes::from_static(text.as_bytes()))).collect(),
    }
}

pub fn leaving(member_id: &str, instance_id: Option<&str>) -> Leaving {
    Leaving { member_id: member_id.into(), instance_id: instance_id.map(Into::into), reason: None }
}

impl Rig {
    fn classic(&mut self, request: Request) -> Asking {
        self.ask(group::Request::Classic(request))
    }

    pub fn join(&mut self, request: JoinRequest) -> Asking {
        self.classic(Request::Join(request))
    }

    #[track_caller]
    pub fn join_now(&mut self, request: JoinRequest) -> Joined {
        joined(&mut self.join(request))
    }

    pub fn sync(&mut self, request: SyncRequest) -> Asking {
        self.classic(Request::Sync(request))
    }

    #[track_caller]
    pub fn sync_now(&mut self, request: SyncRequest) -> Synced {
        synced(&mut self.sync(request))
    }

    #[track_caller]
    pub fn beat(&mut self, member_id: &str, generation: i32) -> ErrorCode {
        self.beat_as(member_id, None, generation)
    }

    #[track_caller]
    pub fn beat_as(&mut self, member_id: &str, instance_id: Option<&str>, generation: i32) -> ErrorCode {
        let instance_id = instance_id.map(Into::into);
        let request = HeartbeatRequest { group: GROUP.into(), generation, member_id: member_id.into(), instance_id };
        match answer(&mut self.classic(Request::Heartbeat(request))) {
            Some(group::Reply::Classic(Reply::Heartbeat(code))) => code,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub fn leave(&mut self, members: Vec<Leaving>) -> Vec<ErrorCode> {
        let request = LeaveRequest { group: GROUP.into(), members };
        match answer(&mut self.classic(Request::Leave(request))) {
            Some(group::Reply::Classic(Reply::Leave(Ok(left)))) => left.iter().map(|left| left.error).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub fn describe(&mut self) -> Described {
        match answer(&mut self.classic(Request::Describe(GROUP.into()))) {
            Some(group::Reply::Classic(Reply::Describe(Ok(described)))) => described,
            other => panic!("{other:?}"),
        }
    }

    pub fn state(&mut self) -> State {
        self.describe().state
    }

    /// What the last record says.
    #[track_caller]
    pub fn record(&self) -> &Group {
        lives::record_of(self.runtime.hard(), GROUP).expect("the group has a record")
    }

    /// A new dynamic member: its id, and its request for a place.
    pub fn enter(&mut self) -> (MemberId, Asking) {
        self.enter_with(|_| {})
    }

    pub fn enter_with(&mut self, change: impl Fn(&mut JoinRequest)) -> (MemberId, Asking) {
        let mut first = joining("");
        change(&mut first);
        let told = self.join_now(first);
        assert_eq!(told.error, ErrorCode::MemberIdRequired);
        let mut second = joining(&told.member_id);
        change(&mut second);
        (told.member_id, self.join(second))
    }

    /// A stable group of `count` dynamic members; the first leads.
    pub fn stable(&mut self, count: usize) -> Vec<Joined> {
        let mut asked: Vec<Asking> = (0..count).map(|_| self.enter().1).collect();
        self.advance(self.settings.initial_rebalance_delay_ms * 2);
        let joined: Vec<Joined> = asked.iter_mut().map(joined).collect();
        self.assign(&joined);
        assert_eq!(self.state(), State::Stable);
        joined
    }

    /// The first syncs with an assignment for all, then the rest.
    pub fn assign(&mut self, joined: &[Joined]) {
        let leader = joined.iter().find(|one| one.leader == one.member_id).expect("a leader");
        let assignments: Vec<_> = joined.iter().map(|one| (&*one.member_id, "some")).collect();
        assert_eq!(self.sync_now(syncing(leader, &assignments)).error, ErrorCode::None);
        for one in joined.iter().filter(|one| one.member_id != leader.member_id) {
            assert_eq!(&self.sync_now(syncing(one, &[])).assignment[..], b"some");
        }
    }
}

#[track_caller]
pub fn joined(asking: &mut Asking) -> Joined {
    match answer(asking) {
        Some(group::Reply::Classic(Reply::Join(joined))) => joined,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub fn synced(asking: &mut Asking) -> Synced {
    match answer(asking) {
        Some(group::Reply::Classic(Reply::Sync(synced))) => synced,
        other => panic!("{other:?}"),
    }
}

pub fn waits(asking: &mut Asking) -> bool {
    answer(asking).is_none()
}
