//! One member of a classic group: joining, sharing partitions out as range does, heartbeats, commits, leaving.
use crate::{
    cli::{
        CliError,
        cluster::{Cluster, is_passing, wire_name},
        group::coordinator::{self, is_moving, refused},
    },
    net::{Client, ClientError},
    types::ErrorCode,
    wire::{
        StrBytes,
        embedded::Subscription,
        messages::{
            GroupId, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, OffsetCommitRequest,
            OffsetFetchRequest, SyncGroupRequest,
            join_group_request::JoinGroupRequestProtocol,
            offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
            offset_fetch_request::OffsetFetchRequestTopic,
            sync_group_request::SyncGroupRequestAssignment,
        },
        structure::{Reader, Value, Writer},
    },
};
use bytes::Bytes;
use std::{collections::BTreeMap, rc::Rc, time::Duration};

const SESSION_MS: i32 = 30_000;
const REBALANCE: Duration = Duration::from_secs(60);
/// Nobody who wants to end waits longer than this for a coordinator.
const WITHDRAWAL: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(200);
const RANGE: StrBytes = StrBytes::from_static_str("range");

/// What the coordinator wants of us next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    GoOn,
    /// Join again: others came or went, or we were taken for dead.
    Rejoin,
}

/// Our place in the group.
pub struct Membership {
    group: GroupId,
    client: Rc<Client>,
    member_id: StrBytes,
    generation: i32,
    /// Ours, of the topic.
    pub partitions: Vec<i32>,
    /// Who leads has shared out so many partitions of each topic, and sees to it when there are more.
    counts: BTreeMap<String, usize>,
}

impl Membership {
    /// Joins, waits for the others, and has partitions, maybe none.
    /// `member_id`: what we are known by, empty at first; it is kept when this fails.
    pub async fn join(
        cluster: &mut Cluster,
        topic: &str,
        group: &str,
        member_id: &mut StrBytes,
    ) -> Result<Membership, CliError> {
        let id = GroupId(StrBytes::from_string(group.to_owned()));
        loop {
            let client = coordinator::find(cluster, group).await?;
            let joined = match ask_to_join(&client, &id, member_id, topic).await {
                Ok(joined) => joined,
                // Somebody may take longer over the records he has: so long we are asked to wait, as the same member.
                Err(error) if error.is_timeout() && !member_id.is_empty() => {
                    cluster.reconnect().await?;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            match ErrorCode::from_wire(joined.error_code) {
                Some(ErrorCode::None) => {}
                Some(ErrorCode::MemberIdRequired) => {
                    *member_id = joined.member_id;
                    continue;
                }
                Some(ErrorCode::UnknownMemberId) => {
                    *member_id = StrBytes::default();
                    continue;
                }
                _ if is_moving(joined.error_code) || is_passing(joined.error_code) => {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
                _ => return Err(refused(group, joined.error_code)),
            }
            *member_id = joined.member_id.clone();
            let generation = joined.generation_id;
            let (shares, counts) = match joined.leader == joined.member_id {
                true => share_out(cluster, &joined).await?,
                false => Default::default(),
            };
            let request = SyncGroupRequest::default()
                .with_group_id(id.clone())
                .with_generation_id(generation)
                .with_member_id(member_id.clone())
                .with_assignments(shares);
            let version = client.version_up_to::<SyncGroupRequest>(4)?;
            let synced = client.begin(&request, version).await?.answer().await?;
            match ErrorCode::from_wire(synced.error_code) {
                Some(ErrorCode::None) => {
                    let mut partitions = assigned(&synced.assignment, topic)
                        .ok_or_else(|| CliError::Failed(format!("group {group}: the assignment cannot be read")))?;
                    partitions.sort_unstable();
                    let member_id = member_id.clone();
                    return Ok(Membership { group: id, client, member_id, generation, partitions, counts });
                }
                Some(ErrorCode::RebalanceInProgress | ErrorCode::IllegalGeneration) => {}
                Some(ErrorCode::UnknownMemberId) => *member_id = StrBytes::default(),
                _ if is_moving(synced.error_code) => tokio::time::sleep(PAUSE).await,
                _ => return Err(refused(group, synced.error_code)),
            }
        }
    }

    pub async fn heartbeat(&self) -> Result<Next, CliError> {
        let request = HeartbeatRequest::default()
            .with_group_id(self.group.clone())
            .with_generation_id(self.generation)
            .with_member_id(self.member_id.clone());
        let answer = self.client.ask(&request).await?;
        self.next(answer.error_code)
    }

    /// Whether the partitions of what the group reads are still those that we shared out.
    pub async fn look_for_partitions(&self, cluster: &mut Cluster) -> Result<Next, CliError> {
        if self.counts.is_empty() {
            return Ok(Next::GoOn);
        }
        let now = cluster.partition_counts(self.counts.keys().cloned()).await?;
        let changed = now.iter().any(|(topic, count)| self.counts.get(topic) != Some(count));
        Ok(if changed { Next::Rejoin } else { Next::GoOn })
    }

    fn next(&self, code: i16) -> Result<Next, CliError> {
        match ErrorCode::from_wire(code) {
            Some(ErrorCode::None) => Ok(Next::GoOn),
            Some(ErrorCode::RebalanceInProgress | ErrorCode::IllegalGeneration | ErrorCode::UnknownMemberId) => {
                Ok(Next::Rejoin)
            }
            _ => Err(self.refused(code)),
        }
    }

    fn refused(&self, code: i16) -> CliError {
        match (is_moving(code), refused(&self.group, code)) {
            (true, refused) => CliError::Unreachable(refused.to_string()),
            (false, refused) => refused,
        }
    }

    /// The coordinator may be another broker now, or another process.
    pub async fn find_again(&mut self, cluster: &mut Cluster) -> Result<(), CliError> {
        self.client = coordinator::find(cluster, &self.group).await?;
        Ok(())
    }

    /// The next offset wanted of each of our partitions that has one.
    pub async fn committed(&self, topic: &str) -> Result<BTreeMap<i32, i64>, CliError> {
        let wanted = OffsetFetchRequestTopic::default()
            .with_name(wire_name(topic))
            .with_partition_indexes(self.partitions.clone());
        let request = OffsetFetchRequest::default().with_group_id(self.group.clone()).with_topics(Some(vec![wanted]));
        let version = self.client.version_up_to::<OffsetFetchRequest>(7)?;
        let answer = self.client.begin(&request, version).await?.answer().await?;
        if answer.error_code != 0 {
            return Err(self.refused(answer.error_code));
        }
        let told = answer.topics.iter().flat_map(|topic| &topic.partitions);
        Ok(told
            .filter(|told| told.committed_offset >= 0)
            .map(|told| (told.partition_index, told.committed_offset))
            .collect())
    }

    pub async fn commit(&self, topic: &str, offsets: &BTreeMap<i32, i64>) -> Result<Next, CliError> {
        let partition = |(index, offset): (&i32, &i64)| {
            OffsetCommitRequestPartition::default()
                .with_partition_index(*index)
                .with_committed_offset(*offset)
                .with_committed_metadata(Some(StrBytes::default()))
        };
        let wanted = OffsetCommitRequestTopic::default()
            .with_name(wire_name(topic))
            .with_partitions(offsets.iter().map(partition).collect());
        let request = OffsetCommitRequest::default()
            .with_group_id(self.group.clone())
            .with_generation_id_or_member_epoch(self.generation)
            .with_member_id(self.member_id.clone())
            .with_topics(vec![wanted]);
        let answer = self.client.ask(&request).await?;
        let codes = answer.topics.iter().flat_map(|topic| &topic.partitions).map(|told| told.error_code);
        self.next(codes.into_iter().find(|code| *code != 0).unwrap_or(0))
    }

    /// The others need not wait for our session to end.
    pub async fn leave(&self) -> Result<(), CliError> {
        leave(&self.client, &self.group, &self.member_id).await
    }
}

async fn leave(client: &Client, group: &GroupId, member_id: &StrBytes) -> Result<(), CliError> {
    let request = LeaveGroupRequest::default().with_group_id(group.clone()).with_member_id(member_id.clone());
    let version = client.version_up_to::<LeaveGroupRequest>(2)?;
    client.begin(&request, version).await?.answer().await?;
    Ok(())
}

/// Who waits to be let in no longer wants it, and says so if the coordinator is there; else the session ends by itself.
pub async fn withdraw(cluster: &mut Cluster, group: &str, member_id: StrBytes) {
    if member_id.is_empty() {
        return;
    }
    let leaving = async {
        // Behind a JoinGroup that is held back other requests may wait.
        cluster.reconnect().await?;
        let client = coordinator::find(cluster, group).await?;
        leave(&client, &GroupId(StrBytes::from_string(group.to_owned())), &member_id).await
    };
    let _ = tokio::time::timeout(WITHDRAWAL, leaving).await;
}

async fn ask_to_join(
    client: &Client,
    group: &GroupId,
    member_id: &StrBytes,
    topic: &str,
) -> Result<JoinGroupResponse, ClientError> {
    let mut metadata = Writer::new(0, false);
    0i16.put(&mut metadata);
    vec![topic.to_owned()].put(&mut metadata);
    (-1i32).put(&mut metadata);
    let range = JoinGroupRequestProtocol::default().with_name(RANGE).with_metadata(metadata.into_bytes().into());
    let request = JoinGroupRequest::default()
        .with_group_id(group.clone())
        .with_session_timeout_ms(SESSION_MS)
        .with_rebalance_timeout_ms(REBALANCE.as_millis() as i32)
        .with_member_id(member_id.clone())
        .with_protocol_type(StrBytes::from_static_str("consumer"))
        .with_protocols(vec![range]);
    let version = client.version_up_to::<JoinGroupRequest>(6)?;
    let request = if version == 0 { request.with_rebalance_timeout_ms(-1) } else { request };
    // The coordinator answers when all have joined, for which our own timeout is one that they are given.
    client.begin(&request, version).await?.held_back(REBALANCE).answer().await
}

/// Each topic's partitions in runs, over the members that subscribe to it in the order of their ids; and their counts.
async fn share_out(
    cluster: &mut Cluster,
    joined: &JoinGroupResponse,
) -> Result<(Vec<SyncGroupRequestAssignment>, BTreeMap<String, usize>), CliError> {
    let mut subscribers: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for member in &joined.members {
        for topic in Subscription::topics_of(&member.metadata).unwrap_or_default() {
            subscribers.entry(topic).or_default().push(&member.member_id);
        }
    }
    let mut shares: BTreeMap<&str, Vec<(String, Vec<i32>)>> = BTreeMap::new();
    let mut counts = BTreeMap::new();
    for (name, mut members) in subscribers {
        let count = match cluster.topic(&name).await {
            Ok(topic) => topic.partitions.len(),
            Err(CliError::NotFound(_)) => 0,
            Err(error) => return Err(error),
        };
        counts.insert(name.clone(), count);
        if count == 0 {
            continue;
        }
        members.sort_unstable();
        members.dedup();
        for (member, run) in members.iter().zip(runs(count, members.len())) {
            shares.entry(member).or_default().push((name.clone(), run));
        }
    }
    let share = |member: &crate::wire::messages::join_group_response::JoinGroupResponseMember| {
        let topics = shares.get(&*member.member_id).map_or(&[][..], Vec::as_slice);
        SyncGroupRequestAssignment::default()
            .with_member_id(member.member_id.clone())
            .with_assignment(assignment(topics))
    };
    Ok((joined.members.iter().map(share).collect(), counts))
}

/// `count` partitions over so many members: the first ones have one more.
fn runs(count: usize, members: usize) -> impl Iterator<Item = Vec<i32>> {
    (0..members).map(move |member| {
        let (each, rest) = (count / members, count % members);
        let start = member * each + member.min(rest);
        let end = start + each + usize::from(member < rest);
        (start as i32..end as i32).collect()
    })
}

/// `ConsumerProtocolAssignment` of version 0.
fn assignment(topics: &[(String, Vec<i32>)]) -> Bytes {
    let mut to = Writer::new(0, false);
    0i16.put(&mut to);
    (topics.len() as i32).put(&mut to);
    for (topic, partitions) in topics {
        topic.put(&mut to);
        partitions.put(&mut to);
    }
    (-1i32).put(&mut to);
    to.into_bytes().into()
}

/// What an assignment gives of one topic; nothing at all is no bytes.
fn assigned(bytes: &[u8], topic: &str) -> Option<Vec<i32>> {
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    let mut from = Reader::new(bytes, 0, false);
    i16::read(&mut from).ok().filter(|version| *version >= 0)?;
    let count = i32::read(&mut from).ok()?;
    let mut ours = Vec::new();
    for _ in 0..count {
        let (name, partitions) = (String::read(&mut from).ok()?, Vec::<i32>::read(&mut from).ok()?);
        if name == topic {
            ours.extend(partitions);
        }
    }
    Some(ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_shared_out_in_runs() {
        let of = |count: usize, members: usize| runs(count, members).collect::<Vec<_>>();
        assert_eq!(of(5, 2), [vec![0, 1, 2], vec![3, 4]]);
        assert_eq!(of(1, 3), [vec![0], vec![], vec![]]);
        assert_eq!(of(0, 1), [Vec::<i32>::new()]);
    }

    #[test]
    fn an_assignment_is_read_back() {
        let bytes = assignment(&[("a".to_owned(), vec![1, 2]), ("b".to_owned(), vec![0])]);
        assert_eq!(assigned(&bytes, "a"), Some(vec![1, 2]));
        assert_eq!(assigned(&bytes, "c"), Some(vec![]));
        assert_eq!(assigned(b"", "a"), Some(vec![]));
        assert_eq!(assigned(&bytes[..9], "a"), None);
    }
}
