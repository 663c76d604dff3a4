//! The search of the page for programs: the same words find the same jobs, but what the page would name as not understood is
//! refused, and the search goes on by itself behind the many that do not match.

use chrono_tz::Tz;

use super::view::{ListView, Unknown};
use super::{Cursor, Detail, details, list, service};
use crate::base::clock::Clock;
use crate::base::db::{DbError, PgConnection};
use crate::queue::actor::{Actor, Forbidden};
use crate::queue::job::JobId;
use crate::queue::permission::Permission;

/// How often the list looks on for what is rare, 5,000 rows each time, before it answers with less than a page.
const LOOKS_MAX: usize = 10;

/// Why a search was refused.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// What means nothing here.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(". "))]
    NotUnderstood(Vec<Unknown>),
    /// The actor lacks the permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// A page of what was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// Newest first, without their outputs.
    pub jobs: Vec<Detail>,
    /// Where to go on; `None` = there is no more. A page may be short, even empty, although there is more.
    pub next: Option<i64>,
}

/// Finds at most `jobs_max` (1 to 200) jobs for the `fields` of an address (`q`, `state`, `queue`, …), older than `after`. Days and
/// times without an offset are UTC.
///
/// # Errors
/// [`SearchError`].
pub fn search(
    conn: &mut PgConnection,
    clock: &dyn Clock,
    actor: &Actor,
    fields: Vec<(String, String)>,
    (after, jobs_max): (Option<i64>, u32),
) -> Result<Found, SearchError> {
    actor.require(Permission::ReadJobs)?;
    let view = ListView::read(fields);
    if !view.unknown.is_empty() {
        return Err(SearchError::NotUnderstood(view.unknown));
    }
    let filter = view.filter_for(clock.now(), Tz::UTC, service::sees_payload(actor));
    let (mut ids, mut next) = (Vec::<JobId>::new(), after);
    for _ in 0..LOOKS_MAX {
        let cursor = next.map_or(Cursor::Newest, Cursor::After);
        let page = list(conn, &actor.scope, &filter, cursor, jobs_max - ids.len() as u32)?;
        ids.extend(page.rows.iter().map(|row| row.id));
        next = page.older.or(page.edge);
        if next.is_none() || ids.len() >= jobs_max as usize {
            break;
        }
    }
    Ok(Found { jobs: details(conn, &actor.scope, &ids)?, next })
}
