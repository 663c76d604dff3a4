//! What the dashboard shows, in words and shapes, made from what it has read.

use std::time::Duration;

use super::kept::Slow;
use super::marks::{marked, marks};
use super::next::Due;
use super::{Ailing, Failing, Fleet, Flow, NodeLine, QueueLine, Queues, Span, Step, Unheard, is_behind};
use crate::admin::health::service::Finding;
use crate::admin::queues::drains_in;
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
    /// Jobs that became ready per minute.
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
    /// What is not read again with each tick.
    pub slow: Slow,
    /// Queues.
    pub queues: Queues,
    /// What fails.
    pub failing: Vec<Failing>,
    /// What is due next.
    pub due: Vec<Due>,
    /// Nodes that are shown.
    pub nodes: Vec<NodeLine>,
    /// All nodes together.
    pub fleet: Fleet,
    /// Nodes that were not heard of.
    pub unheard: Vec<Unheard>,
    /// Nodes that take no new work.
    pub drains: Vec<Drain>,
    /// What is wrong with the database, as far as the viewer may know.
    pub database: Vec<Finding>,
    /// Schedules that need somebody.
    pub ailing: Vec<Ailing>,
}

/// Makes the flow band.
pub fn flow_band(facts: &Facts, now: Time) -> FlowBand {
    let flow = &facts.flow;
    let age = facts.queues.oldest.map(|since| (now - since).to_std().unwrap_or_default());
    let longest = flow.oldest_start.map(|start| (now - start).to_std().unwrap_or_default());
    let median = facts.slow.totals.run_p50.map(|half| format!("median {}", duration(half)));
    let parts = [median, longest.filter(|_| flow.running > 0).map(|age| format!("longest {}", duration(age)))];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    FlowBand {
        incoming: rate(flow.incoming_per_minute),
        scheduled: count(flow.scheduled),
        ready: count(flow.ready),
        oldest: age.map(duration).unwrap_or_default(),
        behind: facts.queues.lines.iter().any(|queue| is_late(queue, now)),
        drain: drain(flow),
        running: count(flow.running),
        slots: grouped(facts.fleet.slots.unsigned_abs()),
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

/// Says when the lines are empty if jobs come and go as in the last minutes; the jobs of paused queues do not go.
fn drain(flow: &Flow) -> String {
    drained_in(drains_in(flow.ready_going, flow.shorter_per_minute))
}

/// Says when a line is empty; empty when that is not known.
pub(super) fn drained_in(time: Option<Duration>) -> String {
    time.map(|time| format!("drains in ~{}", duration(time))).unwrap_or_default()
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
    let sum = |of: fn(&Step) -> i64| facts.steps.iter().map(of).sum::<i64>();
    let sums = (sum(|step| step.succeeded), sum(|step| step.attempts_failed));
    let marks = marks(&facts.slow.events, span, shell);
    let label = format!(
        "Jobs per minute over {}: {} succeeded, {} attempts failed.{}",
        span.words(),
        grouped(sums.0.unsigned_abs()),
        grouped(sums.1.unsigned_abs()),
        marked(&facts.slow.events, span, shell)
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
    let up = facts.fleet.nodes > 0;
    Some(vec![
        StartStep {
            tone: mark(up),
            title: "Connect a worker",
            text: if up { "A node is up and waits for work.".into() } else { "Start millrace serve with the role engine.".into() },
            act: "See nodes",
            href: paths::NODES,
        },
        StartStep {
            tone: mark(facts.slow.templates > 0),
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
            href: if may_draft && facts.slow.templates > 0 { paths::JOB_NEW } else { "" },
        },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_grows_has_no_drain_forecast() {
        let flow = |ready_going, shorter_per_minute| Flow { ready_going, shorter_per_minute, ..Flow::default() };

        assert_eq!([drain(&flow(100, -10.0)), drain(&flow(100, 0.0)), drain(&flow(9, 50.0))], [""; 3]);
        assert_eq!([drain(&flow(100, 50.0)), drain(&flow(50, 50.0))], ["drains in ~2m", "drains in ~1m"]);
    }
}
