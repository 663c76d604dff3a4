//! The database of the simulation: what the statements do, on rows in memory. Everything that is a rule and no row is asked
//! of [`Rules`] and of the state table.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use super::pools::fits;
use super::rules::Rules;
use crate::base::clock::Time;
use crate::queue::limits::{Bound, Hold, Lanes, Rule, Verdict, places};
use crate::queue::retry::INTERRUPTIONS_MAX;
use crate::queue::settle::{AttemptOutcome, Ending, Trouble};
use crate::queue::state::{Event, JobState};
use crate::queue::template::Defaults;

/// Time after which a silent node is lost.
pub(super) const LEASE: Duration = Duration::from_secs(10);

/// Most beginnings that a rate is judged by.
const BEGUN_MAX: usize = 20;

/// A job and all that is written of it.
pub(super) struct Job {
    pub(super) state: JobState,
    /// Attempts counted.
    pub(super) attempts: u16,
    pub(super) interruptions: u16,
    pub(super) highest_fence: i64,
    pub(super) due_ms: u64,
    pub(super) policy: Defaults,
    pub(super) rules: Vec<Rule>,
    pub(super) cancel_wanted: bool,
    /// The lane it waits in, the time promised to it, and what it needs there.
    pub(super) gated: Option<(String, Option<Time>, u32)>,
    pub(super) is_fresh: bool,
    /// How often it has ended, less how often it was reopened.
    pub(super) ends: i32,
    /// How often a person let it go on after its end or its hold.
    pub(super) helped: u16,
}

/// A lease of one job.
#[derive(Clone)]
pub(super) struct Lease {
    pub(super) node: usize,
    pub(super) epoch: i64,
    pub(super) job: usize,
    pub(super) attempt: u16,
    /// Places of lanes that it has.
    pub(super) places: Vec<Hold>,
}

/// What of a pool is kept for a job that was let in.
pub(super) struct Keep {
    pub(super) job: usize,
    pub(super) hold: Hold,
    pub(super) until_ms: u64,
}

/// A node's row.
#[derive(Default)]
pub(super) struct NodeRow {
    pub(super) epoch: i64,
    pub(super) is_up: bool,
    pub(super) heartbeat_ms: u64,
}

/// All rows.
pub(super) struct Database {
    pub(super) now_ms: u64,
    pub(super) jobs: Vec<Job>,
    pub(super) leases: BTreeMap<i64, Lease>,
    pub(super) nodes: Vec<NodeRow>,
    pub(super) lanes: Lanes,
    pub(super) kept: Vec<Keep>,
    next_fence: i64,
    /// When jobs of lanes of a rate were admitted, the last of them.
    begun: HashMap<String, VecDeque<u64>>,
    rules: Rules,
    /// The first thing that must never be.
    pub(super) broken: Option<String>,
}

impl Database {
    pub(super) fn new(jobs: Vec<Job>, nodes: usize, rules: Rules) -> Self {
        let nodes = (0..nodes).map(|_| NodeRow::default()).collect();
        let (lanes, leases, begun) = (Lanes::new(), BTreeMap::new(), HashMap::new());
        let kept = Vec::new();
        Self { now_ms: 1_000_000, jobs, leases, nodes, lanes, kept, next_fence: 1, begun, rules, broken: None }
    }

    pub(super) fn time(&self) -> Time {
        Time::from_timestamp_millis(self.now_ms as i64).unwrap_or_default()
    }

    pub(super) fn lives(&self, lease: &Lease) -> bool {
        let row = &self.nodes[lease.node];
        row.is_up && row.epoch == lease.epoch
    }

    /// Moves a job as the state table allows; another move must never be tried.
    fn enter(&mut self, job: usize, event: Event) {
        let (now_ms, row) = (self.now_ms, &mut self.jobs[job]);
        let Some(state) = row.state.after(event) else {
            let left = row.state;
            self.broken.get_or_insert(format!("{event:?} of a {left} job"));
            return;
        };
        row.ends += i32::from(state.is_terminal()) - i32::from(row.state.is_terminal());
        row.state = state;
        if state == JobState::Ready {
            row.due_ms = now_ms;
        }
    }

    /// Claims the job that has waited longest.
    pub(super) fn claim(&mut self, node: usize, epoch: i64) -> Option<(usize, i64, u16)> {
        let waits = |job: &Job| job.state == JobState::Ready && job.gated.is_none();
        let (job, _) = self.jobs.iter().enumerate().filter(|(_, job)| waits(job)).min_by_key(|(_, job)| job.due_ms)?;
        let fence = self.next_fence;
        self.next_fence += 1;
        let attempt = self.jobs[job].attempts + 1;
        if fence <= self.jobs[job].highest_fence {
            self.broken.get_or_insert(format!("fence {fence} does not rise"));
        }
        self.jobs[job].highest_fence = fence;
        self.enter(job, Event::Claimed);
        self.leases.insert(fence, Lease { node, epoch, job, attempt, places: Vec::new() });
        Some((job, fence, attempt))
    }

    /// Asks the lanes about a job that was claimed.
    pub(super) fn admit(&mut self, fence: i64) -> bool {
        let Some(lease) = self.leases.get(&fence).cloned() else { return false };
        let candidate = self.candidate(lease.job);
        for rule in candidate.rules.iter() {
            let (used, kept, has_waiting) = (self.used(&rule.key), self.kept_of(&rule.key), self.waits_in(rule));
            let lane = self.lanes.entry(rule.key.clone()).or_default();
            (lane.used, lane.kept, lane.has_waiting) = (used, kept, has_waiting);
        }
        let verdict = (self.rules.decide)(self.time(), &mut self.lanes, std::slice::from_ref(&candidate));
        self.forget_kept(lease.job, verdict.first());
        match verdict.into_iter().next() {
            Some(Verdict::Gated { lane, not_before, amount, .. }) => {
                self.settle(fence, Ending::Gated { lane: lane.to_string(), not_before, amount });
                false
            }
            Some(Verdict::Skipped { .. }) => {
                self.settle(fence, Ending::Cancelled { by: "limits".into(), reason: None });
                false
            }
            Some(Verdict::Admitted) | None => {
                let places = places(&candidate.rules).collect();
                self.leases.entry(fence).and_modify(|lease| lease.places = places);
                candidate.rules.iter().for_each(|rule| self.note_beginning(rule));
                true
            }
        }
    }

    /// Within any time no more begin than the rate and its burst allow.
    fn note_beginning(&mut self, rule: &Rule) {
        let Bound::Rate { interval, tolerance } = rule.bound else { return };
        let begun = self.begun.entry(rule.key.to_string()).or_default();
        begun.push_front(self.now_ms);
        begun.truncate(BEGUN_MAX);
        let burst = 1 + tolerance.as_millis() / interval.as_millis();
        for (more, at) in begun.iter().enumerate() {
            let allowed = burst + u128::from(self.now_ms - at) / interval.as_millis();
            if more as u128 >= allowed {
                self.broken.get_or_insert(format!("{} jobs of {allowed} began in lane {}", more + 1, rule.key));
            }
        }
    }

    /// A place counts while its holder lives under its epoch.
    pub(super) fn used(&self, key: &str) -> u32 {
        let living = self.leases.values().filter(|lease| self.lives(lease));
        living.flat_map(|lease| &lease.places).filter(|hold| *hold.key == *key).map(|hold| hold.amount).sum()
    }

    fn waits_in(&self, rule: &Rule) -> bool {
        let in_it =
            |job: &Job| job.gated.as_ref().is_some_and(|(lane, _, need)| **lane == *rule.key && fits(rule, *need));
        self.jobs.iter().any(in_it)
    }

    /// Records the result of an attempt of a node. `false` = it does not count.
    pub(super) fn record(&mut self, fence: i64, job: usize, ending: Ending) -> bool {
        let holder = self.leases.iter().find(|(_, lease)| lease.job == job).map(|(fence, _)| *fence);
        let counts = (self.rules.counts)(fence, holder);
        if counts {
            self.settle_job(job, fence, ending);
        }
        counts
    }

    fn settle(&mut self, fence: i64, ending: Ending) {
        if let Some(job) = self.leases.get(&fence).map(|lease| lease.job) {
            self.settle_job(job, fence, ending);
        }
    }

    fn settle_job(&mut self, job: usize, fence: i64, ending: Ending) {
        let attempt = self.leases.remove(&fence).map_or(self.jobs[job].attempts + 1, |lease| lease.attempt);
        if ending.is_counted() {
            self.jobs[job].attempts = attempt;
        }
        if matches!(&ending, Ending::Retry(trouble, _) | Ending::Failed(trouble) | Ending::Held(trouble, _) if trouble.outcome == AttemptOutcome::Interrupted)
        {
            self.jobs[job].interruptions += 1;
        }
        self.enter(job, ending.event());
        let row = &mut self.jobs[job];
        if let Ending::Retry(_, after) | Ending::Snoozed(after) | Ending::Postponed(after) = &ending {
            row.due_ms = self.now_ms + after.as_millis() as u64;
        }
        if row.state.is_terminal() {
            row.cancel_wanted = false;
        }
        row.is_fresh = false;
        row.gated = if let Ending::Gated { lane, not_before, amount } = ending {
            Some((lane, not_before, amount))
        } else {
            None
        };
    }

    /// Declares silent nodes lost.
    pub(super) fn declare_lost(&mut self) {
        let oldest = self.now_ms - LEASE.as_millis() as u64;
        self.nodes.iter_mut().filter(|row| row.heartbeat_ms < oldest).for_each(|row| row.is_up = false);
    }

    /// Takes back one void lease; tells its holder and its fence.
    pub(super) fn take_back(&mut self) -> Option<(usize, i64)> {
        let (fence, lease) = self.leases.iter().find(|(_, lease)| !self.lives(lease))?;
        let (fence, lease) = (*fence, lease.clone());
        let row = &self.jobs[lease.job];
        let trouble = Trouble { outcome: AttemptOutcome::Interrupted, error: String::new(), trace: None };
        let next = (self.rules.interrupted)(&row.policy, lease.attempt, row.interruptions + 1);
        let ending = match row.cancel_wanted {
            true => Ending::Cancelled { by: "somebody".into(), reason: None },
            false => Ending::of(next, trouble),
        };
        self.settle(fence, ending);
        Some((lease.node, fence))
    }

    /// Moves what is due, lets in what has room, fulfils wishes about jobs that do not run.
    pub(super) fn move_due(&mut self) {
        let now = self.time();
        for job in 0..self.jobs.len() {
            let row = &self.jobs[job];
            let is_timed = matches!(row.state, JobState::Scheduled | JobState::Retrying);
            if is_timed && row.due_ms <= self.now_ms {
                self.enter(job, Event::Due);
            } else if row.cancel_wanted && row.state.is_waiting() {
                self.cancel(job);
            } else if let Some((lane, not_before, _)) = &row.gated {
                let has_room = row.rules.iter().any(|rule| match rule.bound {
                    Bound::Running { jobs_max, .. } => *rule.key == **lane && self.used(lane) < jobs_max,
                    // no rule of a simulated job is of one node, and pools have an order
                    Bound::Here { .. } | Bound::Rate { .. } | Bound::Pool { .. } => false,
                });
                if not_before.map_or(has_room, |at| at <= now) {
                    self.jobs[job].gated = None;
                }
            }
        }
        self.let_in_to_pools();
    }

    /// Somebody wants a job cancelled.
    pub(super) fn cancel(&mut self, job: usize) {
        match self.jobs[job].state {
            JobState::Running => self.jobs[job].cancel_wanted = true,
            state if state.is_waiting() => {
                self.enter(job, Event::Cancel);
                (self.jobs[job].gated, self.jobs[job].cancel_wanted) = (None, false);
            }
            _ => {}
        }
    }

    /// Somebody holds a job, releases it, or moves it to another time; what is not allowed is refused.
    pub(super) fn act(&mut self, job: usize, event: Event, due_ms: u64) {
        if !self.jobs[job].state.is_waiting() || self.jobs[job].state.after(event).is_none() {
            return;
        }
        let was_held = self.jobs[job].state == JobState::Held;
        self.enter(job, event);
        self.jobs[job].gated = None;
        let row = &mut self.jobs[job];
        row.helped += u16::from(was_held && row.state != JobState::Held);
        if event == Event::Reschedule {
            row.due_ms = due_ms;
        }
    }

    /// Somebody wants a failed or cancelled job to be tried once more. In the place of one that has succeeded a new one comes.
    pub(super) fn reopen_or_renew(&mut self, job: usize) {
        let row = &mut self.jobs[job];
        if row.state == JobState::Succeeded {
            (row.state, row.ends, row.is_fresh, row.due_ms) = (JobState::Ready, 0, true, self.now_ms);
            (row.attempts, row.interruptions, row.helped) = (0, 0, 0);
        } else if row.state.after(Event::Reopen).is_some() {
            self.enter(job, Event::Reopen);
            self.jobs[job].helped += 1;
        }
    }

    /// What must hold after every step.
    pub(super) fn check(&mut self) -> Option<String> {
        let mut held = vec![0; self.jobs.len()];
        self.leases.values().for_each(|lease| held[lease.job] += 1);
        let broken = self.jobs.iter().zip(held).enumerate().find_map(|(job, (row, held))| {
            let problem = Self::problem(row, held)?;
            Some(format!("job {job}: {problem}"))
        });
        self.broken.take().or(broken).or_else(|| self.overfull())
    }

    fn problem(row: &Job, held: i32) -> Option<String> {
        let runs = row.state == JobState::Running;
        let attempts_max = row.policy.max_attempts + row.helped;
        if held != i32::from(runs) {
            return Some(format!("{held} leases hold a {} job", row.state));
        }
        if row.ends != i32::from(row.state.is_terminal()) {
            return Some(format!("it has ended {} times and is {}", row.ends, row.state));
        }
        if row.attempts > attempts_max {
            return Some(format!("{} attempts of {attempts_max} are counted", row.attempts));
        }
        let goes_on = matches!(row.state, JobState::Ready | JobState::Retrying);
        if row.interruptions >= INTERRUPTIONS_MAX && goes_on && row.helped == 0 {
            return Some("it was interrupted three times and goes on".into());
        }
        None
    }

    fn overfull(&self) -> Option<String> {
        let rules =
            self.leases.values().filter(|lease| !lease.places.is_empty()).flat_map(|lease| &self.jobs[lease.job].rules);
        rules.into_iter().find_map(|rule| match rule.bound {
            Bound::Running { jobs_max: most, .. } | Bound::Pool { amount: Some(most), .. }
                if self.used(&rule.key) > most =>
            {
                Some(format!("{} of {most} run in lane {}", self.used(&rule.key), rule.key))
            }
            _ => None,
        })
    }
}
