//! Asking the lanes before anything runs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz};

use super::decide::{Bound, Candidate, Lane, Rule, Verdict, decide};
use super::queues::present;
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};
use crate::queue::node::Incarnation;
use crate::queue::settle::{Ending, Settlement, settle_in};

/// A claimed job that has limits.
#[derive(Debug, Clone)]
pub struct Ask {
    /// What is settled if it may not run: its lease, its place. Its ending is written here.
    pub job: Settlement,
    /// Its limits.
    pub candidate: Candidate,
}

/// Decides about jobs that this node has claimed and not begun, in their order. Whatever may not run has left its lease
/// when this returns.
///
/// # Errors
/// Database failures; after a lost connection it may have been done: then [`super::recount`] what this node uses.
pub fn admit(conn: &mut PgConnection, who: Incarnation, asks: &[Ask]) -> Result<Vec<Verdict>, DbError> {
    transaction(conn, "queue::limits::admit", |tx| {
        lock_leases(tx, who, asks)?;
        let known: Vec<Candidate> = asks.iter().map(|ask| ask.candidate.clone()).collect();
        let (now, mut lanes) = read_lanes(tx, who, &bounds(&known))?;
        let candidates = present(tx, known)?;
        let verdicts = decide(now, &mut lanes, &candidates);
        write_lanes(tx, &bounds(&candidates), &lanes)?;
        use_places(tx, who, asks, &verdicts)?;
        settle_in(tx, who, &stopped(asks, &verdicts))?;
        cancel_oldest(tx, &verdicts)?;
        Ok::<_, DbError>(verdicts)
    })
}

/// Leases come before lanes, here and where jobs are settled: else the two would wait for each other.
fn lock_leases(tx: &mut Tx<'_>, who: Incarnation, asks: &[Ask]) -> Result<(), DbError> {
    const SQL: &str = "-- queue::limits::lock_leases
SELECT id FROM millrace.leases WHERE id = ANY($1) AND node_id = $2 AND epoch = $3 ORDER BY id FOR UPDATE";
    let fences: BTreeSet<i64> = asks.iter().map(|ask| ask.job.fence.0).collect();
    statement(SQL)
        .bind::<Array<BigInt>, _>(fences.into_iter().collect::<Vec<_>>())
        .bind::<Integer, _>(who.node)
        .bind::<BigInt, _>(who.epoch)
        .run(tx)?;
    Ok(())
}

/// The lanes that are asked, each with what it bounds by the last job that says so.
fn bounds(candidates: &[Candidate]) -> BTreeMap<&str, Bound> {
    let rules = candidates.iter().flat_map(|candidate| &candidate.rules);
    rules.map(|rule: &Rule| (rule.key.as_str(), rule.bound)).collect()
}

/// Makes and locks the lanes in the order of their keys, then reads them: a snapshot of before the lock would be old.
fn read_lanes(
    tx: &mut Tx<'_>,
    who: Incarnation,
    bounds: &BTreeMap<&str, Bound>,
) -> Result<(Time, HashMap<String, Lane>), DbError> {
    const MAKE: &str = "-- queue::limits::make_lanes
INSERT INTO millrace.lanes (key) SELECT key FROM UNNEST($1::text[]) AS k(key) ORDER BY key ON CONFLICT (key) DO NOTHING";
    const LOCK: &str = "-- queue::limits::lock_lanes
SELECT key FROM millrace.lanes WHERE key = ANY($1) ORDER BY key FOR UPDATE";
    const READ: &str = "-- queue::limits::read_lanes
SELECT l.key, l.tat, l.promised, coalesce(places.used, 0)::integer AS used, coalesce(places.used_here, 0)::integer AS used_here,
    EXISTS (SELECT FROM millrace.gated g WHERE g.lane = l.key) AS has_waiting, clock_timestamp()
FROM millrace.lanes l LEFT JOIN LATERAL (
    SELECT sum(u.used) AS used, sum(u.used) FILTER (WHERE n.id = $1) AS used_here
    FROM millrace.lane_use u JOIN millrace.nodes n ON n.id = u.node_id AND n.epoch = u.epoch AND n.state <> 'down' WHERE u.key = l.key
) AS places ON true WHERE l.key = ANY($2)";
    type Columns = (Text, Nullable<Timestamptz>, Nullable<Timestamptz>, Integer, Integer, Bool, Timestamptz);
    let keys: Vec<&str> = bounds.keys().copied().collect();
    let locked: Vec<String> = statement(LOCK).bind::<Array<Text>, _>(keys.clone()).tuples::<Text, String>(tx)?;
    if locked.len() < keys.len() {
        statement(MAKE).bind::<Array<Text>, _>(keys.clone()).run(tx)?;
        statement(LOCK).bind::<Array<Text>, _>(keys.clone()).run(tx)?;
    }
    let rows = statement(READ).bind::<Integer, _>(who.node).bind::<Array<Text>, _>(keys).tuples::<Columns, (
        String,
        Option<Time>,
        Option<Time>,
        i32,
        i32,
        bool,
        Time,
    )>(tx)?;
    let now = rows.iter().map(|row| row.6).max().unwrap_or(Time::UNIX_EPOCH);
    let lane = |(key, tat, promised, used, here, has_waiting, _)| {
        (key, Lane { used: i32::unsigned_abs(used), used_here: i32::unsigned_abs(here), has_waiting, tat, promised })
    };
    Ok((now, rows.into_iter().map(lane).collect()))
}

fn write_lanes(tx: &mut Tx<'_>, bounds: &BTreeMap<&str, Bound>, lanes: &HashMap<String, Lane>) -> Result<(), DbError> {
    const SQL: &str = "-- queue::limits::write_lanes
UPDATE millrace.lanes l SET jobs_max = n.jobs_max, tat = n.tat, promised = n.promised, touched_at = clock_timestamp()
FROM UNNEST($1::text[], $2::integer[], $3::timestamptz[], $4::timestamptz[]) AS n(key, jobs_max, tat, promised)
WHERE l.key = n.key AND ((l.jobs_max, l.tat, l.promised) IS DISTINCT FROM (n.jobs_max, n.tat, n.promised)
    OR l.touched_at < clock_timestamp() - interval '1 hour')";
    let jobs_max = |bound: &Bound| match bound {
        Bound::Running { jobs_max, .. } | Bound::Here { jobs_max } => i32::try_from(*jobs_max).ok(),
        Bound::Rate { .. } => None,
    };
    let of = |read: fn(&Lane) -> Option<Time>| -> Vec<Option<Time>> {
        bounds.keys().map(|key| lanes.get(*key).and_then(read)).collect()
    };
    statement(SQL)
        .bind::<Array<Text>, _>(bounds.keys().copied().collect::<Vec<_>>())
        .bind::<Array<Nullable<Integer>>, _>(bounds.values().map(jobs_max).collect::<Vec<_>>())
        .bind::<Array<Nullable<Timestamptz>>, _>(of(|lane| lane.tat))
        .bind::<Array<Nullable<Timestamptz>>, _>(of(|lane| lane.promised))
        .run(tx)?;
    Ok(())
}

/// Counts the places that admitted jobs take.
fn use_places(tx: &mut Tx<'_>, who: Incarnation, asks: &[Ask], verdicts: &[Verdict]) -> Result<(), DbError> {
    const SQL: &str = "-- queue::limits::use_places
INSERT INTO millrace.lane_use AS u (key, node_id, epoch, used)
SELECT key, $1, $2, jobs FROM UNNEST($3::text[], $4::integer[]) AS n(key, jobs)
ON CONFLICT (key, node_id, epoch) DO UPDATE SET used = u.used + excluded.used";
    let mut taken: BTreeMap<&str, i32> = BTreeMap::new();
    for (ask, _) in asks.iter().zip(verdicts).filter(|(_, verdict)| **verdict == Verdict::Admitted) {
        ask.candidate.places().for_each(|key| *taken.entry(key).or_default() += 1);
    }
    if taken.is_empty() {
        return Ok(());
    }
    statement(SQL)
        .bind::<Integer, _>(who.node)
        .bind::<BigInt, _>(who.epoch)
        .bind::<Array<Text>, _>(taken.keys().copied().collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(taken.values().copied().collect::<Vec<_>>())
        .run(tx)?;
    Ok(())
}

/// The results of those that may not run.
fn stopped(asks: &[Ask], verdicts: &[Verdict]) -> Vec<Settlement> {
    let ending = |verdict: &Verdict| match verdict {
        Verdict::Admitted => None,
        Verdict::Gated { lane, not_before, .. } => Some(Ending::Gated { lane: lane.clone(), not_before: *not_before }),
        Verdict::Skipped { .. } => Some(Ending::Cancelled {
            by: "limits".into(),
            reason: Some("as many jobs with its key were running as may run".into()),
        }),
    };
    asks.iter()
        .zip(verdicts)
        .filter_map(|(ask, verdict)| Some(Settlement { ending: ending(verdict)?, ..ask.job.clone() }))
        .collect()
}

/// Wishes the end of the oldest that run in lanes where the newest counts.
fn cancel_oldest(tx: &mut Tx<'_>, verdicts: &[Verdict]) -> Result<(), DbError> {
    const SQL: &str = "-- queue::limits::cancel_oldest
INSERT INTO millrace.intents (job_id, kind, wanted_by, reason)
SELECT old.job_id, 'cancel', 'limits', 'a newer job with its key takes its place'
FROM UNNEST($1::text[], $2::integer[]) AS want(key, jobs) CROSS JOIN LATERAL (
    SELECT u.job_id FROM millrace.leases l CROSS JOIN LATERAL UNNEST(l.job_ids) AS u(job_id)
    JOIN millrace.jobs j ON j.id = u.job_id
    WHERE j.limit_keys @> ARRAY[want.key] AND NOT EXISTS (SELECT FROM millrace.intents i WHERE i.job_id = u.job_id)
    ORDER BY l.started_at, u.job_id LIMIT want.jobs
) AS old ON CONFLICT (job_id) DO NOTHING";
    let mut wanted: BTreeMap<&str, i32> = BTreeMap::new();
    for verdict in verdicts {
        if let Verdict::Gated { lane, cancels_oldest: true, .. } = verdict {
            *wanted.entry(lane).or_default() += 1;
        }
    }
    if wanted.is_empty() {
        return Ok(());
    }
    statement(SQL)
        .bind::<Array<Text>, _>(wanted.keys().copied().collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(wanted.values().copied().collect::<Vec<_>>())
        .run(tx)?;
    Ok(())
}
