//! The duties of an engine: everything that has to be done again and again by whichever node gets to it.

use std::time::Duration;

use crate::admin::jobs::idempotency;
use crate::base::clock::Clock;
use crate::base::db::PgConnection;
use crate::engine::{Duty, DutyResult};
use crate::queue::{access, counts, log_packing, partitions};

/// Longest statement of a duty.
const STATEMENT_MAX: Duration = Duration::from_secs(30);

/// Lists every duty.
pub fn all() -> Vec<Duty> {
    vec![
        duty("fold", 1, |conn, _| counts::fold(conn)),
        duty("partitions", 5, |conn, _| partitions::create_ahead(conn)),
        duty("log packing", 10, |conn, _| log_packing::pack(conn)),
        duty("idempotency", 300, |conn, _| idempotency::forget_old(conn)),
        duty("sessions", 300, |conn, clock| access::session::sweep(conn, clock.now())),
        duty("throttle", 300, |conn, clock| access::throttle::sweep(conn, clock.now())),
    ]
}

fn duty(name: &'static str, every_s: u64, run: fn(&mut PgConnection, &dyn Clock) -> DutyResult) -> Duty {
    Duty { name, every: Duration::from_secs(every_s), statement: STATEMENT_MAX, run }
}
