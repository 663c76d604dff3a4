//! What stands beside the counts of one queue, in words and shapes: waits, priorities, limits, nodes.

use std::time::Duration;

use crate::admin::queues::detail::{self, Lane, MIX_MAX, Server, Share, WAITING_MAX};
use crate::admin::queues::service::QueueError;
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::histogram::Histogram;
use crate::queue::permission::Permission;
use crate::web::apart::{Apart, Panel};
use crate::web::charts::{Bars, Fill, Series, Tick, fill};
use crate::web::format::{Count, between, count, duration, grouped, percent};
use crate::web::paths;
use crate::web::shell::Shell;
use crate::web::tone::Tone;

/// Upper ends of the steps of the histogram in milliseconds; one more step holds what waited longer.
const STEPS_MS: [u64; 10] = [10, 30, 100, 300, 1_000, 3_000, 10_000, 60_000, 300_000, 1_800_000];

/// Reads thousands of rows of the rollups.
pub const WAITS: Panel = Panel { id: "panel-waits", what: "Waiting times" };
/// Looks at thousands of running jobs.
pub const LANES: Panel = Panel { id: "panel-lanes", what: "Limits" };

/// What was read.
#[derive(Debug, Clone, Default)]
pub struct Found {
    pub waits: Apart<Histogram>,
    pub mix: Vec<Share>,
    pub lanes: Apart<Vec<Lane>>,
    pub servers: Vec<Server>,
}

impl Found {
    /// Reads it.
    pub fn read(conn: &mut PgConnection, shell: &Shell, queue: &str) -> Result<Self, QueueError> {
        Ok(Self {
            waits: Apart::read(conn, shell, WAITS, |tx| detail::waits(tx, queue))?,
            mix: detail::mix(conn, queue)?,
            lanes: Apart::read(conn, shell, LANES, |tx| detail::lanes(tx, queue))?,
            servers: detail::servers(conn, queue)?,
        })
    }
}

/// What is shown.
pub struct Beside {
    pub waits: Apart<Waits>,
    pub mix: Vec<MixLine>,
    pub lanes: Apart<Vec<LaneLine>>,
    pub servers: Vec<ServerLine>,
}

/// Jobs by how long they waited.
pub struct Waits {
    pub bars: Bars,
    /// Median and 95th percentile; empty when none began.
    pub words: String,
    /// The same as a table: step, jobs, share.
    pub steps: Vec<(String, Count, String)>,
}

/// Ready jobs of one priority.
pub struct MixLine {
    pub priority: i16,
    pub href: String,
    pub jobs: String,
    pub bar: Fill,
}

/// A limit with who holds its places.
pub struct LaneLine {
    pub what: String,
    /// It is a template's, not the queue's own.
    pub is_template: bool,
    /// Values of parameters, for those who may read arguments; may be empty.
    pub key: String,
    pub used: String,
    pub bar: Fill,
    pub waiting: String,
    /// Nobody waits.
    pub idle: bool,
    /// The job that has held a place longest: number, address, where and how long.
    pub holder: Option<(String, String, String)>,
}

/// A node that serves the queue.
pub struct ServerLine {
    pub name: String,
    pub href: String,
    pub slots: String,
    pub tone: Tone,
    pub word: &'static str,
}

impl Beside {
    /// Shows what was found to `actor`.
    pub fn new(actor: &Actor, shell: &Shell, queue: &str, found: &Found) -> Self {
        let most = found.mix.iter().map(|share| share.jobs).max().unwrap_or(0);
        Self {
            waits: found.waits.show(waits),
            mix: found.mix.iter().map(|share| mix_line(share, queue, most)).collect(),
            lanes: found.lanes.show(|lanes| lanes.iter().map(|lane| lane_line(lane, actor, shell)).collect()),
            servers: found.servers.iter().map(server_line).collect(),
        }
    }
}

fn waits(waits: &Histogram) -> Waits {
    let steps = steps(waits);
    Waits { bars: wait_bars(&steps, waits), words: words(waits), steps: table(&steps) }
}

/// Gives the words of each step and its jobs.
fn steps(waits: &Histogram) -> Vec<(String, i64)> {
    let mut counts = [0; STEPS_MS.len() + 1];
    for (upper, jobs) in waits.buckets() {
        // a bucket belongs where its middle lies, 2 % below its upper end
        let middle = upper.mul_f64(0.98);
        let step = STEPS_MS.iter().position(|ms| middle <= Duration::from_millis(*ms)).unwrap_or(STEPS_MS.len());
        counts[step] += jobs;
    }
    let ends = STEPS_MS.map(|ms| duration(Duration::from_millis(ms)).replace(".0 ", " "));
    let names = ends.iter().map(|end| format!("up to {end}")).chain([format!("over {}", ends[ends.len() - 1])]);
    names.zip(counts).collect()
}

fn wait_bars(steps: &[(String, i64)], waits: &Histogram) -> Bars {
    let values: Vec<f64> = steps.iter().map(|(_, jobs)| *jobs as f64).collect();
    let label = match words(waits) {
        none if none.is_empty() => "No job began in the last hour.".into(),
        words => format!("Jobs of the last hour by how long they waited for a slot: {words}."),
    };
    let series = [Series { class: "b-race", name: "Jobs", values: &values }];
    let slot = 100.0 / steps.len() as f64;
    // the tick of a step stands at its right end, where that wait is
    let tick = |(place, (name, _)): (usize, &(String, i64))| {
        let word = name.strip_prefix("up to ")?;
        (place % 2 == 0).then(|| Tick { anchor: "middle", ..Tick::along(word, (place + 1) as f64 * slot) })
    };
    let x_ticks = steps.iter().enumerate().filter_map(tick).collect();
    Bars { height_class: "h120", x_ticks, ..Bars::stacked(label, &series, None) }
}

fn words(waits: &Histogram) -> String {
    let quantile = |share: f64| waits.quantile(share).map(duration);
    match (quantile(0.5), quantile(0.95)) {
        (Some(half), Some(most)) => format!("median {half}, p95 {most}"),
        _ => String::new(),
    }
}

fn table(steps: &[(String, i64)]) -> Vec<(String, Count, String)> {
    let all: i64 = steps.iter().map(|(_, jobs)| jobs).sum();
    let share = |jobs: i64| percent(jobs.unsigned_abs(), all.unsigned_abs());
    steps.iter().map(|(name, jobs)| (name.clone(), count(*jobs), share(*jobs))).collect()
}

/// Says a number that was counted up to a bound.
fn bounded(number: i64, most: i64) -> String {
    let words = grouped(number.unsigned_abs());
    if number >= most { format!("{words} or more") } else { words }
}

fn mix_line(share: &Share, queue: &str, most: i64) -> MixLine {
    let (priority, jobs) = (share.priority, bounded(share.jobs, MIX_MAX));
    let pairs = [("state", "ready"), ("queue", queue), ("priority", &priority.to_string())];
    let label = format!("{jobs} ready jobs of priority {priority}");
    let bar = fill(share.jobs.unsigned_abs(), most.max(1).unsigned_abs(), label);
    MixLine { priority, href: paths::with_query(paths::JOBS, &pairs), jobs, bar: Fill { class: "b-race", ..bar } }
}

fn lane_line(lane: &Lane, actor: &Actor, shell: &Shell) -> LaneLine {
    let [used, most] = [lane.used, lane.jobs_max].map(|places| grouped(places.unsigned_abs().into()));
    let words = format!("{used} of {most} places");
    let values = lane.key.split_once(':').map(|(_, values)| values).filter(|values| !values.starts_with("md5:"));
    let held = |since| duration(between(since, shell.now));
    LaneLine {
        what: match &lane.template {
            Some(template) => template.clone(),
            None => "The queue".into(),
        },
        is_template: lane.template.is_some(),
        key: values.filter(|_| actor.may(Permission::ReadPayloads)).unwrap_or_default().into(),
        bar: fill(lane.used.unsigned_abs().into(), lane.jobs_max.unsigned_abs().into(), words.clone()),
        used: words,
        waiting: bounded(lane.waiting, WAITING_MAX),
        idle: lane.waiting == 0,
        holder: lane.job.map(|job| {
            let place = [lane.node.clone(), lane.since.map(held)].into_iter().flatten().collect::<Vec<_>>();
            (job.to_string(), paths::job(job), place.join(", "))
        }),
    }
}

fn server_line(server: &Server) -> ServerLine {
    let draining = server.state == "draining";
    ServerLine {
        href: paths::node(&server.name),
        name: server.name.clone(),
        slots: format!("{} of {} slots busy", server.busy, server.slots),
        tone: if draining { Tone::Paused } else { Tone::Done },
        word: if draining { "Draining" } else { "Takes work" },
    }
}

#[cfg(test)]
pub mod sample {
    use super::*;
    use crate::queue::job::JobId;
    use crate::web::shell::sample::shell;

    /// A queue with waits, two priorities, one full limit of a key and a node.
    pub fn found() -> Found {
        let mut waits = Histogram::default();
        [5, 20, 20, 40_000].into_iter().for_each(|ms| waits.add(Duration::from_millis(ms)));
        let lane = Lane {
            key: "k7:[\"acme <b>\"]".into(),
            template: Some("mail.send".into()),
            jobs_max: 2,
            used: 2,
            waiting: WAITING_MAX,
            job: Some(JobId(4_711)),
            node: Some("fra-01".into()),
            since: Some(shell().now - chrono::TimeDelta::seconds(90)),
        };
        Found {
            waits: Apart::Here(waits),
            mix: vec![Share { priority: 1, jobs: 12 }, Share { priority: 3, jobs: MIX_MAX }],
            lanes: Apart::Here(vec![lane]),
            servers: vec![Server { name: "fra-01".into(), state: "up".into(), busy: 3, slots: 8 }],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stand_in_their_steps_and_none_is_lost() {
        let mut waits = Histogram::default();
        let ms = [1, 9, 12, 95, 280, 950, 57_000, 65_000, 9_000_000];
        ms.into_iter().for_each(|ms| waits.add(Duration::from_millis(ms)));

        let steps = steps(&waits);

        let counts: Vec<i64> = steps.iter().map(|(_, jobs)| *jobs).collect();
        assert_eq!(counts, [2, 1, 1, 1, 1, 0, 0, 1, 1, 0, 1], "{steps:?}");
        assert_eq!(
            (steps[0].0.as_str(), steps[4].0.as_str(), steps[10].0.as_str()),
            ("up to 10 ms", "up to 1 s", "over 30m")
        );
        assert_eq!(table(&steps)[0].2, "22.2%");
    }

    #[test]
    fn what_is_counted_up_to_a_bound_says_so() {
        assert_eq!([bounded(9, 10), bounded(10, 10)], ["9", "10 or more"]);
    }
}
