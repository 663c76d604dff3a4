//! Calendars over HTTP: `/api/v1/calendars…`.

use std::ops::RangeInclusive;

use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono::Datelike;
use serde_json::{Value, json};

use super::facts::YEARS;
use super::service::{self, CalendarError, Saved, save_in};
use super::{CalendarRow, json as view};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::idempotency::once;
use crate::queue::permission::Permission::{EditCalendars, ReadCalendars};
use crate::timing::calendar::{self, Calendar};
use crate::timing::ics;
use crate::web::api::{Asked, BODY_BYTES_MAX, base, named, paths, told};
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::{Problem, sentence};
use crate::web::kit::Kit;
use crate::web::respond;
use crate::web::table::Access::Needs;
use crate::web::table::Route;

/// Most years of one iCalendar file.
const FILE_YEARS_MAX: i32 = 25;

/// The routes of calendars.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get(paths::CALENDARS, Needs(ReadCalendars), list),
        Route::get(paths::CALENDAR, Needs(ReadCalendars), show),
        Route::new(Method::PUT, paths::CALENDAR, Needs(EditCalendars), put),
        Route::new(Method::DELETE, paths::CALENDAR, Needs(EditCalendars), remove),
        Route::get(paths::CALENDAR_ICS, Needs(ReadCalendars), file).reading(&["from", "to"]),
    ]
}

/// Answers with all calendars, by name.
async fn list(actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let now = kit.clock.now();
    let read = move |conn: &mut PgConnection| {
        let rows = service::list(conn, &actor)?;
        Ok(rows.iter().map(|row| view::calendar(row, now)).collect::<Vec<_>>()) // here, as many take a while
    };
    let shown: Vec<Value> = kit.db.run(read).await.map_err(refused)?;
    respond::json(StatusCode::OK, &json!({ "calendars": shown }))
}

/// Answers with one calendar, who minds it, and its holidays of this year and the next.
async fn show(name: Path<String>, actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let (row, users) = kit.db.run(move |conn| service::find(conn, &actor, &name)).await.map_err(refused)?;
    tagged(StatusCode::OK, &row, &view::whole(&row, &users, kit.clock.now()))
}

/// Answers with JSON under the entity tag of the calendar.
fn tagged(status: StatusCode, row: &CalendarRow, body: &Value) -> Result<HttpResponse, WebError> {
    let mut answer = respond::json(status, body)?;
    let tag = HeaderValue::from_str(&view::tag(row.version)).map_err(WebError::fault)?;
    answer.headers_mut().insert(header::ETAG, tag);
    Ok(answer)
}

/// Saves the body, 201 when it made the calendar, 200 else; schedules that mind it go by it at once.
///
/// `If-Match: "7"` (or `base=7`) refuses when it was changed since version 7, `If-None-Match: *` (or `base=0`) when it is there already.
/// `message=` tells why.
async fn put(
    (request, payload): (HttpRequest, Payload),
    name: Path<String>,
    query: Query,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    let asked = Asked::read(&request, payload, BODY_BYTES_MAX).await?;
    let (key, seen) = (asked.key(&actor)?, base(request.headers(), &query)?);
    let calendar = named::<Calendar>(&asked.body, "Calendar", &name)?;
    let message = query.0.text("message").to_owned();
    let work = move |conn: &mut PgConnection| {
        let done = once(conn, "calendars::save", key.as_ref(), |tx| save_in(tx, &actor, &calendar, seen, &message));
        let saved = done.map_err(refused)?.outcome().ok_or_else(Asked::other_request)?;
        let (row, users) = service::find(conn, &actor, calendar.name.as_str()).map_err(refused)?;
        Ok::<_, WebError>((saved, row, users))
    };
    let (saved, row, users) = kit.db.run(work).await?;
    let mut shown = view::whole(&row, &users, kit.clock.now());
    shown["saved"] = json!({ "version": row.version, "unchanged": saved == Saved::Unchanged });
    tagged(if saved == Saved::Made { StatusCode::CREATED } else { StatusCode::OK }, &row, &shown)
}

/// Removes a calendar that no schedule minds.
async fn remove(name: Path<String>, query: Query, actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let reason = query.0.text("reason").to_owned();
    kit.db.run(move |conn| service::remove(conn, &actor, &name, &reason)).await.map_err(refused)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Answers with the holidays of some years as an iCalendar file.
async fn file(name: Path<String>, query: Query, actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let (row, _) = kit.db.run(move |conn| service::find(conn, &actor, &name)).await.map_err(refused)?;
    let now = kit.clock.now();
    let years = years(&query, view::today(&row, now).year())?;
    let (calendar, days) = row.calendar().zip(row.days()).ok_or_else(|| unreadable(&row))?;
    Ok(download(&row.name, ics::export(&days, &calendar.title, years, now)))
}

/// The stored document is one of another version of this program.
pub(super) fn unreadable(row: &CalendarRow) -> WebError {
    WebError::Conflict(format!("This version of Millrace does not understand what the calendar {} says.", row.name))
}

/// Answers with an iCalendar file that browsers keep under the calendar's name.
pub(super) fn download(name: &str, text: String) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/calendar; charset=utf-8"))
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.ics\"")))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(text)
}

/// Reads `from=` and `to=`: this year and the next unless they say otherwise.
pub(super) fn years(query: &Query, this_year: i32) -> Result<RangeInclusive<i32>, WebError> {
    let refuse = |name: &str, message: String| told(vec![Problem { field: name.into(), message }]);
    let year = |name: &str| match query.0.text(name) {
        "" => Ok(None),
        text => match text.parse::<i32>() {
            Ok(year) if YEARS.contains(&year) => Ok(Some(year)),
            _ => Err(refuse(name, format!("{name} is a year from {} to {}", YEARS.start(), YEARS.end()))),
        },
    };
    let (from, to) = (year("from")?, year("to")?);
    let from = from.unwrap_or_else(|| to.map_or(this_year, |to| this_year.min(to)));
    let to = to.unwrap_or((from.max(this_year) + 1).min(*YEARS.end()));
    match to - from {
        ..0 => Err(refuse("to", "to is not before from".into())),
        FILE_YEARS_MAX.. => Err(refuse("to", format!("a file has at most {FILE_YEARS_MAX} years"))),
        _ => Ok(from..=to),
    }
}

/// Tells a problem at its place in the document: `dates[3].name` is `/dates/3/name`.
fn problem(found: &calendar::Problem) -> Problem {
    let pointer: String = found.path.replace('[', "/").replace(']', "").replace('.', "/");
    Problem { field: format!("/{pointer}"), message: found.message.clone() }
}

fn refused(error: CalendarError) -> WebError {
    let told = format!("{}.", sentence(&error.to_string()));
    let at = |field: &str| WebError::Invalid(vec![Problem { field: field.into(), message: told.clone() }]);
    match error {
        CalendarError::NotFound(_) => WebError::NotFound,
        CalendarError::NameTaken(_)
        | CalendarError::Stale(_)
        | CalendarError::InUse { .. }
        | CalendarError::TooMany => WebError::Conflict(told),
        CalendarError::BadName(_) => at("/name"),
        CalendarError::BadNote(_) => at("reason"),
        CalendarError::Refused(problems) => WebError::Invalid(problems.iter().map(problem).collect()),
        CalendarError::Limited => WebError::Conflict(told),
        CalendarError::Forbidden(lacking) => lacking.into(),
        CalendarError::Db(error) => error.into(),
    }
}
