//! Lines of lower priorities whose first job has waited too long get a part of their queue's room.
//!
//! The claim itself goes by priority and place, along one index. So a look at a low rate tells which lines are overdue, and
//! such a line is wanted by itself before the rest of its queue.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

use super::marks::Marks;
use crate::base::db::{DbError, Link};
use crate::queue::aging::{look_every, overdue};
use crate::queue::claim::{Claimed, PRIORITIES, Want};
use crate::queue::job::QueueId;

/// The part of the room that overdue lines get.
const PART: f64 = 0.25;
/// Above every place: nothing of that line is wanted.
const NOTHING: i64 = i64::MAX;

/// The overdue lines of queues or lanes.
#[derive(Debug)]
pub(super) struct Overdue<K> {
    step: Duration,
    looked: Option<Instant>,
    /// The overdue lines of each, the one whose turn it is first, and what of its part was not given yet.
    lines: HashMap<K, (Vec<i16>, f64)>,
}

impl<K: Hash + Eq> Overdue<K> {
    pub(super) fn new(step: Duration) -> Self {
        Self { step, looked: None, lines: HashMap::new() }
    }

    /// Looks by `find`, which is told the step, if it is time.
    pub(super) fn look(
        &mut self,
        find: impl FnOnce(Duration) -> Result<Vec<(K, i16)>, DbError>,
    ) -> Result<(), DbError> {
        let now = Instant::now();
        if self.looked.is_some_and(|at| now.duration_since(at) < look_every(self.step)) {
            return Ok(());
        }
        let found = find(self.step)?;
        self.looked = Some(now);
        self.set(found);
        Ok(())
    }

    fn set(&mut self, found: Vec<(K, i16)>) {
        let mut before = std::mem::take(&mut self.lines);
        for (of, priority) in found {
            let part = before.get_mut(&of).map_or(0.0, |(_, part)| std::mem::take(part));
            let (lines, sum) = self.lines.entry(of).or_default();
            lines.push(priority);
            *sum += part;
        }
    }

    /// Gives the line whose turn it is and how much of the room it gets now; `None` = nothing.
    pub(super) fn part<Q: Hash + Eq + ?Sized>(&mut self, of: &Q, room: u32) -> Option<(i16, u32)>
    where
        K: std::borrow::Borrow<Q>,
    {
        let (lines, part) = self.lines.get_mut(of).filter(|(lines, _)| !lines.is_empty())?;
        *part += f64::from(room) * PART;
        let jobs_max = (*part as u32).min(room);
        *part -= f64::from(jobs_max);
        if jobs_max == 0 {
            return None;
        }
        lines.rotate_left(1);
        Some((lines[lines.len() - 1], jobs_max))
    }

    /// A line gave less than it was asked for.
    pub(super) fn emptied<Q: Hash + Eq + ?Sized>(&mut self, of: &Q, priority: i16)
    where
        K: std::borrow::Borrow<Q>,
    {
        if let Some((lines, _)) = self.lines.get_mut(of) {
            lines.retain(|line| *line != priority);
        }
    }

    /// Nothing was left behind, so nothing waits.
    pub(super) fn forget(&mut self) {
        self.lines.clear();
    }
}

/// What is overdue in the lines of queues.
pub(super) type Aging = Overdue<QueueId>;

impl Aging {
    /// Looks at the wanted queues, if it is time.
    pub(super) fn look_at(&mut self, link: &mut Link, marks: &mut Marks, wants: &[Want]) -> Result<(), DbError> {
        self.look(|step| {
            let now = Instant::now();
            let behind: Vec<Want> =
                wants.iter().map(|want| Want { above: marks.above(want.queue, now), ..*want }).collect();
            link.with(|conn| overdue(conn, &behind, step))
        })
    }

    /// Puts what is overdue before the rest of its queue, out of that queue's room.
    pub(super) fn split(&mut self, wants: Vec<Want>) -> Vec<Want> {
        if self.lines.is_empty() {
            return wants;
        }
        wants.into_iter().flat_map(|want| self.split_one(want)).filter(|want| want.jobs_max > 0).collect()
    }

    fn split_one(&mut self, want: Want) -> Vec<Want> {
        match self.part(&want.queue, want.jobs_max) {
            None => vec![want],
            Some((priority, jobs_max)) => vec![
                Want { jobs_max, above: only(priority), ..want },
                Want { jobs_max: want.jobs_max - jobs_max, ..want },
            ],
        }
    }

    /// Learns from a claim which of the overdue lines were emptied.
    pub(super) fn learn(&mut self, wants: &[Want], claimed: &[Claimed]) {
        for want in wants {
            let Some(level) = wanted_alone(want) else { continue };
            let got = claimed.iter().filter(|job| job.queue_id == want.queue && job.priority == level).count();
            if got < want.jobs_max as usize {
                self.emptied(&want.queue, level);
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
        aging.set(lines.iter().map(|line| (QUEUE, *line)).collect());
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
