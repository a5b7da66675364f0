//! What a broker with small limits refuses: members beyond the size of a group, and the deletion of topics where that is off.
//! `OTTLA_TEST_LIMITED_BROKER=host:port` names one that runs already with these settings (see the Makefile).
use kafka_protocol::messages::{
    AlterReplicaLogDirsRequest, ConsumerGroupHeartbeatRequest, CreatePartitionsRequest, DeleteTopicsRequest,
    DescribeLogDirsRequest, FindCoordinatorRequest, IncrementalAlterConfigsRequest,
    alter_replica_log_dirs_request::{AlterReplicaLogDir, AlterReplicaLogDirTopic},
    create_partitions_request::CreatePartitionsTopic,
    delete_topics_request::DeleteTopicState,
    incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig},
};
use protocol_tests::{
    Code, Connection, assert_error, assert_ok,
    child::{Child, free_port},
    end_offset, fresh_name,
    groups::*,
    new_topic, node_id, text,
    time::eventually,
    topic_name,
};
use std::{
    net::{SocketAddr, ToSocketAddrs},
    sync::{Mutex, PoisonError},
};

const SETTINGS: [&str; 6] = [
    "group.max.size=1",
    "group.consumer.max.size=1",
    "delete.topic.enable=false",
    "group.initial.rebalance.delay.ms=0",
    "offsets.topic.num.partitions=1",
    "offsets.topic.replication.factor=1",
];

/// One after the other: what one changes the others would see.
fn limited(check: impl FnOnce(SocketAddr)) {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Ok(named) = std::env::var("OTTLA_TEST_LIMITED_BROKER") {
        return check(named.to_socket_addrs().expect("host:port").next().expect("an address"));
    }
    let directory = tempfile::tempdir().expect("a directory");
    let broker = Child::start(free_port(), directory.path(), &SETTINGS);
    check(broker.address());
}

fn connect(address: SocketAddr) -> Connection {
    Connection::try_open_at(address).expect("a connection")
}

/// A group whose coordinator is ready.
fn coordinated(connection: &mut Connection) -> String {
    let group = fresh_name("group");
    eventually(30_000, "the group's coordinator", || {
        let request = FindCoordinatorRequest::default();
        connection.call(4, &request.with_coordinator_keys(vec![text(&group)]));
        (heartbeat(connection, HEARTBEAT, &group, 0, "nobody") == Code::UnknownMemberId.code()).then_some(())
    });
    group
}

#[test]
fn grp_2_a_full_classic_group_takes_no_more_members_at_any_version() {
    limited(|address| {
        let mut connection = connect(address);
        let group = coordinated(&mut connection);
        let first = join(&mut connection, JOIN, joining(&group, "", &["range"]));
        assert_ok(first.error_code);
        let full = |instance: Option<&str>| {
            for version in 0..=JOIN {
                let mut request = joining(&group, "", &["range"]);
                request.group_instance_id = instance.filter(|_| version >= 5).map(text);
                let answer = connect(address).call(version, &request);
                assert_error(answer.error_code, Code::GroupMaxSizeReached);
                // Nobody is given an id.
                assert_eq!((answer.member_id.as_str(), answer.generation_id, answer.members.len()), ("", -1, 0));
            }
        };
        full(None);
        assert_ok(sync(&mut connection, SYNC, &group, &first, &[(&first.member_id, "")]).error_code);
        full(None);
        full(Some("i"));
        // Who is in it stays in it, and makes room by leaving.
        assert_ok(heartbeat(&mut connection, HEARTBEAT, &group, first.generation_id, &first.member_id));
        leave(&mut connection, LEAVE, &group, vec![identity(&first.member_id, None)]);
        assert_ok(join(&mut connection, JOIN, joining(&group, "", &["range"])).error_code);
    });
}

#[test]
fn cg_1_a_full_group_of_the_consumer_protocol_takes_no_more_members() {
    limited(|address| {
        let mut connection = connect(address);
        let group = coordinated(&mut connection);
        let beat = |member: &str, epoch: i32| {
            let request = ConsumerGroupHeartbeatRequest::default()
                .with_group_id(group_id(&group))
                .with_member_id(text(member))
                .with_member_epoch(epoch);
            if epoch != 0 {
                return request;
            }
            let request = request.with_rebalance_timeout_ms(30_000).with_topic_partitions(Some(vec![]));
            request.with_subscribed_topic_names(Some(vec![topic_name("a-topic")]))
        };
        let first = connection.call(1, &beat("a", 0));
        assert_ok(first.error_code);
        for version in [0, 1] {
            for second in [beat("b", 0), beat("b", 0).with_instance_id(Some(text("i")))] {
                let answer = connection.call(version, &second);
                assert_error(answer.error_code, Code::GroupMaxSizeReached);
                assert!(answer.error_message.is_some_and(|message| !message.is_empty()));
                assert_eq!((answer.member_id, answer.member_epoch, answer.assignment), (None, 0, None));
            }
        }
        assert_ok(connection.call(1, &beat("a", first.member_epoch)).error_code);
        assert_ok(connection.call(1, &beat("a", -1)).error_code);
        assert_ok(connection.call(1, &beat("b", 0)).error_code);
    });
}

#[test]
fn where_deletion_is_off_every_version_says_so_in_its_words() {
    limited(|address| {
        let mut connection = connect(address);
        let topic = new_topic(&mut connection, 1);
        let states = |version: i16, names: &[&str]| {
            let request = DeleteTopicsRequest::default().with_timeout_ms(15_000);
            let name = |name: &&str| topic_name(*name);
            if version < 6 {
                return request.with_topic_names(names.iter().map(name).collect());
            }
            let named = names.iter().map(|one| DeleteTopicState::default().with_name(Some(name(one))));
            request.with_topics(named.collect())
        };
        for version in 1..=6 {
            // Also for a topic that is not there.
            let answer = connection.call(version, &states(version, &[&topic.name, "missing"]));
            assert_eq!(answer.responses.len(), 2);
            for told in answer.responses {
                let code = if version < 3 { Code::InvalidRequest } else { Code::TopicDeletionDisabled };
                assert_error(told.error_code, code);
            }
        }
        let by_id = DeleteTopicState::default().with_name(None).with_topic_id(topic.id);
        let request = DeleteTopicsRequest::default().with_topics(vec![by_id]).with_timeout_ms(15_000);
        assert_error(connection.call(6, &request).responses[0].error_code, Code::TopicDeletionDisabled);
        assert_eq!(end_offset(&mut connection, &topic), 0, "it is there");
    });
}

/// Which directories take no more partitions; `None` as at the start.
fn cordon(connection: &mut Connection, directories: Option<&str>) {
    let setting = AlterableConfig::default()
        .with_name(text("cordoned.log.dirs"))
        .with_config_operation(i8::from(directories.is_none()))
        .with_value(directories.map(text));
    let broker = AlterConfigsResource::default()
        .with_resource_type(4)
        .with_resource_name(text(node_id(connection).to_string()))
        .with_configs(vec![setting]);
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![broker]);
    assert_ok(connection.call(1, &request).responses[0].error_code);
}

#[test]
fn a_cordoned_directory_takes_no_partition() {
    limited(|address| {
        let mut connection = connect(address);
        let topic = new_topic(&mut connection, 1);
        let described = connection.call(4, &DescribeLogDirsRequest::default().with_topics(Some(vec![])));
        let here = described.results[0].log_dir.clone();
        let to_here = |version| {
            let partition = AlterReplicaLogDirTopic::default().with_name(topic.wire_name()).with_partitions(vec![0]);
            let to = AlterReplicaLogDir::default().with_path(here.clone()).with_topics(vec![partition]);
            let request = AlterReplicaLogDirsRequest::default().with_dirs(vec![to]);
            connect(address).call(version, &request).results[0].partitions[0].error_code
        };
        assert_ok(to_here(2));
        cordon(&mut connection, Some("*"));
        eventually(10_000, "the directory is cordoned", || {
            (to_here(2) == Code::InvalidReplicaAssignment.code()).then_some(())
        });
        assert_error(to_here(1), Code::InvalidReplicaAssignment);
        let more = CreatePartitionsTopic::default().with_name(topic.wire_name()).with_count(2).with_assignments(None);
        let request = CreatePartitionsRequest::default().with_topics(vec![more]).with_timeout_ms(10_000);
        let added = connection.call(3, &request).results[0].error_code;
        assert_error(added, Code::InvalidReplicationFactor);
        cordon(&mut connection, None);
        eventually(10_000, "it is not any more", || (to_here(2) == 0).then_some(()));
    });
}
