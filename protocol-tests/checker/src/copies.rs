//! Copies: each record of an input stands once in its outputs, in order.
use crate::history::{FinalRead, History, Isolation, Partition};
use crate::report::{Anomaly, Place};
use std::collections::{BTreeMap, BTreeSet};

/// Where a record of an input stands, and where its copies do.
struct Copied {
    input: Place,
    places: Vec<Place>,
}

/// Judges the last reads of committed records.
pub fn copies(history: &History) -> Vec<Anomaly> {
    let committed = |partition: Partition| history.final_read(partition, Isolation::Committed);
    let mut copied: BTreeMap<u64, Copied> = BTreeMap::new();
    for copy in &history.copies {
        for &(offset, value) in committed(copy.input).iter().flat_map(|read| &read.records) {
            let input = Place { partition: copy.input, offset };
            copied.insert(value.number, Copied { input, places: Vec::new() });
        }
    }
    let outputs: BTreeSet<Partition> = history.copies.iter().flat_map(|copy| copy.outputs.iter().copied()).collect();
    let mut found = Vec::new();
    for read in outputs.into_iter().filter_map(committed) {
        found.extend(walk(read, &mut copied));
    }
    for (number, of) in copied {
        match of.places.len() {
            0 => found.push(Anomaly::CopyMissing { input: of.input, number }),
            1 => {}
            _ => found.push(Anomaly::CopyTwice { input: of.input.partition, number, places: of.places }),
        }
    }
    found
}

/// Goes through one output; the second and later copies of a record say nothing about order.
fn walk(output: &FinalRead, copied: &mut BTreeMap<u64, Copied>) -> Vec<Anomaly> {
    let mut found = Vec::new();
    let mut last: BTreeMap<Partition, (i64, Place, u64)> = BTreeMap::new();
    for &(offset, value) in &output.records {
        let place = Place { partition: output.partition, offset };
        let Some(of) = copied.get_mut(&value.number) else {
            found.push(Anomaly::CopyOfNothing { place, value });
            continue;
        };
        of.places.push(place);
        if of.places.len() > 1 {
            continue;
        }
        let (input, now) = (of.input.partition, (of.input.offset, place, value.number));
        match last.get(&input) {
            Some((read, first, number)) if *read > now.0 => {
                let (first, then) = ((*first, *number), (place, value.number));
                found.push(Anomaly::CopyReordered { input, first, then });
            }
            _ => {
                last.insert(input, now);
            }
        }
    }
    found
}
