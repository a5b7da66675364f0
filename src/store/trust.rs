//! Whether a view from an earlier life may be used. A doubtful one is thrown away: the journals make it anew.
//!
//! sled keeps what it wrote over the death of the process, but not always over that of the machine, and it can panic on
//! files that it does not understand. So a small file beside it tells how the last life went.
use crate::platform::{Disk, OpenMode};
use std::{io, path::Path};

const FILE: &str = "state.properties";
/// 2: many rows in one value.
const VERSION: &str = "2";
/// Tells one start of the machine from another.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// How far a life with the view came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// It is being opened and read: who dies here dies of it.
    Opening,
    Open,
    Closed,
}

/// What the file says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Marker {
    pub stage: Stage,
    /// The machine's start in which it was written; empty where the system does not tell.
    pub boot: String,
    /// Lives in a row that did not end in order.
    pub crashes: u32,
}

/// Why a view is thrown away.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Distrust {
    #[error("it does not say how its last use ended")]
    Unmarked,
    #[error("its last use ended while it was opened")]
    DiedOpening,
    #[error("the machine went down with it open")]
    Rebooted,
    #[error("two uses in a row did not end in order")]
    DiedTwice,
}

/// The marker of a life that begins now with the view as it was left, or why it is not to be used.
pub(super) fn judge(last: Option<&Marker>, boot: &str) -> Result<Marker, Distrust> {
    let last = last.ok_or(Distrust::Unmarked)?;
    let crashes = match last.stage {
        Stage::Closed => 0,
        Stage::Opening => return Err(Distrust::DiedOpening),
        Stage::Open if boot.is_empty() || last.boot != boot => return Err(Distrust::Rebooted),
        // Once: a view that makes the broker die must not make it die for ever.
        Stage::Open if last.crashes > 0 => return Err(Distrust::DiedTwice),
        Stage::Open => last.crashes + 1,
    };
    Ok(Marker { stage: Stage::Opening, boot: boot.to_owned(), crashes })
}

pub(super) fn boot_id(disk: &dyn Disk) -> String {
    let mut bytes = [0; 64];
    let read = disk.open(Path::new(BOOT_ID), OpenMode::Read).and_then(|file| file.read_at(&mut bytes, 0));
    let bytes = read.ok().and_then(|count| bytes.get(..count)).unwrap_or_default();
    String::from_utf8_lossy(bytes).trim().to_owned()
}

impl Marker {
    pub(super) fn read(disk: &dyn Disk, folder: &Path) -> io::Result<Option<Marker>> {
        match disk.read(&folder.join(FILE)) {
            Ok(bytes) => Ok(Marker::parse(&String::from_utf8_lossy(&bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn write(&self, disk: &dyn Disk, folder: &Path) -> io::Result<()> {
        disk.write_atomic(&folder.join(FILE), self.print().as_bytes())
    }

    fn print(&self) -> String {
        let stage = match self.stage {
            Stage::Opening => "opening",
            Stage::Open => "open",
            Stage::Closed => "closed",
        };
        format!("version={VERSION}\nstage={stage}\nboot={}\ncrashes={}\n", self.boot, self.crashes)
    }

    /// `None` for anything but what this version prints.
    fn parse(text: &str) -> Option<Marker> {
        let mut lines = text.lines();
        let mut value = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix('=');
        value("version").filter(|version| *version == VERSION)?;
        let stage = match value("stage")? {
            "opening" => Stage::Opening,
            "open" => Stage::Open,
            "closed" => Stage::Closed,
            _ => return None,
        };
        Some(Marker { stage, boot: value("boot")?.to_owned(), crashes: value("crashes")?.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker(stage: Stage, boot: &str, crashes: u32) -> Marker {
        Marker { stage, boot: boot.into(), crashes }
    }

    #[test]
    fn a_view_is_used_after_an_orderly_end_and_once_after_a_crash() {
        let judged = |last: &Marker| judge(Some(last), "b");
        assert_eq!(judge(None, "b"), Err(Distrust::Unmarked));
        assert_eq!(judged(&marker(Stage::Closed, "a", 1)), Ok(marker(Stage::Opening, "b", 0)));
        assert_eq!(judged(&marker(Stage::Opening, "b", 0)), Err(Distrust::DiedOpening));
        assert_eq!(judged(&marker(Stage::Open, "a", 0)), Err(Distrust::Rebooted));
        assert_eq!(judge(Some(&marker(Stage::Open, "", 0)), ""), Err(Distrust::Rebooted));
        let after_a_crash = judged(&marker(Stage::Open, "b", 0)).unwrap();
        assert_eq!(after_a_crash.crashes, 1);
        assert_eq!(judged(&Marker { stage: Stage::Open, ..after_a_crash }), Err(Distrust::DiedTwice));
    }

    #[test]
    fn log_11_a_marker_is_read_as_it_was_written_and_others_are_none() {
        let written = marker(Stage::Open, "some-boot", 1);
        assert_eq!(Marker::parse(&written.print()), Some(written.clone()));
        assert_eq!(Marker::parse(&written.print().replace("version=2", "version=1")), None);
        assert_eq!(Marker::parse("stage=open\n"), None);
        assert_eq!(Marker::parse(""), None);
    }
}
