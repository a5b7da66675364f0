//! A disk that is full while a checkpoint is taken: it is put off, nothing acknowledged is lost, and it heals.
use super::*;
use crate::{
    log::LogDirError,
    platform::{Fault, FaultEffect, MemoryDisk, OperationKind},
};
use std::io;

/// The write-ahead log's files are there already: it is the others that find no room.
const PATHS: [&str; 2] = ["t-0", "offset-checkpoint"];

#[test]
fn ops_3_a_full_disk_puts_a_checkpoint_off_wherever_it_is_noticed() {
    let mut put_off = 0;
    let kinds = [OperationKind::Write, OperationKind::Create].into_iter();
    let places =
        kinds.flat_map(|on| PATHS.into_iter().flat_map(move |path| (0..6).map(move |after| (on, path, after))));
    for (on, path, after) in places {
        let disk = MemoryDisk::new();
        let fixture = Fixture::open(Arc::new(disk.clone()), Path::new("/data"));
        fixture.directory.finish_recovery().unwrap();
        let config = LogConfig { index_interval_bytes: 1, segment_bytes: 700, ..LogConfig::default() };
        let log = fixture.log(config.clone());
        for at in 0..12 {
            append_synced(&log, produced(7, 0, at, 1));
        }
        let full = FaultEffect::Error(io::ErrorKind::StorageFull);
        disk.inject(Fault { after, ..Fault::once(on, path).with(full) });
        match fixture.directory.checkpoint() {
            Ok(()) => {}
            Err(LogDirError::Full { .. }) => put_off += 1,
            Err(other) => panic!("{on:?} {path} {after}: {other}"),
        }
        disk.clear_faults();
        assert_eq!(fixture.directory.failure(), None, "{on:?} {path} {after}");
        let check = |left: MemoryDisk| {
            let fixture = Fixture::open(Arc::new(left), Path::new("/data"));
            let log = fixture.log(config.clone());
            (log.bounds().high().get(), log.producers()[0].last_sequence)
        };
        assert_eq!(check(disk.crash()), (12, Some(11)), "{on:?} {path} {after}: right after it");
        fixture.directory.look_at_space();
        append_synced(&log, produced(7, 0, 12, 1));
        fixture.directory.checkpoint().unwrap();
        assert_eq!(check(disk.crash()), (13, Some(12)), "{on:?} {path} {after}: after the next one");
        fixture.directory.close().unwrap();
        assert_eq!(check(disk.crash()), (13, Some(12)), "{on:?} {path} {after}: after the stop");
    }
    assert!(put_off >= 5, "only {put_off} of the checkpoints met the full disk");
}
