//! One run of compaction over one log: keys are collected from its dirty part, then the segments are rewritten, group by
//! group, each group put in place before the next begins.
use super::{
    core::{
        Aborted, AbortedRange, Cleanable, Filter, FilterError, Full, Group, LastRecord, Next, OffsetMap, Ongoing,
        Outcome, Stretches, collect,
    },
    in_place::InPlace,
    output::{Cleaned, Output},
    reader::{BatchReader, ReadFault},
    undecided::aborted_from,
};
use crate::{
    log::{
        aborted::AbortedEntry,
        append::is_disk_full,
        damage::Damage,
        file_cache::OpenFile,
        log::{Log, LogError},
        lookup::DECOMPRESSED_BYTES_MAX,
        names,
        segment::{SEGMENT_BYTES_MAX, Segment},
        shared::Shared,
    },
    record::walk,
    types::Offset,
};
use bytes::BytesMut;
use std::{
    collections::BTreeMap,
    io::{self, IoSlice},
    ops::Range,
    path::PathBuf,
    sync::Arc,
};

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum CleanError {
    /// The log was cut, shortened or deleted, or the broker stops: tried again another time (CMP-11).
    #[error("the log changed meanwhile, or compaction stops")]
    Aborted,
    /// Tried again once there may be so much.
    #[error("the disk has no room for a cleaned segment")]
    DiskFull { needed_bytes: u64 },
    #[error("{log}: {fault}")]
    Batch { log: String, fault: FilterError },
    #[error("{log}: {fault}")]
    Read { log: String, fault: ReadFault },
    #[error(
        "{log}: the keys of one batch at offset {offset} do not fit the memory for keys; raise log.cleaner.dedupe.buffer.size or lower log.cleaner.threads"
    )]
    MapTooSmall { log: String, offset: Offset },
    #[error("{log}: a transaction below the last stable offset has no end, compaction stops at {offset}")]
    Undecided { log: String, offset: Offset },
    #[error("{log}: {damage}")]
    Damaged { log: String, damage: Damage },
    #[error("{} is missing", path.display())]
    Missing { path: PathBuf },
    #[error(transparent)]
    Log(LogError),
}

impl From<LogError> for CleanError {
    fn from(error: LogError) -> CleanError {
        match error {
            // Names take room, too.
            LogError::Io { source, .. } if is_disk_full(&source) => CleanError::DiskFull { needed_bytes: 0 },
            other => CleanError::Log(other),
        }
    }
}

impl CleanError {
    /// The log itself is at fault: it is left alone until something about it changes (CMP-2).
    pub fn is_of_log(&self) -> bool {
        !matches!(self, CleanError::Aborted | CleanError::DiskFull { .. })
    }
}

/// What a run did.
#[derive(Clone, Copy, Default, Debug)]
pub struct CleanFigures {
    pub read_bytes: u64,
    pub written_bytes: u64,
    pub records_kept: u64,
    pub keys: u64,
    pub segments_before: u64,
    pub segments_after: u64,
}

/// What a run may use.
pub struct Resources<'a> {
    pub map_bytes: usize,
    pub map_load: f64,
    pub buffer_bytes: usize,
    /// Called for every piece that was read or written; false when compaction is to end now.
    pub spend: &'a dyn Fn(u64) -> bool,
}

/// One run.
pub struct Cleaning<'a> {
    log: &'a Arc<Log>,
    resources: &'a Resources<'a>,
    reader: BatchReader,
    figures: CleanFigures,
    stretches: Stretches,
    in_place: InPlace,
    /// Of the directory that the log was in before what is open now was opened.
    home: Arc<Shared>,
}

/// What is known of transactions from one group to the next.
#[derive(Default)]
struct Carried {
    ongoing: Ongoing,
    aborted: BTreeMap<Offset, AbortedRange>,
}

/// A stretch of what the output gets: of what was read, or of what was made anew.
enum Piece {
    Read(Range<usize>),
    Made(Range<usize>),
}

impl Piece {
    fn bytes(&self) -> u64 {
        match self {
            Piece::Read(range) | Piece::Made(range) => range.len() as u64,
        }
    }
}

impl<'a> Cleaning<'a> {
    pub fn new(log: &'a Arc<Log>, resources: &'a Resources<'a>) -> Cleaning<'a> {
        let reader = BatchReader::new(resources.buffer_bytes);
        let in_place = InPlace::new(log.epochs.lock().clone());
        let (figures, stretches, home) = (CleanFigures::default(), Stretches::default(), Arc::clone(&log.shared()));
        Cleaning { log, resources, reader, figures, stretches, in_place, home }
    }

    /// Cleans up to the answered offset, which is what the next run begins with.
    pub fn run(mut self, plan: &Cleanable) -> Result<(Offset, CleanFigures), CleanError> {
        let segments = self.log.segments.read().clone();
        let below = segments.partition_point(|segment| segment.base() < plan.end);
        self.is_undamaged(&segments[..below])?;
        let (map, mut aborted) =
            self.collect(&segments, plan).map_err(|error| self.unless_changed(error, &segments[..below]))?;
        self.figures.keys = map.keys() as u64;
        let end = map.end();
        if end <= plan.first_dirty {
            return Ok((plan.first_dirty, self.figures));
        }
        self.mark(&map, plan);
        self.log.note_run(end)?;
        let count = segments.partition_point(|segment| segment.base() < end);
        self.add_noted(&mut aborted, &segments[..count], plan.first_dirty).map_err(|source| self.io(source))?;
        let mut carried = Carried::default();
        let mut first = 0;
        while first < count {
            let next_of = |at: usize| segments.get(at + 1).map_or(end, |next| next.base());
            let last_of = |at: usize| next_of(at).get() - 1;
            let rest = &segments[first..count];
            let (members, cleaned) = self
                .clean_group(rest, &|at| last_of(first + at), &map, &aborted, &mut carried)
                .map_err(|error| self.unless_changed(error, rest))?;
            let old = &segments[first..first + members];
            first += members;
            let clean_to = (first == count).then_some(end);
            if !self.log.replace_segments(old, &cleaned, clean_to)? {
                return Err(CleanError::Aborted);
            }
            self.figures.segments_before += members as u64;
            self.figures.segments_after += 1;
        }
        Ok((end, self.figures))
    }

    /// What is known to be damaged stays as it is: written anew it would count as whole.
    fn is_undamaged(&self, segments: &[Arc<Segment>]) -> Result<(), CleanError> {
        let start = self.log.bounds().start();
        let damage_of = |one: &Arc<Segment>| one.health().damage_between(start, Offset::MAX);
        match segments.iter().find_map(damage_of) {
            Some(damage) => Err(CleanError::Damaged { log: self.log.id().to_string(), damage }),
            None => Ok(()),
        }
    }

    /// Where these are no longer the log's segments, another file was read than it seemed.
    fn unless_changed(&self, error: CleanError, segments: &[Arc<Segment>]) -> CleanError {
        if error.is_of_log() && !self.log.holds(segments) { CleanError::Aborted } else { error }
    }

    /// The last offset of every key of the dirty part, as far as there is memory.
    fn collect(&mut self, segments: &[Arc<Segment>], plan: &Cleanable) -> Result<(OffsetMap, Aborted), CleanError> {
        let mut map = OffsetMap::new(self.resources.map_bytes, self.resources.map_load);
        let (mut aborted, mut walked) = (Aborted::default(), false);
        map.set_end(plan.first_dirty);
        let first = segments.partition_point(|segment| segment.base() <= plan.first_dirty).saturating_sub(1);
        for (at, segment) in segments.iter().enumerate().skip(first) {
            if segment.base() >= plan.end {
                break;
            }
            self.home = Arc::clone(&self.log.shared());
            let file = self.open(segment)?;
            let from = if at == first { self.position_of(segment, plan.first_dirty)? } else { 0 };
            self.reader.begin(from, segment.bytes());
            self.in_place.begin(segment.base(), segments.get(at + 1).map_or(Offset::MAX, |next| next.base()));
            while let Some((position, chunk)) =
                self.reader.next(&file).map_err(|fault| read_fault(self.log, &self.home, fault))?
            {
                if !(self.resources.spend)(chunk.len() as u64) {
                    return Err(CleanError::Aborted);
                }
                self.figures.read_bytes += chunk.len() as u64;
                for batch in walk(chunk).flatten() {
                    let header = &batch.header;
                    self.in_place.take(header).map_err(|fault| bad_batch(self.log, fault))?;
                    if header.is_transactional() && !std::mem::replace(&mut walked, true) {
                        let place = position + batch.position as u64;
                        aborted = aborted_from(self.log, segments, (at, place), plan.end, self.resources.spend)
                            .map_err(|source| io_fault(self.log, &self.home, source))?
                            .ok_or(CleanError::Aborted)?;
                    }
                    let is_open = aborted.first_open().is_some_and(|open| header.last() >= Some(open));
                    let decompressed = DECOMPRESSED_BYTES_MAX;
                    let full = is_open
                        || collect(&mut map, header, batch.bytes, plan.first_dirty, &aborted, decompressed)
                            .map_err(|fault| bad_batch(self.log, fault))?
                            == Err(Full);
                    if full && map.end() <= plan.first_dirty && !is_open {
                        let offset = header.base().unwrap_or_default();
                        return Err(CleanError::MapTooSmall { log: self.log.id().to_string(), offset });
                    }
                    if full {
                        return Ok((map, aborted));
                    }
                    self.stretches.batch(header);
                }
                self.stretches.note(segment.base(), position..position + chunk.len() as u64, plan.first_dirty);
            }
            // Offsets may be missing at a segment's end: it is done all the same.
            map.set_end(segments.get(at + 1).map_or(plan.end, |next| next.base()).min(plan.end));
        }
        Ok((map, aborted))
    }

    /// What was aborted in the part that counts as clean. Records of it stand there where nobody knew better than to call it so; readers are to be
    /// told of them as before.
    fn add_noted(&self, aborted: &mut Aborted, segments: &[Arc<Segment>], first_dirty: Offset) -> io::Result<()> {
        for segment in segments {
            segment.read_aborted(|entries| {
                for entry in entries.iter().filter(|entry| entry.last < first_dirty) {
                    let AbortedEntry { producer, first, last, .. } = *entry;
                    aborted.note(AbortedRange { producer_id: producer.get(), first, last });
                }
            })?;
        }
        Ok(())
    }

    /// What is known to stay: the last record of each key, and without records the last batch of each producer (CMP-7) and the one
    /// before the high watermark (CMP-8). Whatever a producer or the high watermark goes on to lies behind the dirty part.
    fn mark(&mut self, map: &OffsetMap, plan: &Cleanable) {
        self.stretches.mark(map.lasts());
        self.stretches.mark(self.last_records().into_values().filter_map(|last| last.data));
        self.stretches.mark(Offset::from_wire(plan.end.get() - 1).into_iter());
    }

    fn position_of(&self, segment: &Arc<Segment>, offset: Offset) -> Result<u64, CleanError> {
        let bytes = segment.bytes();
        let found = segment.locate(offset, bytes).map_err(|source| self.io(source))?;
        Ok(found.map_or(bytes, |found| found.position))
    }

    /// Writes what stays of the first of these segments into one, and of as many of the next as fit; answers how many.
    fn clean_group(
        &mut self,
        segments: &[Arc<Segment>],
        last_of: &dyn Fn(usize) -> i64,
        map: &OffsetMap,
        aborted: &Aborted,
        carried: &mut Carried,
    ) -> Result<(usize, Cleaned), CleanError> {
        let config = self.log.config();
        let producers = self.last_records();
        let mut filter = Filter::new(map, aborted, &producers);
        filter.high = self.log.bounds().high();
        filter.now_ms = self.log.shared().clock.wall_ms();
        filter.delete_retention_ms = config.delete_retention_ms;
        filter.decompressed_bytes_max = DECOMPRESSED_BYTES_MAX;
        filter.ongoing = std::mem::take(&mut carried.ongoing);
        filter.aborted_kept = std::mem::take(&mut carried.aborted);
        let base = segments[0].base();
        self.home = Arc::clone(&self.log.shared());
        let mut output =
            Output::create(self.log.folder.clone(), base, config.index_interval_bytes, config.segment_index_bytes)
                .map_err(|source| self.io(source))?;
        let segment_bytes = config.segment_bytes.min(SEGMENT_BYTES_MAX);
        let mut group = Group { base: base.get(), taken_bytes: 0, kept_bytes: 0 };
        let mut members = 0;
        while let Some(segment) = segments.get(members) {
            let bytes = segment.bytes();
            let staying_bytes = self.stretches.staying_bytes(segment.base(), bytes);
            if members > 0 && !group.fits(&Next { bytes, staying_bytes, last: last_of(members) }, segment_bytes) {
                break;
            }
            self.in_place.begin(segment.base(), Offset::new(last_of(members)).next());
            members += 1;
            if let Err(error) = self.clean_segment(segment, &segments[..members], &mut filter, &mut output) {
                output.discard();
                return Err(error);
            }
            group.taken_bytes += segment.bytes();
            group.kept_bytes = output.bytes();
        }
        self.figures.written_bytes += output.bytes();
        self.figures.records_kept += filter.records_kept;
        let end = Offset::new(last_of(members - 1)).next();
        let still = aborted_still(&segments[..members], map.end(), &filter.aborted_kept);
        let cleaned = still.and_then(|still| output.finish(&still, end)).map_err(|source| {
            super::output::discard(&self.log.folder, base);
            self.io(source)
        })?;
        carried.aborted = filter.aborted_kept;
        carried.ongoing = filter.ongoing;
        Ok((members, cleaned))
    }

    fn clean_segment(
        &mut self,
        segment: &Arc<Segment>,
        group: &[Arc<Segment>],
        filter: &mut Filter<'_>,
        output: &mut Output,
    ) -> Result<(), CleanError> {
        let wanted = self.stretches.wanted(segment.base(), segment.bytes());
        let staying: u64 = wanted.iter().map(|range| range.end - range.start).sum();
        let mut left = staying;
        if !self.log.shared().space.has_room(staying) {
            return Err(CleanError::DiskFull { needed_bytes: staying });
        }
        let file = self.open(segment)?;
        let (mut made, mut pieces) = (BytesMut::new(), Vec::new());
        for range in wanted {
            self.reader.begin(range.start, range.end);
            while let Some((_, chunk)) =
                self.reader.next(&file).map_err(|fault| read_fault(self.log, &self.home, fault))?
            {
                if !self.log.holds(group) {
                    return Err(CleanError::Aborted);
                }
                let before = output.bytes();
                filter_chunk(chunk, &mut self.in_place, filter, output, &mut left, &mut made, &mut pieces)
                    .map_err(|fault| bad_batch(self.log, fault))?;
                // The disk is asked once in a while only, and what is kept back is not for this.
                if !self.log.shared().space.take_beside(pieces.iter().map(Piece::bytes).sum()) {
                    return Err(CleanError::DiskFull { needed_bytes: staying });
                }
                write_pieces(chunk, &made, &pieces, output).map_err(|source| io_fault(self.log, &self.home, source))?;
                self.figures.read_bytes += chunk.len() as u64;
                if !(self.resources.spend)(chunk.len() as u64 + output.bytes() - before) {
                    return Err(CleanError::Aborted);
                }
            }
        }
        Ok(())
    }

    /// What each living producer wrote last.
    fn last_records(&self) -> BTreeMap<i64, LastRecord> {
        let writer = self.log.writer.lock();
        let producers = writer.producers.iter().map(|(id, producer)| {
            let data = producer.batches().next_back().map(|batch| batch.last_offset);
            (id.get(), LastRecord { data, epoch: producer.epoch })
        });
        producers.collect()
    }

    fn open(&self, segment: &Arc<Segment>) -> Result<OpenFile, CleanError> {
        segment.file_behind().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound if self.log.is_lost_for_good(segment) => {
                CleanError::Missing { path: segment.path(names::LOG) }
            }
            _ => self.io(source),
        })
    }

    fn io(&self, source: io::Error) -> CleanError {
        io_fault(self.log, &self.home, source)
    }
}

/// The aborted transactions that readers must know of: those with records that stay, and those whose records have gone just
/// now, for readers who hold them still (CMP-6).
fn aborted_still(
    segments: &[Arc<Segment>],
    end: Offset,
    gone: &BTreeMap<Offset, AbortedRange>,
) -> io::Result<Vec<AbortedEntry>> {
    let mut still = Vec::new();
    for segment in segments {
        segment.read_aborted(|entries| {
            let wanted = |entry: &&AbortedEntry| entry.last >= end || gone.contains_key(&entry.last);
            still.extend(entries.iter().filter(wanted).copied());
        })?;
    }
    Ok(still)
}

fn io_fault(log: &Log, home: &Shared, source: io::Error) -> CleanError {
    match source.kind() {
        // Deleted by retention or with its topic.
        io::ErrorKind::NotFound => CleanError::Aborted,
        // It has moved: the error is of the disk that it was on.
        _ if !log.judge_in(home, &source) => CleanError::Aborted,
        _ if is_disk_full(&source) => {
            home.space.refresh(0);
            CleanError::DiskFull { needed_bytes: 0 }
        }
        _ => CleanError::Log(LogError::io("compact", log.path())(source)),
    }
}

fn bad_batch(log: &Log, fault: FilterError) -> CleanError {
    CleanError::Batch { log: log.id().to_string(), fault }
}

fn read_fault(log: &Log, home: &Shared, fault: ReadFault) -> CleanError {
    match fault {
        ReadFault::Io(source) => io_fault(log, home, source),
        fault => CleanError::Read { log: log.id().to_string(), fault },
    }
}

/// Judges the batches of a chunk; what stays is told as pieces, in order, and noted in the output's indexes.
fn filter_chunk(
    chunk: &[u8],
    in_place: &mut InPlace,
    filter: &mut Filter<'_>,
    output: &mut Output,
    left: &mut u64,
    made: &mut BytesMut,
    pieces: &mut Vec<Piece>,
) -> Result<(), FilterError> {
    made.clear();
    pieces.clear();
    let mut position = output.bytes();
    for batch in walk(chunk).flatten() {
        in_place.take(&batch.header)?;
        let size = batch.bytes.len();
        *left = left.saturating_sub(size as u64);
        // Whatever is made anew, the rest of its segment still fits behind it as it stands.
        let room = SEGMENT_BYTES_MAX.saturating_sub(position + *left);
        let start = made.len();
        match filter.batch(&batch.header, batch.bytes, usize::try_from(room).unwrap_or(usize::MAX), made)? {
            Outcome::Dropped => continue,
            Outcome::Kept => {
                output.note(&batch.header, position);
                position += size as u64;
                match pieces.last_mut() {
                    Some(Piece::Read(range)) if range.end == batch.position => range.end += size,
                    _ => pieces.push(Piece::Read(batch.position..batch.position + size)),
                }
            }
            Outcome::Made(header) => {
                output.note(&header, position);
                position += header.size() as u64;
                match pieces.last_mut() {
                    Some(Piece::Made(range)) => range.end = made.len(),
                    _ => pieces.push(Piece::Made(start..made.len())),
                }
            }
        }
    }
    Ok(())
}

/// One write for the chunk; batches that are kept are not copied before it.
fn write_pieces(chunk: &[u8], made: &[u8], pieces: &[Piece], output: &mut Output) -> io::Result<()> {
    if pieces.is_empty() {
        return Ok(());
    }
    let slice = |piece: &Piece| match piece {
        Piece::Read(range) => IoSlice::new(&chunk[range.clone()]),
        Piece::Made(range) => IoSlice::new(&made[range.clone()]),
    };
    // More than one call takes at a time is cut by the disk.
    let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(slice).collect();
    output.write(&mut slices)
}
