//! Limits of connections as the settings give them, at the start and whenever they change, and what the system allows.
use super::NodeParts;
use crate::{
    config::NetworkConfig,
    log::LogDir,
    net::SocketSettings,
    server::{ConnectionLimits, ConnectionRules},
};
use rustix::process::{Resource, getrlimit};
use std::{
    net::{IpAddr, ToSocketAddrs},
    sync::Arc,
};

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
        open_files_max: Descriptors::of_process().connections,
        per_address_max: network.connections_per_address_max as usize,
        overrides: overrides.collect(),
        creation_rate_max: network.connection_creation_rate_max,
    }
}

/// How the files that the process may have open are shared out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Descriptors {
    /// Segment files of all log directories, beside as many connections as there may be.
    pub segments: usize,
    pub connections: usize,
    /// Those of both.
    shared: usize,
}

/// More segment files are not worth the memory that the kernel has for each.
const SEGMENTS_MAX: usize = 100_000;

impl Descriptors {
    pub fn of_process() -> Descriptors {
        Descriptors::of(getrlimit(Resource::Nofile).current.unwrap_or(1 << 20))
    }

    /// What neither gets is for the files of a moment, checkpoints and indexes say, and for metrics: without one of them a
    /// directory counts as failed, so no client may take it away.
    fn of(limit: u64) -> Descriptors {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let segments = (limit / 3).clamp(64, SEGMENTS_MAX);
        let spare = (limit / 8).clamp(64, 1_024);
        let shared = limit.saturating_sub(spare);
        Descriptors { segments, connections: shared.saturating_sub(segments).max(16), shared }
    }

    /// Segment files beside so many connections: two thirds of what these do not need. The rest is for files that somebody reads
    /// still when they are not held here any more.
    fn segments_beside(self, connections: usize) -> usize {
        (self.shared.saturating_sub(connections) / 3 * 2).clamp(self.segments, SEGMENTS_MAX)
    }
}

/// Segments have most of the files that connections leave: where logs are written to in turn, and are more than there are files,
/// each append opens one and closes another, which costs a quarter more.
pub fn share_files(limits: &ConnectionLimits, directories: Vec<Arc<LogDir>>) {
    limits.share_files(Box::new(move |connections| {
        let segments = Descriptors::of_process().segments_beside(connections);
        directories.iter().for_each(|directory| directory.set_open_files_max(segments / directories.len().max(1)));
    }));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn net_6_some_open_files_are_nobodys() {
        for limit in [256, 1_024, 20_000, 1 << 20, u64::MAX] {
            let descriptors @ Descriptors { segments, connections, .. } = Descriptors::of(limit);
            assert!(segments >= 64 && connections >= 64, "{limit}: {segments} and {connections}");
            assert!((segments + connections) as u64 <= limit - 64, "{limit}: {segments} and {connections}");
            for open in [0, connections / 2, connections] {
                let beside = descriptors.segments_beside(open);
                assert!(
                    beside >= segments && (beside + open) as u64 <= limit - 64,
                    "{limit}, {open} connections: {beside}"
                );
            }
        }
        assert_eq!(Descriptors::of(20_000).segments_beside(128), 12_564);
        assert_eq!(Descriptors::of(1_024), Descriptors { segments: 341, connections: 555, shared: 896 });
    }
}
