//! The ends that fetches tell: never behind what was acknowledged or told before.
use crate::history::{Action, History, Isolation};
use crate::order::KnownOffsets;
use crate::report::Anomaly;

/// A high watermark is beyond every acknowledged record; neither it nor a stable offset is ever told lower than before.
pub fn ends(history: &History) -> Vec<Anomaly> {
    let mut found = Vec::new();
    for isolation in [Isolation::Uncommitted, Isolation::Committed] {
        let mut known = KnownOffsets::default();
        for (_, _, step) in history.steps() {
            match &step.action {
                Action::Send { partition, offset: Some(offset), .. } if isolation == Isolation::Uncommitted => {
                    known.add(*partition, step.span.to, offset + 1);
                }
                Action::Poll { partition, isolation: of, end: Some(end), .. } if *of == isolation => {
                    known.add(*partition, step.span.to, *end);
                }
                _ => {}
            }
        }
        known.settle();
        for (reader, _, step) in history.steps() {
            let Action::Poll { partition, isolation: of, end: Some(end), .. } = step.action else { continue };
            let before = known.before(partition, step.span.from).filter(|known| of == isolation && *known > end);
            if let Some(known) = before {
                found.push(Anomaly::StaleEnd { reader, partition, isolation, end, known });
            }
        }
    }
    found
}
