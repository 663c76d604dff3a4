//! Low-water marks: where claims begin to look.
//!
//! Rows that were claimed stay in the index until vacuum, and while somebody holds an old snapshot vacuum may not remove
//! them. A claim that began at the front would walk over all of them each time. So each line remembers up to where it was
//! claimed and begins behind that. Places are drawn before they are committed, and others may give back what they have locked,
//! hence a mark follows only after a while, and once a second a claim begins at the fronts of the lines: below these nobody
//! stands, whatever its transaction, and nobody can come. Every few minutes one begins at zero, in case that was ever wrong.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::queue::claim::{Above, Claimed, Front, PRIORITIES};
use crate::queue::horizon::{Horizon, Sight};
use crate::queue::job::QueueId;

/// How long a place stays in view after a later one was claimed: most transactions commit within it.
const COMMIT_WITHIN: Duration = Duration::from_millis(50);
/// How often a claim begins at the fronts.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// How often one begins at zero.
const WHOLE_EVERY: Duration = Duration::from_secs(300);
/// A look from the fronts that took no longer may be repeated whenever a claim found nothing.
const CHEAP: Duration = Duration::from_millis(2);

/// One line: the jobs of one priority in one queue.
#[derive(Debug, Clone, Copy)]
struct Line {
    mark: i64,
    next: i64,
    next_since: Instant,
    highest: i64,
}

impl Line {
    fn new(now: Instant) -> Self {
        Self { mark: 0, next: 0, next_since: now, highest: 0 }
    }

    fn advance(&mut self, now: Instant) {
        if now.duration_since(self.next_since) >= COMMIT_WITHIN {
            *self = Self { mark: self.next, next: self.highest, next_since: now, highest: self.highest };
        }
    }
}

/// The marks of all lines that this node has claimed from.
#[derive(Debug, Default)]
pub(super) struct Marks {
    lines: HashMap<(QueueId, i16), Line>,
    /// Below these places nobody stands and nobody can come.
    fronts: HashMap<(QueueId, i16), i64>,
    horizon: Horizon,
    /// When a claim began at zero.
    whole: Option<Instant>,
    /// The next one does.
    is_whole: bool,
    swept: Option<Instant>,
    sweep_took: Duration,
}

impl Marks {
    /// Tells whether the next claim has to begin at the fronts, which are to be looked for before.
    pub(super) fn sweep_is_due(&self, now: Instant) -> bool {
        self.swept.is_none_or(|at| now.duration_since(at) >= SWEEP_EVERY)
    }

    /// Tells whether looking from the fronts costs so little that it may be done at any time.
    pub(super) fn sweep_is_cheap(&self) -> bool {
        self.sweep_took <= CHEAP
    }

    /// A look from the fronts has ended.
    pub(super) fn swept(&mut self, now: Instant, took: Duration) {
        (self.swept, self.sweep_took, self.is_whole) = (Some(now), took, false);
    }

    /// Remembers what was claimed.
    pub(super) fn claimed(&mut self, jobs: &[Claimed], now: Instant) {
        // in the order of the lines, so that each line is looked up once
        for line in jobs.chunk_by(|a, b| (a.queue_id, a.priority) == (b.queue_id, b.priority)) {
            let key = (line[0].queue_id, line[0].priority);
            let known = self.lines.entry(key).or_insert_with(|| Line::new(now));
            known.highest = line.iter().map(|job| job.seq).fold(known.highest, i64::max);
            let front = self.fronts.get(&key).copied().unwrap_or_default();
            if line.iter().any(|job| job.seq <= front) {
                self.fronts.remove(&key); // somebody stood where nobody could
            }
        }
    }

    /// Learns where the lines begin.
    pub(super) fn learn(&mut self, sight: Sight, fronts: &[Front], now: Instant) {
        let settled = self.horizon.look(sight);
        if self.whole.is_none_or(|at| now.duration_since(at) >= WHOLE_EVERY) {
            (self.whole, self.is_whole) = (Some(now), true);
        }
        for (queue, priority, first) in fronts {
            let front = first.map_or(settled, |first| settled.min(first - 1));
            self.fronts.insert((*queue, *priority), front);
        }
    }

    /// What was learned may not hold any more: another server may have taken over.
    pub(super) fn forget_fronts(&mut self) {
        self.fronts.clear();
        self.horizon = Horizon::default();
    }

    /// Gives where a claim begins that begins at the fronts.
    pub(super) fn start(&self, queue: QueueId) -> Above {
        if self.is_whole { [0; PRIORITIES] } else { self.fronts(queue) }
    }

    /// Gives where the lines of a queue begin.
    pub(super) fn fronts(&self, queue: QueueId) -> Above {
        [1, 2, 3, 4, 5].map(|priority| self.fronts.get(&(queue, priority)).copied().unwrap_or_default())
    }

    /// Gives where to look in a queue.
    pub(super) fn above(&mut self, queue: QueueId, now: Instant) -> Above {
        let mut above = [0; PRIORITIES];
        for (priority, above) in (1..).zip(&mut above) {
            if let Some(line) = self.lines.get_mut(&(queue, priority)) {
                line.advance(now);
                *above = line.mark;
            }
        }
        above
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_follows_what_was_claimed_after_a_while() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut marks = Marks::default();
        let mut line = Line::new(start);
        line.highest = 7;
        marks.lines.insert((QueueId(1), 3), line);

        assert_eq!(marks.above(QueueId(1), at(10)), [0; 5]);
        assert_eq!(marks.above(QueueId(1), at(60)), [0; 5]);
        assert_eq!(marks.above(QueueId(1), at(120)), [0, 0, 7, 0, 0]);
        assert_eq!(marks.above(QueueId(2), at(120)), [0; 5]);
    }

    #[test]
    fn claims_begin_where_the_first_stands_and_now_and_then_at_zero() {
        let start = Instant::now();
        let mut marks = Marks::default();
        let queue = QueueId(1);
        let sight = |drawn, open| Sight { drawn, oldest_open: open, own: open };

        marks.learn(sight(100, 1), &[(queue, 3, Some(60))], start);
        assert_eq!(marks.start(queue), [0; 5], "nothing is settled yet");
        marks.swept(start, Duration::ZERO);
        marks.learn(sight(200, 2), &[(queue, 3, Some(60))], start);
        marks.learn(sight(300, 3), &[(queue, 3, Some(150)), (queue, 4, None)], start);
        assert_eq!(marks.start(queue), [0, 0, 100, 100, 0], "below 100 all is settled");
        marks.learn(sight(400, 4), &[(queue, 3, Some(150))], start);
        assert_eq!(marks.start(queue), [0, 0, 149, 100, 0], "somebody stands at 150");

        marks.learn(sight(500, 5), &[(queue, 3, Some(150))], start + WHOLE_EVERY);
        assert_eq!(marks.start(queue), [0; 5]);
        marks.swept(start, Duration::ZERO);
        assert_eq!(marks.start(queue), [0, 0, 149, 100, 0]);
        marks.forget_fronts();
        assert_eq!(marks.start(queue), [0; 5]);
    }

    #[test]
    fn everything_is_looked_at_once_a_second() {
        let start = Instant::now();
        let mut marks = Marks::default();
        assert!(marks.sweep_is_due(start));

        marks.swept(start, Duration::from_millis(50));

        assert!(!marks.sweep_is_due(start + Duration::from_millis(900)));
        assert!(!marks.sweep_is_cheap());
        assert!(marks.sweep_is_due(start + Duration::from_secs(1)));
    }
}
