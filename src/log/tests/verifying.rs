//! `log verify` and `log repair` on segments alone, and beside a broker that goes on.
use super::{damage::alone, *};
use crate::{
    log::damage::{repair, verify},
    platform::{Disk, DiskFile, Entry, Filesystem, MemoryDisk, OpenMode},
};
use std::path::PathBuf;

/// Nobody notes that the log was compacted.
#[test]
fn log_14_a_repair_gives_up_no_batch_that_is_whole() {
    let (disk, paths) = alone(&[(0, &[0, 8, 20, 30]), (40, &[40])]);
    let before = verify(&disk, Path::new("/copy/t-0")).unwrap();
    assert!(!before[0].damages.is_empty());
    repair(&disk, &paths[0]).unwrap().unwrap();
    let after = verify(&disk, Path::new("/copy/t-0")).unwrap();
    assert!(after.iter().all(|one| one.damages.is_empty()), "{after:?}");
    let found = headers_in(&disk.read(&paths[0]).unwrap());
    let kept: Vec<i64> = found.iter().filter(|one| one.record_count > 0).map(|one| one.base_offset).collect();
    assert_eq!(kept, [0, 8, 20, 30]);
    assert!(found.windows(2).all(|two| two[0].last().unwrap().next().get() == two[1].base_offset));
    assert_eq!(found.last().unwrap().last(), Some(Offset::new(39)));
}

/// A broker deletes a segment while another is looked at.
struct Deleting {
    disk: MemoryDisk,
    last: PathBuf,
}

impl Disk for Deleting {
    fn open(&self, path: &Path, mode: OpenMode) -> std::io::Result<Arc<dyn DiskFile>> {
        let opened = self.disk.open(path, mode);
        if path.ends_with("00000000000000000000.log") {
            let _ = self.disk.remove_file(&self.last);
        }
        opened
    }
    fn create_dir_all(&self, path: &Path) -> std::io::Result<()> {
        self.disk.create_dir_all(path)
    }
    fn list(&self, path: &Path) -> std::io::Result<Vec<Entry>> {
        self.disk.list(path)
    }
    fn exists(&self, path: &Path) -> bool {
        self.disk.exists(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> std::io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove_file(&self, path: &Path) -> std::io::Result<()> {
        self.disk.remove_file(path)
    }
    fn remove_dir_all(&self, path: &Path) -> std::io::Result<()> {
        self.disk.remove_dir_all(path)
    }
    fn sync_dir(&self, path: &Path) -> std::io::Result<()> {
        self.disk.sync_dir(path)
    }
    fn filesystem(&self, path: &Path) -> std::io::Result<Arc<dyn Filesystem>> {
        self.disk.filesystem(path)
    }
    fn lock(&self, path: &Path) -> std::io::Result<Box<dyn Send + Sync>> {
        self.disk.lock(path)
    }
    fn free_bytes(&self, path: &Path) -> std::io::Result<u64> {
        self.disk.free_bytes(path)
    }
    fn total_bytes(&self, path: &Path) -> std::io::Result<u64> {
        self.disk.total_bytes(path)
    }
}

#[test]
fn log_14_what_retention_takes_while_verify_looks_is_left_out() {
    let (disk, paths) = alone(&[(0, &[0, 2]), (4, &[4]), (6, &[6])]);
    let deleting = Deleting { disk, last: paths[1].clone() };
    let reports = verify(&deleting, Path::new("/copy")).unwrap();
    assert_eq!(reports.iter().map(|one| &one.path).collect::<Vec<_>>(), [&paths[0], &paths[2]]);
}
