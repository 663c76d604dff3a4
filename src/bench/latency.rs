//! How long a lone job waits on an idle engine: from the moment its producer sees the commit to the first line of its
//! handler.

use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use super::figures::quantiles;
use super::place::Place;
use super::reference::{Consumer, Reference};
use super::stage::{Stage, Starts, enqueue_one, ring};
use super::{BenchError, Figures, machine, say};
use crate::base::db::{DbError, PgConnection};
use crate::queue::job::JobId;

/// Jobs before the measured ones: plans, caches and threads become warm.
const WARM_UP: u32 = 20;
/// Pause after each job, so that the engine is idle when the next one comes.
const PAUSE: Duration = Duration::from_millis(5);
/// Longest wait for one start.
const START_WITHIN: Duration = Duration::from_secs(10);

type Seen = Receiver<(JobId, Instant)>;

pub(super) fn run(url: &str, jobs: u32) -> Result<Figures, BenchError> {
    let mut figures = Figures::of("latency");
    figures.settings = machine::describe(&mut super::place::connect(url)?)?;
    figures.jobs = Some(u64::from(jobs));
    let mut by_hand = by_hand(url, jobs)?;
    let (mut notified, mut rung) = ours(url, jobs)?;
    figures.set_quantiles(&mut notified);
    for (names, waits) in [
        (["rung_p50_ms", "rung_p95_ms", "rung_p99_ms"], &mut rung),
        (["by_hand_p50_ms", "by_hand_p95_ms", "by_hand_p99_ms"], &mut by_hand),
    ] {
        let found = quantiles(waits);
        names.into_iter().zip(found).for_each(|(name, value)| figures.add(name, value));
    }
    Ok(figures)
}

/// Waits with the notification inside the enqueueing transaction, and with a ring after its commit.
fn ours(url: &str, jobs: u32) -> Result<(Vec<f64>, Vec<f64>), BenchError> {
    let place = Place::migrated(url)?;
    let stage = Stage::open(&place, 32, Starts::Told)?;
    let mut conn = place.connect()?;
    say("latency: notified by the transaction");
    let notified = one_by_one(&mut conn, &stage.starts, jobs, |conn, n| {
        enqueue_one(conn, n, true)?;
        Ok(Instant::now())
    })?;
    say("latency: rung after the commit");
    let rung = one_by_one(&mut conn, &stage.starts, jobs, |conn, n| {
        enqueue_one(conn, n, false)?;
        let committed = Instant::now();
        ring(conn)?;
        Ok(committed)
    })?;
    Ok((notified, rung))
}

fn by_hand(url: &str, jobs: u32) -> Result<Vec<f64>, BenchError> {
    let queue = Reference::open(url)?;
    let (sender, starts) = crossbeam_channel::unbounded();
    let _consumer = Consumer::start(&queue, sender)?;
    let mut conn = queue.connect()?;
    say("latency: by hand");
    one_by_one(&mut conn, &starts, jobs, |conn, n| {
        queue.enqueue_one(conn, n, true)?;
        Ok(Instant::now())
    })
}

/// Gives the waits in milliseconds. `enqueue` tells when it saw its commit; a job that began before that waited nothing.
fn one_by_one(
    conn: &mut PgConnection,
    starts: &Seen,
    jobs: u32,
    enqueue: impl Fn(&mut PgConnection, u32) -> Result<Instant, DbError>,
) -> Result<Vec<f64>, BenchError> {
    let mut waits = Vec::new();
    for n in 0..WARM_UP + jobs {
        let committed = enqueue(conn, n)?;
        let (_, began) = starts.recv_timeout(START_WITHIN).map_err(|_| BenchError::Stuck {
            done: u64::from(n),
            jobs: u64::from(jobs),
            seconds: START_WITHIN.as_secs(),
        })?;
        if n >= WARM_UP {
            waits.push(began.saturating_duration_since(committed).as_secs_f64() * 1e3);
        }
        std::thread::sleep(PAUSE);
    }
    Ok(waits)
}
