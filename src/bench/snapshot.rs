//! How a snapshot that somebody holds open slows the engine: dead rows cannot be removed while it lives.

use super::drain::drain_once;
use super::figures::{median, rounded};
use super::place::{Place, execute};
use super::stage::{Stage, Starts};
use super::steady;
use super::{BenchError, Figures, machine, say};
use crate::base::db::{DbError, PgConnection};

/// A snapshot that an idle transaction holds.
pub(super) struct Held(PgConnection);

impl Held {
    /// Takes one.
    pub(super) fn open(place: &Place) -> Result<Self, DbError> {
        let mut conn = place.connect()?;
        execute(&mut conn, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM millrace.queues")?;
        Ok(Self(conn))
    }

    /// Lets it go. Fails when it was lost meanwhile: then nothing was held.
    pub(super) fn end(mut self) -> Result<(), DbError> {
        execute(&mut self.0, "SELECT count(*) FROM millrace.queues; COMMIT")
    }
}

/// Rate and length of the flow under the snapshot.
const FLOW: (u32, u32) = (1_000, 20);

/// A backlog is drained twice: free, and while a snapshot from before the first drain is held. Then jobs come at an even
/// rate.
pub(super) fn run(url: &str, jobs: u32, rounds: u32) -> Result<Figures, BenchError> {
    let mut figures = Figures::of("snapshot");
    figures.settings = machine::describe(&mut super::place::connect(url)?)?;
    figures.settings.insert("rounds", rounds.into());
    figures.settings.insert("flow_per_s", FLOW.0.into());
    let (mut free, mut held, mut waits) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=rounds {
        let free_rates = two_drains(url, jobs, false)?.0;
        let (held_rates, flow) = two_drains(url, jobs, true)?;
        say(&format!("round {round}: free {free_rates:.0?} jobs/s, under a held snapshot {held_rates:.0?}"));
        free.push(free_rates[1]);
        held.push(held_rates[1]);
        waits.extend(flow);
    }
    let ratios: Vec<f64> = held.iter().zip(&free).map(|(held, free)| held / free).collect();
    figures.jobs = Some(u64::from(jobs));
    figures.jobs_per_s = Some(median(&held).round());
    figures.add("free_jobs_per_s", median(&free));
    figures.ratio_to_baseline = Some(rounded(median(&ratios)));
    figures.set_quantiles(&mut waits);
    Ok(figures)
}

/// Gives both rates, and under a snapshot the waits of the flow after them.
fn two_drains(url: &str, jobs: u32, held: bool) -> Result<([f64; 2], Vec<f64>), BenchError> {
    let place = Place::migrated(url)?;
    let stage = Stage::open(&place, 32, Starts::Told)?;
    let holder = held.then(|| Held::open(&place)).transpose()?;
    let first = drain_once(&place, &stage, jobs)?.jobs_per_s;
    let second = drain_once(&place, &stage, jobs)?.jobs_per_s;
    let waits = match holder {
        Some(holder) => {
            let flow = steady::ours(&place, &stage, FLOW.0, FLOW.1)?;
            holder.end()?;
            flow.waits_ms()
        }
        None => Vec::new(),
    };
    Ok(([first, second], waits))
}
