//! Sockets that listen: every address that a name stands for, on one port.
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs},
    os::fd::AsFd,
    time::Duration,
};
use tokio::{net::TcpListener, time::Instant};

/// Nobody can listen there.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("{address} is in use")]
    InUse { address: String },
    #[error("cannot resolve {address}: {error}")]
    Unresolved { address: String, error: io::Error },
    #[error("cannot listen on {address}: {error}")]
    Other { address: String, error: io::Error },
}

/// Connections that may wait to be accepted, unless `socket.listen.backlog.size` says otherwise. Kafka's 50 are soon
/// full when thousands of clients come back at once.
const BACKLOG: i32 = 1024;

/// What the settings say of sockets; `None` where they say nothing.
#[derive(Clone, Copy, Default, Debug)]
pub struct SocketSettings {
    pub send_buffer_bytes: Option<usize>,
    pub receive_buffer_bytes: Option<usize>,
    pub backlog: Option<i32>,
}

/// Listens on every address that `host` stands for: `localhost` on IPv4 and IPv6, an empty host on all interfaces. Port 0 takes a
/// free port, the same for all addresses. There is at least one socket, IPv4 first.
pub fn listen(host: &str, port: u16, settings: &SocketSettings) -> Result<Vec<TcpListener>, ListenError> {
    let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let mut addresses: Vec<SocketAddr> = match host {
        "" if Socket::new(Domain::IPV6, Type::STREAM, None).is_err() => vec![([0u8; 4], port).into()],
        "" => vec![([0u16; 8], port).into()],
        // Both, also where the hosts file names one of them only.
        "localhost" => vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()],
        host => (host, port)
            .to_socket_addrs()
            .map_err(|error| ListenError::Unresolved { address: address.clone(), error })?
            .collect(),
    };
    addresses.sort_by_key(SocketAddr::is_ipv6);
    addresses.dedup();
    let mut sockets: Vec<TcpListener> = Vec::new();
    let mut without_family = None;
    for mut wanted in addresses {
        if let Some(first) = sockets.first().and_then(|socket| socket.local_addr().ok()) {
            wanted.set_port(first.port());
        }
        match listen_on(wanted, settings) {
            Ok(socket) => sockets.push(socket),
            // A name may stand for addresses of a family that the machine does not have.
            Err(error) if is_no_such_family(&error) => without_family = Some(error),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                return Err(ListenError::InUse { address: wanted.to_string() });
            }
            Err(error) => return Err(ListenError::Other { address, error }),
        }
    }
    if sockets.is_empty() {
        let error = without_family.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into());
        return Err(ListenError::Other { address, error });
    }
    Ok(sockets)
}

/// IPv6 is off for the interfaces, or the kernel has none.
fn is_no_such_family(error: &io::Error) -> bool {
    let without = rustix::io::Errno::AFNOSUPPORT.raw_os_error();
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(without)
}

fn listen_on(address: SocketAddr, settings: &SocketSettings) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // An empty host means every interface of both families; a named address means itself.
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    // Accepted connections take the buffers of their listener. Where nobody sets them, the system sizes them.
    if let Some(bytes) = settings.send_buffer_bytes {
        socket.set_send_buffer_size(bytes)?;
    }
    if let Some(bytes) = settings.receive_buffer_bytes {
        socket.set_recv_buffer_size(bytes)?;
    }
    if address.ip().is_loopback() {
        // Before there are connections: one that began paced keeps some of it.
        window_only(&socket);
    }
    socket.listen(settings.backlog.unwrap_or(BACKLOG))?;
    TcpListener::from_std(socket.into())
}

/// Takes the congestion control of a connection within the machine that every Linux has and that looks at nothing but its window.
/// One that paces what it sends, as BBR does, has no bottleneck to find there, and its timers more than double the work of a large
/// answer (docs/decisions/0017). Where the system refuses, its own stays.
pub fn window_only(socket: impl AsFd) {
    if let Err(error) = rustix::net::sockopt::set_tcp_congestion(socket, "reno") {
        tracing::debug!(%error, "a connection within the machine keeps the system's congestion control");
    }
}

/// What this machine is called, for those who are to find a listener on all of its interfaces; `None` where that name stands for no
/// address.
pub fn own_name() -> Option<String> {
    let name = rustix::system::uname().nodename().to_str().ok()?.to_owned();
    let has_address = (name.as_str(), 0).to_socket_addrs().is_ok_and(|mut found| found.next().is_some());
    has_address.then_some(name)
}

/// Lines that clients could cause by the thousand are written once a second; the metrics count them all.
#[derive(Default)]
pub struct Seldom {
    told_at: Option<Instant>,
}

impl Seldom {
    pub fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let is_due = self.told_at.is_none_or(|told_at| now - told_at >= Duration::from_secs(1));
        if is_due {
            self.told_at = Some(now);
        }
        is_due
    }
}
