//! Records of the metadata log: refused, or read to the last byte and written again the same.
#![no_main]
use libfuzzer_sys::fuzz_target;
use ottla::wire::metadata::MetadataRecord;

fuzz_target!(|value: &[u8]| match MetadataRecord::decode(value) {
    Err(error) => assert!(!error.to_string().is_empty()),
    Ok(record) => {
        let written = record.encode();
        assert_eq!(MetadataRecord::decode(&written).as_ref(), Ok(&record), "{record:?}");
    }
});
