//! What holds for any bytes: nothing panics, nothing is invented, nothing grows without bound.
use super::*;
use bytes::Bytes;
use proptest::{collection::vec, option, prelude::*};

const NOW: i64 = 1_700_000_000_000;

#[derive(Clone, PartialEq, Debug)]
struct Sent {
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

fn sent() -> impl Strategy<Value = Sent> {
    let bytes = || option::of(vec(any::<u8>(), 0..40));
    let headers = vec(("[a-c]{0,3}", bytes()), 0..4);
    (NOW - 5_000..NOW, bytes(), option::of(vec(any::<u8>(), 0..300)), headers)
        .prop_map(|(timestamp, key, value, headers)| Sent { timestamp, key, value, headers })
}

fn codec() -> impl Strategy<Value = Codec> {
    (0..5i16).prop_map(|id| Codec::from_wire(id).unwrap())
}

fn build(all: &[Sent], codec: Codec) -> CheckedBatch {
    let builder = all.iter().fold(BatchBuilder::new(NOW), |builder, one| {
        let headers: Vec<_> = one.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
        builder.record_at(one.timestamp, one.key.as_deref(), one.value.as_deref(), &headers)
    });
    builder.build_compressed(codec, &CompressionLevels::DEFAULT).unwrap()
}

fn read(batch: &CheckedBatch) -> Vec<Sent> {
    let set = records(batch.header(), batch.bytes(), 1 << 20).unwrap();
    let read = set.iter().map(|record| {
        let record = record.unwrap();
        let name = |name: &[u8]| String::from_utf8(name.to_vec()).unwrap();
        Sent {
            timestamp: record.timestamp,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: record.headers().map(|(n, value)| (name(n), value.map(<[u8]>::to_vec))).collect(),
        }
    });
    read.collect()
}

/// Reads all that can be read and says how many records came.
fn drain(bytes: &[u8]) -> usize {
    let batches = walk(bytes).filter_map(Result::ok);
    batches
        .filter_map(|batch| {
            let set = records(&batch.header, batch.bytes, 1 << 16).ok()?;
            let whole = set.iter().filter_map(Result::ok);
            Some(whole.inspect(|record| assert!(record.headers().count() <= record.header_count())).count())
        })
        .sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_built_is_checked_recompressed_and_read(all in vec(sent(), 1..20), from in codec(), to in codec()) {
        let raw = build(&all, from);
        let checked = check(raw.bytes().clone(), &BatchRules::DEFAULT, NOW).unwrap();
        prop_assert_eq!(checked.bytes(), raw.bytes());
        prop_assert_eq!(checked.offset_delta_of_max_timestamp(), raw.offset_delta_of_max_timestamp());
        prop_assert_eq!(&read(&checked), &all);
        let rules = BatchRules { compression: TopicCompression::Codec(to), ..BatchRules::DEFAULT };
        prop_assert_eq!(&read(&check(raw.bytes().clone(), &rules, NOW).unwrap()), &all);
    }

    #[test]
    fn val_1_any_flipped_byte_is_refused_or_changes_no_record(
        all in vec(sent(), 1..8), codec in codec(), at in any::<prop::sample::Index>(), flip in 1..=255u8,
    ) {
        let raw = build(&all, codec);
        let mut bytes = raw.bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        match check(Bytes::from(bytes), &BatchRules::DEFAULT, NOW) {
            Err(_) => {}
            Ok(checked) => {
                prop_assert!((12..16).contains(&at), "byte {} is not the leader epoch", at);
                prop_assert_eq!(read(&checked), all);
            }
        }
    }

    #[test]
    fn val_6_mutated_records_with_a_right_crc_are_refused_or_well_formed(
        all in vec(sent(), 1..8), codec in codec(),
        flips in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let raw = build(&all, codec);
        let mut bytes = raw.bytes().to_vec();
        for (at, byte) in flips {
            let at = HEADER_BYTES - 40 + at.index(bytes.len() - HEADER_BYTES + 40);
            bytes[at] = byte;
        }
        let crc = BatchHeader::crc_of(&bytes);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
        drain(&bytes);
        if let Ok(checked) = check(Bytes::from(bytes), &BatchRules::DEFAULT, NOW) {
            let set = records(checked.header(), checked.bytes(), 1 << 26).unwrap();
            let read = set.iter().map(Result::unwrap).count();
            prop_assert_eq!(read, checked.header().record_count as usize);
        }
    }

    #[test]
    fn any_bytes_are_survived(mut bytes in vec(any::<u8>(), 0..400), as_batch in any::<bool>()) {
        if as_batch && bytes.len() >= HEADER_BYTES {
            let length = (bytes.len() - LOG_OVERHEAD_BYTES) as i32;
            bytes[8..12].copy_from_slice(&length.to_be_bytes());
            bytes[16] = 2;
        }
        drain(&bytes);
        for id in 0..5 {
            let out = decompress(Codec::from_wire(id).unwrap(), &bytes, 1_000);
            prop_assert!(out.is_err() || out.unwrap().len() <= 1_000);
        }
        let _ = check(Bytes::from(bytes), &BatchRules::DEFAULT, NOW);
    }
}
