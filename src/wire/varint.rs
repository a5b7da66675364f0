//! Unsigned varints: lengths, counts and tags of flexible versions.
use bytes::BufMut;

/// Seven bits a byte, the lowest first.
pub fn put_unsigned_varint(into: &mut impl BufMut, mut value: u32) {
    while value >= 0x80 {
        into.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    into.put_u8(value as u8);
}
