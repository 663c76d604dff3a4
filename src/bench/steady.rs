//! How long jobs wait while they come at an even rate, each in a transaction of its own.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use diesel::sql_types::BigInt;
use serde_json::Value;

use super::figures::quantiles;
use super::meter::{Reading, Used};
use super::place::Place;
use super::reference::{Consumer, Reference};
use super::snapshot::Held;
use super::stage::{Stage, Starts, enqueue_one};
use super::{BenchError, Beside, Figures, joined, machine, say};
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::job::JobId;

/// Connections that share the rate.
const PRODUCERS: u32 = 2;
/// Longest wait for the last starts.
const START_WITHIN: Duration = Duration::from_secs(30);

type Seen = Receiver<(JobId, Instant)>;

/// How many parts of the flow are told apart: does it get worse with time?
const PARTS: usize = 10;

/// How long one job waited.
#[derive(Debug, Clone, Copy)]
struct Wait {
    /// When it was committed, in seconds since the flow began.
    at_s: f64,
    ms: f64,
}

/// How long jobs waited, and what it cost.
pub(super) struct Flow {
    waits: Vec<Wait>,
    pub(super) used: Used,
    pub(super) late: u64,
}

impl Flow {
    /// Gives the waits in milliseconds.
    pub(super) fn waits_ms(&self) -> Vec<f64> {
        self.waits.iter().map(|wait| wait.ms).collect()
    }
}

pub(super) fn run(url: &str, rate: u32, seconds: u32, beside: Beside) -> Result<Figures, BenchError> {
    let mut figures = Figures::of("steady");
    figures.settings = machine::describe(&mut super::place::connect(url)?)?;
    figures.settings.insert("rate_per_s", rate.into());
    figures.settings.insert("producers", PRODUCERS.into());
    figures.settings.insert("held_snapshot", (beside == Beside::HeldSnapshot).into());
    match beside {
        Beside::Nobody => {
            say("steady: by hand");
            add_reference(&mut figures, &by_hand(&Reference::open(url)?, rate, seconds)?);
            let place = Place::migrated(url)?;
            let stage = Stage::open(&place, 32, Starts::Told)?;
            say("steady: ours");
            add_flow(&mut figures, &ours(&place, &stage, rate, seconds)?);
        }
        Beside::HeldSnapshot => {
            // the reference falls over within minutes, so the end of the flow is compared with its beginning
            let place = Place::migrated(url)?;
            let stage = Stage::open(&place, 32, Starts::Told)?;
            let held = Held::open(&place)?;
            say("steady: ours, under a held snapshot");
            add_flow(&mut figures, &ours(&place, &stage, rate, seconds)?);
            held.end()?;
            figures.more.insert("dead_rows_in_ready", dead_rows(&place)?.into());
        }
    }
    Ok(figures)
}

fn add_flow(figures: &mut Figures, flow: &Flow) {
    let jobs = flow.waits.len() as u64;
    figures.jobs = Some(jobs);
    figures.seconds = Some(flow.used.wall.as_secs_f64());
    figures.jobs_per_s = Some((jobs as f64 / flow.used.wall.as_secs_f64()).round());
    figures.wal_bytes_per_job = Some((flow.used.wal_bytes as f64 / jobs.max(1) as f64).round());
    figures.commits_per_job = Some(flow.used.transactions as f64 / jobs.max(1) as f64);
    figures.set_quantiles(&mut flow.waits_ms());
    figures.more.insert("late_enqueues", flow.late.into());
    let parts = parts(&flow.waits);
    let told = |of: fn(&Part) -> Value| Value::from(parts.iter().map(of).collect::<Vec<_>>());
    figures.more.insert("p50_ms_by_tenth", told(|part| part.p50_ms.into()));
    figures.more.insert("p99_ms_by_tenth", told(|part| part.p99_ms.into()));
    figures.more.insert("backlog_by_tenth", told(|part| part.backlog.into()));
    add_cores(figures, ["postgres_cores", "node_cores"], &flow.used);
}

fn add_reference(figures: &mut Figures, flow: &Flow) {
    add_cores(figures, ["by_hand_postgres_cores", "by_hand_client_cores"], &flow.used);
    let names = ["by_hand_p50_ms", "by_hand_p95_ms", "by_hand_p99_ms"];
    names.into_iter().zip(quantiles(&mut flow.waits_ms())).for_each(|(name, value)| figures.add(name, value));
}

/// A tenth of the flow.
#[derive(Debug, PartialEq)]
struct Part {
    p50_ms: f64,
    p99_ms: f64,
    /// Jobs that were committed and had not begun when it was over.
    backlog: usize,
}

fn parts(waits: &[Wait]) -> Vec<Part> {
    let length = waits.iter().map(|wait| wait.at_s).fold(0.0, f64::max) / PARTS as f64;
    let part = |number: usize| {
        let (from, to) = (length * number as f64, length * (number + 1) as f64);
        let is_last = number + 1 == PARTS;
        let within = |wait: &&Wait| wait.at_s >= from && (wait.at_s < to || is_last);
        let [p50_ms, _, p99_ms] = quantiles(&mut waits.iter().filter(within).map(|wait| wait.ms).collect::<Vec<_>>());
        let waits_then = |wait: &&Wait| wait.at_s <= to && wait.at_s + wait.ms / 1e3 > to;
        Part { p50_ms, p99_ms, backlog: waits.iter().filter(waits_then).count() }
    };
    (0..PARTS).map(part).collect()
}

/// Rows that were claimed and could not be removed, as the statistics know them.
fn dead_rows(place: &Place) -> Result<i64, DbError> {
    const SQL: &str = "-- bench::dead_rows
SELECT pg_stat_get_dead_tuples('millrace.ready'::regclass)";
    let rows = statement(SQL).tuples::<BigInt, i64>(&mut place.connect()?)?;
    Ok(rows.first().copied().unwrap_or(0))
}

/// How many cores were busy; the node's figure holds the producers too.
fn add_cores(figures: &mut Figures, names: [&'static str; 2], used: &Used) {
    let wall = used.wall.as_secs_f64();
    if let Some(cpu) = used.server_cpu {
        figures.add(names[0], cpu.as_secs_f64() / wall);
    }
    figures.add(names[1], used.own_cpu.as_secs_f64() / wall);
}

pub(super) fn ours(place: &Place, stage: &Stage, rate: u32, seconds: u32) -> Result<Flow, BenchError> {
    let producers = (0..PRODUCERS).map(|_| place.connect()).collect::<Result<Vec<_>, _>>()?;
    flow(place.connect()?, producers, &stage.starts, rate, seconds, |conn, n| enqueue_one(conn, n, true))
}

pub(super) fn by_hand(queue: &Reference, rate: u32, seconds: u32) -> Result<Flow, BenchError> {
    let (sender, starts) = crossbeam_channel::unbounded();
    let _consumer = Consumer::start(queue, sender)?;
    let producers = (0..PRODUCERS).map(|_| queue.connect()).collect::<Result<Vec<_>, _>>()?;
    flow(queue.connect()?, producers, &starts, rate, seconds, |conn, n| queue.enqueue_one(conn, n, true).map(JobId))
}

fn flow(
    mut watch: PgConnection,
    producers: Vec<PgConnection>,
    starts: &Seen,
    rate: u32,
    seconds: u32,
    enqueue: impl Fn(&mut PgConnection, u32) -> Result<JobId, DbError> + Sync,
) -> Result<Flow, BenchError> {
    let before = Reading::take(&mut watch)?;
    let pace = Duration::from_secs_f64(f64::from(PRODUCERS) / f64::from(rate.max(1)));
    let each = rate * seconds / PRODUCERS;
    let begin = Instant::now();
    let enqueue = &enqueue;
    let made = std::thread::scope(|scope| {
        let first = |number: usize| begin + pace.mul_f64(number as f64 / f64::from(PRODUCERS));
        let threads: Vec<_> = producers
            .into_iter()
            .enumerate()
            .map(|(number, conn)| scope.spawn(move || produce(conn, first(number), pace, each, enqueue)))
            .collect();
        threads.into_iter().map(joined).collect::<Result<Vec<Made>, BenchError>>()
    })?;
    let late = made.iter().map(|made| made.late).sum();
    let committed: HashMap<JobId, Instant> = made.into_iter().flat_map(|made| made.committed).collect();
    let waits = waits(starts, &committed, begin)?;
    Ok(Flow { waits, used: Reading::take(&mut watch)?.since(&before), late })
}

/// What one producer did.
#[derive(Default)]
struct Made {
    committed: Vec<(JobId, Instant)>,
    /// Enqueues that began more than 10 ms after their time.
    late: u64,
}

fn produce(
    mut conn: PgConnection,
    first: Instant,
    pace: Duration,
    jobs: u32,
    enqueue: impl Fn(&mut PgConnection, u32) -> Result<JobId, DbError>,
) -> Result<Made, DbError> {
    let mut made = Made::default();
    for n in 0..jobs {
        let due = first + pace * n;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        made.late += u64::from(due.elapsed() > Duration::from_millis(10));
        let id = enqueue(&mut conn, n)?;
        made.committed.push((id, Instant::now()));
    }
    Ok(made)
}

fn waits(starts: &Seen, committed: &HashMap<JobId, Instant>, begin: Instant) -> Result<Vec<Wait>, BenchError> {
    let mut waits = Vec::with_capacity(committed.len());
    while waits.len() < committed.len() {
        let (job, began) = starts.recv_timeout(START_WITHIN).map_err(|_| BenchError::Stuck {
            done: waits.len() as u64,
            jobs: committed.len() as u64,
            seconds: START_WITHIN.as_secs(),
        })?;
        if let Some(committed) = committed.get(&job) {
            let ms = began.saturating_duration_since(*committed).as_secs_f64() * 1e3;
            waits.push(Wait { at_s: committed.saturating_duration_since(begin).as_secs_f64(), ms });
        }
    }
    Ok(waits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_that_falls_behind_shows_it_from_tenth_to_tenth() {
        let even: Vec<Wait> = (0..100).map(|n| Wait { at_s: f64::from(n) / 10.0, ms: 1.0 }).collect();
        let behind: Vec<Wait> = even.iter().map(|wait| Wait { ms: wait.at_s * 1_000.0, ..*wait }).collect();

        assert!(parts(&even).iter().all(|part| part.p99_ms == 1.0 && part.backlog <= 1), "{:?}", parts(&even));
        let backlogs: Vec<usize> = parts(&behind).iter().map(|part| part.backlog).collect();
        assert!(backlogs.is_sorted() && backlogs[9] > 40, "{backlogs:?}");
        assert!(parts(&behind)[9].p99_ms > 9.0 * parts(&behind)[0].p99_ms);
    }
}
