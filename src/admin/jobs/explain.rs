//! Why is it not running? The reasons of a waiting job, in the order in which they keep it.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};
use serde::Serialize;

use super::Detail;
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
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
    /// No node that is up serves its queue.
    NoNode,
    /// All slots are busy.
    SlotsBusy {
        /// Slots in use.
        busy: i64,
        /// Slots of the nodes that are up.
        slots: i64,
    },
    /// Other jobs are before it.
    InLine {
        /// Its place, from 1; at most 10,001.
        position: i64,
    },
}

/// The answer to "why is it not running?".
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Its state.
    pub state: JobState,
    /// What keeps it; empty for jobs that run or have ended.
    pub reasons: Vec<Reason>,
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
    let reasons = match state {
        JobState::Scheduled => vec![Reason::NotDue { run_at: due }],
        JobState::Retrying => vec![Reason::Backoff { run_at: due }],
        JobState::Blocked => vec![Reason::Blocked],
        JobState::Held => vec![held(job)],
        JobState::Ready => in_line(&facts(conn, job)?),
        JobState::Running | JobState::Succeeded | JobState::Failed | JobState::Cancelled | JobState::Expired => {
            Vec::new()
        }
    };
    Ok(Explanation { state, reasons })
}

fn held(job: &Detail) -> Reason {
    let by = job.parked_by.clone().unwrap_or_else(|| "millrace".into());
    Reason::Held { by, reason: job.park_reason.clone() }
}

fn in_line(facts: &Facts) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if facts.paused {
        let by = facts.paused_by.clone().unwrap_or_default();
        reasons.push(Reason::QueuePaused { by, reason: facts.pause_reason.clone() });
    }
    if facts.nodes == 0 {
        reasons.push(Reason::NoNode);
    } else if facts.busy >= facts.slots {
        reasons.push(Reason::SlotsBusy { busy: facts.busy, slots: facts.slots });
    }
    reasons.push(Reason::InLine { position: facts.before + 1 });
    reasons
}

fn facts(conn: &mut PgConnection, job: &Detail) -> Result<Facts, DbError> {
    const SQL: &str = "-- admin::jobs::explain
WITH place AS (
    SELECT coalesce(p.queue_id, j.queue_id) AS queue_id, coalesce(p.priority, j.priority) AS priority, coalesce(p.seq, j.id) AS seq
    FROM millrace.jobs j LEFT JOIN millrace.placements p ON p.job_id = j.id WHERE j.id = $1
), serving AS (
    SELECT n.slots, n.busy FROM place JOIN millrace.queues q ON q.id = place.queue_id
    JOIN millrace.nodes n ON n.state = 'up' AND (n.queues IS NULL OR q.name = ANY (n.queues))
)
SELECT q.paused_at IS NOT NULL AS paused, coalesce((SELECT p.name FROM millrace.people p WHERE p.email = q.paused_by), q.paused_by) AS paused_by,
    q.pause_reason, (SELECT count(*) FROM serving)::integer AS nodes,
    coalesce((SELECT sum(slots) FROM serving), 0)::bigint AS slots, coalesce((SELECT sum(busy) FROM serving), 0)::bigint AS busy,
    (SELECT count(*) FROM (
        SELECT FROM millrace.ready r WHERE r.queue_id = place.queue_id AND (r.priority, r.seq) < (place.priority, place.seq) LIMIT $2
    ) AS ahead) AS before
FROM place JOIN millrace.queues q ON q.id = place.queue_id";
    let row: Option<Facts> = statement(SQL).bind::<BigInt, _>(job.id).bind::<BigInt, _>(POSITION_MAX).row(conn)?;
    row.ok_or_else(|| DbError::Conflict(format!("job {} is gone", job.id)))
}
