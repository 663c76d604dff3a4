//! `GET /operations` and its stream.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::view::View;
use super::{ended, told};
use crate::admin::operations::service::{self, OperationError};
use crate::base::db::PgConnection;
use crate::queue::access::session::SignedIn;
use crate::queue::actor::Actor;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::kit::Kit;
use crate::web::live::{self, Frame, LiveError, Panel, Show};
use crate::web::parts::Tab;
use crate::web::paths;
use crate::web::rail::{Section, job_tabs};
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

/// Time between two renderings.
const EVERY: Duration = Duration::from_secs(2);

/// The page.
#[derive(Template)]
#[template(path = "operations/index.html", blocks = ["rows"])]
pub struct ListPage {
    pub shell: Shell,
    pub tabs: Vec<Tab>,
    pub rows: Vec<View>,
    /// Where the list goes on; empty at its end.
    pub more: String,
    pub is_later: bool,
}

/// `GET /operations`: newest first; `after=` goes on.
pub async fn show(hx: Hx, kit: Data<Kit>, actor: Actor, shell: Shell, query: Query) -> Result<HttpResponse, WebError> {
    let after = query.0.text("after").parse().ok();
    let page = kit.db.run(move |conn| ListPage::read(conn, &actor, shell, after)).await.map_err(told)?;
    respond::page(&hx, &page, &[])
}

/// `GET /live/operations`: the same, every two seconds.
pub async fn stream(
    request: HttpRequest,
    viewer: SignedIn,
    kit: Data<Kit>,
    shell: Shell,
    query: Query,
) -> Result<HttpResponse, WebError> {
    let (actor, clock, shell) = (viewer.actor.clone(), Arc::clone(&kit.clock), shell.shared());
    let after = query.0.text("after").parse().ok();
    let render = move |conn: &mut PgConnection, _: u64| {
        let shell = Shell { now: clock.now(), ..shell.clone() };
        frame(&ListPage::read(conn, &actor, shell, after).map_err(ended)?)
    };
    live::open(&request, &viewer, Show { page: "operations", every: EVERY, render: Arc::new(render) }).await
}

fn frame(page: &ListPage) -> Result<Frame, LiveError> {
    Ok(Frame { panels: vec![Panel { id: "panel-rows".into(), html: page.as_rows().render()? }], tail: None })
}

impl ListPage {
    fn read(conn: &mut PgConnection, actor: &Actor, shell: Shell, after: Option<i64>) -> Result<Self, OperationError> {
        let (operations, next) = service::list(conn, actor, after)?;
        let rows = operations.iter().map(|operation| View::new(operation, actor, &shell)).collect();
        Ok(Self::new(shell, rows, (after, next)))
    }

    pub(super) fn new(shell: Shell, rows: Vec<View>, (after, next): (Option<i64>, Option<i64>)) -> Self {
        let behind = after.map(|after| after.to_string()).unwrap_or_default();
        let live = paths::with_query(&paths::live("operations"), &[("after", &behind)]);
        let more = next.map(|next| paths::with_query(paths::OPERATIONS, &[("after", &next.to_string())]));
        let shell = shell.titled("Operations", Section::Jobs).under("Jobs", paths::JOBS);
        Self {
            shell: Shell { live, ..shell },
            tabs: job_tabs(paths::OPERATIONS),
            rows,
            more: more.unwrap_or_default(),
            is_later: after.is_some(),
        }
    }
}
