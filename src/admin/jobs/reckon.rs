//! How many jobs match, by state: from the counts where they can tell, by looking where they cannot.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use diesel::QueryableByName;
use diesel::connection::SimpleConnection;
use diesel::sql_types::{Array, BigInt, Text};

use super::JobFilter;
use super::joins::Matching;
use super::list::{ALONG_LINES, OLDER};
use super::query::Condition;
use super::skip::{Next, Skip};
use super::tally::counted;
use crate::base::db::{DbError, PgConnection, statement_built, transaction};
use crate::queue::actor::Scope;
use crate::queue::state::JobState;

/// Rows that one look goes through.
const LOOK_ROWS: i64 = 20_000;

/// How many jobs match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reckoned {
    /// By state; states without jobs are left out.
    pub by_state: BTreeMap<JobState, i64>,
    /// There may be more: the time was over before everything had been looked at.
    pub is_partial: bool,
}

impl Reckoned {
    /// Gives the number in all states.
    pub fn total(&self) -> i64 {
        self.by_state.values().sum()
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = BigInt)]
    jobs: i64,
}

/// Counts the jobs that `filter` means within `scope`, for at most `budget` and one more look.
///
/// # Errors
/// Database failures.
pub fn reckon(
    conn: &mut PgConnection,
    scope: &Scope,
    filter: &JobFilter,
    budget: Duration,
) -> Result<Reckoned, DbError> {
    if let Some(tally) = counted(conn, scope, filter)?.and_then(|counted| counted.filtered) {
        let states = filter.states().into_iter().map(|state| (state, tally.in_state(state)));
        return Ok(Reckoned { by_state: states.filter(|(_, jobs)| *jobs > 0).collect(), is_partial: false });
    }
    let end = Instant::now() + budget;
    let (lowest, highest) = filter.ids();
    let mut reckoned = Reckoned::default();
    let mut below = Some(highest.saturating_add(1));
    let skip = Skip::of(filter, LOOK_ROWS);
    while let Some(from) = below {
        let (from, floor) = match skip.below(conn, from)? {
            Next::Told { below, floor } => (below, floor),
            Next::Unknown(below) => (below, 0),
            Next::Nothing => break,
        };
        let edge = look(conn, scope, filter, (from, lowest.max(floor)), &mut reckoned)?;
        below = edge.or(Some(floor)).filter(|floor| *floor > lowest);
        if below.is_some() && Instant::now() >= end {
            reckoned.is_partial = true;
            break;
        }
    }
    Ok(reckoned)
}

/// Counts among the next rows and tells where the look ended; `None` = there is nothing more.
fn look(
    conn: &mut PgConnection,
    scope: &Scope,
    filter: &JobFilter,
    (from, lowest): (i64, i64),
    reckoned: &mut Reckoned,
) -> Result<Option<i64>, DbError> {
    let condition = Condition::of(&filter.query, &filter.asker, 7);
    let states: Vec<&str> = filter.places().into_iter().map(JobState::as_str).collect();
    let asked = statement_built(sql(&Matching { condition: &condition.sql, scope }))
        .bind::<Array<Text>, _>(states)
        .bind::<BigInt, _>(from)
        .bind::<BigInt, _>(lowest)
        .bind::<BigInt, _>(LOOK_ROWS)
        .bind::<Array<Text>, _>(&scope.queues)
        .bind::<Array<Text>, _>(&scope.tags);
    let asked = condition.bind(asked);
    let rows: Vec<Row> = transaction(conn, "admin::jobs::reckon", |tx| {
        tx.batch_execute(ALONG_LINES)?;
        asked.rows(tx)
    })?;
    let mut edge = None;
    for row in rows {
        match JobState::parse(&row.state) {
            Some(state) => *reckoned.by_state.entry(state).or_default() += row.jobs,
            None => edge = Some(row.jobs), // the row that tells where the look ended
        }
    }
    Ok(edge)
}

/// Several statements' snapshots are added up: a job that moves meanwhile keeps its id, so that none is counted twice.
fn sql(matching: &Matching<'_>) -> String {
    format!(
        "{}SELECT f.state, count(*) AS jobs {matching}
GROUP BY f.state
UNION ALL
SELECT 'edge', last.k FROM (SELECT k FROM looked ORDER BY k DESC OFFSET $4 - 1) AS last",
        OLDER.0
    )
}
