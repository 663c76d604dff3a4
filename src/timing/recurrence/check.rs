//! Which parts of a rule do not go together (RFC 5545 section 3.3.10, RFC 7529), each refused with its reason.

use super::parts::{Freq, Parts};
use super::recur::{Name, Written};
use crate::timing::error::RuleError;

/// How a recurrence starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// DTSTART is absent.
    Anchor,
    /// DTSTART is a date.
    Date,
    /// DTSTART is a date with a time.
    Time,
}

/// Refuses a rule whose parts contradict each other or the kind of its start.
///
/// # Errors
/// The first contradiction found, which points at the part that is too much.
pub(super) fn check(written: &Written<'_>, parts: &Parts, start: Start) -> Result<(), RuleError> {
    ends(written)?;
    frequencies(written, parts)?;
    ordinals(written, parts)?;
    positions(written, parts)?;
    if written.get(Name::Skip).is_some() && written.get(Name::Rscale).is_none() {
        return Err(written.refuse(Name::Skip, "SKIP stands only beside RSCALE: add RSCALE=GREGORIAN"));
    }
    match start {
        Start::Anchor => anchored(written, parts),
        Start::Date => dated(written, parts),
        Start::Time => Ok(()),
    }
}

fn ends(written: &Written<'_>) -> Result<(), RuleError> {
    if written.get(Name::Count).is_some() && written.get(Name::Until).is_some() {
        return Err(written.refuse(Name::Until, "COUNT and UNTIL are two ends for one rule: keep one of them"));
    }
    Ok(())
}

/// The places of the table of RFC 5545 in which nothing stands.
fn frequencies(written: &Written<'_>, parts: &Parts) -> Result<(), RuleError> {
    let freq = parts.freq.as_str();
    if !parts.weeks.is_empty() && parts.freq != Freq::Yearly {
        return Err(written.refuse(
            Name::ByWeekNo,
            format!("BYWEEKNO counts the weeks of a year, so it stands only beside FREQ=YEARLY, not FREQ={freq}"),
        ));
    }
    let knows_year_days = match parts.freq {
        Freq::Secondly | Freq::Minutely | Freq::Hourly | Freq::Yearly => true,
        Freq::Daily | Freq::Weekly | Freq::Monthly => false,
    };
    if !parts.year_days.is_empty() && !knows_year_days {
        return Err(written.refuse(
            Name::ByYearDay,
            format!("BYYEARDAY does not stand beside FREQ={freq}: use FREQ=YEARLY, or BYMONTH and BYMONTHDAY"),
        ));
    }
    if !parts.month_days.is_empty() && parts.freq == Freq::Weekly {
        return Err(written.refuse(
            Name::ByMonthDay,
            "BYMONTHDAY does not stand beside FREQ=WEEKLY: use FREQ=DAILY with BYDAY and BYMONTHDAY",
        ));
    }
    Ok(())
}

fn ordinals(written: &Written<'_>, parts: &Parts) -> Result<(), RuleError> {
    if parts.weekdays.iter().all(|day| day.ordinal == 0) {
        return Ok(());
    }
    if parts.freq < Freq::Monthly {
        let freq = parts.freq.as_str();
        return Err(written.refuse(
            Name::ByDay,
            format!(
                "a numbered weekday in BYDAY counts within a month or a year, so it stands only beside FREQ=MONTHLY or FREQ=YEARLY, not FREQ={freq}"
            ),
        ));
    }
    if !parts.weeks.is_empty() {
        return Err(written.refuse(
            Name::ByDay,
            "a week of BYWEEKNO has each weekday once: leave out the numbers before the weekdays in BYDAY",
        ));
    }
    Ok(())
}

fn positions(written: &Written<'_>, parts: &Parts) -> Result<(), RuleError> {
    let lists = [
        &parts.months,
        &parts.weeks,
        &parts.year_days,
        &parts.month_days,
        &parts.hours,
        &parts.minutes,
        &parts.seconds,
    ];
    let is_alone = parts.weekdays.is_empty() && lists.iter().all(|list| list.is_empty());
    if !parts.positions.is_empty() && is_alone {
        return Err(written.refuse(
            Name::BySetPos,
            "BYSETPOS chooses among what other BY parts give, and there is none: add one, such as BYDAY",
        ));
    }
    Ok(())
}

/// Without DTSTART nobody knows from where to count.
fn anchored(written: &Written<'_>, parts: &Parts) -> Result<(), RuleError> {
    let add = "add a line such as DTSTART;TZID=Europe/Rome:20261201T090000";
    if parts.interval > 1 {
        return Err(
            written.refuse(Name::Interval, format!("INTERVAL counts from the start, and there is no DTSTART: {add}"))
        );
    }
    if written.get(Name::Count).is_some() {
        return Err(written.refuse(Name::Count, format!("COUNT counts from the start, and there is no DTSTART: {add}")));
    }
    Ok(())
}

/// A date has no time of the day.
fn dated(written: &Written<'_>, parts: &Parts) -> Result<(), RuleError> {
    let add = "give DTSTART a time, such as 20261201T090000";
    if parts.freq < Freq::Daily {
        let freq = parts.freq.as_str();
        return Err(written.refuse(Name::Freq, format!("FREQ={freq} needs a time of the day to start from: {add}")));
    }
    for name in [Name::ByHour, Name::ByMinute, Name::BySecond] {
        if written.get(name).is_some() {
            return Err(written
                .refuse(name, format!("a time of the day does not go with a DTSTART that is only a date: {add}")));
        }
    }
    Ok(())
}
