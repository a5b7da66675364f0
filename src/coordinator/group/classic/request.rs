//! What members of the classic protocol ask, and what they are told, apart from any version of the wire.
use super::{Described, MemberId};
use crate::{coordinator::group::GroupId, types::ErrorCode};
use bytes::Bytes;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub enum Request {
    Join(JoinRequest),
    Sync(SyncRequest),
    Heartbeat(HeartbeatRequest),
    Leave(LeaveRequest),
    Describe(GroupId),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    Join(Joined),
    Sync(Synced),
    Heartbeat(ErrorCode),
    Leave(Result<Vec<Left>, ErrorCode>),
    /// Why there is nothing to describe, in words.
    Describe(Result<Described, String>),
}

#[derive(Clone, Debug)]
pub struct JoinRequest {
    pub group: GroupId,
    /// Empty: not known yet.
    pub member_id: MemberId,
    /// Of a static member (KIP-345).
    pub instance_id: Option<Arc<str>>,
    pub client_id: Arc<str>,
    /// As Kafka prints it: `/127.0.0.1`.
    pub client_host: Arc<str>,
    pub session_timeout_ms: i32,
    pub rebalance_timeout_ms: i32,
    pub protocol_type: Arc<str>,
    /// In the member's order of preference.
    pub protocols: Vec<Protocol>,
    /// The client's own words (KIP-800).
    pub reason: Option<String>,
    /// The client comes back with the id it is given (KIP-394), from version 4 on.
    pub takes_id: bool,
    /// The client understands `skip_assignment` (KIP-814), from version 9 on.
    pub skips_assignment: bool,
}

/// One way to share out partitions that a member knows, with its metadata: opaque bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Protocol {
    pub name: Arc<str>,
    pub metadata: Bytes,
}

/// The end of a rebalance, or why there is none for this member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Joined {
    pub error: ErrorCode,
    pub generation: i32,
    pub protocol_type: Option<Arc<str>>,
    pub protocol: Option<Arc<str>>,
    pub leader: MemberId,
    pub member_id: MemberId,
    pub skip_assignment: bool,
    /// For the leader only.
    pub members: Vec<JoinedMember>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JoinedMember {
    pub member_id: MemberId,
    pub instance_id: Option<Arc<str>>,
    pub metadata: Bytes,
}

impl Joined {
    pub fn refused(error: ErrorCode, member_id: MemberId) -> Joined {
        Joined {
            error,
            generation: -1,
            protocol_type: None,
            protocol: None,
            leader: "".into(),
            member_id,
            skip_assignment: false,
            members: Vec::new(),
        }
    }
}

#[derive(Clone, Debug)]
pub struct SyncRequest {
    pub group: GroupId,
    pub generation: i32,
    pub member_id: MemberId,
    pub instance_id: Option<Arc<str>>,
    pub protocol_type: Option<Arc<str>>,
    pub protocol: Option<Arc<str>>,
    /// From the leader: what each member gets.
    pub assignments: Vec<(MemberId, Bytes)>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Synced {
    pub error: ErrorCode,
    pub protocol_type: Option<Arc<str>>,
    pub protocol: Option<Arc<str>>,
    pub assignment: Bytes,
}

impl Synced {
    pub fn refused(error: ErrorCode) -> Synced {
        Synced { error, protocol_type: None, protocol: None, assignment: Bytes::new() }
    }
}

#[derive(Clone, Debug)]
pub struct HeartbeatRequest {
    pub group: GroupId,
    pub generation: i32,
    pub member_id: MemberId,
    pub instance_id: Option<Arc<str>>,
}

#[derive(Clone, Debug)]
pub struct LeaveRequest {
    pub group: GroupId,
    pub members: Vec<Leaving>,
}

/// Who leaves: by member id, or a static member by its instance id alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leaving {
    pub member_id: MemberId,
    pub instance_id: Option<Arc<str>>,
    pub reason: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Left {
    pub member_id: MemberId,
    pub instance_id: Option<Arc<str>>,
    pub error: ErrorCode,
}

impl Request {
    pub fn group(&self) -> &GroupId {
        match self {
            Request::Join(JoinRequest { group, .. })
            | Request::Sync(SyncRequest { group, .. })
            | Request::Heartbeat(HeartbeatRequest { group, .. })
            | Request::Leave(LeaveRequest { group, .. })
            | Request::Describe(group) => group,
        }
    }
}
