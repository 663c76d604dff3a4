//! What schedules do by themselves and somebody should hear of: they pause, their backfills are done.

use diesel::sql_types::{BigInt, Integer, Nullable};
use serde_json::json;

use super::values::{BackfillId, ScheduleId};
use super::write::PAUSER;
use crate::base::db::{DbError, Tx, statement};
use crate::queue::actor::{Actor, PersonId};
use crate::queue::audit::{self, Change};
use crate::queue::notifications::{self, Message, Tone};

/// Records that a schedule has paused itself, and tells whoever made it and whoever changed it last.
pub(super) fn paused(tx: &mut Tx<'_>, id: ScheduleId, name: &str, reason: &str) -> Result<(), DbError> {
    let change = Change::new("schedule.pause", "schedule", name).because(Some(reason.to_owned()));
    let change = change.from_to(Some(json!({ "paused": false })), Some(json!({ "paused": true })));
    audit::record(tx, &Actor::system(PAUSER), change)?;
    let message = Message::new(Tone::Warning, format!("Schedule {name} has paused itself."));
    let message = message.saying(format!("{reason}. Its occurrences are left out until somebody resumes it."));
    let message = message.linking("Open it", format!("/schedules/{name}"));
    for person in answerable(tx, id)? {
        notifications::tell(tx, person, &message)?;
    }
    Ok(())
}

/// Finds who made it and who changed it last, as far as they are people who may sign in still.
fn answerable(tx: &mut Tx<'_>, id: ScheduleId) -> Result<Vec<PersonId>, DbError> {
    const SQL: &str = "-- queue::schedules::answerable
SELECT p.id FROM millrace.people p WHERE p.disabled_at IS NULL AND p.email IN (
    SELECT split_part(who.name, ' (token ', 1) FROM millrace.schedules s CROSS JOIN LATERAL (VALUES (s.created_by), (s.updated_by)) AS who(name) WHERE s.id = $1)
ORDER BY p.id FOR KEY SHARE SKIP LOCKED";
    statement(SQL).bind::<Integer, _>(id.0).tuples::<BigInt, PersonId>(tx)
}

/// Tells whoever started a backfill that its last job was made.
pub(super) fn backfill_done(tx: &mut Tx<'_>, id: BackfillId, schedule: &str) -> Result<(), DbError> {
    const SQL: &str = "-- queue::schedules::backfill_done
SELECT b.enqueued, b.refused, (SELECT p.id FROM millrace.people p WHERE p.id = b.person_id AND p.disabled_at IS NULL FOR KEY SHARE SKIP LOCKED)
FROM millrace.backfills b WHERE b.id = $1";
    type Row = (i32, i32, Option<PersonId>);
    let row = statement(SQL).bind::<Integer, _>(id.0).tuples::<(Integer, Integer, Nullable<BigInt>), Row>(tx)?.pop();
    let Some((made, refused, Some(person))) = row else { return Ok(()) };
    let tone = if refused == 0 { Tone::Done } else { Tone::Warning };
    let more = if refused == 0 { String::new() } else { format!(" Of {refused} occurrences none could be made.") };
    let message = Message::new(tone, format!("All jobs of backfill {id} of {schedule} are made."));
    let message = message.saying(format!("Jobs made: {made}.{more}")).linking("Open it", format!("/backfills/{id}"));
    notifications::tell(tx, person, &message)
}
