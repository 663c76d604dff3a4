//! Backfills: a dry run, a start, those of a schedule, one as it stands, a stop, going on.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::read::parameter;
use super::refused;
use crate::admin::schedules::backfill::{self, CONCURRENCY_MAX, Wish};
use crate::admin::schedules::{BACKFILLS_MAX, BackfillRow, ScheduleError, json as view, older_backfills, show};
use crate::base::db::{PgConnection, Tx};
use crate::queue::actor::Actor;
use crate::queue::idempotency::once;
use crate::web::api::{Asked, BODY_BYTES_MAX, Fields, object, told};
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::kit::Kit;
use crate::web::respond;

/// Makes jobs for a range of time (202), or tells what it would do with `dry_run` (200).
pub(super) async fn start(
    (request, payload): (HttpRequest, Payload),
    name: Path<String>,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    let asked = Asked::read(&request, payload, BODY_BYTES_MAX).await?;
    let key = asked.key(&actor)?;
    let mut fields = Fields::of(object(&asked.body)?, "");
    let (from, to) = (fields.time("from"), fields.time("to"));
    for (name, time) in [("from", from), ("to", to)] {
        if time.is_none() && !fields.has(name) {
            fields.refuse(name, "is required: a time in RFC 3339");
        }
    }
    let newest_first = match fields.text("order").as_deref() {
        None | Some("oldest") => false,
        Some("newest") => true,
        Some(_) => {
            fields.refuse("order", "oldest or newest");
            false
        }
    };
    let wish = Wish {
        from: from.unwrap_or_default(),
        to: to.unwrap_or_default(),
        newest_first,
        missing_only: fields.flag("missing_only").unwrap_or_default(),
        concurrency: fields.whole("concurrency", 1..=i64::from(CONCURRENCY_MAX)).unwrap_or(1),
    };
    let is_dry = fields.flag("dry_run").unwrap_or_default();
    let reason = fields.text("reason").unwrap_or_default();
    fields.end().map_err(told)?;
    if is_dry {
        let dry = kit.db.run(move |conn| backfill::dry_run(conn, &actor, &name, &wish)).await.map_err(refused)?;
        return respond::json(StatusCode::OK, &view::dry_run(&dry));
    }
    let work = move |conn: &mut PgConnection| {
        let done = once(conn, "schedules::backfill", key.as_ref(), |tx| {
            backfill::start_in(tx, &actor, &name, &wish, &reason).map(|row| row.id.0)
        });
        let id = done.map_err(refused)?.outcome().ok_or_else(Asked::other_request)?;
        backfill::show(conn, &actor, id).map_err(refused)
    };
    respond::json(StatusCode::ACCEPTED, &view::backfill(&kit.db.run(work).await?))
}

/// A backfill belongs to the schedule that the address names.
fn of(row: BackfillRow, name: &str) -> Result<BackfillRow, ScheduleError> {
    if row.schedule == name { Ok(row) } else { Err(ScheduleError::NoBackfill(row.id.0)) }
}

/// Answers with the backfills of a schedule, the latest first, a page of them.
pub(super) async fn list(
    name: Path<String>,
    query: Query,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    let limit = parameter(&query, "limit", "from 1 to 50", |text| {
        text.parse().ok().filter(|limit| (1..=BACKFILLS_MAX).contains(limit))
    })?;
    let after = parameter(&query, "after", "the field next of a page", |text| text.parse().ok().filter(|id| *id > 0))?;
    let work = move |conn: &mut PgConnection| {
        let row = show::one(conn, &actor, &name)?;
        Ok::<_, ScheduleError>(older_backfills(conn, row.id, after, limit.unwrap_or(BACKFILLS_MAX))?)
    };
    let (rows, is_more) = kit.db.run(work).await.map_err(refused)?;
    let next = rows.last().filter(|_| is_more).map(|row| row.id);
    let shown: Vec<_> = rows.iter().map(view::backfill).collect();
    respond::json(StatusCode::OK, &json!({ "backfills": shown, "next": next }))
}

/// Answers with one backfill.
pub(super) async fn shown(path: Path<(String, i32)>, actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let work = move |conn: &mut PgConnection| of(backfill::show(conn, &actor, path.1)?, &path.0);
    respond::json(StatusCode::OK, &view::backfill(&kit.db.run(work).await.map_err(refused)?))
}

type Turn = fn(&mut Tx<'_>, &Actor, i32, &str) -> Result<BackfillRow, ScheduleError>;

/// Answers with the backfill as it is now, so only that it was done is remembered.
async fn turn(
    (request, payload): (HttpRequest, Payload),
    path: Path<(String, i32)>,
    (actor, kit): (Actor, Data<Kit>),
    turn: Turn,
) -> Result<HttpResponse, WebError> {
    let asked = Asked::read(&request, payload, BODY_BYTES_MAX).await?;
    let key = asked.key(&actor)?;
    let mut fields = Fields::of(object(&asked.body)?, "");
    let reason = fields.text("reason").unwrap_or_default();
    fields.end().map_err(told)?;
    let work = move |conn: &mut PgConnection| {
        let (name, id) = path.into_inner();
        let done = once(conn, "schedules::turn_backfill", key.as_ref(), |tx| {
            of(backfill::show(tx, &actor, id)?, &name)?;
            turn(tx, &actor, id, &reason).map(drop)
        });
        done.map_err(refused)?.outcome().ok_or_else(Asked::other_request)?;
        backfill::show(conn, &actor, id).map_err(refused)
    };
    respond::json(StatusCode::OK, &view::backfill(&kit.db.run(work).await?))
}

/// Stops a backfill: it makes no further jobs.
pub(super) async fn stop(
    asked: (HttpRequest, Payload),
    path: Path<(String, i32)>,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    turn(asked, path, (actor, kit), backfill::stop_in).await
}

/// Lets a stopped backfill go on where it was.
pub(super) async fn resume(
    asked: (HttpRequest, Payload),
    path: Path<(String, i32)>,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    turn(asked, path, (actor, kit), backfill::resume_in).await
}
