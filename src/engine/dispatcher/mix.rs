//! The order in which claimed jobs of several queues begin: each queue's evenly among the others', so that shares hold at any
//! moment and not only from claim to claim.

use std::collections::HashMap;

use crate::queue::job::QueueId;

/// Mixes jobs of several queues; those of one keep their order.
pub(super) fn mix<T>(jobs: Vec<T>, queue: impl Fn(&T) -> QueueId) -> Vec<T> {
    let mut counts: HashMap<QueueId, u32> = HashMap::new();
    jobs.iter().for_each(|job| *counts.entry(queue(job)).or_default() += 1);
    if counts.len() < 2 {
        return jobs;
    }
    let mut seen: HashMap<QueueId, u32> = HashMap::new();
    let mut placed: Vec<(f64, T)> = jobs
        .into_iter()
        .map(|job| {
            let of = queue(&job);
            let nth = seen.entry(of).or_default();
            *nth += 1;
            ((f64::from(*nth) - 0.5) / f64::from(counts[&of]), job)
        })
        .collect();
    placed.sort_by(|a, b| a.0.total_cmp(&b.0));
    placed.into_iter().map(|(_, job)| job).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_are_mixed_evenly_and_each_keeps_its_order() {
        let jobs: Vec<(i32, i32)> = (0..6).map(|n| (1, n)).chain((0..2).map(|n| (2, n))).collect();

        let mixed = mix(jobs, |job| QueueId(job.0));

        assert_eq!(mixed, [(1, 0), (1, 1), (2, 0), (1, 2), (1, 3), (1, 4), (2, 1), (1, 5)]);
    }
}
