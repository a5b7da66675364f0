//! Compression of a batch's records: streaming and bounded on the way in, with levels on the way out.
//!
//! What is accepted is what Kafka's Java clients can read: nothing else may come into a log, or every consumer of the
//! partition fails on it.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]
use super::{Codec, lz4, xerial};
use std::io::{Error, Read, Write};

const CHUNK_BYTES: usize = 16 * 1024;

/// How hard to compress, as in `compression.gzip.level`, `compression.lz4.level`, `compression.zstd.level`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CompressionLevels {
    /// 1 to 9; -1 is the library's choice (6).
    pub gzip: i32,
    /// 1 to 17; accepted and kept, but there is one way of compressing: the fast one.
    pub lz4: i32,
    /// -131072 to 22.
    pub zstd: i32,
}

impl CompressionLevels {
    /// Kafka's defaults.
    pub const DEFAULT: CompressionLevels = CompressionLevels { gzip: -1, lz4: 9, zstd: 3 };
}

impl Default for CompressionLevels {
    fn default() -> CompressionLevels {
        CompressionLevels::DEFAULT
    }
}

/// Why compressed bytes gave no records.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecompressError {
    #[error("the {} bytes do not decompress: {reason}", codec.name())]
    Damaged { codec: Codec, reason: String },
    #[error("more than {bytes_max} bytes come out of {compressed_bytes} {} bytes", codec.name())]
    TooLarge { codec: Codec, compressed_bytes: usize, bytes_max: usize },
}

/// Decompresses all of `bytes`, giving up as soon as more than `bytes_max` come out. Memory grows with what has really
/// come out, never with what the input claims (VAL-12).
pub fn decompress(codec: Codec, bytes: &[u8], bytes_max: usize) -> Result<Vec<u8>, DecompressError> {
    let mut reader = Decompressor::new(codec, bytes, bytes_max)?;
    let mut out = Vec::new();
    while reader.fill(&mut out, CHUNK_BYTES)? > 0 {}
    Ok(out)
}

/// A running decompression that counts what comes out.
pub(super) struct Decompressor<'a> {
    codec: Codec,
    compressed_bytes: usize,
    reader: Box<dyn Read + 'a>,
    bytes_max: usize,
    bytes_left: usize,
}

impl<'a> Decompressor<'a> {
    pub fn new(codec: Codec, bytes: &'a [u8], bytes_max: usize) -> Result<Decompressor<'a>, DecompressError> {
        let damaged = |error: &dyn std::fmt::Display| DecompressError::Damaged { codec, reason: error.to_string() };
        let reader: Box<dyn Read + 'a> = match codec {
            Codec::None => Box::new(bytes),
            Codec::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(bytes)),
            Codec::Snappy => Box::new(xerial::XerialReader::new(bytes)),
            Codec::Lz4 => {
                let frame = lz4::frame(bytes).map_err(|error| damaged(&error))?;
                Box::new(lz4_flex::frame::FrameDecoder::new(frame))
            }
            Codec::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(bytes).map_err(|error| damaged(&error))?),
        };
        Ok(Decompressor { codec, compressed_bytes: bytes.len(), reader, bytes_max, bytes_left: bytes_max })
    }

    /// Appends up to `bytes` more; 0 at the end.
    pub fn fill(&mut self, out: &mut Vec<u8>, bytes: usize) -> Result<usize, DecompressError> {
        let start = out.len();
        // One byte more than is allowed shows that there is more.
        let wanted = bytes.min(self.bytes_left.saturating_add(1));
        out.resize(start + wanted, 0);
        let mut got = 0;
        while let Some(into) = out.get_mut(start + got..).filter(|into| !into.is_empty()) {
            match self.reader.read(into) {
                Ok(0) => break,
                Ok(read) => got += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(DecompressError::Damaged { codec: self.codec, reason: error.to_string() });
                }
            }
        }
        out.truncate(start + got);
        if got > self.bytes_left {
            return Err(DecompressError::TooLarge {
                codec: self.codec,
                compressed_bytes: self.compressed_bytes,
                bytes_max: self.bytes_max,
            });
        }
        self.bytes_left -= got;
        Ok(got)
    }
}

/// Compresses into memory; an error is a level that the library does not know.
pub fn compress(codec: Codec, levels: &CompressionLevels, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    match codec {
        Codec::None => Ok(bytes.to_vec()),
        Codec::Gzip => {
            let level = u32::try_from(levels.gzip)
                .map_or(flate2::Compression::default(), |level| flate2::Compression::new(level.clamp(1, 9)));
            let mut encoder = flate2::write::GzEncoder::new(Vec::with_capacity(bytes.len() / 2), level);
            encoder.write_all(bytes)?;
            encoder.finish()
        }
        Codec::Snappy => xerial::compress(bytes).map_err(Error::other),
        Codec::Lz4 => {
            let info = lz4_flex::frame::FrameInfo::new()
                .block_mode(lz4_flex::frame::BlockMode::Independent)
                .block_size(lz4_flex::frame::BlockSize::Max64KB);
            let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::with_capacity(bytes.len() / 2));
            encoder.write_all(bytes)?;
            encoder.finish().map_err(Error::other)
        }
        Codec::Zstd => zstd::bulk::compress(bytes, levels.zstd),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODECS: [Codec; 5] = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

    #[test]
    fn every_codec_gives_back_what_it_took() {
        for codec in CODECS {
            for text in [&b""[..], b"a", &b"over and over again ".repeat(20_000)] {
                let compressed = compress(codec, &CompressionLevels::default(), text).unwrap();
                assert_eq!(decompress(codec, &compressed, text.len()).unwrap(), text, "{codec:?}");
                assert!(text.len() < 100 || codec == Codec::None || compressed.len() < text.len() / 8, "{codec:?}");
            }
        }
    }

    #[test]
    fn val_12_a_bomb_stops_at_the_limit() {
        let zeros = vec![0; 4 << 20];
        for codec in CODECS {
            let bomb = compress(codec, &CompressionLevels::default(), &zeros).unwrap();
            let error = decompress(codec, &bomb, 100_000).unwrap_err();
            assert!(matches!(error, DecompressError::TooLarge { bytes_max: 100_000, .. }), "{codec:?}: {error}");
        }
    }

    #[test]
    fn val_12_truncated_and_foreign_bytes_are_errors_or_short() {
        for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
            let compressed = compress(codec, &CompressionLevels::default(), &b"half of this".repeat(50)).unwrap();
            let half = decompress(codec, &compressed[..compressed.len() / 2], 1 << 20);
            assert!(half.is_err() || half.unwrap().len() < 600, "{codec:?}");
            assert!(decompress(codec, b"certainly not compressed", 1 << 20).is_err(), "{codec:?}");
        }
    }

    #[test]
    fn lz4_frames_that_java_cannot_read_are_refused() {
        let text = b"abc".repeat(100);
        let mut legacy = compress(Codec::Lz4, &CompressionLevels::default(), &text).unwrap();
        legacy[..4].copy_from_slice(&0x184C_2102u32.to_le_bytes());
        let linked = lz4_flex::frame::FrameInfo::new().block_mode(lz4_flex::frame::BlockMode::Linked);
        let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(linked, Vec::new());
        encoder.write_all(&text).unwrap();
        let whole = compress(Codec::Lz4, &CompressionLevels::default(), &text).unwrap();
        let no_end = whole[..whole.len() - 4].to_vec();
        for frame in [legacy, encoder.finish().unwrap(), no_end] {
            assert!(matches!(decompress(Codec::Lz4, &frame, 1 << 20), Err(DecompressError::Damaged { .. })));
        }
        // Of a second frame no Java client sees anything: records that are in it are missing.
        assert_eq!(decompress(Codec::Lz4, &[&*whole, &whole].concat(), 1 << 20).unwrap(), text);
    }
}
