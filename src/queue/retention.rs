//! Retention: jobs that ended long ago go, a partition of a million numbers at a time. A duty.

use std::thread;
use std::time::Duration;

use diesel::prelude::Queryable;
use diesel::sql_types::{BigInt, Double, Integer, Nullable, Timestamptz};
use serde_json::json;

use super::actor::Actor;
use super::audit::{self, Change};
use super::job::JobId;
use super::partitions::{Dropped, IDS_PER_PARTITION, drop_partition};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement, transaction};

/// Most partitions that go in one run.
const PARTITIONS_PER_RUN: usize = 10;
/// Most partitions that are looked at in one run.
const LOOKS_MAX: i32 = 1_000;
/// So often is a partition tried that somebody uses …
const TRIES_MAX: u32 = 20;
/// … with this much time between, for those who had to wait behind.
const TRY_EVERY: Duration = Duration::from_millis(250);

/// Removes the partitions whose every job ended more than `days` ago, the oldest first, and tells how many; 0 days = none
/// ever. What waits or runs keeps its partition. Each is recorded in the audit trail with what went.
///
/// # Errors
/// Database failures.
pub fn remove_old(conn: &mut PgConnection, days: u32) -> Result<usize, DbError> {
    let mut removed = 0;
    if days == 0 {
        return Ok(0);
    }
    for part in enqueued_before(conn, days)? {
        if removed == PARTITIONS_PER_RUN {
            break;
        }
        if remove(conn, part, days)? {
            removed += 1;
        }
    }
    Ok(removed)
}

/// Lists the partitions of which each job was enqueued before the bound: the first job behind it was, too. One look along an index each.
fn enqueued_before(conn: &mut PgConnection, days: u32) -> Result<Vec<i64>, DbError> {
    const SQL: &str = "-- queue::retention::enqueued_before
SELECT p.part FROM (
    SELECT substring(c.relname::text FROM '_p([0-9]+)$')::bigint AS part FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'millrace.jobs'::regclass ORDER BY 1 LIMIT $1
) AS p
WHERE NOT EXISTS (SELECT FROM (SELECT j.created_at FROM millrace.jobs j WHERE j.id >= p.part * $2 AND j.id < (p.part + 1) * $2 ORDER BY j.id DESC LIMIT 1) AS last
        WHERE last.created_at >= clock_timestamp() - $3 * interval '1 day')
    AND NOT millrace.partition_is_live(p.part)
ORDER BY p.part";
    statement(SQL)
        .bind::<Integer, _>(LOOKS_MAX)
        .bind::<BigInt, _>(IDS_PER_PARTITION)
        .bind::<Double, _>(f64::from(days))
        .tuples::<BigInt, i64>(conn)
}

/// What is in a partition.
#[derive(Debug, Queryable)]
struct Content {
    succeeded: i64,
    failed: i64,
    cancelled: i64,
    expired: i64,
    first: Option<Time>,
    last: Option<Time>,
    /// The last of them ended before the bound.
    is_old: bool,
}

type ContentColumns =
    (BigInt, BigInt, BigInt, BigInt, Nullable<Timestamptz>, Nullable<Timestamptz>, diesel::sql_types::Bool);

fn content(conn: &mut PgConnection, part: i64, days: u32) -> Result<Option<Content>, DbError> {
    const SQL: &str = "-- queue::retention::content
SELECT count(*) FILTER (WHERE state = 'succeeded'), count(*) FILTER (WHERE state = 'failed'), count(*) FILTER (WHERE state = 'cancelled'),
    count(*) FILTER (WHERE state = 'expired'), min(finished_at), max(finished_at),
    coalesce(max(finished_at) < clock_timestamp() - $1 * interval '1 day', true)
FROM millrace.history WHERE job_id >= $2 * 1000000 AND job_id < ($2 + 1) * 1000000";
    let read = statement(SQL).bind::<Double, _>(f64::from(days)).bind::<BigInt, _>(part);
    Ok(read.tuples::<ContentColumns, Content>(conn)?.pop())
}

/// Tells whether it went. What is read before the drop cannot change unless a job of it is taken up again, which keeps it.
fn remove(conn: &mut PgConnection, part: i64, days: u32) -> Result<bool, DbError> {
    let Some(content) = content(conn, part, days)?.filter(|content| content.is_old) else { return Ok(false) };
    for _ in 0..TRIES_MAX {
        let dropped = transaction(conn, "queue::retention", |tx| {
            let dropped = drop_partition(tx, part)?;
            if dropped == Dropped::Dropped {
                audit::record(tx, &Actor::system("retention"), change(part, days, &content))?;
            }
            Ok::<_, DbError>(dropped)
        })?;
        match dropped {
            Dropped::Dropped => {
                tracing::info!(part, jobs = content.jobs(), days, "removed jobs that ended long ago");
                return Ok(true);
            }
            Dropped::Live | Dropped::Absent => return Ok(false),
            Dropped::Busy => thread::sleep(TRY_EVERY),
        }
    }
    tracing::debug!(part, "jobs that ended long ago are read by somebody; they go later");
    Ok(false)
}

/// Names the partition of a job as the audit trail does.
pub fn subject(job: JobId) -> String {
    ids(job.0 / IDS_PER_PARTITION)
}

fn ids(part: i64) -> String {
    format!("jobs {} to {}", part * IDS_PER_PARTITION, (part + 1) * IDS_PER_PARTITION - 1)
}

fn change(part: i64, days: u32, content: &Content) -> Change {
    let gone = json!({
        "jobs": content.jobs(),
        "succeeded": content.succeeded,
        "failed": content.failed,
        "cancelled": content.cancelled,
        "expired": content.expired,
        "first_ended_at": content.first,
        "last_ended_at": content.last,
    });
    let why = format!("they ended more than {days} days ago (MILLRACE_HISTORY_DAYS)");
    Change::new("history.remove", "partition", ids(part)).because(Some(why)).from_to(Some(gone), None)
}

impl Content {
    fn jobs(&self) -> i64 {
        self.succeeded + self.failed + self.cancelled + self.expired
    }
}
