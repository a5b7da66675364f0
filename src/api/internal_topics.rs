//! The topics that coordinators keep their state in, made when they are first needed, with Kafka's settings.
use super::Context;
use crate::{
    config::InternalTopic,
    controller::{CreateTopics, NewTopic},
    coordinator::{Coordinated, GroupMachine, TransactionMachine},
    image::Image,
    types::{ErrorCode, TopicName},
};
use futures_util::future::BoxFuture;
use std::future::Future;

/// Makes `__consumer_offsets`. When it cannot be made, the log says why and clients ask again.
pub fn make_offsets(cx: &Context) -> impl Future<Output = ()> + Send + 'static + use<> {
    let own = vec![("compression.type", "producer".to_owned())];
    make(cx, GroupMachine::TOPIC, &cx.broker.config.internal_topics.offsets, own)
}

/// Makes `__transaction_state` (TXN-19), likewise.
pub fn make_transactions(cx: &Context) -> impl Future<Output = ()> + Send + 'static + use<> {
    let wanted = &cx.broker.config.internal_topics.transactions;
    let own = [
        ("compression.type", "uncompressed".to_owned()),
        ("unclean.leader.election.enable", "false".to_owned()),
        ("min.insync.replicas", wanted.min_insync_replicas.to_string()),
    ];
    make(cx, TransactionMachine::TOPIC, wanted, own.into())
}

/// The topic of this name, if a coordinator here keeps its state in it.
pub fn make_named(cx: &Context, name: &TopicName) -> Option<BoxFuture<'static, ()>> {
    match name.as_str() {
        GroupMachine::TOPIC => Some(Box::pin(make_offsets(cx))),
        TransactionMachine::TOPIC => Some(Box::pin(make_transactions(cx))),
        _ => None,
    }
}

fn make(
    cx: &Context,
    name: &'static str,
    wanted: &InternalTopic,
    own: Vec<(&'static str, String)>,
) -> impl Future<Output = ()> + Send + 'static + use<> {
    let mut configs =
        vec![("cleanup.policy", "compact".to_owned()), ("segment.bytes", wanted.segment_bytes.to_string())];
    configs.extend(own);
    let topic = NewTopic {
        partitions: wanted.partitions,
        replication_factor: replication_factor(wanted, &cx.broker.image.load()),
        configs: configs.into_iter().map(|(name, value)| (name.to_owned(), Some(value))).collect(),
        ..NewTopic::named(name)
    };
    let controller = cx.broker.controller.clone();
    async move {
        let request = CreateTopics { topics: vec![topic], validate_only: false };
        match controller.create_topics(request).await {
            Ok(created) => {
                for refused in created.into_iter().filter_map(|created| created.result.err()) {
                    // Somebody else may have been first.
                    if refused.code != ErrorCode::TopicAlreadyExists {
                        tracing::warn!(topic = name, %refused, "the coordinators' topic cannot be made");
                    }
                }
            }
            Err(failure) => tracing::warn!(topic = name, %failure, "the coordinators' topic cannot be made"),
        }
    }
}

/// As set; without a setting, Kafka's 3 or as many as there are brokers: a cluster of one simply works.
fn replication_factor(wanted: &InternalTopic, image: &Image) -> i16 {
    if wanted.replication_is_given {
        return wanted.replication_factor;
    }
    let brokers = image.cluster.brokers().filter(|broker| broker.is_active()).count();
    wanted.replication_factor.min(i16::try_from(brokers).unwrap_or(i16::MAX)).max(1)
}
