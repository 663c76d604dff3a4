//! Says a recurrence in plain English: each rule, what comes besides, what is left out.

use super::Recurrence;
use super::civil::DAY;
use super::names::{clock, date, join, month, numbered, ordinal, runs, weekday};
use super::parts::{Bound, Freq, Parts, Skip};
use super::rule::Rule;

/// So many times of the day or dates are listed; more are summed up.
const LISTED_MAX: usize = 6;
/// Monday to Friday.
const WORKDAYS: [i16; 5] = [0, 1, 2, 3, 4];

/// Says a set.
pub(super) fn sentence(set: &Recurrence) -> String {
    let mut said = set.rules.iter().map(clause).collect::<Vec<_>>().join("; also ");
    if !set.dates.is_empty() {
        let also = if said.is_empty() { "" } else { ", and also " };
        said = format!("{said}{also}{}", dates(&set.dates, |at| format!("{} at {}", date(at), clock(at.rem_euclid(DAY)))));
    }
    let but = set.but_rules.iter().map(clause);
    let days: Vec<i64> = set.but_days.iter().map(|day| day * DAY).collect();
    let but_days = (!days.is_empty()).then(|| dates(&days, date));
    let but_dates = (!set.but_dates.is_empty())
        .then(|| dates(&set.but_dates, |at| format!("{} at {}", date(at), clock(at.rem_euclid(DAY)))));
    let but: Vec<String> = but.chain(but_days).chain(but_dates).collect();
    if !but.is_empty() {
        said = format!("{said}; except {}", join(&but));
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
        times => format!("on {}", join(&times.iter().map(|at| name(*at)).collect::<Vec<_>>())),
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
        return format!("at {}", join(&times.iter().map(|time| clock(time.into())).collect::<Vec<_>>()));
    }
    let bits = |mask: u64| (0..60).filter(|bit| mask & (1 << bit) != 0).collect::<Vec<i16>>();
    let (minutes, seconds) = (bits(times.minutes), bits(times.seconds));
    let second = if seconds == [0] { String::new() } else { format!("{} of ", numbered("second", &seconds)) };
    format!("at {second}{} of {}", numbered("minute", &minutes), numbered("hour", &bits(times.hours)))
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

/// "Monday to Friday".
fn on_weekdays(days: &[i16]) -> String {
    runs(days, weekday)
}

/// What limits the days of a rule, each with a comma before it.
fn limits(parts: &Parts, has_weekdays: bool) -> String {
    let mut said = Vec::new();
    if has_weekdays && !parts.weekdays.is_empty() {
        said.push(format!("on {}", on_weekdays(&plain_weekdays(parts))));
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
    let early = (!from_start.is_empty()).then(|| runs(&from_start, ordinal));
    let late = from_end.iter().map(|number| ordinal(*number));
    join(&early.into_iter().chain(late).collect::<Vec<_>>())
}

/// The same of days: "1st and last day", "10th to 15th".
fn month_days(days: &[i16]) -> String {
    let has_end = days.iter().any(|day| *day < 0);
    format!("{}{}", ordinals(days), if has_end { " day" } else { "" })
}

fn within_day(parts: &Parts, rule: &Rule) -> String {
    let unit = parts.freq.unit();
    let mut said = every(unit, parts.interval);
    let mut limits_of_time = Vec::new();
    let named = |mask: u64| (0..60).filter(|bit| mask & (1 << bit) != 0).collect::<Vec<i16>>();
    let times = rule.times();
    let (minutes, seconds) = (named(times.minutes), named(times.seconds));
    match parts.freq {
        Freq::Hourly if minutes != [0] => said = format!("{said} at {}", numbered("minute", &minutes)),
        Freq::Minutely if !parts.minutes.is_empty() => limits_of_time.push(format!("in {}", numbered("minute", &minutes))),
        Freq::Secondly if !parts.minutes.is_empty() => limits_of_time.push(format!("in {}", numbered("minute", &minutes))),
        Freq::Secondly | Freq::Minutely | Freq::Hourly | Freq::Daily | Freq::Weekly | Freq::Monthly | Freq::Yearly => {}
    }
    if parts.freq != Freq::Secondly && seconds != [0] {
        let comma = if said.contains(" at ") { "," } else { " at" };
        said = format!("{said}{comma} {}", numbered("second", &seconds));
    }
    if parts.freq == Freq::Secondly && !parts.seconds.is_empty() {
        limits_of_time.push(format!("at {}", numbered("second", &seconds)));
    }
    if !parts.hours.is_empty() {
        limits_of_time.push(format!("in {}", numbered("hour", &parts.hours)));
    }
    let of_time: String = limits_of_time.iter().map(|limit| format!(", only {limit}")).collect();
    format!("{said}{of_time}{}{}", limits(parts, true), positions(parts, unit))
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
        format!("{} on {}", every("week", parts.interval), on_weekdays(&days))
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
        [] => join(&numbered),
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
    let head = every("year", parts.interval);
    let months = runs(&parts.months, month);
    let (days, has_positions) = days_of_month(parts, times == 1);
    let positions = if has_positions { String::new() } else { positions(parts, "year") };
    let in_months = if months.is_empty() { String::new() } else { format!(" in {months}") };
    let on = match (parts.weeks.is_empty(), parts.year_days.is_empty()) {
        (false, _) => {
            let year_days = limits(&Parts { months: Vec::new(), weekdays: Vec::new(), ..parts.clone() }, false);
            let weeks = format!("week{} {}", if parts.weeks.len() > 1 { "s" } else { "" }, week_numbers(&parts.weeks));
            let days = if parts.weekdays.is_empty() { "every day".to_owned() } else { days_only(parts) };
            format!("{days} of {weeks}{in_months} {time}{year_days}")
        }
        (true, false) => {
            let rest = limits(&Parts { months: Vec::new(), year_days: Vec::new(), ..parts.clone() }, true);
            format!("the {} of the year{in_months} {time}{rest}", month_days(&parts.year_days))
        }
        (true, true) => match (parts.month_days.as_slice(), parts.months.as_slice()) {
            ([day], [one]) if *day > 0 && parts.weekdays.is_empty() => format!("{day} {} {time}", month(*one)),
            (_, []) if parts.month_days.is_empty() => format!("{days} of the year {time}"),
            (_, []) => format!("{days} of each month {time}"),
            (_, [_, _, ..]) if has_positions => format!("{days} of {months} taken together {time}"),
            (_, [_, ..]) => format!("{days} of {months} {time}"),
        },
    };
    format!("{head} on {on}{positions}")
}

/// Weekdays without what BYMONTHDAY says of them.
fn days_only(parts: &Parts) -> String {
    on_weekdays(&plain_weekdays(parts))
}

/// "20", "1 and 53", "the last but 2".
fn week_numbers(weeks: &[i16]) -> String {
    let (from_end, from_start): (Vec<i16>, Vec<i16>) = weeks.iter().partition(|week| **week < 0);
    let early = (!from_start.is_empty()).then(|| runs(&from_start, |week| week.to_string()));
    let late = from_end.iter().map(|week| format!("{week} from the end").replace('-', ""));
    join(&early.into_iter().chain(late).collect::<Vec<_>>())
}
