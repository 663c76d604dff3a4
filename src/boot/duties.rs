//! The duties of an engine: everything that has to be done again and again by whichever node gets to it.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use crate::admin::health::database;
use crate::admin::jobs::idempotency;
use crate::admin::operations::work::{FORGET_MAX, forget_old, work};
use crate::base::clock::Clock;
use crate::base::db::PgConnection;
use crate::engine::{Duty, DutyResult};
use crate::queue::counts::Folder;
use crate::queue::digests::Digester;
use crate::queue::{
    access, counts, failures, joining, limits, log_packing, notifications, partitions, pool_sizes, retention,
    schedules, turns,
};

/// Longest statement of a duty.
const STATEMENT_MAX: Duration = Duration::from_secs(30);
/// Longest statement of a look at the database's health.
const LOOK_MAX: Duration = Duration::from_secs(5);
/// How long a duty goes on in one run while there is more to do than one batch; the rest waits for its next run.
const RUN_MAX: Duration = Duration::from_secs(20);

/// Lists every duty; ended jobs are kept for `history_days`, 0 = for ever.
pub fn all(history_days: u32) -> Vec<Duty> {
    let folder = RefCell::new(Folder::default());
    let digester = RefCell::new(Digester::default());
    vec![
        duty("fold", 1, move |conn, _| all_batches(counts::FOLD_ROWS_MAX, || folder.borrow_mut().fold(conn))),
        duty("digests", 5, move |conn, _| digester.borrow_mut().make(conn)),
        duty("partitions", 5, |conn, _| partitions::create_ahead(conn)),
        duty("retention", 600, move |conn, _| retention::remove_old(conn, history_days)),
        duty("old occurrences", 600, move |conn, _| {
            all_batches(schedules::FORGET_MAX, || schedules::forget_old(conn, history_days))?;
            all_batches(schedules::FORGET_MAX, || schedules::forget_finished(conn))
        }),
        duty("schedules ahead", 60, |conn, _| schedules::note_ahead(conn)),
        duty("rising failures", 60, |conn, _| failures::mark_rising(conn)),
        duty("old failures", 600, |conn, _| all_batches(failures::FORGET_MAX, || failures::forget_old(conn))),
        duty("log packing", 10, |conn, _| log_packing::pack(conn)),
        Duty {
            statement: LOOK_MAX,
            ..duty("database health", database::KEEP_EVERY.as_secs(), |conn, _| database::keep(conn))
        },
        duty("idempotency", 300, |conn, _| all_batches(idempotency::FORGET_MAX, || idempotency::forget_old(conn))),
        duty("lanes", 300, |conn, _| all_batches(limits::FORGET_MAX, || limits::forget_lanes(conn))),
        duty("debounces", 60, |conn, _| all_batches(joining::FORGET_MAX, || joining::forget_debounces(conn))),
        duty("unique keys", 300, |conn, _| all_batches(joining::FORGET_MAX, || joining::forget_lapsed_keys(conn))),
        duty("operations", 1, |conn, clock| all_batches(1, || work(conn, clock))),
        duty("old operations", 600, |conn, _| all_batches(FORGET_MAX, || forget_old(conn))),
        duty("turns", 60, |conn, _| turns::mend(conn)),
        duty("pool sizes", 300, |conn, _| all_batches(pool_sizes::FORGET_MAX, || pool_sizes::forget_old(conn))),
        duty("notifications", 600, |conn, _| {
            all_batches(notifications::FORGET_MAX, || notifications::forget_old(conn))
        }),
        duty("sessions", 300, |conn, clock| {
            all_batches(access::session::SWEEP_MAX, || access::session::sweep(conn, clock.now()))
        }),
        duty("throttle", 300, |conn, clock| {
            all_batches(access::throttle::SWEEP_MAX, || access::throttle::sweep(conn, clock.now()))
        }),
    ]
}

/// Does batches of `full` as long as they are full, so that what comes in does not outrun what is cleared; tells the sum.
fn all_batches(full: i64, mut batch: impl FnMut() -> DutyResult) -> DutyResult {
    let (end, mut done) = (Instant::now() + RUN_MAX, 0);
    loop {
        let changed = batch()?;
        done += changed;
        if (changed as i64) < full || Instant::now() >= end {
            return Ok(done);
        }
    }
}

fn duty(
    name: &'static str,
    every_s: u64,
    run: impl Fn(&mut PgConnection, &dyn Clock) -> DutyResult + Send + 'static,
) -> Duty {
    Duty { name, every: Duration::from_secs(every_s), statement: STATEMENT_MAX, run: Box::new(run) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duty_goes_on_while_its_batches_are_full() {
        let mut left = 25;
        let mut batch = || {
            let now = left.min(10);
            left -= now;
            Ok(now)
        };

        assert_eq!(all_batches(10, &mut batch).expect("done"), 25);
        assert_eq!((all_batches(10, &mut batch).expect("done"), left), (0, 0));
    }
}
