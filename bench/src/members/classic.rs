//! A member of the classic protocol as Java's consumer is one: join, sync, heartbeats, and again when told so.
use super::Place;
use crate::{
    coordinator::is_passing,
    crowd::Client,
    fault::Fault,
    wire::{Answer, Api, Request},
};
use std::time::Duration;
use tokio::time::sleep;

const SESSION_MS: i32 = 45_000;
const REBALANCE_MS: i32 = 300_000;
const HEARTBEAT_EVERY: Duration = Duration::from_secs(3);
const AGAIN: Duration = Duration::from_millis(20);

const UNKNOWN_MEMBER: i16 = 25;
const ILLEGAL_GENERATION: i16 = 22;
const REBALANCING: i16 = 27;
const MEMBER_ID_REQUIRED: i16 = 79;

/// What the coordinator said to a join.
struct Joined {
    code: i16,
    generation: i32,
    leader: String,
    member: String,
    members: Vec<String>,
}

/// Goes on until it is dropped or refused.
pub async fn member(mut client: Client, place: Place, partitions: i32) -> Result<(), Fault> {
    let mut id = String::new();
    loop {
        let joined = join_answer(client.call(&join_request(&place, &id)).await?)?;
        match joined.code {
            0 => {}
            MEMBER_ID_REQUIRED => {
                id = joined.member;
                continue;
            }
            UNKNOWN_MEMBER => {
                id.clear();
                continue;
            }
            code if is_passing(code) => {
                sleep(AGAIN).await;
                continue;
            }
            code => return Err(Fault::Refused { what: "JoinGroup".into(), code }),
        }
        id = joined.member.clone();
        let assigned = if joined.leader == id { assign(&joined.members, partitions) } else { vec![] };
        let mine = match sync_answer(client.call(&sync_request(&place, joined.generation, &id, &assigned)).await?)? {
            (0, mine) => mine,
            (REBALANCING | UNKNOWN_MEMBER | ILLEGAL_GENERATION, _) => continue,
            (code, _) => return Err(Fault::Refused { what: "SyncGroup".into(), code }),
        };
        place.standing.tell(place.index, joined.generation, mine);
        loop {
            sleep(HEARTBEAT_EVERY).await;
            match heartbeat_answer(client.call(&heartbeat_request(&place, joined.generation, &id)).await?)? {
                0 => {}
                REBALANCING | UNKNOWN_MEMBER | ILLEGAL_GENERATION => break,
                code => return Err(Fault::Refused { what: "Heartbeat".into(), code }),
            }
        }
        place.standing.lose(place.index);
    }
}

/// As many partitions for each member as for any other, or one less. An assignment is their number.
fn assign(members: &[String], partitions: i32) -> Vec<(String, i32)> {
    let count = members.len() as i32;
    let share = |index: usize| partitions / count + i32::from((index as i32) < partitions % count);
    members.iter().enumerate().map(|(index, member)| (member.clone(), share(index))).collect()
}

/// The subscription as consumers write it: version 0, one topic.
fn subscription(topic: &str) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 0, 0, 1];
    bytes.extend((topic.len() as i16).to_be_bytes());
    bytes.extend(topic.as_bytes());
    bytes.extend((-1i32).to_be_bytes());
    bytes
}

fn join_request(place: &Place, member: &str) -> Vec<u8> {
    Request::new(Api::JoinGroup)
        .string(&place.group)
        .int32(SESSION_MS)
        .int32(REBALANCE_MS)
        .string(member)
        .null_string()
        .string("consumer")
        .int32(1)
        .string("range")
        .bytes(&subscription(&place.topic))
        .finish()
}

fn join_answer(frame: &[u8]) -> Result<Joined, Fault> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut answer = Answer::new(frame, "JoinGroup")?;
    answer.int32()?;
    let (code, generation) = (answer.int16()?, answer.int32()?);
    answer.string()?;
    let (leader, member) = (text(answer.string()?), text(answer.string()?));
    let mut members = Vec::new();
    for _ in 0..answer.count()? {
        members.push(text(answer.string()?));
        answer.string()?;
        answer.bytes()?;
    }
    Ok(Joined { code, generation, leader, member, members })
}

fn sync_request(place: &Place, generation: i32, member: &str, assigned: &[(String, i32)]) -> Vec<u8> {
    let request = Request::new(Api::SyncGroup).string(&place.group).int32(generation).string(member).null_string();
    let request = request.int32(assigned.len() as i32);
    let one = |request: Request, (member, count): &(String, i32)| request.string(member).bytes(&count.to_be_bytes());
    assigned.iter().fold(request, one).finish()
}

/// The error code, and how many partitions were assigned.
fn sync_answer(frame: &[u8]) -> Result<(i16, usize), Fault> {
    let mut answer = Answer::new(frame, "SyncGroup")?;
    answer.int32()?;
    let code = answer.int16()?;
    let assignment = answer.bytes()?;
    let count = assignment.try_into().map_or(0, i32::from_be_bytes);
    Ok((code, usize::try_from(count).unwrap_or(0)))
}

fn heartbeat_request(place: &Place, generation: i32, member: &str) -> Vec<u8> {
    Request::new(Api::Heartbeat).string(&place.group).int32(generation).string(member).null_string().finish()
}

fn heartbeat_answer(frame: &[u8]) -> Result<i16, Fault> {
    let mut answer = Answer::new(frame, "Heartbeat")?;
    answer.int32()?;
    answer.int16()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partition_is_assigned_and_shares_differ_by_one_at_most() {
        let members: Vec<String> = ["a", "b", "c"].map(String::from).to_vec();
        let shares: Vec<i32> = assign(&members, 8).into_iter().map(|(_, share)| share).collect();
        assert_eq!(shares, [3, 3, 2]);
    }
}
