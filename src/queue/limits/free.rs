//! Giving places back, and letting the next ones of a lane in.

use std::collections::BTreeMap;

use diesel::sql_types::{Array, BigInt, Integer, Text};

use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};
use crate::queue::node::Incarnation;
use crate::queue::settle::Settlement;

/// The end of statements that let gated jobs in: those that `next` names leave their lanes for a new place in the line.
macro_rules! let_in {
    ($head:literal) => {
        concat!(
            $head,
            "), moved AS (
    DELETE FROM millrace.gated g USING next WHERE g.job_id = next.job_id RETURNING g.*
), placed AS MATERIALIZED (
    SELECT *, nextval('millrace.job_seq') AS seq FROM (SELECT * FROM moved ORDER BY priority, job_id) AS m
), line AS (
    INSERT INTO millrace.ready (seq, job_id, since, queue_id, template_id, priority, attempt)
    SELECT seq, job_id, since, queue_id, template_id, priority, attempt FROM placed
)
INSERT INTO millrace.placements AS p (job_id, queue_id, priority, seq) SELECT job_id, queue_id, priority, seq FROM placed
ON CONFLICT (job_id) DO UPDATE SET queue_id = excluded.queue_id, priority = excluded.priority, seq = excluded.seq"
        )
    };
}
pub(super) use let_in;

/// Locks lanes in the order of their keys.
pub(super) const LOCK: &str = "-- queue::limits::lock
SELECT key FROM millrace.lanes WHERE key = ANY($1) ORDER BY key FOR UPDATE";

/// Gives the places of ended jobs back and moves so many of the jobs that wait for them into the line, within the
/// transaction that settles and after it has locked the leases.
pub(in crate::queue) fn free(tx: &mut Tx<'_>, who: Incarnation, ended: &[&Settlement]) -> Result<(), DbError> {
    free_places(tx, who, ended.iter().flat_map(|result| &result.lanes))
}

/// Gives back the places of jobs whose end was recorded without them, as the transactions of `sql` jobs are, and lets in those
/// that wait for them.
///
/// # Errors
/// Database failures; after a lost connection it may have been done: then [`recount`] what this node uses.
pub fn give_back(conn: &mut PgConnection, who: Incarnation, places: &[String]) -> Result<(), DbError> {
    transaction(conn, "queue::limits::give_back", |tx| free_places(tx, who, places.iter()))
}

fn free_places<'k>(tx: &mut Tx<'_>, who: Incarnation, places: impl Iterator<Item = &'k String>) -> Result<(), DbError> {
    const SQL: &str = let_in!(
        "-- queue::limits::free
WITH freed AS MATERIALIZED (
    SELECT key, jobs FROM UNNEST($1::text[], $2::integer[]) AS f(key, jobs)
), used AS (
    UPDATE millrace.lane_use u SET used = greatest(u.used - freed.jobs, 0) FROM freed
    WHERE u.key = freed.key AND u.node_id = $3 AND u.epoch = $4
), next AS MATERIALIZED (
    SELECT g.job_id FROM freed JOIN millrace.lanes l ON l.key = freed.key CROSS JOIN LATERAL (
        SELECT g.job_id FROM millrace.gated g WHERE g.lane = freed.key ORDER BY g.priority, g.job_id
        LIMIT least(freed.jobs, freed.jobs + millrace.lane_places(l.key, l.jobs_max) - coalesce((
            SELECT sum(u.used) FROM millrace.lane_use u JOIN millrace.nodes n ON n.id = u.node_id AND n.epoch = u.epoch AND n.state <> 'down'
            WHERE u.key = freed.key), 0)::integer) FOR UPDATE SKIP LOCKED
    ) AS g
"
    );
    let freed = counted(places);
    if freed.is_empty() {
        return Ok(());
    }
    let keys: Vec<&str> = freed.keys().copied().collect();
    statement(LOCK).bind::<Array<Text>, _>(keys.clone()).run(tx)?;
    statement(SQL)
        .bind::<Array<Text>, _>(keys)
        .bind::<Array<Integer>, _>(freed.values().copied().collect::<Vec<_>>())
        .bind::<Integer, _>(who.node)
        .bind::<BigInt, _>(who.epoch)
        .run(tx)?;
    Ok(())
}

fn counted<'k>(keys: impl Iterator<Item = &'k String>) -> BTreeMap<&'k str, i32> {
    let mut counts = BTreeMap::new();
    keys.for_each(|key| *counts.entry(key.as_str()).or_default() += 1);
    counts
}

/// Writes what this node really uses, after something may have been done that it did not hear of. `running` holds the lanes
/// of every admitted job that it knows, and nothing of them may be under way.
///
/// # Errors
/// Database failures.
pub fn recount(conn: &mut PgConnection, who: Incarnation, running: &[String]) -> Result<(), DbError> {
    const SQL: &str = "-- queue::limits::recount
WITH now AS MATERIALIZED (
    SELECT key, jobs FROM UNNEST($1::text[], $2::integer[]) AS n(key, jobs)
)
UPDATE millrace.lane_use u SET used = coalesce((SELECT now.jobs FROM now WHERE now.key = u.key), 0)
WHERE u.node_id = $3 AND u.epoch = $4 AND u.used <> coalesce((SELECT now.jobs FROM now WHERE now.key = u.key), 0)";
    let counts = counted(running.iter());
    transaction(conn, "queue::limits::recount", |tx| {
        statement(SQL)
            .bind::<Array<Text>, _>(counts.keys().copied().collect::<Vec<_>>())
            .bind::<Array<Integer>, _>(counts.values().copied().collect::<Vec<_>>())
            .bind::<Integer, _>(who.node)
            .bind::<BigInt, _>(who.epoch)
            .run(tx)?;
        Ok::<_, DbError>(())
    })
}
