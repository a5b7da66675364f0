//! The pages over real sockets: where they are served, how many ask at once, how long one may take.
use super::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

/// More than the buffers of two sockets take.
const LARGE_BYTES: usize = 64 << 20;
/// Longer than anything takes that is not stuck.
const STUCK: Duration = Duration::from_secs(20);

struct Fixed {
    not_ready: Option<String>,
    metrics: Vec<u8>,
}

impl Pages for Fixed {
    fn metrics(&self) -> Vec<u8> {
        self.metrics.clone()
    }
    fn unhealthy(&self) -> Option<String> {
        None
    }
    fn not_ready(&self) -> Option<String> {
        self.not_ready.clone()
    }
}

/// Serves a page of so many bytes; where.
fn served(host: &str, limits: Limits, metrics: Vec<u8>) -> SocketAddr {
    let http = Http::bind_within(host, 0, limits).unwrap();
    let address = http.address().unwrap();
    let pages = Fixed { not_ready: Some("starting".into()), metrics };
    tokio::spawn(http.serve(Arc::new(pages), std::future::pending()));
    address
}

fn within(connections_max: usize, time_ms: u64) -> Limits {
    Limits { connections_max, request_time_max: Duration::from_millis(time_ms) }
}

fn request(path: &str, connection: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: {connection}\r\n\r\n").into_bytes()
}

async fn get(address: SocketAddr, path: &str) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(&request(path, "close")).await.unwrap();
    let mut answer = String::new();
    timeout(STUCK, socket.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

/// Asks for `/healthz` on a connection that stays; false when it was closed.
async fn ask(socket: &mut TcpStream) -> bool {
    let mut answer = Vec::new();
    let asked = socket.write_all(&request("/healthz", "keep-alive")).await;
    while asked.is_ok() && !answer.ends_with(b"ok\n") {
        match timeout(STUCK, socket.read_buf(&mut answer)).await.expect("answered or closed") {
            Ok(0) | Err(_) => return false,
            Ok(_) => {}
        }
    }
    asked.is_ok()
}

/// How long the other side lets a connection stand that says nothing more.
async fn closed_after(mut socket: TcpStream) -> Duration {
    let begun = Instant::now();
    let _ = timeout(STUCK, socket.read_to_end(&mut Vec::new())).await.expect("it is closed");
    begun.elapsed()
}

#[tokio::test]
async fn metrics_health_and_readiness_are_served() {
    let address = served("127.0.0.1", LIMITS, b"ottla_test 1\n".to_vec());
    assert!(get(address, "/metrics").await.ends_with("ottla_test 1\n"));
    assert!(get(address, "/healthz").await.starts_with("HTTP/1.1 200"));
    let ready = get(address, "/readyz").await;
    assert!(ready.starts_with("HTTP/1.1 503") && ready.ends_with("starting\n"), "{ready}");
    assert!(get(address, "/else").await.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn localhost_and_an_empty_host_are_ipv4_and_ipv6() {
    for host in ["localhost", ""] {
        let port = served(host, LIMITS, Vec::new()).port();
        assert!(get(([127, 0, 0, 1], port).into(), "/healthz").await.starts_with("HTTP/1.1 200"), "{host:?}");
        if TcpStream::connect("[::1]:1").await.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
            let loopback = SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], port));
            assert!(get(loopback, "/healthz").await.starts_with("HTTP/1.1 200"), "{host:?}");
        }
    }
}

#[tokio::test]
async fn an_address_in_use_is_told_with_the_way_out() {
    let address = served("127.0.0.1", LIMITS, Vec::new());
    let error = Http::bind("127.0.0.1", address.port()).err().unwrap().to_string();
    assert!(error.contains("in use") && error.contains("ottla.http.listen") && error.contains("off"), "{error}");
}

#[tokio::test]
async fn past_the_most_connections_new_ones_are_closed_until_one_goes() {
    let address = served("127.0.0.1", within(2, 20_000), Vec::new());
    let mut sockets = Vec::new();
    for _ in 0..2 {
        sockets.push(TcpStream::connect(address).await.unwrap());
        assert!(ask(sockets.last_mut().unwrap()).await);
    }
    let refused = TcpStream::connect(address).await.unwrap();
    assert!(closed_after(refused).await < Duration::from_secs(10));
    for socket in &mut sockets {
        assert!(ask(socket).await, "those that were there are served");
    }
    sockets.pop();
    let begun = Instant::now();
    while !ask(&mut TcpStream::connect(address).await.unwrap()).await {
        assert!(begun.elapsed() < STUCK, "the place of the one that went is free");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn who_asks_takes_the_place_of_the_one_that_says_nothing_for_longest() {
    let address = served("127.0.0.1", within(3, 20_000), Vec::new());
    let mut asked = TcpStream::connect(address).await.unwrap();
    assert!(ask(&mut asked).await);
    let mut waiting = Vec::new();
    for said in [&b""[..], b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n"] {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(said).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        waiting.push(socket);
    }
    let mut late = waiting.pop().unwrap();
    assert!(get(address, "/healthz").await.starts_with("HTTP/1.1 200"));
    assert!(closed_after(waiting.pop().unwrap()).await < Duration::from_secs(10), "the first of them went");
    late.write_all(b"\r\n").await.unwrap();
    let mut answer = [0; 12];
    timeout(STUCK, late.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200", "the second may end its request");
    assert!(ask(&mut asked).await, "and who asked before stays");
}

#[tokio::test]
async fn net_6_hundreds_of_connections_that_say_nothing_shut_nobody_out() {
    let address = served("127.0.0.1", LIMITS, Vec::new());
    let mut silent = Vec::new();
    for round in 0..300 {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let _ = socket.write_all(b"GET /healthz HT").await;
        silent.push(socket);
        if round % 20 == 0 {
            assert!(get(address, "/healthz").await.starts_with("HTTP/1.1 200"), "after {round}");
        }
    }
}

#[tokio::test]
async fn who_does_not_ask_in_time_or_takes_no_answer_is_closed() {
    let address = served("127.0.0.1", within(10, 300), vec![b'x'; LARGE_BYTES]);
    let silent = TcpStream::connect(address).await.unwrap();
    let mut half = TcpStream::connect(address).await.unwrap();
    half.write_all(b"GET /healthz HT").await.unwrap();
    let (silent, half) = tokio::join!(closed_after(silent), closed_after(half));
    for waited in [silent, half] {
        assert!((200..10_000).contains(&waited.as_millis()), "{waited:?}");
    }
    // It trickles: no byte of it makes the time longer.
    let mut slow = TcpStream::connect(address).await.unwrap();
    let begun = Instant::now();
    while slow.write_all(b"G").await.is_ok() {
        assert!(begun.elapsed() < STUCK);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut greedy = TcpStream::connect(address).await.unwrap();
    greedy.write_all(&request("/metrics", "keep-alive")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut taken = Vec::new();
    let _ = timeout(STUCK, greedy.read_to_end(&mut taken)).await.expect("it is closed");
    assert!(taken.starts_with(b"HTTP/1.1 200") && taken.len() < LARGE_BYTES, "{} bytes", taken.len());
}

#[tokio::test]
async fn who_asks_again_and_again_stays() {
    let address = served("127.0.0.1", within(1, 1_000), Vec::new());
    let mut socket = TcpStream::connect(address).await.unwrap();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(2_500) {
        assert!(ask(&mut socket).await, "after {:?}", begun.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let waited = closed_after(socket).await;
    assert!((500..10_000).contains(&waited.as_millis()), "{waited:?}");
}
