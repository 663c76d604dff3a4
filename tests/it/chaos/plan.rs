//! How much of what happens, and when: everything comes from one seed.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Sets the seed.
const SEED: &str = "MILLRACE_CHAOS_SEED";

/// One of each.
const ALL_KINDS: [(&str, usize); 14] = [
    ("noop", 14),
    ("turn", 4),
    ("turn.insert", 2),
    ("sleep", 15),
    ("effect", 15),
    ("insert", 15),
    ("line", 8),
    ("flaky", 7),
    ("steps", 5),
    ("narrow", 4),
    ("narrow.insert", 3),
    ("broken", 3),
    ("slow", 2),
    ("cancelled", 3),
];

const MANY_LONG: [(&str, usize); 4] = [("long", 40), ("noop", 20), ("effect", 20), ("insert", 20)];

/// How much is done, and what is done to it.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub jobs: i64,
    /// The jobs are handed in, and the faults come, within this time.
    pub length: Duration,
    /// `kill -9` of an engine, a supervisor, or both.
    pub kills: usize,
    /// Immediate stops of the database's server.
    pub stops: usize,
    /// Backends ended by an administrator.
    pub terminations: usize,
    /// `SIGSTOP` of an engine, or of engine and supervisor.
    pub freezes: usize,
    pub frozen: Duration,
    /// Cuts of all connections of a node.
    pub cuts: usize,
    /// Jumps of a node's wall clock.
    pub jumps: usize,
    /// Times in which the server takes no writes, and as many in which it has no connection left; both together.
    pub refusals: usize,
    pub lease: Duration,
    pub heartbeat: Duration,
    /// How long a node that ends in order lets its jobs run on.
    pub drain: Duration,
    /// Worker threads of a node: fewest and most.
    pub slots: &'static str,
    /// Kinds of work, each with its share of a hundred.
    pub kinds: &'static [(&'static str, usize)],
    /// How many times longer jobs take, so that a blow meets some of the few that come.
    pub slowness: u64,
}

impl Plan {
    /// What `make test` runs.
    pub fn short() -> Plan {
        Plan {
            jobs: 1_500,
            length: Duration::from_secs(45),
            kills: 9,
            stops: 2,
            terminations: 12,
            freezes: 2,
            frozen: Duration::from_secs(6),
            cuts: 5,
            jumps: 4,
            refusals: 2,
            lease: Duration::from_secs(4),
            heartbeat: Duration::from_secs(1),
            drain: Duration::from_secs(5),
            slots: "2..8",
            kinds: &ALL_KINDS,
            slowness: 1,
        }
    }

    /// What `make chaos` runs: the figures of the promise, with the usual lease.
    pub fn long() -> Plan {
        Plan {
            jobs: 20_000,
            length: Duration::from_secs(1_200),
            kills: 60,
            stops: 10,
            terminations: 100,
            freezes: 10,
            frozen: Duration::from_secs(30),
            cuts: 40,
            jumps: 20,
            refusals: 10,
            lease: Duration::from_secs(10),
            heartbeat: Duration::from_secs(3),
            slowness: 3,
            ..Plan::short()
        }
    }

    /// Long jobs among short ones, on nodes that drain for a shorter time than they take: each end of a node gives some back. Two
    /// nodes have room for all, so that nobody waits for a pool to grow.
    pub fn of_long_jobs(jobs: i64, length: Duration) -> Plan {
        Plan { jobs, length, drain: Duration::from_secs(2), slots: "24", kinds: &MANY_LONG, ..Plan::short() }
    }
}

/// The seed that was asked for, else another one each time. Said, so that it can be asked for.
pub fn seed() -> u64 {
    let asked = std::env::var(SEED).ok().map(|text| text.parse().expect("a seed is a whole number"));
    let seed = asked.unwrap_or_else(|| u64::from_ne_bytes(millrace::base::random::secret_bytes()));
    eprintln!("{SEED}={seed}");
    seed
}

/// One sequence of chances.
pub struct Dice(StdRng);

impl Dice {
    /// The sequence of a seed for one purpose, so that two purposes do not take numbers from each other.
    pub fn of(seed: u64, purpose: u64) -> Dice {
        Dice(StdRng::seed_from_u64(seed ^ purpose.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end)
    }

    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        self.0.random_range(low..=high)
    }

    pub fn pick<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.below(of.len())]
    }
}

/// What is done to whom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    KillEngine(usize),
    KillSupervisor(usize),
    KillBoth(usize),
    FreezeEngine(usize),
    FreezeBoth(usize),
    Cut(usize),
    /// Seconds.
    JumpClock(i64),
    Terminate,
    StopDatabase(Duration),
    /// It takes no writes.
    ReadOnly(Duration),
    /// It has no connection left.
    Crowd(Duration),
}

impl Fault {
    /// What it is called when faults are counted.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::KillEngine(_) | Self::KillSupervisor(_) | Self::KillBoth(_) => "kill -9",
            Self::FreezeEngine(_) | Self::FreezeBoth(_) => "SIGSTOP",
            Self::Cut(_) => "all connections of a node cut",
            Self::JumpClock(_) => "clock jump",
            Self::Terminate => "backend terminated",
            Self::StopDatabase(_) => "immediate stop",
            Self::ReadOnly(_) => "read-only",
            Self::Crowd(_) => "connections exhausted",
        }
    }
}

/// How many nodes there are.
pub const NODES: usize = 3;

/// All faults in the order of their times.
pub fn faults(plan: &Plan, seed: u64) -> Vec<(Duration, Fault)> {
    let mut dice = Dice::of(seed, 1);
    let mut all = Vec::new();
    let mut add = |dice: &mut Dice, count: usize, fault: &dyn Fn(&mut Dice) -> Fault| {
        for _ in 0..count {
            let part = dice.between(30, 970) as f64 / 1_000.0;
            let fault = fault(dice);
            all.push((plan.length.mul_f64(part), fault));
        }
    };
    let kills: [fn(usize) -> Fault; 3] = [Fault::KillEngine, Fault::KillSupervisor, Fault::KillBoth];
    add(&mut dice, plan.kills, &|dice| dice.pick(&kills)(dice.below(NODES)));
    let freezes: [fn(usize) -> Fault; 2] = [Fault::FreezeEngine, Fault::FreezeBoth];
    add(&mut dice, plan.freezes, &|dice| dice.pick(&freezes)(dice.below(NODES)));
    add(&mut dice, plan.cuts, &|dice| Fault::Cut(dice.below(NODES)));
    add(&mut dice, plan.jumps, &|dice| Fault::JumpClock(dice.between(0, 4 * 3_600) as i64 - 2 * 3_600));
    add(&mut dice, plan.terminations, &|_| Fault::Terminate);
    add(&mut dice, plan.stops, &|dice| Fault::StopDatabase(Duration::from_millis(dice.between(0, 4_000))));
    let refusals: [fn(Duration) -> Fault; 2] = [Fault::ReadOnly, Fault::Crowd];
    for refusal in refusals {
        add(&mut dice, plan.refusals / 2, &|dice| refusal(Duration::from_millis(dice.between(500, 4_000))));
    }
    all.sort_by_key(|(at, _)| *at);
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn one_seed_gives_one_plan_with_all_that_was_asked_for() {
        let plan = Plan::long();
        let all = faults(&plan, 7);

        assert_eq!(all, faults(&plan, 7));
        assert_ne!(all, faults(&plan, 8));
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        all.iter().for_each(|(_, fault)| *counts.entry(fault.kind()).or_default() += 1);
        let promised = [
            ("SIGSTOP", 10),
            ("all connections of a node cut", 40),
            ("backend terminated", 100),
            ("clock jump", 20),
            ("connections exhausted", 5),
            ("immediate stop", 10),
            ("kill -9", 60),
            ("read-only", 5),
        ];
        assert_eq!(counts, promised.into());
        assert!(all.windows(2).all(|pair| pair[0].0 <= pair[1].0) && all.iter().all(|(at, _)| *at < plan.length));
    }
}
