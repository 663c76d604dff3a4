//! A page of jobs in any order that can be had without reading everything.
//!
//! ```text
//! by number, either way     an index holds it: pages by keyset, in both directions
//! by anything else          the newest 1,000 that match are read and sorted; the page says so when there are more
//! ```
//! A list of what waits is sorted by its wait among the oldest instead: there the longest waits are.

use diesel::QueryableByName;
use diesel::sql_types::BigInt;

use super::list::{EDGE, read};
use super::view::{Key, Order, Way};
use super::{Cursor, JobFilter, JobPage, JobRow, LOOK_ROWS_MAX, PAGE_ROWS_MAX, list};
use crate::base::db::{DbError, PgConnection};
use crate::queue::actor::Scope;
use crate::queue::state::JobState;
use crate::web::format::grouped;

/// Jobs that are sorted when no index holds the order.
pub const SORTED_ROWS_MAX: i64 = 1_000;

/// What an order holds for, when it is not the whole list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Within {
    /// The newest that match, so many.
    Newest(i64),
    /// The oldest that match, so many.
    Oldest(i64),
    /// What matches among the newest of the view that were looked at, so many.
    Looked(i64),
}

impl Within {
    /// Says which jobs an order holds for, at the end of a sentence: "the newest 1,000 jobs that match".
    pub fn words(self) -> String {
        let rows = |rows: i64| grouped(rows.unsigned_abs());
        match self {
            Self::Newest(n) => format!("the newest {} jobs that match; older ones are not looked at", rows(n)),
            Self::Oldest(n) => format!("the oldest {} jobs that match; newer ones are not looked at", rows(n)),
            Self::Looked(n) => {
                format!("what matches among the newest {} jobs of this view; older ones are not looked at", rows(n))
            }
        }
    }
}

/// A page in an order.
#[derive(Debug, Clone)]
pub struct Sorted {
    /// The rows in that order; `newer` and `older` lead to the page before and the page after.
    pub page: JobPage,
    /// What the order holds for; `None` = the whole list.
    pub within: Option<Within>,
}

#[derive(QueryableByName)]
struct Read {
    #[diesel(embed)]
    job: JobRow,
    #[diesel(sql_type = BigInt)]
    matched: i64,
}

/// Reads a page of at most `rows_max` (≤ 200) jobs in `order` that `scope` covers. Orders by number have further pages; with another
/// one, `cursor` says where the jobs begin that are sorted.
///
/// # Errors
/// Database failures.
pub fn sorted(
    conn: &mut PgConnection,
    scope: &Scope,
    filter: &JobFilter,
    (order, cursor): (Order, Cursor),
    rows_max: u32,
) -> Result<Sorted, DbError> {
    match order {
        Order::Newest => Ok(Sorted { page: list(conn, scope, filter, cursor, rows_max)?, within: None }),
        Order::Oldest => Ok(Sorted { page: oldest(conn, scope, filter, cursor, rows_max)?, within: None }),
        Order::By(key, way) => by(conn, scope, filter, ((key, way), cursor), rows_max),
    }
}

/// The list upside down: what comes after is newer.
fn oldest(
    conn: &mut PgConnection,
    scope: &Scope,
    filter: &JobFilter,
    cursor: Cursor,
    rows_max: u32,
) -> Result<JobPage, DbError> {
    let turned = match cursor {
        Cursor::Newest => Cursor::Before(0),
        Cursor::After(k) => Cursor::Before(k),
        Cursor::Before(k) => Cursor::After(k),
    };
    let mut page = list(conn, scope, filter, turned, rows_max)?;
    page.rows.reverse();
    let before = page.older.filter(|_| cursor != Cursor::Newest);
    Ok(JobPage { newer: before, older: page.newer, ..page })
}

fn by(
    conn: &mut PgConnection,
    scope: &Scope,
    filter: &JobFilter,
    ((key, way), cursor): ((Key, Way), Cursor),
    rows_max: u32,
) -> Result<Sorted, DbError> {
    let among_oldest = key == Key::Wait && filter.states().iter().all(|state| *state == JobState::Ready);
    let from = if among_oldest && cursor == Cursor::Newest { Cursor::Before(0) } else { cursor };
    let rows_max = i64::from(rows_max.clamp(1, PAGE_ROWS_MAX));
    let around = |sql: String| sorted_sql(&sql, (key, way), (from, rows_max));
    let mut rows: Vec<Read> = read(conn, scope, filter, (from, 0), SORTED_ROWS_MAX, &around)?;
    let edge = rows.pop_if(|read| read.job.state == EDGE).map(|read| read.job.k).filter(|_| filter.needs_look(scope));
    let matched = rows.first().map_or(0, |read| read.matched);
    let within = match (matched > SORTED_ROWS_MAX, edge) {
        (true, _) if among_oldest => Some(Within::Oldest(SORTED_ROWS_MAX)),
        (true, _) => Some(Within::Newest(SORTED_ROWS_MAX)),
        (false, Some(_)) => Some(Within::Looked(LOOK_ROWS_MAX)),
        (false, None) => None,
    };
    let rows = rows.into_iter().map(|read| read.job).collect();
    let edge = edge.filter(|_| matched <= SORTED_ROWS_MAX);
    Ok(Sorted { page: JobPage { rows, newer: None, older: None, edge }, within })
}

/// Sorts what a statement of the list gives; the edge of its look stands last.
fn sorted_sql(sql: &str, (key, way): (Key, Way), (from, rows_max): (Cursor, i64)) -> String {
    let column = match key {
        Key::Activity => "at",
        Key::Wait => "wait_ms",
        Key::Run => "run_ms",
        Key::Due => "run_at",
        Key::Attempt => "attempt",
        Key::Priority => "priority",
    };
    let way = if way == Way::Falling { "DESC" } else { "ASC" };
    let end = if matches!(from, Cursor::Before(_)) { "ASC" } else { "DESC" };
    format!(
        "-- admin::jobs::sorted
WITH page AS MATERIALIZED (
{sql}
), nearest AS (
    SELECT * FROM page WHERE state <> '{EDGE}' ORDER BY k {end} LIMIT {SORTED_ROWS_MAX}
), best AS (
    SELECT * FROM nearest ORDER BY {column} {way} NULLS LAST, k DESC LIMIT {rows_max}
)
SELECT found.*, (SELECT count(*) FROM page WHERE state <> '{EDGE}') AS matched
FROM (SELECT * FROM best UNION ALL SELECT * FROM page WHERE state = '{EDGE}') AS found
ORDER BY state = '{EDGE}', {column} {way} NULLS LAST, k DESC"
    )
}
