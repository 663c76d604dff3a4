//! Whose turn it is among the jobs of an ordering key.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::Detail;
use super::explain::{POSITION_MAX, Reason};
use crate::base::db::{DbError, PgConnection, statement};

#[derive(QueryableByName)]
struct Turn {
    #[diesel(sql_type = BigInt)]
    before: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    holder: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    holder_state: Option<String>,
}

/// Tells who has the turn that a job waits for; `None` = it has no ordering key, or has the turn.
pub(super) fn reason(conn: &mut PgConnection, job: &Detail) -> Result<Option<Reason>, DbError> {
    const SQL: &str = "-- admin::jobs::turn
SELECT (SELECT count(*) FROM (SELECT FROM millrace.turns b WHERE b.lane = t.lane AND b.place < t.place LIMIT $1) AS ahead) AS before,
    first.job_id AS holder, CASE WHEN first.job_id IS NOT NULL THEN coalesce(
        (SELECT h.state::text FROM millrace.history h WHERE h.job_id = first.job_id),
        (SELECT 'running' FROM millrace.leases l WHERE l.job_ids @> ARRAY[first.job_id] LIMIT 1),
        (SELECT CASE WHEN s.retrying THEN 'retrying' ELSE 'scheduled' END FROM millrace.scheduled s WHERE s.job_id = first.job_id),
        (SELECT k.state::text FROM millrace.parked k WHERE k.job_id = first.job_id), 'ready') END AS holder_state
FROM millrace.turns t LEFT JOIN LATERAL (
    SELECT f.job_id FROM millrace.turns f WHERE f.lane = t.lane AND f.place < t.place ORDER BY f.place LIMIT 1
) AS first ON true WHERE t.job_id = $2";
    let Some(key) = job.ordering_key.clone() else { return Ok(None) };
    let turn: Option<Turn> = statement(SQL).bind::<BigInt, _>(POSITION_MAX).bind::<BigInt, _>(job.id).row(conn)?;
    Ok(turn.filter(|turn| turn.before > 0).map(|turn| {
        let Turn { before, holder, holder_state } = turn;
        Reason::Turn { key, holder, holder_state, position: before }
    }))
}
