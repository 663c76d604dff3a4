//! Who may run now: a pure rule over what the lanes hold.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use super::keys::{Held, Hold};
use super::numbered::Numbered;
use super::rules::is_of_pool;
use crate::base::clock::Time;
use crate::queue::template::WhenFull;

/// A limit that holds for a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its lane.
    pub key: Arc<str>,
    /// What the lane bounds.
    pub bound: Bound,
}

/// What a lane bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Jobs that run at once.
    Running {
        /// At most so many.
        jobs_max: u32,
        /// What becomes of one more.
        when_full: WhenFull,
    },
    /// Jobs that run at once on this node; one more waits for any node's place.
    Here {
        /// At most so many.
        jobs_max: u32,
    },
    /// The sum of what jobs that run reserve of a pool.
    Pool {
        /// What this job reserves.
        reserves: u32,
        /// What there is in all; `None` = there is no such pool (any more), and it bounds nothing.
        amount: Option<u32>,
    },
    /// Jobs that begin within a time: the generic cell rate algorithm (ITU-T I.371), a token bucket without a clock of its own.
    Rate {
        /// Time between two jobs at the even rate.
        interval: Duration,
        /// How much earlier than evenly a job may begin.
        tolerance: Duration,
    },
}

/// What a lane holds now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lane {
    /// Jobs of it that run; of a pool what they have reserved.
    pub used: u32,
    /// What of a pool is kept for jobs that were let in and have not come yet.
    pub kept: u32,
    /// Those of them that run on this node.
    pub used_here: u32,
    /// Some wait in it; of a pool, some that need no more than it has.
    pub has_waiting: bool,
    /// When the next job would begin at the even rate.
    pub tat: Option<Time>,
    /// The last time promised.
    pub promised: Option<Time>,
}

/// A job that was claimed and wants to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The limits that hold for it, shared by all jobs for which the same ones hold.
    pub rules: Arc<[Rule]>,
    /// It comes for the first time: others that wait in its lanes go before it.
    pub is_fresh: bool,
    /// What is kept of pools for it since it was let in.
    pub kept: Held,
}

/// Gives the lanes in which a job takes places while it runs, and how many in each.
pub fn places(rules: &[Rule]) -> impl Iterator<Item = Hold> {
    let amount = |rule: &Rule| match rule.bound {
        Bound::Running { .. } | Bound::Here { .. } => Some(1),
        Bound::Pool { reserves, .. } => Some(reserves),
        Bound::Rate { .. } => None,
    };
    rules.iter().filter_map(move |rule| Some(Hold { key: Arc::clone(&rule.key), amount: amount(rule)? }))
}

/// What becomes of a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It runs.
    Admitted,
    /// It waits in a lane, until the time promised to it if the lane is one of a rate.
    Gated {
        /// The lane.
        lane: Arc<str>,
        /// The time promised.
        not_before: Option<Time>,
        /// What it needs of the lane.
        amount: u32,
        /// The oldest that runs in that lane is to be cancelled.
        cancels_oldest: bool,
    },
    /// It is cancelled, because the places of this lane are taken.
    Skipped {
        /// The lane.
        lane: Arc<str>,
    },
}

/// The lanes by their keys.
pub type Lanes = HashMap<Arc<str>, Lane>;

/// Decides about the candidates in their order and updates the lanes. A lane that is not there is empty.
pub fn decide(now: Time, lanes: &mut Lanes, candidates: &[Candidate]) -> Vec<Verdict> {
    let mut numbered = Numbered::take(lanes);
    let verdicts = candidates.iter().map(|candidate| decide_one(now, &mut numbered, candidate)).collect();
    numbered.give_back(lanes);
    verdicts
}

fn decide_one(now: Time, lanes: &mut Numbered, candidate: &Candidate) -> Verdict {
    for hold in candidate.kept.iter() {
        let lane = lanes.of_key(&hold.key);
        lane.kept = lane.kept.saturating_sub(hold.amount); // its own to take now
    }
    let places = lanes.of_rules(&candidate.rules);
    for (rule, place) in candidate.rules.iter().zip(places.iter()) {
        if let Some(verdict) = stopped(now, &mut lanes.lanes[*place].1, rule, candidate) {
            for hold in still_kept(&candidate.kept, &verdict) {
                lanes.of_key(&hold.key).kept += hold.amount;
            }
            return verdict;
        }
    }
    for (rule, place) in candidate.rules.iter().zip(places.iter()) {
        let lane = &mut lanes.lanes[*place].1;
        match rule.bound {
            Bound::Running { .. } | Bound::Here { .. } => {
                lane.used += 1;
                lane.used_here += 1;
            }
            Bound::Pool { reserves, .. } => lane.used = lane.used.saturating_add(reserves),
            Bound::Rate { interval, .. } => lane.tat = Some(lane.tat.unwrap_or(now).max(now) + delta(interval)),
        }
    }
    Verdict::Admitted
}

/// What stays kept for a job after it was decided about. While it waits in a lane it keeps of the pools before that one, in
/// the order of their keys: so it comes to all of them in the end, and two jobs never wait for each other.
pub(crate) fn still_kept<'h>(kept: &'h [Hold], verdict: &Verdict) -> impl Iterator<Item = &'h Hold> {
    let waits_in = match verdict {
        Verdict::Gated { lane, .. } => Some(Arc::clone(lane)),
        Verdict::Admitted | Verdict::Skipped { .. } => None,
    };
    let keeps = move |hold: &&Hold| waits_in.as_ref().is_some_and(|lane| !is_of_pool(lane) || hold.key < *lane);
    kept.iter().filter(keeps)
}

/// Tells why a candidate may not run by one rule.
fn stopped(now: Time, lane: &mut Lane, rule: &Rule, candidate: &Candidate) -> Option<Verdict> {
    let must_queue = candidate.is_fresh && lane.has_waiting;
    let gated = |not_before| Verdict::Gated { lane: rule.key.clone(), not_before, amount: 1, cancels_oldest: false };
    match rule.bound {
        Bound::Running { jobs_max, when_full } if lane.used >= jobs_max || must_queue => Some(match when_full {
            WhenFull::SkipNewest => Verdict::Skipped { lane: rule.key.clone() },
            WhenFull::Wait | WhenFull::CancelOldest => {
                lane.has_waiting = true;
                let cancels_oldest = when_full == WhenFull::CancelOldest;
                Verdict::Gated { lane: rule.key.clone(), not_before: None, amount: 1, cancels_oldest }
            }
        }),
        Bound::Here { jobs_max } if lane.used_here >= jobs_max || must_queue => {
            lane.has_waiting = true;
            Some(gated(None))
        }
        Bound::Pool { reserves, amount } => {
            let is_called = candidate.kept.iter().any(|hold| hold.key == rule.key);
            let needed = u64::from(lane.used) + u64::from(lane.kept) + u64::from(reserves);
            let fits = amount.is_none_or(|amount| needed <= u64::from(amount));
            if fits && (is_called || !lane.has_waiting) {
                return None;
            }
            lane.has_waiting |= amount.is_none_or(|amount| reserves <= amount); // whoever needs more than there is waits in nobody's way
            let lane = rule.key.clone();
            Some(Verdict::Gated { lane, not_before: None, amount: reserves, cancels_oldest: false })
        }
        Bound::Rate { interval, tolerance } if must_queue || earliest(lane, tolerance) > now => {
            lane.has_waiting = true;
            let promised = (lane.promised.unwrap_or(now).max(now) + delta(interval)).max(earliest(lane, tolerance));
            lane.promised = Some(promised);
            Some(gated(Some(promised)))
        }
        Bound::Running { .. } | Bound::Here { .. } | Bound::Rate { .. } => None,
    }
}

/// When the next job may begin.
fn earliest(lane: &Lane, tolerance: Duration) -> Time {
    lane.tat.map_or(Time::UNIX_EPOCH, |tat| tat - delta(tolerance))
}

fn delta(length: Duration) -> TimeDelta {
    TimeDelta::from_std(length).unwrap_or(TimeDelta::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: i64) -> Time {
        Time::from_timestamp_millis(1_000_000 + ms).unwrap()
    }

    fn running(key: &str, jobs_max: u32, when_full: WhenFull) -> Rule {
        Rule { key: key.into(), bound: Bound::Running { jobs_max, when_full } }
    }

    fn rate(jobs: u64, per_ms: u64, burst: u64) -> Rule {
        let interval = Duration::from_millis(per_ms / jobs);
        let tolerance = interval * (burst as u32 - 1);
        Rule { key: "r".into(), bound: Bound::Rate { interval, tolerance } }
    }

    fn fresh(rules: &[Rule]) -> Candidate {
        Candidate { rules: rules.into(), is_fresh: true, kept: Held::default() }
    }

    fn admitted(verdicts: &[Verdict]) -> usize {
        verdicts.iter().filter(|verdict| **verdict == Verdict::Admitted).count()
    }

    #[test]
    fn places_are_given_in_order_and_no_more_than_there_are() {
        let mut lanes = HashMap::from([("t1".into(), Lane { used: 1, ..Lane::default() })]);
        let all = vec![fresh(&[running("t1", 3, WhenFull::Wait)]); 4];

        let verdicts = decide(at(0), &mut lanes, &all);

        assert_eq!(admitted(&verdicts), 2);
        assert!(verdicts[..2].iter().all(|verdict| *verdict == Verdict::Admitted));
        assert_eq!(
            verdicts[2],
            Verdict::Gated { lane: "t1".into(), not_before: None, amount: 1, cancels_oldest: false }
        );
        assert_eq!(lanes["t1"].used, 3);
    }

    #[test]
    fn a_node_s_places_are_its_own() {
        let elsewhere = Lane { used: 9, used_here: 1, ..Lane::default() };
        let mut lanes = HashMap::from([("n1".into(), elsewhere)]);
        let rule = Rule { key: "n1".into(), bound: Bound::Here { jobs_max: 2 } };

        let verdicts = decide(at(0), &mut lanes, &vec![fresh(&[rule]); 2]);

        assert_eq!(verdicts[0], Verdict::Admitted);
        assert_eq!(
            verdicts[1],
            Verdict::Gated { lane: "n1".into(), not_before: None, amount: 1, cancels_oldest: false }
        );
        assert_eq!((lanes["n1"].used, lanes["n1"].used_here), (10, 2));
    }

    #[test]
    fn what_waits_already_goes_first() {
        let mut lanes = HashMap::from([("t1".into(), Lane { has_waiting: true, ..Lane::default() })]);
        let rules = [running("t1", 2, WhenFull::Wait)];
        let back = Candidate { is_fresh: false, ..fresh(&rules) };

        let verdicts = decide(at(0), &mut lanes, &[fresh(&rules), back]);

        assert!(matches!(verdicts[0], Verdict::Gated { .. }));
        assert_eq!(verdicts[1], Verdict::Admitted);
    }

    #[test]
    fn a_full_key_skips_or_replaces_as_it_is_told() {
        let full = || HashMap::from([("k".into(), Lane { used: 1, ..Lane::default() })]);

        let skipped = decide(at(0), &mut full(), &[fresh(&[running("k", 1, WhenFull::SkipNewest)])]);
        let replaced = decide(at(0), &mut full(), &[fresh(&[running("k", 1, WhenFull::CancelOldest)])]);

        assert_eq!(skipped, [Verdict::Skipped { lane: "k".into() }]);
        assert!(matches!(replaced[0], Verdict::Gated { cancels_oldest: true, .. }));
    }

    #[test]
    fn a_job_that_one_limit_stops_takes_nothing_of_the_others() {
        let mut lanes = HashMap::from([("k".into(), Lane { used: 1, ..Lane::default() })]);
        let rules = [running("t", 9, WhenFull::Wait), rate(1, 1_000, 1), running("k", 1, WhenFull::Wait)];

        decide(at(0), &mut lanes, &[fresh(&rules)]);

        assert_eq!((lanes["t"].used, lanes["r"].tat), (0, None));
    }

    #[test]
    fn a_rate_lets_a_burst_through_and_promises_even_times_to_the_rest() {
        let mut lanes = HashMap::new();

        let verdicts = decide(at(0), &mut lanes, &vec![fresh(&[rate(10, 1_000, 3)]); 5]);

        assert_eq!(admitted(&verdicts), 3);
        let times: Vec<Time> = verdicts[3..]
            .iter()
            .map(|verdict| match verdict {
                Verdict::Gated { not_before: Some(time), .. } => *time,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(times, [at(100), at(200)]);
    }

    proptest! {
        #[test]
        fn within_any_window_no_more_begin_than_burst_and_rate_allow(
            gaps in proptest::collection::vec(0_i64..400, 1..200), jobs in 1_u64..20, burst in 1_u64..10,
        ) {
            let rule = rate(jobs, 1_000, burst);
            let Bound::Rate { interval, .. } = rule.bound else { unreachable!() };
            let (mut lanes, mut now, mut begun) = (HashMap::new(), 0, Vec::new());
            for gap in gaps {
                now += gap;
                let candidate = Candidate { is_fresh: false, ..fresh(std::slice::from_ref(&rule)) };
                if decide(at(now), &mut lanes, &[candidate]) == [Verdict::Admitted] {
                    begun.push(now);
                }
            }
            for (first, start) in begun.iter().enumerate() {
                for (count, end) in begun[first..].iter().enumerate() {
                    let window = (end - start) as u128;
                    let allowed = u128::from(burst) + window / interval.as_millis().max(1);
                    prop_assert!((count as u128) < allowed, "{} in {window} ms", count + 1);
                }
            }
        }

        #[test]
        fn a_lane_never_holds_more_than_its_places(asks in proptest::collection::vec((0_usize..3, any::<bool>()), 1..60), most in 1_u32..6) {
            let mut lanes = HashMap::new();
            let candidates: Vec<Candidate> = asks
                .iter()
                .map(|(key, is_fresh)| Candidate { is_fresh: *is_fresh, ..fresh(&[running("t", 8, WhenFull::Wait), running(&format!("k{key}"), most, WhenFull::Wait)]) })
                .collect();
            let verdicts = decide(at(0), &mut lanes, &candidates);
            prop_assert!(lanes.get("t").map_or(0, |lane| lane.used) <= 8);
            let used = |key: usize| lanes.get(["k", &key.to_string()].concat().as_str()).map_or(0, |lane| lane.used);
            prop_assert!((0..3).all(|key| used(key) <= most));
            prop_assert_eq!(lanes.get("t").map_or(0, |lane| lane.used) as usize, admitted(&verdicts));
        }
    }
}
