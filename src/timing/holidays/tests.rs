//! The holidays against published lists, and the rules by themselves.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate, Weekday};

use super::rule::Rule;
use super::shipped::FILES;
use super::*;

/// Made from two independent sources; its head tells which, and how differences were decided.
const PUBLISHED: &str = include_str!("../../../tests/data/holidays.txt");

fn date(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

fn dates(code: &str, region: Option<&str>, year: i32) -> Vec<NaiveDate> {
    holidays(code, region, year).expect("a known place").iter().map(|holiday| holiday.date).collect()
}

fn names(code: &str, region: Option<&str>, on: &str) -> Vec<&'static str> {
    let all = holidays(code, region, date(on).year()).expect("a known place");
    all.iter().filter(|holiday| holiday.date == date(on)).map(|holiday| holiday.name.as_str()).collect()
}

/// The published dates of each place and year.
fn published() -> BTreeMap<(String, i32), BTreeSet<NaiveDate>> {
    let lines = PUBLISHED.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let entries = lines.map(|line| {
        let mut words = line.split(' ');
        let place = words.next().expect("a place").to_owned();
        let year = words.next().expect("a year");
        ((place, year.parse().expect("a year")), words.map(|day| date(&format!("{year}-{day}"))).collect())
    });
    entries.collect()
}

#[test]
fn every_file_is_read() {
    for file in FILES {
        let read = Country::parse(file);
        assert!(read.is_ok(), "{:?} in {}", read.err(), file.lines().take(3).collect::<Vec<_>>().join("\n"));
    }
    assert_eq!(countries().len(), FILES.len());
    assert!(countries().is_sorted_by(|one, next| one.code < next.code), "by code, none twice");
}

#[test]
fn every_file_names_its_sources_and_when_it_was_checked() {
    for country in countries() {
        assert!(
            !country.sources.is_empty() && country.sources.iter().all(|source| source.len() > 20),
            "{}",
            country.code
        );
        assert!(country.checked.is_some(), "{}", country.code);
        assert!(!country.name.is_empty() && country.code.len() == 2);
        assert!(country.regions.iter().all(|region| !region.name.is_empty()), "{}", country.code);
    }
}

#[test]
fn the_dates_of_2024_to_2028_are_the_published_ones_in_every_place() {
    let published = published();
    let mut compared = 0;
    for country in countries() {
        let regions = country.regions.iter().map(|region| Some(region.code.as_str()));
        for region in std::iter::once(None).chain(regions) {
            let place = region.map_or(country.code.clone(), |region| format!("{}-{region}", country.code));
            for year in 2024..=2028 {
                let ours: BTreeSet<NaiveDate> = dates(&country.code, region, year).into_iter().collect();
                let theirs =
                    published.get(&(place.clone(), year)).unwrap_or_else(|| panic!("no list of {place} {year}"));
                assert_eq!(
                    &ours,
                    theirs,
                    "{place} {year}: only here {:?}, only published {:?}",
                    &ours - theirs,
                    theirs - &ours
                );
                compared += 1;
            }
        }
    }
    assert_eq!(compared, published.len(), "a published place is not offered");
}

#[test]
fn easter_falls_on_the_published_days() {
    // Western: the tables of the book of common prayer and of the U.S. census; the extremes and the two rare exceptions.
    let western = [
        "1598-03-22",
        "1818-03-22",
        "1886-04-25",
        "1943-04-25",
        "1954-04-18",
        "1981-04-19",
        "2000-04-23",
        "2008-03-23",
        "2011-04-24",
        "2024-03-31",
        "2025-04-20",
        "2038-04-25",
        "2049-04-18",
        "2076-04-19",
        "2100-03-28",
        "2285-03-22",
    ];
    for day in western.map(date) {
        assert_eq!(easter::western(day.year()), Some(day));
    }
    let orthodox = [
        "1990-04-15",
        "2000-04-30",
        "2010-04-04",
        "2021-05-02",
        "2024-05-05",
        "2025-04-20",
        "2026-04-12",
        "2027-05-02",
        "2100-05-02",
    ];
    for day in orthodox.map(date) {
        assert_eq!(easter::orthodox(day.year()), Some(day));
    }
}

#[test]
fn easter_is_a_sunday_within_its_limits() {
    for year in 1900..=2199 {
        let western = easter::western(year).expect("a day");
        assert_eq!(western.weekday(), Weekday::Sun, "{year}");
        assert!((322..=425).contains(&(western.month() * 100 + western.day())), "{western}");
        let orthodox = easter::orthodox(year).expect("a day");
        assert_eq!(orthodox.weekday(), Weekday::Sun, "{year}");
        let later = (orthodox - western).num_days();
        assert!([0, 7, 28, 35].contains(&later), "{year}: {later} days after the Western one");
    }
}

#[test]
fn equinoxes_are_those_that_japan_announced() {
    let announced = [
        (2007, 21, 23),
        (2008, 20, 23),
        (2012, 20, 22),
        (2016, 20, 22),
        (2019, 21, 23),
        (2020, 20, 22),
        (2023, 21, 23),
        (2024, 20, 22),
        (2025, 20, 23),
        (2026, 20, 23),
        (2027, 21, 23),
    ];
    for (year, march, september) in announced {
        assert_eq!(equinox::Equinox::Vernal.day(year), NaiveDate::from_ymd_opt(year, 3, march));
        assert_eq!(equinox::Equinox::Autumnal.day(year), NaiveDate::from_ymd_opt(year, 9, september));
    }
    assert_eq!(equinox::Equinox::Vernal.day(1979), None);
    assert_eq!(equinox::Equinox::Vernal.day(2151), None);
}

#[test]
fn japan_has_its_substitutes_and_citizens_holidays() {
    assert_eq!(
        names("JP", None, "2026-05-06"),
        ["Constitution Day (substitute day)"],
        "Sunday 3 May moves past 4 and 5"
    );
    assert_eq!(names("JP", None, "2026-09-22"), ["Citizens' Holiday"], "between Monday 21 and Wednesday 23");
    assert_eq!(
        names("JP", None, "2026-05-04"),
        ["Greenery Day"],
        "a holiday between two others is no citizens' holiday"
    );
    assert_eq!(names("JP", None, "2019-04-30"), ["Citizens' Holiday"]);
    assert_eq!(names("JP", None, "2019-05-02"), ["Citizens' Holiday"]);
    assert_eq!(names("JP", None, "2021-08-09"), ["Mountain Day (substitute day)"]);
    assert!(names("JP", None, "2027-09-22").is_empty());
}

#[test]
fn substitutes_stand_beside_their_holiday() {
    assert_eq!(
        names("US", None, "2027-12-31"),
        ["New Year's Day (observed)"],
        "Saturday 1 January 2028 is observed the year before"
    );
    assert_eq!(names("US", None, "2028-01-01"), ["New Year's Day"]);
    assert_eq!(
        names("US", None, "2100-12-31"),
        ["New Year's Day (observed)"],
        "also that of the first year that is not known"
    );
    assert_eq!(names("GB", Some("ENG"), "2027-12-27"), ["Christmas Day (substitute day)"]);
    assert_eq!(names("GB", Some("ENG"), "2027-12-28"), ["Boxing Day (substitute day)"]);
    assert_eq!(
        names("GB", Some("ENG"), "2022-12-27"),
        ["Christmas Day (substitute day)"],
        "Sunday's comes after Boxing Day"
    );
    assert_eq!(names("GB", Some("SCT"), "2022-01-04"), ["2 January (substitute day)"]);
    assert_eq!(names("NZ", None, "2010-04-26"), [""; 0], "Anzac Day was not Mondayised before 2014");
    assert_eq!(names("NZ", None, "2021-04-26"), ["Anzac Day (substitute day)"]);
    assert_eq!(names("NL", None, "2025-04-26"), ["King's Day"], "not on a Sunday");
    assert!(names("NL", None, "2025-04-27").is_empty());
}

#[test]
fn single_years_differ() {
    assert_eq!(names("GB", None, "2022-06-02"), ["Spring Bank Holiday"]);
    assert!(names("GB", None, "2022-05-30").is_empty());
    assert_eq!(names("GB", None, "2023-05-08"), ["Coronation of King Charles III"]);
    assert!(names("IT", None, "2025-10-04").is_empty());
    assert_eq!(names("IT", None, "2026-10-04"), ["Saint Francis of Assisi"]);
    assert_eq!(names("DE", Some("BE"), "2025-05-08"), ["Liberation Day"]);
    assert!(names("DE", Some("BB"), "2025-05-08").is_empty());
    assert_eq!(names("DE", Some("HH"), "2017-10-31"), ["Reformation Day"]);
    assert!(names("SK", None, "2026-05-08").is_empty());
    assert_eq!(names("IE", None, "2030-02-01"), ["Saint Brigid's Day"], "a Friday");
    assert!(names("IE", None, "2030-02-04").is_empty());
}

#[test]
fn the_irish_exceptions_are_the_years_whose_first_of_february_is_a_friday() {
    for year in 2023..=2100 {
        let expected = if date(&format!("{year}-02-01")).weekday() == Weekday::Fri { 1 } else { 0 };
        let on_first = names("IE", None, &format!("{year}-02-01"));
        let in_february = dates("IE", None, year).into_iter().filter(|day| day.month() == 2).count();
        assert_eq!(in_february, 1, "{year}");
        assert!(on_first.len() >= expected, "{year}");
    }
}

#[test]
fn holidays_are_sorted_and_of_their_year() {
    for country in countries() {
        for year in [1989, *country.years.start(), 2024, 2030, *country.years.end(), 2101] {
            let days = dates(&country.code, None, year);
            assert!(days.is_sorted() && days.iter().all(|day| day.year() == year), "{} {year}", country.code);
            assert_eq!(days.is_empty(), !country.years.contains(&year), "{} {year}", country.code);
        }
    }
}

#[test]
fn a_region_has_the_holidays_of_its_country_and_its_own() {
    for land in &country("DE").expect("Germany").regions {
        let (all, own) = (dates("DE", None, 2026), dates("DE", Some(&land.code), 2026));
        assert!(all.iter().all(|day| own.contains(day)), "{}", land.code);
    }
    assert_eq!(dates("DE", Some("NW"), 2026).len(), 11);
}

#[test]
fn an_unknown_place_is_told_with_what_is_known() {
    let unknown = holidays("XX", None, 2026).unwrap_err();
    assert!(unknown.to_string().contains("\"XX\"") && unknown.to_string().contains("AT, AU, BE"), "{unknown}");
    let unknown = holidays("DE", Some("XX"), 2026).unwrap_err();
    assert!(unknown.to_string().contains("BB, BE, BW"), "{unknown}");
    let unknown = holidays("AT", Some("W"), 2026).unwrap_err();
    assert!(unknown.to_string().contains("same everywhere"), "{unknown}");
}

#[test]
fn what_no_rule_says_is_refused() {
    let refused = [
        "| A | B",
        "13-01 | A | B",
        "01-32 | A | B",
        "1-1 | A | B",
        "easter2 | A | B",
        "easter+x | A | B",
        "5 monday 01 | A | B",
        "last monday 13 | A | B",
        "monday after 01-01 | A | B",
        "monday before | A | B",
        "noday | A | B",
        "01-01 | A",
        "01-01 | A | B | C",
        "01-01 | | B",
        "01-01 from | A | B",
        "01-01 from x | A | B",
        "01-01 upto 2020 | A | B",
        "01-01 move sun | A | B",
        "01-01 also x+1 | A | B",
        "01-01 move sun+free | A | B",
        "01-01 on day | A | B",
    ];
    for line in refused {
        assert!(Rule::parse(line).is_err(), "{line}");
    }
    let lost = Country::parse("country XX Nowhere\n01-01 in AA | A | B").unwrap_err();
    assert!(lost.contains("\"AA\""), "{lost}");
    assert!(Country::parse("01-01 | A | B").is_err(), "a file names its country");
    let line = Country::parse("country XX Nowhere\n\nnonsense here").unwrap_err();
    assert!(line.starts_with("line 3:"), "{line}");
}

proptest::proptest! {
    #[test]
    fn no_line_makes_the_reader_fail(line in "[0-9a-z+\\-|, ]{0,40}") {
        let _refused_or_read = Rule::parse(&line);
        let _refused_or_read = Country::parse(&line);
    }

    #[test]
    fn weekday_rules_give_that_weekday_on_the_right_side(year in 1990i32..=2100, month in 1u32..=12, day in 1u32..=28) {
        let near = NaiveDate::from_ymd_opt(year, month, day).expect("a day");
        for weekday in ["mon", "thu", "sun"] {
            let on = |side: &str| when::When::parse(&[weekday, side, &format!("{month:02}-{day:02}")]).expect("a rule").0.days(year);
            let (before, from) = (on("before"), on("from"));
            let wanted: Weekday = weekday.parse().expect("a weekday");
            proptest::prop_assert!(before.iter().chain(&from).all(|day| day.weekday() == wanted));
            proptest::prop_assert!(before.iter().all(|found| (1..=7).contains(&(near - *found).num_days())));
            proptest::prop_assert!(from.iter().all(|found| (0..=6).contains(&(*found - near).num_days())));
        }
    }
}
