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
        {
            let logs = self.shared.logs.lock();
            for log in dirty {
                let at = log.id.topic_partition();
                // A log that was deleted since must leave nothing to a new one of its name.
                let is_open = logs.get(&log.id.key()).is_some_and(|open| Arc::ptr_eq(open, log));
                if !is_open
                    || checkpoints.recovery.get(&at).unwrap_or_default() > Offset::ZERO
                    || checkpoints.recovery.is_begun(&at)
                    || log.epochs.lock().is_found()
                {
                    continue;
                }
                checkpoints.recovery.set(&at, Some(Offset::ZERO));
                checkpoints.recovery.mark(&at, true);
                noted = true;
            }
        }
        if noted { self.write_checkpoints(&mut checkpoints) } else { Ok(()) }
    }
}
