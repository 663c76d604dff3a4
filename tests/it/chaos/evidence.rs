//! Reading the history out of the database, and what must be left of it.

use std::path::Path;

use diesel::PgConnection;
use diesel::sql_types::{BigInt, Nullable, Text};
use millrace::base::db::statement;

use super::history::{Effect, Event, History, Known, What};

const EVENTS: &str = "SELECT (extract(epoch FROM l.at) * 1e6)::bigint, l.by::text::bigint, l.job, l.fence, n.name, l.what, coalesce(l.detail, '')
FROM chaos.log l LEFT JOIN millrace.nodes n ON n.id = l.node ORDER BY l.seq";
type EventColumns = (BigInt, BigInt, BigInt, Nullable<BigInt>, Nullable<Text>, Text, Text);
type EventRow = (i64, i64, i64, Option<i64>, Option<String>, String, String);

const STARTS: &str = "SELECT job_id, fence, (extract(epoch FROM started_at) * 1e6)::bigint FROM (
    SELECT job_id, fence, started_at FROM millrace.attempts UNION ALL SELECT job_id, fence, started_at FROM millrace.history
) AS attempt WHERE started_at IS NOT NULL AND fence IS NOT NULL";

/// Adds what the database and the file of the commands hold.
pub fn gather(conn: &mut PgConnection, lines: &Path, history: &mut History) {
    let events = statement(EVENTS).tuples::<EventColumns, EventRow>(conn).unwrap();
    history.events = events.into_iter().map(event).collect();
    let starts = statement(STARTS).tuples::<(BigInt, BigInt, BigInt), (i64, i64, i64)>(conn).unwrap();
    history.starts = starts.into_iter().map(|(job, fence, at)| ((job, fence), at)).collect();
    let known = "SELECT id, (args ->> 'n')::bigint FROM millrace.jobs ORDER BY id";
    let known = statement(known).tuples::<(BigInt, BigInt), (i64, i64)>(conn).unwrap();
    history.known = known.into_iter().map(|(id, number)| Known { id, number }).collect();
    let effects = "SELECT job, fence FROM app.effects";
    let effects = statement(effects).tuples::<(BigInt, BigInt), (i64, i64)>(conn).unwrap();
    let lines = std::fs::read_to_string(lines).unwrap();
    let of_commands = lines.lines().map(|line| {
        let (job, fence) = line.split_once(' ').unwrap();
        (job.parse().unwrap(), fence.parse().unwrap())
    });
    history.effects = effects.into_iter().chain(of_commands).map(|(job, fence)| Effect { job, fence }).collect();
    history.inserted = statement("SELECT number FROM app.inserted").tuples::<BigInt, i64>(conn).unwrap();
}

fn event((at, by, job, fence, node, what, detail): EventRow) -> Event {
    let what = match what.as_str() {
        "claimed" => What::Claimed,
        "released" => What::Released,
        "ended" => What::Ended(detail),
        "trouble" => What::Trouble(detail),
        "said" => What::Said,
        other => panic!("the witness says {other}"),
    };
    Event { at, by, job, fence, node, what }
}

/// Jobs that have not ended, wherever they are.
pub const UNFINISHED: &str = "SELECT (SELECT count(*) FROM millrace.jobs) - (SELECT count(*) FROM millrace.history)";
/// Jobs that a person must release.
pub const HELD: &str = "SELECT count(*) FROM millrace.parked";

/// Lists the jobs that a person must release.
pub fn held(conn: &mut PgConnection) -> Vec<i64> {
    statement("SELECT job_id FROM millrace.parked ORDER BY job_id").tuples::<BigInt, i64>(conn).unwrap_or_default()
}

/// Every question whose answer must be zero at the end.
const LEFT: [(&str, &str); 12] = [
    ("jobs under a lease", "SELECT count(*) FROM millrace.leases"),
    ("jobs that wait", "SELECT (SELECT count(*) FROM millrace.ready) + (SELECT count(*) FROM millrace.scheduled) + (SELECT count(*) FROM millrace.parked) + (SELECT count(*) FROM millrace.gated)"),
    ("places of lanes in use", "SELECT coalesce(sum(millrace.lane_used(key)), 0) FROM (SELECT DISTINCT key FROM millrace.lane_use) AS lane"),
    ("wishes", "SELECT count(*) FROM millrace.intents"),
    ("signs of life", "SELECT count(*) FROM millrace.live"),
    ("placements", "SELECT count(*) FROM millrace.placements"),
    ("transactions left open", "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND state_change < clock_timestamp() - interval '2 seconds'"),
    ("states that are counted wrongly", "SELECT count(*) FROM (SELECT state, sum(jobs) AS jobs FROM millrace.job_counts GROUP BY state HAVING sum(jobs) <> 0) AS c
        FULL JOIN (SELECT state, count(*) AS jobs FROM millrace.history GROUP BY state) AS h USING (state) WHERE c.jobs IS DISTINCT FROM h.jobs"),
    ("jobs that the rollups miscount as enqueued", "SELECT abs((SELECT coalesce(sum(enqueued), 0) FROM millrace.rollups WHERE step_s = 60)
        + (SELECT coalesce(sum(jobs), 0) FROM millrace.state_deltas WHERE left_state IS NULL) - (SELECT count(*) FROM millrace.jobs))"),
    ("successes that the rollups miscount", "SELECT abs((SELECT coalesce(sum(succeeded), 0) FROM millrace.rollups WHERE step_s = 60)
        + (SELECT coalesce(sum(succeeded), 0) FROM millrace.rollup_deltas) - (SELECT count(*) FROM millrace.history WHERE state = 'succeeded'))"),
    ("failures that the rollups miscount", "SELECT abs((SELECT coalesce(sum(failed), 0) FROM millrace.rollups WHERE step_s = 60)
        + (SELECT coalesce(sum(failed), 0) FROM millrace.rollup_deltas) - (SELECT count(*) FROM millrace.history WHERE state = 'failed' AND started_at IS NOT NULL))"),
    ("failed attempts that the rollups miscount", "SELECT abs((SELECT coalesce(sum(attempts_failed), 0) FROM millrace.rollups WHERE step_s = 60)
        + (SELECT coalesce(sum(attempts_failed), 0) FROM millrace.rollup_deltas)
        - (SELECT count(*) FROM millrace.attempts WHERE outcome IN ('failed', 'timed out', 'interrupted') AND started_at IS NOT NULL))"),
];

/// What is left although it should not be.
pub fn left(conn: &mut PgConnection) -> Vec<String> {
    let count = |conn: &mut PgConnection, sql: &'static str| number(conn, sql).unwrap();
    let found = LEFT.map(|(what, sql)| (what, count(conn, sql)));
    found.iter().filter(|(_, count)| *count != 0).map(|(what, count)| format!("{what}: {count}")).collect()
}

/// Gives the one number of a query; `None` while there is no database.
pub fn number(conn: &mut PgConnection, sql: &'static str) -> Option<i64> {
    let whole: &'static str = format!("SELECT number::bigint FROM ({sql}) AS asked(number)").leak(); // a few fixed texts
    statement(whole).tuples::<BigInt, i64>(conn).ok()?.pop()
}
