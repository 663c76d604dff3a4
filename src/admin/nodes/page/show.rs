//! `GET /nodes/{name}` and its stream: one node, what runs there, what people did to it.

use std::time::Duration;

use askama::Template;

use super::row::Row;
use crate::admin::jobs::trail::{Record, trail_of};
use crate::admin::nodes::service::{self, NodeError};
use crate::admin::nodes::{NodeRow, NodeState, RunningJob, ages, running_on};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::permission::Permission;
use crate::queue::pool_sizes::PoolSize;
use crate::web::error::WebError;
use crate::web::form::sentence;
use crate::web::format::{Stamp, between, duration};
use crate::web::live::{ActedOn, Address, LivePage, Panel, panels};
use crate::web::parts::Deed;
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::shell::{Shell, initials};

/// Running jobs shown.
const JOBS_MAX: i32 = 100;
/// Records of the audit trail shown.
const DEEDS_MAX: i64 = 20;

/// Decisions about the size of its pool shown.
const SIZES_MAX: i32 = 8;

/// The page.
#[derive(Template)]
#[template(
    path = "nodes/show.html",
    blocks = ["head", "banner", "facts", "slots_block", "jobs_block", "bounds_block", "sizes_block", "deeds_block"]
)]
pub struct ShowPage {
    pub shell: Shell,
    pub node: Row,
    pub jobs: Vec<JobLine>,
    pub sizes: Vec<SizeLine>,
    pub deeds: Vec<Deed>,
    /// The viewer reads everybody's acts, not only the own ones.
    pub all_deeds: bool,
}

/// A job that runs there.
pub struct JobLine {
    pub id: String,
    pub href: String,
    pub template: String,
    pub queue: String,
    pub queue_href: String,
    pub attempt: i16,
    pub running_for: String,
    pub since: Stamp,
}

/// A decision about the size of its pool.
pub struct SizeLine {
    pub before: i32,
    pub after: i32,
    pub reason: String,
    /// Nothing was changed.
    pub dry: bool,
    pub at: Stamp,
}

/// `GET /nodes/{name}`, and every two seconds `GET /live/node?name=`.
impl LivePage for ShowPage {
    const NAME: &'static str = "node";
    const EVERY: Duration = Duration::from_secs(2);
    type Asked = String;
    type Refused = NodeError;

    fn asked(address: &Address) -> Result<String, WebError> {
        Ok(address.text("name").to_owned())
    }

    fn check(conn: &mut PgConnection, actor: &Actor, name: &String) -> Result<(), NodeError> {
        service::find(conn, actor, name).map(|_| ())
    }

    fn read(conn: &mut PgConnection, actor: &Actor, shell: Shell, name: &String) -> Result<Self, NodeError> {
        let node = service::find(conn, actor, name)?;
        let ages = ages(conn, Some(&node.name))?.pop().unwrap_or_default();
        let jobs = running_on(conn, &actor.scope, &node.name, JOBS_MAX)?;
        let sizes = service::sizes(conn, actor, &node.name, SIZES_MAX)?;
        let trail = trail_of(conn, actor, ("node", &node.name), DEEDS_MAX)?;
        Ok(Self::new(actor, shell, (&node, &ages.running_for), (&jobs, &sizes, &trail)))
    }

    fn panels(&self) -> askama::Result<Vec<Panel>> {
        panels(&[
            ("panel-head", &self.as_head()),
            ("panel-banner", &self.as_banner()),
            ("panel-facts", &self.as_facts()),
            ("panel-slots", &self.as_slots_block()),
            ("panel-jobs", &self.as_jobs_block()),
            ("panel-bounds", &self.as_bounds_block()),
            ("panel-sizes", &self.as_sizes_block()),
        ])
    }
}

impl ActedOn for ShowPage {
    fn changed(&self) -> askama::Result<Vec<Panel>> {
        panels(&[
            ("panel-head", &self.as_head()),
            ("panel-banner", &self.as_banner()),
            ("panel-facts", &self.as_facts()),
            ("panel-bounds", &self.as_bounds_block()),
            ("panel-deeds", &self.as_deeds_block()),
        ])
    }
}

impl ShowPage {
    pub(super) fn new(
        actor: &Actor,
        shell: Shell,
        (node, ages): (&NodeRow, &[f64]),
        (jobs, sizes, trail): (&[RunningJob], &[PoolSize], &[Record]),
    ) -> Self {
        let live = paths::with_query(&paths::live("node"), &[("name", &node.name)]);
        let shell = shell.titled(node.name.clone(), Section::Nodes).under("Nodes", paths::NODES);
        Self {
            node: Row::new(node, ages, &shell, actor),
            jobs: jobs.iter().map(|job| line(job, &shell)).collect(),
            sizes: sizes.iter().map(|size| size_line(size, &shell)).collect(),
            deeds: trail.iter().map(|record| deed(record, &shell)).collect(),
            all_deeds: actor.may(Permission::ReadAudit),
            shell: Shell { title: format!("{}, Nodes", node.name), live, ..shell },
        }
    }

    /// Says what its state means for the work; empty while all is well.
    pub fn meaning(&self) -> &'static str {
        match self.node.state {
            NodeState::Running => "",
            NodeState::Draining => {
                "It takes no new work. What runs there goes on; when nothing runs any more it can be stopped."
            }
            NodeState::Silent => {
                "It sends no heartbeat. It stops its work by itself before its lease ends; other nodes then take its jobs over."
            }
            NodeState::Lost => {
                "It sent no heartbeat any more, so it was declared lost. What it had not finished was handed to other nodes."
            }
            NodeState::Stopped => "It was stopped in order. Other nodes have taken over what it had not finished.",
        }
    }

    /// Says that no job is shown.
    pub fn nothing_runs(&self) -> &'static str {
        if self.hides_jobs() { "No job that you may see runs here" } else { "No job runs here" }
    }

    /// Tells whether jobs run there that the page does not show.
    pub fn hides_jobs(&self) -> bool {
        usize::try_from(self.node.running).is_ok_and(|running| running > self.jobs.len())
    }
}

fn line(job: &RunningJob, shell: &Shell) -> JobLine {
    JobLine {
        id: job.id.to_string(),
        href: paths::job(job.id),
        template: job.template.clone(),
        queue: job.queue.clone(),
        queue_href: paths::queue(&job.queue),
        attempt: job.attempt,
        running_for: duration(between(job.claimed_at, shell.now)),
        since: shell.stamp(job.claimed_at),
    }
}

fn size_line(size: &PoolSize, shell: &Shell) -> SizeLine {
    SizeLine {
        before: size.slots_before,
        after: size.slots_after,
        reason: sentence(&size.reason),
        dry: !size.applied,
        at: shell.stamp(size.at),
    }
}

fn deed(record: &Record, shell: &Shell) -> Deed {
    let what = match record.act.as_str() {
        "node.drain" => "drained it".into(),
        "node.resume" => "resumed it".into(),
        "node.slots" => bounded(record),
        other => other.to_owned(),
    };
    Deed {
        initials: initials(&record.actor),
        who: record.actor.clone(),
        what: if record.accepted { what } else { format!("tried: {what}") },
        reason: record.reason.clone().unwrap_or_default(),
        at: shell.stamp(record.at),
    }
}

fn bounded(record: &Record) -> String {
    let number = |name: &str| record.after.as_ref()?.get(name)?.as_i64();
    match (number("min"), number("max")) {
        (Some(min), Some(max)) => format!("set its slots to {min}..{max}"),
        _ => "set its slots to its own setting".into(),
    }
}
