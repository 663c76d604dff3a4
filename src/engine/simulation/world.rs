//! The world of the simulation: chance picks who does what next, and which message is lost.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::database::{Database, Job};
use super::node::{Node, Outcome, Run};
use super::rules::Rules;
use crate::engine::fence::LOOK;
use crate::queue::limits::{Bound, Rule};
use crate::queue::settle::{AttemptOutcome, Ending, Trouble};
use crate::queue::state::{Event, JobState};
use crate::queue::template::{Backoff, Defaults, OnInterrupt, WhenFull};

const NODES: usize = 3;
const JOBS: usize = 14;
/// Code of one node at a time.
const SLOTS: usize = 3;
/// Messages of which one is lost, on its way or with its answer.
const LOST_OF: u32 = 20;
/// Most rounds without a fault until everything has come to rest.
const CALM_ROUNDS: u32 = 60_000;

/// What happens to a message.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Fine,
    /// It never arrives.
    Lost,
    /// It arrives and is done; the answer does not come.
    Unanswered,
}

/// Everything, and its chances.
pub(super) struct World {
    db: Database,
    nodes: Vec<Node>,
    rules: Rules,
    chance: StdRng,
    /// No more faults come.
    calm: bool,
    /// No database until then.
    away_until_ms: u64,
}

impl World {
    pub(super) fn new(seed: u64, rules: Rules) -> Self {
        let mut chance = StdRng::seed_from_u64(seed);
        let jobs = (0..JOBS).map(|n| job(n, &mut chance)).collect();
        let node = |chance: &mut StdRng| Node::new(chance.random_range(0..1 << 40), chance.random_range(-8..=8));
        let nodes = (0..NODES).map(|_| node(&mut chance)).collect();
        Self { db: Database::new(jobs, NODES, rules), nodes, rules, chance, calm: false, away_until_ms: 0 }
    }

    /// Takes so many steps, then lets everything come to rest.
    pub(super) fn run(mut self, steps: u32) -> Result<(), String> {
        for step in 0..steps {
            self.step();
            self.db.check().map_or(Ok(()), |problem| Err(format!("step {step}: {problem}")))?;
        }
        self.calm = true;
        self.away_until_ms = 0;
        for node in &mut self.nodes {
            (node.still_until_ms, node.cut_until_ms) = (node.still_until_ms.min(self.db.now_ms), 0); // it has to look first
        }
        let rests = |job: &Job| job.state.is_terminal() || job.state == JobState::Held;
        for _ in 0..CALM_ROUNDS {
            if self.db.jobs.iter().all(rests) {
                break; // the unluckiest need the time of several long attempts
            }
            self.step();
            self.db.check().map_or(Ok(()), |problem| Err(format!("at rest: {problem}")))?;
        }
        match self.db.jobs.iter().position(|job| !rests(job)) {
            Some(job) => Err(format!("job {job} never comes to rest: it is {}", self.db.jobs[job].state)),
            None => Ok(()),
        }
    }

    fn below(&mut self, end: u32) -> u32 {
        self.chance.random_range(0..end)
    }

    fn step(&mut self) {
        let node = self.below(NODES as u32) as usize;
        match self.below(100) {
            0..20 => self.pass_time(),
            20..40 => self.heartbeat(node),
            40..55 => self.claim(node),
            55..68 => self.settle(node),
            68..76 => self.sweep(node),
            76..84 => self.reached(node, Database::move_due),
            84..88 => self.look_for_lost(node),
            88..96 if self.nodes[node].process.is_none() => self.start(node),
            _ if self.calm => self.pass_time(),
            88..97 => self.person(),
            97 => self.disturb(node),
            _ => self.pass_time(),
        }
    }

    /// What happens by itself: watches look, code ends.
    fn pass_time(&mut self) {
        self.db.now_ms += u64::from(self.below(LOOK.as_millis() as u32)) + 1;
        let now_ms = self.db.now_ms;
        for n in 0..NODES {
            if self.nodes[n].stands_still(now_ms) {
                continue;
            }
            let rules = self.rules;
            self.nodes[n].watch(now_ms, &rules);
            self.end_code(n);
        }
    }

    fn end_code(&mut self, node: usize) {
        let (now_ms, chance) = (self.db.now_ms, self.chance.random::<f64>());
        let Some(process) = &mut self.nodes[node].process else { return };
        let (ended, rest) = process.running.drain(..).partition(|run| run.ends_ms <= now_ms);
        process.running = rest;
        for Run { job, fence, attempt, fails, .. } in ended {
            let trouble = || Trouble { outcome: AttemptOutcome::Failed, error: String::new(), trace: None };
            let ending = match fails {
                true => Ending::of((self.rules.failed)(&self.db.jobs[job].policy, attempt, chance), trouble()),
                false => Ending::Succeeded { output: None },
            };
            process.outcomes.push_back(Outcome { job, fence, ending });
        }
    }

    /// How a message of this node fares.
    fn way(&mut self, node: usize) -> Way {
        let now_ms = self.db.now_ms;
        if self.nodes[node].stands_still(now_ms) || self.nodes[node].is_cut(now_ms) || self.away_until_ms > now_ms {
            return Way::Lost;
        }
        match self.below(LOST_OF * 2) {
            0 if !self.calm => Way::Lost,
            1 if !self.calm => Way::Unanswered,
            _ => Way::Fine,
        }
    }

    fn reached(&mut self, node: usize, act: impl FnOnce(&mut Database)) {
        if self.nodes[node].process.is_some() && self.way(node) != Way::Lost {
            act(&mut self.db);
        }
    }

    fn start(&mut self, node: usize) {
        let sent = self.nodes[node].boottime(self.db.now_ms);
        let way = self.way(node);
        if way == Way::Lost {
            return;
        }
        let row = &mut self.db.nodes[node];
        (row.epoch, row.is_up, row.heartbeat_ms) = (row.epoch + 1, true, self.db.now_ms);
        let epoch = row.epoch;
        if way == Way::Fine {
            self.nodes[node].start(epoch, sent);
        }
    }

    fn heartbeat(&mut self, node: usize) {
        let (way, sent) = (self.way(node), self.nodes[node].boottime(self.db.now_ms));
        let Some(epoch) = self.nodes[node].process.as_ref().map(|process| process.epoch) else { return };
        if way == Way::Lost {
            return;
        }
        let row = &mut self.db.nodes[node];
        let renewed = row.epoch == epoch && row.is_up;
        if renewed {
            row.heartbeat_ms = self.db.now_ms;
        }
        let Some(process) = self.nodes[node].process.as_mut().filter(|_| way == Way::Fine) else { return };
        if !renewed {
            // stops all its work and starts again under a new epoch; code that does not obey dies with the process
            process.fence.supersede();
            self.nodes[node].process = None;
            return;
        }
        process.fence.renew(sent);
        let wanted = |run: &Run| self.db.jobs[run.job].cancel_wanted && !run.deaf;
        let (stopped, rest) = process.running.drain(..).partition(|run| wanted(run));
        process.running = rest;
        for Run { job, fence, .. } in stopped {
            let ending = Ending::Cancelled { by: "somebody".into(), reason: None };
            process.outcomes.push_back(Outcome { job, fence, ending });
        }
    }

    fn claim(&mut self, node: usize) {
        let (way, boottime) = (self.way(node), self.nodes[node].boottime(self.db.now_ms));
        let Some(process) = &self.nodes[node].process else { return };
        let may = (self.rules.may_claim)(&process.fence, boottime) && process.running.len() < SLOTS;
        if way == Way::Lost || !may {
            return;
        }
        let Some((job, fence, attempt)) = self.db.claim(node, process.epoch) else { return };
        if way == Way::Unanswered {
            return; // nobody knows of it
        }
        let asked = self.way(node);
        let admitted = asked != Way::Lost && self.db.admit(fence);
        let longest = if self.below(4) == 0 { 40_000 } else { 4_000 };
        let (length, fails) = (u64::from(self.below(longest)), self.below(3) == 0);
        let deaf = self.below(10) == 0;
        let Some(process) = &mut self.nodes[node].process else { return };
        if asked != Way::Fine {
            process.outcomes.push_back(Outcome { job, fence, ending: Ending::HandedBack { stopped: None } });
        } else if admitted {
            let ends_ms = self.db.now_ms + length;
            process.running.push(Run { job, fence, attempt, ends_ms, fails, deaf });
        }
    }

    fn settle(&mut self, node: usize) {
        let way = self.way(node);
        let Some(process) = &mut self.nodes[node].process else { return };
        let Some(outcome) = process.outcomes.pop_front() else { return };
        if way != Way::Lost {
            self.db.record(outcome.fence, outcome.job, outcome.ending.clone());
        }
        if way != Way::Fine {
            process.outcomes.push_front(outcome); // as far as it knows nothing was recorded
        }
    }

    /// What a living node holds and does not know of, twice in a row, it gives back.
    fn look_for_lost(&mut self, node: usize) {
        if self.way(node) != Way::Fine {
            return;
        }
        let Some(process) = &mut self.nodes[node].process else { return };
        let ours = |lease: &super::database::Lease| lease.node == node && lease.epoch == process.epoch;
        let held: Vec<(i64, usize)> =
            self.db.leases.iter().filter(|(_, lease)| ours(lease)).map(|(fence, lease)| (*fence, lease.job)).collect();
        let unknown: Vec<(i64, usize)> = held.into_iter().filter(|(fence, _)| !process.knows(*fence)).collect();
        let lost: Vec<_> = unknown.iter().filter(|(fence, _)| process.suspects.contains(fence)).copied().collect();
        process.suspects = unknown.into_iter().map(|(fence, _)| fence).collect();
        for (fence, job) in lost {
            self.db.record(fence, job, Ending::HandedBack { stopped: None });
        }
    }

    fn sweep(&mut self, node: usize) {
        if self.nodes[node].process.is_none() {
            return;
        }
        let (way, now_ms) = (self.way(node), self.db.now_ms);
        if way == Way::Lost {
            self.nodes[node].patient_until_ms = now_ms + super::database::LEASE.as_millis() as u64;
            return;
        }
        if self.nodes[node].patient_until_ms <= now_ms {
            self.db.declare_lost();
        }
        while let Some((holder, fence)) = self.db.take_back() {
            let holder = &self.nodes[holder];
            let looked = holder.still_until_ms + (LOOK.as_millis() as u64) < now_ms;
            let runs =
                |process: &super::node::Process| process.running.iter().any(|run| run.fence == fence && !run.deaf);
            if looked && holder.process.as_ref().is_some_and(runs) {
                self.db.broken.get_or_insert(format!("lease {fence} was taken back and its code still runs"));
            }
        }
    }

    fn person(&mut self) {
        let job = self.below(JOBS as u32) as usize;
        let later = self.db.now_ms + u64::from(self.below(5_000));
        match self.below(12) {
            0 => self.db.cancel(job),
            1 => self.db.act(job, Event::Hold, later),
            2..5 => self.db.act(job, Event::Release, later),
            5 => self.db.act(job, Event::Reschedule, later),
            6 => self.db.act(job, Event::Due, later),
            _ => self.db.reopen_or_renew(job),
        }
    }

    fn disturb(&mut self, node: usize) {
        let until = self.db.now_ms + u64::from(self.below(25_000));
        match self.below(4) {
            0 => self.nodes[node].process = None,
            1 => self.nodes[node].still_until_ms = until,
            2 => self.nodes[node].cut_until_ms = until,
            _ => self.away_until_ms = self.db.now_ms + u64::from(self.below(15_000)),
        }
    }
}

fn job(number: usize, chance: &mut StdRng) -> Job {
    let on_interrupt = match chance.random_range(0..10) {
        0 => OnInterrupt::Fail,
        1 => OnInterrupt::Hold,
        _ => OnInterrupt::Retry,
    };
    let backoff = Backoff { base_ms: chance.random_range(1..2_000), ..Backoff::default() };
    let policy = Defaults { max_attempts: chance.random_range(1..7), backoff, on_interrupt, ..Defaults::default() };
    let lane =
        |key: String, jobs_max| Rule { key: key.into(), bound: Bound::Running { jobs_max, when_full: WhenFull::Wait } };
    let rate = Bound::Rate { interval: Duration::from_millis(5_000), tolerance: Duration::ZERO };
    let pool =
        |key: &str, reserves, amount| Rule { key: key.into(), bound: Bound::Pool { reserves, amount: Some(amount) } };
    let mut rules = match number % 5 {
        0 => Vec::new(),
        4 => vec![Rule { key: "r1".into(), bound: rate }, lane("t1".into(), 2)],
        1 => vec![lane("t1".into(), 2)],
        2 => vec![lane("t1".into(), 2), lane(format!("k{}", number % 3), 1)],
        _ => vec![lane(format!("k{}", number % 3), 1)],
    };
    if number.is_multiple_of(3) {
        rules.push(pool("pa", 1 + number as u32 % 4, 5));
    }
    if number.is_multiple_of(2) {
        rules.push(pool("pb", 1 + number as u32 % 3, 3));
    }
    Job {
        state: JobState::Ready,
        attempts: 0,
        interruptions: 0,
        highest_fence: 0,
        due_ms: 0,
        policy,
        rules,
        cancel_wanted: false,
        gated: None,
        is_fresh: true,
        ends: 0,
        helped: 0,
    }
}
