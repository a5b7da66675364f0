//! ConsumerGroupDescribe 0-1: members of consumer groups, what they have and what they shall have. Version 1 tells the
//! protocol that each member speaks (KIP-1099).
use super::{Context, Reply, errors, groups, operations, reply};
use crate::{
    coordinator::group::{
        self,
        consumer::{self, DescribedMember, Partitions},
    },
    image::Image,
    types::ErrorCode,
    wire::{REBALANCES_TAG, StrBytes, Version},
};
use futures_util::future::join_all;
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, GroupId, TopicName,
    consumer_group_describe_response::{Assignment, DescribedGroup, Member, TopicPartitions},
};
use std::future::Future;

/// `member_type` of a member of the classic protocol, and of one of this.
const CLASSIC: i8 = 0;
const CONSUMER: i8 = 1;

pub fn handle(cx: &Context, request: ConsumerGroupDescribeRequest) -> Reply<ConsumerGroupDescribeResponse> {
    let operations = if request.include_authorized_operations { operations::GROUP } else { operations::NOT_ASKED };
    if !groups::serves_consumer_protocol(cx) {
        let refused = |id| DescribedGroup::default().with_group_id(id).with_error_message(None);
        let refused = |id| refused(id).with_error_code(cx.error(ErrorCode::UnsupportedVersion));
        let groups = request.group_ids.into_iter().map(refused).collect();
        return Reply::Now(ConsumerGroupDescribeResponse::default().with_groups(groups));
    }
    let asked: Vec<_> = request.group_ids.into_iter().map(|id| describe(cx, id, operations)).collect();
    Reply::later(async move { ConsumerGroupDescribeResponse::default().with_groups(join_all(asked).await) })
}

fn describe(cx: &Context, id: GroupId, operations: i32) -> impl Future<Output = DescribedGroup> + Send + use<> {
    let asked = (!id.is_empty()).then(|| {
        let request = consumer::Request::Describe(id.as_str().into());
        cx.broker.groups.submit(&id, group::Request::Consumer(request))
    });
    let cx = cx.clone();
    async move {
        let blank = DescribedGroup::default().with_group_id(id).with_error_message(None);
        let refused = |code: ErrorCode, message: Option<String>| {
            blank.clone().with_error_code(cx.error(code)).with_error_message(message.map(reply::message))
        };
        let Some(asked) = asked else { return refused(ErrorCode::InvalidGroupId, None) };
        match asked.await {
            Ok(group::Reply::Consumer(consumer::Reply::Described(Ok(described)))) => {
                let image = cx.broker.image.load();
                let past = groups::past(&cx, &described.rebalances);
                let mut described = to_wire(cx.version, &image, blank.clone(), &described);
                described.unknown_tagged_fields.extend(past.map(|past| (REBALANCES_TAG, past)));
                described.with_authorized_operations(operations)
            }
            Ok(group::Reply::Consumer(consumer::Reply::Described(Err(why)))) => refused(why.code, Some(why.message)),
            Ok(other) => groups::unexpected("ConsumerGroupDescribe", &other, |code| refused(code, None)),
            Err(fault) => refused(errors::coordinator(&fault), Some(fault.to_string())),
        }
    }
}

fn to_wire(
    version: Version,
    image: &Image,
    blank: DescribedGroup,
    described: &consumer::DescribedGroup,
) -> DescribedGroup {
    blank
        .with_group_state(StrBytes::from_static_str(described.state.name()))
        .with_group_epoch(described.epoch)
        .with_assignment_epoch(described.assignment_epoch)
        .with_assignor_name(StrBytes::from_static_str(described.assignor))
        .with_members(described.members.iter().map(|one| member(version, image, one)).collect())
}

fn member(version: Version, image: &Image, described: &DescribedMember) -> Member {
    let text = |text: &String| StrBytes::from_string(text.clone());
    let metadata = &described.metadata;
    let member = Member::default()
        .with_member_id(groups::text(&described.id))
        .with_instance_id(metadata.instance_id.as_ref().map(text))
        .with_rack_id(metadata.rack_id.as_ref().map(text))
        .with_member_epoch(described.epoch)
        .with_client_id(text(&metadata.client_id))
        .with_client_host(text(&metadata.client_host))
        .with_subscribed_topic_names(metadata.topics.iter().map(|name| TopicName(text(name))).collect())
        // None is the empty text, as Apache Kafka has it.
        .with_subscribed_topic_regex(Some(metadata.regex.as_ref().map(text).unwrap_or_default()))
        .with_assignment(assignment(image, &described.assigned))
        .with_target_assignment(assignment(image, &described.target));
    match version {
        0 => member,
        _ => member.with_member_type(if metadata.classic.is_some() { CLASSIC } else { CONSUMER }),
    }
}

/// Topics that are gone have no name to be told by.
fn assignment(image: &Image, partitions: &Partitions) -> Assignment {
    let topics = partitions.iter().filter_map(|(id, partitions)| {
        let name = TopicName(StrBytes::from_string(image.topics.by_id(*id)?.name.to_string()));
        let topic = TopicPartitions::default().with_topic_id(id.0).with_topic_name(name);
        Some(topic.with_partitions(partitions.iter().copied().collect()))
    });
    Assignment::default().with_topic_partitions(topics.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{api::tests_of_versions::encodes, coordinator::group::consumer::State};
    use kafka_protocol::messages::ApiKey;

    #[test]
    fn answers_are_encoded_at_every_version() {
        let metadata = consumer::Metadata { regex: Some("t.*".into()), ..Default::default() };
        let (assigned, target) = (Partitions::new(), Default::default());
        let member = DescribedMember { id: "m".into(), epoch: 1, metadata, assigned, target };
        let (state, members) = (State::Stable, vec![member]);
        let rebalances = vec![];
        let assignor = "range";
        let described =
            consumer::DescribedGroup { state, epoch: 1, assignment_epoch: 1, assignor, members, rebalances };
        for version in 0..=1 {
            let blank = DescribedGroup::default().with_error_message(None);
            let group = to_wire(version, &Image::default(), blank, &described);
            let answer = ConsumerGroupDescribeResponse::default().with_groups(vec![group]);
            encodes(ApiKey::ConsumerGroupDescribe, version, &answer);
        }
    }
}
