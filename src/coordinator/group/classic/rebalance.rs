//! A rebalance from its cause to the next generation: everyone joins again, or time is up.
use super::{Cause, Due, Joined, MemberId, Rebalance, State, live::Gathering, step::Step};
use crate::types::ErrorCode;
use bytes::Bytes;

impl Step<'_> {
    /// Begins a rebalance, or goes on with the one under way.
    pub(super) fn rebalance(&mut self, member_id: MemberId, cause: Cause, words: String) {
        match self.live.state {
            State::PreparingRebalance => self.maybe_complete(),
            _ => self.prepare(member_id, cause, words),
        }
    }

    fn prepare(&mut self, member_id: MemberId, cause: Cause, words: String) {
        let (at_ms, generation) = (self.at.wall_ms, self.live.generation);
        self.live.history.remember(Rebalance { at_ms, generation, member_id, cause, words });
        if self.live.state == State::CompletingRebalance {
            self.refuse_syncs(ErrorCode::RebalanceInProgress);
        }
        self.live.unsynced.clear();
        self.cancel_timer(Due::Sync);
        let first = self.live.state == State::Empty;
        self.enter(State::PreparingRebalance);
        if first {
            // More members are likely on their way (GRP-5).
            let delay_ms = self.settings.initial_rebalance_delay_ms;
            let remaining_ms = self.live.rebalance_ms().saturating_sub(delay_ms);
            self.live.gathering = Some(Gathering { delay_ms, remaining_ms, grown: false });
            self.set_timer(Due::Join, delay_ms);
        } else if self.live.all_joined() {
            self.complete();
        } else {
            self.set_timer(Due::Join, self.live.rebalance_ms());
        }
    }

    pub(super) fn enter(&mut self, state: State) {
        self.live.state = state;
        self.live.since_ms = self.at.wall_ms;
        self.live.spared = false;
    }

    /// Whoever waits for an assignment of this generation must join again: there will be none.
    pub(super) fn refuse_syncs(&mut self, error: ErrorCode) {
        let ids: Vec<MemberId> = self.live.members().keys().cloned().collect();
        for id in ids {
            let Some(member) = self.live.member_mut(&id) else { continue };
            member.assignment = Bytes::new();
            if let Some(ticket) = member.sync.take() {
                self.refuse_sync(ticket, error);
                self.hear(&id);
            }
        }
    }

    /// GRP-6: nobody is left to wait for.
    pub(super) fn maybe_complete(&mut self) {
        let preparing = self.live.state == State::PreparingRebalance && self.live.gathering.is_none();
        if preparing && self.live.all_joined() {
            self.complete();
        }
    }

    /// The first rebalance's timer: wait on while members come and time is left (GRP-5).
    pub(super) fn gather(&mut self) {
        match self.live.gathering {
            Some(Gathering { delay_ms, remaining_ms, grown: true }) if remaining_ms > 0 => {
                let next_ms = self.settings.initial_rebalance_delay_ms.min(remaining_ms);
                let remaining_ms = remaining_ms.saturating_sub(delay_ms);
                self.live.gathering = Some(Gathering { delay_ms: next_ms, remaining_ms, grown: false });
                self.set_timer(Due::Join, next_ms);
            }
            _ => self.complete(),
        }
    }

    /// GRP-7: the next generation, of whoever joined and of static members that may still come.
    fn complete(&mut self) {
        self.cancel_timer(Due::Join);
        self.live.gathering = None;
        let absent: Vec<MemberId> = {
            let absent = self.live.members().iter().filter(|(_, member)| member.join.is_none() && !member.is_static());
            absent.map(|(id, _)| id.clone()).collect()
        };
        for id in &absent {
            self.remove(id);
        }
        if self.live.members().is_empty() {
            self.become_empty();
        } else if self.live.elect() {
            self.begin_generation();
        } else {
            // Only static members, and none came back: their sessions decide.
            self.set_timer(Due::Join, self.live.rebalance_ms());
        }
    }

    fn next_generation(&mut self) {
        self.live.generation = self.live.generation.checked_add(1).unwrap_or(1);
        self.live.unsynced.clear();
    }

    fn become_empty(&mut self) {
        self.next_generation();
        self.live.protocol = None;
        self.live.leader = None;
        self.enter(State::Empty);
        self.write();
    }

    fn begin_generation(&mut self) {
        self.next_generation();
        self.live.protocol = self.live.select_protocol();
        self.enter(State::CompletingRebalance);
        let ids: Vec<MemberId> = self.live.members().keys().cloned().collect();
        for id in ids {
            if let Some(ticket) = self.live.take_join(&id) {
                let members = if self.live.is_leader(&id) { self.live.roster() } else { Vec::new() };
                let joined = Joined { members, ..self.joined(id.clone()) };
                self.answer_join(ticket, joined);
            }
            if let Some(member) = self.live.member_mut(&id) {
                member.is_new = false;
            }
            self.hear(&id);
            self.live.unsynced.insert(id);
        }
        self.set_timer(Due::Sync, self.live.rebalance_ms());
    }

    /// The generation in force, as a follower is told.
    pub(super) fn joined(&self, member_id: MemberId) -> Joined {
        Joined {
            error: ErrorCode::None,
            generation: self.live.generation,
            protocol_type: self.live.protocol_type.clone(),
            protocol: self.live.protocol.clone(),
            leader: self.live.leader.clone().unwrap_or_default(),
            member_id,
            skip_assignment: false,
            members: Vec::new(),
        }
    }
}
