//! A byte stream becomes frames, or a reason why not; memory follows what arrived.
#![no_main]
use libfuzzer_sys::fuzz_target;
use ottla::{net::FrameReader, wire::RequestHeader};

const FRAME_BYTES_MAX: usize = 1 << 20;

fuzz_target!(|input: &[u8]| {
    let mut frames = FrameReader::new(FRAME_BYTES_MAX);
    let mut rest = input;
    // Pieces of unequal length, as a network delivers them; the first byte chooses how unequal.
    let step = usize::from(rest.first().copied().unwrap_or(0)) + 1;
    let mut taken = 0;
    while !rest.is_empty() {
        let (piece, later) = rest.split_at(step.min(rest.len()));
        rest = later;
        let room = frames.room();
        room.extend_from_slice(piece);
        assert!(room.capacity() <= 4 * input.len() + 64 * 1024, "a claim allocated");
        loop {
            match frames.take() {
                Err(error) => return assert!(!error.to_string().is_empty()),
                Ok(None) => break,
                Ok(Some(mut frame)) => {
                    taken += 4 + frame.len();
                    assert!(frame.len() <= FRAME_BYTES_MAX && taken <= input.len());
                    for flexible in [false, true] {
                        let _ = RequestHeader::take(&mut frame.clone(), flexible);
                    }
                    let peeked = RequestHeader::peek(&frame);
                    if let Some(header) = RequestHeader::take(&mut frame, true) {
                        assert_eq!(peeked, Some((header.api_key, header.version, header.correlation_id)));
                    }
                }
            }
        }
        frames.relax();
    }
});
