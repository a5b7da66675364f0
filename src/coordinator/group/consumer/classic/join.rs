//! JoinGroup: a member of the classic protocol comes in, or takes its next step.
use super::{Around, Decided, Group, downgrade::downgrade_replaced, protocol, upgrade::by_id};
use crate::{
    coordinator::group::{
        self, Soft,
        classic::{self, CONSUMER, JoinRequest, Joined, NAME_BYTES_MAX, check_join},
        consumer::{
            Migration,
            heartbeat::{After, Sender, check_room, decide},
            member::{Current, Member, MemberId, Metadata},
            records::Records,
            soft,
        },
    },
    machine::{Outcome, Ticket},
    types::ErrorCode,
    wire::{
        coordinator::{ClassicMemberMetadata, ClassicProtocol},
        embedded::Subscription,
        structure::Blob,
    },
};

pub(super) fn join(
    group: &Group,
    soft: &mut Soft,
    around: &Around<'_>,
    request: &JoinRequest,
    ticket: Ticket,
) -> Decided {
    let refusal = |code, id: &MemberId| {
        let reply = classic::Reply::Join(Joined::refused(code, id.clone()));
        Outcome { records: vec![], answers: vec![(ticket, group::Reply::Classic(reply))] }
    };
    // As Apache Kafka, where only a classic group repeats the id to whom it refuses.
    let refused = |code| refusal(code, &"".into());
    if let Err(code) = check_join(around.settings, request) {
        return refusal(code, &request.member_id);
    }
    let id: MemberId =
        if request.member_id.is_empty() { around.fresh.to_string().into() } else { request.member_id.clone() };
    if let Err(code) = admit(group, around, request, &id) {
        return refused(code);
    }
    if request.member_id.is_empty() && request.instance_id.is_none() && request.takes_id {
        return refusal(ErrorCode::MemberIdRequired, &id);
    }
    let Ok(subscription) = subscription(request) else {
        return refused(ErrorCode::InconsistentGroupProtocol);
    };
    let sender = match sender(group, id, request) {
        Ok(sender) => sender,
        Err(code) => return refused(code),
    };
    if let Some(decided) = downgrade_replaced(group, soft, around, sender.was, request, ticket) {
        return decided;
    }
    let metadata = metadata(request, &subscription, &sender.member.metadata);
    let owned = by_id(&subscription.owned_partitions, around.image);
    // It was put out without hearing of it: what it reads may be another's already.
    if sender.is_new && !owned.is_empty() {
        return refused(ErrorCode::UnknownMemberId);
    }
    let mut records = Records::of(around.group);
    let after = match decide(group, soft, around, Some(&owned), &sender, &metadata, &mut records) {
        Ok(after) if around.has_room(&records.written) => after,
        Ok(_) => return refused(ErrorCode::UnknownServerError),
        // It is to give up what it has and to come again as a new member.
        Err(_) => return refused(ErrorCode::UnknownMemberId),
    };
    set_timers(soft, around, &sender, &metadata);
    let reply = group::Reply::Classic(classic::Reply::Join(joined(&sender.id, &metadata, &after)));
    Outcome { records: records.written, answers: vec![(ticket, reply)] }
}

/// What needs no look into the request's opaque bytes.
fn admit(group: &Group, around: &Around<'_>, request: &JoinRequest, id: &MemberId) -> Result<(), ErrorCode> {
    if id.len() > NAME_BYTES_MAX {
        return Err(ErrorCode::InvalidRequest);
    }
    if around.settings.consumer.migration == Migration::Disabled {
        return Err(ErrorCode::InconsistentGroupProtocol);
    }
    check_room(group, id, request.instance_id.as_deref(), around).map_err(|refused| refused.code)?;
    let mut names = request.protocols.iter().map(|protocol| &*protocol.name);
    if *request.protocol_type != *CONSUMER || !group.supports(&mut names) {
        return Err(ErrorCode::InconsistentGroupProtocol);
    }
    Ok(())
}

/// All of a client's protocols tell of one subscription.
fn subscription(request: &JoinRequest) -> Result<Subscription, ErrorCode> {
    let first = request.protocols.first().ok_or(ErrorCode::InconsistentGroupProtocol)?;
    let read = Subscription::of_bytes(&first.metadata).map_err(|_| ErrorCode::InconsistentGroupProtocol)?;
    Ok(read.1)
}

/// Who it is so far. A static member without an id takes the place of its former self, whichever protocol that spoke.
fn sender<'a>(group: &'a Group, id: MemberId, request: &JoinRequest) -> Result<Sender<'a>, ErrorCode> {
    let words = request.reason.clone().unwrap_or_default();
    let of = |member: Member, is_new, was| Sender { id: id.clone(), member, is_new, was, moves: true, words };
    let itself = group.members.get_key_value(&id);
    let Some(instance_id) = request.instance_id.as_deref() else {
        return Ok(match itself {
            Some((was, member)) => of(member.clone(), false, Some(was)),
            None => of(Member::default(), true, None),
        });
    };
    let owner = group.index.statics.get(instance_id).and_then(|owner| group.members.get_key_value(owner));
    match owner {
        None if request.member_id.is_empty() => Ok(of(Member::default(), true, None)),
        None => Err(ErrorCode::UnknownMemberId),
        Some((owner, member)) if request.member_id.is_empty() => {
            let current = Current { epoch: 0, previous_epoch: 0, ..member.current.clone() };
            Ok(of(Member { current, ..member.clone() }, false, Some(owner)))
        }
        Some((owner, _)) if *owner != request.member_id => Err(ErrorCode::FencedInstanceId),
        Some((owner, member)) => Ok(of(member.clone(), false, Some(owner))),
    }
}

fn metadata(request: &JoinRequest, subscription: &Subscription, before: &Metadata) -> Metadata {
    Metadata {
        instance_id: request.instance_id.as_deref().map(str::to_owned).or_else(|| before.instance_id.clone()),
        rack_id: subscription.rack_id.clone().or_else(|| before.rack_id.clone()),
        client_id: request.client_id.to_string(),
        client_host: request.client_host.to_string(),
        topics: subscription.topics.iter().cloned().collect(),
        // This protocol has none.
        regex: Some(String::new()),
        rebalance_timeout_ms: request.rebalance_timeout_ms,
        assignor: before.assignor.clone(),
        classic: Some(told(request.session_timeout_ms, &request.protocols)),
    }
}

/// What the coordinator must know to speak with it.
pub(super) fn told(session_timeout_ms: i32, protocols: &[classic::Protocol]) -> ClassicMemberMetadata {
    let mut supported_protocols: Vec<ClassicProtocol> = Vec::with_capacity(protocols.len());
    for protocol in protocols {
        if supported_protocols.iter().all(|known| known.name != *protocol.name) {
            let (name, metadata) = (protocol.name.to_string(), Blob(protocol.metadata.clone()));
            supported_protocols.push(ClassicProtocol { name, metadata });
        }
    }
    ClassicMemberMetadata { session_timeout_ms, supported_protocols }
}

fn set_timers(soft: &mut Soft, around: &Around<'_>, sender: &Sender<'_>, metadata: &Metadata) {
    if let Some(was) = sender.was {
        soft::cancel(soft, around.group, was);
    }
    soft::keep_alive(soft, around, &sender.id, metadata);
    soft::await_sync(soft, around, &sender.id, metadata);
}

/// Nobody leads: the coordinator assigns.
fn joined(id: &MemberId, metadata: &Metadata, after: &After) -> Joined {
    Joined {
        error: ErrorCode::None,
        generation: after.current.epoch,
        protocol_type: Some(CONSUMER.into()),
        protocol: Some(protocol(metadata).into()),
        leader: "".into(),
        member_id: id.clone(),
        skip_assignment: false,
        members: Vec::new(),
    }
}
