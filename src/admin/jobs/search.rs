//! The search of the page for programs: the same words find the same jobs, but what the page would name as not understood is
//! refused, and the search goes on by itself behind the many that do not match.

use chrono_tz::Tz;

use super::sorted::{Sorted, Within, sorted};
use super::view::{ListView, Order, Unknown};
use super::{Cursor, Detail, details, service};
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
    /// In the order that was asked for, the newest first else; without their outputs.
    pub jobs: Vec<Detail>,
    /// What the order holds for; `None` = all that match.
    pub within: Option<Within>,
    /// Where to go on; `None` = there is no more. A page may be short, even empty, although there is more.
    pub next: Option<i64>,
}

/// Finds at most `jobs_max` (1 to 200) jobs for the `fields` of an address (`q`, `state`, `queue`, `sort`, …), behind `after` in
/// the order of numbers. Days and
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
    let (mut ids, mut next, mut held) = (Vec::<JobId>::new(), after, None);
    for _ in 0..LOOKS_MAX {
        let place = (view.order, next.map_or(Cursor::Newest, Cursor::After));
        let Sorted { page, within, .. } = sorted(conn, &actor.scope, &filter, place, jobs_max - ids.len() as u32)?;
        held = held.or(within);
        ids.extend(page.rows.iter().map(|row| row.id));
        next = page.older.or(page.edge);
        let is_one_piece = matches!(view.order, Order::By(..)) && !ids.is_empty(); // two sorted pieces are not sorted
        if next.is_none() || is_one_piece || ids.len() >= jobs_max as usize {
            break;
        }
    }
    let mut jobs = details(conn, &actor.scope, &ids)?;
    jobs.sort_by_key(|job| ids.iter().position(|id| *id == job.id));
    Ok(Found { jobs, within: held, next })
}
