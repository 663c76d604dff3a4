//! The better minute that the form can take: only where nothing else than the time of day moves.

use chrono::{TimeDelta, Timelike as _};

use super::rules::{CRON, RuleKind};
use super::sheet::MINUTE;
use crate::admin::schedules::load::Load;
use crate::queue::schedules::Known;
use crate::timing::Rule;
use crate::timing::document::{Calendars, RuleText};
use crate::timing::schedule::Schedule;
use crate::web::form::Form;

/// A minute that the form can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Better {
    /// By how many minutes it is later.
    pub(super) later: i32,
    /// The hour of the day, when that changes, too.
    hour: Option<u32>,
    minute: u32,
}

/// Gives the number of a cron field that holds nothing else.
fn single(field: &str, most: u32) -> Option<u32> {
    field.trim().parse().ok().filter(|number| *number <= most)
}

/// The schedule with its first rule at another minute; `None` when that rule has no single one, or no single hour where that changes.
fn moved(spec: &Schedule, better: Better) -> Option<Schedule> {
    let RuleText::Cron { cron } = spec.rules.first()? else { return None };
    let Ok(Rule::Cron(rule)) = Rule::parse(cron, spec.timezone) else { return None };
    let mut fields: Vec<String> = rule.fields().into_iter().map(str::to_owned).collect();
    let at = fields.len().checked_sub(CRON.len())?;
    single(&fields[at], 59)?;
    fields[at] = better.minute.to_string();
    if let Some(hour) = better.hour {
        single(&fields[at + 1], 23)?;
        fields[at + 1] = hour.to_string();
    }
    let mut moved = spec.clone();
    *moved.rules.first_mut()? = RuleText::Cron { cron: fields.join(" ") };
    Some(moved)
}

/// Finds the quietest minute that the first rule can take: on the same day, so that what it says of days stays right, and so that the run in
/// question does run then and not at its old time.
pub(super) fn better(known: &Known, calendars: &Calendars, load: &Load) -> Option<Better> {
    let local = |later: i32| load.minute(later).with_timezone(&known.plan.zone);
    let here = local(0);
    let can_take = |later: &i32| {
        let there = local(*later);
        let better = Better {
            later: *later,
            hour: Some(there.hour()).filter(|hour| *hour != here.hour()),
            minute: there.minute(),
        };
        if there.date_naive() != here.date_naive() {
            return None;
        }
        let plan = Known::of(moved(&known.spec, better)?, calendars).ok()?.plan;
        let runs_in = |later: i32| {
            let at = load.minute(later);
            plan.runs(at, at + TimeDelta::minutes(1)).next().is_some()
        };
        (runs_in(*later) && !runs_in(0)).then_some(better)
    };
    load.quieter.iter().find_map(can_take)
}

impl Better {
    /// What the button sends: `57`, or `5:57` when the hour changes, too.
    pub(super) fn value(self) -> String {
        match self.hour {
            Some(hour) => format!("{hour}:{:02}", self.minute),
            None => self.minute.to_string(),
        }
    }
}

/// Puts a proposed minute, and its hour where that changes, into their fields. A form that says something else by now stays as it is.
pub(super) fn taken(form: Form) -> Form {
    let (hour, minute) = match form.text(MINUTE).split_once(':') {
        Some((hour, minute)) => (Some(single(hour, 23)), single(minute, 59)),
        None => (None, single(form.text(MINUTE), 59)),
    };
    let of = |field: &str, most: u32| single(form.text(field), most);
    let has_one = of(CRON[0], 59).is_some() && (hour.is_none() || of(CRON[1], 23).is_some());
    let (Some(minute), false) = (minute, hour == Some(None)) else { return form };
    if RuleKind::of(&form) != RuleKind::Cron || !has_one {
        return form;
    }
    let new = [(CRON[0], Some(minute)), (CRON[1], hour.flatten())];
    let new: Vec<(&str, u32)> = new.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let kept = form.into_fields().into_iter().filter(|(name, _)| !new.iter().any(|(field, _)| field == name));
    let form = kept.fold(Form::default(), |form, (name, value)| form.with(&name, value));
    new.iter().fold(form, |form, (name, value)| form.with(name, value.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn known(more: Value) -> Known {
        let mut spec =
            json!({ "kind": "Schedule", "name": "nightly", "template": "report", "timezone": "Europe/Rome" });
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Known::of(serde_json::from_value(spec).unwrap(), &Calendars::new()).unwrap()
    }

    fn load(at: &str, quieter: &[i32]) -> Load {
        let (planned, usual, wait_ms) = (Vec::new(), Vec::new(), Vec::new());
        Load { at: at.parse().unwrap(), planned, usual, wait_ms, quieter: quieter.into(), is_cut: false }
    }

    /// What the button sends for a rule and its next run.
    fn offered(more: Value, at: &str, quieter: &[i32]) -> Option<String> {
        better(&known(more), &Calendars::new(), &load(at, quieter)).map(Better::value)
    }

    #[test]
    fn a_minute_is_offered_where_the_rule_can_take_it() {
        let cron = |cron: &str| json!({ "rules": [{ "cron": cron }] });
        let six = "2026-12-01T05:00:00Z";

        assert_eq!(offered(cron("0 6 * * *"), six, &[-3]), Some("5:57".into()), "the hour goes along");
        assert_eq!(offered(cron("0 6 * * *"), six, &[7]), Some("7".into()));
        assert_eq!(offered(cron("15 0 6 * * *"), six, &[-3]), Some("5:57".into()), "seconds stay");
        assert_eq!(offered(cron("0 8-18 * * *"), "2026-12-01T09:00:00Z", &[-3, 4]), Some("4".into()), "its hours stay");
        assert_eq!(offered(cron("0,30 6 * * *"), six, &[-3, 7]), None, "a list would become one run");
        assert_eq!(offered(cron("*/20 6 * * *"), six, &[7]), None);
        assert_eq!(offered(cron("H 6 * * *"), six, &[7]), None);
        assert_eq!(
            offered(cron("5 0 * * *"), "2026-11-30T23:05:00Z", &[-10, -2]),
            Some("3".into()),
            "never another day"
        );
    }

    #[test]
    fn nothing_is_offered_that_would_not_do_what_it_says() {
        let six = "2026-12-01T05:00:00Z";

        assert_eq!(offered(json!({ "rules": [{ "every": "1h" }] }), six, &[7]), None, "an interval has no minute");
        assert_eq!(offered(json!({ "rules": [{ "at": six }] }), six, &[7]), None);
        assert_eq!(
            offered(
                json!({ "rules": [{ "rrule": "DTSTART;TZID=Europe/Rome:20261201T060000\nRRULE:FREQ=DAILY" }] }),
                six,
                &[7]
            ),
            None
        );
        let of_another_rule = json!({ "rules": [{ "cron": "0 6 * * 1" }, { "cron": "0 6 * * 2" }] });
        assert_eq!(offered(of_another_rule, six, &[7]), None, "the run is that of the second rule");
        let in_hours = json!({ "rules": [{ "cron": "0 6 * * *" }], "hours": { "from": "06:00", "to": "18:00", "action": "skip" } });
        assert_eq!(offered(in_hours, six, &[-3, 7]), Some("7".into()), "outside of its hours it would not run");
        let twice = json!({ "rules": [{ "cron": "0 6 * * *" }, { "cron": "0 6 * * *" }] });
        assert_eq!(offered(twice, six, &[7]), None, "the second rule would still run it then");
    }

    #[test]
    fn the_minute_and_its_hour_stand_in_their_fields() {
        let form = |minute: &str, hour: &str, value: &str| {
            let form = Form::default().with("kind", "cron").with("cron_minute", minute).with("cron_hour", hour);
            let form = taken(form.with("name", "nightly").with(MINUTE, value));
            assert_eq!(form.text("name"), "nightly");
            (form.text("cron_minute").to_owned(), form.text("cron_hour").to_owned())
        };
        let pair = |minute: &str, hour: &str| (minute.to_owned(), hour.to_owned());

        assert_eq!(form("0", "6", "5:57"), pair("57", "5"));
        assert_eq!(form("0", "8-18", "4"), pair("4", "8-18"));
        for (minute, hour, value) in
            [("0,30", "6", "7"), ("0", "8-18", "7:57"), ("0", "6", "soon"), ("0", "6", "24:00"), ("0", "6", "")]
        {
            assert_eq!(form(minute, hour, value), pair(minute, hour), "{value} into {minute} {hour}");
        }
        let every = taken(
            Form::default().with("kind", "every").with("cron_minute", "0").with("cron_hour", "6").with(MINUTE, "7"),
        );
        assert_eq!(every.text("cron_minute"), "0", "an interval has no minute");
    }
}
