//! Moves due jobs into their line, at their time, and those of lanes that have room.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Shared;
use crate::base::db::{DbError, Link, keep_plans};
use crate::queue::aging::look_every;
use crate::queue::limits::{self, Cursor};
use crate::queue::{due, turns};

/// Longest time between two looks: of what is due sooner, the mover must be told.
pub(crate) const LOOK_MAX: Duration = Duration::from_secs(1);
/// Shortest time between two looks.
const LOOK_MIN: Duration = Duration::from_millis(5);

pub(crate) fn run(shared: &Arc<Shared>) {
    let mut link = Link::new(&shared.settings.database_url, "mover", Duration::from_secs(10)).prepared(keep_plans);
    let mut lanes = Lanes { look_at: Instant::now(), cursor: Cursor::default() };
    while !shared.ending.is_open() {
        let wait = link.with(|conn| move_all(shared, conn, &mut lanes)).unwrap_or_else(|error| {
            tracing::debug!(%error, "due jobs wait for the database");
            LOOK_MAX
        });
        shared.due_bell.wait(wait);
    }
}

/// When and where lanes are looked at next.
struct Lanes {
    look_at: Instant,
    cursor: Cursor,
}

/// Moves everything that is due and tells when to look again.
fn move_all(shared: &Shared, conn: &mut diesel::PgConnection, lanes: &mut Lanes) -> Result<Duration, DbError> {
    loop {
        let moved = due::move_due(conn)?;
        if moved > 0 {
            shared.work_bell.ring();
        }
        if moved < due::MOVE_BATCH_MAX.unsigned_abs() || shared.ending.is_open() {
            break;
        }
    }
    let mut seconds = due::next_due(conn)?;
    // what is due still is in a lane: its time was promised by a rate, or it asks for its turn
    if seconds.is_some_and(|seconds| seconds <= 0.0) || Instant::now() >= lanes.look_at {
        let step = shared.settings.aging;
        if turns::answer(conn)? + limits::look(conn, &mut lanes.cursor, step)? > 0 {
            shared.work_bell.ring();
        }
        lanes.look_at = Instant::now() + look_every(step);
        seconds = due::next_due(conn)?;
    }
    let next = seconds.map_or(LOOK_MAX, |seconds| Duration::from_secs_f64(seconds.max(0.0)));
    let look = lanes.look_at.saturating_duration_since(Instant::now());
    Ok(next.min(look).clamp(LOOK_MIN, LOOK_MAX))
}
