//! How long jobs wait while they come at an even rate, each in a transaction of its own.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use super::figures::quantiles;
use super::meter::{Reading, Used};
use super::place::Place;
use super::reference::{Consumer, Reference};
use super::stage::{Stage, Starts, enqueue_one};
use super::{BenchError, Figures, joined, machine, say};
use crate::base::db::{DbError, PgConnection};
use crate::queue::job::JobId;

/// Connections that share the rate.
const PRODUCERS: u32 = 2;
/// Longest wait for the last starts.
const START_WITHIN: Duration = Duration::from_secs(30);

type Seen = Receiver<(JobId, Instant)>;

/// Waits in milliseconds and what it cost.
pub(super) struct Flow {
    pub(super) waits_ms: Vec<f64>,
    pub(super) used: Used,
    pub(super) late: u64,
}

pub(super) fn run(url: &str, rate: u32, seconds: u32) -> Result<Figures, BenchError> {
    let mut figures = Figures::of("steady");
    figures.settings = machine::describe(&mut super::place::connect(url)?)?;
    figures.settings.insert("rate_per_s", rate.into());
    figures.settings.insert("producers", PRODUCERS.into());
    say("steady: by hand");
    let mut theirs = by_hand(&Reference::open(url)?, rate, seconds)?;
    say("steady: ours");
    let place = Place::migrated(url)?;
    let stage = Stage::open(&place, 32, Starts::Told)?;
    let mut flow = ours(&place, &stage, rate, seconds)?;
    let jobs = flow.waits_ms.len() as u64;
    figures.jobs = Some(jobs);
    figures.seconds = Some(flow.used.wall.as_secs_f64());
    figures.jobs_per_s = Some((jobs as f64 / flow.used.wall.as_secs_f64()).round());
    figures.wal_bytes_per_job = Some((flow.used.wal_bytes as f64 / jobs.max(1) as f64).round());
    figures.commits_per_job = Some(flow.used.transactions as f64 / jobs.max(1) as f64);
    figures.set_quantiles(&mut flow.waits_ms);
    figures.more.insert("late_enqueues", flow.late.into());
    add_cores(&mut figures, ["postgres_cores", "node_cores"], &flow.used);
    add_cores(&mut figures, ["by_hand_postgres_cores", "by_hand_client_cores"], &theirs.used);
    let found = quantiles(&mut theirs.waits_ms);
    let names = ["by_hand_p50_ms", "by_hand_p95_ms", "by_hand_p99_ms"];
    names.into_iter().zip(found).for_each(|(name, value)| figures.add(name, value));
    Ok(figures)
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
    let waits_ms = waits(starts, &committed)?;
    Ok(Flow { waits_ms, used: Reading::take(&mut watch)?.since(&before), late })
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

fn waits(starts: &Seen, committed: &HashMap<JobId, Instant>) -> Result<Vec<f64>, BenchError> {
    let mut waits = Vec::with_capacity(committed.len());
    while waits.len() < committed.len() {
        let (job, began) = starts.recv_timeout(START_WITHIN).map_err(|_| BenchError::Stuck {
            done: waits.len() as u64,
            jobs: committed.len() as u64,
            seconds: START_WITHIN.as_secs(),
        })?;
        if let Some(committed) = committed.get(&job) {
            waits.push(began.saturating_duration_since(*committed).as_secs_f64() * 1e3);
        }
    }
    Ok(waits)
}
