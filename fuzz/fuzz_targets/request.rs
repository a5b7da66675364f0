//! The body of every API's requests, at every version that is served: refused, or decoded to its last byte.
#![no_main]
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use ottla::{
    api::TABLE,
    wire::{Decodable, Malformed, Version, decode, messages::*, shape_of},
};

/// Decodes one body; what is left of it.
type Decode = fn(ApiKey, Version, Bytes) -> Result<Bytes, Malformed>;

fn decoded<T: Decodable>(key: ApiKey, version: Version, mut body: Bytes) -> Result<Bytes, Malformed> {
    decode::<T>(key, version, &mut body).map(|_| body)
}

/// As the rows of the broker's table.
const REQUESTS: &[(ApiKey, Decode)] = &[
    (ApiKey::Produce, decoded::<ProduceRequest>),
    (ApiKey::Fetch, decoded::<FetchRequest>),
    (ApiKey::ListOffsets, decoded::<ListOffsetsRequest>),
    (ApiKey::Metadata, decoded::<MetadataRequest>),
    (ApiKey::FindCoordinator, decoded::<FindCoordinatorRequest>),
    (ApiKey::ApiVersions, decoded::<ApiVersionsRequest>),
    (ApiKey::CreateTopics, decoded::<CreateTopicsRequest>),
    (ApiKey::DeleteTopics, decoded::<DeleteTopicsRequest>),
    (ApiKey::InitProducerId, decoded::<InitProducerIdRequest>),
    (ApiKey::OffsetForLeaderEpoch, decoded::<OffsetForLeaderEpochRequest>),
    (ApiKey::DescribeConfigs, decoded::<DescribeConfigsRequest>),
    (ApiKey::AlterConfigs, decoded::<AlterConfigsRequest>),
    (ApiKey::CreatePartitions, decoded::<CreatePartitionsRequest>),
    (ApiKey::IncrementalAlterConfigs, decoded::<IncrementalAlterConfigsRequest>),
    (ApiKey::DescribeCluster, decoded::<DescribeClusterRequest>),
    (ApiKey::DescribeTopicPartitions, decoded::<DescribeTopicPartitionsRequest>),
];

fuzz_target!(|input: &[u8]| {
    let Some((&[api, version], body)) = input.split_first_chunk() else { return };
    assert_eq!(REQUESTS.len(), TABLE.len(), "an API has no row here");
    let at = usize::from(api) % TABLE.len();
    let (route, (key, decode)) = (&TABLE[at], REQUESTS[at]);
    assert_eq!(route.key, key);
    let version = route.min + Version::from(version) % (route.max - route.min + 1);
    let fits = shape_of(key as i16).expect("every API has a shape").fits(body, version);
    match decode(key, version, Bytes::copy_from_slice(body)) {
        Ok(left) => assert!(fits && left.is_empty(), "{key:?} {version}: {} bytes left", left.len()),
        // Text that is no UTF-8, and the like.
        Err(Malformed::Content(why)) => assert!(fits && !why.is_empty()),
        Err(Malformed::Shape) => assert!(!fits),
    }
});
