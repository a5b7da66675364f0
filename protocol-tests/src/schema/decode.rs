//! Answers as lines, after Kafka's definitions: `topics[0].errorCode` and what stands there.
use super::{Field, Kind, Message};
use std::collections::BTreeSet;
use uuid::Uuid;

/// One field of an answer that holds a plain value, or an empty or absent list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    pub path: String,
    pub value: String,
}

impl Line {
    /// The last field's name.
    pub fn name(&self) -> &str {
        let name = self.path.rsplit('.').next().unwrap_or_default();
        name.split('[').next().unwrap_or_default()
    }
}

/// Every field of a body.
///
/// # Errors
/// When the bytes are not exactly one such body, in its one right spelling.
pub fn decode(message: &Message, version: i16, bytes: &[u8]) -> Result<Vec<Line>, String> {
    let mut decoder = Decoder::of(message, version, bytes, true);
    decoder.whole(message)?;
    Ok(decoder.lines)
}

/// Every error code that a body holds, wherever it stands; 0 is none.
///
/// # Errors
/// As `decode`.
pub fn error_codes(message: &Message, version: i16, bytes: &[u8]) -> Result<BTreeSet<i16>, String> {
    let mut decoder = Decoder::of(message, version, bytes, false);
    decoder.whole(message)?;
    Ok(decoder.codes)
}

struct Decoder<'a> {
    rest: &'a [u8],
    version: i16,
    flexible: bool,
    lines: Vec<Line>,
    /// Otherwise the values are passed over: records are large.
    has_values: bool,
    codes: BTreeSet<i16>,
}

impl<'a> Decoder<'a> {
    fn of(message: &Message, version: i16, rest: &'a [u8], has_values: bool) -> Decoder<'a> {
        let flexible = message.is_flexible(version);
        Decoder { rest, version, flexible, lines: Vec::new(), has_values, codes: BTreeSet::new() }
    }

    fn whole(&mut self, message: &Message) -> Result<(), String> {
        self.structure("", &message.fields)?;
        match self.rest.len() {
            0 => Ok(()),
            more => Err(format!("{more} bytes after the answer")),
        }
    }

    fn structure(&mut self, path: &str, fields: &[Field]) -> Result<(), String> {
        let version = self.version;
        for field in fields.iter().filter(|field| field.tag.is_none() && field.versions.has(version)) {
            self.field(&join(path, &field.name), field)?;
        }
        if self.flexible { self.tags(path, fields) } else { Ok(()) }
    }

    fn tags(&mut self, path: &str, fields: &[Field]) -> Result<(), String> {
        let mut before = None;
        for _ in 0..self.varint()? {
            let tag = self.varint()?;
            if before.is_some_and(|before| before >= tag) {
                return Err(format!("tag {tag} of {path:?} stands behind a higher one"));
            }
            before = Some(tag);
            let length = self.varint()? as usize;
            let inside = self.take(length)?;
            let field = fields.iter().find(|field| field.tag == Some(tag) && field.versions.has(self.version));
            let field = field.ok_or_else(|| format!("{path:?} has no tag {tag} in version {}", self.version))?;
            let behind = std::mem::replace(&mut self.rest, inside);
            self.field(&join(path, &field.name), field)?;
            if !self.rest.is_empty() {
                return Err(format!("tag {tag} of {path:?} is longer than its field"));
            }
            self.rest = behind;
        }
        Ok(())
    }

    fn field(&mut self, path: &str, field: &Field) -> Result<(), String> {
        let at = self.lines.len();
        if matches!(field.kind, Kind::Struct(_)) && field.is_nullable(self.version) {
            match self.take(1)?[0] {
                0xff => {
                    self.line(path, "null".to_string());
                    return Ok(());
                }
                1 => {}
                other => return Err(format!("{path} is neither there nor null: {other}")),
            }
        }
        self.value(path, &field.kind)?;
        let is_null = self.lines.get(at).is_some_and(|line| line.path == path && line.value == "null");
        if is_null && !field.is_nullable(self.version) {
            return Err(format!("{path} may not be null in version {}", self.version));
        }
        Ok(())
    }

    fn value(&mut self, path: &str, kind: &Kind) -> Result<(), String> {
        let value = match kind {
            Kind::Bool => match self.take(1)?[0] {
                0 => "false".to_string(),
                1 => "true".to_string(),
                other => return Err(format!("{path} is neither false nor true: {other}")),
            },
            Kind::Int8 => i8::from_be_bytes(self.array()?).to_string(),
            Kind::Int16 => {
                let number = i16::from_be_bytes(self.array()?);
                if path.ends_with("rrorCode") {
                    self.codes.insert(number);
                    crate::code_name(number)
                } else {
                    number.to_string()
                }
            }
            Kind::Uint16 => u16::from_be_bytes(self.array()?).to_string(),
            Kind::Int32 => i32::from_be_bytes(self.array()?).to_string(),
            Kind::Int64 => i64::from_be_bytes(self.array()?).to_string(),
            Kind::Float64 => f64::from_be_bytes(self.array()?).to_string(),
            Kind::Uuid => Uuid::from_bytes(self.array()?).to_string(),
            Kind::Text => match self.length(2)? {
                None => "null".to_string(),
                Some(length) => {
                    let text = std::str::from_utf8(self.take(length)?).map_err(|_| format!("{path} is no text"))?;
                    format!("{text:?}")
                }
            },
            Kind::Bytes => match self.length(4)? {
                None => "null".to_string(),
                Some(length) if !self.has_values => format!("{} bytes", self.take(length)?.len()),
                Some(length) => {
                    self.take(length)?.iter().fold("0x".to_string(), |all, byte| all + &format!("{byte:02x}"))
                }
            },
            Kind::List(element) => return self.list(path, element),
            Kind::Struct(fields) => return self.structure(path, fields),
        };
        self.line(path, value);
        Ok(())
    }

    fn line(&mut self, path: &str, value: String) {
        if self.has_values {
            self.lines.push(Line { path: path.to_string(), value });
        }
    }

    fn list(&mut self, path: &str, element: &Kind) -> Result<(), String> {
        let count = self.length(4)?;
        if count.is_none_or(|count| count == 0) {
            let value = if count.is_some() { "[]" } else { "null" };
            self.line(path, value.to_string());
        }
        (0..count.unwrap_or(0)).try_for_each(|index| self.value(&format!("{path}[{index}]"), element))
    }

    /// `None` is null.
    fn length(&mut self, width: usize) -> Result<Option<usize>, String> {
        let length = match (self.flexible, width) {
            (true, _) => i64::from(self.varint()?) - 1,
            (false, 2) => i64::from(i16::from_be_bytes(self.array()?)),
            (false, _) => i64::from(i32::from_be_bytes(self.array()?)),
        };
        match length {
            -1 => Ok(None),
            0.. => Ok(Some(length as usize)),
            _ => Err(format!("a length of {length}")),
        }
    }

    fn varint(&mut self) -> Result<u32, String> {
        let mut value = 0_u64;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                let is_padded = byte == 0 && shift > 0;
                return u32::try_from(value).ok().filter(|_| !is_padded).ok_or_else(|| "a varint too long".to_string());
            }
        }
        Err("a varint without end".to_string())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        Ok(self.take(N)?.try_into().expect("as many bytes as were taken"))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(|| "the answer ends too early".to_string())?;
        self.rest = rest;
        Ok(taken)
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_string() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests {
    use super::super::{
        encode::{Spoil, encode},
        request,
    };
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_encoded_is_decoded_and_what_is_spoilt_is_not() {
        let message = request("Fetch");
        let topic = json!({"topic": "a", "partitions": [{"partition": 3}]});
        let value = json!({"maxWaitMs": 7, "topics": [topic], "clusterId": "c"});
        for version in 4..=18 {
            let body = encode(message, version, &value, Spoil::default());
            let lines = decode(message, version, &body.bytes).expect("a request");
            let told = |path: &str| lines.iter().find(|line| line.path == path).map(|line| line.value.as_str());
            assert_eq!(told("maxWaitMs"), Some("7"));
            assert_eq!(told("topics[0].partitions[0].partition"), Some("3"));
            assert_eq!(told("clusterId"), (version >= 12).then_some("\"c\""));
            assert_eq!(told("topics[0].topic"), (version <= 12).then_some("\"a\""));
            for cut in 0..body.bytes.len() {
                assert!(decode(message, version, &body.bytes[..cut]).is_err(), "version {version} cut to {cut}");
            }
            for lie in 0..body.lengths {
                let lying = encode(message, version, &value, Spoil { lie: Some(lie), ..Spoil::default() });
                assert!(decode(message, version, &lying.bytes).is_err(), "version {version}, lie {lie}");
            }
            let tagged = encode(message, version, &value, Spoil { unknown_tags: true, lie: None });
            assert_eq!(decode(message, version, &tagged.bytes).is_err(), version >= 12, "unknown tags are told");
        }
    }

    #[test]
    fn a_structure_may_be_null() {
        let message = request("DescribeTopicPartitions");
        for (cursor, lines) in [(json!(null), 1), (json!({"topicName": "a", "partitionIndex": 1}), 2)] {
            let body = encode(message, 0, &json!({"cursor": cursor}), Spoil::default());
            let found = decode(message, 0, &body.bytes).expect("a request");
            assert_eq!(found.iter().filter(|line| line.path.starts_with("cursor")).count(), lines);
        }
    }
}
