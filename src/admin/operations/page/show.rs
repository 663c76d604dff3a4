//! `GET /operations/{id}` and its stream: how far it is, and which jobs were left alone.

use std::time::Duration;

use askama::Template;

use super::view::View;
use crate::admin::operations::service::{self, OperationError};
use crate::admin::operations::{OperationId, Skipped};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::web::error::WebError;
use crate::web::live::{ActedOn, Address, LivePage, Panel, panels};
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::shell::Shell;

/// The page.
#[derive(Template)]
#[template(path = "operations/show.html", blocks = ["head", "progress", "skipped_block"])]
pub struct ShowPage {
    pub shell: Shell,
    pub one: View,
    /// Jobs that were left alone, with their reasons.
    pub skipped: Vec<Skipped>,
    /// Where the list of those goes on; empty at its end.
    pub more: String,
    /// The list begins behind its first row.
    pub is_later: bool,
}

/// `GET /operations/{id}`, where `after=` turns the pages of the jobs that were left alone; and every second
/// `GET /live/operation?id=`.
impl LivePage for ShowPage {
    const NAME: &'static str = "operation";
    const EVERY: Duration = Duration::from_secs(1);
    type Asked = (OperationId, i64);
    type Refused = OperationError;

    fn asked(address: &Address) -> Result<(OperationId, i64), WebError> {
        Ok((OperationId(address.id("id")?), address.text("after").parse().unwrap_or(0)))
    }

    fn check(conn: &mut PgConnection, actor: &Actor, (id, _): &(OperationId, i64)) -> Result<(), OperationError> {
        service::find(conn, actor, *id).map(|_| ())
    }

    fn read(
        conn: &mut PgConnection,
        actor: &Actor,
        shell: Shell,
        &(id, after): &(OperationId, i64),
    ) -> Result<Self, OperationError> {
        let operation = service::find(conn, actor, id)?;
        let (skipped, next) = service::skipped(conn, actor, id, after)?;
        let one = View::new(&operation, actor, &shell);
        Ok(Self::new(shell, one, skipped, (after, next)))
    }

    fn panels(&self) -> askama::Result<Vec<Panel>> {
        panels(&[
            ("panel-head", &self.as_head()),
            ("panel-progress", &self.as_progress()),
            ("panel-skipped", &self.as_skipped_block()),
        ])
    }
}

impl ActedOn for ShowPage {
    fn changed(&self) -> askama::Result<Vec<Panel>> {
        panels(&[("panel-head", &self.as_head()), ("panel-progress", &self.as_progress())])
    }
}

impl ShowPage {
    pub(super) fn new(shell: Shell, one: View, skipped: Vec<Skipped>, (after, next): (i64, Option<i64>)) -> Self {
        let more = next.map(|next| paths::with_query(&one.href, &[("after", &next.to_string())]));
        let behind = if after > 0 { after.to_string() } else { String::new() };
        let live = paths::with_query(&paths::live("operation"), &[("id", &one.id.to_string()), ("after", &behind)]);
        let shell = shell.titled(one.title.clone(), Section::Jobs).under("Jobs", paths::JOBS);
        let shell = shell.under("Operations", paths::OPERATIONS);
        let title = format!("{}, Operations", one.title);
        Self {
            shell: Shell { title, live, ..shell },
            one,
            skipped,
            more: more.unwrap_or_default(),
            is_later: after > 0,
        }
    }

    fn job(&self, job: &Skipped) -> String {
        paths::job(job.job)
    }

    fn results(&self) -> String {
        paths::operation_results(self.one.id)
    }
}
