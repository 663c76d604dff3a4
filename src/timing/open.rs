//! When something may run that does not run when its rules say: it was missed, or its start was spread.

use chrono::{DateTime, TimeDelta, Utc};

use super::plan::{Business, Plan};

/// So many closed times may follow one another.
const CLOSED_MAX: usize = 64;

/// When a plan is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// From this moment on, for a while.
    From(DateTime<Utc>),
    /// Never again: its end comes first.
    Over,
    /// One closed time follows the other for longer than is looked at: its exclusions leave moments rather than times.
    Unknown,
}

impl Plan {
    /// Tells the first moment at or after `at` that no exclusion, day, hour or window closes.
    pub fn open_from(&self, at: DateTime<Utc>) -> Open {
        let mut open = self.start.map_or(at, |start| at.max(start));
        for _ in 0..CLOSED_MAX {
            if self.end.is_some_and(|end| open >= end) {
                return Open::Over;
            }
            let Some(ends) = self.barred(open) else { return Open::From(open) };
            open = ends.max(open + TimeDelta::seconds(1));
        }
        Open::Unknown
    }

    /// Until when this moment is closed, if it is.
    fn barred(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = at.with_timezone(&self.zone).naive_local();
        let span = self.excluded(at, local).or_else(|| self.shut(at));
        if let Some(span) = span {
            return Some(span.ends.unwrap_or(at));
        }
        let is_day = |business: &Business| business.days.is_business_day(local.date());
        if self.business.as_ref().is_none_or(is_day) { None } else { self.day_after(local.date()) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono_tz::Tz;

    use super::*;
    use crate::timing::calendar::{Calendar, Roll};
    use crate::timing::{Action, ClockChange, Closed, Exclusion, Rule};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    /// Business days of Italy, patched on Mondays until nine, without 2 to 20 August, until 30 November.
    fn plan() -> Plan {
        let calendar: Calendar = serde_json::from_value(serde_json::json!({
            "kind": "Calendar", "name": "house", "timezone": "Europe/Rome", "holidays": [{ "country": "IT" }],
            "windows": [{ "name": "patch", "weekdays": ["mon"], "start": "00:00", "duration": "9h" }],
        }))
        .expect("a calendar");
        let days = Arc::new(calendar.days().expect("valid"));
        let rule = |text| Rule::parse(text, Tz::UTC).expect("a rule");
        Plan {
            exclude: vec![Exclusion::Rule(rule("* * 2-20 8 *"))],
            business: Some(Business { days: Arc::clone(&days), roll: Roll::Next }),
            closed: vec![Closed { days, action: Action::Skip }],
            end: Some(at("2026-11-30T00:00:00Z")),
            ..Plan::of(rule("0 * * * *"), Tz::Europe__Rome, ClockChange::default())
        }
    }

    #[test]
    fn what_is_open_is_open_from_there() {
        assert_eq!(plan().open_from(at("2026-06-03T10:00:30Z")), Open::From(at("2026-06-03T10:00:30Z")));
    }

    #[test]
    fn closed_times_that_follow_one_another_are_passed() {
        // Saturday, Sunday, then the window of Monday
        assert_eq!(plan().open_from(at("2026-06-06T10:00:00Z")), Open::From(at("2026-06-08T07:00:00Z")));
        // August, of which the 21st is the first day that is left
        assert_eq!(plan().open_from(at("2026-08-05T10:00:00Z")), Open::From(at("2026-08-20T22:00:00Z")));
    }

    #[test]
    fn behind_the_end_nothing_is_open() {
        assert_eq!(
            plan().open_from(at("2026-11-28T10:00:00Z")),
            Open::Over,
            "Saturday, and Monday is closed until the end"
        );
        assert_eq!(plan().open_from(at("2026-11-30T10:00:00Z")), Open::Over);
    }

    #[test]
    fn where_exclusions_leave_moments_nothing_is_known() {
        let rule = |text| Rule::parse(text, Tz::UTC).expect("a rule");
        let plan = Plan {
            exclude: vec![Exclusion::Rule(rule("every 1s"))],
            ..Plan::of(rule("every 1s"), Tz::UTC, ClockChange::default())
        };

        assert_eq!(plan.open_from(at("2026-11-28T10:00:00Z")), Open::Unknown);
    }
}
