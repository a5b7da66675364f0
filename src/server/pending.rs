//! The requests of a connection whose answers have not left, oldest first, and what they hold.
use crate::{
    api::{self, Reply, Response},
    metrics::ApiMetrics,
};
use std::{
    collections::VecDeque,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

pub(super) enum Wait {
    Ready(Response),
    Later(api::Later<Response>),
    /// It is still being done: only the last of those that wait can be.
    Held(api::Later<Reply<Response>>),
}

impl Wait {
    /// Futures do nothing until they are asked: asked once here, so that effects keep the order of requests.
    pub fn of(mut reply: Reply<Response>, cx: &mut Context<'_>) -> Wait {
        loop {
            match reply {
                Reply::Now(response) => return Wait::Ready(response),
                Reply::Later(mut later) => {
                    return match later.as_mut().poll(cx) {
                        Poll::Ready(response) => Wait::Ready(response),
                        Poll::Pending => Wait::Later(later),
                    };
                }
                Reply::Held(mut doing) => match doing.as_mut().poll(cx) {
                    Poll::Ready(done) => reply = done,
                    Poll::Pending => return Wait::Held(doing),
                },
            }
        }
    }

    pub fn is_ready(&self) -> bool {
        matches!(self, Wait::Ready(_))
    }

    fn ready_bytes(&self) -> usize {
        match self {
            Wait::Ready(response) => response.bytes(),
            Wait::Later(_) | Wait::Held(_) => 0,
        }
    }
}

/// One request that was handled and whose answer has not left.
pub(super) struct Pending {
    pub wait: Wait,
    /// It wrote records that are not committed: reads behind it wait, so that they see what was written before them.
    pub writes: bool,
    pub metrics: Option<Arc<ApiMetrics>>,
    pub handled_at: Duration,
    pub request_bytes: u64,
}

impl Pending {
    /// A request that waits for records or members holds what it asks for many times over.
    fn waiting_bytes(&self) -> u64 {
        if self.writes || self.wait.is_ready() { 0 } else { self.request_bytes }
    }
}

/// All of them. What they hold bounds what is read behind them (NET-5).
#[derive(Default)]
pub(super) struct Queue {
    requests: VecDeque<Pending>,
    writes: usize,
    request_bytes: u64,
    ready_bytes: usize,
    waiting_bytes: u64,
}

impl Queue {
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// How many are writes that wait.
    pub fn writes(&self) -> usize {
        self.writes
    }

    /// Of the requests.
    pub fn request_bytes(&self) -> u64 {
        self.request_bytes
    }

    /// Of answers that are there and wait for those before them.
    pub fn ready_bytes(&self) -> usize {
        self.ready_bytes
    }

    /// Of requests that wait and write nothing.
    pub fn waiting_bytes(&self) -> u64 {
        self.waiting_bytes
    }

    pub fn push(&mut self, pending: Pending) {
        self.writes += usize::from(pending.writes);
        self.request_bytes += pending.request_bytes;
        self.ready_bytes += pending.wait.ready_bytes();
        self.waiting_bytes += pending.waiting_bytes();
        self.requests.push_back(pending);
    }

    /// The oldest one and its answer, once that is there.
    pub fn pop(&mut self, cx: &mut Context<'_>) -> Option<(Pending, Response)> {
        let oldest = self.requests.front_mut()?;
        // Both counts before it is asked: it counts as what it was.
        let (ready_bytes, waiting_bytes) = (oldest.wait.ready_bytes(), oldest.waiting_bytes());
        let response = match &mut oldest.wait {
            Wait::Ready(response) => std::mem::replace(response, Response::Nothing),
            Wait::Later(later) => match later.as_mut().poll(cx) {
                Poll::Ready(response) => response,
                Poll::Pending => return None,
            },
            Wait::Held(_) => return None,
        };
        let oldest = self.requests.pop_front()?;
        self.writes -= usize::from(oldest.writes);
        self.request_bytes -= oldest.request_bytes;
        self.ready_bytes -= ready_bytes;
        self.waiting_bytes -= waiting_bytes;
        Some((oldest, response))
    }

    pub fn is_held(&self) -> bool {
        self.requests.back().is_some_and(|last| matches!(last.wait, Wait::Held(_)))
    }

    /// What holds up those behind it goes on, whatever is answered before it.
    pub fn do_held(&mut self, cx: &mut Context<'_>) {
        let Some(last) = self.requests.back_mut() else { return };
        let waited_bytes = last.waiting_bytes();
        if let Wait::Held(doing) = &mut last.wait
            && let Poll::Ready(done) = doing.as_mut().poll(cx)
        {
            last.wait = Wait::of(done, cx);
            self.ready_bytes += last.wait.ready_bytes();
            self.waiting_bytes -= waited_bytes - last.waiting_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use std::future::{pending, ready};
    use std::task::Waker;

    fn context() -> Context<'static> {
        Context::from_waker(Waker::noop())
    }

    #[test]
    fn what_is_held_waits_as_any_other_answer_once_it_is_done() {
        let now = || Reply::Now(Response::Nothing);
        let held = |doing| Wait::of(Reply::Held(doing), &mut context());
        assert!(matches!(Wait::of(now(), &mut context()), Wait::Ready(_)));
        assert!(matches!(held(Box::pin(pending())), Wait::Held(_)), "nothing behind it is handled");
        assert!(matches!(held(Box::pin(ready(now()))), Wait::Ready(_)));
        assert!(matches!(held(Box::pin(ready(Reply::later(pending())))), Wait::Later(_)), "others are, behind it");
        assert!(matches!(held(Box::pin(ready(Reply::Held(Box::pin(pending()))))), Wait::Held(_)));
    }

    #[test]
    fn net_5_what_requests_hold_is_counted_until_their_answers_leave() {
        let (answer, answered) = tokio::sync::oneshot::channel::<()>();
        let (done, doing) = tokio::sync::oneshot::channel::<()>();
        let frame = |bytes: usize| Response::Frame(Bytes::from(vec![0; bytes]));
        let later = Reply::later(async move {
            let _ = answered.await;
            frame(7)
        });
        let held = Reply::Held(Box::pin(async move {
            let _ = doing.await;
            Reply::Now(frame(50))
        }));
        let mut queue = Queue::default();
        for (reply, writes, request_bytes) in [
            (later, false, 1_000),
            (Reply::later(pending()), true, 200),
            (Reply::Now(frame(9)), false, 30),
            (held, false, 4),
        ] {
            let (wait, metrics, handled_at) = (Wait::of(reply, &mut context()), None, Duration::ZERO);
            queue.push(Pending { wait, writes, metrics, handled_at, request_bytes });
        }
        let held = |queue: &Queue| (queue.writes(), queue.request_bytes(), queue.ready_bytes(), queue.waiting_bytes());
        assert_eq!(held(&queue), (1, 1_234, 9, 1_004));
        assert!(queue.pop(&mut context()).is_none() && queue.is_held());
        done.send(()).unwrap();
        queue.do_held(&mut context());
        assert_eq!(held(&queue), (1, 1_234, 59, 1_000));
        assert!(!queue.is_held());
        answer.send(()).unwrap();
        let (first, response) = queue.pop(&mut context()).unwrap();
        assert_eq!((first.request_bytes, response.bytes()), (1_000, 7));
        assert_eq!(held(&queue), (1, 234, 59, 0));
        assert!(queue.pop(&mut context()).is_none(), "in order");
        assert_eq!(queue.len(), 3);
    }
}
