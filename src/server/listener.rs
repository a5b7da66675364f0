//! Binds Kafka listeners, accepts connections within the limits and runs each as a task.
use super::{
    Admission, ConnectionLimits,
    connection::{Connection, Ended, Shared},
    loops::Loops,
};
use crate::{
    api::{Connection as Client, Router},
    metrics::Metrics,
    net::{ListenError, Seldom, SocketSettings, listen, window_only},
    platform::Clock,
};
use socket2::TcpKeepalive;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// A listener cannot be opened; the text says how to get out of it.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error(
        "listener {name}: {address} is in use: another broker runs there. Stop it, or choose another port with --override listeners={name}://HOST:PORT"
    )]
    InUse { name: String, address: String },
    #[error("listener {name}: {error}")]
    Other { name: String, error: ListenError },
}

/// One bound listener: all its addresses share the name and the port.
pub struct Listener {
    pub name: Arc<str>,
    sockets: Vec<TcpListener>,
}

impl Listener {
    /// Binds every address that `host` stands for.
    pub fn bind(name: &str, host: &str, port: u16, settings: &SocketSettings) -> Result<Listener, BindError> {
        let sockets = listen(host, port, settings).map_err(|error| match error {
            ListenError::InUse { address } => BindError::InUse { name: name.into(), address },
            error => BindError::Other { name: name.into(), error },
        })?;
        Ok(Listener { name: name.into(), sockets })
    }

    /// The port, also when 0 was asked for.
    pub fn port(&self) -> u16 {
        self.sockets.first().and_then(|socket| socket.local_addr().ok()).map_or(0, |address| address.port())
    }
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
        let (socket, local) = match configure(socket, from) {
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

/// The socket of no event loop yet, and its own address.
fn configure(socket: TcpStream, from: SocketAddr) -> io::Result<(std::net::TcpStream, SocketAddr)> {
    socket.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(120));
    socket2::SockRef::from(&socket).set_tcp_keepalive(&keepalive)?;
    let local = socket.local_addr()?;
    if from.ip() == local.ip() {
        window_only(&socket);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_within_the_machine_are_not_paced() {
        // The system's own would do as well where it is this one.
        for host in ["127.0.0.1", ""] {
            let listener = listen(host, 0, &SocketSettings::default()).unwrap().remove(0);
            let port = listener.local_addr().unwrap().port();
            let _client = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let (socket, from) = listener.accept().await.unwrap();
            let (socket, local) = configure(socket, from).unwrap();
            assert_eq!(rustix::net::sockopt::tcp_congestion(&socket).unwrap(), "reno", "{host:?}: {from} to {local}");
        }
    }
}
