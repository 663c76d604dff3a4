//! Fires schedules when they are due, together with the other nodes: each takes what nobody else holds.

use std::sync::Arc;
use std::time::Duration;

use super::Shared;
use crate::base::db::{DbError, Link, PgConnection, keep_plans};
use crate::base::random;
use crate::queue::ring;
use crate::queue::schedules::{self, Backfills, Plans, SCHEDULES_MAX};

/// Longest time between two looks: of a schedule that was changed to be due sooner, the firer may not have heard.
const LOOK_MAX: Duration = Duration::from_secs(1);
/// Time between two looks while a backfill runs: its jobs may have ended.
const BACKFILL_EVERY: Duration = Duration::from_millis(200);
/// Shortest time between two looks.
const LOOK_MIN: Duration = Duration::from_millis(2);
/// Time until another look when what is due is held by somebody else.
const HELD_AGAIN: Duration = Duration::from_millis(50);
/// A row that somebody else has locked is waited for so long, in milliseconds: all schedules wait with it.
const LOCK_LIMIT: &str = "SET lock_timeout = 500";

pub(crate) fn run(shared: &Arc<Shared>) {
    let mut link = Link::new(&shared.settings.database_url, "firer", Duration::from_secs(20)).prepared(prepare);
    let (mut plans, mut backfills) = (Plans::default(), Backfills::default());
    while !shared.ending.is_open() {
        let wait = link.with(|conn| fire_all(shared, conn, &mut plans, &mut backfills)).unwrap_or_else(|error| {
            match error.is_passing() {
                true => tracing::debug!(%error, "schedules wait for the database"),
                false => tracing::error!(%error, "schedules could not be fired"),
            }
            LOOK_MAX
        });
        shared.fire_bell.wait(wait);
    }
}

fn prepare(conn: &mut PgConnection) -> Result<(), DbError> {
    use diesel::connection::SimpleConnection;
    keep_plans(conn)?;
    Ok(conn.batch_execute(LOCK_LIMIT)?)
}

/// Fires everything that is due and tells when to look again.
fn fire_all(
    shared: &Shared,
    conn: &mut PgConnection,
    plans: &mut Plans,
    backfills: &mut Backfills,
) -> Result<Duration, DbError> {
    let is_idle = loop {
        let fired = schedules::fire(conn, plans, &mut random::number)?;
        if fired.jobs > 0 {
            ring::notify(conn)?; // the other nodes have slots, too
        }
        if fired.schedules < usize::try_from(SCHEDULES_MAX).unwrap_or(usize::MAX) || shared.ending.is_open() {
            break fired.schedules == 0;
        }
    };
    let worked = schedules::work(conn, backfills)?;
    if worked.jobs > 0 {
        ring::notify(conn)?;
    }
    let most = if worked.running > 0 { BACKFILL_EVERY } else { LOOK_MAX };
    let next = schedules::next_due(conn)?.map_or(most, |seconds| Duration::from_secs_f64(seconds.max(0.0)));
    let least = if is_idle && next.is_zero() { HELD_AGAIN } else { LOOK_MIN };
    Ok(next.clamp(least, most))
}
