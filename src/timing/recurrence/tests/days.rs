//! Sets of days and times, each against the same said slowly.

use super::super::civil::{civil, day_number, days_before, month_len, weekday, year_len};
use super::super::times::{TimeSet, Within};
use chrono::{Datelike, NaiveDate};

#[test]
fn day_numbers_are_those_of_chrono_over_three_thousand_years() {
    let first = NaiveDate::from_ymd_opt(1, 1, 1).expect("a day");
    for day in first.iter_days().step_by(13).take_while(|day| day.year() < 3000) {
        let (year, month, of_month) = civil(day_number(day.year().into(), day.month(), day.day()));
        assert_eq!((year, month, of_month), (day.year().into(), day.month(), day.day()));
        let number = day_number(year, month, of_month);
        assert_eq!(number, i64::from(day.num_days_from_ce()) - 719_163);
        assert_eq!(weekday(number), day.weekday().num_days_from_monday());
        assert_eq!(days_before(year, month) + of_month, day.ordinal());
        assert_eq!(month_len(year, month), u32::from(day.num_days_in_month()));
        assert_eq!(year_len(year), if day.leap_year() { 366 } else { 365 });
    }
}

#[test]
fn a_product_of_times_is_the_same_as_all_of_them() {
    let set = TimeSet { hours: 1 | 1 << 5 | 1 << 23, minutes: 1 << 7 | 1 << 59, seconds: 1 << 30 | 1 << 31 };
    let all: Vec<u32> = (0..86_400).filter(|time| set.holds(*time)).collect();

    assert_eq!(all.len(), 12);
    assert_eq!(set.len(), 12);
    assert_eq!(set.iter().collect::<Vec<_>>(), all);
    for (at, time) in (0..).zip(&all) {
        assert_eq!(set.nth(at), Some(*time));
    }
    assert_eq!(set.nth(12), None);
    for from in (0..86_400).step_by(11) {
        assert_eq!(set.first_from(from), all.iter().copied().find(|time| *time >= from));
    }
}

#[test]
fn positions_pick_from_both_ends_and_each_once() {
    let set = TimeSet { hours: 0b111, minutes: 1, seconds: 1 };

    assert_eq!(Within::new(set, &[-3, -1, 1]), Within::Picked(vec![0, 7_200]));
    assert_eq!(Within::new(set, &[4, -4]), Within::Picked(vec![]));
    assert_eq!(Within::new(set, &[]), Within::All(set));
}
