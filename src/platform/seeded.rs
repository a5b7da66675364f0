//! Faults that are built in on purpose, to prove that the checker of histories finds them. Builds without the feature
//! `seeded-bugs` have none: there every question is answered `false` before the program runs.

/// A fault; what each does stands where it strikes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bug {
    /// Readers of committed records are not told what was aborted.
    ShowsAborted,
    /// Readers of committed records read up to the high watermark.
    IgnoresStable,
    /// The marker of a commit drops the offsets that the transaction committed.
    LosesOffsets,
    /// A partition gets no marker, and the coordinator believes it has one.
    SkipsMarker,
    /// A partition gets the marker of an abort for a commit.
    AbortsPart,
    /// A batch that comes again is appended again.
    AppendsTwice,
    /// A batch is acknowledged that was not appended.
    AcknowledgesNothing,
    /// Records are acknowledged before they are synced, and a crash takes back what was not.
    AcknowledgesUnsynced,
    /// A transaction under way is told as one that cannot go on.
    TellsWrongCode,
    /// The end of a partition is told too low.
    TellsOldEnd,
    /// A pending offset does not keep the one before it from being told.
    TellsUnstable,
    /// A producer of an old epoch is not fenced.
    AdmitsZombies,
}

/// The version of this program; a build with faults says so.
pub const VERSION: &str = if cfg!(feature = "seeded-bugs") {
    concat!(env!("CARGO_PKG_VERSION"), "+seeded-bugs")
} else {
    env!("CARGO_PKG_VERSION")
};

#[cfg(not(feature = "seeded-bugs"))]
mod chosen {
    use super::Bug;

    /// Whether this fault strikes here and now.
    #[inline(always)]
    pub const fn strikes(_: Bug) -> bool {
        false
    }

    /// What whoever starts this program must know.
    pub const fn notice() -> Option<String> {
        None
    }
}

#[cfg(feature = "seeded-bugs")]
mod chosen {
    use super::Bug;
    use std::sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering::Relaxed},
    };

    /// Names the fault that is to strike, `aborts-part`, and perhaps how often, `aborts-part:1`; without it none does.
    const VARIABLE: &str = "OTTLA_SEEDED_BUG";

    /// Each fault with its name, and how many times out of how many it could strike it does not: a fault that always
    /// strikes keeps its program from getting anywhere.
    const BUGS: [(&str, Bug, u32); 12] = [
        ("shows-aborted", Bug::ShowsAborted, 1),
        ("ignores-stable", Bug::IgnoresStable, 1),
        ("loses-offsets", Bug::LosesOffsets, 10),
        ("skips-marker", Bug::SkipsMarker, 40),
        ("aborts-part", Bug::AbortsPart, 40),
        ("appends-twice", Bug::AppendsTwice, 1),
        ("acknowledges-nothing", Bug::AcknowledgesNothing, 200),
        ("acknowledges-unsynced", Bug::AcknowledgesUnsynced, 1),
        ("tells-wrong-code", Bug::TellsWrongCode, 1),
        ("tells-old-end", Bug::TellsOldEnd, 50),
        ("tells-unstable", Bug::TellsUnstable, 1),
        ("admits-zombies", Bug::AdmitsZombies, 1),
    ];

    fn chosen() -> Option<(Bug, u32)> {
        static CHOSEN: OnceLock<Option<(Bug, u32)>> = OnceLock::new();
        *CHOSEN.get_or_init(|| {
            let named = std::env::var(VARIABLE).ok()?;
            let known = BUGS.map(|(name, _, _)| name).join(", ");
            Some(
                parse(&named)
                    .unwrap_or_else(|| panic!("{VARIABLE}={named} is none of {known}, nor one of them and :EVERY")),
            )
        })
    }

    pub(super) fn parse(named: &str) -> Option<(Bug, u32)> {
        let (name, every) = named.split_once(':').map_or((named, None), |(name, every)| (name, Some(every)));
        let (_, bug, usual) = BUGS.iter().find(|(known, _, _)| *known == name)?;
        let every = every.map_or(Some(*usual), |every| every.parse().ok())?;
        (every > 0).then_some((*bug, every))
    }

    pub fn strikes(bug: Bug) -> bool {
        static CHANCES: AtomicU32 = AtomicU32::new(1);
        chosen().is_some_and(|(chosen, every)| chosen == bug && CHANCES.fetch_add(1, Relaxed).is_multiple_of(every))
    }

    pub fn notice() -> Option<String> {
        let which = chosen().map_or("none chosen".to_string(), |(bug, every)| format!("{bug:?}, once in {every}"));
        Some(format!(
            "THIS BUILD HAS FAULTS ON PURPOSE, for tests only ({VARIABLE}: {which}): never give it data you want to keep"
        ))
    }
}

pub use chosen::{notice, strikes};

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "seeded-bugs")]
    #[test]
    fn a_fault_strikes_as_often_as_is_said() {
        use super::chosen::parse;
        assert_eq!(parse("loses-offsets"), Some((Bug::LosesOffsets, 10)));
        assert_eq!(parse("loses-offsets:3"), Some((Bug::LosesOffsets, 3)));
        for wrong in ["", "loses", "loses-offsets:", "loses-offsets:0", "loses-offsets:-1", "loses-offsets:x"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[cfg(not(feature = "seeded-bugs"))]
    #[test]
    fn ordinary_builds_have_no_faults() {
        assert!(!strikes(Bug::AppendsTwice));
        assert_eq!((VERSION, notice()), (env!("CARGO_PKG_VERSION"), None));
    }
}
