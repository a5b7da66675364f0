//! Which neighbouring segments become one (CMP-10).
use crate::log::segment::SEGMENT_BYTES_MAX;

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

/// A segment that may be taken, too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Next {
    pub bytes: u64,
    /// About what stays of them.
    pub staying_bytes: u64,
    /// Its last offset.
    pub last: i64,
}

impl Group {
    /// Does the next segment fit behind? What should stay of it fits a segment, whatever stays of it can be found by an index, and
    /// so can its offsets.
    pub fn fits(&self, next: &Next, segment_bytes: u64) -> bool {
        let &Next { bytes, staying_bytes, last } = next;
        self.kept_bytes.saturating_add(staying_bytes) <= segment_bytes
            && self.kept_bytes.saturating_add(bytes) <= SEGMENT_BYTES_MAX
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
        let fits = |group: &Group, bytes, last| group.fits(&Next { bytes, staying_bytes: bytes, last }, 10);
        assert!(fits(&group, 6, 50) && !fits(&group, 7, 50));
        assert!(fits(&group, 0, 50));
        let far = 10 + i64::from(i32::MAX);
        assert!(fits(&group, 1, far) && !fits(&group, 1, far + 1));
        assert!(!fits(&Group { taken_bytes: 160, ..group }, 1, 50));
    }

    #[test]
    fn cmp_10_what_goes_of_a_segment_takes_no_room() {
        let group = Group { base: 0, taken_bytes: 90, kept_bytes: 4 };
        let next = Next { bytes: 60, staying_bytes: 6, last: 50 };
        assert!(group.fits(&next, 10) && !group.fits(&Next { staying_bytes: 7, ..next }, 10));
        // Should more stay than was thought, positions still fit an index.
        let large = Next { bytes: SEGMENT_BYTES_MAX - 4, ..next };
        assert!(group.fits(&large, 1 << 40) && !group.fits(&Next { bytes: large.bytes + 1, ..next }, 1 << 40));
    }
}
