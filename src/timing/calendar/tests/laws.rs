//! Laws that hold of any calendar and any date.

use chrono::{Datelike, TimeDelta};
use proptest::prelude::*;

use super::*;

/// A calendar drawn at random: some country, some own dates, some workweek, some windows.
fn any_calendar() -> impl Strategy<Value = Calendar> {
    let places = ["IT", "JP", "GB", "US", "GR"];
    let own = proptest::collection::vec((0i64..1_500, 0i64..20), 0..12);
    let windows = proptest::collection::vec((0u32..24, 1u32..40, 0u8..128), 0..4);
    (0..places.len(), own, 1u8..128, windows).prop_map(move |(place, own, week, windows)| {
        let mut calendar = with("");
        calendar.holidays = vec![HolidaysOf { country: places[place].into(), region: None }];
        calendar.workweek = weekdays(week);
        calendar.dates = own
            .into_iter()
            .map(|(from, length)| {
                let from = day("2026-01-01") + TimeDelta::days(from);
                OwnDate {
                    from: Some(from),
                    to: Some(from + TimeDelta::days(length)),
                    name: "own".into(),
                    ..OwnDate::default()
                }
            })
            .collect();
        calendar.windows = windows
            .into_iter()
            .map(|(hour, hours, week)| WindowRule {
                name: "w".into(),
                weekdays: weekdays(week),
                start: Some(format!("{hour:02}:00").parse().expect("a time")),
                duration: Some(Length::seconds(hours * 3_600)),
                ..WindowRule::default()
            })
            .collect();
        calendar
    })
}

fn weekdays(bits: u8) -> Vec<chrono::Weekday> {
    (0u8..7).filter(|bit| bits & (1 << bit) != 0).flat_map(chrono::Weekday::try_from).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_next_business_day_is_one_and_nothing_before_it_is(calendar in any_calendar(), offset in 0i64..2_000) {
        let Ok(days) = calendar.days() else { return Ok(()) };
        let from = day("2025-12-01") + TimeDelta::days(offset);

        let next = days.next_business_day(from).expect("a business day");

        prop_assert!(next > from && days.is_business_day(next));
        let between = from.succ_opt().expect("a day").iter_days().take_while(|day| *day < next);
        prop_assert!(between.into_iter().all(|day| !days.is_business_day(day)));
        prop_assert_eq!(days.previous_business_day(next), days.roll(from, Roll::Previous), "no business day lies between");
    }

    #[test]
    fn rolling_gives_a_business_day_and_rolling_again_changes_nothing(calendar in any_calendar(), offset in 0i64..2_000) {
        let Ok(days) = calendar.days() else { return Ok(()) };
        let date = day("2025-12-01") + TimeDelta::days(offset);
        for roll in [Roll::Next, Roll::Previous, Roll::ModifiedNext] {
            let rolled = days.roll(date, roll).expect("a day");
            prop_assert!(days.is_business_day(rolled));
            prop_assert_eq!(days.roll(rolled, roll), Some(rolled));
        }
        prop_assert_eq!(days.roll(date, Roll::Keep), Some(date));
    }

    #[test]
    fn the_nth_business_days_are_those_of_the_month_in_order(calendar in any_calendar(), month in 1u32..=12) {
        let Ok(days) = calendar.days() else { return Ok(()) };
        let year = days.year(2027);
        let of_month: Vec<NaiveDate> =
            year.iter().map(|day| day.date).filter(|date| date.month() == month && days.is_business_day(*date)).collect();

        let counted: Vec<NaiveDate> = (1..).map_while(|nth| days.nth_business_day(2027, month, nth)).collect();
        let mut back: Vec<NaiveDate> = (1..).map_while(|nth| days.nth_business_day(2027, month, -nth)).collect();
        back.reverse();

        prop_assert_eq!(&counted, &of_month);
        prop_assert_eq!(&back, &of_month);
    }

    #[test]
    fn a_window_is_open_until_its_end_and_not_at_it(calendar in any_calendar(), minutes in 0i64..400_000) {
        let Ok(days) = calendar.days() else { return Ok(()) };
        let moment = at("2026-01-01T00:00") + TimeDelta::minutes(minutes);
        let Some(window) = days.window_at(moment) else { return Ok(()) };

        prop_assert!(window.ends > moment);
        let last = window.ends - TimeDelta::seconds(1);
        prop_assert_eq!(days.window_at(last).map(|window| window.ends), Some(window.ends));
        let halfway = moment + (window.ends - moment) / 2;
        prop_assert!(days.window_at(halfway).is_some());
        prop_assert_eq!(days.window_at(window.ends), None);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[0-9:T \\-a-zäé]{0,24}") {
        let _read = (text.parse::<Moment>(), text.parse::<TimeOfDay>(), text.parse::<MonthDay>(), text.parse::<Length>());
    }

    #[test]
    fn small_values_are_written_as_they_are_read(seconds in 0u32..10_000_000, minutes in 0i64..1_000_000) {
        let length = Length::seconds(seconds);
        prop_assert_eq!(length.to_string().parse(), Ok(length));
        let moment = Moment(at("2026-01-01T00:00") + TimeDelta::seconds(minutes * 61));
        prop_assert_eq!(moment.to_string().parse(), Ok(moment));
        let time = TimeOfDay(moment.0.time());
        prop_assert_eq!(time.to_string().parse(), Ok(time));
    }
}
