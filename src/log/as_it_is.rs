//! A partition's directory that was put in the place of another, a backup say, and ends where the other one did not: what was synced
//! is not forgotten (LOG-14) unless somebody says that the directory is to be taken as it is.
use crate::{
    log::{
        log::{LogError, LogId},
        log_dir::LogDir,
        names,
        trimming::Waiter,
        wal::{Committed, EntryKind},
    },
    platform::Entry,
    types::{LeaderEpoch, Offset},
};
use std::{io, path::Path, sync::Arc};

/// What to do about a log that is shorter than its notes say.
pub(in crate::log) fn way_out(folder: &Path) -> String {
    let file = folder.join(names::AS_IT_IS);
    format!(
        "if it was put here on purpose, make an empty file {} and start the broker again: it goes on with what is here",
        file.display()
    )
}

impl LogDir {
    /// Where the directory is to be taken as it is, nothing is believed of the log that it came in the place of: no notes, and no
    /// entries of the write-ahead log. Durably so, before the file that says it goes.
    pub(in crate::log) fn takes_as_it_is(
        &self,
        id: &LogId,
        listing: &[Entry],
        has_entries: bool,
    ) -> Result<bool, LogError> {
        if !listing.iter().any(|file| file.name == names::AS_IT_IS) {
            return Ok(false);
        }
        let folder = self.path().join(names::of_partition(&id.topic, id.partition));
        tracing::warn!(log = %folder.display(), "the partition's directory is taken as it is: what was known of the log here before is forgotten");
        let at = id.topic_partition();
        self.forget(at.clone());
        self.write_forgotten(&at).map_err(LogError::io("write the checkpoints of", self.path()))?;
        if has_entries {
            let waiter = Arc::new(Waiter::default());
            let reach: Arc<dyn Committed> = waiter.clone();
            let dropped = id.entry(EntryKind::Drop, Offset::ZERO, LeaderEpoch::ZERO);
            self.shared.wal.append(&dropped, &[], Some((&reach, Offset::ZERO)))?;
            waiter.wait()?;
        }
        self.remove_durably(&folder).map_err(LogError::io("remove the file that says so from", &folder))?;
        Ok(true)
    }

    /// Should it come back, it would take away what was written since.
    fn remove_durably(&self, folder: &Path) -> io::Result<()> {
        self.shared.disk.remove_file(&folder.join(names::AS_IT_IS))?;
        self.shared.disk.sync_dir(folder)
    }
}
