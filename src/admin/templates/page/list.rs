//! `GET /templates`.

use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;

use super::look::{RUNNERS, RunnerLook, StateLook, runner};
use crate::admin::templates::{
    Authors, StateCount, TEMPLATES_MAX, TemplateFilter, TemplateRow, TemplateState, search, state_counts,
};
use crate::base::db::DbError;
use crate::queue::actor::Actor;
use crate::queue::permission::Permission;
use crate::queue::template::RunnerKind;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::Form;
use crate::web::format::{self, Count, Stamp};
use crate::web::kit::Kit;
use crate::web::parts::{Choice, Tab};
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

/// Rows of a page.
const ROWS_MAX: i32 = 100;
/// The file that the empty page shows.
pub const EXAMPLE: &str = "kind: Template
name: files.compress
description: Packs a folder
runner: command
command:
  argv: [/bin/tar, -czf, \"{{ params.out }}\", \"{{ params.folder }}\"]
params:
  type: object
  required: [folder, out]
  properties:
    folder: { type: string, title: Folder }
    out: { type: string, title: Archive }
";
/// The command that takes it in.
pub const EXAMPLE_COMMAND: &str = "millrace template apply files.compress.yaml";

#[derive(Template)]
#[template(path = "templates/index.html", blocks = ["results"])]
pub(super) struct IndexPage {
    pub shell: Shell,
    pub facts: String,
    pub may_draft: bool,
    pub filter: Form,
    pub runners: Vec<Choice>,
    pub not_understood: Vec<String>,
    pub tabs: Vec<Tab>,
    pub rows: Vec<Row>,
    pub next: Option<String>,
    /// There is no template at all.
    pub empty: bool,
}

impl IndexPage {
    fn example(&self) -> &'static str {
        EXAMPLE
    }

    fn example_command(&self) -> &'static str {
        EXAMPLE_COMMAND
    }
}

/// One template of the list.
pub(super) struct Row {
    pub name: String,
    pub href: String,
    pub description: String,
    pub runner: RunnerLook,
    pub state: StateLook,
    /// `v7`, or `v8` of a draft; what is newer stands in `draft`.
    pub version: String,
    pub draft: String,
    pub queue: String,
    pub queue_href: String,
    pub unfinished: Count,
    pub unfinished_href: String,
    pub failed: Count,
    pub has_failed: bool,
    pub failed_href: String,
    pub author: String,
    pub changed: Stamp,
}

/// What the address asks for.
struct Asked {
    filter: TemplateFilter,
    after: Option<String>,
    form: Form,
    not_understood: Vec<String>,
}

fn asked(query: &Query) -> Asked {
    let form = query.0.clone();
    let text = |name: &str| Some(form.text(name).trim().to_owned()).filter(|text| !text.is_empty());
    let (runner, state) = (text("runner"), text("state"));
    let filter = TemplateFilter {
        text: text("q"),
        runner: runner.as_deref().and_then(|name| RunnerKind::ALL.into_iter().find(|kind| kind.as_str() == name)),
        state: state.as_deref().and_then(TemplateState::parse),
    };
    let mut not_understood = Vec::new();
    not_understood.extend(runner.filter(|_| filter.runner.is_none()).map(|text| format!("runner={text}")));
    not_understood.extend(state.filter(|_| filter.state.is_none()).map(|text| format!("state={text}")));
    Asked { filter, after: text("after"), form, not_understood }
}

/// `GET /templates`: every template that the filters leave, with how its jobs fare.
pub async fn show(hx: Hx, kit: Data<Kit>, actor: Actor, shell: Shell, query: Query) -> Result<HttpResponse, WebError> {
    let asked = asked(&query);
    let (filter, after, scope) = (asked.filter.clone(), asked.after.clone(), actor.scope.clone());
    let read = move |conn: &mut _| {
        let rows = search(conn, &scope, &filter, after.as_deref(), ROWS_MAX.min(TEMPLATES_MAX) + 1)?;
        let authors = Authors::read(conn, rows.iter().map(|row| row.author.as_str()))?;
        Ok::<_, DbError>((Found { rows, authors }, state_counts(conn, &filter)?))
    };
    let (found, counts) = kit.db.run(read).await?;
    let page = page(shell, asked, found, &counts, actor.may(Permission::DraftTemplates));
    respond::page(&hx, &page, &[("results", &page.as_results())])
}

/// Templates, one more than the page takes, and who wrote them.
#[derive(Default)]
struct Found {
    rows: Vec<TemplateRow>,
    authors: Authors,
}

fn page(shell: Shell, asked: Asked, found: Found, counts: &[StateCount], may_draft: bool) -> IndexPage {
    let Found { mut rows, authors } = found;
    let total: i64 = counts.iter().map(|count| count.templates).sum();
    let narrowed = asked.filter != TemplateFilter::default();
    let more = rows.len() > ROWS_MAX as usize;
    rows.truncate(ROWS_MAX as usize);
    let next = rows.last().filter(|_| more).map(|row| address(&asked, asked.filter.state, &row.name));
    let shell = shell.titled("Templates", Section::Templates);
    IndexPage {
        facts: "Named work with typed parameters: what jobs are enqueued from".into(),
        may_draft,
        runners: RUNNERS.iter().map(|look| Choice::new(look.value, look.word)).collect(),
        tabs: tabs(&asked, counts, total),
        rows: rows.iter().map(|found| row(found, &authors, &shell)).collect(),
        next,
        empty: total == 0 && !narrowed,
        filter: asked.form,
        not_understood: asked.not_understood,
        shell,
    }
}

fn tabs(asked: &Asked, counts: &[StateCount], total: i64) -> Vec<Tab> {
    let count = |state| counts.iter().find(|count| count.state == state).map_or(0, |count| count.templates);
    let all = Tab::new("All", address(asked, None, ""), asked.filter.state.is_none()).counting(format::count(total));
    let one = |state: TemplateState| {
        let current = asked.filter.state == Some(state);
        let href = address(asked, Some(state), "");
        Tab::new(StateLook::from(state).word, href, current).counting(format::count(count(state)))
    };
    std::iter::once(all).chain(TemplateState::ALL.map(one)).collect()
}

fn address(asked: &Asked, state: Option<TemplateState>, after: &str) -> String {
    let runner = asked.filter.runner.map_or("", RunnerKind::as_str);
    let text = asked.filter.text.as_deref().unwrap_or_default();
    let state = state.map_or("", TemplateState::as_str);
    paths::with_query(paths::TEMPLATES, &[("state", state), ("runner", runner), ("q", text), ("after", after)])
}

fn row(found: &TemplateRow, authors: &Authors, shell: &Shell) -> Row {
    let jobs = |state: &str| paths::with_query(paths::JOBS, &[("state", state), ("template", &found.name)]);
    let draft = found.newer_draft().map(|draft| format!("v{draft} is a draft")).unwrap_or_default();
    Row {
        href: paths::template(&found.name),
        description: found.description.clone(),
        runner: runner(&found.runner),
        state: found.state().into(),
        version: format!("v{}", found.shown_version()),
        draft,
        queue_href: paths::queue(&found.queue),
        queue: found.queue.clone(),
        unfinished: format::count(found.unfinished),
        unfinished_href: jobs("blocked,scheduled,ready,held,running,retrying"),
        failed: format::count(found.failed),
        has_failed: found.failed > 0,
        failed_href: jobs("failed"),
        author: authors.called(&found.author),
        changed: shell.stamp(found.updated_at),
        name: found.name.clone(),
    }
}

#[cfg(test)]
pub(super) mod sample {
    use super::*;
    use crate::web::shell::sample::shell;

    /// A page with a row of every runner and state.
    pub fn index(empty: bool) -> IndexPage {
        let asked = asked(&Query(Form::default().with("q", "mail").with("runner", "magic")));
        let rows = RUNNERS.iter().zip(TemplateState::ALL).map(|(look, state)| Row {
            name: format!("mail.{}", look.value),
            href: paths::template("mail.send"),
            description: "Sends <b>mail</b>".into(),
            runner: *look,
            state: state.into(),
            version: "v7".into(),
            draft: "v8 is a draft".into(),
            queue: "mail".into(),
            queue_href: paths::queue("mail"),
            unfinished: format::count(1_204_000),
            unfinished_href: "/jobs".into(),
            failed: format::count(3),
            has_failed: true,
            failed_href: "/jobs".into(),
            author: "giulia@example.org".into(),
            changed: shell().stamp("2026-11-24T10:00:00Z".parse().expect("a time")),
        });
        let counts = TemplateState::ALL.map(|state| StateCount { state, templates: 1 });
        let page = page(shell(), asked, Found::default(), &counts, true);
        IndexPage {
            rows: if empty { Vec::new() } else { rows.collect() },
            empty,
            next: Some("/templates?after=x".into()),
            ..page
        }
    }
}
