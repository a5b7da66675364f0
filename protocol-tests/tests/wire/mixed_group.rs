//! Members of both protocols in one group: it changes its protocol while they are in it, and back (GRP-24).
use bytes::Bytes;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, JoinGroupRequest,
    JoinGroupResponse, SyncGroupResponse,
};
use protocol_tests::groups::{
    DESCRIBE, HEARTBEAT, JOIN, LEAVE, SYNC, describe, group_id, heartbeat, identity, join, joining, leave, new_group,
    syncing,
};
use protocol_tests::time::eventually;
use protocol_tests::{Code, Connection, Topic, assert_error, assert_ok, new_topic, text, topic_name};
use std::collections::BTreeSet;

/// Topics with partitions, as both the subscription and the assignment of the classic protocol have them.
fn put_partitions(to: &mut Vec<u8>, topic: &str, partitions: &[i32]) {
    to.extend(1i32.to_be_bytes());
    put_name(to, topic);
    to.extend((partitions.len() as i32).to_be_bytes());
    partitions.iter().for_each(|partition| to.extend(partition.to_be_bytes()));
}

fn put_name(to: &mut Vec<u8>, name: &str) {
    to.extend((name.len() as i16).to_be_bytes());
    to.extend(name.as_bytes());
}

/// A member of the classic protocol that keeps what it has while it joins.
fn cooperative(group: &str, member_id: &str, topic: &str, owned: &[i32]) -> JoinGroupRequest {
    let mut metadata = vec![0, 1, 0, 0, 0, 1];
    put_name(&mut metadata, topic);
    metadata.extend((-1i32).to_be_bytes());
    put_partitions(&mut metadata, topic, owned);
    let protocol =
        JoinGroupRequestProtocol::default().with_name(text("cooperative-sticky")).with_metadata(metadata.into());
    joining(group, member_id, &[]).with_protocols(vec![protocol])
}

fn assignment(topic: &str, partitions: &[i32]) -> Bytes {
    let mut bytes = vec![0, 1];
    put_partitions(&mut bytes, topic, partitions);
    bytes.extend((-1i32).to_be_bytes());
    bytes.into()
}

/// Of one topic.
fn partitions(assignment: &[u8]) -> Vec<i32> {
    let number = |at: usize| i32::from_be_bytes(assignment[at..at + 4].try_into().unwrap());
    if number(2) == 0 {
        return vec![];
    }
    let name = i16::from_be_bytes(assignment[6..8].try_into().unwrap()) as usize;
    let mut all: Vec<i32> = (0..number(8 + name)).map(|one| number(12 + name + one as usize * 4)).collect();
    all.sort_unstable();
    all
}

#[track_caller]
fn sync(connection: &mut Connection, group: &str, joined: &JoinGroupResponse) -> SyncGroupResponse {
    let answer = connection.call(SYNC, &syncing(SYNC, group, joined, &[]));
    assert_ok(answer.error_code);
    answer
}

/// Alone in a classic group, with all four partitions of the topic.
#[track_caller]
fn classic_alone(connection: &mut Connection, group: &str, topic: &Topic) -> JoinGroupResponse {
    let joined = join(connection, JOIN, cooperative(group, "", &topic.name, &[]));
    assert_ok(joined.error_code);
    assert_eq!(joined.leader, joined.member_id);
    let all = SyncGroupRequestAssignment::default()
        .with_member_id(joined.member_id.clone())
        .with_assignment(assignment(&topic.name, &[0, 1, 2, 3]));
    let synced = connection.call(SYNC, &syncing(SYNC, group, &joined, &[]).with_assignments(vec![all]));
    assert_ok(synced.error_code);
    joined
}

fn staying(group: &str, epoch: i32) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest::default()
        .with_group_id(group_id(group))
        .with_member_id(text("new"))
        .with_member_epoch(epoch)
}

#[track_caller]
fn beat(connection: &mut Connection, request: &ConsumerGroupHeartbeatRequest) -> ConsumerGroupHeartbeatResponse {
    let answer = connection.call(1, request);
    assert_ok(answer.error_code);
    answer
}

#[track_caller]
fn consumer_joins(connection: &mut Connection, group: &str, topic: &Topic) -> i32 {
    let request = staying(group, 0)
        .with_rebalance_timeout_ms(30_000)
        .with_subscribed_topic_names(Some(vec![topic_name(topic.name.as_str())]))
        .with_topic_partitions(Some(vec![]));
    beat(connection, &request).member_epoch
}

#[test]
fn grp_24_who_waits_for_the_others_while_the_group_changes_its_protocol_is_told_to_come_again() {
    let (mut connection, mut waiter) = (Connection::open(), Connection::open());
    let (group, topic) = (new_group(), new_topic(&mut connection, 4));
    let old = classic_alone(&mut connection, &group, &topic);
    let told = waiter.call(JOIN, &cooperative(&group, "", &topic.name, &[]));
    assert_error(told.error_code, Code::MemberIdRequired);
    let waiting = waiter.send(JOIN, &cooperative(&group, &told.member_id, &topic.name, &[]));
    eventually(10_000, "the second is there", || {
        let code = heartbeat(&mut connection, HEARTBEAT, &group, old.generation_id, &old.member_id);
        (code == Code::RebalanceInProgress.code()).then_some(())
    });
    consumer_joins(&mut connection, &group, &topic);
    assert_error(waiter.receive::<JoinGroupRequest>(JOIN, waiting).error_code, Code::RebalanceInProgress);
    let again = waiter.call(JOIN, &cooperative(&group, &told.member_id, &topic.name, &[]));
    assert_ok(again.error_code);
}

#[test]
fn grp_24_a_classic_group_takes_in_a_consumer_and_is_classic_again_when_it_leaves() {
    let mut connection = Connection::open();
    let (group, topic) = (new_group(), new_topic(&mut connection, 4));
    let old = classic_alone(&mut connection, &group, &topic);
    let (id, first) = (old.member_id.to_string(), old.generation_id);
    let mut epoch = consumer_joins(&mut connection, &group, &topic);
    assert_eq!(epoch, first + 1);
    let rejoin = Code::RebalanceInProgress.code();
    assert_eq!(heartbeat(&mut connection, HEARTBEAT, &group, first, &id), rejoin);
    // It keeps a part, lets go of the rest, and then moves on.
    let joined = connection.call(JOIN, &cooperative(&group, &id, &topic.name, &[0, 1, 2, 3]));
    assert_ok(joined.error_code);
    assert_eq!((joined.generation_id, joined.leader.as_str(), joined.members.len()), (first, "", 0));
    assert_eq!(joined.protocol_name.as_deref(), Some("cooperative-sticky"));
    let kept = partitions(&sync(&mut connection, &group, &joined).assignment);
    assert_eq!(kept.len(), 2);
    assert_eq!(heartbeat(&mut connection, HEARTBEAT, &group, first, &id), rejoin);
    let joined = connection.call(JOIN, &cooperative(&group, &id, &topic.name, &kept));
    assert_eq!((joined.error_code, joined.generation_id), (0, epoch));
    assert_eq!(partitions(&sync(&mut connection, &group, &joined).assignment), kept);
    assert_ok(heartbeat(&mut connection, HEARTBEAT, &group, epoch, &id));
    let got = eventually(10_000, "the consumer has what was let go", || {
        let answer = beat(&mut connection, &staying(&group, epoch));
        epoch = answer.member_epoch;
        let topics = answer.assignment?.topic_partitions;
        Some(topics.into_iter().flat_map(|of| of.partitions).collect::<BTreeSet<i32>>()).filter(|got| !got.is_empty())
    });
    assert!(got.len() == 2 && got.iter().all(|partition| !kept.contains(partition)));
    let asked = ConsumerGroupDescribeRequest::default().with_group_ids(vec![group_id(&group)]);
    let described = connection.call(1, &asked).groups.remove(0);
    assert_eq!(described.group_state.as_str(), "Stable");
    let kinds: BTreeSet<i8> = described.members.iter().map(|member| member.member_type).collect();
    assert_eq!(kinds, BTreeSet::from([0, 1]));
    assert_error(describe(&mut connection, DESCRIBE, &group).error_code, Code::GroupIdNotFound);
    // And back.
    beat(&mut connection, &staying(&group, -1));
    let described = describe(&mut connection, DESCRIBE, &group);
    assert_eq!((described.group_state.as_str(), described.members.len()), ("PreparingRebalance", 1));
    assert_eq!(heartbeat(&mut connection, HEARTBEAT, &group, epoch, &id), rejoin);
    let joined = connection.call(JOIN, &cooperative(&group, &id, &topic.name, &kept));
    assert_eq!((joined.error_code, joined.generation_id, &joined.leader), (0, epoch + 1, &joined.member_id));
}

#[test]
fn grp_24_classic_members_of_a_consumer_group_are_refused_by_the_usual_codes() {
    let mut connection = Connection::open();
    let (group, topic) = (new_group(), new_topic(&mut connection, 4));
    let old = classic_alone(&mut connection, &group, &topic);
    let id = old.member_id.to_string();
    consumer_joins(&mut connection, &group, &topic);
    let first = old.generation_id;
    for (generation, member, code) in [
        (first + 5, &*id, Code::IllegalGeneration),
        (first, "stranger", Code::UnknownMemberId),
        (first, "new", Code::UnknownMemberId),
    ] {
        assert_error(heartbeat(&mut connection, HEARTBEAT, &group, generation, member), code);
        let joined = old.clone().with_generation_id(generation).with_member_id(text(member));
        let synced = connection.call(SYNC, &syncing(SYNC, &group, &joined, &[]));
        assert_error(synced.error_code, code);
    }
    let behind = connection.call(SYNC, &syncing(SYNC, &group, &old, &[]));
    assert_error(behind.error_code, Code::RebalanceInProgress);
    let other = connection.call(JOIN, &joining(&group, "", &["roundrobin"]));
    assert_error(other.error_code, Code::InconsistentGroupProtocol);
    let connect = cooperative(&group, "", &topic.name, &[]).with_protocol_type(text("connect"));
    assert_error(connection.call(JOIN, &connect).error_code, Code::InconsistentGroupProtocol);
    let asked = connection.call(JOIN, &cooperative(&group, "", &topic.name, &[]));
    assert_error(asked.error_code, Code::MemberIdRequired);
    let left = leave(&mut connection, LEAVE, &group, vec![identity("stranger", None), identity(&id, None)]);
    let codes: Vec<i16> = left.members.iter().map(|member| member.error_code).collect();
    assert_eq!(codes, [Code::UnknownMemberId.code(), 0]);
}

/// `müller` in Latin-1, and how it is read.
const LATIN: (&[u8], &str) = (b"m\xFCller", "m\u{FFFD}ller");

/// A member of the classic protocol that is subscribed to the topic and to [`LATIN`].
fn of_latin(group: &str, topic: &str) -> JoinGroupRequest {
    let mut metadata = vec![0, 1, 0, 0, 0, 2];
    put_name(&mut metadata, topic);
    metadata.extend([0, LATIN.0.len() as u8]);
    metadata.extend(LATIN.0);
    metadata.extend((-1i32).to_be_bytes());
    metadata.extend(0i32.to_be_bytes());
    let protocol =
        JoinGroupRequestProtocol::default().with_name(text("cooperative-sticky")).with_metadata(metadata.into());
    joining(group, "", &[]).with_protocols(vec![protocol])
}

#[track_caller]
fn assert_latin_is_read(connection: &mut Connection, group: &str) {
    let asked = ConsumerGroupDescribeRequest::default().with_group_ids(vec![group_id(group)]);
    let described = connection.call(1, &asked).groups.remove(0);
    assert_eq!(described.members.len(), 2);
    let classic = described.members.iter().find(|member| member.member_type == 0).expect("the classic member");
    assert!(classic.subscribed_topic_names.iter().any(|name| name.as_str() == LATIN.1));
}

#[test]
fn grp_24_names_in_a_members_own_bytes_need_not_be_utf_8() {
    let mut connection = Connection::open();
    // It is there first, with an assignment that its own kind made.
    let (group, topic) = (new_group(), new_topic(&mut connection, 4));
    let joined = join(&mut connection, JOIN, of_latin(&group, &topic.name));
    assert_ok(joined.error_code);
    let mut bytes = vec![0, 1, 0, 0, 0, 1, 0, LATIN.0.len() as u8];
    bytes.extend(LATIN.0);
    bytes.extend([0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
    let all =
        SyncGroupRequestAssignment::default().with_member_id(joined.member_id.clone()).with_assignment(bytes.into());
    let synced = connection.call(SYNC, &syncing(SYNC, &group, &joined, &[]).with_assignments(vec![all]));
    assert_ok(synced.error_code);
    consumer_joins(&mut connection, &group, &topic);
    assert_latin_is_read(&mut connection, &group);
    // It comes to others.
    let (group, topic) = (new_group(), new_topic(&mut connection, 4));
    consumer_joins(&mut connection, &group, &topic);
    assert_ok(join(&mut connection, JOIN, of_latin(&group, &topic.name)).error_code);
    assert_latin_is_read(&mut connection, &group);
}
