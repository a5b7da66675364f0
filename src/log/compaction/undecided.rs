//! Which transactions of a log were aborted: found by walking from its first undecided batch to the markers.
use super::core::{Aborted, control_of};
use crate::{
    log::{
        log::Log,
        scan::{Scan, Step},
        segment::{Segment, damaged},
    },
    record::records,
    types::Offset,
};
use std::{io, sync::Arc};

/// A control batch has one small record.
const CONTROL_BYTES_MAX: usize = 1 << 20;

/// Headers are asked for so many bytes at a time.
const TOLD_BYTES: u64 = 1 << 20;

/// Walks the headers from `position` of the segment with this place on: a marker may stand far behind the records it ends. Behind `end` only until
/// all that began before is decided; transactions that are open then are told by `first_open`. `spend` is told of what was walked; `None` when
/// it says that this is to end.
pub fn aborted_from(
    log: &Log,
    segments: &[Arc<Segment>],
    (at, position): (usize, u64),
    end: Offset,
    spend: &dyn Fn(u64) -> bool,
) -> io::Result<Option<Aborted>> {
    let (mut aborted, mut walked) = (Aborted::default(), 0);
    for (index, segment) in segments.iter().enumerate().skip(at) {
        let from = if index == at { position } else { 0 };
        let file = segment.file()?;
        let mut scan = Scan::headers(&*file, from, log.visible_bytes(segment));
        let mut seen = from;
        loop {
            walked += scan.position() - seen;
            seen = scan.position();
            if walked >= TOLD_BYTES && !spend(std::mem::take(&mut walked)) {
                return Ok(None);
            }
            match scan.next_step()? {
                Step::Batch { header, .. }
                    if header.base() >= Some(end) && aborted.first_open().is_none_or(|open| open >= end) =>
                {
                    return Ok(Some(aborted));
                }
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
    Ok(Some(aborted))
}
