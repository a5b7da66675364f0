//! The range assignor: of each topic, neighbouring partitions, in the order of instance ids, then of member ids.
use super::Situation;
use crate::coordinator::group::consumer::group::Partitions;

pub fn assign(situation: &Situation<'_>) -> Vec<Partitions> {
    let members = &situation.members;
    let mut order: Vec<usize> = (0..members.len()).collect();
    // Static members first: their places stay when they come back under another member id.
    order.sort_by_key(|place| {
        let member = &members[*place];
        (member.instance_id.is_none(), member.instance_id.unwrap_or(member.id))
    });
    let mut rank = vec![0; members.len()];
    order.iter().enumerate().for_each(|(at, place)| rank[*place] = at);
    let mut assigned = vec![Partitions::new(); members.len()];
    for (topic, mut subscribers) in situation.subscribers() {
        let Some(count) = situation.topics.get(&topic) else { continue };
        subscribers.sort_by_key(|place| rank[*place]);
        let (each, more) = (*count as usize / subscribers.len(), *count as usize % subscribers.len());
        let mut next = 0;
        for (at, place) in subscribers.into_iter().enumerate() {
            let end = next + each + usize::from(at < more);
            if next < end {
                assigned[place].insert(topic, (next as i32..end as i32).collect());
            }
            next = end;
        }
    }
    assigned
}
