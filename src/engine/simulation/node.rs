//! A node of the simulation: what its process knows, and a clock of its own.

use std::collections::VecDeque;
use std::time::Duration;

use super::database::LEASE;
use super::rules::Rules;
use crate::engine::fence::Fence;
use crate::queue::settle::Ending;

/// Code that runs.
pub(super) struct Run {
    pub(super) job: usize,
    pub(super) fence: i64,
    pub(super) attempt: u16,
    pub(super) ends_ms: u64,
    pub(super) fails: bool,
    /// It does not hear that it shall stop.
    pub(super) deaf: bool,
}

/// A result that is not known to be recorded.
pub(super) struct Outcome {
    pub(super) job: usize,
    pub(super) fence: i64,
    pub(super) ending: Ending,
}

/// A process, as long as it lives.
pub(super) struct Process {
    pub(super) epoch: i64,
    pub(super) fence: Fence,
    pub(super) running: Vec<Run>,
    pub(super) outcomes: VecDeque<Outcome>,
    /// Leases that the last look found unknown.
    pub(super) suspects: Vec<i64>,
}

/// A machine.
pub(super) struct Node {
    /// Its clock, against the database's: milliseconds ahead, and thousandths that it runs fast.
    ahead_ms: u64,
    fast: i64,
    pub(super) process: Option<Process>,
    /// It stands still until then.
    pub(super) still_until_ms: u64,
    /// It reaches nobody until then.
    pub(super) cut_until_ms: u64,
    /// It declares nobody lost until then.
    pub(super) patient_until_ms: u64,
}

impl Node {
    pub(super) fn new(ahead_ms: u64, fast: i64) -> Self {
        Self { ahead_ms, fast, process: None, still_until_ms: 0, cut_until_ms: 0, patient_until_ms: 0 }
    }

    /// Tells its time since boot when the database's clock shows `now_ms`.
    pub(super) fn boottime(&self, now_ms: u64) -> Duration {
        Duration::from_millis(self.ahead_ms + now_ms.saturating_add_signed(now_ms as i64 * self.fast / 1_000))
    }

    /// Starts its process under this epoch; the lease counts from `sent`.
    pub(super) fn start(&mut self, epoch: i64, sent: Duration) {
        let fence = Fence::new(LEASE, sent);
        self.process =
            Some(Process { epoch, fence, running: Vec::new(), outcomes: VecDeque::new(), suspects: Vec::new() });
    }

    pub(super) fn stands_still(&self, now_ms: u64) -> bool {
        self.still_until_ms > now_ms
    }

    pub(super) fn is_cut(&self, now_ms: u64) -> bool {
        self.cut_until_ms > now_ms
    }

    /// What the watch does: stops all code once the lease could not be renewed.
    pub(super) fn watch(&mut self, now_ms: u64, rules: &Rules) {
        let now = self.boottime(now_ms);
        let Some(process) = &mut self.process else { return };
        if (rules.must_stop)(&process.fence, now) {
            process.stop(|run| !run.deaf);
        }
    }
}

impl Process {
    /// Stops code that obeys; its jobs are given back.
    pub(super) fn stop(&mut self, which: impl Fn(&Run) -> bool) {
        let (stopped, rest) = self.running.drain(..).partition(|run| which(run));
        self.running = rest;
        for Run { job, fence, .. } in stopped {
            let ending = Ending::HandedBack { stopped: Some(crate::queue::work::Stop::LeaseLost) };
            self.outcomes.push_back(Outcome { job, fence, ending });
        }
    }

    /// Tells whether it knows an attempt.
    pub(super) fn knows(&self, fence: i64) -> bool {
        self.running.iter().any(|run| run.fence == fence) || self.outcomes.iter().any(|outcome| outcome.fence == fence)
    }
}
