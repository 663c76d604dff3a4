//! How fast jobs come in through the SQL door: one by one on several connections, or a thousand a call.

use std::time::{Duration, Instant};

use super::figures::{median, rounded};
use super::meter::{Reading, Used};
use super::place::Place;
use super::reference::{self, Reference};
use super::stage::{BULK, enqueue_call, enqueue_one, publish};
use super::{BenchError, Figures, joined, machine, say};
use crate::base::db::{DbError, PgConnection};

/// What one round of one side gave.
struct Round {
    jobs: u64,
    used: Used,
}

impl Round {
    fn jobs_per_s(&self) -> f64 {
        self.jobs as f64 / self.used.wall.as_secs_f64()
    }
}

/// Many connections, one job a transaction. Nobody is notified: that would measure the notification lock.
pub(super) fn single(url: &str, connections: u32, seconds: u32, rounds: u32) -> Result<Figures, BenchError> {
    let mut figures = Figures::of("enqueue");
    figures.settings = machine::describe(&mut super::place::connect(url)?)?;
    figures.settings.insert("connections", connections.into());
    figures.settings.insert("kind", "single".into());
    let length = Duration::from_secs(u64::from(seconds));
    let ours = |place: &Place| -> Result<Round, BenchError> {
        side_by_side(
            place.connect()?,
            connections,
            length,
            || place.connect(),
            |conn, n| enqueue_one(conn, n, false).map(drop),
        )
    };
    let theirs = |queue: &Reference| -> Result<Round, BenchError> {
        side_by_side(
            queue.connect()?,
            connections,
            length,
            || queue.connect(),
            |conn, n| reference::enqueue_one(conn, n, false).map(drop),
        )
    };
    compare(&mut figures, url, rounds, ours, theirs)?;
    Ok(figures)
}

/// One connection, 1,000 jobs a call and transaction.
pub(super) fn bulk(url: &str, jobs: u32, rounds: u32) -> Result<Figures, BenchError> {
    let mut figures = Figures::of("enqueue");
    figures.settings = machine::describe(&mut super::place::connect(url)?)?;
    figures.settings.insert("kind", "bulk".into());
    figures.settings.insert("jobs_per_call", BULK.into());
    let ours = |place: &Place| in_bulk(place.connect()?, place.connect()?, jobs, enqueue_call);
    let theirs = |queue: &Reference| in_bulk(queue.connect()?, queue.connect()?, jobs, reference::enqueue);
    compare(&mut figures, url, rounds, ours, theirs)?;
    figures.jobs = Some(u64::from(jobs));
    Ok(figures)
}

fn compare(
    figures: &mut Figures,
    url: &str,
    rounds: u32,
    our: impl Fn(&Place) -> Result<Round, BenchError>,
    their: impl Fn(&Reference) -> Result<Round, BenchError>,
) -> Result<(), BenchError> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        theirs.push(their(&Reference::open(url)?)?);
        let place = Place::migrated(url)?;
        publish(&mut place.connect()?)?;
        ours.push(our(&place)?);
        let rates = [&ours, &theirs].map(|side| side[side.len() - 1].jobs_per_s());
        say(&format!(
            "round {round}: {:.0} jobs/s, by hand {:.0}, ratio {:.2}",
            rates[0],
            rates[1],
            rates[0] / rates[1]
        ));
    }
    let of = |rounds: &[Round], what: fn(&Round) -> f64| median(&rounds.iter().map(what).collect::<Vec<_>>());
    let per_job = |round: &Round, total: f64| total / round.jobs.max(1) as f64;
    let ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(our, their)| our.jobs_per_s() / their.jobs_per_s()).collect();
    figures.jobs_per_s = Some(of(&ours, Round::jobs_per_s).round());
    figures.ceiling_jobs_per_s = Some(of(&theirs, Round::jobs_per_s).round());
    figures.ratio_to_ceiling = Some(rounded(median(&ratios)));
    let last = &ours[ours.len() - 1];
    figures.seconds = Some(last.used.wall.as_secs_f64());
    figures.wal_bytes_per_job = Some(per_job(last, last.used.wal_bytes as f64).round());
    figures.commits_per_job = Some(per_job(last, last.used.transactions as f64));
    if let Some(cpu) = last.used.server_cpu {
        figures.add("postgres_cpu_us_per_job", per_job(last, cpu.as_secs_f64() * 1e6));
    }
    Ok(())
}

fn side_by_side(
    mut watch: PgConnection,
    connections: u32,
    length: Duration,
    connect: impl Fn() -> Result<PgConnection, DbError>,
    enqueue: impl Fn(&mut PgConnection, u32) -> Result<(), DbError> + Sync,
) -> Result<Round, BenchError> {
    let mut conns = Vec::new();
    for n in 0..connections {
        let mut conn = connect()?;
        enqueue(&mut conn, n)?; // prepares the statement
        conns.push(conn);
    }
    let before = Reading::take(&mut watch)?;
    let end = Instant::now() + length;
    let until = |mut conn: PgConnection| -> Result<u64, DbError> {
        let mut done = 0;
        while Instant::now() < end {
            enqueue(&mut conn, done as u32)?;
            done += 1;
        }
        Ok(done)
    };
    let jobs = std::thread::scope(|scope| {
        let threads: Vec<_> = conns.into_iter().map(|conn| scope.spawn(|| until(conn))).collect();
        threads.into_iter().map(joined).sum::<Result<u64, BenchError>>()
    })?;
    Ok(Round { jobs, used: Reading::take(&mut watch)?.since(&before) })
}

fn in_bulk(
    mut watch: PgConnection,
    mut conn: PgConnection,
    jobs: u32,
    enqueue: impl Fn(&mut PgConnection, u32, u32) -> Result<(), DbError>,
) -> Result<Round, BenchError> {
    enqueue(&mut conn, 0, 1)?; // prepares the statement
    let before = Reading::take(&mut watch)?;
    for first in (0..jobs).step_by(BULK as usize) {
        enqueue(&mut conn, first, BULK.min(jobs - first))?;
    }
    Ok(Round { jobs: u64::from(jobs), used: Reading::take(&mut watch)?.since(&before) })
}
