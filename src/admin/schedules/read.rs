//! Reading schedules: lists, one, versions.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, Text, Timestamptz};
use serde_json::Value;

use super::filter::{LastResult, Narrowing, ScheduleFilter, Sort};
use super::scope::in_scope;
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::Scope;
use crate::queue::schedules::ScheduleId;
use crate::timing::schedule::Schedule;

/// Most schedules of a list.
pub const SCHEDULES_MAX: i32 = 200;
/// Most versions of a list.
pub const VERSIONS_MAX: i32 = 500;

/// A schedule as it stands.
#[derive(Debug, Clone, QueryableByName)]
pub struct ScheduleRow {
    /// Row id.
    #[diesel(sql_type = Integer)]
    pub id: ScheduleId,
    /// Its name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// The template of its jobs.
    #[diesel(sql_type = Text)]
    pub template: String,
    /// The queue of its jobs.
    #[diesel(sql_type = Nullable<Text>)]
    pub queue: Option<String>,
    /// The version in force.
    #[diesel(sql_type = Integer)]
    pub version: i32,
    /// What that says.
    #[diesel(sql_type = Jsonb)]
    pub spec: Value,
    /// Everything before is decided.
    #[diesel(sql_type = Timestamptz)]
    pub decided_until: Time,
    /// When it runs next.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub next_at: Option<Time>,
    /// Jobs that its rules have made.
    #[diesel(sql_type = BigInt)]
    pub jobs: i64,
    /// Why it cannot make jobs at present.
    #[diesel(sql_type = Nullable<Text>)]
    pub trouble: Option<String>,
    /// Since when its occurrences are left out.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub paused_at: Option<Time>,
    /// Who paused it.
    #[diesel(sql_type = Nullable<Text>)]
    pub paused_by: Option<String>,
    /// Why.
    #[diesel(sql_type = Nullable<Text>)]
    pub pause_reason: Option<String>,
    /// Since when nothing can come any more.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub ended_at: Option<Time>,
    /// When it was made.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: Time,
    /// When its version came into force.
    #[diesel(sql_type = Timestamptz)]
    pub updated_at: Time,
    /// Whose that is.
    #[diesel(sql_type = Text)]
    pub updated_by: String,
}

/// How a schedule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It makes jobs.
    Enabled,
    /// Its occurrences are left out.
    Paused,
    /// It should make jobs and cannot.
    Troubled,
    /// Nothing can come any more.
    Ended,
}

impl Standing {
    /// Every one, as lists offer them.
    pub const ALL: [Self; 4] = [Self::Enabled, Self::Paused, Self::Troubled, Self::Ended];

    /// Gives its name in addresses and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Paused => "paused",
            Self::Troubled => "troubled",
            Self::Ended => "ended",
        }
    }

    /// Reads its name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.as_str() == text)
    }
}

impl ScheduleRow {
    /// Reads what it says; `None` when this program does not understand it.
    pub fn schedule(&self) -> Option<Schedule> {
        serde_json::from_value(self.spec.clone()).ok()
    }

    /// Tells how it is.
    pub fn standing(&self) -> Standing {
        match (&self.ended_at, &self.paused_at, &self.trouble) {
            (Some(_), ..) => Standing::Ended,
            (None, Some(_), _) => Standing::Paused,
            (None, None, Some(_)) => Standing::Troubled,
            (None, None, None) => Standing::Enabled,
        }
    }
}

/// What all look at: `$1` everything is in scope, `$2` its queues.
macro_rules! schedules_sql {
    ($name:literal, $($rest:literal),+) => {
        concat!(
            "-- admin::schedules::",
            $name,
            "
SELECT s.id, s.name, t.name AS template, tv.queue, s.version, v.spec, s.decided_until, s.next_at, s.jobs, s.trouble, s.paused_at, s.paused_by,
    s.pause_reason, s.ended_at, s.created_at, s.updated_at, s.updated_by
FROM millrace.schedules s
JOIN millrace.templates t ON t.id = s.template_id
JOIN millrace.schedule_versions v ON v.schedule_id = s.id AND v.version = s.version
LEFT JOIN millrace.template_versions tv ON tv.template_id = t.id AND tv.version = coalesce((v.spec ->> 'version')::integer, t.active_version)
WHERE s.removed_at IS NULL AND ($1 OR tv.queue = ANY ($2)) AND ",
            $($rest),+
        )
    };
}

/// A page of those that a filter finds. `CASE`, because with `OR` the plan of all filters expects next to nothing and sorts what an index
/// has in order: `$3` pattern, `$4` template, `$5` standing, `$6` calendar, `$7` zone, `$8` result of the last run.
macro_rules! page_sql {
    ($name:literal, $rest:literal) => {
        schedules_sql!(
            $name,
            "($3::text IS NULL OR s.said LIKE $3) AND ($4::text IS NULL OR t.name = $4)
    AND CASE $5 WHEN 'enabled' THEN s.ended_at IS NULL AND s.paused_at IS NULL AND s.trouble IS NULL
        WHEN 'paused' THEN s.ended_at IS NULL AND s.paused_at IS NOT NULL
        WHEN 'troubled' THEN s.ended_at IS NULL AND s.paused_at IS NULL AND s.trouble IS NOT NULL
        WHEN 'ended' THEN s.ended_at IS NOT NULL ELSE true END
    AND ($6::text IS NULL OR EXISTS (SELECT FROM millrace.schedule_calendars sc JOIN millrace.calendars c ON c.id = sc.calendar_id
        WHERE sc.schedule_id = s.id AND c.name = $6)) AND CASE WHEN $7::text IS NULL THEN true ELSE coalesce(v.spec ->> 'timezone', 'UTC') = $7 END
    AND CASE WHEN $8::text IS NULL THEN true ELSE $8 = coalesce((SELECT CASE h.state::text WHEN 'expired' THEN 'failed' ELSE coalesce(h.state::text, 'open') END
        FROM (SELECT o.job_id FROM millrace.occurrences o WHERE o.schedule_id = s.id AND o.job_id IS NOT NULL AND o.backfill_id = 0
            ORDER BY o.at DESC LIMIT 1) AS o
        LEFT JOIN LATERAL (SELECT h.state FROM millrace.history h WHERE h.job_id = o.job_id LIMIT 1) AS h ON true), 'never') END AND ",
            $rest
        )
    };
}

/// Lists schedules that are in scope, one page.
///
/// # Errors
/// Database failures.
pub fn list(conn: &mut PgConnection, scope: &Scope, filter: &ScheduleFilter) -> Result<Vec<ScheduleRow>, DbError> {
    narrowed(conn, scope, filter, &Narrowing::default())
}

/// Lists schedules that are in scope and narrowed further, one page.
///
/// # Errors
/// Database failures.
pub fn narrowed(
    conn: &mut PgConnection,
    scope: &Scope,
    filter: &ScheduleFilter,
    narrowing: &Narrowing,
) -> Result<Vec<ScheduleRow>, DbError> {
    const BY_NAME: &str = page_sql!("list", "($9::text IS NULL OR s.name > $9) ORDER BY s.name LIMIT $10");
    const BY_NEXT: &str = page_sql!(
        "list_next",
        "s.next_at IS NOT NULL AND ($9::timestamptz IS NULL OR (s.next_at, s.name) > ($9, $10)) ORDER BY s.next_at, s.name LIMIT $11"
    );
    let is_by_next = filter.sort == Sort::Next;
    let after = filter.after.as_ref();
    let asked_of = statement(if is_by_next { BY_NEXT } else { BY_NAME })
        .bind::<Bool, _>(scope.is_everything())
        .bind::<Array<Text>, _>(&scope.queues)
        .bind::<Nullable<Text>, _>(filter.pattern())
        .bind::<Nullable<Text>, _>(asked(&filter.template))
        .bind::<Text, _>(filter.standing.map_or("", Standing::as_str))
        .bind::<Nullable<Text>, _>(asked(&filter.calendar))
        .bind::<Nullable<Text>, _>(asked(&narrowing.zone))
        .bind::<Nullable<Text>, _>(narrowing.last.map(LastResult::as_str));
    let placed = match is_by_next {
        true => asked_of.bind::<Nullable<Timestamptz>, _>(after.and_then(|place| place.next_at)),
        false => asked_of,
    };
    placed
        .bind::<Nullable<Text>, _>(asked(&after.map(|place| place.name.clone())))
        .bind::<Integer, _>(filter.limit.min(SCHEDULES_MAX + 1))
        .rows(conn)
}

/// A NUL matches nothing that a database can hold.
fn asked(name: &Option<String>) -> Option<String> {
    name.as_ref().map(|name| name.replace('\0', "\u{fffd}"))
}

/// Reads one schedule that is in scope.
///
/// # Errors
/// Database failures.
pub fn show(conn: &mut PgConnection, scope: &Scope, name: &str) -> Result<Option<ScheduleRow>, DbError> {
    const SQL: &str = schedules_sql!("show", "s.name = $3");
    statement(SQL)
        .bind::<Bool, _>(scope.is_everything())
        .bind::<Array<Text>, _>(&scope.queues)
        .bind::<Text, _>(name.replace('\0', ""))
        .row(conn)
}

/// Tells when the last schedule of a name was removed that was in scope.
///
/// # Errors
/// Database failures.
pub fn removed_at(conn: &mut PgConnection, scope: &Scope, name: &str) -> Result<Option<Time>, DbError> {
    const SQL: &str = concat!(
        "-- admin::schedules::removed_at
SELECT s.removed_at FROM millrace.schedules s WHERE ",
        in_scope!("$1", "$2"),
        " AND s.name = $3 AND s.removed_at IS NOT NULL ORDER BY s.removed_at DESC LIMIT 1"
    );
    let found = statement(SQL)
        .bind::<Bool, _>(scope.is_everything())
        .bind::<Array<Text>, _>(&scope.queues)
        .bind::<Text, _>(name.replace('\0', ""))
        .tuples::<Timestamptz, Time>(conn)?;
    Ok(found.into_iter().next())
}

/// Most templates or calendars by which a list can be narrowed with one press.
const CHOICES_MAX: i32 = 200;

/// Names the templates of the schedules in scope, and the calendars that these mind, by name.
///
/// # Errors
/// Database failures.
pub fn choices(conn: &mut PgConnection, scope: &Scope) -> Result<(Vec<String>, Vec<String>), DbError> {
    const SQL: &str = concat!(
        "-- admin::schedules::choices
(SELECT false, t.name FROM millrace.templates t WHERE EXISTS (SELECT FROM millrace.schedules s WHERE s.template_id = t.id AND s.removed_at IS NULL AND ",
        in_scope!("$1", "$2"),
        ") ORDER BY t.name LIMIT $3)
UNION ALL
(SELECT true, c.name FROM millrace.calendars c WHERE EXISTS (SELECT FROM millrace.schedule_calendars sc JOIN millrace.schedules s ON s.id = sc.schedule_id
    WHERE sc.calendar_id = c.id AND s.removed_at IS NULL AND ",
        in_scope!("$1", "$2"),
        ") ORDER BY c.name LIMIT $3)"
    );
    let rows = statement(SQL)
        .bind::<Bool, _>(scope.is_everything())
        .bind::<Array<Text>, _>(&scope.queues)
        .bind::<Integer, _>(CHOICES_MAX)
        .tuples::<(Bool, Text), (bool, String)>(conn)?;
    let (calendars, templates): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(is_calendar, _)| *is_calendar);
    let names = |rows: Vec<(bool, String)>| rows.into_iter().map(|(_, name)| name).collect();
    Ok((names(templates), names(calendars)))
}

/// Tells when the schedule of a row was removed, if it was: a backfill outlives it.
///
/// # Errors
/// Database failures.
pub fn removed(conn: &mut PgConnection, id: ScheduleId) -> Result<Option<Time>, DbError> {
    const SQL: &str = "-- admin::schedules::removed
SELECT s.removed_at FROM millrace.schedules s WHERE s.id = $1";
    let found = statement(SQL).bind::<Integer, _>(id.0).tuples::<Nullable<Timestamptz>, Option<Time>>(conn)?;
    Ok(found.into_iter().next().flatten())
}

/// How many schedules there are of each standing, as far as they are in scope.
///
/// # Errors
/// Database failures.
pub fn counts(conn: &mut PgConnection, scope: &Scope) -> Result<Vec<(Standing, i64)>, DbError> {
    const SQL: &str = concat!(
        "-- admin::schedules::counts
SELECT count(*) FILTER (WHERE s.ended_at IS NULL AND s.paused_at IS NULL AND s.trouble IS NULL),
    count(*) FILTER (WHERE s.ended_at IS NULL AND s.paused_at IS NOT NULL),
    count(*) FILTER (WHERE s.ended_at IS NULL AND s.paused_at IS NULL AND s.trouble IS NOT NULL), count(*) FILTER (WHERE s.ended_at IS NOT NULL)
FROM millrace.schedules s
WHERE s.removed_at IS NULL AND ",
        in_scope!("$1", "$2")
    );
    let found = statement(SQL)
        .bind::<Bool, _>(scope.is_everything())
        .bind::<Array<Text>, _>(&scope.queues)
        .tuples::<(BigInt, BigInt, BigInt, BigInt), (i64, i64, i64, i64)>(conn)?
        .pop()
        .unwrap_or_default();
    Ok(Standing::ALL.into_iter().zip([found.0, found.1, found.2, found.3]).collect())
}

/// A version of a schedule.
#[derive(Debug, Clone, QueryableByName)]
pub struct VersionRow {
    /// Its number.
    #[diesel(sql_type = Integer)]
    pub version: i32,
    /// What it says.
    #[diesel(sql_type = Jsonb)]
    pub spec: Value,
    /// What was changed and why.
    #[diesel(sql_type = Nullable<Text>)]
    pub note: Option<String>,
    /// When.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: Time,
    /// By whom.
    #[diesel(sql_type = Text)]
    pub created_by: String,
}

/// Lists the versions of a schedule, the latest first, or the one with a number.
///
/// # Errors
/// Database failures.
pub fn versions(conn: &mut PgConnection, id: ScheduleId, version: Option<i32>) -> Result<Vec<VersionRow>, DbError> {
    const SQL: &str = "-- admin::schedules::versions
SELECT v.version, v.spec, v.note, v.created_at, v.created_by FROM millrace.schedule_versions v
WHERE v.schedule_id = $1 AND ($2::integer IS NULL OR v.version = $2) ORDER BY v.version DESC LIMIT $3";
    statement(SQL)
        .bind::<Integer, _>(id.0)
        .bind::<Nullable<Integer>, _>(version)
        .bind::<Integer, _>(VERSIONS_MAX)
        .rows(conn)
}
