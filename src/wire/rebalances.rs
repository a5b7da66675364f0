//! Our own words in DescribeGroups: why a group rebalanced lately. A tagged field, sent to our own commands only.
use super::structure::{Reader, Unreadable, Value, Writer, structures};
use bytes::Bytes;

/// Far from the tags that Kafka counts up from zero.
pub const REBALANCES_TAG: i32 = 29_812;

structures! {
    /// The last few, oldest first.
    pub struct PastRebalances {
        rebalances: Vec<PastRebalance>,
    } tagged {}

    /// One rebalance of one group.
    pub struct PastRebalance {
        /// Milliseconds since 1970.
        at_ms: i64,
        /// The generation that it ended.
        generation: i32,
        member_id: String,
        cause: String,
        /// The client's own words, or none.
        words: String,
    } tagged {}
}

impl PastRebalances {
    pub fn to_tag(&self) -> Bytes {
        let mut to = Writer::new(0, true);
        self.put(&mut to);
        to.into_bytes().into()
    }

    pub fn of_tag(bytes: &[u8]) -> Result<PastRebalances, Unreadable> {
        let mut from = Reader::new(bytes, 0, true);
        let read = PastRebalances::read(&mut from)?;
        from.finish()?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_understood_and_nonsense_is_refused() {
        let one =
            PastRebalance { at_ms: 7, generation: 2, member_id: "m".into(), cause: "c".into(), words: "w".into() };
        let told = PastRebalances { rebalances: vec![one.clone(), one] };
        assert_eq!(PastRebalances::of_tag(&told.to_tag()), Ok(told));
        for nonsense in [&b""[..], b"\x7f", b"\0\0\0", b"\xff\xff\xff\xff\x0f"] {
            assert!(PastRebalances::of_tag(nonsense).is_err(), "{nonsense:?}");
        }
    }
}
