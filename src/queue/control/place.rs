//! Where a job stands, and moving it from one place to another.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, SmallInt, Text, Timestamptz};

use crate::base::clock::Time;
use crate::base::db::{DbError, Tx, statement};
use crate::queue::job::{JobId, QueueId, TemplateId};
use crate::queue::state::JobState;
use crate::queue::turns;

/// Where a job was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In one of the waiting tables.
    Waiting,
    /// Under a lease.
    Running,
    /// In history.
    Finished(JobState),
    /// Nowhere: never existed, or removed by retention.
    Nowhere,
}

/// A job that waited and was taken out of its place.
#[derive(Debug, Clone)]
pub struct Waiting {
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

impl Row {
    fn waiting(self, lane: Option<String>) -> Option<Waiting> {
        Some(Waiting {
            state: JobState::parse(&self.state)?,
            queue: self.queue_id,
            template: self.template_id,
            version: self.version,
            priority: self.priority,
            attempt: self.attempt,
            since: self.since,
            run_at: self.run_at,
            parked_by: self.parked_by,
            reason: self.reason,
            lane,
        })
    }
}

/// Takes a waiting job out of its place, whose turn nobody changes until the transaction ends. `None` = it does not wait. Waits
/// for a claim that is just looking at it.
pub(super) fn take(tx: &mut Tx<'_>, job: JobId) -> Result<Option<Waiting>, DbError> {
    let lane = turns::hold(tx, job)?; // before the rows of the job: whoever lets jobs in has the lane first
    const SQL: &str = "-- queue::control::take
WITH place AS (
    SELECT j.id, j.version, j.run_at, coalesce(p.queue_id, j.queue_id) AS queue_id, coalesce(p.priority, j.priority) AS priority, coalesce(p.seq, j.id) AS seq
    FROM millrace.jobs j LEFT JOIN millrace.placements p ON p.job_id = j.id WHERE j.id = $1
), from_ready AS (
    DELETE FROM millrace.ready r USING place
    WHERE r.queue_id = place.queue_id AND r.priority = place.priority AND r.seq = place.seq AND r.job_id = place.id
    RETURNING 'ready' AS state, r.queue_id, r.template_id, r.priority, r.attempt, r.since, NULL::timestamptz AS run_at, NULL AS parked_by, NULL AS reason
), from_scheduled AS (
    DELETE FROM millrace.scheduled s WHERE s.job_id = $1
    RETURNING CASE WHEN s.retrying THEN 'retrying' ELSE 'scheduled' END, s.queue_id, s.template_id, s.priority, s.attempt, s.since, s.run_at, NULL, NULL
), from_gated AS (
    DELETE FROM millrace.gated g WHERE g.job_id = $1
    RETURNING 'ready', g.queue_id, g.template_id, g.priority, g.attempt, g.since, NULL::timestamptz, NULL, NULL
), from_parked AS (
    DELETE FROM millrace.parked k WHERE k.job_id = $1
    RETURNING k.state::text, k.queue_id, k.template_id, k.priority, k.attempt, k.since, k.run_at, k.parked_by, k.reason
)
SELECT found.*, place.version FROM (
    SELECT * FROM from_ready UNION ALL SELECT * FROM from_scheduled UNION ALL SELECT * FROM from_gated UNION ALL SELECT * FROM from_parked
) AS found CROSS JOIN place";
    let row: Option<Row> = statement(SQL).bind::<BigInt, _>(job).row(tx)?;
    Ok(row.and_then(|row| row.waiting(lane)))
}

/// Takes a finished job that may be reopened out of history, behind all others of its ordering key.
pub(super) fn take_finished(tx: &mut Tx<'_>, job: JobId) -> Result<Option<Waiting>, DbError> {
    const SQL: &str = "-- queue::control::take_finished
DELETE FROM millrace.history WHERE job_id = $1 AND state <> 'succeeded'
RETURNING state::text, queue_id, template_id, version, priority, attempt, since, NULL::timestamptz AS run_at, NULL AS parked_by, NULL AS reason";
    let Some(row) = statement(SQL).bind::<BigInt, _>(job).row::<Row>(tx)? else { return Ok(None) };
    let lane = turns::take(tx, job)?;
    Ok(row.waiting(lane))
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Bool)]
    known: bool,
    #[diesel(sql_type = Bool)]
    running: bool,
    #[diesel(sql_type = Nullable<Text>)]
    finished: Option<String>,
}

/// Tells where a job is, as of one snapshot.
pub(super) fn find(tx: &mut Tx<'_>, job: JobId) -> Result<Place, DbError> {
    const SQL: &str = "-- queue::control::find
SELECT EXISTS (SELECT FROM millrace.jobs WHERE id = $1) AS known,
    EXISTS (SELECT FROM millrace.leases WHERE job_ids @> ARRAY[$1::bigint]) AS running,
    (SELECT state::text FROM millrace.history WHERE job_id = $1) AS finished";
    let found: Option<Found> = statement(SQL).bind::<BigInt, _>(job).row(tx)?;
    let Some(found) = found else { return Ok(Place::Nowhere) };
    Ok(match found.finished.as_deref().and_then(JobState::parse) {
        Some(state) => Place::Finished(state),
        None if found.running => Place::Running,
        None if found.known => Place::Waiting,
        None => Place::Nowhere,
    })
}

/// Puts a job at the end of its line, or where it asks for its turn.
pub(super) fn put_ready(tx: &mut Tx<'_>, job: JobId, from: &Waiting) -> Result<(), DbError> {
    if let Some(lane) = &from.lane {
        return put_asking(tx, job, from, lane);
    }
    const SQL: &str = "-- queue::control::put_ready
WITH place AS (
    INSERT INTO millrace.placements AS p (job_id, queue_id, priority, seq) VALUES ($1, $2, $3, nextval('millrace.job_seq'))
    ON CONFLICT (job_id) DO UPDATE SET queue_id = excluded.queue_id, priority = excluded.priority, seq = excluded.seq
    RETURNING seq
)
INSERT INTO millrace.ready (seq, job_id, since, queue_id, template_id, priority, attempt)
SELECT seq, $1, clock_timestamp(), $2, $4, $3, $5 FROM place";
    statement(SQL)
        .bind::<BigInt, _>(job)
        .bind::<Integer, _>(from.queue)
        .bind::<SmallInt, _>(from.priority)
        .bind::<Integer, _>(from.template)
        .bind::<SmallInt, _>(from.attempt)
        .run(tx)?;
    Ok(())
}

fn put_asking(tx: &mut Tx<'_>, job: JobId, from: &Waiting, lane: &str) -> Result<(), DbError> {
    const SQL: &str = "-- queue::control::put_asking
INSERT INTO millrace.gated (job_id, lane, since, not_before, queue_id, template_id, priority, attempt)
VALUES ($1, $2, clock_timestamp(), clock_timestamp(), $3, $4, $5, $6)";
    statement(SQL)
        .bind::<BigInt, _>(job)
        .bind::<Text, _>(lane)
        .bind::<Integer, _>(from.queue)
        .bind::<Integer, _>(from.template)
        .bind::<SmallInt, _>(from.priority)
        .bind::<SmallInt, _>(from.attempt)
        .run(tx)?;
    Ok(())
}

/// Puts a job where it waits for `run_at`; without one it is due at once.
pub(super) fn put_scheduled(
    tx: &mut Tx<'_>,
    job: JobId,
    from: &Waiting,
    run_at: Option<Time>,
    retrying: bool,
) -> Result<(), DbError> {
    const SQL: &str = "-- queue::control::put_scheduled
INSERT INTO millrace.scheduled (job_id, run_at, since, seq, queue_id, template_id, priority, attempt, retrying, lane)
VALUES ($1, coalesce($2, clock_timestamp()), clock_timestamp(), nextval('millrace.job_seq'), $3, $4, $5, $6, $7, $8)";
    statement(SQL)
        .bind::<BigInt, _>(job)
        .bind::<Nullable<Timestamptz>, _>(run_at)
        .bind::<Integer, _>(from.queue)
        .bind::<Integer, _>(from.template)
        .bind::<SmallInt, _>(from.priority)
        .bind::<SmallInt, _>(from.attempt)
        .bind::<Bool, _>(retrying)
        .bind::<Nullable<Text>, _>(from.lane.as_deref())
        .run(tx)?;
    Ok(())
}

/// Holds a job.
pub(super) fn put_held(
    tx: &mut Tx<'_>,
    job: JobId,
    from: &Waiting,
    by: &str,
    reason: Option<String>,
) -> Result<(), DbError> {
    let held = Waiting { state: JobState::Held, parked_by: Some(by.to_owned()), reason, ..from.clone() };
    put_back_parked(tx, job, &held)
}

/// Puts a held or blocked job back with what it had.
pub(super) fn put_back_parked(tx: &mut Tx<'_>, job: JobId, from: &Waiting) -> Result<(), DbError> {
    const SQL: &str = "-- queue::control::put_parked
INSERT INTO millrace.parked (job_id, state, since, run_at, queue_id, template_id, priority, attempt, parked_by, reason)
VALUES ($1, $2::text::millrace.job_state, clock_timestamp(), $3, $4, $5, $6, $7, $8, $9)";
    statement(SQL)
        .bind::<BigInt, _>(job)
        .bind::<Text, _>(from.state.as_str())
        .bind::<Nullable<Timestamptz>, _>(from.run_at)
        .bind::<Integer, _>(from.queue)
        .bind::<Integer, _>(from.template)
        .bind::<SmallInt, _>(from.priority)
        .bind::<SmallInt, _>(from.attempt)
        .bind::<Text, _>(from.parked_by.as_deref().unwrap_or("millrace"))
        .bind::<Nullable<Text>, _>(from.reason.as_deref())
        .run(tx)?;
    Ok(())
}

/// Takes the job's unique key again when it is reopened.
///
/// A newer job may own the key by now; the reopened one then runs without it rather than not at all: G11 speaks of the key.
pub(super) fn take_unique_key_again(tx: &mut Tx<'_>, job: JobId) -> Result<(), DbError> {
    const SQL: &str = "-- queue::control::take_unique_key_again
INSERT INTO millrace.unique_keys (key, job_id) SELECT unique_key, id FROM millrace.jobs WHERE id = $1 AND unique_key IS NOT NULL
ON CONFLICT (key) DO NOTHING";
    statement(SQL).bind::<BigInt, _>(job).run(tx)?;
    Ok(())
}

/// Removes what only an unfinished job has, and lets whoever waited for its end go on.
pub(super) fn forget(tx: &mut Tx<'_>, job: JobId, from: &Waiting) -> Result<(), DbError> {
    const SQL: &str = "-- queue::control::forget
WITH key AS (
    DELETE FROM millrace.unique_keys k USING millrace.jobs j WHERE j.id = $1 AND k.key = j.unique_key AND k.job_id = j.id AND k.until IS NULL
), place AS (
    DELETE FROM millrace.placements WHERE job_id = $1
), intent AS (
    DELETE FROM millrace.intents WHERE job_id = $1
)
DELETE FROM millrace.live WHERE job_id = $1";
    statement(SQL).bind::<BigInt, _>(job).run(tx)?;
    if from.lane.is_some() { turns::end(tx, &[job]).map(drop) } else { Ok(()) }
}
