//! `ottla group describe` and `members`: the state of groups of either protocol, and who is in them.
use super::{
    DescribeArgs,
    coordinator::{self, is_moving, refused},
};
use crate::{
    cli::{CliError, Output, cluster::Cluster, timestamp::show_timestamp, topic::Tally},
    net::Client,
    types::ErrorCode,
    wire::{
        PastRebalance, PastRebalances, REBALANCES_TAG, StrBytes,
        messages::{ConsumerGroupDescribeRequest, DescribeGroupsRequest, GroupId},
        structure::{Reader, Value},
    },
};
use bytes::Bytes;
use serde_json::json;
use std::{collections::BTreeMap, rc::Rc, time::Duration};

/// How much is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    All,
    Members,
}

pub(super) struct Group {
    id: String,
    kind: &'static str,
    state: String,
    /// Range, uniform, ...
    assignor: String,
    members: Vec<Member>,
    /// Why it rebalanced lately, oldest first; brokers of other makes do not tell.
    rebalances: Vec<PastRebalance>,
}

struct Member {
    id: String,
    instance_id: Option<String>,
    client_id: String,
    host: String,
    /// Topics with partitions; of groups that do not consume nobody knows.
    assigned: Vec<(String, Vec<i32>)>,
}

pub async fn run(cluster: &mut Cluster, args: &DescribeArgs, what: What, output: &mut Output) -> Result<(), CliError> {
    let mut tally = Tally::default();
    let mut found = Vec::new();
    for id in &args.groups {
        match describe(cluster, id).await {
            Ok(group) => found.push(group),
            Err(error @ CliError::NotFound(_)) => tally.failed(id, error),
            Err(error) => return Err(error),
        }
    }
    if !output.json {
        for (number, group) in found.iter().enumerate() {
            if number > 0 {
                output.line("")?;
            }
            as_text(group, what, output)?;
        }
    }
    for group in &found {
        tally.told(as_json(group));
    }
    tally.finish(output)
}

pub(super) async fn describe(cluster: &mut Cluster, id: &str) -> Result<Group, CliError> {
    let mut tries = 0;
    loop {
        let client = coordinator::find(cluster, id).await?;
        let (code, group) = classic(&client, id).await?;
        let (code, group) = match ErrorCode::from_wire(code) {
            // A group of the newer protocol is none of the older one's.
            Some(ErrorCode::GroupIdNotFound) if client.version_of::<ConsumerGroupDescribeRequest>().is_ok() => {
                consumer(&client, id).await?
            }
            _ => (code, group),
        };
        tries += 1;
        match group {
            Some(group) => return Ok(group),
            None if is_moving(code) && tries < 100 => tokio::time::sleep(Duration::from_millis(100)).await,
            None => return Err(refused(id, code)),
        }
    }
}

async fn classic(client: &Rc<Client>, id: &str) -> Result<(i16, Option<Group>), CliError> {
    let request = DescribeGroupsRequest::default().with_groups(vec![GroupId(StrBytes::from_string(id.to_owned()))]);
    let answer = client.ask(&request).await?;
    let not_found = ErrorCode::GroupIdNotFound.code();
    let Some(group) = answer.groups.into_iter().next() else { return Ok((not_found, None)) };
    // Versions before 6 call a group that does not exist dead.
    if group.error_code != 0 || &*group.group_state == "Dead" {
        return Ok((if group.error_code == 0 { not_found } else { group.error_code }, None));
    }
    let consumes = &*group.protocol_type == "consumer";
    let members = group.members.iter().map(|member| Member {
        id: member.member_id.to_string(),
        instance_id: member.group_instance_id.as_ref().map(ToString::to_string),
        client_id: member.client_id.to_string(),
        host: member.client_host.to_string(),
        assigned: if consumes { assignment(&member.member_assignment).unwrap_or_default() } else { Vec::new() },
    });
    let described = Group {
        id: id.to_owned(),
        kind: "classic",
        state: group.group_state.to_string(),
        assignor: group.protocol_data.to_string(),
        members: members.collect(),
        rebalances: past(&group.unknown_tagged_fields),
    };
    Ok((0, Some(described)))
}

async fn consumer(client: &Rc<Client>, id: &str) -> Result<(i16, Option<Group>), CliError> {
    let group = GroupId(StrBytes::from_string(id.to_owned()));
    let answer = client.ask(&ConsumerGroupDescribeRequest::default().with_group_ids(vec![group])).await?;
    let Some(group) = answer.groups.into_iter().next() else { return Ok((ErrorCode::GroupIdNotFound.code(), None)) };
    if group.error_code != 0 {
        return Ok((group.error_code, None));
    }
    let members = group.members.iter().map(|member| Member {
        id: member.member_id.to_string(),
        instance_id: member.instance_id.as_ref().map(ToString::to_string),
        client_id: member.client_id.to_string(),
        host: member.client_host.to_string(),
        assigned: member
            .assignment
            .topic_partitions
            .iter()
            .map(|of| (of.topic_name.to_string(), of.partitions.clone()))
            .collect(),
    });
    let described = Group {
        id: id.to_owned(),
        kind: "consumer",
        state: group.group_state.to_string(),
        assignor: group.assignor_name.to_string(),
        members: members.collect(),
        rebalances: past(&group.unknown_tagged_fields),
    };
    Ok((0, Some(described)))
}

impl Group {
    /// Topic, then partition: what its members have.
    pub(super) fn assigned(&self) -> impl Iterator<Item = (&str, i32)> {
        let topics = self.members.iter().flat_map(|member| &member.assigned);
        topics.flat_map(|(topic, partitions)| partitions.iter().map(move |partition| (topic.as_str(), *partition)))
    }
}

fn past(told: &BTreeMap<i32, Bytes>) -> Vec<PastRebalance> {
    let past = told.get(&REBALANCES_TAG).and_then(|bytes| PastRebalances::of_tag(bytes).ok());
    past.map(|past| past.rebalances).unwrap_or_default()
}

/// Version 0 of `ConsumerProtocolAssignment`, with which every later version begins.
fn assignment(bytes: &[u8]) -> Option<Vec<(String, Vec<i32>)>> {
    let mut from = Reader::new(bytes, 0, false);
    i16::read(&mut from).ok().filter(|version| *version >= 0)?;
    let count = i32::read(&mut from).ok()?;
    let mut topics = Vec::new();
    for _ in 0..count {
        topics.push((String::read(&mut from).ok()?, Vec::<i32>::read(&mut from).ok()?));
    }
    Some(topics)
}

fn as_json(group: &Group) -> serde_json::Value {
    let member = |member: &Member| {
        let assigned = member.assigned.iter().map(|(topic, of)| json!({ "topic": topic, "partitions": of }));
        json!({
            "id": member.id, "instance_id": member.instance_id, "client_id": member.client_id, "host": member.host,
            "assigned": assigned.collect::<Vec<_>>(),
        })
    };
    let rebalance = |past: &PastRebalance| {
        json!({
            "at_ms": past.at_ms, "generation": past.generation, "member": past.member_id, "cause": past.cause,
            "reason": past.words,
        })
    };
    json!({
        "group": group.id, "type": group.kind, "state": group.state, "assignor": group.assignor,
        "members": group.members.iter().map(member).collect::<Vec<_>>(),
        "rebalances": group.rebalances.iter().map(rebalance).collect::<Vec<_>>(),
    })
}

fn as_text(group: &Group, what: What, output: &mut Output) -> Result<(), CliError> {
    if what == What::All {
        output.line(&format!("group     {}", group.id))?;
        output.line(&format!("type      {}", group.kind))?;
        output.line(&format!("state     {}", group.state))?;
        output.line(&format!("assignor  {}", if group.assignor.is_empty() { "-" } else { &group.assignor }))?;
        output.line(&format!("members   {}", group.members.len()))?;
        rebalances_as_text(group, output)?;
        if group.members.is_empty() {
            return Ok(());
        }
        output.line("")?;
    }
    let row = |member: &Member| {
        let assigned = member.assigned.iter().map(|(topic, partitions)| {
            let partitions = partitions.iter().map(i32::to_string).collect::<Vec<_>>().join(",");
            format!("{topic}:{partitions}")
        });
        let assigned = assigned.collect::<Vec<_>>().join(" ");
        vec![
            group.id.clone(),
            member.id.clone(),
            member.instance_id.clone().unwrap_or_else(|| "-".to_owned()),
            member.client_id.clone(),
            member.host.clone(),
            if assigned.is_empty() { "-".to_owned() } else { assigned },
        ]
    };
    let rows: Vec<_> = group.members.iter().map(row).collect();
    output.table(&["GROUP", "MEMBER", "INSTANCE", "CLIENT", "HOST", "ASSIGNED"], &rows)
}

fn rebalances_as_text(group: &Group, output: &mut Output) -> Result<(), CliError> {
    if group.rebalances.is_empty() {
        return Ok(());
    }
    output.line("")?;
    // A client's words may be anything.
    let or_dash = |text: &str| {
        let shown: String = text.chars().filter(|letter| !letter.is_control()).collect();
        if shown.is_empty() { "-".to_owned() } else { shown }
    };
    let row = |past: &PastRebalance| {
        let at = show_timestamp(past.at_ms);
        vec![at, past.generation.to_string(), past.cause.clone(), or_dash(&past.member_id), or_dash(&past.words)]
    };
    let rows: Vec<_> = group.rebalances.iter().map(row).collect();
    output.table(&["REBALANCED", "GENERATION", "CAUSE", "MEMBER", "REASON"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_read_and_nonsense_is_not() {
        let bytes = b"\0\0\0\0\0\x01\0\x01t\0\0\0\x02\0\0\0\0\0\0\0\x01\xff\xff\xff\xff";
        assert_eq!(assignment(bytes), Some(vec![("t".to_owned(), vec![0, 1])]));
        assert_eq!(assignment(b""), None);
        assert_eq!(assignment(b"\0\0\x7f\xff\xff\xff\0\x01"), None);
    }
}
