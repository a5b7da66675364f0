//! A classic group becomes one of this protocol, with the members it has (GRP-24).
use super::{Around, Group, join::told};
use crate::{
    coordinator::group::{
        self, Groups, Members, Soft,
        classic::{self, CONSUMER, Live},
        consumer::{
            Heartbeat, Refused,
            group::Partitions,
            member::{Current, Held, MemberId, MemberState, Metadata},
            records::Records,
            soft,
            subscription::Subscriptions,
        },
    },
    image::Image,
    machine::Ticket,
    types::{ErrorCode, TopicId},
    wire::{
        coordinator::{GroupKey, GroupRecord},
        embedded::{Assignment, Subscription, TopicPartitions},
        structure::Unreadable,
    },
};
use std::{borrow::Cow, collections::BTreeSet};

/// The group that a new member of this protocol comes into, and the records that make it: of a classic group, of one
/// without members, or of none.
pub(in super::super) fn upgrade(
    groups: &Groups,
    soft: &mut Soft,
    around: &Around<'_>,
) -> Result<(Group, Vec<GroupRecord>), Refused> {
    let Soft { classic, consumer, .. } = soft;
    let record = match groups.by_id.get(around.group).map(|group| &group.members) {
        Some(Members::Classic(record)) => Some(record),
        _ => None,
    };
    let live = match (classic.get(groups, around.group), record) {
        (Some(live), _) => Cow::Borrowed(live),
        (None, Some(record)) => Cow::Owned(Live::from_record(record)),
        (None, None) => return Ok((Group::default(), vec![])),
    };
    let mut records: Vec<GroupRecord> = Vec::new();
    if record.is_some() {
        records.push(GroupRecord::GroupMetadata(GroupKey { group: around.group.to_string() }, None));
    }
    // A round that everybody left is not empty yet: its number counts on.
    if live.state == classic::State::Empty {
        return Ok((Group::default(), records));
    }
    check(&live, around)?;
    let converted = convert(&live, record, around.image).map_err(|why| refused(around, why))?;
    let epoch = live.generation.max(1);
    let is_settled = live.state == classic::State::Stable && converted.iter().all(|member| member.drops.is_empty());
    let is_whole = |group: &Group| is_settled && group.has_all(around.image);
    let (group, since) = build(around, epoch, converted, |group| {
        // A hash of nothing makes the first heartbeat share everything out anew.
        let whole =
            is_whole(group).then(|| Subscriptions::new(group, [], None).hash(around.image, &mut consumer.topics));
        whole.unwrap_or_default()
    });
    records.extend(since);
    Ok((group, records))
}

fn refused(around: &Around<'_>, why: NotConvertible) -> Refused {
    let group = around.group;
    Refused::new(
        ErrorCode::GroupIdNotFound,
        format!("Cannot upgrade classic group {group} to consumer group because {why}"),
    )
}

fn check(live: &Live, around: &Around<'_>) -> Result<(), Refused> {
    let settings = &around.settings.consumer;
    if !settings.migration.upgrades() {
        return Err(refused(around, NotConvertible::Disabled));
    }
    if live.protocol_type.as_deref() != Some(CONSUMER) {
        return Err(refused(around, NotConvertible::NoConsumers));
    }
    if live.members().len() > settings.members_max {
        return Err(refused(around, NotConvertible::TooLarge));
    }
    Ok(())
}

/// Why a classic group must stay one, in Kafka's words.
#[derive(Debug, thiserror::Error)]
enum NotConvertible {
    #[error("online upgrade is disabled.")]
    Disabled,
    #[error("the group does not use the consumer embedded protocol.")]
    NoConsumers,
    #[error("the group size exceeds the consumer group maximum size.")]
    TooLarge,
    #[error("the embedded consumer protocol is malformed: the subscription of member {0}: {1}")]
    Subscription(MemberId, Unreadable),
    #[error("the embedded consumer protocol is malformed: the assignment of member {0}: {1}")]
    Assignment(MemberId, Unreadable),
    /// What it left for a member would be lost.
    #[error(
        "an unsupported custom assignor is in use. Please refer to the documentation or switch to a default assignor \
         before re-attempting the upgrade."
    )]
    OwnAssignor,
}

struct Converted {
    id: MemberId,
    metadata: Metadata,
    has: Partitions,
    /// What it said that it has when it joined last, and is not to have: it may not have heard of that yet.
    drops: Partitions,
}

fn convert(live: &Live, record: Option<&classic::Group>, image: &Image) -> Result<Vec<Converted>, NotConvertible> {
    let protocol = live.protocol.clone().or_else(|| live.select_protocol()).unwrap_or_default();
    let members = live.members().iter().map(|(id, member)| {
        // In a round under way a member may know the next protocol only.
        let first = member.protocols.first().map(|protocol| &protocol.metadata);
        let told_of = member.metadata(&protocol).or(first).map_or(&[][..], |metadata| metadata);
        let (_, subscription) =
            Subscription::of_bytes(told_of).map_err(|why| NotConvertible::Subscription(id.clone(), why))?;
        let metadata = Metadata {
            instance_id: member.instance_id.as_deref().map(str::to_owned),
            rack_id: subscription.rack_id,
            client_id: member.client_id.to_string(),
            client_host: member.client_host.to_string(),
            topics: subscription.topics.into_iter().collect(),
            regex: Some(String::new()),
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            assignor: None,
            classic: Some(told(member.session_timeout_ms, &member.protocols)),
        };
        // A round that failed took away what it may still have from the one before.
        let before = || Some(&record?.members.iter().find(|one| *one.member_id == **id)?.assignment.0);
        let assignment = if member.assignment.is_empty() { before() } else { Some(&member.assignment) };
        let has = assigned(id, assignment.map_or(&[], |bytes| bytes), image)?;
        Ok(Converted { id: id.clone(), metadata, has, drops: by_id(&subscription.owned_partitions, image) })
    });
    let mut members: Vec<Converted> = members.collect::<Result<_, _>>()?;
    let taken: BTreeSet<(TopicId, i32)> = members.iter().flat_map(|member| each(&member.has)).collect();
    for member in &mut members {
        for (topic, partitions) in &mut member.drops {
            partitions.retain(|partition| !taken.contains(&(*topic, *partition)));
        }
        member.drops.retain(|_, partitions| !partitions.is_empty());
    }
    Ok(members)
}

fn each(partitions: &Partitions) -> impl Iterator<Item = (TopicId, i32)> {
    partitions.iter().flat_map(|(topic, all)| all.iter().map(move |partition| (*topic, *partition)))
}

/// Of topics that exist.
pub(super) fn by_id(named: &[TopicPartitions], image: &Image) -> Partitions {
    let mut partitions = Partitions::new();
    for of in named.iter().filter(|of| !of.partitions.is_empty()) {
        if let Some(topic) = image.topics.named(&of.topic) {
            partitions.entry(topic.id).or_default().extend(&of.partitions);
        }
    }
    partitions
}

/// Nothing at all is no bytes: it never synced.
fn assigned(id: &MemberId, bytes: &[u8], image: &Image) -> Result<Partitions, NotConvertible> {
    if bytes.is_empty() {
        return Ok(Partitions::new());
    }
    let assignment = Assignment::of_bytes(bytes).map_err(|why| NotConvertible::Assignment(id.clone(), why))?;
    if assignment.user_data.is_some_and(|words| !words.0.is_empty()) {
        return Err(NotConvertible::OwnAssignor);
    }
    Ok(by_id(&assignment.assigned_partitions, image))
}

/// All are at the classic group's generation, and have and shall have what they had.
fn build(
    around: &Around<'_>,
    epoch: i32,
    members: Vec<Converted>,
    hash: impl FnOnce(&Group) -> i64,
) -> (Group, Vec<GroupRecord>) {
    let mut group = Group::default();
    let records = || Records::of(around.group);
    let (mut metadata, mut epochs, mut targets, mut currents) = (records(), records(), records(), records());
    let held = |partitions: &Partitions| -> Held {
        let since = |all: &BTreeSet<i32>| all.iter().map(|partition| (*partition, epoch)).collect();
        partitions.iter().map(|(topic, all)| (*topic, since(all))).collect()
    };
    for Converted { id, metadata: told, has, drops } in &members {
        let (assigned, revoking) = (held(has), held(drops));
        let state = if drops.is_empty() { MemberState::Stable } else { MemberState::Unrevoked };
        metadata.metadata(id, told);
        targets.target(id, has);
        currents.current(id, &Current { epoch, previous_epoch: epoch, state, assigned, revoking });
    }
    targets.assignment_epoch(epoch, 0);
    let apply = |group: &mut Group, records: &Records<'_>| {
        records.written.iter().for_each(|record| {
            group.apply(record.clone());
        });
    };
    [&metadata, &targets, &currents].into_iter().for_each(|records| apply(&mut group, records));
    epochs.epoch(epoch, hash(&group));
    apply(&mut group, &epochs);
    let all = [metadata.written, epochs.written, targets.written, currents.written];
    (group, all.into_iter().flatten().collect())
}

/// The upgrade is decided: whoever waits is told to join again, and everybody has a session as before. `joins` is the
/// member it was done for, which has its own, and maybe the place of another.
pub(in super::super) fn upgraded(
    group: &Group,
    soft: &mut Soft,
    around: &Around<'_>,
    joins: &Heartbeat,
) -> Vec<(Ticket, group::Reply)> {
    let (answers, history) = classic::hand_over(soft, around.asked(), around.group);
    soft.consumer.inherit(around.group, history);
    for (id, member) in group.members() {
        let is_replaced = joins.instance_id.is_some() && joins.instance_id == member.metadata.instance_id;
        if **id != *joins.member_id && !is_replaced {
            soft::keep_alive(soft, around, id, &member.metadata);
        }
    }
    answers
}
