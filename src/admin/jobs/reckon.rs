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
    /// Jobs below this id were not looked at before the time was over: there may be more. `None` = it is the whole number.
    pub rest: Option<i64>,
}

impl Reckoned {
    /// Gives the number in all states.
    pub fn total(&self) -> i64 {
        self.by_state.values().fold(0, |sum, jobs| sum.saturating_add(*jobs))
    }

    /// Tells whether there may be more.
    pub fn is_partial(&self) -> bool {
        self.rest.is_some()
    }

    /// Writes down what is counted of a partial number, for [`Reckoned::read`]: `below.88392-held.2-failed.320000`; empty for a
    /// whole one.
    pub fn written(&self) -> String {
        let Some(rest) = self.rest else { return String::new() };
        let states = self.by_state.iter().map(|(state, jobs)| format!("-{state}.{jobs}"));
        format!("below.{rest}{}", states.collect::<String>())
    }

    /// Reads what [`Reckoned::written`] gives; what is anything else counts nothing, so that all is counted.
    pub fn read(text: &str) -> Self {
        let number = |text: &str| text.parse().ok().filter(|number| *number >= 0_i64);
        let mut parts = text.split('-').map(|part| part.split_once('.'));
        let Some(Some(("below", rest))) = parts.next() else { return Self::default() };
        let Some(rest) = number(rest) else { return Self::default() };
        let state =
            |part: Option<(&str, &str)>| part.and_then(|(state, jobs)| Some((JobState::parse(state)?, number(jobs)?)));
        let by_state: Option<BTreeMap<JobState, i64>> = parts.map(state).collect();
        by_state.map_or_else(Self::default, |by_state| Self { by_state, rest: Some(rest) })
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = BigInt)]
    jobs: i64,
}

/// Counts the jobs that `filter` means within `scope`, for at most `budget` and one more look. What was counted of it before
/// is gone on with.
///
/// # Errors
/// Database failures.
pub fn reckon(
    conn: &mut PgConnection,
    scope: &Scope,
    filter: &JobFilter,
    (before, budget): (Reckoned, Duration),
) -> Result<Reckoned, DbError> {
    if let Some(tally) = counted(conn, scope, filter)?.and_then(|counted| counted.filtered) {
        let states = filter.states().into_iter().map(|state| (state, tally.in_state(state)));
        return Ok(Reckoned { by_state: states.filter(|(_, jobs)| *jobs > 0).collect(), rest: None });
    }
    let end = Instant::now() + budget;
    let (lowest, highest) = filter.ids();
    let highest = before.rest.map_or(highest, |rest| highest.min(rest.saturating_sub(1)));
    let mut reckoned = Reckoned { rest: None, ..before };
    let mut below = Some(highest.saturating_add(1)).filter(|below| *below > lowest);
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
            reckoned.rest = below;
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
            Some(state) => {
                let jobs = reckoned.by_state.entry(state).or_default();
                *jobs = jobs.saturating_add(row.jobs);
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_written_and_read_and_anything_else_counts_nothing() {
        let counted =
            Reckoned { by_state: [(JobState::Failed, 320_000), (JobState::Held, 2)].into(), rest: Some(88_392) };

        assert_eq!(Reckoned::read(&counted.written()), counted);
        assert_eq!(counted.written(), "below.88392-held.2-failed.320000");
        assert_eq!(Reckoned { rest: None, ..counted }.written(), "");
        for wrong in [
            "",
            "below.-3",
            "below.x",
            "failed.3",
            "below.9-lost.3",
            "below.9-failed.-1",
            "below.9-failed",
            "below.99999999999999999999",
        ] {
            assert_eq!(Reckoned::read(wrong), Reckoned::default(), "{wrong}");
        }
    }
}
