//! Writes results, in batches of what came while the last batch was written.
//!
//! A result is kept until it is recorded, the node is superseded or the engine ends: whether it still counts is decided by
//! the fence in the statement, not by a clock here. What another transaction blocks is set aside, so that it stalls nobody
//! else. Between two batches, now and then, it looks for leased jobs that nobody here knows of.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::Shared;
use super::lost::LostJobs;
use super::mover::LOOK_MAX;
use crate::base::db::{DbError, Link, PgConnection, keep_plans};
use crate::queue::claim::CLAIM_BATCH_MAX;
use crate::queue::limits;
use crate::queue::settle::{AttemptOutcome, Ending, SETTLE_BATCH_MAX, Settled, Settlement, Trouble, settle};

/// How often the settler looks whether the engine ends.
const LOOK: Duration = Duration::from_millis(500);
/// Longest wait for more results.
const COMPANY_WAIT_MAX: Duration = Duration::from_millis(5);
/// Shortest time from the beginning of one write to that of the next, while few results come.
const WRITE_EVERY: Duration = Duration::from_millis(4);
/// So many results are company enough.
const FEW_MAX: usize = 100;
/// Time between two looks for more results.
const COMPANY_LOOK: Duration = Duration::from_micros(500);
/// Shortest pause after a failure of the database; it doubles with each.
const PAUSE_MIN: Duration = Duration::from_millis(20);
/// The longest pause is so many times the shortest.
const PAUSE_DOUBLINGS_MAX: u32 = 6;
/// Time between two tries of results that were set aside: a try may take as long as the lock's limit.
const ASIDE_EVERY: Duration = Duration::from_secs(2);

/// A row that somebody else has locked is waited for so long, in milliseconds: all results wait with it.
const LOCK_LIMIT: &str = "SET lock_timeout = 500";

pub(crate) fn run(shared: &Arc<Shared>) {
    let mut settler = Settler::new(shared);
    let mut batch = Vec::new();
    while shared.results.take_batch(&mut batch, LOOK) {
        if !batch.is_empty() {
            settler.settle_batch(shared, &mut batch);
        }
        settler.give_places_back(shared);
        settler.try_aside(shared);
        settler.lost.look(shared, &mut settler.link, &settler.aside);
    }
    for result in settler.aside {
        tracing::warn!(job = %result.job, "a result was still blocked at the end; the job will run again");
    }
}

fn prepare(conn: &mut PgConnection) -> Result<(), DbError> {
    use diesel::connection::SimpleConnection;
    keep_plans(conn)?;
    Ok(conn.batch_execute(LOCK_LIMIT)?)
}

struct Settler {
    link: Link,
    /// Results that another transaction blocks, each alone.
    aside: VecDeque<Settlement>,
    aside_at: Instant,
    /// When the last write began.
    wrote_at: Option<Instant>,
    lost: LostJobs,
}

impl Settler {
    fn new(shared: &Shared) -> Self {
        let link = Link::new(&shared.settings.database_url, "settler", Duration::from_secs(10)).prepared(prepare);
        Self { link, aside: VecDeque::new(), aside_at: Instant::now(), wrote_at: None, lost: LostJobs::default() }
    }

    fn settle_batch(&mut self, shared: &Shared, batch: &mut Vec<Settlement>) {
        wait_for_company(shared, batch);
        self.keep_pace(shared, batch);
        let backlog = batch.len() + shared.results.len();
        tracing::trace!(results = batch.len(), backlog, "settling");
        self.write(shared, batch.as_mut_slice());
        batch.clear();
        shared.results.done(self.aside.len());
        if backlog > CLAIM_BATCH_MAX as usize {
            shared.work_bell.nudge(); // it may have waited for the backlog to go down
        }
    }

    /// While results come one by one and without a rest, those of a few milliseconds are written together: a transaction
    /// each costs Postgres several times as much. The first one after a rest is written at once, and so is one for whose
    /// end others may wait.
    fn keep_pace(&mut self, shared: &Shared, batch: &mut Vec<Settlement>) {
        let early = self.wrote_at.map_or(Duration::ZERO, |at| WRITE_EVERY.saturating_sub(at.elapsed()));
        let awaited = batch.iter().any(|result| result.ordered || !result.lanes.is_empty());
        if !early.is_zero() && batch.len() < FEW_MAX && !awaited {
            std::thread::sleep(early);
            shared.results.take_more(batch);
        }
        self.wrote_at = Some(Instant::now());
    }

    /// Keeps trying: after a lost COMMIT the same batch is settled again, and what was recorded the first time is left out
    /// because its lease is gone.
    fn write(&mut self, shared: &Shared, batch: &mut [Settlement]) {
        let (mut batches, mut failures) = (vec![batch], 0);
        while let Some(batch) = batches.pop() {
            let settling = shared.settling.lock().unwrap_or_else(PoisonError::into_inner);
            name_places(shared, batch);
            let settled = self.link.with(|conn| settle(conn, shared.me, batch));
            if let Ok(settled) = &settled {
                forget_places(shared, batch, settled);
            }
            drop(settling);
            if settled.is_ok() {
                failures = 0;
            }
            match settled {
                Ok(settled) => {
                    tell_mover(shared, batch);
                    tell_dropped(batch, |result| settled.holds(result.job, result.fence));
                }
                Err(error) if is_away(&error) => {
                    failures += 1;
                    batches.push(batch);
                    if !self.wait(shared, failures) {
                        let results: usize = batches.iter().map(|batch| batch.len()).sum();
                        tracing::warn!(results, %error, "results could not be recorded; the jobs will run again");
                        return;
                    }
                }
                // one bad or blocked result must not take the others down: halve until it stands alone
                Err(error) if batch.len() > 1 => {
                    tracing::debug!(%error, "a batch was refused, settling its halves");
                    let (left, right) = batch.split_at_mut(batch.len() / 2);
                    batches.extend([right, left]);
                }
                Err(error) if is_blocked(&error) => self.set_aside(&batch[0], &error),
                Err(error) => self.give_up(shared, &batch[0], &error),
            }
        }
    }

    /// Waits for the database. `false` = results count no more, or there is no time left for them.
    fn wait(&self, shared: &Shared, failures: u32) -> bool {
        let pause = (PAUSE_MIN * 2u32.pow(failures.min(PAUSE_DOUBLINGS_MAX))).max(self.link.pause());
        !shared.ending.wait(pause) && !shared.fence.is_superseded()
    }

    /// The places of jobs that have recorded their own end. When that fails the next look at lost jobs counts them.
    fn give_places_back(&mut self, shared: &Shared) {
        let ended = shared.results.take_self_settled();
        if ended.is_empty() {
            return;
        }
        let _settling = shared.settling.lock().unwrap_or_else(PoisonError::into_inner);
        let mut places = shared.places.lock().unwrap_or_else(PoisonError::into_inner);
        let freed: Vec<_> = ended.iter().filter_map(|attempt| places.remove(attempt)).collect();
        drop(places);
        match self.link.with(|conn| limits::give_back(conn, shared.me, &freed)) {
            Ok(0) => {}
            Ok(_) => shared.work_bell.ring(), // whoever waited for them may be in the line now
            Err(error) => {
                tracing::debug!(%error, "places of lanes could not be given back");
                shared.recount.store(true, Ordering::SeqCst);
            }
        }
    }

    fn set_aside(&mut self, result: &Settlement, error: &DbError) {
        tracing::debug!(job = %result.job, %error, "a result is blocked and set aside");
        self.aside.push_back(result.clone());
    }

    /// Tries what was set aside until one is blocked again.
    fn try_aside(&mut self, shared: &Shared) {
        if self.aside.is_empty() || self.aside_at.elapsed() < ASIDE_EVERY {
            return;
        }
        for _ in 0..self.aside.len() {
            let Some(mut result) = self.aside.pop_front() else { break };
            let others = self.aside.len();
            self.write(shared, std::slice::from_mut(&mut result));
            if self.aside.len() > others {
                break; // each look costs the lock's limit
            }
        }
        self.aside_at = Instant::now();
        shared.results.done(self.aside.len());
    }

    /// A result that the database refuses (an output that jsonb cannot hold, say) fails its job with that reason.
    fn give_up(&mut self, shared: &Shared, result: &Settlement, error: &DbError) {
        tracing::error!(job = %result.job, %error, "a result could not be recorded as it was");
        let error = format!("its result could not be recorded: {error}").replace('\0', "\u{fffd}");
        let trouble = Trouble { outcome: AttemptOutcome::Failed, error, trace: None };
        let plain =
            Settlement { ending: Ending::Failed(trouble), last_words: Vec::new(), checkpoint: None, ..result.clone() };
        let _settling = shared.settling.lock().unwrap_or_else(PoisonError::into_inner);
        match self.link.with(|conn| settle(conn, shared.me, std::slice::from_ref(&plain))) {
            Ok(settled) => forget_places(shared, std::slice::from_ref(&plain), &settled),
            Err(error) if is_away(&error) || is_blocked(&error) => self.set_aside(&plain, &error),
            Err(error) => tracing::error!(job = %plain.job, %error, "that could not be recorded either"),
        }
    }
}

/// The database can do nothing for anybody now.
fn is_away(error: &DbError) -> bool {
    error.is_passing() && !is_blocked(error)
}

/// Somebody stands in the way of one of the results.
fn is_blocked(error: &DbError) -> bool {
    matches!(error, DbError::Conflict(_) | DbError::TimedOut)
}

/// While short jobs are at hand, many more results come within a moment: written together they cost a fraction, and their
/// leases end whole. A lone result never waits.
fn wait_for_company(shared: &Shared, batch: &mut Vec<Settlement>) {
    let end = Instant::now() + COMPANY_WAIT_MAX;
    while batch.len() < SETTLE_BATCH_MAX && shared.pool.is_quick() && shared.buffer.held() > 0 && Instant::now() < end {
        std::thread::sleep(COMPANY_LOOK);
        shared.results.take_more(batch);
    }
}

/// Jobs that got places after they were claimed do not know of them.
fn name_places(shared: &Shared, batch: &mut [Settlement]) {
    if !shared.adopted.load(Ordering::SeqCst) {
        return;
    }
    let places = shared.places.lock().unwrap_or_else(PoisonError::into_inner);
    for result in batch {
        if let Some(held) = places.get(&(result.job, result.fence)) {
            result.lanes = Arc::clone(held);
        }
    }
}

/// Places of recorded results are free. What was dropped may have been recorded by an earlier try: then it is to be counted.
fn forget_places(shared: &Shared, batch: &[Settlement], settled: &Settled) {
    if settled.has_let_in() {
        shared.work_bell.ring(); // whoever waited for them may be in the line now
    }
    let bounded = || batch.iter().filter(|result| !result.lanes.is_empty());
    if bounded().next().is_none() {
        return;
    }
    let mut places = shared.places.lock().unwrap_or_else(PoisonError::into_inner);
    bounded().for_each(|result| drop(places.remove(&(result.job, result.fence))));
    drop(places);
    if bounded().any(|result| !settled.holds(result.job, result.fence)) {
        shared.recount.store(true, Ordering::SeqCst);
    }
}

/// Wakes the mover for what is due before it would look by itself.
fn tell_mover(shared: &Shared, batch: &[Settlement]) {
    if batch.iter().filter_map(|result| result.ending.waits_for()).any(|wait| wait < LOOK_MAX) {
        shared.due_bell.ring();
    }
}

fn tell_dropped(batch: &[Settlement], recorded: impl Fn(&Settlement) -> bool) {
    for result in batch.iter().filter(|result| !recorded(result)) {
        tracing::warn!(job = %result.job, fence = %result.fence, "a late result was dropped: the job has another owner");
    }
}
