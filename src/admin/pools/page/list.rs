//! `GET /pools` and its stream.

use std::sync::Arc;
use std::time::Duration;

use actix_session::Session;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::row::Row;
use super::{ended, told};
use crate::admin::pools::service::{self, PoolError, may_act};
use crate::admin::pools::{PoolRow, User};
use crate::base::db::PgConnection;
use crate::queue::access::session::SignedIn;
use crate::queue::actor::Actor;
use crate::web::error::WebError;
use crate::web::format::grouped;
use crate::web::kit::Kit;
use crate::web::live::{self, Frame, LiveError, Panel, Show};
use crate::web::parts::{Notice, Tab};
use crate::web::paths;
use crate::web::rail::{Section, node_tabs};
use crate::web::request::Hx;
use crate::web::respond::{self, Part};
use crate::web::shell::Shell;

/// Time between two renderings.
const EVERY: Duration = Duration::from_secs(2);

/// The page.
#[derive(Template)]
#[template(path = "pools/index.html", blocks = ["facts", "rows"])]
pub struct ListPage {
    pub shell: Shell,
    pub tabs: Vec<Tab>,
    pub facts_line: String,
    pub pools: Vec<Row>,
    /// The viewer may make pools.
    pub may_act: bool,
}

/// `GET /pools`: every pool as it stands.
pub async fn show(hx: Hx, kit: Data<Kit>, actor: Actor, shell: Shell) -> Result<HttpResponse, WebError> {
    let page = kit.db.run(move |conn| ListPage::read(conn, &actor, shell)).await.map_err(told)?;
    respond::page(&hx, &page, &[])
}

/// `GET /live/pools`: the same, every two seconds.
pub async fn stream(
    request: HttpRequest,
    viewer: SignedIn,
    kit: Data<Kit>,
    shell: Shell,
) -> Result<HttpResponse, WebError> {
    let (actor, clock, shell) = (viewer.actor.clone(), Arc::clone(&kit.clock), shell.shared());
    let render = move |conn: &mut PgConnection, _: u64| {
        frame(&ListPage::read(conn, &actor, Shell { now: clock.now(), ..shell.clone() }).map_err(ended)?)
    };
    live::open(&request, &viewer, Show { page: "pools", every: EVERY, render: Arc::new(render) }).await
}

fn frame(page: &ListPage) -> Result<Frame, LiveError> {
    let panels = vec![
        Panel { id: "panel-facts".into(), html: page.as_facts().render()? },
        Panel { id: "panel-rows".into(), html: page.as_rows().render()? },
    ];
    Ok(Frame { panels, tail: None })
}

impl ListPage {
    /// Reads the page.
    ///
    /// # Errors
    /// As [`service::list`].
    pub fn read(conn: &mut PgConnection, actor: &Actor, shell: Shell) -> Result<Self, PoolError> {
        let pools = service::list(conn, actor)?;
        let users = service::users(conn, actor)?;
        Ok(Self::new(actor, shell, &pools, &users))
    }

    pub(super) fn new(actor: &Actor, shell: Shell, pools: &[PoolRow], users: &[(String, User)]) -> Self {
        let may_act = may_act(actor);
        let row = |pool: &PoolRow| {
            let of_it = users.iter().filter(|(name, _)| *name == pool.name).map(|(_, user)| user.clone());
            Row::new(pool, &of_it.collect::<Vec<_>>(), may_act, false)
        };
        Self {
            facts_line: facts(pools),
            pools: pools.iter().map(row).collect(),
            tabs: node_tabs(paths::POOLS),
            may_act,
            shell: shell.titled("Pools", Section::Nodes).under("Nodes", paths::NODES).streaming("pools"),
        }
    }

    /// Gives the parts that an act on a row may have changed.
    pub fn answer(&self, hx: &Hx, session: &Session, notice: &Notice) -> Result<HttpResponse, WebError> {
        let (facts, rows) = (self.as_facts(), self.as_rows());
        let parts = [Part { id: "panel-facts", inside: &facts }, Part { id: "panel-rows", inside: &rows }];
        respond::done(hx, session, paths::POOLS, notice, &parts)
    }
}

/// The line below the title.
fn facts(pools: &[PoolRow]) -> String {
    let full = pools.iter().filter(|pool| pool.free() == 0).count();
    let waiting: i64 = pools.iter().map(|pool| pool.waiting).sum();
    let named = if pools.len() == 1 { "1 pool".to_owned() } else { format!("{} pools", pools.len()) };
    let full = if full == 0 { String::new() } else { format!(" · {full} without room") };
    let waits = match waiting {
        0 => "nothing waits".into(),
        1 => "1 job waits".into(),
        many => format!("{} jobs wait", grouped(many.unsigned_abs())),
    };
    format!("{named}{full} · {waits}")
}
