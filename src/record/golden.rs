//! Bytes made by Apache Kafka and its Java producer, read by us; `testdata/README.md` says what they hold.
use super::*;
use bytes::Bytes;

const BASE: i64 = 1_700_000_000_000;
const SEGMENTS: [(Codec, &[u8]); 5] = [
    (Codec::None, include_bytes!("testdata/none.log")),
    (Codec::Gzip, include_bytes!("testdata/gzip.log")),
    (Codec::Snappy, include_bytes!("testdata/snappy.log")),
    (Codec::Lz4, include_bytes!("testdata/lz4.log")),
    (Codec::Zstd, include_bytes!("testdata/zstd.log")),
];
const APPEND: &[u8] = include_bytes!("testdata/append.log");
const TRANSACTIONS: &[u8] = include_bytes!("testdata/txn.log");
const LEADER_CHANGE: &[u8] = include_bytes!("testdata/leader-change.log");

fn only_batch(segment: &[u8]) -> WalkedBatch<'_> {
    let batches: Vec<_> = walk(segment).collect::<Result<_, _>>().unwrap();
    assert_eq!(batches.len(), 1);
    assert!(batches[0].crc_matches());
    batches[0]
}

fn assert_records(header: &BatchHeader, batch: &[u8], append_time: Option<i64>) {
    let set = records(header, batch, 1 << 20).unwrap();
    assert_eq!(set.iter().count(), 20);
    for (record, index) in set.iter().zip(0..20i64) {
        let record = record.unwrap();
        let key = (index % 3 != 0).then(|| format!("key-{index}"));
        let times = if index % 5 == 4 { 40 } else { 3 };
        let value = (index % 7 != 6).then(|| format!("value {index} ").repeat(times));
        let time = BASE + if index <= 12 { index * 1_000 } else { 100 - index };
        assert_eq!(i64::from(record.offset_delta), index);
        assert_eq!(record.timestamp, append_time.unwrap_or(time));
        assert_eq!(record.key, key.as_deref().map(str::as_bytes));
        assert_eq!(record.value, value.as_deref().map(str::as_bytes));
        let trace = format!("t{index}");
        let headers: Vec<(&[u8], Option<&[u8]>)> = match index % 4 {
            1 => vec![(b"trace", Some(trace.as_bytes())), (b"trace", None), (b"", Some(b""))],
            _ => vec![],
        };
        assert_eq!(record.headers().collect::<Vec<_>>(), headers);
    }
}

#[test]
fn batches_of_the_java_producer_are_read_in_every_codec() {
    for (codec, segment) in SEGMENTS {
        let batch = only_batch(segment);
        assert_eq!(batch.header.codec(), Some(codec));
        assert_records(&batch.header, batch.bytes, None);
    }
}

#[test]
fn val_10_batches_of_the_java_producer_pass_the_check_unchanged() {
    let rules = BatchRules { timestamp_after_max_ms: 0, ..BatchRules::DEFAULT };
    for (codec, segment) in SEGMENTS {
        let raw = Bytes::from_static(segment);
        let checked = check(raw.clone(), &rules, BASE + 12_000).unwrap();
        assert_eq!((checked.bytes(), checked.offset_delta_of_max_timestamp()), (&raw, 12), "{codec:?}");
    }
}

#[test]
fn val_11_batches_of_the_java_producer_keep_their_records_in_every_other_codec() {
    for ((_, segment), (codec, _)) in SEGMENTS.iter().flat_map(|from| SEGMENTS.map(|to| (*from, to))) {
        let rules = BatchRules { compression: TopicCompression::Codec(codec), ..BatchRules::DEFAULT };
        let checked = check(Bytes::from_static(segment), &rules, BASE).unwrap();
        assert_records(checked.header(), checked.bytes(), None);
    }
}

#[test]
fn val_9_append_time_is_set_where_kafka_sets_it() {
    let stored = only_batch(APPEND);
    assert_eq!(stored.header.timestamp_type(), TimestampType::LogAppendTime);
    let now_ms = stored.header.max_timestamp;
    assert_records(&stored.header, stored.bytes, Some(now_ms));
    let (_, sent) = SEGMENTS[3];
    let rules = BatchRules { timestamp_type: TimestampType::LogAppendTime, ..BatchRules::DEFAULT };
    let ours = check(Bytes::from_static(sent), &rules, now_ms).unwrap();
    // Another producer id, hence another CRC: all else is the same.
    let theirs = BatchHeader { crc: 0, producer_id: 0, ..stored.header };
    assert_eq!(BatchHeader { crc: 0, producer_id: 0, ..*ours.header() }, theirs);
    assert_eq!(ours.bytes()[HEADER_BYTES..], stored.bytes[HEADER_BYTES..]);
}

#[test]
fn transaction_markers_of_kafka_are_read_and_ours_are_the_same() {
    let mut results = Vec::new();
    for batch in walk(TRANSACTIONS).map(Result::unwrap).filter(|batch| batch.header.is_control()) {
        let set = records(&batch.header, batch.bytes, 0).unwrap();
        let ControlRecord::EndTransaction(marker) = control(&set.iter().next().unwrap().unwrap()).unwrap() else {
            panic!("a marker");
        };
        let id = crate::types::ProducerId::from_wire(batch.header.producer_id).unwrap();
        let epoch = crate::types::ProducerEpoch::from_wire(batch.header.producer_epoch).unwrap();
        let ours = marker.batch(id, epoch, batch.header.base_timestamp);
        assert_eq!(ours.bytes()[16..], batch.bytes[16..]);
        results.push(marker.result);
    }
    assert_eq!(results, [TransactionResult::Commit, TransactionResult::Abort]);
}

#[test]
fn leader_changes_of_kafka_are_read_and_ours_are_the_same() {
    let batch = only_batch(LEADER_CHANGE);
    let set = records(&batch.header, batch.bytes, 0).unwrap();
    let first = control(&set.iter().next().unwrap().unwrap()).unwrap();
    let ControlRecord::LeaderChange(change) = first else { panic!("a leader change, not {first:?}") };
    assert_eq!((change.leader, &change.voters[..], &change.granting_voters[..]), (1, &[1][..], &[1][..]));
    let ours = change.batch(batch.header.base_timestamp);
    let ours =
        records(ours.header(), ours.bytes(), 0).unwrap().iter().next().unwrap().unwrap().value.map(<[u8]>::to_vec);
    assert_eq!(ours.as_deref(), set.iter().next().unwrap().unwrap().value);
}
