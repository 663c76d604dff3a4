//! `GET /schedules/calendar?view=&day=&q=`: what all schedules do in a day or a week, and where many start at once.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;
use chrono::{Datelike as _, Days, NaiveDate, NaiveTime, TimeDelta, Timelike as _, Weekday};
use chrono_tz::Tz;

use super::told;
use crate::admin::schedules::filter::{ScheduleFilter, Sort};
use crate::admin::schedules::{ScheduleError, ScheduleRow, show};
use crate::base::clock::Time;
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::schedules::{Known, calendars_named};
use crate::timing::place;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::kit::Kit;
use crate::web::parts::Tab;
use crate::web::paths;
use crate::web::rail::{Section, schedule_tabs};
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

/// Schedules that are drawn.
const SCHEDULES: i32 = 100;
/// Runs of one schedule that are drawn in a day.
const RUNS_MAX: usize = 300;
/// So many occurrences are looked at for each of them; who leaves out more is shown in part.
const LOOKED_AT_PER_RUN: usize = 20;
/// Busy minutes that are named.
const BUSY_MAX: usize = 6;

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
    pub busy: Vec<Busy>,
    /// Not all schedules are drawn.
    pub is_cut: bool,
    pub zone: String,
}

/// A schedule.
pub struct Row {
    pub name: String,
    pub href: String,
    pub sentence: String,
    pub is_paused: bool,
    /// Where it runs, in percent of the width.
    pub marks: Vec<String>,
    /// How often on each day of a week.
    pub days: Vec<String>,
    pub total: String,
    pub label: String,
}

/// A minute in which several schedules start.
pub struct Busy {
    pub time: String,
    pub names: Vec<(String, String)>,
    /// They make jobs of one template, which then run beside each other.
    pub same_template: String,
}

/// What is looked at.
struct Span {
    first: NaiveDate,
    days: u64,
    zone: Tz,
}

impl Span {
    fn begin(&self, day: u64) -> Time {
        let day = self.first.checked_add_days(Days::new(day)).unwrap_or(self.first);
        place(self.zone, day.and_time(NaiveTime::MIN))
    }
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
    let is_week = query.0.text("view") == "week";
    let first = if is_week { asked.week(Weekday::Mon).first_day() } else { asked };
    let span = Span { first, days: if is_week { 7 } else { 1 }, zone };
    let text = query.0.text("q").trim().to_owned();
    let filter = ScheduleFilter {
        text: Some(text.clone()).filter(|text| !text.is_empty()),
        sort: Sort::Name,
        limit: SCHEDULES + 1,
        ..ScheduleFilter::default()
    };
    let (mut rows, _) = show::list(conn, actor, &filter)?;
    let is_cut = rows.len() > SCHEDULES as usize;
    rows.truncate(SCHEDULES as usize);
    let runs = runs(conn, &rows, &span)?;
    let moved = |days: i64| {
        let day = if days < 0 {
            first.checked_sub_days(Days::new(days.unsigned_abs()))
        } else {
            first.checked_add_days(Days::new(days.unsigned_abs()))
        };
        address(is_week, day.unwrap_or(first), &text)
    };
    let step = if is_week { 7 } else { 1 };
    let whole = (span.begin(span.days) - span.begin(0)).num_seconds().max(1) as f64;
    let now_at = (shell.now - span.begin(0)).num_seconds() as f64 / whole * 100.0;
    let title = if is_week {
        format!("Week of {}", first.format("%-d %B %Y"))
    } else {
        first.format("%A %-d %B %Y").to_string()
    };
    Ok(FleetPage {
        tabs: schedule_tabs(paths::SCHEDULE_FLEET),
        views: vec![
            Tab::new("Day", address(false, asked, &text), !is_week),
            Tab::new("Week", address(true, asked, &text), is_week),
        ],
        title,
        earlier: moved(-step),
        later: moved(step),
        today: address(is_week, today, &text),
        text,
        view: if is_week { "week" } else { "day" },
        day: asked.to_string(),
        rows: rows.iter().zip(&runs).map(|(row, runs)| Row::new(row, runs, &span)).collect(),
        columns: columns(&span),
        now_at: if (0.0..=100.0).contains(&now_at) { format!("{now_at:.2}") } else { String::new() },
        busy: busy(&rows, &runs, zone, is_week),
        is_cut,
        zone: zone.name().to_owned(),
        shell: shell.titled("Day and week", Section::Schedules).under("Schedules", paths::SCHEDULES),
    })
}

fn address(is_week: bool, day: NaiveDate, text: &str) -> String {
    let view = if is_week { "week" } else { "day" };
    paths::with_query(paths::SCHEDULE_FLEET, &[("view", view), ("day", &day.to_string()), ("q", text)])
}

/// When each of the schedules runs within the span.
fn runs(conn: &mut PgConnection, rows: &[ScheduleRow], span: &Span) -> Result<Vec<Vec<Time>>, ScheduleError> {
    let specs: Vec<_> = rows.iter().map(ScheduleRow::schedule).collect();
    let timings: Vec<_> = specs.iter().flatten().map(|spec| spec.timing()).collect();
    let names: Vec<&str> = timings.iter().flat_map(|timing| timing.calendars()).collect();
    let calendars = calendars_named(conn, &names)?;
    let (from, to) = (span.begin(0), span.begin(span.days));
    let most = RUNS_MAX * usize::try_from(span.days).unwrap_or(1);
    let of = |spec: Option<crate::timing::schedule::Schedule>| {
        let known = Known::of(spec?, &calendars).ok()?;
        let course = known.plan.course(from).take(most * LOOKED_AT_PER_RUN).take_while(|one| one.moment < to);
        Some(course.filter_map(|one| one.runs_at()).take(most).collect::<Vec<Time>>())
    };
    Ok(specs.into_iter().map(|spec| of(spec).unwrap_or_default()).collect())
}

fn columns(span: &Span) -> Vec<(String, String)> {
    if span.days == 1 {
        return (0..24)
            .step_by(2)
            .map(|hour| (format!("{:.2}", f64::from(hour) / 24.0 * 100.0), format!("{hour:02}:00")))
            .collect();
    }
    let day = |number: u64| span.first.checked_add_days(Days::new(number)).unwrap_or(span.first);
    (0..span.days).map(|number| (String::new(), day(number).format("%a %-d %b").to_string())).collect()
}

impl Row {
    fn new(row: &ScheduleRow, runs: &[Time], span: &Span) -> Self {
        let (begin, end) = (span.begin(0), span.begin(span.days));
        let whole = (end - begin).num_seconds().max(1) as f64;
        let mut marks: Vec<String> =
            runs.iter().map(|at| format!("{:.1}", (*at - begin).num_seconds() as f64 / whole * 100.0)).collect();
        marks.dedup();
        let is_full = runs.len() >= RUNS_MAX * usize::try_from(span.days).unwrap_or(1);
        let total = if is_full { format!("{}+", runs.len()) } else { runs.len().to_string() };
        let mut days = Vec::new();
        if span.days > 1 {
            for number in 0..span.days {
                let of = runs.iter().filter(|at| (span.begin(number)..span.begin(number + 1)).contains(*at)).count();
                days.push(if of == 0 { String::new() } else { of.to_string() });
            }
        }
        let sentence = crate::admin::schedules::json::sentences(row).into_iter().next().unwrap_or_default();
        Self {
            href: paths::schedule(&row.name),
            label: format!("{} runs {total} times", row.name),
            name: row.name.clone(),
            is_paused: row.paused_at.is_some(),
            sentence,
            marks: if span.days == 1 { marks } else { Vec::new() },
            days,
            total,
        }
    }
}

/// The minutes in which most schedules start, the busiest first.
fn busy(rows: &[ScheduleRow], runs: &[Vec<Time>], zone: Tz, is_week: bool) -> Vec<Busy> {
    let mut minutes: BTreeMap<Time, Vec<usize>> = BTreeMap::new();
    for (place, runs) in runs.iter().enumerate().filter(|(place, _)| rows[*place].paused_at.is_none()) {
        for at in runs {
            let minute = *at - TimeDelta::seconds(i64::from(at.second()));
            let of = minutes.entry(minute).or_default();
            if of.last() != Some(&place) {
                of.push(place);
            }
        }
    }
    let mut many: Vec<(Time, Vec<usize>)> = minutes.into_iter().filter(|(_, of)| of.len() > 1).collect();
    many.sort_by(|one, other| other.1.len().cmp(&one.1.len()).then(one.0.cmp(&other.0)));
    let told = |(at, of): (Time, Vec<usize>)| {
        let local = at.with_timezone(&zone);
        let mut templates: BTreeMap<&str, usize> = BTreeMap::new();
        for place in &of {
            *templates.entry(rows[*place].template.as_str()).or_default() += 1;
        }
        let same = templates.into_iter().find(|(_, many)| *many > 1).map(|(name, _)| name.to_owned());
        Busy {
            time: local.format(if is_week { "%a %H:%M" } else { "%H:%M" }).to_string(),
            names: of.iter().map(|place| (rows[*place].name.clone(), paths::schedule(&rows[*place].name))).collect(),
            same_template: same.unwrap_or_default(),
        }
    };
    many.into_iter().take(BUSY_MAX).map(told).collect()
}
