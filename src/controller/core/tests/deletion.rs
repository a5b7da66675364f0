//! DeleteTopics.
use super::*;

fn name(name: &str) -> TopicSelector {
    TopicSelector::Name(name.into())
}

fn delete(cluster: &mut Cluster, topics: Vec<TopicSelector>) -> Result<Vec<TopicDeleted>, Refused> {
    match cluster.run(Operation::DeleteTopics { topics }) {
        Reply::Deleted(answer) => answer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn ctl_9_topics_are_deleted_by_name_and_by_id() {
    let mut cluster = Cluster::of(&[1]);
    let ids: Vec<TopicId> = ["a", "b", "c"].map(|name| cluster.create_one(topic(name)).unwrap().id).into();
    let unknown = TopicId(Uuid::from_u128(5));
    let selectors =
        vec![name("a"), TopicSelector::Id(ids[1]), name("nobody"), TopicSelector::Id(unknown), name("not a name")];
    let deleted = delete(&mut cluster, selectors).unwrap();
    let codes: Vec<_> = deleted.iter().map(|one| code(&one.result)).collect();
    use ErrorCode::{None, UnknownTopicId, UnknownTopicOrPartition};
    assert_eq!(codes, [None, None, UnknownTopicOrPartition, UnknownTopicId, UnknownTopicOrPartition]);
    assert_eq!((deleted[1].name.as_deref(), deleted[1].id), (Some("b"), ids[1]));
    assert_eq!((deleted[0].name.as_deref(), deleted[0].id), (Some("a"), ids[0]));
    assert_eq!((deleted[3].name.as_deref(), deleted[3].id), (Option::None, unknown));
    assert_eq!(cluster.image().topics.len(), 1);
}

#[test]
fn ctl_9_a_topic_named_twice_is_not_deleted() {
    let mut cluster = Cluster::of(&[1]);
    let id = cluster.create_one(topic("a")).unwrap().id;
    for (selectors, words) in [
        (vec![name("a"), name("a")], "Duplicate topic name."),
        (vec![TopicSelector::Id(id), TopicSelector::Id(id)], "Duplicate topic id."),
        (vec![name("a"), TopicSelector::Id(id)], "maps to an ID that was already supplied"),
        (vec![TopicSelector::Id(id), TopicSelector::Id(id), name("a")], "Duplicate topic id."),
    ] {
        let deleted = delete(&mut cluster, selectors).unwrap();
        assert!(deleted.iter().all(|one| code(&one.result) == ErrorCode::InvalidRequest), "{deleted:?}");
        assert!(text(&deleted[0].result).contains(words));
    }
    assert_eq!(cluster.image().topics.len(), 1);
}

#[test]
fn ctl_9_deletion_can_be_switched_off() {
    let mut cluster = Cluster::with(&[1], |rules| rules.topic_deletion = false);
    cluster.create_one(topic("a")).unwrap();
    assert_eq!(code(&delete(&mut cluster, vec![name("a")])), ErrorCode::TopicDeletionDisabled);
}

#[test]
fn ctl_9_a_recreated_name_has_a_new_id_and_none_of_the_old_settings() {
    let mut cluster = Cluster::of(&[1]);
    let configs = vec![("retention.ms".into(), Some("5".into()))];
    let old = cluster.create_one(NewTopic { configs, ..topic("a") }).unwrap().id;
    delete(&mut cluster, vec![name("a")]).unwrap();
    let new = cluster.create_one(topic("a")).unwrap().id;
    assert_ne!(old, new);
    assert_eq!(cluster.image().configs.of(&crate::image::Resource::topic("a")), None);
}
