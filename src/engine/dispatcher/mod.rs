//! Claims jobs for the workers: as many as they will finish in about a tenth of a second, one by one when jobs are long.
//!
//! It looks only when there is a reason: news of work, or room for more of the work that the last claim left behind. A
//! claim that found nothing costs the server as much as one that found something.
mod admission;
mod adoption;
mod aging;
mod claim_times;
mod doorbell;
mod fitted;
mod marks;
mod mix;
mod pace;
mod queues;
mod scaling;
mod share;
mod suspects;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::buffer::Assigned;
use super::pool::Pool;
use super::{Shared, run};
use crate::base::db::{DbError, Link};
use crate::queue::catalog::Versions;
use crate::queue::claim::{
    CLAIM_BATCH_MAX, Claimed, FEW_MAX, Want, claim, claim_unflushed, fronts, occurrences, pin_plan,
};
use crate::queue::log;
use crate::queue::settle::Settlement;
use crate::queue::work::Occurrence;

use admission::FlushedBy;
use aging::Aging;
pub(crate) use claim_times::ClaimTimes;
pub(crate) use doorbell::Doorbell;
use doorbell::Heard;
use fitted::Fitted;
use marks::Marks;
use mix::mix;
use pace::Pace;
use queues::Queues;
use scaling::Scaler;

/// A job waits at most this long for a thread before the pool grows.
const STUCK_MAX: Duration = Duration::from_millis(10);
/// Claimed jobs that no slot has begun within this time are given back, so that another node may run them.
const HOARD_MAX: Duration = Duration::from_secs(2);
/// Pause after a failure of the database.
const FAILURE_PAUSE: Duration = Duration::from_millis(50);

pub(crate) fn run(shared: &Arc<Shared>) {
    let mut dispatcher = Dispatcher::new(shared);
    Pool::ensure(shared, false);
    while !shared.ending.is_open() {
        let begun = Instant::now();
        let pause = dispatcher.step(shared);
        match shared.work_bell.wait(pause) {
            Heard::News => dispatcher.more = true,
            Heard::Nudge => {}
            Heard::Nothing if begun.elapsed() >= shared.settings.poll => dispatcher.look_everywhere(),
            Heard::Nothing => {}
        }
    }
}

struct Dispatcher {
    link: Link,
    versions: Versions,
    queues: Queues,
    pace: Pace,
    marks: Marks,
    aging: Aging,
    scaler: Scaler,
    fitted: Fitted,
    /// There may be work in the lines.
    more: bool,
    /// The last claim left some behind.
    left_behind: bool,
    /// The last claim brought so many jobs that the lines are long.
    lines_are_long: bool,
    /// Who flushes the next claim.
    flushed_by: FlushedBy,
}

impl Dispatcher {
    fn new(shared: &Shared) -> Self {
        let link = Link::new(&shared.settings.database_url, "dispatcher", Duration::from_secs(10)).prepared(pin_plan);
        Self {
            link,
            versions: Versions::default(),
            queues: Queues::new(),
            pace: Pace::new(Instant::now()),
            marks: Marks::default(),
            aging: Aging::new(shared.settings.aging),
            scaler: Scaler::new(shared.pool.bounds(), Instant::now()),
            fitted: Fitted::new(shared.settings.labels.clone(), shared.settings.aging),
            more: true,
            left_behind: false,
            lines_are_long: false,
            flushed_by: FlushedBy::Claim,
        }
    }

    /// Nothing was heard for a while: the queues are read again and all lines looked at.
    fn look_everywhere(&mut self) {
        self.queues.forget();
        self.more = true;
    }

    /// Claims if there is a reason and room, and tells how long to wait for the next bell.
    fn step(&mut self, shared: &Arc<Shared>) -> Duration {
        self.look_after_workers(shared);
        self.scale(shared);
        if let Err(error) = self.obey_limits(shared) {
            tracing::warn!(%error, "the queues could not be read");
            return self.link.pause().max(FAILURE_PAUSE);
        }
        let pause = if shared.buffer.held() > 0 { STUCK_MAX } else { shared.settings.poll };
        if !self.more {
            return pause;
        }
        let claimed = {
            let _claiming = shared.claiming.lock().unwrap_or_else(PoisonError::into_inner);
            let room = self.room(shared);
            if room == 0 {
                return if self.scaler.may_grow() { pause.min(scaling::EVERY) } else { pause };
            }
            self.claim_once(shared, room)
        };
        match claimed {
            Ok(()) if self.more => Duration::ZERO,
            Ok(()) => pause,
            Err(error) => {
                tracing::warn!(%error, "claiming waits for the database");
                self.link.pause().max(FAILURE_PAUSE)
            }
        }
    }

    /// Hears of limits that were set: what runs takes places, what has not begun asks for them.
    fn obey_limits(&mut self, shared: &Shared) -> Result<(), DbError> {
        if shared.limits_changed.swap(false, Ordering::SeqCst) {
            self.queues.forget();
        }
        self.queues.read(&mut self.link, shared)?;
        if let Some((heard, change)) = self.queues.unheard() {
            if adoption::adopt(&mut self.link, shared, heard, change)? {
                self.queues.obey(change);
                self.more = true;
            } else {
                shared.limits_changed.store(true, Ordering::SeqCst);
                shared.work_bell.ring();
            }
        }
        Ok(())
    }

    /// Grows the pool when jobs wait for threads, wakes threads that sleep beside waiting jobs, gives back what nobody
    /// begins.
    fn look_after_workers(&mut self, shared: &Arc<Shared>) {
        let now = Instant::now();
        self.pace.look(shared.buffer.taken(), now);
        if shared.buffer.held() == 0 {
            return;
        }
        let still = self.pace.still_for(now);
        if still >= HOARD_MAX {
            give_back(shared, shared.buffer.take_all());
        } else if still >= STUCK_MAX || !shared.pool.is_quick() && shared.buffer.waited(now) >= STUCK_MAX {
            let asleep = shared.buffer.wake_one();
            Pool::ensure(shared, !asleep);
        }
    }

    /// Gives the pool the size that the work asks for.
    fn scale(&mut self, shared: &Arc<Shared>) {
        let still = Some(self.pace.still_for(Instant::now())).filter(|still| *still > STUCK_MAX);
        let Self { scaler, link, queues, marks, more, .. } = self;
        let in_line = || {
            let ids = if *more { queues.ids() } else { Vec::new() };
            ids.into_iter().map(|queue| (queue, marks.fronts(queue))).collect()
        };
        if let Err(error) = scaler.look(link, shared, still, in_line) {
            tracing::debug!(%error, "the size of the pool waits for the database");
        }
    }

    /// How many more jobs may be claimed now. When none, the workers are asked to tell when there is room.
    fn room(&self, shared: &Shared) -> u32 {
        if !shared.pool.takes_work() || !shared.fence.may_claim() {
            return 0;
        }
        let slots = shared.pool.size();
        let ahead = self.pace.ahead(slots, shared.pool.average_run(), Instant::now());
        // claim again when half is used up, so that workers do not run dry during the round trip
        shared.buffer.call_at(Some(ahead as usize / 2)); // asked before looking, or the call could be missed
        let held = shared.buffer.held() as u32;
        let wanted = slots.saturating_sub(shared.pool.busy()).max(ahead);
        let full = held > 0 && held > wanted / 2 || shared.results.len() > CLAIM_BATCH_MAX as usize;
        let room = if full { 0 } else { wanted.saturating_sub(held).min(CLAIM_BATCH_MAX) };
        if room > 0 {
            shared.buffer.call_at(None);
        }
        room
    }

    fn claim_once(&mut self, shared: &Arc<Shared>, room: u32) -> Result<(), DbError> {
        let slots = shared.pool.size();
        let fitted = self.fitted.claim(&mut self.link, shared, room, |queue| self.queues.most(queue, slots))?;
        let taken = fitted.len() as u32;
        let room = if self.lines_are_long { room } else { room.min(FEW_MAX) };
        self.begin(shared, fitted, FlushedBy::Claim);
        let claimed = if room > taken { self.claim_lines(shared, room - taken) } else { Ok(Vec::new()) };
        self.more |= taken > 0;
        self.flushed_by = self.begin(shared, claimed?, self.flushed_by);
        Ok(())
    }

    fn claim_lines(&mut self, shared: &Arc<Shared>, room: u32) -> Result<Vec<Claimed>, DbError> {
        let wants = self.queues.wants(room, shared.pool.size());
        if wants.is_empty() {
            self.more = false; // the next poll reads the queues again
            return Ok(Vec::new());
        }
        if self.left_behind {
            self.aging.look_at(&mut self.link, &mut self.marks, &wants)?;
        }
        let wants = self.aging.split(wants);
        let claimed = self.claim_marked(shared, &wants, room)?;
        self.lines_are_long = claimed.len() >= FEW_MAX as usize;
        self.more = self.queues.learn(&wants, &claimed, room);
        self.left_behind = self.more;
        self.aging.learn(&wants, &claimed);
        if !self.more {
            self.aging.forget(); // nothing waits
        }
        tracing::trace!(jobs = claimed.len(), room, held = shared.buffer.held(), "claimed");
        Ok(claimed)
    }

    /// Hands claimed jobs to the workers, except those that may not run here and now, and tells who is to
    /// flush the next claim.
    fn begin(&mut self, shared: &Arc<Shared>, claimed: Vec<Claimed>, flushed_by: FlushedBy) -> FlushedBy {
        if claimed.is_empty() {
            return self.flushed_by;
        }
        let claimed = suspects::postpone(&mut self.link, shared, claimed);
        let assigned = self.assign(shared, claimed);
        let assigned = self.fitted.turn_away(&mut self.link, shared, assigned);
        let (assigned, next) = admission::ask(&mut self.link, shared, assigned, self.queues.limits(), flushed_by);
        shared.buffer.fill(mix(assigned, |one| one.job.queue_id), shared.pool.wake_max());
        next
    }

    /// Claims behind the marks; from the fronts of the lines once a second, and when nothing was found although somebody rang.
    fn claim_marked(&mut self, shared: &Shared, wants: &[Want], room: u32) -> Result<Vec<Claimed>, DbError> {
        let now = Instant::now();
        let sweep = self.marks.sweep_is_due(now);
        if !sweep {
            let behind: Vec<Want> =
                wants.iter().map(|want| aging::behind(want, self.marks.above(want.queue, now))).collect();
            let claimed = self.timed_claim(shared, &behind, room)?;
            self.marks.claimed(&claimed, now);
            if !claimed.is_empty() || !self.marks.sweep_is_cheap() || behind == wants {
                return Ok(claimed);
            }
        }
        if sweep {
            self.look_for_fronts(wants, now)?;
        }
        let begun = Instant::now();
        let from_fronts: Vec<Want> =
            wants.iter().map(|want| aging::behind(want, self.marks.start(want.queue))).collect();
        let claimed = self.timed_claim(shared, &from_fronts, room)?;
        // what was found took its own time: only an empty look tells what looking costs
        let took = if claimed.is_empty() { begun.elapsed() } else { Duration::ZERO };
        self.marks.swept(begun, took);
        self.marks.claimed(&claimed, begun);
        Ok(claimed)
    }

    fn look_for_fronts(&mut self, wants: &[Want], now: Instant) -> Result<(), DbError> {
        let known: Vec<Want> =
            wants.iter().map(|want| Want { above: self.marks.fronts(want.queue), ..*want }).collect();
        match self.link.with(|conn| fronts(conn, &known)) {
            Ok(Some((sight, fronts))) => self.marks.learn(sight, &fronts, now),
            Ok(None) => {}
            Err(error) => {
                self.marks.forget_fronts();
                return Err(error);
            }
        }
        Ok(())
    }

    fn timed_claim(&mut self, shared: &Shared, wants: &[Want], room: u32) -> Result<Vec<Claimed>, DbError> {
        let claim = match self.flushed_by {
            FlushedBy::Claim => claim,
            FlushedBy::Decision => claim_unflushed,
        };
        let begun = Instant::now();
        let claimed = self.link.with(|conn| claim(conn, shared.me, wants, room));
        let claimed = claimed.inspect_err(|_| self.marks.forget_fronts())?;
        shared.claim_times.add(begun);
        Ok(claimed)
    }

    /// Adds what a run needs. Jobs that cannot begin are settled: late ones expire, those whose template cannot be read
    /// because the database went away are given back.
    fn assign(&mut self, shared: &Shared, claimed: Vec<(Claimed, bool)>) -> Vec<Assigned> {
        let mut checkpoints = self.checkpoints(&claimed);
        let mut occurrences = self.occurrences(&claimed);
        let (now, since) = (shared.clock.now(), Instant::now());
        let mut assigned = Vec::with_capacity(claimed.len());
        for (job, suspect) in claimed {
            if job.marks.is_expired() {
                shared.results.push(run::expired(&job, now));
                continue;
            }
            let occurrence = occurrences.remove(&job.job_id.0);
            if job.marks.is_scheduled() && occurrence.is_none() {
                shared.results.push(Settlement::unstarted(&job, now)); // it is not told apart from others without it
                continue;
            }
            let queue_name = self.queues.name(job.queue_id);
            match self.link.with(|conn| self.versions.get(conn, job.template_id, job.version)) {
                Ok(Some(version)) => {
                    let checkpoint = checkpoints.remove(&job.job_id.0);
                    let (lanes, place) = (Arc::default(), self.queues.place(job.queue_id));
                    assigned.push(Assigned {
                        job,
                        version,
                        queue_name,
                        checkpoint,
                        occurrence,
                        lanes,
                        place,
                        suspect,
                        since,
                    });
                }
                Ok(None) => shared.results.push(run::unreadable(&job, now, "it does not exist")),
                Err(error) => {
                    tracing::warn!(job = %job.job_id, %error, "its template could not be read; the job is given back");
                    shared.results.push(Settlement::unstarted(&job, now));
                }
            }
        }
        assigned
    }

    fn occurrences(&mut self, claimed: &[(Claimed, bool)]) -> BTreeMap<i64, Occurrence> {
        let scheduled: Vec<_> =
            claimed.iter().map(|(job, _)| job).filter(|job| job.marks.is_scheduled()).map(|job| job.job_id).collect();
        if scheduled.is_empty() {
            return BTreeMap::new();
        }
        match self.link.with(|conn| occurrences(conn, &scheduled)) {
            Ok(found) => found.into_iter().map(|(job, one)| (job.0, one)).collect(),
            Err(error) => {
                tracing::warn!(%error, "occurrences could not be read; their jobs are given back");
                BTreeMap::new()
            }
        }
    }

    fn checkpoints(&mut self, claimed: &[(Claimed, bool)]) -> BTreeMap<i64, serde_json::Value> {
        // an attempt that was not counted leaves the number and changes the place
        let is_again = |job: &&Claimed| job.attempt > 1 || job.seq != job.job_id.0;
        let again: Vec<_> = claimed.iter().map(|(job, _)| job).filter(is_again).map(|job| job.job_id).collect();
        if again.is_empty() {
            return BTreeMap::new();
        }
        match self.link.with(|conn| log::checkpoints(conn, &again)) {
            Ok(found) => found.into_iter().map(|(job, value)| (job.0, value)).collect(),
            Err(error) => {
                tracing::warn!(%error, "checkpoints could not be read; the jobs start from the beginning");
                BTreeMap::new()
            }
        }
    }
}

/// Gives back jobs that no worker has taken.
pub(super) fn give_back(shared: &Shared, jobs: Vec<Assigned>) {
    let now = shared.clock.now();
    jobs.iter().for_each(|assigned| shared.results.push(run::returned(assigned, now)));
}
