//! Failures over HTTP: `/api/v1/failures…`.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::acts::Act;
use super::detail::{attempts, course_of, notes, shares};
use super::differs::compare;
use super::filter::{Cursor, Filter, Range, Sort};
use super::json::{attempts_json, compared_json};
use super::service::{self, FailureError, act_in, sees_messages};
use super::{ROWS_MAX, group_json, whole_json};
use crate::base::clock::Time;
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::failures::GroupState;
use crate::queue::idempotency::once;
use crate::queue::permission::Permission::{HandleFailures, ReadFailures};
use crate::web::api::{Asked, BODY_BYTES_MAX, Fields, object, paths, told as invalid};
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::{Form, Problem};
use crate::web::kit::Kit;
use crate::web::live::told;
use crate::web::respond;
use crate::web::table::Access::Needs;
use crate::web::table::Route;

/// Groups of an answer unless another number is asked for.
const LIMIT: i64 = 50;

/// What a list of groups is asked for.
const LIST_PARAMETERS: [&str; 8] = ["state", "template", "queue", "q", "since", "sort", "limit", "after"];

/// The routes of failures.
pub fn routes() -> Vec<Route> {
    let handle_failures = || Needs(HandleFailures);
    vec![
        Route::get(paths::FAILURES, Needs(ReadFailures), list).reading(&LIST_PARAMETERS),
        Route::get(paths::FAILURE, Needs(ReadFailures), show),
        Route::post(paths::FAILURE_MUTE, handle_failures(), mute),
        Route::post(paths::FAILURE_HANDLE, handle_failures(), handle),
        Route::post(paths::FAILURE_REOPEN, handle_failures(), reopen),
        Route::post(paths::FAILURE_ASSIGN, handle_failures(), assign),
        Route::post(paths::FAILURE_NOTE, handle_failures(), write_note),
        Route::post(paths::FAILURE_TICKET, handle_failures(), ticket),
    ]
}

/// What is decided.
#[derive(Debug, Clone, Copy)]
enum Verb {
    Mute,
    Handle,
    Reopen,
    Assign,
    Note,
    Ticket,
}

/// Answers with the groups that the query asks for, those that failed last first.
async fn list(actor: Actor, kit: Data<Kit>, query: Query) -> Result<HttpResponse, WebError> {
    let (filter, limit) = filter(&query.0).map_err(WebError::Invalid)?;
    let now = kit.clock.now();
    let work = move |conn: &mut PgConnection| {
        let page = service::list(conn, &actor, &filter, limit)?;
        let next = page.rows.last().filter(|_| page.has_older).map(|row| row.cursor(filter.sort));
        let groups: Vec<Value> = page.rows.iter().map(|row| group_json(row, &actor, now)).collect();
        Ok::<_, FailureError>(json!({ "failures": groups, "next": next }))
    };
    respond::json(StatusCode::OK, &kit.db.run(work).await.map_err(told)?)
}

fn filter(query: &Form) -> Result<(Filter, i64), Vec<Problem>> {
    let mut problems = Vec::new();
    let mut refuse = |name: &str, message: &str| problems.push(Problem { field: name.into(), message: message.into() });
    let names = query.all("state").flat_map(|text| text.split(',')).map(str::trim).filter(|name| !name.is_empty());
    let states: Vec<Option<GroupState>> = names.map(GroupState::parse).collect();
    if states.contains(&None) {
        refuse("state", "a state is new, rising, steady, returned, quiet, muted or handled");
    }
    let since = Some(query.text("since"))
        .filter(|text| !text.is_empty())
        .map(|text| text.parse::<i32>().ok().filter(|version| *version > 0));
    if since == Some(None) {
        refuse("since", "since is the number of a version");
    }
    let sort = Some(query.text("sort")).filter(|text| !text.is_empty()).map_or(Some(Sort::default()), Sort::parse);
    if sort.is_none() {
        refuse("sort", "sort is last, first or most");
    }
    let cursor = Some(query.text("after")).filter(|text| !text.is_empty()).map(|text| Cursor::parse(text, false));
    if cursor == Some(None) {
        refuse("after", "after is what `next` of an answer said");
    }
    let limit = Some(query.text("limit")).filter(|text| !text.is_empty()).map_or(Some(LIMIT), |text| text.parse().ok());
    let limit = limit.filter(|limit| (1..=ROWS_MAX).contains(limit));
    if limit.is_none() {
        refuse("limit", "limit goes from 1 to 200");
    }
    if ["template", "queue", "q"].iter().any(|name| query.text(name).contains('\0')) {
        refuse("q", "text may not hold the character NUL");
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let filter = Filter {
        states: states.into_iter().flatten().collect(),
        template: query.text("template").to_owned(),
        queue: query.text("queue").to_owned(),
        text: query.text("q").to_owned(),
        since_version: since.flatten(),
        range: Range::default(),
        sort: sort.unwrap_or_default(),
        cursor: cursor.flatten(),
    };
    Ok((filter, limit.unwrap_or(LIMIT)))
}

/// Answers with one group: where it came in the last 24 hours, its newest attempts, notes, and what differs.
async fn show(print: Path<String>, actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let now = kit.clock.now();
    let shown = kit.db.run(move |conn| read(conn, &actor, (&print, now))).await.map_err(told)?;
    respond::json(StatusCode::OK, &shown)
}

fn read(conn: &mut PgConnection, actor: &Actor, (print, now): (&str, Time)) -> Result<Value, FailureError> {
    let group = service::find(conn, actor, print)?;
    let range = (Range::default(), now);
    let shares = shares(conn, &actor.scope, print, range)?;
    let course = course_of(print, &shares);
    let notes = notes(conn, print)?;
    let mut whole = whole_json(group_json(&group, actor, now), (course.as_ref(), &shares), &notes);
    whole["newest_attempts"] = attempts_json(&attempts(conn, &actor.scope, print)?, actor);
    whole["differs"] = compared_json(&compare(conn, &actor.scope, print, sees_messages(actor))?);
    Ok(whole)
}

async fn mute(
    asked: (HttpRequest, Payload),
    print: Path<String>,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    decide(asked, &print, actor, (&kit, Verb::Mute)).await
}

async fn handle(
    asked: (HttpRequest, Payload),
    print: Path<String>,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    decide(asked, &print, actor, (&kit, Verb::Handle)).await
}

async fn reopen(
    asked: (HttpRequest, Payload),
    print: Path<String>,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    decide(asked, &print, actor, (&kit, Verb::Reopen)).await
}

async fn assign(
    asked: (HttpRequest, Payload),
    print: Path<String>,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    decide(asked, &print, actor, (&kit, Verb::Assign)).await
}

async fn write_note(
    asked: (HttpRequest, Payload),
    print: Path<String>,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    decide(asked, &print, actor, (&kit, Verb::Note)).await
}

async fn ticket(
    asked: (HttpRequest, Payload),
    print: Path<String>,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    decide(asked, &print, actor, (&kit, Verb::Ticket)).await
}

/// What the body of a request asks for.
enum Wish {
    Act(Act),
    /// To whom, by address.
    Assign(Option<String>),
}

fn wish(fields: &mut Fields, verb: Verb) -> Wish {
    match verb {
        // null or nothing: heard of again
        Verb::Mute => Wish::Act(fields.time("until").map_or(Act::Unmute, Act::Mute)),
        Verb::Handle => Wish::Act(Act::Handle(fields.whole_or_null("from_version", 1..=i64::from(i32::MAX)).flatten())),
        Verb::Reopen => Wish::Act(Act::Reopen),
        Verb::Assign => Wish::Assign(fields.text("person").filter(|email| !email.is_empty())),
        Verb::Note => Wish::Act(Act::Note(fields.required_text("note"))),
        Verb::Ticket => Wish::Act(Act::Ticket(fields.text("ticket").filter(|ticket| !ticket.is_empty()))),
    }
}

/// Decides and answers with the group as it is then.
async fn decide(
    (request, payload): (HttpRequest, Payload),
    print: &str,
    actor: Actor,
    (kit, verb): (&Kit, Verb),
) -> Result<HttpResponse, WebError> {
    let asked = Asked::read(&request, payload, BODY_BYTES_MAX).await?;
    let key = asked.key(&actor)?;
    let body = if asked.body.iter().all(u8::is_ascii_whitespace) { json!({}) } else { object(&asked.body)? };
    let mut fields = Fields::of(body, "");
    let wish = wish(&mut fields, verb);
    let reason = fields.text("reason").unwrap_or_default();
    fields.end().map_err(invalid)?;
    let (now, print) = (kit.clock.now(), print.to_owned());
    let work = move |conn: &mut PgConnection| {
        let act = match wish {
            Wish::Act(act) => act,
            Wish::Assign(None) => Act::Assign(None),
            Wish::Assign(Some(email)) => Act::Assign(Some(service::person(conn, &email).map_err(told)?)),
        };
        let work = |tx: &mut crate::base::db::Tx<'_>| act_in(tx, &actor, &print, (&act, &reason, now)).map(|_| ());
        let done = once(conn, "failures::act", key.as_ref(), work).map_err(told)?;
        done.outcome().ok_or_else(Asked::other_request)?;
        let group = service::find(conn, &actor, &print).map_err(told)?;
        Ok::<_, WebError>(group_json(&group, &actor, now))
    };
    respond::json(StatusCode::OK, &kit.db.run(work).await?)
}
