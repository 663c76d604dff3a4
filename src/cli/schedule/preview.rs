//! `millrace schedule preview`: when rules and schedules run. Needs neither server nor database.

use std::fs;

use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;
use serde_json::json;

use super::file::{self, Read};
use crate::base::clock::{Clock, SystemClock};
use crate::cli::{Answer, Failure};
use crate::timing::{ClockChange, Plan, Rule, TZ_VERSION};

/// Instants that are printed when nobody says how many.
const COUNT: usize = 10;
/// Most instants that are printed.
const COUNT_MAX: usize = 1_000_000;

/// Reads an RFC 3339 time, or a day, which begins at midnight UTC.
pub(super) fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    let day = || text.parse::<chrono::NaiveDate>().ok().map(|day| day.and_time(chrono::NaiveTime::MIN).and_utc());
    let time = DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc());
    time.or_else(day).ok_or_else(|| "write a time such as 2026-11-24T05:30:00Z, or a day such as 2026-11-24".into())
}

/// What is asked of a preview.
#[derive(clap::Args, Debug)]
pub(in crate::cli) struct Asked {
    /// A cron text, "every 90s", an RRULE block, or @FILE with a schedule and the calendars that it names
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    rule: String,
    /// The zone in whose wall-clock time the rule speaks; a file says its own
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    tz: Tz,
    /// From then on; now when absent
    #[arg(long, value_name = "TIME", value_parser = instant)]
    from: Option<DateTime<Utc>>,
    /// Before then
    #[arg(long, value_name = "TIME", value_parser = instant)]
    to: Option<DateTime<Utc>>,
    /// Most instants; 10 when there is no --to either
    #[arg(long, value_name = "N")]
    count: Option<usize>,
}

pub(super) fn run(asked: Asked) -> Result<Answer, Failure> {
    let Asked { rule, tz, from, to, count } = asked;
    let plan = match rule.strip_prefix('@') {
        Some(file) => of_file(file)?,
        None => of_rule(&rule, tz)?,
    };
    let most = count.unwrap_or(if to.is_some() { COUNT_MAX } else { COUNT }).min(COUNT_MAX);
    let end = to.unwrap_or(DateTime::<Utc>::MAX_UTC);
    let mut course = plan.course(from.unwrap_or_else(|| SystemClock.now()));
    let runs = course.by_ref().take_while(|one| one.moment < end).filter_map(|one| one.runs_at());
    let lines: Vec<String> = runs.take(most).map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true)).collect();
    let gave_up = course.gave_up();
    let sentences: Vec<String> = plan.rules.iter().map(|rule| rule.sentence(plan.zone)).collect();
    let facts =
        json!({ "occurrences": lines, "sentences": sentences, "timezone": plan.zone.name(), "tz_version": TZ_VERSION });
    let answer = Answer::new(lines.join("\n"), facts);
    Ok(match (lines.is_empty(), gave_up) {
        (_, Some(at)) => answer.noting(format!("nothing runs up to {at}; the search ended there")),
        (true, None) => answer.noting("it never runs in that time"),
        (false, None) => answer,
    })
}

fn of_rule(text: &str, zone: Tz) -> Result<Plan, Failure> {
    let rule = Rule::parse(text, zone).map_err(|error| {
        let place = error.at.map(|at| format!("column {}: ", text.get(..at).unwrap_or(text).chars().count() + 1));
        Failure::refused(format!("{}{error}", place.unwrap_or_default()))
    })?;
    Ok(Plan::of(rule.seeded(text), zone, ClockChange::default()))
}

fn of_file(name: &str) -> Result<Plan, Failure> {
    let text = fs::read_to_string(name).map_err(|error| Failure::refused(format!("cannot read {name}: {error}")))?;
    let Read { documents, places } = file::read(name, &text)?;
    let [schedule] = documents.schedules.as_slice() else {
        let schedules = documents.schedules.len();
        return Err(Failure::refused(format!("{name} holds {schedules} schedules; a preview is of one")));
    };
    let calendars = file::ready(name, &documents.calendars)?;
    let plan = schedule.timing().plan(&schedule.name, &calendars);
    plan.map_err(|faults| Failure::refused(places.told(name, &schedule.name, &faults)))
}
