//! Operations and their results as they stand in the database.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Double, Integer, Jsonb, Nullable, Text, Timestamptz};
use serde_json::Value;

use super::{ActError, Bulk};
use crate::admin::jobs::query::{Query, parse};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::access::token::TokenId;
use crate::queue::actor::PersonId;
use crate::queue::job::JobId;

crate::row_id!(
    /// An operation's row.
    OperationId, i64, diesel::sql_types::BigInt
);

/// Operations of one page.
pub const PAGE_ROWS_MAX: i64 = 50;
/// Jobs that were left alone, on one page.
pub const SKIPPED_ROWS_MAX: i64 = 200;

/// Where an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperationState {
    /// Goes on.
    Running,
    /// Somebody stopped it; may be resumed.
    Stopped,
    /// Came to its end.
    Done,
    /// Could not go on; may be resumed.
    Failed,
}

impl OperationState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Running, Self::Stopped, Self::Done, Self::Failed];

    /// Gives its name in rows and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    fn parse(text: &str) -> Result<Self, DbError> {
        let known = Self::ALL.into_iter().find(|state| state.as_str() == text);
        known.ok_or_else(|| DbError::Corrupt(format!("an operation has the state {text:?}")))
    }
}

/// An operation.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Its number.
    pub id: OperationId,
    /// What is done to each job.
    pub act: Bulk,
    /// Which jobs, when they go by a query.
    pub query: Query,
    /// Which jobs, when they were named.
    pub job_ids: Option<Vec<i64>>,
    /// The zone of the query's days and times.
    pub zone: String,
    /// The moment from which the query counts back.
    pub asked_at: Time,
    /// Why.
    pub reason: Option<String>,
    /// Who started it.
    pub person: Option<PersonId>,
    /// Who started it, as records keep it.
    pub actor: String,
    /// Who started it, as they are called now.
    pub by: String,
    /// The token they used, if one.
    pub token: Option<TokenId>,
    /// Most jobs per second.
    pub rate_per_s: Option<i32>,
    /// How many jobs matched at the start; `None` = too many to be counted then.
    pub expected: Option<i64>,
    /// Where it is.
    pub state: OperationState,
    /// It goes on below this id.
    pub below: i64,
    /// Jobs that it came to.
    pub looked: i64,
    /// Jobs it was done to.
    pub done: i64,
    /// Running jobs whose nodes were told.
    pub asked: i64,
    /// Jobs that were left alone.
    pub skipped: i64,
    /// Chunks so far.
    pub chunks: i32,
    /// Its file has argument values and words of failures.
    pub holds_payloads: bool,
    /// When it was started.
    pub started_at: Time,
    /// Time spent running, in milliseconds.
    pub worked_ms: i64,
    /// When it came to rest.
    pub finished_at: Option<Time>,
    /// Who stopped it, as records keep it.
    pub ended_by: Option<String>,
    /// Who stopped it, as they are called now.
    pub stopped_by: Option<String>,
    /// Why it failed.
    pub trouble: Option<String>,
    /// It waits for a node that does its next chunk for longer than a chunk may take.
    pub waits_for_node: bool,
}

impl Operation {
    /// Gives the jobs per second that it has come to while it ran; `None` before its first chunk.
    pub fn rate(&self) -> Option<f64> {
        let seconds = self.worked_ms as f64 / 1_000.0;
        (seconds > 0.0 && self.looked > 0).then(|| self.looked as f64 / seconds)
    }

    /// Tells how many jobs it acted on: done, or told to stop.
    pub fn acted(&self) -> i64 {
        self.done + self.asked
    }

    /// Tells whether it may go on when somebody says so.
    pub fn is_resumable(&self) -> bool {
        matches!(self.state, OperationState::Stopped | OperationState::Failed)
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: OperationId,
    #[diesel(sql_type = Text)]
    act: String,
    #[diesel(sql_type = Jsonb)]
    value: Value,
    #[diesel(sql_type = Text)]
    query: String,
    #[diesel(sql_type = Nullable<Array<BigInt>>)]
    job_ids: Option<Vec<i64>>,
    #[diesel(sql_type = Text)]
    zone: String,
    #[diesel(sql_type = Timestamptz)]
    asked_at: Time,
    #[diesel(sql_type = Nullable<Text>)]
    reason: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    person_id: Option<PersonId>,
    #[diesel(sql_type = Text)]
    actor: String,
    #[diesel(sql_type = Text)]
    by: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    token_id: Option<TokenId>,
    #[diesel(sql_type = Nullable<Integer>)]
    rate_per_s: Option<i32>,
    #[diesel(sql_type = Nullable<BigInt>)]
    expected: Option<i64>,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = BigInt)]
    below: i64,
    #[diesel(sql_type = BigInt)]
    looked: i64,
    #[diesel(sql_type = BigInt)]
    done: i64,
    #[diesel(sql_type = BigInt)]
    asked: i64,
    #[diesel(sql_type = BigInt)]
    skipped: i64,
    #[diesel(sql_type = Integer)]
    chunks: i32,
    #[diesel(sql_type = Bool)]
    holds_payloads: bool,
    #[diesel(sql_type = Timestamptz)]
    started_at: Time,
    #[diesel(sql_type = BigInt)]
    worked_ms: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    finished_at: Option<Time>,
    #[diesel(sql_type = Nullable<Text>)]
    ended_by: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    stopped_by: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    trouble: Option<String>,
    #[diesel(sql_type = Double)]
    late_s: f64,
}

/// A chunk that is due for longer than this waits for a node, in seconds.
const LATE_S: f64 = 10.0;

impl Row {
    fn operation(self) -> Result<Operation, DbError> {
        let unreadable = |error: ActError| DbError::Corrupt(format!("operation {}: {error}", self.id));
        Ok(Operation {
            id: self.id,
            act: Bulk::read(&self.act, &self.value).map_err(unreadable)?,
            query: parse(&self.query).query,
            job_ids: self.job_ids,
            zone: self.zone,
            asked_at: self.asked_at,
            reason: self.reason,
            person: self.person_id,
            actor: self.actor,
            by: self.by,
            token: self.token_id,
            rate_per_s: self.rate_per_s,
            expected: self.expected,
            state: OperationState::parse(&self.state)?,
            below: self.below,
            looked: self.looked,
            done: self.done,
            asked: self.asked,
            skipped: self.skipped,
            chunks: self.chunks,
            holds_payloads: self.holds_payloads,
            started_at: self.started_at,
            worked_ms: self.worked_ms,
            finished_at: self.finished_at,
            ended_by: self.ended_by,
            stopped_by: self.stopped_by,
            trouble: self.trouble,
            waits_for_node: self.state == OperationState::Running.as_str() && self.late_s > LATE_S,
        })
    }
}

macro_rules! operations {
    ($name:literal, $($rest:tt)+) => {
        concat!(
            "-- admin::operations::", $name, "
SELECT o.id, o.act, o.value, o.query, o.job_ids, o.zone, o.asked_at, o.reason, o.person_id, o.actor, o.token_id, o.rate_per_s, o.expected,
    o.state, o.below, o.looked, o.done, o.asked, o.skipped, o.chunks, o.holds_payloads, o.started_at, o.worked_ms, o.finished_at, o.ended_by, o.trouble,
    extract(epoch FROM clock_timestamp() - o.due_at)::double precision AS late_s,
    coalesce((SELECT p.name FROM millrace.people p WHERE p.id = o.person_id), o.actor) AS by,
    coalesce((SELECT p.name FROM millrace.people p WHERE p.email = split_part(o.ended_by, ' (token ', 1)), o.ended_by) AS stopped_by
FROM millrace.operations o ", $($rest)+
        )
    };
}

/// Finds the operation that has been due longest.
///
/// # Errors
/// Database failures.
pub fn due(conn: &mut PgConnection) -> Result<Option<Operation>, DbError> {
    const SQL: &str = operations!(
        "due",
        "WHERE o.state = 'running' AND o.due_at <= (SELECT clock_timestamp()) ORDER BY o.due_at, o.id LIMIT 1"
    );
    statement(SQL).row::<Row>(conn)?.map(Row::operation).transpose()
}

/// Reads one operation.
///
/// # Errors
/// Database failures.
pub fn one(conn: &mut PgConnection, id: OperationId) -> Result<Option<Operation>, DbError> {
    const SQL: &str = operations!("one", "WHERE o.id = $1");
    statement(SQL).bind::<BigInt, _>(id).row::<Row>(conn)?.map(Row::operation).transpose()
}

/// Lists operations, newest first, older than `before`; those of one person, or everybody's.
///
/// # Errors
/// Database failures.
pub fn page(conn: &mut PgConnection, before: Option<i64>, of: Option<PersonId>) -> Result<Vec<Operation>, DbError> {
    const ALL: &str = operations!("page", "WHERE o.id < $1 ORDER BY o.id DESC LIMIT $2");
    const OWN: &str = operations!("own_page", "WHERE o.id < $1 AND o.person_id = $2 ORDER BY o.id DESC LIMIT $3");
    let (before, rows_max) = (before.unwrap_or(i64::MAX), PAGE_ROWS_MAX + 1);
    let rows: Vec<Row> = match of {
        None => statement(ALL).bind::<BigInt, _>(before).bind::<BigInt, _>(rows_max).rows(conn)?,
        Some(person) => {
            statement(OWN).bind::<BigInt, _>(before).bind::<BigInt, _>(person).bind::<BigInt, _>(rows_max).rows(conn)?
        }
    };
    rows.into_iter().map(Row::operation).collect()
}

/// A job that was left alone.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Skipped {
    /// Its place in the list of all that were.
    #[diesel(sql_type = BigInt)]
    pub place: i64,
    /// The job.
    #[diesel(sql_type = BigInt)]
    pub job: JobId,
    /// Why.
    #[diesel(sql_type = Text)]
    pub reason: String,
}

/// Lists jobs that were left alone, in the order in which it came to them, behind `after` (chunk and place within it, as in
/// [`Skipped::place`]).
///
/// # Errors
/// Database failures.
pub fn skipped(conn: &mut PgConnection, id: OperationId, after: i64) -> Result<Vec<Skipped>, DbError> {
    const SQL: &str = "-- admin::operations::skipped
SELECT c.number * 1000::bigint + s.n AS place, s.job, s.reason
FROM (SELECT * FROM millrace.operation_chunks c WHERE c.operation_id = $1 AND c.number >= $2 / 1000 AND cardinality(c.skipped) > 0 ORDER BY c.number LIMIT $3) AS c
CROSS JOIN LATERAL unnest(c.skipped, c.reasons) WITH ORDINALITY AS s(job, reason, n)
WHERE c.number * 1000::bigint + s.n > $2 ORDER BY place LIMIT $3";
    statement(SQL).bind::<BigInt, _>(id).bind::<BigInt, _>(after).bind::<BigInt, _>(SKIPPED_ROWS_MAX + 1).rows(conn)
}

/// What became of the jobs of one chunk.
#[derive(Debug, Clone, QueryableByName)]
pub struct Chunk {
    /// Order, from 1.
    #[diesel(sql_type = Integer)]
    pub number: i32,
    /// When.
    #[diesel(sql_type = Timestamptz)]
    pub at: Time,
    /// Jobs it was done to.
    #[diesel(sql_type = Array<BigInt>)]
    pub done: Vec<i64>,
    /// Running jobs whose nodes were told.
    #[diesel(sql_type = Array<BigInt>)]
    pub asked: Vec<i64>,
    /// Jobs that were left alone.
    #[diesel(sql_type = Array<BigInt>)]
    pub skipped: Vec<i64>,
    /// Why each of them was.
    #[diesel(sql_type = Array<Text>)]
    pub reasons: Vec<String>,
}

/// Chunks read at once.
pub const CHUNKS_MAX: i64 = 50;

/// Lists at most 50 chunks behind number `after`.
///
/// # Errors
/// Database failures.
pub fn chunks(conn: &mut PgConnection, id: OperationId, after: i32) -> Result<Vec<Chunk>, DbError> {
    const SQL: &str = "-- admin::operations::chunks
SELECT c.number, c.at, c.done, c.asked, c.skipped, c.reasons FROM millrace.operation_chunks c
WHERE c.operation_id = $1 AND c.number > $2 ORDER BY c.number LIMIT $3";
    statement(SQL).bind::<BigInt, _>(id).bind::<Integer, _>(after).bind::<BigInt, _>(CHUNKS_MAX).rows(conn)
}

/// Tells whether an operation has the lines of a file.
///
/// # Errors
/// Database failures.
pub fn has_file(conn: &mut PgConnection, id: OperationId) -> Result<bool, DbError> {
    const SQL: &str = "-- admin::operations::has_file
SELECT count(*) FROM (SELECT FROM millrace.operation_chunks c WHERE c.operation_id = $1 AND c.body IS NOT NULL LIMIT 1) AS any_part";
    Ok(statement(SQL).bind::<BigInt, _>(id).tuples::<BigInt, i64>(conn)?.first().is_some_and(|parts| *parts > 0))
}

/// Reads the next part of an operation's file behind number `after`, inflated, with its number; `None` = that was all.
///
/// # Errors
/// Database failures, and a part that cannot be read.
pub fn part(conn: &mut PgConnection, id: OperationId, after: i32) -> Result<Option<(i32, Vec<u8>)>, DbError> {
    const SQL: &str = "-- admin::operations::part
SELECT c.number, c.body FROM millrace.operation_chunks c WHERE c.operation_id = $1 AND c.number > $2 AND c.body IS NOT NULL ORDER BY c.number LIMIT 1";
    let rows: Vec<(i32, Vec<u8>)> = statement(SQL)
        .bind::<BigInt, _>(id)
        .bind::<Integer, _>(after)
        .tuples::<(Integer, Binary), (i32, Vec<u8>)>(conn)?;
    rows.first().map(|(number, body)| Ok((*number, super::file::inflated(body)?))).transpose()
}
