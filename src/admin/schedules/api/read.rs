//! Reading: lists, one, previews, occurrences, versions.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, HeaderValue};
use actix_web::web::{Data, Path};
use chrono::DateTime;
use serde_json::{Value, json};

use super::refused;
use crate::admin::schedules::filter::{Cursor, ScheduleFilter, Sort};
use crate::admin::schedules::history::{self, OCCURRENCES_MAX, Page};
use crate::admin::schedules::read::{SCHEDULES_MAX, Standing};
use crate::admin::schedules::{ScheduleError, compare, json as view, preview as ahead, show};
use crate::base::clock::Time;
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::schedules::{self as firing, Outcome};
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::Problem;
use crate::web::kit::Kit;
use crate::web::respond;

fn refuse(name: &str, message: impl Into<String>) -> WebError {
    WebError::Invalid(vec![Problem { field: name.into(), message: message.into() }])
}

/// Reads an optional parameter.
pub(super) fn parameter<T>(
    query: &Query,
    name: &str,
    hint: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, WebError> {
    match query.0.text(name) {
        "" => Ok(None),
        text => read(text).map(Some).ok_or_else(|| refuse(name, hint)),
    }
}

fn time(text: &str) -> Option<Time> {
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc())
}

const TIME: &str = "a time in RFC 3339, such as 2026-11-24T05:30:00Z";

/// Answers with schedules in scope, a page of them.
pub(super) async fn list(query: Query, actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let limit = parameter(&query, "limit", "from 1 to 200", |text| {
        text.parse().ok().filter(|n| (1..=SCHEDULES_MAX).contains(n))
    })?;
    let own = |name: &str| Some(query.0.text(name).to_owned()).filter(|text| !text.is_empty());
    let standings = Standing::ALL.map(Standing::as_str).join(", ");
    let sort = parameter(&query, "sort", "name or next", |text| match text {
        "name" => Some(Sort::Name),
        "next" => Some(Sort::Next),
        _ => None,
    })?
    .unwrap_or_default();
    let filter = ScheduleFilter {
        text: own("q"),
        template: own("template"),
        standing: parameter(&query, "state", &format!("one of {standings}"), Standing::parse)?,
        calendar: own("calendar"),
        sort,
        after: parameter(&query, "after", "the field next of a page in this order", |text| Cursor::parse(text, sort))?,
        limit: limit.unwrap_or(50),
    };
    let (rows, strips, next) =
        kit.db.run(move |conn: &mut PgConnection| show::page(conn, &actor, filter)).await.map_err(refused)?;
    let strip = |row: &crate::admin::schedules::ScheduleRow| strips.get(&row.id).cloned().unwrap_or_default();
    let shown: Vec<Value> = rows.iter().map(|row| view::schedule(row, &strip(row), None)).collect();
    respond::json(StatusCode::OK, &json!({ "schedules": shown, "next": next }))
}

/// Answers with one schedule.
pub(super) async fn show(name: Path<String>, actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let shown = kit.db.run(move |conn| one(conn, &actor, &name)).await.map_err(refused)?;
    tagged(StatusCode::OK, &shown)
}

/// Answers with a schedule under the entity tag of its version, which a save can be made to depend on.
pub(super) fn tagged(status: StatusCode, shown: &Value) -> Result<HttpResponse, WebError> {
    let mut answer = respond::json(status, shown)?;
    let tag = HeaderValue::from_str(&format!("\"{}\"", shown["version"])).map_err(WebError::fault)?;
    answer.headers_mut().insert(ETAG, tag);
    Ok(answer)
}

/// Reads one schedule as programs see it.
pub(super) fn one(conn: &mut PgConnection, actor: &Actor, name: &str) -> Result<Value, ScheduleError> {
    let row = show::one(conn, actor, name)?;
    let strip = history::strips(conn, &[row.id])?.remove(&row.id).unwrap_or_default();
    let spec = show::visible_spec(conn, actor, &row)?;
    Ok(view::schedule(&row, &strip, Some(&spec)))
}

/// Answers with what a schedule will do.
pub(super) async fn preview(
    name: Path<String>,
    query: Query,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    let from = parameter(&query, "from", TIME, time)?.unwrap_or_else(|| kit.clock.now());
    let to = parameter(&query, "to", TIME, time)?;
    let most = parameter(&query, "count", "from 1 to 1000", |text| {
        text.parse().ok().filter(|n| (1..=ahead::OCCURRENCES_MAX).contains(n))
    })?;
    let most = most.unwrap_or(ahead::OCCURRENCES);
    let work = move |conn: &mut PgConnection| {
        let row = show::one(conn, &actor, &name)?;
        let known = firing::known(conn, row.id, row.version)?.map_err(ScheduleError::NoJob)?;
        Ok::<_, ScheduleError>(ahead::json_of(&known, from, to, most))
    };
    respond::json(StatusCode::OK, &kit.db.run(work).await.map_err(refused)?)
}

/// Answers with what became of a schedule's occurrences, the latest first.
pub(super) async fn occurrences(
    name: Path<String>,
    query: Query,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    let limit = parameter(&query, "limit", "from 1 to 200", |text| {
        text.parse().ok().filter(|n| (1..=OCCURRENCES_MAX).contains(n))
    })?;
    let limit = limit.unwrap_or(50);
    let outcomes = Outcome::ALL.map(Outcome::as_str).join(", ");
    let page = Page {
        before: parameter(&query, "before", TIME, time)?,
        backfill: parameter(&query, "backfill", "the number of a backfill, or by_hand", |text| match text {
            "by_hand" => Some(firing::BY_HAND),
            number => number.parse().ok().filter(|number| *number > 0),
        })?,
        outcome: parameter(&query, "outcome", &format!("one of {outcomes}"), Outcome::parse)?,
        limit,
    };
    let work = move |conn: &mut PgConnection| {
        let row = show::one(conn, &actor, &name)?;
        Ok::<_, ScheduleError>(history::occurrences(conn, row.id, &page)?)
    };
    let (rows, is_more) = kit.db.run(work).await.map_err(refused)?;
    let next = rows.last().filter(|_| is_more).map(|row| row.at);
    let shown: Vec<Value> = rows.iter().map(view::occurrence).collect();
    respond::json(StatusCode::OK, &json!({ "occurrences": shown, "next": next }))
}

/// Answers with the versions of a schedule, the latest first.
pub(super) async fn versions(name: Path<String>, actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let versions = kit.db.run(move |conn| show::versions(conn, &actor, &name)).await.map_err(refused)?;
    let shown: Vec<Value> = versions.iter().map(|(row, spec)| view::version(row, spec)).collect();
    respond::json(StatusCode::OK, &json!({ "versions": shown }))
}

/// Answers with what differs between the versions `from` and `to`: field by field, and as `diff -u` of their YAML. Without them the one in force is
/// compared with the one before.
pub(super) async fn diff(
    name: Path<String>,
    query: Query,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    let number = |name: &str| {
        parameter(&query, name, "the number of a version", |text| text.parse().ok().filter(|version| *version > 0))
    };
    let pair = (number("from")?, number("to")?);
    let shown = kit.db.run(move |conn| compare::compared(conn, &actor, &name, pair)).await.map_err(refused)?;
    respond::json(StatusCode::OK, &shown)
}
