//! A seeded simulation of nodes, leases, retries, limits and people, with lost messages, lost commits, paused and cut nodes,
//! crashes and clocks that run apart. The rules are the program's own; rows and messages are played. After each step the
//! invariants are looked at; at the end everything must come to rest.
//!
//! A seed that fails is said; `MILLRACE_SIMULATION_SEED` runs it again.
mod database;
mod node;
mod pools;
mod rules;
mod world;

use rules::Rules;
use world::World;

use crate::queue::limits::decide;
use crate::queue::retry::{Next, after_interruption};
use crate::queue::template::Defaults;

/// Runs, each of a seed of its own.
const RUNS: u64 = 250;
/// Steps of a run; a million in all.
const STEPS: u32 = 4_000;

/// Runs seeds one after the other until something is wrong.
fn search(rules: Rules, seeds: impl Iterator<Item = u64>) -> Result<(), String> {
    for seed in seeds {
        World::new(seed, rules).run(STEPS).map_err(|problem| format!("seed {seed}: {problem}"))?;
    }
    Ok(())
}

#[test]
fn a_million_steps_of_faults_break_no_promise() {
    let seed = std::env::var("MILLRACE_SIMULATION_SEED").ok().map(|text| text.parse().expect("a whole number"));
    let first = seed.unwrap_or_else(|| u64::from_ne_bytes(crate::base::random::secret_bytes()) >> 1);
    let runs = if seed.is_some() { 1 } else { RUNS };

    search(rules::Rules::own(), first..first + runs).unwrap();
}

/// A rule that is broken on purpose must be found out.
#[track_caller]
fn caught(rules: Rules, by: &str) {
    let found = search(rules, 1..=60).expect_err("nothing was found");
    assert!(found.contains(by), "{found}");
}

#[test]
fn a_result_without_a_fence_is_caught() {
    caught(Rules { counts: |_, _| true, ..Rules::own() }, " of a ready job");
}

#[test]
fn a_node_that_goes_on_without_its_lease_is_caught() {
    caught(Rules { must_stop: |_, _| false, ..Rules::own() }, "still runs");
}

#[test]
fn endless_crash_loops_are_caught() {
    let interrupted = |policy: &Defaults, attempt, _| after_interruption(policy, attempt, policy.max_attempts, 0);
    caught(Rules { interrupted, ..Rules::own() }, "interrupted three times");
}

#[test]
fn too_many_attempts_are_caught() {
    let failed = |_: &_, _, _| Next::Retry(std::time::Duration::from_millis(1));
    caught(Rules { failed, ..Rules::own() }, "are counted");
}

#[test]
fn a_limit_that_lets_one_more_in_is_caught() {
    let generous = |now, lanes: &mut crate::queue::limits::Lanes, asks: &[_]| {
        lanes.values_mut().for_each(|lane| lane.used = lane.used.saturating_sub(1));
        decide(now, lanes, asks)
    };
    caught(Rules { decide: generous, ..Rules::own() }, "run in lane");
}

#[test]
fn a_pool_of_which_more_is_given_than_there_is_is_caught() {
    let generous = |now, lanes: &mut crate::queue::limits::Lanes, asks: &[_]| {
        lanes.iter_mut().filter(|(key, _)| key.starts_with('p')).for_each(|(_, lane)| lane.used /= 2);
        decide(now, lanes, asks)
    };
    caught(Rules { decide: generous, ..Rules::own() }, "run in lane p");
}

#[test]
fn a_rate_that_lets_too_many_begin_is_caught() {
    let hasty = |now, lanes: &mut crate::queue::limits::Lanes, asks: &[_]| {
        lanes.values_mut().for_each(|lane| lane.tat = None);
        decide(now, lanes, asks)
    };
    caught(Rules { decide: hasty, ..Rules::own() }, "began in lane");
}
