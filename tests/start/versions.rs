//! Every API at every version, in order and out of it: each question gets an answer that decodes to its last byte. An
//! answer that its version cannot carry would close the connection instead.
use crate::{
    asker::{Asker, name, text},
    child::{Child, free_port, make_topic},
};
use bytes::Bytes;
use kafka_protocol::messages::*;
use std::sync::LazyLock;

/// A topic that is there, one that is not, some that cannot be, one that is not the client's.
fn all_topics() -> &'static [&'static str] {
    static LONG: LazyLock<String> = LazyLock::new(|| "x".repeat(32_760));
    static TOPICS: LazyLock<[&str; 6]> =
        LazyLock::new(|| ["t", "missing", "not/legal", "", "__consumer_offsets", &LONG]);
    &*TOPICS
}

fn broker(body: impl FnOnce(&mut Asker, uuid::Uuid)) {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let child = Child::serve(directory.path(), port, &["auto.create.topics.enable=true"]);
    make_topic(port, "t");
    let mut asker = Asker::new(port);
    let some = metadata_request::MetadataRequestTopic::default().with_name(Some(name("t")));
    let told = asker.ask(12, &MetadataRequest::default().with_topics(Some(vec![some]))).unwrap();
    let id = told.topics[0].topic_id;
    assert!(!id.is_nil());
    body(&mut asker, id);
    let said = child.said();
    assert!(!said.contains("bug:") && !said.contains("connection closed"), "{said}");
    child.stop();
}

#[test]
fn records_are_asked_for_at_every_version() {
    broker(|asker, id| {
        produce(asker, id);
        fetch(asker, id);
        list_offsets(asker);
        offset_for_leader_epoch(asker);
        delete_records(asker);
    });
}

#[test]
fn the_cluster_is_asked_about_at_every_version() {
    broker(|asker, id| {
        metadata(asker, id);
        find_coordinator(asker);
        api_versions(asker);
        init_producer_id(asker);
        describe_cluster(asker);
        describe_topic_partitions(asker);
        describe_log_dirs(asker);
    });
}

#[test]
fn changes_are_asked_for_at_every_version() {
    broker(|asker, id| {
        create_topics(asker);
        create_partitions(asker);
        describe_configs(asker);
        alter_configs(asker);
        incremental_alter_configs(asker);
        delete_topics(asker, id);
    });
}

fn produce(asker: &mut Asker, id: uuid::Uuid) {
    asker.each(3..=13, |version| {
        let data = |records: Option<Vec<u8>>| {
            let partition = produce_request::PartitionProduceData::default().with_records(records.map(Bytes::from));
            vec![partition.clone(), partition.clone(), partition.with_index(99)]
        };
        let mut requests = Vec::new();
        for records in [None, Some(vec![]), Some(vec![7; 20]), Some(vec![0; 61]), Some(vec![2; 200])] {
            for (acks, transaction) in [(-1, None), (1, None), (7, None), (-1, Some("x"))] {
                let mut topics = Vec::new();
                if version >= 13 {
                    for id in [id, uuid::Uuid::from_u128(1), uuid::Uuid::nil()] {
                        topics.push(produce_request::TopicProduceData::default().with_topic_id(id));
                    }
                } else {
                    topics.extend(
                        all_topics()
                            .iter()
                            .map(|topic| produce_request::TopicProduceData::default().with_name(name(topic))),
                    );
                }
                let topics = topics.into_iter().map(|topic| topic.with_partition_data(data(records.clone())));
                requests.push(
                    ProduceRequest::default()
                        .with_acks(acks)
                        .with_timeout_ms(100)
                        .with_transactional_id(transaction.map(|id| TransactionalId(text(id))))
                        .with_topic_data(topics.collect()),
                );
            }
        }
        requests
    });
}

fn fetch(asker: &mut Asker, id: uuid::Uuid) {
    asker.each(4..=18, |version| {
        let partition = |offset: i64, index: i32| {
            fetch_request::FetchPartition::default()
                .with_partition(index)
                .with_fetch_offset(offset)
                .with_partition_max_bytes(1000)
        };
        let mut partitions: Vec<_> =
            [(0, 0), (-1, 0), (5, 0), (0, 99), (i64::MAX, 0)].map(|(o, i)| partition(o, i)).into();
        if version >= 9 {
            partitions.push(partition(0, 0).with_current_leader_epoch(99));
        }
        if version >= 12 {
            partitions.push(partition(0, 0).with_last_fetched_epoch(99));
            partitions.push(partition(1, 0).with_last_fetched_epoch(0));
        }
        let mut requests = Vec::new();
        for one in partitions {
            let topics: Vec<_> = if version >= 13 {
                [id, uuid::Uuid::from_u128(1)].map(|id| fetch_request::FetchTopic::default().with_topic_id(id)).into()
            } else {
                all_topics().iter().map(|topic| fetch_request::FetchTopic::default().with_topic(name(topic))).collect()
            };
            for topic in topics {
                let topic = topic.with_partitions(vec![one.clone()]);
                let fetch = FetchRequest::default().with_max_bytes(1000).with_topics(vec![topic]);
                requests.push(fetch.clone().with_isolation_level(1));
                requests.push(fetch.clone().with_isolation_level(9));
                requests.push(fetch.clone().with_session_id(77).with_session_epoch(1));
                if version < 15 {
                    requests.push(fetch.with_replica_id(BrokerId(1)));
                } else {
                    let replica = fetch_request::ReplicaState::default().with_replica_id(BrokerId(1));
                    requests.push(fetch.with_replica_state(replica));
                }
            }
        }
        requests
    });
}

/// Version 11 has the form of 10.
fn list_offsets(asker: &mut Asker) {
    asker.each(1..=10, |version| {
        let partitions = (-8..=1).map(|timestamp| {
            let asked = list_offsets_request::ListOffsetsPartition::default().with_timestamp(timestamp);
            if version >= 4 { asked.with_current_leader_epoch(timestamp as i32) } else { asked }
        });
        let topics = all_topics().iter().flat_map(|topic| {
            let topic = list_offsets_request::ListOffsetsTopic::default().with_name(name(topic));
            partitions
                .clone()
                .map(move |asked| topic.clone().with_partitions(vec![asked.clone(), asked.with_partition_index(99)]))
        });
        topics.map(|topic| ListOffsetsRequest::default().with_topics(vec![topic.clone(), topic])).collect()
    });
}

fn offset_for_leader_epoch(asker: &mut Asker) {
    asker.each(2..=4, |_| {
        let asked = |current, epoch| {
            offset_for_leader_epoch_request::OffsetForLeaderPartition::default()
                .with_current_leader_epoch(current)
                .with_leader_epoch(epoch)
        };
        let partitions = vec![asked(-1, 0), asked(-1, 99), asked(-1, -1), asked(99, 0), asked(0, 0).with_partition(99)];
        let topics = all_topics().iter().map(|topic| {
            offset_for_leader_epoch_request::OffsetForLeaderTopic::default()
                .with_topic(name(topic))
                .with_partitions(partitions.clone())
        });
        vec![OffsetForLeaderEpochRequest::default().with_replica_id(BrokerId(-1)).with_topics(topics.collect())]
    });
}

fn metadata(asker: &mut Asker, id: uuid::Uuid) {
    asker.each(0..=13, |version| {
        let topic = || metadata_request::MetadataRequestTopic::default();
        let mut topics: Vec<_> = all_topics().iter().map(|text| topic().with_name(Some(name(text)))).collect();
        let plain = MetadataRequest::default().with_topics(Some(topics.clone()));
        topics.push(topic().with_topic_id(id));
        topics.push(topic().with_topic_id(uuid::Uuid::from_u128(1)));
        topics.push(topic().with_name(Some(name("both"))).with_topic_id(uuid::Uuid::from_u128(1)));
        if version >= 10 {
            topics.push(topic().with_name(None));
        }
        let odd = MetadataRequest::default().with_topics(Some(topics));
        let all = MetadataRequest::default().with_topics((version == 0).then(Vec::new));
        let operations = plain
            .clone()
            .with_include_topic_authorized_operations(version >= 8)
            .with_include_cluster_authorized_operations((8..=10).contains(&version));
        vec![
            plain.clone(),
            plain.with_allow_auto_topic_creation(false),
            odd,
            all,
            operations,
            MetadataRequest::default(),
        ]
    });
}

fn find_coordinator(asker: &mut Asker) {
    asker.each(0..=5, |version| {
        let kinds = [0, 1, 2, 9].map(|kind| if version == 0 { 0 } else { kind });
        let keys = ["", "g", "a:b:c"];
        kinds
            .iter()
            .flat_map(|kind| {
                keys.map(|key| {
                    let asked = FindCoordinatorRequest::default().with_key_type(*kind);
                    if version >= 4 {
                        asked.with_coordinator_keys(vec![text(key), text("other")])
                    } else {
                        asked.with_key(text(key))
                    }
                })
            })
            .collect()
    });
}

fn api_versions(asker: &mut Asker) {
    asker.each(0..=4, |version| {
        let asked = |name: &str| match version {
            3.. => ApiVersionsRequest::default()
                .with_client_software_name(text(name))
                .with_client_software_version(text("1")),
            _ => ApiVersionsRequest::default(),
        };
        vec![asked("good"), asked("not good"), asked("")]
    });
}

fn init_producer_id(asker: &mut Asker) {
    asker.each(0..=5, |version| {
        let asked = |id: Option<&str>| {
            InitProducerIdRequest::default()
                .with_transactional_id(id.map(|id| TransactionalId(text(id))))
                .with_transaction_timeout_ms(1000)
        };
        let mut requests = vec![asked(None), asked(Some("")), asked(Some("x"))];
        if version >= 3 {
            requests.push(asked(None).with_producer_id(ProducerId(5)));
            requests.push(asked(None).with_producer_id(ProducerId(5)).with_producer_epoch(1));
        }
        requests
    });
}

fn delete_records(asker: &mut Asker) {
    asker.each(0..=2, |_| {
        let partition = |index: i32, offset: i64| {
            delete_records_request::DeleteRecordsPartition::default().with_partition_index(index).with_offset(offset)
        };
        let topic = |text: &&str| {
            let partitions = vec![partition(0, -1), partition(0, -2), partition(0, i64::MAX), partition(99, 0)];
            delete_records_request::DeleteRecordsTopic::default().with_name(name(text)).with_partitions(partitions)
        };
        let internal = topic(&"__consumer_offsets");
        let asked = DeleteRecordsRequest::default().with_timeout_ms(1000);
        let all = all_topics().iter().map(topic).chain([internal]).collect();
        vec![asked.clone().with_topics(all), asked]
    });
}

/// The codec does not know the answer of version 5: a test of its own looks at that.
fn describe_log_dirs(asker: &mut Asker) {
    asker.each(1..=4, |_| {
        let topic = |text: &&str| {
            describe_log_dirs_request::DescribableLogDirTopic::default()
                .with_topic(name(text))
                .with_partitions(vec![0, 0, -1, 99])
        };
        let all = all_topics().iter().map(topic).collect();
        let asked = |topics| DescribeLogDirsRequest::default().with_topics(topics);
        vec![asked(None), asked(Some(vec![])), asked(Some(all))]
    });
}

fn describe_cluster(asker: &mut Asker) {
    asker.each(0..=2, |version| {
        let asked = DescribeClusterRequest::default().with_include_cluster_authorized_operations(true);
        let kinds = if version >= 1 { vec![1, 2, 9] } else { vec![1] };
        kinds
            .into_iter()
            .map(|kind| asked.clone().with_endpoint_type(kind).with_include_fenced_brokers(version >= 2))
            .collect()
    });
}

fn describe_topic_partitions(asker: &mut Asker) {
    asker.each(0..=0, |_| {
        let topic = |text: &&str| describe_topic_partitions_request::TopicRequest::default().with_name(name(text));
        let asked = DescribeTopicPartitionsRequest::default().with_topics(all_topics().iter().map(topic).collect());
        let cursor = describe_topic_partitions_request::Cursor::default().with_topic_name(name("t"));
        let limits = [-1, 0, 1, i32::MAX].map(|limit| asked.clone().with_response_partition_limit(limit));
        let cursors =
            [-5, 0, 1, 99].map(|index| asked.clone().with_cursor(Some(cursor.clone().with_partition_index(index))));
        limits.into_iter().chain(cursors).chain([DescribeTopicPartitionsRequest::default()]).collect()
    });
}

fn create_topics(asker: &mut Asker) {
    asker.each(2..=7, |version| {
        let topic = |text: &str| {
            create_topics_request::CreatableTopic::default()
                .with_name(name(text))
                .with_num_partitions(1)
                .with_replication_factor(1)
        };
        let setting = |key: &str, value: Option<&str>| {
            create_topics_request::CreatableTopicConfig::default().with_name(text(key)).with_value(value.map(text))
        };
        let new = format!("new-{version}");
        let mut topics: Vec<_> = all_topics().iter().map(|text| topic(text)).collect();
        topics.extend([
            topic(&new).with_configs(vec![setting("retention.ms", Some("5"))]),
            topic("a").with_configs(vec![setting("retention.ms", Some("x"))]),
            topic("b").with_configs(vec![setting("what.is.this", Some("x"))]),
            topic("c").with_configs(vec![setting("retention.ms", None)]),
            topic("d").with_num_partitions(0),
            topic("e").with_replication_factor(9),
            topic("twice"),
            topic("twice"),
        ]);
        let asked = CreateTopicsRequest::default().with_topics(topics).with_timeout_ms(1000);
        vec![asked.clone().with_validate_only(true), asked, CreateTopicsRequest::default()]
    });
}

fn create_partitions(asker: &mut Asker) {
    asker.each(0..=3, |version| {
        let more = |text: &str, count| {
            create_partitions_request::CreatePartitionsTopic::default()
                .with_name(name(text))
                .with_count(count)
                .with_assignments(None)
        };
        let mut topics: Vec<_> = all_topics().iter().map(|text| more(text, 2 + i32::from(version))).collect();
        topics.extend([more("t", 1), more("new-2", 1), more("new-3", 0), more("new-4", -1), more("new-5", 2_000_000)]);
        topics
            .into_iter()
            .map(|topic| CreatePartitionsRequest::default().with_topics(vec![topic]).with_timeout_ms(1000))
            .collect()
    });
}

fn describe_configs(asker: &mut Asker) {
    asker.each(1..=4, |version| {
        let resource = |kind: i8, text: &str| {
            describe_configs_request::DescribeConfigsResource::default()
                .with_resource_type(kind)
                .with_resource_name(self::text(text))
                .with_configuration_keys(None)
        };
        let mut resources: Vec<_> = all_topics().iter().map(|text| resource(2, text)).collect();
        resources.extend(
            [(4, ""), (4, "1"), (4, "9"), (4, "x"), (8, "1"), (16, "m"), (32, "g"), (0, ""), (99, "")]
                .map(|(kind, text)| resource(kind, text)),
        );
        resources.push(resource(2, "t"));
        let asked = DescribeConfigsRequest::default().with_resources(resources).with_include_synonyms(true);
        vec![asked.clone(), asked.with_include_documentation(version >= 3)]
    });
}

fn alter_configs(asker: &mut Asker) {
    asker.each(0..=2, |_| {
        let setting = |key: &str, value: Option<&str>| {
            alter_configs_request::AlterableConfig::default().with_name(text(key)).with_value(value.map(text))
        };
        let resource = |kind: i8, text: &str| {
            alter_configs_request::AlterConfigsResource::default()
                .with_resource_type(kind)
                .with_resource_name(self::text(text))
        };
        [(2, "t"), (2, "missing"), (2, ""), (4, ""), (4, "1"), (4, "9"), (4, "x"), (8, "1"), (0, ""), (99, "")]
            .iter()
            .flat_map(|(kind, text)| {
                [setting("retention.ms", Some("1000")), setting("retention.ms", None), setting("what", Some("x"))].map(
                    |config| {
                        AlterConfigsRequest::default()
                            .with_resources(vec![resource(*kind, text).with_configs(vec![config])])
                    },
                )
            })
            .collect()
    });
}

fn incremental_alter_configs(asker: &mut Asker) {
    asker.each(0..=1, |_| {
        let resource = |kind: i8, text: &str| {
            incremental_alter_configs_request::AlterConfigsResource::default()
                .with_resource_type(kind)
                .with_resource_name(self::text(text))
        };
        [(2, "t"), (2, "missing"), (4, ""), (4, "1"), (4, "x"), (8, "1"), (99, "")]
            .iter()
            .flat_map(|(kind, name)| {
                (0..5).map(|operation| {
                    let config = incremental_alter_configs_request::AlterableConfig::default()
                        .with_name(text("cleanup.policy"))
                        .with_config_operation(operation)
                        .with_value(Some(text("delete")));
                    IncrementalAlterConfigsRequest::default()
                        .with_resources(vec![resource(*kind, name).with_configs(vec![config])])
                })
            })
            .collect()
    });
}

fn delete_topics(asker: &mut Asker, id: uuid::Uuid) {
    asker.each(1..=6, |version| {
        let mut requests = Vec::new();
        if version < 6 {
            let names = all_topics().iter().skip(1).map(|text| name(text)).chain([name("new-2"), name("a"), name("a")]);
            requests.push(DeleteTopicsRequest::default().with_topic_names(names.collect()).with_timeout_ms(1000));
        } else {
            let state = delete_topics_request::DeleteTopicState::default;
            let states = [
                state().with_name(Some(name("missing"))),
                state().with_topic_id(uuid::Uuid::from_u128(1)),
                state().with_name(Some(name("t"))).with_topic_id(id),
                state().with_name(None),
                state().with_topic_id(id),
            ];
            requests.extend(
                states.map(|state| DeleteTopicsRequest::default().with_topics(vec![state]).with_timeout_ms(1000)),
            );
        }
        requests
    });
}
