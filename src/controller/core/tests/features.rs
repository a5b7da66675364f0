//! Bootstrap and UpdateFeatures.
use super::*;

fn update(cluster: &mut Cluster, name: &str, level: i16, kind: FeatureUpdateKind) -> Result<(), Refused> {
    let updates = vec![FeatureUpdate { name: name.into(), level, kind }];
    match cluster.run(Operation::UpdateFeatures(UpdateFeatures { updates, validate_only: false })) {
        Reply::Done(answer) => answer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_empty_log_begins_with_the_metadata_version() {
    let cluster = Cluster::of(&[1]);
    assert_eq!(cluster.image().features.iter().collect::<Vec<_>>(), [("metadata.version", 30)]);
}

#[test]
fn features_are_raised_and_lowered_within_what_everyone_can() {
    use FeatureUpdateKind::{SafeDowngrade, Unknown, Upgrade};
    let mut cluster = Cluster::of(&[1]);
    update(&mut cluster, "group.version", 1, Upgrade).unwrap();
    assert_eq!(cluster.image().features.level("group.version"), 1);
    for (name, level, kind, words) in [
        ("group.version", 1, Unknown, "does not support the given upgrade type"),
        ("group.version", -1, Upgrade, "cannot be less than 0"),
        ("group.version", 2, Upgrade, "only supports versions 0-1"),
        ("group.version", 0, Upgrade, "Can't downgrade the version of this feature without"),
        ("nothing", 1, Upgrade, "does not support this feature"),
        ("nothing", 0, Upgrade, "Feature nothing not found."),
        ("nothing", 0, SafeDowngrade, "Feature nothing not found."),
        ("metadata.version", 7, SafeDowngrade, "only supports versions 30-30"),
    ] {
        let result = update(&mut cluster, name, level, kind);
        assert_eq!(code(&result), ErrorCode::InvalidUpdateVersion);
        assert!(text(&result).contains(words), "{}", text(&result));
    }
    update(&mut cluster, "share.version", 0, SafeDowngrade).unwrap();
    update(&mut cluster, "group.version", 0, SafeDowngrade).unwrap();
    assert_eq!(cluster.image().features.level("group.version"), 0);
    assert_eq!(code(&update(&mut cluster, "group.version", 1, SafeDowngrade)), ErrorCode::InvalidUpdateVersion);
}
