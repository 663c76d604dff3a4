//! A queue gets a limit while its jobs run. They were never asked about, so each node takes the places for what it runs, and
//! whoever sets the limit waits until the nodes have.

use std::time::{Duration, Instant};

use diesel::sql_types::{BigInt, Bool, Integer};

use super::free::recount_in;
use super::keys::Held;
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};
use crate::queue::job::{Fence, JobId, QueueId};
use crate::queue::node::Incarnation;

/// How long whoever sets a limit waits for the nodes to hear of it. One that hangs is soon declared lost.
const PATIENCE: Duration = Duration::from_secs(2);
/// Time between two looks at whether they have.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Numbers the change that sets a queue's limit, within its transaction: numbers are given in the order of their commits.
pub(super) fn number_change(tx: &mut Tx<'_>, queue: QueueId) -> Result<(), DbError> {
    const LOCK: &str = "-- queue::limits::lock_changes
SELECT true AS locked FROM pg_advisory_xact_lock(hashtext('millrace.limits_of_queues'))";
    const NUMBER: &str = "-- queue::limits::number_change
UPDATE millrace.queues SET limit_change = (SELECT max(limit_change) FROM millrace.queues) + 1 WHERE id = $1";
    statement(LOCK).run(tx)?;
    statement(NUMBER).bind::<Integer, _>(queue).run(tx)?;
    Ok(())
}

/// Reads the number of the last change.
///
/// # Errors
/// Database failures.
pub fn last_change(conn: &mut PgConnection) -> Result<i64, DbError> {
    const SQL: &str = "-- queue::limits::last_change
SELECT coalesce(max(limit_change), 0) FROM millrace.queues";
    Ok(statement(SQL).tuples::<BigInt, i64>(conn)?.pop().unwrap_or_default())
}

/// Rings the nodes after a limit was set and waits, at most 2 s, until all that live obey it. `false` = one does not yet: it
/// will as soon as it hears of it, or is declared lost.
///
/// # Errors
/// Database failures.
pub fn obeyed(conn: &mut PgConnection) -> Result<bool, DbError> {
    const SQL: &str = "-- queue::limits::obeyed
SELECT NOT EXISTS (SELECT FROM millrace.nodes WHERE state <> 'down' AND limits_heard < (SELECT max(limit_change) FROM millrace.queues))";
    crate::queue::ring::tell_limits(conn)?;
    let end = Instant::now() + PATIENCE;
    loop {
        let obeyed = statement(SQL).tuples::<Bool, bool>(conn)?.pop().unwrap_or_default();
        if obeyed || Instant::now() >= end {
            return Ok(obeyed);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Lists the queues whose limit was set after change number `heard`.
///
/// # Errors
/// Database failures.
pub fn limited_since(conn: &mut PgConnection, heard: i64) -> Result<Vec<QueueId>, DbError> {
    const SQL: &str = "-- queue::limits::limited_since
SELECT id FROM millrace.queues WHERE limit_change > $1 AND concurrency IS NOT NULL ORDER BY id";
    statement(SQL).bind::<BigInt, _>(heard).tuples::<Integer, QueueId>(conn)
}

/// An attempt that this node holds, and its queue.
pub type Holding = (JobId, Fence, QueueId);

/// Takes places for what this node holds of `queues`. `note` is told of it, so that their results give the places back, and
/// answers with the places of all that this node runs; then what it uses is written and that it obeys change number `change`.
/// Nothing may be claimed, settled or given back by this node meanwhile; no `sql` job ends, because its lease is locked.
///
/// # Errors
/// Database failures; do it again then.
pub fn adopt(
    conn: &mut PgConnection,
    who: Incarnation,
    (queues, change): (&[QueueId], i64),
    note: impl Fn(&[Holding]) -> Vec<Held>,
) -> Result<(), DbError> {
    transaction(conn, "queue::limits::adopt", |tx| {
        let held = holdings(tx, who, queues)?;
        let lanes = note(&held);
        recount_in(tx, who, lanes.iter())?;
        const HEARD: &str = "-- queue::limits::heard
UPDATE millrace.nodes SET limits_heard = $1 WHERE id = $2 AND epoch = $3";
        let heard = statement(HEARD).bind::<BigInt, _>(change).bind::<Integer, _>(who.node);
        heard.bind::<BigInt, _>(who.epoch).run(tx)?;
        Ok::<_, DbError>(())
    })
}

/// Locks the leases of this node, by id, and lists what it holds of `queues`.
fn holdings(tx: &mut Tx<'_>, who: Incarnation, queues: &[QueueId]) -> Result<Vec<Holding>, DbError> {
    const LOCK: &str = "-- queue::limits::lock_leases
SELECT id FROM millrace.leases WHERE node_id = $1 AND epoch = $2 ORDER BY id FOR UPDATE";
    const HELD: &str = "-- queue::limits::holdings
SELECT u.job_id, l.id, coalesce(p.queue_id, j.queue_id) FROM millrace.leases l CROSS JOIN LATERAL UNNEST(l.job_ids) AS u(job_id)
JOIN millrace.jobs j ON j.id = u.job_id LEFT JOIN millrace.placements p ON p.job_id = u.job_id
WHERE l.node_id = $1 AND l.epoch = $2 AND coalesce(p.queue_id, j.queue_id) = ANY($3)";
    if queues.is_empty() {
        return Ok(Vec::new());
    }
    statement(LOCK).bind::<Integer, _>(who.node).bind::<BigInt, _>(who.epoch).run(tx)?;
    statement(HELD)
        .bind::<Integer, _>(who.node)
        .bind::<BigInt, _>(who.epoch)
        .bind::<diesel::sql_types::Array<Integer>, _>(queues.iter().map(|queue| queue.0).collect::<Vec<_>>())
        .tuples::<(BigInt, BigInt, Integer), Holding>(tx)
}
