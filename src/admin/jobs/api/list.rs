//! `GET /api/v1/jobs`: the search of the console, page by page.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use serde_json::{Value, json};

use super::view;
use crate::admin::jobs::{Cursor, JobFilter, details, list as read};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::job::JobId;
use crate::queue::state::JobState;
use crate::web::api::{Pages, told};
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::{Form, Problem};
use crate::web::kit::Kit;
use crate::web::respond;

/// Jobs of one answer when nothing is said.
const JOBS: u32 = 50;
/// Most jobs of one answer.
const JOBS_MAX: u32 = 200;

/// Answers with jobs, newest first.
pub(super) async fn list(query: Query, actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let pages = Pages::of(&query, JOBS, JOBS_MAX)?;
    let filter = filter(&query.0)?;
    let (jobs, next) = kit.db.read(move |conn| page(conn, &actor, &filter, pages)).await?;
    respond::json(StatusCode::OK, &json!({ "jobs": jobs, "next": next }))
}

fn page(
    conn: &mut PgConnection,
    actor: &Actor,
    filter: &JobFilter,
    pages: Pages,
) -> Result<(Vec<Value>, Option<i64>), WebError> {
    let cursor = pages.after.map_or(Cursor::Newest, Cursor::After);
    let found = read(conn, &actor.scope, filter, cursor, pages.limit)?;
    let ids: Vec<JobId> = found.rows.iter().map(|row| row.id).collect();
    let jobs = details(conn, &actor.scope, &ids)?;
    Ok((jobs.iter().map(|job| view::in_list(actor, job)).collect(), found.older))
}

fn filter(query: &Form) -> Result<JobFilter, WebError> {
    let mut filter = JobFilter::default();
    let mut problems = Vec::new();
    for state in query.all("state").flat_map(|text| text.split(',')).filter(|text| !text.is_empty()) {
        match JobState::parse(state) {
            Some(state) => drop(filter.states.insert(state)),
            None => {
                problems.push(Problem { field: "state".into(), message: format!("{state:?} is no state of a job") })
            }
        }
    }
    if problems.is_empty() { Ok(filter) } else { Err(told(problems)) }
}
