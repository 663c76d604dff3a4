//! `GET /api/v1/jobs/{id}`, `/attempts`, `/explain`.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use serde_json::{Value, json};

use super::refusal::refused;
use super::view;
use crate::admin::jobs::{self, Reason, service};
use crate::queue::actor::Actor;
use crate::queue::job::JobId;
use crate::web::error::WebError;
use crate::web::kit::Kit;
use crate::web::respond;

/// Answers with one job.
pub(super) async fn job(id: Path<JobId>, actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let read = move |conn: &mut _| Ok(view::job(&actor, &service::find(conn, &actor, *id).map_err(refused)?));
    let shown: Value = kit.db.read::<_, WebError>(read).await?;
    respond::json(StatusCode::OK, &shown)
}

/// Answers with all attempts of a job, oldest first.
pub(super) async fn attempts(id: Path<JobId>, actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let read = move |conn: &mut _| {
        let job = service::find(conn, &actor, *id).map_err(refused)?;
        let past = jobs::attempts(conn, job.id)?;
        Ok(view::attempts(&job, &past))
    };
    let attempts = kit.db.read::<_, WebError>(read).await?;
    respond::json(StatusCode::OK, &json!({ "attempts": attempts }))
}

/// Answers why a job is not running: its state and the reasons, the first one first.
pub(super) async fn explain(id: Path<JobId>, actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let id = id.into_inner();
    let read = move |conn: &mut _| {
        let job = service::find(conn, &actor, id).map_err(refused)?;
        Ok(jobs::explain(conn, &job)?)
    };
    let told = kit.db.read::<_, WebError>(read).await?;
    let reasons: Vec<Value> = told.reasons.iter().map(reason).collect::<Result<_, _>>()?;
    respond::json(StatusCode::OK, &json!({ "id": id, "state": told.state, "reasons": reasons }))
}

/// A reason with its facts and the sentence for a person.
fn reason(reason: &Reason) -> Result<Value, WebError> {
    let mut shown = serde_json::to_value(reason).map_err(WebError::fault)?;
    shown["message"] = Value::String(sentence(reason));
    Ok(shown)
}

fn sentence(reason: &Reason) -> String {
    let because = |reason: &Option<String>| reason.as_ref().map_or(String::new(), |why| format!(": {why}"));
    match reason {
        Reason::NotDue { run_at } => format!("It waits for its time, {}", run_at.to_rfc3339()),
        Reason::Backoff { run_at } => {
            format!("Its last attempt failed; the next one is due at {}", run_at.to_rfc3339())
        }
        Reason::Held { by, reason } => format!("{by} holds it{}", because(reason)),
        Reason::Blocked => "It waits for something else to end".into(),
        Reason::QueuePaused { by, reason } => format!("{by} paused its queue{}", because(reason)),
        Reason::NoNode => "No node that is up serves its queue".into(),
        Reason::SlotsBusy { busy, slots } => format!("{busy} of {slots} slots are busy"),
        Reason::InLine { position } => format!("It is number {position} in line"),
    }
}
