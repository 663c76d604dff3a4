//! Working on operations, chunk by chunk, on whichever node gets to it.
//!
//! A chunk reads which jobs are next, then locks the operation, acts, writes down what became of each job and moves the cursor, all in
//! one transaction: a node that dies in the middle has done nothing, and no other does it again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, Text};
use serde_json::json;

use super::bounds::{beyond, require, room};
use super::plan::filter;
use super::read::{self, Operation, OperationId, OperationState};
use super::service::{OperationError, queue_to, zone};
use super::{Bulk, file};
use crate::admin::jobs::query::Asker;
use crate::admin::jobs::{Cursor, details, list, rows_of, service::sees_payload};
use crate::base::clock::Clock;
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};
use crate::queue::access::{standing, token};
use crate::queue::actor::{Actor, Via};
use crate::queue::audit::{self, Change};
use crate::queue::control::{self, Came};
use crate::queue::job::{JobId, QueueId};
use crate::queue::notifications::{self, Message, Tone};
use crate::queue::ring;
use crate::web::paths;

/// Jobs of one chunk.
pub const CHUNK_JOBS: u32 = 200;
/// Chunks that are done at once, before the answer to whoever started the operation.
const CHUNKS_AT_ONCE: usize = 5;
/// How long such an answer is held up.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Which jobs are next, and where the chunk after it begins.
#[derive(Debug, Default)]
struct Next {
    jobs: Vec<JobId>,
    /// `None` = there are no more.
    below: Option<i64>,
}

/// Works on one chunk of the operation that has been due longest, and tells whether there was one.
///
/// # Errors
/// Database failures; nothing is done then.
pub fn work(conn: &mut PgConnection, clock: &dyn Clock) -> Result<usize, DbError> {
    match read::due(conn)? {
        Some(operation) => chunk(conn, clock, &operation),
        None => Ok(0),
    }
}

/// Works on one operation by itself, for about as long as somebody waits for an answer; the rest is left to the nodes.
///
/// # Errors
/// Database failures; what was done before stays done.
pub fn work_on(conn: &mut PgConnection, clock: &dyn Clock, id: OperationId) -> Result<(), DbError> {
    let begun = Instant::now();
    for _ in 0..CHUNKS_AT_ONCE {
        let running =
            read::one(conn, id)?.filter(|one| one.state == OperationState::Running && one.rate_per_s.is_none());
        match running {
            Some(operation) if begun.elapsed() < AT_ONCE => chunk(conn, clock, &operation)?,
            _ => return Ok(()),
        };
    }
    Ok(())
}

fn chunk(conn: &mut PgConnection, clock: &dyn Clock, operation: &Operation) -> Result<usize, DbError> {
    let begun = Instant::now();
    let actor = match actor(conn, clock, operation)? {
        Ok(actor) => actor,
        Err(why) => return fail(conn, operation, &why),
    };
    let queue = match &operation.act {
        Bulk::Move(name) => match queue_to(conn, &actor, name) {
            Ok(queue) => queue,
            Err(OperationError::Db(error)) => return Err(error),
            Err(error) => return fail(conn, operation, &error.to_string()),
        },
        _ => QueueId(0), // not looked at
    };
    let room = room(&actor, operation);
    let next = next(conn, operation, &actor, room)?;
    if room == Some(0) && !next.jobs.is_empty() {
        return fail(conn, operation, &beyond(operation));
    }
    let chunk = Chunk { operation, actor: &actor, queue, begun };
    let acted = transaction(conn, "operations::chunk", |tx| chunk.act(tx, clock, &next))?;
    if acted > 0 {
        ring::notify(conn)?; // after the commit
    }
    Ok(1)
}

/// Whoever started it, with their rights as of now and those of the token that they used; else why it cannot go on.
fn actor(conn: &mut PgConnection, clock: &dyn Clock, operation: &Operation) -> Result<Result<Actor, String>, DbError> {
    let Some(person) = operation.person else {
        let system = Actor { name: operation.actor.clone(), via: Via::CommandLine, ..Actor::system("millrace") };
        return Ok(Ok(system));
    };
    let gone = Err(format!("{} may not do this any more", operation.actor));
    let Some(actor) = standing(conn, person)? else { return Ok(gone) };
    let via = match operation.token {
        None => actor.via.clone(),
        Some(token) => match token::held(conn, token, clock.now())? {
            Some(via) => via,
            None => return Ok(Err("the token that started it was revoked or has expired".into())),
        },
    };
    let actor = Actor { via, ..actor };
    Ok(if require(&actor, &operation.act).is_ok() { Ok(actor) } else { gone })
}

/// Finds the jobs of the next chunk; without room for any, whether there is one more.
fn next(conn: &mut PgConnection, operation: &Operation, actor: &Actor, room: Option<i64>) -> Result<Next, DbError> {
    let most = operation.rate_per_s.map_or(CHUNK_JOBS, |rate| rate.unsigned_abs().clamp(1, CHUNK_JOBS));
    let most = room.and_then(|room| u32::try_from(room).ok()).map_or(most, |room| most.min(room.max(1)));
    if let Some(ids) = &operation.job_ids {
        return named(conn, operation, actor, (ids, most as usize));
    }
    let asker = Asker { now: operation.asked_at, zone: zone(&operation.zone), sees_payload: sees_payload(actor) };
    let Some(filter) = filter(&operation.query, &operation.act, asker) else { return Ok(Next::default()) };
    let page = list(conn, &actor.scope, &filter, Cursor::After(operation.below), most)?;
    let below = page.older.or(page.edge);
    Ok(Next { jobs: page.rows.iter().map(|row| row.id).collect(), below })
}

/// The next of the jobs that were named; those out of scope are not touched and told as not there.
fn named(
    conn: &mut PgConnection,
    operation: &Operation,
    actor: &Actor,
    (ids, most): (&[i64], usize),
) -> Result<Next, DbError> {
    let mut left: Vec<i64> = ids.iter().copied().filter(|id| *id < operation.below).collect();
    left.sort_unstable_by(|one, other| other.cmp(one));
    left.dedup();
    let below = (left.len() > most).then(|| left[most - 1]);
    left.truncate(most);
    let jobs: Vec<JobId> = left.into_iter().map(JobId).collect();
    let seen = rows_of(conn, &actor.scope, &jobs)?;
    let is_seen = |job: &JobId| seen.iter().any(|row| row.id == *job);
    // a number that nobody has is told as not there by the act itself
    let jobs = jobs.into_iter().map(|job| if is_seen(&job) { job } else { JobId(-job.0) }).collect();
    Ok(Next { jobs, below })
}

struct Chunk<'a> {
    operation: &'a Operation,
    actor: &'a Actor,
    queue: QueueId,
    begun: Instant,
}

/// What became of the jobs of a chunk.
#[derive(Debug, Default)]
struct Results {
    done: Vec<i64>,
    asked: Vec<i64>,
    skipped: Vec<i64>,
    reasons: Vec<String>,
    /// Deflated lines of an export.
    body: Option<Vec<u8>>,
}

impl Results {
    fn of(came: BTreeMap<JobId, Came>, participle: &str) -> Self {
        let mut results = Self::default();
        for (job, came) in came {
            let why = match came {
                Came::Done => {
                    results.done.push(job.0);
                    continue;
                }
                Came::Asked => {
                    results.asked.push(job.0);
                    continue;
                }
                Came::NotAllowed(state) => format!("it is {state}, so it cannot be {participle}"),
                Came::NotFound => "there is no such job".to_owned(),
                Came::Moving => "it kept moving between states, try again".to_owned(),
            };
            results.skipped.push(job.0.abs());
            results.reasons.push(why);
        }
        results
    }

    fn looked(&self) -> usize {
        self.done.len() + self.asked.len() + self.skipped.len()
    }
}

impl Chunk<'_> {
    /// Acts and writes down what came of it, unless somebody else did or stopped it since. Tells how many jobs were changed.
    fn act(&self, tx: &mut Tx<'_>, clock: &dyn Clock, next: &Next) -> Result<usize, DbError> {
        if !self.lock(tx)? {
            return Ok(0);
        }
        let results = match self.operation.act.wish(clock.now(), self.operation.reason.clone(), self.queue) {
            Some(wish) => {
                let came = control::all(tx, &next.jobs, &wish, &self.operation.actor)?;
                Results::of(came, wish.participle())
            }
            None => self.export(tx, &next.jobs)?,
        };
        if results.looked() > 0 {
            self.write(tx, &results)?;
        }
        self.advance(tx, &results, next.below)?;
        if next.below.is_none() {
            self.record_end(tx)?;
        }
        Ok(results.done.len())
    }

    /// Writes the jobs down that are still there.
    fn export(&self, tx: &mut Tx<'_>, jobs: &[JobId]) -> Result<Results, DbError> {
        let Bulk::Export(format) = self.operation.act else { return Ok(Results::default()) };
        let found = details(tx, &self.actor.scope, jobs)?;
        let body = file::lines(format, self.actor, &found, self.operation.chunks == 0)?;
        Ok(Results { done: found.iter().map(|job| job.id.0).collect(), body: Some(body), ..Results::default() })
    }

    /// Takes the operation for this chunk; false = another node has it, or it was stopped.
    fn lock(&self, tx: &mut Tx<'_>) -> Result<bool, DbError> {
        const SQL: &str = "-- admin::operations::lock
SELECT o.id FROM millrace.operations o WHERE o.id = $1 AND o.state = 'running' AND o.below = $2 FOR UPDATE SKIP LOCKED";
        let rows: Vec<i64> = statement(SQL)
            .bind::<BigInt, _>(self.operation.id)
            .bind::<BigInt, _>(self.operation.below)
            .tuples::<BigInt, i64>(tx)?;
        Ok(!rows.is_empty())
    }

    fn write(&self, tx: &mut Tx<'_>, results: &Results) -> Result<(), DbError> {
        const SQL: &str = "-- admin::operations::write_chunk
INSERT INTO millrace.operation_chunks (operation_id, number, done, asked, skipped, reasons, body, first_job, last_job)
SELECT $1, $2, $3, $4, $5, $6, $7, min(job), max(job) FROM unnest($3 || $4) AS job";
        statement(SQL)
            .bind::<BigInt, _>(self.operation.id)
            .bind::<Integer, _>(self.operation.chunks + 1)
            .bind::<Array<BigInt>, _>(&results.done)
            .bind::<Array<BigInt>, _>(&results.asked)
            .bind::<Array<BigInt>, _>(&results.skipped)
            .bind::<Array<Text>, _>(&results.reasons)
            .bind::<Nullable<Binary>, _>(results.body.as_deref())
            .run(tx)?;
        Ok(())
    }

    /// Moves the cursor and adds up. With a rate, the next chunk is due when the jobs of this one have had their time.
    fn advance(&self, tx: &mut Tx<'_>, results: &Results, below: Option<i64>) -> Result<(), DbError> {
        const SQL: &str = "-- admin::operations::advance
UPDATE millrace.operations o SET below = coalesce($1, o.below), looked = o.looked + $2, done = o.done + $3, asked = o.asked + $4,
    skipped = o.skipped + $5, chunks = o.chunks + CASE WHEN $2 > 0 THEN 1 ELSE 0 END, worked_ms = o.worked_ms + $6,
    state = CASE WHEN $7 THEN 'done' ELSE 'running' END, finished_at = CASE WHEN $7 THEN clock_timestamp() END,
    due_at = clock_timestamp() + coalesce($2 * interval '1 s' / o.rate_per_s, interval '0'), holds_payloads = o.holds_payloads OR $8
WHERE o.id = $9 AND o.state = 'running'";
        let rests = self.operation.rate_per_s.map_or(0, |rate| 1_000 * results.looked() as i64 / i64::from(rate));
        let worked = (self.begun.elapsed().as_millis() as i64).max(rests).max(1);
        let changed = statement(SQL)
            .bind::<Nullable<BigInt>, _>(below)
            .bind::<BigInt, _>(results.looked() as i64)
            .bind::<BigInt, _>(results.done.len() as i64)
            .bind::<BigInt, _>(results.asked.len() as i64)
            .bind::<BigInt, _>(results.skipped.len() as i64)
            .bind::<BigInt, _>(worked)
            .bind::<Bool, _>(below.is_none())
            .bind::<Bool, _>(results.body.is_some() && sees_payload(self.actor))
            .bind::<BigInt, _>(self.operation.id)
            .run(tx)?;
        debug_assert_eq!(changed, 1);
        Ok(())
    }

    /// Its end is recorded under the name of whoever started it.
    fn record_end(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        let Some(ended) = read::one(tx, self.operation.id)? else { return Ok(()) };
        let after = json!({ "state": "done", "done": ended.done, "asked": ended.asked, "skipped": ended.skipped });
        let by = Actor { name: self.operation.actor.clone(), via: Via::System, ..self.actor.clone() };
        audit::record(tx, &by, Change::new("operation.end", "operation", ended.id).from_to(None, Some(after)))?;
        tell_owner(tx, &ended)
    }
}

/// Gives an operation up that cannot go on; it may be resumed.
fn fail(conn: &mut PgConnection, operation: &Operation, why: &str) -> Result<usize, DbError> {
    const SQL: &str = "-- admin::operations::fail
UPDATE millrace.operations SET state = 'failed', finished_at = clock_timestamp(), trouble = $1 WHERE id = $2 AND state = 'running'";
    transaction(conn, "operations::fail", |tx| {
        if statement(SQL).bind::<Text, _>(why).bind::<BigInt, _>(operation.id).run(tx)? == 0 {
            return Ok(0);
        }
        let change = Change::new("operation.fail", "operation", operation.id);
        audit::record(tx, &Actor::system("millrace"), change.because(Some(why.to_owned())))?;
        if let Some(failed) = read::one(tx, operation.id)? {
            tell_owner(tx, &failed)?;
        }
        Ok(1)
    })
}

/// What took so short that whoever started it has waited for it, is not told again.
const TOLD_AFTER: chrono::TimeDelta = chrono::TimeDelta::seconds(5);

/// Tells whoever started an operation how it ended, wherever they are by now.
fn tell_owner(tx: &mut Tx<'_>, ended: &Operation) -> Result<(), DbError> {
    let took = ended.finished_at.map_or(TOLD_AFTER, |at| at - ended.started_at);
    let Some(person) = ended.person.filter(|_| took >= TOLD_AFTER || ended.trouble.is_some()) else { return Ok(()) };
    let (tone, title) = match (&ended.trouble, ended.skipped) {
        (Some(why), _) => (Tone::Failed, format!("Operation {} could not go on: {why}.", ended.id)),
        (None, 0) => (Tone::Done, format!("Operation {} is done: {} {}.", ended.id, ended.act.name(), ended.done)),
        (None, left) => (
            Tone::Warning,
            format!("Operation {} is done: {} {}, {left} left alone.", ended.id, ended.act.name(), ended.done),
        ),
    };
    notifications::tell(tx, person, &Message::new(tone, title).linking("Open", paths::operation(ended.id.0)))
}

/// Most operations forgotten at once.
pub const FORGET_MAX: i64 = 200;

/// Forgets up to [`FORGET_MAX`] operations that came to rest 90 days ago, and the files of exports after 7 days; tells how many of
/// both. A duty.
///
/// # Errors
/// Database failures.
pub fn forget_old(conn: &mut PgConnection) -> Result<usize, DbError> {
    const SQL: &str = "-- admin::operations::forget
WITH old AS (
    DELETE FROM millrace.operations WHERE id IN (
        SELECT id FROM millrace.operations WHERE finished_at < (SELECT clock_timestamp() - interval '90 days') ORDER BY id LIMIT $1)
    RETURNING id
), chunks AS (
    DELETE FROM millrace.operation_chunks c USING old WHERE c.operation_id = old.id
), exports AS (
    SELECT o.id FROM millrace.operations o WHERE o.act = 'export' AND o.finished_at < (SELECT clock_timestamp() - interval '7 days')
        AND EXISTS (SELECT FROM millrace.operation_chunks c WHERE c.operation_id = o.id AND c.body IS NOT NULL) ORDER BY o.id LIMIT $1
), files AS (
    UPDATE millrace.operation_chunks c SET body = NULL FROM exports WHERE c.operation_id = exports.id RETURNING c.operation_id
)
SELECT (SELECT count(*) FROM old) + (SELECT count(DISTINCT operation_id) FROM files)";
    let rows: Vec<i64> = statement(SQL).bind::<BigInt, _>(FORGET_MAX).tuples::<BigInt, i64>(conn)?;
    Ok(rows.first().map_or(0, |gone| gone.unsigned_abs() as usize))
}
