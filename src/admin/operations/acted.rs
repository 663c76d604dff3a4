//! The jobs that an operation was done to, and where they are by now.

use std::collections::BTreeMap;

use diesel::sql_types::BigInt;

use super::read::OperationId;
use crate::admin::jobs::{ROWS_MAX, rows_of};
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::Scope;
use crate::queue::job::JobId;
use crate::queue::state::JobState;

/// Jobs of one operation whose states are looked at.
pub const ACTED_JOBS_MAX: usize = 1_000;

/// Where jobs are by now to which something was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Acted {
    /// Those that are looked at, in the order in which the operation came to them.
    pub jobs: Vec<JobId>,
    /// How many of them are in each state; those that are gone or out of scope are in none.
    pub by_state: BTreeMap<JobState, i64>,
    /// There are more than [`ACTED_JOBS_MAX`].
    pub is_cut: bool,
}

impl Acted {
    /// Counts those that retention removed, or that may not be seen.
    pub fn gone(&self) -> i64 {
        self.jobs.len() as i64 - self.by_state.values().sum::<i64>()
    }
}

/// Looks where the first [`ACTED_JOBS_MAX`] jobs of an operation are that `scope` covers.
///
/// # Errors
/// Database failures.
pub fn acted(conn: &mut PgConnection, scope: &Scope, id: OperationId) -> Result<Acted, DbError> {
    const SQL: &str = "-- admin::operations::acted
SELECT a.job FROM (
    SELECT c.number, c.done || c.asked AS jobs FROM millrace.operation_chunks c
    WHERE c.operation_id = $1 AND cardinality(c.done) + cardinality(c.asked) > 0 ORDER BY c.number LIMIT $2
) AS c CROSS JOIN LATERAL unnest(c.jobs) WITH ORDINALITY AS a(job, n) ORDER BY c.number, a.n LIMIT $2";
    let most = ACTED_JOBS_MAX as i64 + 1;
    let mut jobs: Vec<JobId> =
        statement(SQL).bind::<BigInt, _>(id).bind::<BigInt, _>(most).tuples::<BigInt, JobId>(conn)?;
    let is_cut = jobs.len() > ACTED_JOBS_MAX;
    jobs.truncate(ACTED_JOBS_MAX);
    let mut by_state = BTreeMap::new();
    for some in jobs.chunks(ROWS_MAX) {
        for row in rows_of(conn, scope, some)? {
            *by_state.entry(row.state()).or_default() += 1;
        }
    }
    Ok(Acted { jobs, by_state, is_cut })
}
