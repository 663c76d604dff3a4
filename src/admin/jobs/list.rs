//! A page of jobs, newest first, by keyset over the tables where jobs stand. Every source is bounded before anything is joined,
//! so that a filter that matches nothing costs no more than one that matches much.
//!
//! The key is the job's id, which never changes: whoever follows the pages meets each job once, however jobs move meanwhile.
//! Jobs that were moved stand in `ready` under a newer place than their id and are found by their placement, all others by the line.

use diesel::QueryableByName;
use diesel::connection::SimpleConnection;
use diesel::pg::Pg;
use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz};
use serde_json::Value;

use super::JobFilter;
use super::joins::{self, Matching};
use super::place::Place;
use super::query::Condition;
use super::skip::{Next, Skip};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement_built, transaction};
use crate::queue::actor::Scope;
use crate::queue::digests::BLOCK_IDS;
use crate::queue::job::JobId;
use crate::queue::state::JobState;

/// Rows of one source that are looked at when a filter has to look into them.
pub const LOOK_ROWS_MAX: i64 = 5_000;
/// Most rows of a page.
pub const PAGE_ROWS_MAX: u32 = 200;

/// Where a page begins: at a job's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cursor {
    /// At the newest.
    Newest,
    /// Older than this.
    After(i64),
    /// Newer than this.
    Before(i64),
    /// At a place in another order; by number it is the newest.
    At(Place),
}

impl Cursor {
    /// Gives the place from which a look that ended at `edge` goes on in the same direction.
    pub fn on_from(self, edge: i64) -> Self {
        match self {
            Self::Newest | Self::After(_) | Self::At(_) => Self::After(edge),
            Self::Before(_) => Self::Before(edge),
        }
    }
}

/// A job in a list.
#[derive(Debug, Clone, QueryableByName)]
pub struct JobRow {
    /// Its place in the order of the list: its id.
    #[diesel(sql_type = BigInt)]
    pub k: i64,
    /// Its id.
    #[diesel(sql_type = BigInt)]
    pub id: JobId,
    #[diesel(sql_type = Text)]
    pub(super) state: String,
    /// Its template.
    #[diesel(sql_type = Text)]
    pub template: String,
    /// The version it is pinned to; absent when its payload was removed.
    #[diesel(sql_type = Nullable<Integer>)]
    pub version: Option<i32>,
    /// Its queue.
    #[diesel(sql_type = Text)]
    pub queue: String,
    /// Its priority.
    #[diesel(sql_type = SmallInt)]
    pub priority: i16,
    /// Attempts counted, the running one included.
    #[diesel(sql_type = SmallInt)]
    pub attempt: i16,
    /// Most attempts.
    #[diesel(sql_type = Integer)]
    pub max_attempts: i32,
    /// When it entered its state.
    #[diesel(sql_type = Timestamptz)]
    pub at: Time,
    /// When it becomes ready, for scheduled and retrying ones.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub run_at: Option<Time>,
    /// When it was enqueued; absent when its payload was removed.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub created_at: Option<Time>,
    /// Where it runs or ran.
    #[diesel(sql_type = Nullable<Text>)]
    pub node: Option<String>,
    /// Its last error.
    #[diesel(sql_type = Nullable<Text>)]
    pub error: Option<String>,
    /// Its arguments.
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub args: Option<Value>,
    /// The parameters of its version, to mask secrets.
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub params: Option<Value>,
    /// Its labels.
    #[diesel(sql_type = Nullable<Array<Text>>)]
    pub tags: Option<Vec<String>>,
    /// Who enqueued it; absent when its payload was removed.
    #[diesel(sql_type = Nullable<Text>)]
    pub enqueued_by: Option<String>,
    /// How long it waited for its slot, or waits so far, in milliseconds.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub wait_ms: Option<i64>,
    /// How long its last attempt ran, or runs so far, in milliseconds.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub run_ms: Option<i64>,
    /// Units done.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub done: Option<i64>,
    /// Units in all.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub total: Option<i64>,
}

impl JobRow {
    /// Gives its state.
    pub fn state(&self) -> JobState {
        JobState::parse(&self.state).unwrap_or(JobState::Ready) // the statement gives only names of the enum
    }
}

/// A page of jobs.
#[derive(Debug, Clone)]
pub struct JobPage {
    /// Newest first.
    pub rows: Vec<JobRow>,
    /// There are newer ones than the first.
    pub newer: Option<i64>,
    /// There are (or may be) older ones than the last.
    pub older: Option<i64>,
    /// The bounded look ended before the page was full: there may be more beyond this place.
    pub edge: Option<i64>,
    /// How many looks that took.
    pub looks: usize,
}

/// Where to look, for both directions: `$dir` orders, `$cmp` compares with the cursor, `$end` with the last id that can be meant.
macro_rules! looked {
    ($name:literal, $dir:literal, $cmp:literal, $end:literal) => {
        concat!(
            "-- admin::jobs::", $name, "
WITH asked AS (
    SELECT $1::text[] AS states, $2::bigint AS cursor, $3::bigint AS bound
), waiting AS (
    SELECT r.job_id AS k, r.job_id, 'ready' AS state, r.queue_id, r.template_id, r.priority, r.attempt, r.since AS at, NULL::timestamptz AS run_at
    FROM asked, millrace.queues q CROSS JOIN generate_series(1, 5) AS p(priority) CROSS JOIN LATERAL (
        SELECT * FROM millrace.ready r WHERE r.queue_id = q.id AND r.priority = p.priority AND r.seq ", $cmp, " (SELECT cursor FROM asked)
            AND r.seq ", $end, " (SELECT bound FROM asked) AND r.seq = r.job_id
        ORDER BY r.seq ", $dir, " LIMIT $4
    ) AS r WHERE 'ready' = ANY (asked.states)
    UNION ALL
    SELECT r.job_id, r.job_id, 'ready', r.queue_id, r.template_id, r.priority, r.attempt, r.since, NULL
    FROM asked, LATERAL (
        SELECT r.* FROM millrace.placements p CROSS JOIN LATERAL ( -- one by one: a join may read the whole line
            SELECT * FROM millrace.ready r WHERE r.queue_id = p.queue_id AND r.priority = p.priority AND r.seq = p.seq AND r.job_id = p.job_id LIMIT 1
        ) AS r
        WHERE p.job_id ", $cmp, " asked.cursor AND p.job_id ", $end, " asked.bound AND r.seq <> r.job_id AND 'ready' = ANY (asked.states) ORDER BY p.job_id ", $dir, " LIMIT $4
    ) AS r
    UNION ALL
    SELECT g.job_id, g.job_id, 'ready', g.queue_id, g.template_id, g.priority, g.attempt, g.since, NULL
    FROM asked, LATERAL (
        SELECT g.* FROM millrace.gated g WHERE g.job_id ", $cmp, " asked.cursor AND g.job_id ", $end, " asked.bound AND 'ready' = ANY (asked.states) ORDER BY g.job_id ", $dir, " LIMIT $4
    ) AS g
), timed AS (
    SELECT s.job_id AS k, s.job_id, CASE WHEN s.retrying THEN 'retrying' ELSE 'scheduled' END AS state, s.queue_id, s.template_id, s.priority,
        s.attempt, s.since AS at, s.run_at
    FROM asked, LATERAL (
        SELECT * FROM millrace.scheduled s WHERE s.job_id ", $cmp, " asked.cursor AND s.job_id ", $end, " asked.bound AND NOT s.retrying AND 'scheduled' = ANY (asked.states)
        ORDER BY s.job_id ", $dir, " LIMIT $4
    ) AS s
    UNION ALL
    SELECT s.job_id, s.job_id, 'retrying', s.queue_id, s.template_id, s.priority, s.attempt, s.since, s.run_at
    FROM asked, LATERAL (
        SELECT * FROM millrace.scheduled s WHERE s.job_id ", $cmp, " asked.cursor AND s.job_id ", $end, " asked.bound AND s.retrying AND 'retrying' = ANY (asked.states)
        ORDER BY s.job_id ", $dir, " LIMIT $4
    ) AS s
), still AS (
    SELECT k.job_id AS k, k.job_id, k.state::text, k.queue_id, k.template_id, k.priority, k.attempt, k.since AS at, k.run_at
    FROM asked, LATERAL (
        SELECT * FROM millrace.parked k WHERE k.job_id ", $cmp, " asked.cursor AND k.job_id ", $end, " asked.bound AND k.state::text = ANY (asked.states)
        ORDER BY k.job_id ", $dir, " LIMIT $4
    ) AS k
), active AS (
    SELECT u.job_id AS k, u.job_id, 'running' AS state, coalesce(p.queue_id, j.queue_id) AS queue_id, j.template_id,
        coalesce(p.priority, j.priority) AS priority, u.attempt, u.started_at AS at, NULL::timestamptz AS run_at
    FROM (
        SELECT l.started_at, u.job_id, u.attempt
        FROM asked, millrace.leases l CROSS JOIN LATERAL UNNEST(l.job_ids, l.attempts) AS u(job_id, attempt)
        WHERE 'running' = ANY (asked.states) AND u.job_id ", $cmp, " asked.cursor AND u.job_id ", $end, " asked.bound ORDER BY u.job_id ", $dir, " LIMIT $4
    ) AS u CROSS JOIN LATERAL ( -- by key, whatever the planner thinks of their number
        SELECT * FROM millrace.jobs j WHERE j.id = u.job_id LIMIT 1
    ) AS j LEFT JOIN LATERAL (
        SELECT * FROM millrace.placements p WHERE p.job_id = u.job_id LIMIT 1
    ) AS p ON true
), ended AS (
    SELECT h.job_id AS k, h.job_id, h.state::text, h.queue_id, h.template_id, h.priority, h.attempt, h.finished_at AS at, NULL::timestamptz AS run_at
    FROM asked, LATERAL (
        (SELECT * FROM millrace.history h WHERE h.job_id ", $cmp, " asked.cursor AND h.job_id ", $end, " asked.bound AND 'succeeded' = ANY (asked.states) AND h.state::text = ANY (asked.states)
        ORDER BY h.job_id ", $dir, " LIMIT $4)
        UNION ALL
        (SELECT * FROM millrace.history h WHERE h.job_id ", $cmp, " asked.cursor AND h.job_id ", $end, " asked.bound AND h.state = 'failed' AND 'failed' = ANY (asked.states) AND NOT 'succeeded' = ANY (asked.states)
        ORDER BY h.job_id ", $dir, " LIMIT $4)
        UNION ALL
        (SELECT * FROM millrace.history h WHERE h.job_id ", $cmp, " asked.cursor AND h.job_id ", $end, " asked.bound AND h.state IN ('cancelled', 'expired') AND h.state::text = ANY (asked.states) AND NOT 'succeeded' = ANY (asked.states)
        ORDER BY h.job_id ", $dir, " LIMIT $4)
    ) AS h
), found AS (
    SELECT * FROM waiting UNION ALL SELECT * FROM timed UNION ALL SELECT * FROM still UNION ALL SELECT * FROM active UNION ALL SELECT * FROM ended
), looked AS (
    SELECT * FROM found ORDER BY k ", $dir, " LIMIT $4
)
"
        )
    };
}

/// What a row of the list shows.
const COLUMNS: &str = "SELECT * FROM (
(SELECT f.k, f.job_id AS id, f.state, t.name AS template, j.version, q.name AS queue, f.priority, f.attempt,
    coalesce(j.max_attempts, (v.spec #>> '{defaults,max_attempts}')::integer, f.attempt::integer) AS max_attempts, f.at, f.run_at, j.created_at,
    coalesce(n.name, ln.name) AS node, coalesce(h.error, a.error) AS error, j.args, v.spec -> 'params' AS params, j.tags, live.done, live.total,
    j.enqueued_by, (extract(epoch FROM CASE WHEN h.started_at IS NOT NULL THEN h.started_at - h.since
        WHEN f.state = 'ready' THEN clock_timestamp() - f.at END) * 1000)::bigint AS wait_ms,
    (extract(epoch FROM CASE WHEN h.started_at IS NOT NULL THEN h.finished_at - h.started_at
        WHEN f.state = 'running' THEN clock_timestamp() - f.at END) * 1000)::bigint AS run_ms
";
/// Puts the statement together: `dir` orders, the page has at most `rows_max` rows, the condition's parameters begin with `$7`. Only
/// what the condition asks is joined to all rows that were looked at; the rest of what a row shows is joined to those that match.
fn list_sql(looked: &str, dir: &str, matching: &Matching<'_>, rows_max: i64) -> String {
    format!(
        "{looked}, matched AS MATERIALIZED (
    SELECT f.* {matching} ORDER BY f.k {dir} LIMIT {rows_max}
)
{COLUMNS}FROM matched f{all}
ORDER BY f.k {dir})
UNION ALL
SELECT last.k, 0, 'edge', '', NULL, '', 0::smallint, 0::smallint, 0, 'epoch', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL
FROM (SELECT k FROM looked ORDER BY k {dir} OFFSET $4 - 1) AS last
) AS page ORDER BY state = 'edge', k {dir}",
        all = joins::all()
    )
}

pub(super) const OLDER: (&str, &str) = (looked!("older", "DESC", "<", ">="), "DESC");
const NEWER: (&str, &str) = (looked!("newer", "ASC", ">", "<="), "ASC");
/// A few rows are wanted in the order of an index, and what belongs to them by key. A bitmap has no order, so the whole line would
/// be read and sorted; scans and joins of whole partitions look cheap to the planner as long as it does not know them.
pub(super) const ALONG_LINES: &str = "SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; \
    SET LOCAL enable_mergejoin = off; SET LOCAL jit = off";
/// State of the row that stands after the others and tells where the look ended, when there was more to look at. It comes from the same
/// snapshot: asked afterwards, it would have looked further, past jobs that nobody saw.
pub(super) const EDGE: &str = "edge";

/// How often a page looks for what is rare, before it leaves going on to the reader. A number and no length of time: what a live page
/// shows must not depend on how busy the machine is.
pub(super) const LOOKS_MAX: usize = 3;
/// Jobs that are looked into where nearly all may have to be: a tenth of a second at ten million jobs. Whoever is limited looks past
/// the jobs of others and may do so for longer.
const LOOKED_MANY_MAX: i64 = BLOCK_IDS;

/// Reads a page of at most `rows_max` (≤ 200) jobs that `scope` covers. What is rare is looked for where it can be, as digests say.
///
/// # Errors
/// Database failures.
pub fn list(
    conn: &mut PgConnection,
    scope: &Scope,
    filter: &JobFilter,
    cursor: Cursor,
    rows_max: u32,
) -> Result<JobPage, DbError> {
    let rows_max = i64::from(rows_max.clamp(1, PAGE_ROWS_MAX));
    let skip = Skip::of(filter, LOOK_ROWS_MAX);
    if matches!(cursor, Cursor::Before(_)) || !filter.needs_look(scope) || !skip.can_tell() {
        let (rows, edge) = look(conn, scope, filter, (cursor, 0), rows_max)?;
        return Ok(JobPage { edge, ..page(rows, cursor, rows_max as usize) });
    }
    let is_wide = filter.are_many() && scope.is_everything();
    let (mut rows, mut looks, mut looked) = (Vec::new(), 1, 0);
    let mut from = match cursor {
        Cursor::After(k) => k.min(filter.ids().1.saturating_add(1)),
        Cursor::Newest | Cursor::Before(_) | Cursor::At(_) => filter.ids().1.saturating_add(1),
    };
    let edge = loop {
        let (below, floor) = match skip.below(conn, from)? {
            Next::Told { below, floor } => (below, floor),
            Next::Unknown(below) => (below, 0), // one look is all that may be read there
            Next::Nothing => break None,
        };
        let wanted = rows_max - rows.len() as i64;
        let (found, edge) = look(conn, scope, filter, (Cursor::After(below), floor), wanted)?;
        rows.extend(found);
        if looks > 1 && below == from && floor > 0 {
            looked += below - edge.unwrap_or(floor); // the digests, below whose newest it is, could not pass anything by
        }
        if is_wide && looked >= LOOKED_MANY_MAX {
            looks = LOOKS_MAX;
        }
        let edge = edge.or(Some(floor)).filter(|floor| *floor > filter.ids().0);
        match edge {
            Some(edge) if floor > 0 && looks < LOOKS_MAX && rows.len() as i64 <= rows_max => {
                (from, looks) = (edge, looks + 1)
            }
            edge => break edge,
        }
    };
    let edge = edge.filter(|_| rows.len() as i64 <= rows_max);
    Ok(JobPage { edge, looks, ..page(rows, cursor, rows_max as usize) })
}

/// Looks once, not below `floor`: at most one row more than wanted, and where the look ended before everything was seen.
fn look(
    conn: &mut PgConnection,
    scope: &Scope,
    filter: &JobFilter,
    (cursor, floor): (Cursor, i64),
    rows_max: i64,
) -> Result<(Vec<JobRow>, Option<i64>), DbError> {
    let mut rows: Vec<JobRow> = read(conn, scope, filter, (cursor, floor), rows_max, &|sql| sql)?;
    let (lowest, highest) = filter.ids();
    let edge = rows.pop_if(|row| row.state == EDGE).map(|row| row.k);
    let edge = edge.filter(|k| rows.len() as i64 <= rows_max && (lowest + 1..highest).contains(k));
    Ok((rows, edge))
}

/// Reads one row more than `rows_max` (towards older ones: not below `floor`), and behind them the edge of the look; `around` may put
/// the statement into another one.
pub(super) fn read<T: QueryableByName<Pg> + 'static>(
    conn: &mut PgConnection,
    scope: &Scope,
    filter: &JobFilter,
    (cursor, floor): (Cursor, i64),
    rows_max: i64,
    around: &dyn Fn(String) -> String,
) -> Result<Vec<T>, DbError> {
    let (lowest, highest) = filter.ids();
    let ((looked, dir), from, bound) = match cursor {
        Cursor::Newest | Cursor::At(_) => (OLDER, highest.saturating_add(1), lowest),
        Cursor::After(k) => (OLDER, k.min(highest.saturating_add(1)), lowest.max(floor)),
        Cursor::Before(k) => (NEWER, k.max(lowest - 1), highest),
    };
    let look = match filter.needs_look(scope) {
        true => LOOK_ROWS_MAX.min(highest.saturating_sub(lowest).saturating_add(1)).max(1),
        false => rows_max + 1,
    };
    let condition = Condition::of(&filter.query, &filter.asker, 7);
    let states: Vec<&str> = filter.places().into_iter().map(JobState::as_str).collect();
    let asked =
        statement_built(around(list_sql(looked, dir, &Matching { condition: &condition.sql, scope }, rows_max + 1)))
            .bind::<Array<Text>, _>(states)
            .bind::<BigInt, _>(from)
            .bind::<BigInt, _>(bound)
            .bind::<BigInt, _>(look)
            .bind::<Array<Text>, _>(&scope.queues)
            .bind::<Array<Text>, _>(&scope.tags);
    let asked = condition.bind(asked);
    transaction(conn, "admin::jobs::list", |tx| {
        tx.batch_execute(ALONG_LINES)?;
        asked.rows(tx)
    })
}

/// Cuts off the row that was read beyond the page and puts the newest first.
fn page(mut rows: Vec<JobRow>, cursor: Cursor, rows_max: usize) -> JobPage {
    let more = rows.len() > rows_max;
    rows.truncate(rows_max);
    let backwards = matches!(cursor, Cursor::Before(_));
    if backwards {
        rows.reverse();
    }
    let first = rows.first().map(|row| row.k);
    let last = rows.last().map(|row| row.k);
    let (newer, older) = match cursor {
        Cursor::Newest | Cursor::At(_) => (None, last.filter(|_| more)),
        Cursor::After(_) => (first, last.filter(|_| more)),
        Cursor::Before(_) => (first.filter(|_| more), last),
    };
    JobPage { rows, newer, older, edge: None, looks: 1 }
}
