//! `GET /operations/{id}` and its stream: how far it is, and which jobs were left alone.

use std::time::Duration;

use askama::Template;

use super::story::{self, Now};
use super::view::View;
use crate::admin::jobs::trail::open_trail;
use crate::admin::operations::acted::acted;
use crate::admin::operations::service::{self, OperationError};
use crate::admin::operations::{OperationId, Skipped};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::web::apart::{self, Apart};
use crate::web::error::WebError;
use crate::web::live::{ActedOn, Address, LivePage, Panel, panels};
use crate::web::parts::Deed;
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::shell::Shell;

/// Where its jobs are by now.
const NOW: apart::Panel = apart::Panel { id: "panel-now", what: "Where its jobs are now" };
/// Most records of what was done to it.
const DEEDS_MAX: i64 = 50;

/// The page.
#[derive(Template)]
#[template(path = "operations/show.html", blocks = ["head", "progress", "now_block", "deeds_block", "skipped_block"])]
pub struct ShowPage {
    pub shell: Shell,
    pub one: View,
    /// Where the jobs are that it was done to.
    pub now: Apart<Now>,
    /// What people did to it.
    pub deeds: Vec<Deed>,
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
    const APART: &'static [apart::Panel] = &[NOW];
    const OF_ONE_PERSON: bool = true; // whose an operation is decides who sees it, its filter and its file
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
        let trail = open_trail(conn, ("operation", &id.to_string()), DEEDS_MAX)?; // whoever sees it sees who started it
        let deeds = story::deeds(&trail, &shell);
        let now = match one.has_acted {
            true => Apart::read(conn, &shell, NOW, |tx| acted(tx, &actor.scope, id))?.show(story::now),
            false => Apart::default(),
        };
        Ok(Self::new(shell, one, skipped, (after, next)).beside(now, deeds))
    }

    fn panels(&self) -> askama::Result<Vec<Panel>> {
        let mut shown = panels(&[
            ("panel-head", &self.as_head()),
            ("panel-progress", &self.as_progress()),
            ("panel-deeds", &self.as_deeds_block()),
            ("panel-skipped", &self.as_skipped_block()),
        ])?;
        shown.extend(if self.now.is_here() { self.part(NOW.id)? } else { Vec::new() });
        Ok(shown)
    }

    fn part(&self, id: &str) -> askama::Result<Vec<Panel>> {
        panels(&[(id, &self.as_now_block())])
    }
}

impl ActedOn for ShowPage {
    fn changed(&self) -> askama::Result<Vec<Panel>> {
        panels(&[
            ("panel-head", &self.as_head()),
            ("panel-progress", &self.as_progress()),
            ("panel-deeds", &self.as_deeds_block()),
        ])
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
            now: Apart::default(),
            deeds: Vec::new(),
            skipped,
            more: more.unwrap_or_default(),
            is_later: after > 0,
        }
    }

    /// Adds what became of its jobs and what people did to it.
    pub(super) fn beside(self, now: Apart<Now>, deeds: Vec<Deed>) -> Self {
        Self { now, deeds, ..self }
    }

    fn job(&self, job: &Skipped) -> String {
        paths::job(job.job)
    }

    /// Heads the card of what was left alone, of which an export has none.
    fn skipped_title(&self) -> &'static str {
        if self.one.is_export { "What became of each job" } else { "Left alone" }
    }

    fn results(&self) -> String {
        paths::operation_results(self.one.id)
    }
}
