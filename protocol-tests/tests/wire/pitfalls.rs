//! What other brokers got wrong and clients stumbled over, each by its number; those of one API's own stand with it.
use kafka_protocol::messages::describe_topic_partitions_request;
use kafka_protocol::messages::init_producer_id_request::InitProducerIdRequest;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::{
    ApiVersionsRequest, ConsumerGroupHeartbeatRequest, DescribeLogDirsRequest, DescribeTopicPartitionsRequest,
    FindCoordinatorRequest, MetadataRequest, OffsetCommitRequest, OffsetFetchRequest,
};
use protocol_tests::groups::{
    JOIN, SYNC, group_id, identity, join, joining, leave, new_group, subscription, sync, syncing,
};
use protocol_tests::time::eventually;
use protocol_tests::transactions::{self, Producer, settled};
use protocol_tests::{
    Batch, Code, Codec, Connection, Topic, append, assert_error, assert_ok, fetch, fetch_request, fresh_name,
    from_offset, list_offsets, metadata, new_topic, new_topic_with, on_kafka, only_partition, produce, produce_at,
    produce_request, text, topic_name,
};

fn ranges() -> Vec<(i16, i16, i16)> {
    let answer = Connection::open().call(0, &ApiVersionsRequest::default());
    answer.api_keys.iter().map(|api| (api.api_key, api.min_version, api.max_version)).collect()
}

#[test]
fn pitfall_06_the_oldest_joins_are_served() {
    let least = ranges().iter().find(|(key, ..)| *key == 11).expect("JoinGroup").1;
    assert_eq!(least, 0);
    for version in [0, 1] {
        let mut connection = Connection::open();
        let group = new_group();
        let mut request = joining(&group, "", &["range"]);
        if version == 0 {
            request.rebalance_timeout_ms = -1;
        }
        let joined = join(&mut connection, version, request);
        assert_ok(joined.error_code);
        assert_eq!((joined.generation_id, joined.leader == joined.member_id), (1, true), "version {version}");
        leave(&mut connection, 0, &group, vec![identity(&joined.member_id, None)]);
    }
}

/// As Sarama up to 1.45 does with its usual setting, and what librdkafka falls back to.
#[test]
fn pitfall_10_clients_that_never_ask_for_versions_are_served() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let mut plain = Connection::open();
    assert_eq!(metadata(&mut plain, 5, Some(&[&topic.name])).topics[0].error_code, 0);
    assert_ok(produce_at(&mut plain, 7, &topic, 0, Batch::of(&["plain"]).encode()).error_code);
    let found = plain.call(10, &fetch_request(10, &topic, vec![from_offset(0, 0)]));
    assert!(only_partition(&found).records.is_some_and(|records| !records.is_empty()));
    assert_eq!(list_offsets(&mut plain, 1, &topic.name, &[0], -1)[0].offset, 1);
    let asked = FindCoordinatorRequest::default().with_key(text(new_group()));
    assert_ok(plain.call(1, &asked).error_code);
}

#[test]
fn pitfall_11_and_27_messages_older_than_batches_are_refused() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for (magic, attributes) in [(0_u8, 0_u8), (1, 0), (0, 3), (1, 3)] {
        // Offset, length, CRC, magic, attributes, (timestamp,) no key, one byte.
        let mut message = vec![magic, attributes];
        if magic == 1 {
            message.extend([0; 8]);
        }
        message.extend([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, b'x']);
        let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32IsoHdlc, &message) as u32;
        let mut set = vec![0; 8];
        set.extend((message.len() as u32 + 4).to_be_bytes());
        set.extend(crc.to_be_bytes());
        set.extend(message);
        for version in [3, 7, 13] {
            let answer = produce_at(&mut connection, version, &topic, 0, set.clone().into());
            assert_ne!(answer.error_code, 0, "magic {magic} in version {version}");
            assert_eq!(answer.base_offset, -1);
        }
    }
    assert_eq!(append(&mut connection, &topic, &Batch::of(&["first"])), 0);
    for codec in [Codec::Snappy, Codec::SnappyBare] {
        assert_ok(produce(&mut connection, &topic, Batch::of(&["a", "b"]).codec(codec).encode()).error_code);
    }
}

fn commit(connection: &mut Connection, group: &str, topic: &Topic, epoch: i32, metadata: &str) {
    let partition = OffsetCommitRequestPartition::default()
        .with_committed_offset(3)
        .with_committed_leader_epoch(epoch)
        .with_committed_metadata(Some(text(metadata)));
    let topic = OffsetCommitRequestTopic::default().with_name(topic.wire_name()).with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id_or_member_epoch(-1)
        .with_group_instance_id(None)
        .with_topics(vec![topic]);
    assert_ok(connection.call(9, &request).topics[0].partitions[0].error_code);
}

/// Offset, leader epoch and metadata of each asked partition, in the older and in the newer form.
fn committed(connection: &mut Connection, version: i16, group: &str, topic: &Topic) -> Vec<(i64, i32, String)> {
    let partitions = vec![0, 1];
    if version < 8 {
        let asked = OffsetFetchRequestTopic::default().with_name(topic.wire_name());
        let asked = asked.with_partition_indexes(partitions);
        let request = OffsetFetchRequest::default().with_group_id(group_id(group)).with_topics(Some(vec![asked]));
        let answer = connection.call(version, &request);
        let told = answer.topics[0].partitions.iter();
        return told
            .map(|one| (one.committed_offset, one.committed_leader_epoch, told_of(one.metadata.as_ref())))
            .collect();
    }
    let asked = OffsetFetchRequestTopics::default().with_name(topic.wire_name()).with_partition_indexes(partitions);
    let asked = OffsetFetchRequestGroup::default().with_group_id(group_id(group)).with_topics(Some(vec![asked]));
    let answer = connection.call(version, &OffsetFetchRequest::default().with_groups(vec![asked]));
    let told = answer.groups[0].topics[0].partitions.iter();
    told.map(|one| (one.committed_offset, one.committed_leader_epoch, told_of(one.metadata.as_ref()))).collect()
}

fn told_of(metadata: Option<&kafka_protocol::protocol::StrBytes>) -> String {
    metadata.map(ToString::to_string).unwrap_or_default()
}

#[test]
fn pitfall_14_and_30_what_was_committed_comes_back_whole_in_both_forms() {
    let mut connection = Connection::open();
    let (topic, group) = (new_topic(&mut connection, 2), new_group());
    for (epoch, metadata) in [(0, "noted"), (-1, "")] {
        commit(&mut connection, &group, &topic, epoch, metadata);
        for version in [5, 7, 8, 9] {
            let told = committed(&mut connection, version, &group, &topic);
            let expected = [(3, epoch, metadata.to_string()), (-1, -1, String::new())];
            assert_eq!(told, expected, "version {version}: every asked partition, epoch and metadata");
        }
    }
}

#[test]
fn pitfall_14_epochs_are_known_or_minus_one() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    append(&mut connection, &topic, &Batch::of(&["x"]));
    for version in 7..=13 {
        let told = metadata(&mut connection, version, Some(&[&topic.name]));
        assert_eq!(told.topics[0].partitions[0].leader_epoch, 0, "Metadata {version}");
    }
    for version in 4..=10 {
        assert_eq!(list_offsets(&mut connection, version, &topic.name, &[0], -2)[0].leader_epoch, 0, "{version}");
    }
}

/// kafka-go takes "no leader yet" for the end of the topic.
#[test]
fn pitfall_15_a_topic_that_was_made_has_its_leaders() {
    for version in [2, 5, 7] {
        let mut connection = Connection::open();
        let name = fresh_name("led");
        let topic = kafka_protocol::messages::create_topics_request::CreatableTopic::default()
            .with_name(topic_name(&name))
            .with_num_partitions(5)
            .with_replication_factor(1);
        let request = kafka_protocol::messages::CreateTopicsRequest::default().with_topics(vec![topic]);
        assert_ok(connection.call(version, &request.with_timeout_ms(15_000)).topics[0].error_code);
        if on_kafka() {
            // Its broker learns of the topic a moment later.
            eventually(10_000, "the topic", || {
                let told = metadata(&mut connection, 9, Some(&[&name]));
                (told.topics[0].error_code == 0 && told.topics[0].partitions.len() == 5).then_some(())
            });
        }
        let told = metadata(&mut connection, 9, Some(&[&name]));
        assert_ok(told.topics[0].error_code);
        assert_eq!(told.topics[0].partitions.len(), 5);
        assert!(told.topics[0].partitions.iter().all(|one| one.error_code == 0 && one.leader_id.0 >= 0));
    }
}

#[test]
fn pitfall_22_aborted_transactions_are_told_by_first_offset_and_to_committed_readers_alone() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let (mut first, mut second) = (Producer::fresh(), Producer::fresh());
    for producer in [&mut first, &mut second] {
        assert_eq!(producer.add(3, &topic, vec![0]), [0]);
        assert_eq!(producer.produce(11, &topic, 0, 1), 0);
    }
    // Ended in the other order.
    assert_ok(second.end(4, false).error_code);
    assert_ok(first.end(4, false).error_code);
    assert_eq!(settled(&topic, 4), 2);
    let told = transactions::read(&topic, true).aborted_transactions.expect("a list");
    let mut found: Vec<(i64, i64)> = told.iter().map(|one| (one.producer_id.0, one.first_offset)).collect();
    if on_kafka() {
        // It tells them in the order of their ends.
        found.sort_by_key(|one| one.1);
    }
    assert_eq!(found, [(first.pid, 0), (second.pid, 1)]);
    assert!(transactions::read(&topic, false).aborted_transactions.is_none_or(|told| told.is_empty()));
}

#[test]
fn pitfall_24_a_producer_id_needs_no_transactions() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for version in 0..=5 {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(i32::MAX)
            .with_producer_id((-1).into())
            .with_producer_epoch(-1);
        let told = protocol_tests::init_producer_id(&mut connection, version, &request);
        assert_ok(told.error_code);
        assert_eq!(told.producer_epoch, 0);
        let batch = Batch::from_producer((told.producer_id.0, 0), 0, 2);
        assert_ok(produce(&mut connection, &topic, batch.encode()).error_code);
    }
}

#[test]
fn pitfall_26_each_refusal_has_its_own_code() {
    let mut connection = Connection::open();
    let compacted = new_topic_with(&mut connection, 1, &[("cleanup.policy", "compact")]);
    let answer = produce(&mut connection, &compacted, Batch::of(&["no key", "no key either"]).encode());
    assert_error(answer.error_code, Code::InvalidRecord);
    let indexes: Vec<i32> = answer.record_errors.iter().map(|error| error.batch_index).collect();
    assert_eq!(indexes, [0, 1], "each record for itself");
    let small = new_topic_with(&mut connection, 1, &[("max.message.bytes", "100")]);
    let answer = produce(&mut connection, &small, Batch::of(&[&"x".repeat(200)]).encode());
    assert_error(answer.error_code, Code::MessageTooLarge);
    let request = InitProducerIdRequest::default()
        .with_transactional_id(Some(kafka_protocol::messages::TransactionalId(text(fresh_name("slow")))))
        .with_transaction_timeout_ms(i32::MAX);
    let answer = transactions_answer(&mut connection, &request);
    assert_error(answer, Code::InvalidTransactionTimeout);
}

fn transactions_answer(connection: &mut Connection, request: &InitProducerIdRequest) -> i16 {
    if let Some(id) = &request.transactional_id {
        transactions::find(connection, 1, id);
    }
    protocol_tests::init_producer_id(connection, 4, request).error_code
}

#[test]
fn pitfall_28_each_member_gets_its_own_bytes_or_none() {
    let group = new_group();
    let (mut one, mut two) = (Connection::open(), Connection::open());
    let leader = join(&mut one, JOIN, joining(&group, "", &["range"]));
    assert_ok(leader.error_code);
    assert_ok(sync(&mut one, SYNC, &group, &leader, &[(leader.member_id.as_str(), "alone")]).error_code);
    let asked = two.call(JOIN, &joining(&group, "", &["range"]));
    assert_error(asked.error_code, Code::MemberIdRequired);
    let waiting = two.send(JOIN, &joining(&group, asked.member_id.as_str(), &["range"]));
    let again = one.call(JOIN, &joining(&group, leader.member_id.as_str(), &["range"]));
    let joined = two.receive::<kafka_protocol::messages::JoinGroupRequest>(JOIN, waiting);
    assert_eq!((again.error_code, joined.error_code, again.generation_id), (0, 0, joined.generation_id));
    assert_eq!(again.members.len(), 2);
    assert!(again.members.iter().all(|member| member.metadata == subscription("range")), "what each sent, untouched");
    // Only the leader's own part is given; who is left out gets no bytes at all.
    let waiting = two.send(SYNC, &syncing(SYNC, &group, &joined, &[]));
    let first = sync(&mut one, SYNC, &group, &again, &[(again.member_id.as_str(), "all of it")]);
    let second = two.receive::<kafka_protocol::messages::SyncGroupRequest>(SYNC, waiting);
    assert_eq!((first.error_code, first.assignment.as_ref()), (0, &b"all of it"[..]));
    assert_eq!((second.error_code, second.assignment.len()), (0, 0));
}

#[test]
fn pitfall_35_log_dirs_are_described() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    append(&mut connection, &topic, &Batch::of(&["x"]));
    for version in 1..=4 {
        let told = connection.call(version, &DescribeLogDirsRequest::default().with_topics(None));
        let topics: Vec<_> = told.results.iter().flat_map(|dir| &dir.topics).collect();
        let found = topics.iter().find(|told| told.name == topic.wire_name()).expect("the topic");
        assert!(found.partitions[0].partition_size > 0, "version {version}");
    }
}

#[test]
fn pitfall_35_a_repeated_heartbeat_fences_nobody() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let group = new_group();
    let joining = ConsumerGroupHeartbeatRequest::default()
        .with_group_id(group_id(&group))
        .with_member_id(text("AAAAAAAAAAAAAAAAAAAAAA"))
        .with_member_epoch(0)
        .with_rebalance_timeout_ms(10_000)
        .with_subscribed_topic_names(Some(vec![topic.wire_name()]))
        .with_subscribed_topic_regex(None)
        .with_instance_id(None)
        .with_rack_id(None)
        .with_server_assignor(None)
        .with_topic_partitions(Some(Vec::new()));
    let first = connection.call(1, &joining);
    assert_ok(first.error_code);
    let again = connection.call(1, &joining);
    assert_ok(again.error_code);
    assert_eq!(again.member_epoch, first.member_epoch, "the answer may have been lost: the same once more");
    let staying = joining.with_member_epoch(first.member_epoch);
    for _ in 0..2 {
        assert_ok(connection.call(1, &staying).error_code);
    }
}

#[test]
fn pitfall_35_a_leader_that_comes_back_is_told_to_assign_nothing() {
    let group = new_group();
    let mut connection = Connection::open();
    let named = || joining(&group, "", &["range"]).with_group_instance_id(Some(text("stays")));
    let first = connection.call(JOIN, &named());
    assert_ok(first.error_code);
    assert!(!first.skip_assignment);
    assert_ok(sync(&mut connection, SYNC, &group, &first, &[(first.member_id.as_str(), "kept")]).error_code);
    let back = connection.call(JOIN, &named());
    assert_ok(back.error_code);
    assert_eq!((back.generation_id, back.skip_assignment), (1, true));
    assert_eq!(back.leader, back.member_id);
    let assigned = sync(&mut connection, SYNC, &group, &back, &[]);
    assert_eq!((assigned.error_code, assigned.assignment.as_ref()), (0, &b"kept"[..]));
}

#[test]
fn pitfall_25_no_answer_holds_a_field_of_a_later_version() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    // Wrong epochs and partitions make brokers tell of other leaders, which older versions have no place for. The
    // connection proves that each answer has exactly the fields of its version.
    for version in 4..=18 {
        let wrong = from_offset(0, 0).with_current_leader_epoch(if version >= 9 { 5 } else { -1 });
        let answer = connection.call(version, &fetch_request(version, &topic, vec![wrong]));
        assert_eq!(only_partition(&answer).error_code == 0, version < 9, "Fetch {version}");
    }
    for version in 3..=13 {
        let answer = connection.call(version, &produce_request(version, &topic, 7, Batch::of(&["x"]).encode()));
        let code = answer.responses[0].partition_responses[0].error_code;
        assert_error(code, Code::UnknownTopicOrPartition);
    }
    for version in 0..=13 {
        let request = MetadataRequest::default().with_topics(Some(Vec::new()));
        connection.call(version, &request.with_allow_auto_topic_creation(version < 4));
    }
    assert_ok(fetch(&mut connection, &topic, 0).error_code);
}

/// Every answer that tells of a partition's leader: its epoch belongs to it, wherever it is asked for. Clients keep the leader they have
/// when the epoch is no later.
#[test]
fn pitfall_13_one_epoch_names_one_leader_in_every_answer() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 3);
    let mut led: std::collections::BTreeMap<(i32, i32), i32> = std::collections::BTreeMap::new();
    let mut tell = |partition: i32, epoch: i32, leader: i32, told_by: &str| {
        assert!(epoch >= 0 && leader >= 0, "{told_by}: partition {partition}, epoch {epoch}, leader {leader}");
        let before = *led.entry((partition, epoch)).or_insert(leader);
        assert_eq!(before, leader, "{told_by}: partition {partition} has two leaders in epoch {epoch}");
    };
    for version in 7..=13 {
        let told = metadata(&mut connection, version, Some(&[&topic.name]));
        for one in &told.topics[0].partitions {
            tell(one.partition_index, one.leader_epoch, one.leader_id.0, "Metadata");
        }
    }
    let asked = describe_topic_partitions_request::TopicRequest::default().with_name(topic.wire_name());
    let asked = DescribeTopicPartitionsRequest::default().with_topics(vec![asked]).with_response_partition_limit(10);
    for one in &connection.call(0, &asked.with_cursor(None)).topics[0].partitions {
        tell(one.partition_index, one.leader_epoch, one.leader_id.0, "DescribeTopicPartitions");
    }
    // A client whose epoch is too old or too new is told which one is right, and by whom.
    append(&mut connection, &topic, &Batch::of(&["x"]));
    for (claimed, code) in [(i32::MAX, Code::UnknownLeaderEpoch), (7, Code::UnknownLeaderEpoch)] {
        let wrong = from_offset(0, 0).with_current_leader_epoch(claimed);
        let answer = connection.call(12, &fetch_request(12, &topic, vec![wrong]));
        let told = only_partition(&answer);
        assert_error(told.error_code, code);
        if told.current_leader.leader_epoch >= 0 {
            tell(0, told.current_leader.leader_epoch, told.current_leader.leader_id.0, "Fetch");
        }
    }
    assert_eq!(led.len(), 3, "nothing moved meanwhile: one epoch each, {led:?}");
    // The epoch that Metadata names is the one the leader itself counts with.
    for ((partition, epoch), _) in led {
        let right = from_offset(partition, 0).with_current_leader_epoch(epoch);
        assert_ok(only_partition(&connection.call(12, &fetch_request(12, &topic, vec![right]))).error_code);
        assert_eq!(list_offsets(&mut connection, 10, &topic.name, &[partition], -2)[0].leader_epoch, epoch);
    }
}
