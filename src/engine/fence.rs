//! Self-fencing (G7): a node that cannot renew its lease stops before somebody else may take its jobs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::Shared;
use crate::base::clock::boottime;
use crate::queue::work::Stop;

/// Knows until when this node may act. Time is counted on `CLOCK_BOOTTIME` from *before* a heartbeat was sent, so that it
/// ends earlier here than in the database, also across a suspended machine.
pub(crate) struct Fence {
    lease: Duration,
    renewed_ms: AtomicU64,
    superseded: AtomicBool,
}

impl Fence {
    /// Starts with a lease counted from `sent`, when the node asked to be registered: that was a heartbeat.
    pub(crate) fn new(lease: Duration, sent: Duration) -> Self {
        Self { lease, renewed_ms: AtomicU64::new(sent.as_millis() as u64), superseded: AtomicBool::new(false) }
    }

    /// The lease was renewed by a heartbeat sent at `sent`.
    pub(crate) fn renew(&self, sent: Duration) {
        self.renewed_ms.fetch_max(sent.as_millis() as u64, Ordering::AcqRel);
    }

    /// Another process owns the node's name, or the node was declared lost.
    pub(crate) fn supersede(&self) {
        self.superseded.store(true, Ordering::Release);
    }

    pub(crate) fn is_superseded(&self) -> bool {
        self.superseded.load(Ordering::Acquire)
    }

    /// Time until work must have stopped.
    pub(crate) fn time_left(&self) -> Duration {
        self.time_left_at(boottime())
    }

    /// The lease less a margin of a fifth for stopping the work.
    pub(super) fn time_left_at(&self, now: Duration) -> Duration {
        let end = Duration::from_millis(self.renewed_ms.load(Ordering::Acquire)) + self.lease.mul_f64(0.8);
        if self.is_superseded() { Duration::ZERO } else { end.saturating_sub(now) }
    }

    /// Whether new work may be claimed.
    pub(crate) fn may_claim(&self) -> bool {
        self.may_claim_at(boottime())
    }

    /// Not while more than half of the lease has passed without a heartbeat.
    pub(super) fn may_claim_at(&self, now: Duration) -> bool {
        self.time_left_at(now) > self.lease.mul_f64(0.3)
    }
}

/// How often the watch looks; much shorter than the margin of a fifth of the lease.
pub(super) const LOOK: Duration = Duration::from_millis(200);

/// Stops all work once the lease could not be renewed. A thread of its own, because the heartbeat itself may hang for
/// seconds in a network that swallows what is sent.
pub(crate) fn watch(shared: &Arc<Shared>) {
    let mut said = false;
    while !shared.ending.wait(LOOK) {
        let lost = shared.fence.time_left().is_zero();
        if lost && shared.pool.busy() > 0 {
            shared.pool.stop_all(Stop::LeaseLost);
            if !said {
                tracing::error!(jobs = shared.pool.busy(), "the lease could not be renewed; stopping all work");
            }
        }
        said = lost;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unrenewed_lease_stops_claims_first_and_work_later() {
        let fence = Fence::new(Duration::from_secs(10), boottime());
        assert!(fence.may_claim());

        let six_seconds_ago = boottime().saturating_sub(Duration::from_secs(6)).as_millis() as u64;
        fence.renewed_ms.store(six_seconds_ago, Ordering::Release);
        assert!(!fence.may_claim());
        assert!(!fence.time_left().is_zero());

        let nine_seconds_ago = boottime().saturating_sub(Duration::from_secs(9)).as_millis() as u64;
        fence.renewed_ms.store(nine_seconds_ago, Ordering::Release);
        assert!(fence.time_left().is_zero());
    }

    #[test]
    fn the_first_lease_counts_from_before_registering() {
        let fence = Fence::new(Duration::from_secs(10), boottime().saturating_sub(Duration::from_secs(9)));

        assert!(fence.time_left().is_zero());
    }

    #[test]
    fn a_superseded_node_may_do_nothing() {
        let fence = Fence::new(Duration::from_secs(10), boottime());

        fence.supersede();

        assert!(!fence.may_claim());
        assert!(fence.time_left().is_zero());
    }
}
