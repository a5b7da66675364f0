//! The coordinators' topics on a broker that nobody used yet: whoever asks for them first, they are made as theirs.
use kafka_protocol::messages::{
    DescribeConfigsRequest, DescribeTopicPartitionsRequest, MetadataRequest,
    describe_configs_request::DescribeConfigsResource, describe_topic_partitions_request::TopicRequest,
    metadata_request::MetadataRequestTopic,
};
use protocol_tests::{
    Code, Connection, assert_error,
    child::{Child, free_port},
    text, topic_name,
};

/// Nobody has asked for a coordinator yet, so that there are none of these topics.
#[test]
fn a_coordinators_topic_that_is_not_there_yet_is_told_as_internal() {
    let directory = tempfile::tempdir().expect("a directory");
    let broker = Child::start(free_port(), directory.path(), &[]);
    let mut connection = Connection::try_open_at(broker.address()).expect("a connection");
    let names = ["__consumer_offsets", "__share_group_state", "__transaction_state", "others", "a b"];
    let asked = names.map(|name| TopicRequest::default().with_name(topic_name(name)));
    let request = DescribeTopicPartitionsRequest::default().with_topics(asked.to_vec());
    let mut told: Vec<_> = connection.call(0, &request.with_response_partition_limit(100)).topics;
    told.sort_by_key(|topic| {
        names.iter().position(|name| topic.name.as_ref().is_some_and(|told| told.as_str() == *name))
    });
    assert_eq!(told.iter().map(|topic| topic.is_internal).collect::<Vec<_>>(), [true, true, true, false, false]);
    assert_error(told[0].error_code, Code::UnknownTopicOrPartition);
}

#[test]
fn a_consumer_that_asks_for_a_coordinators_topic_makes_it_as_the_coordinator_does() {
    let directory = tempfile::tempdir().expect("a directory");
    let overrides = ["num.partitions=2", "offsets.topic.num.partitions=5", "transaction.state.log.num.partitions=7"];
    let given = ["offsets.topic.replication.factor=1", "transaction.state.log.replication.factor=1"];
    let broker = Child::start(free_port(), directory.path(), &[&overrides[..], &given[..]].concat());
    let mut connection = Connection::try_open_at(broker.address()).expect("a connection");
    for (name, partitions) in [("__consumer_offsets", 5), ("__transaction_state", 7), ("others", 2)] {
        let asked = MetadataRequestTopic::default().with_name(Some(topic_name(name)));
        let request = MetadataRequest::default().with_topics(Some(vec![asked])).with_allow_auto_topic_creation(true);
        let topic = connection.call(12, &request).topics.remove(0);
        assert_eq!((topic.error_code, topic.partitions.len()), (0, partitions), "{name}");
        let resource = DescribeConfigsResource::default()
            .with_resource_type(2)
            .with_resource_name(text(name))
            .with_configuration_keys(Some(vec![text("cleanup.policy")]));
        let described = connection.call(4, &DescribeConfigsRequest::default().with_resources(vec![resource]));
        let policy = described.results[0].configs[0].value.clone().map(|value| value.to_string());
        let wanted = if name == "others" { "delete" } else { "compact" };
        assert_eq!(policy.as_deref(), Some(wanted), "{name}");
    }
    let asked = MetadataRequestTopic::default().with_name(Some(topic_name("__share_group_state")));
    let request = MetadataRequest::default().with_topics(Some(vec![asked])).with_allow_auto_topic_creation(true);
    let answer = connection.call(12, &request);
    assert_error(answer.topics[0].error_code, Code::UnknownTopicOrPartition);
}
