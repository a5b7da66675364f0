//! Every API this broker serves. Dispatch, ApiVersions, metric labels and docs/COMPATIBILITY.md come from this list
//! alone.
use super::{Closing, Connection, Context, Reply, Response};
use crate::{
    api::Broker,
    metrics::ApiMetrics,
    wire::{Body, Malformed, RequestHeader, Version, decode, shape_of},
};
use bytes::Bytes;
use kafka_protocol::{messages::ApiKey, protocol::Encodable};
use std::sync::Arc;

/// One API.
pub struct Route {
    pub key: ApiKey,
    pub name: &'static str,
    /// Lowest version that ApiVersions names. Below `min` only for Produce, see there.
    pub advertised_min: Version,
    /// Versions that are served.
    pub min: Version,
    pub max: Version,
    handle: fn(&Context, Bytes) -> Result<Reply<Response>, Malformed>,
}

macro_rules! apis {
    ($($name:ident $advertised:literal, $min:literal..=$max:literal => $handle:path;)*) => {
        /// Sorted by key.
        pub const TABLE: &[Route] = &[$(Route {
            key: ApiKey::$name,
            name: stringify!($name),
            advertised_min: $advertised,
            min: $min,
            max: $max,
            handle: |cx, body| serve(cx, body, $handle),
        }),*];
    };
}

// Produce is named from 0 although 0 to 2 are not served, as in Apache Kafka: older librdkafka stops compressing
// otherwise (KAFKA-18659, pitfall 5).
apis! {
    Produce                 0, 3..=13 => super::produce::handle;
    Fetch                   4, 4..=18 => super::fetch::handle;
    ListOffsets             1, 1..=11 => super::list_offsets::handle;
    Metadata                0, 0..=13 => super::metadata::handle;
    OffsetCommit            2, 2..=10 => super::offset_commit::handle;
    OffsetFetch             1, 1..=10 => super::offset_fetch::handle;
    FindCoordinator         0, 0..=5  => super::find_coordinator::handle;
    JoinGroup               0, 0..=9  => super::join_group::handle;
    Heartbeat               0, 0..=4  => super::heartbeat::handle;
    LeaveGroup              0, 0..=5  => super::leave_group::handle;
    SyncGroup               0, 0..=5  => super::sync_group::handle;
    DescribeGroups          0, 0..=6  => super::describe_groups::handle;
    ListGroups              0, 0..=5  => super::list_groups::handle;
    SaslHandshake           0, 0..=1  => super::sasl_handshake::handle;
    ApiVersions             0, 0..=4  => super::api_versions::handle;
    CreateTopics            2, 2..=7  => super::create_topics::handle;
    DeleteTopics            1, 1..=6  => super::delete_topics::handle;
    DeleteRecords           0, 0..=2  => super::delete_records::handle;
    InitProducerId          0, 0..=5  => super::init_producer_id::handle;
    OffsetForLeaderEpoch    2, 2..=4  => super::offset_for_leader_epoch::handle;
    AddPartitionsToTxn      0, 0..=5  => super::add_partitions_to_txn::handle;
    AddOffsetsToTxn         0, 0..=4  => super::add_offsets_to_txn::handle;
    EndTxn                  0, 0..=5  => super::end_txn::handle;
    WriteTxnMarkers         1, 1..=2  => super::write_txn_markers::handle;
    TxnOffsetCommit         0, 0..=5  => super::txn_offset_commit::handle;
    DescribeConfigs         1, 1..=4  => super::describe_configs::handle;
    AlterConfigs            0, 0..=2  => super::alter_configs::handle;
    AlterReplicaLogDirs     1, 1..=2  => super::alter_replica_log_dirs::handle;
    DescribeLogDirs         1, 1..=5  => super::describe_log_dirs::handle;
    SaslAuthenticate        0, 0..=2  => super::sasl_authenticate::handle;
    CreatePartitions        0, 0..=3  => super::create_partitions::handle;
    DeleteGroups            0, 0..=2  => super::delete_groups::handle;
    ElectLeaders            0, 0..=2  => super::elect_leaders::handle;
    IncrementalAlterConfigs 0, 0..=1  => super::incremental_alter_configs::handle;
    AlterPartitionReassignments 0, 0..=1 => super::alter_partition_reassignments::handle;
    ListPartitionReassignments  0, 0..=0 => super::list_partition_reassignments::handle;
    OffsetDelete            0, 0..=0  => super::offset_delete::handle;
    DescribeQuorum          0, 0..=2  => super::describe_quorum::handle;
    UpdateFeatures          0, 0..=2  => super::update_features::handle;
    DescribeCluster         0, 0..=2  => super::describe_cluster::handle;
    DescribeProducers       0, 0..=0  => super::describe_producers::handle;
    DescribeTransactions    0, 0..=0  => super::describe_transactions::handle;
    ListTransactions        0, 0..=2  => super::list_transactions::handle;
    ConsumerGroupHeartbeat  0, 0..=1  => super::consumer_group_heartbeat::handle;
    ConsumerGroupDescribe   0, 0..=1  => super::consumer_group_describe::handle;
    ListConfigResources     0, 0..=1  => super::list_config_resources::handle;
    DescribeTopicPartitions 0, 0..=0  => super::describe_topic_partitions::handle;
}

/// What a handler's answer becomes on the wire: most are one message, Fetch is bytes and files.
pub trait IntoResponse: Send + 'static {
    fn into_response(self, cx: &Context) -> Response;
}

impl<T: Encodable + Send + 'static> IntoResponse for T {
    fn into_response(self, cx: &Context) -> Response {
        Response::frame(cx.key, cx.version, cx.correlation_id, &self)
    }
}

impl IntoResponse for Response {
    fn into_response(self, _: &Context) -> Response {
        self
    }
}

fn serve<T: Body, R: IntoResponse>(
    cx: &Context,
    mut body: Bytes,
    handle: fn(&Context, T) -> Reply<R>,
) -> Result<Reply<Response>, Malformed> {
    let request = decode::<T>(cx.key, cx.version, &mut body)?;
    drop(body);
    Ok(match handle(cx, request) {
        Reply::Now(answer) => Reply::Now(answer.into_response(cx)),
        Reply::Later(answer) => {
            let cx = cx.clone();
            Reply::later(async move { answer.await.into_response(&cx) })
        }
        Reply::Held(answer) => {
            let cx = cx.clone();
            Reply::Held(Box::pin(async move { answer.await.map(move |answer| answer.into_response(&cx)) }))
        }
    })
}

/// Whether requests of this API look at records or at where they end: on one connection they come after the writes
/// before them.
pub fn reads_records(key: i16) -> bool {
    const READING: [ApiKey; 4] =
        [ApiKey::Fetch, ApiKey::ListOffsets, ApiKey::DeleteRecords, ApiKey::OffsetForLeaderEpoch];
    READING.iter().any(|read| *read as i16 == key)
}

/// A handled request: its answer, and the metrics of its API when it has one.
pub struct Routed {
    pub reply: Reply<Response>,
    /// It writes records: what reads them comes after its answer.
    pub writes: bool,
    pub metrics: Option<Arc<ApiMetrics>>,
}

/// The table with the broker behind it.
pub struct Router {
    broker: Arc<Broker>,
    /// By API key; `None` where the table has a gap.
    rows: Vec<Option<(&'static Route, Arc<ApiMetrics>)>>,
}

impl Router {
    pub fn new(broker: Arc<Broker>) -> Router {
        let mut rows = Vec::new();
        for route in TABLE {
            let key = route.key as usize;
            rows.resize_with(rows.len().max(key + 1), || None);
            rows[key] = Some((route, Arc::new(broker.metrics.api(route.name, route.max))));
        }
        Router { broker, rows }
    }

    /// Handles one frame.
    pub fn route(&self, connection: &Arc<Connection>, mut frame: Bytes) -> Routed {
        let close = |why| Routed { reply: Reply::Now(Response::Close(why)), writes: false, metrics: None };
        let Some((key, version, correlation_id)) = RequestHeader::peek(&frame) else { return close(Closing::Header) };
        let row = usize::try_from(key).ok().and_then(|key| self.rows.get(key)).and_then(Option::as_ref);
        let Some((route, metrics)) = row else { return close(Closing::UnknownApi { key }) };
        if !(route.min..=route.max).contains(&version) {
            if route.key == ApiKey::ApiVersions {
                // KIP-511: the one API that is answered at any version, in the encoding of version 0 (pitfall 2).
                let response = super::api_versions::unsupported_version();
                let reply = Reply::Now(Response::frame(route.key, 0, correlation_id, &response));
                return Routed { reply, writes: false, metrics: Some(metrics.clone()) };
            }
            return close(Closing::UnsupportedVersion { api: route.name, version });
        }
        let flexible = shape_of(key).is_some_and(|shape| shape.flexible(version));
        let Some(header) = RequestHeader::take(&mut frame, flexible) else { return close(Closing::Header) };
        metrics.count(version);
        let cx = Context {
            broker: self.broker.clone(),
            client_id: connection.note_client_id(header.client_id.as_deref()),
            connection: connection.clone(),
            metrics: metrics.clone(),
            key: route.key,
            version,
            correlation_id,
        };
        match (route.handle)(&cx, frame) {
            Ok(reply) => {
                let writes = matches!(route.key, ApiKey::Produce | ApiKey::WriteTxnMarkers);
                Routed { reply, writes, metrics: Some(metrics.clone()) }
            }
            Err(fault) => close(Closing::Malformed { api: route.name, version, reason: fault.to_string() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::SHAPES;

    #[test]
    fn keys_rise_and_every_row_has_a_shape() {
        assert!(TABLE.windows(2).all(|pair| (pair[0].key as i16) < pair[1].key as i16));
        for route in TABLE {
            assert!(shape_of(route.key as i16).is_some(), "{}", route.name);
            assert!(route.advertised_min <= route.min && route.min <= route.max);
        }
        assert_eq!(SHAPES.len(), TABLE.len());
    }
}
