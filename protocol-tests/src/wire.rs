//! Kafka's primitive encodings by hand, for frames the typed layer cannot or must not make.
use bytes::BufMut;

/// Unsigned LEB128, as compact lengths and tags use it.
pub fn put_unsigned_varint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.put_u8((value as u8 & 0x7f) | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

/// Zigzag LEB128, as records use it.
pub fn put_varlong(out: &mut Vec<u8>, value: i64) {
    let mut zigzag = ((value << 1) ^ (value >> 63)) as u64;
    while zigzag >= 0x80 {
        out.put_u8((zigzag as u8 & 0x7f) | 0x80);
        zigzag >>= 7;
    }
    out.put_u8(zigzag as u8);
}

/// Reads a zigzag varint and moves on; `None` when the bytes end or it is longer than ten bytes.
pub fn get_varlong(from: &mut &[u8]) -> Option<i64> {
    let mut zigzag = 0_u64;
    for shift in (0..70).step_by(7) {
        let (&byte, rest) = from.split_first()?;
        *from = rest;
        zigzag |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte < 0x80 {
            return Some((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64));
        }
    }
    None
}

/// A string with a 16-bit length.
pub fn put_string(out: &mut Vec<u8>, text: &str) {
    out.put_i16(text.len() as i16);
    out.put_slice(text.as_bytes());
}

/// A string with its length plus one as an unsigned varint.
pub fn put_compact_string(out: &mut Vec<u8>, text: &str) {
    put_unsigned_varint(out, text.len() as u32 + 1);
    out.put_slice(text.as_bytes());
}

/// The start of a request: header version 1, or 2 (with its empty tag section) when `flexible`.
pub fn request_start(key: i16, version: i16, correlation: i32, client: &str, flexible: bool) -> Vec<u8> {
    let mut out = Vec::new();
    out.put_i16(key);
    out.put_i16(version);
    out.put_i32(correlation);
    put_string(&mut out, client);
    if flexible {
        out.put_u8(0);
    }
    out
}
