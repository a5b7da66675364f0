//! A member of the consumer protocol (KIP-848): heartbeats that tell what it owns, at once whenever that changes.
use super::Place;
use crate::{
    coordinator::is_passing,
    crowd::Client,
    fault::Fault,
    wire::{Answer, Api, Request},
};
use std::{collections::BTreeSet, time::Duration};
use tokio::time::sleep;

const REBALANCE_MS: i32 = 300_000;
const AGAIN: Duration = Duration::from_millis(20);
/// Nothing changed since the last heartbeat.
const SAME: i32 = -1;

/// Partitions by topic id.
type Owned = BTreeSet<([u8; 16], i32)>;

struct Heard {
    code: i16,
    epoch: i32,
    interval: Duration,
    /// `None`: as before.
    assigned: Option<Owned>,
}

/// Goes on until it is dropped or refused.
pub async fn member(mut client: Client, place: Place) -> Result<(), Fault> {
    let id = format!("member-{:08}-{}", place.index, place.group);
    let (mut epoch, mut owned) = (0, Owned::new());
    let mut frame = request(&place, &id, epoch, Some(&owned), true);
    loop {
        let heard = answer(client.call(&frame).await?)?;
        match heard.code {
            0 => {}
            code if is_passing(code) => {
                sleep(AGAIN).await;
                continue;
            }
            code => return Err(Fault::Refused { what: "ConsumerGroupHeartbeat".into(), code }),
        }
        epoch = heard.epoch;
        let changed = heard.assigned.is_some_and(|assigned| {
            let changed = assigned != owned;
            owned = assigned;
            changed
        });
        if !changed {
            place.standing.tell(place.index, epoch, owned.len());
            sleep(heard.interval).await;
        }
        frame = request(&place, &id, epoch, changed.then_some(&owned), false);
    }
}

fn request(place: &Place, member: &str, epoch: i32, owned: Option<&Owned>, joins: bool) -> Vec<u8> {
    let request = Request::flexible(Api::ConsumerGroupHeartbeat, Api::ConsumerGroupHeartbeat.version())
        .compact_bytes(place.group.as_bytes())
        .compact_bytes(member.as_bytes())
        .int32(epoch)
        .compact_null()
        .compact_null()
        .int32(if joins { REBALANCE_MS } else { SAME });
    let request = match joins {
        true => request.compact(1).compact_bytes(place.topic.as_bytes()),
        false => request.compact_null(),
    };
    // No regular expression, no wish for an assignor.
    let request = request.compact_null().compact_null();
    let Some(owned) = owned else { return request.compact_null().no_tags().finish() };
    let topics: BTreeSet<[u8; 16]> = owned.iter().map(|(topic, _)| *topic).collect();
    let request = topics.iter().fold(request.compact(topics.len()), |request, topic| {
        let partitions: Vec<i32> = owned.iter().filter(|(of, _)| of == topic).map(|(_, index)| *index).collect();
        let request = request.raw(topic).compact(partitions.len());
        partitions.into_iter().fold(request, Request::int32).no_tags()
    });
    request.no_tags().finish()
}

fn answer(frame: &[u8]) -> Result<Heard, Fault> {
    let mut answer = Answer::flexible(frame, "ConsumerGroupHeartbeat")?;
    answer.int32()?;
    let code = answer.int16()?;
    answer.compact_bytes()?;
    answer.compact_bytes()?;
    let epoch = answer.int32()?;
    let interval = Duration::from_millis(u64::try_from(answer.int32()?).unwrap_or(0).max(1));
    let assigned = if answer.int8()? < 0 { None } else { Some(assignment(&mut answer)?) };
    Ok(Heard { code, epoch, interval, assigned })
}

fn assignment(answer: &mut Answer<'_>) -> Result<Owned, Fault> {
    let mut owned = Owned::new();
    for _ in 0..answer.compact()? {
        let topic = answer.take(16)?.try_into().expect("sixteen bytes");
        for _ in 0..answer.compact()? {
            owned.insert((topic, answer.int32()?));
        }
        answer.tags()?;
    }
    Ok(owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_read_and_none_is_told_from_an_empty_one() {
        let mut frame = vec![0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, b'm', 0, 0, 0, 5, 0, 0, 0x13, 0x88];
        let head = frame.len();
        frame.extend([1, 2]);
        frame.extend([9; 16]);
        frame.extend([3, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0]);
        let heard = answer(&frame).unwrap();
        assert_eq!((heard.code, heard.epoch, heard.interval.as_millis()), (0, 5, 5000));
        assert_eq!(heard.assigned, Some(Owned::from([([9; 16], 1), ([9; 16], 4)])));
        frame.truncate(head);
        frame.extend([0xFF, 0]);
        assert_eq!(answer(&frame).unwrap().assigned, None);
    }
}
