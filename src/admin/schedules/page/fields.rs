//! The form of a schedule: from what it says to what stands in the fields, and back.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike as _, FixedOffset, NaiveDate};
use chrono_tz::Tz;
use serde_json::{Map, Value};

use super::args::{self, ArgFields, JSON};
use super::rules::{self, RuleKind};
use super::sheet::{MINUTE, ONLY, PAUSED, SHOW, SHOWN};
use crate::admin::schedules::target;
use crate::timing::document::{BusinessText, ExclusionText, HoursText, RollText, RuleText, WindowText};
use crate::timing::schedule::{CatchUp, CatchUpPolicy, Jitter, JitterKind, OverlapPolicy, Schedule, ScheduleKind};
use crate::timing::{Action, ClockChange, Gap, Overlap};
use crate::web::form::Form;
use crate::web::moment;
use crate::web::params::ARGS;

/// What stands before the name of a calendar in the field that says what its windows do.
pub const WINDOW: &str = "window.";

/// Gives the word that a value is written with in files.
pub fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn parsed<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_value(Value::from(text)).ok()
}

/// Fills a form with what a schedule says; `args` are its arguments as they may be shown.
pub fn filled(spec: &Schedule, args: &Value) -> Form {
    let optional = |text: &Option<String>| text.clone().unwrap_or_default();
    let local = |at: &Option<DateTime<FixedOffset>>| {
        at.map_or_else(String::new, |at| moment::write(at.to_utc(), spec.timezone))
    };
    let mut form = Form::default()
        .with("name", spec.name.as_str())
        .with("description", optional(&spec.description))
        .with("template", spec.template.as_str())
        .with("template_version", spec.version.map_or_else(String::new, |version| version.to_string()))
        .with(JSON, if spec.args.is_empty() { "{}".to_owned() } else { format!("{args:#}") })
        .with("timezone", spec.timezone.name())
        .with("start", local(&spec.start))
        .with("end", local(&spec.end))
        .with("overlap", word(&spec.overlap))
        .with("catch_up", word(&spec.catch_up.policy))
        .with("catch_up_window", spec.catch_up.window.as_str())
        .with("catch_up_max", spec.catch_up.max.to_string())
        .with("jitter", spec.jitter.map_or_else(String::new, |jitter| jitter.seconds.to_string()))
        .with("jitter_kind", word(&spec.jitter.map_or(JitterKind::Stable, |jitter| jitter.kind)))
        .with("give_up_after", optional(&spec.give_up_after))
        .with("finish_within", optional(&spec.finish_within))
        .with("limit", spec.limit.map_or_else(String::new, |limit| limit.to_string()))
        .with("pause_after_failures", spec.pause_after_failures.map_or_else(String::new, |many| many.to_string()))
        .with("gap", spec.dst.gap.map_or_else(String::new, |gap| word(&gap)))
        .with("twice", spec.dst.overlap.map_or_else(String::new, |overlap| word(&overlap)));
    form = rules::filled(form, spec);
    form = excluded(form, spec);
    if let Some(business) = &spec.business_days {
        form = form.with("business", business.calendar.as_str()).with("roll", word(&business.roll));
    }
    if let Some(hours) = &spec.hours {
        form = form
            .with("hours_from", hours.from.as_str())
            .with("hours_to", hours.to.as_str())
            .with("hours_action", word(&hours.action));
    }
    for window in &spec.windows {
        form = form.with(&format!("{WINDOW}{}", window.calendar), word(&window.action));
    }
    form
}

/// The months that a cron exclusion leaves out, when that is all it says.
fn months_of(rule: &RuleText) -> Option<Vec<u32>> {
    let RuleText::Cron { cron } = rule else { return None };
    let months = cron.strip_prefix("* * * ")?.strip_suffix(" *")?;
    months.split(',').map(|month| month.parse().ok().filter(|month| (1..=12).contains(month))).collect()
}

fn excluded(mut form: Form, spec: &Schedule) -> Form {
    let mut others = Vec::new();
    for exclusion in &spec.exclude {
        match exclusion {
            ExclusionText::Calendar { calendar } => form = form.with("holidays", calendar.as_str()),
            ExclusionText::Days { from, to } if from == to => others.push(from.to_string()),
            ExclusionText::Days { from, to } => others.push(format!("{from} to {to}")),
            ExclusionText::Rule(rule) => match months_of(rule) {
                Some(months) => {
                    for month in months {
                        form = form.with("months", month.to_string());
                    }
                }
                None => others.push(rules::line(rule)),
            },
        }
    }
    form.with("without", others.join("\n"))
}

/// Reads the form; what is wrong with a field is noted there, and what could be read is given all the same. `old` holds the
/// arguments whose secrets the form shows covered; without `fields` arguments are written as JSON.
pub(super) fn read(form: &mut Form, old: Option<&Schedule>, fields: Option<&ArgFields>) -> Schedule {
    let zone = form.read("timezone", |text| {
        text.parse::<Tz>().map_err(|_| format!("{text:?} is no time zone; write one such as Europe/Rome"))
    });
    let zone = zone.unwrap_or(Tz::UTC); // refused already; the rest is looked at all the same
    let rules = rules::read(form, zone);
    let instant = |form: &mut Form, name: &str| {
        if form.text(name).trim().is_empty() {
            return None;
        }
        form.read(name, |text| moment::read(text, zone)).map(|at| at.with_timezone(&zone).fixed_offset())
    };
    let (start, end) = (instant(form, "start"), instant(form, "end"));
    let exclude = exclusions(form);
    let windows = windows(form);
    let args = match fields {
        Some(fields) => fields.read(form, old),
        None => arguments(form, old),
    };
    let version = optional_number(form, "template_version", "the version", 1..=i32::MAX);
    let limit = optional_number(form, "limit", "the number of runs", 1..=u32::MAX);
    let failures = optional_number(form, "pause_after_failures", "the number of failures", 1..=u16::MAX);
    let seconds = optional_number(form, "jitter", "the spread", 1..=86_400u32);
    let max = optional_number(form, "catch_up_max", "the number", 1..=1_000u32).unwrap_or(10);
    let template = form.required("template", "a template").unwrap_or_default();
    let name = form.required("name", "a name").unwrap_or_default();
    let text = |form: &Form, name: &str| Some(form.text(name).trim().to_owned()).filter(|text| !text.is_empty());
    Schedule {
        kind: ScheduleKind::Schedule,
        name,
        description: text(form, "description"),
        template,
        version,
        args: args.unwrap_or_default(),
        timezone: zone,
        rules,
        exclude,
        business_days: text(form, "business")
            .map(|calendar| BusinessText { calendar, roll: parsed::<RollText>(form.text("roll")).unwrap_or_default() }),
        hours: hours(form),
        windows,
        dst: ClockChange { gap: parsed::<Gap>(form.text("gap")), overlap: parsed::<Overlap>(form.text("twice")) },
        start,
        end,
        overlap: parsed::<OverlapPolicy>(form.text("overlap")).unwrap_or_default(),
        catch_up: CatchUp {
            policy: parsed::<CatchUpPolicy>(form.text("catch_up")).unwrap_or_default(),
            window: text(form, "catch_up_window").unwrap_or_else(|| "1d".into()),
            max,
        },
        jitter: seconds.map(|seconds| Jitter {
            seconds,
            kind: parsed::<JitterKind>(form.text("jitter_kind")).unwrap_or_default(),
        }),
        give_up_after: text(form, "give_up_after"),
        finish_within: text(form, "finish_within"),
        limit,
        pause_after_failures: failures,
    }
}

fn optional_number<T: std::str::FromStr + PartialOrd + std::fmt::Display>(
    form: &mut Form,
    name: &str,
    what: &str,
    range: std::ops::RangeInclusive<T>,
) -> Option<T> {
    if form.text(name).trim().is_empty() { None } else { form.number(name, what, range) }
}

fn hours(form: &Form) -> Option<HoursText> {
    let (from, to) = (form.text("hours_from").trim(), form.text("hours_to").trim());
    if from.is_empty() && to.is_empty() {
        return None;
    }
    let action = parsed::<Action>(form.text("hours_action")).unwrap_or(Action::Skip);
    Some(HoursText { from: from.to_owned(), to: to.to_owned(), action })
}

fn windows(form: &Form) -> Vec<WindowText> {
    let window = |(calendar, action): (&str, &str)| {
        Some(WindowText { calendar: calendar.to_owned(), action: parsed::<Action>(action)? })
    };
    form.group(WINDOW).filter_map(window).collect()
}

fn exclusions(form: &mut Form) -> Vec<ExclusionText> {
    let calendars: Vec<String> = form.all("holidays").filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let mut all: Vec<ExclusionText> =
        calendars.into_iter().map(|calendar| ExclusionText::Calendar { calendar }).collect();
    let mut months: Vec<u32> = form.all("months").filter_map(|month| month.parse().ok()).collect();
    months.retain(|month| (1..=12).contains(month));
    months.sort_unstable();
    months.dedup();
    if !months.is_empty() {
        let months = months.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        all.push(ExclusionText::Rule(RuleText::Cron { cron: format!("* * * {months} *") }));
    }
    let lines: Vec<String> =
        form.text("without").lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect();
    for line in lines {
        match days(&line) {
            Some(days) => all.push(days),
            None => match rules::parsed(&line) {
                Ok(rule) => all.push(ExclusionText::Rule(rule)),
                Err(_) => {
                    form.refuse(
                        "without",
                        format!(
                            "{line:?} is neither a day, nor days such as 2027-08-09 to 2027-08-20, nor a cron rule"
                        ),
                    );
                }
            },
        }
    }
    all
}

fn days(line: &str) -> Option<ExclusionText> {
    let day = |text: &str| text.trim().parse::<NaiveDate>().ok().filter(|day| (1970..=9999).contains(&day.year()));
    match line.split_once(" to ").or_else(|| line.split_once("..")) {
        Some((from, to)) => Some(ExclusionText::Days { from: day(from)?, to: day(to)? }),
        None => day(line).map(|day| ExclusionText::Days { from: day, to: day }),
    }
}

/// Reads the arguments. What the form shows covered stays what it was.
fn arguments(form: &mut Form, old: Option<&Schedule>) -> Option<Map<String, Value>> {
    // the arguments of another template hold secrets that this one need not keep
    let old = old.filter(|old| old.template == form.text("template").trim());
    let text = form.optional(JSON)?;
    let read = if text.is_empty() { Ok(Value::Object(Map::new())) } else { serde_json::from_str::<Value>(&text) };
    match read {
        Ok(Value::Object(mut args)) => {
            if let Some(old) = old {
                for (name, value) in &mut args {
                    target::uncover(value, old.args.get(name));
                }
            }
            Some(args)
        }
        Ok(_) => {
            form.refuse(JSON, "Arguments are a JSON object, such as {\"country\": \"it\"}");
            None
        }
        Err(error) => {
            form.refuse(JSON, format!("This is not JSON: {error}"));
            None
        }
    }
}

/// Counts the fields that differ from what `old` would fill in.
pub(super) fn changed(old: &Schedule, form: &Form, arg_fields: Option<&ArgFields>) -> usize {
    let args = Value::Object(old.args.clone());
    let before = filled(old, &args);
    let before = args::with(arg_fields, before, |fields, form| fields.filled(&args, form));
    let skipped = [JSON, "name", "csrf", "op", "base", "message", "clock", ONLY, MINUTE, PAUSED, SHOW, SHOWN, "from"];
    let now: BTreeSet<String> = form.clone().into_fields().into_iter().map(|(name, _)| name).collect();
    now.iter()
        .filter(|name| !skipped.contains(&name.as_str()))
        .filter(|name| match name.starts_with(ARGS) {
            // a box that is not ticked sends its hidden field, and one that is, both
            true => before.all(name).last().unwrap_or("false") != form.all(name).last().unwrap_or("false"),
            false => before.all(name).collect::<Vec<_>>() != form.all(name).collect::<Vec<_>>(),
        })
        .filter(|name| !(before.text(name).is_empty() && form.text(name).is_empty()))
        .count()
}

/// Tells whether a place in the document stands in a field that could not be read, so that what is said of it says nothing new.
pub(super) fn is_unread(path: &str, form: &Form) -> bool {
    let has_problem = |name: &str| !form.problem(name).is_empty();
    let head = path.split(['.', '[']).next().unwrap_or_default();
    match head {
        JSON => form.problems().iter().any(|problem| problem.field == JSON || problem.field.starts_with(ARGS)),
        // whether a single time is still to come depends on where
        "rules" if has_problem("timezone") && RuleKind::of(form) == RuleKind::Once => true,
        "rules" => rules::FIELDS.into_iter().any(has_problem),
        "start" | "end" => has_problem("timezone") || has_problem(head),
        _ => has_problem(&field(path, form)),
    }
}

/// Names the field of the form that a place in the document is about.
pub fn field(path: &str, form: &Form) -> String {
    let (head, rest) = path.split_once(['.', '[']).unwrap_or((path, ""));
    match head {
        "rules" if rest.starts_with('0') || rest.is_empty() => rules::main_field(RuleKind::of(form)).to_owned(),
        "rules" => "more".into(),
        "exclude" => if rest.contains("calendar") { "holidays" } else { "without" }.into(),
        "business_days" => "business".into(),
        "hours" => if rest == "to" { "hours_to" } else { "hours_from" }.into(),
        "windows" => "windows".into(),
        "jitter" => "jitter".into(),
        "catch_up" => match rest {
            "window" => "catch_up_window",
            "max" => "catch_up_max",
            _ => "catch_up",
        }
        .into(),
        "version" => "template_version".into(),
        JSON => JSON.into(),
        other => other.to_owned(),
    }
}
