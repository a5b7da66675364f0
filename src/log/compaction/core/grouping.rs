//! Which neighbouring segments become one (CMP-10).

/// Bytes read for one cleaned segment at most, in segments' sizes: what is done is put in place now and then.
const TAKEN_MAX: u64 = 16;

/// What was taken into a cleaned segment so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Group {
    /// Base offset of the first segment.
    pub base: i64,
    /// Bytes of the segments taken, and of what stayed of them.
    pub taken_bytes: u64,
    pub kept_bytes: u64,
}

impl Group {
    /// Does the next segment, with these bytes and the last offset `last`, fit behind, whatever stays of it? Bytes fit one
    /// segment and offsets an index.
    pub fn fits(&self, bytes: u64, last: i64, segment_bytes: u64) -> bool {
        self.kept_bytes.saturating_add(bytes) <= segment_bytes
            && self.taken_bytes.saturating_add(bytes) <= segment_bytes.saturating_mul(TAKEN_MAX)
            && last.saturating_sub(self.base) <= i64::from(i32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cmp_10_groups_fit_a_segment_and_its_index() {
        let group = Group { base: 10, taken_bytes: 90, kept_bytes: 4 };
        assert!(group.fits(6, 50, 10) && !group.fits(7, 50, 10));
        assert!(group.fits(0, 50, 10));
        let far = 10 + i64::from(i32::MAX);
        assert!(group.fits(1, far, 10) && !group.fits(1, far + 1, 10));
        assert!(!Group { taken_bytes: 160, ..group }.fits(1, 50, 10));
    }
}
