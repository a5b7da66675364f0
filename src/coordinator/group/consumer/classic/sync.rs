//! SyncGroup: a member of the classic protocol asks what it was assigned.
use super::{Around, find, protocol};
use crate::{
    coordinator::group::{
        Soft,
        classic::{CONSUMER, SyncRequest, Synced},
        consumer::{
            group::{Group, Partitions, without_epochs},
            member::MemberState,
            soft,
        },
    },
    image::Image,
    types::ErrorCode,
    wire::embedded::{Assignment, Subscription, TopicPartitions},
};
use bytes::Bytes;

pub(super) fn sync(group: &Group, soft: &mut Soft, around: &Around<'_>, request: &SyncRequest) -> Synced {
    answer(group, soft, around, request).unwrap_or_else(Synced::refused)
}

fn answer(group: &Group, soft: &mut Soft, around: &Around<'_>, request: &SyncRequest) -> Result<Synced, ErrorCode> {
    let (id, member, classic) = find(group, &request.member_id, request.instance_id.as_deref())?;
    let (told, current) = (protocol(&member.metadata), &member.current);
    let differs = |asked: &Option<_>, known: &str| asked.as_deref().is_some_and(|asked: &str| asked != known);
    if request.generation != current.epoch {
        return Err(ErrorCode::IllegalGeneration);
    }
    if differs(&request.protocol_type, CONSUMER) || differs(&request.protocol, told) {
        return Err(ErrorCode::InconsistentGroupProtocol);
    }
    // Who must give back partitions first hears here which it keeps; then it joins again by itself.
    if current.epoch < group.assignment_epoch && current.state != MemberState::Unrevoked {
        soft::await_join(soft, around, id, &member.metadata);
        return Err(ErrorCode::RebalanceInProgress);
    }
    soft::synced(soft, around.group, id);
    soft::keep_alive(soft, around, id, &member.metadata);
    let metadata = classic.supported_protocols.first().map(|protocol| &protocol.metadata.0);
    Ok(Synced {
        error: ErrorCode::None,
        protocol_type: Some(CONSUMER.into()),
        protocol: Some(told.into()),
        assignment: assignment(&without_epochs(&current.assigned), metadata, around.image),
    })
}

/// As a client reads it, in the version in which it wrote its own. Topics that are gone have no name to be told by.
pub(super) fn assignment(partitions: &Partitions, metadata: Option<&Bytes>, image: &Image) -> Bytes {
    let version = metadata.and_then(|metadata| Some(Subscription::of_bytes(metadata).ok()?.0)).unwrap_or(0);
    let topics = partitions.iter().filter_map(|(id, partitions)| {
        let topic = image.topics.by_id(*id)?.name.to_string();
        Some(TopicPartitions { topic, partitions: partitions.iter().copied().collect() })
    });
    Assignment { assigned_partitions: topics.collect(), user_data: None }.to_bytes(version)
}
