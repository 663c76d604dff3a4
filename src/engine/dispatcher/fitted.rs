//! Jobs that only nodes with some labels may run: turning away those that are not for this node, and taking those that are.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Shared;
use super::aging::Overdue;
use crate::base::db::{DbError, Link};
use crate::engine::buffer::Assigned;
use crate::queue::aging::overdue_in_lanes;
use crate::queue::claim::{Claimed, FEW_MAX, FittedWant, claim_fitted};
use crate::queue::fit::{self, Labels, fits};
use crate::queue::job::QueueId;
use crate::queue::ring;
use crate::queue::settle::{Ending, Settlement, settle};

/// The part of a node's room that goes first to jobs which cannot run elsewhere.
const PART: f64 = 0.75;

/// The lanes that are for this node.
#[derive(Debug)]
pub(super) struct Fitted {
    labels: Labels,
    /// Those in which jobs waited at the last look.
    lanes: Vec<(QueueId, String)>,
    cursor: fit::Cursor,
    /// What of the part was not used yet.
    part: f64,
    /// Their lines that wait too long behind higher priorities.
    aging: Overdue<String>,
}

impl Fitted {
    /// Starts without lanes on a node with `labels`.
    pub(super) fn new(labels: Labels, step: Duration) -> Self {
        let (lanes, cursor, aging) = (Vec::new(), fit::Cursor::default(), Overdue::new(step));
        Self { labels, lanes, cursor, part: 0.0, aging }
    }

    /// Claims from the lanes that are for this node, at most a part of `room`; `most` tells how many a queue may take. Nodes
    /// without labels ask nothing.
    pub(super) fn claim(
        &mut self,
        link: &mut Link,
        shared: &Shared,
        room: u32,
        most: impl Fn(QueueId) -> u32,
    ) -> Result<Vec<Claimed>, DbError> {
        if self.labels.is_empty() {
            return Ok(Vec::new());
        }
        if self.lanes.is_empty() {
            self.lanes = link.with(|conn| fit::waiting(conn, &self.labels, &mut self.cursor))?;
        }
        if self.lanes.is_empty() {
            return Ok(Vec::new());
        }
        self.part = (self.part + f64::from(room) * PART).min(f64::from(FEW_MAX));
        let jobs_max = (self.part as u32).min(room);
        if jobs_max == 0 {
            return Ok(Vec::new());
        }
        let lanes: Vec<&str> = self.lanes.iter().map(|(_, lane)| lane.as_str()).collect();
        self.aging.look(|step| link.with(|conn| overdue_in_lanes(conn, &lanes, step)))?;
        let wants = self.wants(jobs_max, most);
        let claimed = link.with(|conn| claim_fitted(conn, shared.me, &wants, jobs_max))?;
        self.part -= claimed.len() as f64;
        if claimed.len() < jobs_max as usize {
            self.lanes.clear(); // they are looked for again
            self.aging.forget();
        } else {
            self.lanes.rotate_left(1);
        }
        Ok(claimed)
    }

    /// Several lanes may be of one queue, which takes no more for that. What is overdue stands before the rest of its lane.
    fn wants(&mut self, jobs_max: u32, most: impl Fn(QueueId) -> u32) -> Vec<FittedWant> {
        let mut left: BTreeMap<QueueId, u32> = BTreeMap::new();
        let mut wants = Vec::with_capacity(self.lanes.len());
        for (queue, lane) in &self.lanes {
            let left = left.entry(*queue).or_insert_with(|| most(*queue).min(jobs_max));
            let take = if most(*queue) > jobs_max { jobs_max } else { std::mem::take(left) };
            let aged = self.aging.part(lane.as_str(), take);
            let rest = take - aged.map_or(0, |(_, jobs_max)| jobs_max);
            for (priority, jobs_max) in
                aged.map(|(priority, jobs)| (Some(priority), jobs)).into_iter().chain([(None, rest)])
            {
                if jobs_max > 0 {
                    wants.push(FittedWant { lane: lane.clone(), jobs_max, priority });
                }
            }
        }
        wants
    }

    /// Keeps what this node may run. The others have left their leases: they wait for a node with their labels, and such
    /// nodes hear of it.
    pub(super) fn turn_away(&self, link: &mut Link, shared: &Shared, assigned: Vec<Assigned>) -> Vec<Assigned> {
        let is_misfit =
            |one: &Assigned| one.version.spec.as_ref().is_ok_and(|spec| !fits(&self.labels, &spec.requires));
        if !assigned.iter().any(is_misfit) {
            return assigned;
        }
        let (away, kept): (Vec<_>, Vec<_>) = assigned.into_iter().partition(is_misfit);
        let now = shared.clock.now();
        let results: Vec<Settlement> = away
            .iter()
            .filter_map(|one| {
                let lane = fit::lane(one.job.queue_id, &one.version.spec.as_ref().ok()?.requires);
                let ending = Ending::Gated { lane, not_before: None, amount: 1 };
                Some(Settlement { ending, ..Settlement::unstarted(&one.job, now) })
            })
            .collect();
        let done = link.with(|conn| {
            settle(conn, shared.me, &results)?;
            ring::notify(conn)
        });
        if let Err(error) = done {
            tracing::warn!(%error, "jobs for other nodes could not be passed on at once");
            results.into_iter().for_each(|result| shared.results.push(result)); // what was settled is left out
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_of_one_queue_share_what_it_may_take() {
        let lanes = [(1, "x1:a=1"), (1, "x1:b=1"), (2, "x2:a=1")];
        let lanes = lanes.map(|(queue, lane)| (QueueId(queue), lane.to_owned())).into();
        let mut fitted = Fitted { lanes, ..Fitted::new(Labels::new(), Duration::from_secs(30)) };

        let wants = fitted.wants(8, |queue| if queue == QueueId(1) { 3 } else { u32::MAX });

        let shown: Vec<_> = wants.iter().map(|want| (want.lane.as_str(), want.jobs_max)).collect();
        assert_eq!(shown, [("x1:a=1", 3), ("x2:a=1", 8)]);
    }
}
