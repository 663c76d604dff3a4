//! `POST /api/v1/jobs`: one job.

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::new_job::new_job;
use super::refusal::refused;
use crate::admin::jobs::gather::{Gathered, Gatherer};
use crate::admin::jobs::idempotency::enqueue_once;
use crate::admin::jobs::service::JobError;
use crate::admin::jobs::{Detail, detail, json as told_as};
use crate::base::db::PgConnection;
use crate::queue::actor::{Actor, Via};
use crate::queue::enqueue::{Enqueued, NewJob};
use crate::queue::idempotency::{Once, RequestKey};
use crate::queue::permission::Permission;
use crate::queue::ring::{Call, Ringer};
use crate::queue::state::JobState;
use crate::web::api::{Asked, BODY_BYTES_MAX, object, paths, told};
use crate::web::error::WebError;
use crate::web::kit::Kit;
use crate::web::respond;

/// Answers 201 with the new job, or 200 with the job that was there: by its unique key, or by the Idempotency-Key.
pub(super) async fn enqueue(
    request: HttpRequest,
    payload: Payload,
    actor: Actor,
    kit: Data<Kit>,
    (ringer, gatherer): (Data<Ringer>, Data<Gatherer>),
) -> Result<HttpResponse, WebError> {
    let asked = Asked::read(&request, payload, BODY_BYTES_MAX).await?;
    let key = asked.key(&actor)?;
    let job = new_job(object(&asked.body)?, "").map_err(told)?;
    let call = Call::about(std::slice::from_ref(&job));
    let gathered = match &key {
        None if may_be_gathered(&actor) => gatherer.enqueue(actor.signature(), job.clone()).await,
        _ => Gathered::Alone,
    };
    let made = match gathered {
        Gathered::Made(detail) => Made::of(*detail),
        Gathered::Refused(refusals) => return Err(refused(JobError::Refused(refusals))),
        Gathered::Lost(cause) => return Err(WebError::OutcomeUnknown(cause)),
        Gathered::Alone => {
            let by = actor.clone();
            kit.db.run(move |conn| make(conn, &by, key.as_ref(), job)).await?
        }
    };
    ringer.ring(if made.waits_for_its_time() { Call::All } else { call }); // after the commit
    made.answer(&actor)
}

/// Others' jobs are looked at again, or recorded, within their transaction.
fn may_be_gathered(actor: &Actor) -> bool {
    matches!(actor.via, Via::Token { .. }) && actor.scope.is_everything() && actor.may(Permission::Enqueue)
}

/// What came of it.
struct Made {
    job: Enqueued,
    is_new: bool,
    /// Absent when the job has ended and was removed meanwhile, or is outside of what the actor may see.
    detail: Option<Detail>,
}

fn make(conn: &mut PgConnection, actor: &Actor, key: Option<&RequestKey>, job: NewJob) -> Result<Made, WebError> {
    let once = enqueue_once(conn, actor, key, &[job]).map_err(refused)?;
    let is_repeat = matches!(once, Once::Repeated(_));
    let jobs = once.outcome().ok_or_else(Asked::other_request)?;
    let job = *jobs.first().ok_or_else(|| WebError::fault("one job was asked for and none was made"))?;
    let detail = detail(conn, &actor.scope, job.id)?;
    Ok(Made { job, is_new: !is_repeat && !job.existing, detail })
}

impl Made {
    /// Its template may have set the time of a job that names none.
    fn waits_for_its_time(&self) -> bool {
        self.detail.as_ref().is_none_or(|job| job.state() == JobState::Scheduled)
    }

    fn of(detail: Detail) -> Self {
        Self { job: Enqueued { id: detail.id, existing: false }, is_new: true, detail: Some(detail) }
    }

    fn answer(&self, actor: &Actor) -> Result<HttpResponse, WebError> {
        let status = if self.is_new { StatusCode::CREATED } else { StatusCode::OK };
        let shown = self.detail.as_ref().map_or_else(|| json!({ "id": self.job.id }), |job| told_as::job(actor, job));
        let mut answer = respond::json(status, &shown)?;
        let place = paths::JOB.replace("{id}", &self.job.id.to_string());
        answer.headers_mut().insert(header::LOCATION, place.parse().map_err(WebError::fault)?);
        Ok(answer)
    }
}
