//! `GET /failures` and its stream.

use std::collections::BTreeSet;
use std::time::Duration;

use askama::Template;

use super::row::{Row, words};
use super::view::{Tab, View};
use crate::admin::failures::read::{GroupRow, Page, ROWS_DEFAULT, Tally, find};
use crate::admin::failures::service::{self, FailureError};
use crate::admin::failures::{Range, Sort, word};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::catalog;
use crate::queue::failures::GroupState;
use crate::web::error::WebError;
use crate::web::format::{Count, Stamp, count};
use crate::web::live::{Address, LiveError, LivePage, Panel, panels};
use crate::web::parts::{self, Pages};
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::shell::Shell;

/// Query parameter of the stream with the groups that the page shows.
const ROWS: &str = "rows";
/// Most groups that a page shows.
const SHOWN_MAX: usize = 200;

/// The page.
#[derive(Template)]
#[template(path = "failures/index.html", blocks = ["facts", "tabs", "news"])]
pub struct ListPage {
    pub shell: Shell,
    pub view: View,
    pub facts_line: String,
    pub tabs: Vec<parts::Tab>,
    pub ranges: Vec<parts::Tab>,
    pub sorts: Vec<parts::Tab>,
    pub rows: Vec<Row>,
    pub pages: Pages,
    pub queues: Vec<String>,
    /// Groups that "Show" would bring, take away or move.
    pub changed: usize,
    /// When anything failed last.
    pub last: Option<Stamp>,
    /// Groups in other states that the filters want too.
    pub elsewhere: Count,
    pub has_elsewhere: bool,
    /// The viewer is limited to tags, by which failures are not counted.
    pub is_untold: bool,
    pub limited: bool,
}

/// What the list is asked for.
pub struct Asked {
    view: View,
    /// Groups that the page shows which listens.
    shown: Vec<String>,
    /// It begins at the first group, so that new ones are news.
    is_first: bool,
}

/// `GET /failures`: groups in scope as they stand. And every two seconds `GET /live/failures`: counts, the cells of the
/// groups that are shown, and how many would move.
impl LivePage for ListPage {
    const NAME: &'static str = "failures";
    const EVERY: Duration = Duration::from_secs(2);
    type Asked = Asked;
    type Refused = FailureError;

    fn asked(address: &Address) -> Result<Asked, WebError> {
        let shown = address.text(ROWS).split('.').take(SHOWN_MAX).map(str::to_owned).collect();
        Ok(Asked { view: View::read(address.query()), shown, is_first: address.text("first").is_empty() })
    }

    fn read(conn: &mut PgConnection, actor: &Actor, shell: Shell, asked: &Asked) -> Result<Self, FailureError> {
        let view = asked.view.clone();
        let found = service::list(conn, actor, &view.filter, ROWS_DEFAULT)?;
        let tally = service::tally(conn, actor, &view.filter)?;
        let queues = catalog::queues(conn)?.into_iter().map(|queue| queue.name);
        let queues = queues.filter(|name| actor.scope.covers(name, &[])).collect();
        let rows = rows(conn, actor, &found.rows, (&view, &shell))?;
        Ok(Self { queues, ..Self::new(actor, shell, view, (&found, &tally, rows)) })
    }

    fn panels(&self) -> askama::Result<Vec<Panel>> {
        panels(&[("panel-facts", &self.as_facts()), ("panel-tabs", &self.as_tabs()), ("panel-news", &self.as_news())])
    }

    fn look(conn: &mut PgConnection, actor: &Actor, shell: Shell, asked: &Asked) -> Result<Vec<Panel>, LiveError> {
        let (view, shown) = (&asked.view, &asked.shown);
        let found = service::list(conn, actor, &view.filter, ROWS_DEFAULT).map_err(LiveError::of)?;
        let tally = service::tally(conn, actor, &view.filter).map_err(LiveError::of)?;
        let present = find(conn, &actor.scope, shown)?;
        let cells = rows(conn, actor, &present, (view, &shell)).map_err(LiveError::of)?;
        let changed = if asked.is_first { changed(shown, &found) } else { 0 };
        let page = Self { changed, ..Self::new(actor, shell, view.clone(), (&found, &tally, Vec::new())) };
        let mut panels = page.panels()?;
        for row in &cells {
            panels.extend(row.panels()?);
        }
        Ok(panels)
    }
}

impl ListPage {
    pub(super) fn new(
        actor: &Actor,
        shell: Shell,
        view: View,
        (found, tally, rows): (&Page, &Tally, Vec<Row>),
    ) -> Self {
        let shell = shell.titled("Failures", Section::Failures).under("Operate", paths::DASHBOARD);
        let prints: Vec<&str> = rows.iter().map(|row| row.fingerprint.as_str()).collect();
        let first = if view.filter.cursor.is_some() { "no" } else { "" };
        let live = view.at(&paths::live("failures"), &[("first", first), (ROWS, &prints.join("."))]);
        let shown = tally.within(&view.filter.states);
        let elsewhere = tally.within(&[]) - shown;
        Self {
            facts_line: facts(tally),
            tabs: tabs(&view, tally),
            ranges: Range::ALL
                .map(|range| parts::Tab::new(words(range), view.over(range).href(), range == view.filter.range))
                .into(),
            sorts: sorts(&view),
            pages: pages(&view, found, shown, &rows),
            queues: Vec::new(),
            changed: 0,
            last: tally.last.map(|at| shell.stamp(at)),
            elsewhere: count(elsewhere),
            has_elsewhere: elsewhere > 0,
            is_untold: !actor.scope.is_everything() && actor.scope.queues.is_empty(),
            limited: !actor.scope.is_everything(),
            shell: Shell { live, ..shell },
            rows,
            view,
        }
    }

    /// Says when something failed last.
    fn last_words(&self) -> String {
        match &self.last {
            Some(last) => format!(
                "The last failure was {}. Groups that were handled or muted stand behind the other tabs.",
                last.text
            ),
            None => "No attempt of a job has failed since this was first counted.".into(),
        }
    }
}

/// Reads how groups came and makes their rows.
fn rows(
    conn: &mut PgConnection,
    actor: &Actor,
    groups: &[GroupRow],
    (view, shell): (&View, &Shell),
) -> Result<Vec<Row>, FailureError> {
    let prints: Vec<String> = groups.iter().map(|group| group.fingerprint.clone()).collect();
    let (range, sort) = (view.filter.range, view.filter.sort);
    let courses =
        if prints.is_empty() { Vec::new() } else { service::courses(conn, actor, &prints, (range, shell.now))? };
    let row = |group: &GroupRow| {
        let course = courses.iter().find(|course| course.fingerprint == group.fingerprint);
        Row::new(group, course, (range, sort), actor, shell)
    };
    Ok(groups.iter().map(row).collect())
}

/// The line below the title.
fn facts(tally: &Tally) -> String {
    let open = match tally.open() {
        0 => "nothing is open".to_owned(),
        1 => "1 open".to_owned(),
        many => format!("{} open", count(many)),
    };
    let of = |state: GroupState| match tally.of(state) {
        0 => String::new(),
        many => format!(" · {} {}", count(many), state.as_str()),
    };
    format!("{open}{}{}{}", of(GroupState::New), of(GroupState::Rising), of(GroupState::Returned))
}

fn tabs(view: &View, tally: &Tally) -> Vec<parts::Tab> {
    let tab = |label: &str, tab: Tab| {
        let number = tally.within(&tab.states());
        let shown = parts::Tab::new(label, view.of(tab).href(), view.tab == tab);
        if number == 0 { shown } else { shown.counting(count(number)) }
    };
    let mut tabs = vec![tab("Open", Tab::Open)];
    tabs.extend(GroupState::ALL.map(|state| tab(word(state), Tab::Only(state))));
    tabs.push(tab("All", Tab::All));
    tabs
}

fn sorts(view: &View) -> Vec<parts::Tab> {
    let label = |sort| match sort {
        Sort::Last => "Last seen",
        Sort::First => "First seen",
        Sort::Most => "Most",
    };
    Sort::ALL.map(|sort| parts::Tab::new(label(sort), view.by(sort).href(), sort == view.filter.sort)).into()
}

fn pages(view: &View, found: &Page, total: i64, rows: &[Row]) -> Pages {
    let at = |name: &str, row: Option<&Row>| row.map(|row| view.at(paths::FAILURES, &[(name, &row.cursor)]));
    Pages {
        shown: format!("{} of {}", rows.len(), count(total)),
        newer: at("before", rows.first()).filter(|_| found.has_newer),
        older: at("after", rows.last()).filter(|_| found.has_older),
    }
}

/// Counts the groups that came and those that went.
fn changed(shown: &[String], found: &Page) -> usize {
    let shown: BTreeSet<&str> = shown.iter().map(String::as_str).filter(|print| !print.is_empty()).collect();
    let now: BTreeSet<&str> = found.rows.iter().map(|row| row.fingerprint.as_str()).collect();
    let came = now.difference(&shown).count();
    came + shown.difference(&now).count().saturating_sub(came) // pushed off the end by those that came
}
