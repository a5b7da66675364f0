//! LOG-5: a follower's log takes a leader's batches as they are, in order, and none of a leadership that it does not know of.
use super::*;
use crate::{
    log::{FollowError, Followed, SyncPolicy},
    platform::MemoryDisk,
    record::CopyError,
};
use bytes::Bytes;

/// What a leader answers: batches of (base offset, leader epoch, records).
fn answer(batches: &[(i64, i32, usize)]) -> Bytes {
    let placed = |&(base, epoch, records): &(i64, i32, usize)| {
        batch(records, b"of the leader").place(Offset::new(base), LeaderEpoch::new(epoch)).slices().concat()
    };
    batches.iter().flat_map(placed).collect::<Vec<u8>>().into()
}

pub fn follow(log: &Log, batches: &[(i64, i32, usize)], fetched: i32) -> Result<Followed, FollowError> {
    log.follow(answer(batches), LeaderEpoch::new(fetched))
}

/// Base offset, leader epoch and last offset of all batches in a log.
pub fn standing(log: &Log) -> Vec<(i64, i32, i64)> {
    let mut all = Vec::new();
    let mut at = log.bounds().start();
    // The end may lie in a gap: then nothing comes although it is not reached.
    while let Some(last) = headers_of(&log.read(at, ReadLimit::End, 1 << 20, true).unwrap()).last() {
        all.extend(headers_of(&log.read(at, ReadLimit::End, 1 << 20, true).unwrap()));
        at = last.last().unwrap().next();
    }
    all.iter().map(|header| (header.base_offset, header.partition_leader_epoch, header.last().unwrap().get())).collect()
}

fn opened(config: LogConfig) -> (tempfile::TempDir, Fixture, Arc<Log>) {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::real(dir.path());
    let log = fixture.log(config);
    fixture.directory.finish_recovery().unwrap();
    (dir, fixture, log)
}

#[test]
fn log_5_a_followers_batches_keep_their_offsets_and_epochs() {
    let (_dir, _fixture, log) = opened(LogConfig::default());
    let followed = follow(&log, &[(0, 2, 3), (3, 2, 1), (4, 5, 2)], 5).unwrap();
    assert_eq!(followed, Followed { batches: 3, end: Offset::new(6), log_start: Offset::ZERO, stopped_at: None });
    assert_eq!(standing(&log), [(0, 2, 2), (3, 2, 3), (4, 5, 5)]);
    wait_synced(&log, Offset::new(6));
    assert_eq!(log.latest_epoch(), Some(LeaderEpoch::new(5)));
    assert_eq!(log.epoch_at(Offset::new(3)), Some(LeaderEpoch::new(2)));
    assert_eq!(follow(&log, &[(6, 5, 1)], 5).unwrap().end, Offset::new(7));
    assert_eq!(follow(&log, &[], 5).unwrap().batches, 0);
}

#[test]
fn log_5_offsets_that_do_not_increase_are_refused_as_a_whole() {
    let (_dir, _fixture, log) = opened(LogConfig::default());
    for (batches, last, base) in [
        ([(0, 0, 2), (2, 0, 1), (1, 0, 1)], 2, 1),
        ([(0, 0, 1), (1, 0, 3), (3, 0, 9)], 3, 3),
        ([(5, 0, 1), (5, 0, 1), (6, 0, 1)], 5, 5),
    ] {
        let refused = follow(&log, &batches, 0).unwrap_err();
        let (last, base) = (Offset::new(last), Offset::new(base));
        assert!(
            matches!(refused, FollowError::OffsetsOutOfOrder { last: l, base: b } if (l, b) == (last, base)),
            "{refused}"
        );
    }
    assert_eq!((log.bounds().end(), log.size_bytes()), (Offset::ZERO, 0));
}

#[test]
fn log_5_records_that_are_there_already_are_refused() {
    let (_dir, _fixture, log) = opened(LogConfig::default());
    follow(&log, &[(0, 0, 4)], 0).unwrap();
    let refused = follow(&log, &[(3, 0, 1), (4, 0, 1)], 0).unwrap_err();
    assert!(matches!(refused, FollowError::UnexpectedOffset { .. }), "{refused}");
    assert_eq!(standing(&log), [(0, 0, 3)]);
}

#[test]
fn log_5_a_batch_of_a_later_epoch_than_the_fetch_stops_the_append_before_it() {
    let (_dir, _fixture, log) = opened(LogConfig::default());
    let followed = follow(&log, &[(0, 3, 1), (1, 4, 1), (2, 3, 1)], 3).unwrap();
    assert_eq!((followed.batches, followed.end), (1, Offset::new(1)));
    assert_eq!(followed.stopped_at, Some(LeaderEpoch::new(4)));
    assert_eq!(standing(&log), [(0, 3, 0)]);
    // What follows is not even looked at: it is not this leadership's.
    let mut damaged = answer(&[(1, 3, 1), (2, 4, 1)]).to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    assert_eq!(log.follow(damaged.into(), LeaderEpoch::new(3)).unwrap().batches, 1);
    // Fetched again in that epoch it is taken.
    assert_eq!(follow(&log, &[(2, 4, 1)], 4).unwrap().batches, 1);
    assert_eq!(standing(&log), [(0, 3, 0), (1, 3, 1), (2, 4, 2)]);
}

#[test]
fn log_5_an_epoch_never_goes_back_in_a_log() {
    let (_dir, _fixture, log) = opened(LogConfig::default());
    for batches in [&[(0, 4, 1), (1, 3, 1)][..], &[(0, 4, 1)], &[(1, 3, 1)]] {
        let behind = matches!(follow(&log, batches, 4), Err(FollowError::EpochBehind { .. }));
        assert_eq!(behind, batches.last().unwrap().1 == 3, "{batches:?}");
    }
    assert_eq!(standing(&log), [(0, 4, 0)]);
}

#[test]
fn log_5_a_damaged_batch_refuses_the_whole_answer_and_a_cut_one_is_left_to_the_next_fetch() {
    let (_dir, _fixture, log) = opened(LogConfig::default());
    let whole = answer(&[(0, 0, 1), (1, 0, 1)]).to_vec();
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let refused = log.follow(damaged.into(), LeaderEpoch::ZERO).unwrap_err();
    assert!(matches!(refused, FollowError::Corrupt(CopyError::Checksum { .. })), "{refused}");
    assert_eq!(log.bounds().end(), Offset::ZERO);
    let cut = Bytes::from(whole).slice(..whole_len(2) - 1);
    assert_eq!(log.follow(cut, LeaderEpoch::ZERO).unwrap().end, Offset::new(1));
}

fn whole_len(batches: usize) -> usize {
    answer(&[(0, 0, 1)]).len() * batches
}

#[test]
fn log_6_a_followers_batch_may_be_larger_than_the_limits_are_now() {
    let (_dir, _fixture, log) = opened(LogConfig { segment_bytes: 1_000, ..LogConfig::default() });
    let large = batch(1, &[0; 2_000]).place(Offset::ZERO, LeaderEpoch::ZERO).slices().concat();
    assert_eq!(log.follow(large.into(), LeaderEpoch::ZERO).unwrap().end, Offset::new(1));
    assert_eq!(follow(&log, &[(1, 0, 1)], 0).unwrap().end, Offset::new(2));
    assert_eq!((log.segments(), read_all(&log, 1).len()), (2, 2));
}

#[test]
fn idem_8_a_follower_takes_what_its_leader_took_of_a_producer() {
    let (_dir, _fixture, log) = opened(LogConfig::default());
    let place = |batch: CheckedBatch, base| batch.place(Offset::new(base), LeaderEpoch::ZERO).slices().concat();
    // The leader has forgotten the producer between the two: the sequence that comes is not the one after the last.
    let records = [place(produced(9, 0, 0, 2), 0), place(produced(9, 0, 700, 1), 2)].concat();
    assert_eq!(log.follow(records.into(), LeaderEpoch::ZERO).unwrap().batches, 2);
    assert_eq!(log.producers()[0].last_sequence, Some(700));
}

/// Gaps that a leader's compaction left, in a small segment and over its end.
const GAPS: [(i64, i32, usize); 5] = [(2, 0, 1), (3, 0, 2), (40, 0, 1), (41, 1, 1), (9_000_000_000, 1, 2)];

fn check_gaps(log: &Log) {
    let batches: Vec<(i64, i32, i64)> = GAPS.iter().map(|at| (at.0, at.1, at.0 + at.2 as i64 - 1)).collect();
    assert_eq!(standing(log), batches);
    // From inside a gap the next batch comes, up to inside a gap all before it.
    let first = |from: i64| headers_of(&log.read(Offset::new(from), ReadLimit::End, 1, true).unwrap())[0].base_offset;
    for (from, base) in [(0, 2), (2, 2), (4, 3), (5, 40), (39, 40), (41, 41), (42, 9_000_000_000)] {
        assert_eq!(first(from), base, "from {from}");
    }
}

#[test]
fn log_5_a_leaders_gaps_are_taken_and_survive_restarts_and_kills() {
    for (compact, sync) in [(true, SyncPolicy::Wal), (false, SyncPolicy::Wal), (true, SyncPolicy::PageCache)] {
        let disk = MemoryDisk::new();
        let config = || LogConfig { compact, sync, segment_bytes: 300, ..LogConfig::default() };
        let path = Path::new("/data");
        let fixture = Fixture::open(Arc::new(disk.clone()), path);
        let log = fixture.log(config());
        fixture.directory.finish_recovery().unwrap();
        for one in GAPS.chunks(2) {
            let end = follow(&log, one, 1).unwrap().end;
            wait_synced(&log, end);
        }
        check_gaps(&log);
        let killed = disk.killed();
        fixture.directory.checkpoint().unwrap();
        let checkpointed = disk.killed();
        fixture.directory.close().unwrap();
        let mut images = vec![killed, checkpointed, disk.killed()];
        if sync == SyncPolicy::Wal {
            images.extend([images[0].crash(), images[1].crash()]);
        }
        for (at, image) in images.into_iter().enumerate() {
            let fixture = Fixture::open(Arc::new(image), path);
            let log = fixture.log(config());
            fixture.directory.finish_recovery().unwrap();
            check_gaps(&log);
            let next = GAPS[4].0 + 2;
            assert_eq!(follow(&log, &[(next, 1, 1)], 1).unwrap().end.get(), next + 1, "image {at}");
        }
    }
}

#[test]
fn log_18_no_record_is_given_up_when_the_notes_of_a_log_are_lost_that_was_compacted_once() {
    for (ordered, pending) in [(true, false), (false, false), (false, true)] {
        let disk = MemoryDisk::new();
        let path = Path::new("/data");
        let fixture = Fixture::open(Arc::new(disk.clone()), path);
        let log = fixture.log(LogConfig { compact: true, segment_bytes: 300, ..LogConfig::default() });
        fixture.directory.finish_recovery().unwrap();
        wait_synced(&log, follow(&log, &GAPS[..4], 1).unwrap().end);
        fixture.directory.checkpoint().unwrap();
        let mut expected = standing(&log);
        if pending {
            // The write-ahead log has the end of it.
            wait_synced(&log, follow(&log, &[(42, 1, 1)], 1).unwrap().end);
            expected = standing(&log);
        }
        if ordered {
            fixture.directory.close().unwrap();
        }
        let image = disk.killed();
        for lost in ["recovery-point-offset-checkpoint", "cleaner-offset-checkpoint", "replication-offset-checkpoint"] {
            image.remove_file(&path.join(lost)).unwrap();
        }
        // Once more without them being lost again: what was found is noted.
        for disk in [image.killed(), image.clone(), image.clone()] {
            let fixture = Fixture::open(Arc::new(disk), path);
            let log = fixture.log(LogConfig { segment_bytes: 300, ..LogConfig::default() });
            fixture.directory.finish_recovery().unwrap();
            assert_eq!(standing(&log), expected, "ordered {ordered}, pending {pending}");
            fixture.directory.checkpoint().unwrap();
        }
    }
}

#[test]
fn log_5_a_log_may_begin_behind_a_gap_that_no_segment_spans() {
    let disk = MemoryDisk::new();
    let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
    let log = fixture.log(LogConfig { compact: true, ..LogConfig::default() });
    fixture.directory.finish_recovery().unwrap();
    let far = 1 << 40;
    let end = follow(&log, &[(far, 0, 1)], 0).unwrap().end;
    wait_synced(&log, end);
    for image in [disk.killed(), disk.crash()] {
        let log =
            Fixture::open(Arc::new(image), Path::new("/data")).log(LogConfig { compact: true, ..LogConfig::default() });
        assert_eq!((standing(&log), log.bounds().start()), (vec![(far, 0, far)], Offset::ZERO));
    }
}

#[test]
fn log_5_a_limit_in_a_gap_hides_nothing_before_it() {
    let fixture = Fixture::open(Arc::new(MemoryDisk::new()), Path::new("/data"));
    fixture.directory.finish_recovery().unwrap();
    // Its high watermark does not follow the syncs by itself.
    let config = LogConfig { compact: true, ..LogConfig::default() };
    let log = fixture.directory.open_log(&id(0), Arc::new(config)).unwrap();
    let end = follow(&log, &[(0, 0, 5), (20, 0, 1)], 0).unwrap().end;
    // The leader's high watermark: below the batch behind the gap.
    log.advance_high(Offset::new(12));
    let read = log.read(Offset::ZERO, ReadLimit::High, 1 << 20, true).unwrap();
    assert_eq!(headers_of(&read).iter().map(|header| header.base_offset).collect::<Vec<_>>(), [0]);
    wait_synced(&log, end);
}

#[test]
fn log_5_a_follower_is_cut_in_a_gap() {
    for cut in [5, 12, 20] {
        let disk = MemoryDisk::new();
        let config = || LogConfig { compact: true, ..LogConfig::default() };
        let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
        let log = fixture.log(config());
        fixture.directory.finish_recovery().unwrap();
        follow(&log, &[(0, 0, 5), (20, 0, 1)], 0).unwrap();
        log.truncate_to(Offset::new(cut)).unwrap();
        assert_eq!((standing(&log), log.bounds().end().get()), (vec![(0, 0, 4)], cut));
        let end = follow(&log, &[(cut, 1, 1), (30, 1, 1)], 1).unwrap().end;
        wait_synced(&log, end);
        for image in [disk.killed(), disk.crash()] {
            let fixture = Fixture::open(Arc::new(image), Path::new("/data"));
            let log = fixture.log(config());
            assert_eq!(standing(&log), [(0, 0, 4), (cut, 1, cut), (30, 1, 30)]);
        }
    }
}
