//! The HTTP listener: /metrics, /healthz, /readyz.
use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use std::{future::Future, io, net::SocketAddr, sync::Arc};
use tokio::net::TcpListener;

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
#[error(
    "ottla.http.listen={address}: {error}. Choose another address with --override ottla.http.listen=HOST:PORT, or off"
)]
pub struct HttpBindError {
    address: String,
    error: io::Error,
}

/// A bound HTTP listener.
pub struct Http {
    listener: TcpListener,
}

impl Http {
    /// `address` is `host:port`; port 0 takes a free one.
    pub async fn bind(address: &str) -> Result<Http, HttpBindError> {
        let bound = TcpListener::bind(address).await;
        let listener = bound.map_err(|error| HttpBindError { address: address.into(), error })?;
        Ok(Http { listener })
    }

    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` completes.
    pub async fn serve(self, pages: Arc<dyn Pages>, stop: impl Future<Output = ()> + Send + 'static) {
        let router = Router::new()
            .route("/metrics", get(metrics))
            .route("/healthz", get(healthz))
            .route("/readyz", get(readyz))
            .with_state(pages);
        let serving = axum::serve(self.listener, router);
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

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    struct Fixed(Option<String>);

    impl Pages for Fixed {
        fn metrics(&self) -> Vec<u8> {
            b"ottla_test 1\n".to_vec()
        }
        fn unhealthy(&self) -> Option<String> {
            None
        }
        fn not_ready(&self) -> Option<String> {
            self.0.clone()
        }
    }

    async fn get(address: SocketAddr, path: &str) -> String {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn metrics_health_and_readiness_are_served() {
        let http = Http::bind("127.0.0.1:0").await.unwrap();
        let address = http.address().unwrap();
        tokio::spawn(http.serve(Arc::new(Fixed(Some("starting".into()))), std::future::pending()));
        assert!(get(address, "/metrics").await.ends_with("ottla_test 1\n"));
        assert!(get(address, "/healthz").await.starts_with("HTTP/1.1 200"));
        let ready = get(address, "/readyz").await;
        assert!(ready.starts_with("HTTP/1.1 503") && ready.ends_with("starting\n"), "{ready}");
        assert!(get(address, "/else").await.starts_with("HTTP/1.1 404"));
    }

    #[tokio::test]
    async fn an_address_in_use_is_told_with_the_way_out() {
        let http = Http::bind("127.0.0.1:0").await.unwrap();
        let address = http.address().unwrap().to_string();
        let error = Http::bind(&address).await.err().unwrap().to_string();
        assert!(error.contains("ottla.http.listen") && error.contains("off"), "{error}");
    }
}
