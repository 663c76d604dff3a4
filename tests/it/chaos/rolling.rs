//! One node after the other is ended in order and started again, under load.

use std::time::{Duration, Instant};

use super::checker::{hand_overs, p99};
use super::feeder::Addresses;
use super::plan::{NODES, Plan, seed};
use super::stage::Stage;
use super::{Run, completed_alone};

/// From the release of what a node gave back to its next claim, for 99 of 100 jobs; and for the few of a short run beside other
/// tests.
const HAND_OVER_MAX_US: i64 = 2_000_000;
const HAND_OVER_SHORT_MAX_US: i64 = 5_000_000;
/// How long a node may take to be there again.
const BACK_MAX: Duration = Duration::from_secs(60);

#[test]
fn a_rolling_restart_under_load_loses_and_doubles_nothing() {
    roll(2, 500, HAND_OVER_SHORT_MAX_US);
}

#[test]
#[ignore = "takes minutes: make chaos"]
fn ten_rounds_of_rolling_restarts_lose_and_double_nothing() {
    roll(10, 3_000, HAND_OVER_MAX_US);
}

fn roll(rounds: u64, jobs: i64, hand_over_max_us: i64) {
    let (plan, seed) = (Plan { jobs, length: Duration::from_secs(10 * rounds), ..Plan::short() }, seed());
    let mut ends = Vec::new();

    let judged = Run::begin(&plan, Stage::new()).under(&plan, seed, |run, addresses| {
        wait_for_all(run, addresses);
        for node in (0..rounds as usize * NODES).map(|turn| turn % NODES) {
            let begun = Instant::now();
            assert_eq!(run.nodes[node].end(), Some(0));
            ends.push(begun.elapsed());
            wait_for_all(run, addresses);
        }
    });

    let over = hand_overs(&judged);
    eprintln!(
        "rolling restart, seed {seed}: {} ends of nodes, the longest took {:.1} s; {} jobs handed over, p99 {:.2} s",
        ends.len(),
        ends.iter().max().unwrap().as_secs_f64(),
        over.len(),
        p99(&over) as f64 / 1e6
    );
    let (alone, all) = completed_alone(&judged);
    assert_eq!(alone, all, "seed {seed}");
    assert!(p99(&over) <= hand_over_max_us, "seed {seed}: {over:?}");
}

/// All nodes are there, and have been heard.
fn wait_for_all(run: &mut Run, addresses: &Addresses) {
    let end = Instant::now() + BACK_MAX;
    while run.nodes.iter().any(|node| node.origin().is_none() || !node.runs_jobs()) {
        assert!(Instant::now() < end, "a node does not come back");
        run.tick(addresses);
    }
}
