//! What lies ahead of a schedule, as its page shows it: next occurrences, the year, what else starts then.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike as _, Days, NaiveDate, Weekday};
use chrono_tz::Tz;

use super::beside::Minutes;
use super::minute::Better;
use crate::admin::schedules::RunMark;
use crate::admin::schedules::load::Load;
use crate::admin::schedules::preview::Preview;
use crate::base::clock::Time;
use crate::queue::state::JobState;
use crate::timing::{Fate, Occurrence, Touch};
use crate::web::format::{grouped, until};
use crate::web::tone::Tone;

/// Weeks of the calendar that are over, and those that are to come, the present one included.
const WEEKS_PAST: u64 = 13;
const WEEKS_AHEAD: u64 = 40;
/// Weeks that the word for a month takes.
const LABEL_WEEKS: u64 = 3;

/// What lies ahead.
pub struct Ahead {
    /// When it runs, in words.
    pub say: String,
    /// What changes that, a sentence each.
    pub more: Vec<String>,
    /// What changes of the clock do.
    pub clock: Vec<String>,
    pub items: Vec<Item>,
    /// "251 in the next 12 months".
    pub total: String,
    /// On how many days it does not run.
    pub without: String,
    pub heat: Heat,
    pub load: Option<Minutes>,
}

/// An occurrence.
pub struct Item {
    pub tone: Tone,
    /// It is left out.
    pub is_off: bool,
    pub day: String,
    pub time: String,
    pub utc: String,
    pub iso: String,
    pub note: String,
    /// A change of the clock touches it.
    pub clock: &'static str,
}

/// A year of days: one column a week, Monday at the top.
pub struct Heat {
    pub cells: Vec<Cell>,
    pub months: Vec<(String, String)>,
    /// Crosses on days that are left out.
    pub crosses: Vec<String>,
    pub label: String,
}

/// A day.
pub struct Cell {
    pub x: String,
    pub y: u64,
    pub width: String,
    pub class: &'static str,
    pub title: String,
}

impl Ahead {
    /// Shows a preview; `show_utc` writes the times of occurrences in UTC.
    pub fn of(
        preview: &Preview,
        zone: Tz,
        (now, show_utc): (Time, bool),
        marks: &[RunMark],
        load: Option<(&Load, Option<Better>)>,
    ) -> Self {
        let shown = if show_utc { Tz::UTC } else { zone };
        let (runs, is_more) = preview.runs_of_year();
        let runs = grouped(u64::from(runs));
        let total = if is_more {
            format!("more than {runs} in the next 12 months")
        } else {
            format!("{runs} in the next 12 months")
        };
        let without = match preview.days_without() {
            0 => "it runs every day".to_owned(),
            1 => "1 day without a run".into(),
            days => format!("{days} days without a run"),
        };
        Self {
            say: preview.sentences.first().cloned().unwrap_or_default(),
            more: preview.sentences.get(1..).unwrap_or_default().to_vec(),
            clock: preview.clock.iter().map(|note| note.sentence(zone)).collect(),
            items: preview.next.iter().map(|one| item(one, shown, now)).collect(),
            total,
            without,
            heat: Heat::of(preview, zone, now, marks),
            load: load.map(|(load, better)| Minutes::of(load, better, zone)),
        }
    }
}

fn item(one: &Occurrence, zone: Tz, now: Time) -> Item {
    let (at, is_off, note) = match &one.fate {
        Fate::Runs(at, None) => (*at, false, String::new()),
        Fate::Runs(at, Some(reason)) if *at == one.at => (*at, false, reason.to_string()),
        Fate::Runs(at, Some(reason)) => {
            let from = one.at.with_timezone(&zone);
            let is_same_day = from.date_naive() == at.with_timezone(&zone).date_naive();
            let from = if is_same_day { from.format("%H:%M") } else { from.format("%-d %b %H:%M") };
            (*at, false, format!("moved from {from}: {reason}"))
        }
        Fate::Skipped(_) => (one.at, true, format!("skipped: {}", one.why_left_out().unwrap_or_default())),
    };
    let note = match one.until {
        Some(until) => format!("{note}, and all until {}", until.with_timezone(&zone).format("%-d %b %H:%M")),
        None => note,
    };
    let local = at.with_timezone(&zone);
    let has_seconds = local.format("%S").to_string() != "00";
    let clock = match one.touch {
        Touch::None => "",
        Touch::AfterGap | Touch::Shifted | Touch::LeftOut => "clock goes forward",
        Touch::FirstPass => "first pass",
        Touch::SecondPass => "second pass",
    };
    Item {
        tone: if is_off { Tone::Skipped } else { Tone::Scheduled },
        is_off,
        day: local
            .format(if local.year() == now.with_timezone(&zone).year() { "%a %-d %b" } else { "%a %-d %b %y" })
            .to_string(),
        time: local.format(if has_seconds { "%H:%M:%S" } else { "%H:%M" }).to_string(),
        utc: at.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
        iso: at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        note: if note.is_empty() && !is_off { until(at, now) } else { note },
        clock,
    }
}

/// How the runs of a day went, the worst of them.
fn worst(marks: &[RunMark], zone: Tz) -> BTreeMap<NaiveDate, (&'static str, u32)> {
    let mut days: BTreeMap<NaiveDate, (&'static str, u32)> = BTreeMap::new();
    for mark in marks {
        let class = match mark.ended {
            Some(JobState::Failed | JobState::Expired) => "b-bad",
            Some(JobState::Succeeded) if mark.is_retried => "b-ret",
            Some(JobState::Succeeded) => "b-ok",
            _ => "b-soft",
        };
        let rank = |class: &str| ["b-soft", "b-ok", "b-ret", "b-bad"].iter().position(|known| *known == class);
        let day = days.entry(mark.at.with_timezone(&zone).date_naive()).or_insert((class, 0));
        day.1 += 1;
        if rank(class) > rank(day.0) {
            day.0 = class;
        }
    }
    days
}

impl Heat {
    fn of(preview: &Preview, zone: Tz, now: Time, marks: &[RunMark]) -> Self {
        let today = now.with_timezone(&zone).date_naive();
        let monday = today.week(Weekday::Mon).first_day();
        let first = monday.checked_sub_days(Days::new(7 * WEEKS_PAST)).unwrap_or(monday);
        let weeks = WEEKS_PAST + WEEKS_AHEAD;
        let step = 100.0 / weeks as f64;
        let went = worst(marks, zone);
        let planned: BTreeMap<NaiveDate, _> = preview.days.iter().map(|day| (day.day, day)).collect();
        let mut heat = Self { cells: Vec::new(), months: Vec::new(), crosses: Vec::new(), label: String::new() };
        let (mut counts, mut month, mut labelled) = ((0, 0), 0, None);
        for number in 0..weeks * 7 {
            let Some(day) = first.checked_add_days(Days::new(number)) else { break };
            let (week, row) = (number / 7, number % 7);
            let x = format!("{:.2}", week as f64 * step);
            if row == 0 && day.month() != month {
                month = day.month();
                if labelled.is_some_and(|before| week < before + LABEL_WEEKS) {
                    heat.months.pop(); // two words would lie over each other
                }
                labelled = Some(week);
                heat.months.push((x.clone(), day.format("%b").to_string()));
            }
            let (class, title, crossed) = look(day, today, &went, planned.get(&day).copied());
            counts.0 += u32::from(class == "plan");
            counts.1 += u32::from(crossed);
            if crossed {
                let (left, top) = (week as f64 * step + step * 0.42, 16 + row * 15 + 6);
                heat.crosses.push(format!("{left:.2}%|{top}"));
            }
            heat.cells.push(Cell { x, y: 16 + row * 15, width: format!("{:.2}", step * 0.84), class, title });
        }
        heat.label = format!(
            "Days from {} to {}: {} have runs planned, on {} something is left out.",
            first.format("%-d %B"),
            first.checked_add_days(Days::new(weeks * 7 - 1)).unwrap_or(first).format("%-d %B %Y"),
            counts.0,
            counts.1
        );
        heat
    }
}

fn look(
    day: NaiveDate,
    today: NaiveDate,
    went: &BTreeMap<NaiveDate, (&'static str, u32)>,
    planned: Option<&crate::timing::PlannedDay>,
) -> (&'static str, String, bool) {
    let named = day.format("%a %-d %B %Y");
    if let Some((class, runs)) = went.get(&day).filter(|_| day <= today) {
        return (class, format!("{named}: {runs} ran"), false);
    }
    match planned.filter(|_| day >= today) {
        Some(planned) => match (planned.runs, &planned.left_out) {
            (Some(0), Some(reason)) => ("hol", format!("{named}: {reason}"), true),
            (Some(0), None) => ("b-none", format!("{named}: none"), false),
            (Some(runs), None) => ("plan", format!("{named}: {runs} planned"), false),
            (Some(runs), Some(reason)) => {
                ("plan", format!("{named}: {runs} planned, others left out: {reason}"), false)
            }
            (None, _) => ("b-none", format!("{named}: too far away to be looked at"), false),
        },
        None => ("b-none", format!("{named}: none"), false),
    }
}

/// Gives the instant around which the load is looked at: the next run.
pub fn next_run(preview: &Preview) -> Option<DateTime<chrono::Utc>> {
    preview.next.iter().find_map(Occurrence::runs_at)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::admin::schedules::preview::{OCCURRENCES, preview};
    use crate::queue::job::JobId;
    use crate::queue::schedules::Known;
    use crate::timing::document::Calendars;

    const ROME: Tz = chrono_tz::Europe::Rome;

    fn ahead(more: Value, marks: &[RunMark]) -> Ahead {
        let mut spec =
            json!({ "kind": "Schedule", "name": "nightly", "template": "report", "timezone": "Europe/Rome" });
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let known = Known::of(serde_json::from_value(spec).unwrap(), &Calendars::new()).unwrap();
        let now = "2026-12-01T10:00:00Z".parse().unwrap();
        Ahead::of(&preview(&known, now, OCCURRENCES), ROME, (now, false), marks, None)
    }

    fn cron(cron: &str) -> Value {
        json!({ "rules": [{ "cron": cron }] })
    }

    #[test]
    fn days_without_a_run_are_counted() {
        let without = |more: Value| ahead(more, &[]).without;

        assert_eq!(without(cron("0 6 * * *")), "it runs every day");
        assert_eq!(without(cron("0 6 * * 1-5")), "104 days without a run");
        let christmas =
            json!({ "rules": [{ "cron": "0 6 * * *" }], "exclude": [{ "from": "2026-12-25", "to": "2026-12-25" }] });
        assert_eq!(without(christmas), "1 day without a run");
        assert_eq!(ahead(cron("0 6 * * 1-5"), &[]).total, "262 in the next 12 months");
        assert_eq!(ahead(cron("* * * * *"), &[]).without, "it runs every day");
    }

    #[test]
    fn what_changes_of_the_clock_do_is_told() {
        let clock = |more: Value| ahead(more, &[]).clock;

        assert_eq!(
            clock(cron("30 2 * * *")),
            [
                "Clocks go forward on Sunday 28 March 2027. 02:30 does not exist that day, so it runs at 03:00.",
                "Clocks go back on Sunday 31 October 2027. 02:30 comes twice that day, and runs the first time.",
            ]
        );
        let other = json!({ "rules": [{ "cron": "30 2 * * *" }], "dst": { "gap": "skip", "overlap": "second" } });
        assert_eq!(
            clock(other),
            [
                "Clocks go forward on Sunday 28 March 2027. 02:30 does not exist that day, so it is left out.",
                "Clocks go back on Sunday 31 October 2027. 02:30 comes twice that day, and runs the second time.",
            ]
        );
        assert!(clock(cron("0 12 * * *")).iter().all(|note| note.ends_with("None of its times is lost or doubled.")));
    }

    #[test]
    fn the_year_shows_how_days_went_what_is_planned_and_what_is_left_out() {
        let mark = |at: &str, ended: JobState, is_retried: bool| RunMark {
            at: at.parse().unwrap(),
            job: JobId(1),
            ended: Some(ended),
            is_retried,
            run_ms: None,
        };
        let marks = [
            mark("2026-11-25T05:00:00Z", JobState::Succeeded, false),
            mark("2026-11-26T05:00:00Z", JobState::Failed, false),
            mark("2026-11-26T06:00:00Z", JobState::Succeeded, false),
            mark("2026-11-27T05:00:00Z", JobState::Succeeded, true),
            mark("2026-11-28T23:30:00Z", JobState::Succeeded, false),
        ];
        let more =
            json!({ "rules": [{ "cron": "0 6 * * 1-5" }], "exclude": [{ "from": "2026-12-25", "to": "2026-12-25" }] });

        let heat = ahead(more, &marks).heat;

        assert_eq!(heat.cells.len(), 53 * 7);
        let day = |named: &str| {
            let cell = heat.cells.iter().find(|cell| cell.title.starts_with(named)).unwrap();
            (cell.class, cell.title.split_once(": ").unwrap().1)
        };
        assert_eq!(day("Wed 25 November 2026"), ("b-ok", "1 ran"));
        assert_eq!(day("Thu 26 November 2026"), ("b-bad", "2 ran"), "the worst of a day is seen");
        assert_eq!(day("Fri 27 November 2026"), ("b-ret", "1 ran"));
        assert_eq!(day("Sun 29 November 2026"), ("b-ok", "1 ran"), "half past midnight in Rome");
        assert_eq!(day("Mon 30 November 2026"), ("b-none", "none"));
        assert_eq!(day("Wed 2 December 2026"), ("plan", "1 planned"));
        assert_eq!(day("Sat 5 December 2026"), ("b-none", "none"));
        assert_eq!(day("Fri 25 December 2026").0, "hol");
        assert_eq!(heat.crosses.len(), 1);
        assert!(heat.label.ends_with("on 1 something is left out."), "{}", heat.label);
        assert_eq!(
            heat.months.first().map(|(_, month)| month.as_str()),
            Some("Sep"),
            "two words do not lie over each other"
        );
    }
}
