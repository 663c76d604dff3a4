//! Connections that complete what they had and claim the next.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use diesel::sql_types::{Array, BigInt, Integer, SmallInt, Text};

use super::{Design, Marks, Reference, Style, Trips};
use crate::base::db::{DbError, Listener, PgConnection, statement};
use crate::bench::{BenchError, joined};
use crate::queue::job::JobId;

/// Jobs of one claim.
const BATCH: i32 = 1_000;
/// How often the consumer looks whether it ends.
const LOOK: Duration = Duration::from_millis(100);
/// So long a place was claimed ago when the mark moves behind it: transactions of enqueuers are shorter.
const MARK_AGE: Duration = Duration::from_millis(50);
/// How often a claim begins at the beginning all the same.
const FROM_START_EVERY: Duration = Duration::from_secs(1);

type Columns = (BigInt, BigInt, SmallInt, BigInt, Text);
/// Token that completes it, job, attempt, place in line, payload.
pub(super) type Row = (i64, i64, i16, i64, String);

/// Works everything off; gives the number of jobs. The connections stay open, so that what they used can be read.
pub(in crate::bench) fn drain(workers: &mut [Worker]) -> Result<u64, BenchError> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = workers.iter_mut().map(|worker| scope.spawn(|| worker.drain())).collect();
        threads.into_iter().map(joined).sum()
    })
}

/// One connection that completes what it had and claims the next. All jobs have priority 3.
pub(in crate::bench) struct Worker {
    conn: PgConnection,
    design: &'static Design,
    style: Style,
    /// What completes the batch at hand: its lease, or each of its jobs.
    held: Vec<i64>,
    mark: i64,
    /// Last places of claims that are too young for the mark.
    young: VecDeque<(Instant, i64)>,
    from_start_at: Instant,
}

impl Worker {
    pub(super) fn new(conn: PgConnection, design: &'static Design, style: Style) -> Self {
        let (held, young) = (Vec::new(), VecDeque::new());
        Self { conn, design, style, held, mark: 0, young, from_start_at: Instant::now() }
    }

    /// Completes the last batch and claims up to `jobs_max`. The work itself is nothing.
    pub(in crate::bench) fn cycle(&mut self, jobs_max: i32) -> Result<Vec<Row>, DbError> {
        if self.style.trips == Trips::Two && !self.held.is_empty() {
            self.run(0)?;
            self.held.clear();
        }
        let rows = self.run(jobs_max)?;
        self.held = rows.iter().map(|row| row.0).collect();
        self.held.dedup();
        self.move_mark(rows.iter().map(|row| row.3).max());
        Ok(rows)
    }

    fn run(&mut self, jobs_max: i32) -> Result<Vec<Row>, DbError> {
        let mark = self.begin_at();
        statement(self.design.cycle)
            .bind::<Array<BigInt>, _>(&self.held)
            .bind::<SmallInt, _>(if mark > 0 { 3 } else { 0 })
            .bind::<BigInt, _>(mark)
            .bind::<Integer, _>(jobs_max)
            .tuples::<Columns, Row>(&mut self.conn)
    }

    /// The place behind which to look; now and then the beginning, for what was committed late.
    fn begin_at(&mut self) -> i64 {
        if self.style.marks == Marks::Aged && self.from_start_at.elapsed() > FROM_START_EVERY {
            self.from_start_at = Instant::now();
            return 0;
        }
        self.mark
    }

    fn move_mark(&mut self, last: Option<i64>) {
        let now = Instant::now();
        match self.style.marks {
            Marks::None => {}
            Marks::AtOnce => self.mark = self.mark.max(last.unwrap_or(0)),
            Marks::Aged => {
                self.young.extend(last.map(|place| (now, place)));
                while let Some((_, place)) = self.young.pop_front_if(|(at, _)| now - *at > MARK_AGE) {
                    self.mark = self.mark.max(place);
                }
            }
        }
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
        }
    }
}

/// A consumer that listens, claims, tells when each job began, and completes; until `ends` is set.
pub(in crate::bench) struct Consumer {
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<(), DbError>>>,
}

impl Consumer {
    /// Starts it in the queue's style, but for marks that presume that nobody enqueues meanwhile.
    pub(in crate::bench) fn start(queue: &Reference, starts: Sender<(JobId, Instant)>) -> Result<Self, BenchError> {
        let mut listener = Listener::connect(queue.place.url(), "by_hand")?;
        let mut worker = queue.worker()?;
        if worker.style.marks == Marks::AtOnce {
            worker.style.marks = Marks::Aged;
        }
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
