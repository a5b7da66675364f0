//! A group goes over to this protocol or leaves it while members are inside (GRP-24).
use super::{
    CONSUMER, Cause, Decided, Due, JoinRequest, Live, Member, MemberId, Protocol, State, join, on_live, step::Step,
};
use crate::{
    coordinator::group::{self, Asked, GroupId, History, Soft},
    machine::Ticket,
    types::ErrorCode,
    wire::coordinator::{GroupKey, GroupRecord},
};
use bytes::Bytes;
use std::sync::Arc;

/// A member that spoke this protocol in a group of the other.
pub struct Incoming {
    pub id: MemberId,
    pub instance_id: Option<Arc<str>>,
    pub client_id: Arc<str>,
    pub client_host: Arc<str>,
    pub session_timeout_ms: i32,
    pub rebalance_timeout_ms: i32,
    pub protocols: Vec<Protocol>,
}

/// How a group begins that was of the other protocol.
pub enum Then {
    /// With a rebalance.
    Rebalance(MemberId, Cause, String),
    /// With a static member that takes the place of the last one of the other protocol; before that with a rebalance,
    /// unless everyone has what the assignment says.
    Join { request: JoinRequest, ticket: Ticket, is_settled: bool },
}

impl Live {
    /// A stable group of these members; the first leads. `None`: they have no protocol in common.
    pub fn of_incoming(
        (generation, since_ms): (i32, i64),
        members: impl IntoIterator<Item = Incoming>,
        history: History,
        assign: impl Fn(&MemberId, &Bytes) -> Bytes,
    ) -> Option<Live> {
        let mut live = Live::default();
        (live.generation, live.since_ms, live.history) = (generation, since_ms, history);
        let kind: Arc<str> = CONSUMER.into();
        for incoming in members {
            let id = incoming.id.clone();
            live.add(id, Member::from(incoming), &kind);
        }
        let protocol = live.select_protocol()?;
        for id in live.members().keys().cloned().collect::<Vec<_>>() {
            let Some(member) = live.member_mut(&id) else { continue };
            member.assignment = member.metadata(&protocol).map(|metadata| assign(&id, metadata)).unwrap_or_default();
        }
        live.protocol = Some(protocol);
        live.state = State::Stable;
        Some(live)
    }

    /// The record that the group begins with. Where a rebalance comes first, nobody leads: so whoever loads the record
    /// knows that the rebalance has not ended.
    pub fn first_record(&self, id: &GroupId, then: &Then) -> GroupRecord {
        let mut record = self.to_record();
        if then.rebalances() {
            record.leader = None;
        }
        GroupRecord::GroupMetadata(GroupKey { group: id.to_string() }, Some(record))
    }
}

impl From<Incoming> for Member {
    fn from(incoming: Incoming) -> Member {
        Member {
            instance_id: incoming.instance_id,
            client_id: incoming.client_id,
            client_host: incoming.client_host,
            session_timeout_ms: incoming.session_timeout_ms,
            rebalance_timeout_ms: incoming.rebalance_timeout_ms,
            protocols: incoming.protocols,
            assignment: Bytes::new(),
            is_new: false,
            join: None,
            sync: None,
            spared: false,
        }
    }
}

impl Then {
    fn rebalances(&self) -> bool {
        !matches!(self, Then::Join { is_settled: true, .. })
    }
}

/// The group is of this protocol from now on, as `first` says, which goes before the records that follow from it.
pub fn take_over(
    soft: &mut Soft,
    asked: Asked<'_>,
    id: &GroupId,
    live: Live,
    first: GroupRecord,
    then: Then,
) -> Decided {
    soft.classic.put(id, live);
    on_live(soft, asked, id, None, |step| {
        for member in step.live.members().keys().cloned().collect::<Vec<_>>() {
            step.hear(&member);
        }
        step.records.push(first);
        match then {
            Then::Rebalance(member_id, cause, words) => step.rebalance(member_id, cause, words),
            Then::Join { request, ticket, is_settled } => {
                if !is_settled {
                    step.rebalance(request.member_id.clone(), Cause::Downgraded, String::new());
                }
                join::join(step, request, true, asked.id, ticket);
            }
        }
    })
}

/// The group is of the other protocol from now on: whoever waits is told to join again, no timer is left. What is
/// remembered of it.
pub fn hand_over(soft: &mut Soft, asked: Asked<'_>, id: &GroupId) -> (Vec<(Ticket, group::Reply)>, History) {
    let Some(mut live) = soft.classic.forget(id) else { return (vec![], History::default()) };
    let timers = &mut soft.timers;
    let mut step = Step {
        group: id,
        live: &mut live,
        timers,
        at: asked.at,
        settings: asked.settings,
        records: vec![],
        answers: vec![],
    };
    step.cancel_timer(Due::Join);
    step.cancel_timer(Due::Sync);
    let pending = step.live.pending.iter().cloned();
    let ids: Vec<MemberId> = step.live.members().keys().cloned().chain(pending).collect();
    for id in ids {
        step.cancel_timer(Due::Session(id.clone()));
        if let Some(ticket) = step.live.take_join(&id) {
            step.refuse_join(ticket, ErrorCode::RebalanceInProgress, id.clone());
        }
        let parked = step.live.member_mut(&id).and_then(|member| member.sync.take());
        if let Some(ticket) = parked {
            step.refuse_sync(ticket, ErrorCode::RebalanceInProgress);
        }
    }
    let answers = step.answers;
    (answers, live.history)
}
