//! What a job waits for in a lane, and who holds the places.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, SmallInt, Text, Timestamptz};

use super::Detail;
use super::explain::{POSITION_MAX, PoolWait, Reason};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};

/// Of so many places one goes to priorities that wait too long (`queue::limits`).
const PLACES_OF_TURN: i64 = 4;
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
    #[diesel(sql_type = SmallInt)]
    priority: i16,
    /// Those of higher priorities, and of its own before it.
    #[diesel(sql_type = BigInt)]
    before: i64,
    /// Those of its own priority before it.
    #[diesel(sql_type = BigInt)]
    alike: i64,
    /// Priorities that get every fourth place because they wait too long.
    #[diesel(sql_type = Array<SmallInt>)]
    overdue: Vec<i16>,
    /// Those of such priorities below its own.
    #[diesel(sql_type = BigInt)]
    overdue_below: i64,
    #[diesel(sql_type = Array<BigInt>)]
    holders: Vec<i64>,
    #[diesel(sql_type = Integer)]
    needs: i32,
    #[diesel(sql_type = Nullable<Integer>)]
    amount: Option<i32>,
    #[diesel(sql_type = Text)]
    unit: String,
    #[diesel(sql_type = Integer)]
    used: i32,
    #[diesel(sql_type = Integer)]
    kept: i32,
}

/// Tells what keeps a job that waits in a lane; `None` = it waits in no lane.
pub(super) fn reason(conn: &mut PgConnection, job: &Detail) -> Result<Option<Reason>, DbError> {
    const SQL: &str = "-- admin::jobs::gate
SELECT g.lane, g.not_before, l.jobs_max, g.priority, (SELECT count(*) FROM (
        SELECT FROM millrace.gated b WHERE b.lane = g.lane AND (b.priority, b.job_id) < (g.priority, g.job_id)
            AND (left(g.lane, 1) <> 'p' OR b.amount <= coalesce(pool.amount, b.amount)) LIMIT $1
    ) AS ahead) AS before, (SELECT count(*) FROM (
        SELECT FROM millrace.gated b WHERE b.lane = g.lane AND b.priority = g.priority AND b.job_id < g.job_id LIMIT $1
    ) AS ahead) AS alike, coalesce(l.overdue, '{}') AS overdue, (SELECT count(*) FROM (
        SELECT FROM millrace.gated b WHERE b.lane = g.lane AND b.priority = ANY (l.overdue) AND b.priority > g.priority LIMIT $1
    ) AS behind) AS overdue_below, ARRAY(
        SELECT u.job_id FROM millrace.leases s CROSS JOIN LATERAL UNNEST(s.job_ids) AS u(job_id)
        JOIN millrace.jobs j ON j.id = u.job_id LEFT JOIN millrace.placements p ON p.job_id = u.job_id
        WHERE CASE WHEN left(g.lane, 1) = 'q' THEN coalesce(p.queue_id, j.queue_id) = g.queue_id ELSE j.limit_keys @> ARRAY[g.lane] END
        ORDER BY s.started_at, u.job_id LIMIT $2
    ) AS holders, g.amount AS needs, pool.amount, coalesce(pool.unit, '') AS unit,
    CASE WHEN left(g.lane, 1) = 'p' THEN millrace.lane_used(g.lane) ELSE 0 END AS used,
    CASE WHEN left(g.lane, 1) = 'p' THEN millrace.lane_kept(g.lane) ELSE 0 END AS kept
FROM millrace.gated g LEFT JOIN millrace.lanes l ON l.key = g.lane
LEFT JOIN millrace.pools pool ON left(g.lane, 1) = 'p' AND pool.name = substr(g.lane, 2) WHERE g.job_id = $3";
    let gate: Option<Gate> = statement(SQL)
        .bind::<BigInt, _>(POSITION_MAX)
        .bind::<Integer, _>(HOLDERS_MAX)
        .bind::<BigInt, _>(job.id)
        .row(conn)?;
    Ok(gate.map(Gate::reason))
}

impl Gate {
    /// Its place among those that wait, as far as it can be told: of every four places one goes to a priority that is overdue.
    fn position(&self) -> i64 {
        let by_priority = self.before + 1;
        if self.overdue.contains(&self.priority) {
            return by_priority.min((self.alike + 1) * PLACES_OF_TURN * self.overdue.len() as i64);
        }
        by_priority + self.overdue_below.min(self.before / (PLACES_OF_TURN - 1))
    }

    fn reason(self) -> Reason {
        let in_order = self.not_before.is_some() || self.lane.starts_with('p');
        let position = if in_order { self.before + 1 } else { self.position() };
        match self.not_before {
            Some(at) => Reason::RateLimit { key: key(&self.lane), at, position },
            None if self.lane.starts_with('x') => Reason::InLine { position }, // for nodes with certain labels
            None if self.lane.starts_with('p') => Reason::Pool(PoolWait {
                pool: self.lane[1..].to_owned(),
                needs: self.needs,
                amount: self.amount,
                used: self.used,
                kept: self.kept,
                unit: self.unit,
                holders: self.holders,
                position,
            }),
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

    /// The position of a job of priority `of` with so many before it, so many of them alike, while so many of priority 5 wait.
    fn position(of: i16, (before, alike): (i64, i64), overdue: &[i16], below: i64) -> i64 {
        let overdue = overdue.to_vec();
        let lane = "t1".into();
        let gate = Gate {
            lane,
            not_before: None,
            jobs_max: Some(1),
            priority: of,
            before,
            alike,
            overdue,
            overdue_below: below,
            holders: Vec::new(),
            needs: 1,
            amount: None,
            unit: String::new(),
            used: 0,
            kept: 0,
        };
        gate.position()
    }

    #[test]
    fn every_fourth_place_goes_to_those_who_wait_too_long() {
        assert_eq!([position(1, (3, 3), &[], 0), position(5, (900, 2), &[], 0)], [4, 901]);
        assert_eq!(position(5, (900, 2), &[5], 0), 12, "the third of its line");
        assert_eq!(position(5, (900, 2), &[3, 5], 0), 24, "two lines take turns");
        assert_eq!(position(5, (2, 0), &[5], 0), 3, "by priority it comes earlier");
        assert_eq!([2, 3, 30].map(|before| position(1, (before, before), &[5], 4)), [3, 5, 35]);
    }

    #[test]
    fn the_values_of_a_key_are_shown() {
        assert_eq!(key("k7:[\"acme\", 3]").as_deref(), Some("[\"acme\", 3]"));
        assert_eq!([key("t7"), key("r7:[]"), key("k7:md5:900150983cd24fb0")], [None, None, None]);
    }
}
