//! Asking the lanes before anything runs.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use diesel::prelude::Queryable;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz};

use super::decide::{Bound, Candidate, Lane, Lanes, Rule, Verdict, decide};
use super::rules::is_of_queue;
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};
use crate::queue::job::Fence;
use crate::queue::node::Incarnation;
use crate::queue::settle::{Ending, Settlement, settle_in};

/// A claimed job that has limits.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Its lease.
    pub fence: Fence,
    /// Its limits.
    pub candidate: Candidate,
}

/// Decides about jobs that this node has claimed and not begun, in their order. Whatever may not run has left its lease
/// when this returns; `unstarted` gives what is settled then for the job at that place of `asks`.
///
/// # Errors
/// Database failures; after a lost connection it may have been done: then [`super::recount`] what this node uses.
pub fn admit(
    conn: &mut PgConnection,
    who: Incarnation,
    asks: &[Ask],
    unstarted: impl Fn(usize) -> Settlement,
) -> Result<Vec<Verdict>, DbError> {
    let verdicts = transaction(conn, "queue::limits::admit", |tx| {
        let (now, asked) = lock(tx, who, asks)?;
        let mut lanes: Lanes = asked.iter().map(|lane| (Arc::clone(&lane.key), lane.holds.clone())).collect();
        let candidates = present(asks, &asked);
        let verdicts = decide(now, &mut lanes, &candidates);
        write(tx, who, &changes(&asked, &lanes))?;
        settle_in(tx, who, &stopped(&verdicts, unstarted))?;
        cancel_oldest(tx, &verdicts)?;
        Ok::<_, DbError>(verdicts)
    })?;
    let gated = verdicts.iter().filter_map(|verdict| match verdict {
        Verdict::Gated { lane, not_before: None, .. } => Some(lane),
        _ => None,
    });
    super::free::let_in_freed(conn, gated);
    Ok(verdicts)
}

/// A lane that is asked.
struct Asked {
    key: Arc<str>,
    bound: Bound,
    holds: Lane,
    /// What it bounds, as of the last decision.
    jobs_max: Option<i32>,
    /// It was not written for an hour: lanes that are not are forgotten in the end.
    is_old: bool,
}

/// What the lanes that are asked bound, by the last job that says so.
fn bounds(asks: &[Ask]) -> BTreeMap<Arc<str>, Bound> {
    let mut seen = HashSet::new(); // jobs share their rules: each list is read once
    let mut bounds = BTreeMap::new();
    for ask in asks {
        let rules = &ask.candidate.rules;
        if seen.insert(rules.as_ptr()) {
            bounds.extend(rules.iter().map(|rule| (Arc::clone(&rule.key), rule.bound)));
        }
    }
    bounds
}

/// Locks the leases by id and the lanes by key, and reads what the lanes hold then: a snapshot of before the lock would be old.
fn lock(tx: &mut Tx<'_>, who: Incarnation, asks: &[Ask]) -> Result<(Time, Vec<Asked>), DbError> {
    const SQL: &str = "-- queue::limits::ask
SELECT now, key, jobs_max, queue_max, tat, promised, used, used_here, has_waiting, is_old FROM millrace.ask_lanes($1, $2, $3, $4)";
    let bounds = bounds(asks);
    let mut fences: Vec<i64> = asks.iter().map(|ask| ask.fence.0).collect();
    fences.dedup();
    let fences: BTreeSet<i64> = fences.into_iter().collect();
    let rows = statement(SQL)
        .bind::<Array<BigInt>, _>(fences.into_iter().collect::<Vec<_>>())
        .bind::<Integer, _>(who.node)
        .bind::<BigInt, _>(who.epoch)
        .bind::<Array<Text>, _>(bounds.keys().map(|key| &**key).collect::<Vec<&str>>())
        .tuples::<Columns, Row>(tx)?;
    let now = rows.iter().map(|row| row.now).max().unwrap_or(Time::UNIX_EPOCH);
    let asked = |row: Row| bounds.get_key_value(row.key.as_str()).map(|(key, bound)| row.asked(key, *bound));
    Ok((now, rows.into_iter().filter_map(asked).collect()))
}

type Columns = (
    Timestamptz,
    Text,
    Nullable<Integer>,
    Nullable<Integer>,
    Nullable<Timestamptz>,
    Nullable<Timestamptz>,
    Integer,
    Integer,
    Bool,
    Bool,
);

#[derive(Queryable)]
struct Row {
    now: Time,
    key: String,
    jobs_max: Option<i32>,
    /// The limit that its queue has now, if it is a queue's lane.
    queue_max: Option<i32>,
    tat: Option<Time>,
    promised: Option<Time>,
    used: i32,
    used_here: i32,
    has_waiting: bool,
    is_old: bool,
}

impl Row {
    fn asked(self, key: &Arc<str>, bound: Bound) -> Asked {
        let (used, used_here) = (self.used.unsigned_abs(), self.used_here.unsigned_abs());
        let holds = Lane { used, used_here, has_waiting: self.has_waiting, tat: self.tat, promised: self.promised };
        let bound = match (is_of_queue(key), bound) {
            // a queue without a limit still counts, so that places are given back as they were taken
            (true, Bound::Running { when_full, .. }) => {
                Bound::Running { jobs_max: self.queue_max.map_or(u32::MAX, i32::unsigned_abs), when_full }
            }
            _ => bound,
        };
        Asked { key: Arc::clone(key), bound, holds, jobs_max: self.jobs_max, is_old: self.is_old }
    }
}

/// Gives the candidates with the limits that their queues have now: people change them, and what a node knows may be a second
/// old.
fn present(asks: &[Ask], asked: &[Asked]) -> Vec<Candidate> {
    let of_queues: HashMap<&str, Bound> =
        asked.iter().filter(|lane| is_of_queue(&lane.key)).map(|lane| (&*lane.key, lane.bound)).collect();
    let mut renewed: HashMap<*const Rule, Arc<[Rule]>> = HashMap::new(); // jobs share their rules
    let now = |rule: &Rule| Rule { bound: of_queues.get(&*rule.key).copied().unwrap_or(rule.bound), ..rule.clone() };
    asks.iter()
        .map(|ask| match &ask.candidate.rules {
            rules if rules.iter().all(|rule| !is_of_queue(&rule.key)) => ask.candidate.clone(),
            rules => {
                let rules = renewed.entry(rules.as_ptr()).or_insert_with(|| rules.iter().map(now).collect());
                Candidate { rules: Arc::clone(rules), ..ask.candidate }
            }
        })
        .collect()
}

/// What a decision changes in a lane.
#[derive(Debug, Clone, PartialEq)]
struct Change<'a> {
    key: &'a str,
    jobs_max: Option<i32>,
    tat: Option<Time>,
    promised: Option<Time>,
    /// Places that admitted jobs take.
    taken: i64,
}

fn changes<'a>(asked: &'a [Asked], lanes: &Lanes) -> Vec<Change<'a>> {
    let change = |lane: &'a Asked| {
        let now = lanes.get(&lane.key)?;
        let jobs_max = match lane.bound {
            Bound::Running { jobs_max, .. } | Bound::Here { jobs_max } => i32::try_from(jobs_max).ok(),
            Bound::Rate { .. } => None,
        };
        let taken = i64::from(now.used) - i64::from(lane.holds.used);
        let is_same = taken == 0
            && !lane.is_old
            && (jobs_max, now.tat, now.promised) == (lane.jobs_max, lane.holds.tat, lane.holds.promised);
        let (key, tat, promised) = (&*lane.key, now.tat, now.promised);
        (!is_same).then_some(Change { key, jobs_max, tat, promised, taken })
    };
    asked.iter().filter_map(change).collect()
}

/// Writes what the lanes bound now and counts the places that were taken.
fn write(tx: &mut Tx<'_>, who: Incarnation, changes: &[Change<'_>]) -> Result<(), DbError> {
    const SQL: &str = "-- queue::limits::take_places
WITH n AS MATERIALIZED (
    SELECT * FROM UNNEST($1::text[], $2::integer[], $3::timestamptz[], $4::timestamptz[], $5::bigint[]) AS n(key, jobs_max, tat, promised, taken)
), lane AS (
    UPDATE millrace.lanes l SET jobs_max = n.jobs_max, tat = n.tat, promised = n.promised, touched_at = clock_timestamp() FROM n
    WHERE l.key = n.key AND ((l.jobs_max, l.tat, l.promised) IS DISTINCT FROM (n.jobs_max, n.tat, n.promised)
        OR l.touched_at < clock_timestamp() - interval '1 hour')
)
INSERT INTO millrace.lane_use AS u (key, node_id, epoch, taken) SELECT n.key, $6, $7, n.taken FROM n WHERE n.taken > 0
ON CONFLICT (key, node_id, epoch) DO UPDATE SET taken = u.taken + excluded.taken";
    if changes.is_empty() {
        return Ok(());
    }
    statement(SQL)
        .bind::<Array<Text>, _>(changes.iter().map(|lane| lane.key).collect::<Vec<_>>())
        .bind::<Array<Nullable<Integer>>, _>(changes.iter().map(|lane| lane.jobs_max).collect::<Vec<_>>())
        .bind::<Array<Nullable<Timestamptz>>, _>(changes.iter().map(|lane| lane.tat).collect::<Vec<_>>())
        .bind::<Array<Nullable<Timestamptz>>, _>(changes.iter().map(|lane| lane.promised).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(changes.iter().map(|lane| lane.taken).collect::<Vec<_>>())
        .bind::<Integer, _>(who.node)
        .bind::<BigInt, _>(who.epoch)
        .run(tx)?;
    Ok(())
}

/// The results of those that may not run.
fn stopped(verdicts: &[Verdict], unstarted: impl Fn(usize) -> Settlement) -> Vec<Settlement> {
    let ending = |verdict: &Verdict| match verdict {
        Verdict::Admitted => None,
        Verdict::Gated { lane, not_before, .. } => {
            Some(Ending::Gated { lane: String::from(&**lane), not_before: *not_before })
        }
        Verdict::Skipped { .. } => Some(Ending::Cancelled {
            by: "limits".into(),
            reason: Some("as many jobs with its key were running as may run".into()),
        }),
    };
    let result = |(place, verdict)| Some(Settlement { ending: ending(verdict)?, ..unstarted(place) });
    verdicts.iter().enumerate().filter_map(result).collect()
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
