//! Lines for the log about the settings, before there is a log.

/// A line for the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    pub level: NoteLevel,
    pub text: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoteLevel {
    Info,
    Warn,
}

pub(in crate::config) fn information(text: String) -> Note {
    Note { level: NoteLevel::Info, text }
}

pub(in crate::config) fn warning(text: String) -> Note {
    Note { level: NoteLevel::Warn, text }
}
