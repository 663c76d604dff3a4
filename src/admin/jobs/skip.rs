//! Where a look goes on: past the blocks of jobs that can hold nothing of what is asked, as their digests say.

use diesel::sql_types::{BigInt, Nullable};

use super::JobFilter;
use super::query::{Condition, reach};
use crate::base::db::{DbError, PgConnection, statement_built};
use crate::queue::digests::BLOCK_IDS;

/// Most blocks of one look for what is rare: jobs that have succeeded or wait in line are many, the others few in each block.
const REACH_BLOCKS: i64 = 16;

/// Where a look goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Below this id: no digest tells what is there.
    Unknown(i64),
    /// Something may match there, as a digest says, or because there is none yet.
    Told {
        /// Below this id.
        below: i64,
        /// From this id on: as far down as digests say the same and one look may go.
        floor: i64,
    },
    /// Nowhere: nothing matches.
    Nothing,
}

/// A filter as digests can be asked for it.
#[derive(Debug)]
pub struct Skip {
    condition: Option<Condition>,
    /// Most blocks of one look.
    reach: i64,
}

impl Skip {
    /// Prepares the question for looks of so many rows.
    pub fn of(filter: &JobFilter, rows_max: i64) -> Self {
        let reach_blocks = if filter.are_many() { (rows_max / BLOCK_IDS).max(1) } else { REACH_BLOCKS };
        Self { condition: reach(&filter.query, &filter.asker, 2), reach: reach_blocks }
    }

    /// Tells whether digests can tell anything about the filter.
    pub fn can_tell(&self) -> bool {
        self.condition.is_some()
    }

    /// Finds where to go on below `from`.
    ///
    /// # Errors
    /// Database failures.
    pub fn below(&self, conn: &mut PgConnection, from: i64) -> Result<Next, DbError> {
        let Some(condition) = &self.condition else { return Ok(Next::Unknown(from)) };
        let block = (from - 1).max(0) / BLOCK_IDS;
        let asked = statement_built(sql(&condition.sql, self.reach)).bind::<BigInt, _>(block);
        type Row = (Option<i64>, Option<i64>, i64, Option<i64>, Option<i64>, Option<i64>);
        type Types = (Nullable<BigInt>, Nullable<BigInt>, BigInt, Nullable<BigInt>, Nullable<BigInt>, Nullable<BigInt>);
        let rows: Vec<Row> = condition.bind(asked).tuples::<Types, Row>(conn)?;
        let Some((Some(first), Some(last), made, oldest, found, until)) = rows.into_iter().next() else {
            return Ok(Next::Unknown(from));
        };
        let is_one_run = made == last - first + 1;
        let is_told = is_one_run && (first..=last).contains(&block);
        Ok(match (is_told, found) {
            // what is newer than all digests has to be looked into, and nothing else before they tell
            (false, _) if is_one_run && block > last => Next::Told { below: from, floor: (last + 1) * BLOCK_IDS },
            (false, _) => Next::Unknown(from),
            (true, Some(found)) => {
                let lowest = until.map_or((found + 1 - self.reach).max(first), |until| until + 1);
                Next::Told { below: from.min((found + 1) * BLOCK_IDS), floor: lowest * BLOCK_IDS }
            }
            // what is older than all digests has to be looked into
            (true, None) if oldest.is_some_and(|oldest| oldest < first * BLOCK_IDS) => Next::Unknown(first * BLOCK_IDS),
            (true, None) => Next::Nothing,
        })
    }
}

fn sql(condition: &str, reach: i64) -> String {
    format!(
        "-- admin::jobs::skip
WITH span AS (
    SELECT min(d.block) AS first, max(d.block) AS last, count(*) AS made FROM millrace.digests d
), found AS (
    SELECT d.block FROM millrace.digests d WHERE d.block <= $1 AND ({condition}) ORDER BY d.block DESC LIMIT 1
)
SELECT span.first, span.last, span.made, (SELECT min(j.id) FROM millrace.jobs j) AS oldest,
    found.block AS found, (SELECT max(d.block) FROM millrace.digests d
        WHERE d.block < found.block AND d.block > found.block - {reach} AND ({condition}) IS NOT TRUE) AS until
FROM span LEFT JOIN found ON true"
    )
}
