//! Claims jobs for the workers: as many as they will finish in about a tenth of a second, one by one when jobs are long.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::buffer::Assigned;
use super::pool::Pool;
use super::{Shared, run};
use crate::base::db::{DbError, Link, PgConnection};
use crate::queue::catalog::{self, Queue, Versions};
use crate::queue::claim::{CLAIM_BATCH_MAX, Claimed, Want, claim, pin_plan};
use crate::queue::job::QueueId;
use crate::queue::log;

/// How old the list of queues may be.
const QUEUES_AGE_MAX: Duration = Duration::from_secs(1);
/// A job waits at most this long for a thread before the pool grows.
const STUCK_MAX: Duration = Duration::from_millis(10);
/// What the workers should find in the buffer: work for about this long.
const AHEAD: Duration = Duration::from_millis(100);

pub(crate) fn run(shared: &Arc<Shared>) {
    let mut dispatcher = Dispatcher::new(shared);
    Pool::ensure(shared, false);
    while !shared.ending.is_open() {
        let pause = dispatcher.step(shared);
        if shared.work_bell.wait(pause) {
            continue;
        }
        dispatcher.look_everywhere();
    }
}

struct Dispatcher {
    link: Link,
    versions: Versions,
    queues: Vec<Queue>,
    names: HashMap<QueueId, Arc<str>>,
    queues_read: Option<Instant>,
    /// Queues that gave less than they were asked for at the last claim.
    idle: HashSet<QueueId>,
    turn: usize,
    pace: Pace,
}

impl Dispatcher {
    fn new(shared: &Shared) -> Self {
        let link = Link::new(&shared.settings.database_url, "dispatcher", Duration::from_secs(10)).prepared(pin_plan);
        let (versions, pace) = (Versions::default(), Pace::default());
        let (idle, turn) = (HashSet::new(), 0);
        Self { link, versions, queues: Vec::new(), names: HashMap::new(), queues_read: None, idle, turn, pace }
    }

    /// The list of queues is read again at the next step.
    fn look_everywhere(&mut self) {
        self.queues_read = None;
    }

    /// Claims once if there is room and tells how long to wait for the next bell.
    fn step(&mut self, shared: &Arc<Shared>) -> Duration {
        if shared.buffer.stuck_for() > STUCK_MAX {
            Pool::ensure(shared, true);
        }
        let room = self.room(shared);
        if room == 0 {
            let waiting = shared.buffer.len() > 0 && shared.pool.started() < shared.pool.slots_max();
            return if waiting { STUCK_MAX } else { shared.settings.poll };
        }
        match self.claim(shared, room) {
            Ok(0) => shared.settings.poll,
            Ok(_) => Duration::ZERO,
            Err(error) => {
                tracing::warn!(%error, "claiming waits for the database");
                self.link.pause().max(Duration::from_millis(50))
            }
        }
    }

    /// How many more jobs may be claimed now.
    fn room(&self, shared: &Shared) -> u32 {
        if shared.pool.is_draining() || !shared.fence.may_claim() || shared.results.len() > CLAIM_BATCH_MAX as usize {
            return 0;
        }
        let held = shared.buffer.len() as u32;
        let free = shared.pool.slots_max().saturating_sub(shared.pool.busy());
        let wanted = free.max(self.pace.ahead());
        // claim again when half is used up, so that workers do not run dry during the round trip
        if held > 0 && held > wanted / 2 { 0 } else { wanted.saturating_sub(held).min(CLAIM_BATCH_MAX) }
    }

    fn claim(&mut self, shared: &Arc<Shared>, room: u32) -> Result<usize, DbError> {
        self.read_queues(shared)?;
        self.turn = self.turn.wrapping_add(1);
        let wants = share(room, &self.queues, shared.settings.queues.as_ref(), &self.idle, self.turn);
        if wants.is_empty() {
            return Ok(0);
        }
        let claimed = self.link.with(|conn| claim(conn, shared.me, &wants, room))?;
        let count = claimed.len();
        self.learn_idle(&wants, &claimed, room);
        self.pace.claimed(count, shared.pool.slots_max());
        if count > 0 {
            let assigned = self.assign(shared, claimed);
            let (late, timely): (Vec<_>, Vec<_>) = assigned.into_iter().partition(|a| is_late(shared, a));
            late.iter().for_each(|assigned| shared.results.push(run::expired(assigned, shared.clock.now())));
            shared.buffer.fill(timely);
        }
        Ok(count)
    }

    fn learn_idle(&mut self, wants: &[Want], claimed: &[Claimed], room: u32) {
        if claimed.len() >= room as usize {
            self.idle.clear(); // the limit cut the rest off: nothing is known of it
        }
        for want in wants {
            let got = claimed.iter().filter(|job| job.queue_id == want.queue).count();
            if got >= want.jobs_max as usize {
                self.idle.remove(&want.queue);
            } else if claimed.len() < room as usize {
                self.idle.insert(want.queue);
            }
        }
    }

    fn read_queues(&mut self, shared: &Shared) -> Result<(), DbError> {
        if self.queues_read.is_some_and(|at| at.elapsed() < QUEUES_AGE_MAX) {
            return Ok(());
        }
        let served = shared.settings.queues.as_ref();
        let all = self.link.with(catalog::queues)?;
        self.names = all.iter().map(|queue| (queue.id, Arc::from(queue.name.as_str()))).collect();
        let is_ours = |queue: &Queue| !queue.paused && served.is_none_or(|served| served.contains_key(&queue.name));
        self.queues = all.into_iter().filter(is_ours).collect();
        self.queues_read = Some(Instant::now());
        Ok(())
    }

    /// Adds what a run needs. Jobs that cannot be prepared because the database went away are given back.
    fn assign(&mut self, shared: &Shared, claimed: Vec<Claimed>) -> Vec<Assigned> {
        let checkpoints = self.checkpoints(&claimed);
        let mut assigned = Vec::with_capacity(claimed.len());
        for job in claimed {
            let version =
                self.link.with(|conn: &mut PgConnection| self.versions.get(conn, job.template_id, job.version));
            let queue_name = self.names.get(&job.queue_id).cloned().unwrap_or_else(|| Arc::from("?"));
            match version {
                Ok(Some(version)) => {
                    let checkpoint = checkpoints.get(&job.job_id.0).cloned();
                    assigned.push(Assigned { job, version, queue_name, checkpoint });
                }
                // it stays leased; a foreign key makes a missing version impossible, a lost database ends by the sweep
                Ok(None) => tracing::error!(job = %job.job_id, "its template's version does not exist"),
                Err(error) => tracing::warn!(job = %job.job_id, %error, "its template could not be read"),
            }
        }
        if assigned.is_empty() {
            shared.pulse_bell.ring();
        }
        assigned
    }

    fn checkpoints(&mut self, claimed: &[Claimed]) -> BTreeMap<i64, serde_json::Value> {
        let again: Vec<_> = claimed.iter().filter(|job| job.attempt > 1).map(|job| job.job_id).collect();
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

fn is_late(shared: &Shared, assigned: &Assigned) -> bool {
    assigned.job.deadline.is_some_and(|deadline| deadline < shared.clock.now())
}

/// Divides `room` among queues by weight. Queues that had work at the last look share it; the others are asked too, last,
/// in case something came. The claim's own limit keeps the sum within `room`; `turn` changes who is asked first.
fn share(
    room: u32,
    queues: &[Queue],
    served: Option<&BTreeMap<String, u32>>,
    idle: &HashSet<QueueId>,
    turn: usize,
) -> Vec<Want> {
    let weight = |queue: &Queue| {
        let own = served.and_then(|served| served.get(&queue.name).copied()).filter(|weight| *weight > 0);
        u64::from(own.unwrap_or(queue.weight.unsigned_abs()).max(1))
    };
    let (mut asleep, mut awake): (Vec<&Queue>, Vec<&Queue>) = queues.iter().partition(|queue| idle.contains(&queue.id));
    for group in [&mut awake, &mut asleep] {
        let start = turn % group.len().max(1);
        group.rotate_left(start);
    }
    let all: u64 = awake.iter().map(|queue| weight(queue)).sum();
    let part = |queue: &Queue| (u64::from(room) * weight(queue)).div_ceil(all.max(1)).clamp(1, u64::from(room)) as u32;
    awake.into_iter().chain(asleep).map(|queue| Want { queue: queue.id, jobs_max: part(queue) }).collect()
}

/// Learns how many jobs the workers finish in [`AHEAD`]: a batch that is used up faster doubles the next one.
#[derive(Default)]
struct Pace {
    ahead: u32,
    last: Option<(Instant, usize)>,
}

impl Pace {
    fn ahead(&self) -> u32 {
        self.ahead
    }

    fn claimed(&mut self, count: usize, slots: u32) {
        if let Some((at, size)) = self.last {
            let took = at.elapsed();
            if size >= slots as usize / 2 && took < AHEAD {
                self.ahead = (self.ahead.max(slots) * 2).min(CLAIM_BATCH_MAX);
            } else if took > AHEAD * 2 {
                self.ahead /= 2;
            }
        }
        self.last = (count > 0).then(|| (Instant::now(), count));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(id: i32, weight: i32) -> Queue {
        Queue { id: QueueId(id), name: format!("q{id}"), weight, paused: false }
    }

    fn asked(wants: &[Want]) -> Vec<(i32, u32)> {
        wants.iter().map(|want| (want.queue.0, want.jobs_max)).collect()
    }

    #[test]
    fn room_is_shared_by_weight_and_nobody_is_passed_over() {
        let two = [queue(1, 3), queue(2, 1)];

        assert_eq!(asked(&share(40, &two, None, &HashSet::new(), 0)), [(1, 30), (2, 10)]);
        assert_eq!(asked(&share(1, &two, None, &HashSet::new(), 1)), [(2, 1), (1, 1)]);
    }

    #[test]
    fn idle_queues_leave_their_share_and_are_asked_last() {
        let three = [queue(1, 1), queue(2, 1), queue(3, 1)];

        assert_eq!(asked(&share(40, &three, None, &HashSet::from([QueueId(1)]), 0)), [(2, 20), (3, 20), (1, 20)]);
    }

    #[test]
    fn a_nodes_own_weights_win() {
        let own = BTreeMap::from([("q1".to_owned(), 1), ("q2".to_owned(), 3)]);

        let wants = share(40, &[queue(1, 3), queue(2, 1)], Some(&own), &HashSet::new(), 0);

        assert_eq!(asked(&wants), [(1, 10), (2, 30)]);
    }

    #[test]
    fn the_batch_grows_only_while_it_is_used_up_quickly() {
        let mut pace = Pace::default();
        for _ in 0..20 {
            pace.claimed(1_000, 8);
        }
        assert_eq!(pace.ahead(), CLAIM_BATCH_MAX);

        pace.last = Some((Instant::now() - AHEAD * 3, 8));
        pace.claimed(8, 8);
        assert_eq!(pace.ahead(), CLAIM_BATCH_MAX / 2);
    }
}
