//! An outgoing Kafka connection: versions agreed once, typed requests, as many in flight as the caller likes.
use super::{BrokerAddress, ClientError, FrameError, FrameReader};
use crate::{
    types::ErrorCode,
    wire::{
        Decodable, Encodable, HeaderVersion, Request, StrBytes, Version, check_answer, codec_version,
        messages::{ApiKey, ApiVersionsRequest, RequestHeader},
        skip_header_tags,
    },
};
use bytes::{BufMut, Bytes, BytesMut};
use parking_lot::Mutex;
use std::{collections::BTreeMap, io, marker::PhantomData, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

/// How a connection behaves.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// Sent with every request; brokers show it in logs and quotas.
    pub client_id: String,
    pub connect_timeout: Duration,
    /// From handing a request over to its whole answer.
    pub request_timeout: Duration,
    /// An answer that claims more is not read.
    pub response_bytes_max: usize,
}

impl Default for ClientSettings {
    fn default() -> Self {
        ClientSettings {
            client_id: "ottla".to_owned(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            response_bytes_max: 128 << 20,
        }
    }
}

/// Frames that may wait for the socket before a sender has to wait too.
const FRAMES_QUEUED_MAX: usize = 16;

/// One connection to one broker. Requests may be sent from several tasks; answers find their sender by correlation
/// id. Dropping it closes the socket.
pub struct Client {
    address: BrokerAddress,
    settings: ClientSettings,
    frames: mpsc::Sender<Bytes>,
    shared: Arc<Shared>,
    /// API key to the versions the broker offers.
    versions: BTreeMap<i16, (Version, Version)>,
    tasks: [JoinHandle<()>; 2],
}

struct Shared {
    address: BrokerAddress,
    /// Guards who waits for which answer, and the error that ended the connection; held for a few instructions.
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    next_correlation_id: i32,
    answers: BTreeMap<i32, oneshot::Sender<Bytes>>,
    ended: Option<ClientError>,
}

/// An answer that is on its way.
pub struct Pending<R: Request> {
    answer: oneshot::Receiver<Bytes>,
    shared: Arc<Shared>,
    correlation_id: i32,
    api: ApiKey,
    version: Version,
    patience: Duration,
    request: PhantomData<fn() -> R>,
}

impl Client {
    /// Connects and agrees on versions (ApiVersions, with KIP-511's fallback to version 0).
    pub async fn open(address: &BrokerAddress, settings: &ClientSettings) -> Result<Client, ClientError> {
        let connect = TcpStream::connect((address.host.as_str(), address.port));
        let stream = match timeout(settings.connect_timeout, connect).await {
            Err(_) => return Err(ClientError::connect_timeout(address, settings.connect_timeout)),
            Ok(Err(error)) => return Err(ClientError::connect(address, &error)),
            Ok(Ok(stream)) => stream,
        };
        // Requests are written whole: waiting for more would only delay them.
        let _ = stream.set_nodelay(true);
        let (read, write) = stream.into_split();
        let shared = Arc::new(Shared { address: address.clone(), waiting: Mutex::default() });
        let (frames, queue) = mpsc::channel(FRAMES_QUEUED_MAX);
        let tasks = [
            tokio::spawn(read_answers(read, Arc::clone(&shared), settings.response_bytes_max)),
            tokio::spawn(write_frames(write, queue, Arc::clone(&shared))),
        ];
        let address = address.clone();
        let mut client =
            Client { address, settings: settings.clone(), frames, shared, versions: BTreeMap::new(), tasks };
        client.versions = client.ask_versions().await?;
        Ok(client)
    }

    /// The first of `addresses` that can be reached. When none can: the last one's error, which for a list of one is
    /// the only one.
    pub async fn open_any(addresses: &[BrokerAddress], settings: &ClientSettings) -> Result<Client, ClientError> {
        assert!(!addresses.is_empty(), "a bootstrap list has at least one address");
        let mut last = None;
        for address in addresses {
            match Client::open(address, settings).await {
                Ok(client) => return Ok(client),
                Err(error) => last = Some(error),
            }
        }
        Err(last.expect("at least one address was tried"))
    }

    pub fn address(&self) -> &BrokerAddress {
        &self.address
    }

    /// What the broker offers: API key, lowest and highest version.
    pub fn offered(&self) -> impl Iterator<Item = (i16, Version, Version)> + '_ {
        self.versions.iter().map(|(key, (min, max))| (*key, *min, *max))
    }

    /// The highest version of `R` that both sides speak.
    pub fn version_of<R: Request>(&self) -> Result<Version, ClientError> {
        self.version_up_to::<R>(R::VERSIONS.max)
    }

    /// The same, not above `ours_max`.
    pub fn version_up_to<R: Request>(&self, ours_max: Version) -> Result<Version, ClientError> {
        let (ours_min, ours_max) = (R::VERSIONS.min, ours_max.min(R::VERSIONS.max));
        let offered = self.versions.get(&R::KEY);
        match offered {
            Some((min, max)) if ours_max.min(*max) >= ours_min.max(*min) => Ok(ours_max.min(*max)),
            _ => Err(ClientError::Unsupported {
                address: self.address.clone(),
                api: key_of::<R>(),
                ours_min,
                ours_max,
                offered: offered.map_or("none".to_owned(), |(min, max)| format!("{min} to {max}")),
            }),
        }
    }

    /// Sends at the agreed version and waits for the answer.
    pub async fn ask<R: Request>(&self, request: &R) -> Result<R::Response, ClientError> {
        self.begin(request, self.version_of::<R>()?).await?.answer().await
    }

    /// Hands the request over and returns at once, so that more can follow before its answer is there. Requests leave
    /// in the order of these calls.
    pub async fn begin<R: Request>(&self, request: &R, version: Version) -> Result<Pending<R>, ClientError> {
        let place = self.frames.reserve().await.map_err(|_| self.shared.why_ended())?;
        let (sender, answer) = oneshot::channel();
        let correlation_id = self.shared.register(Some(sender))?;
        match self.encode(request, version, correlation_id) {
            Ok(frame) => place.send(frame),
            Err(error) => {
                self.shared.forget(correlation_id);
                return Err(error);
            }
        }
        let (shared, api, patience) = (Arc::clone(&self.shared), key_of::<R>(), self.settings.request_timeout);
        Ok(Pending { answer, shared, correlation_id, api, version, patience, request: PhantomData })
    }

    /// Hands over a request that gets no answer: Produce with `acks=0`.
    pub async fn tell<R: Request>(&self, request: &R, version: Version) -> Result<(), ClientError> {
        let place = self.frames.reserve().await.map_err(|_| self.shared.why_ended())?;
        let correlation_id = self.shared.register(None)?;
        place.send(self.encode(request, version, correlation_id)?);
        Ok(())
    }

    fn encode<R: Request>(&self, request: &R, version: Version, correlation_id: i32) -> Result<Bytes, ClientError> {
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(correlation_id)
            .with_client_id(Some(StrBytes::from_string(self.settings.client_id.clone())));
        let fail = |reason: String| ClientError::NotEncodable { api: key_of::<R>(), version, reason };
        let key = key_of::<R>();
        let body_version = codec_version(key, version);
        let mut frame = BytesMut::with_capacity(256);
        frame.put_i32(0);
        header.encode(&mut frame, R::header_version(version)).map_err(|error| fail(error.to_string()))?;
        request.encode(&mut frame, body_version).map_err(|error| fail(error.to_string()))?;
        let length = i32::try_from(frame.len() - 4).map_err(|_| fail("larger than 2 GiB".to_owned()))?;
        frame[..4].copy_from_slice(&length.to_be_bytes());
        Ok(frame.freeze())
    }

    async fn ask_versions(&self) -> Result<BTreeMap<i16, (Version, Version)>, ClientError> {
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("ottla"))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        let mut answer = self.begin(&request, 4).await?.answer().await?;
        if answer.error_code == ErrorCode::UnsupportedVersion.code() {
            answer = self.begin(&ApiVersionsRequest::default(), 0).await?.answer().await?;
        }
        if answer.error_code != 0 {
            let code = ErrorCode::from_wire(answer.error_code)
                .map_or_else(|| format!("error {}", answer.error_code), |code| code.to_string());
            return Err(ClientError::VersionsRefused { address: self.address.clone(), code });
        }
        Ok(answer.api_keys.iter().map(|api| (api.api_key, (api.min_version, api.max_version))).collect())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl<R: Request> Pending<R> {
    /// For requests that a broker holds back on purpose: waits so much longer than for others.
    pub fn held_back(mut self, up_to: Duration) -> Pending<R> {
        self.patience += up_to;
        self
    }

    /// Waits for the answer, at most the connection's request timeout.
    pub async fn answer(mut self) -> Result<R::Response, ClientError> {
        match timeout(self.patience, &mut self.answer).await {
            Ok(Ok(body)) => self.decode(body),
            Ok(Err(_)) => Err(self.shared.why_ended()),
            Err(_) => {
                let address = self.shared.address.clone();
                Err(ClientError::Timeout { address, api: self.api, waited: self.patience })
            }
        }
    }

    fn decode(&self, mut body: Bytes) -> Result<R::Response, ClientError> {
        // A broker that does not know our ApiVersions answers at version 0, whatever was asked (KIP-511).
        let refused = ErrorCode::UnsupportedVersion.code().to_be_bytes();
        let version = match R::KEY == ApiKey::ApiVersions as i16 && body.starts_with(&refused) {
            true => 0,
            false => self.version,
        };
        let fail = |reason: String| ClientError::Undecodable {
            address: self.shared.address.clone(),
            api: self.api,
            version,
            reason,
        };
        if <R::Response as HeaderVersion>::header_version(version) >= 1 {
            skip_header_tags(&mut body).ok_or_else(|| fail("broken header".to_owned()))?;
        }
        check_answer(self.api, version, &body).map_err(|error| fail(error.to_string()))?;
        R::Response::decode(&mut body, codec_version(self.api, version)).map_err(|error| fail(error.to_string()))
    }
}

impl<R: Request> Drop for Pending<R> {
    fn drop(&mut self) {
        self.shared.forget(self.correlation_id);
    }
}

impl Shared {
    fn register(&self, sender: Option<oneshot::Sender<Bytes>>) -> Result<i32, ClientError> {
        let mut waiting = self.waiting.lock();
        if let Some(error) = &waiting.ended {
            return Err(error.clone());
        }
        let correlation_id = waiting.next_correlation_id;
        waiting.next_correlation_id = correlation_id.wrapping_add(1) & i32::MAX;
        if let Some(sender) = sender {
            waiting.answers.insert(correlation_id, sender);
        }
        Ok(correlation_id)
    }

    fn forget(&self, correlation_id: i32) {
        self.waiting.lock().answers.remove(&correlation_id);
    }

    /// The first error stays: what follows it is its consequence. Whoever waits for an answer wakes.
    fn end(&self, error: ClientError) {
        let mut waiting = self.waiting.lock();
        waiting.ended.get_or_insert(error);
        waiting.answers.clear();
    }

    fn why_ended(&self) -> ClientError {
        let ended = self.waiting.lock().ended.clone();
        ended.unwrap_or_else(|| self.closed("it was dropped".to_owned()))
    }

    fn closed(&self, reason: String) -> ClientError {
        ClientError::Closed { address: self.address.clone(), reason }
    }
}

async fn write_frames(mut socket: OwnedWriteHalf, mut queue: mpsc::Receiver<Bytes>, shared: Arc<Shared>) {
    while let Some(frame) = queue.recv().await {
        if let Err(error) = socket.write_all(&frame).await {
            // The reader often knows the better reason: give it the word first.
            tokio::task::yield_now().await;
            shared.end(shared.closed(error.to_string()));
            return;
        }
    }
    let _ = socket.shutdown().await;
}

async fn read_answers(mut socket: OwnedReadHalf, shared: Arc<Shared>, response_bytes_max: usize) {
    let mut frames = FrameReader::new(response_bytes_max);
    let mut answered = false;
    let error = loop {
        match frames.take() {
            Ok(Some(mut frame)) => match deliver(&mut frame, &shared) {
                Ok(()) => answered = true,
                Err(error) => break error,
            },
            Ok(None) => match socket.read_buf(frames.room()).await {
                Ok(0) if answered => break shared.closed("it may be stopping; try again".to_owned()),
                Ok(0) => break shared.closed("is this really a plaintext Kafka listener?".to_owned()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break shared.closed(error.to_string()),
            },
            Err(error) => break frame_error(&shared.address, error),
        }
    };
    shared.end(error);
}

/// Gives one answer to whoever waits for it; nobody may, after a timeout.
fn deliver(frame: &mut Bytes, shared: &Shared) -> Result<(), ClientError> {
    let Some(head) = frame.first_chunk::<4>() else {
        return Err(shared.closed("an answer without a correlation id came".to_owned()));
    };
    let correlation_id = i32::from_be_bytes(*head);
    let body = frame.split_off(4);
    let mut waiting = shared.waiting.lock();
    if correlation_id < 0 || correlation_id >= waiting.next_correlation_id {
        return Err(shared.closed(format!("an answer to a request never sent came ({correlation_id})")));
    }
    if let Some(sender) = waiting.answers.remove(&correlation_id) {
        let _ = sender.send(body);
    }
    Ok(())
}

fn frame_error(address: &BrokerAddress, error: FrameError) -> ClientError {
    let address = address.clone();
    let what = match error {
        FrameError::TooLarge { length, limit } => match (length as u32).to_be_bytes() {
            [b'H', b'T', b'T', b'P'] => "it speaks HTTP; use the port of a Kafka listener",
            [0x15, 0x03, ..] => "it expects TLS; use a PLAINTEXT listener",
            _ => return ClientError::TooLarge { address, length, limit },
        },
        FrameError::Tls => "it expects TLS; use a PLAINTEXT listener",
        FrameError::Http => "it speaks HTTP; use the port of a Kafka listener",
        FrameError::Negative { .. } => "its answers are no Kafka frames",
    };
    ClientError::NotKafka { address, what }
}

/// Every request type names an API of the crate's own list.
fn key_of<R: Request>() -> ApiKey {
    ApiKey::try_from(R::KEY).expect("a request has the key of an API")
}

#[cfg(test)]
mod tests;
