//! `GET /database` and its stream: how the database is, which limit each figure must keep, and what to do.
mod rows;
#[cfg(test)]
mod tests;

use std::time::Duration;

use askama::Template;

use super::database::{self, Health, Moment, Sample, WatchError};
use super::service::Finding;
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::permission::Permission;
use crate::web::error::WebError;
use crate::web::format::{bytes, relative};
use crate::web::live::{self, Address, LivePage, Panel, Refusal, panels};
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::shell::Shell;
use crate::web::table::{Access, Route};

use rows::{HolderRow, KeptRow, NodeRow, ProgramRow, SettingRow, TableRow, Tile};

/// The routes of the page.
pub fn routes() -> Vec<Route> {
    let read = Access::Needs(Permission::ReadHealth);
    vec![
        Route::get(paths::DATABASE, read, live::show::<DatabasePage>),
        Route::get("/live/database", read, live::stream::<DatabasePage>),
    ]
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

impl LivePage for DatabasePage {
    const NAME: &'static str = "database";
    const EVERY: Duration = Duration::from_secs(5); // the duty looks every ten
    type Asked = ();
    type Refused = WatchError;

    fn asked(_: &Address) -> Result<(), WebError> {
        Ok(())
    }

    fn read(conn: &mut PgConnection, actor: &Actor, shell: Shell, _: &()) -> Result<Self, WatchError> {
        let health = database::latest(conn, actor)?;
        let course = database::course(conn)?;
        let shell = shell.titled("Database health", Section::Database).under("Administer", paths::DASHBOARD);
        Ok(Self::new(shell.streaming("database"), health, &course))
    }

    fn panels(&self) -> askama::Result<Vec<Panel>> {
        panels(&[
            ("panel-facts", &self.as_facts()),
            ("panel-warnings", &self.as_warnings_block()),
            ("panel-body", &self.as_body()),
        ])
    }
}

impl Refusal for WatchError {
    /// Tells whoever asked on a page.
    fn told(self) -> WebError {
        match self {
            WatchError::Forbidden(lacking) => lacking.into(),
            WatchError::Db(error) => error.into(),
        }
    }
}

impl DatabasePage {
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
