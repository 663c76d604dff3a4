//! What takes no work because somebody said so: paused queues and drained nodes. Easily forgotten.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz};

use super::service::Finding;
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::node::{Drain, drains};
use crate::web::ansi::visible;
use crate::web::format::{duration, grouped};

/// Most paused queues that are named.
const QUEUES_MAX: i64 = 20;
/// Jobs that wait in one queue are counted up to this many.
const WAITING_MAX: i64 = 10_000;

#[derive(QueryableByName)]
struct Paused {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    by: String,
    #[diesel(sql_type = Nullable<Text>)]
    reason: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    since: Time,
    #[diesel(sql_type = Timestamptz)]
    now: Time,
    #[diesel(sql_type = BigInt)]
    waiting: i64,
}

/// Names the queues that are paused and the nodes that are drained, each with the command that lets it go on.
///
/// # Errors
/// Database failures.
pub fn findings(conn: &mut PgConnection) -> Result<Vec<Finding>, DbError> {
    let queues = paused(conn)?.into_iter().map(queue);
    let nodes = drains(conn, None)?.into_iter().filter(|drain| drain.by.is_some()).map(node); // the others are stopping
    Ok(queues.chain(nodes).collect())
}

fn paused(conn: &mut PgConnection) -> Result<Vec<Paused>, DbError> {
    const SQL: &str = "-- admin::health::paused_queues
SELECT q.name, coalesce(p.name, q.paused_by, 'somebody') AS by, q.pause_reason AS reason, q.paused_at AS since, clock_timestamp() AS now,
    (SELECT count(*) FROM (SELECT FROM millrace.ready r WHERE r.queue_id = q.id LIMIT $1) AS w) AS waiting
FROM millrace.queues q LEFT JOIN millrace.people p ON p.email = q.paused_by WHERE q.paused_at IS NOT NULL ORDER BY q.paused_at, q.name LIMIT $2";
    statement(SQL).bind::<BigInt, _>(WAITING_MAX).bind::<BigInt, _>(QUEUES_MAX).rows(conn)
}

fn queue(paused: Paused) -> Finding {
    let Paused { name, by, reason, since, now, waiting } = paused;
    let waiting = match waiting {
        0 => "nothing waits in it".to_owned(),
        1 => "1 job waits in it".to_owned(),
        WAITING_MAX.. => format!("more than {} jobs wait in it", grouped(WAITING_MAX.unsigned_abs() - 1)),
        many => format!("{} jobs wait in it", grouped(many.unsigned_abs())),
    };
    let length = duration((now - since).to_std().unwrap_or_default());
    let problem = format!("the queue {name} is paused by {} for {length}{}: {waiting}", visible(&by), said(reason));
    Finding::new("paused-queue", problem, format!("when it may go on: `millrace queue resume {name}`"))
}

fn node(drain: Drain) -> Finding {
    let Drain { node, by, reason } = drain;
    let by = visible(&by.unwrap_or_default());
    let problem = format!("the node {node} is drained by {by}{}: it takes no new work", said(reason));
    Finding::new("drained-node", problem, format!("when it may go on: `millrace node resume {node}`"))
}

fn said(reason: Option<String>) -> String {
    reason.map(|reason| format!(" (“{}”)", visible(&reason))).unwrap_or_default()
}
