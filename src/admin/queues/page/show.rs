//! `GET /queues/{name}` and its stream: one queue, its last hour, who uses it, what people did to it.

use std::time::Duration;

use askama::Template;
use chrono::TimeDelta;

use super::beside::{Beside, Found, LANES, WAITS};
use super::row::Row;
use crate::admin::jobs::trail::{Record, trail_of};
use crate::admin::queues::service::{self, QueueError};
use crate::admin::queues::{Course, QueueRow, UsedBy, courses, used_by};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::permission::Permission;
use crate::web::apart;
use crate::web::charts::{Bars, Series, Tick};
use crate::web::error::WebError;
use crate::web::format::{Stamp, duration_ms, grouped};
use crate::web::live::{ActedOn, Address, LivePage, Panel, panels};
use crate::web::parts::Deed;
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::shell::{Shell, initials};

/// Templates shown.
const TEMPLATES_MAX: i32 = 50;
/// Records of the audit trail shown.
const DEEDS_MAX: i64 = 20;

/// The page.
#[derive(Template)]
#[template(path = "queues/show.html", blocks = ["head", "banner", "counts", "hour", "waits_block", "steps_block", "mix_block", "lanes_block", "servers_block", "deeds_block"])]
pub struct ShowPage {
    pub shell: Shell,
    pub queue: Row,
    pub since: Stamp,
    pub bars: Bars,
    pub beside: Beside,
    pub users: Vec<User>,
    pub deeds: Vec<Deed>,
    /// The viewer reads everybody's acts, not only the own ones.
    pub all_deeds: bool,
}

/// A template whose jobs go to this queue unless somebody says otherwise.
pub struct User {
    pub name: String,
    pub href: String,
    pub version: i32,
    /// The state when it is not the usual one; empty for active templates.
    pub state: String,
}

/// `GET /queues/{name}`, and every two seconds `GET /live/queue?name=`.
impl LivePage for ShowPage {
    const NAME: &'static str = "queue";
    const EVERY: Duration = Duration::from_secs(2);
    const APART: &'static [apart::Panel] = &[WAITS, LANES];
    type Asked = String;
    type Refused = QueueError;

    fn asked(address: &Address) -> Result<String, WebError> {
        Ok(address.text("name").to_owned())
    }

    fn check(conn: &mut PgConnection, actor: &Actor, name: &String) -> Result<(), QueueError> {
        service::find(conn, actor, name).map(|_| ())
    }

    fn read(conn: &mut PgConnection, actor: &Actor, shell: Shell, name: &String) -> Result<Self, QueueError> {
        let queue = service::find(conn, actor, name)?;
        let course = courses(conn, &actor.scope, Some(&queue.name))?.pop().unwrap_or_default();
        let reads_templates = actor.may(Permission::ReadTemplates);
        let users = if reads_templates { used_by(conn, &queue.name, TEMPLATES_MAX)? } else { Vec::new() };
        let trail = trail_of(conn, actor, ("queue", &queue.name), DEEDS_MAX)?;
        let found = Found::read(conn, &shell, &queue.name)?;
        Ok(Self::new(actor, shell, (&queue, &course, &found), (users, trail)))
    }

    fn panels(&self) -> askama::Result<Vec<Panel>> {
        let mut shown = panels(&[
            ("panel-head", &self.as_head()),
            ("panel-banner", &self.as_banner()),
            ("panel-counts", &self.as_counts()),
            ("panel-hour", &self.as_hour()),
            ("panel-mix", &self.as_mix_block()),
            ("panel-servers", &self.as_servers_block()),
        ])?;
        for (panel, is_here) in [(WAITS, self.beside.waits.is_here()), (LANES, self.beside.lanes.is_here())] {
            shown.extend(if is_here { self.part(panel.id)? } else { Vec::new() });
        }
        Ok(shown)
    }

    fn part(&self, id: &str) -> askama::Result<Vec<Panel>> {
        match id {
            "panel-waits" => panels(&[(id, &self.as_waits_block()), ("panel-steps", &self.as_steps_block())]),
            _ => panels(&[(id, &self.as_lanes_block())]),
        }
    }
}

impl ActedOn for ShowPage {
    fn changed(&self) -> askama::Result<Vec<Panel>> {
        panels(&[
            ("panel-head", &self.as_head()),
            ("panel-banner", &self.as_banner()),
            ("panel-counts", &self.as_counts()),
            ("panel-deeds", &self.as_deeds_block()),
        ])
    }
}

impl ShowPage {
    fn new(
        actor: &Actor,
        shell: Shell,
        (queue, course, found): (&QueueRow, &Course, &Found),
        (users, trail): (Vec<UsedBy>, Vec<Record>),
    ) -> Self {
        let live = paths::with_query(&paths::live("queue"), &[("name", &queue.name)]);
        let shell = shell.titled(queue.name.clone(), Section::Queues).under("Queues", paths::QUEUES);
        Self {
            queue: Row::new(queue, course, &shell, actor.may(Permission::RunQueues)),
            since: shell.stamp(queue.created_at),
            bars: bars(course, &shell),
            beside: Beside::new(actor, &shell, &queue.name, found),
            users: users.into_iter().map(user).collect(),
            deeds: trail.iter().map(|record| deed(record, &shell)).collect(),
            all_deeds: actor.may(Permission::ReadAudit),
            shell: Shell { title: format!("{}, Queues", queue.name), live, ..shell },
        }
    }
}

/// The last hour minute by minute.
fn bars(course: &Course, shell: &Shell) -> Bars {
    let values = |numbers: Vec<i64>| -> Vec<f64> { numbers.into_iter().map(|number| number as f64).collect() };
    let (succeeded, failed) = (values(course.succeeded_by_minute()), values(course.failed_by_minute()));
    let sum = |numbers: &[i64]| grouped(numbers.iter().sum::<i64>().unsigned_abs());
    let label = format!(
        "Jobs per minute over the last hour: {} succeeded, {} attempts failed.",
        sum(&course.succeeded),
        sum(&course.attempts_failed)
    );
    let series = [
        Series { class: "b-ok", name: "Succeeded", values: &succeeded },
        Series { class: "b-bad", name: "Failed attempt", values: &failed },
    ];
    let tick = |minutes_ago: i32| {
        let at = (shell.now - TimeDelta::minutes(minutes_ago.into())).with_timezone(&shell.zone);
        Tick::along(at.format("%H:%M").to_string(), 100.0 - f64::from(minutes_ago) / 60.0 * 100.0)
    };
    let x_ticks = [60, 45, 30, 15].map(tick).into_iter().chain([Tick::along("now", 100.0)]).collect();
    Bars { height_class: "h160", x_ticks, ..Bars::stacked(label, &series, None) }
}

fn user(template: UsedBy) -> User {
    User {
        href: paths::template(&template.name),
        version: template.version,
        state: if template.state == "active" { String::new() } else { template.state },
        name: template.name,
    }
}

fn deed(record: &Record, shell: &Shell) -> Deed {
    let what = words(record);
    Deed {
        initials: initials(&record.actor),
        who: record.actor.clone(),
        what: if record.accepted { what } else { format!("tried: {what}") },
        reason: record.reason.clone().unwrap_or_default(),
        at: shell.stamp(record.at),
    }
}

fn words(record: &Record) -> String {
    match record.act.as_str() {
        "queue.pause" => "paused it".into(),
        "queue.resume" => "resumed it".into(),
        "queue.limit" | "queue.weigh" => limited(record.after.as_ref()),
        other => other.to_owned(),
    }
}

/// Says which limits somebody set; older records know the weight only.
fn limited(after: Option<&serde_json::Value>) -> String {
    let names =
        [("weight", "weight"), ("concurrency", "jobs at once"), ("concurrency_per_node", "jobs at once on a node")];
    let set = |(name, words): (&str, &str)| match after?.get(name)? {
        serde_json::Value::Null => Some(format!("took away its limit of {words}")),
        jobs => Some(format!("set its {words} to {jobs}")),
    };
    let target = || match after?.get("wait_target_ms")? {
        serde_json::Value::Null => Some("took away its wait target".to_owned()),
        ms => Some(format!("set its wait target to {}", duration_ms(ms.as_i64()?))),
    };
    let set: Vec<String> = names.into_iter().filter_map(set).chain(target()).collect();
    if set.is_empty() { "tried to change its limits".into() } else { set.join(", ") }
}

#[cfg(test)]
pub mod sample {
    use super::*;
    use crate::queue::permission::Role;
    use crate::web::shell::sample::shell;

    /// The page of a queue as somebody with `role` sees it, with one template and a trail of three acts, or without.
    pub fn show(role: Role, queue: &QueueRow, lively: bool) -> ShowPage {
        let actor = Actor { role, ..Actor::system("test") };
        let record = |act: &str, after: serde_json::Value| Record {
            at: shell().now,
            actor: "Giulia <b>".into(),
            act: act.into(),
            accepted: true,
            reason: Some("because <b>".into()),
            after: Some(after),
        };
        let template = UsedBy { name: "mail.send".into(), state: "deprecated".into(), version: 7 };
        let trail = vec![
            record("queue.pause", serde_json::json!({ "paused": true })),
            record("queue.limit", serde_json::json!({ "weight": 5, "concurrency": 20, "concurrency_per_node": null })),
            Record { accepted: false, ..record("queue.resume", serde_json::Value::Null) },
        ];
        let rest = if lively { (vec![template], trail) } else { (Vec::new(), Vec::new()) };
        let found = if lively { crate::admin::queues::page::beside::sample::found() } else { Found::default() };
        ShowPage::new(&actor, shell(), (queue, &Course::default(), &found), rest)
    }
}
