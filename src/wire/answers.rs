//! The shapes of the answers our own client reads, so that no broker's claimed length makes it allocate.
use super::{
    Malformed, Version,
    shape::{
        Field::{self, *},
        Shape, Versioned,
    },
};
use bytes::{Buf, Bytes};
use kafka_protocol::messages::ApiKey;

const fn all(field: Field) -> Versioned {
    Versioned { field, min: 0, max: Version::MAX }
}
const fn from(min: Version, field: Field) -> Versioned {
    Versioned { field, min, max: Version::MAX }
}
const fn upto(max: Version, field: Field) -> Versioned {
    Versioned { field, min: 0, max }
}
const fn between(min: Version, max: Version, field: Field) -> Versioned {
    Versioned { field, min, max }
}

const fn answer(key: i16, flexible_from: Version, fields: &'static [Versioned]) -> Shape {
    Shape { key, flexible_from, fields }
}

/// After the JSON schemas (`*Response.json`) of Apache Kafka 4.3.
const ANSWERS: &[Shape] = &[
    answer(0, 9, PRODUCE),
    answer(1, 12, FETCH),
    answer(2, 6, LIST_OFFSETS),
    answer(3, 9, METADATA),
    answer(8, 8, &[from(3, I32), all(Array(&[upto(9, String), from(10, Uuid), all(Array(&[all(I32), all(I16)]))]))]),
    answer(9, 6, OFFSET_FETCH),
    answer(10, 3, FIND_COORDINATOR),
    answer(11, 6, JOIN_GROUP),
    answer(12, 4, &[from(1, I32), all(I16)]),
    answer(13, 4, &[from(1, I32), all(I16), from(3, Array(&[all(String), all(NullableString), all(I16)]))]),
    answer(14, 4, &[from(1, I32), all(I16), from(5, NullableString), from(5, NullableString), all(Bytes)]),
    answer(15, 5, DESCRIBE_GROUPS),
    answer(16, 3, LIST_GROUPS),
    answer(18, 3, API_VERSIONS),
    answer(19, 5, CREATE_TOPICS),
    answer(20, 4, DELETE_TOPICS),
    answer(22, 2, &[all(I32), all(I16), all(I64), all(I16), from(6, I64), from(6, I16)]),
    answer(27, 1, &[all(Array(&[all(I64), all(Array(&[all(String), all(Array(&[all(I32), all(I16)]))]))]))]),
    answer(32, 4, DESCRIBE_CONFIGS),
    answer(42, 2, &[all(I32), all(Array(&[all(String), all(I16)]))]),
    answer(44, 1, &[all(I32), all(Array(&[all(I16), all(NullableString), all(I8), all(String)]))]),
    answer(61, 0, DESCRIBE_PRODUCERS),
    answer(65, 0, DESCRIBE_TRANSACTIONS),
    answer(66, 0, &[all(I32), all(I16), all(List(&String)), all(Array(&[all(String), all(I64), all(String)]))]),
    answer(69, 0, CONSUMER_GROUP_DESCRIBE),
    answer(37, 2, &[all(I32), all(Array(&[all(String), all(I16), all(NullableString)]))]),
];

const API_VERSIONS: &[Versioned] = &[
    all(I16),
    all(Array(&[all(I16), all(I16), all(I16)])),
    from(1, I32),
    all(Tagged(0, &Array(FEATURE))),
    all(Tagged(1, &I64)),
    all(Tagged(2, &Array(FEATURE))),
    all(Tagged(3, &I8)),
];

const FEATURE: &[Versioned] = &[all(String), all(I16), all(I16)];
const LEADER: Field = Struct(&[all(I32), all(I32)]);
const ENDPOINTS: Field = Array(&[all(I32), all(String), all(I32), all(NullableString)]);

const PRODUCE: &[Versioned] = &[
    all(Array(&[
        upto(12, String),
        from(13, Uuid),
        all(Array(&[
            all(I32),
            all(I16),
            all(I64),
            from(2, I64),
            from(5, I64),
            from(8, Array(&[all(I32), all(NullableString)])),
            from(8, NullableString),
            from(10, Tagged(0, &LEADER)),
        ])),
    ])),
    from(1, I32),
    from(10, Tagged(0, &ENDPOINTS)),
];

const FETCH: &[Versioned] = &[
    from(1, I32),
    from(7, I16),
    from(7, I32),
    all(Array(&[
        upto(12, String),
        from(13, Uuid),
        all(Array(&[
            all(I32),
            all(I16),
            all(I64),
            from(4, I64),
            from(5, I64),
            from(4, NullableArray(&[all(I64), all(I64)])),
            from(11, I32),
            all(NullableBytes),
            all(Tagged(0, &Struct(&[all(I32), all(I64)]))),
            all(Tagged(1, &LEADER)),
            all(Tagged(2, &Struct(&[all(I64), all(I32)]))),
        ])),
    ])),
    from(16, Tagged(0, &ENDPOINTS)),
];

const FIND_COORDINATOR: &[Versioned] = &[
    from(1, I32),
    upto(3, I16),
    between(1, 3, NullableString),
    upto(3, I32),
    upto(3, String),
    upto(3, I32),
    from(4, Array(&[all(String), all(I32), all(String), all(I32), all(I16), all(NullableString)])),
];

const OFFSET_FETCH: &[Versioned] = &[
    from(3, I32),
    upto(7, Array(&[all(String), all(Array(&[all(I32), all(I64), from(5, I32), all(NullableString), all(I16)]))])),
    between(2, 7, I16),
    from(
        8,
        Array(&[
            all(String),
            all(Array(&[
                upto(9, String),
                from(10, Uuid),
                all(Array(&[all(I32), all(I64), all(I32), all(NullableString), all(I16)])),
            ])),
            all(I16),
        ]),
    ),
];

const JOIN_GROUP: &[Versioned] = &[
    from(2, I32),
    all(I16),
    all(I32),
    from(7, NullableString),
    upto(6, String),
    from(7, NullableString),
    all(String),
    from(9, I8),
    all(String),
    all(Array(&[all(String), from(5, NullableString), all(Bytes)])),
];

const DESCRIBE_GROUPS: &[Versioned] = &[
    from(1, I32),
    all(Array(&[
        all(I16),
        from(6, NullableString),
        all(String),
        all(String),
        all(String),
        all(String),
        all(Array(&[all(String), from(4, NullableString), all(String), all(String), all(Bytes), all(Bytes)])),
        from(3, I32),
    ])),
];

const LIST_GROUPS: &[Versioned] =
    &[from(1, I32), all(I16), all(Array(&[all(String), all(String), from(4, String), from(5, String)]))];

const ASSIGNMENT: Field = Struct(&[all(Array(&[all(Uuid), all(String), all(List(&I32))]))]);

const CONSUMER_GROUP_DESCRIBE: &[Versioned] = &[
    all(I32),
    all(Array(&[
        all(I16),
        all(NullableString),
        all(String),
        all(String),
        all(I32),
        all(I32),
        all(String),
        all(Array(&[
            all(String),
            all(NullableString),
            all(NullableString),
            all(I32),
            all(String),
            all(String),
            all(List(&String)),
            all(NullableString),
            all(ASSIGNMENT),
            all(ASSIGNMENT),
            from(1, I8),
        ])),
        all(I32),
    ])),
];

const LIST_OFFSETS: &[Versioned] = &[
    from(2, I32),
    all(Array(&[all(String), all(Array(&[all(I32), all(I16), from(1, I64), from(1, I64), from(4, I32)]))])),
];

const METADATA: &[Versioned] = &[
    from(3, I32),
    all(Array(&[all(I32), all(String), all(I32), from(1, NullableString)])),
    from(2, NullableString),
    from(1, I32),
    all(Array(&[
        all(I16),
        upto(11, String),
        from(12, NullableString),
        from(10, Uuid),
        from(1, I8),
        all(Array(&[
            all(I16),
            all(I32),
            all(I32),
            from(7, I32),
            all(List(&I32)),
            all(List(&I32)),
            from(5, List(&I32)),
        ])),
        from(8, I32),
    ])),
    between(8, 10, I32),
    from(13, I16),
];

const CREATE_TOPICS: &[Versioned] = &[
    from(2, I32),
    all(Array(&[
        all(String),
        from(7, Uuid),
        all(I16),
        from(1, NullableString),
        from(5, I32),
        from(5, I16),
        from(5, NullableArray(&[all(String), all(NullableString), all(I8), all(I8), all(I8)])),
        from(5, Tagged(0, &I16)),
    ])),
];

const DELETE_TOPICS: &[Versioned] = &[
    from(1, I32),
    all(Array(&[upto(5, String), from(6, NullableString), from(6, Uuid), all(I16), from(5, NullableString)])),
];

const DESCRIBE_CONFIGS: &[Versioned] = &[
    all(I32),
    all(Array(&[
        all(I16),
        all(NullableString),
        all(I8),
        all(String),
        all(Array(&[
            all(String),
            all(NullableString),
            all(I8),
            all(I8),
            all(I8),
            from(1, Array(&[all(String), all(NullableString), all(I8)])),
            from(3, I8),
            from(3, NullableString),
        ])),
    ])),
];

const DESCRIBE_PRODUCERS: &[Versioned] = &[
    all(I32),
    all(Array(&[
        all(String),
        all(Array(&[
            all(I32),
            all(I16),
            all(NullableString),
            all(Array(&[all(I64), all(I32), all(I32), all(I64), all(I32), all(I64)])),
        ])),
    ])),
];

const DESCRIBE_TRANSACTIONS: &[Versioned] = &[
    all(I32),
    all(Array(&[
        all(I16),
        all(String),
        all(String),
        all(I32),
        all(I64),
        all(I64),
        all(I16),
        all(Array(&[all(String), all(List(&I32))])),
    ])),
];

/// Proves that `body` is an answer of this API and version, to its last byte; the decoder may then trust its lengths.
pub fn check_answer(key: ApiKey, version: Version, body: &[u8]) -> Result<(), Malformed> {
    let shape = ANSWERS.iter().find(|shape| shape.key == key as i16).ok_or(Malformed::Shape)?;
    if shape.fits(body, version) { Ok(()) } else { Err(Malformed::Shape) }
}

/// Takes the tagged fields of a response header (version 1) off, behind the correlation id; `None` when broken.
pub fn skip_header_tags(body: &mut Bytes) -> Option<()> {
    let mut at = 0;
    super::shape::skip_tags(body, &mut at)?;
    body.advance(at);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;
    use kafka_protocol::{
        messages::*,
        protocol::{Encodable, Message, StrBytes},
    };

    /// The default answer of every version fits, and no prefix of it does.
    fn fits_at_every_version<T: Encodable + Message>(key: ApiKey, answer: &T) {
        for version in T::VERSIONS.min..=T::VERSIONS.max {
            let mut bytes = BytesMut::new();
            if answer.encode(&mut bytes, version).is_err() {
                continue;
            }
            assert_eq!(check_answer(key, version, &bytes), Ok(()), "{key:?} {version}");
            for cut in 0..bytes.len() {
                assert!(check_answer(key, version, &bytes[..cut]).is_err(), "{key:?} {version} cut at {cut}");
            }
        }
    }

    #[test]
    fn answers_of_every_version_have_their_shape() {
        let produced = produce_response::PartitionProduceResponse::default();
        let produced = produce_response::TopicProduceResponse::default().with_partition_responses(vec![produced]);
        fits_at_every_version(ApiKey::Produce, &ProduceResponse::default().with_responses(vec![produced]));
        let data = fetch_response::PartitionData::default().with_records(Some(Bytes::from_static(b"batch")));
        let data = fetch_response::FetchableTopicResponse::default().with_partitions(vec![data]);
        fits_at_every_version(ApiKey::Fetch, &FetchResponse::default().with_responses(vec![data]));
        let at = list_offsets_response::ListOffsetsPartitionResponse::default();
        let at = list_offsets_response::ListOffsetsTopicResponse::default().with_partitions(vec![at]);
        fits_at_every_version(ApiKey::ListOffsets, &ListOffsetsResponse::default().with_topics(vec![at]));
        let partition = metadata_response::MetadataResponsePartition::default().with_isr_nodes(vec![BrokerId(1)]);
        let topic = metadata_response::MetadataResponseTopic::default()
            .with_name(Some(TopicName(StrBytes::from_static_str("t"))))
            .with_partitions(vec![partition]);
        let broker = metadata_response::MetadataResponseBroker::default();
        let metadata = MetadataResponse::default().with_brokers(vec![broker]).with_topics(vec![topic]);
        fits_at_every_version(ApiKey::Metadata, &metadata);
        fits_at_every_version(ApiKey::InitProducerId, &InitProducerIdResponse::default());
    }

    #[test]
    fn answers_of_the_topic_apis_have_their_shape() {
        let api = api_versions_response::ApiVersion::default();
        fits_at_every_version(ApiKey::ApiVersions, &ApiVersionsResponse::default().with_api_keys(vec![api]));
        let config = create_topics_response::CreatableTopicConfigs::default();
        let with = create_topics_response::CreatableTopicResult::default().with_configs(Some(vec![config]));
        let without = create_topics_response::CreatableTopicResult::default();
        fits_at_every_version(ApiKey::CreateTopics, &CreateTopicsResponse::default().with_topics(vec![with, without]));
        let deleted = delete_topics_response::DeletableTopicResult::default()
            .with_name(Some(TopicName(StrBytes::from_static_str("t"))));
        fits_at_every_version(ApiKey::DeleteTopics, &DeleteTopicsResponse::default().with_responses(vec![deleted]));
        let config = describe_configs_response::DescribeConfigsResourceResult::default();
        let result = describe_configs_response::DescribeConfigsResult::default().with_configs(vec![config]);
        fits_at_every_version(ApiKey::DescribeConfigs, &DescribeConfigsResponse::default().with_results(vec![result]));
        let changed = incremental_alter_configs_response::AlterConfigsResourceResponse::default();
        let changed = IncrementalAlterConfigsResponse::default().with_responses(vec![changed]);
        fits_at_every_version(ApiKey::IncrementalAlterConfigs, &changed);
        let grown = create_partitions_response::CreatePartitionsTopicResult::default();
        fits_at_every_version(ApiKey::CreatePartitions, &CreatePartitionsResponse::default().with_results(vec![grown]));
    }

    #[test]
    fn answers_about_groups_have_their_shape() {
        let text = StrBytes::from_static_str;
        fits_at_every_version(ApiKey::FindCoordinator, &FindCoordinatorResponse::default());
        let found = find_coordinator_response::Coordinator::default();
        fits_at_every_version(
            ApiKey::FindCoordinator,
            &FindCoordinatorResponse::default().with_coordinators(vec![found]),
        );
        let told = offset_fetch_response::OffsetFetchResponsePartition::default().with_metadata(Some(text("m")));
        let told = offset_fetch_response::OffsetFetchResponseTopic::default().with_partitions(vec![told]);
        fits_at_every_version(ApiKey::OffsetFetch, &OffsetFetchResponse::default().with_topics(vec![told]));
        let told = offset_fetch_response::OffsetFetchResponsePartitions::default();
        let told = offset_fetch_response::OffsetFetchResponseTopics::default().with_partitions(vec![told]);
        let told = offset_fetch_response::OffsetFetchResponseGroup::default().with_topics(vec![told]);
        fits_at_every_version(ApiKey::OffsetFetch, &OffsetFetchResponse::default().with_groups(vec![told]));
        let done = offset_commit_response::OffsetCommitResponsePartition::default();
        let done = offset_commit_response::OffsetCommitResponseTopic::default().with_partitions(vec![done]);
        fits_at_every_version(ApiKey::OffsetCommit, &OffsetCommitResponse::default().with_topics(vec![done]));
        let gone = delete_groups_response::DeletableGroupResult::default();
        fits_at_every_version(ApiKey::DeleteGroups, &DeleteGroupsResponse::default().with_results(vec![gone]));
        let listed = list_groups_response::ListedGroup::default();
        fits_at_every_version(ApiKey::ListGroups, &ListGroupsResponse::default().with_groups(vec![listed]));
        let member = describe_groups_response::DescribedGroupMember::default();
        let group = describe_groups_response::DescribedGroup::default().with_members(vec![member]);
        fits_at_every_version(ApiKey::DescribeGroups, &DescribeGroupsResponse::default().with_groups(vec![group]));
        let topic = consumer_group_describe_response::TopicPartitions::default().with_partitions(vec![1]);
        let assignment = consumer_group_describe_response::Assignment::default().with_topic_partitions(vec![topic]);
        let member = consumer_group_describe_response::Member::default().with_assignment(assignment);
        let group = consumer_group_describe_response::DescribedGroup::default().with_members(vec![member]);
        let described = ConsumerGroupDescribeResponse::default().with_groups(vec![group]);
        fits_at_every_version(ApiKey::ConsumerGroupDescribe, &described);
        let member = join_group_response::JoinGroupResponseMember::default();
        fits_at_every_version(ApiKey::JoinGroup, &JoinGroupResponse::default().with_members(vec![member]));
        fits_at_every_version(ApiKey::SyncGroup, &SyncGroupResponse::default());
        fits_at_every_version(ApiKey::Heartbeat, &HeartbeatResponse::default());
        let member = leave_group_response::MemberResponse::default();
        fits_at_every_version(ApiKey::LeaveGroup, &LeaveGroupResponse::default().with_members(vec![member]));
    }

    #[test]
    fn answers_about_transactions_have_their_shape() {
        let one = list_transactions_response::TransactionState::default();
        fits_at_every_version(
            ApiKey::ListTransactions,
            &ListTransactionsResponse::default().with_transaction_states(vec![one]),
        );
        let topic = describe_transactions_response::TopicData::default().with_partitions(vec![1, 2]);
        let one = describe_transactions_response::TransactionState::default().with_topics(vec![topic]);
        let described = DescribeTransactionsResponse::default().with_transaction_states(vec![one]);
        fits_at_every_version(ApiKey::DescribeTransactions, &described);
        let producer = describe_producers_response::ProducerState::default();
        let at = describe_producers_response::PartitionResponse::default().with_active_producers(vec![producer]);
        let topic = describe_producers_response::TopicResponse::default().with_partitions(vec![at]);
        fits_at_every_version(
            ApiKey::DescribeProducers,
            &DescribeProducersResponse::default().with_topics(vec![topic]),
        );
        let at = write_txn_markers_response::WritableTxnMarkerPartitionResult::default();
        let topic = write_txn_markers_response::WritableTxnMarkerTopicResult::default().with_partitions(vec![at]);
        let marker = write_txn_markers_response::WritableTxnMarkerResult::default().with_topics(vec![topic]);
        fits_at_every_version(ApiKey::WriteTxnMarkers, &WriteTxnMarkersResponse::default().with_markers(vec![marker]));
    }

    #[test]
    fn a_claimed_length_in_an_answer_never_allocates() {
        let claims_two_billion = [0, 0, 0x7F, 0xFF, 0xFF, 0xFF];
        assert_eq!(check_answer(ApiKey::ApiVersions, 0, &claims_two_billion), Err(Malformed::Shape));
        // Version 3: error, no APIs, throttle, one tag (0, supported features) of five bytes that claims 4 G elements.
        let in_a_tag = [0, 0, 1, 0, 0, 0, 0, 1, 0, 5, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F];
        assert_eq!(check_answer(ApiKey::ApiVersions, 3, &in_a_tag), Err(Malformed::Shape));
        let empty_tag_array = [0, 0, 1, 0, 0, 0, 0, 1, 0, 1, 1];
        assert_eq!(check_answer(ApiKey::ApiVersions, 3, &empty_tag_array), Ok(()));
    }
}
