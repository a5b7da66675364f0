//! Work with regular expressions of clients: compiled and matched where nobody else waits for it, few at a time.
use crate::platform::Clock;
use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    task::spawn_blocking,
};

/// So many threads at a time, so that others have processors left.
static TURNS: LazyLock<Semaphore> = LazyLock::new(|| {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Semaphore::new((processors / 2).max(1))
});
/// For all that is matched in one turn.
const TIME_MAX: Duration = Duration::from_secs(2);

/// Leave to take a processor for a while.
pub struct Turn(SemaphorePermit<'static>);

impl Turn {
    /// `None` when the broker stops.
    pub async fn next() -> Option<Turn> {
        TURNS.acquire().await.ok().map(Turn)
    }

    /// Does `work` on a thread of its own, and tells it when it should give up. `None` when the broker stops, or if that is a bug.
    pub async fn work<T: Send + 'static>(
        self,
        clock: Arc<dyn Clock>,
        work: impl FnOnce(&dyn Fn() -> bool) -> T + Send + 'static,
    ) -> Option<T> {
        let working = spawn_blocking(move || {
            // Until the work is done, whether or not somebody still waits for it.
            let _turn = self.0;
            let until = clock.monotonic() + TIME_MAX;
            work(&|| clock.monotonic() > until)
        });
        working.await.ok()
    }
}
