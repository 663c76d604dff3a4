//! Fires due schedules: locks them, decides their occurrences, makes the jobs and writes all of it, in one transaction.
//!
//! Any number of nodes may do it at once: a schedule's row is locked by one of them and passed over by the others, and what is decided moves
//! the row on. `occurrences_pk` would refuse a second job for an occurrence whatever else went wrong.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use diesel::sql_types::{Array, Integer, Timestamptz};

use super::decide::{Decided, Released, Standing, decide};
use super::plans::{Found, Known, Plans, Wanted};
use super::standing::{self, Due, Jobs, Patience};
use super::told;
use super::values::{Act, Cause, Decision, ScheduleId, Why};
use super::write::{self, Change, Row};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};
use crate::queue::control::{self, Wish};
use crate::queue::enqueue::{Apart, Asked, NewJob, Refusal, enqueue_occurrences};
use crate::queue::job::JobId;
use crate::queue::turns;

/// Most schedules of one transaction.
pub const SCHEDULES_MAX: i32 = 500;
/// So many seconds later a schedule is tried again that cannot be followed.
const TROUBLE_AGAIN_S: i32 = 60;
/// So many seconds later a schedule is tried again whose way another transaction stood in.
const HELD_AGAIN_S: i32 = 3;
/// Most decisions of one transaction, give or take those of one schedule; what is left stays due.
const DECISIONS_MAX: usize = 5_000;
/// Most bytes of jobs of one transaction, as far as they can be told beforehand, give or take those of one schedule.
const JOB_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What a round came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fired {
    /// Schedules that were due.
    pub schedules: usize,
    /// Jobs that were made.
    pub jobs: usize,
}

/// Fires up to [`SCHEDULES_MAX`] due schedules. Ring the nodes afterwards when it made jobs. One that cannot be fired is put off and keeps
/// none of the others from it.
///
/// # Errors
/// The database is away; what was not committed is due still.
pub fn fire(conn: &mut PgConnection, plans: &mut Plans, draw: &mut dyn FnMut() -> u64) -> Result<Fired, DbError> {
    let together = transaction(conn, "schedules::fire", |tx| {
        let due = standing::take(tx, SCHEDULES_MAX)?;
        fire_locked(tx, plans, draw, due, false)
    });
    let (mut fired, alone) = match together {
        Err(error) if !is_away(&error) => {
            tracing::warn!(%error, "schedules could not be fired together; each is fired by itself");
            let due = standing::due_ids(conn, SCHEDULES_MAX)?;
            (Fired { schedules: due.len(), jobs: 0 }, due)
        }
        round => round?,
    };
    // what may wait for jobs of others must not let the other schedules wait
    for id in alone {
        fired.jobs += fire_alone(conn, plans, draw, id)?;
    }
    Ok(fired)
}

/// Tells whether the database itself is away, so that no schedule is to blame.
pub(super) fn is_away(error: &DbError) -> bool {
    matches!(error, DbError::Unavailable(_) | DbError::Lost(_) | DbError::Unable(_))
}

/// Fires one schedule in a transaction of its own, or puts it off.
fn fire_alone(
    conn: &mut PgConnection,
    plans: &mut Plans,
    draw: &mut dyn FnMut() -> u64,
    id: ScheduleId,
) -> Result<usize, DbError> {
    let fired = transaction(conn, "schedules::fire_alone", |tx| {
        let due = standing::take_one(tx, id)?.into_iter().collect();
        Ok::<_, DbError>(fire_locked(tx, plans, draw, due, true)?.0.jobs)
    });
    match fired {
        Err(error) if error.is_passing() && !is_away(&error) => {
            tracing::debug!(%id, %error, "a schedule waits for another transaction");
            write::put_off(conn, id, HELD_AGAIN_S, None)?;
            Ok(0)
        }
        Err(error) if !is_away(&error) => {
            tracing::error!(%id, %error, "a schedule could not be fired");
            let trouble = "it could not be fired: a node's log says why";
            write::put_off(conn, id, TROUBLE_AGAIN_S, Some(trouble))?;
            Ok(0)
        }
        fired => fired,
    }
}

/// One due schedule on its way.
struct Firing {
    due: Due,
    found: Found,
    jobs: Jobs,
    /// The last of as many jobs as may fail in a row.
    failed: Option<JobId>,
    decided: Decided,
    /// Why no job could be made.
    trouble: Option<String>,
}

type Round = (Fired, Vec<ScheduleId>);

fn fire_locked(
    tx: &mut Tx<'_>,
    plans: &mut Plans,
    draw: &mut dyn FnMut() -> u64,
    due: Vec<Due>,
    is_alone: bool,
) -> Result<Round, DbError> {
    let due = due.into_iter().map(|due| (due, Vec::new())).collect();
    fire_with(tx, plans, draw, due, is_alone)
}

/// Fires schedules that are locked, each with what a change lets run now.
pub(super) fn fire_with(
    tx: &mut Tx<'_>,
    plans: &mut Plans,
    draw: &mut dyn FnMut() -> u64,
    due: Vec<(Due, Vec<Released>)>,
    is_alone: bool,
) -> Result<Round, DbError> {
    if due.is_empty() {
        return Ok(Round::default());
    }
    let mut firings = decided(tx, plans, draw, due)?;
    let mut alone: HashSet<ScheduleId> = HashSet::new();
    if !is_alone {
        let stops = |firing: &Firing| {
            firing.decided.decisions.iter().any(|one| matches!(one.act, Act::Enqueue { stops: true, .. }))
        };
        alone.extend(firings.iter().filter(|firing| stops(firing)).map(|firing| firing.due.id));
    }
    firings.retain(|firing| !alone.contains(&firing.due.id));
    let known = already_decided(tx, &firings)?;
    for firing in &mut firings {
        let id = firing.due.id.0;
        firing.decided.decisions.retain(|one| !known.contains(&(id, one.at)));
    }
    let rows = enqueue(tx, &mut firings, is_alone, &mut alone)?;
    firings.retain(|firing| !alone.contains(&firing.due.id));
    write::occurrences(tx, &rows)?;
    stop_others(tx, &firings, &rows)?;
    let ended: Vec<(i32, i64)> =
        firings.iter().flat_map(|firing| firing.jobs.ended.iter().map(|job| (firing.due.id.0, job.0))).collect();
    write::forget_ended(tx, &ended)?;
    let mut made: HashMap<ScheduleId, i64> = HashMap::new();
    for row in rows.iter().filter(|row| row.job.is_some()) {
        *made.entry(row.schedule).or_default() += 1;
    }
    let changes: Vec<Change> =
        firings.iter().map(|firing| change(firing, made.get(&firing.due.id).copied().unwrap_or_default())).collect();
    write::schedules(tx, &changes)?;
    for (firing, change) in firings.iter().zip(&changes) {
        if let Some(reason) = &change.pause {
            told::paused(tx, firing.due.id, &firing.due.name, reason)?;
        }
    }
    let jobs = usize::try_from(made.values().sum::<i64>()).unwrap_or_default();
    Ok((Fired { schedules: firings.len() + alone.len(), jobs }, alone.into_iter().collect()))
}

/// Decides what is due of each.
fn decided(
    tx: &mut Tx<'_>,
    plans: &mut Plans,
    draw: &mut dyn FnMut() -> u64,
    due: Vec<(Due, Vec<Released>)>,
) -> Result<Vec<Firing>, DbError> {
    let wanted: Vec<Wanted> =
        due.iter().map(|(due, _)| Wanted { id: due.id, version: due.version, stamp: due.stamp }).collect();
    let mut found = plans.of(tx, &wanted)?;
    let ids: Vec<i32> = due.iter().map(|(due, _)| due.id.0).collect();
    let mut jobs = standing::jobs(tx, &ids)?;
    let patience: Vec<Patience> = due.iter().filter_map(|(due, _)| patience(due, found.get(&due.id)?)).collect();
    let failing = standing::failing(tx, &patience)?;
    let mut firings = Vec::with_capacity(due.len());
    let (mut decisions, mut job_bytes) = (0, 0);
    for (due, released) in due {
        if decisions >= DECISIONS_MAX || job_bytes >= JOB_BYTES_MAX {
            break;
        }
        let jobs = jobs.remove(&due.id).unwrap_or_default();
        let found = found.remove(&due.id).unwrap_or_else(|| Err(format!("its version {} is gone", due.version)));
        let failed = failing.get(&due.id).copied();
        let (decided, trouble) = match &found {
            Ok(known) => match decided_safely(known, &stands(&due, &jobs, known, failed, released), due.now, draw) {
                Some(decided) => (decided, None),
                None => (not_decided(&due), Some("it cannot be followed: a node's log says why".to_owned())),
            },
            Err(trouble) => (not_decided(&due), Some(trouble.clone())),
        };
        let made = decided.decisions.iter().filter(|one| matches!(one.act, Act::Enqueue { .. })).count();
        decisions += decided.decisions.len();
        job_bytes += made * found.as_ref().map_or(0, |known| known.job_bytes);
        firings.push(Firing { due, found, jobs, failed, decided, trouble });
    }
    Ok(firings)
}

/// Decides; whatever is wrong with one schedule keeps no other one from its time.
fn decided_safely(known: &Known, standing: &Standing, now: Time, draw: &mut dyn FnMut() -> u64) -> Option<Decided> {
    let decide = || decide(&known.plan, &known.policies, standing, now, draw);
    let decided = std::panic::catch_unwind(std::panic::AssertUnwindSafe(decide));
    decided.inspect_err(|_| tracing::error!(schedule = standing.name, "deciding panicked: please report it")).ok()
}

fn patience(due: &Due, found: &Found) -> Option<Patience> {
    let failures = found.as_ref().ok()?.policies.pause_after_failures?;
    due.paused_by.is_none().then_some(Patience { id: due.id, failures, since: due.failures_since })
}

fn stands(due: &Due, jobs: &Jobs, known: &Known, failed: Option<JobId>, released: Vec<Released>) -> Standing {
    let paused = match (&due.paused_by, failed) {
        (Some(by), _) => {
            let why = due.pause_reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            Some(format!("paused by {by}{why}"))
        }
        (None, Some(job)) => Some(pause_reason(known, job)),
        (None, None) => None,
    };
    Standing {
        decided_until: due.decided_until,
        jobs: u64::try_from(due.jobs).unwrap_or_default(),
        name: due.name.clone(),
        paused,
        live: jobs.live.clone(),
        released,
    }
}

fn pause_reason(known: &Known, job: JobId) -> String {
    match known.policies.pause_after_failures.unwrap_or_default() {
        1 => format!("its last job failed: job {job}"),
        failures => format!("{failures} jobs in a row failed, the last of them job {job}"),
    }
}

/// A schedule that cannot be followed is tried again in a while; what is due meanwhile is late then.
fn not_decided(due: &Due) -> Decided {
    let again = due.now + chrono::TimeDelta::seconds(TROUBLE_AGAIN_S.into());
    Decided { until: due.decided_until, due_at: Some(again), ..Decided::default() }
}

/// Finds the occurrences that have a row: their time comes again after a change of the schedule that moves them.
fn already_decided(tx: &mut Tx<'_>, firings: &[Firing]) -> Result<HashSet<(i32, Time)>, DbError> {
    const SQL: &str = "-- queue::schedules::already
SELECT w.id, w.at FROM unnest($1::integer[], $2::timestamptz[]) AS w(id, at)
WHERE (SELECT true FROM millrace.occurrences o WHERE o.schedule_id = w.id AND o.at = w.at AND o.backfill_id = 0)";
    let pairs =
        || firings.iter().flat_map(|firing| firing.decided.decisions.iter().map(|one| (firing.due.id.0, one.at)));
    let rows = statement(SQL)
        .bind::<Array<Integer>, _>(pairs().map(|(id, _)| id).collect::<Vec<_>>())
        .bind::<Array<Timestamptz>, _>(pairs().map(|(_, at)| at).collect::<Vec<_>>())
        .tuples::<(Integer, Timestamptz), (i32, Time)>(tx)?;
    Ok(rows.into_iter().collect())
}

/// Makes the jobs and gives the rows of all occurrences. Schedules whose jobs depend on those of others go to `alone`, without rows.
fn enqueue(
    tx: &mut Tx<'_>,
    firings: &mut [Firing],
    is_alone: bool,
    alone: &mut HashSet<ScheduleId>,
) -> Result<Vec<Row>, DbError> {
    let mut jobs: Vec<(ScheduleId, Time, NewJob, Option<String>)> = Vec::new();
    let names: HashMap<ScheduleId, String> =
        firings.iter().map(|firing| (firing.due.id, author(&firing.due.name))).collect();
    for firing in firings.iter() {
        let Ok(known) = &firing.found else { continue };
        for one in &firing.decided.decisions {
            jobs.extend(new_job(firing, known, one).map(|(job, turn)| (firing.due.id, one.at, job, turn)));
        }
    }
    let mut asked = Vec::with_capacity(jobs.len());
    for (id, at, job, turn) in &jobs {
        let by = names.get(id).cloned().unwrap_or_default();
        asked.push(Asked { by, job, occurrence: Some((id.0, *at)), turn: turn.clone() });
    }
    // jobs made under a policy that waits for nobody
    let waits = |firing: &&Firing| jobs.iter().any(|(id, _, _, turn)| *id == firing.due.id && turn.is_some());
    let joins = firings.iter().filter(|firing| !firing.jobs.apart.is_empty()).filter(waits);
    let joined = joins.flat_map(|firing| firing.jobs.apart.iter().map(|job| (turn_key(firing.due.id), *job)));
    turns::join(tx, &joined.collect::<Vec<_>>())?;
    let came = if asked.is_empty() { Vec::new() } else { enqueue_occurrences(tx, &asked, is_alone)? };
    let made: HashMap<(ScheduleId, Time), _> = jobs.iter().map(|(id, at, ..)| (*id, *at)).zip(came).collect();
    let is_apart = |came: &Result<_, Apart>| matches!(came, Err(Apart::Alone));
    alone.extend(made.iter().filter(|(_, came)| is_apart(came)).map(|((id, _), _)| *id));
    let mut rows = Vec::new();
    for firing in firings.iter_mut().filter(|firing| !alone.contains(&firing.due.id)) {
        for one in &firing.decided.decisions {
            let mut row = Row::of(&firing.due, one);
            match made.get(&(firing.due.id, one.at)) {
                Some(Ok(job)) if job.existing => {
                    let reason = format!("job {} with the same unique key had not ended", job.id);
                    row.leave(&Why { cause: Cause::Unique, reason });
                }
                Some(Ok(job)) => row.job = Some(job.id),
                Some(Err(Apart::Refused(refusals))) => {
                    let reason = sentences(refusals);
                    row.leave(&Why { cause: Cause::Refused, reason: reason.clone() });
                    firing.trouble = Some(reason);
                }
                Some(Err(Apart::Alone)) | None => {}
            }
            rows.push(row);
        }
    }
    Ok(rows)
}

pub(super) fn sentences(refusals: &[Refusal]) -> String {
    refusals.iter().take(5).map(Refusal::sentence).collect::<Vec<_>>().join("; ")
}

/// Gives the name under which jobs keep their schedule.
pub fn author(name: &str) -> String {
    format!("schedule:{name}")
}

/// Gives the key in which a schedule's jobs wait for one another.
pub(super) fn turn_key(id: ScheduleId) -> String {
    format!("schedule:{id}")
}

/// The job of a decision, and the key in which it waits for earlier ones.
fn new_job(firing: &Firing, known: &Arc<Known>, one: &Decision) -> Option<(NewJob, Option<String>)> {
    let Act::Enqueue { run_at, deadline, in_turn, .. } = &one.act else { return None };
    let job = NewJob { run_at: Some(*run_at), deadline: *deadline, ..known.job() };
    Some((job, in_turn.then(|| turn_key(firing.due.id))))
}

impl Known {
    /// Gives what its jobs have in common.
    pub(super) fn job(&self) -> NewJob {
        NewJob {
            template: self.spec.template.clone(),
            version: self.spec.version,
            args: serde_json::Value::Object(self.spec.args.clone()),
            ..NewJob::default()
        }
    }
}

/// Tells the earlier jobs of schedules to stop whose policy is that, where a job was made that takes their place.
fn stop_others(tx: &mut Tx<'_>, firings: &[Firing], rows: &[Row]) -> Result<(), DbError> {
    for firing in firings {
        let has_job =
            |at: Time| rows.iter().any(|row| row.schedule == firing.due.id && row.at == at && row.job.is_some());
        let mut decisions = firing.decided.decisions.iter();
        let stopping = decisions.find(|one| matches!(one.act, Act::Enqueue { stops: true, .. }) && has_job(one.at));
        let Some(Decision { at, .. }) = stopping else { continue };
        let Ok(known) = &firing.found else { continue };
        let reason = format!("the occurrence of {} takes its place", at.format("%Y-%m-%d %H:%M:%S UTC"));
        let is_hard = known.policies.overlap == crate::timing::schedule::OverlapPolicy::TerminateOther;
        let wish = if is_hard { Wish::Terminate(Some(reason)) } else { Wish::Cancel(Some(reason)) };
        control::all(tx, &firing.jobs.live, &wish, &author(&firing.due.name))?;
    }
    Ok(())
}

fn change(firing: &Firing, made: i64) -> Change {
    let Firing { due, decided, failed, found, trouble, .. } = firing;
    let limit = found.as_ref().ok().and_then(|known| known.policies.limit);
    let has_made = u64::try_from(due.jobs + made).unwrap_or_default();
    // jobs that could not be made do not use a limit up
    let is_short = decided.used_up && limit.is_some_and(|limit| has_made < limit);
    Change {
        id: due.id,
        stamp: due.stamp,
        until: decided.until,
        due_at: if is_short { Some(due.now) } else { decided.due_at },
        next_at: decided.next_at,
        made,
        ended: decided.ended && !is_short,
        // what was wrong is right again as soon as a job is made
        trouble: trouble.clone(),
        keeps_trouble: trouble.is_none() && made == 0,
        pause: match (failed, found) {
            (Some(job), Ok(known)) => Some(pause_reason(known, *job)),
            _ => None,
        },
    }
}
