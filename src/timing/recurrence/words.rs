//! Says a recurrence in plain English: each rule, what comes besides, what is left out.

use super::Recurrence;
use super::civil::DAY;
use super::names::{clock, date, month, numbered, ordinal, run_words, runs, weekday};
use super::parts::{Bound, Freq, Parts, Skip};
use super::rule::Rule;
use crate::timing::words::joined;

/// So many times of the day or dates are listed; more are summed up.
const LISTED_MAX: usize = 6;
/// Monday to Friday.
const WORKDAYS: [i16; 5] = [0, 1, 2, 3, 4];

/// Says a set.
pub(super) fn sentence(set: &Recurrence) -> String {
    let mut said = set.rules.iter().map(clause).collect::<Vec<_>>().join("; also ");
    if !set.dates.is_empty() {
        let also = if said.is_empty() { "" } else { ", and also " };
        said =
            format!("{said}{also}{}", dates(&set.dates, |at| format!("{} at {}", date(at), clock(at.rem_euclid(DAY)))));
    }
    let but = set.but_rules.iter().map(clause);
    let days: Vec<i64> = set.but_days.iter().map(|day| day * DAY).collect();
    let but_days = (!days.is_empty()).then(|| dates(&days, date));
    let but_dates = (!set.but_dates.is_empty())
        .then(|| dates(&set.but_dates, |at| format!("{} at {}", date(at), clock(at.rem_euclid(DAY)))));
    let but: Vec<String> = but.chain(but_days).chain(but_dates).collect();
    if !but.is_empty() {
        said = format!("{said}; except {}", joined(&but));
    }
    let mut letters = said.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// "on a and b", or how many there are and from when to when.
fn dates(times: &[i64], name: impl Fn(i64) -> String) -> String {
    match times {
        [first, .., last] if times.len() > LISTED_MAX => {
            format!("on {} dates from {} to {}", times.len(), date(*first), date(*last))
        }
        times => format!("on {}", joined(&times.iter().map(|at| name(*at)).collect::<Vec<_>>())),
    }
}

/// Says one rule, without a capital.
fn clause(rule: &Rule) -> String {
    let parts = rule.settled();
    let time = time_of_day(rule);
    let said = match parts.freq {
        Freq::Secondly | Freq::Minutely | Freq::Hourly => within_day(&parts, rule),
        Freq::Daily => daily(&parts, &time),
        Freq::Weekly => weekly(&parts, &time),
        Freq::Monthly => monthly(&parts, &time, rule.times().len()),
        Freq::Yearly => yearly(&parts, &time, rule.times().len()),
    };
    let skip = match parts.skip {
        Skip::Omit => "",
        Skip::Backward => ", or the day before where there is no such day",
        Skip::Forward => ", or the day after where there is no such day",
    };
    format!("{said}{skip}{}", end(&parts, rule))
}

fn end(parts: &Parts, rule: &Rule) -> String {
    match parts.bound {
        Bound::Open => String::new(),
        Bound::Count(1) => ", once".to_owned(),
        Bound::Count(count) => format!(", {count} times in all"),
        Bound::Until(until) if rule.times().first_from(until.rem_euclid(DAY) as u32 + 1).is_none() => {
            format!(", until {}", date(until))
        }
        Bound::Until(until) => format!(", until {} at {}", date(until), clock(until.rem_euclid(DAY))),
    }
}

/// "at 09:00 and 17:30", or the numbers that are combined when there are many.
fn time_of_day(rule: &Rule) -> String {
    let times = rule.times();
    if times.len() as usize <= LISTED_MAX {
        return format!("at {}", joined(&times.iter().map(|time| clock(time.into())).collect::<Vec<_>>()));
    }
    let (minutes, seconds) = (bits(times.minutes), bits(times.seconds));
    let second = if seconds == [0] { String::new() } else { format!("{} of ", numbered("second", &seconds)) };
    format!("at {second}{} of {}", numbered("minute", &minutes), numbered("hour", &bits(times.hours)))
}

/// The numbers of the bits that are set.
fn bits(mask: u64) -> Vec<i16> {
    (0..60).filter(|bit| mask & (1 << bit) != 0).collect()
}

/// "every day", "every 2 days".
fn every(unit: &str, interval: u32) -> String {
    if interval == 1 { format!("every {unit}") } else { format!("every {interval} {unit}s") }
}

fn plain_weekdays(parts: &Parts) -> Vec<i16> {
    parts.weekdays.iter().filter(|day| day.ordinal == 0).map(|day| i16::from(day.weekday)).collect()
}

/// "weekday" for Monday to Friday, else names.
fn weekdays(days: &[i16]) -> String {
    if days == WORKDAYS { "weekday".to_owned() } else { runs(days, weekday) }
}

/// What limits the days of a rule, each with a comma before it.
fn limits(parts: &Parts, has_weekdays: bool) -> String {
    let mut said = Vec::new();
    if has_weekdays && !parts.weekdays.is_empty() {
        said.push(format!("on {}", runs(&plain_weekdays(parts), weekday)));
    }
    if !parts.month_days.is_empty() {
        said.push(format!("on the {} of the month", month_days(&parts.month_days)));
    }
    if !parts.year_days.is_empty() {
        said.push(format!("on the {} of the year", month_days(&parts.year_days)));
    }
    if !parts.months.is_empty() {
        said.push(format!("in {}", runs(&parts.months, month)));
    }
    said.iter().map(|limit| format!(", only {limit}")).collect()
}

/// What BYSETPOS leaves of a period, where it was not said otherwise.
fn positions(parts: &Parts, unit: &str) -> String {
    if parts.positions.is_empty() {
        return String::new();
    }
    format!(", of these only the {} of each {unit}", ordinals(&parts.positions))
}

/// "1st, 15th and last"; those from the end come last.
fn ordinals(numbers: &[i16]) -> String {
    let (from_end, from_start): (Vec<i16>, Vec<i16>) = numbers.iter().partition(|number| **number < 0);
    let late = from_end.iter().map(|number| ordinal(*number));
    joined(&run_words(&from_start, ordinal).into_iter().chain(late).collect::<Vec<_>>())
}

/// The same of days: "1st and last day", "10th to 15th".
fn month_days(days: &[i16]) -> String {
    let has_end = days.iter().any(|day| *day < 0);
    format!("{}{}", ordinals(days), if has_end { " day" } else { "" })
}

fn within_day(parts: &Parts, rule: &Rule) -> String {
    let (minutes, seconds) = (bits(rule.times().minutes), bits(rule.times().seconds));
    let (is_hourly, is_secondly) = (parts.freq == Freq::Hourly, parts.freq == Freq::Secondly);
    let at_minute = (is_hourly && minutes != [0]).then(|| numbered("minute", &minutes));
    let at_second = (!is_secondly && seconds != [0]).then(|| numbered("second", &seconds));
    let at: Vec<String> = at_minute.into_iter().chain(at_second).collect();
    let at = if at.is_empty() { String::new() } else { format!(" at {}", joined(&at)) };
    let mut only = String::new();
    if !is_hourly && !parts.minutes.is_empty() {
        only = format!(", only in {}", numbered("minute", &minutes));
    }
    if is_secondly && !parts.seconds.is_empty() {
        only = format!("{only}, only at {}", numbered("second", &seconds));
    }
    if !parts.hours.is_empty() {
        only = format!("{only}, only in {}", numbered("hour", &parts.hours));
    }
    let unit = parts.freq.unit();
    format!("{}{at}{only}{}{}", every(unit, parts.interval), limits(parts, true), positions(parts, unit))
}

fn daily(parts: &Parts, time: &str) -> String {
    let days = plain_weekdays(parts);
    let is_named = parts.interval == 1 && !days.is_empty();
    let head = if is_named { format!("every {}", weekdays(&days)) } else { every("day", parts.interval) };
    format!("{head} {time}{}{}", limits(parts, !is_named), positions(parts, "day"))
}

fn weekly(parts: &Parts, time: &str) -> String {
    let days = plain_weekdays(parts);
    let head = if parts.interval == 1 {
        format!("every {}", weekdays(&days))
    } else {
        format!("{} on {}", every("week", parts.interval), runs(&days, weekday))
    };
    let months = limits(&Parts { weekdays: Vec::new(), ..parts.clone() }, false);
    format!("{head} {time}{months}{}", positions(parts, "week"))
}

/// The days of a month, with their article or "every", and whether BYSETPOS is said with them; `is_single` when a day has one time.
fn days_of_month(parts: &Parts, is_single: bool) -> (String, bool) {
    let every = plain_weekdays(parts);
    let numbered: Vec<String> = parts
        .weekdays
        .iter()
        .filter(|day| day.ordinal != 0)
        .map(|day| format!("the {} {}", ordinal(day.ordinal), weekday(day.weekday.into())))
        .collect();
    let named = match every.as_slice() {
        [] => joined(&numbered),
        every if numbered.is_empty() => format!("every {}", weekdays(every)),
        every => format!("{} and every {}", numbered.join(", "), weekdays(every)),
    };
    match (parts.weekdays.is_empty(), parts.month_days.is_empty()) {
        (true, _) if parts.month_days.is_empty() => ("every day".to_owned(), false),
        (true, _) => (format!("the {}", month_days(&parts.month_days)), false),
        (false, false) => (format!("{named} that falls on the {}", month_days(&parts.month_days)), false),
        (false, true) if is_single && numbered.is_empty() && !parts.positions.is_empty() => {
            let which = ordinals(&parts.positions);
            let kind = match every.as_slice() {
                [0, 1, 2, 3, 4] => "weekday".to_owned(),
                [0, 1, 2, 3, 4, 5, 6] => "day".to_owned(),
                [one] => weekday(*one),
                every => format!("day among {}", runs(every, weekday)),
            };
            (format!("the {which} {kind}"), true)
        }
        (false, true) => (named, false),
    }
}

fn monthly(parts: &Parts, time: &str, times: u32) -> String {
    let (days, has_positions) = days_of_month(parts, times == 1);
    let positions = if has_positions { String::new() } else { positions(parts, "month") };
    let months = runs(&parts.months, month);
    if parts.interval > 1 {
        let only = if months.is_empty() { String::new() } else { format!(", only in {months}") };
        return format!("{} on {days} {time}{only}{positions}", every("month", parts.interval));
    }
    let of = if months.is_empty() { "each month".to_owned() } else { months };
    let on = if days.starts_with("every") { "" } else { "on " };
    format!("{on}{days} of {of} {time}{positions}")
}

fn yearly(parts: &Parts, time: &str, times: u32) -> String {
    let (days, has_positions) = days_of_month(parts, times == 1);
    let positions = if has_positions { String::new() } else { positions(parts, "year") };
    let on = if !parts.weeks.is_empty() {
        in_weeks(parts, time)
    } else if !parts.year_days.is_empty() {
        let rest = limits(&Parts { year_days: Vec::new(), ..parts.clone() }, true);
        format!("the {} of the year {time}{rest}", month_days(&parts.year_days))
    } else {
        let months = runs(&parts.months, month);
        match (parts.month_days.as_slice(), parts.months.as_slice()) {
            ([day], [one]) if *day > 0 && parts.weekdays.is_empty() => format!("{day} {} {time}", month(*one)),
            ([], []) => format!("{days} of the year {time}"),
            ([_, ..], []) => format!("{days} of each month {time}"),
            (_, [_, _, ..]) if has_positions => format!("{days} of {months} taken together {time}"),
            (_, [_, ..]) => format!("{days} of {months} {time}"),
        }
    };
    format!("{} on {on}{positions}", every("year", parts.interval))
}

/// The days of a rule with BYWEEKNO.
fn in_weeks(parts: &Parts, time: &str) -> String {
    let (from_end, from_start): (Vec<i16>, Vec<i16>) = parts.weeks.iter().partition(|week| **week < 0);
    let early = (!from_start.is_empty()).then(|| numbered("week", &from_start));
    let late = from_end.iter().map(|week| format!("the {} week", ordinal(*week)));
    let weeks = joined(&early.into_iter().chain(late).collect::<Vec<_>>());
    let weekdays = plain_weekdays(parts);
    let days = if weekdays.is_empty() { "every day".to_owned() } else { runs(&weekdays, weekday) };
    format!("{days} of {weeks} {time}{}", limits(parts, false))
}
