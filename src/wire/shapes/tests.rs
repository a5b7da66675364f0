//! Each shape against the crate's own encoder: what it writes at every version, filled and empty, fits to the byte.
use super::*;
use kafka_protocol::{messages::*, protocol::Encodable};

fn fits<T: Encodable>(key: ApiKey, versions: std::ops::RangeInclusive<Version>, request: impl Fn(Version) -> T) {
    let shape = shape_of(key as i16).unwrap();
    for version in versions {
        let mut body = bytes::BytesMut::new();
        request(version).encode(&mut body, version).unwrap_or_else(|error| panic!("{key:?} {version}: {error}"));
        assert!(shape.fits(&body, version), "{key:?} version {version}: {body:?}");
        body.extend_from_slice(&[0]);
        assert!(!shape.fits(&body, version), "{key:?} version {version} with a byte too many");
        for cut in 0..body.len() - 1 {
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
