//! The thread that commits: one write, synced, per group; at once when idle, the next group grows meanwhile.
use super::{
    entry::WalSequence,
    error::WalError,
    files::{LogFile, Spare, file_bytes_for},
    format::BLOCK_BYTES,
    gather::{Gathering, Wait},
    group::Group,
    newest::{Newest, NewestNote},
    write_ahead::{Shared, State},
};
use crate::platform::Clock;
use parking_lot::MutexGuard;
use std::{collections::VecDeque, sync::Arc, time::Duration};

/// A full file whose entries are not all released yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct LiveFile {
    pub number: u64,
    pub file_bytes: u64,
    /// The sequence after its last entry.
    pub end: WalSequence,
}

/// The committing thread's own things.
pub(super) struct Committer {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    current: LogFile,
    position: u64,
    newest: Option<NewestNote>,
    /// Oldest first, without the current one.
    live: VecDeque<LiveFile>,
    /// What the newest durable group says.
    released_durably: WalSequence,
    /// Files begun since the last release: about as many spare files will be of use before the next one.
    begun_since_release: usize,
    spares_max: usize,
    /// The group that was written last, emptied, to be filled again.
    idle_group: Group,
    gathering: Gathering,
    /// What the next group waits for.
    wait: Option<Wait>,
}

/// How long memory that load has asked for is kept after it, and then spare files.
const MEMORY_KEPT: Duration = Duration::from_secs(1);
const SPARES_KEPT: Duration = Duration::from_secs(60);

impl Committer {
    pub fn new(
        shared: Arc<Shared>,
        clock: Arc<dyn Clock>,
        current: LogFile,
        newest: Option<NewestNote>,
        live: VecDeque<LiveFile>,
        released_durably: WalSequence,
    ) -> Committer {
        let committer = Committer {
            shared,
            clock,
            current,
            position: LogFile::FIRST_POSITION,
            newest,
            live,
            released_durably,
            begun_since_release: 0,
            spares_max: 1,
            idle_group: Group::default(),
            gathering: Gathering::default(),
            wait: None,
        };
        committer.count_disk_bytes(&mut committer.shared.state.lock());
        committer
    }

    pub fn run(mut self) {
        loop {
            match self.next_group() {
                Ok(Some(mut group)) => match self.write(&mut group) {
                    Ok(took) => self.finish(group, took),
                    Err(error) => break self.fail(&error, group),
                },
                Ok(None) => break,
                Err(error) => break self.fail(&error, Group::default()),
            }
        }
        self.shared.supply.close();
    }

    /// Sleeps until there is something to commit; `None` when all is done and the log is closing.
    fn next_group(&mut self) -> Result<Option<Group>, WalError> {
        let shared = self.shared.clone();
        let mut guard = shared.state.lock();
        self.gather(&mut guard);
        loop {
            let state = &mut *guard;
            if std::mem::take(&mut state.starving)
                && let Some(trouble) = shared.supply.take_trouble()
            {
                return Err(trouble);
            }
            if state.filling.entries() > 0 || (std::mem::take(&mut state.mark_due) && self.can_mark(state)) {
                let group = self.take_group(state);
                if state.waiting > 0 {
                    self.shared.room.notify_all();
                }
                return Ok(Some(group));
            }
            if state.closing {
                return Ok(None);
            }
            if state.resting && self.turn_to_small_file(state) {
                return Ok(Some(self.take_group(state)));
            }
            state.wakes_at = Some(1);
            self.sleep(&mut guard);
            guard.wakes_at = None;
        }
    }

    /// Whether a group without entries, which says what is released, has a place. What is left of a full file is for marks that
    /// give a file back; without a place the next group says it.
    fn can_mark(&self, state: &State) -> bool {
        let end = self.position + BLOCK_BYTES as u64;
        let frees = self.live.front().is_some_and(|f| f.end <= state.released);
        end <= self.current.entries_end()
            || self.shared.supply.ready_room() > 0
            || (frees && end <= self.current.file_bytes)
    }

    /// The group that was filled, and where it goes: who filled it has seen that there is room.
    fn take_group(&mut self, state: &mut State) -> Group {
        state.mark_due = false;
        state.resting &= state.filling.entries() == 0;
        let mut next = std::mem::take(&mut self.idle_group);
        next.first_sequence = state.filling.next_sequence();
        let mut group = std::mem::replace(&mut state.filling, next);
        group.reserve_header(&mut state.pool);
        group.released = state.released;
        let bytes = group.padded_bytes();
        if self.position + bytes > self.current.entries_end() {
            match self.shared.supply.take_ready() {
                Some(file) => self.begin_file(file, group.first_sequence, state),
                None => assert!(group.entries() == 0, "an entry is taken only when a file has room for it"),
            }
        }
        let end = self.position + bytes;
        state.left = self.current.entries_end().saturating_sub(end);
        if end > self.current.file_bytes / 2 {
            self.shared.supply.want(file_bytes_for(0));
        }
        group
    }

    fn begin_file(&mut self, file: LogFile, next: WalSequence, state: &mut State) {
        let full = std::mem::replace(&mut self.current, file);
        self.live.push_back(LiveFile { number: full.number, file_bytes: full.file_bytes, end: next });
        self.position = LogFile::FIRST_POSITION;
        self.begun_since_release += 1;
        self.count_disk_bytes(state);
    }

    /// A start reads all of every file that has a number, whether or not there is something in it: at rest that is a small one.
    /// Nothing was taken, so nobody was promised the room that goes. The file is begun with a group that says what is released.
    /// False while the file is being made, and where there is no need of one.
    fn turn_to_small_file(&mut self, state: &mut State) -> bool {
        let supply = self.shared.supply.clone();
        let bytes = self.current.file_bytes.max(supply.ready_bytes());
        if bytes <= supply.small_file_bytes() || state.waiting > 0 {
            state.resting = false;
            return false;
        }
        let Some(file) = supply.take_small(self.current.number) else { return false };
        state.resting = false;
        supply.give_up_ready();
        self.begin_file(file, state.filling.next_sequence(), state);
        true
    }

    /// Waits a moment for those whom the last commit has answered, where that has paid.
    fn gather(&mut self, guard: &mut MutexGuard<'_, State>) {
        let Some(wait) = self.wait.take() else { return };
        if guard.filling.entries() < wait.entries && !guard.closing && !guard.mark_due && guard.waiting == 0 {
            guard.wakes_at = Some(wait.entries);
            self.shared.work.wait_for(guard, wait.at_most);
            guard.wakes_at = None;
            self.gathering.waited(wait, guard.filling.entries());
        }
    }

    /// Gives back, after a while each, the memory and the disk that the last load has asked for; then sleeps.
    fn sleep(&mut self, guard: &mut MutexGuard<'_, State>) {
        let work = &self.shared.work;
        if guard.pool.holds_more_than_at_rest() {
            if work.wait_for(guard, MEMORY_KEPT).timed_out() {
                guard.pool.shrink();
            }
        } else if self.spares_max > 1 {
            if work.wait_for(guard, SPARES_KEPT).timed_out() {
                self.spares_max = 1;
                self.shared.supply.retire([], self.spares_max);
            }
        } else {
            work.wait(guard);
        }
    }

    /// The write that everybody waits for. One at a time: when it fails, nothing after it was written.
    fn write(&mut self, group: &mut Group) -> Result<Duration, WalError> {
        group.seal(self.current.number, self.current.salt, self.position);
        if self.position == LogFile::FIRST_POSITION
            && let Some(note) = &self.newest
        {
            // Once per file; its group waits, so that none is acknowledged of which a lost file would leave no trace.
            note.write(Newest { number: self.current.number, first_sequence: group.first_sequence })?;
        }
        let began = self.clock.monotonic();
        self.current
            .file
            .write_slices_synced_at(&mut group.slices(), self.position)
            .map_err(WalError::io("write", &self.current.path))?;
        self.position += group.padded_bytes();
        Ok(self.clock.monotonic().saturating_sub(began))
    }

    fn finish(&mut self, mut group: Group, took: Duration) {
        {
            let mut guard = self.shared.state.lock();
            let state = &mut *guard;
            let bytes = group.entry_bytes() as u64;
            if group.entries() > 0 {
                self.wait = self.gathering.committed(group.entries(), took, state.filling.entries());
                state.figures.commits += 1;
                state.figures.entries += u64::from(group.entries());
                state.figures.entry_bytes += bytes;
                state.figures.last_entries = u64::from(group.entries());
                state.figures.last_bytes = bytes;
                state.figures.last_sync_time = took;
                state.progress.wrote(group.padded_bytes(), group.next_sequence());
                state.progress.released(state.released);
            }
            state.released_durably = state.released_durably.max(group.released);
            state.figures.written_bytes += group.padded_bytes();
            state.figures.sync_time += took;
            group.give_back_chunks(&mut state.pool, self.shared.group_bytes_max);
        }
        group.tell_committed();
        if group.released > self.released_durably || self.live.front().is_some_and(|f| f.end <= group.released) {
            self.released_durably = group.released;
            self.retire();
        }
        group.clear();
        self.idle_group = group;
    }

    /// LOG-9: what is on disk after a failed write or sync is unknown, so this was the last one.
    fn fail(&mut self, error: &WalError, group: Group) {
        tracing::error!(%error, "the write-ahead log failed: nothing more is written to this log directory");
        let rest = {
            let mut state = self.shared.state.lock();
            state.stopped = Some(WalError::Failed { reason: error.to_string().into() });
            let mut next = Group::default();
            next.first_sequence = state.filling.next_sequence();
            std::mem::replace(&mut state.filling, next)
        };
        self.shared.room.notify_all();
        group.tell_failed(error);
        rest.tell_failed(error);
    }

    /// Puts files aside that hold released entries only, once a durable group says that they are released: a file
    /// that is missing without that is damage.
    fn retire(&mut self) {
        let released = self.released_durably;
        let mut retired = Vec::new();
        while let Some(file) = self.live.pop_front_if(|f| f.end <= released) {
            retired.push(Spare { number: file.number, file_bytes: file.file_bytes });
        }
        // Falls slowly, so that one quiet moment does not cost files that have to be filled again.
        self.spares_max = self.begun_since_release.max(self.spares_max - 1).max(1);
        self.begun_since_release = 0;
        self.shared.supply.retire(retired, self.spares_max);
        self.count_disk_bytes(&mut self.shared.state.lock());
    }

    fn count_disk_bytes(&self, state: &mut State) {
        let live: u64 = self.live.iter().map(|f| f.file_bytes).sum();
        state.figures.disk_bytes = live + self.current.file_bytes;
    }
}
