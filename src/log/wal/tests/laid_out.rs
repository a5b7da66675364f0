//! Entries whose bodies are laid out for their segments: they come back like others, and their own checksum guards them.
use super::*;
use crate::{platform::OpenMode, record::BatchBuilder};

fn batch(value_bytes: usize) -> Vec<u8> {
    let value: Vec<u8> = (0..value_bytes).map(|i| (i * 7 % 251) as u8).collect();
    BatchBuilder::new(1).record(None, Some(&value)).build().bytes().to_vec()
}

fn append_laid_out(wal: &Wal, log: &Arc<dyn Committed>, offset: i64, skip: usize, body: &[u8]) -> WalSequence {
    let (a, b) = body.split_at(16);
    let laid_out = wal.lay_out(skip, &[a, b]);
    wal.append_laid_out(&head(0, offset, body.len()), laid_out, Some((log, Offset::new(offset + 1)))).unwrap()
}

fn mixed(disk: Arc<dyn Disk>, path: &Path) {
    let reopen = || Wal::open(disk.clone(), Arc::new(SystemClock::new()), path, WalSettings::default()).unwrap();
    let (wal, _) = reopen();
    let (seen, log) = Seen::new();
    let bodies: Vec<Vec<u8>> = (0..60).map(|i: usize| batch(i * 7_919 % 400_000)).collect();
    for (i, body) in bodies.iter().enumerate() {
        match i % 3 {
            0 => append(&wal, &log, i as i64, body).unwrap(),
            _ => append_laid_out(&wal, &log, i as i64, i * 1_013 % 4_096, body),
        };
    }
    assert!(seen.reaches(bodies.len() as i64));
    wal.close().unwrap();
    let (wal, recovered) = reopen();
    for (i, entry) in recovered.entries().iter().enumerate() {
        assert_eq!((entry.sequence.get(), entry.head), (i as u64, head(0, i as i64, bodies[i].len())));
    }
    assert_eq!(super::bodies(&recovered), bodies);
    wal.release(wal.next_sequence());
    wal.close().unwrap();
}

#[test]
fn log_7_bodies_that_are_laid_out_come_back_in_order() {
    let directory = tempfile::tempdir().unwrap();
    mixed(Arc::new(RealDisk), &directory.path().join("wal"));
    mixed(Arc::new(new_disk()), Path::new(DIRECTORY));
}

/// Bytes of the last of two groups of one entry each, of a body in its third block that ends in the fourth.
const SKIP: usize = 4_000;
const LAST_GROUP: u64 = 4 * 4_096;

fn two_groups(body: &[u8]) -> (MemoryDisk, std::path::PathBuf) {
    let disk = new_disk();
    let (wal, _) = open(&disk).unwrap();
    let (seen, log) = Seen::new();
    for offset in 0..2 {
        append_laid_out(&wal, &log, offset, SKIP, body);
        assert!(seen.reaches(offset + 1));
    }
    wal.close().unwrap();
    (disk, Path::new(DIRECTORY).join("00000000000000000001.wal"))
}

#[test]
fn log_7_a_laid_out_body_torn_at_any_byte_is_whole_or_absent() {
    let body = batch(300);
    let (disk, path) = two_groups(&body);
    let file = disk.open(&path, OpenMode::Write).unwrap();
    let mut whole = vec![0; 3 * 4_096];
    file.read_at(&mut whole, LAST_GROUP).unwrap();
    let ends = 4_096 + SKIP + body.len();
    assert_eq!(whole[4_096 + SKIP..ends], body[..]);
    for cut in (0..64 + 40).chain(4_096 + SKIP - 5..ends + 5) {
        let mut torn = vec![0xFF; whole.len()];
        torn[..cut].copy_from_slice(&whole[..cut]);
        file.write_all_at(&torn, LAST_GROUP).unwrap();
        assert_eq!(recover(&disk).unwrap().entries().len(), if cut < ends { 1 } else { 2 }, "cut at {cut}");
    }
}

#[test]
fn log_7_each_flipped_bit_of_a_laid_out_body_is_seen() {
    let body = batch(300);
    let (disk, path) = two_groups(&body);
    let first = LAST_GROUP - 3 * 4_096;
    let bytes = (0..64 + 40u64).chain((4_096 + SKIP) as u64..(4_096 + SKIP + body.len()) as u64);
    for (byte, bit) in bytes.flat_map(|byte| (0..8).map(move |bit| (byte, bit))) {
        disk.flip_bit(&path, first + byte, bit).unwrap();
        assert!(matches!(recover(&disk), Err(WalError::Damaged { .. })), "byte {byte} bit {bit} of the first group");
        disk.flip_bit(&path, first + byte, bit).unwrap();
        disk.flip_bit(&path, LAST_GROUP + byte, bit).unwrap();
        assert_eq!(recover(&disk).unwrap().entries().len(), 1, "byte {byte} bit {bit} of the last group");
        disk.flip_bit(&path, LAST_GROUP + byte, bit).unwrap();
    }
    assert_eq!(bodies(&recover(&disk).unwrap()), [body.clone(), body]);
}

#[test]
fn a_file_of_version_1_is_read_and_says_nothing_else() {
    let disk = new_disk();
    let (wal, _) = open(&disk).unwrap();
    let (seen, log) = Seen::new();
    append(&wal, &log, 0, b"old").unwrap();
    assert!(seen.reaches(1));
    wal.close().unwrap();
    let file = disk.open(&Path::new(DIRECTORY).join("00000000000000000001.wal"), OpenMode::Write).unwrap();
    let mut version = [0; 4];
    file.read_at(&mut version, 8).unwrap();
    assert_eq!(u32::from_be_bytes(version), 2, "older brokers do not read what is laid out");
    file.write_all_at(&1u32.to_be_bytes(), 8).unwrap();
    assert_eq!(bodies(&recover(&disk).unwrap()), [b"old".to_vec()]);
}
