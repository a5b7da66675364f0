//! Dashboards ask only for metrics and labels that the broker's one table of metrics has.
#![expect(clippy::disallowed_methods, reason = "reads the repository, not a broker's files")]
use ottla::metrics::{FAMILIES, Family, Kind};
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path};

/// Labels that Prometheus itself adds.
const OF_PROMETHEUS: &[&str] = &["instance", "job", "le"];

#[test]
fn dashboards_name_metrics_that_exist() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("grafana/dashboards");
    let mut faults = Vec::new();
    let mut asked = 0;
    for entry in fs::read_dir(folder).expect("the folder of dashboards") {
        let path = entry.expect("an entry").path();
        let dashboard: Value = serde_json::from_slice(&fs::read(&path).expect("a dashboard")).expect("lawful JSON");
        let mut expressions = Vec::new();
        collect(&dashboard, &mut expressions);
        asked += expressions.len();
        faults.extend(
            expressions.iter().flat_map(|text| check(text)).map(|fault| format!("{}: {fault}", path.display())),
        );
    }
    assert!(asked > 10, "no expressions were found");
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// Every `expr` in the tree.
fn collect(value: &Value, expressions: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(text) if name == "expr" => expressions.push(text.clone()),
                    _ => collect(field, expressions),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, expressions)),
        _ => {}
    }
}

fn check(expression: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut labels: BTreeSet<&str> = OF_PROMETHEUS.iter().copied().collect();
    let words = expression.split(|c: char| !c.is_alphanumeric() && c != '_');
    for word in words.filter(|word| ["kafka_", "ottla_", "process_"].iter().any(|head| word.starts_with(head))) {
        match family(word) {
            Some(family) => labels.extend(family.labels),
            None => faults.push(format!("`{word}` is no metric")),
        }
    }
    for rest in expression.split("by (").skip(1) {
        let asked = rest.split(')').next().unwrap_or_default().split(',').map(str::trim);
        faults.extend(
            asked.filter(|label| !labels.contains(label)).map(|label| format!("no label `{label}`: {expression}")),
        );
    }
    faults
}

/// A histogram is asked for by the names of its parts.
fn family(name: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| match family.kind {
        Kind::Histogram => {
            name.strip_prefix(family.name).is_some_and(|part| ["_bucket", "_sum", "_count"].contains(&part))
        }
        _ => family.name == name,
    })
}

#[test]
fn metrics_and_labels_that_do_not_exist_are_found() {
    assert!(check("sum by (le, api) (rate(ottla_request_seconds_bucket{phase=\"local\"}[1m]))").is_empty());
    assert!(check("kafka_server_replicamanager_partitioncount > 3").is_empty());
    assert_eq!(check("rate(ottla_request_seconds[1m])").len(), 1);
    assert_eq!(check("kafka_server_nonsense").len(), 1);
    assert_eq!(check("sum by (color) (kafka_server_replicamanager_partitioncount)").len(), 1);
}
