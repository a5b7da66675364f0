//! Settings that ask for something this release does not do and that must not be left out in silence.
use crate::config::node::NodeConfigError;
use crate::config::raw::RawSettings;
use crate::config::reader::Reader;

/// Plugins are Java classes; a broker that ignored one would skip its checks.
const PLUGINS: &[(&str, &str)] = &[
    ("alter.config.policy.class.name", "Java plugins cannot run here"),
    (
        "authorizer.class.name",
        "access rules are not enforced yet, so everyone may do everything; drop the setting to agree",
    ),
    ("client.quota.callback.class", "Java plugins cannot run here"),
    ("create.topic.policy.class.name", "Java plugins cannot run here"),
];

pub(super) fn check(reader: &Reader<'_>, raw: &RawSettings) -> Result<(), NodeConfigError> {
    for &(key, reason) in PLUGINS {
        if let Some(value) = raw.given(key).map(str::trim).filter(|value| !value.is_empty()) {
            return Err(not_served(key, value, reason));
        }
    }
    if let Some(value) = raw.given("principal.builder.class").map(str::trim)
        && Some(value) != crate::config::table::broker("principal.builder.class").and_then(|setting| setting.default)
    {
        return Err(not_served("principal.builder.class", value, "Java plugins cannot run here"));
    }
    let roles = reader.list("process.roles")?;
    for role in ["broker", "controller"] {
        if !roles.iter().any(|given| given == role) {
            let reason = "a node is broker and controller at once; write process.roles=broker,controller";
            return Err(not_served("process.roles", &roles.join(","), reason));
        }
    }
    check_voters(reader)
}

fn check_voters(reader: &Reader<'_>) -> Result<(), NodeConfigError> {
    let node_id = reader.int("node.id")?;
    let voters = reader.list("controller.quorum.voters")?;
    if voters.len() > 1 {
        return Err(not_served(
            "controller.quorum.voters",
            &voters.join(","),
            "the controller quorum is this node alone",
        ));
    }
    if let Some(voter) = voters.first() {
        let id = voter.split_once('@').and_then(|(id, _)| id.trim().parse::<i32>().ok());
        if id != Some(node_id) {
            let rule = "id@host:port with this node's node.id";
            return Err(NodeConfigError::Rule { key: "controller.quorum.voters", rule, value: voter.clone() });
        }
    }
    let seeds = reader.list("controller.quorum.bootstrap.servers")?;
    if seeds.len() > 1 {
        let reason = "the controller quorum is this node alone";
        return Err(not_served("controller.quorum.bootstrap.servers", &seeds.join(","), reason));
    }
    Ok(())
}

fn not_served(key: &str, value: &str, reason: &'static str) -> NodeConfigError {
    NodeConfigError::NotServed { key: key.into(), value: value.into(), reason }
}
