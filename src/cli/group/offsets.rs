//! A group's committed offsets: asked for, and committed for a group without members.
use super::coordinator::{self, is_moving, refused};
use crate::{
    cli::{
        CliError,
        cluster::{Cluster, wire_name},
    },
    wire::{
        StrBytes,
        messages::{
            GroupId, OffsetCommitRequest, OffsetFetchRequest,
            offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
        },
    },
};
use std::{collections::BTreeMap, time::Duration};

/// Topic, then partition.
pub type Offsets = BTreeMap<String, BTreeMap<i32, i64>>;

const PAUSE: Duration = Duration::from_millis(100);
const TRIES_MAX: u32 = 100;

/// Everything the group has committed.
pub async fn committed(cluster: &mut Cluster, group: &str) -> Result<Offsets, CliError> {
    // Version 7 is the last that asks for one group.
    let request =
        OffsetFetchRequest::default().with_group_id(GroupId(StrBytes::from_string(group.to_owned()))).with_topics(None);
    let mut tries = 0;
    let answer = loop {
        let client = coordinator::find(cluster, group).await?;
        let version = client.version_up_to::<OffsetFetchRequest>(7)?;
        let answer = client.begin(&request, version).await?.answer().await?;
        tries += 1;
        match answer.error_code {
            0 => break answer,
            code if is_moving(code) && tries < TRIES_MAX => tokio::time::sleep(PAUSE).await,
            code => return Err(refused(group, code)),
        }
    };
    let mut offsets = Offsets::new();
    for topic in answer.topics {
        for partition in topic.partitions.iter().filter(|partition| partition.error_code == 0) {
            if partition.committed_offset >= 0 {
                let of_topic = offsets.entry(topic.name.to_string()).or_default();
                of_topic.insert(partition.partition_index, partition.committed_offset);
            }
        }
    }
    Ok(offsets)
}

/// As an admin does: without a member, which a group that has some refuses.
pub async fn commit(cluster: &mut Cluster, group: &str, offsets: &Offsets) -> Result<(), CliError> {
    let partition = |(index, offset): (&i32, &i64)| {
        OffsetCommitRequestPartition::default()
            .with_partition_index(*index)
            .with_committed_offset(*offset)
            .with_committed_metadata(Some(StrBytes::default()))
    };
    let topic = |(name, partitions): (&String, &BTreeMap<i32, i64>)| {
        OffsetCommitRequestTopic::default()
            .with_name(wire_name(name))
            .with_partitions(partitions.iter().map(partition).collect())
    };
    let request = OffsetCommitRequest::default()
        .with_group_id(GroupId(StrBytes::from_string(group.to_owned())))
        .with_topics(offsets.iter().map(topic).collect());
    let mut tries = 0;
    loop {
        let answer = coordinator::find(cluster, group).await?.ask(&request).await?;
        let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
        let code = partitions.map(|partition| partition.error_code).find(|code| *code != 0);
        tries += 1;
        match code {
            None => return Ok(()),
            Some(code) if is_moving(code) && tries < TRIES_MAX => tokio::time::sleep(PAUSE).await,
            Some(code) => return Err(refused(group, code)),
        }
    }
}
