//! The write-ahead log as its callers see it: append, release, close.
use super::{
    chunks::{Chunk, Pool},
    commit::Committer,
    entry::{EntryHead, WalSequence},
    error::WalError,
    files::{Directory, file_bytes_for},
    format::{BATCH_UNCHECKED_BYTES, BLOCK_BYTES, in_blocks},
    group::Group,
    held,
    laid_out::LaidOut,
    newest::NewestNote,
    replay::Recovered,
    settings::{WalFigures, WalSettings},
    supply::{Asked, Supply},
};
use crate::{
    log::Commits,
    platform::{Clock, Disk},
    types::Offset,
};
use parking_lot::{Condvar, Mutex};
use std::{
    collections::VecDeque,
    path::Path,
    sync::Arc,
    thread::{JoinHandle, ThreadId},
};

/// What a commit reaches. Called from the committing thread, after the group is durable and without any lock of the
/// write-ahead log; must not block, nor take a lock that is held by anyone who calls [`Wal::append`].
pub trait Committed: Send + Sync {
    /// Everything of this log that was appended up to this offset is durable. Called at most once per group and log.
    fn committed(&self, up_to: Offset);
    /// What this log has waiting will never be durable.
    fn failed(&self, error: &WalError);
}

/// The write-ahead log of one log directory.
pub struct Wal {
    shared: Arc<Shared>,
    thread_id: ThreadId,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What callers and the committing thread share.
pub(super) struct Shared {
    pub state: Mutex<State>,
    /// The committing thread sleeps here.
    pub work: Condvar,
    /// Callers wait here for room in the buffer.
    pub room: Condvar,
    pub supply: Arc<Supply>,
    /// Bytes that one of the two buffers may hold.
    pub group_bytes_max: usize,
}

#[derive(Default)]
pub(super) struct State {
    pub filling: Group,
    pub pool: Pool,
    /// The committing thread sleeps until so many entries are there; `None`: it is awake.
    pub wakes_at: Option<u32>,
    /// Callers that wait for room.
    pub waiting: usize,
    pub released: WalSequence,
    /// What the newest durable group says of it.
    pub released_durably: WalSequence,
    /// `released` rose and no commit has said so yet.
    pub mark_due: bool,
    /// Bytes that the file written to takes beyond the group that is being written.
    pub left: u64,
    /// Somebody waits for a file that could not be made.
    pub starving: bool,
    /// What comes next is to go to a small file.
    pub resting: bool,
    pub closing: bool,
    pub stopped: Option<WalError>,
    pub figures: WalFigures,
    pub progress: Progress,
}

/// How many bytes were written up to which sequence, so that a release can be told in bytes.
#[derive(Default)]
pub(super) struct Progress {
    /// Bytes of all groups and the sequence after the newest.
    written: (WalSequence, u64),
    /// Bytes of what is released.
    released_bytes: u64,
    /// At most one a mebibyte.
    marks: VecDeque<(WalSequence, u64)>,
}

impl Progress {
    const MARK_EVERY_BYTES: u64 = 1 << 20;

    pub fn wrote(&mut self, bytes: u64, next: WalSequence) {
        self.written = (next, self.written.1 + bytes);
        if self.written.1 - self.marks.back().map_or(self.released_bytes, |m| m.1) >= Self::MARK_EVERY_BYTES {
            self.marks.push_back(self.written);
        }
    }

    pub fn released(&mut self, up_to: WalSequence) {
        while let Some(mark) = self.marks.pop_front_if(|m| m.0 <= up_to) {
            self.released_bytes = mark.1;
        }
        if up_to >= self.written.0 {
            self.released_bytes = self.written.1;
        }
    }

    pub fn unreleased_bytes(&self) -> u64 {
        self.written.1 - self.released_bytes
    }
}

impl Shared {
    /// Everybody who sleeps sees for himself what has changed.
    pub fn look_again(&self) {
        let _state = self.state.lock();
        self.work.notify_all();
        self.room.notify_all();
    }

    /// The committing thread, where it sleeps although what it waits for is there.
    pub fn wake_if_due(&self) {
        let mut state = self.state.lock();
        let filled = state.filling.entries();
        if state.wakes_at.take_if(|entries| filled >= *entries).is_some() {
            drop(state);
            self.work.notify_one();
        }
    }
}

impl Wal {
    /// The largest body of one entry: above every request the broker accepts.
    pub const BODY_BYTES_MAX: usize = 1 << 30;

    /// Reads what is there and starts a new file for new entries; the old files stay until they are released.
    ///
    /// # Errors
    /// `Damaged` or `Gone` when acknowledged entries cannot be read any more: nothing was changed then.
    pub fn open(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        directory: &Path,
        settings: WalSettings,
    ) -> Result<(Arc<Wal>, Recovered), WalError> {
        Wal::open_after(disk, clock, directory, settings, false)
    }

    /// As `open`; after an orderly stop the logs have all that files which are gone had.
    pub fn open_after(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        directory: &Path,
        settings: WalSettings,
        orderly: bool,
    ) -> Result<(Arc<Wal>, Recovered), WalError> {
        let directory = Directory::open(disk, directory, settings.direct)?;
        let found = directory.list()?;
        let (recovered, live) = Recovered::read(&directory, &found)?;
        NewestNote::check(&directory, &found.numbered, &recovered, orderly)?;
        for name in &found.unfinished {
            directory.remove_unfinished(name)?;
        }
        if !found.spares.is_empty() {
            // Killed in between, the last run may have left the new name of a spare file in memory only: its bytes must not
            // change while a power loss can bring the old one back.
            directory.sync_names()?;
        }
        let newest = NewestNote::open(&directory);
        let next_number = found.next_number();
        let file_bytes = in_blocks(settings.file_bytes);
        let sizes = (in_blocks(settings.first_file_bytes).min(file_bytes), file_bytes);
        let supply = Arc::new(Supply::new(directory, next_number, found.spares, sizes));
        let current = supply.prepare_first(file_bytes_for(0))?;
        // Files that were released before are put aside once the new file says so, too.
        let mark_due = live.front().is_some_and(|file| file.end <= recovered.released());
        let mut state = State { released: recovered.released(), mark_due, left: current.room(), ..State::default() };
        state.released_durably = recovered.released();
        state.filling.first_sequence = recovered.next_sequence();
        state.progress.wrote(recovered.entry_bytes(), recovered.next_sequence());
        state.progress.released(recovered.released());
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            work: Condvar::new(),
            room: Condvar::new(),
            supply: supply.clone(),
            group_bytes_max: (settings.buffer_bytes_max / 2).max(Chunk::BYTES),
        });
        let waiting = Arc::downgrade(&shared);
        supply.start(move || {
            if let Some(shared) = waiting.upgrade() {
                shared.look_again();
            }
        })?;
        let committer = Committer::new(shared.clone(), clock, current, newest, live, recovered.released());
        let thread = std::thread::Builder::new()
            .name("wal".into())
            .spawn(move || committer.run())
            .map_err(WalError::io("start the commit thread for", supply.directory().path()))?;
        let thread_id = thread.thread().id();
        Ok((Arc::new(Wal { shared, thread_id, thread: Mutex::new(Some(thread)) }), recovered))
    }

    /// Copies the entry into the buffer of the next group commit, in call order. Waits only for room in the buffers and for
    /// a file that is being made: what is taken has its place on the disk.
    /// `reach` is told when the entry is durable, or never will be.
    ///
    /// # Errors
    /// `Failed` for ever after a failed write or sync (LOG-9); `DiskFull` and `EntryTooLarge` take nothing.
    pub fn append(
        &self,
        head: &EntryHead,
        body: &[&[u8]],
        reach: Option<(&Arc<dyn Committed>, Offset)>,
    ) -> Result<WalSequence, WalError> {
        let len = body.iter().map(|part| part.len()).sum::<usize>();
        if len > Self::BODY_BYTES_MAX {
            return Err(WalError::EntryTooLarge { len, len_max: Self::BODY_BYTES_MAX });
        }
        assert_eq!(len, head.len as usize, "a head says how long its body is");
        self.take(len, reach, |group, pool| group.push(head, body, pool))
    }

    /// Copies a body for `append_laid_out`; it will stand `skip` bytes into a block of its segment.
    pub fn lay_out(&self, skip: usize, parts: &[&[u8]]) -> LaidOut {
        let count = LaidOut::chunks_for(skip, parts.iter().map(|part| part.len()).sum());
        let mut chunks = self.shared.state.lock().pool.take_free(count);
        chunks.resize_with(count, Chunk::new);
        LaidOut::new(chunks, skip, parts)
    }

    /// As `append`, without a copy. The body is one batch whose checksum was found right.
    pub fn append_laid_out(
        &self,
        head: &EntryHead,
        body: LaidOut,
        reach: Option<(&Arc<dyn Committed>, Offset)>,
    ) -> Result<WalSequence, WalError> {
        assert_eq!(body.size(), head.len as usize, "a head says how long its body is");
        assert!(body.size() >= BATCH_UNCHECKED_BYTES, "a batch has a header");
        // Its block begins behind that of the head, and nothing follows in the block that it ends in.
        let room = body.size() + 2 * BLOCK_BYTES;
        self.take(room, reach, |group, pool| group.push_laid_out(head, body, pool))
    }

    fn take(
        &self,
        len: usize,
        reach: Option<(&Arc<dyn Committed>, Offset)>,
        push: impl FnOnce(&mut Group, &mut Pool) -> WalSequence,
    ) -> Result<WalSequence, WalError> {
        let mut guard = self.room_for(len)?;
        let state = &mut *guard;
        let sequence = push(&mut state.filling, &mut state.pool);
        if let Some((log, offset)) = reach {
            state.filling.reach(log, offset);
        }
        let (filled, bytes) = (state.filling.entries(), state.filling.padded_bytes());
        let is_due = state.wakes_at.is_some_and(|entries| filled >= entries);
        let wake = is_due && !held::holds(&self.shared, filled, bytes);
        if wake {
            state.wakes_at = None;
        }
        drop(guard);
        if wake {
            self.shared.work.notify_one();
        }
        Ok(sequence)
    }

    fn room_for(&self, len: usize) -> Result<parking_lot::MutexGuard<'_, State>, WalError> {
        let mut state = self.shared.state.lock();
        let mut waited = false;
        loop {
            if let Some(error) = &state.stopped {
                return Err(error.clone());
            }
            if state.closing {
                return Err(WalError::Closed);
            }
            let group_bytes = state.filling.padded_bytes_with(len);
            let has_file = group_bytes <= state.left || group_bytes <= self.shared.supply.ready_room();
            if has_file && state.filling.has_room(len, self.shared.group_bytes_max) {
                return Ok(state);
            }
            if !has_file && state.filling.entries() == 0 {
                match self.shared.supply.ask(file_bytes_for(group_bytes)) {
                    Asked::Coming => {}
                    Asked::Full => {
                        let directory = self.shared.supply.directory().path().to_owned();
                        return Err(WalError::DiskFull { directory });
                    }
                    Asked::Failed => {
                        state.starving = true;
                        self.shared.work.notify_one();
                    }
                }
            }
            state.figures.waits += u64::from(!waited);
            waited = true;
            if state.wakes_at.take().is_some() {
                self.shared.work.notify_one();
            }
            state.waiting += 1;
            self.shared.room.wait(&mut state);
            state.waiting -= 1;
        }
    }

    /// The sequence that the next appended entry will get.
    pub fn next_sequence(&self) -> WalSequence {
        self.shared.state.lock().filling.next_sequence()
    }

    /// All entries below `up_to` are in synced segments, and the checkpoints say so: they are not replayed any more,
    /// and files that hold nothing else are used again. Lower values than before are ignored.
    pub fn release(&self, up_to: WalSequence) {
        let mut state = self.shared.state.lock();
        assert!(up_to <= state.filling.next_sequence(), "only what was appended can be released");
        if up_to <= state.released {
            return;
        }
        state.released = up_to;
        state.progress.released(up_to);
        state.mark_due = true;
        state.wakes_at = None;
        drop(state);
        self.shared.work.notify_one();
    }

    /// Entries below never come back, whatever happens.
    pub fn released_durably(&self) -> WalSequence {
        self.shared.state.lock().released_durably
    }

    /// Bytes that a crash now would have to be replayed, exact to about a mebibyte.
    pub fn unreleased_bytes(&self) -> u64 {
        self.shared.state.lock().progress.unreleased_bytes()
    }

    /// A load is over, and a start should find little to read until the next.
    pub fn rest(&self) {
        let mut state = self.shared.state.lock();
        state.resting = true;
        state.wakes_at = None;
        drop(state);
        self.shared.work.notify_one();
    }

    /// While the disk is short of room, released files are removed rather than kept for the next load.
    pub fn keep_few_spares(&self, few: bool) {
        self.shared.supply.keep_few_spares(few);
    }

    /// Why nothing is taken any more, if so (LOG-9).
    pub fn failure(&self) -> Option<WalError> {
        self.shared.state.lock().stopped.clone()
    }

    /// Those so far, and the time that they took.
    pub fn commits(&self) -> Commits {
        let state = self.shared.state.lock();
        Commits { count: state.figures.commits, time: state.figures.sync_time }
    }

    pub fn figures(&self) -> WalFigures {
        let (spare_bytes, files_filled, files_recycled) = self.shared.supply.figures();
        let state = self.shared.state.lock();
        WalFigures {
            files_filled,
            files_recycled,
            disk_bytes: state.figures.disk_bytes + spare_bytes,
            unreleased_bytes: state.progress.unreleased_bytes(),
            direct: self.shared.supply.directory().direct(),
            ..state.figures
        }
    }

    /// Bytes of the buffers that wait for use; what is in use is bounded by the settings.
    #[cfg(test)]
    pub(super) fn memory_bytes(&self) -> usize {
        self.shared.state.lock().pool.bytes()
    }

    /// The committing thread waits for entries.
    #[cfg(test)]
    pub(super) fn is_asleep(&self) -> bool {
        self.shared.state.lock().wakes_at.is_some()
    }

    /// Commits what is buffered and stops the threads. Idempotent: later calls give the same answer.
    pub fn close(&self) -> Result<(), WalError> {
        {
            let mut state = self.shared.state.lock();
            state.closing = true;
            state.wakes_at = None;
        }
        self.shared.work.notify_one();
        self.shared.room.notify_all();
        // The last holder of this log may be a log that the committing thread itself has just told.
        if std::thread::current().id() != self.thread_id {
            let mut thread = self.thread.lock();
            if let Some(thread) = thread.take() {
                let _ = thread.join();
            }
        }
        self.shared.state.lock().stopped.clone().map_or(Ok(()), Err)
    }
}

impl std::fmt::Debug for Wal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wal").field("directory", &self.shared.supply.directory().path()).finish_non_exhaustive()
    }
}

impl Drop for Wal {
    fn drop(&mut self) {
        let _ = self.close();
    }
}
