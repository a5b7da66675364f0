//! A file of the write-ahead log: read, cut at a torn tail, or called damaged; what was read once is read again.
#![no_main]
use libfuzzer_sys::fuzz_target;
use ottla::{
    log::wal::{Recovered, Wal, WalError, WalSettings},
    platform::{Disk, ManualClock, MemoryDisk, OpenMode},
    record::crc32c,
};
use std::{path::Path, sync::Arc};

const BLOCK_BYTES: usize = 4096;
const GROUP_HEADER_BYTES: usize = 64;
const NUMBER: u64 = 1;
const SALT: u64 = 7;

/// A file as docs/formats.md draws it. Each group of the input is: its number of entries, two bytes for its length,
/// one that says what is left wrong, then its entries.
fn file(mut input: &[u8]) -> Vec<u8> {
    let mut file = vec![0; BLOCK_BYTES];
    file[..8].copy_from_slice(b"OTTLAWAL");
    file[11] = 1;
    file[16..24].copy_from_slice(&NUMBER.to_be_bytes());
    file[24..32].copy_from_slice(&SALT.to_be_bytes());
    let mut sequence = 0u64;
    while let Some((&[entries, high, low, wrong], rest)) = input.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes([high, low])).min(rest.len());
        let (body, later) = rest.split_at(length);
        input = later;
        let starts = file.len();
        let mut group = vec![0; GROUP_HEADER_BYTES];
        group[..4].copy_from_slice(b"OWLG");
        group[8..16].copy_from_slice(&NUMBER.to_be_bytes());
        group[16..24].copy_from_slice(&SALT.to_be_bytes());
        group[24..32].copy_from_slice(&(starts as u64).to_be_bytes());
        group[32..40].copy_from_slice(&sequence.to_be_bytes());
        group[40..48].copy_from_slice(&u64::from(wrong >> 4).to_be_bytes());
        group[48..52].copy_from_slice(&u32::from(entries).to_be_bytes());
        group[52..56].copy_from_slice(&(length as u32).to_be_bytes());
        group.extend_from_slice(body);
        let crc = crc32c(&group[8..]) ^ u32::from(wrong & 1);
        group[4..8].copy_from_slice(&crc.to_be_bytes());
        group[8] ^= wrong & 2;
        sequence += u64::from(entries) + u64::from(wrong & 4);
        group.resize(group.len().next_multiple_of(BLOCK_BYTES), 0);
        file.extend_from_slice(&group);
    }
    let bytes = file.len() as u64;
    file[32..40].copy_from_slice(&bytes.to_be_bytes());
    let crc = crc32c(&file[16..40]);
    file[12..16].copy_from_slice(&crc.to_be_bytes());
    file
}

fn open(disk: &MemoryDisk) -> Result<(Arc<Wal>, Recovered), WalError> {
    let settings = WalSettings { file_bytes: 1 << 16, first_file_bytes: 1 << 14, ..WalSettings::default() };
    Wal::open(Arc::new(disk.clone()), Arc::new(ManualClock::default()), Path::new("/wal"), settings)
}

fn bodies(recovered: &Recovered) -> Vec<Vec<u8>> {
    recovered.entries().iter().map(|entry| recovered.read_body(entry).expect("checked when found")).collect()
}

fuzz_target!(|input: &[u8]| {
    let disk = MemoryDisk::new();
    disk.create_dir_all(Path::new("/wal")).expect("a directory");
    let path = Path::new("/wal/00000000000000000001.wal");
    // Raw bytes now and then; else a header that is right, or little behind it is ever reached.
    let bytes = if input.first() == Some(&0xFF) { input.to_vec() } else { file(input) };
    disk.open(path, OpenMode::Create).and_then(|file| file.write_all_at(&bytes, 0)).expect("written");
    match open(&disk) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok((wal, recovered)) => {
            let (first, next) = (bodies(&recovered), recovered.next_sequence());
            wal.close().expect("closed");
            let (wal, again) = open(&disk).expect("what opened once opens again");
            assert_eq!((bodies(&again), again.next_sequence()), (first, next));
            wal.close().expect("closed");
        }
    }
});
