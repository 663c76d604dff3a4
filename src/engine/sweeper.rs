//! Takes back what lost nodes held, this node's own earlier epochs first.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Shared;
use crate::base::db::{DbError, Link, PgConnection, keep_plans, transaction};
use crate::queue::control::{self, ControlError};
use crate::queue::sweep::{self, BadLeases};

/// Time between two sweeps.
const TICK: Duration = Duration::from_secs(1);
/// Time until leases whose jobs could not be taken back are tried again.
const BAD_AGAIN: Duration = Duration::from_secs(60);

pub(crate) fn run(shared: &Arc<Shared>) {
    let mut link = Link::new(&shared.settings.database_url, "sweeper", Duration::from_secs(5)).prepared(keep_plans);
    // After an outage every node's heartbeat is old. Declaring them lost at once would void leases of nodes that are just
    // coming back, so wait one lease after the database was away.
    let mut patient_until = Instant::now();
    let (mut bad, mut bad_since) = (BadLeases::default(), Instant::now());
    while !shared.ending.is_open() {
        if bad_since.elapsed() >= BAD_AGAIN {
            (bad, bad_since) = (BadLeases::default(), Instant::now());
        }
        match link.with(|conn| sweep_once(shared, conn, &mut bad, Instant::now() >= patient_until)) {
            Ok(()) => {}
            Err(error) if error.is_passing() => patient_until = Instant::now() + shared.settings.lease,
            Err(error) => tracing::error!(%error, "the sweep failed"),
        }
        shared.ending.wait(TICK);
    }
}

fn sweep_once(shared: &Shared, conn: &mut PgConnection, bad: &mut BadLeases, may_declare: bool) -> Result<(), DbError> {
    if may_declare {
        for name in sweep::declare_lost(conn, shared.settings.lease)? {
            tracing::warn!(node = name, "a node was lost");
        }
    }
    loop {
        let taken = sweep::take_back(conn, bad)?;
        if taken == 0 || shared.ending.is_open() {
            break;
        }
        tracing::info!(jobs = taken, "took back jobs of a lost node");
        shared.work_bell.ring();
    }
    fulfil_stale_intents(conn)
}

/// A cancel that came while the job was between two attempts, or just ended.
fn fulfil_stale_intents(conn: &mut PgConnection) -> Result<(), DbError> {
    for wish in &control::stale_intents(conn)? {
        match transaction(conn, "queue::fulfil", |tx| control::fulfil(tx, wish)) {
            Ok(()) => {}
            Err(ControlError::Db(error)) => return Err(error),
            Err(error) => tracing::debug!(job = %wish.job_id, %error, "a cancel waits for the next sweep"),
        }
    }
    Ok(())
}
