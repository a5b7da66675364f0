//! How one record is printed: a format with `%` places, as kcat's and rpk's, or JSON.
use crate::{
    cli::timestamp::show_timestamp,
    record::{RecordView, TimestampType},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use std::io::{self, Write};

/// One record with its place.
pub struct Found<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub offset: i64,
    pub timestamp_type: TimestampType,
    pub record: RecordView<'a>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Place {
    Text(Vec<u8>),
    Topic,
    Partition,
    Offset,
    Key,
    Value,
    KeyLength,
    ValueLength,
    TimestampMs,
    TimestampText,
    Headers,
}

/// A parsed format.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Format {
    places: Vec<Place>,
    /// Instead of a key or value that is null.
    null: &'static [u8],
}

impl Format {
    /// What each place means, for the help.
    pub const HELP: &str = "%t topic, %p partition, %o offset, %k key, %s or %v value, %K and %S their lengths (-1: null), \
        %T timestamp in ms, %d as date, %h headers, %% percent; \\n \\t \\r \\0 \\\\ \\xHH";

    pub fn parse(text: &str, show_null: bool) -> Result<Format, String> {
        let mut places = Vec::new();
        let mut plain = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => plain.push(escape(&mut chars)?),
                '%' => {
                    let place = match chars.next() {
                        Some('%') => {
                            plain.push(b'%');
                            continue;
                        }
                        Some('t') => Place::Topic,
                        Some('p') => Place::Partition,
                        Some('o') => Place::Offset,
                        Some('k') => Place::Key,
                        Some('s' | 'v') => Place::Value,
                        Some('K') => Place::KeyLength,
                        Some('S' | 'V') => Place::ValueLength,
                        Some('T') => Place::TimestampMs,
                        Some('d') => Place::TimestampText,
                        Some('h') => Place::Headers,
                        Some(other) => return Err(format!("%{other} is no place; there are: {}", Self::HELP)),
                        None => return Err("the format ends with a single %".to_owned()),
                    };
                    if !plain.is_empty() {
                        places.push(Place::Text(std::mem::take(&mut plain)));
                    }
                    places.push(place);
                }
                other => plain.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        if !plain.is_empty() {
            places.push(Place::Text(plain));
        }
        Ok(Format { places, null: if show_null { b"NULL" } else { b"" } })
    }

    /// Value and line end; before it the key and `key_delimiter` when given.
    pub fn lines(key_delimiter: Option<&str>, show_null: bool) -> Format {
        let mut places = Vec::new();
        if let Some(delimiter) = key_delimiter {
            places.extend([Place::Key, Place::Text(delimiter.as_bytes().to_vec())]);
        }
        places.extend([Place::Value, Place::Text(b"\n".to_vec())]);
        Format { places, null: if show_null { b"NULL" } else { b"" } }
    }

    pub fn write(&self, out: &mut impl Write, found: &Found<'_>) -> io::Result<()> {
        let record = &found.record;
        let length = |bytes: Option<&[u8]>| bytes.map_or(-1, |bytes| bytes.len() as i64);
        for place in &self.places {
            match place {
                Place::Text(text) => out.write_all(text)?,
                Place::Topic => out.write_all(found.topic.as_bytes())?,
                Place::Partition => write!(out, "{}", found.partition)?,
                Place::Offset => write!(out, "{}", found.offset)?,
                Place::Key => out.write_all(record.key.unwrap_or(self.null))?,
                Place::Value => out.write_all(record.value.unwrap_or(self.null))?,
                Place::KeyLength => write!(out, "{}", length(record.key))?,
                Place::ValueLength => write!(out, "{}", length(record.value))?,
                Place::TimestampMs => write!(out, "{}", record.timestamp)?,
                Place::TimestampText => out.write_all(show_timestamp(record.timestamp).as_bytes())?,
                Place::Headers => {
                    for (index, (name, value)) in record.headers().enumerate() {
                        out.write_all(if index == 0 { b"" } else { b"," })?;
                        out.write_all(name)?;
                        out.write_all(b"=")?;
                        out.write_all(value.unwrap_or(b"NULL"))?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn escape(chars: &mut std::str::Chars<'_>) -> Result<u8, String> {
    Ok(match chars.next() {
        Some('n') => b'\n',
        Some('t') => b'\t',
        Some('r') => b'\r',
        Some('0') => 0,
        Some('\\') => b'\\',
        Some('x') => {
            let digits = chars.as_str().get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
            chars.nth(1);
            digits.ok_or("\\x needs two hexadecimal digits")?
        }
        Some(other) => return Err(format!("\\{other} is no escape; write \\\\ for a backslash")),
        None => return Err("the format ends with a single backslash".to_owned()),
    })
}

/// What `-K '\t'` means: the same escapes as in a format.
pub fn unescape(text: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => bytes.push(escape(&mut chars)?),
            other => bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    if bytes.is_empty() {
        return Err("a delimiter is at least one byte".to_owned());
    }
    String::from_utf8(bytes).map_err(|_| "a delimiter must be UTF-8".to_owned())
}

/// One line of JSON with kcat's names. Bytes that are no UTF-8 stand in base64 under `key_base64` or
/// `payload_base64`.
pub fn as_json(found: &Found<'_>) -> Value {
    let record = &found.record;
    let mut object = Map::new();
    object.insert("topic".into(), found.topic.into());
    object.insert("partition".into(), found.partition.into());
    object.insert("offset".into(), found.offset.into());
    let kind = match found.timestamp_type {
        _ if record.timestamp < 0 => "unknown",
        TimestampType::CreateTime => "create",
        TimestampType::LogAppendTime => "logappend",
    };
    object.insert("tstype".into(), kind.into());
    object.insert("ts".into(), record.timestamp.into());
    if record.header_count() > 0 {
        let headers = record.headers().map(|(name, value)| {
            json!({ "name": String::from_utf8_lossy(name), "value": value.map(|value| text_or_base64(value).1) })
        });
        object.insert("headers".into(), headers.collect());
    }
    for (name, bytes) in [("key", record.key), ("payload", record.value)] {
        match bytes.map(text_or_base64) {
            None => object.insert(name.into(), Value::Null),
            Some((true, text)) => object.insert(name.into(), text.into()),
            Some((false, text)) => object.insert(format!("{name}_base64"), text.into()),
        };
    }
    Value::Object(object)
}

/// True with the text itself, false with base64.
fn text_or_base64(bytes: &[u8]) -> (bool, String) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (true, text.to_owned()),
        Err(_) => (false, STANDARD.encode(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BatchBuilder, records};

    fn with_record(key: Option<&[u8]>, value: Option<&[u8]>, check: impl Fn(&Found<'_>)) {
        let headers = [("a", Some(&b"1"[..])), ("a", None)];
        let batch = BatchBuilder::new(1_795_255_200_007).record_with_headers(key, value, &headers).build();
        let set = records(batch.header(), batch.bytes(), 1000).unwrap();
        let record = set.iter().next().unwrap().unwrap();
        let timestamp_type = TimestampType::CreateTime;
        check(&Found { topic: "t", partition: 3, offset: 42, timestamp_type, record });
    }

    fn shown(format: &Format, found: &Found<'_>) -> String {
        let mut out = Vec::new();
        format.write(&mut out, found).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn places_are_filled() {
        let format = Format::parse("%t/%p@%o %k=%s %K,%S %T %d %h 100%%\\n\\x41é", true).unwrap();
        with_record(Some(b"key"), Some(b"v"), |found| {
            let expected = "t/3@42 key=v 3,1 1795255200007 2026-11-21T10:00:00.007Z a=1,a=NULL 100%\nAé";
            assert_eq!(shown(&format, found), expected);
        });
        with_record(None, None, |found| {
            assert!(shown(&format, found).starts_with("t/3@42 NULL=NULL -1,-1 "));
            assert_eq!(shown(&Format::lines(Some(":"), false), found), ":\n");
        });
    }

    #[test]
    fn wrong_formats_say_why() {
        for bad in ["%", "%y", "\\", "\\q", "\\x4", "\\xzz", "\\xé"] {
            assert!(Format::parse(bad, false).is_err(), "{bad}");
        }
        assert_eq!(unescape("\\t|"), Ok("\t|".to_owned()));
        assert!(unescape("").is_err());
    }

    #[test]
    fn json_keeps_nulls_headers_and_foreign_bytes() {
        with_record(None, Some(&[0xFF]), |found| {
            let json = as_json(found);
            assert_eq!(
                (&json["key"], &json["payload_base64"], &json["tstype"]),
                (&Value::Null, &json!("/w=="), &json!("create"))
            );
            assert_eq!(json["headers"], json!([{ "name": "a", "value": "1" }, { "name": "a", "value": null }]));
        });
    }
}
