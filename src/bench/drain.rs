//! How fast a backlog is worked off.

use super::figures::median;
use super::meter::{Reading, Used, peak_memory, reset_peak_memory};
use super::place::Place;
use super::reference::{self, Reference};
use super::stage::{BULK, Stage, Starts, enqueue_bulk, ring};
use super::{BenchError, Figures, machine, say};

/// One round of one side.
pub(super) struct Round {
    enqueued: Used,
    pub(super) drained: Used,
    pub(super) jobs_per_s: f64,
    peak_memory: u64,
}

/// Rounds of both sides in turn; the order changes, so that neither always comes after the other.
pub(super) fn run(url: &str, jobs: u32, slots: u32, rounds: u32) -> Result<Figures, BenchError> {
    let mut figures = Figures::of("drain");
    figures.settings = machine::describe(&mut super::place::connect(url)?)?;
    figures.settings.insert("slots", slots.into());
    figures.settings.insert("rounds", rounds.into());
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        if round % 2 == 1 {
            theirs.push(reference_round(url, jobs)?);
            ours.push(our_round(url, jobs, slots)?);
        } else {
            ours.push(our_round(url, jobs, slots)?);
            theirs.push(reference_round(url, jobs)?);
        }
        tell(round, jobs, &ours[ours.len() - 1], &theirs[theirs.len() - 1]);
    }
    summarize(&mut figures, jobs, &ours, &theirs);
    Ok(figures)
}

fn tell(round: u32, jobs: u32, our: &Round, their: &Round) {
    let ratio = our.jobs_per_s / their.jobs_per_s;
    say(&format!("round {round}: {}, by hand {}, ratio {ratio:.2}", our.shown(jobs), their.shown(jobs)));
}

impl Round {
    fn shown(&self, jobs: u32) -> String {
        let us = |cpu: std::time::Duration| cpu.as_secs_f64() * 1e6 / f64::from(jobs.max(1));
        let server = self.drained.server_cpu.map_or(0.0, us);
        format!("{:.0} jobs/s ({server:.1} + {:.1} µs)", self.jobs_per_s, us(self.drained.own_cpu))
    }
}

fn our_round(url: &str, jobs: u32, slots: u32) -> Result<Round, BenchError> {
    let place = Place::migrated(url)?;
    let stage = Stage::open(&place, slots, Starts::Counted)?;
    drain_once(&place, &stage, jobs)
}

/// Enqueues `jobs` on an idle engine, then lets it work them off. The engine sees nothing before all are there: they are
/// made in one transaction that wakes it when it commits.
pub(super) fn drain_once(place: &Place, stage: &Stage, jobs: u32) -> Result<Round, BenchError> {
    let mut conn = place.connect()?;
    let mut watch = place.connect()?;
    let target = stage.started() + u64::from(jobs);
    let begin = Reading::take(&mut watch)?;
    super::place::execute(&mut conn, "BEGIN")?;
    enqueue_bulk(&mut conn, jobs)?;
    reset_peak_memory();
    let before = Reading::take(&mut watch)?;
    super::place::execute(&mut conn, "COMMIT")?;
    ring(&mut conn)?;
    stage.wait_settled(&mut watch, target)?;
    let after = Reading::take(&mut watch)?;
    let drained = after.since(&before);
    let jobs_per_s = f64::from(jobs) / drained.wall.as_secs_f64();
    Ok(Round { enqueued: before.since(&begin), drained, jobs_per_s, peak_memory: peak_memory() })
}

fn reference_round(url: &str, jobs: u32) -> Result<Round, BenchError> {
    let queue = Reference::open(url)?;
    let mut conn = queue.connect()?;
    let begin = Reading::take(&mut conn)?;
    for first in (0..jobs).step_by(BULK as usize) {
        queue.enqueue(&mut conn, first, BULK.min(jobs - first))?;
    }
    let mut workers = queue.workers()?;
    let before = Reading::take(&mut conn)?;
    let done = reference::drain(&mut workers)?;
    let drained = Reading::take(&mut conn)?.since(&before);
    if done != u64::from(jobs) {
        return Err(BenchError::Stuck { done, jobs: u64::from(jobs), seconds: drained.wall.as_secs() });
    }
    let jobs_per_s = f64::from(jobs) / drained.wall.as_secs_f64();
    Ok(Round { enqueued: before.since(&begin), drained, jobs_per_s, peak_memory: 0 })
}

fn summarize(figures: &mut Figures, jobs: u32, ours: &[Round], theirs: &[Round]) {
    let of = |rounds: &[Round], what: &dyn Fn(&Round) -> f64| median(&rounds.iter().map(what).collect::<Vec<_>>());
    let count = f64::from(jobs.max(1));
    let rate = of(ours, &|round| round.jobs_per_s);
    let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(our, their)| our.jobs_per_s / their.jobs_per_s).collect();
    figures.jobs = Some(u64::from(jobs));
    figures.seconds = Some(of(ours, &|round| round.drained.wall.as_secs_f64()));
    figures.jobs_per_s = Some(rate.round());
    figures.ceiling_jobs_per_s = Some(of(theirs, &|round| round.jobs_per_s).round());
    figures.ratio_to_ceiling = Some(super::figures::rounded(median(&ratios)));
    figures.wal_bytes_per_job = Some(of(ours, &|round| round.drained.wal_bytes as f64 / count).round());
    figures.commits_per_job = Some(of(ours, &|round| round.drained.transactions as f64 / count));
    figures.add("enqueue_wal_bytes_per_job", of(ours, &|round| round.enqueued.wal_bytes as f64 / count));
    figures.add("ceiling_wal_bytes_per_job", of(theirs, &|round| round.drained.wal_bytes as f64 / count));
    figures.add("ceiling_enqueue_wal_bytes_per_job", of(theirs, &|round| round.enqueued.wal_bytes as f64 / count));
    let server = |round: &Round| round.drained.server_cpu.map_or(0.0, |cpu| cpu.as_secs_f64() * 1e6 / count);
    figures.add("postgres_cpu_us_per_job", of(ours, &server));
    figures.add("ceiling_postgres_cpu_us_per_job", of(theirs, &server));
    let own = |round: &Round| round.drained.own_cpu.as_secs_f64() * 1e6 / count;
    figures.add("node_cpu_us_per_job", of(ours, &own));
    figures.add("ceiling_client_cpu_us_per_job", of(theirs, &own));
    figures.add("node_peak_memory_mib", of(ours, &|round| round.peak_memory as f64 / f64::from(1 << 20)));
    figures.more.insert("ratios", ratios.iter().map(|ratio| super::figures::rounded(*ratio)).collect());
}
