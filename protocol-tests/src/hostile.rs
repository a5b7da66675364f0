//! Frames no client would send, made from a seed: good requests cut, stretched, flipped and lied about, and pure noise.
use crate::connection::encode_request;
use crate::groups::{group_id, identity, joining};
use crate::random::Random;
use crate::wire::put_unsigned_varint;
use crate::{Batch, Codec, Topic, fetch_request, from_offset, produce_request, text, topic_name};
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_topic_partitions_request::TopicRequest;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    ApiVersionsRequest, CreateTopicsRequest, DeleteTopicsRequest, DescribeConfigsRequest, DescribeGroupsRequest,
    DescribeTopicPartitionsRequest, FindCoordinatorRequest, HeartbeatRequest, InitProducerIdRequest, JoinGroupRequest,
    LeaveGroupRequest, ListGroupsRequest, ListOffsetsRequest, MetadataRequest, SyncGroupRequest,
};
use kafka_protocol::protocol::Request;

/// What is done to a good request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// Ends early; its length is true.
    Cut,
    /// Its length claims more than comes, up to 100 MiB.
    Short,
    /// Its length is negative or absurd.
    Length,
    /// Bits are flipped after the header.
    Flip,
    /// Some number inside becomes enormous or negative.
    Bomb,
    /// Bytes follow the body.
    Tail,
    /// Noise with a true length.
    Noise,
    /// A good key and version, noise after it.
    NoisyBody,
    /// A key or version that does not exist.
    Stranger,
    /// Tags without end.
    Tags,
}

pub const HARMS: [Harm; 10] = [
    Harm::Cut,
    Harm::Short,
    Harm::Length,
    Harm::Flip,
    Harm::Bomb,
    Harm::Tail,
    Harm::Noise,
    Harm::NoisyBody,
    Harm::Stranger,
    Harm::Tags,
];

/// Good requests to spoil; none of them, and nothing they can become by a flip, changes what other scenarios see.
pub fn good_requests(topic: &Topic) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for version in 0..=4 {
        let request = ApiVersionsRequest::default();
        add(&mut all, version, &if version < 3 { request } else { request.with_client_software_name(text("x")) });
    }
    for version in [0, 1, 4, 9, 12, 13] {
        let one = MetadataRequestTopic::default().with_name(Some(topic.wire_name()));
        let request = MetadataRequest::default().with_topics(Some(vec![one]));
        add(&mut all, version, &request.with_allow_auto_topic_creation(version < 4));
    }
    for version in [3, 7, 9, 12, 13] {
        let batch = Batch::of(&["hostile", "bytes"]);
        add(&mut all, version, &produce_request(version, topic, 0, batch.encode()));
        let packed = if version < 7 { Codec::Gzip } else { Codec::Zstd };
        add(&mut all, version, &produce_request(version, topic, 0, batch.codec(packed).encode()));
    }
    for version in [4, 7, 11, 12, 13, 18] {
        add(&mut all, version, &fetch_request(version, topic, vec![from_offset(0, 0)]));
    }
    for version in [1, 6, 10] {
        let one = ListOffsetsPartition::default().with_timestamp(-1).with_current_leader_epoch(-1);
        let of_topic = ListOffsetsTopic::default().with_name(topic.wire_name()).with_partitions(vec![one]);
        add(&mut all, version, &ListOffsetsRequest::default().with_replica_id((-1).into()).with_topics(vec![of_topic]));
    }
    for version in [0, 3, 5] {
        let request = InitProducerIdRequest::default().with_transactional_id(None).with_transaction_timeout_ms(1);
        add(&mut all, version, &request.with_producer_id((-1).into()).with_producer_epoch(-1));
    }
    for version in [1, 4] {
        let one =
            DescribeConfigsResource::default().with_resource_type(2).with_resource_name(text(topic.name.as_str()));
        add(&mut all, version, &DescribeConfigsRequest::default().with_resources(vec![one]));
    }
    let one = TopicRequest::default().with_name(topic.wire_name());
    add(&mut all, 0, &DescribeTopicPartitionsRequest::default().with_topics(vec![one]));
    add(&mut all, 1, &FindCoordinatorRequest::default().with_key(text("hostile")));
    add(&mut all, 4, &FindCoordinatorRequest::default().with_coordinator_keys(vec![text("hostile")]));
    add_groups(&mut all);
    // Refused whatever is flipped: no topic has such a name.
    let one =
        CreatableTopic::default().with_name(topic_name("/ / /")).with_num_partitions(1).with_replication_factor(1);
    let create = CreateTopicsRequest::default().with_topics(vec![one]).with_validate_only(true);
    add(&mut all, 2, &create);
    add(&mut all, 7, &create);
    let one = DeleteTopicState::default().with_name(Some(topic_name("/ / /")));
    add(&mut all, 6, &DeleteTopicsRequest::default().with_topics(vec![one]));
    all
}

/// Of a group that nobody is in; the session timeout is refused, so that hardly a flip makes a member.
fn add_groups(all: &mut Vec<Vec<u8>>) {
    let group = || group_id("hostile");
    for version in [0, 4, 5, 9] {
        let request: JoinGroupRequest = joining("hostile", "", &["range", "sticky"]).with_session_timeout_ms(0);
        add(all, version, &request);
    }
    for version in [0, 3, 5] {
        let assigned = SyncGroupRequestAssignment::default().with_assignment(vec![7; 20].into());
        let request = SyncGroupRequest::default().with_group_id(group()).with_assignments(vec![assigned]);
        add(all, version, &request.with_protocol_type(None).with_protocol_name(None).with_group_instance_id(None));
        let request = HeartbeatRequest::default().with_group_id(group()).with_group_instance_id(None);
        add(all, version.min(4), &request);
    }
    add(all, 0, &LeaveGroupRequest::default().with_group_id(group()).with_member_id(text("nobody")));
    let many = vec![identity("nobody", None), identity("", Some("nothing"))];
    add(all, 5, &LeaveGroupRequest::default().with_group_id(group()).with_members(many));
    for version in [0, 6] {
        add(all, version, &DescribeGroupsRequest::default().with_groups(vec![group()]));
        add(all, version.min(5), &ListGroupsRequest::default());
    }
}

fn add<R: Request>(all: &mut Vec<Vec<u8>>, version: i16, request: &R) {
    all.push(encode_request(version, request, 1, "hostile").to_vec());
}

/// The bytes to send, length and all.
pub fn spoil(random: &mut Random, harm: Harm, good: &[u8]) -> Vec<u8> {
    let mut frame = good.to_vec();
    // Key, version and correlation id stay; the client id does not.
    let header = 8;
    match harm {
        Harm::Cut => frame.truncate(random.below(good.len())),
        Harm::Short => {
            let more = [1, 100, 65_536, 100 << 20][random.below(4)];
            return with_length((good.len() + more).min(100 << 20) as i32, &frame);
        }
        Harm::Length => {
            let length = [-1, i32::MIN, i32::MAX, -2, (100 << 20) + 1, 0x4745_5420][random.below(6)];
            return with_length(length, &frame);
        }
        Harm::Flip => {
            for _ in 0..=random.below(8) {
                let at = header + random.below(frame.len() - header);
                frame[at] ^= 1 << random.below(8);
            }
        }
        Harm::Bomb => bomb(random, &mut frame, header),
        Harm::Tail => {
            let more = 1 + random.below(300);
            frame.extend(random.bytes(more));
        }
        Harm::Noise => {
            let length = random.below(400);
            frame = random.bytes(length);
        }
        Harm::NoisyBody => {
            frame.truncate(header);
            let length = random.below(400);
            frame.extend(random.bytes(length));
        }
        Harm::Stranger => {
            let number = [-1, i16::MAX, i16::MIN, 999, 1234][random.below(5)];
            let at = 2 * random.below(2);
            frame[at..at + 2].copy_from_slice(&number.to_be_bytes());
        }
        Harm::Tags => tags(random, &mut frame, header),
    }
    with_length(frame.len() as i32, &frame)
}

fn bomb(random: &mut Random, frame: &mut [u8], header: usize) {
    let lies: [&[u8]; 8] = [
        &[0x7f, 0xff, 0xff, 0xff],
        &[0xff, 0xff, 0xff, 0xff],
        &[0x80, 0, 0, 0],
        &[0x7f, 0xff],
        &[0xff, 0xff, 0xff, 0xff, 0x0f],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[0xfe, 0xff, 0xff, 0xff, 0x07],
        &[0, 0xff, 0xff, 0xff],
    ];
    let lie = lies[random.below(lies.len())];
    let at = header + random.below(frame.len() - header);
    let length = lie.len().min(frame.len() - at);
    frame[at..at + length].copy_from_slice(&lie[..length]);
}

/// Ends the frame with a tag section that promises far too much, or one that truly holds very much.
fn tags(random: &mut Random, frame: &mut Vec<u8>, header: usize) {
    match random.below(4) {
        0 => {
            frame.truncate(header);
            put_unsigned_varint(frame, u32::MAX);
        }
        1 => {
            frame.truncate(header);
            put_unsigned_varint(frame, 1);
            put_unsigned_varint(frame, 5);
            put_unsigned_varint(frame, u32::MAX);
        }
        2 => {
            frame.truncate(header);
            put_unsigned_varint(frame, 20_000);
            for tag in 0..20_000 {
                put_unsigned_varint(frame, tag);
                put_unsigned_varint(frame, 0);
            }
        }
        _ => {
            frame.truncate(header);
            put_unsigned_varint(frame, 1_000);
            // The same tag again and again, each holding what looks like a tag section.
            for _ in 0..1_000 {
                frame.extend([7, 3, 1, 7, 0]);
            }
        }
    }
}

fn with_length(length: i32, frame: &[u8]) -> Vec<u8> {
    [&length.to_be_bytes(), frame].concat()
}
