//! Requests from JSON after Kafka's definitions: right, with tags nobody knows, or with one length that lies.
use super::{Field, Kind, Message};
use crate::wire::put_unsigned_varint;
use serde_json::Value;
use uuid::Uuid;

/// What is done to a right request on purpose.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spoil {
    /// Each structure ends with a tag that no version knows.
    pub unknown_tags: bool,
    /// This length or count, in their order, claims far more than comes.
    pub lie: Option<usize>,
}

/// A body, and how many lengths and counts stand in it.
pub struct Encoded {
    pub bytes: Vec<u8>,
    pub lengths: usize,
}

/// The body of `message` with these fields; others have their default, and those that the version lacks are left out.
///
/// # Panics
/// When `value` names a field that no version has, or holds what the field cannot.
#[track_caller]
pub fn encode(message: &Message, version: i16, value: &Value, spoil: Spoil) -> Encoded {
    let flexible = message.is_flexible(version);
    let mut encoder = Encoder { bytes: Vec::new(), lengths: 0, version, flexible, spoil };
    encoder.structure(&message.name, &message.fields, value);
    Encoded { bytes: encoder.bytes, lengths: encoder.lengths }
}

/// Bytes as `encode` takes them.
pub fn hex(bytes: &[u8]) -> Value {
    Value::String(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

struct Encoder {
    bytes: Vec<u8>,
    lengths: usize,
    version: i16,
    flexible: bool,
    spoil: Spoil,
}

impl Encoder {
    fn structure(&mut self, name: &str, fields: &[Field], value: &Value) {
        let given = value.as_object().unwrap_or_else(|| panic!("{name} is no structure: {value}"));
        for key in given.keys() {
            assert!(fields.iter().any(|field| field.name == *key), "{name} has no field {key}");
        }
        let mut tagged: Vec<(u32, Vec<u8>)> = Vec::new();
        let version = self.version;
        for field in fields.iter().filter(|field| field.versions.has(version)) {
            let given = given.get(&field.name);
            match (field.tag, given) {
                (Some(_), None) => {}
                (Some(tag), Some(given)) => {
                    let outside = std::mem::take(&mut self.bytes);
                    self.field(field, Some(given));
                    tagged.push((tag, std::mem::replace(&mut self.bytes, outside)));
                }
                (None, given) => self.field(field, given),
            }
        }
        if !self.flexible {
            return;
        }
        if self.spoil.unknown_tags {
            tagged.push((1_000, b"abc".to_vec()));
        }
        tagged.sort();
        self.count(tagged.len() as u32);
        for (tag, bytes) in tagged {
            put_unsigned_varint(&mut self.bytes, tag);
            put_unsigned_varint(&mut self.bytes, bytes.len() as u32);
            self.bytes.extend(bytes);
        }
    }

    fn field(&mut self, field: &Field, given: Option<&Value>) {
        let default = default(field, self.version);
        let value = given.unwrap_or(&default);
        if matches!(field.kind, Kind::Struct(_)) && field.is_nullable(self.version) {
            self.bytes.push(if value.is_null() { 0xff } else { 1 });
            if value.is_null() {
                return;
            }
        }
        self.value(&field.name, &field.kind, value);
    }

    fn value(&mut self, name: &str, kind: &Kind, value: &Value) {
        let number = || value.as_i64().unwrap_or_else(|| panic!("{name} is no number: {value}"));
        match kind {
            Kind::Bool => self.bytes.push(u8::from(value.as_bool().unwrap_or_else(|| panic!("{name}: {value}")))),
            Kind::Int8 => self.bytes.extend((number() as i8).to_be_bytes()),
            Kind::Int16 => self.bytes.extend((number() as i16).to_be_bytes()),
            Kind::Uint16 => self.bytes.extend((number() as u16).to_be_bytes()),
            Kind::Int32 => self.bytes.extend((number() as i32).to_be_bytes()),
            Kind::Int64 => self.bytes.extend(number().to_be_bytes()),
            Kind::Float64 => self.bytes.extend(value.as_f64().expect("a number").to_be_bytes()),
            Kind::Uuid => {
                let id = value.as_str().and_then(|text| Uuid::parse_str(text).ok());
                self.bytes.extend(id.unwrap_or_else(|| panic!("{name} is no id: {value}")).as_bytes());
            }
            Kind::Text => self.blob(value.as_str().map(str::as_bytes), 2),
            Kind::Bytes => self.blob(value.as_str().map(unhex).as_deref(), 4),
            Kind::List(element) => {
                let elements = value.as_array();
                self.length(elements.map(Vec::len), 4);
                elements.into_iter().flatten().for_each(|one| self.value(name, element, one));
            }
            Kind::Struct(fields) => self.structure(name, fields, value),
        }
    }

    fn blob(&mut self, bytes: Option<&[u8]>, width: usize) {
        self.length(bytes.map(<[u8]>::len), width);
        self.bytes.extend_from_slice(bytes.unwrap_or_default());
    }

    /// `width` is that of the old encoding: 2 for strings, 4 for the rest.
    fn length(&mut self, length: Option<usize>, width: usize) {
        if self.flexible {
            return self.count(length.map_or(0, |length| length as u32 + 1));
        }
        let lies = self.lies();
        match width {
            2 if lies => self.bytes.extend(i16::MAX.to_be_bytes()),
            2 => self.bytes.extend(length.map_or(-1, |length| length as i16).to_be_bytes()),
            _ if lies => self.bytes.extend(i32::MAX.to_be_bytes()),
            _ => self.bytes.extend(length.map_or(-1, |length| length as i32).to_be_bytes()),
        }
    }

    fn count(&mut self, count: u32) {
        let count = if self.lies() { i32::MAX as u32 } else { count };
        put_unsigned_varint(&mut self.bytes, count);
    }

    fn lies(&mut self) -> bool {
        self.lengths += 1;
        self.spoil.lie == Some(self.lengths - 1)
    }
}

/// What a field holds that nobody gave.
fn default(field: &Field, version: i16) -> Value {
    let default = field.default.as_deref();
    if default == Some("null") && field.is_nullable(version) {
        return Value::Null;
    }
    let text = default.filter(|default| *default != "null").unwrap_or_default();
    let number = || match text.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).expect("a hexadecimal number"),
        None => text.parse().unwrap_or(0),
    };
    match &field.kind {
        Kind::Bool => Value::Bool(text == "true"),
        Kind::Text | Kind::Bytes => Value::String(text.to_string()),
        Kind::Uuid => Value::String(Uuid::nil().to_string()),
        Kind::List(_) => Value::Array(Vec::new()),
        Kind::Struct(_) => Value::Object(serde_json::Map::new()),
        Kind::Float64 => Value::from(number() as f64),
        Kind::Int8 | Kind::Int16 | Kind::Uint16 | Kind::Int32 | Kind::Int64 => Value::from(number()),
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let byte = |at: usize| text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    (0..text.len()).step_by(2).map(|at| byte(at).unwrap_or_else(|| panic!("{text:?} are no bytes"))).collect()
}
