//! Each rule of produce validation, broken once.
use super::*;
use crate::record::{BatchBuilder, RECORD_REFUSALS_MAX, put_varint, records};
use crate::types::ErrorCode;

const NOW: i64 = 1_700_000_000_000;
const CODECS: [Codec; 5] = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

fn batch() -> BatchBuilder {
    BatchBuilder::new(NOW)
        .record(Some(b"k"), Some(b"v"))
        .record_at(NOW + 7, Some(b"l"), None, &[("h", None)])
        .record_at(NOW - 3, Some(b""), Some(b"w"), &[])
}

fn bytes(builder: BatchBuilder) -> Bytes {
    builder.build().bytes().clone()
}

/// The batch with another header and a right CRC.
fn with(raw: &Bytes, change: impl FnOnce(&mut BatchHeader)) -> Bytes {
    let mut header = BatchHeader::parse(raw).unwrap();
    change(&mut header);
    rewrite(header, BytesMut::from(&raw[..])).1
}

/// A batch of these records, whatever they are, with a right CRC.
fn raw_records(count: i32, codec: Codec, body: &[u8]) -> Bytes {
    let body = compress(codec, &CompressionLevels::DEFAULT, body).unwrap();
    let mut raw = BytesMut::from(&bytes(batch())[..HEADER_BYTES]);
    raw.extend_from_slice(&body);
    with(&raw.freeze(), |header| {
        header.length = (HEADER_BYTES - LOG_OVERHEAD_BYTES + body.len()) as i32;
        header.attributes = codec.id();
        header.record_count = count;
        header.last_offset_delta = count - 1;
    })
}

fn refused(raw: &Bytes, rules: &BatchRules) -> (BatchError, ErrorCode) {
    let error = check(raw.clone(), rules, NOW).unwrap_err();
    let code = error.code();
    (error, code)
}

fn code(raw: &Bytes) -> ErrorCode {
    refused(raw, &BatchRules::DEFAULT).1
}

#[test]
fn val_10_a_good_batch_keeps_its_bytes_whatever_its_codec() {
    for codec in CODECS {
        let raw = batch().build_compressed(codec, &CompressionLevels::DEFAULT).unwrap().bytes().clone();
        let checked = check(raw.clone(), &BatchRules::DEFAULT, NOW).unwrap();
        assert_eq!(checked.bytes().as_ptr(), raw.as_ptr(), "{codec:?}");
        assert_eq!(checked.bytes(), &raw);
        assert_eq!(checked.offset_delta_of_max_timestamp(), 1);
        assert_eq!(checked.header().max_timestamp, NOW + 7);
    }
}

#[test]
fn val_1_sizes_magics_and_checksums() {
    let raw = bytes(batch());
    assert_eq!(code(&Bytes::new()), ErrorCode::InvalidRecord);
    assert_eq!(code(&raw.slice(..raw.len() - 1)), ErrorCode::InvalidRecord);
    assert_eq!(code(&raw.slice(..20)), ErrorCode::InvalidRecord);
    for (magic, expected) in
        [(0, ErrorCode::InvalidRecord), (1, ErrorCode::InvalidRecord), (3, ErrorCode::CorruptMessage)]
    {
        let mut old = raw.to_vec();
        old[16] = magic;
        assert_eq!(code(&Bytes::from(old.clone())), expected);
        old.truncate(34);
        assert_eq!(code(&Bytes::from(old)), expected, "a short message set");
    }
    let mut short = raw.to_vec();
    short[8..12].copy_from_slice(&48i32.to_be_bytes());
    assert_eq!(code(&Bytes::from(short)), ErrorCode::CorruptMessage);
    for at in 17..raw.len() {
        let mut flipped = raw.to_vec();
        flipped[at] ^= 0x10;
        let error = refused(&Bytes::from(flipped), &BatchRules::DEFAULT);
        assert!(matches!(error, (BatchError::Crc { .. }, ErrorCode::CorruptMessage)), "byte {at}: {error:?}");
    }
}

#[test]
fn log_4_exactly_one_batch() {
    let raw = bytes(batch());
    let two = Bytes::from(raw.repeat(2));
    assert_eq!(refused(&two, &BatchRules::DEFAULT), (BatchError::Extra { extra: raw.len() }, ErrorCode::InvalidRecord));
    let trailing = Bytes::from([&raw[..], b"x"].concat());
    assert_eq!(code(&trailing), ErrorCode::InvalidRecord);
}

#[test]
fn val_2_base_offset_zero_and_a_dense_count() {
    let raw = bytes(batch());
    let shifted = with(&raw, |header| header.base_offset = 1);
    assert_eq!(code(&shifted), ErrorCode::InvalidRecord);
    let small = BatchRules { batch_bytes_max: shifted.len() - 1, ..BatchRules::DEFAULT };
    assert!(matches!(check(shifted, &small, NOW), Err(BatchError::BaseOffset { .. })), "before the size");
    for (count, last) in
        [(3, 1), (3, 3), (2, 2), (0, -1), (-1, -2), (0, 2), (i32::MIN, i32::MAX), (i32::MAX, i32::MAX - 1)]
    {
        let lying = with(&raw, |header| (header.record_count, header.last_offset_delta) = (count, last));
        assert_eq!(code(&lying), ErrorCode::InvalidRecord, "{count} {last}");
    }
}

#[test]
fn val_3_the_batch_size_limit_comes_before_the_crc() {
    let mut raw = bytes(batch()).to_vec();
    raw[17] ^= 1;
    let rules = BatchRules { batch_bytes_max: raw.len() - 1, ..BatchRules::DEFAULT };
    assert_eq!(refused(&Bytes::from(raw), &rules).1, ErrorCode::MessageTooLarge);
    let raw = bytes(batch());
    assert!(check(raw.clone(), &BatchRules { batch_bytes_max: raw.len(), ..rules }, NOW).is_ok());
}

#[test]
fn val_4_clients_write_no_control_batches_horizons_or_append_times() {
    let bad = |bit| refused(&bytes(batch().attributes(bit)), &BatchRules::DEFAULT);
    assert_eq!(bad(BatchHeader::CONTROL), (BatchError::Control, ErrorCode::InvalidRecord));
    assert_eq!(bad(BatchHeader::DELETE_HORIZON), (BatchError::DeleteHorizon, ErrorCode::InvalidRecord));
    assert_eq!(bad(BatchHeader::LOG_APPEND_TIME), (BatchError::LogAppendTime, ErrorCode::InvalidTimestamp));
    let coordinator = BatchRules { origin: Origin::Coordinator, ..BatchRules::DEFAULT };
    assert!(check(bytes(batch().attributes(BatchHeader::CONTROL)), &coordinator, NOW).is_ok());
}

#[test]
fn val_5_producer_ids_come_with_epoch_and_sequence() {
    for (id, epoch, sequence) in [(5, -1, 0), (5, 0, -1)] {
        assert_eq!(code(&bytes(batch().producer(id, epoch, sequence))), ErrorCode::InvalidRecord);
    }
    assert_eq!(code(&bytes(batch().attributes(BatchHeader::TRANSACTIONAL))), ErrorCode::InvalidRecord);
    let good = batch().attributes(BatchHeader::TRANSACTIONAL).producer(5, 0, 0);
    assert!(check(bytes(good), &BatchRules::DEFAULT, NOW).is_ok());
}

#[test]
fn val_6_malformed_records_are_refused_with_their_index() {
    let good: &[u8] = &[12, 0, 0, 0, 1, 1, 0];
    let cases: &[(&str, i32, Vec<u8>, i32)] = &[
        ("offset delta twice", 2, good.repeat(2), 1),
        ("offset delta not zero", 1, vec![12, 0, 0, 2, 1, 1, 0], 0),
        ("a record too few", 2, good.to_vec(), 1),
        ("length beyond the end", 1, vec![14, 0, 0, 0, 1, 1, 0], 0),
        ("length below zero", 1, vec![1, 0, 0, 0, 1, 1, 0], 0),
        ("length within the fields", 1, vec![10, 0, 0, 0, 1, 1, 0], 0),
        ("bytes after the headers", 1, vec![14, 0, 0, 0, 1, 1, 0, 0], 0),
        ("header count below zero", 1, vec![12, 0, 0, 0, 1, 1, 1], 0),
        ("endless varint", 1, vec![0xFF; 12], 0),
    ];
    for codec in CODECS {
        assert!(check(raw_records(1, codec, good), &BatchRules::DEFAULT, NOW).is_ok());
        for (what, count, body, at) in cases {
            let (error, code) = refused(&raw_records(*count, codec, body), &BatchRules::DEFAULT);
            assert!(matches!(error, BatchError::Record { index, .. } if index == *at), "{what} in {codec:?}: {error}");
            assert_eq!(code, ErrorCode::InvalidRecord);
        }
        let (error, code) = refused(&raw_records(1, codec, &good.repeat(2)), &BatchRules::DEFAULT);
        assert_eq!((error, code), (BatchError::LeftOver { count: 1 }, ErrorCode::InvalidRecord));
    }
}

#[test]
fn val_6_records_larger_than_the_window_and_across_its_edge() {
    let large = vec![7; 300_000];
    let mut builder = BatchBuilder::new(NOW);
    for index in 0..400usize {
        let value = if index % 100 == 50 { &large[..] } else { &large[..index] };
        builder = builder.record(None, Some(value));
    }
    let raw = builder.build_compressed(Codec::Lz4, &CompressionLevels::DEFAULT).unwrap().bytes().clone();
    assert!(check(raw, &BatchRules { batch_bytes_max: 8 << 20, ..BatchRules::DEFAULT }, NOW).is_ok());
}

#[test]
fn val_7_compacted_topic_needs_keys() {
    let raw = bytes(batch().record(None, Some(b"v")).record(Some(b"k"), None).record(None, None));
    let compacted = BatchRules { compacted: true, ..BatchRules::DEFAULT };
    assert!(check(raw.clone(), &BatchRules::DEFAULT, NOW).is_ok());
    assert!(check(bytes(batch()), &compacted, NOW).is_ok());
    let (error, code) = refused(&raw, &compacted);
    assert_eq!(code, ErrorCode::InvalidRecord);
    assert_eq!(error.records().iter().map(|(index, _)| *index).collect::<Vec<_>>(), [3, 5]);
    assert!(error.to_string().starts_with("2 records are refused; record 3: "), "{error}");
}

#[test]
fn val_7_the_list_of_refused_records_is_bounded() {
    let raw = bytes((0..5_000).fold(BatchBuilder::new(NOW), |builder, _| builder.record(None, None)));
    let (error, _) = refused(&raw, &BatchRules { compacted: true, ..BatchRules::DEFAULT });
    assert_eq!(error.records().len(), RECORD_REFUSALS_MAX);
    assert!(error.to_string().starts_with("5000 records"), "{error}");
}

#[test]
fn val_8_create_times_out_of_range() {
    let rules = BatchRules { timestamp_before_max_ms: 1_000, timestamp_after_max_ms: 500, ..BatchRules::DEFAULT };
    let at = |timestamp| bytes(BatchBuilder::new(NOW).record(None, None).record_at(timestamp, None, None, &[]));
    for good in [NOW - 1_000, NOW + 500, -1] {
        assert!(check(at(good), &rules, NOW).is_ok(), "{good}");
    }
    for bad in [NOW - 1_001, NOW + 501, 0, i64::MAX, -2] {
        let (error, code) = refused(&at(bad), &rules);
        assert_eq!((code, error.records().len(), error.records()[0].0), (ErrorCode::InvalidTimestamp, 1, 1), "{bad}");
    }
    assert_eq!(code(&at(NOW + 3_600_001)), ErrorCode::InvalidTimestamp);
    assert!(check(at(0), &BatchRules::DEFAULT, NOW).is_ok());
    let append = BatchRules { timestamp_type: TimestampType::LogAppendTime, ..rules };
    assert!(check(at(0), &append, NOW).is_ok());
}

#[test]
fn val_9_append_time_is_set_with_a_new_crc() {
    let rules = BatchRules { timestamp_type: TimestampType::LogAppendTime, ..BatchRules::DEFAULT };
    for codec in CODECS {
        let raw = batch().build_compressed(codec, &CompressionLevels::DEFAULT).unwrap().bytes().clone();
        let checked = check(raw.clone(), &rules, NOW + 99).unwrap();
        let header = *checked.header();
        assert_eq!((header.max_timestamp, header.timestamp_type()), (NOW + 99, TimestampType::LogAppendTime));
        assert_eq!(header.crc, BatchHeader::crc_of(checked.bytes()));
        assert_eq!(checked.offset_delta_of_max_timestamp(), 0);
        assert_eq!(checked.bytes()[HEADER_BYTES..], raw[HEADER_BYTES..]);
        let set = records(&header, checked.bytes(), 1 << 20).unwrap();
        assert!(set.iter().all(|record| record.unwrap().timestamp == NOW + 99));
    }
}

#[test]
fn val_9_a_lying_maximum_timestamp_is_corrected() {
    for lie in [0, NOW, i64::MAX] {
        let raw = with(&bytes(batch()), |header| header.max_timestamp = lie);
        let checked = check(raw, &BatchRules::DEFAULT, NOW).unwrap();
        assert_eq!(checked.bytes(), &bytes(batch()));
        assert_eq!(checked.offset_delta_of_max_timestamp(), 1);
    }
    let none = bytes(BatchBuilder::new(-1).record(None, None));
    assert_eq!(check(none, &BatchRules::DEFAULT, NOW).unwrap().header().max_timestamp, -1);
}

#[test]
fn val_11_recompression_keeps_the_records() {
    for (from, to) in CODECS.iter().flat_map(|from| CODECS.map(|to| (*from, to))) {
        let raw = batch().build_compressed(from, &CompressionLevels::DEFAULT).unwrap().bytes().clone();
        let rules = BatchRules { compression: TopicCompression::Codec(to), ..BatchRules::DEFAULT };
        let checked = check(raw, &rules, NOW).unwrap();
        assert_eq!(checked.header().codec(), Some(to));
        assert_eq!(checked.header().crc, BatchHeader::crc_of(checked.bytes()));
        let set = records(checked.header(), checked.bytes(), 1 << 20).unwrap();
        assert_eq!(set.body(), &bytes(batch())[HEADER_BYTES..], "{from:?} to {to:?}");
        assert!(set.iter().all(|record| record.is_ok()));
    }
}

#[test]
fn val_11_a_batch_that_grew_by_recompression_must_fit_too() {
    let value = vec![b'x'; 100_000];
    let raw = BatchBuilder::new(NOW).record(None, Some(&value));
    let raw = raw.build_compressed(Codec::Zstd, &CompressionLevels::DEFAULT).unwrap().bytes().clone();
    let compression = TopicCompression::Codec(Codec::None);
    let rules = BatchRules { compression, batch_bytes_max: 50_000, ..BatchRules::DEFAULT };
    assert_eq!(refused(&raw, &rules).1, ErrorCode::MessageTooLarge);
}

#[test]
fn val_11_zstd_only_from_produce_version_seven_and_no_unknown_codec() {
    let raw = batch().build_compressed(Codec::Zstd, &CompressionLevels::DEFAULT).unwrap().bytes().clone();
    let rules = BatchRules { zstd_allowed: false, ..BatchRules::DEFAULT };
    assert_eq!(refused(&raw, &rules), (BatchError::ZstdNotAllowed, ErrorCode::UnsupportedCompressionType));
    for id in 5..8 {
        assert_eq!(code(&bytes(batch().attributes(id))), ErrorCode::UnsupportedCompressionType);
    }
}

#[test]
fn val_11_control_batches_are_not_compressed() {
    let rules = BatchRules {
        origin: Origin::Coordinator,
        compression: TopicCompression::Codec(Codec::Zstd),
        ..BatchRules::DEFAULT
    };
    let raw = bytes(batch().attributes(BatchHeader::CONTROL));
    assert_eq!(check(raw.clone(), &rules, NOW).unwrap().bytes(), &raw);
}

#[test]
fn val_12_what_comes_out_of_a_batch_is_bounded() {
    let zeros = vec![0; 4 << 20];
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let bomb = BatchBuilder::new(NOW).record(None, Some(&zeros));
        let bomb = bomb.build_compressed(codec, &CompressionLevels::DEFAULT).unwrap().bytes().clone();
        for compression in [TopicCompression::Producer, TopicCompression::Codec(Codec::None)] {
            let rules = BatchRules { decompressed_bytes_max: 1 << 20, compression, ..BatchRules::DEFAULT };
            let (error, code) = refused(&bomb, &rules);
            assert!(matches!(error, BatchError::DecompressedTooLarge(_)), "{codec:?}: {error}");
            assert_eq!(code, ErrorCode::MessageTooLarge);
        }
    }
}

#[test]
fn val_12_damaged_compression_is_refused_for_good() {
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let raw = with(&raw_records(1, Codec::None, b"not compressed at all"), |header| header.attributes = codec.id());
        assert!(matches!(refused(&raw, &BatchRules::DEFAULT), (BatchError::Damaged(_), ErrorCode::InvalidRecord)));
    }
}

#[test]
fn the_smallest_record_is_seven_bytes() {
    let mut body = BytesMut::new();
    put_varint(&mut body, 6);
    body.extend_from_slice(&[0, 0, 0, 1, 1, 0]);
    assert!(check(raw_records(1, Codec::None, &body), &BatchRules::DEFAULT, NOW).is_ok());
}
