//! A second implementation for what dateutil cannot judge: it writes every day of every period out, and is as slow as that.

use chrono::{Datelike, Days, Duration, Months, NaiveDate, NaiveDateTime};
use proptest::prelude::*;

use super::{at, set, times};

const WEEKDAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

/// A rule from WEEKLY to YEARLY with one time a day.
#[derive(Debug, Clone)]
struct Plain {
    freq: &'static str,
    interval: u32,
    week_start: u32,
    months: Vec<i64>,
    weeks: Vec<i64>,
    year_days: Vec<i64>,
    month_days: Vec<i64>,
    /// Ordinal (0 for none) and weekday.
    weekdays: Vec<(i64, u32)>,
    positions: Vec<i64>,
    skip: &'static str,
}

impl Plain {
    fn text(&self) -> String {
        let list = |name: &str, numbers: &[i64]| match numbers {
            [] => String::new(),
            numbers => format!(";{name}={}", numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(",")),
        };
        let day = |(ordinal, weekday): &(i64, u32)| {
            let name = WEEKDAYS[*weekday as usize];
            if *ordinal == 0 { name.to_owned() } else { format!("{ordinal}{name}") }
        };
        let weekdays: Vec<String> = self.weekdays.iter().map(day).collect();
        format!(
            "RSCALE=GREGORIAN;SKIP={};FREQ={};INTERVAL={};WKST={}{}{}{}{}{}{}",
            self.skip,
            self.freq,
            self.interval,
            WEEKDAYS[self.week_start as usize],
            list("BYMONTH", &self.months),
            list("BYWEEKNO", &self.weeks),
            list("BYYEARDAY", &self.year_days),
            list("BYMONTHDAY", &self.month_days),
            if weekdays.is_empty() { String::new() } else { format!(";BYDAY={}", weekdays.join(",")) },
            list("BYSETPOS", &self.positions),
        )
    }

    /// The first days of the periods from the one of a start on, and of the period after each.
    fn periods(&self, start: NaiveDate) -> impl Iterator<Item = (NaiveDate, NaiveDate)> {
        let into_week = (start.weekday().num_days_from_monday() + 7 - self.week_start) % 7;
        let first = match self.freq {
            "WEEKLY" => start - Days::new(into_week.into()),
            "MONTHLY" => start.with_day(1).expect("a day"),
            _ => NaiveDate::from_ymd_opt(start.year(), 1, 1).expect("a day"),
        };
        let freq = self.freq;
        let after = move |count: u32| match freq {
            "WEEKLY" => first + Days::new(7 * u64::from(count)),
            "MONTHLY" => first + Months::new(count),
            _ => first + Months::new(12 * count),
        };
        (0..).step_by(self.interval as usize).map(move |count| (after(count), after(count + 1)))
    }

    /// Days of the months of a period that BYMONTHDAY names, moved where they do not exist.
    fn by_month_day(&self, from: NaiveDate, to: NaiveDate) -> Vec<NaiveDate> {
        let mut found = Vec::new();
        let mut month = from;
        while month < to {
            let len = i64::from(month.num_days_in_month());
            for day in self.month_days.iter().map(|day| if *day > 0 { *day } else { len + 1 + *day }) {
                let moved = match (day, self.skip) {
                    (1.., _) if day <= len => day,
                    (_, "OMIT") => continue,
                    (1.., "BACKWARD") => len,
                    (1.., _) => len + 1,
                    (_, "BACKWARD") => 0,
                    (_, _) => 1,
                };
                let is_month = self.months.is_empty() || self.months.contains(&month.month().into());
                found.extend(is_month.then(|| month + Duration::days(moved - 1)));
            }
            month = month + Months::new(1);
        }
        found
    }

    fn is_week(&self, day: NaiveDate) -> bool {
        // The day of a week's middle tells its year (ISO 8601).
        let into = |day: NaiveDate| (day.weekday().num_days_from_monday() + 7 - self.week_start) % 7;
        let middle = day - Duration::days(into(day).into()) + Duration::days(3);
        let last = NaiveDate::from_ymd_opt(middle.year(), 12, 31).expect("a day");
        let last_middle = last - Duration::days(into(last).into()) + Duration::days(3);
        let last_middle =
            if last_middle.year() > middle.year() { last_middle - Duration::days(7) } else { last_middle };
        let (number, weeks) = (i64::from(middle.ordinal0() / 7 + 1), i64::from(last_middle.ordinal0() / 7 + 1));
        self.weeks.iter().any(|week| *week == number || *week == number - weeks - 1)
    }

    /// Whether BYDAY names a day; ordinals count within the month for MONTHLY and beside BYMONTH, else within the year.
    fn is_weekday(&self, day: NaiveDate, from: NaiveDate, to: NaiveDate) -> bool {
        let is_inside = from <= day && day < to;
        let (before, len) = if self.freq == "MONTHLY" || !self.months.is_empty() {
            (i64::from(day.day0()), i64::from(day.num_days_in_month()))
        } else {
            (i64::from(day.ordinal0()), if day.leap_year() { 366 } else { 365 })
        };
        let is_month = self.months.is_empty() || self.months.contains(&day.month().into());
        self.weekdays.iter().any(|(ordinal, weekday)| {
            let numbers = [before / 7 + 1, -((len - 1 - before) / 7 + 1)];
            let is_nth = *ordinal == 0 || (is_inside && is_month && numbers.contains(ordinal));
            is_nth && *weekday == day.weekday().num_days_from_monday()
        })
    }

    fn days(&self, from: NaiveDate, to: NaiveDate) -> Vec<NaiveDate> {
        let moves = self.freq != "WEEKLY" && self.weeks.is_empty() && self.year_days.is_empty();
        let still = Self { skip: "OMIT", ..self.clone() };
        let mut days: Vec<NaiveDate> = if self.month_days.is_empty() {
            let is_month = |day: &NaiveDate| self.months.is_empty() || self.months.contains(&day.month().into());
            from.iter_days().take_while(|day| *day < to).filter(is_month).collect()
        } else {
            (if moves { self } else { &still }).by_month_day(from, to)
        };
        days.retain(|day| self.weeks.is_empty() || self.is_week(*day));
        let len = |day: &NaiveDate| if day.leap_year() { 366 } else { 365 };
        days.retain(|day| {
            let number = i64::from(day.ordinal());
            self.year_days.is_empty() || self.year_days.iter().any(|n| *n == number || *n == number - len(day) - 1)
        });
        days.retain(|day| self.weekdays.is_empty() || self.is_weekday(*day, from, to));
        days.sort_unstable();
        days.dedup();
        let len = days.len() as i64;
        let is_kept =
            |at: i64| self.positions.is_empty() || self.positions.iter().any(|n| *n == at + 1 || *n == at - len);
        (0..).zip(days).filter(|(at, _)| is_kept(*at)).map(|(_, day)| day).collect()
    }

    fn all(&self, start: NaiveDateTime, end: NaiveDateTime) -> Vec<NaiveDateTime> {
        let periods = self.periods(start.date()).take_while(|(from, _)| *from - Duration::days(2) <= end.date());
        let days = periods.flat_map(|(from, to)| self.days(from, to));
        let mut found: Vec<_> =
            days.map(|day| day.and_time(start.time())).filter(|at| start <= *at && *at <= end).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

fn numbers(range: std::ops::RangeInclusive<i64>, odds: f64) -> impl Strategy<Value = Vec<i64>> {
    let list = proptest::collection::btree_set(range.prop_filter("zero", |number| *number != 0), 1..5);
    proptest::option::weighted(odds, list).prop_map(|list| list.into_iter().flatten().collect())
}

fn plain() -> impl Strategy<Value = Plain> {
    let head = (0usize..3, 1u32..4, 0u32..7, 0usize..3);
    let days = (numbers(1..=12, 0.4), numbers(-53..=53, 0.3), numbers(-366..=366, 0.2), numbers(-31..=31, 0.4));
    let far = proptest::collection::btree_set((0i64..=2, -6i64..=6, 0u32..7), 1..5);
    (head, days, far, numbers(-4..=4, 0.3)).prop_map(
        |((freq, interval, week_start, skip), days, weekdays, positions)| {
            let freq = ["WEEKLY", "MONTHLY", "YEARLY"][freq];
            let (months, weeks, year_days, month_days) = days;
            let only = |on: bool, list: Vec<i64>| if on { list } else { Vec::new() };
            let weeks = only(freq == "YEARLY", weeks);
            let has_ordinals = freq != "WEEKLY" && weeks.is_empty();
            let ordinal = |(kind, ordinal): (i64, i64)| if has_ordinals && kind == 0 { ordinal } else { 0 };
            let weekdays =
                weekdays.into_iter().map(|(kind, number, weekday)| (ordinal((kind, number)), weekday)).collect();
            let year_days = only(freq == "YEARLY", year_days);
            let month_days = only(freq != "WEEKLY", month_days);
            let skip = ["OMIT", "BACKWARD", "FORWARD"][skip];
            let is_open = !month_days.is_empty() && interval == 1;
            let weekdays = if is_open { Vec::new() } else { weekdays };
            Plain { freq, interval, week_start, months, weeks, year_days, month_days, weekdays, positions, skip }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn rules_give_what_writing_every_day_out_gives(plain in plain(), day in 0i64..1_500) {
        let (start, end) = (at("20230101T093000") + Duration::days(day), at("20330101T000000"));
        let start_text = start.format("%Y%m%dT%H%M%S");
        let set = set(&format!("DTSTART:{start_text}|RRULE:{}", plain.text()));

        let found: Vec<_> = times(&set, start).take_while(|found| *found <= end).collect();

        prop_assert_eq!(&found, &plain.all(start, end), "{}", set);
        for count in [1, 2, found.len() / 2, found.len()].into_iter().filter(|count| (1..=found.len()).contains(count)) {
            let counted = super::set(&format!("DTSTART:{start_text}|RRULE:{};COUNT={count}", plain.text()));
            prop_assert_eq!(times(&counted, start).last(), found.get(count - 1).copied(), "{}", counted);
        }
    }
}
