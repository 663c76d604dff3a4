//! Who waits for the database, and for how long. A way that swallows what is sent and stays open, such as a proxy that hangs, is
//! noticed by no other limit: the server's begins when it hears of the statement, and the network's are met.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use diesel::connection::InstrumentationEvent;

use crate::base::clock::boottime;

/// Since when an answer is awaited: when a call began or last sent a statement, in milliseconds since boot; 0 = there is none.
type Sign = AtomicU64;

static CALLS: Mutex<Vec<Weak<Sign>>> = Mutex::new(Vec::new());

thread_local! {
    /// The call that this thread is in.
    static CURRENT: RefCell<Option<Arc<Sign>>> = const { RefCell::new(None) };
}

/// The calls of one connection, one at a time.
pub struct Call(Arc<Sign>);

impl Default for Call {
    fn default() -> Self {
        Self::new()
    }
}

impl Call {
    /// Nobody waits yet.
    pub fn new() -> Self {
        let sign = Arc::new(Sign::new(0));
        let mut calls = CALLS.lock().unwrap_or_else(PoisonError::into_inner);
        calls.retain(|call| call.strong_count() > 0);
        calls.push(Arc::downgrade(&sign));
        Self(sign)
    }

    /// Watches `work`, which waits for the database all the time.
    pub fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        set(&self.0);
        self.watch(work)
    }

    /// Watches the statements of `work`, on a connection of a [pool](super::Db).
    pub fn watch<T>(&self, work: impl FnOnce() -> T) -> T {
        let outer = CURRENT.replace(Some(Arc::clone(&self.0)));
        let done = work();
        CURRENT.set(outer);
        self.0.store(0, Ordering::Relaxed);
        done
    }

    /// Tells for how long an answer has been awaited; zero when none is.
    pub fn silence(&self) -> Duration {
        silence(&self.0)
    }
}

fn set(sign: &Sign) {
    sign.store(boottime().as_millis() as u64, Ordering::Relaxed);
}

/// A statement is about to be sent: whatever came before was answered.
pub(super) fn statement_begins() {
    CURRENT.with_borrow(|call| call.iter().for_each(|sign| set(sign)));
}

/// Hears from a connection when it sends and when it was answered.
pub(super) fn follow(event: InstrumentationEvent<'_>) {
    match event {
        InstrumentationEvent::StartQuery { .. } => statement_begins(),
        InstrumentationEvent::FinishQuery { .. } => {
            CURRENT.with_borrow(|call| call.iter().for_each(|sign| sign.store(0, Ordering::Relaxed)));
        }
        _ => {}
    }
}

fn silence(sign: &Sign) -> Duration {
    match sign.load(Ordering::Relaxed) {
        0 => Duration::ZERO,
        since => boottime().saturating_sub(Duration::from_millis(since)),
    }
}

/// Tells for how long a [`Link`](super::Link) of this process has been waiting for one answer, the longest of all.
pub fn longest_silence() -> Duration {
    let calls = CALLS.lock().unwrap_or_else(PoisonError::into_inner);
    calls.iter().filter_map(Weak::upgrade).map(|sign| silence(&sign)).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_counted_from_the_last_statement_of_a_call() {
        let (call, pause) = (Call::new(), Duration::from_millis(60));

        call.during(|| {
            std::thread::sleep(pause);
            assert!(silence(&call.0) >= pause - Duration::from_millis(2) && longest_silence() >= pause / 2);
            statement_begins();
            assert!(silence(&call.0) < pause);
        });

        assert_eq!(silence(&call.0), Duration::ZERO);
        statement_begins();
        assert_eq!(silence(&call.0), Duration::ZERO, "nobody is in a call");
    }
}
