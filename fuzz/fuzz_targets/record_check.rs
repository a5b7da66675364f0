//! What a leader accepts can be read by everyone after it.
#![no_main]
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use ottla::record::{BatchHeader, BatchRules, Codec, TimestampType, TopicCompression, check, records};

const DECOMPRESSED_BYTES_MAX: usize = 1 << 20;
const NOW_MS: i64 = 1_700_000_000_000;

fuzz_target!(|input: &[u8]| {
    let mut bytes = input.to_vec();
    // The base offset must be zero: its first byte chooses the topic's rules, so a segment is a good first input.
    let choice = bytes.first().copied().unwrap_or(0xFF);
    // Offset, length, magic and CRC are made right, or nothing behind them is ever reached.
    if choice & 0x80 == 0 && bytes.len() >= 61 {
        let length = (bytes.len() - 12) as i32;
        bytes[..8].fill(0);
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        bytes[16] = 2;
        let crc = BatchHeader::crc_of(&bytes);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    }
    let rules = BatchRules {
        compression: match Codec::from_wire(i16::from(choice & 7)) {
            Some(codec) => TopicCompression::Codec(codec),
            None => TopicCompression::Producer,
        },
        timestamp_type: if choice & 8 == 0 { TimestampType::CreateTime } else { TimestampType::LogAppendTime },
        compacted: choice & 16 != 0,
        decompressed_bytes_max: DECOMPRESSED_BYTES_MAX,
        ..BatchRules::DEFAULT
    };
    match check(Bytes::from(bytes), &rules, NOW_MS) {
        Err(error) => assert!(error.code().is_error() && !error.to_string().is_empty()),
        Ok(checked) => {
            assert_eq!(checked.header().crc, BatchHeader::crc_of(checked.bytes()));
            let set = records(checked.header(), checked.bytes(), DECOMPRESSED_BYTES_MAX).expect("accepted");
            let mut newest = i64::MIN;
            for record in set.iter() {
                let record = record.expect("accepted");
                assert_eq!(record.headers().count(), record.header_count());
                newest = newest.max(record.timestamp);
            }
            assert_eq!(newest.max(-1), checked.header().max_timestamp);
        }
    }
});
