//! Images: what records make of them, what a delta says, what a clone keeps.
use super::*;
use crate::{
    types::{NodeId, TopicId, TopicName},
    wire::metadata::*,
};
use uuid::Uuid;

fn id(number: u128) -> TopicId {
    TopicId(Uuid::from_u128(number))
}

fn topic(name: &str, number: u128) -> MetadataRecord {
    TopicRecord { name: name.into(), topic_id: Uuid::from_u128(number) }.into()
}

fn partition(number: u128, partition_id: i32) -> MetadataRecord {
    PartitionRecord {
        partition_id,
        topic_id: Uuid::from_u128(number),
        replicas: vec![1],
        isr: vec![1],
        leader: 1,
        directories: vec![Uuid::from_u128(77)],
        ..PartitionRecord::default()
    }
    .into()
}

fn config(resource: &Resource, name: &str, value: Option<&str>) -> MetadataRecord {
    ConfigRecord {
        resource_type: resource.kind.number(),
        resource_name: resource.name.to_string(),
        name: name.into(),
        value: value.map(Into::into),
    }
    .into()
}

fn after(image: &Image, records: &[MetadataRecord]) -> (Image, Delta) {
    let (mut image, mut delta) = (image.clone(), Delta::default());
    for record in records {
        image.apply(record, &mut delta).unwrap();
    }
    (image, delta)
}

#[test]
fn records_make_topics_and_an_earlier_image_stays_as_it_was() {
    let (one, _) = after(&Image::default(), &[topic("a", 1), partition(1, 0), partition(1, 1)]);
    let (two, delta) = after(&one, &[partition(1, 2), topic("b", 2)]);
    assert_eq!((one.topics.len(), one.topics.partitions()), (1, 2));
    assert_eq!((two.topics.len(), two.topics.partitions()), (2, 3));
    assert_eq!(delta.topics, [(id(1), [2].into()), (id(2), [].into())].into());
    let a = two.topics.by_name(&TopicName::parse("a").unwrap()).unwrap();
    assert_eq!((a.id, a.replication_factor()), (id(1), 1));
    assert!(std::sync::Arc::ptr_eq(&a.partitions[&0].directories, &a.partitions[&2].directories));
    assert_eq!(a.partitions[&0].directory(NodeId(1)), Some(Uuid::from_u128(77)));
}

#[test]
fn a_removed_topic_takes_its_settings_along() {
    let resource = Resource::topic("a.b");
    let records = [topic("a.b", 1), partition(1, 0), config(&resource, "retention.ms", Some("5"))];
    let (one, _) = after(&Image::default(), &records);
    assert_eq!(one.configs.value(&resource, "retention.ms"), Some("5"));
    assert_eq!(one.topics.collision(&TopicName::parse("a_b").unwrap()).map(TopicName::as_str), Some("a.b"));
    let (two, delta) = after(&one, &[RemoveTopicRecord { topic_id: Uuid::from_u128(1) }.into()]);
    assert_eq!(two, Image::default());
    assert_eq!(delta.topics_removed[&id(1)].name.as_str(), "a.b");
    assert!(delta.topics.is_empty() && delta.configs.contains(&resource));
}

#[test]
fn ctl_9_a_name_that_is_created_again_has_a_new_id() {
    let (one, _) = after(&Image::default(), &[topic("a", 1), partition(1, 0)]);
    let again = [RemoveTopicRecord { topic_id: Uuid::from_u128(1) }.into(), topic("a", 2), partition(2, 0)];
    let (two, delta) = after(&one, &again);
    assert_eq!(two.topics.named("a").unwrap().id, id(2));
    assert!(delta.topics_removed.contains_key(&id(1)) && delta.topics.contains_key(&id(2)));
    assert!(two.topics.by_id(id(1)).is_none());
}

#[test]
fn records_that_do_not_follow_are_refused_and_change_nothing() {
    let (image, _) = after(&Image::default(), &[topic("a", 1), partition(1, 0)]);
    let bad: Vec<MetadataRecord> = vec![
        topic("a", 2),
        topic("b", 1),
        topic("not a name", 3),
        partition(9, 0),
        partition(1, -1),
        PartitionChangeRecord { topic_id: Uuid::from_u128(1), partition_id: 5, ..Default::default() }.into(),
        RemoveTopicRecord { topic_id: Uuid::from_u128(9) }.into(),
        ConfigRecord { resource_type: 3, ..Default::default() }.into(),
        BrokerRegistrationChangeRecord { broker_id: 1, ..Default::default() }.into(),
        ProducerIdsRecord { next_producer_id: 0, ..Default::default() }.into(),
        FeatureLevelRecord { name: "x".into(), feature_level: -1 }.into(),
        RegisterBrokerRecord { broker_id: -1, ..Default::default() }.into(),
    ];
    for record in bad {
        let mut next = image.clone();
        let mut delta = Delta::default();
        assert!(next.apply(&record, &mut delta).is_err(), "{record:?}");
        assert_eq!(next, image);
        assert!(delta.is_empty());
    }
}

#[test]
fn ctl_6_a_change_of_another_life_of_the_broker_is_refused() {
    let register = |epoch| -> MetadataRecord {
        RegisterBrokerRecord { broker_id: 1, broker_epoch: epoch, fenced: true, ..Default::default() }.into()
    };
    let unfence = |epoch| -> MetadataRecord {
        BrokerRegistrationChangeRecord { broker_id: 1, broker_epoch: epoch, fenced: -1, ..Default::default() }.into()
    };
    let (one, _) = after(&Image::default(), &[register(5), register(9)]);
    assert!(one.cluster.broker(NodeId(1)).unwrap().fenced);
    assert!(one.clone().apply(&unfence(5), &mut Delta::default()).is_err());
    let (two, delta) = after(&one, &[unfence(9)]);
    assert!(two.cluster.broker(NodeId(1)).unwrap().is_active());
    assert!(delta.brokers.contains(&NodeId(1)));
}

#[test]
fn ctl_10_a_transaction_counts_as_a_whole_or_not_at_all() {
    let begin = || MetadataRecord::from(BeginTransactionRecord::default());
    let mut transactions = Transactions::default();
    assert!(transactions.pass(begin()).is_empty());
    assert!(transactions.pass(topic("a", 1)).is_empty());
    assert!(transactions.is_open());
    assert_eq!(transactions.pass(EndTransactionRecord::default().into()), [topic("a", 1)]);
    transactions.pass(begin());
    transactions.pass(topic("b", 2));
    assert!(transactions.pass(AbortTransactionRecord::default().into()).is_empty());
    assert_eq!(transactions.pass(topic("c", 3)), [topic("c", 3)]);
}

#[test]
fn deltas_join() {
    let (one, mut delta) = after(&Image::default(), &[topic("a", 1), partition(1, 0)]);
    let (two, later) = after(&one, &[RemoveTopicRecord { topic_id: Uuid::from_u128(1) }.into(), topic("b", 2)]);
    delta.then(later);
    assert_eq!(delta.topics.keys().copied().collect::<Vec<_>>(), [id(2)]);
    assert!(delta.topics_removed.contains_key(&id(1)));
    assert_eq!(Delta::everything(&two).topics.len(), 1);
}

#[test]
#[should_panic(expected = "went back")]
fn the_metadata_never_goes_back() {
    let mut image = Image::default();
    image.advance(Offset::new(3), LeaderEpoch::new(1));
    image.advance(Offset::new(3), LeaderEpoch::new(1));
}
