//! `GET /api/v1/jobs/{id}`, `/attempts`, `/explain`.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use serde_json::{Value, json};

use super::refusal::refused;
use crate::admin::jobs::expected::expected;
use crate::admin::jobs::{self, json as told_as, service};
use crate::queue::actor::Actor;
use crate::queue::job::JobId;
use crate::web::error::WebError;
use crate::web::kit::Kit;
use crate::web::respond;

/// Answers with one job.
pub(super) async fn job(id: Path<JobId>, actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let read = move |conn: &mut _| Ok(told_as::job(&actor, &service::find(conn, &actor, *id).map_err(refused)?));
    let shown: Value = kit.db.run::<_, WebError>(read).await?;
    respond::json(StatusCode::OK, &shown)
}

/// Answers with all attempts of a job, oldest first.
pub(super) async fn attempts(id: Path<JobId>, actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let read = move |conn: &mut _| {
        let job = service::find(conn, &actor, *id).map_err(refused)?;
        let past = jobs::attempts(conn, job.id)?;
        Ok(told_as::attempts(&actor, &job, &past))
    };
    let attempts = kit.db.run::<_, WebError>(read).await?;
    respond::json(StatusCode::OK, &json!({ "attempts": attempts }))
}

/// Answers why a job is not running: its state, the reasons, the first one first, and when it is expected to start.
pub(super) async fn explain(id: Path<JobId>, actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let id = id.into_inner();
    let read = move |conn: &mut _| {
        let job = service::find(conn, &actor, id).map_err(refused)?;
        let mut told = jobs::explain(conn, &job)?.within(conn, &actor.scope)?;
        let expected = expected(conn, &job, &told)?;
        if !service::sees_payload(&actor) {
            told.hide_values();
        }
        Ok((told, expected))
    };
    let now = kit.clock.now();
    let (told, expected) = kit.db.run::<_, WebError>(read).await?;
    respond::json(StatusCode::OK, &told_as::explanation(id, &told, expected, now))
}
