//! `GET /schedules/{name}/versions?from=&to=`: who changed what, when and why, and two versions compared.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;
use serde_json::Value;

use super::head::Head;
use super::told;
use crate::admin::schedules::{ScheduleError, VersionRow, document_text, history, show};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::web::diff;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::format::Stamp;
use crate::web::kit::Kit;
use crate::web::parts::DiffRow;
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

/// The page.
#[derive(Template)]
#[template(path = "schedules/versions.html")]
pub struct VersionsPage {
    pub shell: Shell,
    pub head: Option<Head>,
    pub rows: Vec<Line>,
    pub here: String,
    /// The two that are compared.
    pub pair: (i32, i32),
    pub difference: Vec<DiffRow>,
}

/// A version.
pub struct Line {
    pub version: i32,
    pub note: String,
    pub by: String,
    pub at: Stamp,
    pub in_force: bool,
}

/// `GET /schedules/{name}/versions`.
pub async fn show(
    (kit, hx): (Data<Kit>, Hx),
    (actor, shell): (Actor, Shell),
    name: Path<String>,
    query: Query,
) -> Result<HttpResponse, WebError> {
    let asked = (query.0.text("from").parse().ok(), query.0.text("to").parse().ok());
    let page = kit.db.run(move |conn| read(conn, &actor, shell, &name, asked)).await.map_err(told)?;
    respond::page(&hx, &page, &[])
}

fn read(
    conn: &mut PgConnection,
    actor: &Actor,
    shell: Shell,
    name: &str,
    (from, to): (Option<i32>, Option<i32>),
) -> Result<VersionsPage, ScheduleError> {
    let row = show::one(conn, actor, name)?;
    let marks = history::strips(conn, &[row.id])?.remove(&row.id).unwrap_or_default();
    let versions = show::versions(conn, actor, name)?;
    let latest = versions.first().map_or(row.version, |(version, _)| version.version);
    let to = to.unwrap_or(row.version);
    let from = from.unwrap_or_else(|| if to > 1 { to - 1 } else { to });
    let text = |number: i32| {
        let found = versions.iter().find(|(version, _)| version.version == number);
        found.map(|(_, spec)| written(spec)).unwrap_or_default()
    };
    let difference = if from == to { Vec::new() } else { diff::rows(&text(from), &text(to)) };
    let mut head = Head::new(actor, &row, &marks, &shell, "versions");
    head.latest = latest;
    let line = |version: &VersionRow| Line {
        version: version.version,
        note: version.note.clone().unwrap_or_default(),
        by: version.created_by.clone(),
        at: shell.stamp(version.created_at),
        in_force: version.version == row.version,
    };
    let rows = versions.iter().map(|(version, _)| line(version)).collect();
    let shell = shell.titled("Versions", Section::Schedules).under("Schedules", paths::SCHEDULES);
    Ok(VersionsPage {
        rows,
        here: paths::schedule_versions(&row.name),
        pair: (from, to),
        difference,
        head: Some(head),
        shell: shell.under(row.name.as_str(), paths::schedule(&row.name)),
    })
}

/// Writes what a schedule says as a file.
pub(super) fn written(spec: &Value) -> String {
    document_text(spec).unwrap_or_else(|| format!("{spec:#}"))
}

/// `GET /schedules/{name}/file.yaml`: what it says, as a file that `apply` takes.
pub async fn file(kit: Data<Kit>, actor: Actor, name: Path<String>) -> Result<HttpResponse, WebError> {
    let work = move |conn: &mut PgConnection| {
        let row = show::one(conn, &actor, &name)?;
        let spec = show::visible_spec(conn, &actor, &row)?;
        Ok::<_, ScheduleError>((row.name, written(&spec)))
    };
    let (name, text) = kit.db.run(work).await.map_err(told)?;
    let disposition = format!("attachment; filename=\"{name}.yaml\"");
    Ok(HttpResponse::Ok()
        .content_type("application/yaml; charset=utf-8")
        .insert_header(("Content-Disposition", disposition))
        .body(text))
}

impl VersionsPage {
    /// Tells whether a version is the one to compare from.
    fn is_from(&self, version: &i32) -> bool {
        self.pair.0 == *version
    }

    /// Tells whether a version is the one to compare with.
    fn is_to(&self, version: &i32) -> bool {
        self.pair.1 == *version
    }
}
