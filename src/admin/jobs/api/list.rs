//! `GET /api/v1/jobs`: the search of the console, page by page.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use serde_json::{Value, json};

use super::view;
use crate::admin::jobs::page::view::ListView;
use crate::admin::jobs::{Cursor, JobFilter, PAGE_ROWS_MAX, details, list as read, service};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::job::JobId;
use crate::web::api::{Pages, told};
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::{Form, Problem};
use crate::web::kit::Kit;
use crate::web::respond;

/// Jobs of one answer when nothing is said.
const JOBS: u32 = 50;
/// How often the list looks on for what is rare, 5,000 rows each time, before it answers with less than a page.
const LOOKS_MAX: usize = 10;

/// Answers with jobs, newest first.
pub(super) async fn list(query: Query, actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let pages = Pages::of(&query, JOBS, PAGE_ROWS_MAX)?;
    let filter = filter(query.0, &actor)?;
    let (jobs, next) = kit.db.read(move |conn| page(conn, &actor, &filter, pages)).await?;
    respond::json(StatusCode::OK, &json!({ "jobs": jobs, "next": next }))
}

/// The filter of the page with the same address; what the page would name as not understood is refused here.
fn filter(query: Form, actor: &Actor) -> Result<JobFilter, WebError> {
    let mut fields = query.into_fields();
    fields.retain(|(name, _)| !["limit", "after"].contains(&name.as_str()));
    let view = ListView::read(fields);
    let problem = |odd: &String| Problem { field: "q".into(), message: format!("{odd:?} is not understood") };
    if view.unknown.is_empty() {
        Ok(view.filter_for(service::sees_payload(actor)))
    } else {
        Err(told(view.unknown.iter().map(problem).collect()))
    }
}

fn page(
    conn: &mut PgConnection,
    actor: &Actor,
    filter: &JobFilter,
    pages: Pages,
) -> Result<(Vec<Value>, Option<i64>), WebError> {
    let (mut ids, mut next) = (Vec::<JobId>::new(), pages.after);
    for _ in 0..LOOKS_MAX {
        let cursor = next.map_or(Cursor::Newest, Cursor::After);
        let found = read(conn, &actor.scope, filter, cursor, pages.limit - ids.len() as u32)?;
        ids.extend(found.rows.iter().map(|row| row.id));
        next = found.older.or(found.edge);
        if next.is_none() || ids.len() >= pages.limit as usize {
            break;
        }
    }
    let jobs = details(conn, &actor.scope, &ids)?;
    Ok((jobs.iter().map(|job| view::in_list(actor, job)).collect(), next))
}
