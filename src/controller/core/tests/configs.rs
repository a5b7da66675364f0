//! AlterConfigs and IncrementalAlterConfigs.
use super::*;
use crate::image::Resource;

fn alter(cluster: &mut Cluster, resources: Vec<(Resource, ConfigChange)>) -> Vec<Result<(), Refused>> {
    match cluster.run(Operation::AlterConfigs(AlterConfigs { resources, validate_only: false })) {
        Reply::Configs(answer) => answer.unwrap().into_iter().map(|(_, result)| result).collect(),
        other => panic!("{other:?}"),
    }
}

fn each(steps: &[(&str, ConfigStep)]) -> ConfigChange {
    ConfigChange::Each(steps.iter().map(|(name, step)| (name.to_string(), step.clone())).collect())
}

fn replace(settings: &[(&str, &str)]) -> ConfigChange {
    ConfigChange::Replace(settings.iter().map(|(name, value)| (name.to_string(), Some(value.to_string()))).collect())
}

fn set(value: &str) -> ConfigStep {
    ConfigStep::Set(Some(value.into()))
}

fn with_topic() -> (Cluster, Resource) {
    let mut cluster = Cluster::of(&[1]);
    cluster.create_one(topic("a")).unwrap();
    (cluster, Resource::topic("a"))
}

#[test]
fn settings_are_set_appended_subtracted_and_deleted() {
    let (mut cluster, a) = with_topic();
    let policy = |cluster: &Cluster| cluster.image().configs.value(&a, "cleanup.policy").map(str::to_owned);
    let step = |cluster: &mut Cluster, step: ConfigStep| {
        alter(cluster, vec![(a.clone(), each(&[("cleanup.policy", step)]))]).remove(0).unwrap();
        policy(cluster)
    };
    let append = ConfigStep::Append(Some("compact".into()));
    assert_eq!(step(&mut cluster, append.clone()).as_deref(), Some("delete,compact"), "to the default");
    assert_eq!(step(&mut cluster, append).as_deref(), Some("delete,compact"), "no value twice");
    assert_eq!(step(&mut cluster, set("delete")).as_deref(), Some("delete"));
    let with_end = ConfigStep::Append(Some("compact,".into()));
    assert_eq!(step(&mut cluster, with_end).as_deref(), Some("delete,compact"), "an empty end is no value");
    assert_eq!(step(&mut cluster, ConfigStep::Subtract(Some("delete".into()))).as_deref(), Some("compact"));
    assert_eq!(step(&mut cluster, set("delete")).as_deref(), Some("delete"));
    assert_eq!(step(&mut cluster, ConfigStep::Delete), None);
    assert_eq!(cluster.image().configs.of(&a), None);
}

#[test]
fn what_is_not_named_goes_with_alter_configs_and_stays_with_its_incremental_form() {
    let (mut cluster, a) = with_topic();
    let both = replace(&[("retention.ms", "5"), ("cleanup.policy", "compact")]);
    alter(&mut cluster, vec![(a.clone(), both)]).remove(0).unwrap();
    alter(&mut cluster, vec![(a.clone(), each(&[("retention.ms", set("6"))]))]).remove(0).unwrap();
    let settings = |cluster: &Cluster| cluster.image().configs.of(&a).map(|settings| (**settings).clone());
    assert_eq!(settings(&cluster).unwrap().len(), 2);
    alter(&mut cluster, vec![(a.clone(), replace(&[("retention.ms", "6")]))]).remove(0).unwrap();
    assert_eq!(settings(&cluster).unwrap(), [("retention.ms".to_string(), "6".to_string())].into());
}

#[test]
fn bad_changes_are_refused_resource_by_resource() {
    let (mut cluster, a) = with_topic();
    for (resource, change, expected, words) in [
        (Resource::topic("b"), each(&[]), ErrorCode::UnknownTopicOrPartition, "The topic 'b' does not exist."),
        (Resource::broker(NodeId(9)), each(&[]), ErrorCode::BrokerIdNotRegistered, "No node with id 9 found."),
        (a.clone(), each(&[("retention.ms", set("x"))]), ErrorCode::InvalidConfig, "Invalid value x"),
        (a.clone(), each(&[("nothing", set("x"))]), ErrorCode::InvalidConfig, "nothing"),
        (a.clone(), each(&[("retention.ms", ConfigStep::Set(None))]), ErrorCode::InvalidRequest, "Null value"),
        (
            a.clone(),
            each(&[("retention.ms", set("1")), ("retention.ms", set("2"))]),
            ErrorCode::InvalidRequest,
            "Error due to duplicate config keys",
        ),
        (
            a.clone(),
            each(&[("retention.ms", ConfigStep::Append(Some("1".into())))]),
            ErrorCode::InvalidConfig,
            "Can't APPEND to key retention.ms because its type is not LIST.",
        ),
    ] {
        let good = (Resource::all_brokers(), each(&[("retention.ms", set("7"))]));
        let results = alter(&mut cluster, vec![(resource, change), good]);
        assert_eq!(code(&results[0]), expected);
        assert!(text(&results[0]).contains(words), "{}", text(&results[0]));
        assert_eq!(code(&results[1]), ErrorCode::None);
    }
    assert_eq!(cluster.image().configs.of(&a), None);
    let twice = alter(&mut cluster, vec![(a.clone(), each(&[])), (a, each(&[]))]);
    assert!(twice.iter().all(|result| text(result) == "Each resource must appear at most once."));
}

#[test]
fn validating_only_changes_nothing() {
    let (mut cluster, a) = with_topic();
    let resources = vec![(a.clone(), each(&[("retention.ms", set("5"))]))];
    cluster.run(Operation::AlterConfigs(AlterConfigs { resources, validate_only: true }));
    assert_eq!(cluster.image().configs.of(&a), None);
}

#[test]
fn ctl_10_more_settings_than_a_batch_holds_are_refused_also_where_they_are_only_validated() {
    let (mut cluster, _) = with_topic();
    let resources = || (0..10_001).map(|n| (Resource::group(&format!("g{n}")), each(&[("retention.ms", set("5"))])));
    for validate_only in [true, false] {
        let request = AlterConfigs { resources: resources().collect(), validate_only };
        let Reply::Configs(Err(refused)) = cluster.run(Operation::AlterConfigs(request)) else {
            panic!("too much, {validate_only}")
        };
        assert_eq!(refused.code, ErrorCode::PolicyViolation);
    }
}

#[test]
fn a_change_is_judged_before_the_name_of_its_topic_and_that_before_values() {
    let (mut cluster, _) = with_topic();
    for (name, step, expected) in [
        ("retention.ms", ConfigStep::Append(Some("1".into())), ErrorCode::InvalidConfig),
        ("retention.ms", ConfigStep::Set(None), ErrorCode::InvalidRequest),
        ("cleanup.policy", ConfigStep::Append(None), ErrorCode::InvalidRequest),
        ("retention.ms", set("x"), ErrorCode::InvalidTopicException),
        ("nothing", set("x"), ErrorCode::InvalidTopicException),
    ] {
        let result = alter(&mut cluster, vec![(Resource::topic("a b"), each(&[(name, step)]))]).remove(0);
        assert_eq!(code(&result), expected, "{name}: {}", text(&result));
    }
    let result = alter(&mut cluster, vec![(Resource::topic(""), each(&[("retention.ms", set("x"))]))]).remove(0);
    assert_eq!(text(&result), "Default topic resources are not allowed.");
}

#[test]
fn what_stays_the_same_is_written_again_for_brokers_only() {
    let (mut cluster, a) = with_topic();
    let mut records_of = |resource: Resource| {
        let change = || vec![(resource.clone(), each(&[("retention.ms", set("5"))]))];
        alter(&mut cluster, change()).remove(0).unwrap();
        let before = cluster.runtime.journal().end();
        alter(&mut cluster, change()).remove(0).unwrap();
        cluster.runtime.journal().end().since(before)
    };
    assert_eq!(records_of(a), 0);
    assert_eq!(records_of(Resource::broker(NodeId(1))), 1);
}
