//! The shape of a request's bytes, walked before they are decoded: a claimed length never allocates (NET-2).
//!
//! The `kafka-protocol` crate reserves room for as many elements as an array claims to have. This walk proves first
//! that the elements are there, that strings and tags stay inside the frame, that tags rise, that the number of
//! elements is bounded and that nothing is left over.
use super::Version;

/// One field of a message, as its schema (`*.json` in Kafka's clients) names it.
#[derive(Clone, Copy, Debug)]
pub enum Field {
    I8,
    I16,
    I32,
    I64,
    F64,
    Uuid,
    String,
    NullableString,
    Bytes,
    /// Also the `records` type.
    NullableBytes,
    /// Of structs, which in flexible versions carry tagged fields of their own.
    Array(&'static [Versioned]),
    NullableArray(&'static [Versioned]),
    /// Of primitives, which do not.
    List(&'static Field),
    NullableList(&'static Field),
    /// A nullable struct (one presence byte), as DescribeTopicPartitions' cursor.
    NullableStruct(&'static [Versioned]),
}

/// A field and the versions that have it.
#[derive(Clone, Copy, Debug)]
pub struct Versioned {
    pub field: Field,
    pub min: Version,
    pub max: Version,
}

/// The shape of one API's requests.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub key: i16,
    /// First version with compact lengths and tagged fields.
    pub flexible_from: Version,
    pub fields: &'static [Versioned],
}

/// Elements of all arrays of one request together; far above any client's need, far below harm.
const ELEMENTS_MAX: usize = 1_000_000;

impl Shape {
    pub fn flexible(&self, version: Version) -> bool {
        version >= self.flexible_from
    }

    /// True when `body` has this shape at `version`, to its last byte.
    pub fn fits(&self, body: &[u8], version: Version) -> bool {
        let mut walk = Walk { body, at: 0, elements: 0, version, flexible: self.flexible(version) };
        walk.structure(self.fields).is_some() && walk.at == body.len()
    }

    /// The same for a message whose outermost tagged fields `array_tags` hold arrays: each must have room for the
    /// elements it claims.
    pub fn fits_with_tags(&self, body: &[u8], version: Version, array_tags: &[u32]) -> bool {
        let mut walk = Walk { body, at: 0, elements: 0, version, flexible: self.flexible(version) };
        if walk.fields(self.fields).is_none() {
            return false;
        }
        let tags_at = walk.at;
        let ended = !walk.flexible || skip_tags(body, &mut walk.at).is_some();
        ended && walk.at == body.len() && (!walk.flexible || tagged_arrays_fit(body, tags_at, array_tags).is_some())
    }
}

/// Looks into tagged fields that `skip_tags` found well-formed: the arrays among them hold what they claim.
fn tagged_arrays_fit(body: &[u8], mut at: usize, array_tags: &[u32]) -> Option<()> {
    for _ in 0..take_varint(body, &mut at)? {
        let tag = take_varint(body, &mut at)?;
        let length = take_varint(body, &mut at)? as usize;
        let to = at.checked_add(length)?;
        if array_tags.contains(&tag) {
            let claimed = take_varint(body, &mut at)?.saturating_sub(1) as usize;
            if at > to || claimed > to - at {
                return None;
            }
        }
        at = to;
    }
    Some(())
}

struct Walk<'a> {
    body: &'a [u8],
    at: usize,
    elements: usize,
    version: Version,
    flexible: bool,
}

impl Walk<'_> {
    fn structure(&mut self, fields: &[Versioned]) -> Option<()> {
        self.fields(fields)?;
        if self.flexible {
            skip_tags(self.body, &mut self.at)?;
        }
        Some(())
    }

    fn fields(&mut self, fields: &[Versioned]) -> Option<()> {
        for versioned in fields {
            if (versioned.min..=versioned.max).contains(&self.version) {
                self.field(versioned.field)?;
            }
        }
        Some(())
    }

    fn field(&mut self, field: Field) -> Option<()> {
        match field {
            Field::I8 => self.skip(1),
            Field::I16 => self.skip(2),
            Field::I32 => self.skip(4),
            Field::I64 | Field::F64 => self.skip(8),
            Field::Uuid => self.skip(16),
            Field::String => {
                let length = self.length(2)??;
                self.skip(length)
            }
            Field::NullableString => match self.length(2)? {
                Some(length) => self.skip(length),
                None => Some(()),
            },
            Field::Bytes => {
                let length = self.length(4)??;
                self.skip(length)
            }
            Field::NullableBytes => match self.length(4)? {
                Some(length) => self.skip(length),
                None => Some(()),
            },
            Field::Array(element) => {
                let count = self.length(4)??;
                self.array(element, count)
            }
            Field::NullableArray(element) => match self.length(4)? {
                Some(count) => self.array(element, count),
                None => Some(()),
            },
            Field::List(element) => {
                let count = self.length(4)??;
                self.list(*element, count)
            }
            Field::NullableList(element) => match self.length(4)? {
                Some(count) => self.list(*element, count),
                None => Some(()),
            },
            Field::NullableStruct(fields) => match *self.body.get(self.at)? as i8 {
                -1 => self.skip(1),
                1 => {
                    self.skip(1)?;
                    self.structure(fields)
                }
                _ => None,
            },
        }
    }

    fn array(&mut self, element: &[Versioned], count: usize) -> Option<()> {
        self.count(count)?;
        (0..count).try_for_each(|_| self.structure(element))
    }

    fn list(&mut self, element: Field, count: usize) -> Option<()> {
        self.count(count)?;
        (0..count).try_for_each(|_| self.field(element))
    }

    /// Every element has at least one byte, so a count above what is left is a lie.
    fn count(&mut self, count: usize) -> Option<()> {
        self.elements = self.elements.checked_add(count)?;
        (self.elements <= ELEMENTS_MAX && count <= self.body.len() - self.at).then_some(())
    }

    /// A length prefix: `Some(None)` is null. `width` is that of the old encoding (2 for strings, 4 for the rest).
    fn length(&mut self, width: usize) -> Option<Option<usize>> {
        if self.flexible {
            let length = take_varint(self.body, &mut self.at)?;
            return Some(match length {
                0 => None,
                _ => Some(length as usize - 1),
            });
        }
        let bytes = self.body.get(self.at..self.at + width)?;
        self.at += width;
        let length = match *bytes {
            [a, b] => i32::from(i16::from_be_bytes([a, b])),
            [a, b, c, d] => i32::from_be_bytes([a, b, c, d]),
            _ => return None,
        };
        match length {
            -1 => Some(None),
            0.. => Some(Some(length as usize)),
            _ => None,
        }
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        let to = self.at.checked_add(bytes)?;
        if to > self.body.len() {
            return None;
        }
        self.at = to;
        Some(())
    }
}

/// Steps over tagged fields: their numbers rise (no duplicates), their bytes are there.
pub(super) fn skip_tags(body: &[u8], at: &mut usize) -> Option<()> {
    let count = take_varint(body, at)?;
    let mut previous = None;
    for _ in 0..count {
        let tag = take_varint(body, at)?;
        if previous.is_some_and(|previous| tag <= previous) {
            return None;
        }
        previous = Some(tag);
        let length = take_varint(body, at)? as usize;
        let to = at.checked_add(length)?;
        if to > body.len() {
            return None;
        }
        *at = to;
    }
    Some(())
}

/// An unsigned varint of at most five bytes and 32 bits.
fn take_varint(body: &[u8], at: &mut usize) -> Option<u32> {
    let mut value = 0u32;
    for shift in [0, 7, 14, 21, 28] {
        let byte = *body.get(*at)?;
        *at += 1;
        let bits = u32::from(byte & 0x7F);
        if shift == 28 && bits > 0x0F {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn all(field: Field) -> Versioned {
        Versioned { field, min: 0, max: Version::MAX }
    }

    const SHAPE: Shape =
        Shape { key: 0, flexible_from: 1, fields: &[all(Field::NullableList(&Field::String)), all(Field::I8)] };

    #[test]
    fn net_2_a_claimed_length_must_be_there() {
        assert!(SHAPE.fits(&[0, 0, 0, 1, 0, 1, b'x', 7], 0));
        assert!(SHAPE.fits(&[0xFF, 0xFF, 0xFF, 0xFF, 7], 0));
        assert!(!SHAPE.fits(&[0x7F, 0xFF, 0xFF, 0xFF, 7], 0), "two billion elements in one byte");
        assert!(!SHAPE.fits(&[0xFF, 0xFF, 0xFF, 0xFE, 7], 0), "a negative count");
        assert!(!SHAPE.fits(&[0, 0, 0, 1, 0, 9, b'x', 7], 0), "a string past the end");
    }

    #[test]
    fn net_2_nothing_may_be_left_over() {
        assert!(!SHAPE.fits(&[0, 0, 0, 0, 7, 1], 0));
    }

    #[test]
    fn net_2_tags_rise_and_stay_inside() {
        assert!(SHAPE.fits(&[1, 7, 0], 1));
        assert!(SHAPE.fits(&[1, 7, 2, 0, 1, 9, 3, 0], 1), "unknown tags are skipped");
        assert!(!SHAPE.fits(&[1, 7, 2, 3, 0, 3, 0], 1), "a tag twice");
        assert!(!SHAPE.fits(&[1, 7, 2, 3, 0, 1, 0], 1), "tags that fall");
        assert!(!SHAPE.fits(&[1, 7, 1, 0, 5, 1], 1), "a tag longer than the frame");
        assert!(!SHAPE.fits(&[1, 7, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F], 1), "a varint of more than 32 bits");
    }
}
