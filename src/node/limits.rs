//! Limits of connections as the settings give them, at the start and whenever they change.
use super::NodeParts;
use crate::{
    config::NetworkConfig,
    server::{ConnectionRules, SocketSettings},
};
use std::net::{IpAddr, ToSocketAddrs};

/// Addresses of the overrides are looked up here; a name without one limits nobody, and is told in the log.
pub fn connection_rules(network: &NetworkConfig) -> ConnectionRules {
    let overrides = network.connections_per_address_overrides.iter();
    let overrides = overrides.flat_map(|(host, count)| {
        let addresses = addresses_of(host);
        if addresses.is_empty() {
            tracing::warn!(host, "max.connections.per.ip.overrides: the host has no address");
        }
        addresses.into_iter().map(|address| (address.to_canonical(), *count as usize))
    });
    ConnectionRules {
        total_max: network.connections_max as usize,
        per_address_max: network.connections_per_address_max as usize,
        overrides: overrides.collect(),
        creation_rate_max: network.connection_creation_rate_max,
    }
}

fn addresses_of(host: &str) -> Vec<IpAddr> {
    match host.parse() {
        Ok(address) => vec![address],
        Err(_) => (host, 0).to_socket_addrs().map(|found| found.map(|at| at.ip()).collect()).unwrap_or_default(),
    }
}

/// Only what somebody set: the system's own sizes grow with the connection, Kafka's defaults do not.
pub fn socket_settings(parts: &NodeParts) -> SocketSettings {
    let network = &parts.config.network;
    let is_given = |name: &str| parts.raw.given(name).is_some();
    let bytes = |name: &str, bytes: Option<u32>| bytes.filter(|_| is_given(name)).map(|bytes| bytes as usize);
    SocketSettings {
        send_buffer_bytes: bytes("socket.send.buffer.bytes", network.socket_send_buffer_bytes),
        receive_buffer_bytes: bytes("socket.receive.buffer.bytes", network.socket_receive_buffer_bytes),
        backlog: is_given("socket.listen.backlog.size")
            .then(|| i32::try_from(network.listen_backlog).unwrap_or(i32::MAX)),
    }
}
