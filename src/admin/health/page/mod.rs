//! `GET /database` and its stream: how the database is, which limit each figure must keep, and what to do.
mod rows;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::database::{self, Health, Moment, Sample, WatchError};
use super::service::Finding;
use crate::base::db::PgConnection;
use crate::queue::access::session::SignedIn;
use crate::queue::actor::Actor;
use crate::queue::permission::Permission;
use crate::web::error::WebError;
use crate::web::format::{bytes, relative};
use crate::web::kit::Kit;
use crate::web::live::{self, Frame, LiveError, Panel, Show};
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;
use crate::web::table::{Access, Route};

use rows::{HolderRow, KeptRow, NodeRow, ProgramRow, SettingRow, TableRow, Tile};

/// Time between two renderings; the duty looks every ten seconds.
const EVERY: Duration = Duration::from_secs(5);

/// The routes of the page.
pub fn routes() -> Vec<Route> {
    let read = Access::Needs(Permission::ReadHealth);
    vec![Route::get(paths::DATABASE, read, show), Route::get("/live/database", read, stream)]
}

#[derive(Template)]
#[template(
    path = "health/database.html",
    blocks = ["facts", "warnings_block", "body"]
)]
struct DatabasePage {
    shell: Shell,
    facts_line: String,
    /// Nobody has looked yet: there is nothing to show.
    unknown: bool,
    warnings: Vec<Finding>,
    tiles: Vec<Tile>,
    holders: Vec<HolderRow>,
    tables: Vec<TableRow>,
    kept: Vec<KeptRow>,
    oldest: String,
    programs: Vec<ProgramRow>,
    connections: String,
    nodes: Vec<NodeRow>,
    settings: Vec<SettingRow>,
}

async fn show(hx: Hx, kit: Data<Kit>, actor: Actor, shell: Shell) -> Result<HttpResponse, WebError> {
    let shell = shell.titled("Database health", Section::Database).under("Administer", paths::DASHBOARD);
    let shell = shell.streaming("database");
    let page = kit.db.run(move |conn| DatabasePage::read(conn, &actor, shell)).await.map_err(told)?;
    respond::page(&hx, &page, &[])
}

async fn stream(
    request: HttpRequest,
    viewer: SignedIn,
    kit: Data<Kit>,
    shell: Shell,
) -> Result<HttpResponse, WebError> {
    let (actor, clock, shell) = (viewer.actor.clone(), Arc::clone(&kit.clock), shell.shared());
    let render = move |conn: &mut PgConnection, _: u64| {
        let shell = Shell { now: clock.now(), ..shell.clone() };
        frame(&DatabasePage::read(conn, &actor, shell).map_err(ended)?)
    };
    live::open(&request, &viewer, Show { page: "database", every: EVERY, render: Arc::new(render) }).await
}

fn told(error: WatchError) -> WebError {
    match error {
        WatchError::Forbidden(lacking) => lacking.into(),
        WatchError::Db(error) => error.into(),
    }
}

fn ended(error: WatchError) -> LiveError {
    match error {
        WatchError::Db(error) => error.into(),
        WatchError::Forbidden(lacking) => LiveError::Ended(lacking.to_string()),
    }
}

fn frame(page: &DatabasePage) -> Result<Frame, LiveError> {
    let panel = |id: &str, html: String| Panel { id: format!("panel-{id}"), html };
    let panels = vec![
        panel("facts", page.as_facts().render()?),
        panel("warnings", page.as_warnings_block().render()?),
        panel("body", page.as_body().render()?),
    ];
    Ok(Frame { panels, tail: None })
}

impl DatabasePage {
    fn read(conn: &mut PgConnection, actor: &Actor, shell: Shell) -> Result<Self, WatchError> {
        let health = database::latest(conn, actor)?;
        let course = database::course(conn)?;
        Ok(Self::new(shell, health, &course))
    }

    fn new(shell: Shell, Health { sample, warnings }: Health, course: &[Moment]) -> Self {
        let seen = sample.as_ref();
        let of = |read: fn(&Sample) -> String| seen.map(read).unwrap_or_default();
        Self {
            facts_line: seen.map_or_else(|| "Nobody has looked yet".into(), |sample| facts(sample, &shell)),
            unknown: seen.is_none(),
            warnings,
            tiles: seen.map(|sample| rows::tiles(sample, course)).unwrap_or_default(),
            holders: seen.map(rows::holders).unwrap_or_default(),
            tables: seen.map(|sample| rows::tables(sample, &shell)).unwrap_or_default(),
            kept: seen.map(rows::kept).unwrap_or_default(),
            oldest: seen.map(|sample| rows::oldest(sample, &shell)).unwrap_or_default(),
            programs: seen.map(rows::programs).unwrap_or_default(),
            connections: of(rows::connections),
            nodes: seen.map(rows::nodes).unwrap_or_default(),
            settings: seen.map(rows::settings).unwrap_or_default(),
            shell,
        }
    }
}

fn facts(sample: &Sample, shell: &Shell) -> String {
    format!("{} · {} · looked at {}", sample.server, bytes(sample.bytes), relative(sample.at, shell.now))
}
