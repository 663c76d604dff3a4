//! `GET /calendars/{name}?year=`: a year of a calendar, its windows, who minds it, what people did to it. `…/file.ics`: its holidays.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;
use chrono::Datelike;

use super::year::Year;
use super::{day, titled, told};
use crate::admin::calendars::api::{download, unreadable, years};
use crate::admin::calendars::facts::{YEARS, next_holiday};
use crate::admin::calendars::service::{self, may_act};
use crate::admin::calendars::{CalendarRow, USERS_MAX, json, words};
use crate::admin::jobs::trail::{Record, open_trail};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::timing::ics;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::kit::Kit;
use crate::web::parts::{Deed, Tab};
use crate::web::paths;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::{Shell, initials};

/// Records of the audit trail shown.
const DEEDS_MAX: i64 = 20;

/// The page.
#[derive(Template)]
#[template(path = "calendars/show.html")]
pub struct ShowPage {
    pub shell: Shell,
    pub name: String,
    pub title: String,
    /// Facts: a label with its words.
    pub facts: Vec<(&'static str, String)>,
    pub year: Year,
    /// The year before, this one, the year after.
    pub years: Vec<Tab>,
    pub windows: Vec<(String, String)>,
    /// In which zone windows open, in words.
    pub zone_words: String,
    /// Schedules with their addresses.
    pub users: Vec<(String, String)>,
    /// There are more than are named.
    pub hides_users: bool,
    /// Some may mind it that the viewer may not see.
    pub limited: bool,
    pub deeds: Vec<Deed>,
    pub may_act: bool,
    pub file: String,
}

impl ShowPage {
    pub(super) fn new(
        actor: &Actor,
        shell: Shell,
        (row, users): (&CalendarRow, &[String]),
        (trail, year): (&[Record], Option<i32>),
    ) -> Result<Self, WebError> {
        let (calendar, days) = row.calendar().zip(row.days()).ok_or_else(|| unreadable(row))?;
        let today = json::today(row, shell.now);
        let number = year.unwrap_or(today.year()).clamp(*YEARS.start(), *YEARS.end());
        let year = Year::new(&calendar, &days, number, today);
        let own = paths::calendar(&row.name);
        let at = |number: i32| paths::with_query(&own, &[("year", &number.to_string())]);
        let places: Vec<String> = calendar.holidays.iter().map(words::place).collect();
        let next = next_holiday(&days, today).map(|next| format!("{}, {}", day(next.date, today.year()), next.name));
        let zone = calendar.timezone.map(|zone| zone.name().to_owned());
        let facts = vec![
            (
                "Holidays of",
                if places.is_empty() { "no country".into() } else { crate::timing::words::joined(&places) },
            ),
            ("Workweek", words::workweek(&calendar)),
            ("Zone", zone.clone().unwrap_or_else(|| "that of each schedule".into())),
            ("Next holiday", next.unwrap_or_else(|| "none in two years".into())),
            ("Schedules", row.schedules.to_string()),
        ];
        let shown = YEARS.contains(&(number - 1)).then_some(number - 1).into_iter().chain([number]);
        let shown = shown.chain(YEARS.contains(&(number + 1)).then_some(number + 1));
        Ok(Self {
            title: calendar.title.clone(),
            facts,
            years: shown.map(|year| Tab::new(year.to_string(), at(year), year == number)).collect(),
            year,
            windows: calendar.windows.iter().map(|rule| (rule.name.clone(), words::window(rule))).collect(),
            zone_words: zone.map_or_else(|| "in the zone of each schedule".into(), |zone| format!("in {zone}")),
            users: users.iter().map(|name| (name.clone(), paths::schedule(name))).collect(),
            hides_users: i64::from(USERS_MAX) < row.schedules,
            limited: !actor.scope.is_everything(),
            deeds: trail.iter().map(|record| deed(record, &shell)).collect(),
            may_act: may_act(actor),
            file: file_address(&row.name, number),
            shell: Shell { title: format!("{}, Calendars", row.name), ..titled(shell, row.name.clone()) },
            name: row.name.clone(),
        })
    }
}

/// The file of the shown year and the next.
fn file_address(name: &str, year: i32) -> String {
    let to = (year + 1).min(*YEARS.end());
    paths::with_query(&paths::calendar_file(name), &[("from", &year.to_string()), ("to", &to.to_string())])
}

fn deed(record: &Record, shell: &Shell) -> Deed {
    let what = match record.act.as_str() {
        "calendar.make" => "made it",
        "calendar.change" => "changed it",
        "calendar.remove" => "removed it",
        other => other,
    };
    Deed {
        initials: initials(&record.actor),
        who: record.actor.clone(),
        what: if record.accepted { what.to_owned() } else { format!("tried: {what}") },
        reason: record.reason.clone().unwrap_or_default(),
        at: shell.stamp(record.at),
    }
}

/// `GET /calendars/{name}`.
pub async fn show(
    hx: Hx,
    kit: Data<Kit>,
    actor: Actor,
    shell: Shell,
    (name, query): (Path<String>, Query),
) -> Result<HttpResponse, WebError> {
    let year = query.0.text("year").parse().ok();
    let read = move |conn: &mut PgConnection| {
        let (row, users) = service::find(conn, &actor, &name).map_err(told)?;
        let trail = open_trail(conn, ("calendar", &row.name), DEEDS_MAX)?; // whoever sees a calendar may know who changed it
        ShowPage::new(&actor, shell, (&row, &users), (&trail, year))
    };
    let page = kit.db.run::<_, WebError>(read).await?;
    respond::page(&hx, &page, &[])
}

/// `GET /calendars/{name}/file.ics?from=&to=`.
pub async fn file(
    kit: Data<Kit>,
    actor: Actor,
    (name, query): (Path<String>, Query),
) -> Result<HttpResponse, WebError> {
    let (row, _) = kit.db.run(move |conn| service::find(conn, &actor, &name)).await.map_err(told)?;
    let now = kit.clock.now();
    let years = years(&query, json::today(&row, now).year())?;
    let (calendar, days) = row.calendar().zip(row.days()).ok_or_else(|| unreadable(&row))?;
    Ok(download(&row.name, ics::export(&days, &calendar.title, years, now)))
}
