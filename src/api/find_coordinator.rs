//! FindCoordinator 0-5: who coordinates a group or a transactional id. Version 1 adds key types, 3 is flexible, 4 asks
//! for several keys at once (KIP-699). 6 would only add share groups, of which there are none here.
//!
//! The first question makes the topic that groups, or transactional ids, are kept in; the answer waits for it, so that
//! clients need not ask twice.
use super::{Context, Reply, internal_topics};
use crate::{
    coordinator::{Coordinated, GroupMachine, TransactionMachine, partition_of},
    image::Image,
    types::ErrorCode,
    wire::StrBytes,
};
use futures_util::future::BoxFuture;
use kafka_protocol::messages::{
    BrokerId, FindCoordinatorRequest, FindCoordinatorResponse, find_coordinator_response::Coordinator,
};

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
/// What Kafka says of no error where one coordinator is told.
const NO_ERROR: &str = "NONE";

/// The coordinating broker, or why there is none.
type Found = Result<(BrokerId, StrBytes, i32), (ErrorCode, &'static str)>;

pub fn handle(cx: &Context, request: FindCoordinatorRequest) -> Reply<FindCoordinatorResponse> {
    let image = cx.broker.image.load_full();
    let is_missing = |topic| image.topics.named(topic).is_none();
    let asked = cx.version < 4 || !request.coordinator_keys.is_empty();
    let made: BoxFuture<'static, ()> = match request.key_type {
        GROUP if asked && is_missing(GroupMachine::TOPIC) => Box::pin(internal_topics::make_offsets(cx)),
        TRANSACTION if asked && is_missing(TransactionMachine::TOPIC) => {
            Box::pin(internal_topics::make_transactions(cx))
        }
        _ => return Reply::Now(answer(cx, &image, &request)),
    };
    let cx = cx.clone();
    Reply::later(async move {
        made.await;
        answer(&cx, &cx.broker.image.load_full(), &request)
    })
}

fn answer(cx: &Context, image: &Image, request: &FindCoordinatorRequest) -> FindCoordinatorResponse {
    let response = FindCoordinatorResponse::default().with_error_message(None);
    if cx.version >= 4 {
        let coordinators = request.coordinator_keys.iter().map(|key| {
            let coordinator = Coordinator::default().with_key(key.clone()).with_error_message(None);
            match find(cx, image, request.key_type, key) {
                Ok((id, host, port)) => {
                    let coordinator = coordinator.with_node_id(id).with_host(host).with_port(port);
                    coordinator.with_error_message(Some(StrBytes::default()))
                }
                Err((code, message)) => coordinator
                    .with_node_id(BrokerId(-1))
                    .with_port(-1)
                    .with_error_code(cx.error(code))
                    .with_error_message(Some(StrBytes::from_static_str(message))),
            }
        });
        return response.with_coordinators(coordinators.collect());
    }
    match find(cx, image, request.key_type, &request.key) {
        Ok((id, host, port)) => response
            .with_node_id(id)
            .with_host(host)
            .with_port(port)
            .with_error_message((cx.version >= 1).then(|| StrBytes::from_static_str(NO_ERROR))),
        Err((code, message)) => response
            .with_node_id(BrokerId(-1))
            .with_port(-1)
            .with_error_code(cx.error(code))
            .with_error_message((cx.version >= 1).then(|| StrBytes::from_static_str(message))),
    }
}

fn find(cx: &Context, image: &Image, key_type: i8, key: &str) -> Found {
    match key_type {
        GROUP => leader(cx, image, GroupMachine::TOPIC, key).ok_or((
            ErrorCode::CoordinatorNotAvailable,
            "The coordinator is not available: no broker leads its partition of __consumer_offsets right now.",
        )),
        TRANSACTION => leader(cx, image, TransactionMachine::TOPIC, key).ok_or((
            ErrorCode::CoordinatorNotAvailable,
            "The coordinator is not available: no broker leads its partition of __transaction_state right now.",
        )),
        _ => Err((ErrorCode::InvalidRequest, "Unknown key type.")),
    }
}

/// Whoever leads the key's partition, as the client reaches it through its listener.
fn leader(cx: &Context, image: &Image, topic: &str, key: &str) -> Option<(BrokerId, StrBytes, i32)> {
    let topic = image.topics.named(topic)?;
    let partition = partition_of(key, topic.partitions.len() as i32);
    let leader = topic.partitions.get(&partition)?.leader?;
    let broker = image.cluster.broker(leader).filter(|broker| !broker.fenced)?;
    let endpoint = broker.endpoint(&cx.connection.listener)?;
    let host = StrBytes::from_string(endpoint.host.clone());
    Some((BrokerId(leader.0), host, i32::from(endpoint.port)))
}
