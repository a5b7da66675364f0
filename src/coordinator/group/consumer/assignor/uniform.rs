//! The uniform assignor: even numbers of partitions, and nobody loses one without need.
use super::Situation;
use crate::{coordinator::group::consumer::group::Partitions, types::TopicId};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque},
    sync::Arc,
};

/// Nobody has the partition.
const NOBODY: usize = usize::MAX;

/// How often all topics are gone through for partitions that had better be elsewhere. Each move makes the whole more
/// even; what is left after so many rounds is hardly worth a move.
const ROUNDS_MAX: usize = 10;

/// The owner of every partition, by topic.
type Owners = BTreeMap<TopicId, Vec<usize>>;

pub fn assign(situation: &Situation<'_>) -> Vec<Partitions> {
    let Some(first) = situation.members.first() else { return Vec::new() };
    let mut owners = owners_before(situation);
    let same = |topics: &Arc<BTreeSet<TopicId>>| Arc::ptr_eq(topics, &first.topics) || *topics == first.topics;
    if situation.members.iter().all(|member| same(&member.topics)) {
        even(&mut owners, situation.members.len());
    } else {
        uneven(&mut owners, situation);
    }
    let mut assigned = vec![Partitions::new(); situation.members.len()];
    for (topic, partitions) in &owners {
        for (partition, owner) in partitions.iter().enumerate().filter(|(_, owner)| **owner != NOBODY) {
            assigned[*owner].entry(*topic).or_default().insert(partition as i32);
        }
    }
    assigned
}

/// What members should have had until now, as far as there still is such a partition and they subscribe to it.
fn owners_before(situation: &Situation<'_>) -> Owners {
    let blank = |(topic, count): (&TopicId, &i32)| (*topic, vec![NOBODY; usize::try_from(*count).unwrap_or(0)]);
    let mut owners: Owners = situation.topics.iter().map(blank).collect();
    for (place, member) in situation.members.iter().enumerate() {
        for (topic, partitions) in member.before.into_iter().flatten() {
            let Some(owners) = owners.get_mut(topic).filter(|_| member.topics.contains(topic)) else { continue };
            for partition in partitions {
                let owner = usize::try_from(*partition).ok().and_then(|partition| owners.get_mut(partition));
                // The first keeps it, should two have had it.
                if let Some(owner) = owner.filter(|owner| **owner == NOBODY) {
                    *owner = place;
                }
            }
        }
    }
    owners
}

/// All members subscribe to the same topics.
fn even(owners: &mut Owners, members: usize) {
    let mut had = vec![0; members];
    let all = owners.values().map(Vec::len).sum::<usize>();
    owners.values().flatten().filter(|owner| **owner != NOBODY).for_each(|owner| had[*owner] += 1);
    let (least, mut more) = (all / members, all % members);
    let mut quota = vec![least; members];
    // One more for those who have one more already, then for the others.
    for wanted in [true, false] {
        for place in 0..members {
            if more > 0 && (had[place] > least) == wanted {
                quota[place] += 1;
                more -= 1;
            }
        }
    }
    take_back(owners, &had, &quota);
    let free = |place: usize| quota[place] - had[place].min(quota[place]);
    let mut waiting: VecDeque<(usize, usize)> = (0..members).map(|place| (place, free(place))).collect();
    waiting.retain(|(_, free)| *free > 0);
    for owner in owners.values_mut().flatten().filter(|owner| **owner == NOBODY) {
        let Some((place, free)) = waiting.pop_front() else { break };
        *owner = place;
        if free > 1 {
            waiting.push_back((place, free - 1));
        }
    }
}

/// What is too much is taken evenly from all topics that a member has, so that it keeps some of each; of a topic the first stay, as
/// with Apache Kafka: whoever looks on can say which.
fn take_back(owners: &mut Owners, had: &[usize], quota: &[usize]) {
    let mut seen = vec![0; had.len()];
    for owners in owners.values_mut() {
        let mut here: BTreeMap<usize, usize> = BTreeMap::new();
        for owner in owners.iter().filter(|owner| **owner != NOBODY) {
            *here.entry(*owner).or_default() += 1;
        }
        for (place, count) in &mut here {
            let (had, keep) = (had[*place], quota[*place].min(had[*place]));
            let until = seen[*place] + *count;
            *count = until * keep / had - seen[*place] * keep / had;
            seen[*place] = until;
        }
        for owner in owners.iter_mut().filter(|owner| **owner != NOBODY) {
            match here.get_mut(owner) {
                Some(stay) if *stay > 0 => *stay -= 1,
                _ => *owner = NOBODY,
            }
        }
    }
}

/// Members subscribe to different topics.
fn uneven(owners: &mut Owners, situation: &Situation<'_>) {
    let subscribers = situation.subscribers();
    let mut load = vec![0_usize; situation.members.len()];
    owners.values().flatten().filter(|owner| **owner != NOBODY).for_each(|owner| load[*owner] += 1);
    // First the topics for which there is the least choice.
    let mut order: Vec<(usize, TopicId)> = subscribers.iter().map(|(topic, places)| (places.len(), *topic)).collect();
    order.sort_unstable();
    for (_, topic) in &order {
        let Some(owners) = owners.get_mut(topic) else { continue };
        fill(owners, &subscribers[topic], &mut load);
    }
    // At first nobody gets more than an even share, so that what one has too much of goes to all who can take it.
    let share = load.iter().sum::<usize>() / load.len();
    let mut load_max = share;
    for _ in 0..ROUNDS_MAX {
        let mut moved = false;
        for (_, topic) in &order {
            let Some(owners) = owners.get_mut(topic) else { continue };
            moved |= level(owners, &subscribers[topic], &mut load, load_max);
        }
        if !moved && load_max == usize::MAX {
            break;
        }
        load_max = usize::MAX;
    }
}

/// Gives what nobody has to those who have the least.
fn fill(owners: &mut [usize], subscribers: &[usize], load: &mut [usize]) {
    let mut free = owners.iter_mut().filter(|owner| **owner == NOBODY).peekable();
    if free.peek().is_none() {
        return;
    }
    let mut least: BinaryHeap<Reverse<(usize, usize)>> =
        subscribers.iter().map(|place| Reverse((load[*place], *place))).collect();
    for owner in free {
        let Some(Reverse((_, place))) = least.pop() else { return };
        *owner = place;
        load[place] += 1;
        least.push(Reverse((load[place], place)));
    }
}

/// Moves partitions of one topic from who has the most to who has the least, while that makes a difference and nobody
/// gets more than `load_max`.
fn level(owners: &mut [usize], subscribers: &[usize], load: &mut [usize], load_max: usize) -> bool {
    let least = subscribers.iter().map(|place| load[*place]).min();
    let most = owners.iter().filter(|owner| **owner != NOBODY).map(|owner| load[*owner]).max();
    if !matches!((least, most), (Some(least), Some(most)) if most >= least + 2) {
        return false;
    }
    let mut by_load: BTreeSet<(usize, usize)> = subscribers.iter().map(|place| (load[*place], *place)).collect();
    let mut having: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (partition, owner) in owners.iter().enumerate().filter(|(_, owner)| **owner != NOBODY) {
        having.entry(*owner).or_default().push(partition);
    }
    let mut givers: BTreeSet<(usize, usize)> = having.keys().map(|place| (load[*place], *place)).collect();
    let mut moved = false;
    while let (Some(giver), Some(taker)) = (givers.last().copied(), by_load.first().copied()) {
        if giver.0 < taker.0 + 2 || taker.0 >= load_max {
            break;
        }
        let Some(partition) = having.get_mut(&giver.1).and_then(Vec::pop) else {
            givers.remove(&giver);
            continue;
        };
        owners[partition] = taker.1;
        having.entry(taker.1).or_default().push(partition);
        for (place, load_now) in [(giver.1, giver.0 - 1), (taker.1, taker.0 + 1)] {
            by_load.remove(&(load[place], place));
            givers.remove(&(load[place], place));
            load[place] = load_now;
            by_load.insert((load_now, place));
            if having.get(&place).is_some_and(|partitions| !partitions.is_empty()) {
                givers.insert((load_now, place));
            }
        }
        moved = true;
    }
    moved
}
