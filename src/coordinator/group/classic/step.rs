//! One operation on one group while it is decided: what it may touch, and what came of it so far.
use super::{Due, Joined, Live, MemberId, Reply, Synced};
use crate::{
    coordinator::group::{self, GroupId, GroupSettings, Moment, Timer},
    machine::{Ticket, Timers},
    types::ErrorCode,
    wire::coordinator::{GroupKey, GroupRecord},
};

pub(super) struct Step<'a> {
    pub group: &'a GroupId,
    pub live: &'a mut Live,
    pub timers: &'a mut Timers<Timer>,
    pub at: Moment,
    pub settings: &'a GroupSettings,
    pub records: Vec<GroupRecord>,
    pub answers: Vec<(Ticket, group::Reply)>,
}

impl Step<'_> {
    pub fn answer(&mut self, ticket: Ticket, reply: Reply) {
        self.answers.push((ticket, group::Reply::Classic(reply)));
    }

    pub fn answer_join(&mut self, ticket: Ticket, joined: Joined) {
        self.answer(ticket, Reply::Join(joined));
    }

    pub fn refuse_join(&mut self, ticket: Ticket, error: ErrorCode, member_id: MemberId) {
        self.answer_join(ticket, Joined::refused(error, member_id));
    }

    pub fn refuse_sync(&mut self, ticket: Ticket, error: ErrorCode) {
        self.answer(ticket, Reply::Sync(Synced::refused(error)));
    }

    /// Writes the group as it now is.
    pub fn write(&mut self) {
        let key = GroupKey { group: self.group.to_string() };
        self.records.push(GroupRecord::GroupMetadata(key, Some(self.live.to_record())));
    }

    pub fn set_timer(&mut self, due: Due, after_ms: u64) {
        let at_ms = self.at.monotonic_ms.saturating_add(after_ms);
        self.timers.set(Timer::Classic(self.group.clone(), due), at_ms);
    }

    pub fn cancel_timer(&mut self, due: Due) {
        self.timers.cancel(&Timer::Classic(self.group.clone(), due));
    }

    /// A fresh session: the member was heard.
    pub fn hear(&mut self, id: &MemberId) {
        if let Some((id, session_ms)) = self.live.renew(id) {
            self.set_timer(Due::Session(id), session_ms);
        }
    }

    /// Takes a member or a pending id out of the group; what it waits for is answered, so that it may try again.
    pub fn remove(&mut self, id: &MemberId) {
        self.cancel_timer(Due::Session(id.clone()));
        let Some(member) = self.live.remove(id) else { return };
        if let Some(ticket) = member.join {
            self.refuse_join(ticket, ErrorCode::UnknownMemberId, "".into());
        }
        if let Some(ticket) = member.sync {
            self.refuse_sync(ticket, ErrorCode::UnknownMemberId);
        }
    }
}
