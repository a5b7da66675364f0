//! UpdateFeatures 0 to 2 (KIP-584, KIP-778). Nothing is changed here: other scenarios share the broker.
use kafka_protocol::messages::update_features_request::FeatureUpdateKey;
use kafka_protocol::messages::{ApiVersionsRequest, UpdateFeaturesRequest, UpdateFeaturesResponse};
use protocol_tests::{Code, Connection, assert_error, assert_ok, text};

const UPGRADE: i8 = 1;
const SAFE_DOWNGRADE: i8 = 2;

fn update(version: i16, name: &str, level: i16, kind: i8) -> UpdateFeaturesResponse {
    let update = FeatureUpdateKey::default().with_feature(text(name)).with_max_version_level(level);
    let update = if version >= 1 { update.with_upgrade_type(kind) } else { update };
    let request = UpdateFeaturesRequest::default().with_feature_updates(vec![update]).with_timeout_ms(15_000);
    Connection::open().call(version, &request)
}

fn level(name: &str) -> i16 {
    let request = ApiVersionsRequest::default();
    let request = request.with_client_software_name(text("tests")).with_client_software_version(text("1"));
    let answer = Connection::open().call(3, &request);
    let found = answer.finalized_features.iter().find(|feature| feature.name.as_str() == name);
    found.map_or(0, |feature| feature.max_version_level)
}

#[test]
fn the_level_it_has_already() {
    let present = level("metadata.version");
    for version in 0..=2 {
        let answer = update(version, "metadata.version", present, UPGRADE);
        assert_ok(answer.error_code);
        assert_eq!(answer.error_message, None);
        let told: Vec<_> = answer.results.iter().map(|one| (one.feature.as_str(), one.error_code)).collect();
        assert_eq!(told, if version <= 1 { vec![("metadata.version", 0)] } else { vec![] });
    }
    assert_eq!(level("metadata.version"), present);
}

#[test]
fn levels_that_cannot_be() {
    let present = level("metadata.version");
    for version in 0..=2 {
        for (name, to, kind) in [
            ("metadata.version", present + 100, UPGRADE),
            ("metadata.version", -1, UPGRADE),
            ("no.such.feature", 1, UPGRADE),
            ("no.such.feature", 0, UPGRADE),
            ("no.such.feature", 0, SAFE_DOWNGRADE),
            ("transaction.version", 0, UPGRADE),
            ("transaction.version", 1, 0),
            ("transaction.version", 1, 9),
        ] {
            if version == 0 && kind != UPGRADE {
                continue;
            }
            let answer = update(version, name, to, kind);
            assert_error(answer.error_code, Code::InvalidUpdateVersion);
            let why = answer.error_message.expect("a reason");
            assert!(why.contains(&format!("Invalid update version {to} for feature {name}.")), "{why}");
            assert!(answer.results.is_empty());
        }
    }
}

#[test]
fn features_that_are_not_served_can_be_turned_off() {
    for name in ["eligible.leader.replicas.version", "share.version", "streams.version"] {
        let update = FeatureUpdateKey::default().with_feature(text(name)).with_upgrade_type(SAFE_DOWNGRADE);
        let request = UpdateFeaturesRequest::default().with_feature_updates(vec![update]).with_validate_only(true);
        assert_ok(Connection::open().call(2, &request).error_code);
    }
}

#[test]
fn one_that_cannot_be_stops_all_of_them() {
    let one = |name: &str, level| FeatureUpdateKey::default().with_feature(text(name)).with_max_version_level(level);
    let lowered = one("transaction.version", 0).with_upgrade_type(SAFE_DOWNGRADE);
    let request = UpdateFeaturesRequest::default().with_feature_updates(vec![lowered, one("no.such.feature", 1)]);
    let before = level("transaction.version");
    assert_error(Connection::open().call(2, &request).error_code, Code::InvalidUpdateVersion);
    assert_eq!(level("transaction.version"), before);
}

#[test]
fn trying_changes_nothing() {
    let before = level("transaction.version");
    let lowered = FeatureUpdateKey::default().with_feature(text("transaction.version")).with_max_version_level(0);
    let request = UpdateFeaturesRequest::default()
        .with_feature_updates(vec![lowered.with_upgrade_type(SAFE_DOWNGRADE)])
        .with_validate_only(true);
    for version in 1..=2 {
        assert_ok(Connection::open().call(version, &request).error_code);
    }
    assert_eq!(level("transaction.version"), before);
}
