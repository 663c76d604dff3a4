//! `GET /api/v1/jobs`: the search of the console, page by page.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use serde_json::{Value, json};

use crate::admin::jobs::search::{SearchError, search};
use crate::admin::jobs::sorted::Within;
use crate::admin::jobs::view::Unknown;
use crate::admin::jobs::{PAGE_ROWS_MAX, json as told_as};
use crate::queue::actor::Actor;
use crate::web::api::{Pages, told};
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::Problem;
use crate::web::kit::Kit;
use crate::web::respond;

/// Jobs of one answer when nothing is said.
const JOBS: u32 = 50;

/// Answers with jobs, newest first or as `sort` says.
pub(super) async fn list(query: Query, actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let pages = Pages::of(&query, JOBS, PAGE_ROWS_MAX)?;
    let mut fields = query.0.into_fields();
    fields.retain(|(name, _)| !["limit", "after"].contains(&name.as_str()));
    let (by, clock) = (actor.clone(), Arc::clone(&kit.clock));
    let found = kit.db.run(move |conn| search(conn, &*clock, &by, fields, (pages.after, pages.limit)));
    let found = found.await.map_err(refused)?;
    let jobs: Vec<Value> = found.jobs.iter().map(|job| told_as::in_list(&actor, job)).collect();
    respond::json(
        StatusCode::OK,
        &json!({ "jobs": jobs, "sorted_within": found.within.map(Within::words), "next": found.next }),
    )
}

fn refused(error: SearchError) -> WebError {
    let problem = |odd: &Unknown| {
        let parameter = odd.word.split('=').next().unwrap_or_default().to_owned();
        Problem { field: if odd.column.is_some() { "q".into() } else { parameter }, message: odd.to_string() }
    };
    match error {
        SearchError::NotUnderstood(words) => told(words.iter().map(problem).collect()),
        SearchError::Forbidden(lacking) => lacking.into(),
        SearchError::Db(error) => error.into(),
    }
}
