//! Publishing, rolling back and archiving.

use diesel::sql_types::{Integer, Text, Timestamptz};
use serde_json::json;

use super::read;
use super::service::{Row, TemplateError, check_pools, insert_version, lock};
use crate::base::clock::{Clock, Time};
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};
use crate::base::text::note;
use crate::queue::actor::Actor;
use crate::queue::audit::{self, Change};
use crate::queue::job::TemplateId;
use crate::queue::permission::Permission;

/// What a publication came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// The active version.
    pub version: i32,
    /// It was the active one already.
    pub unchanged: bool,
}

/// Makes a version (the latest when none is named) the active one: new jobs are pinned to it. Its default queue is made
/// when it is new.
///
/// # Errors
/// [`TemplateError::NoVersion`], [`TemplateError::NotAllowed`] for an archived template.
pub fn publish(
    conn: &mut PgConnection,
    clock: &dyn Clock,
    actor: &Actor,
    name: &str,
    version: Option<i32>,
) -> Result<Published, TemplateError> {
    actor.require(Permission::PublishTemplates)?;
    transaction(conn, "templates::publish", |tx| publish_in(tx, clock, actor, name, version))
}

/// Publishes within the caller's transaction; the permission has been checked.
pub(super) fn publish_in(
    tx: &mut Tx<'_>,
    clock: &dyn Clock,
    actor: &Actor,
    name: &str,
    version: Option<i32>,
) -> Result<Published, TemplateError> {
    let row = find(tx, name)?;
    row.refuse_archived(name, "published")?;
    let version = version.unwrap_or(row.latest_version);
    let found = read::version(tx, row.id, version)?.ok_or_else(|| no_version(name, version))?;
    if row.state == "active" && row.active_version == Some(version) {
        return Ok(Published { version, unchanged: true });
    }
    check_pools(tx, &found.spec)?; // they may have changed since it was saved
    mark_published(tx, actor, row.id, version, clock.now())?;
    let before = json!({ "active_version": row.active_version, "state": row.state });
    let after = json!({ "active_version": version, "state": "active", "spec": found.spec });
    audit::record(tx, actor, Change::new("template.publish", "template", name).from_to(Some(before), Some(after)))?;
    Ok(Published { version, unchanged: false })
}

fn find(tx: &mut Tx<'_>, name: &str) -> Result<Row, TemplateError> {
    lock(tx, name)?.ok_or_else(|| TemplateError::NotFound(name.to_owned()))
}

fn no_version(name: &str, version: i32) -> TemplateError {
    TemplateError::NoVersion(name.to_owned(), version)
}

fn mark_published(
    tx: &mut Tx<'_>,
    actor: &Actor,
    template: TemplateId,
    version: i32,
    now: Time,
) -> Result<(), DbError> {
    const SQL: &str = "-- admin::templates::publish
WITH marked AS (
    UPDATE millrace.template_versions SET published_at = coalesce(published_at, $1), published_by = coalesce(published_by, $2)
    WHERE template_id = $3 AND version = $4 RETURNING queue
), queue AS (
    INSERT INTO millrace.queues (name) SELECT queue FROM marked ON CONFLICT (name) DO NOTHING
)
UPDATE millrace.templates SET state = 'active', active_version = $4, updated_at = $1 WHERE id = $3 AND EXISTS (SELECT FROM marked)";
    let updated = statement(SQL)
        .bind::<Timestamptz, _>(now)
        .bind::<Text, _>(actor.signature())
        .bind::<Integer, _>(template)
        .bind::<Integer, _>(version)
        .run(tx)?;
    if updated == 1 { Ok(()) } else { Err(DbError::Conflict("the template changed meanwhile".into())) }
}

/// Makes a new version with the content of an old one and publishes it; tells its number.
///
/// # Errors
/// As [`publish`].
pub fn roll_back(
    conn: &mut PgConnection,
    clock: &dyn Clock,
    actor: &Actor,
    name: &str,
    to: i32,
) -> Result<i32, TemplateError> {
    actor.require(Permission::PublishTemplates)?;
    transaction(conn, "templates::roll_back", |tx| roll_back_in(tx, clock, actor, name, to))
}

/// Rolls back within the caller's transaction; the permission has been checked.
pub(super) fn roll_back_in(
    tx: &mut Tx<'_>,
    clock: &dyn Clock,
    actor: &Actor,
    name: &str,
    to: i32,
) -> Result<i32, TemplateError> {
    let row = find(tx, name)?;
    row.refuse_archived(name, "rolled back")?;
    let old = read::version(tx, row.id, to)?.ok_or_else(|| no_version(name, to))?;
    check_pools(tx, &old.spec)?;
    let version = row.latest_version + 1;
    let message = format!("rolled back to version {to}");
    insert_version(tx, actor, row.id, version, (&old.spec, Some(&message), clock.now()))?;
    mark_published(tx, actor, row.id, version, clock.now())?;
    let before = json!({ "active_version": row.active_version });
    let after = json!({ "active_version": version, "content_of": to });
    audit::record(tx, actor, Change::new("template.roll_back", "template", name).from_to(Some(before), Some(after)))?;
    Ok(version)
}

/// Takes a template out of use: nothing can be enqueued, jobs that exist still run.
///
/// # Errors
/// [`TemplateError::NotFound`], [`TemplateError::NotAllowed`] when it is archived already.
pub fn archive(
    conn: &mut PgConnection,
    clock: &dyn Clock,
    actor: &Actor,
    name: &str,
    reason: &str,
) -> Result<(), TemplateError> {
    actor.require(Permission::PublishTemplates)?;
    transaction(conn, "templates::archive", |tx| archive_in(tx, clock, actor, name, reason))
}

/// Archives within the caller's transaction; the permission has been checked.
pub(super) fn archive_in(
    tx: &mut Tx<'_>,
    clock: &dyn Clock,
    actor: &Actor,
    name: &str,
    reason: &str,
) -> Result<(), TemplateError> {
    const SQL: &str = "-- admin::templates::archive
UPDATE millrace.templates SET state = 'archived', updated_at = $1 WHERE id = $2 AND state <> 'archived'";
    let reason = note(reason)?;
    let row = find(tx, name)?;
    row.refuse_archived(name, "archived")?;
    let updated = statement(SQL).bind::<Timestamptz, _>(clock.now()).bind::<Integer, _>(row.id).run(tx)?;
    if updated != 1 {
        return Err(TemplateError::Db(DbError::Conflict("the template changed meanwhile".into())));
    }
    let change = Change::new("template.archive", "template", name).because(reason);
    audit::record(
        tx,
        actor,
        change.from_to(Some(json!({ "state": row.state })), Some(json!({ "state": "archived" }))),
    )?;
    Ok(())
}
