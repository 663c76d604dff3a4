//! The thinnest SQL we know for the same work, written by hand and tuned: the ceiling that ours is compared with.
//!
//! Immutable jobs, a thin line, one lease per batch, an append-only history, and nothing else: no templates, counts,
//! rollups, retries, cancelling, logs, checks. Finishing the last batch and claiming the next are one statement, the
//! finished ids come out of the lease's own row. Two connections, batches of 1,000, plans pinned.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Jsonb, SmallInt, Text};

use super::place::{Place, connect, execute};
use super::stage::payload;
use super::{BenchError, joined};
use crate::base::db::{DbError, Listener, PgConnection, statement};
use crate::queue::job::JobId;

/// Jobs of one claim.
const BATCH: i32 = 1_000;
/// Connections that work at once.
const CONNECTIONS: usize = 2;
/// How often the consumer looks whether it ends.
const LOOK: Duration = Duration::from_millis(100);

const SCHEMA: &str = "
CREATE SCHEMA thin;
CREATE SEQUENCE thin.job_id;
CREATE TABLE thin.jobs (id bigint PRIMARY KEY, queue integer NOT NULL, priority smallint NOT NULL, created_at timestamptz NOT NULL,
    payload jsonb NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE thin.ready (seq bigint NOT NULL, job_id bigint NOT NULL, queue integer NOT NULL, priority smallint NOT NULL,
    attempt smallint NOT NULL)
    WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
CREATE UNIQUE INDEX ON thin.ready (queue, priority, seq);
CREATE TABLE thin.leases (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, node integer NOT NULL, epoch bigint NOT NULL,
    started_at timestamptz NOT NULL, ids bigint[] NOT NULL, attempts smallint[] NOT NULL)
    WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
CREATE TABLE thin.history (job_id bigint PRIMARY KEY, started_at timestamptz NOT NULL, finished_at timestamptz NOT NULL,
    node integer NOT NULL, state smallint NOT NULL, attempt smallint NOT NULL, error text, output jsonb) PARTITION BY RANGE (job_id);
DO $$ BEGIN FOR part IN 0 .. 4 LOOP
    EXECUTE format('CREATE TABLE thin.jobs_%s PARTITION OF thin.jobs FOR VALUES FROM (%s) TO (%s)', part, part * 1000000, (part + 1) * 1000000);
    EXECUTE format('CREATE TABLE thin.history_%s PARTITION OF thin.history FOR VALUES FROM (%s) TO (%s)', part, part * 1000000, (part + 1) * 1000000);
END LOOP; END $$;";

/// What the measured connections are set to; the same switches that the engine's claim uses.
const PINNED: &str =
    "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
SET jit = off; SET plan_cache_mode = force_generic_plan; SET search_path = thin";

const ENQUEUE: &str = "-- bench::reference::enqueue
WITH item AS MATERIALIZED (
    SELECT nextval('thin.job_id') AS id, payload::jsonb FROM UNNEST($1::text[]) AS payload
), kept AS (
    INSERT INTO thin.jobs (id, queue, priority, created_at, payload) SELECT id, 1, 3, clock_timestamp(), payload FROM item
)
INSERT INTO thin.ready (seq, job_id, queue, priority, attempt) SELECT id, id, 1, 3, 0 FROM item";

const ENQUEUE_ONE: &str = "-- bench::reference::enqueue_one
WITH kept AS (
    INSERT INTO thin.jobs (id, queue, priority, created_at, payload) VALUES (nextval('thin.job_id'), 1, 3, clock_timestamp(), $1) RETURNING id
), waiting AS (
    INSERT INTO thin.ready (seq, job_id, queue, priority, attempt) SELECT id, id, 1, 3, 0 FROM kept
)
SELECT id, CASE WHEN $2 THEN pg_notify('thin', '') IS NULL ELSE true END FROM kept";

const CYCLE: &str = "-- bench::reference::cycle
WITH ended AS MATERIALIZED (
    DELETE FROM thin.leases WHERE id = $1 AND node = 1 AND epoch = 1 RETURNING ids, attempts, started_at
), done AS (
    INSERT INTO thin.history (job_id, started_at, finished_at, node, state, attempt)
    SELECT u.id, ended.started_at, clock_timestamp(), 1, 1, u.attempt FROM ended, UNNEST(ended.ids, ended.attempts) AS u(id, attempt)
), taken AS MATERIALIZED (
    DELETE FROM thin.ready r WHERE r.ctid = ANY(ARRAY(
        SELECT ctid FROM thin.ready WHERE queue = 1 AND (priority, seq) > ($2, $3) ORDER BY priority, seq LIMIT $4 FOR UPDATE SKIP LOCKED))
    RETURNING r.job_id, (r.attempt + 1)::smallint AS attempt, r.seq
), lease AS (
    INSERT INTO thin.leases (node, epoch, started_at, ids, attempts)
    SELECT 1, 1, clock_timestamp(), array_agg(job_id), array_agg(attempt) FROM taken HAVING count(*) > 0 RETURNING id
)
SELECT lease.id, j.id, t.attempt, t.seq, j.payload::text FROM taken t CROSS JOIN lease JOIN thin.jobs j ON j.id = t.job_id";

type Columns = (BigInt, BigInt, SmallInt, BigInt, Text);
/// Lease, job, attempt, place in line, payload.
type Row = (i64, i64, i16, i64, String);

/// The hand-written queue on a database of its own.
pub(super) struct Reference {
    place: Place,
}

impl Reference {
    pub(super) fn open(cluster: &str) -> Result<Self, BenchError> {
        let place = Place::bare(cluster)?;
        execute(&mut place.connect()?, SCHEMA)?;
        Ok(Self { place })
    }

    /// Opens a connection that is set up for measuring.
    pub(super) fn connect(&self) -> Result<PgConnection, DbError> {
        let mut conn = connect(self.place.url())?;
        execute(&mut conn, PINNED)?;
        Ok(conn)
    }

    /// Opens the connections that [`drain`] works on, with their statement prepared.
    pub(super) fn workers(&self) -> Result<Vec<Worker>, BenchError> {
        let mut workers = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut worker = Worker::new(self.connect()?);
            worker.cycle(0)?;
            workers.push(worker);
        }
        Ok(workers)
    }
}

/// Works everything off; gives the number of jobs. The connections stay open, so that what they used can be read.
pub(super) fn drain(workers: &mut [Worker]) -> Result<u64, BenchError> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = workers.iter_mut().map(|worker| scope.spawn(|| worker.drain())).collect();
        threads.into_iter().map(joined).sum()
    })
}

/// Enqueues the jobs numbered from `first` in one transaction.
pub(super) fn enqueue(conn: &mut PgConnection, first: u32, count: u32) -> Result<(), DbError> {
    let payloads: Vec<String> = (first..first + count).map(|n| payload(n).to_string()).collect();
    statement(ENQUEUE).bind::<Array<Text>, _>(payloads).run(conn)?;
    Ok(())
}

/// Enqueues one job in a transaction of its own; `notify` wakes the listener when it commits.
pub(super) fn enqueue_one(conn: &mut PgConnection, n: u32, notify: bool) -> Result<i64, DbError> {
    let ids = statement(ENQUEUE_ONE)
        .bind::<Jsonb, _>(payload(n))
        .bind::<Bool, _>(notify)
        .tuples::<(BigInt, Bool), (i64, bool)>(conn)?;
    Ok(ids.first().map_or(0, |row| row.0))
}

/// A consumer that listens, claims, tells when each job began, and completes; until `ends` is set.
pub(super) struct Consumer {
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<(), DbError>>>,
}

impl Consumer {
    pub(super) fn start(queue: &Reference, starts: Sender<(JobId, Instant)>) -> Result<Self, BenchError> {
        let mut listener = Listener::connect(queue.place.url(), "thin")?;
        let mut worker = Worker::new(queue.connect()?);
        worker.cycle(0)?;
        let ends = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&ends);
        let thread = std::thread::spawn(move || {
            while !asked.load(Ordering::Relaxed) {
                listener.wait(-1, LOOK)?;
                worker.work_off(&starts)?;
            }
            Ok(())
        });
        Ok(Self { ends, thread: Some(thread) })
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        if !matches!(ended, Some(Ok(Ok(())))) {
            tracing::error!("the hand-written consumer failed; its figures are worth nothing");
        }
    }
}

/// One connection that completes what it had and claims the next.
pub(super) struct Worker {
    conn: PgConnection,
    lease: i64,
    mark: (i16, i64),
}

impl Worker {
    pub(super) fn new(conn: PgConnection) -> Self {
        Self { conn, lease: 0, mark: (0, 0) }
    }

    /// Completes the last batch and claims up to `jobs_max`. The work itself is nothing.
    pub(super) fn cycle(&mut self, jobs_max: i32) -> Result<Vec<Row>, DbError> {
        let rows = statement(CYCLE)
            .bind::<BigInt, _>(self.lease)
            .bind::<SmallInt, _>(self.mark.0)
            .bind::<BigInt, _>(self.mark.1)
            .bind::<Integer, _>(jobs_max)
            .tuples::<Columns, Row>(&mut self.conn)?;
        self.lease = rows.first().map_or(0, |row| row.0);
        Ok(rows)
    }

    /// Claims until nothing is left, telling when each job began.
    fn work_off(&mut self, starts: &Sender<(JobId, Instant)>) -> Result<(), DbError> {
        loop {
            let rows = self.cycle(BATCH)?;
            let now = Instant::now();
            for row in &rows {
                starts.send((JobId(row.1), now)).map_err(|_| DbError::Unavailable("nobody measures".into()))?;
            }
            if rows.is_empty() {
                return Ok(());
            }
        }
    }

    fn drain(&mut self) -> Result<u64, DbError> {
        let mut done = 0;
        loop {
            let rows = self.cycle(BATCH)?;
            if rows.is_empty() {
                return Ok(done);
            }
            done += rows.len() as u64;
            // all jobs were committed before the drain began, so that none can come late behind the mark
            self.mark = (3, rows.iter().map(|row| row.3).fold(self.mark.1, i64::max));
        }
    }
}
