//! How room is divided among queues: by what each has used of late over its weight. Pure.
//!
//! Start-time fair queueing (Goyal, Vin, Cheng, 1996) with the decay of schedulers that share by usage: the next place goes to
//! the queue with the least use; what was long ago counts less and less; and whoever was away begins beside the others, so
//! that nobody saves up turns.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap};
use std::time::{Duration, Instant};

use crate::engine::usage::{COST_MIN, Spent};
use crate::queue::job::QueueId;

/// After so long a use counts half.
const HALF_LIFE: Duration = Duration::from_secs(30);
/// How much of what is known of a queue's jobs one more of them changes.
const NEWS: f64 = 1.0 / 8.0;

/// What one queue has used.
#[derive(Debug, Clone, Copy, Default)]
struct Account {
    /// Slot time over weight, in seconds, decayed.
    used: f64,
    /// Mean slot time of its jobs in seconds, if one has ended.
    cost: Option<f64>,
    /// It competed at the last division.
    competed: bool,
}

impl Account {
    fn cost(&self) -> f64 {
        self.cost.unwrap_or(0.0).max(COST_MIN.as_secs_f64())
    }
}

/// A queue that could take places now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Contender {
    /// Which.
    pub(super) queue: QueueId,
    /// Its weight, from 1.
    pub(super) weight: u32,
    /// Most places that it may take.
    pub(super) most: u32,
    /// What its running jobs have used and nobody has written down yet, in seconds.
    pub(super) over_s: f64,
}

/// The accounts of all queues.
#[derive(Debug)]
pub(super) struct Shares {
    accounts: HashMap<QueueId, Account>,
    as_of: Instant,
}

impl Shares {
    pub(super) fn new(now: Instant) -> Self {
        Self { accounts: HashMap::new(), as_of: now }
    }

    /// Lets time pass.
    pub(super) fn decay(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.as_of).as_secs_f64();
        let left = (-passed / HALF_LIFE.as_secs_f64()).exp2();
        self.accounts.values_mut().for_each(|account| account.used *= left);
        self.as_of = now;
    }

    /// Writes down what became of a queue's jobs.
    pub(super) fn write_down(&mut self, queue: QueueId, weight: u32, spent: Spent) {
        let account = self.accounts.entry(queue).or_default();
        account.used = (account.used + spent.owed_s / f64::from(weight.max(1))).max(0.0);
        if spent.jobs > 0 {
            let mean = spent.ran_s / f64::from(spent.jobs);
            let kept = (1.0 - NEWS).powi(spent.jobs.min(1_000) as i32);
            account.cost = Some(account.cost.map_or(mean, |known| known * kept + mean * (1.0 - kept)));
        }
    }

    /// Tells whether it is known how long a queue's jobs take.
    pub(super) fn knows(&self, queue: QueueId) -> bool {
        self.accounts.get(&queue).is_some_and(|account| account.cost.is_some())
    }

    /// Charges a queue for a job that it was given, and tells what a job of it is thought to cost.
    pub(super) fn charge(&mut self, queue: QueueId, weight: u32) -> Option<Duration> {
        let account = self.accounts.entry(queue).or_default();
        account.used += account.cost() / f64::from(weight.max(1));
        account.cost.map(Duration::from_secs_f64)
    }

    /// Divides `room` among those that have work, and tells how many places each gets, those that used the least first.
    pub(super) fn divide(&mut self, room: u32, contenders: &[Contender]) -> Vec<(QueueId, u32)> {
        self.welcome(contenders);
        let mut line: Vec<Next> = contenders.iter().filter(|one| one.most > 0).map(|one| self.next(one)).collect();
        line.sort();
        let order: Vec<QueueId> = line.iter().map(|next| next.queue).collect();
        let mut line: BinaryHeap<Reverse<Next>> = line.into_iter().map(Reverse).collect();
        let mut got: HashMap<QueueId, u32> = HashMap::new();
        for _ in 0..room {
            let Some(Reverse(mut next)) = line.pop() else { break };
            let so_far = got.entry(next.queue).or_default();
            *so_far += 1;
            next.used += next.step;
            if *so_far < next.most {
                line.push(Reverse(next));
            }
        }
        order.into_iter().filter_map(|queue| Some((queue, *got.get(&queue)?))).collect()
    }

    /// Whoever was away begins beside the one that used the least.
    fn welcome(&mut self, contenders: &[Contender]) {
        let competed = |one: &&Contender| self.accounts.get(&one.queue).is_some_and(|account| account.competed);
        let least = contenders.iter().filter(competed).map(|one| self.used(one)).min_by(f64::total_cmp);
        let here: HashMap<QueueId, bool> = contenders.iter().map(|one| (one.queue, one.most > 0)).collect();
        for queue in here.keys() {
            let account = self.accounts.entry(*queue).or_default();
            if !account.competed {
                account.used = account.used.max(least.unwrap_or(0.0));
            }
        }
        for (queue, account) in &mut self.accounts {
            account.competed = here.get(queue).copied().unwrap_or(false);
        }
    }

    fn used(&self, contender: &Contender) -> f64 {
        let account = self.accounts.get(&contender.queue).copied().unwrap_or_default();
        account.used + contender.over_s / f64::from(contender.weight.max(1))
    }

    fn next(&self, contender: &Contender) -> Next {
        let account = self.accounts.get(&contender.queue).copied().unwrap_or_default();
        Next {
            used: self.used(contender),
            step: account.cost() / f64::from(contender.weight.max(1)),
            queue: contender.queue,
            most: contender.most,
        }
    }
}

/// A queue in the order in which places are given.
#[derive(Debug, Clone, Copy)]
struct Next {
    used: f64,
    step: f64,
    queue: QueueId,
    most: u32,
}

impl Ord for Next {
    fn cmp(&self, other: &Self) -> Ordering {
        // of equals the one whose turn is worth less, so that a heavy queue is not passed by a light one at the start
        let by = self.used.total_cmp(&other.used).then(self.step.total_cmp(&other.step));
        by.then(self.queue.0.cmp(&other.queue.0))
    }
}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Next {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Next {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn contender(id: i32, weight: u32) -> Contender {
        Contender { queue: QueueId(id), weight, most: u32::MAX, over_s: 0.0 }
    }

    /// Lets queues with work for ever take places, each of their jobs lasting as given, and tells the slot time of each.
    fn served(shares: &mut Shares, queues: &[(u32, f64)], rooms: &[u32]) -> Vec<f64> {
        let contenders: Vec<Contender> = (0..).zip(queues).map(|(id, (weight, _))| contender(id, *weight)).collect();
        let mut time = vec![0.0; queues.len()];
        for room in rooms {
            for (queue, jobs) in shares.divide(*room, &contenders) {
                let (weight, length) = queues[queue.0 as usize];
                for _ in 0..jobs {
                    let paid = shares.charge(queue, weight).unwrap_or(COST_MIN).max(COST_MIN).as_secs_f64();
                    let cost = length.max(COST_MIN.as_secs_f64());
                    shares.write_down(queue, weight, Spent { owed_s: cost - paid, jobs: 1, ran_s: length });
                    time[queue.0 as usize] += cost;
                }
            }
        }
        time
    }

    #[test]
    fn room_is_divided_by_weight_and_those_that_used_the_least_come_first() {
        let mut shares = Shares::new(Instant::now());

        assert_eq!(shares.divide(40, &[contender(1, 1), contender(2, 3)]), [(QueueId(2), 30), (QueueId(1), 10)],);
        assert_eq!(shares.divide(8, &[contender(1, 1)]), [(QueueId(1), 8)]);
    }

    #[test]
    fn single_places_go_around_by_weight() {
        let mut shares = Shares::new(Instant::now());

        let time = served(&mut shares, &[(3, 0.0), (1, 0.0)], &[1; 400]);

        assert!((time[0] / time[1] - 3.0).abs() < 0.05, "{time:?}");
    }

    #[test]
    fn a_queue_that_was_away_saves_up_no_turns() {
        let mut shares = Shares::new(Instant::now());
        served(&mut shares, &[(1, 0.0)], &[10_000]);

        let both = shares.divide(100, &[contender(0, 1), contender(1, 1)]);

        assert_eq!(both.iter().map(|(_, jobs)| *jobs).collect::<Vec<_>>(), [50, 50]);
    }

    #[test]
    fn a_queue_takes_no_more_than_it_may_and_the_others_get_the_rest() {
        let mut shares = Shares::new(Instant::now());
        let bounded = Contender { most: 3, ..contender(1, 9) };

        let mut got = shares.divide(20, &[bounded, contender(2, 1), Contender { most: 0, ..contender(3, 1) }]);

        got.sort_by_key(|(queue, _)| queue.0);
        assert_eq!(got, [(QueueId(1), 3), (QueueId(2), 17)]);
    }

    #[test]
    fn what_runs_counts_before_it_ends() {
        let mut shares = Shares::new(Instant::now());
        let slow = Contender { over_s: 10.0, ..contender(1, 1) };

        assert_eq!(shares.divide(4, &[slow, contender(2, 1)]), [(QueueId(2), 4)]);
    }

    #[test]
    fn what_was_used_long_ago_counts_less_and_less() {
        let start = Instant::now();
        let mut shares = Shares::new(start);
        shares.write_down(QueueId(1), 1, Spent { owed_s: 8.0, jobs: 0, ran_s: 0.0 });

        shares.decay(start + 3 * HALF_LIFE);

        assert!((shares.used(&contender(1, 1)) - 1.0).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn shares_of_slot_time_come_near_the_weights_and_nobody_starves(
            queues in proptest::collection::vec((1_u32..=20, 0.0_f64..0.05), 2..6),
            rooms in proptest::collection::vec(1_u32..40, 50..80),
        ) {
            let mut shares = Shares::new(Instant::now());
            let rooms: Vec<u32> = rooms.iter().cycle().take(3_000).copied().collect();
            let time = served(&mut shares, &queues, &rooms);
            let per_weight: Vec<f64> = time.iter().zip(&queues).map(|(time, (weight, _))| time / f64::from(*weight)).collect();
            let (least, most) = (per_weight.iter().copied().fold(f64::MAX, f64::min), per_weight.iter().copied().fold(0.0, f64::max));
            // at the beginning nobody knows what jobs cost, and a batch is divided before it has run
            prop_assert!(most - least <= 40.0 * 0.05 * 2.0, "{per_weight:?}");
            prop_assert!(least > 0.0);
        }

        #[test]
        fn all_room_is_given_while_anybody_can_take_it(
            most in proptest::collection::vec(0_u32..30, 1..8), room in 1_u32..100,
        ) {
            let contenders: Vec<Contender> =
                (0..).zip(&most).map(|(id, most)| Contender { most: *most, ..contender(id, 1 + id as u32) }).collect();
            let got = Shares::new(Instant::now()).divide(room, &contenders);
            let sum: u32 = got.iter().map(|(_, jobs)| jobs).sum();
            prop_assert_eq!(sum, room.min(most.iter().sum()));
            prop_assert!(got.iter().all(|(queue, jobs)| *jobs <= most[queue.0 as usize]));
        }
    }
}
