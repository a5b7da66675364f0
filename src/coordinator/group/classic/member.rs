//! One member of a classic group.
use super::Protocol;
use crate::machine::Ticket;
use bytes::Bytes;
use std::sync::Arc;

/// Given out by the coordinator: the client's id, or the instance id of a static member, and a random part.
pub type MemberId = Arc<str>;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Of a static member: it may restart without a rebalance.
    pub instance_id: Option<Arc<str>>,
    pub client_id: Arc<str>,
    pub client_host: Arc<str>,
    pub session_timeout_ms: i32,
    pub rebalance_timeout_ms: i32,
    pub protocols: Vec<Protocol>,
    /// Empty before the leader's first.
    pub assignment: Bytes,
    /// In its first rebalance: it cannot send heartbeats, because it learns its generation at the end only.
    pub is_new: bool,
    /// Its JoinGroup waits for the end of the rebalance.
    pub(super) join: Option<Ticket>,
    /// Its SyncGroup waits for the leader's.
    pub(super) sync: Option<Ticket>,
    /// Its session has ended, and it was given a little longer to be heard (GRP-25).
    pub(super) spared: bool,
}

impl Member {
    pub fn is_static(&self) -> bool {
        self.instance_id.is_some()
    }

    pub fn metadata(&self, protocol: &str) -> Option<&Bytes> {
        self.protocols.iter().find(|known| *known.name == *protocol).map(|known| &known.metadata)
    }

    pub fn session_ms(&self) -> u64 {
        u64::try_from(self.session_timeout_ms).unwrap_or(0)
    }

    /// A request of it is parked here, so it is alive as far as we can know.
    pub(super) fn is_waiting(&self) -> bool {
        !self.is_new && (self.join.is_some() || self.sync.is_some())
    }
}
