//! What a broker must find out about a batch before it writes it (VAL-1 to VAL-12).
use protocol_tests::batch::{CONTROL, DELETE_HORIZON, LOG_APPEND_TIME, TRANSACTIONAL, read_batches};
use protocol_tests::time::now_ms;
use protocol_tests::{
    Batch, Code, Codec, Connection, Record, Topic, assert_error, assert_ok, code_name, end_offset, fetch, new_topic,
    new_topic_with, on_kafka, produce, produce_at,
};

/// Writes each batch and expects its error; tells of every one that differs. Nothing may be written.
#[track_caller]
fn refused(connection: &mut Connection, topic: &Topic, version: i16, cases: Vec<(&str, Vec<u8>, &[Code])>) {
    let mut wrong = Vec::new();
    for (name, bytes, expected) in cases {
        let answer = produce_at(connection, version, topic, 0, bytes.into());
        if !expected.iter().any(|code| code.code() == answer.error_code) {
            wrong.push(format!("{name}: {} instead of {expected:?}", code_name(answer.error_code)));
        } else {
            assert_eq!(answer.base_offset, -1, "{name}");
        }
    }
    assert!(wrong.is_empty(), "version {version}:\n{}", wrong.join("\n"));
    assert_eq!(end_offset(connection, topic), 0, "nothing is written");
}

/// Bytes that are no batch; Apache Kafka has no name for some of them.
fn unreadable() -> &'static [Code] {
    const EITHER: [Code; 3] = [Code::InvalidRecord, Code::CorruptMessage, Code::UnknownServerError];
    if on_kafka() { &EITHER } else { &EITHER[..2] }
}

/// What a transactional batch gets whose request names no transaction.
const OUTSIDE_A_TRANSACTION: &[Code] = &[Code::TransactionalIdAuthorizationFailed];

fn good() -> Batch {
    Batch::of(&["one", "two", "three"])
}

fn bytes_of(batch: &Batch, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = batch.encode().to_vec();
    change(&mut bytes);
    bytes
}

#[test]
fn val_1_lengths_magic_and_crc() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let invalid = &[Code::InvalidRecord][..];
    let corrupt = &[Code::CorruptMessage][..];
    let cut = unreadable();
    let length = good().encode().len() as i32 - 12;
    for version in [3, 8, 13] {
        refused(
            &mut connection,
            &topic,
            version,
            vec![
                ("wrong CRC", bytes_of(&Batch { crc_claimed: Some(0), ..good() }, |_| ()), corrupt),
                ("last byte flipped", bytes_of(&good(), |bytes| *bytes.last_mut().unwrap() ^= 1), corrupt),
                ("attributes flipped", bytes_of(&good(), |bytes| bytes[22] ^= 8), corrupt),
                ("magic 0", bytes_of(&Batch { magic: 0, ..good() }, |_| ()), invalid),
                ("magic 1", bytes_of(&Batch { magic: 1, ..good() }, |_| ()), invalid),
                ("magic 3", bytes_of(&Batch { magic: 3, ..good() }, |_| ()), corrupt),
                ("magic -1", bytes_of(&Batch { magic: -1, ..good() }, |_| ()), corrupt),
                ("length 0", bytes_of(&Batch { length_claimed: Some(0), ..good() }, |_| ()), corrupt),
                ("length 13", bytes_of(&Batch { length_claimed: Some(13), ..good() }, |_| ()), corrupt),
                ("length -1", bytes_of(&Batch { length_claimed: Some(-1), ..good() }, |_| ()), corrupt),
                ("length least", bytes_of(&Batch { length_claimed: Some(i32::MIN), ..good() }, |_| ()), corrupt),
                ("length 48", bytes_of(&Batch { length_claimed: Some(48), ..good() }, |_| ()), corrupt),
                ("one too short", bytes_of(&Batch { length_claimed: Some(length - 1), ..good() }, |_| ()), corrupt),
                ("one too long", bytes_of(&Batch { length_claimed: Some(length + 1), ..good() }, |_| ()), cut),
                ("length most", bytes_of(&Batch { length_claimed: Some(i32::MAX), ..good() }, |_| ()), cut),
                ("a byte missing", bytes_of(&good(), |bytes| bytes.truncate(bytes.len() - 1)), cut),
                ("header cut", bytes_of(&good(), |bytes| bytes.truncate(60)), cut),
                ("only 16 bytes", bytes_of(&good(), |bytes| bytes.truncate(16)), cut),
                ("no bytes", Vec::new(), invalid),
                ("noise", vec![0xab; 100], corrupt),
                ("zeros", vec![0; 100], corrupt),
            ],
        );
    }
}

#[test]
fn log_4_exactly_one_batch() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let twice = bytes_of(&good(), |bytes| bytes.extend(good().encode()));
    for version in 3..=13 {
        refused(&mut connection, &topic, version, vec![("two batches", twice.clone(), &[Code::InvalidRecord])]);
    }
}

#[test]
fn val_2_offsets_and_counts_of_the_header() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let invalid = &[Code::InvalidRecord][..];
    let count = |count| Batch { count_claimed: Some(count), ..good() }.encode().to_vec();
    let last = |last| Batch { last_offset_delta_claimed: Some(last), ..good() }.encode().to_vec();
    let both = |last, count| {
        let batch = Batch { last_offset_delta_claimed: Some(last), count_claimed: Some(count), ..good() };
        batch.encode().to_vec()
    };
    let base = |base| Batch { base_offset: base, ..good() }.encode().to_vec();
    let empty = Batch { last_offset_delta_claimed: Some(0), ..Batch::records(Vec::new()) };
    for version in [3, 13] {
        refused(
            &mut connection,
            &topic,
            version,
            vec![
                ("count 0", count(0), invalid),
                ("count -1", count(-1), invalid),
                ("count 2", count(2), invalid),
                ("count 4", count(4), invalid),
                ("count most", count(i32::MAX), invalid),
                ("last offset delta 1", last(1), invalid),
                ("last offset delta 3", last(3), invalid),
                ("last offset delta -1", last(-1), invalid),
                ("last offset delta most", last(i32::MAX), invalid),
                ("both one too many", both(3, 4), invalid),
                ("both one too few", both(1, 2), invalid),
                ("no records", empty.encode().to_vec(), invalid),
                ("no records, last offset delta -1", Batch::records(Vec::new()).encode().to_vec(), invalid),
                ("base offset 1", base(1), invalid),
                ("base offset -1", base(-1), invalid),
                ("base offset most", base(i64::MAX), invalid),
            ],
        );
    }
}

#[test]
fn val_4_attributes_only_a_broker_may_set() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let of = |batch: Batch, bits| batch.attributes(bits).encode().to_vec();
    let transactional = Batch::from_producer((4, 0), 0, 2);
    let no_codec = if on_kafka() { unreadable() } else { &[Code::UnsupportedCompressionType, Code::CorruptMessage] };
    refused(
        &mut connection,
        &topic,
        13,
        vec![
            ("control", of(good(), CONTROL), &[Code::InvalidRecord]),
            ("control of a transaction", of(transactional, CONTROL | TRANSACTIONAL), OUTSIDE_A_TRANSACTION),
            ("codec 5", of(good(), 5), no_codec),
            ("codec 7", of(good(), 7), no_codec),
        ],
    );
    if !on_kafka() {
        let cases = vec![
            ("delete horizon", of(good(), DELETE_HORIZON), &[Code::InvalidRecord][..]),
            ("log append time", of(good(), LOG_APPEND_TIME), &[Code::InvalidTimestamp, Code::InvalidRecord]),
        ];
        refused(&mut connection, &topic, 13, cases);
    }
}

#[test]
fn val_4_producers_do_not_speak_of_append_time() {
    let mut connection = Connection::open();
    let topic = new_topic_with(&mut connection, 1, &[("message.timestamp.type", "LogAppendTime")]);
    let batch = good().attributes(LOG_APPEND_TIME).encode().to_vec();
    let expected = &[Code::InvalidTimestamp, Code::InvalidRecord];
    refused(&mut connection, &topic, 13, vec![("log append time", batch, expected)]);
}

#[test]
fn val_5_producer_fields_belong_together() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let of = |producer, base_sequence| Batch { producer, base_sequence, ..good() }.encode().to_vec();
    let invalid = &[Code::InvalidRecord][..];
    refused(
        &mut connection,
        &topic,
        13,
        vec![
            ("sequence -1", of((900_000_002, 0), -1), invalid),
            ("sequence -2", of((900_000_002, 0), -2), invalid),
            (
                "transaction without a producer",
                good().attributes(TRANSACTIONAL).encode().to_vec(),
                OUTSIDE_A_TRANSACTION,
            ),
        ],
    );
}

#[test]
fn val_5_a_producer_has_an_epoch() {
    if on_kafka() {
        return;
    }
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let batch = Batch { producer: (900_000_001, -1), base_sequence: 0, ..good() }.encode().to_vec();
    let expected = &[Code::InvalidRecord, Code::InvalidProducerEpoch];
    refused(&mut connection, &topic, 13, vec![("epoch -1", batch, expected)]);
}

#[test]
fn val_1_nothing_stands_behind_the_batch() {
    if on_kafka() {
        return;
    }
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for more in [1, 11, 12, 60, 61, 100] {
        let bytes = bytes_of(&good(), |bytes| bytes.resize(bytes.len() + more, 0));
        refused(&mut connection, &topic, 13, vec![("bytes behind the batch", bytes, unreadable())]);
    }
}

#[test]
fn val_6_records_are_what_they_say() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let first = |change: fn(&mut Record)| {
        let mut batch = good();
        change(&mut batch.records[0]);
        batch
    };
    let cases: Vec<(&str, Batch)> = vec![
        ("length one more", first(|record| record.length_claimed = Some(11))),
        ("length one less", first(|record| record.length_claimed = Some(8))),
        ("length 0", first(|record| record.length_claimed = Some(0))),
        ("length -1", first(|record| record.length_claimed = Some(-1))),
        ("length most", first(|record| record.length_claimed = Some(i64::from(i32::MAX)))),
        ("offset delta 1 first", first(|record| record.offset_delta = Some(1))),
        ("offset delta -1", first(|record| record.offset_delta = Some(-1))),
        ("key length most", first(|record| record.key_length_claimed = Some(i64::from(i32::MAX)))),
        ("key length 100", first(|record| record.key_length_claimed = Some(100))),
        ("value length most", first(|record| record.value_length_claimed = Some(i64::from(i32::MAX)))),
        ("value length 2", first(|record| record.value_length_claimed = Some(2))),
        ("header without a name", first(|record| record.nameless_header = true)),
        ("header count -1", first(|record| record.header_count_claimed = Some(-1))),
        ("header count 1", first(|record| record.header_count_claimed = Some(1))),
        ("header count most", first(|record| record.header_count_claimed = Some(i64::from(i32::MAX)))),
        ("bytes after the records", Batch { trailing: vec![0], ..good() }),
        ("a record after the records", Batch { trailing: vec![10, 0, 0, 6, 1, 1, 0], ..good() }),
    ];
    let expected = unreadable();
    for codec in Codec::ALL {
        // What Apache Kafka lets pass: deltas when it need not look inside, lengths when it skips over the fields.
        let lax = if codec == Codec::None { "offset delta" } else { "length" };
        let cases = cases.iter().filter(|(name, _)| !(on_kafka() && name.starts_with(lax)));
        let cases = cases.map(|(name, batch)| (*name, batch.clone().codec(codec).encode().to_vec(), expected));
        refused(&mut connection, &topic, 13, cases.collect());
    }
}

#[test]
fn val_6_no_key_and_no_value_has_a_length_below_minus_one() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for codec in Codec::ALL {
        for is_key in [true, false] {
            let (key, value) = ((!is_key).then(|| b"k".to_vec()), is_key.then(|| b"v".to_vec()));
            let claimed = |it: bool| it.then_some(-2);
            let record = Record {
                key,
                value,
                key_length_claimed: claimed(is_key),
                value_length_claimed: claimed(!is_key),
                ..Record::of("")
            };
            let batch = Batch::records(vec![record]).codec(codec).encode();
            if on_kafka() {
                assert_ok(produce_at(&mut connection, 13, &topic, 0, batch).error_code);
            } else {
                refused(&mut connection, &topic, 13, vec![("length -2", batch.to_vec(), &[Code::InvalidRecord])]);
            }
        }
    }
}

#[test]
fn val_6_broken_compression() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let expected = unreadable();
    for codec in Codec::ALL.into_iter().skip(1) {
        // The records of one codec under the name of another, and plain records under the name of a codec.
        let plain = Batch { codec: Codec::None, attributes: codec.bits(), ..good() };
        let mut empty = Batch::of(&["x"]).attributes(codec.bits());
        empty.records.clear();
        empty.count_claimed = Some(1);
        empty.last_offset_delta_claimed = Some(0);
        refused(
            &mut connection,
            &topic,
            13,
            vec![
                ("not compressed at all", plain.encode().to_vec(), expected),
                ("nothing inside", empty.encode().to_vec(), expected),
            ],
        );
    }
}

#[test]
fn val_7_compacted_topic_needs_keys() {
    let mut connection = Connection::open();
    for policy in ["compact", "compact,delete"] {
        let topic = new_topic_with(&mut connection, 1, &[("cleanup.policy", policy)]);
        for codec in Codec::ALL {
            let mut batch = Batch::of(&["a", "b", "c", "d"]).codec(codec);
            batch.records[0].key = Some(b"k".to_vec());
            batch.records[2].key = Some(Vec::new());
            let answer = produce(&mut connection, &topic, batch.encode());
            assert_error(answer.error_code, Code::InvalidRecord);
            let indexes: Vec<i32> = answer.record_errors.iter().map(|error| error.batch_index).collect();
            assert_eq!(indexes, [1, 3], "{codec:?}");
            assert!(answer.record_errors.iter().all(|error| error.batch_index_error_message.is_some()));
            assert!(answer.error_message.is_some());
        }
        assert_eq!(end_offset(&mut connection, &topic), 0, "the whole batch is refused");
        let batch = Batch::records(vec![Record::keyed("k", "v"), Record { value: None, ..Record::keyed("k", "") }]);
        assert_ok(produce(&mut connection, &topic, batch.encode()).error_code);
    }
}

#[test]
fn val_7_record_errors_only_from_version_8() {
    let mut connection = Connection::open();
    let topic = new_topic_with(&mut connection, 1, &[("cleanup.policy", "compact")]);
    for version in 3..=13 {
        let answer = produce_at(&mut connection, version, &topic, 0, Batch::of(&["a"]).encode());
        assert_error(answer.error_code, Code::InvalidRecord);
        assert_eq!(answer.record_errors.len(), usize::from(version >= 8));
        assert_eq!(answer.error_message.is_some(), version >= 8);
    }
}

const HOUR_MS: i64 = 3_600_000;

#[test]
fn val_8_timestamps_too_far_ahead_are_invalid() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let ahead = Batch::of(&["x", "y"]).timestamp(now_ms() + HOUR_MS + 60_000);
    for codec in Codec::ALL {
        let answer = produce(&mut connection, &topic, ahead.clone().codec(codec).encode());
        assert_error(answer.error_code, Code::InvalidTimestamp);
        assert_eq!(answer.record_errors.len(), 2, "{codec:?}");
    }
    let mut second = Batch::of(&["x", "y"]);
    second.records[1].timestamp_delta = HOUR_MS + 60_000;
    let answer = produce(&mut connection, &topic, second.encode());
    assert_error(answer.error_code, Code::InvalidTimestamp);
    assert_eq!(answer.record_errors[0].batch_index, 1);
    assert_eq!(end_offset(&mut connection, &topic), 0);
    for timestamp in [0, now_ms() + HOUR_MS - 60_000, now_ms() - 1_000 * 24 * HOUR_MS] {
        assert_ok(produce(&mut connection, &topic, Batch::of(&["x"]).timestamp(timestamp).encode()).error_code);
    }
}

#[test]
fn val_8_no_timestamp_is_allowed() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    assert_ok(produce(&mut connection, &topic, Batch::of(&["x", "y"]).timestamp(-1).encode()).error_code);
}

#[test]
fn val_8_limits_of_the_topic() {
    let mut connection = Connection::open();
    let settings = [("message.timestamp.before.max.ms", "60000"), ("message.timestamp.after.max.ms", "7200000")];
    let topic = new_topic_with(&mut connection, 1, &settings);
    for (timestamp, valid) in [
        (now_ms() - 120_000, false),
        (now_ms() - 10_000, true),
        (now_ms() + 2 * HOUR_MS - 60_000, true),
        (now_ms() + 2 * HOUR_MS + 60_000, false),
        (0, false),
    ] {
        let answer = produce(&mut connection, &topic, Batch::of(&["x"]).timestamp(timestamp).encode());
        if valid {
            assert_ok(answer.error_code);
        } else {
            assert_error(answer.error_code, Code::InvalidTimestamp);
        }
    }
}

#[test]
fn val_9_log_append_time() {
    let mut connection = Connection::open();
    let topic = new_topic_with(&mut connection, 1, &[("message.timestamp.type", "LogAppendTime")]);
    for (index, codec) in Codec::ALL.into_iter().enumerate() {
        let before = now_ms();
        let batch = Batch::of(&["a", "b"]).codec(codec).timestamp(1_000_000);
        let answer = produce(&mut connection, &topic, batch.encode());
        assert_ok(answer.error_code);
        assert!((before..=now_ms()).contains(&answer.log_append_time_ms), "{}", answer.log_append_time_ms);
        let found = read_batches(&fetch(&mut connection, &topic, index as i64 * 2).records.unwrap_or_default());
        assert_eq!(found[0].max_timestamp, answer.log_append_time_ms);
        assert_eq!(found[0].attributes, codec.bits() | LOG_APPEND_TIME);
    }
}

#[test]
fn val_9_a_lie_about_the_latest_timestamp_is_put_right() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    for lie in [0, -1, now_ms() + 10, i64::MAX] {
        let mut batch = Batch { max_timestamp: Some(lie), ..Batch::of(&["a", "b", "c"]) };
        batch.records[1].timestamp_delta = 77;
        let answer = produce(&mut connection, &topic, batch.encode());
        assert_ok(answer.error_code);
        let found = read_batches(&fetch(&mut connection, &topic, answer.base_offset).records.unwrap_or_default());
        assert_eq!(found[0].max_timestamp, batch.base_timestamp + 77, "claimed {lie}");
        assert_eq!(found[0].records().len(), 3);
    }
}

#[test]
fn val_11_zstd_needs_version_7() {
    let mut connection = Connection::open();
    let topic = new_topic(&mut connection, 1);
    let batch = good().codec(Codec::Zstd).encode();
    for version in 3..=6 {
        refused(&mut connection, &topic, version, vec![("zstd", batch.to_vec(), &[Code::UnsupportedCompressionType])]);
    }
    for version in 7..=13 {
        assert_ok(produce_at(&mut connection, version, &topic, 0, batch.clone()).error_code);
    }
}

#[test]
fn val_11_topics_of_another_codec_are_recompressed() {
    let mut connection = Connection::open();
    for (name, bits) in [("uncompressed", 0), ("gzip", 1), ("snappy", 2), ("lz4", 3), ("zstd", 4)] {
        let topic = new_topic_with(&mut connection, 1, &[("compression.type", name)]);
        for codec in Codec::ALL {
            let batch = Batch::records(vec![Record::keyed("k", "v".repeat(2_000)), Record::of("w")]).codec(codec);
            let answer = produce(&mut connection, &topic, batch.encode());
            assert_ok(answer.error_code);
            let found = read_batches(&fetch(&mut connection, &topic, answer.base_offset).records.unwrap_or_default());
            assert_eq!(found[0].attributes & 7, bits, "{codec:?} to {name}");
            assert_eq!(found[0].count, 2);
            assert_eq!(found[0].last_offset_delta, 1);
            if bits == 0 {
                let records = found[0].records();
                assert_eq!(records[0].key.as_deref(), Some(&b"k"[..]));
                assert_eq!(records[0].value.as_deref().map(<[u8]>::len), Some(2_000));
                assert_eq!(records[1].value.as_deref(), Some(&b"w"[..]));
                assert_eq!(records[1].timestamp, batch.base_timestamp);
            }
        }
    }
}
