//! `GET /pools` and its stream.

use std::time::Duration;

use askama::Template;

use super::row::Row;
use crate::admin::pools::service::{self, PoolError, may_act};
use crate::admin::pools::{PoolRow, User};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::web::error::WebError;
use crate::web::format::grouped;
use crate::web::live::{ActedOn, Address, LivePage, Panel, panels};
use crate::web::parts::Tab;
use crate::web::paths;
use crate::web::rail::{Section, node_tabs};
use crate::web::shell::Shell;

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

/// `GET /pools`, and every two seconds `GET /live/pools`.
impl LivePage for ListPage {
    const NAME: &'static str = "pools";
    const EVERY: Duration = Duration::from_secs(2);
    type Asked = ();
    type Refused = PoolError;

    fn asked(_: &Address) -> Result<(), WebError> {
        Ok(())
    }

    fn read(conn: &mut PgConnection, actor: &Actor, shell: Shell, _: &()) -> Result<Self, PoolError> {
        let pools = service::list(conn, actor)?;
        let users = service::users(conn, actor)?;
        Ok(Self::new(actor, shell, &pools, &users))
    }

    fn panels(&self) -> askama::Result<Vec<Panel>> {
        panels(&[("panel-facts", &self.as_facts()), ("panel-rows", &self.as_rows())])
    }
}

impl ActedOn for ListPage {}

impl ListPage {
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
