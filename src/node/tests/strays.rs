//! Directories that are not what they were, and partitions that no topic is known of: nothing is made in the place of what may only
//! be away, and nothing is deleted that nobody deleted.
use super::{
    directories::{Life, produce, written},
    *,
};
use crate::{
    node::{FormatError, StartError, retention::delete_orphans},
    platform::{Fault, OperationKind},
};

fn names(disk: &MemoryDisk, directory: &str) -> Vec<String> {
    let mut names: Vec<String> = disk.list(Path::new(directory)).unwrap().into_iter().map(|entry| entry.name).collect();
    names.sort_unstable();
    names
}

fn look_for_orphans(life: &Life) {
    let opened = &life.opened;
    delete_orphans(&opened.partitions, opened.controller.handle().images(), &*opened.metadata_log);
}

fn refusal(begun: Result<Life, StartError>) -> FormatError {
    match begun {
        Err(StartError::Format(error)) => error,
        Err(other) => panic!("another refusal: {other}"),
        Ok(_) => panic!("it started"),
    }
}

/// All of a partition's directory on another disk, under the name of another; its topic id is `id`.
fn copy(disk: &MemoryDisk, to_disk: &MemoryDisk, from: &str, to: &str, id: TopicId) {
    to_disk.create_dir_all(Path::new(to)).unwrap();
    for entry in disk.list(Path::new(from)).unwrap() {
        let mut bytes = disk.read(&Path::new(from).join(&entry.name)).unwrap();
        if entry.name == "partition.metadata" {
            bytes = format!("version: 0\ntopic_id: {id}").into_bytes();
        }
        to_disk.write_atomic(&Path::new(to).join(&entry.name), &bytes).unwrap();
    }
}

#[test]
fn log_27_no_metadata_log_is_begun_where_another_one_knows_the_partitions() {
    let (disk, _) = written();
    let before = [names(&disk, "/a"), names(&disk, "/b")];
    let away = |paths: &[&str]| {
        let disk = disk.killed();
        paths.iter().for_each(|path| disk.remove_dir_all(Path::new(path)).unwrap());
        disk
    };
    let left = away(&[]);
    let refused = refusal(Life::begin_in(&left, "/new,/a,/b", "/new"));
    assert!(matches!(refused, FormatError::MetadataElsewhere { .. }), "{refused}");
    let refused = refusal(Life::begin_in(&left, "/a,/b", "/b"));
    assert!(matches!(refused, FormatError::MetadataElsewhere { .. }), "{refused}");
    assert_eq!([names(&left, "/a"), names(&left, "/b")], before);
    // The disk of the first directory is not mounted.
    let left = away(&["/a"]);
    let refused = refusal(Life::begin(&left));
    assert!(matches!(refused, FormatError::EmptyMetadataDirectory { .. }), "{refused}");
    assert_eq!(names(&left, "/b"), before[1]);
    let left = away(&["/a/__cluster_metadata-0", "/a/wal", "/b/wal"]);
    // As somebody leaves it who goes on without.
    ["/a/wal", "/b/wal"].iter().for_each(|path| left.create_dir_all(Path::new(path)).unwrap());
    let refused = refusal(Life::begin(&left));
    assert!(matches!(refused, FormatError::MetadataLost { .. }), "{refused}");
    let refused = refusal(Life::begin(&left));
    assert!(matches!(refused, FormatError::MetadataLost { .. }), "again: {refused}");
    assert_eq!(names(&left, "/b").iter().filter(|name| name.starts_with("first-")).count(), 2);
}

#[test]
fn log_27_partitions_without_meta_properties_are_nobodys() {
    let (disk, held) = written();
    for directory in ["/a", "/b"] {
        let left = disk.killed();
        left.remove_file(&Path::new(directory).join("meta.properties")).unwrap();
        let refused = refusal(Life::begin(&left));
        assert!(matches!(refused, FormatError::Nameless { .. }), "{refused}");
    }
    // As the error says: that of another directory, without what is its own.
    let left = disk.killed();
    let of_a = left.read(Path::new("/a/meta.properties")).unwrap();
    let text = String::from_utf8(of_a).unwrap();
    let lines: Vec<&str> =
        text.lines().filter(|line| !line.starts_with("directory.id") && !line.starts_with('#')).collect();
    left.write_atomic(Path::new("/b/meta.properties"), lines.join("\n").as_bytes()).unwrap();
    let life = Life::begin(&left).unwrap();
    for partition in life.partitions("first") {
        assert_eq!(produce(&partition, 1), Ok(1));
    }
    assert_eq!(held.map(|numbers| numbers.len()), [2, 2]);
    life.end();
}

#[test]
fn ops_2_an_empty_directory_does_not_take_the_place_of_one_that_is_away() {
    let (disk, [in_a, in_b]) = written();
    disk.remove_dir_all(Path::new("/b")).unwrap();
    for _ in 0..2 {
        let refused = refusal(Life::begin(&disk));
        assert!(matches!(refused, FormatError::DirectoryAway { .. }), "{refused}");
    }
    // A start with the one that is away offline does not make it forgotten, nor is one more in its place.
    disk.inject(Fault::once(OperationKind::Open, "/b").for_ever());
    Life::begin(&disk).unwrap().end();
    Life::begin_in(&disk, "/a,/b,/c", "/a").unwrap().end();
    disk.clear_faults();
    let refused = refusal(Life::begin_in(&disk, "/a,/b,/c", "/a"));
    assert!(matches!(refused, FormatError::DirectoryAway { .. }), "{refused}");
    // As the error says: what was there is given up.
    let cluster = String::from_utf8(disk.read(Path::new("/a/meta.properties")).unwrap()).unwrap();
    let cluster = cluster.lines().find(|line| line.starts_with("cluster.id=")).unwrap();
    let text = format!("version=1\n{cluster}\nnode.id=1\n");
    disk.write_atomic(Path::new("/b/meta.properties"), text.as_bytes()).unwrap();
    let life = Life::begin(&disk).unwrap();
    for partition in life.partitions("first") {
        let next = i64::from(in_a.contains(&partition.id().partition));
        assert_eq!(produce(&partition, next), Ok(next), "{in_b:?}");
    }
    life.end();
    // Fewer are fine, where none is empty.
    Life::begin_in(&disk, "/a,/b", "/a").unwrap().end();
    // Nor are two the same.
    let of_a = disk.read(Path::new("/a/meta.properties")).unwrap();
    disk.write_atomic(Path::new("/b/meta.properties"), &of_a).unwrap();
    let refused = refusal(Life::begin(&disk));
    assert!(matches!(refused, FormatError::SameId { .. }), "{refused}");
}

#[test]
fn log_18_the_metadata_log_is_known_without_its_partition_metadata() {
    let (disk, _) = written();
    for lost in [
        &["__cluster_metadata-0/partition.metadata"][..],
        &["__cluster_metadata-0/partition.metadata", "recovery-point-offset-checkpoint"],
    ] {
        let left = disk.killed();
        Life::begin(&left).unwrap().end();
        lost.iter().for_each(|name| left.remove_file(&Path::new("/a").join(name)).unwrap());
        let life = Life::begin(&left).unwrap();
        for partition in life.partitions("first") {
            assert_eq!(produce(&partition, 1), Ok(1), "{lost:?}");
        }
        life.end();
    }
}

#[test]
fn log_27_what_no_topic_is_known_of_is_set_aside_and_what_was_deleted_is_deleted() {
    let (disk, _) = written();
    let life = Life::begin(&disk).unwrap();
    let id = life.partitions("first")[0].id().topic_id;
    let at = if names(&disk, "/a").contains(&"first-0".to_owned()) { "/a" } else { "/b" };
    let before = disk.killed();
    let deleted = life.opened.controller.handle().delete_topics(vec![TopicSelector::Name("first".into())]);
    assert!(matches!(wait(deleted), Ok(Ok(_))));
    // As a crash leaves it, which came before the directories went.
    let left = disk.killed();
    life.end();
    copy(&before, &left, &format!("{at}/first-0"), &format!("{at}/first-0"), id);
    copy(&before, &left, &format!("{at}/first-0"), &format!("{at}/never-0"), TopicId(uuid::Uuid::from_u128(5)));
    let life = Life::begin(&left).unwrap();
    assert!(life.opened.partitions.topic("first").is_none());
    look_for_orphans(&life);
    let left_names = names(&left, at);
    assert!(left_names.iter().any(|name| name.starts_with("never-0.") && name.ends_with("-stray")), "{left_names:?}");
    assert!(
        !left_names.contains(&"first-0".to_owned()) && !left_names.contains(&"never-0".to_owned()),
        "{left_names:?}"
    );
    assert!(
        !left_names.iter().any(|name| name.starts_with("first-0.") && name.ends_with("-stray")),
        "{id}: {left_names:?}"
    );
    life.end();
}

#[test]
fn log_12_a_refused_start_leaves_an_orderly_stop_what_it_was() {
    let (disk, _) = written();
    Life::begin(&disk).unwrap().end();
    let marked = |directory: &str| names(&disk, directory).iter().any(|name| name == ".kafka_cleanshutdown");
    assert!(marked("/a") && marked("/b"));
    let meta = Path::new("/b/meta.properties");
    let text = disk.read(meta).unwrap();
    disk.remove_file(meta).unwrap();
    assert!(matches!(refusal(Life::begin(&disk)), FormatError::Nameless { .. }));
    assert!(marked("/a") && marked("/b"));
    disk.write_atomic(meta, &text).unwrap();
    let life = Life::begin(&disk).unwrap();
    assert!(!marked("/a") && !marked("/b"));
    life.end();
}

/// A file of Apache Kafka, or changed by hand, is in this broker's words after one life: the next start knows of that life.
#[test]
fn log_14_a_life_marks_the_directories_that_others_have_formatted() {
    let (disk, _) = written();
    Life::begin(&disk).unwrap().end();
    for directory in ["/a", "/b"] {
        let path = Path::new(directory).join("meta.properties");
        let text = String::from_utf8(disk.read(&path).unwrap()).unwrap();
        let others: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        disk.write_atomic(&path, others.join("\n").as_bytes()).unwrap();
    }
    let life = Life::begin(&disk).unwrap();
    let left = disk.killed();
    life.end();
    ["/a/wal", "/b/wal"].iter().for_each(|path| left.remove_dir_all(Path::new(path)).unwrap());
    for end in ["\n", "", "\n\n", "\r\n"] {
        for directory in ["/a", "/b"] {
            let path = Path::new(directory).join("meta.properties");
            let text = String::from_utf8(left.read(&path).unwrap()).unwrap();
            left.write_atomic(&path, format!("{}{end}", text.trim_end()).as_bytes()).unwrap();
        }
        let told = Life::begin(&left).map(|_| ()).unwrap_err();
        assert!(told.to_string().contains("/wal"), "{end:?}: {told}");
    }
}

#[test]
fn log_18_deleted_records_stay_deleted_though_no_life_after_the_damage_touches_the_log() {
    let (disk, _) = written();
    let life = Life::begin(&disk).unwrap();
    for partition in life.partitions("first") {
        assert_eq!(produce(&partition, 1), Ok(1));
        let moved = partition.delete_records(Some(Offset::new(1))).unwrap();
        moved.wait().unwrap();
    }
    life.end();
    for directory in ["/a", "/b"] {
        disk.write_atomic(&Path::new(directory).join("log-start-offset-checkpoint"), b"damaged").unwrap();
    }
    Life::begin(&disk).unwrap().end();
    let life = Life::begin(&disk).unwrap();
    let starts = life.partitions("first").into_iter().map(|partition| partition.log().unwrap().bounds().start());
    assert_eq!(starts.collect::<Vec<_>>(), [Offset::new(1); 4]);
    life.end();
}

#[test]
fn log_18_a_refused_start_does_not_write_lost_notes_anew() {
    let (disk, _) = written();
    Life::begin(&disk).unwrap().end();
    let starts = Path::new("/a/log-start-offset-checkpoint");
    disk.write_atomic(starts, b"damaged").unwrap();
    disk.remove_dir_all(Path::new("/b")).unwrap();
    disk.create_dir_all(Path::new("/b")).unwrap();
    let refused = refusal(Life::begin(&disk));
    assert!(matches!(refused, FormatError::DirectoryAway { .. }), "{refused}");
    assert_eq!(disk.read(starts).unwrap(), b"damaged");
}
