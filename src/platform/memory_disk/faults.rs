//! What goes wrong on a disk in memory, and the list of what was done.
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum OperationKind {
    Open,
    Read,
    List,
    /// A file or directory made.
    Create,
    Write,
    SetLen,
    Sync,
    SyncDir,
    SyncFilesystem,
    /// A write-back that was asked for.
    Writeback,
    Rename,
    Remove,
}

/// One thing done to the disk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operation {
    pub kind: OperationKind,
    /// For a rename the old name.
    pub path: PathBuf,
    pub position: u64,
    pub len: u64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FaultEffect {
    /// Nothing is done and this is the answer.
    Error(io::ErrorKind),
    /// So many bytes of a write are done, then this is the answer.
    ShortWrite { bytes: usize, error: io::ErrorKind },
}

/// One thing that goes wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    pub on: OperationKind,
    /// Part of the paths it concerns; empty for all.
    pub path_part: String,
    /// Operations that still go well.
    pub after: u64,
    /// How many fail then.
    pub times: u64,
    pub effect: FaultEffect,
}

impl Fault {
    /// EIO, once, at the first such operation.
    pub fn once(on: OperationKind, path_part: &str) -> Fault {
        Fault {
            on,
            path_part: path_part.to_owned(),
            after: 0,
            times: 1,
            effect: FaultEffect::Error(io::ErrorKind::Other),
        }
    }

    pub fn after(self, operations: u64) -> Fault {
        Fault { after: operations, ..self }
    }

    pub fn for_ever(self) -> Fault {
        Fault { times: u64::MAX, ..self }
    }

    pub fn with(self, effect: FaultEffect) -> Fault {
        Fault { effect, ..self }
    }
}

#[derive(Default)]
pub(super) struct Faults {
    faults: Vec<Fault>,
    operations: Vec<Operation>,
    changes: u64,
    /// Operations of each kind that were asked for, done or not.
    asked: BTreeMap<OperationKind, u64>,
    /// Where faults struck.
    struck: Vec<(OperationKind, PathBuf)>,
    /// Changes after which everything fails.
    power_off_at: Option<u64>,
}

impl Faults {
    pub fn add(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    pub fn clear(&mut self) {
        self.faults.clear();
        self.power_off_at = None;
    }

    pub fn power_off_after(&mut self, changes: u64) {
        self.power_off_at = Some(self.changes + changes);
    }

    pub fn changes(&self) -> u64 {
        self.changes
    }

    pub fn asked(&self, kind: OperationKind) -> u64 {
        self.asked.get(&kind).copied().unwrap_or_default()
    }

    pub fn struck(&self) -> &[(OperationKind, PathBuf)] {
        &self.struck
    }

    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    pub fn is_off(&self) -> bool {
        self.power_off_at.is_some_and(|at| self.changes >= at)
    }

    fn due(&mut self, kind: OperationKind, path: &Path) -> Option<FaultEffect> {
        let text = path.to_string_lossy();
        let mut due = None;
        *self.asked.entry(kind).or_default() += 1;
        for fault in self.faults.iter_mut().filter(|f| f.on == kind && text.contains(&f.path_part)) {
            if fault.after > 0 {
                fault.after -= 1;
            } else if fault.times > 0 && due.is_none() {
                fault.times -= 1;
                due = Some(fault.effect.clone());
            }
        }
        if due.is_some() {
            self.struck.push((kind, path.to_owned()));
        }
        due
    }

    /// An operation that changes nothing.
    pub fn check(&mut self, kind: OperationKind, path: &Path) -> io::Result<()> {
        if self.is_off() {
            return Err(io::Error::other("the power is off"));
        }
        match self.due(kind, path) {
            Some(FaultEffect::Error(kind) | FaultEffect::ShortWrite { error: kind, .. }) => Err(kind.into()),
            None => Ok(()),
        }
    }

    /// An operation that changes the disk; on an error it must not.
    pub fn change(&mut self, kind: OperationKind, path: &Path, position: u64, len: u64) -> io::Result<()> {
        self.check(kind, path)?;
        self.note(kind, path, position, len);
        Ok(())
    }

    /// As `change` for a write; `Some` when only the first bytes are to be written.
    pub fn write(&mut self, path: &Path, position: u64, len: u64) -> io::Result<Option<(usize, io::Error)>> {
        if self.is_off() {
            return Err(io::Error::other("the power is off"));
        }
        let short = match self.due(OperationKind::Write, path) {
            Some(FaultEffect::Error(kind)) => return Err(kind.into()),
            Some(FaultEffect::ShortWrite { bytes, error }) => Some((bytes, error.into())),
            None => None,
        };
        self.note(OperationKind::Write, path, position, len);
        Ok(short)
    }

    fn note(&mut self, kind: OperationKind, path: &Path, position: u64, len: u64) {
        self.changes += 1;
        self.operations.push(Operation { kind, path: path.to_owned(), position, len });
    }
}
