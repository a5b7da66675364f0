//! ApiVersions 0-4 (KIP-35, KIP-511, KIP-584): what this broker serves.
//!
//! Version 3 adds the client's software name and version, features and flexible encoding (the response header stays
//! version 0 for ever); version 4 allows features whose lowest version is 0.
use super::{Context, Reply, table::TABLE};
use crate::{types::ErrorCode, wire::StrBytes};
use kafka_protocol::messages::{
    ApiVersionsRequest, ApiVersionsResponse,
    api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey},
};

pub fn handle(cx: &Context, request: ApiVersionsRequest) -> Reply<ApiVersionsResponse> {
    if cx.version >= 3 {
        if !is_software(&request.client_software_name) || !is_software(&request.client_software_version) {
            let code = cx.error(ErrorCode::InvalidRequest);
            return Reply::Now(ApiVersionsResponse::default().with_error_code(code));
        }
        cx.connection.note_software(&request.client_software_name, &request.client_software_version);
    }
    let image = cx.broker.image.load();
    let features = cx.broker.features.iter();
    let supported = features.filter(|feature| cx.version >= 4 || feature.min_supported_version > 0);
    let response = ApiVersionsResponse::default()
        .with_api_keys(api_keys())
        .with_supported_features(
            supported
                .map(|feature| {
                    SupportedFeatureKey::default()
                        .with_name(StrBytes::from_string(feature.name.clone()))
                        .with_min_version(feature.min_supported_version)
                        .with_max_version(feature.max_supported_version)
                })
                .collect(),
        )
        // The offset that the features stand for, as KRaft tells it.
        .with_finalized_features_epoch(image.at().map_or(-1, |at| at.offset.get()))
        .with_finalized_features(
            image
                .features
                .iter()
                .filter(|(_, level)| *level > 0)
                .map(|(name, level)| {
                    FinalizedFeatureKey::default()
                        .with_name(StrBytes::from_string(name.to_owned()))
                        .with_min_version_level(level)
                        .with_max_version_level(level)
                })
                .collect(),
        );
    Reply::Now(response)
}

/// The answer to a version we do not know: error 35 and the list, so that the client can ask again.
pub fn unsupported_version() -> ApiVersionsResponse {
    ApiVersionsResponse::default().with_error_code(ErrorCode::UnsupportedVersion.code()).with_api_keys(api_keys())
}

fn api_keys() -> Vec<ApiVersion> {
    TABLE
        .iter()
        .map(|route| {
            ApiVersion::default()
                .with_api_key(route.key as i16)
                .with_min_version(route.advertised_min)
                .with_max_version(route.max)
        })
        .collect()
}

/// Kafka's pattern `[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?` (KIP-511).
fn is_software(text: &str) -> bool {
    let edge = |byte: &u8| byte.is_ascii_alphanumeric();
    let bytes = text.as_bytes();
    bytes.first().is_some_and(edge)
        && bytes.last().is_some_and(edge)
        && bytes.iter().all(|byte| edge(byte) || matches!(byte, b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pitfall_03_software_names_follow_kafkas_pattern() {
        for good in ["a", "apache-kafka-java", "4.3.1", "librdkafka", "a.-.b"] {
            assert!(is_software(good), "{good}");
        }
        for bad in ["", "-a", "a-", "a b", "a_b", "é", ".", "a\n"] {
            assert!(!is_software(bad), "{bad}");
        }
    }

    #[test]
    fn pitfall_05_produce_is_named_from_zero() {
        let produce = api_keys().into_iter().find(|api| api.api_key == 0).unwrap();
        assert_eq!((produce.min_version, produce.max_version), (0, 13));
    }
}
