//! A second implementation, built differently: it walks days, minutes and seconds and asks the *text* of each field
//! whether it means that value, by arithmetic on the value and by walking the calendar, never by making a set.

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, Timelike};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::Union;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::{at, rule, times};

const WORDS: [&str; 19] = [
    "SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP",
    "OCT", "NOV", "DEC",
];
/// So many days are walked for the next one.
const DAYS_WALKED: u64 = 366 * 9;

fn value(word: &str) -> i64 {
    match WORDS.iter().position(|name| *name == word) {
        Some(at) if at < 7 => at as i64,
        Some(at) => at as i64 - 6,
        None => word.parse().unwrap(),
    }
}

/// Whether a list of plain items means `number`, of a field whose values are `first` to `last`.
fn means(list: &str, number: i64, first: i64, last: i64) -> bool {
    let size = last - first + 1;
    list.split(',').any(|item| {
        let (values, step) = item.split_once('/').unwrap_or((item, ""));
        let (from, to) = match values.split_once('-') {
            _ if values == "*" || values == "?" => (first, last),
            Some((from, to)) => (value(from), value(to)),
            None if step.is_empty() => (value(values), value(values)),
            None => (value(values), last),
        };
        let whole = to - from == size;
        let behind = (number - from).rem_euclid(size);
        let step = if step.is_empty() { 1 } else { step.parse().unwrap() };
        behind % step == 0 && (whole || behind <= (to - from).rem_euclid(size))
    })
}

fn is_working(day: NaiveDate) -> bool {
    day.weekday().number_from_monday() <= 5
}

fn same_month(one: NaiveDate, other: NaiveDate) -> bool {
    (one.year(), one.month()) == (other.year(), other.month())
}

/// Whether `day` is the nearest working day of its month to `aim`.
fn is_nearest(day: NaiveDate, aim: NaiveDate) -> bool {
    let nearest = (0..3).flat_map(|away| [aim - Days::new(away), aim + Days::new(away)]);
    nearest.into_iter().find(|near| is_working(*near) && same_month(*near, aim)) == Some(day)
}

fn month_end(day: NaiveDate) -> NaiveDate {
    day.iter_days().find(|day| !same_month(*day, *day + Days::new(1))).unwrap()
}

fn day_item_means(item: &str, day: NaiveDate) -> bool {
    let (aim, working) = item.strip_suffix('W').map_or((item, false), |aim| (aim, true));
    let wanted = if let Some(before) = aim.strip_prefix('L') {
        month_end(day) - Days::new(before.trim_start_matches('-').parse().unwrap_or(0))
    } else if working {
        match day.with_day(aim.parse().unwrap()) {
            Some(aim) => aim,
            None => return false,
        }
    } else {
        return means(item, i64::from(day.day()), 1, 31);
    };
    same_month(wanted, day) && if working { is_nearest(day, wanted) } else { wanted == day }
}

fn weekday_item_means(item: &str, day: NaiveDate) -> bool {
    let number = i64::from(day.weekday().num_days_from_sunday());
    if let Some((weekday, nth)) = item.split_once('#') {
        let nth: u64 = nth.parse().unwrap();
        let before = |weeks: u64| same_month(day, day - Days::new(7 * weeks));
        return value(weekday) % 7 == number && before(nth - 1) && !before(nth);
    }
    match item.strip_suffix('L') {
        Some(weekday) => value(weekday) % 7 == number && !same_month(day, day + Days::new(7)),
        None => means(item, number, 0, 6),
    }
}

struct Fields<'t> {
    second: &'t str,
    minute: &'t str,
    hour: &'t str,
    day: &'t str,
    month: &'t str,
    weekday: &'t str,
}

impl<'t> Fields<'t> {
    fn of(text: &'t str) -> Self {
        let all: Vec<&str> = text.split(' ').collect();
        let [minute, hour, day, month, weekday] = all[all.len() - 5..] else { unreachable!() };
        Fields { second: if all.len() == 6 { all[0] } else { "0" }, minute, hour, day, month, weekday }
    }

    fn day_means(&self, day: NaiveDate) -> bool {
        let by_day = || self.day.split(',').any(|item| day_item_means(item, day));
        let by_weekday = || self.weekday.split(',').any(|item| weekday_item_means(item, day));
        let free = |field: &str| field == "*" || field == "?";
        means(self.month, i64::from(day.month()), 1, 12)
            && match (free(self.day), free(self.weekday)) {
                (true, true) => true,
                (false, true) => by_day(),
                (true, false) => by_weekday(),
                (false, false) => by_day() || by_weekday(),
            }
    }

    fn holds(&self, at: NaiveDateTime) -> bool {
        means(self.second, i64::from(at.second()), 0, 59)
            && means(self.minute, i64::from(at.minute()), 0, 59)
            && means(self.hour, i64::from(at.hour()), 0, 23)
            && self.day_means(at.date())
    }

    /// The first time from `from` on within [`DAYS_WALKED`] days.
    fn next(&self, from: NaiveDateTime) -> Option<NaiveDateTime> {
        let days = from.date().iter_days().take(DAYS_WALKED as usize);
        days.filter(|day| self.day_means(*day)).find_map(|day| {
            let earliest = if day == from.date() { from.time().num_seconds_from_midnight() } else { 0 };
            let hours = (0..24).filter(|hour| means(self.hour, i64::from(*hour), 0, 23));
            let minutes = hours.flat_map(|hour| (0..60).map(move |minute| (hour, minute)));
            minutes
                .filter(|(_, minute)| means(self.minute, i64::from(*minute), 0, 59))
                .flat_map(|(hour, minute)| (0..60).map(move |second| day.and_hms_opt(hour, minute, second).unwrap()))
                .find(|at| {
                    at.time().num_seconds_from_midnight() >= earliest
                        && means(self.second, i64::from(at.second()), 0, 59)
                })
        })
    }
}

fn plain(first: u8, last: u8) -> BoxedStrategy<String> {
    let number = first..=last;
    prop_oneof![
        4 => number.clone().prop_map(|number| number.to_string()),
        2 => (number.clone(), number.clone()).prop_map(|(from, to)| format!("{from}-{to}")),
        1 => (1..=last - first + 1).prop_map(|step| format!("*/{step}")),
        1 => (number.clone(), 1..=9_u8.min(last - first)).prop_map(|(from, step)| format!("{from}/{step}")),
        1 => (number.clone(), number, 1..=9_u8.min(last - first)).prop_map(|(from, to, step)| format!("{from}-{to}/{step}")),
    ]
    .boxed()
}

fn list(items: BoxedStrategy<String>, free: &'static str) -> BoxedStrategy<String> {
    prop_oneof![1 => Just(free.to_owned()), 2 => vec(items, 1..=3).prop_map(|items| items.join(","))].boxed()
}

fn named(names: &'static [&'static str]) -> BoxedStrategy<String> {
    let name = prop::sample::select(names);
    Union::new([
        name.clone().prop_map(str::to_owned).boxed(),
        (name.clone(), name).prop_map(|(from, to)| format!("{from}-{to}")).boxed(),
    ])
    .boxed()
}

fn day() -> BoxedStrategy<String> {
    prop_oneof![
        6 => plain(1, 31),
        1 => Just("L".to_owned()),
        1 => (0..=30_u8).prop_map(|before| format!("L-{before}")),
        1 => Just("LW".to_owned()),
        1 => (0..=30_u8).prop_map(|before| format!("L-{before}W")),
        2 => (1..=31_u8).prop_map(|day| format!("{day}W")),
    ]
    .boxed()
}

fn weekday() -> BoxedStrategy<String> {
    prop_oneof![
        3 => plain(0, 6),
        1 => (0..=7_u8, 0..=7_u8).prop_map(|(from, to)| format!("{from}-{to}")),
        2 => named(&WORDS[..7]),
        2 => (0..=7_u8, 1..=5_u8).prop_map(|(day, nth)| format!("{day}#{nth}")),
        1 => (0..=7_u8).prop_map(|day| format!("{day}L")),
    ]
    .boxed()
}

fn rules() -> impl Strategy<Value = String> {
    let month = prop_oneof![3 => plain(1, 12), 1 => named(&WORDS[7..])].boxed();
    let second = prop_oneof![2 => Just(String::new()), 1 => list(plain(0, 59), "*").prop_map(|second| second + " ")];
    let fields = (
        second,
        list(plain(0, 59), "*"),
        list(plain(0, 23), "*"),
        prop_oneof![list(day(), "*"), list(day(), "?")],
        prop_oneof![Just("*".to_owned()), list(month, "*")],
        prop_oneof![list(weekday(), "*"), list(weekday(), "?")],
    );
    fields.prop_map(|(second, minute, hour, day, month, weekday)| {
        format!("{second}{minute} {hour} {day} {month} {weekday}")
    })
}

fn moments() -> impl Strategy<Value = NaiveDateTime> {
    let first = at("1995-01-01 00:00");
    (0..60 * 366 * 86_400_i64).prop_map(move |seconds| first + chrono::TimeDelta::seconds(seconds))
}

/// The same cases in every run.
fn fixed(cases: u32) -> TestRunner {
    TestRunner::new_with_rng(Config::with_cases(cases), TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]))
}

#[test]
fn a_second_implementation_finds_the_same_times() {
    let compared = |(text, from): (String, NaiveDateTime)| {
        let (ours, theirs) = (rule(&text), Fields::of(&text));
        let mut from = from;
        for _ in 0..3 {
            let (found, walked) = (ours.next(from), theirs.next(from));
            match walked {
                Some(time) => prop_assert_eq!(found, Some(time), "{} from {}", text, from),
                None => {
                    let end = from + Days::new(DAYS_WALKED - 1);
                    prop_assert!(found.is_none_or(|time| time > end), "{text} from {from}: walked past {found:?}");
                    prop_assert!(found.is_none_or(|time| theirs.holds(time)), "{text} at {found:?}");
                    return Ok(());
                }
            }
            from = walked.unwrap() + chrono::TimeDelta::seconds(1);
        }
        Ok(())
    };
    fixed(1200).run(&(rules(), moments()), compared).unwrap();
}

#[test]
fn a_second_implementation_holds_at_the_same_times() {
    let agree = |(text, moments): (String, Vec<NaiveDateTime>)| {
        let (ours, theirs) = (rule(&text), Fields::of(&text));
        for at in moments.into_iter().chain(times(&ours, at("2027-03-01 00:00"), 5)) {
            prop_assert_eq!(ours.holds(at), theirs.holds(at), "{} at {}", text, at);
        }
        Ok(())
    };
    fixed(1200).run(&(rules(), vec(moments(), 20)), agree).unwrap();
}

#[test]
fn a_search_may_begin_anywhere_before_its_time() {
    let agree = |(text, from, middle): (String, NaiveDateTime, f64)| {
        let ours = rule(&text);
        let Some(found) = ours.next(from) else { return Ok(()) };
        prop_assert!(found >= from && ours.holds(found));
        let between = from + chrono::TimeDelta::seconds(((found - from).num_seconds() as f64 * middle) as i64);
        prop_assert_eq!(ours.next(between), Some(found), "{} from {}", text, between);
        Ok(())
    };
    fixed(1200).run(&(rules(), moments(), 0.0..=1.0), agree).unwrap();
}
