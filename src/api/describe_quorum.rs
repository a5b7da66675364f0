//! DescribeQuorum 0-2 (KIP-595): who leads the metadata log and how far everybody is. Version 1 adds when they were last seen
//! (KIP-836), 2 messages, log directories and where the voters listen (KIP-853).
use super::{Context, Reply};
use crate::{controller::QuorumState, image::Controller, types::ErrorCode, wire::StrBytes};
use kafka_protocol::messages::{
    BrokerId, DescribeQuorumRequest, DescribeQuorumResponse,
    describe_quorum_response::{Listener, Node, PartitionData, ReplicaState, TopicData},
};

const TOPIC: &str = "__cluster_metadata";

pub fn handle(cx: &Context, request: DescribeQuorumRequest) -> Reply<DescribeQuorumResponse> {
    let asks_for_it = match request.topics.as_slice() {
        [topic] => {
            topic.topic_name.as_str() == TOPIC && matches!(&*topic.partitions, [one] if one.partition_index == 0)
        }
        _ => false,
    };
    if !asks_for_it {
        return Reply::Now(unknown(cx, &request));
    }
    let partition = match cx.broker.controller.quorum() {
        Some(state) => partition(cx, state),
        None => PartitionData::default().with_error_code(cx.error(ErrorCode::NotLeaderOrFollower)),
    };
    let topic = TopicData::default().with_topic_name(StrBytes::from_static_str(TOPIC).into());
    let answer = DescribeQuorumResponse::default().with_topics(vec![topic.with_partitions(vec![partition])]);
    if cx.version < 2 {
        return Reply::Now(answer);
    }
    let image = cx.broker.image.load();
    Reply::Now(answer.with_nodes(image.cluster.controllers().map(|controller| node(controller)).collect()))
}

fn unknown(cx: &Context, request: &DescribeQuorumRequest) -> DescribeQuorumResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            let told = PartitionData::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(cx.error(ErrorCode::UnknownTopicOrPartition));
            let text = StrBytes::from_static_str("This server does not host this topic-partition.");
            if cx.version >= 2 { told.with_error_message(Some(text)) } else { told }
        });
        TopicData::default().with_topic_name(topic.topic_name.clone()).with_partitions(partitions.collect())
    });
    DescribeQuorumResponse::default().with_topics(topics.collect())
}

/// As the leader, which is the only voter.
fn partition(cx: &Context, state: QuorumState) -> PartitionData {
    let voter = ReplicaState::default().with_replica_id(BrokerId(state.leader.0)).with_log_end_offset(state.end.get());
    let now = cx.broker.clock.wall_ms();
    let voter = match cx.version {
        0 => voter,
        _ => voter.with_last_fetch_timestamp(now).with_last_caught_up_timestamp(now),
    };
    PartitionData::default()
        .with_leader_id(BrokerId(state.leader.0))
        .with_leader_epoch(state.epoch.get())
        .with_high_watermark(state.committed.get())
        .with_current_voters(vec![voter])
}

fn node(controller: &Controller) -> Node {
    let listeners = controller.endpoints.iter().map(|endpoint| {
        Listener::default()
            .with_name(StrBytes::from_string(endpoint.name.clone()))
            .with_host(StrBytes::from_string(endpoint.host.clone()))
            .with_port(endpoint.port)
    });
    Node::default().with_node_id(BrokerId(controller.id.0)).with_listeners(listeners.collect())
}
