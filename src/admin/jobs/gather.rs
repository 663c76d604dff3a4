//! Joins requests for one job that come at the same time: one transaction for all of them, an answer for each.
//!
//! A transaction each costs the database several times as much as the jobs themselves. Nobody waits for company: what comes
//! while one transaction is under way is the next one.
//!
//! ```text
//! request ─▶ line ─▶ thread: all that wait ─▶ one transaction ─▶ Made | Refused   to each
//!                                                 └─ undone ───▶ Alone            each tries by itself and is told why
//! ```

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use tokio::sync::oneshot;

use super::Detail;
use super::fresh::fresh;
use crate::base::db::{DbError, Link, PgConnection, keep_plans, statement, transaction};
use crate::queue::enqueue::{Apart, NewJob, Refusal, enqueue_each};

/// Most jobs of one transaction.
const JOBS_MAX: usize = 100;
/// Most requests that wait; further ones are told to go alone.
const WAITING_MAX: usize = 1_000;
/// Longest statement. A lock is waited for shorter: all would wait for what one of them meets.
const STATEMENT_MAX: Duration = Duration::from_secs(5);
const LOCK_LIMIT: &str = "SET lock_timeout = 250";

/// What became of a request.
#[derive(Debug)]
pub enum Gathered {
    /// The job is there.
    Made(Box<Detail>),
    /// It breaks these rules.
    Refused(Vec<Refusal>),
    /// Nothing was done: enqueue it by itself.
    Alone,
    /// The connection was lost; whether it is there is not known.
    Lost(String),
}

fn prepare(conn: &mut PgConnection) -> Result<(), DbError> {
    keep_plans(conn)?; // planning costs more than a few jobs
    Ok(conn.batch_execute(LOCK_LIMIT)?)
}

struct Asked {
    by: String,
    job: NewJob,
    answer: oneshot::Sender<Gathered>,
}

#[derive(Default)]
struct Line {
    waiting: Vec<Asked>,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    line: Mutex<Line>,
    came: Condvar,
}

/// Takes requests for jobs. Cheap to clone; the thread behind it ends with the last clone.
#[derive(Clone)]
pub struct Gatherer(Arc<Handle>);

struct Handle(Arc<Shared>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.line.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.0.came.notify_one();
    }
}

impl Gatherer {
    /// Starts the thread over a database.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(database_url: &str) -> std::io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let of_thread = Arc::clone(&shared);
        let mut link = Link::new(database_url, "gatherer", STATEMENT_MAX).prepared(prepare);
        thread::Builder::new().name("mr-gatherer".into()).spawn(move || run(&of_thread, &mut link))?;
        Ok(Self(Arc::new(Handle(shared))))
    }

    /// Enqueues `job` for `by`, who may see every queue and needs no audit record. Ring the nodes afterwards.
    pub async fn enqueue(&self, by: String, job: NewJob) -> Gathered {
        let (answer, told) = oneshot::channel();
        if !self.0.0.add(Asked { by, job, answer }) {
            return Gathered::Alone;
        }
        // a thread that died has answered nobody: whether it had committed is not known
        told.await.unwrap_or_else(|_| Gathered::Lost("the thread that enqueues ended".into()))
    }
}

impl Shared {
    fn add(&self, asked: Asked) -> bool {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = line.waiting.len() < WAITING_MAX;
        if has_room {
            line.waiting.push(asked);
        }
        drop(line);
        self.came.notify_one();
        has_room
    }

    /// Waits for requests; empty once nobody is left to ask.
    fn next(&self) -> Vec<Asked> {
        let line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = |line: &mut Line| line.waiting.is_empty() && !line.closed;
        let mut line = self.came.wait_while(line, idle).unwrap_or_else(PoisonError::into_inner);
        let count = line.waiting.len().min(JOBS_MAX);
        line.waiting.drain(..count).collect()
    }
}

fn run(shared: &Shared, link: &mut Link) {
    loop {
        let asked = shared.next();
        if asked.is_empty() {
            return;
        }
        let outcomes = answers(link, &asked);
        for (asked, outcome) in asked.into_iter().zip(outcomes) {
            if asked.answer.send(outcome).is_err() {
                tracing::debug!("whoever asked for a job did not wait for the answer");
            }
        }
    }
}

fn answers(link: &mut Link, asked: &[Asked]) -> Vec<Gathered> {
    // on a connection that answers: losing it in the middle would leave the outcome unknown
    if let Err(error) = link.with(probe).or_else(|_| link.with(probe)) {
        tracing::debug!(%error, "nothing can be enqueued together");
        return asked.iter().map(|_| Gathered::Alone).collect();
    }
    match link.with(|conn| together(conn, asked)) {
        Ok(outcomes) => outcomes,
        Err(DbError::Lost(cause)) => asked.iter().map(|_| Gathered::Lost(cause.clone())).collect(),
        Err(error) => {
            tracing::debug!(%error, jobs = asked.len(), "jobs could not be enqueued together");
            asked.iter().map(|_| Gathered::Alone).collect()
        }
    }
}

fn probe(conn: &mut PgConnection) -> Result<(), DbError> {
    statement("SELECT 1").run(conn).map(drop)
}

fn together(conn: &mut PgConnection, asked: &[Asked]) -> Result<Vec<Gathered>, DbError> {
    let jobs: Vec<(&str, &NewJob)> = asked.iter().map(|asked| (asked.by.as_str(), &asked.job)).collect();
    transaction(conn, "jobs::gather", |tx| {
        let outcomes = enqueue_each(tx, &jobs)?;
        let made: Vec<_> = outcomes.iter().flatten().map(|job| job.id).collect();
        let mut details: HashMap<_, _> = fresh(tx, &made)?.into_iter().map(|job| (job.id, job)).collect();
        let told = |outcome: Result<_, Apart>| match outcome {
            Ok(id) => details.remove(&id).map(|job| Gathered::Made(Box::new(job))),
            Err(Apart::Refused(refusals)) => Some(Gathered::Refused(refusals)),
            Err(Apart::Alone) => Some(Gathered::Alone),
        };
        let told: Option<Vec<_>> = outcomes.into_iter().map(|outcome| outcome.map(|job| job.id)).map(told).collect();
        told.ok_or_else(|| DbError::Corrupt("a job that was just made is not there".into()))
    })
}
