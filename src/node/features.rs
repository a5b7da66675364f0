//! What a node can work at, and the levels that an empty cluster begins with.
use crate::{
    config::NodeConfig,
    controller::{METADATA_VERSION, METADATA_VERSION_MIN},
    image::Features,
    wire::metadata::FeatureRange,
};
use std::collections::BTreeMap;

/// The protocols of groups that an empty cluster begins with, and the last that there is: those of KIP-848.
const GROUP_VERSION: i16 = 1;
/// The protocol of transactions (KIP-890) that an empty cluster begins with, and the last that there is.
const TRANSACTION_VERSION: i16 = 2;

/// What this node can work at; a feature is named once it is served.
pub fn features() -> Vec<FeatureRange> {
    let range = |name: &str, min_supported_version, max_supported_version| FeatureRange {
        name: name.into(),
        min_supported_version,
        max_supported_version,
    };
    vec![
        range(Features::GROUP_VERSION, 0, GROUP_VERSION),
        range(Features::METADATA_VERSION, METADATA_VERSION_MIN, METADATA_VERSION),
        range(Features::TRANSACTION_VERSION, 0, TRANSACTION_VERSION),
    ]
}

/// Beside `metadata.version`. A cluster that is older keeps the levels that it has.
pub fn first_levels(node: &NodeConfig) -> Vec<(String, i16)> {
    let newest = [(Features::GROUP_VERSION, GROUP_VERSION), (Features::TRANSACTION_VERSION, TRANSACTION_VERSION)];
    let mut levels: BTreeMap<String, i16> = newest.into_iter().map(|(name, level)| (name.into(), level)).collect();
    levels.extend(node.first_levels.clone());
    levels.into_iter().collect()
}
