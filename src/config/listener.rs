//! Listeners: `NAME://host:port`, the protocol behind each name, which are for clients and which for controllers.
use std::{collections::BTreeMap, fmt, net::IpAddr};

/// How a listener talks (Kafka's `SecurityProtocol`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    Plaintext,
    Ssl,
    SaslPlaintext,
    SaslSsl,
}

impl Protocol {
    pub fn parse(name: &str) -> Option<Protocol> {
        match name.to_uppercase().as_str() {
            "PLAINTEXT" => Some(Protocol::Plaintext),
            "SSL" => Some(Protocol::Ssl),
            "SASL_PLAINTEXT" => Some(Protocol::SaslPlaintext),
            "SASL_SSL" => Some(Protocol::SaslSsl),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Protocol::Plaintext => "PLAINTEXT",
            Protocol::Ssl => "SSL",
            Protocol::SaslPlaintext => "SASL_PLAINTEXT",
            Protocol::SaslSsl => "SASL_SSL",
        }
    }

    /// The number Kafka's metadata records and `DescribeCluster` use.
    pub fn id(self) -> i16 {
        match self {
            Protocol::Plaintext => 0,
            Protocol::Ssl => 1,
            Protocol::SaslPlaintext => 2,
            Protocol::SaslSsl => 3,
        }
    }
}

/// A name, host and port; the name in capitals, the host without brackets and empty for "every interface".
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    pub name: String,
    pub host: String,
    pub port: u16,
}

impl Endpoint {
    /// `NAME://host:port`; an IPv6 host stands in brackets.
    pub fn parse(text: &str) -> Option<Endpoint> {
        let (name, address) = text.split_once("://")?;
        let (host, port) = address.rsplit_once(':')?;
        let host = match host.strip_prefix('[') {
            Some(bracketed) => bracketed.strip_suffix(']')?,
            None if host.contains(':') => return None,
            None => host,
        };
        let is_host = host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':' | '%'));
        let is_port = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        if name.is_empty() || name.contains(char::is_whitespace) || !is_host || !is_port {
            return None;
        }
        Some(Endpoint { name: name.to_uppercase(), host: host.to_owned(), port: port.parse().ok()? })
    }
}

/// A listener with everything known of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listener {
    /// In capitals.
    pub name: String,
    pub protocol: Protocol,
    /// Without brackets; empty for "every interface".
    pub host: String,
    pub port: u16,
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "{}://[{}]:{}", self.name, self.host, self.port)
        } else {
            write!(f, "{}://{}:{}", self.name, self.host, self.port)
        }
    }
}

/// Why listeners cannot be what the settings say. `key` is the setting at fault.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ListenerError {
    #[error("{key}: '{text}' is no listener; write NAME://host:port, for example PLAINTEXT://localhost:9092")]
    Malformed { key: &'static str, text: String },
    #[error(
        "{key}: no security protocol for listener '{name}'; add {name}:PLAINTEXT to listener.security.protocol.map"
    )]
    NoProtocol { key: &'static str, name: String },
    #[error(
        "listener.security.protocol.map: '{text}' is no NAME:PROTOCOL with PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"
    )]
    Map { text: String },
    #[error("{key}: two listeners are called '{name}'")]
    SameName { key: &'static str, name: String },
    #[error("{key}: '{first}' and '{second}' have the same port; only one IPv4 and one IPv6 address may share a port")]
    SamePort { key: &'static str, first: String, second: String },
    #[error("advertised.listeners: '{name}' is not among the names of listeners ({known})")]
    AdvertisedUnknown { name: String, known: String },
    #[error("advertised.listeners: {listener} cannot be reached by clients; name a host they can resolve")]
    AdvertisedUnroutable { listener: String },
    #[error("inter.broker.listener.name: '{name}' is not among the advertised listeners ({known})")]
    InterBroker { name: String, known: String },
    #[error("only one of inter.broker.listener.name and security.inter.broker.protocol may be set")]
    InterBrokerTwice,
    #[error("listeners: every listener is named in controller.listener.names; a broker needs one for clients")]
    NoneForClients,
    #[error("controller.listener.names: '{name}' is not among the names of listeners ({known})")]
    ControllerUnknown { name: String, known: String },
}

/// `NAME:PROTOCOL,...` as a map with names in capitals.
pub(in crate::config) fn protocol_map(text: &str) -> Result<BTreeMap<String, Protocol>, ListenerError> {
    let mut protocols = BTreeMap::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let parsed = entry.split_once(':').and_then(|(name, protocol)| Some((name, Protocol::parse(protocol.trim())?)));
        let (name, protocol) = parsed.ok_or_else(|| ListenerError::Map { text: entry.into() })?;
        protocols.insert(name.trim().to_uppercase(), protocol);
    }
    Ok(protocols)
}

/// The listeners of one setting, each with its protocol; names differ.
pub(in crate::config) fn parse_all(
    key: &'static str,
    texts: &[String],
    protocols: &BTreeMap<String, Protocol>,
) -> Result<Vec<Listener>, ListenerError> {
    let mut listeners: Vec<Listener> = Vec::with_capacity(texts.len());
    for text in texts {
        let endpoint = Endpoint::parse(text).ok_or_else(|| ListenerError::Malformed { key, text: text.clone() })?;
        let Endpoint { name, host, port } = endpoint;
        let Some(&protocol) = protocols.get(&name) else { return Err(ListenerError::NoProtocol { key, name }) };
        if listeners.iter().any(|other| other.name == name) {
            return Err(ListenerError::SameName { key, name });
        }
        listeners.push(Listener { name, protocol, host, port });
    }
    Ok(listeners)
}

/// Ports differ, but for a pair of an IPv4 and an IPv6 address; port 0 is "any" and never clashes.
pub(in crate::config) fn check_ports(key: &'static str, listeners: &[Listener]) -> Result<(), ListenerError> {
    let family = |listener: &Listener| listener.host.parse::<IpAddr>().ok().map(|address| address.is_ipv4());
    for (at, second) in listeners.iter().enumerate() {
        for first in listeners.iter().take(at) {
            let is_pair = matches!((family(first), family(second)), (Some(left), Some(right)) if left != right);
            if first.port == second.port && first.port != 0 && !is_pair {
                return Err(ListenerError::SamePort { key, first: first.to_string(), second: second.to_string() });
            }
        }
    }
    Ok(())
}

/// Names in one text, for messages.
pub(in crate::config) fn names(listeners: &[Listener]) -> String {
    listeners.iter().map(|listener| listener.name.as_str()).collect::<Vec<_>>().join(",")
}
