//! One event loop a processor: a connection lives on one of them from its first byte to its last.
//!
//! A runtime whose workers share one poller hands events from thread to thread; for a connection that mostly waits for its socket that is
//! a wakeup on another processor each time. Here the thread that polls is the thread that works (docs/decisions/0014).
use std::{
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};
use tokio::{
    runtime::{Builder, Handle},
    sync::watch,
    task::JoinSet,
};

/// The event loops of one server. They end when this is dropped.
pub struct Loops {
    loops: Vec<Loop>,
    _stop: watch::Sender<()>,
}

struct Loop {
    handle: Handle,
    connections: Arc<AtomicUsize>,
}

impl Loops {
    /// Starts `count` threads, at least one.
    pub fn start(count: usize) -> io::Result<Loops> {
        let (stop, stopped) = watch::channel(());
        let loops = (0..count.max(1)).map(|index| Loop::start(index, stopped.clone())).collect::<io::Result<_>>()?;
        Ok(Loops { loops, _stop: stop })
    }

    /// Runs a connection on the loop that has the fewest; `tasks` is told when it ends.
    pub fn spawn(&self, tasks: &mut JoinSet<()>, connection: impl Future<Output = ()> + Send + 'static) {
        let Some(chosen) = self.loops.iter().min_by_key(|each| each.connections.load(Relaxed)) else { return };
        let place = Place::take(&chosen.connections);
        tasks.spawn_on(
            async move {
                let _place = place;
                connection.await;
            },
            &chosen.handle,
        );
    }
}

impl Loop {
    fn start(index: usize, mut stopped: watch::Receiver<()>) -> io::Result<Loop> {
        let runtime = Builder::new_current_thread().enable_all().thread_name(format!("blocking-{index}")).build()?;
        let handle = runtime.handle().clone();
        thread::Builder::new().name(format!("network-{index}")).spawn(move || {
            // Nothing is ever sent: the channel closes with the loops.
            runtime.block_on(async { while stopped.changed().await.is_ok() {} });
            runtime.shutdown_background();
        })?;
        Ok(Loop { handle, connections: Arc::default() })
    }
}

/// One connection counted, for as long as it lives.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(connections: &Arc<AtomicUsize>) -> Place {
        connections.fetch_add(1, Relaxed);
        Place(connections.clone())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use tokio::sync::{mpsc, oneshot};

    #[tokio::test]
    async fn connections_are_spread_and_places_come_back() {
        let loops = Loops::start(2).unwrap();
        let (told, mut threads) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        let mut ends = Vec::new();
        for _ in 0..4 {
            let (end, ended) = oneshot::channel::<()>();
            let told = told.clone();
            loops.spawn(&mut tasks, async move {
                told.send(thread::current().name().unwrap_or_default().to_string()).unwrap();
                let _ = ended.await;
            });
            ends.push(end);
        }
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..4 {
            *seen.entry(threads.recv().await.unwrap()).or_default() += 1;
        }
        assert_eq!(seen, BTreeMap::from([("network-0".into(), 2), ("network-1".into(), 2)]));
        drop(ends);
        while tasks.join_next().await.is_some() {}
        assert!(loops.loops.iter().all(|each| each.connections.load(Relaxed) == 0));
    }

    #[tokio::test]
    async fn a_loop_without_connections_is_taken_first() {
        let loops = Loops::start(2).unwrap();
        let mut tasks = JoinSet::new();
        let (told, mut threads) = mpsc::unbounded_channel();
        let (_end, ended) = oneshot::channel::<()>();
        loops.spawn(&mut tasks, async move { drop(ended.await) });
        let first = loops.loops.iter().position(|each| each.connections.load(Relaxed) == 1).unwrap();
        for _ in 0..2 {
            let told = told.clone();
            loops.spawn(&mut tasks, async move {
                told.send(thread::current().name().unwrap_or_default().to_string()).unwrap();
            });
            assert_eq!(threads.recv().await.unwrap(), format!("network-{}", 1 - first));
            // The place comes back when the task is over, which is a moment after it told its name.
            assert!(tasks.join_next().await.is_some());
        }
    }
}
