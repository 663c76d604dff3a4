//! What one job costs that shares its transactions with no other: claimed alone and settled alone, as a lone command is. Bounded
//! by commits, whoever writes the SQL.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::drain::drain_once;
use super::figures::{median, rounded};
use super::meter::{Reading, Used};
use super::place::{Place, connect};
use super::reference::{Marks, Reference, Style, thin};
use super::stage::{BULK, Stage, enqueue_bulk, publish};
use super::{BenchError, Figures, joined, machine, say};
use crate::base::clock::{Clock, SystemClock};
use crate::base::db::{DbError, PgConnection};
use crate::base::text::NodeName;
use crate::queue::claim::{Claimed, Want, claim, pin_plan};
use crate::queue::fit::Labels;
use crate::queue::job::QueueId;
use crate::queue::node::{Incarnation, Introduction, register};
use crate::queue::settle::{Ending, Settlement, settle};

/// Backlog per connection and second: more than any machine we know works off.
const BACKLOG: u32 = 3_000;

/// How long a job takes on the engine.
const WORK: Duration = Duration::from_millis(5);

/// One round of one side.
struct Round {
    done: u64,
    used: Used,
}

impl Round {
    fn jobs_per_s(&self) -> f64 {
        self.done as f64 / self.used.wall.as_secs_f64()
    }

    fn commits_per_job(&self) -> f64 {
        self.used.transactions as f64 / self.done.max(1) as f64
    }
}

/// Both sides in turn. By hand, completing a job and claiming the next are one transaction; ours are two, for a job of ours may
/// run for an hour. The engine itself never works like that: what it makes of short jobs stands beside.
pub(super) fn run(url: &str, connections: u32, seconds: u32, rounds: u32) -> Result<Figures, BenchError> {
    let mut figures = Figures::of("single");
    figures.settings = machine::describe(&mut connect(url)?)?;
    figures.settings.insert("connections", connections.into());
    figures.settings.insert("rounds", rounds.into());
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        theirs.push(by_hand(url, connections, seconds)?);
        ours.push(our_round(url, connections, seconds)?);
        let (our, their) = (ours[ours.len() - 1].jobs_per_s(), theirs[theirs.len() - 1].jobs_per_s());
        say(&format!("round {round}: {our:.0} jobs/s, by hand {their:.0}, ratio {:.2}", our / their));
    }
    let of = |rounds: &[Round], what: fn(&Round) -> f64| median(&rounds.iter().map(what).collect::<Vec<_>>());
    let ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(our, their)| our.jobs_per_s() / their.jobs_per_s()).collect();
    figures.jobs = Some(ours.iter().map(|round| round.done).sum::<u64>() / u64::from(rounds.max(1)));
    figures.seconds = Some(f64::from(seconds));
    figures.jobs_per_s = Some(of(&ours, Round::jobs_per_s).round());
    figures.ceiling_jobs_per_s = Some(of(&theirs, Round::jobs_per_s).round());
    figures.ratio_to_ceiling = Some(rounded(median(&ratios)));
    figures.commits_per_job = Some(of(&ours, Round::commits_per_job));
    figures.add("ceiling_commits_per_job", of(&theirs, Round::commits_per_job));
    let commits = |round: &Round| round.used.transactions as f64 / round.used.wall.as_secs_f64();
    figures.add("commits_per_s", of(&ours, commits));
    figures.add("ceiling_commits_per_s", of(&theirs, commits));
    add_engine(&mut figures, url, connections, seconds)?;
    Ok(figures)
}

/// What the engine makes of it: as many slots, each busy with one short job after the other, whose claims and results share
/// transactions with those of the other slots.
fn add_engine(figures: &mut Figures, url: &str, slots: u32, seconds: u32) -> Result<(), BenchError> {
    let place = Place::migrated(url)?;
    let stage = Stage::open_working(&place, slots, WORK)?;
    let jobs = (f64::from(slots * seconds) / WORK.as_secs_f64()) as u32;
    let round = drain_once(&place, &stage, jobs)?;
    figures.add("engine_jobs_per_s", round.jobs_per_s);
    figures.add("engine_commits_per_job", round.drained.transactions as f64 / f64::from(jobs.max(1)));
    figures.add("engine_slots_busy", round.jobs_per_s * WORK.as_secs_f64() / f64::from(slots));
    figures.more.insert("engine_job_ms", (WORK.as_millis() as u64).into());
    Ok(())
}

fn our_round(url: &str, connections: u32, seconds: u32) -> Result<Round, BenchError> {
    let place = Place::migrated(url)?;
    let mut watch = place.connect()?;
    publish(&mut watch)?;
    enqueue_bulk(&mut watch, connections * seconds * BACKLOG)?;
    let name = NodeName::parse("bench").map_err(|error| DbError::Unavailable(error.to_string()))?;
    let slots = (connections, connections);
    let node = Introduction {
        name: &name,
        version: "bench",
        labels: &Labels::new(),
        queues: None,
        slots,
        slots_ceiling: connections,
        commands: "",
    };
    let me = register(&mut watch, &node)?;
    let workers = (0..connections).map(|_| place.connect()).collect::<Result<Vec<_>, _>>()?;
    measured(&mut watch, workers, seconds, |mut conn, ends| {
        pin_plan(&mut conn)?;
        count_until(ends, || one_of_ours(&mut conn, me))
    })
}

fn one_of_ours(conn: &mut PgConnection, me: Incarnation) -> Result<bool, DbError> {
    let Some(job) = claim(conn, me, &[Want::from_start(QueueId(1), 1)], 1)?.pop() else { return Ok(false) };
    Ok(settle(conn, me, &[succeeded(&job)])?.count() == 1)
}

fn succeeded(job: &Claimed) -> Settlement {
    let now = SystemClock.now();
    Settlement::plain(job, now, now, Ending::Succeeded { output: None })
}

fn by_hand(url: &str, connections: u32, seconds: u32) -> Result<Round, BenchError> {
    let queue = Reference::of(url, &thin::DESIGN, Style { marks: Marks::None, ..Style::BEST })?; // as ours claims here
    let mut watch = queue.connect()?;
    for first in (0..connections * seconds * BACKLOG).step_by(BULK as usize) {
        queue.enqueue(&mut watch, first, BULK)?;
    }
    let workers = (0..connections).map(|_| queue.worker()).collect::<Result<Vec<_>, _>>()?;
    measured(&mut watch, workers, seconds, |mut worker, ends| count_until(ends, || Ok(!worker.cycle(1)?.is_empty())))
}

/// Lets every worker do one job after the other for so many seconds.
fn measured<W: Send>(
    watch: &mut PgConnection,
    workers: Vec<W>,
    seconds: u32,
    work: impl Fn(W, &AtomicBool) -> Result<u64, DbError> + Sync,
) -> Result<Round, BenchError> {
    let (ends, work) = (AtomicBool::new(false), &work);
    let before = Reading::take(watch)?;
    let done = std::thread::scope(|scope| {
        let threads: Vec<_> = workers.into_iter().map(|conn| scope.spawn(|| work(conn, &ends))).collect();
        let end = Instant::now() + Duration::from_secs(seconds.into());
        std::thread::sleep(end.saturating_duration_since(Instant::now()));
        ends.store(true, Ordering::Relaxed);
        threads.into_iter().map(joined).sum::<Result<u64, BenchError>>()
    })?;
    Ok(Round { done, used: Reading::take(watch)?.since(&before) })
}

/// Does jobs until it is told to end, and counts them. One that cannot be done would falsify the figure.
fn count_until(ends: &AtomicBool, mut one: impl FnMut() -> Result<bool, DbError>) -> Result<u64, DbError> {
    let mut done = 0;
    while !ends.load(Ordering::Relaxed) {
        if !one()? {
            return Err(DbError::Unavailable("the backlog was too small to measure".into()));
        }
        done += 1;
    }
    Ok(done)
}
