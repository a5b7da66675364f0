//! Which log lines are written: as `OTTLA_LOG` says, else as the variables of Kafka's images do.
use crate::config::note::{Note, information, warning};
use std::collections::BTreeMap;

const OURS: &str = "OTTLA_LOG";
/// log4j's level of everything that has none of its own.
const ROOT: &str = "KAFKA_LOG4J_ROOT_LOGLEVEL";
/// `name=LEVEL,name=LEVEL`
const LOGGERS: &str = "KAFKA_LOG4J_LOGGERS";
pub(in crate::config) const OF_THE_IMAGES: [&str; 2] = [LOGGERS, ROOT];

const DEFAULT: &str = "info";
/// log4j's words and what we call the same. Nothing here is worse than an error.
const LEVELS: [(&str, &str); 8] = [
    ("OFF", "off"),
    ("FATAL", "error"),
    ("ERROR", "error"),
    ("WARN", "warn"),
    ("INFO", "info"),
    ("DEBUG", "debug"),
    ("TRACE", "trace"),
    ("ALL", "trace"),
];

/// The levels, written as in `OTTLA_LOG` (`info,ottla::server=debug`), and what to tell of the variables.
pub(in crate::config) fn log_levels(variables: &BTreeMap<String, String>) -> (String, Vec<Note>) {
    if let Some(levels) = variables.get(OURS) {
        return (levels.clone(), Vec::new());
    }
    let value = |name| variables.get(name).map_or("", |value: &String| value.trim());
    let mut notes = Vec::new();
    let root = match value(ROOT) {
        "" => DEFAULT,
        word => level(word).unwrap_or_else(|| {
            notes.push(unknown(ROOT, word));
            DEFAULT
        }),
    };
    let mut levels = root.to_owned();
    let mut foreign = Vec::new();
    for logger in value(LOGGERS).split(',').filter(|logger| !logger.trim().is_empty()) {
        let (name, word) = logger.split_once('=').unwrap_or((logger, ""));
        let (name, word) = (name.trim(), word.trim());
        match level(word) {
            _ if !is_target(name) => foreign.push(name),
            Some(level) => levels.extend([",", name, "=", level]),
            None => notes.push(unknown(&format!("{LOGGERS}: {name}"), word)),
        }
    }
    if !foreign.is_empty() {
        let names = foreign.join(", ");
        notes.push(information(format!("{LOGGERS}, no effect: {names} (loggers are named as ottla::server here)")));
    }
    (levels, notes)
}

fn level(word: &str) -> Option<&'static str> {
    LEVELS.iter().find(|(theirs, _)| theirs.eq_ignore_ascii_case(word)).map(|(_, ours)| *ours)
}

fn unknown(what: &str, word: &str) -> Note {
    let known: Vec<&str> = LEVELS.iter().map(|(theirs, _)| *theirs).collect();
    warning(format!("{what}={word} has no effect: the levels are {}", known.join(", ")))
}

/// Whether lines can come under this name: modules have such names, loggers of Java do not.
fn is_target(name: &str) -> bool {
    let of_a_module = |path: &str| path.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
    name == "ottla" || name.strip_prefix("ottla::").is_some_and(of_a_module)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NoteLevel;

    fn told(variables: &[(&str, &str)]) -> (String, Vec<Note>) {
        log_levels(&variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    #[track_caller]
    fn check(variables: &[(&str, &str)], levels: &str) {
        assert_eq!(told(variables), (levels.to_owned(), Vec::new()), "{variables:?}");
    }

    #[test]
    fn every_level_of_log4j_is_known_in_any_case() {
        check(&[], "info");
        check(&[(ROOT, " ")], "info");
        for (theirs, ours) in LEVELS {
            check(&[(ROOT, theirs)], ours);
            check(&[(ROOT, &format!(" {} ", theirs.to_lowercase()))], ours);
        }
    }

    #[test]
    fn our_own_variable_beats_those_of_the_images() {
        check(
            &[(OURS, "warn,ottla::log=debug"), (ROOT, "nonsense"), (LOGGERS, "kafka=DEBUG")],
            "warn,ottla::log=debug",
        );
    }

    #[test]
    fn our_targets_get_levels_of_their_own() {
        let loggers = "ottla::server=DEBUG, ottla = fatal,,";
        check(&[(LOGGERS, loggers)], "info,ottla::server=debug,ottla=error");
        check(&[(ROOT, "OFF"), (LOGGERS, loggers)], "off,ottla::server=debug,ottla=error");
    }

    #[test]
    fn loggers_of_java_are_told_in_one_line_and_change_nothing() {
        let (levels, notes) = told(&[(LOGGERS, "kafka.controller=WARN,state.change.logger=LOUD,ottla::a b=INFO,x")]);
        assert_eq!((&*levels, notes.len(), notes[0].level), ("info", 1, NoteLevel::Info));
        let names = "KAFKA_LOG4J_LOGGERS, no effect: kafka.controller, state.change.logger, ottla::a b, x (";
        assert!(notes[0].text.starts_with(names), "{}", notes[0].text);
    }

    #[test]
    fn words_that_are_no_levels_are_told_and_change_nothing() {
        let (levels, notes) = told(&[(ROOT, "LOUD"), (LOGGERS, "ottla=QUIET,ottla::log")]);
        assert_eq!(levels, "info");
        let begins = [
            "KAFKA_LOG4J_ROOT_LOGLEVEL=LOUD has",
            "KAFKA_LOG4J_LOGGERS: ottla=QUIET has",
            "KAFKA_LOG4J_LOGGERS: ottla::log= has",
        ];
        assert_eq!(notes.len(), begins.len());
        for (note, begin) in notes.iter().zip(begins) {
            assert_eq!(note.level, NoteLevel::Warn);
            assert!(note.text.starts_with(begin) && note.text.contains("OFF, FATAL, ERROR, WARN"), "{}", note.text);
        }
    }
}
