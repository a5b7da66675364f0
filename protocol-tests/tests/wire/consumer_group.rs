//! Groups of the consumer protocol (KIP-848): ConsumerGroupHeartbeat and ConsumerGroupDescribe, their errors, and the
//! settings of single groups.
use kafka_protocol::messages::consumer_group_describe_response::DescribedGroup;
use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
    DescribeConfigsRequest, IncrementalAlterConfigsRequest,
};
use protocol_tests::groups::{DESCRIBE, JOIN, describe as describe_classic, group_id, joining, new_group};
use protocol_tests::time::eventually;
use protocol_tests::{Code, Connection, Topic, assert_error, assert_ok, fresh_name, new_topic, text, topic_name};
use std::collections::BTreeSet;

const NEWEST: i16 = 1;
/// `ConfigResource.Type.GROUP`.
const GROUP: i8 = 32;

fn staying(group: &str, member: &str, epoch: i32) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest::default()
        .with_group_id(group_id(group))
        .with_member_id(text(member))
        .with_member_epoch(epoch)
}

fn joining_with(group: &str, member: &str, topics: &[&str]) -> ConsumerGroupHeartbeatRequest {
    staying(group, member, 0)
        .with_rebalance_timeout_ms(30_000)
        .with_subscribed_topic_names(Some(topics.iter().map(|name| topic_name(*name)).collect()))
        .with_topic_partitions(Some(vec![]))
}

fn owning(request: ConsumerGroupHeartbeatRequest, topic: &Topic, partitions: &[i32]) -> ConsumerGroupHeartbeatRequest {
    let owned = TopicPartitions::default().with_topic_id(topic.id).with_partitions(partitions.to_vec());
    request.with_topic_partitions(Some(vec![owned]))
}

#[track_caller]
fn beat(connection: &mut Connection, request: &ConsumerGroupHeartbeatRequest) -> ConsumerGroupHeartbeatResponse {
    let answer = connection.call(NEWEST, request);
    assert_ok(answer.error_code);
    assert_eq!(answer.error_message, None);
    answer
}

/// Refused at each version, with words.
#[track_caller]
fn refused(connection: &mut Connection, request: &ConsumerGroupHeartbeatRequest, code: Code) {
    let answer = connection.call(NEWEST, request);
    assert_error(answer.error_code, code);
    assert!(answer.error_message.is_some_and(|message| !message.is_empty()));
    assert_eq!((answer.member_id, answer.member_epoch, answer.assignment), (None, 0, None));
}

/// The partitions of an answer, of whichever topic; `None`: as before.
fn partitions(answer: &ConsumerGroupHeartbeatResponse) -> Option<BTreeSet<i32>> {
    let assignment = answer.assignment.as_ref()?;
    Some(assignment.topic_partitions.iter().flat_map(|topic| topic.partitions.iter().copied()).collect())
}

fn describe(connection: &mut Connection, version: i16, group: &str) -> DescribedGroup {
    let request = ConsumerGroupDescribeRequest::default().with_group_ids(vec![group_id(group)]);
    let mut answer = connection.call(version, &request);
    assert_eq!(answer.groups.len(), 1);
    answer.groups.remove(0)
}

#[test]
fn cg_4_two_members_share_and_the_first_gives_way() {
    let mut connection = Connection::open_as("two members");
    let (group, topic) = (new_group(), new_topic(&mut connection, 4));
    let mut first = beat(&mut connection, &joining_with(&group, "a", &[&topic.name]));
    assert_eq!(first.member_id.as_ref().map(|id| id.as_str()), Some("a"));
    assert!(first.member_epoch > 0 && first.heartbeat_interval_ms > 0);
    // Apache Kafka's coordinator may hear of a new topic a moment later.
    eventually(10_000, "the first gets all", || {
        if partitions(&first) != Some(BTreeSet::from([0, 1, 2, 3])) {
            first = beat(&mut connection, &staying(&group, "a", first.member_epoch));
        }
        (partitions(&first) == Some(BTreeSet::from([0, 1, 2, 3]))).then_some(())
    });
    let joined = beat(&mut connection, &joining_with(&group, "b", &[&topic.name]));
    assert_eq!(partitions(&joined), Some(BTreeSet::new()), "all have an owner");
    let mut epoch = joined.member_epoch;
    let kept = eventually(10_000, "the first is told to give way", || {
        epoch = beat(&mut connection, &staying(&group, "b", epoch)).member_epoch;
        partitions(&beat(&mut connection, &staying(&group, "a", first.member_epoch)))
    });
    assert_eq!(kept.len(), 2);
    let kept: Vec<i32> = kept.into_iter().collect();
    let moved = beat(&mut connection, &owning(staying(&group, "a", first.member_epoch), &topic, &kept));
    assert!(moved.member_epoch > first.member_epoch);
    let got = eventually(10_000, "the second gets the rest", || {
        let answer = beat(&mut connection, &staying(&group, "b", epoch));
        epoch = answer.member_epoch;
        partitions(&answer).filter(|got| !got.is_empty())
    });
    assert!(got.len() == 2 && got.iter().all(|partition| !kept.contains(partition)));
    let described = describe(&mut connection, NEWEST, &group);
    assert_ok(described.error_code);
    assert_eq!((described.group_state.as_str(), described.assignor_name.as_str()), ("Stable", "uniform"));
    assert_eq!((described.group_epoch, described.assignment_epoch), (epoch, epoch));
    for member in &described.members {
        assert_eq!((member.client_id.as_str(), member.client_host.as_str()), ("two members", "/127.0.0.1"));
        assert_eq!((member.member_type, member.member_epoch), (1, epoch));
        assert_eq!(member.subscribed_topic_names, [topic.wire_name()]);
        let (has, shall) = (&member.assignment.topic_partitions, &member.target_assignment.topic_partitions);
        assert_eq!((has.len(), shall.len(), has[0].partitions.len()), (1, 1, 2));
        assert_eq!((&has[0].topic_name, has[0].topic_id), (&topic.wire_name(), topic.id));
    }
    beat(&mut connection, &staying(&group, "a", -1));
    beat(&mut connection, &staying(&group, "b", -1));
    assert_eq!(describe(&mut connection, 0, &group).group_state.as_str(), "Empty");
}

#[test]
fn cg_1_requests_that_make_no_sense_are_refused() {
    let mut connection = Connection::open();
    let group = new_group();
    let join = || joining_with(&group, "a", &["t"]);
    let topic = Topic { name: "t".into(), id: uuid::Uuid::from_u128(1) };
    let broken = [
        join().with_group_id(group_id("")),
        join().with_member_id(text("")),
        join().with_instance_id(Some(text(""))),
        join().with_rack_id(Some(text(""))),
        join().with_group_id(group_id("  ")),
        join().with_member_id(text(" \t")),
        join().with_instance_id(Some(text(" "))),
        join().with_rack_id(Some(text("\u{1}\n"))),
        join().with_rebalance_timeout_ms(-1),
        join().with_topic_partitions(None),
        owning(join(), &topic, &[0]),
        join().with_subscribed_topic_names(None),
        staying(&group, "a", -3),
        staying(&group, "a", -2),
        staying(&group, "", -1),
        staying(&group, "", 3),
    ];
    for request in broken {
        refused(&mut connection, &request, Code::InvalidRequest);
    }
    refused(&mut connection, &join().with_server_assignor(Some(text("cyclic"))), Code::UnsupportedAssignor);
    let regex = join().with_subscribed_topic_regex(Some(text("a(")));
    refused(&mut connection, &regex, Code::InvalidRegularExpression);
    refused(&mut connection, &staying(&group, "a", 1), Code::GroupIdNotFound);
    refused(&mut connection, &staying(&group, "a", -1), Code::GroupIdNotFound);
    let described = describe(&mut connection, NEWEST, &group);
    assert_error(described.error_code, Code::GroupIdNotFound);
    let told = described.error_message.map(|message| message.to_string());
    assert_eq!(told, Some(format!("Group {group} not found.")), "the words that Kafka's tools show");
    assert_error(describe(&mut connection, NEWEST, "").error_code, Code::InvalidGroupId);
}

#[test]
fn cg_1_version_0_may_leave_the_member_id_to_the_coordinator() {
    let mut connection = Connection::open();
    let group = new_group();
    let answer = connection.call(0, &joining_with(&group, "", &[]));
    assert_ok(answer.error_code);
    let id = answer.member_id.expect("it has a name now");
    assert!(!id.is_empty());
    let stays = connection.call(0, &staying(&group, &id, answer.member_epoch));
    assert_ok(stays.error_code);
    assert_eq!((stays.assignment, stays.member_epoch), (None, answer.member_epoch));
}

#[test]
fn cg_2_epochs_that_are_not_the_members_are_fenced() {
    let mut connection = Connection::open();
    let (group, topic) = (new_group(), new_topic(&mut connection, 2));
    let joined = beat(&mut connection, &joining_with(&group, "a", &[&topic.name]));
    refused(&mut connection, &staying(&group, "a", joined.member_epoch + 1), Code::FencedMemberEpoch);
    if joined.member_epoch > 1 {
        refused(&mut connection, &staying(&group, "a", joined.member_epoch - 1), Code::FencedMemberEpoch);
    }
    refused(&mut connection, &staying(&group, "b", joined.member_epoch), Code::UnknownMemberId);
    refused(&mut connection, &staying(&group, "b", -1), Code::UnknownMemberId);
    let again = beat(&mut connection, &joining_with(&group, "a", &[&topic.name]));
    assert_eq!((again.member_epoch, partitions(&again)), (joined.member_epoch, Some(BTreeSet::from([0, 1]))));
}

#[test]
fn cg_7_static_members_leave_for_a_while_and_come_back() {
    let mut connection = Connection::open();
    let (group, topic) = (new_group(), new_topic(&mut connection, 2));
    let instance = |request: ConsumerGroupHeartbeatRequest| request.with_instance_id(Some(text("i")));
    let joined = beat(&mut connection, &instance(joining_with(&group, "a", &[&topic.name])));
    let another = instance(joining_with(&group, "b", &[&topic.name]));
    refused(&mut connection, &another, Code::UnreleasedInstanceId);
    refused(&mut connection, &instance(staying(&group, "b", joined.member_epoch)), Code::FencedInstanceId);
    let unknown = staying(&group, "a", 1).with_instance_id(Some(text("j")));
    refused(&mut connection, &unknown, Code::UnknownMemberId);
    let away = beat(&mut connection, &instance(staying(&group, "a", -2)));
    assert_eq!(away.member_epoch, -2);
    let back = beat(&mut connection, &another);
    assert_eq!((back.member_epoch, partitions(&back)), (joined.member_epoch, Some(BTreeSet::from([0, 1]))));
    refused(&mut connection, &instance(staying(&group, "a", joined.member_epoch)), Code::FencedInstanceId);
}

#[test]
fn cg_8_an_expression_finds_topics_now_and_later() {
    let mut connection = Connection::open();
    let group = new_group();
    let topic = new_topic(&mut connection, 3);
    let join = joining_with(&group, "a", &[])
        .with_subscribed_topic_names(None)
        .with_subscribed_topic_regex(Some(text(format!(r"\Q{}\E.*", topic.name))));
    let joined = beat(&mut connection, &join);
    let mut told = partitions(&joined).filter(|all| !all.is_empty());
    let mut epoch = joined.member_epoch;
    eventually(20_000, "it has the topic", || {
        if told.is_none() {
            let answer = beat(&mut connection, &staying(&group, "a", epoch));
            epoch = answer.member_epoch;
            told = partitions(&answer).filter(|all| !all.is_empty());
        }
        told.clone().filter(|all| *all == BTreeSet::from([0, 1, 2]))
    });
    let described = describe(&mut connection, NEWEST, &group);
    assert!(described.members[0].subscribed_topic_regex.as_ref().is_some_and(|regex| regex.contains(&topic.name)));
}

#[test]
fn grp_24_a_group_has_one_protocol_at_a_time() {
    let mut connection = Connection::open();
    let group = new_group();
    beat(&mut connection, &joining_with(&group, "a", &[]));
    let connect = joining(&group, "", &["range"]).with_protocol_type(text("connect"));
    assert_error(connection.call(JOIN, &connect).error_code, Code::InconsistentGroupProtocol);
    assert_error(describe_classic(&mut connection, DESCRIBE, &group).error_code, Code::GroupIdNotFound);
    beat(&mut connection, &staying(&group, "a", -1));
    // Without members it becomes what the next one wants.
    let asked = connection.call(JOIN, &connect);
    assert_error(asked.error_code, Code::MemberIdRequired);
}

/// DescribeConfigs of one setting of a group: value and source.
fn setting(connection: &mut Connection, group: &str, name: &str) -> (String, i8) {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(GROUP)
        .with_resource_name(text(group))
        .with_configuration_keys(Some(vec![text(name)]));
    let answer = connection.call(4, &DescribeConfigsRequest::default().with_resources(vec![resource]));
    assert_ok(answer.results[0].error_code);
    let setting = &answer.results[0].configs[0];
    (setting.value.as_ref().map(|value| value.to_string()).unwrap_or_default(), setting.config_source)
}

fn set(connection: &mut Connection, group: &str, name: &str, value: &str) -> i16 {
    let config = AlterableConfig::default().with_name(text(name)).with_value(Some(text(value)));
    let resource = AlterConfigsResource::default()
        .with_resource_type(GROUP)
        .with_resource_name(text(group))
        .with_configs(vec![config]);
    connection.call(1, &IncrementalAlterConfigsRequest::default().with_resources(vec![resource])).responses[0]
        .error_code
}

#[test]
fn cg_5_a_group_has_settings_of_its_own_within_bounds() {
    let mut connection = Connection::open();
    let (group, timeout) = (fresh_name("group"), "consumer.session.timeout.ms");
    assert_eq!(setting(&mut connection, &group, timeout), ("45000".into(), 5));
    for (name, value) in [(timeout, "1"), (timeout, "70000"), (timeout, "x"), ("no.such.setting", "1")] {
        assert_error(set(&mut connection, &group, name, value), Code::InvalidConfig);
    }
    assert_error(set(&mut connection, "", timeout, "50000"), Code::InvalidRequest);
    assert_ok(set(&mut connection, &group, timeout, "50000"));
    eventually(10_000, "the setting is there", || {
        (setting(&mut connection, &group, timeout) == ("50000".into(), 8)).then_some(())
    });
}
