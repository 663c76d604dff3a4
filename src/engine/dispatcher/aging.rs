//! Lines of lower priorities whose first job has waited too long get a part of their queue's room.
//!
//! The claim itself goes by priority and place, along one index. So a look at a low rate tells which lines are overdue, and
//! such a line is wanted by itself before the rest of its queue.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::marks::Marks;
use crate::base::db::{DbError, Link};
use crate::queue::aging::overdue;
use crate::queue::claim::{Claimed, PRIORITIES, Want};
use crate::queue::job::QueueId;

/// The part of a queue's room that overdue lines get.
const PART: f64 = 0.25;
/// So many looks in one step of aging …
const LOOKS_PER_STEP: u32 = 8;
/// … within these bounds.
const LOOK_MIN: Duration = Duration::from_millis(50);
const LOOK_MAX: Duration = Duration::from_secs(1);
/// Above every place: nothing of that line is wanted.
const NOTHING: i64 = i64::MAX;

/// What is overdue.
#[derive(Debug)]
pub(super) struct Aging {
    step: Duration,
    looked: Option<Instant>,
    /// The overdue lines of each queue, the one whose turn it is first, and what of its part was not given yet.
    lines: HashMap<QueueId, (Vec<i16>, f64)>,
}

impl Aging {
    pub(super) fn new(step: Duration) -> Self {
        Self { step, looked: None, lines: HashMap::new() }
    }

    /// Looks at the wanted queues, if it is time.
    pub(super) fn look(&mut self, link: &mut Link, marks: &mut Marks, wants: &[Want]) -> Result<(), DbError> {
        let now = Instant::now();
        let every = (self.step / LOOKS_PER_STEP).clamp(LOOK_MIN, LOOK_MAX);
        if self.looked.is_some_and(|at| now.duration_since(at) < every) {
            return Ok(());
        }
        let behind: Vec<Want> =
            wants.iter().map(|want| Want { above: marks.above(want.queue, now), ..*want }).collect();
        let found = link.with(|conn| overdue(conn, &behind, self.step))?;
        self.looked = Some(now);
        self.set(&found);
        Ok(())
    }

    fn set(&mut self, found: &[(QueueId, i16)]) {
        let mut before = std::mem::take(&mut self.lines);
        for (queue, priority) in found {
            let part = before.get_mut(queue).map_or(0.0, |(_, part)| std::mem::take(part));
            let (lines, sum) = self.lines.entry(*queue).or_default();
            lines.push(*priority);
            *sum += part;
        }
    }

    /// Nothing was left behind, so nothing waits.
    pub(super) fn forget(&mut self) {
        self.lines.clear();
    }

    /// Puts what is overdue before the rest of its queue, out of that queue's room.
    pub(super) fn split(&mut self, wants: Vec<Want>) -> Vec<Want> {
        if self.lines.is_empty() {
            return wants;
        }
        wants.into_iter().flat_map(|want| self.split_one(want)).filter(|want| want.jobs_max > 0).collect()
    }

    fn split_one(&mut self, want: Want) -> Vec<Want> {
        let Some((lines, part)) = self.lines.get_mut(&want.queue).filter(|(lines, _)| !lines.is_empty()) else {
            return vec![want];
        };
        *part += f64::from(want.jobs_max) * PART;
        let jobs_max = (*part as u32).min(want.jobs_max);
        *part -= f64::from(jobs_max);
        if jobs_max == 0 {
            return vec![want];
        }
        lines.rotate_left(1);
        let only = only(lines[lines.len() - 1]);
        vec![Want { jobs_max, above: only, ..want }, Want { jobs_max: want.jobs_max - jobs_max, ..want }]
    }

    /// Learns from a claim which of the overdue lines were emptied.
    pub(super) fn learn(&mut self, wants: &[Want], claimed: &[Claimed]) {
        for want in wants {
            let Some(level) = wanted_alone(want) else { continue };
            let got = claimed.iter().filter(|job| job.queue_id == want.queue && job.priority == level).count();
            if got < want.jobs_max as usize
                && let Some((lines, _)) = self.lines.get_mut(&want.queue)
            {
                lines.retain(|line| *line != level);
            }
        }
    }
}

/// Looks at one line alone.
fn only(priority: i16) -> [i64; PRIORITIES] {
    let mut above = [NOTHING; PRIORITIES];
    above[usize::from(priority.unsigned_abs()) - 1] = 0;
    above
}

/// Gives the priority of a want that is for one line alone.
fn wanted_alone(want: &Want) -> Option<i16> {
    let mut open = (1..).zip(want.above).filter(|(_, above)| *above != NOTHING).map(|(priority, _)| priority);
    let first = open.next()?;
    open.next().is_none().then_some(first)
}

/// Sets where a want begins to look, except in lines of which it wants nothing.
pub(super) fn behind(want: &Want, marks: [i64; PRIORITIES]) -> Want {
    let mut above = marks;
    for (mark, wanted) in above.iter_mut().zip(want.above) {
        if wanted == NOTHING {
            *mark = NOTHING;
        }
    }
    Want { above, ..*want }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: QueueId = QueueId(1);

    fn aging(lines: &[i16]) -> Aging {
        let mut aging = Aging::new(Duration::from_secs(30));
        aging.set(&lines.iter().map(|line| (QUEUE, *line)).collect::<Vec<_>>());
        aging
    }

    fn shown(wants: &[Want]) -> Vec<(Option<i16>, u32)> {
        wants.iter().map(|want| (wanted_alone(want), want.jobs_max)).collect()
    }

    #[test]
    fn an_overdue_line_gets_its_part_of_the_room() {
        let wants = aging(&[5]).split(vec![Want::from_start(QUEUE, 40), Want::from_start(QueueId(2), 40)]);

        assert_eq!(shown(&wants), [(Some(5), 10), (None, 30), (None, 40)]);
    }

    #[test]
    fn of_single_places_it_gets_every_fourth_and_overdue_lines_take_turns() {
        let mut aging = aging(&[3, 5]);

        let given: Vec<_> =
            (0..8).filter_map(|_| wanted_alone(&aging.split(vec![Want::from_start(QUEUE, 1)])[0])).collect();

        assert_eq!(given, [3, 5]);
    }

    #[test]
    fn a_line_that_gave_less_is_forgotten() {
        let mut aging = aging(&[5]);
        let wants = aging.split(vec![Want::from_start(QUEUE, 40)]);

        aging.learn(&wants, &[]);

        assert_eq!(shown(&aging.split(vec![Want::from_start(QUEUE, 40)])), [(None, 40)]);
    }

    #[test]
    fn marks_open_no_line_that_is_not_wanted() {
        let alone = behind(&Want { queue: QUEUE, jobs_max: 1, above: only(4) }, [1, 2, 3, 4, 5]);

        assert_eq!(alone.above, [NOTHING, NOTHING, NOTHING, 4, NOTHING]);
    }
}
