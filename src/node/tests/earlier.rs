//! Topics that have the name of a deleted one, after kills: nothing is told lost that was deleted, and nothing of it stays.
use super::{
    directories::{Life, produce},
    *,
};
use std::{
    io,
    sync::{Mutex, PoisonError},
};

const RECOVERY_POINTS: &str = "/a/recovery-point-offset-checkpoint";

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the log says of lost directories while the partitions of a topic are opened.
fn told(life: &Life, topic: &str) -> String {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, || {
        life.partitions(topic).iter().for_each(|partition| _ = partition.log().unwrap());
    });
    let bytes = lines.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let text = String::from_utf8(bytes).unwrap();
    text.lines().filter(|line| line.contains(" WARN ")).map(|line| format!("{line}\n")).collect()
}

fn begin(disk: &MemoryDisk) -> Life {
    Life::begin_in(disk, "/a", "/a").unwrap()
}

fn killed(disk: &MemoryDisk, life: Life) -> MemoryDisk {
    let left = disk.killed();
    life.end();
    left
}

/// As a kill leaves it that came before the checkpoints were written anew.
fn killed_before_a_checkpoint(disk: &MemoryDisk, life: Life, noted: &str) -> MemoryDisk {
    let left = killed(disk, life);
    left.write_atomic(Path::new(RECOVERY_POINTS), noted.as_bytes()).unwrap();
    left
}

/// Topics with a record in each partition, of which the checkpoints tell.
fn noted(topics: &[&str]) -> MemoryDisk {
    let disk = MemoryDisk::new();
    let life = begin(&disk);
    for topic in topics {
        life.create(topic);
        for partition in life.partitions(topic) {
            assert_eq!(produce(&partition, 0), Ok(0));
        }
    }
    life.end();
    disk
}

fn delete(life: &Life, topic: &str) {
    let deleted = life.opened.controller.handle().delete_topics(vec![TopicSelector::Name(topic.into())]);
    assert!(matches!(wait(deleted), Ok(Ok(_))));
}

fn noted_topics(disk: &MemoryDisk) -> String {
    String::from_utf8(disk.read(Path::new(RECOVERY_POINTS)).unwrap()).unwrap()
}

fn names(disk: &MemoryDisk) -> Vec<String> {
    disk.list(Path::new("/a")).unwrap().into_iter().map(|entry| entry.name).collect()
}

#[test]
fn log_27_what_is_noted_of_a_deleted_topic_is_not_told_as_lost_of_the_next_one() {
    let disk = noted(&["first", "second"]);
    let noted = noted_topics(&disk);
    let life = begin(&disk);
    delete(&life, "first");
    life.create("first");
    let disk = killed_before_a_checkpoint(&disk, life, &noted);
    assert!(noted.contains("first 0") && !names(&disk).contains(&"first-0".to_owned()));
    let life = begin(&disk);
    assert_eq!(told(&life, "first"), "");
    life.create("third");
    assert_eq!(told(&life, "third"), "");
    let left = killed(&disk, life);
    let gone = "is gone, with the records in it: its log begins anew";
    // What is lost is told; after an orderly stop nothing is noted of deleted topics.
    for (disk, of_namesake) in [(left, "unless they were of an earlier topic of this name"), (disk, gone)] {
        let (of_first, of_third) = told_of_lost(&disk);
        assert_eq!(of_first.matches(of_namesake).count(), 4, "{of_first}");
        assert_eq!(of_third.matches(gone).count(), 4, "{of_third}");
    }
}

/// Their directories are gone. Notes as Apache Kafka writes them: nothing of these topics is in the write-ahead log.
fn told_of_lost(disk: &MemoryDisk) -> (String, String) {
    let mut noted = "0\n8\n".to_owned();
    for (topic, partition) in ["first", "third"].into_iter().flat_map(|topic| (0..4).map(move |at| (topic, at))) {
        disk.remove_dir_all(Path::new(&format!("/a/{topic}-{partition}"))).unwrap();
        noted += &format!("{topic} {partition} 1\n");
    }
    disk.write_atomic(Path::new(RECOVERY_POINTS), noted.as_bytes()).unwrap();
    let life = begin(disk);
    let told = (told(&life, "first"), told(&life, "third"));
    life.end();
    told
}

#[test]
fn log_27_what_is_noted_of_a_deleted_topic_is_forgotten_at_the_next_start() {
    let disk = noted(&["first", "second"]);
    let noted = noted_topics(&disk);
    let life = begin(&disk);
    delete(&life, "first");
    let disk = killed_before_a_checkpoint(&disk, life, &noted);
    begin(&disk).end();
    let noted = noted_topics(&disk);
    assert!(!noted.contains("first") && noted.contains("second 3"), "{noted}");
}

#[test]
fn log_27_a_deleted_topics_directory_is_deleted_also_when_the_next_topic_of_its_name_comes_first() {
    let before = noted(&["first", "second"]);
    let disk = before.killed();
    let life = begin(&disk);
    delete(&life, "first");
    life.create("first");
    let disk = killed(&disk, life);
    // As a kill leaves it that came between the deletion and the disk; and one that belongs to a topic that nobody deleted.
    let put_back = |from: &str, to: &str| {
        disk.create_dir_all(Path::new(to)).unwrap();
        for entry in before.list(Path::new(from)).unwrap() {
            let bytes = before.read(&Path::new(from).join(&entry.name)).unwrap();
            disk.write_atomic(&Path::new(to).join(&entry.name), &bytes).unwrap();
        }
    };
    put_back("/a/first-0", "/a/first-0");
    put_back("/a/second-1", "/a/first-1");
    let life = begin(&disk);
    assert_eq!(told(&life, "first").matches("was set aside").count(), 1);
    let strays: Vec<_> = names(&disk).into_iter().filter(|name| name.ends_with("-stray")).collect();
    assert!(matches!(&strays[..], [one] if one.starts_with("first-1.")), "{strays:?}");
    life.end();
}
