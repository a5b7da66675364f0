//! The HTTP listener: /metrics, /healthz, /readyz.
mod sockets;
#[cfg(test)]
mod tests;

use crate::net::{ListenError, SocketSettings, listen};
use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
    serve::Listener as _,
};
use sockets::{Limits, Sockets};
use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

/// What the pages are made from; the broker gives it.
pub trait Pages: Send + Sync + 'static {
    /// The Prometheus exposition text.
    fn metrics(&self) -> Vec<u8>;
    /// `None` while everything works; else what does not. A process that answers at all is alive.
    fn unhealthy(&self) -> Option<String>;
    /// `None` once clients are served; else why they are not.
    fn not_ready(&self) -> Option<String>;
}

/// The HTTP listener cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("ottla.http.listen: {0}. Choose another address with --override ottla.http.listen=HOST:PORT, or off")]
pub struct HttpBindError(#[from] ListenError);

/// A scraper, probes and a few who look: each asks for a page of some hundred kilobytes at the most.
const LIMITS: Limits = Limits { connections_max: 64, request_time_max: Duration::from_secs(30) };

/// A bound HTTP listener.
pub struct Http {
    sockets: Sockets,
}

impl Http {
    /// Binds every address that `host` stands for, as Kafka listeners do; port 0 takes a free one.
    pub fn bind(host: &str, port: u16) -> Result<Http, HttpBindError> {
        Http::bind_within(host, port, LIMITS)
    }

    fn bind_within(host: &str, port: u16, limits: Limits) -> Result<Http, HttpBindError> {
        Ok(Http { sockets: Sockets::new(listen(host, port, &SocketSettings::default())?, limits) })
    }

    /// The first of its addresses.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.sockets.local_addr()
    }

    /// Serves until `stop` completes.
    pub async fn serve(self, pages: Arc<dyn Pages>, stop: impl Future<Output = ()> + Send + 'static) {
        let router = Router::new()
            .route("/metrics", get(metrics))
            .route("/healthz", get(healthz))
            .route("/readyz", get(readyz))
            .with_state(pages);
        let serving = axum::serve(self.sockets, router);
        tokio::select! {
            served = serving => {
                if let Err(error) = served {
                    tracing::error!(%error, "the HTTP listener ended");
                }
            }
            () = stop => {}
        }
    }
}

async fn metrics(State(pages): State<Arc<dyn Pages>>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], pages.metrics()).into_response()
}

async fn healthz(State(pages): State<Arc<dyn Pages>>) -> Response {
    state(pages.unhealthy())
}

async fn readyz(State(pages): State<Arc<dyn Pages>>) -> Response {
    state(pages.not_ready())
}

fn state(fault: Option<String>) -> Response {
    match fault {
        None => (StatusCode::OK, "ok\n").into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}
