//! What people ask of schedules.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use crate::timing::calendar::Calendar;
use crate::timing::document::{Calendars, Timing};
use crate::timing::{Fate, Occurrence, Plan, Reason};

fn calendars() -> Calendars {
    let house = json!({
        "kind": "Calendar", "name": "it-holidays", "timezone": "Europe/Rome", "holidays": [{ "country": "IT" }],
    });
    let maintenance = json!({
        "kind": "Calendar", "name": "maintenance", "timezone": "Europe/Rome",
        "windows": [{ "name": "patch day", "weekdays": ["mon"], "start": "05:00", "duration": "4h" }],
    });
    let ready = |document: Value| {
        let calendar: Calendar = serde_json::from_value(document).expect("a calendar");
        (calendar.name.as_str().to_owned(), Arc::new(calendar.days().expect("valid")))
    };
    let school = json!({
        "kind": "Calendar", "name": "school", "timezone": "Europe/Rome",
        "dates": [{ "from": "2026-06-08", "to": "2026-09-12", "name": "Summer" }],
    });
    [ready(house), ready(maintenance), ready(school)].into()
}

fn plan(document: Value) -> Plan {
    let timing: Timing = serde_json::from_value(document).expect("a timing");
    timing.plan("test", &calendars()).expect("a plan")
}

fn faults(document: Value) -> Vec<String> {
    let timing: Timing = serde_json::from_value(document).expect("a timing");
    let faults = timing.plan("test", &calendars()).err().unwrap_or_default();
    faults.into_iter().map(|fault| format!("{}: {}", fault.path, fault.message)).collect()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

/// The next occurrences in local time: when they run and why not when their rule says.
fn told(plan: &Plan, from: &str, many: usize) -> Vec<String> {
    let shown = |at: DateTime<Utc>| at.with_timezone(&plan.zone).format("%a %d %b %H:%M").to_string();
    let tell = |one: Occurrence| match one.fate {
        Fate::Runs(at, None) => shown(at),
        Fate::Runs(at, Some(reason)) => format!("{} from {} {reason:?}", shown(at), one.local.format("%a %d %b %H:%M")),
        Fate::Skipped(reason) => format!("not {} {reason:?}", one.local.format("%a %d %b %H:%M")),
    };
    plan.course(at(from)).take(many).map(tell).collect()
}

#[test]
fn the_schedule_of_the_mock_up_is_delayed_on_mondays_and_skipped_on_holidays() {
    let plan = plan(json!({
        "timezone": "Europe/Rome", "rules": [{ "cron": "30 6 * * 1-5" }], "exclude": [{ "calendar": "it-holidays" }],
        "windows": [{ "calendar": "maintenance", "action": "delay" }],
    }));

    assert_eq!(
        told(&plan, "2026-12-03T00:00:00Z", 5),
        [
            "Thu 03 Dec 06:30",
            "Fri 04 Dec 06:30",
            "Mon 07 Dec 09:00 from Mon 07 Dec 06:30 Window(\"patch day\")",
            "not Tue 08 Dec 06:30 Holiday(\"Immacolata (it-holidays)\")",
            "Wed 09 Dec 06:30",
        ]
    );
}

#[test]
fn the_last_business_day_of_the_month_except_august() {
    let plan = plan(json!({
        "timezone": "Europe/Rome", "rules": [{ "cron": "30 17 L * *" }], "exclude": [{ "cron": "* * * 8 *" }],
        "business_days": { "calendar": "it-holidays", "roll": "previous" },
    }));

    assert_eq!(
        told(&plan, "2026-05-01T00:00:00Z", 6),
        [
            "Fri 29 May 17:30 from Sun 31 May 17:30 NoBusinessDay(\"no business day (it-holidays)\")",
            "Tue 30 Jun 17:30",
            "Fri 31 Jul 17:30",
            "not Mon 31 Aug 17:30 Excluded(\"in August\")",
            "Wed 30 Sep 17:30",
            "Fri 30 Oct 17:30 from Sat 31 Oct 17:30 NoBusinessDay(\"no business day (it-holidays)\")",
        ]
    );
}

#[test]
fn what_waits_for_the_end_of_a_window_runs_once_and_the_rest_of_it_is_jumped_over() {
    let plan = plan(json!({
        "timezone": "Europe/Rome", "rules": [{ "every": "1s" }], "windows": [{ "calendar": "maintenance", "action": "delay" }],
    }));

    let course: Vec<Occurrence> = plan.course(at("2026-12-07T03:59:59Z")).take(9).collect(); // 04:59:59 in Rome

    assert_eq!(course[0].runs_at(), Some(at("2026-12-07T03:59:59Z")));
    let end = at("2026-12-07T08:00:00Z");
    assert_eq!(course[1].fate, Fate::Runs(end, Some(Reason::Window("patch day".into()))));
    let merged = course.iter().filter(|one| one.fate == Fate::Skipped(Reason::Merged)).count();
    assert!((3..=5).contains(&merged), "{course:?}");
    let next = course.iter().filter_map(Occurrence::runs_at).find(|at| *at > end);
    assert_eq!(next, Some(at("2026-12-07T08:00:01Z")));
}

#[test]
fn a_summer_is_not_too_long_to_wait_for_its_end_or_to_come_before_its_begin() {
    let of = |roll: &str| {
        plan(json!({
            "timezone": "Europe/Rome", "rules": [{ "cron": "0 9 20 6,8 *" }],
            "business_days": { "calendar": "school", "roll": roll },
        }))
    };
    let runs = |roll: &str, from: &str| of(roll).course(at(from)).find_map(|one| one.runs_at());

    assert_eq!(runs("next", "2026-09-13T00:00:00Z"), Some(at("2026-09-14T07:00:00Z")), "asked at its end");
    let before = of("previous").course(at("2026-06-01T00:00:00Z")).take(2).map(|one| one.moment).collect::<Vec<_>>();
    assert_eq!(before[0], at("2026-06-05T07:00:00Z"));
    assert!(before.is_sorted(), "{before:?}");
}

#[test]
fn what_waits_in_the_second_pass_waits_for_the_second_pass() {
    // the clock shows 02:10 for the second time at 01:10 UTC
    let plan = plan(json!({
        "timezone": "Europe/Rome", "rules": [{ "cron": "10 2 * * *" }], "dst": { "overlap": "second" },
        "hours": { "from": "02:30", "to": "20:00", "action": "delay" },
    }));

    let first = plan.course(at("2027-10-31T00:00:00Z")).next().expect("an occurrence");

    assert_eq!((first.at, first.runs_at()), (at("2027-10-31T01:10:00Z"), Some(at("2027-10-31T01:30:00Z"))));
}

#[test]
fn what_a_gap_leaves_out_is_told_unless_something_runs_at_its_end() {
    let told = |rules: Value, more: Value| {
        let mut document = json!({ "timezone": "Europe/Rome", "rules": rules, "dst": { "gap": "skip" } });
        document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let plan = plan(document);
        let course = plan.course(at("2027-03-28T00:30:00Z")).take_while(|one| one.at < at("2027-03-28T01:30:00Z"));
        course
            .map(|one| (one.at.format("%H:%M").to_string(), one.local.time().to_string(), one.fate))
            .collect::<Vec<_>>()
    };
    let left_out = Fate::Skipped(Reason::ClockChange);
    let ran = Fate::Runs(at("2027-03-28T01:00:00Z"), None);
    let text = str::to_owned;

    let several = told(json!([{ "cron": "15,45 2 * * *" }]), json!({}));
    assert_eq!(several, [(text("01:00"), text("02:15:00"), left_out)], "once, by the first of them");
    let both = told(json!([{ "cron": "0 2,3 * * *" }]), json!({}));
    assert_eq!(both, [(text("01:00"), text("03:00:00"), ran.clone())], "what runs at the gap's end is not hidden");
    let of_two = told(json!([{ "cron": "15 2 * * *" }, { "cron": "0 3 * * *" }]), json!({}));
    assert_eq!(of_two, [(text("01:00"), text("03:00:00"), ran)]);
    assert_eq!(told(json!([{ "cron": "*/15 * * * *" }]), json!({})).len(), 4, "an interval has nothing in a gap");

    // 28 March 2027 is Easter: what rolls to another day finds its time there
    let rolled = told(
        json!([{ "cron": "15 2 28 * *" }]),
        json!({ "business_days": { "calendar": "it-holidays", "roll": "next" } }),
    );
    assert_eq!(rolled.len(), 1);
    assert!(matches!(&rolled[0].2, Fate::Runs(to, _) if *to == at("2027-03-30T00:15:00Z")), "{rolled:?}");
}

#[test]
fn clock_changes_do_what_the_schedule_says() {
    let of = |cron: &str, dst: Value, day: &str| {
        let plan = plan(json!({ "timezone": "Europe/Rome", "rules": [{ "cron": cron }], "dst": dst }));
        let from = at(&format!("{day}T00:00:00Z"));
        plan.runs(from, from + chrono::TimeDelta::hours(5)).map(|at| at.format("%H:%M").to_string()).collect::<Vec<_>>()
    };
    let (spring, autumn) = ("2027-03-28", "2027-10-31"); // 02:00 to 03:00 at 01:00 UTC; 03:00 to 02:00 at 01:00 UTC

    assert_eq!(of("15,30 2 * * *", json!({}), spring), ["01:00"]);
    assert_eq!(of("30 2 * * *", json!({ "gap": "skip" }), spring), [""; 0]);
    assert_eq!(of("30 2 * * *", json!({ "gap": "shift" }), spring), ["01:30"]);
    assert_eq!(of("30 2 * * *", json!({}), autumn), ["00:30"]);
    assert_eq!(of("30 2 * * *", json!({ "overlap": "second" }), autumn), ["01:30"]);
    assert_eq!(of("30 2 * * *", json!({ "overlap": "both" }), autumn), ["00:30", "01:30"]);
    assert_eq!(of("*/30 2-3 * * *", json!({}), autumn), ["00:00", "00:30", "01:00", "01:30", "02:00", "02:30"]);
    assert_eq!(of("*/30 1-3 * * *", json!({}), spring), ["00:00", "00:30", "01:00", "01:30"]);
    assert_eq!(of("*/30 2-3 * * *", json!({ "overlap": "first" }), autumn), ["00:00", "00:30", "02:00", "02:30"]);

    // asked from within the first pass, the second is still to come
    let late =
        plan(json!({ "timezone": "Europe/Rome", "rules": [{ "cron": "15 2 * * *" }], "dst": { "overlap": "second" } }));
    assert_eq!(
        late.course(at("2027-10-31T00:40:00Z")).next().and_then(|one| one.runs_at()),
        Some(at("2027-10-31T01:15:00Z"))
    );
}

#[test]
fn contradictions_are_named_with_their_place() {
    let refused = faults(json!({
        "timezone": "Europe/Rome", "rules": [{ "cron": "61 * * * *" }, { "every": "90s" }], "exclude": [{ "calendar": "de" }],
        "business_days": { "calendar": "it-holidays", "roll": "next" }, "hours": { "from": "8", "to": "18:00" },
        "start": "2026-12-01T00:00:00Z", "end": "2026-11-01T00:00:00Z",
    }));

    let wanted = [
        "end: the end must be after the start",
        "rules[0].cron: minute 61 is out of 0 to 59",
        "exclude[0].calendar: there is no calendar \"de\"",
        "business_days.roll: a rule that runs many times a day cannot be moved to another day: leave its days out (roll: skip)",
        "hours: allowed hours are written as from: \"08:00\", to: \"18:00\"",
    ];
    assert_eq!(refused, wanted);
    assert_eq!(faults(json!({ "rules": [] })), ["rules: a schedule needs a rule, such as { cron: \"30 6 * * 1-5\" }"]);
}

#[test]
fn whatever_moved_a_run_is_told() {
    let plan = plan(json!({
        "timezone": "Europe/Rome", "rules": [{ "cron": "30 6 25 12 *" }],
        "business_days": { "calendar": "it-holidays", "roll": "next" },
        "windows": [{ "calendar": "maintenance", "action": "delay" }],
    }));

    // Christmas and St Stephen's Day are a Friday and a Saturday: on Monday the window is open
    let first = plan.course(at("2026-12-01T00:00:00Z")).next().expect("one");
    let Fate::Runs(when, Some(reason)) = first.fate else { panic!("{first:?}") };
    assert_eq!(when, at("2026-12-28T08:00:00Z"));
    assert_eq!(reason.to_string(), "Natale (it-holidays), then maintenance window patch day");
}

#[test]
fn a_run_that_lies_far_away_is_found_by_looking_longer() {
    let sparse = json!({ "kind": "Schedule", "name": "x", "template": "t", "rules": [{ "every": "30s" }],
        "exclude": [{ "cron": "0-58 * * * *" }, { "cron": "59 0-20 * * *" }, { "cron": "* * 1-28 * *" }] });
    let spec: crate::timing::schedule::Schedule = serde_json::from_value(sparse).expect("a schedule");
    let plan = spec.timing().plan("x", &calendars()).expect("a plan");
    let policies = spec.policies().expect("policies");
    let now = at("2026-12-31T23:59:59Z");

    assert!(policies.fit(&plan, now, 1).is_err_and(|faults| faults[0].message.contains("too far to be looked at")));
    assert!(policies.fit(&plan, now, 12).is_ok(), "on 29 January");
}

#[test]
fn a_course_that_never_runs_gives_up_and_says_so() {
    let never = plan(json!({ "rules": [{ "cron": "0 0 30 2 *" }] }));
    assert_eq!(never.course(at("2026-01-01T00:00:00Z")).next(), None);

    let excluded = plan(json!({ "rules": [{ "cron": "* * * * * *" }], "exclude": [{ "cron": "* * * * *" }] }));
    let mut course = excluded.course(at("2026-01-01T00:00:00Z"));
    assert!(course.by_ref().all(|one| one.runs_at().is_none()));
    assert!(course.gave_up().is_some());
}

#[test]
fn a_rule_of_another_zone_is_told_in_the_schedule_s() {
    let plan = plan(json!({
        "timezone": "Europe/Rome",
        "rules": [{ "rrule": "DTSTART;TZID=America/New_York:20260701T090000\nRRULE:FREQ=DAILY;COUNT=2" }],
    }));
    assert_eq!(plan.zone, Tz::Europe__Rome);
    assert_eq!(told(&plan, "2026-06-01T00:00:00Z", 5), ["Wed 01 Jul 15:00", "Thu 02 Jul 15:00"]);
}

#[test]
fn the_clocks_of_a_rule_s_zone_say_nothing_of_the_schedule_s() {
    // half past one comes twice in New York that day, when it is half past six in Rome
    let plan = plan(json!({
        "timezone": "Europe/Rome", "exclude": [{ "cron": "* 1 * * *" }],
        "rules": [{ "rrule": "DTSTART;TZID=America/New_York:20261031T013000\nRRULE:FREQ=DAILY;COUNT=2" }],
    }));

    assert_eq!(told(&plan, "2026-10-30T00:00:00Z", 5), ["Sat 31 Oct 06:30", "Sun 01 Nov 06:30"]);
}

#[test]
fn what_was_rolled_into_a_long_freeze_runs_at_its_end_wherever_the_look_begins() {
    let freeze: Calendar =
        serde_json::from_value(json!({ "kind": "Calendar", "name": "freeze", "timezone": "Europe/Rome",
        "windows": [{ "name": "freeze", "from": "2026-12-14T00:00", "to": "2027-01-04T09:00" }] }))
        .expect("a calendar");
    let mut calendars = calendars();
    calendars.insert("freeze".into(), Arc::new(freeze.days().expect("valid")));
    let timing: Timing = serde_json::from_value(json!({
        "timezone": "Europe/Rome", "rules": [{ "cron": "30 6 13 12 *" }], // a Sunday
        "business_days": { "calendar": "it-holidays", "roll": "next" }, "windows": [{ "calendar": "freeze", "action": "delay" }],
    }))
    .expect("a timing");
    let plan = timing.plan("x", &calendars).expect("a plan");

    for from in ["2026-12-01T00:00:00Z", "2026-12-14T12:00:00Z", "2026-12-30T12:00:00Z", "2027-01-04T07:59:59Z"] {
        let next = plan.course(at(from)).find_map(|one| one.runs_at());
        assert_eq!(next, Some(at("2027-01-04T08:00:00Z")), "from {from}");
    }
}
