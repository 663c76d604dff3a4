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

pub(crate) fn run(shared: &Arc<Shared>) {
    let mut link = Link::new(&shared.settings.database_url, "firer", Duration::from_secs(20)).prepared(keep_plans);
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

/// Fires everything that is due and tells when to look again.
fn fire_all(
    shared: &Shared,
    conn: &mut PgConnection,
    plans: &mut Plans,
    backfills: &mut Backfills,
) -> Result<Duration, DbError> {
    loop {
        let fired = schedules::fire(conn, plans, &mut random::number)?;
        if fired.jobs > 0 {
            ring::notify(conn)?; // the other nodes have slots, too
        }
        if fired.schedules < usize::try_from(SCHEDULES_MAX).unwrap_or(usize::MAX) || shared.ending.is_open() {
            break;
        }
    }
    let worked = schedules::work(conn, backfills)?;
    if worked.jobs > 0 {
        ring::notify(conn)?;
    }
    let most = if worked.running > 0 { BACKFILL_EVERY } else { LOOK_MAX };
    let next = schedules::next_due(conn)?.map_or(most, |seconds| Duration::from_secs_f64(seconds.max(0.0)));
    Ok(next.clamp(LOOK_MIN, most))
}
