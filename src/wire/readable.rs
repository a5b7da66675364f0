//! Bodies with strings that are not UTF-8, made readable: Apache Kafka takes such bytes for U+FFFD, so a client whose
//! names are in Latin-1 works with it.
use super::{
    Shape, Version, put_unsigned_varint,
    shape::{STRING_BYTES_MAX, Watch},
};
use bytes::Bytes;
use std::{borrow::Cow, ops::Range};

/// How much longer a body may become: memory is counted by what was sent.
const GROWTH_MAX: usize = 1 << 20;

/// A copy of `body` in which every string is UTF-8, and every length that tells of one is right. `None` when all of them
/// were, or when there are no lengths for what would come of it.
pub(super) fn readable(shape: &Shape, body: &[u8], version: Version) -> Option<Bytes> {
    let mut rewriting = Rewriting {
        body,
        is_flexible: shape.flexible(version),
        copied_to: 0,
        copy: Vec::new(),
        entered: Vec::new(),
        is_changed: false,
        growth: 0,
    };
    shape.walk(body, version, &mut rewriting)?;
    if !rewriting.is_changed {
        return None;
    }
    rewriting.copy_to(body.len());
    Some(rewriting.copy.into())
}

struct Rewriting<'a> {
    body: &'a [u8],
    is_flexible: bool,
    /// The bytes of `body` before it are in `copy`, or something in their place.
    copied_to: usize,
    copy: Vec<u8>,
    /// Tagged fields around the place of the walk: where their bytes begin in `copy` and end in `body`.
    entered: Vec<(usize, usize)>,
    /// Some string was not UTF-8.
    is_changed: bool,
    /// By what strings became longer.
    growth: usize,
}

impl Rewriting<'_> {
    fn copy_to(&mut self, to: usize) {
        self.copy.extend_from_slice(&self.body[self.copied_to..to]);
        self.copied_to = to;
    }
}

impl Watch for Rewriting<'_> {
    fn string(&mut self, prefix_at: usize, content: Range<usize>) -> Option<()> {
        let Cow::Owned(text) = String::from_utf8_lossy(&self.body[content.clone()]) else { return Some(()) };
        self.is_changed = true;
        self.growth += text.len().saturating_sub(content.len());
        if text.len() > STRING_BYTES_MAX || self.growth > GROWTH_MAX {
            return None;
        }
        self.copy_to(prefix_at);
        if self.is_flexible {
            put_unsigned_varint(&mut self.copy, text.len() as u32 + 1);
        } else {
            self.copy.extend_from_slice(&i16::try_from(text.len()).ok()?.to_be_bytes());
        }
        self.copy.extend_from_slice(text.as_bytes());
        self.copied_to = content.end;
        Some(())
    }

    fn enter_tagged(&mut self, prefix_at: usize, content: Range<usize>) {
        self.copy_to(prefix_at);
        self.copied_to = content.start;
        self.entered.push((self.copy.len(), content.end));
    }

    fn leave_tagged(&mut self) {
        let Some((from, to)) = self.entered.pop() else { return };
        self.copy_to(to);
        let field = self.copy.split_off(from);
        // Shorter than a frame and what it may grow by.
        put_unsigned_varint(&mut self.copy, field.len() as u32);
        self.copy.extend_from_slice(&field);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Field, Versioned};

    const fn all(field: Field) -> Versioned {
        Versioned { field, min: 0, max: Version::MAX }
    }

    /// Flexible from version 1 on.
    const SHAPE: Shape = Shape {
        key: 0,
        flexible_from: 1,
        fields: &[
            all(Field::Array(&[all(Field::String), all(Field::List(&Field::NullableString))])),
            all(Field::NullableBytes),
            all(Field::Tagged(1, &Field::NullableString)),
            all(Field::Tagged(4, &Field::Struct(&[all(Field::I8), all(Field::String)]))),
        ],
    };

    fn made(body: &[u8], version: Version) -> Option<Vec<u8>> {
        assert!(SHAPE.fits(body, version), "{body:?}");
        let made = readable(&SHAPE, body, version)?;
        assert!(SHAPE.fits(&made, version), "{made:?}");
        assert_eq!(readable(&SHAPE, &made, version), None, "readable now");
        Some(made.to_vec())
    }

    #[test]
    fn bytes_that_are_no_utf_8_become_one_character_in_fixed_strings() {
        let body = b"\0\0\0\x02\0\x02m\xfc\0\0\0\x02\xff\xff\0\x03\xfcab\0\0\0\0\0\0\0\0\0\x01\xfc";
        let readable = b"\0\0\0\x02\0\x04m\xef\xbf\xbd\0\0\0\x02\xff\xff\0\x05\xef\xbf\xbdab\0\0\0\0\0\0\0\0\0\x01\xfc";
        assert_eq!(made(body, 0).unwrap(), readable, "and bytes stay what they are");
    }

    #[test]
    fn bytes_that_are_no_utf_8_become_one_character_in_compact_strings() {
        let body = b"\x02\x03m\xfc\x03\0\x04\xfcab\0\x02\xfc\0rest";
        let readable = b"\x02\x05m\xef\xbf\xbd\x03\0\x06\xef\xbf\xbdab\0\x02\xfc\0rest";
        assert_eq!(made(body, 1).unwrap(), readable, "what stands behind the last field stays");
    }

    #[test]
    fn lengths_of_tagged_fields_grow_with_their_strings() {
        let body = b"\x01\0\x03\x01\x03\x03\xfca\x04\x04\x07\x02\xfc\0\x09\x02\xfc\xfc";
        let readable = b"\x01\0\x03\x01\x05\x05\xef\xbf\xbda\x04\x06\x07\x04\xef\xbf\xbd\0\x09\x02\xfc\xfc";
        assert_eq!(made(body, 1).unwrap(), readable, "and unknown fields stay what they are");
    }

    #[test]
    fn what_is_readable_is_not_copied() {
        assert_eq!(made("\0\0\0\x01\0\x02\u{fc}\0\0\0\0\0\0\0\0".as_bytes(), 0), None);
        assert_eq!(made(b"\x01\0\x01\x01\x02\x02a", 1), None);
    }

    #[test]
    fn lengths_of_compact_strings_take_a_byte_more_where_they_must() {
        let mut body = vec![2, 101];
        body.resize(102, 0xFC);
        body.extend([1, 0, 0, 0]);
        let made = made(&body, 1).unwrap();
        assert_eq!(made[..3], [2, 0xAD, 2]);
        assert_eq!(made.len(), body.len() + 201);
    }

    #[test]
    fn net_2_no_string_becomes_longer_than_its_length_can_say_and_no_body_far_longer_than_it_was() {
        let body = |strings: u32, length: u16| {
            let mut body = strings.to_be_bytes().to_vec();
            for _ in 0..strings {
                body.extend(length.to_be_bytes());
                body.resize(body.len() + usize::from(length), 0xFC);
                body.extend([0; 4]);
            }
            body.extend([0; 4]);
            body
        };
        assert!(made(&body(1, 10_922), 0).is_some());
        assert_eq!(made(&body(1, 10_923), 0), None);
        assert!(made(&body(52, 10_000), 0).is_some());
        assert_eq!(made(&body(53, 10_000), 0), None);
    }
}
