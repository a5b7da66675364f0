//! Clock, chance and disk: everything a test or a simulation must be able to replace.
mod chance;
mod clock;
mod disk;
mod real_disk;

pub use chance::{Chance, SeededChance, SystemChance};
pub use clock::{Clock, ManualClock, SystemClock};
pub use disk::{Disk, DiskFile, Entry, OpenMode};
pub use real_disk::RealDisk;
