//! Lives of a broker with both coordinators on a disk that keeps what was synced: after each single change of it the power goes,
//! and what is left is opened. As for logs (`log/tests/crash_points.rs`), and by the same variables of the environment.
mod model;
mod traffic;

use super::broker::{Broker, load};
use crate::{
    coordinator::{
        CoordinatorError,
        group::{self, GroupSettings, Groups},
        run::{Coordinated, Sharded, load, viewing::follow},
        txn::Producer,
    },
    log::{
        Cleaner, CleanerSettings, LogConfig, LogDir,
        tests::{
            crash::{PATH, Trouble, begun, ended},
            crash_points::{Lives, every_moment_of},
            settings,
        },
    },
    platform::{Chance, Disk, ManualClock, MemoryDisk, RealDisk, SeededChance},
    store::{Rows, View},
};
use futures_util::future::BoxFuture;
use model::{IDS, Model, SIMPLE, wrong};
use std::{collections::BTreeMap, future::Future, path::Path, sync::Arc, time::Duration};
use tokio::time::timeout;

const NOW_MS: i64 = 1_700_000_000_000;
/// Moments looked at when nothing else is said.
const POINTS: u64 = 100;
/// Longer than anything takes that is not stuck.
const STUCK: Duration = Duration::from_secs(20);
/// Between looks whether the power is still on.
const LOOK: Duration = Duration::from_millis(20);
/// Before any member is given up, and behind everything that is kept.
const SOON_MS: u64 = 30_000;
const LONG_MS: u64 = 8 * 24 * 3_600_000;
const DONE_TOLD: usize = 40;

type Told = BoxFuture<'static, Result<group::Reply, CoordinatorError>>;

/// What outlives the lives: what must be true, and how far time and numbers have come.
struct Coordinators {
    model: Model,
    chance: SeededChance,
    now_ms: i64,
    /// Of a leader; each life has its own.
    term: i32,
    /// No two values are the same.
    values: i64,
    producers: i64,
    /// The disk does not sync.
    lying: bool,
    /// The coordinators' view, as far as it came.
    view: tempfile::TempDir,
    done: Vec<String>,
}

/// One life.
struct Life {
    broker: Broker,
    disk: MemoryDisk,
    /// Commits that are not told yet.
    waiting: Vec<((&'static str, i32), usize, Told)>,
    /// Who the clients of this life are.
    producers: BTreeMap<&'static str, Producer>,
    passed_ms: u64,
}

async fn in_time<T>(awaited: impl Future<Output = T>) -> Result<T, Trouble> {
    timeout(STUCK, awaited).await.map_err(|_| Trouble::Wrong("stuck".into()))
}

fn tune(topic: &str, log: &mut LogConfig) {
    log.segment_bytes = if topic.starts_with("__") { 3_000 } else { 1_000 };
    log.index_interval_bytes = 200;
    log.dirty_ratio_min = 0.0;
    log.delete_retention_ms = 3_000;
    log.file_delete_delay_ms = 0;
    log.verify_transactions = false;
}

impl Life {
    /// Waits, while the power is on.
    async fn while_on<T>(&self, awaited: impl Future<Output = T>) -> Result<T, Trouble> {
        tokio::pin!(awaited);
        for _ in 0..STUCK.as_millis() / LOOK.as_millis() {
            if let Ok(done) = timeout(LOOK, &mut awaited).await {
                return Ok(done);
            }
            self.disk.list(Path::new("/")).map_err(Trouble::io)?;
        }
        wrong("stuck")
    }

    /// Until all markers of an id are written.
    async fn finish(&self, id: &str) -> Result<(), Trouble> {
        self.while_on(self.broker.ends.end(&id.into())).await
    }
}

impl Coordinators {
    fn new(seed: u64) -> Coordinators {
        Coordinators {
            model: Model::default(),
            chance: SeededChance::new(seed),
            now_ms: NOW_MS,
            term: 0,
            values: 0,
            producers: 1,
            lying: false,
            view: tempfile::tempdir().unwrap(),
            done: Vec::new(),
        }
    }

    fn below(&self, most: u64) -> u64 {
        self.chance.u64() % most
    }

    fn next_number(&mut self) -> i64 {
        self.values += 1;
        self.values
    }

    fn view(&self) -> Arc<View> {
        View::new(Arc::new(RealDisk), self.view.path().to_owned())
    }

    /// Everything as a start finds it, with all decisions told to whom they concern; what must be true of it checked.
    async fn begin(
        &mut self,
        directory: Arc<LogDir>,
        clock: Arc<ManualClock>,
        disk: &MemoryDisk,
    ) -> Result<Life, Trouble> {
        directory.found()?;
        self.term += 1;
        let broker = Broker::on(directory, clock, self.term, None, tune)?;
        broker.groups.configure(GroupSettings {
            initial_rebalance_delay_ms: 0,
            record_bytes_max: 2_800,
            ..GroupSettings::default()
        });
        let (waiting, producers) = (Vec::new(), BTreeMap::new());
        let life = Life { broker, disk: disk.clone(), waiting, producers, passed_ms: 0 };
        load(&life.broker.transactions);
        load(&life.broker.groups);
        let figures = [life.broker.transactions.figures(), life.broker.groups.figures()];
        if figures.iter().any(|figures| figures.loading + figures.failed > 0) {
            life.disk.list(Path::new("/")).map_err(Trouble::io)?;
            return wrong("a journal is not loaded");
        }
        if self.below(4) == 0 {
            self.check_views(&life)?;
        }
        for id in life.while_on(life.broker.ends.all_pending()).await? {
            life.finish(&id).await?;
        }
        let checked = self.model.check(&life.broker);
        checked.map_err(|trouble| match trouble {
            Trouble::Wrong(what) => {
                Trouble::Wrong(format!("{what}\nbefore: {:?}", &self.done[self.done.len().saturating_sub(DONE_TOLD)..]))
            }
            other => other,
        })?;
        Ok(life)
    }

    async fn live_in(
        &mut self,
        directory: Arc<LogDir>,
        clock: Arc<ManualClock>,
        disk: &MemoryDisk,
    ) -> Result<(), Trouble> {
        let mut life = self.begin(directory.clone(), clock, disk).await?;
        life.broker.next_id.store(self.producers, std::sync::atomic::Ordering::Relaxed);
        let lived = self.act_for_long(&mut life).await;
        self.producers = life.broker.next_id.load(std::sync::atomic::Ordering::Relaxed);
        if lived.is_ok() && self.below(3) == 0 {
            directory.close()?;
        }
        life.broker.die();
        lived
    }

    async fn act_for_long(&mut self, life: &mut Life) -> Result<(), Trouble> {
        let view = self.view();
        let mut acted = Ok(());
        for _ in 0..30 + self.below(50) {
            acted = self.act(life, &view).await;
            if acted.is_err() {
                break;
            }
        }
        view.close().map_err(Trouble::io)?;
        if acted.is_ok() {
            acted = self.hear(life).await;
        }
        // A journal that takes no more ends what was under way: who asks then is refused, also by those who forgot him.
        acted.map_err(|trouble| match life.disk.list(Path::new("/")) {
            Err(_) => Trouble::io(trouble.what()),
            Ok(_) => trouble,
        })
    }

    async fn act(&mut self, life: &mut Life, view: &View) -> Result<(), Trouble> {
        let action = self.below(40);
        self.done.push(action.to_string());
        match action {
            0 => life.broker.directory.checkpoint()?,
            1 | 2 => self.compact(life),
            3 => self.pass(life, 1_000),
            4 => {
                self.pass(life, LONG_MS);
                self.sweep(life).await?;
            }
            5 => self.pass(life, SOON_MS * 2),
            6 => self.delete_group(life, SIMPLE[1]).await?,
            7 | 8 => {
                follow_all(&life.broker.groups, view)?;
                follow_all(&life.broker.transactions, view)?;
            }
            9..12 => self.rebalance(life).await?,
            12..15 => self.come_or_go(life).await?,
            15..22 => self.commit_offset(life, SIMPLE[self.below(2) as usize]).await?,
            _ => self.transact(life, IDS[self.below(3) as usize]).await?,
        }
        Ok(())
    }

    /// Time passes, and what is due is handled.
    fn pass(&mut self, life: &mut Life, ms: u64) {
        life.broker.clock.advance(Duration::from_millis(ms));
        self.now_ms += ms as i64;
        life.passed_ms += ms;
        if life.passed_ms >= SOON_MS {
            self.model.time_passed(ms >= LONG_MS, self.values);
        }
        if ms >= LONG_MS {
            life.producers.clear();
        }
        life.broker.groups.fire();
    }

    /// What is open for too long is aborted, ids that nobody uses are forgotten.
    async fn sweep(&mut self, life: &mut Life) -> Result<(), Trouble> {
        life.while_on(life.broker.ends.abort_late()).await?;
        for id in IDS {
            life.finish(id).await?;
        }
        life.while_on(life.broker.ends.expire()).await
    }

    fn compact(&self, life: &Life) {
        let directory = vec![life.broker.directory.clone()];
        let cleaner = Cleaner::new(directory, life.broker.clock.clone(), CleanerSettings::default());
        while cleaner.clean_dirtiest() {}
    }

    /// What a start would take out of the view is what the journals tell.
    fn check_views(&self, life: &Life) -> Result<(), Trouble> {
        let copied = tempfile::tempdir().map_err(Trouble::io)?;
        copy(self.view.path(), copied.path()).map_err(Trouble::io)?;
        let view = View::new(Arc::new(RealDisk), copied.path().to_owned());
        if view.is_there() {
            agrees(&life.broker.groups, &view, with_something)?;
            agrees(&life.broker.transactions, &view, |transactions| transactions)?;
            view.close().map_err(Trouble::io)?;
        }
        Ok(())
    }
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            std::fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// Brings the view up to what is committed, however short the journals are.
fn follow_all<M: Coordinated>(coordinator: &Sharded<M>, view: &View) -> Result<(), Trouble> {
    for shard in coordinator.table.load().shards.values() {
        if let Some(log) = shard.partition.opened() {
            follow::<M>(view, log, log.bounds().end(), &|| true).map_err(Trouble::io)?;
        }
    }
    Ok(())
}

/// Whether a view is of use for each journal; what it says then is what the journal does. `trim` takes out what makes no
/// difference.
fn agrees<M>(coordinator: &Sharded<M>, view: &View, trim: impl Fn(M::Hard) -> M::Hard) -> Result<Vec<bool>, Trouble>
where
    M: Coordinated<Hard: Clone + PartialEq + std::fmt::Debug>,
{
    let mut is_of_use = Vec::new();
    for shard in coordinator.table.load().shards.values() {
        let Some(log) = shard.partition.opened() else { continue };
        let (mut rows, mut volume) = (Rows::default(), load::Volume::default());
        let seen = load::replay_view(&coordinator.machine, log, (view, &mut rows), &mut volume, |_, _| false);
        let seen = match seen {
            Err(load::ViewFault::Overtaken { .. }) => None,
            Err(fault) => return wrong(format!("{}: {fault}", log.id())),
            Ok(seen) => seen,
        };
        is_of_use.push(seen.is_some());
        let viewed =
            load::replay_behind(&coordinator.machine, log, seen, &|| true, &mut volume).map_err(Trouble::io)?;
        let (viewed, told) = (trim(viewed), shard.hard(M::Hard::clone).map(&trim));
        if told.as_ref() != Some(&viewed) {
            return wrong(format!("the view of {} says {viewed:?} instead of {told:?}", log.id()));
        }
    }
    Ok(is_of_use)
}

/// A group is nothing without offsets and members: whether a tombstone has brought it up says no more than compaction.
fn with_something(mut groups: Groups) -> Groups {
    groups.by_id.retain(|_, group| !group.is_gone());
    groups
}

fn block_on<T>(lives: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(lives)
}

impl Lives for Coordinators {
    type Left = Model;

    fn live_until(&mut self, disk: &MemoryDisk, changes: Option<u64>) -> Result<(), String> {
        disk.ignore_syncs(self.lying);
        let power_off = changes.is_some();
        if let Some(changes) = changes {
            disk.power_off_after(changes);
        }
        let clock = Arc::new(ManualClock::at_wall_ms(self.now_ms));
        let Some(directory) = begun(disk, clock.clone(), settings(), power_off)? else { return Ok(()) };
        ended(disk, block_on(self.live_in(directory, clock, disk)))
    }

    fn check_image(&mut self, image: &MemoryDisk) -> Result<(), String> {
        let clock = Arc::new(ManualClock::at_wall_ms(self.now_ms));
        let directory = LogDir::open(Arc::new(image.clone()), clock.clone(), Path::new(PATH), settings());
        let directory = directory.map_err(|error| error.to_string())?;
        let life = block_on(self.begin(directory, clock, image)).map_err(Trouble::what)?;
        life.broker.die();
        Ok(())
    }

    fn left(&mut self) -> &mut Model {
        &mut self.model
    }
}

#[test]
fn grp_16_txn_14_every_moment_of_the_coordinators_can_be_the_last() {
    every_moment_of(POINTS, Coordinators::new).unwrap();
}

#[test]
fn grp_16_txn_14_every_moment_of_the_coordinators_notices_a_disk_that_lies() {
    every_moment_of(POINTS, |seed| Coordinators { lying: true, ..Coordinators::new(seed) }).unwrap_err();
}

#[test]
fn grp_16_cmp_5_a_view_that_compaction_has_overtaken_is_made_anew_and_brings_nothing_back() {
    // Of one partition.
    const GROUPS: [&str; 2] = ["simple-1", "simple-3"];
    let (disk, mut world) = (MemoryDisk::new(), Coordinators::new(0));
    let clock = Arc::new(ManualClock::at_wall_ms(NOW_MS));
    let directory = LogDir::open(Arc::new(disk.clone()), clock.clone(), Path::new(PATH), settings()).unwrap();
    let lived = async {
        let mut life = world.begin(directory, clock, &disk).await?;
        let at = GROUPS.map(|group| life.broker.groups.partition_of(group));
        assert_eq!(at[0], at[1]);
        let view = world.view();
        world.commit_offset(&mut life, GROUPS[0]).await?;
        world.hear(&mut life).await?;
        follow_all(&life.broker.groups, &view)?;
        assert_eq!(agrees(&life.broker.groups, &view, with_something)?, [true]);
        world.delete_group(&mut life, GROUPS[0]).await?;
        // The first run notes when tombstones may go, the last has them go.
        for _ in 0..3 {
            for _ in 0..60 {
                world.commit_offset(&mut life, GROUPS[1]).await?;
            }
            world.hear(&mut life).await?;
            world.pass(&mut life, 10_000);
            world.compact(&life);
        }
        assert_eq!(agrees(&life.broker.groups, &view, with_something)?, [false], "it would bring the group back");
        follow_all(&life.broker.groups, &view)?;
        assert_eq!(agrees(&life.broker.groups, &view, with_something)?, [true]);
        view.close().map_err(Trouble::io)
    };
    block_on(lived).map_err(Trouble::what).unwrap();
}
