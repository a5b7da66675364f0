//! One member's next step towards its target (CG-4): give back first, then move to the epoch of the target, then take
//! what others have given back.
use super::{
    Refused,
    group::Partitions,
    member::{Current, Held, MemberState},
};
use crate::types::{ErrorCode, TopicId};
use std::collections::BTreeSet;

/// What the step depends on besides where the member is.
pub(super) struct Step<'a, F> {
    pub target_epoch: i32,
    pub target: &'a Partitions,
    /// Topics the member subscribes to: of others it shall have nothing, whatever the target says.
    pub subscribed: &'a BTreeSet<TopicId>,
    pub subscription_changed: bool,
    /// What the member says it has; `None` when it did not say.
    pub owned: Option<&'a Partitions>,
    /// Whether nobody has a partition.
    pub is_free: F,
}

impl<F: Fn(TopicId, i32) -> bool> Step<'_, F> {
    /// Where the member is after this heartbeat.
    pub fn of(&self, current: &Current) -> Result<Current, Refused> {
        Ok(match current.state {
            MemberState::Stable if current.epoch != self.target_epoch => self.next(current, current.epoch),
            MemberState::Stable if self.subscription_changed => self.without_unsubscribed(current),
            MemberState::Stable => current.clone(),
            MemberState::Unrevoked if !self.still_has(&current.revoking) => self.next(current, current.epoch),
            MemberState::Unrevoked if self.subscription_changed => self.without_unsubscribed(current),
            MemberState::Unrevoked => current.clone(),
            MemberState::Unreleased => self.next(current, current.epoch),
            // As a member that just came: it has nothing, or must drop what it has.
            MemberState::Unknown if self.owned.is_some_and(Partitions::is_empty) => {
                self.next(current, self.target_epoch)
            }
            MemberState::Unknown => {
                let why = "the member's state is not known to this broker: it must give up its partitions and rejoin";
                return Err(Refused::new(ErrorCode::FencedMemberEpoch, why));
            }
        })
    }

    /// Whether the member has, or may have, any of these.
    fn still_has(&self, held: &Held) -> bool {
        let Some(owned) = self.owned else { return true };
        owned.iter().any(|(topic, partitions)| {
            held.get(topic).is_some_and(|held| partitions.iter().any(|partition| held.contains_key(partition)))
        })
    }

    fn shall_have(&self, topic: TopicId) -> Option<&BTreeSet<i32>> {
        self.target.get(&topic).filter(|_| self.subscribed.contains(&topic))
    }

    fn next(&self, current: &Current, epoch: i32) -> Current {
        let (mut assigned, mut revoking) = (Held::new(), Held::new());
        for (topic, partitions) in &current.assigned {
            for (partition, since) in partitions {
                let stays = self.shall_have(*topic).is_some_and(|target| target.contains(partition));
                let to = if stays { &mut assigned } else { &mut revoking };
                to.entry(*topic).or_default().insert(*partition, *since);
            }
        }
        if !revoking.is_empty() && self.still_has(&revoking) {
            let state = MemberState::Unrevoked;
            return Current { epoch, previous_epoch: current.epoch, state, assigned, revoking };
        }
        let mut state = MemberState::Stable;
        for (topic, target) in self.target.iter().filter(|(topic, _)| self.subscribed.contains(*topic)) {
            let has = current.assigned.get(topic);
            for partition in target.iter().filter(|one| has.is_none_or(|has| !has.contains_key(*one))) {
                // What it is itself giving back stands in nobody else's way (KAFKA-19449).
                let is_own = current.revoking.get(topic).is_some_and(|own| own.contains_key(partition));
                if is_own || (self.is_free)(*topic, *partition) {
                    assigned.entry(*topic).or_default().insert(*partition, self.target_epoch);
                } else {
                    state = MemberState::Unreleased;
                }
            }
        }
        Current { epoch: self.target_epoch, previous_epoch: current.epoch, state, assigned, revoking: Held::new() }
    }

    /// The target is not for this subscription yet: what is no longer subscribed to goes all the same, the epoch stays.
    fn without_unsubscribed(&self, current: &Current) -> Current {
        let (mut assigned, mut revoking) = (Held::new(), current.revoking.clone());
        for (topic, partitions) in &current.assigned {
            let to = if self.subscribed.contains(topic) { &mut assigned } else { &mut revoking };
            to.entry(*topic).or_default().extend(partitions);
        }
        if assigned == current.assigned {
            return current.clone();
        }
        let mut next = Current { assigned, previous_epoch: current.epoch, ..current.clone() };
        if self.still_has(&revoking) {
            (next.state, next.revoking) = (MemberState::Unrevoked, revoking);
        }
        next
    }
}
