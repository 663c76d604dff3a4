//! Amounts of pools: the rule together with those who let in, as a game of chance.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use proptest::prelude::*;

use super::{Bound, Candidate, Held, Hold, Lane, Lanes, Rule, Verdict, decide, places, still_kept};
use crate::base::clock::Time;

fn reserve(pool: &str, reserves: u32, amount: u32) -> Rule {
    Rule { key: pool.into(), bound: Bound::Pool { reserves, amount: Some(amount) } }
}

fn asks(rules: &[Rule], kept: &[Hold]) -> Candidate {
    Candidate { rules: rules.into(), is_fresh: kept.is_empty(), kept: Held::from(kept) }
}

fn hold(pool: &str, amount: u32) -> Hold {
    Hold { key: pool.into(), amount }
}

fn waits_in(verdict: &Verdict) -> Option<(&str, u32)> {
    match verdict {
        Verdict::Gated { lane, amount, .. } => Some((lane, *amount)),
        _ => None,
    }
}

#[test]
fn amounts_are_given_in_order_and_no_more_than_there_is() {
    let mut lanes = Lanes::from([("pm".into(), Lane { used: 3, ..Lane::default() })]);
    let all = [4, 4, 1].map(|needs| asks(&[reserve("pm", needs, 10)], &[]));

    let verdicts = decide(Time::UNIX_EPOCH, &mut lanes, &all);

    assert_eq!(verdicts[0], Verdict::Admitted);
    assert_eq!(waits_in(&verdicts[1]), Some(("pm", 4)));
    assert_eq!(waits_in(&verdicts[2]), Some(("pm", 1)), "a small one does not go before it");
    assert_eq!(lanes["pm"].used, 7);
}

#[test]
fn who_needs_more_than_there_is_waits_in_nobody_s_way() {
    let mut lanes = Lanes::new();

    let verdicts = decide(Time::UNIX_EPOCH, &mut lanes, &[8, 4].map(|needs| asks(&[reserve("pm", needs, 4)], &[])));

    assert_eq!((waits_in(&verdicts[0]), &verdicts[1]), (Some(("pm", 8)), &Verdict::Admitted));
}

#[test]
fn what_is_kept_for_one_is_not_given_to_another() {
    let lane = Lane { used: 2, kept: 6, ..Lane::default() };
    let rules = [reserve("pm", 6, 10)];
    let all = [asks(&[reserve("pm", 3, 10)], &[]), asks(&rules, &[hold("pm", 6)])];

    let verdicts = decide(Time::UNIX_EPOCH, &mut Lanes::from([("pm".into(), lane)]), &all);

    assert_eq!((waits_in(&verdicts[0]), &verdicts[1]), (Some(("pm", 3)), &Verdict::Admitted));
}

#[test]
fn who_waits_for_a_pool_keeps_of_those_before_it_only() {
    let rules = [reserve("pa", 1, 4), reserve("pb", 2, 4), reserve("pc", 1, 4)];
    let full = Lanes::from([("pb".into(), Lane { used: 3, ..Lane::default() })]);
    let kept = [hold("pa", 1), hold("pc", 1)];
    let mut lanes = full;
    kept.iter().for_each(|hold| lanes.entry(Arc::clone(&hold.key)).or_default().kept = hold.amount);

    let verdicts = decide(Time::UNIX_EPOCH, &mut lanes, &[asks(&rules, &kept)]);

    assert_eq!(waits_in(&verdicts[0]), Some(("pb", 2)));
    assert_eq!(still_kept(&kept, &verdicts[0]).collect::<Vec<_>>(), [&kept[0]]);
    assert_eq!((lanes["pa"].kept, lanes["pc"].kept), (1, 0));
}

#[test]
fn a_pool_that_is_gone_bounds_nothing_and_still_counts() {
    let rule = Rule { key: "pm".into(), bound: Bound::Pool { reserves: u32::MAX, amount: None } };
    let mut lanes = Lanes::from([("pm".into(), Lane { used: u32::MAX, kept: 7, ..Lane::default() })]);

    assert_eq!(decide(Time::UNIX_EPOCH, &mut lanes, &[asks(&[rule], &[])]), [Verdict::Admitted]);
}

/// Two pools, a line, and those who wait, as the tables hold them.
#[derive(Default)]
struct Game {
    /// What each job needs of the two pools, by its number.
    jobs: Vec<[u32; 2]>,
    line: VecDeque<usize>,
    waiting: BTreeMap<usize, (String, u32)>,
    kept: HashMap<usize, Vec<Hold>>,
    running: Vec<usize>,
    begun: Vec<usize>,
}

const POOLS: [(&str, u32); 2] = [("pa", 6), ("pb", 4)];

impl Game {
    fn rules(&self, job: usize) -> Vec<Rule> {
        let wanted = POOLS.iter().zip(self.jobs[job]).filter(|(_, needs)| *needs > 0);
        wanted.map(|((pool, amount), needs)| reserve(pool, needs, *amount)).collect()
    }

    fn used(&self, pool: &str) -> u32 {
        let held = self.running.iter().flat_map(|job| places(&self.rules(*job)).collect::<Vec<_>>());
        held.filter(|hold| &*hold.key == pool).map(|hold| hold.amount).sum()
    }

    fn kept(&self, pool: &str) -> u32 {
        self.kept.values().flatten().filter(|hold| &*hold.key == pool).map(|hold| hold.amount).sum()
    }

    fn come(&mut self, needs: [u32; 2]) -> usize {
        self.jobs.push(needs);
        self.line.push_front(self.jobs.len() - 1); // the worst place for those that were let in
        self.jobs.len() - 1
    }

    /// A node takes the next one of the line.
    fn claim(&mut self) {
        let Some(job) = self.line.pop_front() else { return };
        let mut lanes = Lanes::new();
        for (pool, amount) in POOLS {
            let has_waiting = self.waiting.values().any(|(lane, needs)| lane == pool && *needs <= amount);
            let lane = Lane { used: self.used(pool), kept: self.kept(pool), has_waiting, ..Lane::default() };
            lanes.insert(pool.into(), lane);
        }
        let kept = self.kept.remove(&job).unwrap_or_default();
        let verdict = decide(Time::UNIX_EPOCH, &mut lanes, &[asks(&self.rules(job), &kept)]).remove(0);
        let stays: Vec<Hold> = still_kept(&kept, &verdict).cloned().collect();
        if !stays.is_empty() {
            self.kept.insert(job, stays);
        }
        if let Some((lane, needs)) = waits_in(&verdict) {
            self.waiting.insert(job, (lane.to_owned(), needs));
        } else {
            self.running.push(job);
            self.begun.push(job);
        }
        for (pool, amount) in POOLS {
            assert!(self.used(pool) <= amount, "{} of {amount} of {pool}", self.used(pool));
        }
    }

    /// Whoever ends lets the next ones in.
    fn let_in(&mut self) {
        for (pool, amount) in POOLS {
            let mut free = amount.saturating_sub(self.used(pool) + self.kept(pool));
            let of_it = |(_, (lane, needs)): &(&usize, &(String, u32))| lane == pool && *needs <= amount;
            let next: Vec<(usize, u32)> =
                self.waiting.iter().filter(of_it).map(|(job, (_, needs))| (*job, *needs)).collect();
            for (job, needs) in next {
                if needs > free {
                    break;
                }
                free -= needs;
                self.waiting.remove(&job);
                self.kept.entry(job).or_default().push(hold(pool, needs));
                self.line.push_back(job);
            }
        }
    }

    fn end(&mut self, which: usize) {
        if !self.running.is_empty() {
            self.running.swap_remove(which % self.running.len());
        }
        self.let_in();
    }
}

proptest! {
    #[test]
    fn all_run_in_the_end_and_nothing_is_left(
        needs in proptest::collection::vec((0_u32..=6, 0_u32..=4), 1..40), chance in proptest::collection::vec(0_usize..100, 400),
    ) {
        let mut game = Game::default();
        needs.iter().for_each(|(a, b)| {
            game.come([*a, *b]);
        });
        for which in chance.into_iter().chain(std::iter::repeat_n(0, 400)) {
            if which % 3 == 0 { game.end(which) } else { game.claim() }
            game.claim();
        }
        prop_assert_eq!(game.begun.len(), needs.len(), "{:?} wait", game.waiting);
        while !game.running.is_empty() {
            game.end(0);
        }
        prop_assert_eq!(POOLS.map(|(pool, _)| (game.used(pool), game.kept(pool))), [(0, 0); 2]);
        prop_assert!(game.waiting.is_empty() && game.line.is_empty());
    }

    #[test]
    fn one_that_needs_much_comes_to_it_however_many_small_ones_come(
        big in (1_u32..=6, 0_u32..=4), small in proptest::collection::vec((0_u32..=1, 0_u32..=1), 600), ends in 1_usize..5,
    ) {
        let mut game = Game::default();
        small.iter().take(20).for_each(|(a, b)| {
            game.come([*a, *b]);
        });
        (0..30).for_each(|_| game.claim());
        let much = game.come(big.into());
        for (a, b) in small {
            game.come([a, b]); // always before the big one when that was let in …
            (0..3).for_each(|_| game.claim());
            (0..ends).for_each(|which| game.end(which));
            if game.begun.contains(&much) {
                return Ok(());
            }
        }
        prop_assert!(false, "{:?} of {big:?} waits behind {} that came later", game.waiting.get(&much), game.begun.len());
    }
}
