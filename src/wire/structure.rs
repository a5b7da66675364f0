//! Kafka's structures that the `kafka-protocol` crate lacks (records of the broker's own): one way to declare, write
//! and read them.
use super::{Version, put_unsigned_varint};
use bytes::Bytes;
use uuid::Uuid;

/// Why bytes are not the structure they should be.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("the bytes end inside {0}")]
    Short(&'static str),
    #[error("a length of {0} is impossible here")]
    Length(i64),
    #[error("a string is not UTF-8")]
    Utf8,
    #[error("a number does not fit its type")]
    Number,
    #[error("tagged fields do not rise")]
    Tags,
    #[error("{0} bytes are left over")]
    LeftOver(usize),
}

/// Bytes being read; `version` and `flexible` are those of the structure around the field.
pub struct Reader<'a> {
    bytes: &'a [u8],
    pub version: Version,
    pub flexible: bool,
    /// What is not UTF-8 is U+FFFD, and no fault.
    is_lossy: bool,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8], version: Version, flexible: bool) -> Reader<'a> {
        Reader { bytes, version, flexible, is_lossy: false }
    }

    /// For what a client wrote: Apache Kafka takes bytes of its strings that are not UTF-8 for U+FFFD.
    pub fn lossy(bytes: &'a [u8]) -> Reader<'a> {
        Reader { is_lossy: true, ..Reader::new(bytes, 0, false) }
    }

    pub fn remaining(&self) -> usize {
        self.bytes.len()
    }

    pub fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], Unreadable> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(Unreadable::Short(what))?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Unreadable> {
        let (taken, rest) = self.bytes.split_first_chunk::<N>().ok_or(Unreadable::Short(what))?;
        self.bytes = rest;
        Ok(*taken)
    }

    /// At most five bytes and 32 bits.
    pub fn unsigned_varint(&mut self) -> Result<u32, Unreadable> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array("a varint")?;
            let bits = u32::from(byte & 0x7F);
            if shift == 28 && bits > 0x0F {
                return Err(Unreadable::Number);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Unreadable::Number)
    }

    /// Nothing may follow.
    pub fn finish(&self) -> Result<(), Unreadable> {
        match self.bytes.len() {
            0 => Ok(()),
            left => Err(Unreadable::LeftOver(left)),
        }
    }

    /// `None` is null. `old_width`: bytes of the length before compact lengths, 2 for strings and 4 for the rest.
    fn length(&mut self, old_width: usize) -> Result<Option<usize>, Unreadable> {
        let length = match (self.flexible, old_width) {
            (true, _) => i64::from(self.unsigned_varint()?) - 1,
            (false, 2) => i64::from(i16::from_be_bytes(self.array("a length")?)),
            (false, _) => i64::from(i32::from_be_bytes(self.array("a length")?)),
        };
        match length {
            -1 => Ok(None),
            // Every element has at least one byte, so a length above what is left is a lie.
            0.. if length as usize <= self.bytes.len() => Ok(Some(length as usize)),
            _ => Err(Unreadable::Length(length)),
        }
    }

    /// A string where it lies; `None` is null.
    pub fn string(&mut self) -> Result<Option<&'a str>, Unreadable> {
        let Some(length) = self.length(2)? else { return Ok(None) };
        Ok(Some(std::str::from_utf8(self.take(length, "a string")?).map_err(|_| Unreadable::Utf8)?))
    }

    /// Hands each tagged field to `field`, which says whether it knows the tag; others are skipped.
    pub fn tagged_fields(
        &mut self,
        mut field: impl FnMut(u32, &mut Reader<'a>) -> Result<bool, Unreadable>,
    ) -> Result<(), Unreadable> {
        let mut previous = None;
        for _ in 0..self.unsigned_varint()? {
            let tag = self.unsigned_varint()?;
            if previous.is_some_and(|previous| tag <= previous) {
                return Err(Unreadable::Tags);
            }
            previous = Some(tag);
            let size = self.unsigned_varint()? as usize;
            let mut inside = Reader { bytes: self.take(size, "a tagged field")?, ..*self };
            if field(tag, &mut inside)? {
                inside.finish()?;
            }
        }
        Ok(())
    }
}

/// Bytes being written; `version` and `flexible` are those of the structure around the field.
pub struct Writer {
    bytes: Vec<u8>,
    pub version: Version,
    pub flexible: bool,
}

impl Writer {
    pub fn new(version: Version, flexible: bool) -> Writer {
        Writer { bytes: Vec::with_capacity(64), version, flexible }
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub fn unsigned_varint(&mut self, value: u32) {
        put_unsigned_varint(&mut self.bytes, value);
    }

    /// Panics when the length does not fit its field: such values are refused where they come in.
    fn length(&mut self, length: Option<usize>, old_width: usize) {
        match (self.flexible, old_width) {
            (true, _) => {
                let length = length.map_or(0, |length| length.checked_add(1).expect("a length"));
                self.unsigned_varint(u32::try_from(length).expect("lengths fit 32 bits"));
            }
            (false, 2) => {
                let length = length.map_or(-1, |length| i16::try_from(length).expect("a string fits 32 KiB"));
                self.bytes.extend_from_slice(&length.to_be_bytes());
            }
            (false, _) => {
                let length = length.map_or(-1, |length| i32::try_from(length).expect("lengths fit 31 bits"));
                self.bytes.extend_from_slice(&length.to_be_bytes());
            }
        }
    }

    /// Writes the tagged fields that were collected, in the order of their tags.
    pub fn tagged_fields(&mut self, mut fields: Vec<(u32, Vec<u8>)>) {
        fields.sort_by_key(|(tag, _)| *tag);
        self.unsigned_varint(fields.len() as u32);
        for (tag, bytes) in fields {
            self.unsigned_varint(tag);
            self.unsigned_varint(u32::try_from(bytes.len()).expect("lengths fit 32 bits"));
            self.bytes.extend_from_slice(&bytes);
        }
    }
}

/// A value of one of the types that Kafka's schemas know.
pub trait Value: Sized {
    fn put(&self, to: &mut Writer);
    fn read(from: &mut Reader<'_>) -> Result<Self, Unreadable>;
}

macro_rules! numbers {
    ($($type:ty),*) => {$(
        impl Value for $type {
            fn put(&self, to: &mut Writer) {
                to.bytes.extend_from_slice(&self.to_be_bytes());
            }

            fn read(from: &mut Reader<'_>) -> Result<Self, Unreadable> {
                Ok(<$type>::from_be_bytes(from.array(stringify!($type))?))
            }
        }
    )*};
}
numbers!(i8, i16, u16, i32, i64);

impl Value for bool {
    fn put(&self, to: &mut Writer) {
        to.bytes.push(u8::from(*self));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Unreadable> {
        Ok(i8::read(from)? != 0)
    }
}

impl Value for Uuid {
    fn put(&self, to: &mut Writer) {
        to.bytes.extend_from_slice(self.as_bytes());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Unreadable> {
        Ok(Uuid::from_bytes(from.array("a uuid")?))
    }
}

impl Value for Option<String> {
    fn put(&self, to: &mut Writer) {
        to.length(self.as_ref().map(String::len), 2);
        to.bytes.extend_from_slice(self.as_deref().unwrap_or_default().as_bytes());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Unreadable> {
        if !from.is_lossy {
            return Ok(from.string()?.map(str::to_owned));
        }
        let Some(length) = from.length(2)? else { return Ok(None) };
        Ok(Some(String::from_utf8_lossy(from.take(length, "a string")?).into_owned()))
    }
}

/// A field of Kafka's type `bytes`: what it holds is somebody else's format.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Blob(pub Bytes);

impl Value for Blob {
    fn put(&self, to: &mut Writer) {
        to.length(Some(self.0.len()), 4);
        to.bytes.extend_from_slice(&self.0);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Unreadable> {
        Option::<Blob>::read(from)?.ok_or(Unreadable::Length(-1))
    }
}

impl Value for Option<Blob> {
    fn put(&self, to: &mut Writer) {
        to.length(self.as_ref().map(|blob| blob.0.len()), 4);
        to.bytes.extend_from_slice(self.as_ref().map_or(&[], |blob| &blob.0));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Unreadable> {
        let Some(length) = from.length(4)? else { return Ok(None) };
        Ok(Some(Blob(Bytes::copy_from_slice(from.take(length, "bytes")?))))
    }
}

impl Value for String {
    fn put(&self, to: &mut Writer) {
        to.length(Some(self.len()), 2);
        to.bytes.extend_from_slice(self.as_bytes());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Unreadable> {
        Option::<String>::read(from)?.ok_or(Unreadable::Length(-1))
    }
}

impl<T: Value> Value for Option<Vec<T>> {
    fn put(&self, to: &mut Writer) {
        to.length(self.as_ref().map(Vec::len), 4);
        self.iter().flatten().for_each(|element| element.put(to));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Unreadable> {
        let Some(length) = from.length(4)? else { return Ok(None) };
        // Grown as elements are read: a claimed length reserves nothing.
        let mut elements = Vec::new();
        for _ in 0..length {
            elements.push(T::read(from)?);
        }
        Ok(Some(elements))
    }
}

impl<T: Value> Value for Vec<T> {
    fn put(&self, to: &mut Writer) {
        to.length(Some(self.len()), 4);
        self.iter().for_each(|element| element.put(to));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Unreadable> {
        Option::<Vec<T>>::read(from)?.ok_or(Unreadable::Length(-1))
    }
}

/// Declares structures after Kafka's schemas:
///
/// ```text
/// structures! {
///     /// What it is.
///     pub struct TopicRecord {
///         name: String,               // in every version
///         rack: Option<String> [1],   // from version 1 on
///         expires: i64 [1..=1] = -1,  // in version 1 only; its default where it is not 0, empty or none
///     } tagged {
///         0 => log_dirs: Vec<Uuid> [3] = Vec::new(),   // tag, field, first version, default
///     }
/// }
/// ```
///
/// Fields that a version lacks are not written and read as their default; a tagged field is written when it differs
/// from its default. Structures inside structures are fields too.
macro_rules! structures {
    ($(
        $(#[$about:meta])*
        pub struct $name:ident {
            $(
                $(#[$field_about:meta])*
                $field:ident: $type:ty $([$min:literal $(..= $max:literal)?])? $(= $field_default:expr)?,
            )*
        } tagged {
            $($(#[$tagged_about:meta])* $tag:literal => $tagged:ident: $tagged_type:ty [$tagged_min:literal] = $default:expr,)*
        }
    )*) => {$(
        $(#[$about])*
        #[derive(Clone, PartialEq, Eq, Debug)]
        pub struct $name {
            $($(#[$field_about])* pub $field: $type,)*
            $($(#[$tagged_about])* pub $tagged: $tagged_type,)*
        }

        impl Default for $name {
            fn default() -> $name {
                $name {
                    $($field: $crate::wire::structure::default_or!($($field_default)?),)*
                    $($tagged: $default,)*
                }
            }
        }

        #[allow(unused_variables, unused_mut, reason = "not every structure has fields of every sort")]
        impl $crate::wire::structure::Value for $name {
            fn put(&self, to: &mut $crate::wire::structure::Writer) {
                $(if true $(&& to.version >= $min $(&& to.version <= $max)?)? {
                    $crate::wire::structure::Value::put(&self.$field, to);
                })*
                if to.flexible {
                    let mut tagged: Vec<(u32, Vec<u8>)> = Vec::new();
                    $({
                        let default: $tagged_type = $default;
                        if to.version >= $tagged_min && self.$tagged != default {
                            let mut inside = $crate::wire::structure::Writer::new(to.version, true);
                            $crate::wire::structure::Value::put(&self.$tagged, &mut inside);
                            tagged.push(($tag, inside.into_bytes()));
                        }
                    })*
                    to.tagged_fields(tagged);
                }
            }

            fn read(
                from: &mut $crate::wire::structure::Reader<'_>,
            ) -> Result<Self, $crate::wire::structure::Unreadable> {
                let mut out = $name::default();
                $(if true $(&& from.version >= $min $(&& from.version <= $max)?)? {
                    out.$field = $crate::wire::structure::Value::read(from)?;
                })*
                if from.flexible {
                    let version = from.version;
                    from.tagged_fields(|tag, inside| {
                        match tag {
                            $($tag if version >= $tagged_min => out.$tagged = $crate::wire::structure::Value::read(inside)?,)*
                            _ => return Ok(false),
                        }
                        #[allow(unreachable_code, reason = "a structure without tagged fields knows no tag")]
                        Ok(true)
                    })?;
                }
                Ok(out)
            }
        }
    )*};
}
pub(crate) use structures;

/// A field's own default, or that of its type.
macro_rules! default_or {
    () => {
        Default::default()
    };
    ($default:expr) => {
        $default
    };
}
pub(crate) use default_or;

/// Lets a structure be null where a schema says so: one byte tells, -1 for null.
macro_rules! nullable_structures {
    ($($name:ident)*) => {$(
        impl $crate::wire::structure::Value for Option<$name> {
            fn put(&self, to: &mut $crate::wire::structure::Writer) {
                match self {
                    None => $crate::wire::structure::Value::put(&-1i8, to),
                    Some(inside) => {
                        $crate::wire::structure::Value::put(&1i8, to);
                        $crate::wire::structure::Value::put(inside, to);
                    }
                }
            }

            fn read(
                from: &mut $crate::wire::structure::Reader<'_>,
            ) -> Result<Self, $crate::wire::structure::Unreadable> {
                let present: i8 = $crate::wire::structure::Value::read(from)?;
                match present {
                    -1 => Ok(None),
                    _ => Ok(Some($crate::wire::structure::Value::read(from)?)),
                }
            }
        }
    )*};
}
pub(crate) use nullable_structures;

#[cfg(test)]
mod tests {
    use super::*;

    structures! {
        /// A structure with everything.
        pub struct Sample {
            name: String,
            rack: Option<String> [1],
            ids: Vec<i32>,
        } tagged {
            2 => late: Option<Vec<i32>> [1] = None,
            0 => early: i8 [0] = -1,
        }
    }

    fn bytes(sample: &Sample, version: Version, flexible: bool) -> Vec<u8> {
        let mut writer = Writer::new(version, flexible);
        sample.put(&mut writer);
        writer.into_bytes()
    }

    #[test]
    fn what_is_written_is_read() {
        let sample = Sample { name: "n".into(), rack: Some("r".into()), ids: vec![7], late: Some(vec![]), early: 3 };
        let written = bytes(&sample, 1, true);
        assert_eq!(written, [2, b'n', 2, b'r', 2, 0, 0, 0, 7, 2, 0, 1, 3, 2, 1, 1]);
        let mut reader = Reader::new(&written, 1, true);
        assert_eq!(Sample::read(&mut reader), Ok(sample.clone()));
        assert_eq!(reader.finish(), Ok(()));
        let old = bytes(&sample, 0, false);
        assert_eq!(old, [0, 1, b'n', 0, 0, 0, 1, 0, 0, 0, 7]);
        let read = Sample::read(&mut Reader::new(&old, 0, false)).unwrap();
        assert_eq!((read.rack, read.late, read.early), (None, None, -1));
    }

    #[test]
    fn net_2_claimed_lengths_never_allocate_and_never_panic() {
        for bad in [
            &[0xFFu8, 0xFF, 0xFF, 0xFF, 0x0F][..],
            &[5, b'n'],
            &[2, 0xFF, 1, 1, 0],
            &[1, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
            &[1, 0, 1, 2, 0, 1, 3, 0, 1, 3],
            &[1, 0, 1, 1, 0, 2, 3, 3],
        ] {
            assert!(Sample::read(&mut Reader::new(bad, 1, true)).is_err(), "{bad:?}");
        }
    }
}
