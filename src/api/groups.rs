//! What the handlers of groups share: asking the coordinator, and its words on the wire.
use super::{Context, errors};
use crate::{
    coordinator::group::{self, Rebalance, classic},
    image::Features,
    types::ErrorCode,
    wire::{PastRebalance, PastRebalances, StrBytes},
};
use bytes::Bytes;
use std::{future::Future, sync::Arc};

/// Decided before this returns; the future waits for the answer.
pub fn ask(
    cx: &Context,
    group: &str,
    request: classic::Request,
) -> impl Future<Output = Result<group::Reply, ErrorCode>> + Send + 'static + use<> {
    // The empty name is that of simple consumers, which have no members (GRP-1). It is refused wherever it comes to.
    let nameless = group.is_empty() && !matches!(request, classic::Request::Describe(_));
    let asked = (!nameless).then(|| cx.broker.groups.submit(group, group::Request::Classic(request)));
    async move {
        let asked = asked.ok_or(ErrorCode::InvalidGroupId)?;
        asked.await.map_err(|fault| errors::coordinator(&fault))
    }
}

/// Whether groups of the consumer protocol are served: neither the settings of this broker nor the cluster forbid it.
pub fn serves_consumer_protocol(cx: &Context) -> bool {
    cx.broker.config.groups.consumer.enabled && cx.broker.image.load().features.level(Features::GROUP_VERSION) > 0
}

/// The machine answers what it is asked; anything else is our own fault, and not the client's.
pub fn unexpected<T>(api: &'static str, reply: &group::Reply, refused: impl FnOnce(ErrorCode) -> T) -> T {
    tracing::error!(api, ?reply, "bug: the answer to another question");
    refused(ErrorCode::UnknownServerError)
}

pub fn text(text: &Arc<str>) -> StrBytes {
    StrBytes::from_string(text.to_string())
}

pub fn shared(text: Option<&StrBytes>) -> Option<Arc<str>> {
    text.map(|text| text.as_str().into())
}

/// Why a group rebalanced lately, for `ottla group describe` alone.
pub fn past(cx: &Context, rebalances: &[Rebalance]) -> Option<Bytes> {
    let is_our_own = cx.connection.software().is_some_and(|(name, _)| name == "ottla");
    if rebalances.is_empty() || !is_our_own {
        return None;
    }
    let rebalance = |rebalance: &Rebalance| PastRebalance {
        at_ms: rebalance.at_ms,
        generation: rebalance.generation,
        member_id: rebalance.member_id.to_string(),
        cause: rebalance.cause.to_string(),
        words: rebalance.words.clone(),
    };
    Some(PastRebalances { rebalances: rebalances.iter().map(rebalance).collect() }.to_tag())
}

/// Where the client is, as Kafka prints it.
pub fn host(cx: &Context) -> Arc<str> {
    format!("/{}", cx.connection.address.ip()).into()
}
