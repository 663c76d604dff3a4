//! A page of jobs in any order that can be had without reading everything.
//!
//! ```text
//! by number, either way     an index holds it: pages by keyset, in both directions
//! by anything else          the newest 1,000 that match are read and sorted; the page says so when there are more. Within
//!                           them there are pages by keyset too: a place is a value and a number (`place.rs`)
//! ```
//! A list of what waits is sorted by its wait among the oldest instead: there the longest waits are.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable};

use super::list::{EDGE, read};
use super::place::{Place, Side};
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
    /// The pages before and behind, where no index holds the order.
    pub steps: [Option<Place>; 2],
}

#[derive(QueryableByName)]
struct Read {
    #[diesel(embed)]
    job: JobRow,
    /// What it is sorted by.
    #[diesel(sql_type = Nullable<BigInt>)]
    value: Option<i64>,
    #[diesel(sql_type = BigInt)]
    matched: i64,
    /// The highest number among those that are sorted.
    #[diesel(sql_type = BigInt)]
    highest: i64,
}

/// Reads a page of at most `rows_max` (≤ 200) jobs in `order` that `scope` covers. With an order that is not by number, `cursor` says
/// where the jobs begin that are sorted, or which of their pages is wanted.
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
        Order::Newest => Ok(whole(list(conn, scope, filter, cursor, rows_max)?)),
        Order::Oldest => Ok(whole(oldest(conn, scope, filter, cursor, rows_max)?)),
        Order::By(key, way) => by(conn, scope, filter, ((key, way), cursor), rows_max),
    }
}

fn whole(page: JobPage) -> Sorted {
    Sorted { page, within: None, steps: [None; 2] }
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
        Cursor::Newest | Cursor::At(_) => Cursor::Before(0),
        Cursor::After(k) => Cursor::Before(k),
        Cursor::Before(k) => Cursor::After(k),
    };
    let mut page = list(conn, scope, filter, turned, rows_max)?;
    page.rows.reverse();
    let before = page.older.filter(|_| matches!(cursor, Cursor::After(_) | Cursor::Before(_)));
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
    let place = if let Cursor::At(place) = cursor { Some(place) } else { None };
    let from = match (cursor, place.map_or(0, |place| place.below)) {
        (Cursor::Newest | Cursor::At(_), 0) if among_oldest => Cursor::Before(0),
        (Cursor::At(_), 0) => Cursor::Newest,
        (Cursor::At(_), below) => Cursor::After(below),
        (cursor, _) => cursor,
    };
    let rows_max = i64::from(rows_max.clamp(1, PAGE_ROWS_MAX));
    let as_of_us = place.map_or(filter.asker.now.timestamp_micros(), |place| place.as_of_us);
    let around = |sql: String| sorted_sql(&sql, &Wanted { key, way, from, place, as_of_us, rows_max });
    let mut rows: Vec<Read> = read(conn, scope, filter, (from, 0), SORTED_ROWS_MAX, &around)?;
    let edge = rows.pop_if(|read| read.job.state == EDGE).map(|read| read.job.k).filter(|_| filter.needs_look(scope));
    let (matched, highest) = rows.first().map_or((0, 0), |read| (read.matched, read.highest));
    let within = match (matched > SORTED_ROWS_MAX, edge) {
        (true, _) if among_oldest => Some(Within::Oldest(SORTED_ROWS_MAX)),
        (true, _) => Some(Within::Newest(SORTED_ROWS_MAX)),
        (false, Some(_)) => Some(Within::Looked(LOOK_ROWS_MAX)),
        (false, None) => None,
    };
    // the pages that follow sort the same jobs, whatever is enqueued meanwhile
    let below = if among_oldest { 0 } else { highest.saturating_add(1) };
    let steps = steps(&mut rows, place, (rows_max as usize, as_of_us, below));
    let rows = rows.into_iter().map(|read| read.job).collect();
    let edge = edge.filter(|_| matched <= SORTED_ROWS_MAX);
    Ok(Sorted { page: JobPage { rows, newer: None, older: None, edge, looks: 1 }, within, steps })
}

/// Cuts off the row that was read beyond the page and finds the pages beside it.
fn steps(
    rows: &mut Vec<Read>,
    place: Option<Place>,
    (rows_max, as_of_us, below): (usize, i64, i64),
) -> [Option<Place>; 2] {
    let more = rows.len() > rows_max;
    let side = place.map(|place| place.side);
    match side {
        Some(Side::Before) if more => drop(rows.remove(0)),
        _ => rows.truncate(rows_max),
    }
    let beside =
        |side, row: Option<&Read>| row.map(|read| Place { side, value: read.value, id: read.job.k, as_of_us, below });
    let (before, behind) = match side {
        None => (false, more),
        Some(Side::Behind) => (true, more),
        Some(Side::Before) => (more, true),
    };
    [beside(Side::Before, rows.first()).filter(|_| before), beside(Side::Behind, rows.last()).filter(|_| behind)]
}

/// Which rows of those that are sorted.
struct Wanted {
    key: Key,
    way: Way,
    from: Cursor,
    place: Option<Place>,
    as_of_us: i64,
    rows_max: i64,
}

impl Wanted {
    /// What a row is sorted by, as a whole number. Lengths that still grow are measured at one moment.
    fn value(&self) -> String {
        let us = |time: &str| format!("(extract(epoch FROM {time}) * 1000000)::bigint");
        let length = |state: &str, ended: &str| {
            format!("CASE WHEN state = '{state}' THEN {} - {} ELSE {ended} * 1000 END", self.as_of_us, us("at"))
        };
        match self.key {
            Key::Activity => us("at"),
            Key::Wait => length("ready", "wait_ms"),
            Key::Run => length("running", "run_ms"),
            Key::Due => us("run_at"),
            Key::Attempt => "attempt::bigint".into(),
            Key::Priority => "priority::bigint".into(),
        }
    }

    /// The order of the list, or its reverse. What has no value stands last.
    fn order(&self, is_reverse: bool) -> &'static str {
        match (self.way == Way::Falling, is_reverse) {
            (true, false) => "value DESC NULLS LAST, k DESC",
            (false, false) => "value ASC NULLS LAST, k DESC",
            (true, true) => "value ASC NULLS FIRST, k ASC",
            (false, true) => "value DESC NULLS FIRST, k ASC",
        }
    }

    /// Tells whether the page ends at its place.
    fn is_before(&self) -> bool {
        self.place.is_some_and(|place| place.side == Side::Before)
    }

    /// The rows on the wanted side of the place. Only numbers are written.
    fn beyond(&self) -> String {
        let Some(Place { side, value, id, .. }) = self.place else { return "true".into() };
        let is_falling = self.way == Way::Falling;
        match (side, value) {
            (Side::Behind, Some(value)) => {
                let less = if is_falling { "<" } else { ">" };
                format!("(value {less} {value} OR value = {value} AND k < {id} OR value IS NULL)")
            }
            (Side::Behind, None) => format!("(value IS NULL AND k < {id})"),
            (Side::Before, Some(value)) => {
                let more = if is_falling { ">" } else { "<" };
                format!("(value {more} {value} OR value = {value} AND k > {id})")
            }
            (Side::Before, None) => format!("(value IS NOT NULL OR k > {id})"),
        }
    }
}

/// Sorts what a statement of the list gives; the edge of its look stands last.
fn sorted_sql(sql: &str, wanted: &Wanted) -> String {
    let end = if matches!(wanted.from, Cursor::Before(_)) { "ASC" } else { "DESC" };
    let (value, beyond) = (wanted.value(), wanted.beyond());
    let (order, nearest_first) = (wanted.order(false), wanted.order(wanted.is_before()));
    let rows = wanted.rows_max + 1;
    format!(
        "-- admin::jobs::sorted
WITH page AS MATERIALIZED (
{sql}
), nearest AS (
    SELECT page.*, {value} AS value FROM page WHERE state <> '{EDGE}' ORDER BY k {end} LIMIT {SORTED_ROWS_MAX}
), best AS (
    SELECT * FROM nearest WHERE {beyond} ORDER BY {nearest_first} LIMIT {rows}
)
SELECT found.*, (SELECT count(*) FROM page WHERE state <> '{EDGE}') AS matched, (SELECT coalesce(max(k), 0) FROM nearest) AS highest
FROM (SELECT * FROM best UNION ALL SELECT page.*, NULL::bigint FROM page WHERE state = '{EDGE}') AS found
ORDER BY state = '{EDGE}', {order}"
    )
}
