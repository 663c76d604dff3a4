//! `GET /operations/{id}` and its stream: how far it is, and which jobs were left alone.

use std::sync::Arc;
use std::time::Duration;

use actix_session::Session;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::view::View;
use super::{ended, told};
use crate::admin::operations::service::{self, OperationError};
use crate::admin::operations::{OperationId, Skipped};
use crate::base::db::PgConnection;
use crate::queue::access::session::SignedIn;
use crate::queue::actor::Actor;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::kit::Kit;
use crate::web::live::{self, Frame, LiveError, Panel, Show};
use crate::web::parts::Notice;
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::respond::{self, Part};
use crate::web::shell::Shell;

/// Time between two renderings.
const EVERY: Duration = Duration::from_secs(1);

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

/// `GET /operations/{id}`; `after=` turns the pages of the jobs that were left alone.
pub async fn show(
    hx: Hx,
    kit: Data<Kit>,
    actor: Actor,
    shell: Shell,
    (id, query): (Path<i64>, Query),
) -> Result<HttpResponse, WebError> {
    let (id, after) = (OperationId(id.into_inner()), query.0.text("after").parse().unwrap_or(0));
    let page = kit.db.run(move |conn| ShowPage::read(conn, &actor, shell, (id, after))).await.map_err(told)?;
    respond::page(&hx, &page, &[])
}

/// `GET /live/operation?id=`: what changes by itself.
pub async fn stream(
    request: HttpRequest,
    viewer: SignedIn,
    kit: Data<Kit>,
    shell: Shell,
    query: Query,
) -> Result<HttpResponse, WebError> {
    let (actor, clock, shell) = (viewer.actor.clone(), Arc::clone(&kit.clock), shell.shared());
    let id = OperationId(query.0.text("id").parse().map_err(|_| WebError::NotFound)?);
    let after = query.0.text("after").parse().unwrap_or(0);
    let asker = actor.clone();
    // a stream of what is not there would be retried for ever
    kit.db.run(move |conn| service::find(conn, &asker, id)).await.map_err(told)?;
    let render = move |conn: &mut PgConnection, _: u64| {
        let shell = Shell { now: clock.now(), ..shell.clone() };
        frame(&ShowPage::read(conn, &actor, shell, (id, after)).map_err(ended)?)
    };
    live::open(&request, &viewer, Show { page: "operation", every: EVERY, render: Arc::new(render) }).await
}

fn frame(page: &ShowPage) -> Result<Frame, LiveError> {
    let panels = vec![
        Panel { id: "panel-head".into(), html: page.as_head().render()? },
        Panel { id: "panel-progress".into(), html: page.as_progress().render()? },
        Panel { id: "panel-skipped".into(), html: page.as_skipped_block().render()? },
    ];
    Ok(Frame { panels, tail: None })
}

impl ShowPage {
    /// Reads the page of an operation, with the jobs that were left alone behind `after`.
    ///
    /// # Errors
    /// As [`service::find`].
    pub fn read(
        conn: &mut PgConnection,
        actor: &Actor,
        shell: Shell,
        (id, after): (OperationId, i64),
    ) -> Result<Self, OperationError> {
        let operation = service::find(conn, actor, id)?;
        let (skipped, next) = service::skipped(conn, actor, id, after)?;
        let one = View::new(&operation, actor, &shell);
        Ok(Self::new(shell, one, skipped, (after, next)))
    }

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

    /// Answers an act on this operation with the parts that it may have changed.
    pub fn answer(&self, hx: &Hx, session: &Session, notice: &Notice) -> Result<HttpResponse, WebError> {
        let parts = [
            Part { id: "panel-head", inside: &self.as_head() },
            Part { id: "panel-progress", inside: &self.as_progress() },
        ];
        respond::done(hx, session, &self.one.href, notice, &parts)
    }
}
