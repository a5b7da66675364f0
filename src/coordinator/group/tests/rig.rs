//! A shard of groups on a journal in memory, with a clock that stands still until it is told.
use crate::{
    coordinator::group::{GroupMachine, GroupSettings, Groups, Moment, Op, Reply, Request},
    image::Image,
    log::Watermark,
    machine::{Journal, Machine, NotWritten, Runtime},
    types::Offset,
    wire::coordinator::GroupRecord,
};
use futures_util::task::noop_waker;
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use uuid::Uuid;

/// Keeps the bytes, as a log does; committed at once.
pub struct Memory {
    pub appended: Vec<Vec<(Vec<u8>, Option<Vec<u8>>)>>,
    count: i64,
    committed: Arc<Watermark>,
}

impl Journal<GroupRecord> for Memory {
    fn append(&mut self, records: &[GroupRecord]) -> Result<Offset, NotWritten> {
        let base = self.end();
        self.appended.push(records.iter().map(GroupRecord::encode).collect());
        self.count += records.len() as i64;
        self.committed.raise(self.end());
        Ok(base)
    }

    fn end(&self) -> Offset {
        Offset::new(self.count)
    }

    fn committed(&self) -> &Arc<Watermark> {
        &self.committed
    }
}

pub struct Rig {
    pub runtime: Runtime<GroupMachine, Memory>,
    pub at: Moment,
    pub image: Arc<Image>,
    pub settings: GroupSettings,
    ids: u128,
    replayed: Groups,
    replayed_batches: usize,
}

/// A request on its way; an answer may be taken once.
pub type Asking = Pin<Box<dyn Future<Output = Result<Reply, NotWritten>>>>;

impl Rig {
    pub fn new() -> Rig {
        let journal = Memory { appended: Vec::new(), count: 0, committed: Watermark::new(Offset::ZERO) };
        let at = Moment { wall_ms: 1_000_000, monotonic_ms: 1_000 };
        let runtime = Runtime::new(GroupMachine, Groups::default(), journal);
        let settings = GroupSettings::default();
        let (image, replayed) = (Arc::default(), Groups::default());
        let mut rig = Rig { runtime, at, image, settings, ids: 0, replayed, replayed_batches: 0 };
        assert_eq!(rig.now(Request::Loaded), Some(Reply::Done));
        rig
    }

    /// Asks, and leaves the answer for later.
    pub fn ask(&mut self, request: Request) -> Asking {
        self.ids += 1;
        let settings = Arc::new(self.settings.clone());
        let op = Op { at: self.at, id: Uuid::from_u128(self.ids), image: self.image.clone(), settings, request };
        let pending = self.runtime.run(op);
        self.assert_replays();
        Box::pin(pending.reply())
    }

    /// Asks, and takes the answer when there is one at once.
    pub fn now(&mut self, request: Request) -> Option<Reply> {
        answer(&mut self.ask(request))
    }

    /// Lets time pass; what falls due is handled at its time.
    pub fn advance(&mut self, ms: u64) {
        let end_ms = self.at.monotonic_ms + ms;
        while let Some(due_ms) = self.runtime.soft().timers.next().filter(|due_ms| *due_ms <= end_ms) {
            self.pass(due_ms.saturating_sub(self.at.monotonic_ms));
            self.now(Request::Due);
        }
        self.pass(end_ms - self.at.monotonic_ms);
    }

    /// Lets time pass and handles nothing, as if the process stood still.
    pub fn pass(&mut self, ms: u64) {
        self.at.monotonic_ms += ms;
        self.at.wall_ms += ms as i64;
    }

    /// GRP-17: what the journal's bytes say is the state.
    fn assert_replays(&mut self) {
        let appended = &self.runtime.journal().appended;
        for batch in &appended[self.replayed_batches..] {
            let decode = |(key, value): &(Vec<u8>, Option<Vec<u8>>)| {
                GroupRecord::decode(Some(key), value.as_deref()).expect("what was written is read")
            };
            let records = batch.iter().map(decode).collect();
            GroupMachine.replay(&mut self.replayed, Offset::ZERO, records).unwrap_or_else(|never| match never {});
        }
        self.replayed_batches = appended.len();
        assert_eq!(&self.replayed, self.runtime.hard(), "the journal replays to the state");
    }

    /// The coordinator dies and another loads the journal. Who waited is told to ask elsewhere.
    pub fn reload(&mut self) {
        self.assert_replays();
        self.runtime.give_up(NotWritten::NotLeader);
        assert_eq!(self.now(Request::Loaded), Some(Reply::Done));
    }
}

/// The answer, if it is there; an error says that the coordinator is gone.
pub fn outcome(asking: &mut Asking) -> Option<Result<Reply, NotWritten>> {
    match asking.as_mut().poll(&mut Context::from_waker(&noop_waker())) {
        Poll::Ready(outcome) => Some(outcome),
        Poll::Pending => None,
    }
}

/// The answer, if it is there.
pub fn answer(asking: &mut Asking) -> Option<Reply> {
    outcome(asking).map(|outcome| outcome.expect("the coordinator serves"))
}
