//! Lines for people, on standard error.
use std::{fmt, io::Write};

/// One line on standard error. Where its reader is gone or its disk is full the line is lost: there is nobody left to tell, and what the
/// process does for others matters more (`eprintln!` would end it).
pub fn say(line: impl fmt::Display) {
    // One write: lines of several threads and processes stay whole.
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}
