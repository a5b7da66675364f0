//! The shape of a request's bytes, walked before they are decoded: a claimed length never allocates (NET-2).
//!
//! The `kafka-protocol` crate reserves room for as many elements as an array claims to have. This walk proves first
//! that the elements are there, that strings and tags stay inside the frame, that tags rise and that the number of
//! elements is bounded. What is left over behind the last field is ignored, as Apache Kafka does: librdkafka 2.15 leaves
//! three such bytes when it asks Metadata 13 for all topics.
use super::Version;
use std::ops::Range;

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
    /// A struct that cannot be null; only tagged fields hold some.
    Struct(&'static [Versioned]),
    /// A tagged field that the crate decodes: its bytes must be exactly the field, because the crate goes on where
    /// the field ends and not where the tag's length says.
    Tagged(u32, &'static Field),
}

/// A field and the versions that have it.
#[derive(Clone, Copy, Debug)]
pub struct Versioned {
    pub field: Field,
    pub min: Version,
    pub max: Version,
}

impl Versioned {
    fn has(&self, version: Version) -> bool {
        (self.min..=self.max).contains(&version)
    }
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
/// Bytes of a string. Compact lengths could claim more, which fits neither older versions nor the records that say it.
pub(super) const STRING_BYTES_MAX: usize = i16::MAX as usize;

impl Shape {
    pub fn flexible(&self, version: Version) -> bool {
        version >= self.flexible_from
    }

    /// True when `body` begins with this shape at `version`.
    pub fn fits(&self, body: &[u8], version: Version) -> bool {
        self.end(body, version).is_some()
    }

    /// Where in `body` the shape ends.
    pub(super) fn end(&self, body: &[u8], version: Version) -> Option<usize> {
        self.walk(body, version, &mut Blind)
    }

    /// As [`Shape::end`]; `watch` is told what stands where.
    pub(super) fn walk(&self, body: &[u8], version: Version, watch: &mut impl Watch) -> Option<usize> {
        let mut walk = Walk { body, at: 0, elements: 0, version, flexible: self.flexible(version), watch };
        walk.structure(self.fields)?;
        Some(walk.at)
    }
}

/// One who looks on while a body is walked. `None` ends the walk.
pub(super) trait Watch {
    /// A string at `content`; its length stands from `prefix_at` on.
    fn string(&mut self, prefix_at: usize, content: Range<usize>) -> Option<()>;
    /// A known tagged field at `content`; its length stands from `prefix_at` on.
    fn enter_tagged(&mut self, prefix_at: usize, content: Range<usize>);
    /// The end of the tagged field that was entered last.
    fn leave_tagged(&mut self);
}

/// For whoever asks only whether the shape fits.
struct Blind;

impl Watch for Blind {
    fn string(&mut self, _: usize, _: Range<usize>) -> Option<()> {
        Some(())
    }
    fn enter_tagged(&mut self, _: usize, _: Range<usize>) {}
    fn leave_tagged(&mut self) {}
}

struct Walk<'a, W> {
    body: &'a [u8],
    at: usize,
    elements: usize,
    version: Version,
    flexible: bool,
    watch: &'a mut W,
}

impl<W: Watch> Walk<'_, W> {
    fn structure(&mut self, fields: &[Versioned]) -> Option<()> {
        self.fields(fields)?;
        if self.flexible { self.tags(fields) } else { Some(()) }
    }

    /// Tagged fields: the known ones among `fields` have their own shape, all others are bytes.
    fn tags(&mut self, fields: &[Versioned]) -> Option<()> {
        let count = take_varint(self.body, &mut self.at)?;
        self.count(count as usize)?;
        let mut previous = None;
        for _ in 0..count {
            let TagHead { tag, prefix_at, to } = tag_head(self.body, &mut self.at, &mut previous)?;
            let version = self.version;
            let known = fields.iter().find_map(|known| match known.field {
                Field::Tagged(number, field) if number == tag && known.has(version) => Some(*field),
                _ => None,
            });
            if let Some(field) = known {
                let body = self.body;
                self.body = body.get(..to)?;
                self.watch.enter_tagged(prefix_at, self.at..to);
                let fits = self.field(field);
                self.watch.leave_tagged();
                self.body = body;
                fits.filter(|()| self.at == to)?;
            }
            self.at = to;
        }
        Some(())
    }

    fn fields(&mut self, fields: &[Versioned]) -> Option<()> {
        for versioned in fields {
            if versioned.has(self.version) {
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
            Field::String => self.string()?,
            Field::NullableString => self.string().map(|_| ()),
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
            Field::Struct(fields) => self.structure(fields),
            // Not where the schema names it, but behind all others.
            Field::Tagged(..) => Some(()),
        }
    }

    /// `Some(None)` is null.
    fn string(&mut self) -> Option<Option<()>> {
        let prefix_at = self.at;
        let Some(length) = self.length(2)? else { return Some(None) };
        let from = self.at;
        self.skip(length)?;
        self.watch.string(prefix_at, from..self.at)?;
        Some(Some(()))
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
            let length = (length as usize).checked_sub(1);
            let is_string_too_long = width == 2 && length.is_some_and(|length| length > STRING_BYTES_MAX);
            return (!is_string_too_long).then_some(length);
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
    let mut previous = None;
    for _ in 0..take_varint(body, at)? {
        *at = tag_head(body, at, &mut previous)?.to;
    }
    Some(())
}

/// What stands before a tagged field's bytes.
struct TagHead {
    tag: u32,
    /// Where its length stands.
    prefix_at: usize,
    /// Where it ends.
    to: usize,
}

/// The head of the next tagged field; `at` is then where its bytes begin.
fn tag_head(body: &[u8], at: &mut usize, previous: &mut Option<u32>) -> Option<TagHead> {
    let tag = take_varint(body, at)?;
    if previous.is_some_and(|previous| tag <= previous) {
        return None;
    }
    *previous = Some(tag);
    let prefix_at = *at;
    let length = take_varint(body, at)? as usize;
    let to = at.checked_add(length)?;
    (to <= body.len()).then_some(TagHead { tag, prefix_at, to })
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
    use crate::wire::put_unsigned_varint;

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
    fn net_2_what_is_left_over_is_ignored_but_nothing_may_be_missing() {
        assert!(SHAPE.fits(&[0, 0, 0, 0, 7, 1], 0));
        assert!(!SHAPE.fits(&[0, 0, 0, 0], 0));
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

    #[test]
    fn net_2_a_known_tagged_field_fills_its_length() {
        const TAGGED: Shape = Shape {
            key: 0,
            flexible_from: 0,
            fields: &[
                Versioned { field: Field::Tagged(0, &Field::NullableString), min: 0, max: Version::MAX },
                Versioned { field: Field::Tagged(1, &Field::I32), min: 1, max: Version::MAX },
            ],
        };
        assert!(TAGGED.fits(&[2, 0, 2, 2, b'x', 1, 4, 0, 0, 0, 7], 1));
        assert!(!TAGGED.fits(&[1, 1, 2, 0, 0, 0, 7], 1), "a number longer than its field");
        assert!(!TAGGED.fits(&[1, 1, 5, 0, 0, 0, 7, 0], 1), "a field longer than its number");
        assert!(!TAGGED.fits(&[2, 0, 2, 9, b'x', 1, 4, 0, 0, 0, 7], 1), "a string past the end of its field");
        assert!(TAGGED.fits(&[1, 1, 2, 0, 0], 0), "a tag of a later version is bytes");
    }

    #[test]
    fn net_2_no_string_is_longer_than_older_versions_can_tell() {
        let body = |length: usize| {
            let mut body = vec![2];
            put_unsigned_varint(&mut body, length as u32 + 1);
            body.resize(body.len() + length, b'x');
            body.extend([7, 0]);
            body
        };
        assert!(SHAPE.fits(&body(STRING_BYTES_MAX), 1));
        assert!(!SHAPE.fits(&body(STRING_BYTES_MAX + 1), 1));
        const BYTES: Shape =
            Shape { key: 0, flexible_from: 1, fields: &[all(Field::List(&Field::Bytes)), all(Field::I8)] };
        assert!(BYTES.fits(&body(STRING_BYTES_MAX + 1), 1), "bytes have no such bound");
    }

    #[test]
    fn net_2_tags_count_as_elements() {
        let mut body = vec![1, 7];
        put_unsigned_varint(&mut body, ELEMENTS_MAX as u32 + 1);
        for tag in 0..=ELEMENTS_MAX as u32 {
            put_unsigned_varint(&mut body, tag);
            body.push(0);
        }
        assert!(!SHAPE.fits(&body, 1));
    }
}
