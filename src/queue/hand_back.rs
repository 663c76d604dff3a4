//! Giving back jobs that a living node holds and does not know of any more.

use std::sync::Arc;
use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, SmallInt, Timestamptz};

use super::job::{Fence, JobId, QueueId, TemplateId};
use super::node::Incarnation;
use super::settle::{Ending, Settlement, settle_in};
use super::work::Resources;
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement, transaction};

/// Most leases looked at, and most jobs given back at once, the oldest first.
const LEASES_MAX: i32 = 1_000;

/// Lists the jobs of this node's leases that are older than `age`, by the database's clock.
///
/// # Errors
/// Database failures.
pub fn held(conn: &mut PgConnection, who: Incarnation, age: Duration) -> Result<Vec<(JobId, Fence)>, DbError> {
    const SQL: &str = "-- queue::hand_back::held
SELECT u.job_id, l.id FROM (
    SELECT id, job_ids FROM millrace.leases
    WHERE node_id = $1 AND epoch = $2 AND started_at < clock_timestamp() - $3 * interval '1 ms' ORDER BY id LIMIT $4
) AS l CROSS JOIN LATERAL UNNEST(l.job_ids) AS u(job_id)";
    statement(SQL)
        .bind::<Integer, _>(who.node)
        .bind::<BigInt, _>(who.epoch)
        .bind::<BigInt, _>(age.as_millis() as i64)
        .bind::<Integer, _>(LEASES_MAX)
        .tuples::<(BigInt, BigInt), (JobId, Fence)>(conn)
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    job_id: JobId,
    #[diesel(sql_type = BigInt)]
    fence: Fence,
    #[diesel(sql_type = SmallInt)]
    attempt: i16,
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = Integer)]
    template_id: TemplateId,
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = Integer)]
    queue_id: QueueId,
    #[diesel(sql_type = SmallInt)]
    priority: i16,
    #[diesel(sql_type = Bool)]
    unique: bool,
    #[diesel(sql_type = Timestamptz)]
    claimed_at: Time,
    #[diesel(sql_type = Timestamptz)]
    now: Time,
}

impl Row {
    fn settlement(&self) -> Settlement {
        Settlement {
            job: self.job_id,
            fence: self.fence,
            attempt: self.attempt,
            seq: self.seq,
            template: self.template_id,
            version: self.version,
            queue: self.queue_id,
            priority: self.priority,
            since: self.claimed_at,
            started_at: None,
            finished_at: self.now,
            resources: Resources::default(),
            log_bytes: 0,
            unique: self.unique,
            ordered: false, // it goes on, and keeps its turn
            scheduled: false,
            live: true, // it may have said something
            lanes: Arc::default(),
            last_words: Vec::new(),
            checkpoint: None,
            ending: Ending::HandedBack { stopped: None },
        }
    }
}

/// Gives these attempts' jobs back, uncounted, as far as the leases are still this node's. Tells how many there were.
///
/// # Errors
/// Database failures; nothing is given back then.
pub fn hand_back(conn: &mut PgConnection, who: Incarnation, lost: &[(JobId, Fence)]) -> Result<usize, DbError> {
    const SQL: &str = "-- queue::hand_back::rows
SELECT j.id AS job_id, l.id AS fence, l.attempts[array_position(l.job_ids, j.id)] AS attempt, coalesce(p.seq, j.id) AS seq,
    j.template_id, j.version, coalesce(p.queue_id, j.queue_id) AS queue_id, coalesce(p.priority, j.priority) AS priority,
    j.unique_key IS NOT NULL AS \"unique\", l.started_at AS claimed_at, clock_timestamp() AS now
FROM UNNEST($1::bigint[], $2::bigint[]) AS lost(job_id, fence)
JOIN millrace.leases l ON l.id = lost.fence AND lost.job_id = ANY(l.job_ids)
JOIN millrace.jobs j ON j.id = lost.job_id
LEFT JOIN millrace.placements p ON p.job_id = j.id
ORDER BY l.id, j.id LIMIT $3";
    transaction(conn, "queue::hand_back", |tx| {
        let rows: Vec<Row> = statement(SQL)
            .bind::<Array<BigInt>, _>(lost.iter().map(|attempt| attempt.0.0).collect::<Vec<_>>())
            .bind::<Array<BigInt>, _>(lost.iter().map(|attempt| attempt.1.0).collect::<Vec<_>>())
            .bind::<Integer, _>(LEASES_MAX)
            .rows(tx)?;
        let results: Vec<Settlement> = rows.iter().map(Row::settlement).collect();
        Ok::<_, DbError>(settle_in(tx, who, &results)?.count())
    })
}
