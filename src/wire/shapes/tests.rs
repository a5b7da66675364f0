//! Each shape against the crate's own encoder: what it writes at every version, filled and empty, fits to the byte.
use super::*;
use kafka_protocol::{messages::*, protocol::Encodable};

fn fits<T: Encodable>(key: ApiKey, versions: std::ops::RangeInclusive<Version>, request: impl Fn(Version) -> T) {
    let shape = shape_of(key as i16).unwrap();
    for version in versions {
        let mut body = bytes::BytesMut::new();
        request(version).encode(&mut body, version).unwrap_or_else(|error| panic!("{key:?} {version}: {error}"));
        assert_eq!(shape.end(&body, version), Some(body.len()), "{key:?} version {version}: {body:?}");
        for cut in 0..body.len() {
            assert!(!shape.fits(&body[..cut], version), "{key:?} version {version} cut at {cut}");
        }
        assert_eq!(
            shape.flexible(version),
            key.request_header_version(version) == 2,
            "{key:?} {version}: flexible with its header"
        );
    }
}

fn topic() -> TopicName {
    TopicName(protocol_string("topic"))
}

fn protocol_string(text: &'static str) -> kafka_protocol::protocol::StrBytes {
    kafka_protocol::protocol::StrBytes::from_static_str(text)
}

#[test]
fn keys_rise() {
    assert!(SHAPES.windows(2).all(|pair| pair[0].key < pair[1].key));
}

#[test]
fn data_requests_fit() {
    fits(ApiKey::Produce, 3..=13, |version| {
        let mut data = produce_request::TopicProduceData::default().with_partition_data(vec![
            produce_request::PartitionProduceData::default().with_records(Some(vec![1, 2, 3].into())),
            produce_request::PartitionProduceData::default(),
        ]);
        if version <= 12 {
            data = data.with_name(topic());
        } else {
            data = data.with_topic_id(uuid::Uuid::from_u128(7));
        }
        ProduceRequest::default()
            .with_transactional_id(Some(TransactionalId(protocol_string("t"))))
            .with_topic_data(vec![data])
    });
    fits(ApiKey::Fetch, 4..=18, |version| {
        let mut partition = fetch_request::FetchPartition::default();
        if version >= 17 {
            partition = partition.with_replica_directory_id(uuid::Uuid::from_u128(9));
        }
        if version >= 18 {
            partition = partition.with_high_watermark(3);
        }
        let mut fetch = fetch_request::FetchTopic::default()
            .with_partitions(vec![partition, fetch_request::FetchPartition::default()]);
        let mut forgotten = fetch_request::ForgottenTopic::default().with_partitions(vec![1, 2]);
        if version <= 12 {
            fetch = fetch.with_topic(topic());
            forgotten = forgotten.with_topic(topic());
        } else {
            fetch = fetch.with_topic_id(uuid::Uuid::from_u128(7));
            forgotten = forgotten.with_topic_id(uuid::Uuid::from_u128(7));
        }
        let mut request = FetchRequest::default().with_topics(vec![fetch]);
        if version >= 7 {
            request = request.with_forgotten_topics_data(vec![forgotten]);
        }
        if version >= 12 {
            request = request.with_cluster_id(Some(protocol_string("cluster")));
        }
        if version >= 15 {
            let replica = fetch_request::ReplicaState::default().with_replica_id(BrokerId(1)).with_replica_epoch(2);
            request = request.with_replica_state(replica);
        }
        request
    });
    fits(ApiKey::ListOffsets, 1..=10, |_| {
        ListOffsetsRequest::default().with_topics(vec![
            list_offsets_request::ListOffsetsTopic::default()
                .with_name(topic())
                .with_partitions(vec![list_offsets_request::ListOffsetsPartition::default()]),
        ])
    });
    fits(ApiKey::OffsetForLeaderEpoch, 2..=4, |_| {
        OffsetForLeaderEpochRequest::default().with_topics(vec![
            offset_for_leader_epoch_request::OffsetForLeaderTopic::default()
                .with_topic(topic())
                .with_partitions(vec![offset_for_leader_epoch_request::OffsetForLeaderPartition::default()]),
        ])
    });
}

/// The crate reads a known tagged field without a look at its length. If the two could differ, the crate would read
/// claimed lengths at places that nobody has proven, and reserve what they claim.
#[test]
fn net_2_a_tagged_field_that_lies_about_its_length_never_reaches_the_crate() {
    let mut body = bytes::BytesMut::new();
    let partition = fetch_request::FetchPartition::default().with_replica_directory_id(uuid::Uuid::from_u128(9));
    let topic = fetch_request::FetchTopic::default().with_partitions(vec![partition]);
    FetchRequest::default().with_topics(vec![topic]).encode(&mut body, 17).unwrap();
    let tag = body.windows(3).position(|bytes| bytes == [1, 0, 16]).unwrap();
    let lying = [&body[..tag + 2], &[0], &body[tag + 3 + 16..]].concat();
    assert!(shape_of(1).unwrap().fits(&body, 17));
    assert!(!shape_of(1).unwrap().fits(&lying, 17));
    let mut lying = bytes::Bytes::from(lying);
    assert!(crate::wire::decode::<FetchRequest>(ApiKey::Fetch, 17, &mut lying).is_err());
}

#[test]
fn metadata_requests_fit() {
    fits(ApiKey::Metadata, 0..=13, |version| {
        let some = metadata_request::MetadataRequestTopic::default().with_name(Some(topic()));
        MetadataRequest::default().with_topics(Some(vec![some])).with_allow_auto_topic_creation(version < 4)
    });
    fits(ApiKey::Metadata, 1..=13, |_| MetadataRequest::default().with_topics(None));
    fits(ApiKey::ApiVersions, 0..=4, |_| ApiVersionsRequest::default());
    fits(ApiKey::FindCoordinator, 0..=3, |_| FindCoordinatorRequest::default().with_key(protocol_string("g")));
    fits(ApiKey::FindCoordinator, 4..=6, |_| {
        FindCoordinatorRequest::default().with_coordinator_keys(vec![protocol_string("a"), protocol_string("b")])
    });
    fits(ApiKey::InitProducerId, 0..=5, |_| InitProducerIdRequest::default());
    fits(ApiKey::WriteTxnMarkers, 1..=1, |_| {
        let topic = write_txn_markers_request::WritableTxnMarkerTopic::default()
            .with_name(topic())
            .with_partition_indexes(vec![0, 1]);
        let marker = write_txn_markers_request::WritableTxnMarker::default().with_topics(vec![topic]);
        WriteTxnMarkersRequest::default().with_markers(vec![marker])
    });
    fits(ApiKey::DescribeProducers, 0..=0, |_| {
        let asked =
            describe_producers_request::TopicRequest::default().with_name(topic()).with_partition_indexes(vec![0, 1]);
        DescribeProducersRequest::default().with_topics(vec![asked])
    });
    fits(ApiKey::DescribeCluster, 0..=2, |_| DescribeClusterRequest::default());
    fits(ApiKey::DescribeTopicPartitions, 0..=0, |_| {
        DescribeTopicPartitionsRequest::default()
            .with_topics(vec![describe_topic_partitions_request::TopicRequest::default().with_name(topic())])
            .with_cursor(Some(describe_topic_partitions_request::Cursor::default().with_topic_name(topic())))
    });
    fits(ApiKey::DescribeTopicPartitions, 0..=0, |_| DescribeTopicPartitionsRequest::default());
}

#[test]
fn admin_requests_fit() {
    fits(ApiKey::CreateTopics, 2..=7, |_| {
        CreateTopicsRequest::default().with_topics(vec![
            create_topics_request::CreatableTopic::default()
                .with_name(topic())
                .with_assignments(vec![
                    create_topics_request::CreatableReplicaAssignment::default().with_broker_ids(vec![BrokerId(1)]),
                ])
                .with_configs(vec![create_topics_request::CreatableTopicConfig::default()]),
        ])
    });
    fits(ApiKey::DeleteTopics, 1..=5, |_| DeleteTopicsRequest::default().with_topic_names(vec![topic()]));
    fits(ApiKey::DeleteTopics, 6..=6, |_| {
        DeleteTopicsRequest::default().with_topics(vec![
            delete_topics_request::DeleteTopicState::default().with_topic_id(uuid::Uuid::from_u128(7)),
        ])
    });
    fits(ApiKey::CreatePartitions, 0..=3, |_| {
        let assignment =
            create_partitions_request::CreatePartitionsAssignment::default().with_broker_ids(vec![BrokerId(1)]);
        CreatePartitionsRequest::default().with_topics(vec![
            create_partitions_request::CreatePartitionsTopic::default()
                .with_name(topic())
                .with_assignments(Some(vec![assignment])),
        ])
    });
    fits(ApiKey::DescribeConfigs, 1..=4, |_| {
        DescribeConfigsRequest::default().with_resources(vec![
            describe_configs_request::DescribeConfigsResource::default()
                .with_configuration_keys(Some(vec![protocol_string("retention.ms")])),
        ])
    });
    fits(ApiKey::AlterConfigs, 0..=2, |_| {
        AlterConfigsRequest::default().with_resources(vec![
            alter_configs_request::AlterConfigsResource::default()
                .with_configs(vec![alter_configs_request::AlterableConfig::default()]),
        ])
    });
    fits(ApiKey::IncrementalAlterConfigs, 0..=1, |_| {
        IncrementalAlterConfigsRequest::default().with_resources(vec![
            incremental_alter_configs_request::AlterConfigsResource::default()
                .with_configs(vec![incremental_alter_configs_request::AlterableConfig::default()]),
        ])
    });
}

#[test]
fn requests_of_offsets_fit() {
    fits(ApiKey::OffsetCommit, 2..=9, |version| {
        let partition = offset_commit_request::OffsetCommitRequestPartition::default()
            .with_committed_metadata(Some(protocol_string("m")))
            .with_committed_leader_epoch(if version >= 6 { 3 } else { -1 });
        let silent = offset_commit_request::OffsetCommitRequestPartition::default().with_committed_metadata(None);
        let instance = (version >= 7).then(|| protocol_string("i"));
        OffsetCommitRequest::default().with_group_instance_id(instance).with_topics(vec![
            offset_commit_request::OffsetCommitRequestTopic::default()
                .with_name(topic())
                .with_partitions(vec![partition, silent]),
        ])
    });
    let one = || {
        offset_fetch_request::OffsetFetchRequestTopic::default().with_name(topic()).with_partition_indexes(vec![1, 2])
    };
    fits(ApiKey::OffsetFetch, 1..=7, |_| OffsetFetchRequest::default().with_topics(Some(vec![one()])));
    fits(ApiKey::OffsetFetch, 2..=7, |_| OffsetFetchRequest::default().with_topics(None));
    fits(ApiKey::OffsetFetch, 8..=9, |version| {
        let some = offset_fetch_request::OffsetFetchRequestTopics::default()
            .with_name(topic())
            .with_partition_indexes(vec![1]);
        let member = (version >= 9).then(|| protocol_string("m"));
        let group = |topics| {
            offset_fetch_request::OffsetFetchRequestGroup::default().with_member_id(member.clone()).with_topics(topics)
        };
        OffsetFetchRequest::default().with_groups(vec![group(Some(vec![some])), group(None)])
    });
    fits(ApiKey::DeleteGroups, 0..=2, |_| {
        DeleteGroupsRequest::default().with_groups_names(vec![GroupId(protocol_string("g"))])
    });
    fits(ApiKey::OffsetDelete, 0..=0, |_| {
        OffsetDeleteRequest::default().with_topics(vec![
            offset_delete_request::OffsetDeleteRequestTopic::default()
                .with_name(topic())
                .with_partitions(vec![offset_delete_request::OffsetDeleteRequestPartition::default()]),
        ])
    });
}

#[test]
fn group_requests_fit() {
    let group = || GroupId(protocol_string("group"));
    fits(ApiKey::JoinGroup, 0..=9, |version| {
        let protocol = join_group_request::JoinGroupRequestProtocol::default().with_metadata(vec![1, 2].into());
        let request = JoinGroupRequest::default().with_group_id(group()).with_protocols(vec![protocol]);
        let request = request.with_reason((version >= 8).then(|| protocol_string("reason")));
        request.with_group_instance_id((version >= 5).then(|| protocol_string("instance")))
    });
    fits(ApiKey::SyncGroup, 0..=5, |version| {
        let assignment = sync_group_request::SyncGroupRequestAssignment::default().with_assignment(vec![1, 2].into());
        let request = SyncGroupRequest::default().with_group_id(group()).with_assignments(vec![assignment]);
        let request = request.with_protocol_name((version >= 5).then(|| protocol_string("range")));
        request.with_group_instance_id((version >= 3).then(|| protocol_string("instance")))
    });
    fits(ApiKey::Heartbeat, 0..=4, |version| {
        let request = HeartbeatRequest::default().with_group_id(group());
        request.with_group_instance_id((version >= 3).then(|| protocol_string("instance")))
    });
    fits(ApiKey::LeaveGroup, 0..=2, |_| LeaveGroupRequest::default().with_member_id(protocol_string("member")));
    fits(ApiKey::LeaveGroup, 3..=5, |version| {
        let member = leave_group_request::MemberIdentity::default().with_member_id(protocol_string("member"));
        let named = member.clone().with_group_instance_id(Some(protocol_string("instance")));
        let named = named.with_reason((version >= 5).then(|| protocol_string("reason")));
        LeaveGroupRequest::default().with_group_id(group()).with_members(vec![member, named])
    });
    fits(ApiKey::DescribeGroups, 0..=6, |version| {
        DescribeGroupsRequest::default().with_groups(vec![group()]).with_include_authorized_operations(version >= 3)
    });
    fits(ApiKey::ListGroups, 0..=5, |version| {
        let names = |from| if version >= from { vec![protocol_string("Stable")] } else { vec![] };
        ListGroupsRequest::default().with_states_filter(names(4)).with_types_filter(names(5))
    });
}

#[test]
fn requests_of_consumer_groups_fit() {
    fits(ApiKey::ConsumerGroupHeartbeat, 0..=1, |version| {
        let owned = consumer_group_heartbeat_request::TopicPartitions::default().with_partitions(vec![1, 2]);
        let text = |text: &'static str| Some(protocol_string(text));
        ConsumerGroupHeartbeatRequest::default()
            .with_group_id(GroupId(protocol_string("group")))
            .with_instance_id(text("instance"))
            .with_rack_id(text("rack"))
            .with_subscribed_topic_names(Some(vec![topic()]))
            .with_subscribed_topic_regex(text("t.*").filter(|_| version >= 1))
            .with_server_assignor(text("range"))
            .with_topic_partitions(Some(vec![owned]))
    });
    fits(ApiKey::ConsumerGroupHeartbeat, 0..=1, |_| ConsumerGroupHeartbeatRequest::default());
    fits(ApiKey::ConsumerGroupDescribe, 0..=1, |_| {
        ConsumerGroupDescribeRequest::default().with_group_ids(vec![GroupId(protocol_string("group"))])
    });
}

#[test]
fn requests_about_replicas_and_the_quorum_fit() {
    fits(ApiKey::ElectLeaders, 0..=2, |version| {
        let one = elect_leaders_request::TopicPartitions::default().with_topic(topic()).with_partitions(vec![1, 2]);
        let request = ElectLeadersRequest::default().with_topic_partitions(Some(vec![one]));
        request.with_election_type(i8::from(version >= 1))
    });
    fits(ApiKey::ElectLeaders, 0..=2, |_| ElectLeadersRequest::default().with_topic_partitions(None));
    fits(ApiKey::AlterPartitionReassignments, 0..=1, |_| {
        use alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic};
        let moved = ReassignablePartition::default().with_replicas(Some(vec![BrokerId(1), BrokerId(2)]));
        let partitions = vec![moved, ReassignablePartition::default().with_replicas(None)];
        AlterPartitionReassignmentsRequest::default()
            .with_topics(vec![ReassignableTopic::default().with_name(topic()).with_partitions(partitions)])
    });
    fits(ApiKey::AlterReplicaLogDirs, 1..=2, |_| {
        use alter_replica_log_dirs_request::{AlterReplicaLogDir, AlterReplicaLogDirTopic};
        let one = AlterReplicaLogDirTopic::default().with_name(topic()).with_partitions(vec![1, 2]);
        let dir = AlterReplicaLogDir::default().with_path(protocol_string("/a")).with_topics(vec![one]);
        AlterReplicaLogDirsRequest::default().with_dirs(vec![dir, AlterReplicaLogDir::default()])
    });
    fits(ApiKey::ListPartitionReassignments, 0..=0, |_| {
        use list_partition_reassignments_request::ListPartitionReassignmentsTopics;
        let one = ListPartitionReassignmentsTopics::default().with_name(topic()).with_partition_indexes(vec![3]);
        ListPartitionReassignmentsRequest::default().with_topics(Some(vec![one]))
    });
    fits(ApiKey::ListPartitionReassignments, 0..=0, |_| ListPartitionReassignmentsRequest::default());
    fits(ApiKey::DescribeQuorum, 0..=2, |_| {
        let partition = describe_quorum_request::PartitionData::default();
        let one = describe_quorum_request::TopicData::default().with_topic_name(topic());
        DescribeQuorumRequest::default().with_topics(vec![one.with_partitions(vec![partition])])
    });
    fits(ApiKey::UpdateFeatures, 0..=2, |version| {
        let update = update_features_request::FeatureUpdateKey::default().with_feature(protocol_string("f"));
        let update = if version == 0 { update.with_allow_downgrade(true) } else { update.with_upgrade_type(2) };
        UpdateFeaturesRequest::default().with_feature_updates(vec![update]).with_validate_only(version >= 1)
    });
    fits(ApiKey::ListConfigResources, 0..=1, |version| {
        ListConfigResourcesRequest::default().with_resource_types(if version >= 1 { vec![2, 4] } else { vec![] })
    });
}

#[test]
fn requests_of_authentication_fit() {
    fits(ApiKey::SaslHandshake, 0..=1, |_| SaslHandshakeRequest::default().with_mechanism(protocol_string("PLAIN")));
    fits(ApiKey::SaslAuthenticate, 0..=2, |_| SaslAuthenticateRequest::default().with_auth_bytes(vec![0, b'u'].into()));
}
