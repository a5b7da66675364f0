//! Connections of the HTTP listener: from every address, few at once, and none for longer than a request takes. Past the
//! most, who comes takes the place of who has waited longest without asking: connections that say nothing shut nobody out.
use crate::net::Seldom;
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::{Instant, Sleep, sleep},
};

/// What holds for the connections of the pages.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub connections_max: usize,
    /// From the end of one answer, or the connection's begin, to the first byte of the next answer; and from there to its end.
    pub request_time_max: Duration,
}

/// Listening sockets as one.
pub struct Sockets {
    sockets: Vec<TcpListener>,
    places: Arc<Semaphore>,
    askers: Arc<Mutex<Askers>>,
    limits: Limits,
    refused: Seldom,
}

impl Sockets {
    pub fn new(sockets: Vec<TcpListener>, limits: Limits) -> Sockets {
        let places = Arc::new(Semaphore::new(limits.connections_max));
        Sockets { sockets, places, askers: Arc::default(), limits, refused: Seldom::default() }
    }

    /// A place for one who came; `None` when all are taken by those who take an answer, or may ask again after one.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            return Some(place);
        }
        if !self.askers.lock().push_out() {
            return None;
        }
        // It goes as soon as it is told.
        self.places.clone().acquire_owned().await.ok()
    }

    async fn accept_any(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        let accepted = poll_fn(|task| {
            let ready = self.sockets.iter().map(|socket| socket.poll_accept(task)).find(Poll::is_ready);
            ready.unwrap_or(Poll::Pending)
        })
        .await;
        // The one that was asked first is asked last from now on, so that none starves.
        self.sockets.rotate_left(1);
        accepted
    }
}

impl axum::serve::Listener for Sockets {
    type Io = Timed;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Timed, SocketAddr) {
        loop {
            let (socket, from) = match self.accept_any().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors, mostly.
                    if self.refused.is_due() {
                        tracing::warn!(%error, "cannot accept a connection to the HTTP listener");
                    }
                    sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            match self.place().await {
                Some(place) => {
                    return (Timed::new(socket, self.limits.request_time_max, self.askers.clone(), place), from);
                }
                None if self.refused.is_due() => {
                    let most = self.limits.connections_max;
                    tracing::warn!(%from, "HTTP connection refused: there are {most}, the most that may be");
                }
                None => {}
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.sockets.first().ok_or(io::ErrorKind::NotConnected)?.local_addr()
    }
}

/// Connections whose request is not yet whole, by when they began to wait for it.
#[derive(Default)]
struct Askers {
    next: u64,
    waiting: BTreeMap<u64, oneshot::Sender<()>>,
}

impl Askers {
    fn enter(&mut self) -> Asking {
        let (push_out, pushed_out) = oneshot::channel();
        let number = self.next;
        self.next += 1;
        self.waiting.insert(number, push_out);
        Asking { number, pushed_out }
    }

    /// Tells the one that has waited longest to go; false when nobody waits.
    fn push_out(&mut self) -> bool {
        // It hears that its sender is gone.
        self.waiting.pop_first().is_some()
    }
}

/// One of the [`Askers`].
struct Asking {
    number: u64,
    pushed_out: oneshot::Receiver<()>,
}

/// A connection whose client must ask, and take the answer, in time.
pub struct Timed {
    socket: TcpStream,
    time_max: Duration,
    deadline: Pin<Box<Sleep>>,
    askers: Arc<Mutex<Askers>>,
    /// `None` when bytes of an answer were written, and none of a request were read since.
    asking: Option<Asking>,
    _place: OwnedSemaphorePermit,
}

impl Timed {
    fn new(socket: TcpStream, time_max: Duration, askers: Arc<Mutex<Askers>>, place: OwnedSemaphorePermit) -> Timed {
        let asking = Some(askers.lock().enter());
        Timed { socket, time_max, deadline: Box::pin(sleep(time_max)), askers, asking, _place: place }
    }

    fn check(&mut self, task: &mut Context<'_>) -> io::Result<()> {
        if let Some(asking) = &mut self.asking
            && Pin::new(&mut asking.pushed_out).poll(task).is_ready()
        {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        match self.deadline.as_mut().poll(task) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }

    /// The time of an answer begins with its first byte, however slowly the rest is taken.
    fn wrote(&mut self, bytes: usize) {
        if bytes > 0 && self.leave() {
            let deadline = Instant::now() + self.time_max;
            self.deadline.as_mut().reset(deadline);
        }
    }

    /// It no longer waits for a request; false when it did not before.
    fn leave(&mut self) -> bool {
        let Some(asking) = self.asking.take() else { return false };
        self.askers.lock().waiting.remove(&asking.number);
        true
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        self.leave();
    }
}

impl AsyncRead for Timed {
    fn poll_read(mut self: Pin<&mut Self>, task: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check(task)?;
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(task, buffer))?;
        if self.asking.is_none() && buffer.filled().len() > before {
            let asking = self.askers.lock().enter();
            self.asking = Some(asking);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Timed {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check(task)?;
        let written = ready!(Pin::new(&mut self.socket).poll_write(task, bytes))?;
        self.wrote(written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(task)?;
        let written = ready!(Pin::new(&mut self.socket).poll_write_vectored(task, pieces))?;
        self.wrote(written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(task)
    }
}
