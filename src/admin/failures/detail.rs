//! One group from near: where it came, its last attempts, what people wrote.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, SmallInt, Text, Timestamptz};

use super::filter::Range;
use super::read::{Course, queues_of};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::{PersonId, Scope};
use crate::queue::job::JobId;

/// Most attempts that are listed.
pub const ATTEMPTS_MAX: i64 = 20;
/// Most lines of a table of versions, nodes or queues.
const LINES_MAX: i64 = 50;
/// Most notes shown.
const NOTES_SHOWN_MAX: i64 = 50;
/// Most people that are offered.
const PEOPLE_MAX: i64 = 200;

/// Attempts that share something: a version, a node, a queue, a bar of the range.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Share {
    /// `version`, `node`, `queue` or `bar`.
    #[diesel(sql_type = Text)]
    pub kind: String,
    /// Which one; a bar by its place, from 0.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Attempts in the range.
    #[diesel(sql_type = BigInt)]
    pub attempts: i64,
    /// Start of the last hour in which it came.
    #[diesel(sql_type = Timestamptz)]
    pub last: Time,
}

/// Reads when and where a group came during a range, in the queues of `scope`: by bar, version, node and queue, most first.
///
/// # Errors
/// Database failures.
pub fn shares(
    conn: &mut PgConnection,
    scope: &Scope,
    print: &str,
    (range, now): (Range, Time),
) -> Result<Vec<Share>, DbError> {
    const SQL: &str = "-- admin::failures::shares
WITH sums AS (
    SELECT c.bar, c.version, c.node_id, c.queue_id, sum(c.attempts)::bigint AS attempts, max(c.hour) AS last,
        row_number() OVER (PARTITION BY grouping(c.bar, c.version, c.node_id, c.queue_id) ORDER BY sum(c.attempts) DESC) AS place
    FROM (
        SELECT floor(extract(epoch FROM c.hour - $1) / $2)::integer AS bar, c.version, c.node_id, c.queue_id, c.attempts, c.hour
        FROM millrace.failure_counts c WHERE c.fingerprint = $3 AND c.hour >= $1
            AND ($4::text[] IS NULL OR c.queue_id IN (SELECT q.id FROM millrace.queues q WHERE q.name = ANY ($4)))
    ) AS c
    GROUP BY GROUPING SETS ((c.bar), (c.version), (c.node_id), (c.queue_id))
)
SELECT CASE WHEN s.bar IS NOT NULL THEN 'bar' WHEN s.version IS NOT NULL THEN 'version' WHEN s.queue_id IS NOT NULL THEN 'queue' ELSE 'node' END AS kind,
    coalesce(s.bar::text, s.version::text, q.name, n.name, 'a removed node') AS name, s.attempts, s.last
FROM sums s LEFT JOIN millrace.nodes n ON n.id = s.node_id LEFT JOIN millrace.queues q ON q.id = s.queue_id
WHERE s.place <= $5 ORDER BY kind, s.attempts DESC, name";
    statement(SQL)
        .bind::<Timestamptz, _>(range.from(now))
        .bind::<BigInt, _>(range.bar_hours() * 3_600)
        .bind::<Text, _>(print)
        .bind::<Nullable<Array<Text>>, _>(queues_of(scope))
        .bind::<BigInt, _>(LINES_MAX)
        .rows(conn)
}

/// Gives the course of the group that these are the shares of; `None` = it did not come.
pub fn course_of(print: &str, shares: &[Share]) -> Option<Course> {
    let of = |kind: &'static str| shares.iter().filter(move |share| share.kind == kind);
    let bars: Vec<(i32, i64)> = of("bar").filter_map(|bar| Some((bar.name.parse().ok()?, bar.attempts))).collect();
    let queues = of("queue").take(4).map(|queue| queue.name.clone()).collect();
    (!bars.is_empty()).then(|| Course::of(print, &bars, queues))
}

/// An attempt that failed so.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Attempt {
    /// Its job.
    #[diesel(sql_type = BigInt)]
    pub job: JobId,
    /// Its number.
    #[diesel(sql_type = SmallInt)]
    pub number: i16,
    /// When it ended.
    #[diesel(sql_type = Timestamptz)]
    pub at: Time,
    /// Where it ran.
    #[diesel(sql_type = Nullable<Text>)]
    pub node: Option<String>,
    /// The job's queue.
    #[diesel(sql_type = Text)]
    pub queue: String,
    /// The template's version.
    #[diesel(sql_type = Integer)]
    pub version: i32,
    /// How the job ended; absent = it has not.
    #[diesel(sql_type = Nullable<Text>)]
    pub ended: Option<String>,
    /// What went wrong.
    #[diesel(sql_type = Nullable<Text>)]
    pub error: Option<String>,
    /// Where in the code; only of the newest.
    #[diesel(sql_type = Nullable<Text>)]
    pub trace: Option<String>,
}

/// Reads the newest attempts of a group that `scope` covers.
///
/// # Errors
/// Database failures.
pub fn attempts(conn: &mut PgConnection, scope: &Scope, print: &str) -> Result<Vec<Attempt>, DbError> {
    const SQL: &str = "-- admin::failures::attempts
SELECT a.job_id AS job, a.number, a.finished_at AS at, n.name AS node, q.name AS queue, j.version, h.state::text AS ended, a.error,
    CASE WHEN row_number() OVER (ORDER BY a.job_id DESC, a.fence DESC) = 1 THEN a.trace END AS trace
FROM (
    SELECT a.* FROM millrace.attempts a WHERE a.fingerprint = $1 ORDER BY a.job_id DESC LIMIT $2
) AS a JOIN millrace.jobs j ON j.id = a.job_id LEFT JOIN millrace.history h ON h.job_id = a.job_id
LEFT JOIN millrace.placements p ON p.job_id = a.job_id
JOIN millrace.queues q ON q.id = coalesce(h.queue_id, p.queue_id, j.queue_id) LEFT JOIN millrace.nodes n ON n.id = a.node_id
WHERE $3::text[] IS NULL OR q.name = ANY ($3) ORDER BY a.job_id DESC, a.fence DESC LIMIT $4";
    // of the limited a few more are looked at, of which some may be others'
    let looked = if scope.is_everything() { ATTEMPTS_MAX } else { ATTEMPTS_MAX * 25 };
    statement(SQL)
        .bind::<Text, _>(print)
        .bind::<BigInt, _>(looked)
        .bind::<Nullable<Array<Text>>, _>(queues_of(scope))
        .bind::<BigInt, _>(ATTEMPTS_MAX)
        .rows(conn)
}

/// What somebody wrote.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Note {
    /// When.
    #[diesel(sql_type = Timestamptz)]
    pub at: Time,
    /// Who.
    #[diesel(sql_type = Text)]
    pub author: String,
    /// What.
    #[diesel(sql_type = Text)]
    pub note: String,
}

/// Reads the newest notes of a group.
///
/// # Errors
/// Database failures.
pub fn notes(conn: &mut PgConnection, print: &str) -> Result<Vec<Note>, DbError> {
    const SQL: &str = "-- admin::failures::notes
SELECT n.at, coalesce((SELECT p.name FROM millrace.people p WHERE p.email = n.author), n.author) AS author, n.note
FROM millrace.failure_notes n WHERE n.fingerprint = $1 ORDER BY n.id DESC LIMIT $2";
    statement(SQL).bind::<Text, _>(print).bind::<BigInt, _>(NOTES_SHOWN_MAX).rows(conn)
}

/// Somebody to whom a group can be assigned.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Assignable {
    /// Row id.
    #[diesel(sql_type = BigInt)]
    pub id: PersonId,
    /// Name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Address.
    #[diesel(sql_type = Text)]
    pub email: String,
}

/// Lists the people to whom a group can be assigned, by name; or the one with this address.
///
/// # Errors
/// Database failures.
pub fn assignable(conn: &mut PgConnection, email: Option<&str>) -> Result<Vec<Assignable>, DbError> {
    const SQL: &str = "-- admin::failures::assignable
SELECT id, name, email FROM millrace.people WHERE disabled_at IS NULL AND role IN ('admin', 'operator') AND ($1::text IS NULL OR email = lower($1))
ORDER BY name, id LIMIT $2";
    statement(SQL).bind::<Nullable<Text>, _>(email).bind::<BigInt, _>(PEOPLE_MAX).rows(conn)
}

/// Reads the active version of a template and its newest one.
///
/// # Errors
/// Database failures.
pub fn versions(conn: &mut PgConnection, template: &str) -> Result<(Option<i32>, i32), DbError> {
    const SQL: &str = "-- admin::failures::versions
SELECT t.active_version, coalesce((SELECT max(v.version) FROM millrace.template_versions v WHERE v.template_id = t.id), 0)
FROM millrace.templates t WHERE t.name = $1";
    type Row = (Option<i32>, i32);
    let rows = statement(SQL).bind::<Text, _>(template).tuples::<(Nullable<Integer>, Integer), Row>(conn)?;
    Ok(rows.into_iter().next().unwrap_or((None, 0)))
}
