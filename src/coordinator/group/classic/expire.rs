//! Timers of a classic group: rounds that take too long, members that fell silent.
use super::{Cause, Due, MemberId, State, step::Step};

/// A timer that is looked at so late after its time means that the broker itself stood still: requests of that time
/// wait unread, and clients gave up on them. Nobody is judged before they were heard (GRP-25).
const LATE_MS: u64 = 1_000;
/// What a round gets then.
const GRACE_MS: u64 = 5_000;
/// What every session gets beyond its end, to read what has come: a short stop may have ended just with it.
pub(super) const HEARING_MS: u64 = 100;

/// `late_ms`: since when the timer should have been looked at.
pub(super) fn due(step: &mut Step<'_>, due: Due, late_ms: u64) {
    let late = late_ms >= LATE_MS;
    match due {
        Due::Session(id) => session(step, &id, late),
        Due::Join | Due::Sync if late && !step.live.spared && step.live.gathering.is_none() => {
            step.live.spared = true;
            step.set_timer(due, GRACE_MS);
        }
        Due::Join if step.live.state == State::PreparingRebalance => step.gather(),
        Due::Sync => unsynced(step),
        Due::Join => {}
    }
}

fn session(step: &mut Step<'_>, id: &MemberId, late: bool) {
    if step.live.pending.contains(id) {
        step.remove(id);
        return step.maybe_complete();
    }
    let Some(member) = step.live.member_mut(id) else { return };
    if member.is_waiting() {
        return;
    }
    if !member.spared {
        member.spared = true;
        let more_ms = if late { member.session_ms() } else { HEARING_MS };
        return step.set_timer(Due::Session(id.clone()), more_ms);
    }
    step.remove(id);
    step.rebalance(id.clone(), Cause::SessionExpired, String::new());
}

/// GRP-11: they have the new generation and never asked for what they got in it.
fn unsynced(step: &mut Step<'_>) {
    if !matches!(step.live.state, State::CompletingRebalance | State::Stable) {
        return;
    }
    let silent = std::mem::take(&mut step.live.unsynced);
    let Some(first) = silent.first().cloned() else { return };
    for id in &silent {
        step.remove(id);
    }
    step.rebalance(first, Cause::NeverSynced, String::new());
}
