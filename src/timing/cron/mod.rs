//! Cron rules: five fields (minute, hour, day, month, weekday) or six (second first), in local wall-clock time.
//!
//! ```text
//! text ──parse──▶ lists (as written, H open) ──seed──▶ plan (a set of bits for each field) ──▶ next, holds, sentence
//! ```
//!
//! What may be written, and where the readers of cron differ, what we do:
//! - `*`, numbers, names (`JAN`–`DEC`, `SUN`–`SAT`, any case; 0 and 7 are Sunday), ranges, steps (`*/5`, `10-40/10`),
//!   lists. `5/15` is `5-59/15`; of weekdays the last value is 6, so that `MON/2` is Monday, Wednesday and Friday.
//! - A range may go round the end in every field: `FRI-MON`, `22-2`, `NOV-FEB`, `28-3`. Quartz and croniter read them so,
//!   Vixie's cron refuses them; people who write `22-2` mean the night. The sentence shows what was understood.
//! - A step is at most the number of the field's values: `*/60` is every hour, `*/90` is refused since it would be too.
//! - `?` is `*`, alone in day or weekday.
//! - Day: `L` (last), `L-3` (three days before it), `15W` (the working day, Monday to Friday, nearest to day 15 within the
//!   month), `LW`, `L-3W`. A month without the day has no run: no 31st of April, no `31W` in April, no `L-30` in February.
//! - Weekday: `MON#2` (the second Monday; a month without a fifth has no run for `MON#5`), `5L` or `FRIL` (the last Friday).
//! - Day and weekday both restricted: a day that *either* names. Restricted is what is not exactly `*` or `?`; `*/2`,
//!   `1-31` and `H` are restricted. (Vixie's cron takes a field that begins with `*` as free, and then both must hold: a
//!   rule for "odd days that are Mondays" which reads like any other list. croniter does as we do.)
//! - `H`: one value that the schedule's name chooses; `H(0-29)` within a range; `H/15` and `H(0-29)/10` every so often
//!   from a chosen beginning, as in Jenkins (whose `H/1` means `H`, ours `*`). `H` as a day is one of 1 to 28, so that every
//!   month has it.
//! - `@yearly @annually @monthly @weekly @daily @midnight @hourly`.

mod days;
mod field;
mod item;
mod parse;
mod read;
mod search;
mod sentence;
mod spread;
#[cfg(test)]
mod tests;

use std::fmt;

use chrono::{NaiveDateTime, Timelike as _};
use serde::{Deserialize, Serialize};

use self::days::Days;
use self::field::Field;
use self::parse::Lists;
use self::search::{Plan, Times};
use self::spread::Spread;
pub use self::spread::stable_number;
use crate::timing::error::RuleError;

/// A cron rule. Holding one proves that its text was checked; it may still be impossible (30 February).
///
/// Two rules are equal when they have the same spelling and the same seed's choices. As a document it is its text, and
/// whoever reads it from there seeds it again.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cron {
    text: String,
    written: Vec<String>,
    is_interval_like: bool,
    lists: Lists,
    days: Days,
    plan: Plan,
}

impl Cron {
    /// Reads a rule; `H` is spread by the text itself until [`Cron::seeded`] says by which name.
    ///
    /// # Errors
    /// The first mistake, with field, value and place: texts over 256 bytes, lists of more than 64 items, what is no rule
    /// of five or six fields or a macro. The person has to write another text.
    pub fn parse(text: &str) -> Result<Cron, RuleError> {
        let parsed = parse::parse(text)?;
        let (days, plan) = planned(&parsed.lists, Spread::new(&parsed.text));
        Ok(Cron {
            text: parsed.text,
            written: parsed.written,
            is_interval_like: parsed.is_interval_like,
            lists: parsed.lists,
            days,
            plan,
        })
    }

    /// The same rule with `H` spread by a schedule's name: the same name gives the same times after restarts, in every
    /// build and on every machine. Each field is spread by itself; several `H` in one field share one number.
    #[must_use]
    pub fn seeded(&self, name: &str) -> Cron {
        let (days, plan) = planned(&self.lists, Spread::new(name));
        Cron { days, plan, ..self.clone() }
    }

    /// The first local time at or after `from` at which the rule holds; none when there is none up to the end of 2999.
    ///
    /// Looks at one table a month and at no more than 400 years, whatever the rule.
    #[must_use]
    pub fn next(&self, from: NaiveDateTime) -> Option<NaiveDateTime> {
        self.plan.next(from)
    }

    /// Whether the rule holds at exactly this local time, which must be a whole second not after 2999.
    #[must_use]
    pub fn holds(&self, at: NaiveDateTime) -> bool {
        self.plan.holds(at)
    }

    /// Whether the minute of this local time is one that the rule names, whatever its second; a rule with seconds must name that one too.
    #[must_use]
    pub fn covers(&self, at: NaiveDateTime) -> bool {
        let begin = if self.has_seconds() { Some(at) } else { at.with_second(0) };
        begin.is_some_and(|begin| self.plan.holds(begin))
    }

    /// Until when on its day the rule covers all that comes after `at`, which it [covers](Cron::covers); none when that is no longer than
    /// a minute, or the rule leaves minutes of the hour out.
    #[must_use]
    pub fn covers_until(&self, at: NaiveDateTime) -> Option<NaiveDateTime> {
        self.plan.holds_until(at, !self.has_seconds())
    }

    fn has_seconds(&self) -> bool {
        self.written.len() == 6
    }

    /// Whether the rule names any day at all, in any year.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        self.plan.is_possible()
    }

    /// Whether the rule runs at every real slot when clocks change (G13): its second, minute or hour field holds `*`, `/`
    /// or `-`. The second of five fields is a fixed 0; `H` and `H(0-29)` are one fixed value each.
    #[must_use]
    pub fn is_interval_like(&self) -> bool {
        self.is_interval_like
    }

    /// The rule in plain English, `H` as it was spread: "At 06:30, Monday to Friday".
    #[must_use]
    pub fn sentence(&self) -> String {
        sentence::of(&self.plan, &self.days)
    }

    /// The five or six fields as they were written; of a macro the five that it stands for.
    #[must_use]
    pub fn fields(&self) -> Vec<&str> {
        self.written.iter().map(String::as_str).collect()
    }
}

/// Decides every `H` and makes the rule ready to be searched.
fn planned(lists: &Lists, spread: Spread) -> (Days, Plan) {
    let days = Days::new(&lists.days, &lists.weekdays, spread);
    let times = Times {
        seconds: item::set(&lists.seconds, Field::Second, spread),
        minutes: item::set(&lists.minutes, Field::Minute, spread),
        hours: item::set(&lists.hours, Field::Hour, spread),
    };
    let plan = Plan::new(times, item::set(&lists.months, Field::Month, spread), &days);
    (days, plan)
}

impl PartialEq for Cron {
    fn eq(&self, other: &Cron) -> bool {
        self.text == other.text && self.plan == other.plan
    }
}

impl Eq for Cron {}

/// The rule's one spelling: single spaces, names in capitals, a macro as a macro. It reads back as the same rule, to be seeded again.
impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for Cron {
    type Error = RuleError;

    fn try_from(text: String) -> Result<Cron, RuleError> {
        Cron::parse(&text)
    }
}

impl From<Cron> for String {
    fn from(rule: Cron) -> String {
        rule.text
    }
}
