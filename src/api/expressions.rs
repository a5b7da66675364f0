//! Work with regular expressions of clients: compiled and matched where nobody else waits for it, few at a time.
use crate::platform::Clock;
use std::{
    future::Future,
    sync::{Arc, LazyLock},
    time::Duration,
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    task::{JoinSet, spawn_blocking},
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
    async fn next() -> Option<Turn> {
        TURNS.acquire().await.ok().map(Turn)
    }

    /// Does `work` on a thread of its own, and tells it when it should give up. `None`: it could not be done.
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

/// Does what needs a turn once there is one. It goes on by itself, since a connection asks its oldest answer alone: whoever is
/// behind that would be handed a turn and keep it from all others. Dropped, it ends.
pub async fn with_turn<T, F>(doing: impl FnOnce(Turn) -> F + Send + 'static) -> Option<T>
where
    T: Send + 'static,
    F: Future<Output = Option<T>> + Send + 'static,
{
    let mut task = JoinSet::new();
    task.spawn(async move { doing(Turn::next().await?).await });
    task.join_next().await?.ok()?
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::{Context, Poll, Waker};

    #[tokio::test]
    async fn net_4_who_is_not_asked_for_its_answer_keeps_no_turn_from_others() {
        let turns = TURNS.available_permits();
        let taken = TURNS.acquire_many(turns as u32).await.unwrap();
        let mut unasked: Vec<_> = (0..turns).map(|_| Box::pin(with_turn(|_turn| async { Some(()) }))).collect();
        for one in &mut unasked {
            assert!(matches!(one.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending));
        }
        drop(taken);
        let told = tokio::time::timeout(Duration::from_secs(10), with_turn(|_turn| async { Some(7) })).await;
        assert_eq!(told, Ok(Some(7)));
    }
}
