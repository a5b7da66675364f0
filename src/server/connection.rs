//! One client connection: requests in, answers out in the same order, everything in one task (NET-4).
use super::{
    Admission, Ticket,
    limits::Place,
    pending::{Pending, Queue, Wait},
};
use crate::{
    api::{self, Closing, Connection as Client, Response, Router},
    log::wal::HeldCommits,
    net::{FrameError, FrameReader, Outgoing, Piece, Written, warm},
    platform::Clock,
};
use std::{
    future::Future,
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    sync::watch,
    task::JoinHandle,
    time::{Instant, Sleep},
};

/// Answers that may wait at a time; a client that pipelines more is read no further until some have left.
const PENDING_MAX: usize = 128;
/// Bytes of answers that may wait for a slow reader before its next request is read.
const OUTGOING_BYTES_MAX: usize = 1 << 20;
/// Bytes of requests that may wait for records, behind which nothing is read: the partitions of a long Fetch take some twenty times what
/// they took in the request. Apache Kafka reads nothing behind any.
const WAITING_BYTES_MAX: u64 = 64 << 10;
/// Requests handled in one go before other connections get their turn,
const BURST_MAX: usize = 64;
/// and how long they may take before it is over.
const BURST_TIME_MAX: Duration = Duration::from_millis(1);
/// How often waiting writes are looked at for their timeouts.
const SOON: Duration = Duration::from_millis(100);
/// How long a large request may take to arrive while it holds more than the budget has and others wait for it.
const BEYOND_MS_MAX: u64 = 10_000;
/// How long answers may still take to leave once the broker stops.
const DRAIN_MS_MAX: u64 = 400;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error("closed by the client")]
    ByClient,
    #[error("idle for longer than connections.max.idle.ms")]
    Idle,
    #[error("its answers were not read for longer than connections.max.idle.ms")]
    NotReading,
    #[error("the memory for requests is full and this one took more than {BEYOND_MS_MAX} ms to arrive")]
    TooSlow,
    #[error("the broker is stopping")]
    Stopping,
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Request(#[from] Closing),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Requests of one connection that are handled in one go.
#[derive(Default)]
struct Burst {
    requests: usize,
    begun_at: Option<Duration>,
    time: Duration,
}

impl Burst {
    fn handled(&mut self, begun_at: Duration, handled_at: Duration) {
        self.requests += 1;
        self.time = handled_at.saturating_sub(*self.begun_at.get_or_insert(begun_at));
    }

    /// Others have their turn now.
    fn is_over(&self) -> bool {
        self.requests >= BURST_MAX || self.time >= BURST_TIME_MAX
    }
}

/// What all connections of a listener share.
pub(super) struct Shared {
    pub router: Arc<Router>,
    pub admission: Admission,
    pub clock: Arc<dyn Clock>,
    pub frame_bytes_max: usize,
    pub idle_max: Duration,
    /// `ottla.connection.inflight.max.bytes`.
    pub inflight_bytes_max: u64,
    pub stopping: watch::Receiver<bool>,
}

type Admitting = Pin<Box<dyn Future<Output = Ticket> + Send>>;

pub(super) struct Connection {
    socket: TcpStream,
    client: Arc<Client>,
    shared: Arc<Shared>,
    frames: FrameReader,
    pending: Queue,
    outgoing: Outgoing,
    warming: Option<JoinHandle<io::Result<()>>>,
    admitting: Option<Admitting>,
    /// What the request that arrives may hold.
    ticket: Ticket,
    /// Until when it must be there, while it holds more than the budget has.
    beyond_until: Option<Instant>,
    /// Fires when the connection may have been idle for too long, or soon while writes wait (their timeouts).
    alarm: Pin<Box<Sleep>>,
    alarm_is_soon: bool,
    active_at: Instant,
    /// The client sends nothing more; what it sent is still answered, as Kafka does.
    is_half_closed: bool,
    _place: Place,
}

impl Connection {
    pub(super) fn new(socket: TcpStream, client: Arc<Client>, shared: Arc<Shared>, place: Place) -> Connection {
        let now = Instant::now();
        Connection {
            frames: FrameReader::new(shared.frame_bytes_max),
            alarm: Box::pin(tokio::time::sleep_until(now + shared.idle_max)),
            alarm_is_soon: false,
            socket,
            client,
            shared,
            pending: Queue::default(),
            outgoing: Outgoing::default(),
            warming: None,
            admitting: None,
            ticket: Ticket::default(),
            beyond_until: None,
            active_at: now,
            is_half_closed: false,
            _place: place,
        }
    }

    /// Serves until either side ends the connection.
    pub(super) async fn serve(mut self) -> Ended {
        let mut stopping = self.shared.stopping.clone();
        let ended = {
            let stopped = stopping.wait_for(|stop| *stop);
            tokio::pin!(stopped);
            std::future::poll_fn(|cx| {
                if stopped.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Ended::Stopping);
                }
                self.poll(cx)
            })
            .await
        };
        match ended {
            Ended::Stopping => {
                let drain = std::future::poll_fn(|cx| self.poll_drained(cx));
                let _ = tokio::time::timeout(Duration::from_millis(DRAIN_MS_MAX), drain).await;
            }
            // Answers to what came before the bad request still leave, as far as the socket takes them.
            Ended::Request(_) | Ended::Frame(_) => {
                if matches!(ended, Ended::Frame(FrameError::Http)) {
                    self.outgoing.tail().extend_from_slice(
                        b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\nThis is a Kafka listener, not HTTP. Metrics and health are served on ottla.http.listen.\n",
                    );
                }
                let _ = self.outgoing.write(&self.socket);
            }
            _ => {}
        }
        ended
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        match self.poll_serve(cx) {
            Poll::Ready(Err(ended)) => Poll::Ready(ended),
            Poll::Ready(Ok(never)) => match never {},
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_serve(&mut self, cx: &mut Context<'_>) -> Poll<Result<std::convert::Infallible, Ended>> {
        let mut burst = Burst::default();
        loop {
            let answered = self.collect(cx)?;
            self.poll_write(cx)?;
            let handled = self.handle_frames(cx, &mut burst)?;
            if burst.is_over() {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if handled > 0 || answered > 0 {
                continue;
            }
            if self.is_half_closed && self.pending.is_empty() && self.outgoing.is_empty() {
                return Poll::Ready(Err(Ended::ByClient));
            }
            // A frame that must wait for the writes before it waits alone: nothing more is read behind it.
            let reading = if !self.is_half_closed
                && self.may_read()
                && !self.frames.has_frame()
                && self.poll_admitted(cx).is_ready()
            {
                self.poll_read(cx)
            } else {
                Poll::Pending
            };
            match reading {
                Poll::Ready(read) => read?,
                Poll::Pending => {
                    self.frames.rest();
                    self.outgoing.rest();
                    ready!(self.poll_alarm(cx))?;
                }
            }
        }
    }

    /// Moves answers that are there, from the oldest on, to the outgoing queue.
    fn collect(&mut self, cx: &mut Context<'_>) -> Result<usize, Ended> {
        let (mut collected, mut collected_at) = (0, None);
        self.pending.do_held(cx);
        while let Some((pending, response)) = self.pending.pop(cx) {
            let bytes_before = self.outgoing.bytes();
            match response {
                Response::Frame(frame) => self.outgoing.push(Piece::Memory(frame)),
                Response::Pieces(pieces) => pieces.into_iter().for_each(|piece| self.outgoing.push(piece)),
                Response::Nothing => {}
                Response::Close(why) => return Err(why.into()),
            }
            if let Some(metrics) = pending.metrics {
                metrics.response_bytes.inc_by((self.outgoing.bytes() - bytes_before) as u64);
                // Read once for all that leave together: a clock is not free where that is a hundred thousand times a second.
                let now = *collected_at.get_or_insert_with(|| self.shared.clock.monotonic());
                let waited = now.saturating_sub(pending.handled_at);
                metrics.wait_seconds.observe(waited.as_secs_f64());
            }
            collected += 1;
        }
        Ok(collected)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<(), Ended> {
        while !self.outgoing.is_empty() {
            if let Some(warming) = &mut self.warming {
                let Poll::Ready(read) = Pin::new(warming).poll(cx) else { return Ok(()) };
                self.warming = None;
                read.map_err(io::Error::other)??;
                self.outgoing.warmed();
            }
            match self.outgoing.write(&self.socket)? {
                Written::All => break,
                Written::Full => match self.socket.poll_write_ready(cx) {
                    Poll::Ready(ready) => ready?,
                    Poll::Pending => return Ok(()),
                },
                Written::Cold => {
                    if let Some(range) = self.outgoing.cold_range() {
                        self.warming = Some(tokio::task::spawn_blocking(move || warm(&range)));
                    }
                }
            }
            self.active_at = Instant::now();
        }
        Ok(())
    }

    /// Handles whole frames that have arrived. What a request does is done here, in the order of arrival.
    fn handle_frames(&mut self, cx: &mut Context<'_>, burst: &mut Burst) -> Result<usize, Ended> {
        let (mut handled, mut handled_before) = (0, None);
        let _held = HeldCommits::begin();
        while !burst.is_over() && self.may_read() {
            if self.pending.is_held() {
                break;
            }
            if self.pending.writes() > 0 && self.frames.next_key().is_some_and(api::reads_records) {
                break;
            }
            let Some(frame) = self.frames.take()? else { break };
            let begun_at = handled_before.unwrap_or_else(|| self.shared.clock.monotonic());
            let request_bytes = frame.len() as u64;
            let routed = self.shared.router.route(&self.client, frame);
            let wait = Wait::of(routed.reply, cx);
            let handled_at = self.shared.clock.monotonic();
            handled_before = Some(handled_at);
            if let Some(metrics) = &routed.metrics {
                metrics.request_bytes.inc_by(request_bytes);
                metrics.local_seconds.observe(handled_at.saturating_sub(begun_at).as_secs_f64());
            }
            let writes = routed.writes && !wait.is_ready();
            self.pending.push(Pending { wait, writes, metrics: routed.metrics, handled_at, request_bytes });
            if self.ticket.covers(1) {
                self.ticket = Ticket::default();
                self.beyond_until = None;
            }
            burst.handled(begun_at, handled_at);
            handled += 1;
        }
        Ok(handled)
    }

    fn may_read(&self) -> bool {
        self.pending.len() < PENDING_MAX
            && self.pending.request_bytes() < self.shared.inflight_bytes_max
            && self.pending.waiting_bytes() < WAITING_BYTES_MAX
            && self.outgoing.bytes() + self.pending.ready_bytes() < OUTGOING_BYTES_MAX
    }

    /// A large frame that has begun to arrive waits here for its share of the memory for requests.
    fn poll_admitted(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let bytes = self.frames.bytes_after_read();
        while bytes > Admission::SMALL_BYTES && !self.ticket.covers(bytes) {
            let (admission, ticket) = (&self.shared.admission, &mut self.ticket);
            let admitting =
                self.admitting.get_or_insert_with(|| Box::pin(admission.clone().admit(std::mem::take(ticket), bytes)));
            self.ticket = ready!(admitting.as_mut().poll(cx));
            self.admitting = None;
            if self.ticket.is_beyond() {
                let until = Instant::now() + Duration::from_millis(BEYOND_MS_MAX);
                self.beyond_until = Some(until);
                self.alarm.as_mut().reset(until);
            }
        }
        Poll::Ready(())
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        // Not `try_read_buf`, which asks an emptied socket once more: this knows from a short read that it is empty.
        match ready!(pin!(self.socket.read_buf(self.frames.room())).poll(cx)) {
            Ok(0) => {
                self.is_half_closed = true;
                self.active_at = Instant::now();
                Poll::Ready(Ok(()))
            }
            Ok(bytes) => {
                self.frames.filled(bytes);
                self.active_at = Instant::now();
                Poll::Ready(Ok(()))
            }
            Err(error) => Poll::Ready(Err(error.into())),
        }
    }

    /// `Ready(Ok)`: look at the waiting answers again, their time may be over. A connection on which nothing moves and
    /// for which nothing is being done is closed after its time (NET-6), and so is one whose answers nobody reads
    /// (NET-5). A client that sends nothing more may be gone altogether: then its waiting requests go once that is known (NET-8).
    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        if (self.pending.writes() > 0 || self.is_half_closed) && !self.alarm_is_soon {
            self.alarm_is_soon = true;
            self.alarm.as_mut().reset(Instant::now() + SOON);
        }
        ready!(self.alarm.as_mut().poll(cx));
        let now = Instant::now();
        let due = self.active_at + self.shared.idle_max;
        if self.beyond_until.is_some_and(|until| until <= now) {
            return Poll::Ready(Err(Ended::TooSlow));
        }
        if due <= now && !self.outgoing.is_empty() && self.warming.is_none() {
            return Poll::Ready(Err(Ended::NotReading));
        }
        if self.is_half_closed {
            if due <= now {
                return Poll::Ready(Err(Ended::ByClient));
            }
            // Nothing is read any more that could tell of it.
            if let Some(error) = self.socket.take_error()? {
                return Poll::Ready(Err(error.into()));
            }
        }
        let is_quiet = self.pending.is_empty() && self.outgoing.is_empty() && self.admitting.is_none();
        if due <= now && is_quiet {
            return Poll::Ready(Err(Ended::Idle));
        }
        // Stays soon while the connection is in use, so that the timer is not set anew for every request.
        self.alarm_is_soon =
            self.pending.writes() > 0 || self.is_half_closed || (is_quiet && now - self.active_at < SOON);
        let next = if self.alarm_is_soon { now + SOON } else { due.max(now + SOON) };
        self.alarm.as_mut().reset(self.beyond_until.map_or(next, |until| next.min(until)));
        Poll::Ready(Ok(()))
    }

    /// While the broker stops: nothing more is read, what was accepted is answered.
    fn poll_drained(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.collect(cx) {
                Err(_) => return Poll::Ready(()),
                Ok(collected) => {
                    if self.poll_write(cx).is_err() {
                        return Poll::Ready(());
                    }
                    if self.pending.is_empty() && self.outgoing.is_empty() {
                        return Poll::Ready(());
                    }
                    if collected == 0 {
                        return Poll::Pending;
                    }
                }
            }
        }
    }
}
