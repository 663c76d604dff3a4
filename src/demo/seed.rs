//! Makes the demo's data: the shop's tables, people, queues, templates and thirty days of history, in one transaction.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use diesel::QueryableByName;
use diesel::connection::SimpleConnection;
use diesel::sql_types::{Integer, Nullable, Text, Timestamptz};
use serde_json::{Value, json};

use super::args::args;
use super::cast::PARTS;
use super::catalog::{self, CatalogError, Standing};
use super::dice::Dice;
use super::past::{Story, Teller};
use super::people::{self, STAFF};
use super::rhythm::Rhythm;
use super::trail::{self, Entry};
use super::write::{Job, Place, write};
use super::{marker, schedules, standing};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};
use crate::queue::counts;
use crate::queue::job::{JobId, NodeId, QueueId};
use crate::queue::settle::Ending;

/// Days of history.
pub const DAYS: i64 = 30;
/// Days of which the logs are kept.
const LOGGED_DAYS: i64 = 2;
/// The sequence of chances that every demo has.
const CHANCE: u64 = 20_261_124;
/// Most folds after the seed; each takes 20,000 rows.
const FOLDS_MAX: u32 = 1_000;
/// Minutes before the end of the past at which the exports were paused.
pub(super) const PAUSED_MINUTES: i64 = 21;
/// The queue that waits for somebody.
pub(super) const PAUSED_QUEUE: &str = "exports";
/// Why it does.
const PAUSE_REASON: &str = "waiting for the new bucket's credentials";
/// Days before the end of the past at which the second node was drained.
const DRAINED_DAYS: i64 = 3;

/// Queues with a wait target, in milliseconds.
const TARGETS: [(&str, i32); 3] = [("default", 5_000), ("mail", 30_000), ("webhooks", 10_000)];

/// The queues with their weights.
const QUEUES: [(&str, i32); 9] = [
    ("default", 4),
    ("mail", 8),
    ("webhooks", 6),
    ("imports", 3),
    ("documents", 3),
    ("media", 2),
    ("reports", 2),
    ("maintenance", 1),
    ("nightly", 1),
];

/// What a demo is made of.
#[derive(Debug, Clone, Copy)]
pub struct Seed<'a> {
    /// The end of the past.
    pub now: Time,
    /// How busy people are, 1 = as in `millrace demo`; less makes fewer jobs.
    pub share: f64,
    /// Hash of the password that all people of the demo have.
    pub password_hash: &'a str,
    /// Port on 127.0.0.1 where HTTP jobs find the demo's partners.
    pub partner_port: u16,
}

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The database failed; nothing is kept.
    #[error(transparent)]
    Db(#[from] DbError),
    /// A fault of this program.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl From<schedules::InsertError> for SeedError {
    fn from(error: schedules::InsertError) -> Self {
        match error {
            schedules::InsertError::Catalog(error) => error.into(),
            schedules::InsertError::Db(error) => error.into(),
        }
    }
}

impl From<diesel::result::Error> for SeedError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Db(error.into())
    }
}

/// Makes the demo in an empty database whose schema is up to date and gives the number of jobs. The connection must be that of
/// the schema's owner, who may make the shop's tables.
///
/// # Errors
/// [`SeedError`]; nothing is kept then.
pub fn seed(conn: &mut PgConnection, seed: &Seed<'_>) -> Result<usize, SeedError> {
    let templates = catalog::templates(seed.partner_port)?;
    let scheduled = schedules::read()?;
    let made = transaction(conn, "demo::seed", |tx| -> Result<usize, SeedError> {
        tx.batch_execute(include_str!("shop.sql"))?;
        let mut trail = Vec::new();
        let staff = hire(tx, seed, &mut trail)?;
        let queues = open_queues(tx, seed.now, &mut trail)?;
        let nodes = build_nodes(tx, seed.now, &mut trail)?;
        let templates = catalog::insert(tx, seed.now, templates, &mut trail)?;
        let (by, past) = (STAFF[0].email(), (seed.now - TimeDelta::days(DAYS), seed.now));
        let lived = schedules::begin(tx, &scheduled, &by, past)?;
        let jobs = live_through(seed, &templates, &queues, &lived);
        let node_at =
            |job: JobId, at: Time| if at < drained_at(seed.now) && job.0 % 9 < 4 { nodes[1] } else { nodes[0] };
        let first = write(tx, &jobs, &node_at, seed.now - TimeDelta::days(LOGGED_DAYS))?;
        trail.extend(ends_by_hand(first, &jobs));
        trail::write(tx, &staff, trail)?;
        schedules::insert(tx, &lived, &by, past)?;
        marker::write(tx, seed.partner_port)?;
        Ok(jobs.len())
    })?;
    fold(conn)?;
    Ok(made)
}

/// Folds the counts at once, so that no page waits for the engine's duty, and clears away what that left behind.
fn fold(conn: &mut PgConnection) -> Result<(), SeedError> {
    for _ in 0..FOLDS_MAX {
        if counts::fold(conn)? == 0 {
            break;
        }
    }
    conn.batch_execute("VACUUM (ANALYZE)")?;
    Ok(())
}

fn hire(tx: &mut Tx<'_>, seed: &Seed<'_>, trail: &mut Vec<Entry>) -> Result<BTreeMap<String, i64>, DbError> {
    let (hired, left) = (seed.now - TimeDelta::days(46), seed.now - TimeDelta::days(9));
    let ids = people::add(tx, seed.password_hash, (hired, left))?;
    let admin = &STAFF[0];
    for (nth, person) in STAFF.iter().enumerate() {
        let at = hired + TimeDelta::minutes(3 * nth as i64);
        trail.push(Entry::by(admin, at, "person.add", "person", person.email()).to(person.facts()));
        if person.gone {
            let reason = Some("left the shop".to_owned());
            trail.push(Entry::by(admin, left, "person.disable", "person", person.email()).because(reason));
        }
    }
    let refused = Entry::by(&STAFF[5], seed.now - TimeDelta::hours(27), "queue.pause", "queue", "mail");
    trail.push(refused.refused("this needs the role operator"));
    Ok(STAFF.iter().map(people::Person::email).zip(ids).collect())
}

fn open_queues(tx: &mut Tx<'_>, now: Time, trail: &mut Vec<Entry>) -> Result<BTreeMap<String, QueueId>, DbError> {
    const SQL: &str = "-- demo::seed::queue
INSERT INTO millrace.queues AS q (name, weight, created_at, paused_at, paused_by, pause_reason, wait_target_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (name) DO UPDATE SET weight = excluded.weight, wait_target_ms = excluded.wait_target_ms RETURNING id";
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Integer)]
        id: QueueId,
    }
    let (opened, paused) = (now - TimeDelta::days(45), now - TimeDelta::minutes(PAUSED_MINUTES));
    let operator = &STAFF[1];
    let mut ids = BTreeMap::new();
    for (nth, (name, weight)) in QUEUES.into_iter().chain([(PAUSED_QUEUE, 2)]).enumerate() {
        let is_paused = name == PAUSED_QUEUE;
        let target = TARGETS.iter().find(|(queue, _)| *queue == name).map(|(_, ms)| *ms);
        let row: Option<Row> = statement(SQL)
            .bind::<Text, _>(name)
            .bind::<Integer, _>(weight)
            .bind::<Timestamptz, _>(opened)
            .bind::<Nullable<Timestamptz>, _>(is_paused.then_some(paused))
            .bind::<Nullable<Text>, _>(is_paused.then(|| operator.email()))
            .bind::<Nullable<Text>, _>(is_paused.then_some(PAUSE_REASON))
            .bind::<Nullable<Integer>, _>(target)
            .row(tx)?;
        ids.extend(row.map(|row| (name.to_owned(), row.id)));
        let limited = Entry::by(operator, opened + TimeDelta::minutes(2 * nth as i64), "queue.limit", "queue", name);
        let after = match target {
            Some(ms) => json!({ "weight": weight, "wait_target_ms": ms }),
            None => json!({ "weight": weight }),
        };
        trail.push(limited.to(after));
    }
    let paused =
        Entry::by(operator, paused, "queue.pause", "queue", PAUSED_QUEUE).because(Some(PAUSE_REASON.to_owned()));
    trail.push(paused.to(json!({ "paused": true })));
    Ok(ids)
}

fn drained_at(now: Time) -> Time {
    now - TimeDelta::days(DRAINED_DAYS) - TimeDelta::minutes(200)
}

/// The nodes of the past: the one that goes on (its engine registers under the same name), and one that was given back.
fn build_nodes(tx: &mut Tx<'_>, now: Time, trail: &mut Vec<Entry>) -> Result<[NodeId; 2], DbError> {
    let drained = drained_at(now);
    let reason = Some("the machine goes back to the landlord".to_owned());
    trail.push(Entry::by(&STAFF[1], drained, "node.drain", "node", super::SECOND_NODE).because(reason));
    Ok([node(tx, super::NODE, now)?, node(tx, super::SECOND_NODE, drained)?])
}

fn node(tx: &mut Tx<'_>, name: &str, last_heard: Time) -> Result<NodeId, DbError> {
    const SQL: &str = "-- demo::seed::node
INSERT INTO millrace.nodes (name, epoch, state, started_at, heartbeat_at, version, slots) VALUES ($1, 1, 'down', $2 - interval '40 days', $2, $3, 16)
RETURNING id";
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Integer)]
        id: NodeId,
    }
    let row: Option<Row> = statement(SQL)
        .bind::<Text, _>(name)
        .bind::<Timestamptz, _>(last_heard)
        .bind::<Text, _>(env!("CARGO_PKG_VERSION"))
        .row(tx)?;
    row.map(|row| row.id).ok_or(DbError::Other(diesel::result::Error::NotFound))
}

/// Makes all jobs, in the order in which they came in.
fn live_through(
    seed: &Seed<'_>,
    templates: &BTreeMap<String, Standing>,
    queues: &BTreeMap<String, QueueId>,
    lived: &[schedules::Lived],
) -> Vec<Job> {
    let mut dice = Dice::of(CHANCE);
    let from = seed.now - TimeDelta::days(DAYS);
    let mut jobs = Vec::new();
    for part in &PARTS {
        let Some(template) = templates.get(part.template) else { continue };
        let Some(queue) = queues.get(&template.spec.defaults.queue) else { continue };
        let make = |story: Story, place: Place| Job {
            name: part.template,
            template: template.id,
            version: template.version_at(story.created_at),
            queue: *queue,
            priority: template.spec.defaults.priority,
            tags: template.spec.defaults.tags.clone(),
            by: part.by,
            story,
            place,
        };
        let rhythm =
            if let Rhythm::People(peak) = part.rhythm { Rhythm::People(peak * seed.share) } else { part.rhythm };
        let is_paused = template.spec.defaults.queue == PAUSED_QUEUE;
        let end = if is_paused { seed.now - TimeDelta::minutes(PAUSED_MINUTES) } else { seed.now };
        let teller = Teller { part, spec: &template.spec, staff: &STAFF, end: seed.now };
        let of_schedules = || lived.iter().filter(|one| one.template() == part.template);
        let mut arrivals: Vec<(Time, Value)> = of_schedules().flat_map(schedules::Lived::arrivals).collect();
        // what a schedule enqueues does not come in by itself as well, unless people ask for it
        if arrivals.is_empty() || matches!(rhythm, Rhythm::People(_)) {
            let own = rhythm.arrivals(from, end, &mut dice).into_iter();
            arrivals.extend(own.map(|at| (at, args(part.template, at, &mut dice))).collect::<Vec<_>>());
        }
        arrivals.retain(|(at, _)| *at <= end);
        arrivals.sort_by_key(|(at, _)| *at);
        for (at, args) in arrivals {
            jobs.extend(teller.tell(at, args, &mut dice).map(|story| make(story, Place::Tried)));
        }
        jobs.extend(
            standing::waiting(part.template, seed.now, &mut dice).into_iter().map(|(story, place)| make(story, place)),
        );
    }
    jobs.sort_by_key(|job| job.story.created_at);
    jobs
}

/// The audit records of jobs that people ended or hold.
fn ends_by_hand(first: JobId, jobs: &[Job]) -> Vec<Entry> {
    let record = |id: i64, job: &Job| {
        if let Place::Held(by, reason) = &job.place {
            let held = Entry::of(by.clone(), job.story.created_at, "job.hold", ("job", id.to_string()));
            return Some(held.because(Some((*reason).to_owned())));
        }
        let last = job.story.tries.last()?;
        let Ending::Cancelled { by, reason } = &last.ending else { return None };
        let cancelled = Entry::of(by.clone(), last.finished_at, "job.cancel", ("job", id.to_string()));
        Some(cancelled.because(reason.clone()))
    };
    (first.0..).zip(jobs).filter_map(|(id, job)| record(id, job)).collect()
}
