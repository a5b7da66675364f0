//! Binds Kafka listeners, accepts connections within the limits and runs each as a task.
use super::{
    Admission, ConnectionLimits,
    connection::{Connection, Ended, Shared},
    loops::Loops,
};
use crate::{
    api::{Connection as Client, Router},
    metrics::Metrics,
    platform::Clock,
};
use socket2::{Domain, Protocol, SockAddr, Socket, TcpKeepalive, Type};
use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::Instant,
};

/// A listener cannot be opened; the text says how to get out of it.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error(
        "listener {name}: {address} is in use: another broker runs there. Stop it, or choose another port with --override listeners={name}://HOST:PORT"
    )]
    InUse { name: String, address: String },
    #[error("listener {name}: cannot resolve {address}: {error}")]
    Unresolved { name: String, address: String, error: io::Error },
    #[error("listener {name}: cannot listen on {address}: {error}")]
    Other { name: String, address: String, error: io::Error },
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

/// One bound listener: all its addresses share the name and the port.
pub struct Listener {
    pub name: Arc<str>,
    sockets: Vec<TcpListener>,
}

impl Listener {
    /// Binds every address that `host` stands for: `localhost` on IPv4 and IPv6, an empty host on all interfaces.
    /// Port 0 takes a free port, the same for all addresses.
    pub fn bind(name: &str, host: &str, port: u16, settings: &SocketSettings) -> Result<Listener, BindError> {
        let address = format!("{host}:{port}");
        let mut addresses: Vec<SocketAddr> = match host {
            "" if Socket::new(Domain::IPV6, Type::STREAM, None).is_err() => vec![([0u8; 4], port).into()],
            "" => vec![([0u16; 8], port).into()],
            // Both, also where the hosts file names one of them only.
            "localhost" => vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()],
            host => (host, port)
                .to_socket_addrs()
                .map_err(|error| BindError::Unresolved { name: name.into(), address: address.clone(), error })?
                .collect(),
        };
        addresses.sort_by_key(SocketAddr::is_ipv6);
        addresses.dedup();
        let other = |error| BindError::Other { name: name.into(), address: address.clone(), error };
        let mut sockets: Vec<TcpListener> = Vec::new();
        let mut without_family = None;
        for mut wanted in addresses {
            if let Some(first) = sockets.first().and_then(|socket| socket.local_addr().ok()) {
                wanted.set_port(first.port());
            }
            match listen(wanted, settings) {
                Ok(socket) => sockets.push(socket),
                // A name may stand for addresses of a family that the machine does not have.
                Err(error) if is_no_such_family(&error) => without_family = Some(error),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    return Err(BindError::InUse { name: name.into(), address: wanted.to_string() });
                }
                Err(error) => return Err(other(error)),
            }
        }
        match without_family {
            Some(error) if sockets.is_empty() => Err(other(error)),
            _ => Ok(Listener { name: name.into(), sockets }),
        }
    }

    /// The port, also when 0 was asked for.
    pub fn port(&self) -> u16 {
        self.sockets.first().and_then(|socket| socket.local_addr().ok()).map_or(0, |address| address.port())
    }
}

/// IPv6 is off for the interfaces, or the kernel has none.
fn is_no_such_family(error: &io::Error) -> bool {
    let without = rustix::io::Errno::AFNOSUPPORT.raw_os_error();
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(without)
}

fn listen(address: SocketAddr, settings: &SocketSettings) -> io::Result<TcpListener> {
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
    socket.listen(settings.backlog.unwrap_or(BACKLOG))?;
    TcpListener::from_std(socket.into())
}

/// All listeners of one broker and their connections.
pub struct Server {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

/// What the server needs from the settings and the rest of the broker.
pub struct ServerParts {
    pub router: Arc<Router>,
    pub limits: Arc<ConnectionLimits>,
    pub admission: Admission,
    pub clock: Arc<dyn Clock>,
    pub metrics: Arc<Metrics>,
    pub frame_bytes_max: usize,
    pub idle_max: Duration,
    /// Bytes of requests that one connection may have unanswered before it is read no further.
    pub inflight_bytes_max: u64,
    /// Threads that run connections.
    pub event_loops: usize,
}

impl Server {
    pub fn start(listeners: Vec<Listener>, parts: ServerParts) -> io::Result<Server> {
        let loops = Arc::new(Loops::start(parts.event_loops)?);
        let (stop, stopping) = watch::channel(false);
        let shared = Arc::new(Shared {
            router: parts.router,
            admission: parts.admission,
            clock: parts.clock,
            frame_bytes_max: parts.frame_bytes_max,
            idle_max: parts.idle_max,
            inflight_bytes_max: parts.inflight_bytes_max.max(1),
            stopping,
        });
        let mut tasks = JoinSet::new();
        for listener in listeners {
            for socket in listener.sockets {
                let accept = Accept {
                    name: listener.name.clone(),
                    shared: shared.clone(),
                    limits: parts.limits.clone(),
                    metrics: parts.metrics.clone(),
                    loops: loops.clone(),
                };
                tasks.spawn(accept.run(socket));
            }
        }
        Ok(Server { stop, tasks })
    }

    /// No new connections, no new requests; what was accepted is answered. Returns when every connection is gone.
    pub async fn drain(mut self) {
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

struct Accept {
    name: Arc<str>,
    shared: Arc<Shared>,
    limits: Arc<ConnectionLimits>,
    metrics: Arc<Metrics>,
    loops: Arc<Loops>,
}

impl Accept {
    async fn run(self, listener: TcpListener) {
        let mut stopping = self.shared.stopping.clone();
        let mut connections = JoinSet::new();
        let mut paced = true;
        let mut seldom = Seldom::default();
        loop {
            if !paced {
                let wait = self.limits.pace(self.shared.clock.monotonic());
                paced = wait.is_none();
                if let Some(wait) = wait {
                    tokio::select! {
                        () = async { let _ = stopping.wait_for(|stop| *stop).await; } => break,
                        () = tokio::time::sleep(wait) => continue,
                    }
                }
            }
            tokio::select! {
                () = async { let _ = stopping.wait_for(|stop| *stop).await; } => break,
                Some(_) = connections.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((socket, from)) => {
                        self.admit(socket, from, &mut connections, &mut seldom);
                        paced = false;
                    }
                    Err(error) => {
                        // Out of descriptors, mostly: existing connections go on, new ones wait.
                        if seldom.is_due() {
                            tracing::warn!(listener = %self.name, %error, "cannot accept a connection");
                        }
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                },
            }
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    }

    fn admit(&self, socket: TcpStream, from: SocketAddr, connections: &mut JoinSet<()>, seldom: &mut Seldom) {
        let place = match self.limits.take(from.ip()) {
            Ok(place) => place,
            Err(refusal) => {
                self.metrics.connections_refused.with_label_values(&[refusal.label()]).inc();
                if seldom.is_due() {
                    tracing::warn!(listener = %self.name, %from, "connection refused: {refusal}");
                }
                return;
            }
        };
        let (socket, local) = match configure(socket) {
            Ok(configured) => configured,
            Err(error) => {
                tracing::debug!(listener = %self.name, %from, %error, "the connection was gone before it began");
                return;
            }
        };
        self.metrics.connections_accepted.inc();
        self.metrics.connections.inc();
        let client = Arc::new(Client::new(self.name.clone(), from, local));
        let (shared, metrics) = (self.shared.clone(), self.metrics.clone());
        self.loops.spawn(connections, async move {
            let ended = match TcpStream::from_std(socket) {
                Ok(socket) => Connection::new(socket, client.clone(), shared, place).serve().await,
                Err(error) => Ended::Io(error),
            };
            metrics.connections.dec();
            report(&client, &ended);
        });
    }
}

/// Lines that clients could cause by the thousand are written once a second; the metrics count them all.
#[derive(Default)]
struct Seldom {
    told_at: Option<Instant>,
}

impl Seldom {
    fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let is_due = self.told_at.is_none_or(|told_at| now - told_at >= Duration::from_secs(1));
        if is_due {
            self.told_at = Some(now);
        }
        is_due
    }
}

/// The socket of no event loop yet, and its own address.
fn configure(socket: TcpStream) -> io::Result<(std::net::TcpStream, SocketAddr)> {
    socket.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(120));
    socket2::SockRef::from(&socket).set_tcp_keepalive(&keepalive)?;
    let local = socket.local_addr()?;
    Ok((socket.into_std()?, local))
}

/// One line where the client did something wrong, none where it just went away.
fn report(client: &Client, ended: &Ended) {
    let (listener, from) = (&client.listener, client.address);
    match ended {
        Ended::Frame(_) | Ended::Request(_) | Ended::NotReading | Ended::TooSlow => {
            tracing::warn!(%listener, %from, client_id = client.client_id().as_deref(), "connection closed: {ended}");
        }
        Ended::ByClient | Ended::Idle | Ended::Stopping | Ended::Io(_) => {
            tracing::debug!(%listener, %from, "connection closed: {ended}");
        }
    }
}
