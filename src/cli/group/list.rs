//! `ottla group list`.
use crate::{
    cli::{CliError, Output, cluster::Cluster},
    wire::messages::ListGroupsRequest,
};
use serde_json::json;
use std::collections::BTreeMap;

struct Listed {
    kind: String,
    state: String,
    protocol_type: String,
}

/// Every broker tells of the groups it coordinates.
pub async fn run(cluster: &mut Cluster, output: &mut Output) -> Result<(), CliError> {
    let brokers: Vec<i32> =
        cluster.metadata(Some(&[]), false).await?.brokers.iter().map(|broker| broker.node_id.0).collect();
    let mut groups = BTreeMap::new();
    for broker in brokers {
        let answer = cluster.broker(broker).await?.ask(&ListGroupsRequest::default()).await?;
        if answer.error_code != 0 {
            return Err(CliError::broker(&format!("groups of broker {broker}"), answer.error_code, None));
        }
        for group in answer.groups {
            let listed = Listed {
                kind: group.group_type.to_string(),
                state: group.group_state.to_string(),
                protocol_type: group.protocol_type.to_string(),
            };
            groups.insert(group.group_id.to_string(), listed);
        }
    }
    if output.json {
        let rows = groups.iter().map(|(id, group)| {
            json!({ "group": id, "type": group.kind, "state": group.state, "protocol_type": group.protocol_type })
        });
        return output.json(&serde_json::Value::Array(rows.collect()));
    }
    if output.quiet {
        return groups.keys().try_for_each(|id| output.line(id));
    }
    if groups.is_empty() {
        output.remark("no groups yet: `ottla consume TOPIC -g GROUP` makes one");
        return Ok(());
    }
    let rows = groups.into_iter().map(|(id, group)| vec![id, group.kind, group.state, group.protocol_type]);
    output.table(&["GROUP", "TYPE", "STATE", "PROTOCOL TYPE"], &rows.collect::<Vec<_>>())
}
