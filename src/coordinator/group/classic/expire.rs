//! Timers of a classic group: rounds that take too long, members that fell silent.
use super::{Cause, Due, MemberId, State, step::Step};
use crate::coordinator::group::{Groups, Moment, Soft, Timer};

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

/// Whether no session runs any more, and members are only there to be heard a little longer: the group may go.
pub fn fell_silent(hard: &Groups, soft: &Soft, id: &str, at: Moment) -> bool {
    let Some(live) = soft.classic.get(hard, id).filter(|live| live.state == State::Stable) else { return false };
    let now_ms = at.monotonic_ms;
    live.members().iter().all(|(member_id, member)| {
        let timer = Timer::Classic(id.into(), Due::Session(member_id.clone()));
        let waits = member.join.is_some() || member.sync.is_some();
        let over = |at_ms: u64| match member.spared {
            // A broker that slept gave it more than that, which counts.
            true => at_ms <= now_ms.saturating_add(HEARING_MS),
            false => at_ms <= now_ms && now_ms - at_ms < LATE_MS,
        };
        !waits && soft.timers.at(&timer).is_some_and(over)
    })
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
