//! `GET /nodes` and its stream.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix_session::Session;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::row::Row;
use super::{ended, told};
use crate::admin::nodes::service::{self, NodeError, may_act};
use crate::admin::nodes::{Ages, NodeRow, NodeState, ages};
use crate::base::db::PgConnection;
use crate::queue::access::session::SignedIn;
use crate::queue::actor::Actor;
use crate::web::error::WebError;
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
#[template(path = "nodes/index.html", blocks = ["facts", "rows"])]
pub struct ListPage {
    pub shell: Shell,
    pub tabs: Vec<Tab>,
    pub facts_line: String,
    pub nodes: Vec<Row>,
}

/// `GET /nodes`: every node as its last heartbeat left it.
pub async fn show(hx: Hx, kit: Data<Kit>, actor: Actor, shell: Shell) -> Result<HttpResponse, WebError> {
    let page = kit.db.run(move |conn| ListPage::read(conn, &actor, shell)).await.map_err(told)?;
    respond::page(&hx, &page, &[])
}

/// `GET /live/nodes`: the same, every two seconds.
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
    live::open(&request, &viewer, Show { page: "nodes", every: EVERY, render: Arc::new(render) }).await
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
    pub fn read(conn: &mut PgConnection, actor: &Actor, shell: Shell) -> Result<Self, NodeError> {
        let nodes = service::list(conn, actor)?;
        Ok(Self::new(actor, shell, &nodes, ages(conn, None)?))
    }

    pub(super) fn new(actor: &Actor, shell: Shell, nodes: &[NodeRow], ages: Vec<Ages>) -> Self {
        let ages: HashMap<String, Vec<f64>> = ages.into_iter().map(|one| (one.name, one.running_for)).collect();
        let may_act = may_act(actor);
        let row = |node: &NodeRow| {
            Row::new(node, ages.get(&node.name).map(Vec::as_slice).unwrap_or_default(), &shell, may_act)
        };
        Self {
            tabs: node_tabs(paths::NODES),
            facts_line: facts(nodes),
            nodes: nodes.iter().map(row).collect(),
            shell: shell.titled("Nodes", Section::Nodes).under("Operate", paths::DASHBOARD).streaming("nodes"),
        }
    }

    /// Gives the parts that an act on a row may have changed.
    pub fn answer(&self, hx: &Hx, session: &Session, notice: &Notice) -> Result<HttpResponse, WebError> {
        let (facts, rows) = (self.as_facts(), self.as_rows());
        let parts = [Part { id: "panel-facts", inside: &facts }, Part { id: "panel-rows", inside: &rows }];
        respond::done(hx, session, paths::NODES, notice, &parts)
    }
}

/// The line below the title: how many nodes stand how, and the slots of those that are heard of.
fn facts(nodes: &[NodeRow]) -> String {
    let count = |state: NodeState| nodes.iter().filter(|node| NodeState::of(node) == state).count();
    let heard = nodes.iter().filter(|node| matches!(NodeState::of(node), NodeState::Running | NodeState::Draining));
    let (busy, slots) =
        heard.fold((0_i64, 0_i64), |sum, node| (sum.0 + i64::from(node.busy), sum.1 + i64::from(node.slots)));
    let mut words: Vec<String> = NodeState::ALL
        .into_iter()
        .map(|state| (count(state), super::row::look(state).1.to_lowercase()))
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{number} {word}"))
        .collect();
    if words.is_empty() {
        words.push("no node".into());
    }
    format!("{} · {busy} of {slots} slots busy", words.join(" · "))
}
