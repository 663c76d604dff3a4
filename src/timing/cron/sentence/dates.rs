//! Days and months in words.

use super::super::days::{By, Days};
use super::super::item::{DayOf, WeekdayOf};
use super::set::Set;
use crate::timing::words::{MONTHS, WEEKDAYS, joined, ordinal};

const MONDAY_TO_FRIDAY: u64 = 0b0111110;
const WEEKEND: u64 = 0b1000001;

/// Days in words: "on days 1 and 15 of January"; nothing for every day of every month when the times say "every" already.
pub(super) fn of(days: &Days, months: u64, is_repeated: bool) -> String {
    let months = Set::new(months, 1, 12);
    let dates = Dates { is_repeated, months: Months::new(&months) };
    let numbers = Set::new(days.numbers, 1, 31);
    let by_day = !numbers.is_full();
    let by_weekday = days.weekdays.count_ones() < 7;
    match days.by {
        By::Day if by_day => dates.days(&numbers, days),
        By::Weekday if by_weekday => dates.weekdays(days),
        By::Either if by_day && by_weekday => {
            let day = dates.days(&numbers, days);
            format!("{day}, and also {}", Dates { is_repeated: true, ..dates }.weekdays(days))
        }
        By::Nothing | By::Day | By::Weekday | By::Either => dates.every_day(),
    }
}

struct Dates {
    months: Months,
    is_repeated: bool,
}

impl Dates {
    fn every_day(&self) -> String {
        let within = &self.months.within;
        if self.is_repeated { within.clone() } else { format!("every day {within}").trim_end().to_owned() }
    }

    /// Days of the month: "on days 1 to 7 and the last day of the month".
    fn days(&self, numbers: &Set, days: &Days) -> String {
        let mut parts = Vec::new();
        match numbers.steps() {
            _ if numbers.len() == 0 => {}
            Some(steps) if steps.step > 1 && numbers.len() > 3 => {
                parts.push(format!("every {} day from day {} to {}", ordinal(steps.step.into()), steps.from, steps.to));
            }
            Some(_) | None => {
                let days = if numbers.len() == 1 { "day" } else { "days" };
                parts.push(format!("{days} {}", numbers.list(|day| day.to_string())));
            }
        }
        parts.extend(days.special.iter().map(|day| special_day(*day)));
        parts.dedup();
        format!("on {} of {}", joined(&parts), self.months.of)
    }

    /// Weekdays: "Monday to Friday", "on the second Monday of the month".
    fn weekdays(&self, days: &Days) -> String {
        let mut special: Vec<String> = days.special_weekdays.iter().map(|day| special_weekday(*day)).collect();
        special.dedup();
        let special = (!special.is_empty()).then(|| format!("{} of {}", joined(&special), self.months.of));
        match (days.weekdays, special) {
            (0, Some(special)) => format!("on {special}"),
            (0, None) => String::new(),
            (plain, None) => self.plain(plain),
            (plain, Some(special)) => format!("{} and on {special}", self.plain(plain)),
        }
    }

    /// Weekdays that come every week, and their months.
    fn plain(&self, weekdays: u64) -> String {
        let days = self.every_week(weekdays);
        let border = if days.contains(" to ") && !self.months.within.is_empty() { "," } else { "" };
        format!("{days}{border} {}", self.months.within).trim_end().to_owned()
    }

    fn every_week(&self, weekdays: u64) -> String {
        let set = Set::new(weekdays, 0, 7);
        match &set.runs()[..] {
            _ if weekdays == MONDAY_TO_FRIDAY && self.is_repeated => "on weekdays".to_owned(),
            _ if weekdays == WEEKEND => "on Saturdays and Sundays".to_owned(),
            [(from, to)] if set.len() > 2 => {
                let on = if self.is_repeated { "from " } else { "" };
                format!("{on}{} to {}", name(&WEEKDAYS, *from), name(&WEEKDAYS, *to))
            }
            _ => {
                let monday_first = (1..=7).map(|day| day % 7).filter(|day| set.numbers().contains(day));
                let names: Vec<String> = monday_first.map(|day| format!("{}s", name(&WEEKDAYS, day))).collect();
                format!("on {}", joined(&names))
            }
        }
    }
}

/// The months of a rule, as they stand behind days.
struct Months {
    /// Behind "of": "the month", "January and July", "every month from June to August".
    of: String,
    /// Alone: nothing, "in January and July", "from June to August".
    within: String,
}

impl Months {
    fn new(set: &Set) -> Self {
        let month = |month: u8| name(&MONTHS, month - 1);
        match &set.runs()[..] {
            _ if set.is_full() => Months { of: "the month".to_owned(), within: String::new() },
            [(from, to)] if set.len() > 2 => {
                let within = format!("from {} to {}", month(*from), month(*to));
                Months { of: format!("every month {within}"), within }
            }
            _ => {
                let names: Vec<String> = set.numbers().iter().map(|number| month(*number)).collect();
                Months { of: joined(&names), within: format!("in {}", joined(&names)) }
            }
        }
    }
}

fn special_day(day: DayOf) -> String {
    match day {
        DayOf::BeforeLast(0) => "the last day".to_owned(),
        DayOf::BeforeLast(before) => ordinal_before(before),
        DayOf::NearWorking(day) => format!("the working day nearest to day {day}"),
        DayOf::NearWorkingBeforeLast(0) => "the last weekday (Mon–Fri)".to_owned(),
        DayOf::NearWorkingBeforeLast(before) => format!("the working day nearest to {}", ordinal_before(before)),
    }
}

/// "the 3rd day before the last day"
fn ordinal_before(before: u8) -> String {
    if before == 1 {
        "the day before the last day".to_owned()
    } else {
        format!("the {} day before the last day", ordinal(before.into()))
    }
}

fn special_weekday(day: WeekdayOf) -> String {
    match day {
        WeekdayOf::Nth(day, nth) => {
            let nth = name(&["first", "second", "third", "fourth", "fifth"], nth - 1);
            format!("the {nth} {}", name(&WEEKDAYS, day))
        }
        WeekdayOf::Last(day) => format!("the last {}", name(&WEEKDAYS, day)),
    }
}

fn name(names: &[&str], at: u8) -> String {
    names.get(usize::from(at)).copied().unwrap_or_default().to_owned()
}
