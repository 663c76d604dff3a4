//! The form of a schedule: what it says comes back, secrets stay, faults stand at their fields.

use chrono::TimeDelta;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::fields;
use crate::base::clock::Time;
use crate::timing::schedule::Schedule;
use crate::web::form::Form;

fn schedule(more: Value) -> Schedule {
    let mut document =
        json!({ "kind": "Schedule", "name": "nightly", "template": "report", "timezone": "Europe/Rome" });
    document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(document).unwrap()
}

fn filled(spec: &Schedule) -> Form {
    fields::filled(spec, &Value::Object(spec.args.clone()))
}

#[test]
fn what_a_schedule_says_comes_back_from_its_form() {
    for more in [
        json!({ "rules": [{ "cron": "30 6 * * 1-5" }] }),
        json!({ "rules": [{ "cron": "15 30 6 * * 1-5" }, { "every": "90s", "phase": "10s" }, { "at": "2026-12-24T10:00:00+01:00" }] }),
        json!({ "rules": [{ "every": "2h" }], "args": { "country": "it", "deep": { "key": [1, 2] } }, "version": 3 }),
        json!({ "rules": [{ "rrule": "DTSTART;TZID=Europe/Rome:20261201T173000\nRRULE:FREQ=MONTHLY;BYDAY=FR;BYSETPOS=-1" }] }),
        json!({ "rules": [{ "cron": "30 17 L * *" }], "exclude": [{ "calendar": "it" }, { "cron": "* * * 8 *" },
            { "from": "2026-12-24", "to": "2026-12-26" }, { "cron": "* * 13 * 5" }],
            "business_days": { "calendar": "it", "roll": "previous" }, "windows": [{ "calendar": "maintenance", "action": "delay" }],
            "hours": { "from": "08:00", "to": "18:00", "action": "delay" }, "dst": { "gap": "shift", "overlap": "both" },
            "start": "2026-12-01T00:00:00+01:00", "end": "2027-12-01T00:00:00+01:00", "overlap": "buffer_one",
            "catch_up": { "policy": "all", "window": "2h", "max": 3 }, "jitter": { "seconds": 90, "kind": "random" },
            "give_up_after": "45m", "finish_within": "2h", "limit": 7, "pause_after_failures": 5, "description": "The month's end" }),
    ] {
        let spec = schedule(more);
        let mut form = filled(&spec);

        let read = fields::read(&mut form, None, None);

        assert_eq!(form.problems(), []);
        assert_eq!(serde_json::to_value(&read).unwrap(), serde_json::to_value(&spec).unwrap());
    }
}

#[test]
fn instants_come_back_to_the_second_and_to_the_pass_of_a_repeated_hour() {
    for (at, shown) in [
        ("2026-10-25T00:30:15Z", "2026-10-25T02:30:15"),
        ("2026-10-25T01:30:15Z", "2026-10-25 02:30:15 +01:00"),
        ("2026-12-24T09:00:00Z", "2026-12-24T10:00"),
    ] {
        let spec = schedule(json!({ "rules": [{ "at": at }, { "every": "7h" }], "start": at, "end": at }));
        let mut form = filled(&spec);
        assert_eq!([form.text("at"), form.text("start"), form.text("end")], [shown; 3]);

        let read = fields::read(&mut form, None, None);

        assert_eq!(form.problems(), []);
        assert_eq!((read.start, read.end), (spec.start, spec.end), "{at}");
        assert_eq!(serde_json::to_value(&read.rules).unwrap()[0]["at"].as_str().map(instant), Some(instant(at)));
        assert_eq!(fields::changed(&spec, &form, None), 0, "what was only shown is no change");
    }
}

fn instant(text: &str) -> Time {
    text.parse().unwrap()
}

proptest! {
    /// Around the end of summer time in Rome, where an hour comes twice.
    #[test]
    fn an_instant_near_the_repeated_hour_comes_back(seconds in -7_200..7_200_i64) {
        let at = instant("2026-10-25T01:00:00Z") + TimeDelta::seconds(seconds);
        let spec = schedule(json!({ "rules": [{ "at": at }], "start": at, "end": at }));

        let read = fields::read(&mut filled(&spec), None, None);

        prop_assert_eq!((read.start, read.end), (spec.start, spec.end));
        prop_assert_eq!(serde_json::to_value(&read.rules).unwrap()[0]["at"].as_str().map(instant), Some(at));
    }
}

#[test]
fn arguments_that_are_shown_covered_stay_what_they_were() {
    let old =
        schedule(json!({ "rules": [{ "every": "2h" }], "args": { "key": "s3cret", "list": ["a", "b"], "open": "x" } }));
    let shown = json!({ "key": "••••", "list": ["••••", "c"], "open": "y" });
    let mut form = fields::filled(&old, &shown);

    let read = fields::read(&mut form, Some(&old), None);

    assert_eq!(Value::Object(read.args), json!({ "key": "s3cret", "list": ["a", "c"], "open": "y" }));
}

#[test]
fn what_could_not_be_read_is_not_told_twice() {
    let refused = |name: &str| {
        let mut form = Form::default().with("kind", "cron");
        form.refuse(name, "odd");
        form
    };

    assert!(fields::is_unread("rules", &refused("cron_hour")), "the rule is missing because its hour is");
    assert!(fields::is_unread("args.to", &refused("args.copies")) && fields::is_unread("args", &refused("args")));
    assert!(
        fields::is_unread("end", &refused("timezone")) && !fields::is_unread("rules[0].cron", &refused("timezone"))
    );
    assert!(!fields::is_unread("jitter.seconds", &refused("cron_hour")));
}

#[test]
fn what_is_wrong_is_told_at_its_field() {
    let wrong = |name: &str, value: &str| {
        let spec = schedule(json!({ "rules": [{ "cron": "30 6 * * 1-5" }] }));
        let kept = filled(&spec).into_fields().into_iter().filter(|(field, _)| field != name);
        let mut form = kept.fold(Form::default(), |form, (field, value)| form.with(&field, value)).with(name, value);
        fields::read(&mut form, None, None);
        form.problems().iter().map(|problem| problem.field.clone()).collect::<Vec<_>>()
    };

    assert_eq!(wrong("timezone", "Mars/Olympus"), ["timezone"]);
    assert_eq!(wrong("cron_hour", ""), ["cron_hour"]);
    assert_eq!(wrong("cron_weekday", "9"), ["cron_weekday"]);
    assert_eq!(wrong("args", "[1]"), ["args"]);
    assert_eq!(wrong("args", "{"), ["args"]);
    assert_eq!(wrong("limit", "many"), ["limit"]);
    assert_eq!(wrong("without", "someday"), ["without"]);
    assert_eq!(wrong("more", "every now and then"), ["more"]);
    assert_eq!(wrong("start", "soon"), ["start"]);
}
