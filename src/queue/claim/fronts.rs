//! Where the lines begin. Whoever claims from there passes neither what others hold locked nor what is still to be committed.

use diesel::sql_types::{Array, BigInt, Integer, Nullable, SmallInt};

use super::{PRIORITIES, Want};
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::horizon::Sight;
use crate::queue::job::QueueId;

/// The first place that is taken in a line; `None` = nobody stands there.
pub type Front = (QueueId, i16, Option<i64>);

/// Looks behind the places that `wants` name for who stands first, in one snapshot with what it tells of the sequence of places.
/// `None` when nothing is wanted.
///
/// # Errors
/// Database failures.
pub fn fronts(conn: &mut PgConnection, wants: &[Want]) -> Result<Option<(Sight, Vec<Front>)>, DbError> {
    const SQL: &str = "-- queue::claim::fronts
SELECT s.last_value, pg_snapshot_xmin(seen.at)::text::bigint, pg_current_xact_id()::text::bigint, want.queue_id, level.priority, first.seq
FROM (SELECT pg_current_snapshot() AS at) AS seen CROSS JOIN millrace.job_seq s
CROSS JOIN UNNEST($1::integer[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
    AS want(queue_id, above_1, above_2, above_3, above_4, above_5)
CROSS JOIN LATERAL (VALUES (1::smallint, want.above_1), (2::smallint, want.above_2), (3::smallint, want.above_3),
    (4::smallint, want.above_4), (5::smallint, want.above_5)) AS level(priority, above)
LEFT JOIN LATERAL (
    SELECT r.seq FROM millrace.ready r WHERE r.queue_id = want.queue_id AND r.priority = level.priority AND r.seq > level.above
    ORDER BY r.seq LIMIT 1
) AS first ON true";
    type Row = (i64, i64, i64, QueueId, i16, Option<i64>);
    let mut query = statement(SQL).bind::<Array<Integer>, _>(wants.iter().map(|want| want.queue.0).collect::<Vec<_>>());
    for level in 0..PRIORITIES {
        query = query.bind::<Array<BigInt>, _>(wants.iter().map(|want| want.above[level]).collect::<Vec<_>>());
    }
    let rows: Vec<Row> = query.tuples::<(BigInt, BigInt, BigInt, Integer, SmallInt, Nullable<BigInt>), Row>(conn)?;
    let sight =
        rows.first().map(|(drawn, oldest_open, own, ..)| Sight { drawn: *drawn, oldest_open: *oldest_open, own: *own });
    Ok(sight.map(|sight| {
        (sight, rows.into_iter().map(|(_, _, _, queue, priority, first)| (queue, priority, first)).collect())
    }))
}
