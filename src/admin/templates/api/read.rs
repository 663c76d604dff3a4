//! Reading templates, their versions and what differs between them.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, HeaderValue};
use actix_web::web::{Data, Path};
use serde_json::{Value, json};

use crate::admin::templates::json as view;
use crate::admin::templates::text::{document_of, text_of};
use crate::admin::templates::{
    self as templates, TemplateFilter, TemplateRow, TemplateState, VersionRow, search, show_in, version,
};
use crate::base::changes::{changes, unified};
use crate::base::db::{DbError, PgConnection};
use crate::queue::actor::Actor;
use crate::queue::template::RunnerKind;
use crate::web::api::{Pages, told};
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::Problem;
use crate::web::kit::Kit;
use crate::web::respond;

/// Items of a page unless `limit` says otherwise.
const LIMIT: u32 = 100;
/// Most items of a page.
const LIMIT_MAX: u32 = 200;

/// Answers with the templates that `q`, `runner` and `state` leave, by name; `after` is the last name of the page before.
pub(super) async fn list(query: Query, actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let (filter, limit) = (filter(&query)?, limit(&query)?);
    let after = Some(query.0.text("after").to_owned()).filter(|name| !name.is_empty());
    let read = move |conn: &mut _| search(conn, &actor.scope, &filter, after.as_deref(), limit + 1);
    let mut rows = kit.db.run::<_, DbError>(read).await?;
    let more = rows.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next = rows.last().filter(|_| more).map(|row| row.name.clone());
    let shown: Vec<Value> = rows.iter().map(view::template).collect();
    respond::json(StatusCode::OK, &json!({ "templates": shown, "next": next }))
}

fn filter(query: &Query) -> Result<TemplateFilter, WebError> {
    let text = |name: &str| Some(query.0.text(name)).filter(|text| !text.is_empty());
    let runner = text("runner").map(|name| RunnerKind::ALL.into_iter().find(|kind| kind.as_str() == name));
    let state = text("state").map(TemplateState::parse);
    let mut problems = Vec::new();
    if runner == Some(None) {
        problems.push(Problem { field: "runner".into(), message: "runner is command, http, sql or handler".into() });
    }
    if state == Some(None) {
        let message = "state is draft, active, deprecated or archived".into();
        problems.push(Problem { field: "state".into(), message });
    }
    if !problems.is_empty() {
        return Err(told(problems));
    }
    Ok(TemplateFilter { text: text("q").map(str::to_owned), runner: runner.flatten(), state: state.flatten() })
}

/// Names are keys here, so only `limit` is read as everywhere.
fn limit(query: &Query) -> Result<i32, WebError> {
    let alone = Query(crate::web::form::Form::default().with("limit", query.0.text("limit")));
    let pages = Pages::of(&alone, LIMIT, LIMIT_MAX)?;
    i32::try_from(pages.limit).map_err(WebError::fault)
}

/// Answers with one template and what a version says: `version=`, else the active one, else the latest.
pub(super) async fn show(
    name: Path<String>,
    query: Query,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    let asked = number(&query, "version")?;
    let read = move |conn: &mut _| {
        let row = find(conn, &actor, &name)?;
        let version = find_one(conn, &row, asked.unwrap_or(row.shown_version()))?;
        Ok::<_, WebError>((row, version))
    };
    let (row, version) = kit.db.run(read).await?;
    tagged(StatusCode::OK, &row, &view::whole(&row, &version))
}

/// Answers with JSON under the entity tag of the template.
pub(super) fn tagged(status: StatusCode, row: &TemplateRow, body: &Value) -> Result<HttpResponse, WebError> {
    let mut answer = respond::json(status, body)?;
    let tag = HeaderValue::from_str(&view::tag(row.latest_version)).map_err(WebError::fault)?;
    answer.headers_mut().insert(ETAG, tag);
    Ok(answer)
}

/// Answers with the versions of a template, newest first; `after` is the last number of the page before.
pub(super) async fn versions(
    name: Path<String>,
    query: Query,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    let pages = Pages::of(&query, LIMIT, LIMIT_MAX)?;
    let before = pages.after.map(|after| i32::try_from(after).unwrap_or(i32::MAX));
    let limit = i32::try_from(pages.limit).map_err(WebError::fault)?;
    let read = move |conn: &mut _| {
        let row = find(conn, &actor, &name)?;
        let versions = templates::versions(conn, row.id, before, limit + 1)?;
        Ok::<_, WebError>((row, versions))
    };
    let (row, mut versions) = kit.db.run(read).await?;
    let more = versions.len() > pages.limit as usize;
    versions.truncate(pages.limit as usize);
    let next = versions.last().filter(|_| more).map(|version| version.version);
    let shown: Vec<Value> = versions.iter().map(|version| view::version(&row, version)).collect();
    respond::json(StatusCode::OK, &json!({ "versions": shown, "next": next }))
}

/// Answers with what differs between the versions `from` and `to`: field by field, and as `diff -u` of their YAML.
pub(super) async fn diff(
    name: Path<String>,
    query: Query,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    let (from, to) = (number(&query, "from")?, number(&query, "to")?);
    let read = move |conn: &mut _| {
        let row = find(conn, &actor, &name)?;
        let to = to.unwrap_or(row.latest_version);
        let usual = row.active_version.filter(|active| *active < to).unwrap_or((to - 1).max(1));
        let (old, new) = (find_one(conn, &row, from.unwrap_or(usual))?, find_one(conn, &row, to)?);
        Ok::<_, WebError>((row, old, new))
    };
    let (row, old, new) = kit.db.run(read).await?;
    let (before, after) = (document_of(&row.name, &old), document_of(&row.name, &new));
    let names = (format!("{}@{}", row.name, old.version), format!("{}@{}", row.name, new.version));
    let text = unified(&text_of(&row.name, &old), &text_of(&row.name, &new), (&names.0, &names.1));
    let shown = json!({ "from": old.version, "to": new.version, "changes": changes(&before, &after), "unified": text });
    respond::json(StatusCode::OK, &shown)
}

pub(super) fn find(conn: &mut PgConnection, actor: &Actor, name: &str) -> Result<TemplateRow, WebError> {
    show_in(conn, &actor.scope, name)?.ok_or(WebError::NotFound)
}

fn find_one(conn: &mut PgConnection, row: &TemplateRow, number: i32) -> Result<VersionRow, WebError> {
    version(conn, row.id, number)?.ok_or(WebError::NotFound)
}

fn number(query: &Query, name: &str) -> Result<Option<i32>, WebError> {
    match query.0.text(name) {
        "" => Ok(None),
        text => match text.parse::<i32>() {
            Ok(number) if number > 0 => Ok(Some(number)),
            _ => Err(told(vec![Problem { field: name.into(), message: format!("{name} is the number of a version") }])),
        },
    }
}
