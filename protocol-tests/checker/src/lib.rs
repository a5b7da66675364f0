//! Judges what the clients of a Kafka broker saw: a history of operations in, every anomaly with the records it is about out.
//!
//! A test records what its clients sent, polled and committed, and when; at the end it reads every partition from its begin
//! to its end. `check` needs nothing else: no clock, no broker, no order of threads. The same judge serves tests with real
//! processes, simulations and histories that other clients wrote.
pub mod commits;
pub mod copies;
pub mod cycles;
pub mod ends;
pub mod history;
pub mod logs;
pub mod order;
pub mod polls;
pub mod report;
pub mod visibility;

pub use history::{Action, Copy, FinalRead, History, Isolation, Operation, Outcome, Span, Step, Value};
pub use report::{Anomaly, Class, Report};

/// Every anomaly of a history.
pub fn check(history: &History) -> Report {
    let logs = logs::Logs::of(history);
    let mut anomalies = Vec::new();
    anomalies.extend(unexpected(history));
    anomalies.extend(order::inconsistent(&logs));
    anomalies.extend(order::duplicates(&logs));
    anomalies.extend(order::sends(history));
    anomalies.extend(order::appends(history));
    anomalies.extend(ends::ends(history));
    anomalies.extend(visibility::reads(history, &logs));
    anomalies.extend(visibility::lost(history, &logs));
    anomalies.extend(visibility::torn(history));
    anomalies.extend(polls::polls(history, &logs));
    anomalies.extend(commits::commits(history));
    anomalies.extend(copies::copies(history));
    anomalies.extend(cycles::cycles(history, &logs));
    Report { anomalies, operations: history.operations.len() }
}

fn unexpected(history: &History) -> impl Iterator<Item = Anomaly> {
    history.steps().filter_map(|(operation, _, step)| match &step.action {
        Action::Unexpected { what } => Some(Anomaly::Unexpected { operation, what: what.clone() }),
        _ => None,
    })
}
