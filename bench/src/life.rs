//! A broker's life: start, rest, many partitions, many members, many offsets, kill and start again.
use crate::{
    admin,
    broker::Broker,
    fault::Fault,
    members, offsets,
    options::Options,
    process, produce,
    rows::{self, CONNECTIONS, Row, Scene, Work},
    turn::{RECORD_BYTES, Turn, refuse_errors, rest, target},
    views::Views,
};
use std::{
    thread,
    time::{Duration, Instant},
};

/// How often each partition is written to before the kill.
const KILL_PASSES: u64 = 2;

impl Turn<'_> {
    /// Start, rest, many partitions, rest, kill, start.
    pub fn life(&mut self, options: &Options, wanted: &[&Row]) -> Result<(), Fault> {
        let row = |id: &str| wanted.iter().copied().find(|row| row.id == id);
        if !wanted.iter().any(|row| row.work.scene() == Scene::Life) {
            return Ok(());
        }
        let mut broker = Broker::new(self.kind, options)?;
        // The files that the loads left are gone from the disk too: a start waits for every sync it makes.
        rest();
        let ready = broker.start()?;
        if let Some(row) = row("ready-empty") {
            self.add_ready(row, ready);
        }
        if let Some(row) = row("idle-empty") {
            self.add_idle(row, &broker);
        }
        if row("idle-many").is_none() && row("ready-killed").is_none() {
            return Ok(());
        }
        let many = target(&broker, "many", self.scale.partitions);
        admin::create_topic(&many)?;
        if let Some(row) = row("idle-many") {
            self.add_idle(row, &broker);
        }
        if let Some(row) = row("ready-killed") {
            let mut load = self.produce(10, RECORD_BYTES, CONNECTIONS, Duration::from_secs(120));
            let batch_bytes = crate::batch::encode(10, RECORD_BYTES, 1).len() as u64;
            load.bytes_max = KILL_PASSES * self.scale.partitions as u64 * batch_bytes;
            refuse_errors(row, produce::run(&many, &load)?.errors)?;
            broker.kill()?;
            let started = std::time::Instant::now();
            let ready = broker.start()?;
            admin::await_served(&many)?;
            self.add_ready(row, ready);
            self.add(row, rows::SERVED_MS, started.elapsed().as_secs_f64() * 1e3);
        }
        Ok(())
    }

    fn add_ready(&mut self, row: &Row, ready: Duration) {
        eprintln!("  {:<14} ready in {:.1} ms", row.id, ready.as_secs_f64() * 1e3);
        self.add(row, rows::READY_MS, ready.as_secs_f64() * 1e3);
    }

    pub fn add_idle(&mut self, row: &Row, broker: &Broker) {
        thread::sleep(self.scale.settle);
        let Some(pid) = broker.pid() else { return };
        let cpu = process::idle_cpu_percent(pid, self.scale.idle);
        let resident = process::resident_mb(pid);
        eprintln!("  {:<14} {resident:.1} MB resident, {cpu:.2} % CPU", row.id);
        self.add(row, rows::RESIDENT_MB, resident);
        self.add(row, rows::IDLE_CPU_PERCENT, cpu);
    }

    /// Many members of one group, and many groups.
    pub fn groups(&mut self, options: &Options, wanted: &[&Row]) -> Result<(), Fault> {
        let rows: Vec<&&Row> = wanted.iter().filter(|row| row.work.scene() == Scene::Groups).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let mut broker = Broker::new(self.kind, options)?;
        broker.start()?;
        self.warm_up(&broker)?;
        for row in rows {
            let partitions = match row.work {
                Work::Members { members, .. } => members as i32,
                _ => 1,
            };
            let target = target(&broker, row.id, partitions);
            let done = admin::create_topic(&target).and_then(|()| match row.work {
                Work::Members { protocol, members } => {
                    // The first time, a just-in-time compiler meets what it has not seen.
                    let warm = admin::Target { topic: target.topic.clone() + "-warm-up", ..target.clone() };
                    admin::create_topic(&warm)?;
                    members::agree(&warm, protocol, members / 10)?;
                    let agreed = members::agree(&target, protocol, members)?;
                    eprintln!("  {:<14} {:.0} ms", row.id, agreed.as_secs_f64() * 1e3);
                    self.add(row, rows::AGREED_MS, agreed.as_secs_f64() * 1e3);
                    Ok(())
                }
                Work::Groups { groups } => {
                    let (settle, idle) = (self.scale.settle, self.scale.idle);
                    let (cpu, resident) = members::rest(&target, groups, || {
                        thread::sleep(settle);
                        let pid = target.pid.unwrap_or_default();
                        (process::idle_cpu_percent(pid, idle), process::resident_mb(pid))
                    })?;
                    eprintln!("  {:<14} {resident:.1} MB resident, {cpu:.2} % CPU", row.id);
                    self.add(row, rows::IDLE_CPU_PERCENT, cpu);
                    self.add(row, rows::RESIDENT_MB, resident);
                    Ok(())
                }
                _ => Ok(()),
            });
            self.note(row.id, done);
            rest();
        }
        Ok(())
    }

    /// Kill and start again with many committed offsets; then once more without what a broker keeps beside its logs.
    pub fn offsets(&mut self, options: &Options, wanted: &[&Row]) -> Result<(), Fault> {
        let Some((row, groups, partitions, times)) = wanted.iter().find_map(|row| match row.work {
            Work::Offsets { groups, partitions, times } => Some((*row, groups, partitions, times)),
            _ => None,
        }) else {
            return Ok(());
        };
        let mut broker = Broker::new(self.kind, options)?;
        broker.start()?;
        let all = target(&broker, row.id, partitions);
        admin::create_topic(&all)?;
        offsets::fill(&all, groups, times)?;
        offsets::await_served(&all, groups)?;
        let views = Views::of(&broker);
        views.as_ref().map_or(Ok(()), Views::await_rest)?;
        thread::sleep(self.scale.settle);
        let resident = broker.pid().map_or(f64::NAN, process::resident_mb);
        self.add(row, rows::RESIDENT_MB, resident);
        broker.kill()?;
        let (ready, served) = self.serve_again(&mut broker, &all, groups)?;
        self.add(row, rows::READY_MS, ready);
        self.add(row, rows::SERVED_MS, served);
        eprintln!("  {:<14} {resident:.1} MB resident, ready in {ready:.1} ms, served in {served:.1} ms", row.id);
        let Some(views) = views else { return Ok(()) };
        let (all_rows, rows) = (groups * partitions as usize, views.rows_loaded()?);
        if rows < all_rows {
            return Err(Fault::Usage(format!("the view gave {rows} of {all_rows} offsets: it did not take part")));
        }
        broker.kill()?;
        views.remove()?;
        let (_, served) = self.serve_again(&mut broker, &all, groups)?;
        eprintln!("  {:<14} without the view served in {served:.1} ms", row.id);
        match views.rows_loaded()? {
            0 => self.add(row, rows::VIEWLESS_MS, served),
            rows => return Err(Fault::Usage(format!("{rows} offsets came out of a view that was deleted"))),
        }
        Ok(())
    }

    /// Milliseconds until the first answer, and until every group has its offsets.
    fn serve_again(&self, broker: &mut Broker, of: &admin::Target, groups: usize) -> Result<(f64, f64), Fault> {
        let ready = broker.start()?;
        let answered = Instant::now();
        offsets::await_served(of, groups)?;
        let ready_ms = ready.as_secs_f64() * 1e3;
        Ok((ready_ms, ready_ms + answered.elapsed().as_secs_f64() * 1e3))
    }
}
