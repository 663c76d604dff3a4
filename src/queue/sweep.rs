//! Taking back what lost nodes held (G8). Every node sweeps; rows that another one is sweeping are skipped.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz};
use serde_json::Value;

use super::job::{Fence, JobId, NodeId, QueueId, TemplateId};
use super::node::Incarnation;
use super::retry::{SUSPECT_INTERRUPTIONS, after_interruption};
use super::settle::{AttemptOutcome, Ending, Settlement, Trouble, settle_in};
use super::template::TemplateSpec;
use super::work::Resources;
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};

/// Most leases taken back in one transaction.
pub const LEASES_PER_SWEEP_MAX: i32 = 20;

/// Declares nodes down whose last heartbeat is older than `lease`, by the database's clock. Tells their names.
///
/// From then on their heartbeats and writes fail; their leases are void.
///
/// # Errors
/// Database failures.
pub fn declare_lost(conn: &mut PgConnection, lease: Duration) -> Result<Vec<String>, DbError> {
    const SQL: &str = "-- queue::sweep::declare_lost
UPDATE millrace.nodes SET state = 'down', busy = 0, lost_at = clock_timestamp()
WHERE state <> 'down' AND heartbeat_at < clock_timestamp() - $1 * interval '1 ms' RETURNING name";
    #[derive(QueryableByName)]
    struct Lost {
        #[diesel(sql_type = Text)]
        name: String,
    }
    let rows: Vec<Lost> = statement(SQL).bind::<BigInt, _>(lease.as_millis() as i64).rows(conn)?;
    Ok(rows.into_iter().map(|row| row.name).collect())
}

/// A job of a void lease.
#[derive(QueryableByName)]
struct Orphan {
    #[diesel(sql_type = BigInt)]
    fence: Fence,
    #[diesel(sql_type = Integer)]
    node_id: NodeId,
    #[diesel(sql_type = BigInt)]
    epoch: i64,
    #[diesel(sql_type = Timestamptz)]
    claimed_at: Time,
    #[diesel(sql_type = Timestamptz)]
    now: Time,
    #[diesel(sql_type = BigInt)]
    job_id: JobId,
    #[diesel(sql_type = SmallInt)]
    attempt: i16,
    #[diesel(sql_type = Integer)]
    template_id: TemplateId,
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = Integer)]
    queue_id: QueueId,
    #[diesel(sql_type = SmallInt)]
    priority: i16,
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = Nullable<SmallInt>)]
    max_attempts: Option<i16>,
    #[diesel(sql_type = Bool)]
    unique: bool,
    #[diesel(sql_type = Bool)]
    ordered: bool,
    #[diesel(sql_type = Jsonb)]
    spec: Value,
    #[diesel(sql_type = Text)]
    node_name: String,
    #[diesel(sql_type = Integer)]
    interruptions: i32,
    #[diesel(sql_type = Nullable<Text>)]
    cancel_by: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    cancel_reason: Option<String>,
}

const ORPHANS: &str = "-- queue::sweep::orphans
WITH void AS MATERIALIZED (
    SELECT l.id, l.node_id, l.epoch, l.started_at, l.job_ids, l.attempts
    FROM millrace.leases l LEFT JOIN millrace.nodes n ON n.id = l.node_id AND n.epoch = l.epoch AND n.state <> 'down'
    WHERE n.id IS NULL AND l.id >= $1 AND l.id <= $2 AND l.id <> ALL($3::bigint[]) ORDER BY l.id LIMIT $4 FOR UPDATE OF l SKIP LOCKED
)
SELECT v.id AS fence, v.node_id, v.epoch, v.started_at AS claimed_at, clock_timestamp() AS now, u.job_id, u.attempt, j.template_id, j.version,
    coalesce(p.queue_id, j.queue_id) AS queue_id, coalesce(p.priority, j.priority) AS priority, coalesce(p.seq, j.id) AS seq,
    j.max_attempts, j.unique_key IS NOT NULL AS \"unique\", j.ordering_key IS NOT NULL AS ordered, tv.spec, coalesce(n.name, 'a removed node') AS node_name,
    (SELECT count(*)::integer FROM millrace.attempts a WHERE a.job_id = j.id AND a.outcome = 'interrupted') AS interruptions,
    i.wanted_by AS cancel_by, i.reason AS cancel_reason
FROM void v CROSS JOIN LATERAL UNNEST(v.job_ids, v.attempts) AS u(job_id, attempt)
JOIN millrace.jobs j ON j.id = u.job_id
JOIN millrace.template_versions tv ON tv.template_id = j.template_id AND tv.version = j.version
LEFT JOIN millrace.placements p ON p.job_id = j.id
LEFT JOIN millrace.nodes n ON n.id = v.node_id
LEFT JOIN millrace.intents i ON i.job_id = j.id
ORDER BY v.id, u.job_id";

/// Leases whose jobs could not be taken back, so that they do not keep others from it.
#[derive(Debug, Default)]
pub struct BadLeases(Vec<i64>);

/// Takes back the jobs of up to 20 void leases and tells how many there were: each is retried, failed or held as its
/// template says. When one of them cannot be, they are taken back one lease at a time and the bad ones are added to `bad`.
///
/// # Errors
/// Database failures that pass; what was not committed is found again by the next sweep.
pub fn take_back(conn: &mut PgConnection, bad: &mut BadLeases) -> Result<usize, DbError> {
    match take_back_between(conn, (0, i64::MAX), bad) {
        Err(error) if !error.is_passing() => {
            tracing::warn!(%error, "jobs of lost nodes are taken back one lease at a time");
            take_back_singly(conn, bad)
        }
        done => done,
    }
}

fn take_back_between(conn: &mut PgConnection, (low, high): (i64, i64), bad: &BadLeases) -> Result<usize, DbError> {
    transaction(conn, "queue::sweep", |tx| {
        let orphans: Vec<Orphan> = statement(ORPHANS)
            .bind::<BigInt, _>(low)
            .bind::<BigInt, _>(high)
            .bind::<Array<BigInt>, _>(&bad.0)
            .bind::<Integer, _>(LEASES_PER_SWEEP_MAX)
            .rows(tx)?;
        let mut taken = 0;
        for of_one_node in orphans.chunk_by(|a, b| (a.node_id, a.epoch) == (b.node_id, b.epoch)) {
            taken += settle_orphans(tx, of_one_node)?;
        }
        Ok(taken)
    })
}

fn take_back_singly(conn: &mut PgConnection, bad: &mut BadLeases) -> Result<usize, DbError> {
    const VOID: &str = "-- queue::sweep::void
SELECT l.id FROM millrace.leases l LEFT JOIN millrace.nodes n ON n.id = l.node_id AND n.epoch = l.epoch AND n.state <> 'down'
WHERE n.id IS NULL AND l.id <> ALL($1::bigint[]) ORDER BY l.id LIMIT $2";
    let void = statement(VOID).bind::<Array<BigInt>, _>(&bad.0).bind::<Integer, _>(LEASES_PER_SWEEP_MAX);
    let mut taken = 0;
    for lease in void.tuples::<BigInt, i64>(conn)? {
        match take_back_between(conn, (lease, lease), bad) {
            Ok(jobs) => taken += jobs,
            Err(error) if error.is_passing() => return Err(error),
            Err(error) => {
                tracing::error!(lease, %error, "jobs of a lost node cannot be taken back; their lease is set aside");
                bad.0.push(lease);
            }
        }
    }
    Ok(taken)
}

fn settle_orphans(tx: &mut Tx<'_>, orphans: &[Orphan]) -> Result<usize, DbError> {
    let Some(first) = orphans.first() else { return Ok(0) };
    let who = Incarnation { node: first.node_id, epoch: first.epoch };
    let results: Vec<Settlement> = orphans.iter().map(settlement).collect();
    let settled = settle_in(tx, who, &results)?.count();
    forget_intents(tx, orphans)?;
    Ok(settled)
}

fn forget_intents(tx: &mut Tx<'_>, orphans: &[Orphan]) -> Result<(), DbError> {
    const SQL: &str = "-- queue::sweep::forget_intents
DELETE FROM millrace.intents WHERE job_id = ANY($1)";
    let ids: Vec<i64> = orphans.iter().filter(|o| o.cancel_by.is_some()).map(|o| o.job_id.0).collect();
    if !ids.is_empty() {
        statement(SQL).bind::<Array<BigInt>, _>(ids).run(tx)?;
    }
    Ok(())
}

fn settlement(orphan: &Orphan) -> Settlement {
    Settlement {
        job: orphan.job_id,
        fence: orphan.fence,
        attempt: orphan.attempt,
        seq: orphan.seq,
        template: orphan.template_id,
        version: orphan.version,
        queue: orphan.queue_id,
        priority: orphan.priority,
        since: orphan.claimed_at, // how long it waited before is not known any more
        started_at: Some(orphan.claimed_at),
        finished_at: orphan.now,
        resources: Resources::default(),
        log_bytes: 0,
        unique: orphan.unique,
        ordered: orphan.ordered,
        scheduled: false, // read from the job itself just now
        live: true,       // it may have said something
        lanes: Arc::default(),
        last_words: Vec::new(),
        checkpoint: None,
        ending: ending(orphan),
    }
}

fn ending(orphan: &Orphan) -> Ending {
    if let Some(by) = &orphan.cancel_by {
        return Ending::Cancelled { by: by.clone(), reason: orphan.cancel_reason.clone() };
    }
    let trouble = Trouble {
        outcome: AttemptOutcome::Interrupted,
        error: format!("interrupted: the node {} was lost", orphan.node_name),
        trace: None,
    };
    // a version that this program cannot read is held rather than run by wrong rules
    let Ok(spec) = serde_json::from_value::<TemplateSpec>(orphan.spec.clone()) else {
        return Ending::Held(trouble, "this version of Millrace cannot read its template".into());
    };
    let attempts_max = orphan.max_attempts.map_or(spec.defaults.max_attempts, i16::unsigned_abs);
    let interruptions = orphan.interruptions.unsigned_abs() as u16 + 1;
    let next = after_interruption(&spec.defaults, orphan.attempt.unsigned_abs(), attempts_max, interruptions);
    Ending::of(next, trouble)
}

/// Tells which of `jobs` were interrupted so often that they run apart from each other.
///
/// # Errors
/// Database failures.
pub fn suspects(conn: &mut PgConnection, jobs: &[JobId]) -> Result<HashSet<JobId>, DbError> {
    const SQL: &str = "-- queue::sweep::suspects
SELECT job_id FROM millrace.attempts WHERE job_id = ANY($1) AND outcome = 'interrupted' GROUP BY job_id HAVING count(*) >= $2";
    let found: Vec<JobId> = statement(SQL)
        .bind::<Array<BigInt>, _>(jobs.iter().map(|job| job.0).collect::<Vec<_>>())
        .bind::<BigInt, _>(SUSPECT_INTERRUPTIONS)
        .tuples::<BigInt, JobId>(conn)?;
    Ok(found.into_iter().collect())
}
