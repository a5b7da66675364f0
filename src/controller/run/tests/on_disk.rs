//! The controller on a metadata log on disk: what was answered is there after a crash.
use super::*;
use crate::{
    log::{LogDir, LogDirSettings},
    platform::{ManualClock, RealDisk},
    quorum::Single,
};
use std::path::Path;

fn open(path: &Path) -> (Arc<LogDir>, Arc<Single>) {
    let mut settings = LogDirSettings { background: false, ..LogDirSettings::default() };
    settings.wal.file_bytes = 1 << 20;
    settings.wal.first_file_bytes = 1 << 16;
    let clock = Arc::new(ManualClock::at_wall_ms(1_700_000_000_000));
    let directory = LogDir::open(Arc::new(RealDisk), clock.clone(), path, settings).unwrap();
    let log = directory.open_log(&Single::log_id(), Arc::new(Single::log_config())).unwrap();
    directory.finish_recovery().unwrap();
    (directory, Single::lead(log, NodeId(1), clock).unwrap())
}

#[test]
fn ctl_9_what_was_answered_is_there_after_a_crash() {
    let path = tempfile::tempdir().unwrap();
    let keep = path.path();
    let mut before: Option<Arc<Image>> = None;
    for start in 0..3 {
        let (directory, log) = open(keep);
        assert_eq!(directory.was_clean(), start == 2);
        let mut controller = start_on(log, start, &Seen::default(), !directory.was_clean()).unwrap();
        let handle = controller.handle();
        let image = handle.image();
        if let Some(before) = &before {
            assert_eq!(image.topics.len(), before.topics.len());
            assert_eq!(image.configs, before.configs);
            assert_eq!(image.producer_ids, before.producer_ids);
            let term = if start == 1 { 1 } else { 0 };
            for (now, then) in image.topics.iter().zip(before.topics.iter()) {
                assert_eq!(now.id, then.id);
                for (now, then) in now.partitions.values().zip(then.partitions.values()) {
                    assert_eq!(now.leader_epoch.get(), then.leader_epoch.get() + term);
                }
            }
        }
        let configs = vec![("retention.ms".into(), Some("5".into()))];
        let name = format!("topic-{start}");
        let topic = NewTopic { partitions: 2, configs, ..NewTopic::named(&name) };
        let request = CreateTopics { topics: vec![topic], validate_only: false };
        assert!(wait(handle.create_topics(request)).unwrap()[0].result.is_ok());
        wait(handle.allocate_producer_ids()).unwrap();
        before = Some(handle.image());
        controller.stop();
        drop(controller);
        if start == 1 {
            directory.close().unwrap();
        }
    }
}
