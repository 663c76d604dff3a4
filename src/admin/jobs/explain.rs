//! Why is it not running? The reasons of a waiting job, in the order in which they keep it.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Integer, Jsonb, Nullable, Text};
use serde::Serialize;
use serde_json::Value;

use super::{Detail, debounce, gate, turn};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::fit::Labels;
use crate::queue::node::{Drain, drains};
use crate::queue::state::JobState;

/// Places in line that are counted exactly.
pub const POSITION_MAX: i64 = 10_000;

/// Something that keeps a job from running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum Reason {
    /// Its time has not come.
    NotDue {
        /// When it becomes ready.
        run_at: Time,
    },
    /// It waits for a quiet time: a newer one takes its place.
    Debounced {
        /// When it becomes ready if none comes.
        run_at: Time,
        /// When it becomes ready at the latest; absent = none is set.
        latest: Option<Time>,
    },
    /// It failed an attempt and waits for its backoff.
    Backoff {
        /// When it becomes ready.
        run_at: Time,
    },
    /// Somebody holds it.
    Held {
        /// Who.
        by: String,
        /// Why.
        reason: Option<String>,
    },
    /// It waits for something else.
    Blocked,
    /// Its queue takes no new work.
    QueuePaused {
        /// Who paused it.
        by: String,
        /// Why.
        reason: Option<String>,
    },
    /// A node that serves its queue takes no new work, and none that does serves it.
    NodeDrained {
        /// Which.
        node: String,
        /// Who drained it; absent when it stops.
        by: Option<String>,
        /// Why.
        reason: Option<String>,
    },
    /// No node that is up serves its queue.
    NoNode,
    /// Nodes that are up serve its queue, but none of them has the labels that its template requires.
    NoNodeWith {
        /// The labels.
        labels: Labels,
    },
    /// All slots are busy.
    SlotsBusy {
        /// Slots in use.
        busy: i64,
        /// Slots of the nodes that are up.
        slots: i64,
    },
    /// As many jobs run as a limit allows.
    Limit {
        /// What the limit is of: `queue`, `template`, `node` (the template on each node) or `key`.
        of: &'static str,
        /// The values of the key, as JSON, if they are short.
        key: Option<String>,
        /// Most that run at once.
        jobs_max: i32,
        /// Who holds the places; at most 10 are named.
        holders: Vec<i64>,
        /// Its place among those that wait for one, from 1; at most 10,001.
        position: i64,
    },
    /// It waits until enough of a pool is free.
    Pool(PoolWait),
    /// More have begun than a rate allows.
    RateLimit {
        /// The values of the key, as JSON, if there are some and they are short.
        key: Option<String>,
        /// The time promised to it.
        at: Time,
        /// Its place among those that wait, from 1; at most 10,001.
        position: i64,
    },
    /// A job before it has the turn of their ordering key.
    Turn {
        /// The ordering key.
        key: String,
        /// Who has the turn; absent when it has just ended, or may not be seen.
        holder: Option<i64>,
        /// The state of that job.
        holder_state: Option<String>,
        /// Its place among those that wait for their turn, from 1; at most 10,001.
        position: i64,
    },
    /// Other jobs are before it.
    InLine {
        /// Its place, from 1; at most 10,001.
        position: i64,
    },
}

/// Says why a failed job is not tried again.
pub fn no_more_attempts(job: &Detail) -> String {
    let (attempt, most) = (job.attempt, job.attempts_allowed());
    match (attempt < most, job.http_status, job.exit_code) {
        (false, ..) if most == 1 => "It may be tried once, and was.".into(),
        (false, ..) => format!("All {most} attempts are used up."),
        (true, Some(status), _) => {
            format!(
                "Attempt {attempt} of {most} was the last: HTTP {status} is not to be tried again, as its template says."
            )
        }
        (true, None, Some(code)) => {
            format!(
                "Attempt {attempt} of {most} was the last: exit code {code} is not to be tried again, as its template says."
            )
        }
        (true, None, None) => format!("Attempt {attempt} of {most} was the last: its code said not to try again."),
    }
}

/// What keeps a job that waits for a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PoolWait {
    /// The pool.
    pub pool: String,
    /// What it reserves of it.
    pub needs: i32,
    /// What the pool has; absent = it is gone, and the job goes on within a second.
    pub amount: Option<i32>,
    /// What running jobs have reserved.
    pub used: i32,
    /// What is kept for jobs that were let in before and begin soon.
    pub kept: i32,
    /// What is counted in it, such as MB; may be empty.
    pub unit: String,
    /// Who has reserved of it; at most 10 are named.
    pub holders: Vec<i64>,
    /// Its place among those that wait and need no more than the pool has, from 1; at most 10,001.
    pub position: i64,
}

impl PoolWait {
    /// Tells whether it needs more than the pool has: then it waits in nobody's way.
    pub fn needs_more_than_there_is(&self) -> bool {
        self.amount.is_some_and(|amount| self.needs > amount)
    }
}

/// The answer to "why is it not running?".
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Its state.
    pub state: JobState,
    /// What keeps it; empty for jobs that run or have ended.
    pub reasons: Vec<Reason>,
    /// Free slots of the nodes that serve its queue, while it is ready.
    #[serde(skip)]
    pub free_slots: i64,
}

/// How soon a job can start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outlook {
    /// Not before somebody does something, or its time comes.
    Stopped,
    /// So many slots are free, and it is next for one of them.
    AtOnce(i64),
    /// When it is its turn; it has this place in line, from 1.
    InTurn(i64),
}

impl Explanation {
    /// Takes out the values of arguments that limits are kept by: for those who may not see what jobs work on.
    pub fn hide_values(&mut self) {
        for reason in &mut self.reasons {
            if let Reason::Limit { key, .. } | Reason::RateLimit { key, .. } = reason {
                *key = None;
            }
        }
    }

    /// Tells how soon the job can start. What stops a whole queue leaves nothing to forecast.
    pub fn outlook(&self) -> Outlook {
        let turns = |reason: &Reason| matches!(reason, Reason::SlotsBusy { .. } | Reason::InLine { .. });
        match self.reasons.last() {
            Some(Reason::InLine { position }) if self.reasons.iter().all(turns) => match self.free_slots {
                free if *position <= free => Outlook::AtOnce(free),
                _ => Outlook::InTurn(*position),
            },
            _ => Outlook::Stopped,
        }
    }
}

#[derive(QueryableByName)]
struct Facts {
    #[diesel(sql_type = Bool)]
    paused: bool,
    #[diesel(sql_type = Nullable<Text>)]
    paused_by: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pause_reason: Option<String>,
    #[diesel(sql_type = Integer)]
    nodes: i32,
    #[diesel(sql_type = Integer)]
    fitting: i32,
    #[diesel(sql_type = Jsonb)]
    requires: Value,
    #[diesel(sql_type = BigInt)]
    slots: i64,
    #[diesel(sql_type = BigInt)]
    busy: i64,
    #[diesel(sql_type = BigInt)]
    before: i64,
}

/// Explains a job. Cheap: it counts at most 10,000 places in line.
///
/// # Errors
/// Database failures.
pub fn explain(conn: &mut PgConnection, job: &Detail) -> Result<Explanation, DbError> {
    let state = job.state();
    let due = job.run_at.unwrap_or(job.created_at);
    let mut free_slots = 0;
    let reasons = match state {
        JobState::Scheduled => match debounce::reason(conn, job, due)? {
            Some(debounced) => vec![debounced],
            None => with_turn(conn, job, Reason::NotDue { run_at: due })?,
        },
        JobState::Retrying => vec![Reason::Backoff { run_at: due }],
        JobState::Blocked => vec![Reason::Blocked],
        JobState::Held => with_turn(conn, job, held(job))?,
        JobState::Ready => {
            let facts = facts(conn, job)?;
            let drained = if facts.nodes == 0 { drains(conn, Some(&job.queue))? } else { Vec::new() };
            free_slots = (facts.slots - facts.busy).max(0);
            let last = match turn::reason(conn, job)? {
                Some(turn) => turn,
                None => gate::reason(conn, job)?.unwrap_or(Reason::InLine { position: facts.before + 1 }),
            };
            in_line(&facts, drained, last)
        }
        JobState::Running | JobState::Succeeded | JobState::Failed | JobState::Cancelled | JobState::Expired => {
            Vec::new()
        }
    };
    Ok(Explanation { state, reasons, free_slots })
}

/// What keeps it now, and the turn that it waits for afterwards.
fn with_turn(conn: &mut PgConnection, job: &Detail, now: Reason) -> Result<Vec<Reason>, DbError> {
    Ok([Some(now), turn::reason(conn, job)?].into_iter().flatten().collect())
}

fn held(job: &Detail) -> Reason {
    let by = job.parked_by.clone().unwrap_or_else(|| "millrace".into());
    Reason::Held { by, reason: job.park_reason.clone() }
}

fn in_line(facts: &Facts, drained: Vec<Drain>, last: Reason) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if facts.paused {
        let by = facts.paused_by.clone().unwrap_or_default();
        reasons.push(Reason::QueuePaused { by, reason: facts.pause_reason.clone() });
    }
    if !drained.is_empty() {
        reasons.extend(drained.into_iter().map(|Drain { node, by, reason }| Reason::NodeDrained { node, by, reason }));
    } else if facts.nodes == 0 {
        reasons.push(Reason::NoNode);
    } else if facts.fitting == 0 {
        let labels = serde_json::from_value(facts.requires.clone()).unwrap_or_default(); // a version's labels are texts
        reasons.push(Reason::NoNodeWith { labels });
    } else if facts.busy >= facts.slots {
        reasons.push(Reason::SlotsBusy { busy: facts.busy, slots: facts.slots });
    }
    reasons.push(last);
    reasons
}

fn facts(conn: &mut PgConnection, job: &Detail) -> Result<Facts, DbError> {
    const SQL: &str = "-- admin::jobs::explain
WITH place AS (
    SELECT coalesce(p.queue_id, j.queue_id) AS queue_id, coalesce(p.priority, j.priority) AS priority, coalesce(p.seq, j.id) AS seq,
        coalesce((SELECT v.spec -> 'requires' FROM millrace.template_versions v WHERE v.template_id = j.template_id AND v.version = j.version), '{}') AS requires
    FROM millrace.jobs j LEFT JOIN millrace.placements p ON p.job_id = j.id WHERE j.id = $1
), serving AS (
    SELECT n.slots, n.busy, n.labels @> place.requires AS fits FROM place JOIN millrace.queues q ON q.id = place.queue_id
    JOIN millrace.nodes n ON n.state = 'up' AND (n.queues IS NULL OR q.name = ANY (n.queues))
)
SELECT q.paused_at IS NOT NULL AS paused, coalesce((SELECT p.name FROM millrace.people p WHERE p.email = q.paused_by), q.paused_by) AS paused_by,
    q.pause_reason, (SELECT count(*) FROM serving)::integer AS nodes, (SELECT count(*) FROM serving WHERE fits)::integer AS fitting, place.requires,
    coalesce((SELECT sum(slots) FROM serving WHERE fits), 0)::bigint AS slots, coalesce((SELECT sum(busy) FROM serving WHERE fits), 0)::bigint AS busy,
    (SELECT count(*) FROM (
        SELECT FROM millrace.ready r WHERE r.queue_id = place.queue_id AND (r.priority, r.seq) < (place.priority, place.seq) LIMIT $2
    ) AS ahead) AS before
FROM place JOIN millrace.queues q ON q.id = place.queue_id";
    let row: Option<Facts> = statement(SQL).bind::<BigInt, _>(job.id).bind::<BigInt, _>(POSITION_MAX).row(conn)?;
    row.ok_or_else(|| DbError::Conflict(format!("job {} is gone", job.id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outlook(reasons: Vec<Reason>, free_slots: i64) -> Outlook {
        Explanation { state: JobState::Ready, reasons, free_slots }.outlook()
    }

    #[test]
    fn values_of_arguments_can_be_taken_out() {
        let key = || Some("[\"kestrel\"]".to_owned());
        let limit = Reason::Limit { of: "key", key: key(), jobs_max: 1, holders: vec![7], position: 1 };
        let rate = Reason::RateLimit { key: key(), at: Time::UNIX_EPOCH, position: 1 };
        let mut told = Explanation { state: JobState::Ready, reasons: vec![limit, rate], free_slots: 0 };

        told.hide_values();

        assert!(!format!("{told:?}").contains("kestrel"), "{told:?}");
    }

    #[test]
    fn only_a_line_that_moves_is_forecast() {
        let (next, busy) = (|| Reason::InLine { position: 3 }, || Reason::SlotsBusy { busy: 8, slots: 8 });
        let paused = || Reason::QueuePaused { by: "ada".into(), reason: None };
        let drained = || Reason::NodeDrained { node: "vm".into(), by: None, reason: None };

        assert_eq!(outlook(vec![busy(), next()], 0), Outlook::InTurn(3));
        assert_eq!(outlook(vec![next()], 2), Outlook::InTurn(3));
        assert_eq!(outlook(vec![next()], 3), Outlook::AtOnce(3));
        for stopped in [paused(), drained(), Reason::NoNode, Reason::NoNodeWith { labels: Labels::new() }] {
            assert_eq!(outlook(vec![stopped, next()], 8), Outlook::Stopped);
        }
        assert_eq!(outlook(vec![Reason::Blocked], 8), Outlook::Stopped);
        assert_eq!(outlook(Vec::new(), 8), Outlook::Stopped);
    }
}
