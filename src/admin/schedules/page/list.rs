//! `GET /schedules` and its stream.

use std::time::Duration;

use askama::Template;

use super::line::Line;
use crate::admin::schedules::filter::{Cursor, LastResult, Narrowing, ScheduleFilter, Sort};
use crate::admin::schedules::read::{self, Standing};
use crate::admin::schedules::{ScheduleError, history};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::permission::Permission;
use crate::web::error::WebError;
use crate::web::format::grouped;
use crate::web::live::{Address, LivePage, Panel, panels};
use crate::web::parts::{Choice, Tab};
use crate::web::paths;
use crate::web::rail::{Section, schedule_tabs};
use crate::web::shell::Shell;
use crate::web::tone::Tone;

/// Schedules of a page.
const ROWS: i32 = 50;

/// The page.
#[derive(Template)]
#[template(path = "schedules/index.html", blocks = ["rows", "states"])]
pub struct ListPage {
    pub shell: Shell,
    pub tabs: Vec<Tab>,
    /// How many there are of each standing.
    pub states: Vec<Tab>,
    pub lines: Vec<Line>,
    pub text: String,
    /// What narrows the list beside words and state, each with the address without it.
    pub chips: Vec<Chip>,
    /// What can be chosen, and what is.
    pub templates: Vec<String>,
    pub calendars: Vec<String>,
    pub results: Vec<Choice>,
    pub template: String,
    pub calendar: String,
    pub zone: String,
    pub result: &'static str,
    pub standing: &'static str,
    /// By the next run.
    pub by_next: bool,
    /// Something narrows the list.
    pub is_filtered: bool,
    /// The page after this one; empty for none.
    pub next: String,
    /// The first page; empty when it is this one.
    pub first: String,
    /// The same in the other order.
    pub other_order: String,
    pub may_act: bool,
}

/// A filter that is set.
pub struct Chip {
    pub name: &'static str,
    pub value: String,
    /// The list without it.
    pub without: String,
}

/// What an address asks for.
#[derive(Clone)]
pub struct Asked {
    filter: ScheduleFilter,
    narrowing: Narrowing,
}

impl Asked {
    fn address(&self, standing: Option<Standing>, sort: Sort, after: Option<&str>) -> String {
        let filter = &self.filter;
        let pairs = [
            ("q", filter.text.as_deref()),
            ("state", standing.map(Standing::as_str)),
            ("template", filter.template.as_deref()),
            ("calendar", filter.calendar.as_deref()),
            ("zone", self.narrowing.zone.as_deref()),
            ("last", self.narrowing.last.map(LastResult::as_str)),
            ("sort", (sort == Sort::Next).then_some("next")),
            ("after", after),
        ];
        let pairs: Vec<(&str, &str)> = pairs.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        paths::with_query(paths::SCHEDULES, &pairs)
    }

    /// The filters beside words and state.
    fn chips(&self) -> Vec<Chip> {
        let chip = |name: &'static str, value: Option<String>, without: fn(&mut Self)| {
            let mut left = self.clone();
            without(&mut left);
            let without = left.address(self.filter.standing, self.filter.sort, None);
            Some(Chip { name, value: value?, without })
        };
        let result = self.narrowing.last.map(|last| result(last).to_owned());
        let chips = [
            chip("Template", self.filter.template.clone(), |left| left.filter.template = None),
            chip("Calendar", self.filter.calendar.clone(), |left| left.filter.calendar = None),
            chip("Zone", self.narrowing.zone.clone(), |left| left.narrowing.zone = None),
            chip("Last run", result, |left| left.narrowing.last = None),
        ];
        chips.into_iter().flatten().collect()
    }
}

/// The result of a last run in words.
fn result(last: LastResult) -> &'static str {
    match last {
        LastResult::Succeeded => "Succeeded",
        LastResult::Failed => "Failed or expired",
        LastResult::Cancelled => "Cancelled",
        LastResult::Open => "Not ended",
        LastResult::Never => "None yet",
    }
}

impl LivePage for ListPage {
    const NAME: &'static str = "schedules";
    const EVERY: Duration = Duration::from_secs(2);
    type Asked = Asked;
    type Refused = ScheduleError;

    fn asked(address: &Address) -> Result<Asked, WebError> {
        let own = |name: &str| Some(address.text(name).trim().to_owned()).filter(|text| !text.is_empty());
        let sort = if address.text("sort") == "next" { Sort::Next } else { Sort::Name };
        let filter = ScheduleFilter {
            text: own("q"),
            template: own("template"),
            standing: Standing::parse(address.text("state")),
            calendar: own("calendar"),
            sort,
            after: Cursor::parse(address.text("after").trim(), sort),
            limit: ROWS + 1,
        };
        let narrowing = Narrowing { zone: own("zone"), last: LastResult::parse(address.text("last")) };
        Ok(Asked { filter, narrowing })
    }

    fn read(conn: &mut PgConnection, actor: &Actor, shell: Shell, asked: &Asked) -> Result<Self, ScheduleError> {
        actor.require(Permission::ReadSchedules)?;
        let counts = read::counts(conn, &actor.scope)?;
        let mut rows = read::narrowed(conn, &actor.scope, &asked.filter, &asked.narrowing)?;
        let is_more = rows.len() > ROWS as usize;
        rows.truncate(ROWS as usize);
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        let strips = history::strips(conn, &ids)?;
        let (templates, calendars) = read::choices(conn, &actor.scope)?;
        let chips = asked.chips();
        let filter = &asked.filter;
        let next = rows.last().filter(|_| is_more).map(|row| Cursor::behind(row, filter.sort).to_string());
        let all: i64 = counts.iter().map(|(_, count)| count).sum();
        let mut states = vec![
            Tab::new("All", asked.address(None, filter.sort, None), filter.standing.is_none())
                .counting(grouped(all.unsigned_abs())),
        ];
        states.extend(counts.into_iter().filter(|(_, count)| *count > 0).map(|(standing, count)| {
            let (tone, word) = look(standing);
            let href = asked.address(Some(standing), filter.sort, None);
            Tab::new(word, href, filter.standing == Some(standing)).counting(grouped(count.unsigned_abs())).toned(tone)
        }));
        let other = if filter.sort == Sort::Next { Sort::Name } else { Sort::Next };
        let after = filter.after.as_ref().map(Cursor::to_string);
        let here = asked.address(filter.standing, filter.sort, after.as_deref());
        let live = paths::with_same_query(&paths::live("schedules"), &here);
        let none = Vec::new();
        Ok(Self {
            tabs: schedule_tabs(paths::SCHEDULES),
            states,
            lines: rows.iter().map(|row| Line::new(row, strips.get(&row.id).unwrap_or(&none), &shell)).collect(),
            text: filter.text.clone().unwrap_or_default(),
            template: filter.template.clone().unwrap_or_default(),
            calendar: filter.calendar.clone().unwrap_or_default(),
            by_next: filter.sort == Sort::Next,
            is_filtered: filter.text.is_some() || !chips.is_empty() || filter.standing.is_some(),
            chips,
            templates,
            calendars,
            results: LastResult::ALL.map(|last| Choice::new(last.as_str(), result(last))).into(),
            zone: asked.narrowing.zone.clone().unwrap_or_default(),
            result: asked.narrowing.last.map_or("", LastResult::as_str),
            standing: filter.standing.map_or("", Standing::as_str),
            next: next.map_or_else(String::new, |place| asked.address(filter.standing, filter.sort, Some(&place))),
            first: if filter.after.is_some() {
                asked.address(filter.standing, filter.sort, None)
            } else {
                String::new()
            },
            other_order: asked.address(filter.standing, other, None),
            may_act: actor.may(Permission::EditSchedules),
            shell: Shell { live, ..shell.titled("Schedules", Section::Schedules) },
        })
    }

    fn panels(&self) -> askama::Result<Vec<Panel>> {
        panels(&[("panel-states", &self.as_states()), ("panel-rows", &self.as_rows())])
    }
}

impl ListPage {
    /// What a search keeps of the address.
    fn kept(&self) -> Vec<(&'static str, &str)> {
        let by_next = if self.by_next { "next" } else { "" };
        let all = [
            ("state", self.standing),
            ("template", &self.template),
            ("calendar", &self.calendar),
            ("zone", &self.zone),
            ("last", self.result),
            ("sort", by_next),
        ];
        all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }

    /// What can be done to those that are ticked: verb, words, icon.
    fn bulk(&self) -> [(&'static str, &'static str, &'static str); 2] {
        [("pause", "Pause…", "circle-pause"), ("resume", "Resume…", "circle-play")]
    }
}

/// How a standing looks: icon and word.
pub(super) fn look(standing: Standing) -> (Tone, &'static str) {
    match standing {
        Standing::Enabled => (Tone::Done, "Enabled"),
        Standing::Paused => (Tone::Paused, "Paused"),
        Standing::Troubled => (Tone::Failed, "Cannot run"),
        Standing::Ended => (Tone::Cancelled, "Ended"),
    }
}
