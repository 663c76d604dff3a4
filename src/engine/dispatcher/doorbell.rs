//! What wakes the dispatcher: news of work, or room for more of the work it knows of.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

#[derive(Debug, Default)]
struct Waiting {
    news: bool,
    nudged: bool,
}

/// A bell with two tones. It remembers both until somebody waits.
#[derive(Debug, Default)]
pub(crate) struct Doorbell {
    waiting: Mutex<Waiting>,
    heard: Condvar,
}

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// Something may have come into a line.
    News,
    /// There may be room now.
    Nudge,
    /// Neither, for as long as the wait was.
    Nothing,
}

impl Doorbell {
    /// Tells that something may have come into a line.
    pub(crate) fn ring(&self) {
        self.set(|waiting| std::mem::replace(&mut waiting.news, true));
    }

    /// Tells that there may be room. Only for those who were asked to ([`super::super::buffer::Buffer::call_at`]).
    pub(crate) fn nudge(&self) {
        self.set(|waiting| std::mem::replace(&mut waiting.nudged, true));
    }

    fn set(&self, was: impl Fn(&mut Waiting) -> bool) {
        let known = was(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        if !known {
            self.heard.notify_one();
        }
    }

    /// Waits for either tone, at most `limit`.
    pub(super) fn wait(&self, limit: Duration) -> Heard {
        let end = Instant::now() + limit;
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let heard = std::mem::take(&mut *waiting);
            if heard.news {
                return Heard::News;
            }
            if heard.nudged {
                return Heard::Nudge;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Heard::Nothing;
            }
            waiting = self.heard.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_before_the_wait_are_not_lost_and_outweigh_a_nudge() {
        let bell = Doorbell::default();
        bell.nudge();
        bell.ring();

        assert_eq!(bell.wait(Duration::ZERO), Heard::News);
        assert_eq!(bell.wait(Duration::ZERO), Heard::Nothing);
        bell.nudge();
        assert_eq!(bell.wait(Duration::ZERO), Heard::Nudge);
    }
}
