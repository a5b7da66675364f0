//! DescribeCluster 0-2 (KIP-700): the cluster's id and brokers. Version 1 adds endpoint types (KIP-919), 2 fenced
//! brokers.
use super::{Context, Reply, operations, reply};
use crate::{types::ErrorCode, wire::StrBytes};
use kafka_protocol::messages::{
    BrokerId, DescribeClusterRequest, DescribeClusterResponse, describe_cluster_response::DescribeClusterBroker,
};

const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

pub fn handle(cx: &Context, request: DescribeClusterRequest) -> Reply<DescribeClusterResponse> {
    let response = DescribeClusterResponse::default().with_error_message(None);
    let refused = |code: ErrorCode, why: String| {
        let message = Some(reply::message(why));
        Reply::Now(response.clone().with_error_code(cx.error(code)).with_error_message(message))
    };
    match request.endpoint_type {
        BROKERS => {}
        CONTROLLERS => {
            return refused(
                ErrorCode::MismatchedEndpointType,
                "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER"
                    .into(),
            );
        }
        other => return refused(ErrorCode::UnsupportedEndpointType, format!("Unsupported endpoint type {other}")),
    }
    let image = cx.broker.image.load();
    let brokers = image.cluster.brokers().filter(|broker| !broker.fenced || request.include_fenced_brokers);
    let brokers = brokers.filter_map(|broker| {
        let endpoint = broker.endpoint(&cx.connection.listener)?;
        let described = DescribeClusterBroker::default()
            .with_broker_id(BrokerId(broker.id.0))
            .with_host(StrBytes::from_string(endpoint.host.clone()))
            .with_port(i32::from(endpoint.port))
            .with_rack(broker.rack.clone().map(StrBytes::from_string));
        Some(if cx.version >= 2 { described.with_is_fenced(broker.fenced) } else { described })
    });
    let asked = request.include_cluster_authorized_operations;
    Reply::Now(
        response
            .clone()
            .with_brokers(brokers.collect())
            .with_cluster_id(StrBytes::from_string(cx.broker.cluster_id.clone()))
            .with_controller_id(BrokerId(cx.broker.node_id.0))
            .with_endpoint_type(BROKERS)
            .with_cluster_authorized_operations(if asked { operations::CLUSTER } else { operations::NOT_ASKED }),
    )
}
