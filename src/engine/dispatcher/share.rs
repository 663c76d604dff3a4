//! Which queues are asked, in which order and for how many jobs.

use std::collections::{BTreeMap, HashSet};

use crate::queue::catalog::Queue;
use crate::queue::claim::Want;
use crate::queue::job::QueueId;

/// Divides `room` among queues by weight. Queues that had work at the last look share it; the others are asked too, last,
/// in case something came. The claim's own limit keeps the sum within `room`; `turn` changes who is asked first.
pub(super) fn share(
    room: u32,
    queues: &[Queue],
    served: Option<&BTreeMap<String, u32>>,
    idle: &HashSet<QueueId>,
    turn: usize,
) -> Vec<Want> {
    let weight = |queue: &Queue| {
        let own = served.and_then(|served| served.get(&queue.name).copied()).filter(|weight| *weight > 0);
        u64::from(own.unwrap_or(queue.weight.unsigned_abs()).max(1))
    };
    let (mut asleep, mut awake): (Vec<&Queue>, Vec<&Queue>) = queues.iter().partition(|queue| idle.contains(&queue.id));
    for group in [&mut awake, &mut asleep] {
        let start = turn % group.len().max(1);
        group.rotate_left(start);
    }
    let all: u64 = awake.iter().map(|queue| weight(queue)).sum();
    let part = |queue: &Queue| (u64::from(room) * weight(queue)).div_ceil(all.max(1)).clamp(1, u64::from(room)) as u32;
    awake.into_iter().chain(asleep).map(|queue| Want::from_start(queue.id, part(queue))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(id: i32, weight: i32) -> Queue {
        Queue { id: QueueId(id), name: format!("q{id}"), weight, paused: false, concurrency: None }
    }

    fn asked(wants: &[Want]) -> Vec<(i32, u32)> {
        wants.iter().map(|want| (want.queue.0, want.jobs_max)).collect()
    }

    #[test]
    fn room_is_shared_by_weight_and_nobody_is_passed_over() {
        let two = [queue(1, 3), queue(2, 1)];

        assert_eq!(asked(&share(40, &two, None, &HashSet::new(), 0)), [(1, 30), (2, 10)]);
        assert_eq!(asked(&share(1, &two, None, &HashSet::new(), 1)), [(2, 1), (1, 1)]);
    }

    #[test]
    fn idle_queues_leave_their_share_and_are_asked_last() {
        let three = [queue(1, 1), queue(2, 1), queue(3, 1)];

        assert_eq!(asked(&share(40, &three, None, &HashSet::from([QueueId(1)]), 0)), [(2, 20), (3, 20), (1, 20)]);
    }

    #[test]
    fn a_nodes_own_weights_win() {
        let own = BTreeMap::from([("q1".to_owned(), 1), ("q2".to_owned(), 3)]);

        let wants = share(40, &[queue(1, 3), queue(2, 1)], Some(&own), &HashSet::new(), 0);

        assert_eq!(asked(&wants), [(1, 10), (2, 30)]);
    }
}
