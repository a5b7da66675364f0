//! Clock, chance and disk: everything a test or a simulation must be able to replace.
mod background_file;
mod chance;
mod clock;
mod disk;
mod held_signals;
mod memory_disk;
mod patience;
mod real_disk;
mod scheduling;
pub mod seeded;
mod stderr;
mod wakeup;

pub use chance::{Chance, SeededChance, SystemChance};
pub use clock::{Clock, ManualClock, SystemClock};
pub use disk::{Disk, DiskFile, Entry, Filesystem, OpenMode, is_direct_refused};
pub use held_signals::HeldSignals;
pub use memory_disk::{Fault, FaultEffect, MemoryDisk, Operation, OperationKind};
pub use patience::{hurried, is_hurried};
pub use real_disk::RealDisk;
pub use scheduling::make_way;
pub use stderr::say;
pub use wakeup::WakeupLimit;
