//! Asking the lanes before anything runs.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use diesel::prelude::Queryable;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz};

use super::decide::{Bound, Candidate, Lane, Lanes, Rule, Verdict, decide};
use super::free::{Places, let_in_freed};
use super::kept::{Kept, drop_kept, kept, note_freed};
use super::rules::{is_live, is_of_pool};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};
use crate::queue::job::{Fence, JobId};
use crate::queue::node::Incarnation;
use crate::queue::settle::{Ending, Settlement, settle_in};

/// A claimed job that has limits.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The job.
    pub job: JobId,
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
    let (verdicts, candidates) = transaction(conn, "queue::limits::admit", |tx| {
        let (now, asked) = lock(tx, who, asks)?;
        let mut lanes: Lanes = asked.iter().map(|lane| (Arc::clone(&lane.key), lane.holds.clone())).collect();
        let kept = kept(tx, lanes.keys().filter(|key| is_of_pool(key)))?;
        kept.note_in(&mut lanes);
        let candidates = present(asks, &asked, &kept);
        let verdicts = decide(now, &mut lanes, &candidates);
        write(tx, who, &changes(&asked, &lanes))?;
        drop_kept(tx, asks, &candidates, &verdicts)?;
        settle_in(tx, who, &stopped(&verdicts, unstarted))?;
        cancel_oldest(tx, &verdicts)?;
        Ok::<_, DbError>((verdicts, candidates))
    })?;
    let mut freed = gated(&verdicts);
    note_freed(&mut freed, &candidates, &verdicts);
    let_in_freed(conn, &freed);
    Ok(verdicts)
}

/// The lanes in which jobs wait for others to end now, and how many do.
fn gated(verdicts: &[Verdict]) -> Places<'_> {
    let mut lanes = Places::new();
    for verdict in verdicts {
        if let Verdict::Gated { lane, not_before: None, .. } = verdict {
            *lanes.entry(lane).or_default() += 1;
        }
    }
    lanes
}

/// A lane that is asked.
struct Asked {
    key: Arc<str>,
    bound: Bound,
    /// What people let it bound now; only of live lanes.
    most: Option<u32>,
    holds: Lane,
    /// What it bounds, as of the last decision.
    jobs_max: Option<i32>,
    /// It was not written for an hour: lanes that are not are forgotten in the end.
    is_old: bool,
}

/// What the lanes that are asked bound, by the last job that says so.
fn bounds(asks: &[Ask]) -> BTreeMap<Arc<str>, &Rule> {
    let mut seen = HashSet::new(); // jobs share their rules: each list is read once
    let mut bounds = BTreeMap::new();
    for ask in asks {
        let rules = &ask.candidate.rules;
        if seen.insert(rules.as_ptr()) {
            bounds.extend(rules.iter().map(|rule| (Arc::clone(&rule.key), rule)));
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
    let asked = |row: Row| bounds.get(row.key.as_str()).map(|rule| row.asked(rule));
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
    /// What people let it bound now, if it is the lane of a queue or a pool.
    most: Option<i32>,
    tat: Option<Time>,
    promised: Option<Time>,
    used: i32,
    used_here: i32,
    has_waiting: bool,
    is_old: bool,
}

impl Row {
    fn asked(self, rule: &Rule) -> Asked {
        let (used, used_here) = (self.used.unsigned_abs(), self.used_here.unsigned_abs());
        let (has_waiting, tat, promised) = (self.has_waiting, self.tat, self.promised);
        let holds = Lane { used, used_here, has_waiting, tat, promised, ..Lane::default() };
        let most = self.most.map(i32::unsigned_abs);
        let bound = if is_live(&rule.key) { rule.now(most).bound } else { rule.bound };
        let key = Arc::clone(&rule.key);
        Asked { key, bound, most, holds, jobs_max: self.jobs_max, is_old: self.is_old }
    }
}

/// Gives the candidates with what their queues and pools allow now and what is kept for them: people change that, and what a
/// node knows may be a second old.
fn present(asks: &[Ask], asked: &[Asked], kept: &Kept) -> Vec<Candidate> {
    let live: HashMap<&str, Option<u32>> =
        asked.iter().filter(|lane| is_live(&lane.key)).map(|lane| (&*lane.key, lane.most)).collect();
    let mut renewed: HashMap<*const Rule, Arc<[Rule]>> = HashMap::new(); // jobs share their rules
    let now = |rule: &Rule| live.get(&*rule.key).map_or_else(|| rule.clone(), |most| rule.now(*most));
    asks.iter()
        .map(|ask| match &ask.candidate.rules {
            rules if rules.iter().all(|rule| !is_live(&rule.key)) => ask.candidate.clone(),
            rules => {
                let rules = renewed.entry(rules.as_ptr()).or_insert_with(|| rules.iter().map(now).collect());
                Candidate { rules: Arc::clone(rules), kept: kept.of(ask.job), ..ask.candidate }
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
            Bound::Pool { amount, .. } => amount.and_then(|amount| i32::try_from(amount).ok()),
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
        Verdict::Gated { lane, not_before, amount, .. } => {
            Some(Ending::Gated { lane: String::from(&**lane), not_before: *not_before, amount: *amount })
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
