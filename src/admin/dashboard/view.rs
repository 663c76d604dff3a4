//! What the dashboard shows, in words and shapes, made from what it has read.

use std::time::Duration;

use super::marks::{Event, marked, marks};
use super::next::Due;
use super::{Ailing, Failing, Flow, NodeLine, QueueLine, Span, Step, Totals, is_behind};
use crate::admin::health::Peak;
use crate::admin::health::service::Finding;
use crate::base::clock::Time;
use crate::queue::node::Drain;
use crate::web::charts::{Bars, Ribbon, Series, Tick, ribbon, short};
use crate::web::format::{Count, count, duration, grouped, relative};
use crate::web::paths;
use crate::web::shell::Shell;
use crate::web::tone::Tone;

/// A step of an empty system's first card.
pub struct StartStep {
    /// Done or to do.
    pub tone: Tone,
    /// What.
    pub title: &'static str,
    /// How.
    pub text: String,
    /// The act's word.
    pub act: &'static str,
    /// The act's address; empty for none.
    pub href: &'static str,
}

/// The flow band.
pub struct FlowBand {
    /// Jobs enqueued per minute.
    pub incoming: String,
    /// Waiting for their time.
    pub scheduled: Count,
    /// Waiting for a slot.
    pub ready: Count,
    /// Age of the oldest ready one; empty for none.
    pub oldest: String,
    /// That age is too high.
    pub behind: bool,
    /// When the line will be empty at the present rate; empty when not known.
    pub drain: String,
    /// Under a lease.
    pub running: Count,
    /// Worker threads of nodes that are up.
    pub slots: String,
    /// Median and longest run.
    pub running_for: String,
    /// Jobs that succeeded per minute.
    pub succeeded: String,
    /// Waiting for their backoff.
    pub retrying: Count,
    /// When the next retry is due.
    pub next_retry: String,
    /// Failed for good in the last hour.
    pub failed: Count,
}

/// Everything that was read.
pub struct Facts {
    /// The flow.
    pub flow: Flow,
    /// Bars of the range.
    pub steps: Vec<Step>,
    /// Sums of the range.
    pub totals: Totals,
    /// Sums of the last day, for the success tile.
    pub day: Totals,
    /// Queues.
    pub queues: Vec<QueueLine>,
    /// What fails.
    pub failing: Vec<Failing>,
    /// What is due next.
    pub due: Vec<Due>,
    /// Nodes.
    pub nodes: Vec<NodeLine>,
    /// Nodes that take no new work.
    pub drains: Vec<Drain>,
    /// The run time that 95 % kept a week before.
    pub run_week_ago: Option<Duration>,
    /// The busiest moment of the last day.
    pub peak: Option<Peak>,
    /// What people did within the range that may explain a bend.
    pub events: Vec<Event>,
    /// What is wrong with the database, as far as the viewer may know.
    pub database: Vec<Finding>,
    /// Schedules that need somebody.
    pub ailing: Vec<Ailing>,
    /// Templates that can be enqueued.
    pub templates: i64,
}

pub(super) fn slots(nodes: &[NodeLine]) -> (i64, i64) {
    let up = || nodes.iter().filter(|node| node.state != "down");
    (up().map(|node| i64::from(node.busy)).sum(), up().map(|node| i64::from(node.slots)).sum())
}

/// Makes the flow band.
pub fn flow_band(facts: &Facts, now: Time) -> FlowBand {
    let flow = &facts.flow;
    let oldest = facts.queues.iter().filter(|queue| !queue.paused).filter_map(|queue| queue.oldest).min();
    let age = oldest.map(|since| (now - since).to_std().unwrap_or_default());
    let longest = flow.oldest_start.map(|start| (now - start).to_std().unwrap_or_default());
    let median = facts.totals.run_p50.map(|half| format!("median {}", duration(half)));
    let parts = [median, longest.filter(|_| flow.running > 0).map(|age| format!("longest {}", duration(age)))];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    FlowBand {
        incoming: rate(flow.incoming_per_minute),
        scheduled: count(flow.scheduled),
        ready: count(flow.ready),
        oldest: age.map(duration).unwrap_or_default(),
        behind: facts.queues.iter().any(|queue| is_late(queue, now)),
        drain: drain(flow, facts.queues.iter().filter(|queue| queue.paused).map(|queue| queue.ready).sum()),
        running: count(flow.running),
        slots: grouped(slots(&facts.nodes).1.unsigned_abs()),
        running_for: if parts.is_empty() { "nothing has run in this range".into() } else { parts.join(" · ") },
        succeeded: rate(flow.succeeded_per_minute),
        retrying: count(flow.retrying),
        next_retry: flow.next_retry.map(|at| format!("next {}", relative(at, now))).unwrap_or_default(),
        failed: count(flow.failed_last_hour),
    }
}

/// Tells whether the oldest job of a queue waits longer than it should; one that is paused waits for somebody.
pub(super) fn is_late(queue: &QueueLine, now: Time) -> bool {
    let age = queue.oldest.map(|since| (now - since).to_std().unwrap_or_default());
    !queue.paused && age.is_some_and(|age| is_behind(age, queue.target()))
}

fn rate(per_minute: f64) -> String {
    if per_minute >= 10.0 { grouped(per_minute.round() as u64) } else { short((per_minute * 10.0).round() / 10.0) }
}

/// Says when the line is empty if jobs come and go as in the last minutes; the jobs of paused queues do not go.
fn drain(flow: &Flow, paused: i64) -> String {
    let net = flow.succeeded_per_minute - flow.incoming_per_minute;
    let ready = flow.ready - paused;
    if ready < 10 || net <= 0.0 {
        return String::new();
    }
    format!("drains in ~{}", duration(Duration::from_secs_f64((ready as f64 / net * 60.0).min(1e8))))
}

/// Makes the three ribbons of the band; their thickness follows the numbers, on a log scale.
pub fn ribbons(flow: &Flow) -> [Ribbon; 3] {
    let width = |number: f64| 6.0 + 7.0 * (1.0 + number.max(0.0)).log10();
    let (incoming, ready) = (width(flow.incoming_per_minute), width(flow.ready as f64));
    let (running, done) = (width(flow.running as f64), width(flow.succeeded_per_minute));
    [
        ribbon(Tone::Ready, "g1", incoming, ready),
        ribbon(Tone::Running, "g2", ready, running),
        ribbon(Tone::Done, "g3", running, done),
    ]
}

/// Makes the throughput chart. Values are per minute whatever the length of a bar.
pub fn throughput(facts: &Facts, span: Span, shell: &Shell) -> Bars {
    let starts = span.bars(shell.now);
    let minutes = span.bar().as_secs_f64() / 60.0;
    let find = |at: &Time| facts.steps.iter().find(|step| step.at == *at);
    let values = |of: fn(&Step) -> i64| -> Vec<f64> {
        starts.iter().map(|at| find(at).map_or(0.0, |step| of(step) as f64 / minutes)).collect()
    };
    let (succeeded, failed) = (values(|step| step.succeeded), values(|step| step.attempts_failed));
    let sums = (facts.totals.succeeded, facts.steps.iter().map(|step| step.attempts_failed).sum::<i64>());
    let marks = marks(&facts.events, span, shell);
    let label = format!(
        "Jobs per minute over {}: {} succeeded, {} attempts failed.{}",
        span.words(),
        grouped(sums.0.unsigned_abs()),
        grouped(sums.1.unsigned_abs()),
        marked(&facts.events, span, shell)
    );
    let series = [
        Series { class: "b-ok", name: "Succeeded", values: &succeeded },
        Series { class: "b-bad", name: "Failed attempt", values: &failed },
    ];
    Bars { height_class: "h200", x_ticks: x_ticks(&starts, shell), marks, ..Bars::stacked(label, &series, None) }
}

fn x_ticks(starts: &[Time], shell: &Shell) -> Vec<Tick> {
    let last = starts.len().saturating_sub(1).max(1) as f64;
    let quarters = [0, 1, 2, 3].map(|quarter| starts.len() * quarter / 4);
    let words = |at: Time| {
        let shown = at.with_timezone(&shell.zone);
        if starts.len() > 1 && (starts[starts.len() - 1] - starts[0]).num_hours() > 36 {
            shown.format("%a %H:%M").to_string()
        } else {
            shown.format("%H:%M").to_string()
        }
    };
    let mut ticks: Vec<Tick> = quarters
        .into_iter()
        .filter_map(|place| starts.get(place).map(|at| Tick::along(words(*at), place as f64 / last * 100.0)))
        .collect();
    ticks.push(Tick::along("now", 100.0));
    ticks
}

/// Makes the first card of a system in which nothing was ever enqueued.
pub fn start_steps(facts: &Facts, may_draft: bool) -> Option<Vec<StartStep>> {
    if facts.flow.all > 0 {
        return None;
    }
    let mark = |done: bool| if done { Tone::Done } else { Tone::Ready };
    let up = facts.nodes.iter().any(|node| node.state != "down");
    Some(vec![
        StartStep {
            tone: mark(up),
            title: "Connect a worker",
            text: if up { "A node is up and waits for work.".into() } else { "Start millrace serve with the role engine.".into() },
            act: "See nodes",
            href: "",
        },
        StartStep {
            tone: mark(facts.templates > 0),
            title: "Write a job template",
            text: "A template says what to run: a command, an HTTP call, SQL or a Rust handler, and which parameters it takes.".into(),
            act: "New template",
            href: if may_draft { paths::TEMPLATE_NEW } else { "" },
        },
        StartStep {
            tone: Tone::Ready,
            title: "Enqueue a job",
            text: "From a form here, or from any program: SELECT millrace.enqueue('name', '{…}').".into(),
            act: "Enqueue a job",
            href: if may_draft && facts.templates > 0 { paths::JOB_NEW } else { "" },
        },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_grows_has_no_drain_forecast() {
        let flow = Flow { ready: 100, incoming_per_minute: 50.0, succeeded_per_minute: 40.0, ..Flow::default() };

        assert_eq!(drain(&flow, 0), "");
        let flow = Flow { succeeded_per_minute: 100.0, ..flow };
        assert_eq!(drain(&flow, 0), "drains in ~2m");
        assert_eq!([drain(&flow, 50), drain(&flow, 95)], ["drains in ~1m".to_owned(), String::new()]);
    }
}
