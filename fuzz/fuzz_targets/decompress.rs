//! No codec gives more than it may.
#![no_main]
use libfuzzer_sys::fuzz_target;
use ottla::record::{Codec, decompress};

const BYTES_MAX: usize = 1 << 20;

fuzz_target!(|input: &[u8]| {
    let Some((codec, bytes)) = input.split_first() else { return };
    let codec = Codec::from_wire(i16::from(codec % 5)).expect("five codecs");
    if let Ok(out) = decompress(codec, bytes, BYTES_MAX) {
        assert!(out.len() <= BYTES_MAX);
    }
});
