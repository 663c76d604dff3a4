//! `GET /calendars`: every calendar, with what comes next and who minds it.

use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;
use chrono::Datelike;

use super::{counted, day, told};
use crate::admin::calendars::service::{self, may_act};
use crate::admin::calendars::{CalendarRow, facts, json, words};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::format::Stamp;
use crate::web::kit::Kit;
use crate::web::parts::{Pages, Tab};
use crate::web::paths;
use crate::web::rail::{Section, schedule_tabs};
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

/// Calendars of one page.
pub(super) const ROWS_MAX: usize = 100;
/// Countries and windows that a row names.
const NAMED_MAX: usize = 3;

/// The page.
#[derive(Template)]
#[template(path = "calendars/index.html")]
pub struct ListPage {
    pub shell: Shell,
    pub tabs: Vec<Tab>,
    pub facts_line: String,
    /// The pages before and after; absent when one holds all.
    pub pages: Option<Pages>,
    pub rows: Vec<Row>,
    pub may_act: bool,
}

/// A calendar.
pub struct Row {
    pub name: String,
    pub href: String,
    pub title: String,
    /// Whose holidays it has; empty for its own days only.
    pub places: String,
    /// How many days of its own it has; empty for none.
    pub own: String,
    /// `Fri 25 Dec`; empty for none.
    pub next: String,
    pub next_name: String,
    /// Windows in words, with their names.
    pub windows: Vec<(String, String)>,
    pub more_windows: usize,
    pub schedules: String,
    pub changed: Stamp,
    pub changed_by: String,
    /// This program does not understand what it says.
    pub unreadable: bool,
}

/// Which part of all calendars a page shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Window {
    /// The names of the part.
    pub names: Vec<String>,
    /// How many come before it.
    pub before: usize,
    /// How many there are in all.
    pub total: usize,
}

impl Window {
    /// Finds the part after the name `after`, or before the name `before`, or the first one.
    pub(super) fn of(names: &[String], after: &str, before: &str) -> Self {
        let start = match (after, before) {
            ("", "") => 0,
            ("", before) => names.partition_point(|name| name.as_str() < before).saturating_sub(ROWS_MAX),
            (after, _) => names.partition_point(|name| name.as_str() <= after),
        };
        let start = if start < names.len() { start } else { 0 };
        let shown: Vec<String> = names.iter().skip(start).take(ROWS_MAX).cloned().collect();
        Self { names: shown, before: start, total: names.len() }
    }

    fn pages(&self) -> Option<Pages> {
        let end = self.before + self.names.len();
        let at = |name: &str, of: Option<&String>| of.map(|of| paths::with_query(paths::CALENDARS, &[(name, of)]));
        (self.total > ROWS_MAX || self.before > 0).then(|| Pages {
            shown: format!("{} to {end} of {}", self.before + 1, self.total),
            newer: at("before", self.names.first()).filter(|_| self.before > 0),
            older: at("after", self.names.last()).filter(|_| end < self.total),
        })
    }
}

impl ListPage {
    pub(super) fn new(actor: &Actor, shell: Shell, window: &Window, rows: &[CalendarRow]) -> Self {
        Self {
            tabs: schedule_tabs(paths::CALENDARS),
            facts_line: counted(window.total, "calendar", "calendars"),
            pages: window.pages(),
            rows: rows.iter().map(|row| line(row, &shell)).collect(),
            may_act: may_act(actor),
            shell: shell.titled("Calendars", Section::Schedules).under("Schedules", paths::SCHEDULES),
        }
    }
}

fn line(row: &CalendarRow, shell: &Shell) -> Row {
    let today = json::today(row, shell.now);
    let next = row.days().and_then(|days| facts::next_holiday(&days, today));
    let said = row.calendar();
    let places: Vec<String> = said.iter().flat_map(|said| &said.holidays).map(words::place).collect();
    let more = places.len().saturating_sub(NAMED_MAX);
    let named: Vec<String> = places.into_iter().take(NAMED_MAX).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let own = said.as_ref().map_or(0, |said| said.dates.len());
    let windows = said.as_ref().map(|said| said.windows.as_slice()).unwrap_or_default();
    Row {
        href: paths::calendar(&row.name),
        title: said.as_ref().map(|said| said.title.clone()).unwrap_or_default(),
        places: format!(
            "{}{more}",
            if more.is_empty() { crate::timing::words::joined(&named) } else { named.join(", ") }
        ),
        own: if own > 0 { format!("{} of its own", counted(own, "entry", "entries")) } else { String::new() },
        next: next.as_ref().map(|next| day(next.date, today.year())).unwrap_or_default(),
        next_name: next.map(|next| next.name).unwrap_or_default(),
        windows: windows.iter().take(NAMED_MAX).map(|rule| (rule.name.clone(), words::window(rule))).collect(),
        more_windows: windows.len().saturating_sub(NAMED_MAX),
        schedules: row.schedules.to_string(),
        changed: shell.stamp(row.updated_at),
        changed_by: row.updated_by.clone(),
        unreadable: said.is_none(),
        name: row.name.clone(),
    }
}

/// `GET /calendars?after=&before=`.
pub async fn show(hx: Hx, kit: Data<Kit>, actor: Actor, shell: Shell, query: Query) -> Result<HttpResponse, WebError> {
    let read = move |conn: &mut PgConnection| {
        let names = service::names(conn, &actor)?;
        let window = Window::of(&names, query.0.text("after"), query.0.text("before"));
        let rows = service::list_of(conn, &actor, &window.names)?;
        Ok(ListPage::new(&actor, shell, &window, &rows))
    };
    let page = kit.db.run(read).await.map_err(told)?;
    respond::page(&hx, &page, &[])
}
