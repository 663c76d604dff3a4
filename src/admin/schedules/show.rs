//! Schedules as one actor may see them: in scope, arguments covered.

use std::collections::HashMap;

use serde_json::Value;

use super::error::ScheduleError;
use super::filter::{Cursor, ScheduleFilter};
use super::history::{self, RunMark};
use super::json::keys_only;
use super::read::{self, ScheduleRow, VersionRow};
use super::service::find;
use super::target;
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::permission::Permission;
use crate::queue::schedules::ScheduleId;

/// The last runs of schedules, the oldest first.
pub type Strips = HashMap<ScheduleId, Vec<RunMark>>;

/// Lists schedules in scope with their last runs.
///
/// # Errors
/// [`ScheduleError::Forbidden`], database failures.
pub fn list(
    conn: &mut PgConnection,
    actor: &Actor,
    filter: &ScheduleFilter,
) -> Result<(Vec<ScheduleRow>, Strips), ScheduleError> {
    actor.require(Permission::ReadSchedules)?;
    let rows = read::list(conn, &actor.scope, filter)?;
    let ids: Vec<ScheduleId> = rows.iter().map(|row| row.id).collect();
    let strips = if ids.is_empty() { HashMap::new() } else { history::strips(conn, &ids)? };
    Ok((rows, strips))
}

/// A page of schedules, and what the page behind it begins after, if there is one.
pub type Page = (Vec<ScheduleRow>, Strips, Option<String>);

/// Does as [`list`] with a page of `filter.limit`, and tells where the next one begins.
///
/// # Errors
/// [`ScheduleError::Forbidden`], database failures.
pub fn page(conn: &mut PgConnection, actor: &Actor, filter: ScheduleFilter) -> Result<Page, ScheduleError> {
    let (limit, sort) = (filter.limit.clamp(1, read::SCHEDULES_MAX), filter.sort);
    let (mut rows, strips) = list(conn, actor, &ScheduleFilter { limit: limit + 1, ..filter })?;
    let of_page = usize::try_from(limit).unwrap_or_default();
    let is_more = rows.len() > of_page;
    rows.truncate(of_page);
    let next = rows.last().filter(|_| is_more).map(|row| Cursor::behind(row, sort).to_string());
    Ok((rows, strips, next))
}

/// Reads one schedule in scope.
///
/// # Errors
/// [`ScheduleError::NotFound`], [`ScheduleError::Forbidden`].
pub fn one(conn: &mut PgConnection, actor: &Actor, name: &str) -> Result<ScheduleRow, ScheduleError> {
    actor.require(Permission::ReadSchedules)?;
    find(conn, actor, name)
}

/// Gives what a schedule says as this actor may see it: secrets among its arguments covered, and only their names without the permission.
///
/// # Errors
/// Database failures.
pub fn visible_spec(conn: &mut PgConnection, actor: &Actor, row: &ScheduleRow) -> Result<Value, ScheduleError> {
    visible(conn, actor, &row.spec)
}

/// Covers in what a schedule says, saved or not, what this actor may not see.
pub(super) fn visible(conn: &mut PgConnection, actor: &Actor, spec: &Value) -> Result<Value, ScheduleError> {
    let mut shown = target::masked(conn, spec)?;
    if !actor.may(Permission::ReadPayloads) || !target::is_in_scope(conn, actor, spec)? {
        keys_only(&mut shown);
    }
    Ok(shown)
}

/// Lists the versions of a schedule, the latest first, each as this actor may see it.
///
/// # Errors
/// [`ScheduleError::NotFound`], [`ScheduleError::Forbidden`].
pub fn versions(conn: &mut PgConnection, actor: &Actor, name: &str) -> Result<Vec<(VersionRow, Value)>, ScheduleError> {
    let row = one(conn, actor, name)?;
    let mut all = Vec::new();
    for version in read::versions(conn, row.id, None)? {
        let spec = visible(conn, actor, &version.spec)?;
        all.push((version, spec));
    }
    Ok(all)
}
