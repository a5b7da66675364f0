//! Members that go: by themselves, for a while, or because they were silent or held on to partitions.
use super::{
    Around, Decided, Refused, classic,
    group::Group,
    heartbeat::{check_instance, unknown},
    member::{AWAY_EPOCH, Current, Held, MemberId},
    records::Records,
    request::{Heartbeat, HeartbeatReply},
    soft,
    subscription::Subscriptions,
};
use crate::{
    coordinator::group::{Cause, Soft},
    machine::Outcome,
    types::ErrorCode,
    wire::coordinator::GroupRecord,
};

/// CG-1 for epochs -1 and -2.
pub(super) fn leave(
    group: &Group,
    soft: &mut Soft,
    around: &Around<'_>,
    ask: &Heartbeat,
) -> Result<(Decided, HeartbeatReply), Refused> {
    let id = match &ask.instance_id {
        None => {
            group.members.get_key_value(&*ask.member_id).map(|(id, _)| id).ok_or_else(|| unknown(&ask.member_id))?
        }
        Some(instance) => {
            let owner = group.index.statics.get(instance).ok_or_else(|| {
                let why = format!("no member has the instance id {instance}");
                Refused::new(ErrorCode::UnknownMemberId, why)
            })?;
            check_instance(owner, &ask.member_id, instance)?;
            owner
        }
    };
    let decided = if ask.member_epoch == AWAY_EPOCH && ask.instance_id.is_some() {
        Outcome { records: go_away(group, around, id), answers: vec![] }
    } else {
        put_out(group, soft, around, std::slice::from_ref(id), (Cause::Left, String::new()))
    };
    let reply = HeartbeatReply {
        member_id: ask.member_id.clone(),
        member_epoch: ask.member_epoch,
        heartbeat_interval_ms: 0,
        assignment: None,
    };
    Ok((decided, reply))
}

/// A static member keeps all that it is assigned until it comes back or its session ends (CG-7).
fn go_away(group: &Group, around: &Around<'_>, id: &MemberId) -> Vec<GroupRecord> {
    let Some(member) = group.members.get(id) else { return vec![] };
    let mut assigned = member.current.assigned.clone();
    // Under its next id it has them from the beginning.
    assigned.values_mut().flat_map(|partitions| partitions.values_mut()).for_each(|since| *since = 0);
    let current = Current { epoch: AWAY_EPOCH, assigned, revoking: Held::new(), ..member.current.clone() };
    let mut records = Records::of(around.group);
    records.current(id, &current);
    records.written
}

/// Takes members out of the group, which all others will hear of by the new epoch (CG-3), or because it becomes a classic
/// group (GRP-24).
pub(super) fn put_out(
    group: &Group,
    soft: &mut Soft,
    around: &Around<'_>,
    ids: &[MemberId],
    (cause, words): (Cause, String),
) -> Decided {
    let mut records = Records::of(around.group);
    let gone: Vec<_> = ids.iter().filter_map(|id| Some((id, group.members.get(id)?))).collect();
    let Some((first, _)) = gone.first() else { return Outcome::park() };
    let why = around.rebalance(group.epoch, first, cause, words);
    if let Some(decided) = classic::downgrade_without(group, soft, around, ids, &why) {
        return decided;
    }
    soft.consumer.remember(around.group, why);
    gone.iter().for_each(|(id, _)| records.member_gone(id));
    let subscriptions = Subscriptions::new(group, gone.iter().map(|(_, member)| &member.metadata), None);
    subscriptions.forget_unused(&mut records);
    let epoch = group.epoch + 1;
    records.epoch(epoch, subscriptions.hash(around.image, &mut soft.consumer.topics));
    if gone.len() == group.members.len() {
        // An empty group has its target; who comes next need not wait for it (KAFKA-20442).
        records.assignment_epoch(epoch, 0);
        soft.consumer.seen.remove(around.group);
    }
    gone.iter().for_each(|(id, _)| soft::cancel(soft, around.group, id));
    Outcome { records: records.written, answers: vec![] }
}
