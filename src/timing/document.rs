//! How a plan is written down: the part of `kind: Schedule` that says when.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::calendar::{BusinessDays, Roll};
use super::cron::Cron;
use super::error::RuleError;
use super::interval::Interval;
use super::plan::{Action, Business, Closed, Exclusion, Hours, Plan};
use super::recurrence::Recurrence;
use super::rule::Rule;
use super::zone::ClockChange;
use crate::base::length::read_ms;

/// Years in which something may be asked for by its date.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=9999;
/// Most rules of a schedule.
pub const RULES_MAX: usize = 32;
/// Most exclusions of a schedule.
pub const EXCLUSIONS_MAX: usize = 64;
/// Most calendars whose windows a schedule minds.
pub const WINDOWS_MAX: usize = 16;

/// When a schedule runs, as it is written in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// IANA name of the zone in whose wall-clock time the rules speak.
    #[serde(default = "utc")]
    pub timezone: Tz,
    /// It runs whenever one of them says so.
    pub rules: Vec<RuleText>,
    /// What is taken out of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<ExclusionText>,
    /// Only on business days of a calendar, or moved to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub business_days: Option<BusinessText>,
    /// Only within these hours of the day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<HoursText>,
    /// Calendars whose maintenance windows it minds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<WindowText>,
    /// What becomes of times that clock changes skip or repeat.
    #[serde(default)]
    pub dst: ClockChange,
    /// Nothing before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<DateTime<FixedOffset>>,
    /// Nothing from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<DateTime<FixedOffset>>,
}

pub(super) fn utc() -> Tz {
    Tz::UTC
}

/// A rule as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields, expecting = "a rule is { cron: … }, { every: … }, { rrule: … } or { at: … }")]
pub enum RuleText {
    /// `{ cron: "30 6 * * 1-5" }`
    Cron {
        /// The fields.
        cron: String,
    },
    /// `{ every: 90s, phase: 10s }`
    Every {
        /// The interval.
        every: String,
        /// How long after multiples of it since the Unix epoch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        phase: Option<String>,
    },
    /// `{ rrule: "DTSTART;TZID=Europe/Rome:20261201T173000\nRRULE:FREQ=MONTHLY;BYDAY=FR;BYSETPOS=-1" }`
    Recurrence {
        /// The block.
        rrule: String,
    },
    /// `{ at: "2026-12-24T10:00:00+01:00" }`
    At {
        /// The instant.
        at: DateTime<FixedOffset>,
    },
}

/// An exclusion as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "what is excluded is { calendar: … }, { from: …, to: … } or a rule such as { cron: … }"
)]
pub enum ExclusionText {
    /// `{ calendar: it-holidays }`
    Calendar {
        /// Its name.
        calendar: String,
    },
    /// `{ from: 2026-08-01, to: 2026-08-31 }`
    Days {
        /// The first day.
        from: NaiveDate,
        /// The last day.
        to: NaiveDate,
    },
    /// As a rule.
    Rule(RuleText),
}

/// `{ calendar: it-holidays, roll: next }`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BusinessText {
    /// The calendar that knows them.
    pub calendar: String,
    /// Where an occurrence of another day goes; `keep` leaves it out.
    #[serde(default)]
    pub roll: RollText,
}

/// Where an occurrence goes that falls on no business day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RollText {
    /// Nowhere.
    #[default]
    Skip,
    /// To the next business day.
    Next,
    /// To the one before.
    Previous,
    /// To the next one, unless that is in another month: then to the one before.
    ModifiedNext,
}

/// `{ from: "08:00", to: "18:00", action: delay }`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoursText {
    /// The first moment.
    pub from: String,
    /// The first moment that is outside again.
    pub to: String,
    /// What becomes of the others.
    #[serde(default = "skip")]
    pub action: Action,
}

fn skip() -> Action {
    Action::Skip
}

/// `{ calendar: maintenance, action: delay }`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowText {
    /// The calendar that has them.
    pub calendar: String,
    /// What becomes of what falls into them.
    #[serde(default = "skip")]
    pub action: Action,
}

/// What is wrong with a timing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The field, `rules[0].cron`.
    pub path: String,
    /// What is wrong and what to write instead.
    pub message: String,
    /// The byte within the field at which it begins.
    pub at: Option<usize>,
}

/// The calendars that a timing names, by name.
pub type Calendars = BTreeMap<String, Arc<BusinessDays>>;

impl Timing {
    /// Gives the names of the calendars that it needs, each once.
    pub fn calendars(&self) -> Vec<&str> {
        let excluded = self.exclude.iter().filter_map(|one| match one {
            ExclusionText::Calendar { calendar } => Some(calendar.as_str()),
            ExclusionText::Days { .. } | ExclusionText::Rule(_) => None,
        });
        let windows = self.windows.iter().map(|window| window.calendar.as_str());
        let business = self.business_days.iter().map(|business| business.calendar.as_str());
        let mut names: Vec<&str> = excluded.chain(windows).chain(business).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Makes it ready to be asked. `name` is the schedule's: it settles what `H` means.
    ///
    /// # Errors
    /// Everything that is wrong, contradictions among its parts included.
    pub fn plan(&self, name: &str, calendars: &Calendars) -> Result<Plan, Vec<Fault>> {
        let mut faults = Vec::new();
        self.check_sizes(&mut faults);
        let rules = self.read_rules(name, &mut faults);
        let exclude = self.read_exclusions(name, calendars, &mut faults);
        let business = self.read_business(calendars, &rules, &mut faults);
        let hours = self.hours.as_ref().and_then(|hours| noted(hours.read(), "hours", &mut faults));
        let closed = self.read_windows(calendars, &mut faults);
        let plan = Plan {
            zone: self.timezone,
            rules,
            change: self.dst,
            exclude,
            business,
            hours,
            closed,
            start: self.start.map(|start| start.to_utc()),
            end: self.end.map(|end| end.to_utc()),
        };
        if faults.is_empty() { Ok(plan) } else { Err(faults) }
    }

    fn check_sizes(&self, faults: &mut Vec<Fault>) {
        let mut check = |path: &str, is_wrong: bool, message: String| {
            if is_wrong {
                faults.push(Fault { path: path.into(), message, at: None });
            }
        };
        check("rules", self.rules.is_empty(), "a schedule needs a rule, such as { cron: \"30 6 * * 1-5\" }".into());
        check("rules", self.rules.len() > RULES_MAX, format!("at most {RULES_MAX} rules"));
        check("exclude", self.exclude.len() > EXCLUSIONS_MAX, format!("at most {EXCLUSIONS_MAX} exclusions"));
        check("windows", self.windows.len() > WINDOWS_MAX, format!("at most {WINDOWS_MAX} calendars with windows"));
        let is_backwards = self.start.zip(self.end).is_some_and(|(start, end)| end <= start);
        check("end", is_backwards, "the end must be after the start".into());
        for (path, at) in [("start", self.start), ("end", self.end)] {
            check(path, at.is_some_and(|at| !is_near(at.to_utc().date_naive())), far());
            check(
                path,
                at.is_some_and(|at| at.timestamp_subsec_nanos() != 0),
                "whole seconds: a schedule knows no shorter ones".into(),
            );
        }
    }

    fn read_rules(&self, name: &str, faults: &mut Vec<Fault>) -> Vec<Rule> {
        let mut rules = Vec::new();
        for (at, text) in self.rules.iter().enumerate().take(RULES_MAX) {
            let path = format!("rules[{at}]{}", text.field());
            rules.extend(noted(text.read(self.timezone), &path, faults).map(|rule| rule.seeded(name)));
        }
        rules
    }

    fn read_exclusions(&self, name: &str, calendars: &Calendars, faults: &mut Vec<Fault>) -> Vec<Exclusion> {
        let mut exclude = Vec::new();
        for (at, text) in self.exclude.iter().enumerate().take(EXCLUSIONS_MAX) {
            let path = format!("exclude[{at}]");
            exclude.extend(match text {
                ExclusionText::Calendar { calendar } => {
                    named(calendar, &format!("{path}.calendar"), calendars, faults).map(Exclusion::Holidays)
                }
                ExclusionText::Days { from, to } if to < from => {
                    let fault = RuleError::new("the last day must not be before the first", None);
                    noted(Err(fault), &format!("{path}.to"), faults)
                }
                ExclusionText::Days { from, to } if !is_near(*from) || !is_near(*to) => {
                    noted(Err(RuleError::new(far(), None)), &path, faults)
                }
                ExclusionText::Days { from, to } => Some(Exclusion::Days(*from, *to)),
                ExclusionText::Rule(rule) => {
                    let read = rule.read(self.timezone).map(|rule| Exclusion::Rule(rule.seeded(name)));
                    noted(read, &format!("{path}{}", rule.field()), faults)
                }
            });
        }
        exclude
    }

    fn read_business(&self, calendars: &Calendars, rules: &[Rule], faults: &mut Vec<Fault>) -> Option<Business> {
        let text = self.business_days.as_ref()?;
        let roll = Roll::from(text.roll);
        if roll != Roll::Keep && rules.iter().any(Rule::is_interval_like) {
            let message =
                "a rule that runs many times a day cannot be moved to another day: leave its days out (roll: skip)";
            faults.push(Fault { path: "business_days.roll".into(), message: message.into(), at: None });
        }
        let days = named(&text.calendar, "business_days.calendar", calendars, faults)?;
        Some(Business { days, roll })
    }

    fn read_windows(&self, calendars: &Calendars, faults: &mut Vec<Fault>) -> Vec<Closed> {
        let windows = self.windows.iter().enumerate().take(WINDOWS_MAX);
        let closed = windows.filter_map(|(at, text)| {
            let days = named(&text.calendar, &format!("windows[{at}].calendar"), calendars, faults)?;
            Some(Closed { days, action: text.action })
        });
        closed.collect()
    }
}

/// Tells whether a day lies where clocks and calendars can still reckon.
fn is_near(day: NaiveDate) -> bool {
    YEARS.contains(&day.year())
}

fn far() -> String {
    format!("the year must lie from {} to {}", YEARS.start(), YEARS.end())
}

/// Notes what is wrong with a field.
fn noted<T>(read: Result<T, RuleError>, path: &str, faults: &mut Vec<Fault>) -> Option<T> {
    read.map_err(|error| faults.push(Fault { path: path.into(), message: error.message, at: error.at })).ok()
}

fn named(name: &str, path: &str, calendars: &Calendars, faults: &mut Vec<Fault>) -> Option<Arc<BusinessDays>> {
    let known = calendars.get(name).cloned();
    noted(known.ok_or_else(|| RuleError::new(format!("there is no calendar \"{name}\""), None)), path, faults)
}

impl RuleText {
    /// Reads the rule; `zone` is that in which it speaks unless it names another.
    ///
    /// # Errors
    /// What is wrong with its text.
    pub fn read(&self, zone: Tz) -> Result<Rule, RuleError> {
        let seconds = |text: &str, what: &str| {
            let refused = |_| RuleError::new(format!("the {what} must be a length such as 90s or 1h 30m"), None);
            read_ms(text).map(std::time::Duration::from_millis).map_err(refused)
        };
        match self {
            Self::Cron { cron } => Cron::parse(cron).map(|cron| Rule::Cron(Box::new(cron))),
            Self::Every { every, phase } => {
                let phase = phase.as_deref().map_or(Ok(std::time::Duration::ZERO), |phase| seconds(phase, "phase"))?;
                Interval::new(seconds(every, "interval")?, phase).map(Rule::Every)
            }
            Self::Recurrence { rrule } => Recurrence::parse(rrule, zone).map(|set| Rule::Recurrence(Box::new(set))),
            Self::At { at } if at.timestamp_subsec_nanos() != 0 => {
                Err(RuleError::new("whole seconds: a schedule knows no shorter ones", None))
            }
            Self::At { at } if !is_near(at.to_utc().date_naive()) => Err(RuleError::new(far(), None)),
            Self::At { at } => Ok(Rule::At(at.to_utc())),
        }
    }

    fn field(&self) -> &'static str {
        match self {
            Self::Cron { .. } => ".cron",
            Self::Every { .. } => ".every",
            Self::Recurrence { .. } => ".rrule",
            Self::At { .. } => ".at",
        }
    }
}

impl HoursText {
    fn read(&self) -> Result<Hours, RuleError> {
        let time = |text: &str| match text {
            "24:00" => Some(NaiveTime::MIN),
            text => NaiveTime::parse_from_str(text, "%H:%M").ok(),
        };
        let refused = || RuleError::new("allowed hours are written as from: \"08:00\", to: \"18:00\"", None);
        let (from, to) = time(&self.from).zip(time(&self.to)).ok_or_else(refused)?;
        if from == to {
            return Err(RuleError::new(
                "allowed hours must not begin when they end; leave them out for the whole day",
                None,
            ));
        }
        Ok(Hours { from, to, action: self.action })
    }
}

impl From<RollText> for Roll {
    fn from(text: RollText) -> Self {
        match text {
            RollText::Skip => Self::Keep,
            RollText::Next => Self::Next,
            RollText::Previous => Self::Previous,
            RollText::ModifiedNext => Self::ModifiedNext,
        }
    }
}

impl From<DateTime<Utc>> for RuleText {
    fn from(at: DateTime<Utc>) -> Self {
        Self::At { at: at.fixed_offset() }
    }
}
