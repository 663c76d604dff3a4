//! `GET /templates/{name}`: how it runs, what it takes, how its jobs fare.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;

use super::look::{RunnerLook, StateLook, runner};
use super::versions::{VersionLine, authors, line, versions_page};
use super::{Unread, find, find_one, titled};
use crate::admin::jobs::{Run, recent_runs};
use crate::admin::templates::facts::{Fact, ParamFact, defaults, params, work};
use crate::admin::templates::joining_facts::joining;
use crate::admin::templates::limit_facts::{limits, requires};
use crate::admin::templates::waits::{Wait, waits};
use crate::admin::templates::{TemplateRow, TemplateState, VersionRow, versions};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::permission::Permission;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::format::{self, Count, Stamp};
use crate::web::kit::Kit;
use crate::web::parts::Tab;
use crate::web::paths;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;
use crate::web::tone::Tone;

/// Jobs shown.
const RUNS_MAX: i64 = 10;
/// Versions shown beside the overview.
const VERSIONS_SHOWN: i32 = 5;

#[derive(Template)]
#[template(path = "templates/show.html")]
pub(super) struct ShowPage {
    pub shell: Shell,
    pub head: Head,
    pub says: Result<Says, String>,
    pub jobs: Jobs,
    pub runs: Vec<RunRow>,
    /// There may be older ones than were looked at.
    pub has_more_runs: bool,
    pub versions: Vec<VersionLine>,
    pub more_versions: bool,
}

/// What stands above every page of a template.
pub(super) struct Head {
    pub name: String,
    pub description: String,
    pub state: StateLook,
    pub runner: RunnerLook,
    /// `v7 is active`, `v8 is the latest draft`.
    pub version: String,
    pub tabs: Vec<Tab>,
    /// The draft that is newer than what is active, with its author.
    pub draft: Option<Draft>,
    pub archived: bool,
    /// Where a job is enqueued; absent when none may be.
    pub enqueue: Option<String>,
    pub edit: Option<String>,
    pub archive: Option<String>,
    pub file: String,
}

/// A version that waits to be published.
pub(super) struct Draft {
    pub version: i32,
    pub diff: String,
    /// Where it is published; absent for who may not.
    pub publish: Option<String>,
}

/// What a version says.
pub(super) struct Says {
    pub runner: RunnerLook,
    pub work: Vec<Fact>,
    pub params: Vec<ParamFact>,
    pub any_args: bool,
    pub queue: String,
    pub queue_href: String,
    pub defaults: Vec<Fact>,
    pub waits: Vec<Wait>,
}

/// How many jobs there are.
pub(super) struct Jobs {
    pub unfinished: Count,
    pub unfinished_href: String,
    pub succeeded: Count,
    pub succeeded_href: String,
    pub failed: Count,
    pub failed_href: String,
    pub all_href: String,
}

/// One of the last jobs.
pub(super) struct RunRow {
    pub id: i64,
    pub href: String,
    pub tone: Tone,
    pub ended: Stamp,
    pub took: String,
}

impl Says {
    /// Understands a version; the error when this program cannot.
    pub fn of(version: &VersionRow) -> Result<Self, String> {
        let spec = version.parsed()?;
        Ok(Self {
            runner: spec.runner.into(),
            work: work(&spec),
            params: params(&spec.params),
            any_args: spec.params.is_any(),
            queue_href: paths::queue(&spec.defaults.queue),
            queue: spec.defaults.queue.clone(),
            defaults: defaults(&spec.defaults)
                .into_iter()
                .chain(limits(&spec.limits))
                .chain(requires(&spec.requires))
                .chain(joining(&spec))
                .collect(),
            waits: waits(&spec.defaults),
        })
    }
}

/// Which tab is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Overview,
    Versions,
    Elsewhere,
}

impl Head {
    /// Makes the head of a template for whoever looks.
    pub fn of(row: &TemplateRow, actor: &Actor, section: Section) -> Self {
        let (name, state) = (row.name.as_str(), row.state());
        let open = state != TemplateState::Archived;
        let may = |permission, path: String| (open && actor.may(permission)).then_some(path);
        let draft = row.newer_draft().or((state == TemplateState::Draft).then_some(row.latest_version));
        let shown = row.shown_version();
        Self {
            name: name.to_owned(),
            description: row.description.clone(),
            state: state.into(),
            runner: runner(&row.runner),
            version: if row.active_version.is_some() { format!("v{shown} active") } else { format!("v{shown} draft") },
            tabs: tabs(row, section),
            draft: draft.filter(|_| open).map(|version| Draft {
                version,
                diff: row.active_version.map(|active| diff(name, active, version)).unwrap_or_default(),
                publish: may(Permission::PublishTemplates, publish(name, version)),
            }),
            archived: !open,
            enqueue: may(Permission::Enqueue, paths::with_query(paths::JOB_NEW, &[("template", name)]))
                .filter(|_| state.takes_jobs()),
            edit: may(Permission::DraftTemplates, paths::template_edit(name)),
            archive: may(Permission::PublishTemplates, paths::template_archive(name)),
            file: paths::template_file(name),
        }
    }
}

fn tabs(row: &TemplateRow, section: Section) -> Vec<Tab> {
    let here = paths::template(&row.name);
    vec![
        Tab::new("Overview", here.clone(), section == Section::Overview),
        Tab::new("Versions", paths::with_query(&here, &[("tab", "versions")]), section == Section::Versions)
            .counting(row.latest_version),
    ]
}

/// Gives the address of the difference between two versions.
pub(super) fn diff(name: &str, from: i32, to: i32) -> String {
    paths::with_query(&paths::template_diff(name), &[("from", &from.to_string()), ("to", &to.to_string())])
}

fn publish(name: &str, version: i32) -> String {
    paths::with_query(&paths::template_publish(name), &[("version", &version.to_string())])
}

/// `GET /templates/{name}`, and with `tab=versions` its history.
pub async fn show(
    hx: Hx,
    kit: Data<Kit>,
    actor: Actor,
    shell: Shell,
    (name, query): (Path<String>, Query),
) -> Result<HttpResponse, WebError> {
    let name = name.into_inner();
    if query.0.text("tab") == "versions" {
        return versions_page(hx, kit, actor, shell, (name, query)).await;
    }
    let page = kit.db.run(move |conn| page(conn, &actor, shell, &name)).await?;
    respond::page(&hx, &page, &[])
}

fn page(conn: &mut PgConnection, actor: &Actor, shell: Shell, name: &str) -> Result<ShowPage, Unread> {
    let row = find(conn, actor, name)?;
    let shown = find_one(conn, &row, row.shown_version())?;
    let newest = versions(conn, row.id, None, VERSIONS_SHOWN)?;
    let recent = recent_runs(conn, &actor.scope, row.id, RUNS_MAX)?;
    let authors = authors(conn, &newest)?;
    let shell = titled(shell, row.name.clone());
    Ok(ShowPage {
        head: Head::of(&row, actor, Section::Overview),
        says: Says::of(&shown),
        jobs: jobs(&row),
        runs: recent.runs.iter().rev().map(|run| run_row(run, &shell)).collect(),
        has_more_runs: recent.may_have_more,
        versions: newest.iter().map(|version| line(&row, version, &authors, &shell)).collect(),
        more_versions: row.latest_version > VERSIONS_SHOWN,
        shell,
    })
}

fn jobs(row: &TemplateRow) -> Jobs {
    let list = |state: &str| paths::with_query(paths::JOBS, &[("state", state), ("template", &row.name)]);
    Jobs {
        unfinished: format::count(row.unfinished),
        unfinished_href: list("blocked,scheduled,ready,held,running,retrying"),
        succeeded: format::count(row.succeeded),
        succeeded_href: list("succeeded"),
        failed: format::count(row.failed),
        failed_href: list("failed"),
        all_href: list(""),
    }
}

fn run_row(run: &Run, shell: &Shell) -> RunRow {
    RunRow {
        id: run.id.0,
        href: paths::job(run.id),
        tone: run.state().into(),
        ended: shell.stamp(run.finished_at),
        took: format::duration_ms(run.run_ms),
    }
}

#[cfg(test)]
pub(super) mod sample {
    use super::*;
    use crate::web::shell::sample::shell;
    use serde_json::json;

    /// A version that says `spec`.
    pub fn version(number: i32, spec: serde_json::Value) -> VersionRow {
        VersionRow {
            version: number,
            spec,
            queue: "mail".into(),
            author: "giulia@example.org".into(),
            message: Some("why <b>".into()),
            created_at: shell().now,
            published_at: (number < 8).then(|| shell().now),
            published_by: (number < 8).then(|| "ada@example.org".into()),
        }
    }

    /// The head of a template in `state`, as an operator sees it.
    pub fn head(state: TemplateState) -> Head {
        Head {
            name: "mail.send".into(),
            description: "Sends <b>mail</b>".into(),
            state: state.into(),
            runner: runner("command"),
            version: "v7 active".into(),
            tabs: vec![Tab::new("Overview", "/templates/mail.send", true)],
            draft: Some(Draft { version: 8, diff: diff("mail.send", 7, 8), publish: None }),
            archived: state == TemplateState::Archived,
            enqueue: Some("/jobs/new?template=mail.send".into()),
            edit: Some(paths::template_edit("mail.send")),
            archive: Some(paths::template_archive("mail.send")),
            file: paths::template_file("mail.send"),
        }
    }

    /// A page of a template in `state` whose version says `spec`.
    pub fn show(state: TemplateState, spec: serde_json::Value) -> ShowPage {
        let version = version(7, spec);
        let count = |number| format::count(number);
        let jobs = Jobs {
            unfinished: count(412),
            unfinished_href: "/jobs".into(),
            succeeded: count(1_204_000),
            succeeded_href: "/jobs".into(),
            failed: count(0),
            failed_href: "/jobs".into(),
            all_href: "/jobs".into(),
        };
        let run = RunRow {
            id: 48_213_907,
            href: "/jobs/48213907".into(),
            tone: Tone::Failed,
            ended: shell().as_of(),
            took: "2.4 s".into(),
        };
        ShowPage {
            shell: titled(shell(), "mail.send"),
            head: head(state),
            says: Says::of(&version),
            jobs,
            runs: vec![run],
            has_more_runs: false,
            versions: Vec::new(),
            more_versions: true,
        }
    }

    #[test]
    fn a_version_of_a_newer_program_is_told_instead_of_hidden() {
        let shown = show(TemplateState::Active, json!({ "runner": "magic" })).render().expect("rendered");

        assert!(shown.contains("This version cannot be read by this program"), "{shown}");
    }
}
