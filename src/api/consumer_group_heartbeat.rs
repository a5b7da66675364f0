//! ConsumerGroupHeartbeat 0-1 (KIP-848): a member joins, stays and leaves, and hears what it is assigned. Version 1 adds
//! regular expressions and lets members choose their ids (KIP-1082).
use super::{
    Context, Reply, errors,
    expressions::{Turn, with_turn},
    groups, reply,
};
use crate::{
    coordinator::{
        CoordinatorError,
        group::{
            self,
            consumer::{self, Heartbeat, HeartbeatReply, Matched, Partitions, Refused},
        },
    },
    types::{ErrorCode, TopicId},
    wire::StrBytes,
};
use kafka_protocol::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
    consumer_group_heartbeat_response::{Assignment, TopicPartitions},
};
use std::{future::Future, sync::Arc};

/// Members that change their expressions meanwhile have them matched too.
const MATCHINGS_MAX: usize = 4;

pub fn handle(cx: &Context, request: ConsumerGroupHeartbeatRequest) -> Reply<ConsumerGroupHeartbeatResponse> {
    if !groups::serves_consumer_protocol(cx) {
        let code = cx.error(ErrorCode::UnsupportedVersion);
        let refused = ConsumerGroupHeartbeatResponse::default().with_error_code(code).with_error_message(None);
        return Reply::Now(refused.with_member_id(None).with_assignment(None));
    }
    let id = request.group_id.clone();
    if consumer::is_blank(&id) {
        return Reply::Now(refused(cx, ErrorCode::InvalidRequest, "GroupId can't be empty.".into()));
    }
    let heartbeat = Arc::new(heartbeat(cx, request));
    let asked = ask(cx, &id, &heartbeat, Matched::default());
    let cx = cx.clone();
    Reply::later(async move {
        let told = match asked.await {
            Ok(group::Reply::Consumer(consumer::Reply::Unmatched(_))) => ask_matched(&cx, &id, &heartbeat).await,
            told => told,
        };
        match told {
            Ok(group::Reply::Consumer(consumer::Reply::Heartbeat(Ok(reply)))) => accepted(reply),
            Ok(group::Reply::Consumer(consumer::Reply::Heartbeat(Err(Refused { code, message })))) => {
                refused(&cx, code, message)
            }
            Ok(other) => groups::unexpected("ConsumerGroupHeartbeat", &other, |code| {
                refused(&cx, code, "the coordinator answered something else".into())
            }),
            Err(fault) => refused(&cx, errors::coordinator(&fault), fault.to_string()),
        }
    })
}

type Told = Result<group::Reply, CoordinatorError>;

fn ask(
    cx: &Context,
    id: &str,
    heartbeat: &Arc<Heartbeat>,
    matched: Matched,
) -> impl Future<Output = Told> + Send + 'static + use<> {
    let asked = consumer::Request::Heartbeat(id.into(), heartbeat.clone(), matched);
    cx.broker.groups.submit(id, group::Request::Consumer(asked))
}

/// Finds out what expressions stand for, where nobody else waits for it: neither the shard nor this connection's thread.
async fn ask_matched(cx: &Context, id: &StrBytes, heartbeat: &Arc<Heartbeat>) -> Told {
    for _ in 0..MATCHINGS_MAX {
        let (cx, id, heartbeat) = (cx.clone(), id.clone(), heartbeat.clone());
        match with_turn(|turn| async move { match_once(&cx, &id, &heartbeat, turn).await }).await {
            None => break,
            Some(Ok(group::Reply::Consumer(consumer::Reply::Unmatched(_)))) => {}
            Some(told) => return told,
        }
    }
    // Others were quicker each time: the member comes again.
    Err(CoordinatorError::Loading)
}

async fn match_once(cx: &Context, id: &str, heartbeat: &Arc<Heartbeat>, turn: Turn) -> Option<Told> {
    // Another member of the group may have had it found out meanwhile.
    let texts = match ask(cx, id, heartbeat, Matched::default()).await {
        Ok(group::Reply::Consumer(consumer::Reply::Unmatched(texts))) => texts,
        told => return Some(told),
    };
    let (image, clock) = (cx.broker.image.load_full(), cx.broker.clock.clone());
    let matched = turn.work(clock, move |is_late| Matched::find(texts, &image, is_late)).await?;
    Some(ask(cx, id, heartbeat, matched).await)
}

fn heartbeat(cx: &Context, request: ConsumerGroupHeartbeatRequest) -> Heartbeat {
    let text = |text: Option<StrBytes>| text.map(|text| text.to_string());
    let owned = request.topic_partitions.map(|topics| {
        let mut owned = Partitions::new();
        for topic in topics {
            owned.entry(TopicId(topic.topic_id)).or_default().extend(topic.partitions);
        }
        owned
    });
    Heartbeat {
        member_id: request.member_id.to_string(),
        chooses_id: cx.version >= 1,
        member_epoch: request.member_epoch,
        instance_id: text(request.instance_id),
        rack_id: text(request.rack_id),
        rebalance_timeout_ms: (request.rebalance_timeout_ms != -1).then_some(request.rebalance_timeout_ms),
        topics: request.subscribed_topic_names.map(|names| names.iter().map(|name| name.to_string()).collect()),
        regex: text(request.subscribed_topic_regex.filter(|_| cx.version >= 1)),
        assignor: text(request.server_assignor),
        owned,
        client_id: cx.client_id.as_deref().unwrap_or_default().to_owned(),
        client_host: groups::host(cx).to_string(),
    }
}

fn accepted(reply: HeartbeatReply) -> ConsumerGroupHeartbeatResponse {
    ConsumerGroupHeartbeatResponse::default()
        .with_error_message(None)
        .with_member_id(Some(StrBytes::from_string(reply.member_id)))
        .with_member_epoch(reply.member_epoch)
        .with_heartbeat_interval_ms(reply.heartbeat_interval_ms)
        .with_assignment(reply.assignment.map(assignment))
}

fn assignment(partitions: Partitions) -> Assignment {
    let topics = partitions.into_iter().map(|(topic, partitions)| {
        TopicPartitions::default().with_topic_id(topic.0).with_partitions(partitions.into_iter().collect())
    });
    Assignment::default().with_topic_partitions(topics.collect())
}

fn refused(cx: &Context, code: ErrorCode, message: String) -> ConsumerGroupHeartbeatResponse {
    ConsumerGroupHeartbeatResponse::default()
        .with_error_code(cx.error(code))
        .with_error_message(Some(reply::message(message)))
        .with_member_id(None)
        .with_assignment(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::tests_of_versions::encodes;
    use kafka_protocol::messages::ApiKey;
    use std::collections::BTreeSet;
    use uuid::Uuid;

    #[test]
    fn answers_are_encoded_at_every_version() {
        let partitions = Partitions::from([(TopicId(Uuid::from_u128(1)), BTreeSet::from([0, 1]))]);
        for assignment in [None, Some(Partitions::new()), Some(partitions)] {
            let reply =
                HeartbeatReply { member_id: "m".into(), member_epoch: 1, heartbeat_interval_ms: 5_000, assignment };
            for version in 0..=1 {
                encodes(ApiKey::ConsumerGroupHeartbeat, version, &accepted(reply.clone()));
            }
        }
    }
}
