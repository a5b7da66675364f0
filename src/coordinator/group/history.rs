//! Why a group of either protocol rebalanced, the last few times: for people, kept in memory only.
use std::{collections::VecDeque, fmt, sync::Arc};

/// Rebalances remembered for each group.
const KEPT: usize = 10;
/// Bytes of a client's own words that are kept, as clients cut them themselves (KIP-800).
const WORDS_BYTES_MAX: usize = 255;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    Joined,
    LeaderRejoined,
    MetadataChanged,
    StaticMemberReturned,
    SessionExpired,
    Left,
    NeverSynced,
    TooManyMembers,
    AssignmentTooLarge,
    SubscriptionChanged,
    AssignorChanged,
    TopicsChanged,
    NeverRevoked,
    NeverRejoined,
    Downgraded,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cause::Joined => "a member joined",
            Cause::LeaderRejoined => "the leader joined again",
            Cause::MetadataChanged => "a member's metadata changed",
            Cause::StaticMemberReturned => "a static member came back",
            Cause::SessionExpired => "a member's session expired",
            Cause::Left => "a member left",
            Cause::NeverSynced => "a member did not ask for its assignment",
            Cause::TooManyMembers => "the group has more members than group.max.size",
            Cause::AssignmentTooLarge => "the assignment is larger than a record may be",
            Cause::SubscriptionChanged => "a member's subscription changed",
            Cause::AssignorChanged => "most members ask for another assignor",
            Cause::TopicsChanged => "topics or partitions came or went",
            Cause::NeverRevoked => "a member did not give back its partitions in time",
            Cause::NeverRejoined => "a member did not join again in time",
            Cause::Downgraded => "the last member of the consumer protocol left",
        })
    }
}

/// One rebalance.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rebalance {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// The generation, or epoch, that it ended.
    pub generation: i32,
    /// Whose doing it was; empty: nobody's.
    pub member_id: Arc<str>,
    pub cause: Cause,
    /// The client's own words, or none.
    pub words: String,
}

/// The last rebalances, oldest first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct History(VecDeque<Rebalance>);

impl History {
    pub fn iter(&self) -> impl Iterator<Item = &Rebalance> {
        self.0.iter()
    }

    pub fn remember(&mut self, mut rebalance: Rebalance) {
        let end = rebalance.words.floor_char_boundary(WORDS_BYTES_MAX);
        rebalance.words.truncate(end);
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(rebalance);
    }
}

impl FromIterator<Rebalance> for History {
    fn from_iter<I: IntoIterator<Item = Rebalance>>(all: I) -> History {
        let mut history = History::default();
        all.into_iter().for_each(|one| history.remember(one));
        history
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ten_are_kept_and_words_are_cut() {
        let mut history = History::default();
        for generation in 0..13 {
            let words = "ä".repeat(200);
            let cause = Cause::Joined;
            history.remember(Rebalance { at_ms: 0, generation, member_id: "m".into(), cause, words });
        }
        let kept: Vec<i32> = history.iter().map(|rebalance| rebalance.generation).collect();
        assert_eq!(kept, (3..13).collect::<Vec<_>>());
        assert!(history.iter().all(|rebalance| rebalance.words.len() == 254));
    }
}
