//! Any bytes of a segment can be walked.
#![no_main]
use libfuzzer_sys::fuzz_target;
use ottla::record::{control, records, walk};

fuzz_target!(|bytes: &[u8]| {
    let mut position = 0;
    for batch in walk(bytes) {
        let Ok(batch) = batch else { break };
        assert_eq!(batch.position, position);
        position += batch.bytes.len();
        let Ok(set) = records(&batch.header, batch.bytes, 1 << 20) else { continue };
        for record in set.iter().map_while(Result::ok) {
            assert_eq!(record.headers().count(), record.header_count());
            if batch.header.is_control() {
                let _ = control(&record);
            }
        }
    }
});
