//! Feature levels: those an empty cluster begins with, and UpdateFeatures (Kafka's `FeatureControlManager`).
use super::{FeatureUpdate, FeatureUpdateKind, Refused, Rules, UpdateFeatures, operation::Decided};
use crate::{
    image::{Features, Image},
    types::ErrorCode,
    wire::metadata::{FeatureLevelRecord, FeatureRange, MetadataRecord},
};

/// `metadata.version` of Kafka 4.3 (4.3-IV0): the records we write.
pub const METADATA_VERSION: i16 = 30;
/// We write records of no earlier version.
pub const METADATA_VERSION_MIN: i16 = 30;

/// Apache Kafka's features that are not served here, for which 0 is a level all the same: who turns one off finds it off.
const FEATURES_OF_OTHERS: &[&str] =
    &["eligible.leader.replicas.version", "kraft.version", "share.version", "streams.version"];

/// The first records of an empty metadata log: `metadata.version` before all others, since it says how to read them.
pub(super) fn bootstrap(image: &Image, rules: &Rules, levels: Vec<(String, i16)>) -> Result<Decided<()>, Refused> {
    assert!(image.at().is_none(), "only an empty log is bootstrapped");
    let mut records = vec![level(Features::METADATA_VERSION, METADATA_VERSION)];
    for (name, to) in levels {
        if let Some(why) = unsupported("The local controller", &rules.features, &name, to) {
            return Err(invalid(&name, to, &why));
        }
        if name != Features::METADATA_VERSION && to > 0 {
            records.push(level(&name, to));
        }
    }
    Ok((records, ()))
}

fn level(name: &str, feature_level: i16) -> MetadataRecord {
    FeatureLevelRecord { name: name.to_owned(), feature_level }.into()
}

/// All updates or none; the first that cannot be is told.
pub(super) fn update(image: &Image, rules: &Rules, request: UpdateFeatures) -> Result<Decided<()>, Refused> {
    let mut records = Vec::new();
    for update in &request.updates {
        check(image, rules, update)?;
        records.push(level(&update.name, update.level));
    }
    Ok((records, ()))
}

fn check(image: &Image, rules: &Rules, update: &FeatureUpdate) -> Result<(), Refused> {
    let FeatureUpdate { name, level, kind } = update;
    let refuse = |why: &str| Err(invalid(name, *level, why));
    if *kind == FeatureUpdateKind::Unknown {
        return refuse("The controller does not support the given upgrade type.");
    }
    if *level < 0 {
        return refuse("A feature version cannot be less than 0.");
    }
    if let Some(why) = unsupported("The local controller", &rules.features, name, *level) {
        return refuse(&why);
    }
    for broker in image.cluster.brokers() {
        if let Some(why) = unsupported(&format!("Broker {}", broker.id), &broker.features, name, *level) {
            return refuse(&why);
        }
    }
    let current = image.features.level(name);
    let upgrade = *kind == FeatureUpdateKind::Upgrade;
    if *level < current && upgrade {
        return refuse(
            "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe \
             downgrade.",
        );
    }
    if *level > current && !upgrade {
        return refuse("Can't downgrade to a newer version.");
    }
    let is_served = rules.features.iter().any(|range| range.name == *name);
    if !is_served && current == 0 && !FEATURES_OF_OTHERS.contains(&name.as_str()) {
        return refuse(&format!("Feature {name} not found."));
    }
    Ok(())
}

fn unsupported(who: &str, ranges: &[FeatureRange], name: &str, level: i16) -> Option<String> {
    match ranges.iter().find(|range| range.name == name) {
        Some(range) if range.max_supported_version > 0 => {
            let (min, max) = (range.min_supported_version, range.max_supported_version);
            (!(min..=max).contains(&level)).then(|| format!("{who} only supports versions {min}-{max}"))
        }
        // Level 0 is "not in use", which everyone can.
        _ if level == 0 => None,
        _ => Some(format!("{who} does not support this feature.")),
    }
}

fn invalid(name: &str, level: i16, why: &str) -> Refused {
    let text = format!("Invalid update version {level} for feature {name}. {why}");
    Refused::new(ErrorCode::InvalidUpdateVersion, text)
}
