//! Giving places back, and letting the next ones of a lane in.

use std::collections::{BTreeMap, HashMap};

use diesel::sql_types::{Array, BigInt, Integer, Text};

use super::keys::{Held, Hold};
use super::pools::let_in_to_pools;
use super::rules::is_of_pool;
use crate::base::db::{DbError, PgConnection, Statement, Tx, statement, transaction};
use crate::queue::node::Incarnation;
use crate::queue::settle::Settlement;

/// Most jobs that one statement moves.
pub(super) const JOBS_MAX: i32 = 1_000;

/// The end of statements that let gated jobs in: those that `next` names leave their lanes for a new place in the line.
macro_rules! into_line {
    ($($head:expr),+) => {
        concat!(
            $($head,)+
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
pub(super) use into_line;

/// The queues from which no node takes, as `stopped.ids`.
macro_rules! stopped_queues {
    () => {
        "stopped AS MATERIALIZED (
    SELECT coalesce(array_agg(q.id), '{}') AS ids FROM millrace.queues q WHERE q.paused_at IS NOT NULL
        OR NOT EXISTS (SELECT FROM millrace.nodes n WHERE n.state = 'up' AND (n.queues IS NULL OR q.name = ANY (n.queues)))
)"
    };
}
pub(super) use stopped_queues;

/// The part of a settling statement that counts the places given back, with the parameters of [`bind_freed`] behind all others;
/// only where the condition holds.
macro_rules! freed_sql {
    ($keys:literal, $jobs:literal, $node:literal, $epoch:literal, $if:literal) => {
        concat!(
            "
    INSERT INTO millrace.lane_freed AS f (key, node_id, epoch, freed)
    SELECT key, ",
            $node,
            ", ",
            $epoch,
            ", jobs FROM UNNEST(",
            $keys,
            "::text[], ",
            $jobs,
            "::bigint[]) AS n(key, jobs) WHERE ",
            $if,
            "
    ON CONFLICT (key, node_id, epoch) DO UPDATE SET freed = f.freed + excluded.freed"
        )
    };
}
pub(in crate::queue) use freed_sql;

/// How many places of each lane are given back.
pub(in crate::queue) type Places<'k> = BTreeMap<&'k str, i64>;

/// Counts the places that jobs hold. Jobs of one kind share their list, so each list is read once.
pub(in crate::queue) fn counted<'k>(held: impl Iterator<Item = &'k Held>) -> Places<'k> {
    let mut lists: HashMap<*const Hold, (&Held, i64)> = HashMap::new();
    for held in held.filter(|held| !held.is_empty()) {
        lists.entry(held.as_ptr()).or_insert((held, 0)).1 += 1;
    }
    let mut counts = Places::new();
    for (held, jobs) in lists.into_values() {
        held.iter().for_each(|hold| *counts.entry(&hold.key).or_default() += jobs * i64::from(hold.amount));
    }
    counts
}

/// Binds the keys and numbers of [`freed_sql!`].
pub(in crate::queue) fn bind_freed<'a>(begun: Statement<'a>, freed: &Places<'a>) -> Statement<'a> {
    begun
        .bind::<Array<Text>, _>(freed.keys().copied().collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(freed.values().copied().collect::<Vec<_>>())
}

/// Counts the places that ended jobs give back, within the transaction that settles them. Call [`let_in`] after its commit.
pub(in crate::queue) fn free(tx: &mut Tx<'_>, who: Incarnation, ended: &[&Settlement]) -> Result<(), DbError> {
    free_places(tx, who, &counted(ended.iter().map(|result| &result.lanes)))
}

/// Gives back the places of jobs whose end was recorded without them, as the transactions of `sql` jobs are, and lets in those
/// that wait for them. Tells how many went into the line.
///
/// # Errors
/// Database failures; after a lost connection it may have been done: then [`recount`] what this node uses.
pub fn give_back(conn: &mut PgConnection, who: Incarnation, places: &[Held]) -> Result<usize, DbError> {
    let freed = counted(places.iter());
    transaction(conn, "queue::limits::give_back", |tx| free_places(tx, who, &freed))?;
    let_in(conn, &freed)
}

fn free_places(tx: &mut Tx<'_>, who: Incarnation, freed: &Places<'_>) -> Result<(), DbError> {
    const SQL: &str = concat!("-- queue::limits::free", freed_sql!("$3", "$4", "$1", "$2", "true"));
    if freed.is_empty() {
        return Ok(());
    }
    let begun = statement(SQL).bind::<Integer, _>(who.node).bind::<BigInt, _>(who.epoch);
    bind_freed(begun, freed).run(tx)?;
    Ok(())
}

/// Moves jobs that wait for places of these lanes into the line, for each lane at most so many and no more than there is
/// room for, and tells how many.
fn let_in(conn: &mut PgConnection, freed: &Places<'_>) -> Result<usize, DbError> {
    const WAITING: &str = "-- queue::limits::waiting
SELECT key FROM UNNEST($1::text[]) AS want(key)
WHERE EXISTS (SELECT FROM millrace.gated g WHERE g.lane = want.key AND g.not_before IS NULL)";
    let keys: Vec<&str> = freed.keys().copied().collect();
    let waiting = statement(WAITING).bind::<Array<Text>, _>(keys).tuples::<Text, String>(conn)?;
    if waiting.is_empty() {
        return Ok(0);
    }
    let jobs = waiting.iter().map(|key| freed.get(key.as_str()).copied().unwrap_or_default()).collect();
    transaction(conn, "queue::limits::let_in", |tx| let_in_waiting(tx, &waiting, jobs))
}

/// Like [`let_in`], but a failure is left to [`super::look`].
pub(in crate::queue) fn let_in_freed(conn: &mut PgConnection, freed: &Places<'_>) -> usize {
    if freed.is_empty() {
        return 0;
    }
    let_in(conn, freed).unwrap_or_else(|error| {
        tracing::debug!(%error, "those that wait in lanes are let in by the next look");
        0
    })
}

/// Moves up to so many jobs of each lane into the line, as far as there is room; out of the lanes of pools as many as there is
/// room for. A lane without a bound (its limit was taken away) has room for all.
pub(super) fn let_in_waiting(tx: &mut Tx<'_>, lanes: &[String], jobs: Vec<i64>) -> Result<usize, DbError> {
    lock(tx, lanes)?;
    let_in_locked(tx, lanes, jobs)
}

/// Locks lanes in the order of their keys. Until the transaction ends, whoever waits in them is read along the index: a plan that
/// sorts a whole lane is none, whatever the statistics say.
pub(super) fn lock(tx: &mut Tx<'_>, lanes: &[String]) -> Result<(), DbError> {
    const SQL: &str = "-- queue::limits::lock
WITH pinned AS MATERIALIZED (SELECT set_config('enable_bitmapscan', 'off', true))
SELECT l.key FROM pinned CROSS JOIN millrace.lanes l WHERE l.key = ANY($1) ORDER BY l.key FOR UPDATE OF l";
    statement(SQL).bind::<Array<Text>, _>(lanes).run(tx)?;
    Ok(())
}

/// Like [`let_in_waiting`], for lanes that are locked.
pub(super) fn let_in_locked(tx: &mut Tx<'_>, lanes: &[String], jobs: Vec<i64>) -> Result<usize, DbError> {
    let (of_pools, others): (Vec<_>, Vec<_>) = lanes.iter().zip(jobs).partition(|(key, _)| is_of_pool(key));
    let pools: Vec<&str> = of_pools.into_iter().map(|(key, _)| key.as_str()).collect();
    let (others, jobs) = others.into_iter().map(|(key, jobs)| (key.as_str(), jobs)).unzip();
    Ok(let_in_to_lanes(tx, others, jobs)? + let_in_to_pools(tx, pools)?)
}

/// Jobs of queues from which no node takes go into their lines as well, and take no places there: nobody is to wait behind them.
/// Places are given by priority; every fourth one of a lane in which lower priorities are overdue goes to one of these, by
/// turns.
fn let_in_to_lanes(tx: &mut Tx<'_>, lanes: Vec<&str>, jobs: Vec<i64>) -> Result<usize, DbError> {
    const SQL: &str = into_line!(
        "-- queue::limits::let_in
WITH want AS MATERIALIZED (
    SELECT want.key, l.overdue, l.aged, CASE WHEN l.jobs_max IS NULL THEN want.jobs
        ELSE least(want.jobs, greatest(millrace.lane_places(l.key, l.jobs_max) - millrace.lane_used(want.key), 0)) END AS room
    FROM UNNEST($1::text[], $2::bigint[]) AS want(key, jobs) LEFT JOIN millrace.lanes l ON l.key = want.key
), ", stopped_queues!(), ", turn AS MATERIALIZED (
    SELECT key, overdue[1] AS priority, (aged + room) / 4 AS jobs, (aged + room) % 4 AS rest FROM want WHERE room > 0 AND cardinality(overdue) > 0
), aged AS MATERIALIZED (
    SELECT turn.key, g.job_id FROM turn CROSS JOIN LATERAL (
        SELECT g.job_id FROM millrace.gated g WHERE g.lane = turn.key AND g.priority = turn.priority AND g.not_before IS NULL
        ORDER BY g.job_id LIMIT turn.jobs FOR UPDATE SKIP LOCKED
    ) AS g
), next AS MATERIALIZED (
    SELECT job_id FROM (SELECT job_id FROM aged UNION ALL
        SELECT g.job_id FROM want CROSS JOIN stopped CROSS JOIN LATERAL (
            SELECT want.room - (SELECT count(*) FROM aged a WHERE a.key = want.key) AS jobs
        ) AS places CROSS JOIN LATERAL (
            SELECT line.job_id, sum(CASE WHEN line.queue_id = ANY (stopped.ids) THEN 0 ELSE 1 END) OVER (ORDER BY line.priority, line.job_id) AS taken FROM (
                SELECT g.job_id, g.priority, g.queue_id FROM millrace.gated g WHERE g.lane = want.key AND g.not_before IS NULL
                    AND g.job_id <> ALL (ARRAY(SELECT a.job_id FROM aged a WHERE a.key = want.key))
                ORDER BY g.priority, g.job_id LIMIT CASE WHEN stopped.ids = '{}' OR places.jobs <= 0 THEN places.jobs ELSE $3 END FOR UPDATE SKIP LOCKED
            ) AS line
        ) AS g WHERE g.taken <= places.jobs
    ) AS chosen LIMIT $3
), turned AS (
    UPDATE millrace.lanes l SET aged = turn.rest, overdue = CASE WHEN turn.jobs = 0 THEN l.overdue
        WHEN turn.jobs > (SELECT count(*) FROM aged a WHERE a.key = turn.key) THEN l.overdue[2:] ELSE l.overdue[2:] || l.overdue[1] END
    FROM turn WHERE l.key = turn.key
"
    );
    if lanes.is_empty() {
        return Ok(0);
    }
    statement(SQL).bind::<Array<Text>, _>(lanes).bind::<Array<BigInt>, _>(jobs).bind::<Integer, _>(JOBS_MAX).run(tx)
}

/// Writes what this node really uses, after something may have been done that it did not hear of. `running` are the places of
/// every admitted job that it knows, and nothing of them may be under way.
///
/// # Errors
/// Database failures.
pub fn recount<'k>(
    conn: &mut PgConnection,
    who: Incarnation,
    running: impl Iterator<Item = &'k Held>,
) -> Result<(), DbError> {
    transaction(conn, "queue::limits::recount", |tx| recount_in(tx, who, running))
}

/// Like [`recount`], within a transaction. Rows are locked before they are read: whoever forgets idle ones skips them.
pub(super) fn recount_in<'k>(
    tx: &mut Tx<'_>,
    who: Incarnation,
    running: impl Iterator<Item = &'k Held>,
) -> Result<(), DbError> {
    const LOCK: &str = "-- queue::limits::lock_use
SELECT u.key FROM millrace.lane_use u WHERE u.node_id = $1 AND u.epoch = $2 ORDER BY u.key FOR UPDATE";
    const SQL: &str = "-- queue::limits::recount
WITH n AS MATERIALIZED (
    SELECT n.key, n.jobs FROM UNNEST($1::text[], $2::bigint[]) AS n(key, jobs)
    UNION ALL SELECT u.key, 0 FROM millrace.lane_use u WHERE u.node_id = $3 AND u.epoch = $4 AND u.key <> ALL ($1::text[])
)
INSERT INTO millrace.lane_use AS u (key, node_id, epoch, taken)
SELECT n.key, $3, $4, coalesce(f.freed, 0) + n.jobs
FROM n LEFT JOIN millrace.lane_freed f ON f.key = n.key AND f.node_id = $3 AND f.epoch = $4
ON CONFLICT (key, node_id, epoch) DO UPDATE SET taken = excluded.taken WHERE u.taken <> excluded.taken";
    statement(LOCK).bind::<Integer, _>(who.node).bind::<BigInt, _>(who.epoch).run(tx)?;
    let counts = counted(running);
    bind_freed(statement(SQL), &counts).bind::<Integer, _>(who.node).bind::<BigInt, _>(who.epoch).run(tx)?;
    Ok(())
}
