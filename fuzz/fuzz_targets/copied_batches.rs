//! What a leader answers a follower: split, checked and looked through, it is the very bytes that came, and no more.
#![no_main]
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use ottla::record::copied_batches;

fuzz_target!(|input: &[u8]| {
    let mut rest = input;
    for batch in copied_batches(Bytes::copy_from_slice(input)) {
        let Ok(batch) = batch else { return };
        let (whole, after) = rest.split_at(batch.header().size());
        rest = after;
        if let Ok(placed) = batch.check() {
            assert_eq!(placed.slices().concat(), whole);
            assert!(placed.last() >= placed.base());
            let _ = placed.marker();
        }
    }
});
