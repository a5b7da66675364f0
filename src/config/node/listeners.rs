//! Which listeners are bound for whom and what clients are told (`KafkaConfig.listeners` and what follows from it).
use crate::config::listener::{self, Listener, ListenerError, Protocol};
use crate::config::node::NodeConfigError;
use crate::config::raw::RawSettings;
use crate::config::reader::Reader;
use std::collections::BTreeMap;

pub(super) struct ListenerSets {
    pub(super) clients: Vec<Listener>,
    pub(super) controllers: Vec<Listener>,
    pub(super) advertised: Vec<Listener>,
    pub(super) inter_broker: String,
}

pub(super) fn resolve(reader: &Reader<'_>, raw: &RawSettings) -> Result<ListenerSets, NodeConfigError> {
    let controller_names: Vec<String> =
        reader.list("controller.listener.names")?.iter().map(|name| name.to_uppercase()).collect();
    let bound_texts = reader.list("listeners")?;
    let protocols = protocols(reader, raw, &controller_names, &bound_texts)?;
    let bound = listener::parse_all("listeners", &bound_texts, &protocols)?;
    listener::check_ports("listeners", &bound)?;
    refuse_unserved(&bound)?;
    check_controller_names(raw, &controller_names, &bound)?;

    let is_controllers = |listener: &Listener| controller_names.contains(&listener.name);
    let (controllers, clients): (Vec<Listener>, Vec<Listener>) = bound.into_iter().partition(is_controllers);
    if clients.is_empty() {
        return Err(ListenerError::NoneForClients.into());
    }
    let advertised = match reader.list_or_none("advertised.listeners")? {
        None => clients.clone(),
        Some(texts) => {
            let mut advertised = listener::parse_all("advertised.listeners", &texts, &protocols)?;
            advertised.retain(|listener| !is_controllers(listener));
            advertised
        }
    };
    check_advertised(&advertised, &clients)?;
    let inter_broker = inter_broker(reader, raw, &advertised)?;
    Ok(ListenerSets { clients, controllers, advertised, inter_broker })
}

/// The map as given. Where it is not given, controllers' listeners speak plain text, unless some listener asks for
/// encryption or authentication: then Kafka wants the map spelled out.
fn protocols(
    reader: &Reader<'_>,
    raw: &RawSettings,
    controller_names: &[String],
    bound_texts: &[String],
) -> Result<BTreeMap<String, Protocol>, NodeConfigError> {
    let mut protocols = listener::protocol_map(&reader.text("listener.security.protocol.map")?)?;
    if raw.given("listener.security.protocol.map").is_some() {
        return Ok(protocols);
    }
    let is_secure = |name: &str| Protocol::parse(name).is_some_and(|protocol| protocol != Protocol::Plaintext);
    let bound_names = bound_texts.iter().filter_map(|text| text.split(':').next());
    if !controller_names.iter().map(String::as_str).chain(bound_names).any(is_secure) {
        protocols.extend(controller_names.iter().map(|name| (name.clone(), Protocol::Plaintext)));
    }
    Ok(protocols)
}

/// A listener that promises encryption or authentication must never be served without it.
fn refuse_unserved(listeners: &[Listener]) -> Result<(), NodeConfigError> {
    match listeners.iter().find(|listener| listener.protocol != Protocol::Plaintext) {
        None => Ok(()),
        Some(listener) => Err(NodeConfigError::NotServed {
            key: "listeners".into(),
            value: format!("{listener} ({})", listener.protocol.name()),
            reason: "only PLAINTEXT listeners are; TLS and SASL come later",
        }),
    }
}

/// Kafka wants every controller listener bound. The default name may be missing: a single node talks to its own
/// controller without one.
fn check_controller_names(raw: &RawSettings, names: &[String], bound: &[Listener]) -> Result<(), ListenerError> {
    if raw.given("controller.listener.names").is_none() {
        return Ok(());
    }
    match names.iter().find(|name| !bound.iter().any(|listener| &listener.name == *name)) {
        None => Ok(()),
        Some(name) => Err(ListenerError::ControllerUnknown { name: name.clone(), known: listener::names(bound) }),
    }
}

fn check_advertised(advertised: &[Listener], clients: &[Listener]) -> Result<(), ListenerError> {
    for listener in advertised {
        if !clients.iter().any(|client| client.name == listener.name) {
            let known = listener::names(clients);
            return Err(ListenerError::AdvertisedUnknown { name: listener.name.clone(), known });
        }
        if listener.host == "0.0.0.0" {
            return Err(ListenerError::AdvertisedUnroutable { listener: listener.to_string() });
        }
    }
    if advertised.is_empty() { Err(ListenerError::NoneForClients) } else { Ok(()) }
}

fn inter_broker(reader: &Reader<'_>, raw: &RawSettings, advertised: &[Listener]) -> Result<String, NodeConfigError> {
    let name = match reader.text_or_none("inter.broker.listener.name")? {
        Some(_) if raw.given("security.inter.broker.protocol").is_some() => {
            return Err(ListenerError::InterBrokerTwice.into());
        }
        Some(name) => name.to_uppercase(),
        None => reader.text("security.inter.broker.protocol")?,
    };
    if !advertised.iter().any(|listener| listener.name == name) {
        return Err(ListenerError::InterBroker { name, known: listener::names(advertised) }.into());
    }
    Ok(name)
}
