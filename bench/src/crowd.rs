//! Thousands of clients in one thread: connections that wait together instead of each in a thread of its own.
use crate::{
    fault::{During, Fault},
    wire::ANSWER_BYTES_MAX,
};
use std::{future::Future, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    runtime::Builder,
    task::JoinSet,
    time::timeout,
};

/// Longer than any answer may take that is held back, such as that of a join.
const ANSWER_WAIT: Duration = Duration::from_secs(120);
const READ_BYTES: usize = 2 << 10;

/// One connection of the crowd with a reused buffer for answers.
pub struct Client {
    stream: BufReader<TcpStream>,
    buffer: Vec<u8>,
}

impl Client {
    pub async fn open(address: SocketAddr) -> Result<Client, Fault> {
        let stream = TcpStream::connect(address).await.during(format!("connecting to {address}"))?;
        stream.set_nodelay(true).during("TCP_NODELAY")?;
        Ok(Client::with(stream))
    }

    /// Of a connection on which somebody else sends.
    pub fn of(stream: std::net::TcpStream) -> Result<Client, Fault> {
        stream.set_nonblocking(true).during("setting a connection up")?;
        Ok(Client::with(TcpStream::from_std(stream).during("taking a connection over")?))
    }

    fn with(stream: TcpStream) -> Client {
        Client { stream: BufReader::with_capacity(READ_BYTES, stream), buffer: Vec::new() }
    }

    /// The answer without its length.
    pub async fn call(&mut self, frame: &[u8]) -> Result<&[u8], Fault> {
        self.stream.write_all(frame).await.during("sending a request")?;
        self.receive().await
    }

    /// The answer to a request sent before, without its length.
    pub async fn receive(&mut self) -> Result<&[u8], Fault> {
        let late = Fault::TooLate { what: "an answer".into(), seconds: ANSWER_WAIT.as_secs() };
        timeout(ANSWER_WAIT, self.read()).await.unwrap_or(Err(late))?;
        Ok(&self.buffer)
    }

    async fn read(&mut self) -> Result<(), Fault> {
        let length = self.stream.read_i32().await.during("waiting for an answer")?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > ANSWER_BYTES_MAX {
            return Err(Fault::Usage(format!("an answer claims {length} bytes")));
        }
        self.buffer.resize(length, 0);
        self.stream.read_exact(&mut self.buffer).await.during("reading an answer")?;
        Ok(())
    }
}

/// Runs `work` on this thread to its end.
pub fn run<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    Builder::new_current_thread().enable_all().build().during("starting the clients' runtime")?.block_on(work)
}

/// The results of all, in the order in which they end; the first fault ends it.
pub async fn all<T: 'static>(mut tasks: JoinSet<Result<T, Fault>>) -> Result<Vec<T>, Fault> {
    let mut results = Vec::with_capacity(tasks.len());
    while let Some(ended) = tasks.join_next().await {
        results.push(ended.expect("a client does not panic")?);
    }
    Ok(results)
}

/// Opens so many connections, a few at a time, so that no listener's queue overflows.
pub async fn open(address: SocketAddr, count: usize) -> Result<Vec<Client>, Fault> {
    const AT_ONCE: usize = 32;
    let mut clients = Vec::with_capacity(count);
    while clients.len() < count {
        let mut tasks = JoinSet::new();
        for _ in 0..AT_ONCE.min(count - clients.len()) {
            tasks.spawn(Client::open(address));
        }
        clients.extend(all(tasks).await?);
    }
    Ok(clients)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{Read, Write},
        net::TcpListener,
    };

    #[test]
    fn a_crowd_is_answered_one_by_one_and_a_claim_of_too_much_is_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serving = std::thread::spawn(move || {
            for answer in [&b"\0\0\0\x02ok"[..], b"\x7f\xff\xff\xff"] {
                let (mut stream, _) = listener.accept().unwrap();
                stream.read_exact(&mut [0; 3]).unwrap();
                stream.write_all(answer).unwrap();
            }
        });
        let done = run(async {
            let mut clients = open(address, 2).await?;
            let mut last = clients.pop().unwrap();
            let first = clients[0].call(b"one").await?.to_vec();
            Ok((first, last.call(b"two").await.is_err()))
        });
        serving.join().unwrap();
        assert_eq!(done.unwrap(), (b"ok".to_vec(), true));
    }
}
