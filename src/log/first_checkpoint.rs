//! What is noted of a log before its first checkpoint leaves anything: that its epochs are its own.
use crate::{
    log::{log::Log, log_dir::LogDir},
    types::Offset,
};
use std::{io, sync::Arc};

impl LogDir {
    /// A log's first checkpoint leaves the epochs before its records are noted as synced. A power loss between the two leaves what
    /// looks like a log that was moved here by hand, of which nobody knows the gaps: so it is noted before that the epochs will be its
    /// own (LOG-13). Not of a log that was found with a file of epochs.
    pub(in crate::log) fn note_begun(&self, dirty: &[Arc<Log>]) -> io::Result<()> {
        let mut checkpoints = self.checkpoints.lock();
        let mut noted = false;
        // A log that was deleted since must leave nothing to a new one of its name.
        for log in dirty.iter().filter(|log| self.has_open(log)) {
            let at = log.id.topic_partition();
            let is_noted = checkpoints.recovery.get(&at) > Some(Offset::ZERO) || checkpoints.recovery.is_begun(&at);
            if is_noted || log.epochs.lock().is_found() {
                continue;
            }
            checkpoints.recovery.set(&at, Some(Offset::ZERO));
            checkpoints.recovery.mark(&at, true);
            noted = true;
        }
        if noted { self.write_checkpoints(&mut checkpoints) } else { Ok(()) }
    }
}
