//! All fetch sessions of a broker: bounded in number and in what they remember. When the cache is full, a newcomer takes the
//! place of what is worth less (FET-12).
use super::{
    read::Found,
    session::{Item, Plan, PlanKind, Session, SessionKind, State, items},
};
use crate::{platform::Chance, types::ErrorCode, wire::Version};
use dashmap::DashMap;
use kafka_protocol::messages::FetchRequest;
use parking_lot::Mutex;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// How many sessions there may be, and how long one is safe from others.
#[derive(Clone, Copy, Debug)]
pub struct SessionSettings {
    /// `max.incremental.fetch.session.cache.slots`.
    pub slots: usize,
    /// A session unused for this long gives way to any other; one that was used for this long, to a larger one.
    pub eviction: Duration,
    /// Partitions that all sessions together may remember. Whoever comes with more goes on without a session.
    pub partitions_max: usize,
}

pub struct SessionCache {
    settings: SessionSettings,
    sessions: DashMap<i32, Arc<Session>>,
    /// Partitions of all sessions.
    partitions: AtomicUsize,
    evictions: AtomicUsize,
    /// Held while a session begins, so that two do not take the last place.
    beginning: Mutex<()>,
}

impl SessionCache {
    pub fn new(settings: SessionSettings) -> SessionCache {
        SessionCache {
            settings,
            sessions: DashMap::new(),
            partitions: AtomicUsize::new(0),
            evictions: AtomicUsize::new(0),
            beginning: Mutex::new(()),
        }
    }

    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    pub fn evictions(&self) -> usize {
        self.evictions.load(Ordering::Relaxed)
    }

    /// Which partitions this request reads (Kafka's `FetchManager.newContext`). `now` never goes back: what the wall clock
    /// says makes no session old.
    pub fn plan(&self, now: Duration, version: Version, request: &FetchRequest) -> Result<Plan, ErrorCode> {
        let (id, epoch) = (request.session_id, request.session_epoch);
        let asked = SessionKind::of(version, request);
        if epoch == 0 || epoch == -1 {
            if id != 0 {
                self.forget(id);
            }
            let kind = if epoch == -1 || version < 7 { PlanKind::Sessionless } else { PlanKind::Full(asked) };
            return Ok(Plan { items: items(asked.by_id, request), kind });
        }
        let session = self.sessions.get(&id).map(|found| found.clone()).ok_or(ErrorCode::FetchSessionIdNotFound)?;
        let mut state = session.state.lock();
        if state.is_gone {
            return Err(ErrorCode::FetchSessionIdNotFound);
        }
        if state.next_epoch != epoch {
            return Err(ErrorCode::InvalidFetchSessionEpoch);
        }
        if session.kind.by_id != asked.by_id {
            return Err(ErrorCode::FetchSessionTopicIdError);
        }
        let before = state.size();
        state.update(asked.by_id, request);
        let after = state.size();
        let in_all = self.partitions.fetch_add(after, Ordering::AcqRel) + after;
        self.partitions.fetch_sub(before, Ordering::AcqRel);
        if after > before && in_all - before > self.settings.partitions_max {
            drop(state);
            self.forget(id);
            return Err(ErrorCode::FetchSessionIdNotFound);
        }
        if after == 0 {
            drop(state);
            self.forget(id);
            return Ok(Plan { items: Vec::new(), kind: PlanKind::Sessionless });
        }
        state.advance(now);
        let items = state.items();
        drop(state);
        Ok(Plan { items, kind: PlanKind::Incremental(session) })
    }

    /// What is told of what was found: the session's id and the partitions, with their places in `found`.
    pub fn settle(&self, now: Duration, chance: &dyn Chance, plan: Plan, found: &[Found]) -> (i32, Vec<(usize, Item)>) {
        let items = plan.items.into_iter().enumerate();
        match plan.kind {
            PlanKind::Sessionless => (0, items.collect()),
            PlanKind::Full(kind) => {
                let items: Vec<_> = items.collect();
                (self.begin(now, chance, kind, &items, found), items)
            }
            PlanKind::Incremental(session) => {
                let mut state = session.state.lock();
                (session.id, items.filter(|(index, item)| state.changed(item, &found[*index])).collect())
            }
        }
    }

    fn forget(&self, id: i32) -> bool {
        let Some((_, session)) = self.sessions.remove(&id) else { return false };
        let mut state = session.state.lock();
        state.is_gone = true;
        self.partitions.fetch_sub(state.size(), Ordering::AcqRel);
        true
    }

    /// After a full fetch: begins a session when there is room for it, else gives 0 (the client goes on without).
    fn begin(
        &self,
        now: Duration,
        chance: &dyn Chance,
        kind: SessionKind,
        items: &[(usize, Item)],
        found: &[Found],
    ) -> i32 {
        if items.is_empty() || items.len() > self.settings.partitions_max {
            return 0;
        }
        let _alone = self.beginning.lock();
        if self.sessions.len() >= self.settings.slots && !self.evict(now, kind, items.len()) {
            return 0;
        }
        if self.partitions.load(Ordering::Acquire) + items.len() > self.settings.partitions_max {
            return 0;
        }
        let mut state = State::new(now, items.len());
        for (index, item) in items {
            state.put(item.clone());
            state.changed(item, &found[*index]);
        }
        self.partitions.fetch_add(state.size(), Ordering::AcqRel);
        loop {
            // Random, so that nobody meets another's session by counting (FET-12).
            let id = (chance.u64() & 0x7FFF_FFFF) as i32;
            if id == 0 {
                continue;
            }
            if let dashmap::Entry::Vacant(vacant) = self.sessions.entry(id) {
                vacant.insert(Arc::new(Session { id, kind, begun_at: now, state: Mutex::new(state) }));
                return id;
            }
        }
    }

    /// Makes room for one more.
    fn evict(&self, now: Duration, kind: SessionKind, size: usize) -> bool {
        let standings = self.sessions.iter().map(|session| Standing::of(&session));
        let chosen = gives_way(standings, (kind.is_privileged, size), now, self.settings.eviction);
        let is_evicted = chosen.is_some_and(|id| self.forget(id));
        self.evictions.fetch_add(usize::from(is_evicted), Ordering::Relaxed);
        is_evicted
    }
}

/// What counts when a session is to give way.
#[derive(Clone, Copy)]
struct Standing {
    id: i32,
    is_privileged: bool,
    size: usize,
    begun_at: Duration,
    used_at: Duration,
}

impl Standing {
    fn of(session: &Session) -> Standing {
        let state = session.state.lock();
        Standing {
            id: session.id,
            is_privileged: session.kind.is_privileged,
            size: state.size(),
            begun_at: session.begun_at,
            used_at: state.used_at,
        }
    }

    /// Privileged ones are worth more than others, then larger ones more than smaller ones.
    fn worth(&self) -> (bool, usize) {
        (self.is_privileged, self.size)
    }
}

/// FET-12, the rule of Kafka's `tryEvict`: whoever was not used for long gives way to anyone. Else, of those that had been
/// used for long when they were used last, the one of least worth gives way to one of greater worth; copies need not wait so
/// long for the place of a consumer.
fn gives_way(
    sessions: impl Iterator<Item = Standing>,
    newcomer: (bool, usize),
    now: Duration,
    eviction: Duration,
) -> Option<i32> {
    let (mut oldest, mut least) = (None::<Standing>, None::<Standing>);
    for session in sessions {
        if oldest.is_none_or(|oldest| (session.used_at, session.id) < (oldest.used_at, oldest.id)) {
            oldest = Some(session);
        }
        let is_settled = session.used_at.saturating_sub(session.begun_at) > eviction;
        let may_go = is_settled || (newcomer.0 && !session.is_privileged);
        if may_go && least.is_none_or(|least| (session.worth(), session.id) < (least.worth(), least.id)) {
            least = Some(session);
        }
    }
    oldest
        .filter(|oldest| now.saturating_sub(oldest.used_at) > eviction)
        .or_else(|| least.filter(|least| newcomer > least.worth()))
        .map(|session| session.id)
}

#[cfg(test)]
mod tests;
