//! Where jobs stand, and taking them out of there.

use std::collections::HashMap;

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, SmallInt, Text, Timestamptz};

use crate::base::clock::Time;
use crate::base::db::{DbError, Tx, statement};
use crate::queue::job::{JobId, QueueId, TemplateId};
use crate::queue::state::JobState;
use crate::queue::turns;

/// Where a job was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In one of the waiting tables.
    Waiting(JobState),
    /// Under a lease.
    Running,
    /// In history.
    Finished(JobState),
    /// Nowhere: never existed, or removed by retention.
    Nowhere,
}

/// A job that was taken out of its place.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The job.
    pub id: JobId,
    /// Its state.
    pub state: JobState,
    /// Its queue.
    pub queue: QueueId,
    /// Its template.
    pub template: TemplateId,
    /// The template's version.
    pub version: i32,
    /// Its priority.
    pub priority: i16,
    /// Attempts counted.
    pub attempt: i16,
    /// Since when it waited there.
    pub since: Time,
    /// Its time, if it has one.
    pub run_at: Option<Time>,
    /// Who held it.
    pub parked_by: Option<String>,
    /// Why it was held.
    pub reason: Option<String>,
    /// The lane in which it asks for its turn before it may go on; `None` = it has no ordering key.
    pub lane: Option<String>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    job_id: JobId,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Integer)]
    queue_id: QueueId,
    #[diesel(sql_type = Integer)]
    template_id: TemplateId,
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = SmallInt)]
    priority: i16,
    #[diesel(sql_type = SmallInt)]
    attempt: i16,
    #[diesel(sql_type = Timestamptz)]
    since: Time,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    run_at: Option<Time>,
    #[diesel(sql_type = Nullable<Text>)]
    parked_by: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    reason: Option<String>,
}

fn state_named(text: &str, job: JobId) -> Result<JobState, DbError> {
    JobState::parse(text).ok_or_else(|| DbError::Corrupt(format!("job {job} has the state {text:?}")))
}

impl Row {
    fn waiting(self, lanes: &mut HashMap<JobId, String>) -> Result<Waiting, DbError> {
        Ok(Waiting {
            id: self.job_id,
            state: state_named(&self.state, self.job_id)?,
            queue: self.queue_id,
            template: self.template_id,
            version: self.version,
            priority: self.priority,
            attempt: self.attempt,
            since: self.since,
            run_at: self.run_at,
            parked_by: self.parked_by,
            reason: self.reason,
            lane: lanes.remove(&self.job_id),
        })
    }
}

fn numbers(jobs: &[JobId]) -> Vec<i64> {
    jobs.iter().map(|job| job.0).collect()
}

fn names(states: &[JobState]) -> Vec<&'static str> {
    states.iter().map(|state| state.as_str()).collect()
}

/// Those of `jobs` that have an ordering key.
fn ordered(tx: &mut Tx<'_>, jobs: &[JobId]) -> Result<Vec<JobId>, DbError> {
    const SQL: &str = "-- queue::control::ordered
SELECT j.id FROM millrace.jobs j WHERE j.id = ANY ($1) AND j.ordering_key IS NOT NULL ORDER BY j.id";
    statement(SQL).bind::<Array<BigInt>, _>(numbers(jobs)).tuples::<BigInt, JobId>(tx)
}

/// Takes those of `jobs` that wait in one of `states` out of their places, ordered by id; their turns are changed by nobody until
/// the transaction ends. Waits for a claim that is just looking at one of them.
pub(super) fn take(tx: &mut Tx<'_>, jobs: &[JobId], states: &[JobState]) -> Result<Vec<Waiting>, DbError> {
    const SQL: &str = "-- queue::control::take
WITH place AS MATERIALIZED (
    SELECT j.id, j.version, coalesce(p.queue_id, j.queue_id) AS queue_id, coalesce(p.priority, j.priority) AS priority, coalesce(p.seq, j.id) AS seq
    FROM unnest($1::bigint[]) AS asked(id)
    CROSS JOIN LATERAL (SELECT * FROM millrace.jobs j WHERE j.id = asked.id LIMIT 1) AS j -- by key, whatever the planner thinks of their number
    LEFT JOIN LATERAL (SELECT * FROM millrace.placements p WHERE p.job_id = asked.id LIMIT 1) AS p ON true
), from_ready AS (
    DELETE FROM millrace.ready r WHERE 'ready' = ANY ($2) AND r.ctid = ANY (ARRAY(
        SELECT r.ctid FROM place CROSS JOIN LATERAL (
            SELECT r.ctid FROM millrace.ready r
            WHERE r.queue_id = place.queue_id AND r.priority = place.priority AND r.seq = place.seq AND r.job_id = place.id LIMIT 1 FOR UPDATE
        ) AS r))
    RETURNING r.job_id, 'ready' AS state, r.queue_id, r.template_id, r.priority, r.attempt, r.since, NULL::timestamptz AS run_at, NULL AS parked_by, NULL AS reason
), from_scheduled AS (
    DELETE FROM millrace.scheduled s WHERE s.job_id = ANY ($1) AND CASE WHEN s.retrying THEN 'retrying' ELSE 'scheduled' END = ANY ($2)
    RETURNING s.job_id, CASE WHEN s.retrying THEN 'retrying' ELSE 'scheduled' END, s.queue_id, s.template_id, s.priority, s.attempt, s.since, s.run_at, NULL, NULL
), from_gated AS (
    DELETE FROM millrace.gated g WHERE g.job_id = ANY ($1) AND 'ready' = ANY ($2)
    RETURNING g.job_id, 'ready', g.queue_id, g.template_id, g.priority, g.attempt, g.since, NULL::timestamptz, NULL, NULL
), from_parked AS (
    DELETE FROM millrace.parked k WHERE k.job_id = ANY ($1) AND k.state::text = ANY ($2)
    RETURNING k.job_id, k.state::text, k.queue_id, k.template_id, k.priority, k.attempt, k.since, k.run_at, k.parked_by, k.reason
)
SELECT found.*, place.version FROM (
    SELECT * FROM from_ready UNION ALL SELECT * FROM from_scheduled UNION ALL SELECT * FROM from_gated UNION ALL SELECT * FROM from_parked
) AS found JOIN place ON place.id = found.job_id ORDER BY found.job_id";
    let mut lanes = HashMap::new();
    for job in ordered(tx, jobs)? {
        // before the rows of the jobs: whoever lets jobs in has the lane first
        lanes.extend(turns::hold(tx, job)?.map(|lane| (job, lane)));
    }
    let rows: Vec<Row> =
        statement(SQL).bind::<Array<BigInt>, _>(numbers(jobs)).bind::<Array<Text>, _>(names(states)).rows(tx)?;
    rows.into_iter().map(|row| row.waiting(&mut lanes)).collect()
}

/// Takes those of `jobs` that ended in one of `states` out of history, ordered by id, behind all others of their ordering keys.
pub(super) fn take_finished(tx: &mut Tx<'_>, jobs: &[JobId], states: &[JobState]) -> Result<Vec<Waiting>, DbError> {
    const SQL: &str = "-- queue::control::take_finished
WITH taken AS (
    DELETE FROM millrace.history WHERE job_id = ANY ($1) AND state::text = ANY ($2) AND state <> 'succeeded'
    RETURNING job_id, state::text, queue_id, template_id, version, priority, attempt, since, NULL::timestamptz AS run_at, NULL AS parked_by, NULL AS reason
)
SELECT * FROM taken ORDER BY job_id";
    let rows: Vec<Row> =
        statement(SQL).bind::<Array<BigInt>, _>(numbers(jobs)).bind::<Array<Text>, _>(names(states)).rows(tx)?;
    let taken: Vec<JobId> = rows.iter().map(|row| row.job_id).collect();
    let mut lanes = HashMap::new();
    for job in ordered(tx, &taken)? {
        lanes.extend(turns::take(tx, job)?.map(|lane| (job, lane)));
    }
    rows.into_iter().map(|row| row.waiting(&mut lanes)).collect()
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = BigInt)]
    job_id: JobId,
    #[diesel(sql_type = Bool)]
    known: bool,
    #[diesel(sql_type = Bool)]
    running: bool,
    #[diesel(sql_type = Nullable<Text>)]
    finished: Option<String>,
    #[diesel(sql_type = Text)]
    waits: String,
}

impl Found {
    fn place(&self) -> Result<Place, DbError> {
        Ok(match &self.finished {
            Some(state) => Place::Finished(state_named(state, self.job_id)?),
            None if self.running => Place::Running,
            None if self.known => Place::Waiting(state_named(&self.waits, self.job_id)?),
            None => Place::Nowhere,
        })
    }
}

/// Tells where jobs are, as of one snapshot.
pub(super) fn find(tx: &mut Tx<'_>, jobs: &[JobId]) -> Result<Vec<(JobId, Place)>, DbError> {
    const SQL: &str = "-- queue::control::find
WITH leased AS MATERIALIZED (
    SELECT u.job_id FROM millrace.leases l CROSS JOIN LATERAL unnest(l.job_ids) AS u(job_id) WHERE u.job_id = ANY ($1)
)
SELECT asked.id AS job_id, EXISTS (SELECT FROM millrace.jobs j WHERE j.id = asked.id) AS known, asked.id IN (SELECT job_id FROM leased) AS running,
    (SELECT h.state::text FROM millrace.history h WHERE h.job_id = asked.id) AS finished,
    coalesce((SELECT CASE WHEN s.retrying THEN 'retrying' ELSE 'scheduled' END FROM millrace.scheduled s WHERE s.job_id = asked.id),
        (SELECT k.state::text FROM millrace.parked k WHERE k.job_id = asked.id), 'ready') AS waits
FROM unnest($1::bigint[]) AS asked(id) ORDER BY asked.id";
    let rows: Vec<Found> = statement(SQL).bind::<Array<BigInt>, _>(numbers(jobs)).rows(tx)?;
    rows.into_iter().map(|row| Ok((row.job_id, row.place()?))).collect()
}
