//! The assignors, on groups of one subscription and of many, by example and by seed.
use super::*;
use crate::platform::{Chance, SeededChance};
use std::time::Duration;
use uuid::Uuid;

fn topic(number: u128) -> TopicId {
    TopicId(Uuid::from_u128(number))
}

/// Members by name, each with its topics by number; topics with their partitions; what members had.
struct Case {
    members: Vec<(String, Option<String>, Arc<BTreeSet<TopicId>>)>,
    topics: BTreeMap<TopicId, i32>,
    before: Vec<Partitions>,
}

impl Case {
    fn new(members: &[(&str, &[u128])], topics: &[(u128, i32)]) -> Case {
        let members = members.iter().map(|(id, topics)| {
            (id.to_string(), None, Arc::new(topics.iter().map(|number| topic(*number)).collect::<BTreeSet<_>>()))
        });
        let topics = topics.iter().map(|(number, count)| (topic(*number), *count)).collect();
        Case { members: members.collect(), topics, before: Vec::new() }
    }

    fn assign(&self, assignor: Assignor) -> Vec<Partitions> {
        let members = self.members.iter().enumerate().map(|(place, (id, instance, topics))| Candidate {
            id,
            instance_id: instance.as_deref(),
            topics: topics.clone(),
            before: self.before.get(place),
        });
        let subscribed: BTreeSet<TopicId> = self.members.iter().flat_map(|member| member.2.iter().copied()).collect();
        let topics = self.topics.iter().filter(|(topic, _)| subscribed.contains(topic));
        let topics = topics.map(|(topic, count)| (*topic, *count)).collect();
        let situation = Situation { members: members.collect(), topics };
        let assigned = assignor.assign(&situation);
        self.check(&situation, &assigned);
        assert_eq!(assigned, assignor.assign(&situation), "the same input gives the same output");
        assigned
    }

    /// Every partition of a topic with subscribers is given out once, to one of them.
    fn check(&self, situation: &Situation<'_>, assigned: &[Partitions]) {
        let mut given = BTreeSet::new();
        for ((id, _, topics), partitions) in self.members.iter().zip(assigned) {
            for (topic, partitions) in partitions {
                assert!(topics.contains(topic), "{id} does not subscribe to {topic}");
                for partition in partitions {
                    assert!((0..situation.topics[topic]).contains(partition), "{topic} has no partition {partition}");
                    assert!(given.insert((*topic, *partition)), "{topic} {partition} is given out twice");
                }
            }
        }
        assert_eq!(given.len(), situation.topics.values().map(|count| *count as usize).sum::<usize>());
    }
}

fn numbers(assigned: &[Partitions], place: usize, number: u128) -> Vec<i32> {
    assigned[place].get(&topic(number)).into_iter().flatten().copied().collect()
}

fn sizes(assigned: &[Partitions]) -> Vec<usize> {
    assigned.iter().map(|topics| topics.values().map(BTreeSet::len).sum()).collect()
}

fn kept(before: &[Partitions], after: &[Partitions]) -> usize {
    let both = before.iter().zip(after).flat_map(|(before, after)| {
        before.iter().map(|(topic, had)| after.get(topic).map_or(0, |has| has.intersection(had).count()))
    });
    both.sum()
}

#[test]
fn cg_8_range_gives_neighbours_in_the_order_of_instances_then_ids() {
    let mut case = Case::new(&[("a", &[1, 2]), ("b", &[1, 2]), ("c", &[1])], &[(1, 7), (2, 3)]);
    let assigned = case.assign(Assignor::Range);
    assert_eq!([0, 1, 2].map(|place| numbers(&assigned, place, 1)), [vec![0, 1, 2], vec![3, 4], vec![5, 6]]);
    assert_eq!([0, 1, 2].map(|place| numbers(&assigned, place, 2)), [vec![0, 1], vec![2], vec![]]);
    case.members[2].1 = Some("first".into());
    let assigned = case.assign(Assignor::Range);
    assert_eq!([0, 1, 2].map(|place| numbers(&assigned, place, 1)), [vec![3, 4], vec![5, 6], vec![0, 1, 2]]);
}

#[test]
fn cg_8_uniform_is_even_and_moves_no_more_than_it_must() {
    let mut case = Case::new(&[("a", &[1, 2])], &[(1, 10), (2, 10)]);
    let alone = case.assign(Assignor::Uniform);
    assert_eq!(sizes(&alone), [20]);
    case.members.push(("b".into(), None, case.members[0].2.clone()));
    case.before = alone.clone();
    let two = case.assign(Assignor::Uniform);
    assert_eq!((sizes(&two), kept(&alone, &two)), (vec![10, 10], 10));
    assert!(two.iter().all(|member| member.values().all(|partitions| partitions.len() == 5)), "of every topic some");
    case.members.push(("c".into(), None, case.members[0].2.clone()));
    case.before = two.clone();
    let three = case.assign(Assignor::Uniform);
    assert_eq!((sizes(&three), kept(&two, &three)), (vec![7, 7, 6], 14));
    case.members.remove(0);
    case.before = three[1..].to_vec();
    let after = case.assign(Assignor::Uniform);
    assert_eq!((sizes(&after), kept(&three[1..], &after)), (vec![10, 10], 13));
}

/// librdkafka's 0113 x_incremental_rebalances wants these.
#[test]
fn cg_8_uniform_leaves_the_first_partitions_where_they_are() {
    let mut case = Case::new(&[("a", &[1])], &[(1, 6)]);
    let has = |assigned: &[Partitions]| -> Vec<Vec<i32>> {
        assigned.iter().map(|member| member[&topic(1)].iter().copied().collect()).collect()
    };
    case.before = case.assign(Assignor::Uniform);
    case.members.push(("b".into(), None, case.members[0].2.clone()));
    case.before = case.assign(Assignor::Uniform);
    assert_eq!(has(&case.before), [vec![0, 1, 2], vec![3, 4, 5]]);
    case.members.push(("c".into(), None, case.members[0].2.clone()));
    assert_eq!(has(&case.assign(Assignor::Uniform)), [vec![0, 1], vec![3, 4], vec![2, 5]]);
    let mut small = Case::new(&[("a", &[1, 2])], &[(1, 1), (2, 1)]);
    small.before = small.assign(Assignor::Uniform);
    small.members.push(("b".into(), None, small.members[0].2.clone()));
    assert!(small.assign(Assignor::Uniform)[0].contains_key(&topic(1)), "of the topics too");
}

#[test]
fn cg_8_uniform_takes_away_the_later_partitions() {
    let mut case = Case::new(&[("a", &[1])], &[(1, 2)]);
    case.before = case.assign(Assignor::Uniform);
    case.members.push(("0".into(), None, case.members[0].2.clone()));
    let assigned = case.assign(Assignor::Uniform);
    assert_eq!([0, 1].map(|place| numbers(&assigned, place, 1)), [vec![0], vec![1]]);
}

#[test]
fn cg_8_uniform_levels_members_of_different_subscriptions() {
    let mut case = Case::new(&[("a", &[1, 2]), ("b", &[1]), ("c", &[2])], &[(1, 6), (2, 6)]);
    assert_eq!(sizes(&case.assign(Assignor::Uniform)), [4, 4, 4]);
    // All of the second topic with one member, of the first too: one move at a time gets there.
    case.before = vec![Partitions::from([(topic(1), (0..6).collect()), (topic(2), (0..6).collect())])];
    let assigned = case.assign(Assignor::Uniform);
    assert_eq!((sizes(&assigned), kept(&case.before, &assigned)), (vec![4, 4, 4], 4));
}

#[test]
fn cg_8_by_seed_every_partition_has_one_owner_and_stays_where_it_can() {
    for seed in 0..300 {
        let chance = SeededChance::new(seed);
        let draw = |below: u64| Chance::u64(&chance) % below;
        let topics: Vec<(u128, i32)> = (0..draw(6) as u128).map(|number| (number, draw(20) as i32)).collect();
        let alike = draw(2) == 0;
        let members: Vec<(String, Vec<u128>)> = (0..1 + draw(7))
            .map(|member| {
                let chosen = topics.iter().map(|(number, _)| *number).filter(|_| alike || draw(2) == 0).collect();
                (format!("m{member}"), chosen)
            })
            .collect();
        let members: Vec<(&str, &[u128])> =
            members.iter().map(|(id, topics)| (id.as_str(), topics.as_slice())).collect();
        let mut case = Case::new(&members, &topics);
        case.assign(Assignor::Range);
        let first = case.assign(Assignor::Uniform);
        case.before = first.clone();
        assert_eq!(case.assign(Assignor::Uniform), first, "seed {seed}: nothing changed, nothing moves");
        if alike {
            let sizes = sizes(&first);
            assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "seed {seed}: {sizes:?}");
        }
        // Somebody leaves.
        case.members.pop();
        case.before.pop();
        if !case.members.is_empty() {
            let after = case.assign(Assignor::Uniform);
            if alike {
                assert_eq!(kept(&case.before, &after), sizes(&case.before).iter().sum::<usize>(), "seed {seed}");
            }
        }
    }
}

#[test]
fn cg_8_a_thousand_members_of_ten_thousand_partitions_are_assigned_at_once() {
    let numbers: Vec<u128> = (0..10).collect();
    let topics: Vec<(u128, i32)> = numbers.iter().map(|number| (*number, 1_000)).collect();
    let names: Vec<String> = (0..1_000).map(|member| format!("member-{member:04}")).collect();
    for alike in [true, false] {
        let members: Vec<(&str, &[u128])> = names
            .iter()
            .enumerate()
            .map(|(at, name)| (name.as_str(), if alike || at % 2 == 0 { &numbers[..] } else { &numbers[..5] }))
            .collect();
        let mut case = Case::new(&members, &topics);
        for assignor in Assignor::ALL {
            let clock = crate::platform::SystemClock::default();
            let started = crate::platform::Clock::monotonic(&clock);
            case.before = case.assign(assignor);
            case.assign(assignor);
            let took = crate::platform::Clock::monotonic(&clock) - started;
            // Four computations and their checks, without optimisation, on a machine that may be busy.
            assert!(took < Duration::from_secs(10), "{assignor:?}, alike: {alike}: {took:?}");
        }
    }
}
