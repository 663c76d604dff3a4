//! What a job waits for in a lane, and who holds the places.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz};

use super::Detail;
use super::explain::{POSITION_MAX, Reason};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};

/// Most holders that are named.
const HOLDERS_MAX: i32 = 10;

#[derive(QueryableByName)]
struct Gate {
    #[diesel(sql_type = Text)]
    lane: String,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    not_before: Option<Time>,
    #[diesel(sql_type = Nullable<Integer>)]
    jobs_max: Option<i32>,
    #[diesel(sql_type = BigInt)]
    before: i64,
    #[diesel(sql_type = Array<BigInt>)]
    holders: Vec<i64>,
}

/// Tells what keeps a job that waits in a lane; `None` = it waits in no lane.
pub(super) fn reason(conn: &mut PgConnection, job: &Detail) -> Result<Option<Reason>, DbError> {
    const SQL: &str = "-- admin::jobs::gate
SELECT g.lane, g.not_before, l.jobs_max, (SELECT count(*) FROM (
        SELECT FROM millrace.gated b WHERE b.lane = g.lane AND (b.priority, b.job_id) < (g.priority, g.job_id) LIMIT $1
    ) AS ahead) AS before, ARRAY(
        SELECT u.job_id FROM millrace.leases s CROSS JOIN LATERAL UNNEST(s.job_ids) AS u(job_id)
        JOIN millrace.jobs j ON j.id = u.job_id LEFT JOIN millrace.placements p ON p.job_id = u.job_id
        WHERE CASE WHEN left(g.lane, 1) = 'q' THEN coalesce(p.queue_id, j.queue_id) = g.queue_id ELSE j.limit_keys @> ARRAY[g.lane] END
        ORDER BY s.started_at, u.job_id LIMIT $2
    ) AS holders
FROM millrace.gated g LEFT JOIN millrace.lanes l ON l.key = g.lane WHERE g.job_id = $3";
    let gate: Option<Gate> = statement(SQL)
        .bind::<BigInt, _>(POSITION_MAX)
        .bind::<Integer, _>(HOLDERS_MAX)
        .bind::<BigInt, _>(job.id)
        .row(conn)?;
    Ok(gate.map(Gate::reason))
}

impl Gate {
    fn reason(self) -> Reason {
        let position = self.before + 1;
        match self.not_before {
            Some(at) => Reason::RateLimit { key: key(&self.lane), at, position },
            None if self.lane.starts_with('x') => Reason::InLine { position }, // for nodes with certain labels
            None => Reason::Limit {
                key: key(&self.lane),
                of: match self.lane.as_bytes().first() {
                    Some(b'q') => "queue",
                    Some(b't') => "template",
                    Some(b'n') => "node",
                    _ => "key",
                },
                jobs_max: self.jobs_max.unwrap_or_default(),
                holders: self.holders,
                position,
            },
        }
    }
}

/// The values in a lane's key, as JSON; `None` for lanes without values or with too long ones.
fn key(lane: &str) -> Option<String> {
    let values = lane.split_once(':').map(|(_, values)| values)?;
    (values != "[]" && !values.starts_with("md5:")).then(|| values.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_a_key_are_shown() {
        assert_eq!(key("k7:[\"acme\", 3]").as_deref(), Some("[\"acme\", 3]"));
        assert_eq!([key("t7"), key("r7:[]"), key("k7:md5:900150983cd24fb0")], [None, None, None]);
    }
}
