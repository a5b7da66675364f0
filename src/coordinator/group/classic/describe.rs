//! What a classic group looks like from outside.
use super::{Live, Member, MemberId, Rebalance, State};
use bytes::Bytes;
use std::sync::Arc;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Described {
    pub state: State,
    pub protocol_type: Option<Arc<str>>,
    /// While the group is stable.
    pub protocol: Option<Arc<str>>,
    pub members: Vec<DescribedMember>,
    /// The last few, oldest first.
    pub rebalances: Vec<Rebalance>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DescribedMember {
    pub member_id: MemberId,
    pub instance_id: Option<Arc<str>>,
    pub client_id: Arc<str>,
    pub client_host: Arc<str>,
    /// While the group is stable.
    pub metadata: Bytes,
    pub assignment: Bytes,
}

pub(super) fn describe(live: &Live) -> Described {
    let protocol = live.protocol.clone().filter(|_| live.state == State::Stable);
    let member = |(id, member): (&MemberId, &Member)| DescribedMember {
        member_id: id.clone(),
        instance_id: member.instance_id.clone(),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        metadata: protocol.as_deref().and_then(|name| member.metadata(name)).cloned().unwrap_or_default(),
        assignment: member.assignment.clone(),
    };
    Described {
        state: live.state,
        protocol_type: live.protocol_type.clone(),
        members: live.members().iter().map(member).collect(),
        rebalances: live.history.iter().cloned().collect(),
        protocol,
    }
}
