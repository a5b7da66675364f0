//! The answers that our own client reads: what has the right shape may be decoded, whatever lengths it claims.
#![no_main]
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use ottla::wire::{Decodable, Message, Version, check_answer, messages::*, skip_header_tags};

/// Decodes one body; false when it cannot be.
type Decode = fn(&mut Bytes, Version) -> bool;

struct Answer {
    key: ApiKey,
    min: Version,
    max: Version,
    decode: Decode,
}

const fn answer<T: Decodable + Message>(key: ApiKey) -> Answer {
    Answer { key, min: T::VERSIONS.min, max: T::VERSIONS.max, decode: |body, version| T::decode(body, version).is_ok() }
}

const ANSWERS: &[Answer] = &[
    answer::<ProduceResponse>(ApiKey::Produce),
    answer::<FetchResponse>(ApiKey::Fetch),
    answer::<ListOffsetsResponse>(ApiKey::ListOffsets),
    answer::<MetadataResponse>(ApiKey::Metadata),
    answer::<ApiVersionsResponse>(ApiKey::ApiVersions),
    answer::<CreateTopicsResponse>(ApiKey::CreateTopics),
    answer::<DeleteTopicsResponse>(ApiKey::DeleteTopics),
    answer::<InitProducerIdResponse>(ApiKey::InitProducerId),
    answer::<DescribeConfigsResponse>(ApiKey::DescribeConfigs),
    answer::<CreatePartitionsResponse>(ApiKey::CreatePartitions),
];

fuzz_target!(|input: &[u8]| {
    let Some((&[api, version], body)) = input.split_first_chunk() else { return };
    let answer = &ANSWERS[usize::from(api) % ANSWERS.len()];
    let version = answer.min + Version::from(version) % (answer.max - answer.min + 1);
    let mut bytes = Bytes::copy_from_slice(body);
    let _ = skip_header_tags(&mut bytes.clone());
    if check_answer(answer.key, version, body).is_ok() && (answer.decode)(&mut bytes, version) {
        assert!(bytes.is_empty(), "{:?} {version}: {} bytes left", answer.key, bytes.len());
    }
});
