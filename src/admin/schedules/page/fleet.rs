//! `GET /schedules/calendar?view=&day=&q=&after=`: what all schedules do in the next 24 hours, a day or a week, and where many start at once.
//! The rows come in pages; what they do together is counted over all of them.

use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;
use chrono::{Datelike as _, Days, NaiveDate, TimeDelta, Timelike as _};

use super::crowd::Crowd;
use super::span::{Runs, Span, View};
use super::told;
use crate::admin::schedules::filter::{Cursor, ScheduleFilter, Sort};
use crate::admin::schedules::fleet::fleet;
use crate::admin::schedules::{ScheduleError, ScheduleRow, read as rows_of};
use crate::base::clock::Time;
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::permission::Permission;
use crate::queue::schedules::{Known, calendars_named};
use crate::timing::schedule::Schedule;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::format::grouped;
use crate::web::kit::Kit;
use crate::web::parts::Tab;
use crate::web::paths;
use crate::web::rail::{Section, schedule_tabs};
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

/// Schedules of a page.
const SCHEDULES: i32 = 100;
/// Height of the highest bar above the rows, and where all of them stand, in pixels.
const BAR: f64 = 18.0;
/// Marks of one schedule that say their time.
const TOLD_MAX: usize = 48;
/// Times of one schedule that are read out.
const SAID_MAX: usize = 6;

/// The page.
#[derive(Template)]
#[template(path = "schedules/fleet.html")]
pub struct FleetPage {
    pub shell: Shell,
    pub tabs: Vec<Tab>,
    pub views: Vec<Tab>,
    pub title: String,
    pub earlier: String,
    pub later: String,
    pub today: String,
    pub text: String,
    pub view: &'static str,
    pub day: String,
    pub rows: Vec<Row>,
    /// Hours of a day or days of a week, above the rows.
    pub columns: Vec<(String, String)>,
    /// Where the present moment is, in percent; empty when it is elsewhere.
    pub now_at: String,
    /// What all of them do together.
    pub crowd: Crowd,
    /// The runs of all of them in each hour.
    pub bars: Vec<Bar>,
    /// The same in words.
    pub told: String,
    /// The page after this one; empty for none.
    pub next: String,
    /// The first page; empty when it is this one.
    pub first: String,
    pub zone: String,
}

/// A schedule.
pub struct Row {
    pub name: String,
    pub href: String,
    pub sentence: String,
    pub is_paused: bool,
    /// Where it runs, in percent of the width, and at which time, unless that is too often to be told.
    pub marks: Vec<(String, String)>,
    /// How often on each day of a week.
    pub days: Vec<String>,
    pub total: String,
    pub label: String,
}

/// The runs of all schedules in an hour.
pub struct Bar {
    pub x: String,
    pub y: String,
    pub width: String,
    pub height: String,
    pub title: String,
}

/// `GET /schedules/calendar`.
pub async fn show(
    (kit, hx): (Data<Kit>, Hx),
    (actor, shell): (Actor, Shell),
    query: Query,
) -> Result<HttpResponse, WebError> {
    let page = kit.db.run(move |conn| read(conn, &actor, shell, &query)).await.map_err(told)?;
    respond::page(&hx, &page, &[])
}

fn read(conn: &mut PgConnection, actor: &Actor, shell: Shell, query: &Query) -> Result<FleetPage, ScheduleError> {
    let zone = shell.zone;
    let today = shell.now.with_timezone(&zone).date_naive();
    let asked: NaiveDate =
        query.0.text("day").parse().ok().filter(|day: &NaiveDate| (1990..=2100).contains(&day.year())).unwrap_or(today);
    let view = View::of(query);
    let is_week = view == View::Week;
    let span = Span::of(view, asked, &shell);
    let text = query.0.text("q").trim().to_owned();
    let filter = ScheduleFilter {
        text: Some(text.clone()).filter(|text| !text.is_empty()),
        sort: Sort::Name,
        after: Cursor::parse(query.0.text("after").trim(), Sort::Name),
        limit: SCHEDULES + 1,
        ..ScheduleFilter::default()
    };
    actor.require(Permission::ReadSchedules)?;
    let mut rows = rows_of::list(conn, &actor.scope, &filter)?;
    let is_more = rows.len() > SCHEDULES as usize;
    rows.truncate(SCHEDULES as usize);
    let runs = runs(conn, &rows, &span)?;
    let (members, are_more) = fleet(conn, actor)?;
    let crowd = Crowd::of(&members, are_more, &span);
    let next = rows.last().filter(|_| is_more).map(|row| Cursor::behind(row, Sort::Name).to_string());
    let first = span.begin().with_timezone(&zone).date_naive();
    let step = Days::new(if is_week { 7 } else { 1 });
    // from the next 24 hours one steps to whole days
    let beside = if is_week { View::Week } else { View::Day };
    let here = |view, day| address(view, day, &text, "");
    let earlier = here(beside, first.checked_sub_days(step).unwrap_or(first));
    let later = here(beside, first.checked_add_days(step).unwrap_or(first));
    let now_at = span.percent(shell.now);
    let title = match view {
        View::Next => "The next 24 hours".to_owned(),
        View::Day => first.format("%A %-d %B %Y").to_string(),
        View::Week => format!("Week of {}", first.format("%-d %B %Y")),
    };
    Ok(FleetPage {
        tabs: schedule_tabs(paths::SCHEDULE_FLEET),
        views: View::ALL.map(|(one, word)| Tab::new(word, here(one, asked), one == view)).into(),
        title,
        earlier,
        later,
        today: here(view, today),
        next: next.map_or_else(String::new, |place| address(view, asked, &text, &place)),
        first: if filter.after.is_some() { here(view, asked) } else { String::new() },
        text,
        view: view.as_str(),
        day: if view == View::Next { String::new() } else { asked.to_string() },
        rows: rows.iter().zip(&runs).map(|(row, runs)| Row::new(row, runs, &span)).collect(),
        columns: columns(&span),
        now_at: if (0.0..=100.0).contains(&now_at) { format!("{now_at:.2}") } else { String::new() },
        bars: bars(&crowd, &span),
        told: told_of(&crowd, &span),
        crowd,
        zone: zone.name().to_owned(),
        shell: shell.titled("Day and week", Section::Schedules).under("Schedules", paths::SCHEDULES),
    })
}

fn address(view: View, day: NaiveDate, text: &str, after: &str) -> String {
    let day = if view == View::Next { String::new() } else { day.to_string() };
    paths::with_query(paths::SCHEDULE_FLEET, &[("view", view.as_str()), ("day", &day), ("q", text), ("after", after)])
}

/// When each of the schedules of a page runs within the span.
fn runs(conn: &mut PgConnection, rows: &[ScheduleRow], span: &Span) -> Result<Vec<Runs>, ScheduleError> {
    let specs: Vec<_> = rows.iter().map(ScheduleRow::schedule).collect();
    let timings: Vec<_> = specs.iter().flatten().map(Schedule::timing).collect();
    let names: Vec<&str> = timings.iter().flat_map(|timing| timing.calendars()).collect();
    let calendars = calendars_named(conn, &names)?;
    let of = |(row, spec): (&ScheduleRow, Option<Schedule>)| {
        let (known, mut left) = (Known::of(spec?, &calendars).ok()?, usize::MAX);
        Some(Runs::of(&known.plan, span, &mut left).until(row.ended_at, span))
    };
    Ok(rows.iter().zip(specs).map(|one| of(one).unwrap_or_default()).collect())
}

/// Draws the runs of all schedules in each hour.
fn bars(crowd: &Crowd, span: &Span) -> Vec<Bar> {
    let most = crowd.totals.iter().copied().max().unwrap_or_default().max(1) as f64;
    let bar = |(part, runs): (std::ops::Range<Time>, &usize)| {
        let (from, to) = (span.percent(part.start), span.percent(part.end));
        let height = *runs as f64 / most * BAR;
        Bar {
            x: format!("{:.2}", from + (to - from) * 0.08),
            y: format!("{:.1}", BAR + 2.0 - height),
            width: format!("{:.2}", (to - from) * 0.84),
            height: format!("{height:.1}"),
            title: format!("{}: {}", part.start.with_timezone(&span.zone).format("%H:%M"), runs_in_words(*runs)),
        }
    };
    if span.is_week { Vec::new() } else { span.parts().zip(&crowd.totals).map(bar).collect() }
}

fn runs_in_words(runs: usize) -> String {
    if runs == 1 { "1 run".to_owned() } else { format!("{} runs", grouped(runs as u64)) }
}

/// Says what the bars show: how many runs there are, and where most.
fn told_of(crowd: &Crowd, span: &Span) -> String {
    let all = runs_in_words(crowd.totals.iter().sum());
    let most = span.parts().zip(&crowd.totals).rev().max_by_key(|(_, runs)| **runs).filter(|(_, runs)| **runs > 0);
    match most {
        None => "No schedule runs".to_owned(),
        Some((part, runs)) if span.is_week => {
            format!("{all}, most on {}: {}", part.start.with_timezone(&span.zone).format("%A"), grouped(*runs as u64))
        }
        Some((part, runs)) => {
            let at = part.start.with_timezone(&span.zone).format("%H:%M");
            format!("{all}, most in the hour from {at}: {}", grouped(*runs as u64))
        }
    }
}

fn columns(span: &Span) -> Vec<(String, String)> {
    let local = |at: Time| at.with_timezone(&span.zone);
    if span.is_week {
        return span.parts().map(|part| (String::new(), local(part.start).format("%a %-d %b").to_string())).collect();
    }
    // every second hour of the clock; midnight is told by its day, except at the very begin
    let hours = (0..25).map(|hour| span.begin() + TimeDelta::hours(hour)).filter(|at| *at < span.end());
    let even = hours.filter(|at| local(*at).hour() % 2 == 0);
    let told = |at: Time| {
        let is_midnight = local(at).hour() == 0 && at > span.begin();
        let word = local(at).format(if is_midnight { "%a %-d" } else { "%H:%M" }).to_string();
        (format!("{:.2}", span.percent(at)), word)
    };
    let mut columns: Vec<(String, String)> = even.map(told).collect();
    columns.dedup_by(|later, earlier| later.1 == earlier.1); // where the clock is put back an hour comes twice
    columns
}

impl FleetPage {
    /// The runs of all schedules.
    fn all_runs(&self) -> String {
        grouped(self.crowd.totals.iter().sum::<usize>() as u64)
    }
}

impl Row {
    fn new(row: &ScheduleRow, runs: &Runs, span: &Span) -> Self {
        let clock = |at: &Time| at.with_timezone(&span.zone).format("%H:%M").to_string();
        let Runs { at: runs, of_parts } = runs;
        let are_told = runs.len() <= TOLD_MAX;
        let mark = |at: &Time| (format!("{:.1}", span.percent(*at)), if are_told { clock(at) } else { String::new() });
        let mut marks: Vec<(String, String)> = runs.iter().map(mark).collect();
        marks.dedup_by(|one, other| one.0 == other.0);
        let is_full = of_parts.iter().any(|(_, is_full)| *is_full);
        let total = if is_full { format!("{}+", runs.len()) } else { runs.len().to_string() };
        let told = |(many, is_full): &(usize, bool)| match (many, is_full) {
            (0, _) => String::new(),
            (many, true) => format!("{many}+"),
            (many, false) => many.to_string(),
        };
        let days = if span.is_week { of_parts.iter().map(told).collect() } else { Vec::new() };
        let times: Vec<String> = runs.iter().take(SAID_MAX).map(clock).collect();
        let more = if runs.len() > times.len() { " and later" } else { "" };
        let sentence = crate::admin::schedules::json::sentences(row).into_iter().next().unwrap_or_default();
        Self {
            href: paths::schedule(&row.name),
            label: match times.is_empty() {
                true => format!("{} does not run", row.name),
                false => format!("{} runs {total} times, at {}{more}", row.name, times.join(", ")),
            },
            name: row.name.clone(),
            is_paused: row.paused_at.is_some(),
            sentence,
            marks: if span.is_week { Vec::new() } else { marks },
            days,
            total,
        }
    }
}
