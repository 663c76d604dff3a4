//! All schedules that somebody may see, ready to be followed, with what bounds their jobs and how long these usually take: for the view of a
//! day or a week.

use std::collections::HashMap;

use chrono::TimeDelta;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, Text, Timestamptz};
use serde_json::Value;

use super::error::ScheduleError;
use super::scope::in_scope;
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::Actor;
use crate::queue::permission::Permission;
use crate::queue::schedules::{Known, calendars_named};
use crate::timing::schedule::Schedule;

/// Most schedules that are followed.
pub const FLEET_MAX: usize = 2_000;
/// Days of whose jobs it is told how long they take.
const USUAL_DAYS: i32 = 8;
/// Templates of which that is told.
const TEMPLATES_MAX: i32 = 5_000;

/// A schedule that can be followed.
#[derive(Debug)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// The template of its jobs.
    pub template: String,
    /// Most jobs of that at a time.
    pub template_limit: Option<u32>,
    /// The queue of its jobs.
    pub queue: Option<String>,
    /// Most jobs of that at a time.
    pub queue_limit: Option<u32>,
    /// How long jobs of the template take on average; `None` = none ended in the last days.
    pub usual: Option<TimeDelta>,
    /// It makes no jobs until it is resumed.
    pub is_paused: bool,
    /// Nothing comes from then on.
    pub ended_at: Option<Time>,
    /// What it says and when that is.
    pub known: Known,
}

/// Reads the schedules that `actor` may see, by name; the flag tells that there are more than [`FLEET_MAX`]. What this program does not
/// understand is left out: it does not run.
///
/// # Errors
/// [`ScheduleError::Forbidden`], database failures.
pub fn fleet(conn: &mut PgConnection, actor: &Actor) -> Result<(Vec<Member>, bool), ScheduleError> {
    const SQL: &str = concat!(
        "-- admin::schedules::fleet
SELECT s.name, t.name, (tv.spec #>> '{limits,concurrency}')::integer, tv.queue, q.concurrency, s.paused_at IS NOT NULL, s.ended_at, v.spec
FROM millrace.schedules s JOIN millrace.templates t ON t.id = s.template_id
JOIN millrace.schedule_versions v ON v.schedule_id = s.id AND v.version = s.version
LEFT JOIN millrace.template_versions tv ON tv.template_id = t.id AND tv.version = coalesce((v.spec ->> 'version')::integer, t.active_version)
LEFT JOIN millrace.queues q ON q.name = tv.queue
WHERE s.removed_at IS NULL AND ",
        in_scope!("$1", "$2"),
        " ORDER BY s.name LIMIT $3"
    );
    type Types = (Text, Text, Nullable<Integer>, Nullable<Text>, Nullable<Integer>, Bool, Nullable<Timestamptz>, Jsonb);
    type Row = (String, String, Option<i32>, Option<String>, Option<i32>, bool, Option<Time>, Value);
    actor.require(Permission::ReadSchedules)?;
    let most = i32::try_from(FLEET_MAX).unwrap_or(i32::MAX);
    let rows = statement(SQL)
        .bind::<Bool, _>(actor.scope.is_everything())
        .bind::<Array<Text>, _>(&actor.scope.queues)
        .bind::<Integer, _>(most.saturating_add(1))
        .tuples::<Types, Row>(conn)?;
    let is_cut = rows.len() > FLEET_MAX;
    let usual = usual(conn)?;
    let limit = |limit: Option<i32>| limit.and_then(|limit| u32::try_from(limit).ok());
    let read = |row: Row| {
        let (name, template, template_limit, queue, queue_limit, is_paused, ended_at, spec) = row;
        let spec: Schedule = serde_json::from_value(spec).ok()?;
        Some((name, template, limit(template_limit), queue, limit(queue_limit), is_paused, ended_at, spec))
    };
    let read: Vec<_> = rows.into_iter().take(FLEET_MAX).filter_map(read).collect();
    let calendars = {
        let timings: Vec<_> = read.iter().map(|(.., spec)| spec.timing()).collect();
        let mut names: Vec<&str> = timings.iter().flat_map(|timing| timing.calendars()).collect();
        names.sort_unstable();
        names.dedup();
        calendars_named(conn, &names)?
    };
    let followed = read.into_iter().filter_map(|row| {
        let (name, template, template_limit, queue, queue_limit, is_paused, ended_at, spec) = row;
        let (known, usual) = (Known::of(spec, &calendars).ok()?, usual.get(&template).copied());
        Some(Member { name, template, template_limit, queue, queue_limit, usual, is_paused, ended_at, known })
    });
    Ok((followed.collect(), is_cut))
}

/// How long attempts of templates take on average. Days of rollups are read, never jobs.
fn usual(conn: &mut PgConnection) -> Result<HashMap<String, TimeDelta>, DbError> {
    const SQL: &str = "-- admin::schedules::usual_runs
SELECT t.name, (sum(r.run_us) / sum(r.succeeded + r.attempts_failed))::bigint
FROM millrace.rollups r JOIN millrace.templates t ON t.id = r.template_id
WHERE r.step_s = 86400 AND r.at > clock_timestamp() - $1 * interval '1 day'
GROUP BY t.name HAVING sum(r.succeeded + r.attempts_failed) > 0 ORDER BY t.name LIMIT $2";
    let rows = statement(SQL)
        .bind::<Integer, _>(USUAL_DAYS)
        .bind::<Integer, _>(TEMPLATES_MAX)
        .tuples::<(Text, BigInt), (String, i64)>(conn)?;
    Ok(rows.into_iter().map(|(template, run_us)| (template, TimeDelta::microseconds(run_us))).collect())
}
