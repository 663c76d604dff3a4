//! Telling running work to stop, and hearing it.

use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Why an attempt has to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// Somebody cancelled the job.
    #[error("cancelled")]
    Cancelled,
    /// The same, without time to end in order.
    #[error("terminated")]
    Terminated,
    /// The attempt used its time.
    #[error("the attempt took longer than its timeout")]
    TimedOut,
    /// The node is going away; the job is handed back without counting the attempt.
    #[error("the node is draining")]
    Draining,
    /// The node lost its lease: somebody else may own the job now, and nothing more of this attempt is kept.
    #[error("the lease was lost")]
    LeaseLost,
}

const STOPS: [Stop; 5] = [Stop::Cancelled, Stop::TimedOut, Stop::Draining, Stop::LeaseLost, Stop::Terminated];

/// A signal that is raised at most once and then stays raised with its first reason; only [`Stop::LeaseLost`] overrides, and
/// [`Stop::Terminated`] a cancel.
#[derive(Debug, Default)]
pub struct StopSignal {
    raised: AtomicU8, // 0 = not raised, else index in STOPS + 1
    gate: Mutex<()>,
    bell: Condvar,
    event: OnceLock<RawFd>, // made when somebody first wants to poll()
}

impl StopSignal {
    /// Raises the signal and wakes whoever sleeps on it.
    pub fn raise(&self, why: Stop) {
        let code = STOPS.iter().position(|stop| *stop == why).map_or(0, |at| at as u8 + 1);
        let _gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let is_harder = why == Stop::LeaseLost || (why == Stop::Terminated && self.reason() == Some(Stop::Cancelled));
        if self.raised.load(Ordering::Acquire) == 0 || is_harder {
            self.raised.store(code, Ordering::Release);
        }
        if let Some(fd) = self.event.get() {
            ring(*fd);
        }
        self.bell.notify_all();
    }

    /// Tells the reason once raised.
    pub fn reason(&self) -> Option<Stop> {
        STOPS.get(usize::from(self.raised.load(Ordering::Acquire)).wrapping_sub(1)).copied()
    }

    /// Sleeps for `length` or until raised.
    ///
    /// # Errors
    /// The reason, as soon as the signal is raised.
    pub fn sleep(&self, length: Duration) -> Result<(), Stop> {
        let end = Instant::now() + length;
        let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(stop) = self.reason() {
                return Err(stop);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            gate = self.bell.wait_timeout(gate, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Gives a descriptor that becomes readable once the signal is raised, for `poll(2)`; −1 when none could be made.
    /// It lives as long as the signal; nobody else may close or read it.
    pub fn descriptor(&self) -> RawFd {
        let _gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: eventfd has no memory preconditions.
        let fd = *self.event.get_or_init(|| unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) });
        if self.reason().is_some() {
            ring(fd);
        }
        fd
    }
}

impl Drop for StopSignal {
    fn drop(&mut self) {
        if let Some(fd) = self.event.get().copied().filter(|fd| *fd >= 0) {
            // SAFETY: we made the descriptor and nobody else may close it.
            unsafe { libc::close(fd) };
        }
    }
}

fn ring(fd: RawFd) {
    let one = 1u64.to_ne_bytes();
    // SAFETY: `one` is 8 readable bytes. A full counter means it is readable already, so the result does not matter.
    unsafe { libc::write(fd, one.as_ptr().cast(), one.len()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_stays_but_a_lost_lease_wins() {
        let signal = StopSignal::default();
        assert_eq!(signal.reason(), None);

        signal.raise(Stop::Cancelled);
        signal.raise(Stop::TimedOut);
        assert_eq!(signal.reason(), Some(Stop::Cancelled));

        signal.raise(Stop::LeaseLost);
        assert_eq!(signal.reason(), Some(Stop::LeaseLost));
    }

    #[test]
    fn raising_wakes_a_sleeper() {
        let signal = StopSignal::default();

        let slept = std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| signal.sleep(Duration::from_secs(60)));
            signal.raise(Stop::Draining);
            sleeper.join().unwrap()
        });

        assert_eq!(slept, Err(Stop::Draining));
    }

    #[test]
    fn the_descriptor_becomes_readable() {
        let signal = StopSignal::default();
        let fd = signal.descriptor();
        let readable = || {
            let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
            // SAFETY: one valid pollfd.
            unsafe { libc::poll(&mut poll, 1, 0) == 1 }
        };
        assert!(!readable());

        signal.raise(Stop::Cancelled);

        assert!(readable());
    }
}
