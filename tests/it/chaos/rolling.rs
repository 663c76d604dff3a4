//! One node after the other is ended in order and started again, under a load of which each end gives some back.

use std::time::{Duration, Instant};

use super::checker::p99;
use super::feeder::Addresses;
use super::handover::{HandOver, hand_overs};
use super::plan::{NODES, Plan, seed};
use super::stage::Stage;
use super::{Run, completed_alone, now_us};

/// From the release of what a node gave back to its start on another one, for 99 of 100 jobs. Only the long test asks for it, which has
/// the machine for itself.
const HAND_OVER_MAX_US: i64 = 2_000_000;
/// So many jobs are handed over by round, all rounds together, or the figure would rest on chance.
const BY_ROUND_MIN: usize = 8;
/// How long the restart of a node takes, about: the load must last as long.
const RESTART: Duration = Duration::from_millis(4_500);
/// Jobs that come in a second.
const JOBS_A_SECOND: f64 = 6.0;
/// How long a node may take to be there again.
const BACK_MAX: Duration = Duration::from_secs(60);

#[test]
fn a_rolling_restart_under_load_hands_over_and_loses_and_doubles_nothing() {
    assert!(!roll(2).concat().is_empty());
}

#[test]
#[ignore = "takes minutes: make chaos"]
fn ten_rounds_of_rolling_restarts_hand_over_within_two_seconds_and_lose_and_double_nothing() {
    let of_rounds = roll(10);

    let over = of_rounds.concat();
    assert!(over.len() >= BY_ROUND_MIN * of_rounds.len(), "too few were handed over");
    assert!(p99(&over.iter().map(|over| over.took).collect::<Vec<_>>()) <= HAND_OVER_MAX_US, "{over:?}");
}

/// Gives what each round handed over.
fn roll(rounds: usize) -> Vec<Vec<HandOver>> {
    let length = RESTART * (rounds * NODES) as u32;
    let plan = Plan::of_long_jobs((length.as_secs_f64() * JOBS_A_SECOND) as i64, length);
    let seed = seed();
    let mut longest = Duration::ZERO;

    let judged = Run::begin(&plan, Stage::new()).under(&plan, seed, |run, addresses| {
        wait_for_all(run, addresses);
        let loaded = Instant::now() + Duration::from_secs(3);
        while Instant::now() < loaded {
            run.tick(addresses);
        }
        for node in (0..rounds * NODES).map(|turn| turn % NODES) {
            let (begun, from) = (Instant::now(), now_us());
            assert_eq!(run.nodes[node].end(), Some(0));
            longest = longest.max(begun.elapsed());
            run.history.ends.push((run.nodes[node].name.clone(), from, now_us()));
            wait_for_all(run, addresses);
        }
    });

    let of_rounds: Vec<Vec<HandOver>> = hand_overs(&judged).chunks(NODES).map(<[_]>::concat).collect();
    let over: Vec<i64> = of_rounds.concat().iter().map(|over| over.took).collect();
    eprintln!(
        "rolling restart, seed {seed}: {} ends of nodes, the longest took {:.1} s; {} jobs handed over, by round {:?}; {}",
        rounds * NODES,
        longest.as_secs_f64(),
        over.len(),
        of_rounds.iter().map(Vec::len).collect::<Vec<_>>(),
        spread(&over),
    );
    let (alone, all) = completed_alone(&judged);
    assert_eq!(alone, all, "seed {seed}");
    of_rounds
}

fn spread(waits_us: &[i64]) -> String {
    let mut sorted = waits_us.to_vec();
    sorted.sort_unstable();
    let at = |part: usize| {
        sorted.get((sorted.len() * part).div_ceil(100).saturating_sub(1)).copied().unwrap_or(0) as f64 / 1e3
    };
    format!("p50 {:.0} ms, p90 {:.0} ms, p99 {:.0} ms, longest {:.0} ms", at(50), at(90), at(99), at(100))
}

/// All nodes are there, and have been heard.
fn wait_for_all(run: &mut Run, addresses: &Addresses) {
    let end = Instant::now() + BACK_MAX;
    while run.nodes.iter().any(|node| node.origin().is_none() || !node.runs_jobs()) {
        assert!(Instant::now() < end, "a node does not come back");
        run.tick(addresses);
    }
}
