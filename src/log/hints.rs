//! Where readers of a segment stopped: a consumer that reads on asks no index and no file for its next batch.
use crate::record::BatchHeader;

/// Places remembered per segment: as many consumers may read the same old segment side by side.
const PLACES: usize = 8;

/// A batch of a segment: where it stands and how long it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    pub base_offset: i64,
    pub position: u64,
    pub size: u64,
}

impl Place {
    pub fn of(position: u64, header: &BatchHeader) -> Place {
        Place { base_offset: header.base_offset, position, size: header.size() as u64 }
    }

    /// Where the next batch stands.
    pub fn end(&self) -> u64 {
        self.position + self.size
    }
}

/// The last places that readers came to, newest over oldest. Batches below a log's end never change, so a place stays
/// true until the segment is cut.
#[derive(Default)]
pub struct Hints {
    places: [Option<Place>; PLACES],
    next: usize,
}

impl Hints {
    /// The batch that begins with exactly this offset.
    pub fn find(&self, base_offset: i64) -> Option<Place> {
        self.places.iter().flatten().find(|place| place.base_offset == base_offset).copied()
    }

    pub fn remember(&mut self, place: Place) {
        if self.find(place.base_offset).is_none() {
            self.places[self.next] = Some(place);
            self.next = (self.next + 1) % PLACES;
        }
    }

    pub fn forget(&mut self) {
        *self = Hints::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(base_offset: i64) -> Place {
        Place { base_offset, position: base_offset as u64 * 100, size: 100 }
    }

    #[test]
    fn the_newest_places_are_kept() {
        let mut hints = Hints::default();
        for base in 0..10 {
            hints.remember(place(base));
            hints.remember(place(base));
        }
        assert_eq!(hints.find(1), None);
        assert_eq!(hints.find(2), Some(place(2)));
        assert_eq!(hints.find(9).map(|place| place.end()), Some(1000));
        hints.forget();
        assert_eq!(hints.find(9), None);
    }
}
