//! What limits cost that hold for every job and stop none.

use super::drain::drain_once;
use super::figures::{median, rounded};
use super::place::Place;
use super::stage::{Bounds, Stage, Starts};
use super::{BenchError, Figures, machine, say};

/// The same backlog is drained without limits and with every kind of them, by turns.
pub(super) fn run(url: &str, jobs: u32, rounds: u32) -> Result<Figures, BenchError> {
    let mut figures = Figures::of("limits");
    figures.settings = machine::describe(&mut super::place::connect(url)?)?;
    figures.settings.insert("rounds", rounds.into());
    let (mut free, mut bounded) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        let (without, with) = (drained(url, jobs, Bounds::None)?, drained(url, jobs, Bounds::All)?);
        say(&format!(
            "round {round}: without limits {without:.0} jobs/s, with all {with:.0}, ratio {:.2}",
            with / without
        ));
        free.push(without);
        bounded.push(with);
    }
    let ratios: Vec<f64> = bounded.iter().zip(&free).map(|(with, without)| with / without).collect();
    figures.jobs = Some(u64::from(jobs));
    figures.jobs_per_s = Some(median(&bounded).round());
    figures.add("free_jobs_per_s", median(&free));
    figures.ratio_to_baseline = Some(rounded(median(&ratios)));
    Ok(figures)
}

fn drained(url: &str, jobs: u32, bounds: Bounds) -> Result<f64, BenchError> {
    let place = Place::migrated(url)?;
    let stage = Stage::open_bounded(&place, 32, Starts::Counted, bounds)?;
    Ok(drain_once(&place, &stage, jobs)?.jobs_per_s)
}
