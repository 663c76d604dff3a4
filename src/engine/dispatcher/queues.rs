//! The queues that this node serves: what each may take now, and what its jobs use.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Shared;
use super::share::{Contender, Shares};
use crate::base::db::{DbError, Link};
use crate::engine::usage::{Place, QueueUse};
use crate::queue::catalog::{self, Queue};
use crate::queue::claim::{Claimed, Want};
use crate::queue::job::QueueId;
use crate::queue::limits::last_change;

/// How old the list of queues may be.
const AGE_MAX: Duration = Duration::from_secs(1);
/// Most queues without known work that are asked before the others; the rest is asked after them.
const ASLEEP_FIRST_MAX: usize = 16;

/// What is known of one queue.
struct Known {
    queue: Queue,
    name: Arc<str>,
    /// Its weight on this node.
    weight: u32,
    used: Arc<QueueUse>,
}

/// All queues that take work.
pub(super) struct Queues {
    all: BTreeMap<QueueId, Known>,
    limits: HashMap<QueueId, u32>,
    read: Option<Instant>,
    /// The number of the last change of limits when they were read, and of the last one that is obeyed.
    changes: (i64, i64),
    /// Queues that gave less than they were asked for at the last claim.
    idle: HashSet<QueueId>,
    turn: usize,
    shares: Shares,
}

impl Queues {
    pub(super) fn new() -> Self {
        let shares = Shares::new(Instant::now());
        let (all, limits, idle) = (BTreeMap::new(), HashMap::new(), HashSet::new());
        Self { all, limits, read: None, changes: (0, 0), idle, turn: 0, shares }
    }

    /// Reads them again at the next claim.
    pub(super) fn forget(&mut self) {
        self.read = None;
    }

    /// Reads them if what is known is old.
    pub(super) fn read(&mut self, link: &mut Link, shared: &Shared) -> Result<(), DbError> {
        if self.read.is_some_and(|at| at.elapsed() < AGE_MAX) {
            return Ok(());
        }
        let served = shared.settings.queues.as_ref();
        let names: Option<Vec<String>> = served.map(|served| served.keys().cloned().collect());
        let last = self.all.keys().next_back().copied().unwrap_or(QueueId(0));
        let (change, found) = link.with(|conn| {
            let change = last_change(conn)?; // first: what is read after it is no older
            Ok::<_, DbError>((change, catalog::to_serve(conn, names.as_deref(), last)?))
        })?;
        self.changes.0 = change;
        let mut before = std::mem::take(&mut self.all);
        for queue in found {
            let known = before.remove(&queue.id).map(|known| (known.name, known.used));
            let (name, used) = known.unwrap_or_else(|| {
                (Arc::from(queue.name.as_str()), Arc::new(QueueUse::new(Arc::clone(&shared.work_bell))))
            });
            let own = served.and_then(|served| served.get(&queue.name).copied()).filter(|weight| *weight > 0);
            let weight = own.unwrap_or(queue.weight.unsigned_abs()).max(1);
            self.all.insert(queue.id, Known { queue, name, weight, used });
        }
        let limit = |known: &Known| Some((known.queue.id, known.queue.concurrency?.unsigned_abs()));
        self.limits = self.all.values().filter_map(limit).collect();
        self.read = Some(Instant::now());
        Ok(())
    }

    /// Gives the last change of limits that is obeyed, and the last one, if that is another.
    pub(super) fn unheard(&self) -> Option<(i64, i64)> {
        let (last, obeyed) = self.changes;
        (last > obeyed).then_some((obeyed, last))
    }

    /// The changes up to this one are obeyed.
    pub(super) fn obey(&mut self, change: i64) {
        self.changes.1 = change;
    }

    /// Lists them.
    pub(super) fn ids(&self) -> Vec<QueueId> {
        self.all.keys().copied().collect()
    }

    /// Most jobs at once on all nodes, of those queues that have such a limit.
    pub(super) fn limits(&self) -> &HashMap<QueueId, u32> {
        &self.limits
    }

    /// Gives a queue's name.
    pub(super) fn name(&self, queue: QueueId) -> Arc<str> {
        self.all.get(&queue).map_or_else(|| Arc::from("?"), |known| Arc::clone(&known.name))
    }

    /// Takes a place for a job of a queue and charges the queue for it.
    pub(super) fn place(&mut self, queue: QueueId) -> Option<Place> {
        let known = self.all.get(&queue)?;
        Some(Place::take(&known.used, self.shares.charge(queue, known.weight)))
    }

    /// Divides `room` among the queues that had work at the last look. The others are asked too, in case something came: they
    /// do not take the others' part, because a claim stops when the room is used up.
    pub(super) fn wants(&mut self, room: u32, slots: u32) -> Vec<Want> {
        self.turn = self.turn.wrapping_add(1);
        self.write_down();
        let (awake, asleep) = self.contenders(slots);
        let weights: u64 = awake.iter().map(|one| u64::from(one.weight)).sum();
        let want = |queue, jobs| Want::from_start(queue, jobs);
        let beside = |one: &Contender| {
            let all = weights + u64::from(one.weight);
            let part = (u64::from(room) * u64::from(one.weight)).div_ceil(all) as u32;
            want(one.queue, part.clamp(1, room).min(one.most))
        };
        let (first, last) = asleep.split_at(asleep.len().min(ASLEEP_FIRST_MAX));
        let divided = self.shares.divide(room, &awake).into_iter().map(|(queue, jobs)| want(queue, jobs));
        first.iter().map(beside).chain(divided).chain(last.iter().map(beside)).collect()
    }

    fn write_down(&mut self) {
        self.shares.decay(Instant::now());
        for (id, known) in &self.all {
            self.shares.write_down(*id, known.weight, known.used.take());
        }
    }

    /// Tells how many more jobs a queue may have here; none when it is not served. One whose jobs nobody knows yet takes no
    /// more than there are slots: they may be long.
    pub(super) fn most(&self, queue: QueueId, slots: u32) -> u32 {
        let Some(known) = self.all.get(&queue) else { return 0 };
        match (known.queue.concurrency_per_node, self.shares.knows(queue)) {
            (None, true) => u32::MAX,
            (Some(most), true) => known.used.free(most.unsigned_abs()),
            (most, false) => known.used.free(most.map_or(slots, |most| most.unsigned_abs().min(slots))),
        }
    }

    /// Those that may take something: with work at the last look, and without, another one first at each turn.
    fn contenders(&self, slots: u32) -> (Vec<Contender>, Vec<Contender>) {
        let contender = |(id, known): (&QueueId, &Known)| Contender {
            queue: *id,
            weight: known.weight,
            most: self.most(*id, slots),
            over_s: known.used.running_over_s(),
        };
        let all = self.all.iter().map(contender);
        let (mut asleep, awake): (Vec<_>, Vec<_>) = all.partition(|one| self.idle.contains(&one.queue));
        asleep.retain(|one| one.most > 0);
        let start = self.turn % asleep.len().max(1);
        asleep.rotate_left(start);
        (awake, asleep)
    }

    /// Learns from a claim which queues have no more, and tells whether something was left behind.
    pub(super) fn learn(&mut self, wants: &[Want], claimed: &[Claimed], room: u32) -> bool {
        let mut got: HashMap<QueueId, u32> = HashMap::new();
        for jobs in claimed.chunk_by(|a, b| a.queue_id == b.queue_id) {
            *got.entry(jobs[0].queue_id).or_default() += jobs.len() as u32;
        }
        let mut asked: HashMap<QueueId, u32> = HashMap::new();
        wants.iter().for_each(|want| *asked.entry(want.queue).or_default() += want.jobs_max);
        let got = |want: &Want| got.get(&want.queue).copied().unwrap_or(0);
        let is_cut = claimed.len() >= room as usize;
        // queues are asked one after the other, so of those before the last that gave something all is known
        let last = wants.iter().rposition(|want| got(want) > 0).map_or(QueueId(0), |place| wants[place].queue);
        let (mut more, mut known) = (is_cut, true);
        for want in wants {
            known &= !(is_cut && want.queue == last);
            if got(want) >= asked[&want.queue] {
                self.idle.remove(&want.queue);
                more = true;
            } else if known {
                self.idle.insert(want.queue);
            } else if got(want) > 0 {
                self.idle.remove(&want.queue);
            }
        }
        more
    }
}
