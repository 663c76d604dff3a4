//! `GET /schedules/calendar?view=&day=&q=`: what all schedules do in the next 24 hours, a day or a week, and where many start at once.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;
use chrono::{DateTime, Datelike as _, Days, NaiveDate, NaiveTime, TimeDelta, Timelike as _, Weekday};
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
/// Runs of one schedule that are counted in a day of a week.
const RUNS_OF_DAY_MAX: usize = 300;
/// Runs of one schedule that are drawn in an hour.
const RUNS_OF_HOUR_MAX: usize = 120;
/// So many occurrences are looked at for each of them; who leaves out more is shown in part.
const LOOKED_AT_PER_RUN: usize = 20;
/// Marks of one schedule that say their time.
const TOLD_MAX: usize = 48;
/// Times of one schedule that are read out.
const SAID_MAX: usize = 6;
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
    /// Where it runs, in percent of the width, and at which time, unless that is too often to be told.
    pub marks: Vec<(String, String)>,
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

/// How much is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    /// From the hour that runs on, 24 hours: the night lies in one piece.
    Next,
    Day,
    Week,
}

impl View {
    const ALL: [(Self, &'static str); 3] = [(Self::Next, "Next 24 hours"), (Self::Day, "Day"), (Self::Week, "Week")];

    fn of(query: &Query) -> Self {
        match (query.0.text("view"), query.0.text("day").is_empty()) {
            ("week", _) => Self::Week,
            ("day", _) | ("", false) => Self::Day,
            _ => Self::Next,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Day => "day",
            Self::Week => "week",
        }
    }
}

/// What is looked at: where its parts begin, and where the last one ends.
struct Span {
    is_week: bool,
    bounds: Vec<Time>,
    zone: Tz,
}

impl Span {
    fn of(view: View, asked: NaiveDate, shell: &Shell) -> Self {
        let zone = shell.zone;
        if view == View::Next {
            let into = i64::from(shell.now.with_timezone(&zone).minute() * 60 + shell.now.second());
            let hour = DateTime::from_timestamp(shell.now.timestamp() - into, 0).unwrap_or(shell.now);
            return Self { is_week: false, bounds: (0..=24).map(|n| hour + TimeDelta::hours(n)).collect(), zone };
        }
        let is_week = view == View::Week;
        let first = if is_week { asked.week(Weekday::Mon).first_day() } else { asked };
        let begin = |day| place(zone, first.checked_add_days(Days::new(day)).unwrap_or(first).and_time(NaiveTime::MIN));
        if is_week {
            return Self { is_week, bounds: (0..=7).map(begin).collect(), zone };
        }
        let (begin, end) = (begin(0), begin(1));
        let hours = (0..30).map(|n| begin + TimeDelta::hours(n)).take_while(|at| *at < end); // a day may have 25, or 23 and a half
        Self { is_week, bounds: hours.chain([end]).collect(), zone }
    }

    fn begin(&self) -> Time {
        self.bounds.first().copied().unwrap_or_default()
    }

    fn end(&self) -> Time {
        self.bounds.last().copied().unwrap_or_default()
    }

    /// Its parts: the days of a week, or the hours of a day.
    fn parts(&self) -> impl Iterator<Item = std::ops::Range<Time>> + '_ {
        self.bounds.windows(2).map(|pair| pair[0]..pair[1])
    }

    /// Where a moment lies, in percent of the whole.
    fn percent(&self, at: Time) -> f64 {
        let whole = (self.end() - self.begin()).num_seconds().max(1) as f64;
        (at - self.begin()).num_seconds() as f64 / whole * 100.0
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
    let view = View::of(query);
    let is_week = view == View::Week;
    let span = Span::of(view, asked, &shell);
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
    let first = span.begin().with_timezone(&zone).date_naive();
    let step = Days::new(if is_week { 7 } else { 1 });
    // from the next 24 hours one steps to whole days
    let beside = if is_week { View::Week } else { View::Day };
    let earlier = address(beside, first.checked_sub_days(step).unwrap_or(first), &text);
    let later = address(beside, first.checked_add_days(step).unwrap_or(first), &text);
    let now_at = span.percent(shell.now);
    let title = match view {
        View::Next => "The next 24 hours".to_owned(),
        View::Day => first.format("%A %-d %B %Y").to_string(),
        View::Week => format!("Week of {}", first.format("%-d %B %Y")),
    };
    Ok(FleetPage {
        tabs: schedule_tabs(paths::SCHEDULE_FLEET),
        views: View::ALL.map(|(one, word)| Tab::new(word, address(one, asked, &text), one == view)).into(),
        title,
        earlier,
        later,
        today: address(view, today, &text),
        text,
        view: view.as_str(),
        day: if view == View::Next { String::new() } else { asked.to_string() },
        rows: rows.iter().zip(&runs).map(|(row, runs)| Row::new(row, runs, &span)).collect(),
        columns: columns(&span),
        now_at: if (0.0..=100.0).contains(&now_at) { format!("{now_at:.2}") } else { String::new() },
        busy: busy(&rows, &runs, zone, is_week),
        is_cut,
        zone: zone.name().to_owned(),
        shell: shell.titled("Day and week", Section::Schedules).under("Schedules", paths::SCHEDULES),
    })
}

fn address(view: View, day: NaiveDate, text: &str) -> String {
    let day = if view == View::Next { String::new() } else { day.to_string() };
    paths::with_query(paths::SCHEDULE_FLEET, &[("view", view.as_str()), ("day", &day), ("q", text)])
}

/// The runs of a schedule within the span.
#[derive(Default)]
struct Runs {
    at: Vec<Time>,
    /// Of each part how many, and whether there may be more.
    of_parts: Vec<(usize, bool)>,
}

/// When each of the schedules runs within the span.
fn runs(conn: &mut PgConnection, rows: &[ScheduleRow], span: &Span) -> Result<Vec<Runs>, ScheduleError> {
    let specs: Vec<_> = rows.iter().map(ScheduleRow::schedule).collect();
    let timings: Vec<_> = specs.iter().flatten().map(|spec| spec.timing()).collect();
    let names: Vec<&str> = timings.iter().flat_map(|timing| timing.calendars()).collect();
    let calendars = calendars_named(conn, &names)?;
    let of = |spec: Option<crate::timing::schedule::Schedule>| {
        let known = Known::of(spec?, &calendars).ok()?;
        let mut runs = Runs::default();
        let most = if span.is_week { RUNS_OF_DAY_MAX } else { RUNS_OF_HOUR_MAX };
        // each part by itself: who runs often in the first is seen in the last, too
        for part in span.parts() {
            let course = known.plan.course(part.start).take(most * LOOKED_AT_PER_RUN);
            let within = course.take_while(|one| one.moment < part.end).filter_map(|one| one.runs_at());
            let before = runs.at.len();
            runs.at.extend(within.take(most));
            let many = runs.at.len() - before;
            runs.of_parts.push((many, many == most));
        }
        Some(runs)
    };
    Ok(specs.into_iter().map(|spec| of(spec).unwrap_or_default()).collect())
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

/// The minutes in which most schedules start, the busiest first.
fn busy(rows: &[ScheduleRow], runs: &[Runs], zone: Tz, is_week: bool) -> Vec<Busy> {
    let mut minutes: BTreeMap<Time, Vec<usize>> = BTreeMap::new();
    for (place, runs) in runs.iter().enumerate().filter(|(place, _)| rows[*place].paused_at.is_none()) {
        for at in &runs.at {
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
