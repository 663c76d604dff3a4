//! `GET /jobs`.

use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;

use super::bar::{Chip, Tabs, chips, tabs};
use super::bulk::{BulkAct, bulk_acts};
use super::found::Found;
use super::row::Row;
use super::saved::Saved;
use super::shape::{ColumnBox, Heading, boxes, headings, of_jobs, shown, told};
use super::stream::stream_address;
use super::view::{ListView, Order, ROWS_DEFAULT};
use crate::admin::jobs::query::Field;
use crate::admin::jobs::query::print::{Style, values};
use crate::admin::jobs::{Cursor, detail};
use crate::base::db::{DbError, PgConnection};
use crate::queue::actor::Actor;
use crate::queue::permission::Permission;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::format;
use crate::web::kit::Kit;
use crate::web::parts::{Choice, Pages, SortHeader, Tab};
use crate::web::paths;
use crate::web::rail::{Section, job_tabs};
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

/// Most parts of the title.
const TITLE_PARTS_MAX: usize = 4;
/// Numbers of rows that are offered.
const ROWS_OFFERED: [u32; 3] = [ROWS_DEFAULT, 100, 200];
/// Icons of row menus, whose shapes stand once in the page.
const ICONS: [&str; 11] = [
    "ellipsis",
    "arrow-right",
    "rotate-cw",
    "pencil",
    "play",
    "lock-open",
    "clock",
    "arrow-up-down",
    "hand",
    "ban",
    "repeat",
];

/// The page.
#[derive(Template)]
#[template(path = "jobs/list.html", blocks = ["facts", "tabs", "news"])]
pub struct ListPage {
    pub(super) shell: Shell,
    view: ListView,
    found: Found,
    total: Option<i64>,
    /// The places that jobs and operations have.
    places: Vec<Tab>,
    tabs: Tabs,
    chips: Vec<Chip>,
    rows: Vec<Row>,
    saved: Saved,
    job_heading: SortHeader,
    headings: Vec<Heading>,
    boxes: Vec<ColumnBox>,
    /// The same list with fixed times; empty when it has none that move.
    exact: String,
    /// Rows that "Show" would bring, take away or move.
    pub(super) changed: usize,
    pages: Pages,
    sizes: Vec<Tab>,
    queues: Vec<Choice>,
    /// The viewer may act on many at once.
    may_act: bool,
    bulk: Vec<BulkAct>,
    /// Acts that stand in the menu of the bar.
    bulk_more: Vec<BulkAct>,
    may_export: bool,
    may_enqueue: bool,
}

/// `GET /jobs`: typed fields are moved into parameters first; a lone number leads to the job that has it.
pub async fn show(kit: Data<Kit>, hx: Hx, actor: Actor, shell: Shell, query: Query) -> Result<HttpResponse, WebError> {
    let view = ListView::read(query.0.into_fields());
    if view.is_to_be_rewritten() {
        return Ok(respond::see_other(&view.href()));
    }
    if let Some(id) = view.lone_id() {
        let scope = actor.scope.clone();
        if kit.db.run(move |conn| detail(conn, &scope, id)).await?.is_some() {
            return Ok(respond::see_other(&paths::job(id)));
        }
    }
    let page = kit.db.run(move |conn| ListPage::read(conn, &actor, shell, view)).await?;
    respond::page(&hx, &page, &[])
}

impl ListPage {
    fn read(conn: &mut PgConnection, actor: &Actor, shell: Shell, mut view: ListView) -> Result<Self, DbError> {
        let saved = Saved::read(conn, actor, &mut view)?;
        let found = Found::read(conn, actor, &shell, &view)?;
        let names = found.counted.as_ref().map(|counted| counted.queues.clone()).unwrap_or_default();
        let queues = names.into_iter().map(|name| Choice::new(name.clone(), name)).collect();
        Ok(Self { queues, saved, ..Self::new(actor, shell, view, found) })
    }

    /// Shows what was found.
    pub(super) fn new(actor: &Actor, shell: Shell, view: ListView, found: Found) -> Self {
        let shell = shell.titled("Jobs", Section::Jobs).under("Operate", paths::DASHBOARD);
        let rows: Vec<Row> = found.page.rows.iter().map(|row| Row::new(row, &view.columns, actor, &shell)).collect();
        let total = found.total(&view);
        let [bulk, bulk_more] = bulk_acts(&view.states());
        let exact = view.exact(shell.now, shell.zone).map(|view| view.href()).unwrap_or_default();
        Self {
            shell: Shell { title: title(&view), live: stream_address(&view, &found), ..shell },
            total,
            places: job_tabs(paths::JOBS),
            tabs: tabs(&view, found.counted.as_ref()),
            chips: chips(&view),
            pages: pages(&view, &found, total),
            sizes: sizes(&view),
            queues: Vec::new(),
            may_act: actor.may(Permission::RunOperations),
            bulk,
            bulk_more,
            may_export: actor.may(Permission::ExportJobs),
            saved: Saved::default(),
            job_heading: of_jobs(&view),
            headings: headings(&view),
            boxes: boxes(&view),
            exact,
            may_enqueue: actor.may(Permission::Enqueue),
            rows,
            changed: 0,
            view,
            found,
        }
    }

    /// The line below the title.
    fn facts(&self) -> String {
        let order = self.view.order.words();
        match self.total {
            Some(total) if self.view.query.is_everything() => {
                format!("{} kept · {order}", format::count(total))
            }
            Some(total) => format!("{} match · {order}", format::count(total)),
            None => format!("{} shown · {order}", self.rows.len()),
        }
    }

    /// Says what the order holds for; empty when it holds for the whole list.
    fn within(&self) -> String {
        told(self.view.order, self.found.within)
    }

    /// Small screens show what was chosen on purpose.
    fn table_class(&self) -> &'static str {
        if self.view.columns.is_usual() { "cards-m jobs-t" } else { "cards-m jobs-t chosen" }
    }

    /// What the pages before and after hold.
    fn neighbours(&self) -> [&'static str; 2] {
        match self.view.order {
            Order::Newest => ["Newer", "Older"],
            Order::Oldest => ["Older", "Newer"],
            Order::By(..) => ["Previous", "Next"],
        }
    }

    /// Says what the list shows although a part of what was asked for means nothing.
    fn instead(&self) -> &'static str {
        match (self.view.query.is_everything(), self.view.unknown.len()) {
            (true, 1) => "Without it the list shows all jobs.",
            (true, _) => "Without them the list shows all jobs.",
            (false, 1) => "Without it the list shows what the rest asks for.",
            (false, _) => "Without them the list shows what the rest asks for.",
        }
    }

    /// What all the rows are that the view means, beyond those of this page.
    fn all(&self) -> String {
        match self.total {
            Some(total) => format!("All {} that match", format::count(total)),
            None => "All that match".into(),
        }
    }

    /// Where an act on many is asked about.
    fn bulk_href(&self, act: &str) -> String {
        paths::with_query(paths::OPERATION_NEW, &[("act", act)])
    }

    /// Where exactly what the view means is written down.
    fn export(&self) -> String {
        paths::with_query(paths::JOBS_EXPORT, &[("q", &self.query()), ("back", &self.view.href())])
    }

    /// The query in one text, with which an operation goes by it.
    fn query(&self) -> String {
        self.view.query.to_string()
    }

    fn is_nothing_yet(&self) -> bool {
        self.view.query.is_everything()
            && self.found.page.edge.is_none()
            && self.found.counted.as_ref().is_none_or(|counted| counted.all.within([]) == 0)
    }

    /// Says of a list that found nothing yet how far it looked, and that what is counted above is older.
    fn so_far(&self) -> String {
        let older = match (self.total, self.view.cursor) {
            (Some(1), Cursor::Newest) => " The 1 that matches is older.".into(),
            (Some(total @ 2..), Cursor::Newest) => format!(" The {} that match are older.", format::count(total)),
            _ => String::new(),
        };
        self.found.looked() + &older
    }

    /// Says that nothing was found, and by how many filters.
    fn no_match(&self) -> String {
        match self.chips.len() + usize::from(!self.view.search.is_empty()) {
            0 | 1 => "No job matches".into(),
            filters => format!("No job matches these {filters} filters"),
        }
    }

    /// Where the search goes on when a look ended before the page was full.
    fn further(&self) -> Option<String> {
        let edge = self.found.page.edge?;
        Some(self.view.at(self.view.cursor.on_from(edge)).href())
    }

    /// The search text as a text, when it was taken for an id that is not there.
    fn as_text(&self) -> Option<String> {
        let id = self.view.searched_id()?;
        Some(paths::with_query(paths::JOBS, &[("q", &format!("\"{id}\""))]))
    }
}

/// Names the view, so that tabs of a browser can be told apart.
fn title(view: &ListView) -> String {
    let states: Vec<_> = view.states().into_iter().map(|state| crate::web::tone::Tone::from(state).word()).collect();
    let others = view.query.terms().into_iter().filter(|term| term.field != Field::State || term.is_excluded);
    let others =
        others.map(|term| format!("{}{}", if term.is_excluded { "not " } else { "" }, values(term, Style::Typed)));
    let parts: Vec<String> = std::iter::once(states.join(" or "))
        .chain(others)
        .filter(|part| !part.is_empty())
        .take(TITLE_PARTS_MAX)
        .collect();
    if parts.is_empty() { "Jobs".into() } else { format!("{}, Jobs", parts.join(", ")) }
}

fn pages(view: &ListView, found: &Found, total: Option<i64>) -> Pages {
    let [before, behind] = found.steps;
    let is_first = view.cursor == Cursor::Newest || found.page.newer.is_none() && before.is_none();
    Pages {
        shown: shown(view.order, is_first, (found.page.rows.len(), total)),
        newer: found.page.newer.map(Cursor::Before).or(before.map(Cursor::At)).map(|cursor| view.at(cursor).href()),
        older: found.page.older.map(Cursor::After).or(behind.map(Cursor::At)).map(|cursor| view.at(cursor).href()),
    }
}

fn sizes(view: &ListView) -> Vec<Tab> {
    let tab = |rows: u32| Tab::new(rows.to_string(), view.of_rows(rows).href(), rows == view.rows_max);
    ROWS_OFFERED.map(tab).into()
}

#[cfg(test)]
mod tests {
    use super::super::found::Hint;
    use super::super::row::sample::row;
    use super::*;
    use crate::admin::jobs::tally::Counted;
    use crate::admin::jobs::{JobPage, JobRow};
    use crate::queue::job::JobId;
    use crate::queue::permission::Role;
    use crate::queue::state::JobState;
    use crate::web::shell::sample::shell;

    fn found(rows: Vec<JobRow>) -> Found {
        let page = JobPage { rows, newer: None, older: None, edge: None, looks: 1 };
        Found {
            page,
            within: None,
            from_oldest: false,
            steps: [None; 2],
            counted: Some(Counted::default()),
            hints: Vec::new(),
        }
    }

    fn page(role: Role, query: &[(&str, &str)], found: Found) -> ListPage {
        let view = ListView::read(query.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect());
        ListPage::new(&Actor { role, ..Actor::system("test") }, shell(), view, found)
    }

    #[test]
    fn a_page_of_every_state_has_a_row_and_a_tab_for_each() {
        let rows = JobState::ALL.into_iter().enumerate();
        let rows = rows.map(|(n, state)| JobRow { id: JobId(n as i64 + 1), ..row(state) }).collect();

        let html = page(Role::Admin, &[], found(rows)).render().expect("rendered");

        for (n, state) in (1..).zip(JobState::ALL) {
            assert!(html.contains(&format!("id=\"job-{n}-state\"")) && html.contains(&format!("state={state}")));
        }
        assert!(html.contains("name=\"csrf\" value=\"token\"") && !html.contains(" style="));
        assert!(html.contains("hx-sse:connect=\"/live/jobs?rows=1.2.3.4.5.6.7.8.9.10\""), "the stream knows the rows");
    }

    #[test]
    fn a_viewer_is_offered_nothing_to_do() {
        let html = page(Role::Viewer, &[], found(vec![row(JobState::Failed)])).render().expect("rendered");

        assert!(
            !html.contains("/jobs/new")
                && !html.contains("id=\"bulk\"")
                && !html.contains("/retry")
                && !html.contains("class=\"cb")
        );
    }

    #[test]
    fn acts_that_fit_none_of_the_chosen_states_say_why_they_rest() {
        let shown = |query: &[(&str, &str)]| {
            page(Role::Operator, query, found(vec![row(JobState::Failed)])).render().expect("rendered")
        };
        let why = "disabled title=\"Hold is for blocked, scheduled, ready, retrying jobs";

        assert!(shown(&[("state", "failed")]).contains(why), "{}", shown(&[("state", "failed")]));
        assert!(!shown(&[]).contains("disabled title"));
        assert!(shown(&[]).contains("formaction=\"/jobs/export\"") && shown(&[]).contains("Export…"));
    }

    #[test]
    fn an_empty_list_says_what_to_do_and_what_would_fill_it() {
        let nothing = page(Role::Admin, &[], found(Vec::new())).render().expect("rendered");
        assert!(nothing.contains("millrace.enqueue(") && nothing.contains("curl"));

        let hint = Hint { part: "tag vip".into(), rows: ("are", "12 jobs".into()), href: "/jobs?state=failed".into() };
        let filtered = Found { hints: vec![hint], ..found(Vec::new()) };
        let html = page(Role::Admin, &[("state", "failed"), ("tag", "vip")], filtered).render().expect("rendered");
        assert!(
            html.contains("Without <b class=\"b\">tag vip</b> there are <a") && html.contains(">12 jobs</a>."),
            "{html}"
        );
        assert!(html.contains("Clear"));

        let partial = JobPage { rows: Vec::new(), newer: None, older: None, edge: Some(42), looks: 1 };
        let partial = Found { page: partial, ..found(Vec::new()) };
        let html = page(Role::Admin, &[("q", "word")], partial).render().expect("rendered");
        assert!(
            html.contains("Looked at jobs down to number 42.") && html.contains("/jobs?q=word&#38;after=42"),
            "{html}"
        );
    }

    #[test]
    fn a_look_that_ended_early_leads_on_whatever_is_known_of_counts() {
        for counted in [None, Some(Counted::default())] {
            let page_of_none = JobPage { rows: Vec::new(), newer: None, older: None, edge: Some(42), looks: 1 };
            let partial = Found { counted, page: page_of_none, ..found(Vec::new()) };

            let html = page(Role::Operator, &[], partial).render().expect("rendered");

            assert!(html.contains("Search older jobs") && html.contains("/jobs?after=42"), "{html}");
            assert!(html.contains("down to number 42") && !html.contains("No jobs yet"), "{html}");
        }
    }

    #[test]
    fn what_was_not_understood_is_named() {
        let html = page(Role::Admin, &[("quue", "mail")], found(Vec::new())).render().expect("rendered");

        let told =
            "1 filter was not understood: <code>quue=mail</code> (there is no field quue; did you mean queue?). ";
        assert!(html.contains(told), "{html}");
        assert!(html.contains("Without it the list shows all jobs."));

        let html = page(Role::Admin, &[("q", "stat:failed a:b late")], found(Vec::new())).render().expect("rendered");
        assert!(html.contains("Without them the list shows what the rest asks for."), "{html}");
    }
}
