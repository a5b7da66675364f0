//! The note of how far logs are compacted is lost, and nothing else.
use super::*;
use crate::platform::MemoryDisk;

const NOTE: &str = "/data/cleaner-offset-checkpoint";

/// Offsets of a log that was compacted, and what an orderly stop, or a kill, leaves of it without the note.
fn without_note(orderly: bool) -> (MemoryDisk, Vec<String>, Offset) {
    let disk = MemoryDisk::new();
    let fixture = directory(Arc::new(disk.clone()), Path::new("/data"));
    let log = fixture.log(compacted());
    for round in 0..3 {
        for key in ["a", "b", "c"] {
            put(&log, key, Some(&round.to_string()));
        }
        put(&log, &format!("once{round}"), Some("x"));
    }
    seal(&log);
    fixture.directory.checkpoint().unwrap();
    assert!(cleaner(&fixture).clean_dirtiest());
    fixture.directory.checkpoint().unwrap();
    if orderly {
        fixture.directory.close().unwrap();
    }
    let left = disk.killed();
    left.remove_file(Path::new(NOTE)).unwrap();
    (left, told(&log), log.cleaned().unwrap())
}

#[test]
fn log_18_without_the_note_of_how_far_a_log_is_compacted_all_of_it_is_compacted_again() {
    for orderly in [true, false] {
        let (disk, kept, cleaned) = without_note(orderly);
        let fixture = directory(Arc::new(disk.clone()), Path::new("/data"));
        let log = fixture.log(compacted());
        assert_eq!((told(&log), log.cleaned()), (kept.clone(), None), "orderly {orderly}");
        assert!(cleaner(&fixture).clean_dirtiest());
        assert_eq!((told(&log), log.cleaned()), (kept, Some(cleaned)), "orderly {orderly}");
        assert!(disk.exists(Path::new(NOTE)));
    }
}

#[test]
fn log_18_a_log_that_was_compacted_once_is_whole_without_the_note_of_it() {
    for orderly in [true, false] {
        let (disk, kept, _) = without_note(orderly);
        let no_longer = LogConfig { compact: false, delete: true, ..compacted() };
        let fixture = directory(Arc::new(disk.clone()), Path::new("/data"));
        let log = fixture.log(no_longer.clone());
        assert_eq!(told(&log), kept, "orderly {orderly}");
        // Nor at the next start.
        append(&log, batch(1, b"v")).unwrap();
        fixture.directory.checkpoint().unwrap();
        let fixture = directory(Arc::new(disk.killed()), Path::new("/data"));
        let log = fixture.log(no_longer);
        assert_eq!(told(&log)[..kept.len()], kept, "orderly {orderly}");
        assert_eq!(fixture.directory.damages(), 0);
    }
}
