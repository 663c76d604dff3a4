//! Rows of the dashboard: queues, what fails, nodes.

use super::view::{drained_in, is_late};
use super::{Failing, NodeLine, QueueLine};
use crate::admin::failures::{Look, look};
use crate::base::clock::Time;
use crate::queue::actor::Actor;
use crate::web::ansi::visible;
use crate::web::cells::cells;
use crate::web::charts::{Bar, Spark, Trend, spark, trend};
use crate::web::format::{Count, count, duration, grouped, percent, relative, stamp};
use crate::web::paths;
use crate::web::shell::Shell;

/// A queue's row.
pub struct QueueRow {
    /// Name.
    pub name: String,
    /// Its page.
    pub href: String,
    /// Takes no new work.
    pub paused: bool,
    /// Under a lease.
    pub running: String,
    /// Waiting.
    pub ready: Count,
    /// When its line is empty; empty when not known.
    pub drain: String,
    /// Age of the oldest.
    pub oldest: String,
    /// How old it should be at most; empty without a target.
    pub target: String,
    /// That age is too high.
    pub behind: bool,
    /// Ended attempts per minute over the last hour.
    pub spark: Spark,
    /// Ended attempts in the last full minute.
    pub per_minute: String,
    /// Share of attempts that failed in the last hour; empty when none did.
    pub failing: String,
    /// That share is above 1 %.
    pub failing_much: bool,
}

/// Something that fails.
pub struct FailingRow {
    /// Its identity.
    pub fingerprint: String,
    /// First line of the message.
    pub message: String,
    /// State with its look; `None` when it is not known.
    pub look: Option<Look>,
    /// Its group, or its jobs.
    pub href: String,
    /// Template.
    pub template: String,
    /// The first of them, as an age.
    pub since: String,
    /// Counts per two hours.
    pub trend: Trend,
    /// How many.
    pub count: Count,
}

/// A node's row.
pub struct NodeRow {
    /// Name.
    pub name: String,
    /// It is not up.
    pub down: bool,
    /// The row in words.
    pub words: String,
    /// One cell per slot, darker the longer its job runs.
    pub cells: Vec<Bar>,
    /// Busy and all slots.
    pub slots: String,
}

/// Makes a queue's row.
pub fn queue_row(queue: &QueueLine, now: Time) -> QueueRow {
    let age = queue.oldest.map(|since| (now - since).to_std().unwrap_or_default());
    let values: Vec<f64> = queue.per_minute.iter().map(|number| *number as f64).collect();
    let ended: i64 = queue.per_minute.iter().sum();
    let share = if ended == 0 { 0.0 } else { queue.attempts_failed as f64 / ended as f64 };
    QueueRow {
        name: queue.name.clone(),
        href: paths::queue(&queue.name),
        paused: queue.paused,
        running: grouped(queue.running.unsigned_abs()),
        ready: count(queue.ready),
        drain: drained_in(queue.drains_in()),
        oldest: age.map_or_else(|| "–".into(), duration),
        target: queue.target().map(duration).unwrap_or_default(),
        behind: is_late(queue, now),
        spark: spark(&values, "l1", format!("{}: attempts ended per minute, last hour", queue.name)),
        per_minute: queue.per_minute.last().map_or_else(|| "0".into(), |number| grouped(number.unsigned_abs())),
        failing: if queue.attempts_failed == 0 {
            String::new()
        } else {
            percent(queue.attempts_failed.unsigned_abs(), ended.unsigned_abs())
        },
        failing_much: share > 0.01,
    }
}

/// Makes the row of something that fails.
pub fn failing_row(group: &Failing, actor: &Actor, now: Time) -> FailingRow {
    let values: Vec<u64> = group.trend.iter().map(|number| number.unsigned_abs()).collect();
    let message = if group.message.is_empty() { "A failure".into() } else { visible(&group.message) };
    FailingRow {
        // groups are not counted by tag, so whoever is limited to tags has no page of them
        href: match actor.scope.tags.is_empty() {
            true => paths::failure(&group.fingerprint),
            false => format!("{}?state=failed,retrying&template={}", paths::JOBS, group.template),
        },
        fingerprint: group.fingerprint.clone(),
        look: group.state.map(look),
        template: group.template.clone(),
        since: relative(group.first, now),
        trend: trend(&values, "b-bad", format!("{}: failed attempts per two hours, last day", message)),
        message,
        count: count(group.count),
    }
}

/// Makes a node's row. A cell stands for one slot, or for several when there are many.
pub fn node_row(node: &NodeLine, shell: &Shell) -> NodeRow {
    let down = node.state == "down";
    let words = match node.state.as_str() {
        "down" => format!("gone, last heard {}", stamp(node.heartbeat_at, shell.now, shell.zone).text),
        "draining" => format!("{} of {} slots busy, draining", node.busy, node.slots),
        _ => format!("{} of {} slots busy", node.busy, node.slots),
    };
    NodeRow {
        name: node.name.clone(),
        down,
        words,
        cells: cells(node.busy, node.slots, &node.running_for),
        slots: format!("{}/{}", node.busy, node.slots),
    }
}
