//! UpdateFeatures 0-2 (KIP-584, KIP-778): the levels that the cluster works at. Version 1 names the kind of update, 2 tells no
//! result for each feature.
use super::{Context, Reply, failure, reply};
use crate::controller::{FeatureUpdate, FeatureUpdateKind, UpdateFeatures};
use kafka_protocol::messages::{
    UpdateFeaturesRequest, UpdateFeaturesResponse, update_features_response::UpdatableFeatureResult,
};
use std::collections::BTreeMap;

pub fn handle(cx: &Context, request: UpdateFeaturesRequest) -> Reply<UpdateFeaturesResponse> {
    // Version 0 cannot say its kind: `allow_downgrade` is not looked at, as by Apache Kafka.
    let updates: BTreeMap<String, FeatureUpdate> = request
        .feature_updates
        .iter()
        .map(|update| {
            let kind = FeatureUpdateKind::from_wire(update.upgrade_type);
            let name = update.feature.to_string();
            (name.clone(), FeatureUpdate { name, level: update.max_version_level, kind })
        })
        .collect();
    let wanted = UpdateFeatures { updates: updates.into_values().collect(), validate_only: request.validate_only };
    let cx = cx.clone();
    Reply::later(async move {
        let answer = UpdateFeaturesResponse::default().with_error_message(None);
        match cx.broker.controller.update_features(wanted).await.map_err(failure) {
            Ok(()) if cx.version >= 2 => answer,
            Ok(()) => {
                let results = request.feature_updates.into_iter().map(|update| {
                    UpdatableFeatureResult::default().with_feature(update.feature).with_error_message(None)
                });
                answer.with_results(results.collect())
            }
            Err(refused) => {
                let text = format!(
                    "The update failed for all features since the following feature had an error: {}",
                    refused.message
                );
                answer.with_error_code(cx.error(refused.code)).with_error_message(Some(reply::message(text)))
            }
        }
    })
}
