//! `POST /api/v1/jobs/{id}/cancel` and its siblings. Answers 200 with the job as it is afterwards; 202 when the job runs and its
//! node was told.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::refusal::refused;
use crate::admin::jobs::service::{Acted, Verb, act_in};
use crate::admin::jobs::{Detail, detail, json};
use crate::base::clock::Clock;
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::idempotency::{RequestKey, once};
use crate::queue::job::JobId;
use crate::queue::ring::{Call, Ringer};
use crate::web::api::{Asked, BODY_BYTES_MAX, Fields, object, told};
use crate::web::error::WebError;
use crate::web::kit::Kit;
use crate::web::respond;

/// What every handler takes.
type Taken = (HttpRequest, Payload, Path<JobId>, Actor, Data<Kit>, Data<Ringer>);

macro_rules! handlers {
    ($($(#[$doc:meta])* $name:ident: $verb:expr;)+) => {
        $(
            $(#[$doc])*
            pub(super) async fn $name(
                request: HttpRequest,
                payload: Payload,
                id: Path<JobId>,
                actor: Actor,
                kit: Data<Kit>,
                ringer: Data<Ringer>,
            ) -> Result<HttpResponse, WebError> {
                answer((request, payload, id, actor, kit, ringer), $verb).await
            }
        )+
    };
}

handlers! {
    /// Ends a job.
    cancel: |_| Some(Verb::Cancel);
    /// Tries a failed job once more, a waiting one without waiting.
    retry: |_| Some(Verb::Retry);
    /// Stops a waiting job until it is released.
    hold: |_| Some(Verb::Hold);
    /// Lets a held job go on.
    release: |_| Some(Verb::Release);
    /// Moves a waiting job to `run_at`.
    reschedule: |fields| required(fields, "run_at", Fields::time).map(Verb::Reschedule);
    /// Gives a waiting job another `priority`.
    priority: |fields| required(fields, "priority", |fields, name| fields.whole(name, 1..=5)).map(Verb::Priority);
}

fn required<T>(fields: &mut Fields, name: &str, take: impl FnOnce(&mut Fields, &str) -> Option<T>) -> Option<T> {
    if !fields.has(name) {
        fields.refuse(name, format!("{name} is required"));
    }
    take(fields, name)
}

async fn answer(
    (request, payload, id, actor, kit, ringer): Taken,
    verb: impl FnOnce(&mut Fields) -> Option<Verb>,
) -> Result<HttpResponse, WebError> {
    let asked = Asked::read(&request, payload, BODY_BYTES_MAX).await?;
    let key = asked.key(&actor)?;
    let mut fields = Fields::of(object(&asked.body)?, "");
    let (verb, reason) = (verb(&mut fields), fields.text("reason").unwrap_or_default());
    fields.end().map_err(told)?;
    let wanted = verb.ok_or_else(|| WebError::fault("an act without a verb was not refused"))?;
    let (clock, by) = (kit.clock.clone(), actor.clone());
    let (acted, job) = kit.db.run(move |conn| act(conn, &*clock, &by, *id, (&key, &(wanted, &reason)))).await?;
    ringer.ring(Call::All); // after the commit
    let status = if acted == Acted::Asked { StatusCode::ACCEPTED } else { StatusCode::OK };
    respond::json(status, &json::job(&actor, &job))
}

type Wanted<'w> = (&'w Option<RequestKey>, &'w (Verb, &'w str));

fn act(
    conn: &mut PgConnection,
    clock: &dyn Clock,
    actor: &Actor,
    id: JobId,
    (key, wanted): Wanted<'_>,
) -> Result<(Acted, Detail), WebError> {
    let once = once(conn, "jobs::act", key.as_ref(), |tx| act_in(tx, clock, actor, id, wanted)).map_err(refused)?;
    let acted = once.outcome().ok_or_else(Asked::other_request)?;
    let job = detail(conn, &actor.scope, id)?.ok_or(WebError::NotFound)?;
    Ok((acted, job))
}
