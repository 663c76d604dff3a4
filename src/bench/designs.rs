//! Compares table designs with each other, each hand-written as fast as we can: what the product's tables were chosen by.
//!
//! All do the same work with the same rows, batches, connections and durability on one server, by turns.

use super::figures::Rounds;
use super::meter::{Reading, Used};
use super::reference::{self, Design, Marks, Plans, Reference, Style, Trips, Worker, moved, one_table, thin};
use super::stage::{BULK, payload};
use super::steady;
use super::{BenchError, Figures, machine, say};
use crate::base::db::PgConnection;
use crate::bench::figures::quantiles;

/// Jobs a second of the even flow.
const RATE: u32 = 1_000;

/// What designs are compared in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Enqueueing in bulk and working off: speed, write-ahead log, CPU.
    Drain,
    /// Two backlogs under one held snapshot.
    Snapshot,
    /// A backlog beside many finished jobs.
    History,
    /// Waits while jobs come at an even rate, free and under a held snapshot.
    Steady,
}

/// How designs are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trial {
    /// In what.
    pub question: Question,
    /// Jobs of one backlog.
    pub jobs: u32,
    /// Rounds; the median counts.
    pub rounds: u32,
    /// Bytes of a job's payload, at least.
    pub payload_bytes: u32,
    /// Finished jobs that are there already ([`Question::History`]).
    pub finished: u32,
    /// Length of the even flow ([`Question::Steady`]).
    pub seconds: u32,
}

/// A design and how it is worked on.
#[derive(Clone, Copy)]
struct Contender {
    name: &'static str,
    design: &'static Design,
    style: Style,
}

const THIN: Contender = Contender { name: thin::DESIGN.name, design: &thin::DESIGN, style: Style::BEST };
const ONE_TABLE: Contender = Contender { name: one_table::DESIGN.name, design: &one_table::DESIGN, ..THIN };
const MOVED: Contender = Contender { name: moved::DESIGN.name, design: &moved::DESIGN, ..THIN };
const UNMARKED: Contender =
    Contender { name: "thin, no mark", style: Style { marks: Marks::None, ..Style::BEST }, ..THIN };
const UNPINNED: Contender =
    Contender { name: "thin, planner free", style: Style { plans: Plans::Free, ..Style::BEST }, ..THIN };
const PLAIN: Contender =
    Contender { name: "thin, neither", style: Style { plans: Plans::Free, marks: Marks::None, ..Style::BEST }, ..THIN };
const BY_KEY: Contender = Contender { name: "thin, claim by key", design: &thin::BY_KEY, ..THIN };
const TWO_TRIPS: Contender =
    Contender { name: "thin, settle apart", style: Style { trips: Trips::Two, ..Style::BEST }, ..THIN };

pub(super) fn run(url: &str, trial: Trial) -> Result<Figures, BenchError> {
    let mut figures = Figures::of("designs");
    figures.settings = machine::describe(&mut super::place::connect(url)?)?;
    figures.settings.insert("rounds", trial.rounds.into());
    figures.settings.insert("payload_bytes", made_payload(0, trial.payload_bytes).len().into());
    figures.jobs = Some(trial.jobs.into());
    let rounds = match trial.question {
        Question::Drain => drains(url, trial),
        Question::Snapshot => snapshots(url, trial),
        Question::History => histories(url, trial),
        Question::Steady => flows(url, trial),
    }?;
    figures.compared = rounds.compared();
    Ok(figures)
}

/// Every contender in every round; each round begins with another one.
fn by_turns(
    contenders: &[Contender],
    trial: Trial,
    mut one: impl FnMut(&Contender, &mut Rounds) -> Result<f64, BenchError>,
) -> Result<Rounds, BenchError> {
    let mut noted = Rounds::default();
    contenders.iter().for_each(|contender| noted.begin(contender.name));
    for round in 0..trial.rounds as usize {
        let mut rates = vec![0.0; contenders.len()];
        for turn in 0..contenders.len() {
            let at = (round + turn) % contenders.len();
            rates[at] = one(&contenders[at], &mut noted)?;
            say(&format!("round {}: {}: {:.0} jobs/s", round + 1, contenders[at].name, rates[at]));
        }
        let ratios = contenders.iter().zip(&rates).map(|(contender, rate)| (contender.name, rate / rates[0]));
        ratios.for_each(|(name, ratio)| noted.note(name, "to_first", ratio));
    }
    Ok(noted)
}

fn drains(url: &str, trial: Trial) -> Result<Rounds, BenchError> {
    let contenders = [THIN, ONE_TABLE, MOVED, UNMARKED, UNPINNED, BY_KEY, TWO_TRIPS];
    by_turns(&contenders, trial, |contender, noted| {
        let backlog = Backlog::open(url, contender, trial)?;
        let enqueued = backlog.enqueue()?;
        let drained = backlog.drain()?;
        let jobs = f64::from(trial.jobs.max(1));
        let cpu = |used: &Used| used.server_cpu.map_or(0.0, |cpu| cpu.as_secs_f64() * 1e6 / jobs);
        let rate = jobs / drained.wall.as_secs_f64();
        for (figure, number) in [
            ("drain_jobs_per_s", rate),
            ("enqueue_jobs_per_s", jobs / enqueued.wall.as_secs_f64()),
            ("enqueue_wal_bytes", enqueued.wal_bytes as f64 / jobs),
            ("drain_wal_bytes", drained.wal_bytes as f64 / jobs),
            ("enqueue_cpu_us", cpu(&enqueued)),
            ("drain_cpu_us", cpu(&drained)),
        ] {
            noted.note(contender.name, figure, number);
        }
        Ok(rate)
    })
}

fn snapshots(url: &str, trial: Trial) -> Result<Rounds, BenchError> {
    let contenders = [THIN, ONE_TABLE, MOVED, UNMARKED, PLAIN];
    by_turns(&contenders, trial, |contender, noted| {
        let backlog = Backlog::open(url, contender, trial)?;
        let _holder = backlog.queue.hold_snapshot()?;
        let first = backlog.rate_of_one()?;
        let second = backlog.rate_of_one()?;
        noted.note(contender.name, "first_jobs_per_s", first);
        noted.note(contender.name, "second_jobs_per_s", second);
        noted.note(contender.name, "second_to_first", second / first);
        Ok(second)
    })
}

fn histories(url: &str, trial: Trial) -> Result<Rounds, BenchError> {
    let contenders = [THIN, ONE_TABLE, MOVED];
    let mut places = Vec::new();
    for contender in contenders {
        let (empty, laden) = (Backlog::open(url, &contender, trial)?, Backlog::open(url, &contender, trial)?);
        laden.queue.fill(trial.finished)?;
        places.push((contender.name, empty, laden));
    }
    by_turns(&contenders, trial, |contender, noted| {
        let (name, empty, laden) = &places[contenders.iter().position(|c| c.name == contender.name).unwrap_or(0)];
        let (free, burdened) = (empty.rate_of_one()?, laden.rate_of_one()?);
        noted.note(name, "empty_jobs_per_s", free);
        noted.note(name, "laden_jobs_per_s", burdened);
        noted.note(name, "laden_to_empty", burdened / free);
        Ok(burdened)
    })
}

fn flows(url: &str, trial: Trial) -> Result<Rounds, BenchError> {
    by_turns(&[THIN, ONE_TABLE, MOVED, PLAIN], trial, |contender, noted| {
        let queue = Reference::of(url, contender.design, contender.style)?;
        note_flow(noted, contender.name, ["free_p50_ms", "free_p99_ms", "free_cores"], &queue, trial)?;
        let _holder = queue.hold_snapshot()?;
        let rate = note_flow(noted, contender.name, ["held_p50_ms", "held_p99_ms", "held_cores"], &queue, trial)?;
        Ok(rate)
    })
}

/// Gives the jobs that were done in a second.
fn note_flow(
    noted: &mut Rounds,
    line: &'static str,
    figures: [&'static str; 3],
    queue: &Reference,
    trial: Trial,
) -> Result<f64, BenchError> {
    let flow = steady::by_hand(queue, RATE, trial.seconds)?;
    let (mut waits_ms, used) = (flow.waits_ms(), flow.used);
    let wall = used.wall.as_secs_f64();
    let rate = waits_ms.len() as f64 / wall;
    let [p50, _, p99] = quantiles(&mut waits_ms);
    noted.note(line, figures[0], p50);
    noted.note(line, figures[1], p99);
    noted.note(line, figures[2], used.server_cpu.map_or(0.0, |cpu| cpu.as_secs_f64() / wall));
    Ok(rate)
}

/// A queue that is filled and worked off.
struct Backlog {
    queue: Reference,
    trial: Trial,
}

impl Backlog {
    fn open(url: &str, contender: &Contender, trial: Trial) -> Result<Self, BenchError> {
        Ok(Self { queue: Reference::of(url, contender.design, contender.style)?, trial })
    }

    fn enqueue(&self) -> Result<Used, BenchError> {
        let mut conn = self.queue.connect()?;
        let before = Reading::take(&mut conn)?;
        for first in (0..self.trial.jobs).step_by(BULK as usize) {
            let numbers = first..first + BULK.min(self.trial.jobs - first);
            let payloads = numbers.map(|n| made_payload(n, self.trial.payload_bytes)).collect();
            self.queue.enqueue_payloads(&mut conn, payloads)?;
        }
        Ok(Reading::take(&mut conn)?.since(&before))
    }

    fn drain(&self) -> Result<Used, BenchError> {
        let mut workers = self.queue.workers()?;
        self.drain_with(&mut workers, &mut self.queue.connect()?)
    }

    fn drain_with(&self, workers: &mut [Worker], watch: &mut PgConnection) -> Result<Used, BenchError> {
        let before = Reading::take(watch)?;
        let done = reference::drain(workers)?;
        let used = Reading::take(watch)?.since(&before);
        let jobs = u64::from(self.trial.jobs);
        if done == jobs { Ok(used) } else { Err(BenchError::Stuck { done, jobs, seconds: used.wall.as_secs() }) }
    }

    /// Enqueues a backlog and works it off; gives the jobs a second of the second.
    fn rate_of_one(&self) -> Result<f64, BenchError> {
        self.enqueue()?;
        Ok(f64::from(self.trial.jobs) / self.drain()?.wall.as_secs_f64())
    }
}

/// Payload of job number `n`; what is missing to `bytes` is filled with digits that do not compress.
fn made_payload(n: u32, bytes: u32) -> String {
    let mut made = payload(n);
    let missing = (bytes as usize).saturating_sub(made.to_string().len());
    if missing > 0 {
        let mut state = u64::from(n) + 1;
        let mut more = String::with_capacity(missing + 16);
        while more.len() < missing {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            more.push_str(&format!("{state:016x}"));
        }
        more.truncate(missing.saturating_sub(r#","more":"""#.len()));
        made["more"] = more.into();
    }
    made.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_have_the_wanted_length() {
        for (wanted, length) in [(0, payload(7).to_string().len()), (500, 500), (2_000, 2_000)] {
            assert_eq!(made_payload(7, wanted).len(), length);
        }
    }
}
