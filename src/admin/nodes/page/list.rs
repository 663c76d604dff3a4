//! `GET /nodes` and its stream.

use std::collections::HashMap;
use std::time::Duration;

use askama::Template;

use super::row::Row;
use crate::admin::nodes::service::{self, NodeError};
use crate::admin::nodes::{Ages, NodeRow, NodeState, ages};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::web::error::WebError;
use crate::web::live::{ActedOn, Address, LivePage, Panel, panels};
use crate::web::parts::Tab;
use crate::web::paths;
use crate::web::rail::{Section, node_tabs};
use crate::web::shell::Shell;

/// The page.
#[derive(Template)]
#[template(path = "nodes/index.html", blocks = ["facts", "rows"])]
pub struct ListPage {
    pub shell: Shell,
    pub tabs: Vec<Tab>,
    pub facts_line: String,
    pub nodes: Vec<Row>,
}

/// `GET /nodes`, and every two seconds `GET /live/nodes`.
impl LivePage for ListPage {
    const NAME: &'static str = "nodes";
    const EVERY: Duration = Duration::from_secs(2);
    type Asked = ();
    type Refused = NodeError;

    fn asked(_: &Address) -> Result<(), WebError> {
        Ok(())
    }

    fn read(conn: &mut PgConnection, actor: &Actor, shell: Shell, _: &()) -> Result<Self, NodeError> {
        let nodes = service::list(conn, actor)?;
        Ok(Self::new(actor, shell, &nodes, ages(conn, None)?))
    }

    fn panels(&self) -> askama::Result<Vec<Panel>> {
        panels(&[("panel-facts", &self.as_facts()), ("panel-rows", &self.as_rows())])
    }
}

impl ActedOn for ListPage {}

impl ListPage {
    pub(super) fn new(actor: &Actor, shell: Shell, nodes: &[NodeRow], ages: Vec<Ages>) -> Self {
        let ages: HashMap<String, Vec<f64>> = ages.into_iter().map(|one| (one.name, one.running_for)).collect();
        let row =
            |node: &NodeRow| Row::new(node, ages.get(&node.name).map(Vec::as_slice).unwrap_or_default(), &shell, actor);
        Self {
            tabs: node_tabs(paths::NODES),
            facts_line: facts(nodes),
            nodes: nodes.iter().map(row).collect(),
            shell: shell.titled("Nodes", Section::Nodes).under("Operate", paths::DASHBOARD).streaming("nodes"),
        }
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
