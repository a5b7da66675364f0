//! Why a group rebalanced, the last few times: for people, kept in memory only.
use super::MemberId;
use std::{collections::VecDeque, fmt};

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
        })
    }
}

/// One rebalance.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rebalance {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// The generation that it ended.
    pub generation: i32,
    pub member_id: MemberId,
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

    pub(super) fn remember(&mut self, mut rebalance: Rebalance) {
        let end = rebalance.words.floor_char_boundary(WORDS_BYTES_MAX);
        rebalance.words.truncate(end);
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(rebalance);
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
