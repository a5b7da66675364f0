//! What a handler may use: who asks, how, and the parts of the broker.
use super::Broker;
use crate::{metrics::ApiMetrics, types::ErrorCode, wire::Version};
use kafka_protocol::messages::ApiKey;
use parking_lot::Mutex;
use std::{net::SocketAddr, sync::Arc};

/// One client connection, as handlers see it.
pub struct Connection {
    /// The listener's name, `PLAINTEXT` by default: answers name endpoints of the same listener.
    pub listener: Arc<str>,
    pub address: SocketAddr,
    /// The broker's own end: where the client really reached us.
    pub local: SocketAddr,
    /// Guards what the client last said of itself; held for a copy only.
    said: Mutex<Said>,
}

#[derive(Default)]
struct Said {
    client_id: Option<Arc<str>>,
    software: Option<(String, String)>,
}

impl Connection {
    pub fn new(listener: Arc<str>, address: SocketAddr, local: SocketAddr) -> Connection {
        Connection { listener, address, local, said: Mutex::default() }
    }

    pub fn client_id(&self) -> Option<Arc<str>> {
        self.said.lock().client_id.clone()
    }

    /// Remembers the client id of the newest request; almost always the one it was.
    pub(super) fn note_client_id(&self, client_id: Option<&str>) -> Option<Arc<str>> {
        let mut said = self.said.lock();
        if said.client_id.as_deref() != client_id {
            said.client_id = client_id.map(Arc::from);
        }
        said.client_id.clone()
    }

    /// `client_software_name` and `_version` of ApiVersions (KIP-511).
    pub fn note_software(&self, name: &str, version: &str) {
        self.said.lock().software = Some((name.into(), version.into()));
    }

    pub fn software(&self) -> Option<(String, String)> {
        self.said.lock().software.clone()
    }
}

/// One request's surroundings. Cloned into answers that come later.
#[derive(Clone)]
pub struct Context {
    pub broker: Arc<Broker>,
    pub connection: Arc<Connection>,
    pub metrics: Arc<ApiMetrics>,
    pub client_id: Option<Arc<str>>,
    pub key: ApiKey,
    pub version: Version,
    pub correlation_id: i32,
}

impl Context {
    /// Counts an error that goes into the answer, and gives its code.
    pub fn error(&self, code: ErrorCode) -> i16 {
        if code.is_error() {
            self.metrics.error(code.name());
        }
        code.code()
    }
}
