//! The broker and its cluster.
use super::{Case, PLAIN};
use serde_json::{Value, json};

fn software(name: &str, version: &str) -> Value {
    json!({"clientSoftwareName": name, "clientSoftwareVersion": version})
}

fn quorum(topic: &str, partitions: Value) -> Value {
    json!({"topics": [{"topicName": topic, "partitions": partitions}]})
}

fn features(updates: Value, validate_only: bool) -> Value {
    json!({"timeoutMs": 5_000, "featureUpdates": updates, "validateOnly": validate_only})
}

pub const CASES: &[Case] = &[
    Case::new("ApiVersions", PLAIN, |_, _| software("golden", "1.0")).only_ours("apiKeys"),
    Case::new("ApiVersions", "bad software", |_, _| software("-", "1")).from(3),
    Case::new("ApiVersions", "no software", |_, _| software("", "")).from(3),
    Case::new("DescribeCluster", PLAIN, |_, _| json!({})),
    Case::new("DescribeCluster", "with operations", |_, _| json!({"includeClusterAuthorizedOperations": true})),
    Case::new("DescribeCluster", "controllers", |_, _| json!({"endpointType": 2})).from(1),
    Case::new("DescribeCluster", "endpoints that are none", |_, _| json!({"endpointType": 9})).from(1),
    Case::new("DescribeCluster", "with the fenced", |_, _| json!({"includeFencedBrokers": true})).from(2),
    Case::new("DescribeQuorum", PLAIN, |_, _| quorum("__cluster_metadata", json!([{"partitionIndex": 0}]))),
    Case::new("DescribeQuorum", "another topic", |w, _| quorum(&w.beta.name, json!([{"partitionIndex": 0}]))),
    Case::new("DescribeQuorum", "another partition", |_, _| {
        quorum("__cluster_metadata", json!([{"partitionIndex": 1}]))
    }),
    Case::new("DescribeQuorum", "a partition twice", |_, _| {
        quorum("__cluster_metadata", json!([{"partitionIndex": 0}, {"partitionIndex": 0}]))
    }),
    Case::new("DescribeQuorum", "no partitions", |_, _| quorum("__cluster_metadata", json!([]))),
    Case::new("DescribeQuorum", "nothing", |_, _| json!({"topics": []})),
    // The listener of these tests has no authentication.
    Case::new("SaslHandshake", PLAIN, |_, _| json!({"mechanism": "PLAIN"})),
    Case::new("SaslHandshake", "a mechanism that is none", |_, _| json!({"mechanism": ""})),
    Case::new("SaslAuthenticate", PLAIN, |_, _| json!({"authBytes": "00757365720070617373"})),
    Case::new("SaslAuthenticate", "nothing", |_, _| json!({"authBytes": ""})),
    Case::new("UpdateFeatures", PLAIN, |_, v| {
        let update = json!([{"feature": "no.such.feature", "maxVersionLevel": 1, "upgradeType": 1}]);
        features(update, v >= 1)
    }),
    Case::new("UpdateFeatures", "nothing", |_, _| features(json!([]), false)),
    Case::new("UpdateFeatures", "an empty name", |_, _| {
        features(json!([{"feature": "", "maxVersionLevel": 1}]), false)
    }),
    Case::new("UpdateFeatures", "level 0 without leave to fall", |_, _| {
        features(json!([{"feature": "transaction.version", "maxVersionLevel": 0}]), false)
    }),
    Case::new("UpdateFeatures", "a negative level", |_, _| {
        features(json!([{"feature": "transaction.version", "maxVersionLevel": -1}]), false)
    }),
    Case::new("UpdateFeatures", "a level too high", |_, _| {
        features(json!([{"feature": "transaction.version", "maxVersionLevel": 99}]), false)
    }),
    Case::new("UpdateFeatures", "the level there is", |_, _| {
        features(json!([{"feature": "group.version", "maxVersionLevel": 1}]), true)
    })
    .from(1),
    Case::new("UpdateFeatures", "a kind of upgrade that is none", |_, _| {
        features(json!([{"feature": "group.version", "maxVersionLevel": 1, "upgradeType": 9}]), true)
    })
    .from(1),
    Case::new("UpdateFeatures", "a feature twice", |_, _| {
        let one = json!({"feature": "no.such.feature", "maxVersionLevel": 1});
        features(json!([one, one]), false)
    }),
];
