//! How many browsers run at once: each takes memory and a good part of a core.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

/// Browsers at once in this test process.
const SEATS: usize = 2;
/// Longest time a test waits for its turn: many tests may stand before it.
const TURN_MAX: Duration = Duration::from_secs(600);

static HOLDERS: Mutex<Vec<ThreadId>> = Mutex::new(Vec::new());
static LEFT: Condvar = Condvar::new();

/// The right to run one browser, given back with this value.
pub struct Seat {
    holder: ThreadId,
}

impl Seat {
    /// Waits until `count` browsers may be started, and takes these seats together.
    ///
    /// Fails when this thread holds a seat already: two tests that wait for each other's seat would wait for ever.
    pub fn take(count: usize) -> Result<Vec<Seat>, String> {
        let holder = thread::current().id();
        let holders = holders();
        let already = holders.contains(&holder);
        let (mut holders, waited) = LEFT
            .wait_timeout_while(holders, TURN_MAX, |holders| !already && holders.len() + count > SEATS)
            .unwrap_or_else(PoisonError::into_inner);
        if already {
            return Err("this test has a browser: start both at once with Browser::start_two".to_owned());
        }
        if waited.timed_out() {
            return Err(format!("no browser came free within {TURN_MAX:?}"));
        }
        holders.extend(vec![holder; count]);
        Ok((0..count).map(|_| Seat { holder }).collect())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut holders = holders();
        if let Some(place) = holders.iter().position(|holder| *holder == self.holder) {
            holders.swap_remove(place);
        }
        LEFT.notify_all();
    }
}

fn holders() -> MutexGuard<'static, Vec<ThreadId>> {
    HOLDERS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn a_second_seat_of_one_test_is_refused_instead_of_awaited() {
    let _first = Seat::take(1).unwrap();

    let sentence = Seat::take(1).err().unwrap();

    assert!(sentence.contains("Browser::start_two"), "{sentence}");
}

#[test]
fn a_third_browser_waits_until_one_has_ended() {
    let two = Seat::take(2).unwrap();
    let (taken, third) = std::sync::mpsc::channel();
    let waiting = thread::spawn(move || taken.send(Seat::take(1).map(drop)));

    let early = third.recv_timeout(Duration::from_millis(200));
    drop(two);
    let late = third.recv_timeout(TURN_MAX);

    assert!(early.is_err(), "a third ran beside two");
    assert_eq!(late, Ok(Ok(())));
    waiting.join().unwrap().unwrap();
}
