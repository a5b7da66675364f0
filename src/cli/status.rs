//! `ottla status`: does the broker answer? For people, health checks and start scripts.
use super::{CliError, Output, args::Global, cluster::Cluster, error::code_name};
use serde_json::json;
use std::time::Duration;

/// A health check that hangs is a failed one.
const TIMEOUT: Duration = Duration::from_secs(3);

pub async fn run(global: &Global, output: &mut Output) -> Result<(), CliError> {
    match probe(global).await {
        Ok(found) if output.json => output.json(&found),
        Ok(_) if output.quiet => Ok(()),
        Ok(found) => {
            let text = |name: &str| found[name].as_str().map_or_else(|| found[name].to_string(), str::to_owned);
            output.line(&format!(
                "ready: {} (cluster {}, brokers {}, controller {})",
                text("address"),
                text("cluster_id"),
                text("brokers"),
                text("controller_id")
            ))
        }
        Err(CliError::Usage(error)) => Err(CliError::Usage(error)),
        Err(error) => {
            if output.json {
                output.json(&json!({ "ready": false, "error": error.to_string() }))?;
            }
            Err(CliError::Unhealthy(error.to_string()))
        }
    }
}

/// ApiVersions (when connecting) and Metadata without topics: what every client does first.
async fn probe(global: &Global) -> Result<serde_json::Value, CliError> {
    let mut cluster = Cluster::connect(global, TIMEOUT).await?;
    let answer = cluster.metadata(Some(&[]), false).await?;
    if answer.error_code != 0 {
        return Err(CliError::Unhealthy(format!("metadata: {}", code_name(answer.error_code))));
    }
    if answer.brokers.is_empty() {
        return Err(CliError::Unhealthy(format!("{} answers, but knows no broker yet", cluster.seed().address())));
    }
    Ok(json!({
        "ready": true,
        "address": cluster.seed().address().to_string(),
        "cluster_id": answer.cluster_id.as_ref().map(|id| id.to_string()),
        "controller_id": answer.controller_id.0,
        "brokers": answer.brokers.len(),
    }))
}
