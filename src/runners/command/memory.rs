//! The largest memory of a command.
//!
//! `wait4` knows it, but never says less than what *we* used when we forked: the kernel counts the copy of us that lived
//! until exec. So the leader is looked at while it runs, seldom, and the larger number counts where it can be trusted.

use std::fs;
use std::time::{Duration, Instant};

/// When the leader is looked at first, counted from its start; then every second.
const LOOKS: [Duration; 3] = [Duration::from_millis(20), Duration::from_millis(200), Duration::from_secs(1)];
const EVERY: Duration = Duration::from_secs(1);
/// How far above our own memory a number of `wait4` must be to be the command's, in bytes: we grow and shrink, too.
const MARGIN_BYTES: u64 = 4 * 1024 * 1024;

/// The largest memory that was seen.
#[derive(Debug)]
pub(super) struct Peak {
    pid: libc::pid_t,
    started: Instant,
    looks: u32,
    seen_bytes: Option<u64>,
    own_bytes: u64,
}

impl Peak {
    /// Will look at the process `pid`, that was just started: what it uses at once says nothing of it.
    pub(super) fn new(pid: libc::pid_t) -> Self {
        let own_bytes = read("self", "VmHWM:").unwrap_or(u64::MAX);
        Self { pid, started: Instant::now(), looks: 0, seen_bytes: None, own_bytes }
    }

    /// Tells when to look next.
    pub(super) fn due(&self) -> Instant {
        let early = LOOKS.get(self.looks as usize).copied();
        self.started + early.unwrap_or_else(|| EVERY * (self.looks + 2 - LOOKS.len() as u32))
    }

    /// Looks if it is time.
    pub(super) fn sample_when_due(&mut self) {
        if Instant::now() < self.due() {
            return;
        }
        self.looks = self.looks.saturating_add(1);
        self.seen_bytes = self.seen_bytes.max(read(&self.pid.to_string(), "VmHWM:"));
    }

    /// Gives the largest memory, in bytes, knowing what `wait4` said.
    pub(super) fn together_with(&self, waited_bytes: u64) -> Option<u64> {
        let trusted = waited_bytes > self.own_bytes.saturating_add(MARGIN_BYTES);
        self.seen_bytes.max(trusted.then_some(waited_bytes))
    }
}

/// Reads a number of KiB from a process's status; `None` once it has ended.
fn read(pid: &str, field: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_become_rare() {
        let mut peak = Peak { pid: 0, started: Instant::now(), looks: 0, seen_bytes: None, own_bytes: 0 };
        let mut dues = Vec::new();

        for _ in 0..6 {
            dues.push((peak.due() - peak.started).as_millis());
            peak.looks += 1;
        }

        assert_eq!(dues, [20, 200, 1_000, 2_000, 3_000, 4_000]);
    }

    #[test]
    fn our_own_memory_is_not_taken_for_the_commands() {
        let peak = Peak { pid: 0, started: Instant::now(), looks: 0, seen_bytes: Some(1 << 20), own_bytes: 100 << 20 };

        assert_eq!(peak.together_with(101 << 20), Some(1 << 20));
        assert_eq!(peak.together_with(300 << 20), Some(300 << 20));
        assert!(read("self", "VmHWM:").is_some_and(|bytes| bytes > 1 << 20));
    }
}
