//! A torn tail is cut, damage is told, and neither is ever taken for the other.
use super::*;
use crate::platform::OpenMode;

const GROUPS: usize = 4;

/// One file with one entry in each of four groups.
fn four_groups() -> MemoryDisk {
    let disk = new_disk();
    let (wal, _) = open(&disk).unwrap();
    let (seen, log) = Seen::new();
    for i in 0..GROUPS as i64 {
        append(&wal, &log, i, format!("body {i}").as_bytes()).unwrap();
        assert!(seen.reaches(i + 1));
    }
    wal.close().unwrap();
    disk
}

fn first_file() -> std::path::PathBuf {
    Path::new(DIRECTORY).join("00000000000000000001.wal")
}

/// Bytes of a group of `four_groups` that are not padding.
const USED_BYTES: u64 = 64 + 40 + 6;

fn start_of(group: u64) -> u64 {
    4096 + group * 4096
}

#[test]
fn log_7_a_group_torn_at_any_byte_is_whole_or_absent() {
    let disk = four_groups();
    let file = disk.open(&first_file(), OpenMode::Write).unwrap();
    let last = start_of(GROUPS as u64 - 1);
    let mut whole = vec![0; 4096];
    file.read_at(&mut whole, last).unwrap();
    for stale in [0x00, 0xFF] {
        for cut in 0..=4096 {
            let mut torn = vec![stale; 4096];
            torn[..cut].copy_from_slice(&whole[..cut]);
            file.write_all_at(&torn, last).unwrap();
            let found = recover(&disk).unwrap().entries().len();
            // A cut that leaves the same bytes cuts nothing.
            let cuts = torn[..USED_BYTES as usize] != whole[..USED_BYTES as usize];
            assert_eq!(found, if cuts { GROUPS - 1 } else { GROUPS }, "cut at {cut} before {stale:#x}");
        }
    }
}

#[test]
fn log_7_each_flipped_bit_before_the_last_group_is_damage() {
    let disk = four_groups();
    let whole = bodies(&recover(&disk).unwrap());
    for group in 0..GROUPS as u64 {
        for bit in 0..USED_BYTES * 8 {
            let (byte, bit) = (start_of(group) + bit / 8, (bit % 8) as u8);
            disk.flip_bit(&first_file(), byte, bit).unwrap();
            match recover(&disk) {
                Err(WalError::Damaged { path, position, sequence, .. }) => {
                    assert!(group < GROUPS as u64 - 1, "the last group may be torn: {byte}");
                    assert_eq!((path, position), (first_file(), start_of(group)), "{byte}.{bit}");
                    assert_eq!(sequence, WalSequence::new(group));
                }
                Ok(recovered) => {
                    assert_eq!(group, GROUPS as u64 - 1, "byte {byte} bit {bit} of an earlier group passed");
                    assert_eq!(bodies(&recovered), whole[..GROUPS - 1]);
                }
                Err(other) => panic!("{other}"),
            }
            disk.flip_bit(&first_file(), byte, bit).unwrap();
        }
    }
}

#[test]
fn a_group_that_releases_what_was_never_written_is_damage() {
    let disk = four_groups();
    let file = disk.open(&first_file(), OpenMode::Write).unwrap();
    let last = start_of(GROUPS as u64 - 1);
    let mut bytes = vec![0; USED_BYTES as usize];
    file.read_at(&mut bytes, last).unwrap();
    for (released, lawful) in [(GROUPS as u64, true), (GROUPS as u64 + 1, false), (u64::MAX, false)] {
        let mut group = format::GroupHeader::from_bytes(&bytes).unwrap();
        group.released = WalSequence::new(released);
        let mut crc = group.begin_crc();
        crc.update(&bytes[format::GroupHeader::BYTES..]);
        group.crc = crc.finalize() as u32;
        file.write_all_at(&group.to_bytes(), last).unwrap();
        match recover(&disk) {
            Ok(recovered) => assert!(lawful && recovered.entries().is_empty(), "{released}"),
            Err(WalError::Damaged { position, .. }) => assert!(!lawful && position == last, "{released}"),
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn flipped_padding_changes_nothing_and_flipped_file_headers_are_damage() {
    let disk = four_groups();
    for byte in (start_of(0) + USED_BYTES..start_of(1)).step_by(61) {
        disk.flip_bit(&first_file(), byte, 3).unwrap();
        assert_eq!(recover(&disk).unwrap().entries().len(), GROUPS);
    }
    for bit in 0..40 * 8 {
        disk.flip_bit(&first_file(), bit / 8, (bit % 8) as u8).unwrap();
        let refused =
            matches!(recover(&disk), Err(WalError::Damaged { position: 0, .. } | WalError::UnknownVersion { .. }));
        assert!(refused, "bit {bit}");
        disk.flip_bit(&first_file(), bit / 8, (bit % 8) as u8).unwrap();
    }
}

#[test]
fn a_group_that_went_astray_is_not_taken() {
    let disk = four_groups();
    let file = disk.open(&first_file(), OpenMode::Write).unwrap();
    let mut block = vec![0; 4096];
    file.read_at(&mut block, start_of(1)).unwrap();
    file.write_all_at(&block, start_of(2)).unwrap();
    assert!(matches!(recover(&disk), Err(WalError::Damaged { .. })));
}

#[test]
fn a_missing_or_foreign_file_is_damage() {
    let disk = new_disk();
    let (wal, _) = open(&disk).unwrap();
    let (seen, log) = Seen::new();
    for i in 0..60 {
        append(&wal, &log, i, &[i as u8; 5000]).unwrap();
        assert!(seen.reaches(i + 1));
    }
    wal.close().unwrap();
    let mut names: Vec<_> = disk.list(Path::new(DIRECTORY)).unwrap().into_iter().map(|e| e.name).collect();
    names.retain(|name| name.ends_with(".wal"));
    assert!(names.len() > 5, "{names:?}");
    for name in &names[..names.len() - 2] {
        let (path, away) = (Path::new(DIRECTORY).join(name), Path::new("/data/away"));
        disk.rename(&path, away).unwrap();
        assert!(matches!(recover(&disk), Err(WalError::Damaged { .. })), "{name}");
        disk.rename(away, &path).unwrap();
    }
    let (first, second) = (Path::new(DIRECTORY).join(&names[0]), Path::new(DIRECTORY).join(&names[1]));
    disk.rename(&first, &second).unwrap();
    assert!(matches!(recover(&disk), Err(WalError::Damaged { position: 0, .. })));
}

#[test]
fn a_bad_last_group_of_an_earlier_file_is_damage() {
    let disk = new_disk();
    let (wal, _) = open(&disk).unwrap();
    let (seen, log) = Seen::new();
    for i in 0..30 {
        append(&wal, &log, i, &[i as u8; 5000]).unwrap();
        assert!(seen.reaches(i + 1));
    }
    wal.close().unwrap();
    let last_of_first = recover(&disk).unwrap().entries().iter().rfind(|e| e.file == 0).copied().unwrap();
    disk.flip_bit(&first_file(), last_of_first.position + 10, 0).unwrap();
    assert!(matches!(recover(&disk), Err(WalError::Damaged { sequence, .. }) if sequence == last_of_first.sequence));
}

#[test]
fn a_body_that_changes_after_the_start_is_noticed() {
    let disk = four_groups();
    let recovered = recover(&disk).unwrap();
    let entry = recovered.entries()[1];
    disk.flip_bit(&first_file(), entry.position, 0).unwrap();
    assert!(matches!(recovered.read_body(&entry), Err(WalError::Damaged { .. })));
}

#[test]
fn hostile_bytes_end_the_reading_and_claim_no_memory() {
    let disk = four_groups();
    let file = disk.open(&first_file(), OpenMode::Write).unwrap();
    let mut block = vec![0; 4096];
    file.read_at(&mut block, start_of(3)).unwrap();
    for (at, len) in [(48, 4), (52, 4), (64 + 4, 4), (32, 8), (40, 8), (24, 8)] {
        let mut hostile = block.clone();
        hostile[at..at + len].fill(0xFF);
        file.write_all_at(&hostile, start_of(3)).unwrap();
        assert_eq!(recover(&disk).unwrap().entries().len(), GROUPS - 1, "field at {at}");
    }
}
