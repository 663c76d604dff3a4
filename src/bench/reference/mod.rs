//! Queues in hand-written, tuned SQL: the ceiling that ours is compared with, and the table designs that are compared with each
//! other.
//!
//! Nothing but the work: no templates, counts, rollups, retries, cancelling, logs, checks. Every design does the same with the same
//! rows: finishing the last batch and claiming the next are one statement, an attempt is counted before it runs, who lost a job
//! cannot finish it, what ended is kept. Two connections, batches of 1,000.
pub(super) mod moved;
pub(super) mod one_table;
pub(super) mod thin;
mod worker;

pub(super) use worker::{Consumer, Worker, drain};

use diesel::sql_types::{Array, BigInt, Bool, Jsonb, Text};

use super::place::{Place, connect, execute};
use super::stage::payload;
use super::{BenchError, say};
use crate::base::db::{DbError, PgConnection, statement};

/// Connections that work at once.
const CONNECTIONS: usize = 2;
/// Finished jobs of one statement.
const FILL: u32 = 250_000;

const PLACE: &str = "CREATE SCHEMA by_hand; SET search_path = by_hand; CREATE SEQUENCE job_id;";

/// The same switches that the engine's claim uses.
const PINNED: &str =
    "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
SET jit = off; SET plan_cache_mode = force_generic_plan";

/// A queue: its tables and the statements that work on them. All take the same parameters.
pub(super) struct Design {
    pub(super) name: &'static str,
    schema: &'static str,
    /// `$1` payloads.
    enqueue: &'static str,
    /// `$1` payload, `$2` whether the listener is woken; gives the id.
    enqueue_one: &'static str,
    /// Completes what the tokens `$1` name, claims up to `$4` jobs behind the mark (`$2`, `$3`); gives [`worker::Row`]s.
    cycle: &'static str,
    /// Writes finished jobs with the ids from `$1` to `$2`.
    fill: &'static str,
}

/// Whether the planner may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plans {
    Pinned,
    Free,
}

/// Where claims begin to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marks {
    /// At the beginning of the line.
    None,
    /// Behind what was claimed last. Only where all jobs are committed before the first claim: none can come late behind the mark.
    AtOnce,
    /// Behind what was claimed some time ago; now and then at the beginning, for jobs that were committed late.
    Aged,
}

/// How many transactions complete a batch and claim the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trips {
    One,
    Two,
}

/// How a queue is worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) plans: Plans,
    pub(super) marks: Marks,
    pub(super) trips: Trips,
}

impl Style {
    /// The fastest one.
    pub(super) const BEST: Self = Self { plans: Plans::Pinned, marks: Marks::AtOnce, trips: Trips::One };
}

/// A hand-written queue on a database of its own.
pub(super) struct Reference {
    place: Place,
    design: &'static Design,
    style: Style,
}

impl Reference {
    /// The fastest one that we know.
    pub(super) fn open(cluster: &str) -> Result<Self, BenchError> {
        Self::of(cluster, &thin::DESIGN, Style::BEST)
    }

    pub(super) fn of(cluster: &str, design: &'static Design, style: Style) -> Result<Self, BenchError> {
        let place = Place::bare(cluster)?;
        let mut conn = place.connect()?;
        execute(&mut conn, PLACE)?;
        execute(&mut conn, design.schema)?;
        Ok(Self { place, design, style })
    }

    /// Opens a connection that is set up for measuring.
    pub(super) fn connect(&self) -> Result<PgConnection, DbError> {
        let mut conn = connect(self.place.url())?;
        execute(&mut conn, "SET search_path = by_hand")?;
        if self.style.plans == Plans::Pinned {
            execute(&mut conn, PINNED)?;
        }
        Ok(conn)
    }

    /// Opens a connection that completes and claims.
    pub(super) fn worker(&self) -> Result<Worker, DbError> {
        Ok(Worker::new(self.connect()?, self.design, self.style))
    }

    /// Opens the connections that [`drain`] works on, with their statement prepared.
    pub(super) fn workers(&self) -> Result<Vec<Worker>, BenchError> {
        let mut workers = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut worker = self.worker()?;
            worker.cycle(0)?;
            workers.push(worker);
        }
        Ok(workers)
    }

    /// Enqueues the jobs numbered from `first` in one transaction.
    pub(super) fn enqueue(&self, conn: &mut PgConnection, first: u32, count: u32) -> Result<(), DbError> {
        self.enqueue_payloads(conn, (first..first + count).map(|n| payload(n).to_string()).collect())
    }

    /// Enqueues jobs with these payloads in one transaction.
    pub(super) fn enqueue_payloads(&self, conn: &mut PgConnection, payloads: Vec<String>) -> Result<(), DbError> {
        statement(self.design.enqueue).bind::<Array<Text>, _>(payloads).run(conn)?;
        Ok(())
    }

    /// Enqueues one job in a transaction of its own; `notify` wakes the listener when it commits.
    pub(super) fn enqueue_one(&self, conn: &mut PgConnection, n: u32, notify: bool) -> Result<i64, DbError> {
        let ids =
            statement(self.design.enqueue_one)
                .bind::<Jsonb, _>(payload(n))
                .bind::<Bool, _>(notify)
                .tuples::<(BigInt, Bool), (i64, bool)>(conn)?;
        Ok(ids.first().map_or(0, |row| row.0))
    }

    /// Writes finished jobs as they would stand there, and lets the server do its chores after them.
    pub(super) fn fill(&self, finished: u32) -> Result<(), BenchError> {
        let mut conn = self.connect()?;
        for first in (1..=finished).step_by(FILL as usize) {
            let last = (first + FILL - 1).min(finished);
            say(&format!("{}: {last} of {finished} finished", self.design.name));
            let (first, last) = (i64::from(first), i64::from(last));
            statement(self.design.fill).bind::<BigInt, _>(first).bind::<BigInt, _>(last).run(&mut conn)?;
        }
        execute(&mut conn, &format!("SELECT setval('job_id', {finished})"))?;
        ["VACUUM (ANALYZE)", "CHECKPOINT"].into_iter().try_for_each(|chore| execute(&mut conn, chore))?;
        Ok(())
    }

    /// Opens a snapshot that keeps the server from removing what is dead, as long as the connection lives.
    pub(super) fn hold_snapshot(&self) -> Result<PgConnection, DbError> {
        let mut conn = self.connect()?;
        execute(&mut conn, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT last_value FROM job_id")?;
        Ok(conn)
    }
}
