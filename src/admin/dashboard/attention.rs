//! What needs a person, worst first. Pure rules over what the dashboard has read.
//!
//! Each rule is one function in [`RULES`]: from what was seen to concerns. One more is a variant of [`Concern`] with its rank, a function in
//! that list, and its sentence.

use std::time::Duration;

use super::{Ailing, Failing, Fleet, Flow, Ill, QueueLine, Unheard};
use crate::admin::health::service::Finding;
use crate::base::clock::Time;
use crate::queue::failures::GroupState;
use crate::queue::node::Drain;

/// A queue without a target whose oldest job waits longer than this for a slot is behind; whoever waits for a limit does as it was told.
pub const BEHIND: Duration = Duration::from_secs(60);
/// A queue that is paused for longer than this while work waits may have been forgotten.
pub const PAUSED_LONG: Duration = Duration::from_secs(15 * 60);
/// Fewer failures than these, in this hour and the one before it, need nobody yet.
pub const FAILURES_MIN: i64 = 5;
/// Most sentences about failures, so that they leave room for others.
const FAILURES_TOLD_MAX: usize = 2;
/// A node whose last heartbeat is older than this is silent.
pub const SILENT: Duration = Duration::from_secs(10);
/// So long it is told that a node was lost, unless it starts again.
pub const LOST_FOR: Duration = Duration::from_secs(60 * 60);
/// Most sentences about nodes that were not heard of, so that they leave room for others.
const UNHEARD_TOLD_MAX: usize = 4;
/// Most sentences.
pub const CONCERNS_MAX: usize = 20;
/// What is wrong with the database and stops nothing yet.
const SLOWS_ONLY: [&str; 2] = ["claim-time", "dead-rows"];

/// Something that needs a person.
#[derive(Debug, Clone, PartialEq)]
pub enum Concern {
    /// Nothing runs jobs.
    NoNode {
        /// Jobs that wait.
        ready: i64,
    },
    /// A node has not been heard of.
    Silent {
        /// Which.
        node: String,
        /// For how long.
        age: Duration,
    },
    /// A node was silent for so long that others took over what it had not finished.
    Lost {
        /// Which.
        node: String,
        /// Its last heartbeat.
        since: Time,
    },
    /// A queue is behind.
    Behind {
        /// Which.
        queue: String,
        /// How long its oldest job waits.
        age: Duration,
        /// Jobs that wait.
        ready: i64,
        /// How long it should wait at most, if somebody has set that.
        target: Option<Duration>,
        /// What its oldest job waits for.
        slots: Slots,
        /// What its jobs fail of meanwhile.
        cause: Option<Cause>,
    },
    /// Failures of one cause that are new, have become more, or came back.
    Failing {
        /// Which.
        cause: Cause,
        /// New, rising or returned.
        state: GroupState,
    },
    /// A queue is paused while work waits.
    Paused {
        /// Which.
        queue: String,
        /// Since when.
        age: Duration,
        /// By whom.
        by: String,
        /// Why.
        reason: Option<String>,
        /// Jobs that wait.
        ready: i64,
    },
    /// Something is wrong with the database.
    Database {
        /// What is wrong with it, worst first; not empty.
        found: Vec<Finding>,
    },
    /// Schedules need somebody.
    Schedules {
        /// What is the matter with them.
        ill: Ill,
        /// The worst of them.
        worst: Ailing,
        /// How many they are.
        all: usize,
    },
    /// Somebody drained a node.
    Drained {
        /// Which.
        node: String,
        /// By whom; absent when it stops.
        by: Option<String>,
        /// Why.
        reason: Option<String>,
        /// No other node takes work: so many jobs wait.
        stops: Option<i64>,
    },
}

/// Failures of one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The group.
    pub fingerprint: String,
    /// The template of its jobs.
    pub template: String,
    /// What they say.
    pub message: String,
    /// How many there were in this hour and the one before it.
    pub recent: i64,
}

impl Cause {
    fn of(group: &Failing) -> Self {
        Self {
            fingerprint: group.fingerprint.clone(),
            template: group.template.clone(),
            message: group.message.clone(),
            recent: group.recent,
        }
    }
}

/// Tells whether a queue is behind whose oldest job waits so long.
pub fn is_behind(age: Duration, target: Option<Duration>) -> bool {
    age > target.unwrap_or(BEHIND)
}

/// The slots of the nodes that take work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slots {
    /// There are none.
    None,
    /// All are in use.
    Full,
    /// Some are free.
    Free,
    /// None is waited for: a limit keeps the job.
    NotNeeded,
}

impl Slots {
    fn of(fleet: Fleet) -> Self {
        match (fleet.takers, fleet.free) {
            (0, _) => Self::None,
            (_, ..=0) => Self::Full,
            (_, 1..) => Self::Free,
        }
    }
}

impl Concern {
    /// Gives what it is about, the same for as long as it lasts.
    pub fn key(&self) -> String {
        match self {
            Self::NoNode { .. } => "no-node".into(),
            Self::Silent { node, .. } => format!("silent-{node}"),
            Self::Lost { node, .. } => format!("lost-{node}"),
            Self::Behind { queue, .. } => format!("behind-{queue}"),
            Self::Failing { cause, .. } => format!("failing-{}", cause.fingerprint),
            Self::Paused { queue, .. } => format!("paused-{queue}"),
            Self::Database { .. } => "database".into(),
            Self::Schedules { ill, .. } => format!("schedules-{}", ill.as_str()),
            Self::Drained { node, .. } => format!("drained-{node}"),
        }
    }

    /// Orders concerns: the smaller the worse.
    fn rank(&self) -> (u8, i64) {
        match self {
            Self::NoNode { .. } => (0, 0),
            Self::Drained { stops: Some(_), .. } => (0, 0),
            Self::Database { found } if found.iter().all(|one| SLOWS_ONLY.contains(&one.code)) => (5, i64::MIN),
            Self::Database { .. } => (1, 0),
            Self::Silent { .. } => (1, 1),
            Self::Lost { .. } => (1, 2),
            Self::Behind { ready, .. } => (2, -ready),
            Self::Failing { cause, state: GroupState::Rising | GroupState::Returned } => (3, -cause.recent),
            Self::Schedules { ill: Ill::Stuck, .. } => (3, 0),
            Self::Schedules { ill: Ill::Late, .. } => (3, 1),
            Self::Schedules { ill: Ill::Resting, .. } => (4, 0),
            Self::Schedules { ill: Ill::Missed, .. } => (5, 0),
            Self::Paused { ready, age, .. } if *age > PAUSED_LONG => (4, -ready),
            Self::Failing { cause, .. } => (5, -cause.recent),
            Self::Paused { ready, .. } => (6, -ready),
            Self::Drained { stops: None, .. } => (7, 0),
        }
    }
}

/// What is looked at for it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The flow.
    pub flow: &'a Flow,
    /// The queues, those that need somebody among them.
    pub queues: &'a [QueueLine],
    /// What fails.
    pub failing: &'a [Failing],
    /// The nodes together.
    pub fleet: Fleet,
    /// Those that were not heard of.
    pub unheard: &'a [Unheard],
    /// Those that take no new work.
    pub drains: &'a [Drain],
    /// What is wrong with the database, as far as the viewer may know.
    pub database: &'a [Finding],
    /// Schedules that need somebody.
    pub ailing: &'a [Ailing],
}

type Rule = fn(Time, &Seen<'_>) -> Vec<Concern>;

/// The rules, in no order: each concern knows its rank.
const RULES: [Rule; 7] = [no_node, unheard, drained, database, of_queues, failures, schedules];

/// Finds what needs a person, worst first.
pub fn concerns(now: Time, seen: &Seen<'_>) -> Vec<Concern> {
    let mut found: Vec<Concern> = RULES.iter().flat_map(|rule| rule(now, seen)).collect();
    found.sort_by_key(Concern::rank);
    found.truncate(CONCERNS_MAX);
    found
}

fn since(at: Time, now: Time) -> Duration {
    (now - at).to_std().unwrap_or_default()
}

fn no_node(_: Time, seen: &Seen<'_>) -> Vec<Concern> {
    let none = seen.fleet.nodes == 0 && seen.flow.all > 0;
    none.then_some(Concern::NoNode { ready: seen.flow.ready }).into_iter().collect()
}

/// Silence lasts some seconds, then others declare the node lost; that is told for a while, for its machine may need somebody.
fn unheard(now: Time, seen: &Seen<'_>) -> Vec<Concern> {
    let told = |one: &Unheard| {
        let (node, age) = (one.node.clone(), since(one.heartbeat_at, now));
        match one.lost_at {
            Some(at) => (since(at, now) < LOST_FOR).then_some(Concern::Lost { node, since: one.heartbeat_at }),
            None => (age > SILENT).then_some(Concern::Silent { node, age }),
        }
    };
    seen.unheard.iter().filter_map(told).take(UNHEARD_TOLD_MAX).collect()
}

fn drained(_: Time, seen: &Seen<'_>) -> Vec<Concern> {
    let stops = (Slots::of(seen.fleet) == Slots::None).then_some(seen.flow.ready);
    let told = |Drain { node, by, reason }| Concern::Drained { node, by, reason, stops };
    seen.drains.iter().cloned().map(told).collect()
}

fn database(_: Time, seen: &Seen<'_>) -> Vec<Concern> {
    let found = seen.database.to_vec();
    (!found.is_empty()).then_some(Concern::Database { found }).into_iter().collect()
}

fn of_queues(now: Time, seen: &Seen<'_>) -> Vec<Concern> {
    let slots = Slots::of(seen.fleet);
    seen.queues.iter().filter_map(|queue| paused(queue, now).or_else(|| behind(queue, now, (slots, seen)))).collect()
}

fn paused(queue: &QueueLine, now: Time) -> Option<Concern> {
    let age = since(queue.paused_at.filter(|_| queue.ready > 0)?, now);
    let (by, reason) = (queue.paused_by.clone().unwrap_or_default(), queue.pause_reason.clone());
    Some(Concern::Paused { queue: queue.name.clone(), age, by, reason, ready: queue.ready })
}

fn behind(queue: &QueueLine, now: Time, (slots, seen): (Slots, &Seen<'_>)) -> Option<Concern> {
    if queue.paused {
        return None;
    }
    let target = queue.target();
    let in_line = queue.oldest_in_line.map(|at| since(at, now)).filter(|age| is_behind(*age, target));
    // whoever waits for a limit does as it was told, unless somebody has said how long it may wait
    let limited = || target.and(queue.oldest).map(|at| (since(at, now), Slots::NotNeeded));
    let (age, slots) = in_line.map(|age| (age, slots)).or_else(limited)?;
    is_behind(age, target).then(|| Concern::Behind {
        queue: queue.name.clone(),
        age,
        ready: queue.ready,
        target,
        slots,
        cause: cause(&queue.name, seen.failing).map(Cause::of),
    })
}

/// What the jobs of a queue fail of most just now.
fn cause<'f>(queue: &str, failing: &'f [Failing]) -> Option<&'f Failing> {
    let in_queue = |group: &&Failing| group.recent >= FAILURES_MIN && group.queues.iter().any(|name| name == queue);
    failing.iter().filter(in_queue).max_by_key(|group| group.recent)
}

/// Groups that want somebody and are not told of beside a queue that is behind.
fn failures(now: Time, seen: &Seen<'_>) -> Vec<Concern> {
    let told: Vec<String> = of_queues(now, seen).into_iter().filter_map(fingerprint).collect();
    let wants = |state: GroupState| match state {
        GroupState::New | GroupState::Rising | GroupState::Returned => true,
        GroupState::Steady | GroupState::Quiet | GroupState::Muted | GroupState::Handled => false,
    };
    let concern = |group: &Failing| {
        let state = group.state.filter(|state| wants(*state) && group.recent >= FAILURES_MIN)?;
        (!told.contains(&group.fingerprint)).then(|| Concern::Failing { cause: Cause::of(group), state })
    };
    let mut found: Vec<Concern> = seen.failing.iter().filter_map(concern).collect();
    found.sort_by_key(Concern::rank);
    found.truncate(FAILURES_TOLD_MAX);
    found
}

/// One concern of each kind: whatever keeps one schedule keeps others, too.
fn schedules(_: Time, seen: &Seen<'_>) -> Vec<Concern> {
    let of = |ill: Ill| {
        let mut all = seen.ailing.iter().filter(|one| one.ill() == Some(ill)).peekable();
        let worst = (*all.peek()?).clone();
        Some(Concern::Schedules { ill, worst, all: all.count() })
    };
    Ill::ALL.into_iter().filter_map(of).collect()
}

fn fingerprint(concern: Concern) -> Option<String> {
    match concern {
        Concern::Behind { cause, .. } => cause.map(|cause| cause.fingerprint),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
