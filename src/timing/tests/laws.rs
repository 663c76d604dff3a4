//! Laws that hold for every plan.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;

use crate::timing::calendar::{Calendar, Roll};
use crate::timing::{
    Action, Business, ClockChange, Closed, Exclusion, Gap, Hours, Interval, Occurrence, Overlap, Plan, Rule,
};

fn calendar() -> Calendar {
    serde_json::from_value(serde_json::json!({
        "kind": "Calendar", "name": "house", "timezone": "Europe/Rome", "holidays": [{ "country": "IT" }],
        "windows": [
            { "name": "patch", "weekdays": ["mon"], "start": "05:00", "duration": "4h" },
            { "name": "night", "start": "23:30", "duration": "90m" },
            { "name": "freeze", "from": "2026-03-09T00:00", "to": "2026-03-24T00:00" },
            { "name": "move", "from": "2026-03-27T00:00", "to": "2026-03-30T12:00" },
        ],
    }))
    .expect("a calendar")
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let texts = prop_oneof![
        Just("30 6 * * 1-5"),
        Just("*/20 * * * *"),
        Just("30 2 * * *"),
        Just("0 0 L * *"),
        Just("15 10 15W * *"),
        Just("0,30 1-3 * * *"),
        Just("0 12 29 2 *"),
        Just("59 23 * * *"),
        Just("H H * * *"),
    ];
    let cron = texts.prop_map(|text| Rule::parse(text, Tz::UTC).expect("a rule"));
    let every = (60u64..200_000, 0u64..60).prop_map(|(every, phase)| {
        let seconds = std::time::Duration::from_secs;
        Rule::Every(Interval::new(seconds(every), seconds(phase)).expect("an interval"))
    });
    let at = (0i64..1_000).prop_map(|hours| Rule::At(begin() + TimeDelta::hours(hours)));
    proptest::collection::vec(prop_oneof![4 => cron, 1 => every, 1 => at], 1..4)
}

fn begin() -> DateTime<Utc> {
    "2026-03-01T00:00:00Z".parse().expect("a time")
}

fn plans() -> impl Strategy<Value = Plan> {
    let zones =
        prop_oneof![Just(Tz::Europe__Rome), Just(Tz::America__New_York), Just(Tz::Australia__Lord_Howe), Just(Tz::UTC)];
    let gaps = prop_oneof![Just(None), Just(Some(Gap::Skip)), Just(Some(Gap::RunAfter)), Just(Some(Gap::Shift))];
    let overlaps =
        prop_oneof![Just(None), Just(Some(Overlap::First)), Just(Some(Overlap::Second)), Just(Some(Overlap::Both))];
    let rolls = prop_oneof![
        Just(None),
        Just(Some(Roll::Keep)),
        Just(Some(Roll::Next)),
        Just(Some(Roll::Previous)),
        Just(Some(Roll::ModifiedNext))
    ];
    let actions = prop_oneof![Just(None), Just(Some(Action::Skip)), Just(Some(Action::Delay))];
    let span = (proptest::option::of(0i64..40), proptest::option::of(41i64..90));
    let tuple = (rules(), zones, gaps, overlaps, rolls, (actions.clone(), actions), any::<(bool, bool)>(), span);
    tuple.prop_map(|(rules, zone, gap, overlap, roll, (hours, windows), (holidays, august), (start, end))| {
        let days = Arc::new(calendar().days().expect("valid"));
        let is_dense = rules.iter().any(Rule::is_interval_like);
        let roll = roll.filter(|roll| !is_dense || *roll == Roll::Keep);
        let mut exclude = Vec::new();
        exclude.extend(holidays.then(|| Exclusion::Holidays(Arc::clone(&days))));
        exclude.extend(august.then(|| Exclusion::Rule(Rule::parse("* * 10-20 3,4 *", Tz::UTC).expect("a rule"))));
        let time = |hour| chrono::NaiveTime::from_hms_opt(hour, 0, 0).expect("a time");
        Plan {
            zone,
            rules,
            change: ClockChange { gap, overlap },
            exclude,
            business: roll.map(|roll| Business { days: Arc::clone(&days), roll }),
            hours: hours.map(|action| Hours { from: time(6), to: time(20), action }),
            closed: windows.map(|action| Closed { days, action }).into_iter().collect(),
            start: start.map(|days| begin() + TimeDelta::days(days)),
            end: end.map(|days| begin() + TimeDelta::days(days)),
        }
    })
}

fn runs(plan: &Plan, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    plan.runs(from, to).collect()
}

proptest! {
    #[test]
    fn a_range_is_the_sum_of_its_parts(plan in plans(), first in 0i64..3_000_000, second in 0i64..3_000_000) {
        let (a, c) = (begin(), begin() + TimeDelta::seconds(first + second));
        let b = a + TimeDelta::seconds(first);

        let parts = [runs(&plan, a, b), runs(&plan, b, c)].concat();

        prop_assert_eq!(runs(&plan, a, c), parts);
    }

    #[test]
    fn runs_rise_within_start_and_end_and_never_at_an_excluded_or_closed_time(plan in plans()) {
        let (from, to) = (begin() - TimeDelta::days(3), begin() + TimeDelta::days(70));
        let runs = runs(&plan, from, to);

        prop_assert!(runs.windows(2).all(|pair| pair[0] < pair[1]));
        for at in runs {
            prop_assert!(plan.start.is_none_or(|start| at >= start) && plan.end.is_none_or(|end| at < end), "{}", at);
            let local = at.with_timezone(&plan.zone).naive_local();
            for exclusion in &plan.exclude {
                let is_out = match exclusion {
                    Exclusion::Holidays(days) => days.is_holiday(local.date()).is_some(),
                    Exclusion::Rule(Rule::Cron(cron)) => cron.holds(local.date().and_hms_opt(12, 0, 0).expect("noon")),
                    _ => false,
                };
                prop_assert!(!is_out, "{} is excluded", local);
            }
            let is_closed = plan.closed.iter().any(|closed| {
                closed.days.window_at(at.with_timezone(&Tz::Europe__Rome).naive_local()).is_some()
            });
            prop_assert!(!is_closed, "{} is within a window", local);
        }
    }

    #[test]
    fn what_an_exclusion_leaves_is_what_it_does_not_cover(
        zone in prop_oneof![Just(Tz::Europe__Rome), Just(Tz::America__New_York), Just(Tz::Australia__Lord_Howe), Just(Tz::Antarctica__Troll)],
        text in prop_oneof![Just("* 2 * * *"), Just("* 1-3 * * *"), Just("* * 29 3 *"), Just("*/7 1-4 * * *"), Just("* 3,23 * * 0"), Just("* * * * 6,0")],
        season in prop_oneof![Just("2026-03-01T00:00:00Z"), Just("2026-10-01T00:00:00Z")], hours in 0i64..900,
        every in prop_oneof![Just(60u64), Just(420), Just(3_600)], cron in prop_oneof![Just("30 2 * * *"), Just("*/20 1-3 * * *"), Just("15 4 * * *")],
        gap in prop_oneof![Just(None), Just(Some(Gap::RunAfter)), Just(Some(Gap::Shift))],
        overlap in prop_oneof![Just(None), Just(Some(Overlap::Second)), Just(Some(Overlap::Both))],
    ) {
        let begin: DateTime<Utc> = season.parse().expect("a time");
        let (from, excluded) = (begin + TimeDelta::hours(hours), Rule::parse(text, Tz::UTC).expect("a rule"));
        let to = from + TimeDelta::hours(80);
        let every = Rule::Every(Interval::new(std::time::Duration::from_secs(every), std::time::Duration::ZERO).expect("an interval"));
        let cron_rule = Rule::parse(cron, Tz::UTC).expect("a rule");
        let all = Plan { rules: vec![every, cron_rule], ..Plan::of(excluded.clone(), zone, ClockChange { gap, overlap }) };
        let Rule::Cron(cron) = &excluded else { unreachable!() };
        // what a gap moved must be allowed where it comes from, too
        let is_left = |one: &Occurrence| one.runs_at().is_some_and(|at| !cron.holds(at.with_timezone(&zone).naive_local())) && !cron.covers(one.local);
        let left: Vec<DateTime<Utc>> =
            all.course(from).take_while(|one| one.moment < to).filter(is_left).filter_map(|one| one.runs_at()).collect();

        prop_assert_eq!(runs(&Plan { exclude: vec![Exclusion::Rule(excluded.clone())], ..all.clone() }, from, to), left);
    }

    #[test]
    fn whatever_does_not_run_says_why_and_each_is_named_once(plan in plans()) {
        let (from, to) = (begin(), begin() + TimeDelta::days(40));
        let mut seen = std::collections::BTreeSet::new();
        for one in plan.course(from).take_while(|one| one.moment < to).take(5_000) {
            prop_assert!(one.moment >= from);
            prop_assert!(seen.insert(one.at), "{} is named twice", one.at);
        }
    }
}
