//! Circular information flow: transactions that count and have each read what another of them wrote (G1c).
use crate::history::{Action, History, Index, Isolation};
use crate::logs::Logs;
use crate::report::Anomaly;
use std::collections::{BTreeMap, BTreeSet};

/// From a writer to those who read of it.
type Graph = BTreeMap<Index, BTreeSet<Index>>;

/// One cycle after the other, each broken once it was told.
pub fn cycles(history: &History, logs: &Logs) -> Vec<Anomaly> {
    let mut graph = graph(history, logs);
    let mut found = Vec::new();
    loop {
        prune(&mut graph);
        let Some(&start) = graph.keys().next() else { return found };
        let operations = cycle(&graph, start);
        for pair in operations.windows(2) {
            graph.get_mut(&pair[0]).map(|readers| readers.remove(&pair[1]));
        }
        let (last, first) = (operations[operations.len() - 1], operations[0]);
        graph.get_mut(&last).map(|readers| readers.remove(&first));
        found.push(Anomaly::Cycle { operations });
    }
}

fn graph(history: &History, logs: &Logs) -> Graph {
    let mut graph = Graph::new();
    for (reader, operation, step) in history.steps() {
        let Action::Poll { partition, isolation: Isolation::Committed, records, .. } = &step.action else { continue };
        if !operation.transactional || !logs.counting.contains(&reader) {
            continue;
        }
        for (_, value) in records {
            let writer = logs.partitions[partition].writers.get(value).copied();
            let other = writer.filter(|writer| *writer != reader && history.operations[*writer].transactional);
            if let Some(writer) = other {
                graph.entry(writer).or_default().insert(reader);
            }
        }
    }
    graph
}

/// Takes out whoever nobody read of, until every writer has a reader who is a writer too; from the last operation on, since
/// most flow goes from older to newer ones.
fn prune(graph: &mut Graph) {
    let mut changed = true;
    while changed {
        changed = false;
        for writer in graph.keys().rev().copied().collect::<Vec<_>>() {
            let mut readers = graph.remove(&writer).unwrap_or_default();
            let before = readers.len();
            readers.retain(|reader| graph.contains_key(reader));
            changed |= readers.len() < before;
            if !readers.is_empty() {
                graph.insert(writer, readers);
            }
        }
    }
}

/// Follows first readers until one comes again; every writer has one.
fn cycle(graph: &Graph, start: Index) -> Vec<Index> {
    let mut path = vec![start];
    loop {
        let here = path[path.len() - 1];
        let Some(&next) = graph.get(&here).and_then(BTreeSet::first) else { return path };
        if let Some(at) = path.iter().position(|seen| *seen == next) {
            return path.split_off(at);
        }
        path.push(next);
    }
}
