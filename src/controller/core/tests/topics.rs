//! CreateTopics.
use super::*;

#[test]
fn ctl_9_a_topic_is_made_with_defaults_settings_and_partitions() {
    let mut cluster = Cluster::of(&[1]);
    let configs = vec![("retention.ms".into(), Some("5".into()))];
    let facts = cluster.create_one(NewTopic { configs, ..topic("a") }).unwrap();
    assert_eq!((facts.partitions, facts.replication_factor), (3, 1));
    let made = cluster.image().topics.named("a").unwrap();
    assert_eq!((made.id, made.partitions.len()), (facts.id, 3));
    let partition = &made.partitions[&2];
    assert_eq!((partition.leader, partition.leader_epoch.get(), partition.partition_epoch), (Some(NodeId(1)), 0, 0));
    assert_eq!(partition.directory(NodeId(1)), Some(Uuid::from_u128(101)));
    let resource = crate::image::Resource::topic("a");
    assert_eq!(cluster.image().configs.value(&resource, "retention.ms"), Some("5"));
    assert_eq!(facts.settings["retention.ms"], "5");
}

#[test]
fn ctl_9_names_are_checked() {
    let mut cluster = Cluster::of(&[1]);
    cluster.create_one(topic("a.b")).unwrap();
    for (name, expected, words) in [
        ("", ErrorCode::InvalidTopicException, "empty string"),
        ("..", ErrorCode::InvalidTopicException, "'..' is not allowed"),
        ("a b", ErrorCode::InvalidTopicException, "contains one or more characters other than"),
        (&"x".repeat(250), ErrorCode::InvalidTopicException, "longer than the max allowed length 249"),
        ("a.b", ErrorCode::TopicAlreadyExists, "Topic 'a.b' already exists."),
        ("a_b", ErrorCode::InvalidTopicException, "Topic 'a_b' collides with existing topic: a.b"),
        ("__cluster_metadata", ErrorCode::InvalidRequest, "prohibited"),
    ] {
        let result = cluster.create_one(topic(name));
        assert_eq!(code(&result), expected, "{name}");
        assert!(text(&result).contains(words), "{name}: {}", text(&result));
    }
    assert_eq!(cluster.image().topics.len(), 1);
    cluster.create_one(topic("__consumer_offsets")).unwrap();
}

#[test]
fn ctl_9_a_name_that_stands_twice_is_refused_and_the_others_are_made() {
    let mut cluster = Cluster::of(&[1]);
    let results = cluster.create(vec![topic("a"), topic("b"), topic("a"), topic("c.d"), topic("c_d")]);
    assert_eq!(
        results.iter().map(code).collect::<Vec<_>>(),
        [ErrorCode::InvalidRequest, ErrorCode::None, ErrorCode::None, ErrorCode::None]
    );
    assert_eq!(text(&results[0]), "Duplicate topic name.");
    let names: Vec<_> = cluster.image().topics.iter().map(|topic| topic.name.to_string()).collect();
    assert_eq!(names, ["b", "c.d", "c_d"]);
}

#[test]
fn ctl_9_counts_are_checked() {
    let mut cluster = Cluster::of(&[1, 2]);
    for (partitions, replication, expected, words) in [
        (0, -1, ErrorCode::InvalidPartitions, "Number of partitions was set to an invalid non-positive value."),
        (-2, -1, ErrorCode::InvalidPartitions, "Number of partitions was set to an invalid non-positive value."),
        (1, 0, ErrorCode::InvalidReplicationFactor, "Replication factor must be larger than 0, or -1"),
        (1, -2, ErrorCode::InvalidReplicationFactor, "Replication factor must be larger than 0, or -1"),
        (
            1,
            3,
            ErrorCode::InvalidReplicationFactor,
            "Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached \
             because only 2 broker(s) are registered",
        ),
    ] {
        let result = cluster.create_one(sized("a", partitions, replication));
        assert_eq!(code(&result), expected);
        assert!(text(&result).starts_with(words), "{}", text(&result));
    }
    assert_eq!(cluster.create_one(sized("a", -1, 2)).unwrap().partitions, 3);
}

#[test]
fn ctl_9_a_huge_number_of_partitions_costs_nothing() {
    let mut cluster = Cluster::of(&[1]);
    for partitions in [10_001, i32::MAX] {
        let topics = vec![sized("a", partitions, 1), sized("b", i32::MAX, 1)];
        let result = cluster.create_request(CreateTopics { topics, validate_only: false });
        assert_eq!(code(&result), ErrorCode::PolicyViolation);
    }
}

#[test]
fn ctl_10_an_operation_larger_than_a_batch_is_refused_whole() {
    let mut cluster = Cluster::of(&[1]);
    for validate_only in [true, false] {
        let topics = vec![sized("a", 5_000, 1), sized("b", 5_000, 1)];
        let result = cluster.create_request(CreateTopics { topics, validate_only });
        assert_eq!(text(&result), "Unable to perform excessively large batch operation.");
    }
    assert!(cluster.image().topics.is_empty());
    cluster.create_one(sized("a", 9_999, 1)).unwrap();
    assert_eq!(cluster.image().topics.partitions(), 9_999);
}

#[test]
fn ctl_9_assignments_by_hand_are_checked() {
    let mut cluster = Cluster::of(&[1, 2]);
    for (assignments, words) in [
        (&[(0, &[1][..]), (0, &[2][..])][..], "Found multiple manual partition assignments for partition 0"),
        (&[(0, &[1]), (2, &[2])], "partitions should be a consecutive 0-based integer sequence"),
        (&[(1, &[1])], "partitions should be a consecutive 0-based integer sequence"),
        (&[(0, &[])], "includes an empty replica list"),
        (&[(0, &[1, 3])], "includes broker 3, but no such broker is registered."),
        (&[(0, &[2, 2])], "includes the broker 2 more than once."),
        (&[(0, &[1]), (1, &[1, 2])], "includes a partition with 2 replica(s), but this is not consistent"),
    ] {
        let result = cluster.create_one(assigned("a", assignments));
        assert_eq!(code(&result), ErrorCode::InvalidReplicaAssignment, "{assignments:?}");
        assert!(text(&result).contains(words), "{}", text(&result));
    }
    for (partitions, replication_factor) in [(2, -1), (-1, 1)] {
        let both = NewTopic { partitions, replication_factor, ..assigned("a", &[(0, &[1])]) };
        assert_eq!(code(&cluster.create_one(both)), ErrorCode::InvalidRequest);
    }
    let facts = cluster.create_one(assigned("a", &[(1, &[1, 2]), (0, &[2, 1])])).unwrap();
    assert_eq!((facts.partitions, facts.replication_factor), (2, 2));
    assert_eq!(cluster.replicas("a"), [[2, 1], [1, 2]]);
}

#[test]
fn ctl_9_settings_are_checked() {
    let mut cluster = Cluster::of(&[1]);
    let with = |name: &str, value: Option<&str>| NewTopic {
        configs: vec![(name.into(), value.map(Into::into))],
        ..topic("a")
    };
    let result = cluster.create_one(with("retention.ms", None));
    assert_eq!(code(&result), ErrorCode::InvalidConfig);
    assert_eq!(text(&result), "Null value not supported for topic configs: retention.ms");
    assert_eq!(code(&cluster.create_one(with("retention.ms", Some("soon")))), ErrorCode::InvalidConfig);
    assert_eq!(code(&cluster.create_one(with("cleanup.policy", Some(&",".repeat(32_768))))), ErrorCode::InvalidConfig);
    assert!(cluster.image().topics.is_empty());
}

#[test]
fn ctl_9_validating_only_makes_nothing() {
    let mut cluster = Cluster::of(&[1]);
    let request = CreateTopics { topics: vec![topic("a"), sized("b", 0, 1)], validate_only: true };
    let answer = cluster.create_request(request).unwrap();
    assert_eq!(answer[0].result.as_ref().unwrap().partitions, 3);
    assert_eq!(code(&answer[1].result), ErrorCode::InvalidPartitions);
    assert!(cluster.image().topics.is_empty());
}

#[test]
fn ctl_7_a_fenced_broker_leads_nothing_and_is_in_no_isr() {
    let mut cluster = Cluster::of(&[1]);
    cluster.register(2);
    let placed = cluster.create_one(sized("a", 4, 1)).unwrap();
    assert_eq!(placed.partitions, 4);
    assert!(cluster.replicas("a").iter().all(|replicas| replicas == &[1]));
    cluster.create_one(assigned("b", &[(0, &[2, 1])])).unwrap();
    let partition = &cluster.image().topics.named("b").unwrap().partitions[&0];
    assert_eq!((partition.leader, partition.isr.as_slice()), (Some(NodeId(1)), &[1][..]));
    let result = cluster.create_one(assigned("c", &[(0, &[2])]));
    assert!(text(&result).contains("are fenced or in controlled shutdown"), "{}", text(&result));
    let mut nobody = Cluster::of(&[]);
    nobody.register(1);
    let result = nobody.create_one(topic("a"));
    assert_eq!(code(&result), ErrorCode::InvalidReplicationFactor);
    assert!(text(&result).contains("All brokers are currently fenced"), "{}", text(&result));
}

#[test]
fn replicas_and_leaders_are_spread_evenly() {
    let mut cluster = Cluster::of(&[1, 2, 3]);
    cluster.create_one(sized("a", 6, 2)).unwrap();
    let placed = cluster.replicas("a");
    let mut pairs = placed.clone();
    pairs.sort();
    pairs.dedup();
    assert_eq!(pairs.len(), 6, "every pair once: {placed:?}");
    for broker in 1..=3 {
        assert_eq!(placed.iter().filter(|replicas| replicas[0] == broker).count(), 2);
    }
}
