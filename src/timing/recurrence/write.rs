//! Writes a recurrence as text: one property a line, the zone always named, so that the text means the same everywhere.

use std::fmt::{self, Display, Formatter};

use chrono::NaiveDateTime;
use chrono_tz::Tz;

use super::Recurrence;
use super::check::Start;
use super::civil::{DAY, moment, seconds};
use super::parts::{Bound, Parts, Skip};
use super::recur::WEEKDAYS;
use super::values::utc;

const TIME: &str = "%Y%m%dT%H%M%S";
const DATE: &str = "%Y%m%d";

/// A local second in a format of chrono; the calendar holds every second that was read.
fn formatted(at: i64, format: &str) -> String {
    moment(at).unwrap_or_default().format(format).to_string()
}

impl Display for Recurrence {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self.kind {
            Start::Date => write!(out, "DTSTART;VALUE=DATE;TZID={}:{}", self.zone, formatted(self.start, DATE))?,
            Start::Anchor | Start::Time => {
                write!(out, "DTSTART")?;
                self.times(out, &[self.start])?;
            }
        }
        for (name, rules) in [("RRULE", &self.rules), ("EXRULE", &self.but_rules)] {
            for rule in rules {
                write!(out, "\n{name}:")?;
                self.rule(out, &rule.parts)?;
            }
        }
        let (days, dates): (Vec<i64>, Vec<i64>) = self.dates.iter().partition(|at| *at % DAY == 0);
        let but_days: Vec<i64> = self.but_days.iter().map(|day| day * DAY).collect();
        for (name, days, dates) in [("RDATE", &days, &dates), ("EXDATE", &but_days, &self.but_dates)] {
            if !dates.is_empty() {
                write!(out, "\n{name}")?;
                self.times(out, dates)?;
            }
            if !days.is_empty() {
                let days: Vec<String> = days.iter().map(|at| formatted(*at, DATE)).collect();
                write!(out, "\n{name};VALUE=DATE:{}", days.join(","))?;
            }
        }
        Ok(())
    }
}

impl Recurrence {
    /// Parameters and values of a property that names local times.
    fn times(&self, out: &mut Formatter<'_>, times: &[i64]) -> fmt::Result {
        let ending = if self.zone == Tz::UTC { "Z" } else { "" };
        if self.zone != Tz::UTC {
            write!(out, ";TZID={}", self.zone)?;
        }
        let times: Vec<String> = times.iter().map(|at| formatted(*at, TIME) + ending).collect();
        write!(out, ":{}", times.join(","))
    }

    fn rule(&self, out: &mut Formatter<'_>, parts: &Parts) -> fmt::Result {
        let skip = match parts.skip {
            Skip::Omit => None,
            Skip::Backward => Some("BACKWARD"),
            Skip::Forward => Some("FORWARD"),
        };
        if skip.is_some() {
            write!(out, "RSCALE=GREGORIAN;")?;
        }
        write!(out, "FREQ={}", parts.freq.as_str())?;
        if parts.interval > 1 {
            write!(out, ";INTERVAL={}", parts.interval)?;
        }
        match parts.bound {
            Bound::Open => {}
            Bound::Count(count) => write!(out, ";COUNT={count}")?,
            Bound::Until(until) => write!(out, ";UNTIL={}", self.until(until))?,
        }
        let weekdays: Vec<String> = parts.weekdays.iter().map(|day| weekday(day.ordinal, day.weekday)).collect();
        let named = |name: &str, numbers: &[i16]| match numbers {
            [] => String::new(),
            numbers => format!(";{name}={}", numbers.iter().map(i16::to_string).collect::<Vec<_>>().join(",")),
        };
        out.write_str(&named("BYMONTH", &parts.months))?;
        out.write_str(&named("BYWEEKNO", &parts.weeks))?;
        out.write_str(&named("BYYEARDAY", &parts.year_days))?;
        out.write_str(&named("BYMONTHDAY", &parts.month_days))?;
        if !weekdays.is_empty() {
            write!(out, ";BYDAY={}", weekdays.join(","))?;
        }
        out.write_str(&named("BYHOUR", &parts.hours))?;
        out.write_str(&named("BYMINUTE", &parts.minutes))?;
        out.write_str(&named("BYSECOND", &parts.seconds))?;
        out.write_str(&named("BYSETPOS", &parts.positions))?;
        if parts.week_start > 0 {
            write!(out, ";WKST={}", weekday(0, parts.week_start))?;
        }
        skip.map_or(Ok(()), |skip| write!(out, ";SKIP={skip}"))
    }

    /// UNTIL: in UTC, as RFC 5545 wants it, unless no UTC time means this local time.
    fn until(&self, until: i64) -> String {
        let at: NaiveDateTime = moment(until).unwrap_or_default();
        match (self.kind, utc(at, self.zone)) {
            (Start::Date, _) => formatted(until, DATE),
            (Start::Anchor | Start::Time, Some(utc)) if (1..=9999).contains(&chrono::Datelike::year(&utc)) => {
                formatted(seconds(utc), TIME) + "Z"
            }
            (Start::Anchor | Start::Time, Some(_) | None) => formatted(until, TIME),
        }
    }
}

fn weekday(ordinal: i16, weekday: u8) -> String {
    let name = WEEKDAYS.get(usize::from(weekday)).copied().unwrap_or_default();
    if ordinal == 0 { name.to_owned() } else { format!("{ordinal}{name}") }
}
