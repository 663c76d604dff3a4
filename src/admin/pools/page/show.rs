//! `GET /pools/{name}` and its stream: one pool, who holds how much, who waits, what people did to it.

use std::time::Duration;

use askama::Template;

use super::row::{Row, with_unit};
use crate::admin::jobs::trail::{Record, open_trail};
use crate::admin::pools::service::{self, Parties, PoolError, may_act, parties};
use crate::admin::pools::{Holder, PoolRow, Waiter};
use crate::base::clock::Time;
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::job::JobId;
use crate::web::error::WebError;
use crate::web::format::{Stamp, between, duration};
use crate::web::live::{ActedOn, Address, LivePage, Panel, panels};
use crate::web::parts::Deed;
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::shell::{Shell, initials};

/// Records of the audit trail shown.
const DEEDS_MAX: i64 = 20;

/// The page.
#[derive(Template)]
#[template(
    path = "pools/show.html",
    blocks = ["head", "facts", "holders_block", "waiters_block", "nodes_block", "deeds_block"]
)]
pub struct ShowPage {
    pub shell: Shell,
    pub pool: Row,
    pub holders: Vec<JobLine>,
    pub waiters: Vec<JobLine>,
    /// Nodes with what their jobs have reserved.
    pub nodes: Vec<NodeLine>,
    pub deeds: Vec<Deed>,
    /// What the jobs that are shown have reserved is less than all that is.
    pub hides_holders: bool,
    /// More jobs wait than are shown.
    pub hides_waiters: bool,
    /// What is not reserved by anybody shown may be reserved by jobs out of the viewer's scope.
    pub limited: bool,
}

/// A node with what its jobs have reserved.
pub struct NodeLine {
    pub name: String,
    pub href: String,
    pub amount: String,
}

/// A job that has reserved of it or waits for it.
pub struct JobLine {
    pub id: String,
    pub href: String,
    pub template: String,
    pub queue: String,
    pub queue_href: String,
    /// Where it runs; empty for one that waits.
    pub node: String,
    pub priority: String,
    pub amount: String,
    /// It needs more than there is.
    pub too_large: bool,
    /// How long it has run or waited.
    pub length: String,
    pub since: Stamp,
}

/// `GET /pools/{name}`, and every two seconds `GET /live/pool?name=`.
impl LivePage for ShowPage {
    const NAME: &'static str = "pool";
    const EVERY: Duration = Duration::from_secs(2);
    type Asked = String;
    type Refused = PoolError;

    fn asked(address: &Address) -> Result<String, WebError> {
        Ok(address.text("name").to_owned())
    }

    fn check(conn: &mut PgConnection, actor: &Actor, name: &String) -> Result<(), PoolError> {
        service::find(conn, actor, name).map(|_| ())
    }

    fn read(conn: &mut PgConnection, actor: &Actor, shell: Shell, name: &String) -> Result<Self, PoolError> {
        let pool = service::find(conn, actor, name)?;
        let parties = parties(conn, actor, &pool)?;
        let trail = open_trail(conn, ("pool", &pool.name), DEEDS_MAX)?; // whoever sees a pool may know who changed it
        Ok(Self::new(actor, shell, (&pool, &parties), &trail))
    }

    fn panels(&self) -> askama::Result<Vec<Panel>> {
        panels(&[
            ("panel-head", &self.as_head()),
            ("panel-facts", &self.as_facts()),
            ("panel-holders", &self.as_holders_block()),
            ("panel-waiters", &self.as_waiters_block()),
            ("panel-nodes", &self.as_nodes_block()),
        ])
    }
}

impl ActedOn for ShowPage {
    fn changed(&self) -> askama::Result<Vec<Panel>> {
        panels(&[
            ("panel-head", &self.as_head()),
            ("panel-facts", &self.as_facts()),
            ("panel-waiters", &self.as_waiters_block()),
            ("panel-deeds", &self.as_deeds_block()),
        ])
    }
}

impl ShowPage {
    pub(super) fn new(actor: &Actor, shell: Shell, (pool, parties): (&PoolRow, &Parties), trail: &[Record]) -> Self {
        let live = paths::with_query(&paths::live("pool"), &[("name", &pool.name)]);
        let shell = shell.titled(pool.name.clone(), Section::Nodes).under("Pools", paths::POOLS);
        let shown: i64 = parties.holders.iter().map(|holder| i64::from(holder.amount)).sum();
        let node = |name: &String, amount: i64| NodeLine {
            name: name.clone(),
            href: paths::node(name),
            amount: with_unit(i32::try_from(amount).unwrap_or(i32::MAX), &pool.unit),
        };
        Self {
            pool: Row::new(pool, &parties.users, may_act(actor), true),
            holders: parties.holders.iter().map(|holder| holder_line(holder, pool, &shell)).collect(),
            waiters: parties.waiters.iter().map(|waiter| waiter_line(waiter, pool, &shell)).collect(),
            nodes: parties.nodes.iter().map(|share| node(&share.node, share.amount)).collect(),
            deeds: trail.iter().map(|record| deed(record, &shell, &pool.unit)).collect(),
            hides_holders: shown < i64::from(pool.used),
            hides_waiters: i64::try_from(parties.waiters.len()).is_ok_and(|shown| shown < pool.waiting),
            limited: !actor.scope.is_everything(),
            shell: Shell { title: format!("{}, Pools", pool.name), live, ..shell },
        }
    }

    /// Says that no job is shown that holds of it.
    pub fn nobody_holds(&self) -> &'static str {
        if self.hides_holders { "No job that you may see has reserved any of it" } else { "Nothing is reserved" }
    }
}

fn line(job: JobId, (template, queue): (&str, &str), amount: String, (since, shell): (Time, &Shell)) -> JobLine {
    JobLine {
        id: job.to_string(),
        href: paths::job(job),
        template: template.to_owned(),
        queue: queue.to_owned(),
        queue_href: paths::queue(queue),
        node: String::new(),
        priority: String::new(),
        amount,
        too_large: false,
        length: duration(between(since, shell.now)),
        since: shell.stamp(since),
    }
}

fn holder_line(job: &Holder, pool: &PoolRow, shell: &Shell) -> JobLine {
    let amount = with_unit(job.amount, &pool.unit);
    let line = line(job.job, (&job.template, &job.queue), amount, (job.since, shell));
    JobLine { node: job.node.clone(), ..line }
}

fn waiter_line(job: &Waiter, pool: &PoolRow, shell: &Shell) -> JobLine {
    let amount = with_unit(job.amount, &pool.unit);
    let line = line(job.job, (&job.template, &job.queue), amount, (job.since, shell));
    JobLine { priority: job.priority.to_string(), too_large: job.amount > pool.amount, ..line }
}

fn deed(record: &Record, shell: &Shell, unit: &str) -> Deed {
    let amount = record.after.as_ref().and_then(|after| after["amount"].as_i64());
    let amount = amount.and_then(|amount| i32::try_from(amount).ok()).map(|amount| with_unit(amount, unit));
    let what = match (record.act.as_str(), amount) {
        ("pool.make", Some(amount)) => format!("made it with {amount}"),
        ("pool.change", Some(amount)) => format!("set it to {amount}"),
        ("pool.remove", _) => "removed it".into(),
        (other, _) => other.to_owned(),
    };
    Deed {
        initials: initials(&record.actor),
        who: record.actor.clone(),
        what: if record.accepted { what } else { format!("tried: {what}") },
        reason: record.reason.clone().unwrap_or_default(),
        at: shell.stamp(record.at),
    }
}
