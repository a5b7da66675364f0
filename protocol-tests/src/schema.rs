//! Kafka's messages after its own definitions (`schema/messages.txt`), apart from the library that the broker uses: what
//! both would get wrong together is seen here.
pub mod decode;
pub mod encode;

use std::sync::OnceLock;

/// One request or response.
#[derive(Debug)]
pub struct Message {
    pub name: String,
    pub key: i16,
    pub is_request: bool,
    pub versions: Versions,
    /// First version with compact lengths and tags.
    pub flexible_from: i16,
    pub fields: Vec<Field>,
}

/// An inclusive range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    pub min: i16,
    pub max: i16,
}

#[derive(Debug)]
pub struct Field {
    pub name: String,
    pub kind: Kind,
    pub versions: Versions,
    /// Versions in which it may be null.
    pub null: Option<Versions>,
    /// Where it is not 0, false or empty.
    pub default: Option<String>,
    /// Its number, where it stands among the tagged fields.
    pub tag: Option<u32>,
}

#[derive(Debug)]
pub enum Kind {
    Bool,
    Int8,
    Int16,
    Uint16,
    Int32,
    Int64,
    Float64,
    Uuid,
    Text,
    Bytes,
    Struct(Vec<Field>),
    List(Box<Kind>),
}

impl Versions {
    pub fn has(&self, version: i16) -> bool {
        (self.min..=self.max).contains(&version)
    }

    /// `3+`, `2-4` or `0`.
    fn parse(text: &str) -> Versions {
        let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("{text:?} is no version"));
        match (text.strip_suffix('+'), text.split_once('-')) {
            (Some(min), _) => Versions { min: number(min), max: i16::MAX },
            (None, Some((min, max))) => Versions { min: number(min), max: number(max) },
            (None, None) => Versions { min: number(text), max: number(text) },
        }
    }
}

impl Field {
    pub fn is_nullable(&self, version: i16) -> bool {
        self.null.is_some_and(|null| null.has(version))
    }
}

impl Message {
    pub fn is_flexible(&self, version: i16) -> bool {
        version >= self.flexible_from
    }
}

/// All requests and responses.
pub fn messages() -> &'static [Message] {
    static MESSAGES: OnceLock<Vec<Message>> = OnceLock::new();
    MESSAGES.get_or_init(|| parse(include_str!("schema/messages.txt")))
}

/// The request of this name.
///
/// # Panics
/// When there is none.
pub fn request(name: &str) -> &'static Message {
    named(name, true)
}

/// Its response.
///
/// # Panics
/// When there is none.
pub fn response(name: &str) -> &'static Message {
    named(name, false)
}

fn named(name: &str, is_request: bool) -> &'static Message {
    let found = messages().iter().find(|message| message.name == name && message.is_request == is_request);
    found.unwrap_or_else(|| panic!("no message {name}"))
}

struct Lines<'a> {
    rest: std::iter::Peekable<std::str::Lines<'a>>,
}

fn parse(text: &str) -> Vec<Message> {
    let mut lines = Lines { rest: text.lines().peekable() };
    let mut all = Vec::new();
    while let Some(line) = lines.rest.next() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [sort, name, key, versions, "flexible", flexible] = words[..] else { panic!("no message: {line}") };
        all.push(Message {
            name: name.to_string(),
            key: key.parse().expect("an API key"),
            is_request: sort == "request",
            versions: Versions::parse(versions),
            flexible_from: if flexible == "none" { i16::MAX } else { flexible.parse().expect("a version") },
            fields: lines.fields(1),
        });
    }
    all
}

impl Lines<'_> {
    fn fields(&mut self, depth: usize) -> Vec<Field> {
        let mut fields = Vec::new();
        while let Some(line) = self.rest.next_if(|line| indent(line) == depth) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let behind = |word: &str| words[3..].iter().position(|found| *found == word).map(|at| words[at + 4]);
            let inner = self.fields(depth + 1);
            fields.push(Field {
                name: words[0].to_string(),
                kind: kind(words[1], inner),
                versions: Versions::parse(words[2]),
                null: behind("null").map(Versions::parse),
                default: behind("default").map(str::to_string),
                tag: behind("tag").map(|tag| tag.parse().expect("a tag")),
            });
        }
        fields
    }
}

fn indent(line: &str) -> usize {
    (line.len() - line.trim_start().len()) / 2
}

fn kind(name: &str, inner: Vec<Field>) -> Kind {
    if let Some(element) = name.strip_prefix("[]") {
        return Kind::List(Box::new(kind(element, inner)));
    }
    match name {
        "bool" => Kind::Bool,
        "int8" => Kind::Int8,
        "int16" => Kind::Int16,
        "uint16" => Kind::Uint16,
        "int32" => Kind::Int32,
        "int64" => Kind::Int64,
        "float64" => Kind::Float64,
        "uuid" => Kind::Uuid,
        "string" => Kind::Text,
        "bytes" | "records" => Kind::Bytes,
        _ => {
            assert!(!inner.is_empty(), "a type {name} without fields");
            Kind::Struct(inner)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_has_its_response() {
        let requests: Vec<&Message> = messages().iter().filter(|message| message.is_request).collect();
        assert!(requests.len() > 40);
        for request in requests {
            assert_eq!(response(&request.name).versions, request.versions, "{}", request.name);
        }
    }

    #[test]
    fn a_field_is_read_with_all_that_is_said_of_it() {
        let fetch = request("Fetch");
        assert_eq!((fetch.key, fetch.versions, fetch.flexible_from), (1, Versions { min: 4, max: 18 }, 12));
        let cluster = &fetch.fields[0];
        assert_eq!(
            (cluster.name.as_str(), cluster.tag, cluster.default.as_deref()),
            ("clusterId", Some(0), Some("null"))
        );
        assert!(cluster.is_nullable(12) && !cluster.is_nullable(11));
        assert_eq!(fetch.fields[1].versions, Versions { min: 0, max: 14 });
    }
}
