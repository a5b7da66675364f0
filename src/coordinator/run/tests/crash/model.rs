//! What must be true of groups and of transactions after a crash, whatever was on its way.
use super::super::broker::{Broker, WHOLE};
use crate::{
    coordinator::{
        Coordinated,
        group::{Group, Groups, Members},
        run::{
            Sharded,
            scan::{Piece, ScanError, Until, scan},
        },
        txn::{State, Transaction, Transactions},
    },
    log::tests::crash::Trouble,
    record::TransactionResult,
    types::{Offset, ProducerId, TopicName},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Groups without members, one of the classic protocol, one of consumers.
pub const SIMPLE: [&str; 2] = ["simple-0", "simple-1"];
pub const CLASSIC: &str = "classic";
pub const CONSUMER: &str = "consumer";
pub const IDS: [&str; 3] = ["a", "b", "c"];
pub const PLACES: [i32; 2] = [0, 1];

/// The group that a transactional id commits offsets of.
pub fn group_of(id: &str) -> String {
    format!("of-{id}")
}

pub fn wrong<T>(what: impl Into<String>) -> Result<T, Trouble> {
    Err(Trouble::Wrong(what.into()))
}

/// What one thing may be: as it was last acknowledged, or anything that was asked of it since.
#[derive(Clone, PartialEq, Debug)]
pub struct Known<T> {
    may_be: Vec<T>,
    forgotten: usize,
}

impl<T: Clone + PartialEq + std::fmt::Debug> Known<T> {
    pub fn new(is: T) -> Known<T> {
        Known { may_be: vec![is], forgotten: 0 }
    }

    /// What to acknowledge it by.
    pub fn asked(&mut self, to_be: T) -> usize {
        self.may_be.push(to_be);
        self.forgotten + self.may_be.len() - 1
    }

    pub fn told(&mut self, asked: usize) {
        if let Some(before) = asked.checked_sub(self.forgotten) {
            self.may_be.drain(..before);
            self.forgotten = asked;
        }
    }

    pub fn may_be(&self, one: &T) -> bool {
        self.may_be.contains(one)
    }

    pub fn is(&self, one: &T) -> bool {
        self.may_be.iter().all(|may_be| may_be == one)
    }

    fn found(&mut self, what: &str, is: T) -> Result<(), Trouble> {
        if !self.may_be(&is) {
            return wrong(format!("{what} is {is:?}, and may be {:?}", self.may_be));
        }
        *self = Known::new(is);
        Ok(())
    }
}

/// An epoch that was told, of something that may have been forgotten since.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Epoch<T> {
    pub told: Option<T>,
    pub may_be_gone: bool,
}

impl<T: Copy + PartialOrd + std::fmt::Debug> Epoch<T> {
    pub fn told(&mut self, epoch: T) {
        *self = Epoch { told: Some(epoch), may_be_gone: false };
    }

    fn found(&mut self, what: &str, is: Option<T>) -> Result<(), Trouble> {
        let went_back = is.is_none_or(|is| self.told.is_some_and(|told| is < told));
        if went_back && self.told.is_some() && !self.may_be_gone {
            return wrong(format!("{what} is at epoch {is:?}, {:?} was told", self.told));
        }
        *self = Epoch { told: is, may_be_gone: false };
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fate {
    Open,
    Ended(bool),
}

/// One transaction; its number is what it writes everywhere.
#[derive(Clone, PartialEq, Debug)]
pub struct Written {
    pub id: &'static str,
    /// Partitions that acknowledged its record.
    pub told: BTreeSet<i32>,
    pub is_offset_told: bool,
    pub fate: Known<Fate>,
}

#[derive(Clone, PartialEq, Debug, Default)]
pub struct Model {
    /// By group and partition.
    pub offsets: BTreeMap<(&'static str, i32), Known<Option<i64>>>,
    pub generation: Epoch<i32>,
    pub group_epoch: Epoch<i32>,
    /// Of the group of consumers.
    pub members: BTreeMap<String, Known<bool>>,
    /// Producer id and epoch of each transactional id.
    pub producers: BTreeMap<&'static str, Epoch<(i64, i16)>>,
    pub transactions: BTreeMap<i64, Written>,
    /// The transaction of an id that its client has not ended.
    pub open: BTreeMap<&'static str, i64>,
    /// Offsets of transactions up to this one may have expired.
    pub expired_to: i64,
}

impl Model {
    pub fn offset(&mut self, group: &'static str, partition: i32) -> &mut Known<Option<i64>> {
        self.offsets.entry((group, partition)).or_insert_with(|| Known::new(None))
    }

    /// Longer than members are waited for, or, where that is said, than anything is kept that nobody uses.
    pub fn time_passed(&mut self, is_all_over: bool, newest: i64) {
        self.members.values_mut().for_each(|member| _ = member.asked(false));
        (self.generation.may_be_gone, self.group_epoch.may_be_gone) = (true, true);
        if is_all_over {
            self.offsets.values_mut().for_each(|offset| _ = offset.asked(None));
            self.producers.values_mut().for_each(|producer| producer.may_be_gone = true);
            for number in std::mem::take(&mut self.open).into_values() {
                _ = self.fate(number).asked(Fate::Ended(false));
            }
            self.expired_to = newest;
        }
    }

    pub fn fate(&mut self, number: i64) -> &mut Known<Fate> {
        &mut self.transactions.get_mut(&number).expect("it was begun").fate
    }

    /// Everything is loaded, and no marker is on its way.
    pub fn check(&mut self, broker: &Broker) -> Result<(), Trouble> {
        let groups = all(&broker.groups, |hard: &Groups| hard.by_id.clone());
        let transactions = all(&broker.transactions, |hard: &Transactions| {
            hard.iter().map(|(id, one)| (id.clone(), one.clone())).collect()
        });
        self.check_groups(&groups)?;
        for id in IDS {
            let known = transactions.get(id);
            if let Some(State::Prepare(result)) = known.map(|one| one.state) {
                return wrong(format!("{id} still waits for its {result:?}"));
            }
            let epoch = known.map(|one| (one.producer_id, one.epoch));
            self.producers.entry(id).or_default().found(id, epoch)?;
        }
        let found = PLACES.into_iter().map(|at| fates(broker, at)).collect::<Result<Vec<_>, _>>()?;
        self.check_records(&found, &transactions)?;
        IDS.into_iter().try_for_each(|id| self.check_offset(id, &groups, &transactions))?;
        let transactions = &self.transactions;
        self.open.retain(|_, number| transactions[number].fate.may_be(&Fate::Open));
        Ok(())
    }

    fn check_groups(&mut self, groups: &BTreeMap<Arc<str>, Group>) -> Result<(), Trouble> {
        for ((group, partition), known) in &mut self.offsets {
            let found = groups.get(*group).and_then(|group| group.offsets.get(WHOLE, *partition));
            known.found(&format!("the offset of {group} for {partition}"), found.map(|one| one.offset))?;
        }
        let generation = match groups.get(CLASSIC).map(|group| &group.members) {
            Some(Members::Classic(record)) => Some(record.generation),
            _ => None,
        };
        self.generation.found("the classic group", generation)?;
        let consumers = match groups.get(CONSUMER).map(|group| &group.members) {
            Some(Members::Consumer(group)) => Some(group),
            _ => None,
        };
        self.group_epoch.found("the group of consumers", consumers.map(|group| group.epoch()))?;
        for (member, known) in &mut self.members {
            let is_there = consumers.is_some_and(|group| group.member(member).is_some());
            known.found(&format!("the member {member}"), is_there)?;
        }
        Ok(())
    }

    /// No transaction is half there, and what was told of it is so.
    fn check_records(
        &mut self,
        found: &[BTreeMap<i64, Fate>],
        known: &BTreeMap<Arc<str>, Transaction>,
    ) -> Result<(), Trouble> {
        if let Some(number) = found.iter().flat_map(BTreeMap::keys).find(|one| !self.transactions.contains_key(one)) {
            return wrong(format!("nobody wrote {number}"));
        }
        for (number, written) in &mut self.transactions {
            let what = format!("transaction {number} of {}", written.id);
            let here: Vec<(i32, Fate)> =
                PLACES.into_iter().zip(found).filter_map(|(at, fates)| Some((at, *fates.get(number)?))).collect();
            if let Some(lost) = written.told.iter().find(|told| here.iter().all(|(at, _)| at != *told)) {
                return wrong(format!("{what} is lost in {lost}"));
            }
            let Some((_, fate)) = here.first() else { continue };
            if here.iter().any(|(_, other)| other != fate) {
                return wrong(format!("{what} is half there: {here:?}"));
            }
            written.fate.found(&what, *fate)?;
            if *fate == Fate::Open {
                self.open.insert(written.id, *number);
            }
            let topic = TopicName::parse(WHOLE).map_err(Trouble::io)?;
            let holds = |one: &Transaction| {
                let is_open = one.state == State::Ongoing;
                is_open && here.iter().all(|(at, _)| one.partitions.contains(&(topic.clone(), *at)))
            };
            if *fate == Fate::Open && !known.get(written.id).is_some_and(holds) {
                return wrong(format!("{what} hangs: its coordinator knows {:?}", known.get(written.id)));
            }
        }
        Ok(())
    }

    /// The offset that transactions of an id committed is that of a committed one, and of none before the last.
    fn check_offset(
        &mut self,
        id: &'static str,
        groups: &BTreeMap<Arc<str>, Group>,
        known: &BTreeMap<Arc<str>, Transaction>,
    ) -> Result<(), Trouble> {
        let group = groups.get(&*group_of(id));
        let is_open = known.get(id).is_some_and(|one| one.state == State::Ongoing);
        if group.is_some_and(|group| group.offsets.has_pending()) && !is_open {
            return wrong(format!("offsets of {id} wait for an end that does not come"));
        }
        let is_due = |written: &Written| written.fate.is(&Fate::Ended(true)) && written.is_offset_told;
        let of_id = || self.transactions.iter().filter(|(_, written)| written.id == id);
        let due = of_id().filter(|(_, written)| is_due(written)).map(|(number, _)| *number).max();
        match group.and_then(|group| group.offsets.get(WHOLE, 0)).map(|one| one.offset) {
            None if due.is_some_and(|due| due > self.expired_to) => {
                wrong(format!("the offset {due:?} of {id} is lost"))
            }
            None => Ok(()),
            Some(offset) => {
                let written = self.transactions.get(&offset).filter(|written| written.id == id);
                if due.is_some_and(|due| offset < due)
                    || !written.is_some_and(|one| one.fate.may_be(&Fate::Ended(true)))
                {
                    return wrong(format!("the offset of {id} is {offset} of {written:?}, {due:?} was committed"));
                }
                Ok(())
            }
        }
    }
}

/// What all shards know together.
fn all<M: Coordinated, V>(
    coordinator: &Sharded<M>,
    look: impl Fn(&M::Hard) -> BTreeMap<Arc<str>, V>,
) -> BTreeMap<Arc<str>, V> {
    let table = coordinator.table.load();
    table.shards.values().filter_map(|shard| shard.hard(&look)).flatten().collect()
}

/// What became of each transaction in one partition.
fn fates(broker: &Broker, at: i32) -> Result<BTreeMap<i64, Fate>, Trouble> {
    let partition = broker.partition(WHOLE, at);
    let log = partition.log().map_err(Trouble::io)?;
    let (mut fates, mut open) = (BTreeMap::new(), BTreeMap::<ProducerId, Vec<i64>>::new());
    scan::<ScanError>(log, Offset::ZERO, Until::End, &|| true, &mut |piece, _| {
        match piece {
            Piece::Records { transaction, set, .. } => {
                for record in set {
                    let value = record.ok().and_then(|record| String::from_utf8(record.value?.to_vec()).ok());
                    let number: i64 = value.and_then(|value| value.parse().ok()).expect("a number");
                    open.entry(transaction.expect("all are in transactions")).or_default().push(number);
                    fates.insert(number, Fate::Open);
                }
            }
            Piece::End { producer, result, .. } => {
                let is_commit = result == TransactionResult::Commit;
                let ended = open.remove(&producer).unwrap_or_default();
                fates.extend(ended.into_iter().map(|number| (number, Fate::Ended(is_commit))));
            }
        }
        Ok(())
    })
    .map_err(Trouble::io)?;
    Ok(fates)
}
