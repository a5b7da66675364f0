//! Which transactions of a log were aborted: found by walking from its first undecided batch to the markers.
use super::core::{Aborted, control_of};
use crate::{
    log::{
        log::Log,
        scan::{Scan, Step},
        segment::{Segment, damaged},
    },
    record::records,
};
use std::{io, sync::Arc};

/// A control batch has one small record.
const CONTROL_BYTES_MAX: usize = 1 << 20;

/// Walks the headers from `position` of the segment with this place on, to the end of the log: a marker may stand far
/// behind the records it ends. Transactions that are open then are told by `first_open`.
pub fn aborted_from(log: &Log, segments: &[Arc<Segment>], at: usize, position: u64) -> io::Result<Aborted> {
    let mut aborted = Aborted::default();
    for (index, segment) in segments.iter().enumerate().skip(at) {
        let from = if index == at { position } else { 0 };
        let file = segment.file()?;
        let mut scan = Scan::headers(&*file, from, log.visible_bytes(segment));
        loop {
            match scan.next_step()? {
                Step::End => break,
                Step::Bad { position, why } => {
                    return Err(damaged(segment.path(crate::log::names::LOG), position, &why));
                }
                Step::Batch { header, .. } if !header.is_transactional() => {}
                Step::Batch { position, header } if header.is_control() => {
                    let mut bytes = vec![0; header.size().min(CONTROL_BYTES_MAX)];
                    let filled = file.read_at(&mut bytes, position)?;
                    let set = bytes.get(..filled).and_then(|bytes| records(&header, bytes, CONTROL_BYTES_MAX).ok());
                    if let Some(set) = set {
                        aborted.on_control(&header, control_of(&set));
                    }
                }
                Step::Batch { header, .. } => aborted.on_data(&header),
            }
        }
    }
    Ok(aborted)
}
