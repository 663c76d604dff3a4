//! One queue as it stands, for a row of the list and for the head of its own page.

use crate::admin::dashboard::is_behind;
use crate::admin::queues::{Course, Limits, Paused, QueueRow};
use crate::queue::state::JobState;
use crate::web::charts::{Spark, spark};
use crate::web::format::{self, Count, Stamp, between, duration, grouped, percent};
use crate::web::live;
use crate::web::paths;
use crate::web::shell::Shell;

/// A share of failed attempts above this, in percent, is shown in red.
const FAILING_PERCENT: i64 = 1;

/// A queue.
pub struct Row {
    pub name: String,
    pub href: String,
    /// Who stopped it; `None` = it takes work.
    pub paused: Option<Stop>,
    pub weight: i32,
    /// How many run at once, in words: `at most 5 at once`; empty without a limit.
    pub at_once: String,
    pub ready: Jobs,
    pub running: Jobs,
    pub scheduled: Jobs,
    pub retrying: Jobs,
    pub held: Jobs,
    pub blocked: Jobs,
    pub failed: Jobs,
    /// How long the first in line has waited; empty when nobody waits.
    pub oldest: String,
    /// How long it should at most; empty without a target.
    pub target: String,
    /// When the line will be empty at the present rate, `~13m`; empty when it does not get shorter.
    pub drains: String,
    /// It waits too long although the queue takes work.
    pub behind: bool,
    /// Attempts ended per minute over the last hour.
    pub spark: Spark,
    /// Attempts ended in the last full minute.
    pub per_minute: String,
    /// Share of the last hour's attempts that failed; empty when none did.
    pub failing: String,
    pub failing_much: bool,
    /// The viewer may pause, resume and limit it.
    pub may_run: bool,
}

/// How many jobs are in a state, and where they are listed.
pub struct Jobs {
    pub count: Count,
    pub href: String,
    pub none: bool,
}

/// Who stopped a queue, since when and why.
pub struct Stop {
    pub since: Stamp,
    pub length: String,
    pub by: String,
    pub reason: String,
}

impl Row {
    /// Shows `queue` with its last hour.
    pub fn new(queue: &QueueRow, course: &Course, shell: &Shell, may_run: bool) -> Self {
        let name = queue.name.as_str();
        let jobs = |state: JobState, number: i64| Jobs {
            count: format::count(number),
            href: paths::with_query(paths::JOBS, &[("state", state.as_str()), ("queue", name)]),
            none: number == 0,
        };
        let (ended, failed) = (course.ended_by_minute(), course.failed_by_minute().iter().sum::<i64>());
        let (all, age) = (ended.iter().sum::<i64>(), queue.oldest_ready_at.map(|since| between(since, shell.now)));
        let values: Vec<f64> = ended.iter().map(|number| *number as f64).collect();
        Self {
            href: paths::queue(name),
            paused: queue.paused().map(|paused| stop(paused, shell)),
            weight: queue.limits.weight,
            at_once: at_once(queue.limits).unwrap_or_default(),
            ready: jobs(JobState::Ready, queue.jobs.ready),
            running: jobs(JobState::Running, queue.jobs.running),
            scheduled: jobs(JobState::Scheduled, queue.jobs.scheduled),
            retrying: jobs(JobState::Retrying, queue.jobs.retrying),
            held: jobs(JobState::Held, queue.jobs.held),
            blocked: jobs(JobState::Blocked, queue.jobs.blocked),
            failed: jobs(JobState::Failed, course.failed),
            oldest: age.map(duration).unwrap_or_default(),
            target: queue.limits.wait_target().map(duration).unwrap_or_default(),
            behind: queue.paused().is_none() && age.is_some_and(|age| is_behind(age, queue.limits.wait_target())),
            drains: match queue.paused() {
                None => {
                    course.drains_in(queue.jobs.ready).map(|time| format!("~{}", duration(time))).unwrap_or_default()
                }
                Some(_) => String::new(), // nothing goes
            },
            spark: spark(&values, "l1", format!("{name}: attempts ended per minute, last hour")),
            per_minute: grouped(ended.last().map_or(0, |number| number.unsigned_abs())),
            failing: if failed == 0 { String::new() } else { percent(failed.unsigned_abs(), all.unsigned_abs()) },
            failing_much: failed * 100 > all * FAILING_PERCENT,
            name: name.to_owned(),
            may_run,
        }
    }

    /// The address of an act begun in the list.
    pub fn listed_act(&self, verb: &str) -> String {
        paths::with_query(&paths::queue_act(&self.name, verb), &[(live::FROM, live::FROM_LIST)])
    }

    /// The address of an act begun on the queue's own page.
    pub fn act(&self, verb: &str) -> String {
        paths::queue_act(&self.name, verb)
    }

    /// The id of its menu.
    pub fn menu_id(&self) -> String {
        format!("queue-menu-{}", self.name)
    }

    /// Its jobs, whatever their state.
    pub fn jobs_href(&self) -> String {
        paths::with_query(paths::JOBS, &[("queue", &self.name)])
    }
}

/// Says how many of a queue's jobs run at once; `None` = nothing limits them.
pub fn at_once(limits: Limits) -> Option<String> {
    let grouped = |jobs: i32| grouped(jobs.unsigned_abs().into());
    match (limits.concurrency.map(grouped), limits.concurrency_per_node.map(grouped)) {
        (None, None) => None,
        (Some(all), None) => Some(format!("at most {all} at once")),
        (None, Some(node)) => Some(format!("at most {node} at once on a node")),
        (Some(all), Some(node)) => Some(format!("at most {all} at once, {node} on a node")),
    }
}

fn stop(paused: Paused, shell: &Shell) -> Stop {
    Stop {
        since: shell.stamp(paused.at),
        length: duration(between(paused.at, shell.now)),
        by: paused.name,
        reason: paused.reason.unwrap_or_default(),
    }
}
