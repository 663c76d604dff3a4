//! Decisions about what is due, with injected clocks: in time, missed, overlapping, paused, limited, spread.

use chrono::{DateTime, TimeDelta};
use chrono_tz::Tz;
use proptest::prelude::*;

use super::*;
use crate::base::clock::Time;
use crate::queue::job::JobId;
use crate::timing::document::Calendars;
use crate::timing::schedule::Schedule;

fn at(text: &str) -> Time {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

fn known(yaml: &str) -> Known {
    let text = format!("kind: Schedule\nname: nightly\ntemplate: report\n{yaml}");
    let schedule: Schedule = crate::base::document::documents(&text).unwrap()[0].read().unwrap();
    Known::of(schedule, &Calendars::new()).unwrap_or_else(|faults| panic!("{}", told(&faults)))
}

fn hourly(more: &str) -> Known {
    known(&format!("rules: [ {{ cron: \"0 * * * *\" }} ]\n{more}"))
}

fn standing(from: &str) -> Standing {
    Standing { decided_until: at(from), name: "nightly".into(), ..Standing::default() }
}

fn decided(known: &Known, standing: &Standing, now: &str) -> Decided {
    decide(&known.plan, &known.policies, standing, at(now), &mut || 7)
}

/// The hour of each occurrence with what became of it: its cause, "job" or "job, cause".
fn told_of(decided: &Decided) -> Vec<String> {
    let one = |one: &Decision| {
        let what = match &one.act {
            Act::Enqueue { why: None, .. } => "job".to_owned(),
            Act::Enqueue { why: Some(why), .. } => format!("job, {}", why.cause.as_str()),
            Act::Leave(why) => why.cause.as_str().to_owned(),
        };
        format!("{} {what}", one.at.format("%H:%M"))
    };
    decided.decisions.iter().map(one).collect()
}

#[test]
fn what_is_in_time_runs_and_the_next_time_is_known() {
    let decided = decided(&hourly(""), &standing("2026-12-01T09:30:00Z"), "2026-12-01T10:00:00.004Z");

    assert_eq!(told_of(&decided), ["10:00 job"]);
    assert_eq!(decided.until, at("2026-12-01T10:00:00.004Z"));
    assert_eq!((decided.due_at, decided.next_at), (Some(at("2026-12-01T11:00:00Z")), Some(at("2026-12-01T11:00:00Z"))));
    assert!(!decided.ended);
}

#[test]
fn a_clock_that_was_put_back_fires_nothing_twice() {
    let first = decided(&hourly(""), &standing("2026-12-01T09:30:00Z"), "2026-12-01T10:00:01Z");
    let back = Standing { decided_until: first.until, ..standing("2026-12-01T09:30:00Z") };

    let again = decided(&hourly(""), &back, "2026-12-01T09:00:00Z");

    assert_eq!(again.decisions, []);
    assert_eq!(again.until, first.until, "what is decided stays decided");
    assert_eq!(again.due_at, Some(at("2026-12-01T11:00:00Z")));
}

#[test]
fn missed_times_follow_the_policy() {
    let missed = |catch_up: &str, now: &str| {
        told_of(&decided(
            &hourly(&format!("overlap: allow_all\ncatch_up: {catch_up}")),
            &standing("2026-12-01T05:30:00Z"),
            now,
        ))
    };

    let one = missed("{ policy: one, window: 1d }", "2026-12-01T09:30:00Z");
    assert_eq!(one, ["06:00 superseded", "07:00 superseded", "08:00 superseded", "09:00 job, caught_up"]);
    let in_time = missed("{ policy: one, window: 1d }", "2026-12-01T09:00:20Z");
    assert_eq!(in_time, ["06:00 superseded", "07:00 superseded", "08:00 superseded", "09:00 job"]);
    let all = missed("{ policy: all, max: 2, window: 1d }", "2026-12-01T09:30:00Z");
    assert_eq!(all, ["06:00 superseded", "07:00 superseded", "08:00 job, caught_up", "09:00 job, caught_up"]);
    let window = missed("{ policy: all, window: 2h }", "2026-12-01T09:30:00Z");
    assert_eq!(window, ["06:00 missed", "07:00 missed", "08:00 job, caught_up", "09:00 job, caught_up"]);
    let skip = missed("{ policy: skip }", "2026-12-01T09:30:00Z");
    assert_eq!(skip, ["06:00 missed", "07:00 missed", "08:00 missed", "09:00 missed"]);
}

#[test]
fn many_missed_times_are_told_in_one_row_and_none_is_forgotten() {
    let seconds = known("rules: [ { every: 1s } ]\noverlap: allow_all\ncatch_up: { policy: one, window: 1d }");

    let decided = decided(&seconds, &standing("2026-12-01T00:00:00Z"), "2026-12-01T20:00:00Z");

    let told: u64 = decided.decisions.iter().map(|one| 1 + one.more).sum();
    assert_eq!(told, 20 * 3_600, "{} rows", decided.decisions.len());
    assert!(decided.decisions.len() < 1_100, "{} rows", decided.decisions.len());
    let first = &decided.decisions[0];
    assert_eq!(first.at + TimeDelta::seconds(i64::try_from(first.more).unwrap()), first.until.unwrap());
}

#[test]
fn a_long_time_in_which_next_to_nothing_ran_is_taken_in_parts() {
    let hourly = known(
        "rules: [ { every: 1s } ]\noverlap: allow_all\ncatch_up: { policy: all, window: 365d, max: 1000 }\nexclude: [ { cron: \"0-58 * * * * *\" }, { cron: \"59 0-58 * * * *\" } ]",
    );
    let mut standing = standing("2026-12-01T00:00:00Z");
    let (now, mut jobs, mut parts) = ("2026-12-03T00:00:00Z", 0, 0);

    while standing.decided_until < at(now) {
        let decided = decided(&hourly, &standing, now);
        jobs += decided.decisions.iter().filter(|one| matches!(one.act, Act::Enqueue { .. })).count();
        assert!(decided.until > standing.decided_until);
        (standing.decided_until, parts) = (decided.until, parts + 1);
    }

    assert_eq!(jobs, 48, "one in each hour, in {parts} parts");
    assert!(parts > 1, "more than one look takes");
}

#[test]
fn a_flood_of_missed_times_is_taken_in_parts() {
    let seconds =
        known("rules: [ { every: 1s } ]\noverlap: allow_all\ncatch_up: { policy: all, window: 365d, max: 3 }");
    let mut standing = standing("2026-12-01T00:00:00Z");
    let now = "2026-12-03T00:00:00.5Z"; // 172,801 of them
    let mut jobs = Vec::new();
    let mut told = 0;

    for _ in 0..3 {
        let decided = decided(&seconds, &standing, now);
        told += decided.decisions.iter().map(|one| 1 + one.more).sum::<u64>();
        jobs.extend(decided.decisions.iter().filter(|one| matches!(one.act, Act::Enqueue { .. })).map(|one| one.at));
        standing.decided_until = decided.until;
        if decided.due_at > Some(at(now)) {
            break;
        }
    }

    assert_eq!(told, 172_801);
    let late: Vec<bool> = jobs.iter().map(|one| at(now) - *one >= LATE).collect();
    assert_eq!(late.iter().filter(|late| **late).count(), 3, "the latest of those that were missed");
    assert_eq!(jobs.len(), 3 + 60, "and those that are in time");
}

#[test]
fn an_earlier_job_that_has_not_ended_is_minded() {
    let behind = |policy: &str, live: usize| {
        let live = (1..=live).map(|job| JobId(i64::try_from(job).unwrap())).collect();
        let standing = Standing { live, ..standing("2026-12-01T09:30:00Z") };
        let decided = decided(&hourly(&format!("overlap: {policy}")), &standing, "2026-12-01T10:00:01Z");
        let turns = |one: &Decision| matches!(one.act, Act::Enqueue { in_turn: true, .. });
        let stops = |one: &Decision| matches!(one.act, Act::Enqueue { stops: true, .. });
        (told_of(&decided).join(", "), decided.decisions.iter().any(turns), decided.decisions.iter().any(stops))
    };

    assert_eq!(behind("skip", 0), ("10:00 job".into(), false, false));
    assert_eq!(behind("skip", 1), ("10:00 overlap".into(), false, false));
    assert_eq!(behind("buffer_one", 0), ("10:00 job".into(), true, false));
    assert_eq!(behind("buffer_one", 1), ("10:00 job, buffered".into(), true, false));
    assert_eq!(behind("buffer_one", 2), ("10:00 overlap".into(), false, false));
    assert_eq!(behind("buffer_all", 9), ("10:00 job, buffered".into(), true, false));
    assert_eq!(behind("cancel_other", 1), ("10:00 job, buffered".into(), true, true));
    assert_eq!(behind("terminate_other", 0), ("10:00 job".into(), true, false));
    assert_eq!(behind("allow_all", 9), ("10:00 job".into(), false, false));
}

#[test]
fn several_that_are_due_at_once_mind_one_another() {
    let seconds = |policy: &str| {
        let known = known(&format!("rules: [ {{ every: 1s }} ]\noverlap: {policy}"));
        let decided = decided(&known, &standing("2026-12-01T10:00:00.5Z"), "2026-12-01T10:00:03.5Z");
        decided.decisions.iter().map(|one| matches!(one.act, Act::Enqueue { .. })).collect::<Vec<_>>()
    };

    assert_eq!(seconds("skip"), [true, false, false]);
    assert_eq!(seconds("buffer_one"), [true, true, false]);
    assert_eq!(seconds("buffer_all"), [true, true, true]);
    assert_eq!(seconds("cancel_other"), [false, false, true], "the last one would have ended the others");
    assert_eq!(seconds("allow_all"), [true, true, true]);
}

#[test]
fn a_paused_schedule_says_of_each_time_that_it_was() {
    let paused = Standing { paused: Some("paused by Ada: stocktaking".into()), ..standing("2026-12-01T08:30:00Z") };

    let decided = decided(&hourly(""), &paused, "2026-12-01T09:00:02Z");

    let Act::Leave(why) = &decided.decisions[0].act else { panic!("{:?}", decided.decisions) };
    assert_eq!((why.cause.as_str(), why.reason.as_str()), ("paused", "paused by Ada: stocktaking"));
    assert_eq!(decided.due_at, Some(at("2026-12-01T10:00:00Z")));
}

#[test]
fn a_limit_ends_it_at_its_last_job() {
    let limited = Standing { jobs: 4, ..standing("2026-12-01T08:30:00Z") };

    let decided = decided(&hourly("limit: 5"), &limited, "2026-12-01T09:00:02Z");

    assert_eq!(told_of(&decided), ["09:00 job"]);
    assert!(decided.ended && decided.due_at.is_none() && decided.next_at.is_none());
}

#[test]
fn starts_are_spread_the_same_each_time_or_anew() {
    let begins = |kind: &str, number: u64| {
        let known = hourly(&format!("jitter: {{ seconds: 600, kind: {kind} }}\ngive_up_after: 20m"));
        let (from, now) = (standing("2026-12-01T08:30:00Z"), at("2026-12-01T09:00:02Z"));
        let decided = decide(&known.plan, &known.policies, &from, now, &mut || number);
        let Act::Enqueue { run_at, deadline, .. } = decided.decisions[0].act else { panic!() };
        assert_eq!(deadline, Some(run_at + TimeDelta::minutes(20)), "given up so long after it may begin");
        run_at - at("2026-12-01T09:00:00Z")
    };

    assert_eq!(begins("stable", 1), begins("stable", 2));
    assert_eq!(begins("random", 123_456), TimeDelta::milliseconds(123_456));
    assert_eq!(begins("random", 600_000), TimeDelta::zero());
    assert!((TimeDelta::zero()..TimeDelta::seconds(600)).contains(&begins("stable", 0)));
}

#[test]
fn nothing_is_spread_or_caught_up_into_a_closed_time() {
    let begins = |yaml: &str, from: &str, now: &str| {
        let decided = decide(&hourly(yaml).plan, &hourly(yaml).policies, &standing(from), at(now), &mut || 300_000);
        let runs = decided.decisions.into_iter().filter_map(|one| match one.act {
            Act::Enqueue { run_at, why, .. } => Some((run_at, why.map(|why| why.reason))),
            Act::Leave(_) => None,
        });
        runs.collect::<Vec<_>>()
    };
    let office = "jitter: { seconds: 600, kind: random }\nhours: { from: \"09:00\", to: \"17:01\", action: skip }\noverlap: allow_all";

    let spread = begins(office, "2026-12-01T15:30:00Z", "2026-12-01T16:00:02Z");
    assert_eq!(spread[0].0, at("2026-12-01T16:05:00Z"), "there is room for it");
    let spread = begins(office, "2026-12-01T16:30:00Z", "2026-12-01T17:00:02Z");
    assert_eq!(spread[0].0, at("2026-12-01T17:00:00Z"), "five minutes later the office is closed");

    let late = begins(office, "2026-12-01T15:30:00Z", "2026-12-01T20:30:00Z");
    assert_eq!(late.len(), 1);
    assert_eq!(late[0].0, at("2026-12-02T09:00:00Z"), "what was missed runs when the office opens");
    assert_eq!(
        late[0].1.as_deref(),
        Some("nothing ran then; caught up 3h 30m later; it waits for a time in which it may run")
    );

    let over = begins("end: 2026-12-01T18:00:00Z\noverlap: allow_all", "2026-12-01T15:30:00Z", "2026-12-01T20:30:00Z");
    assert_eq!(over, [], "and not behind its end");
}

#[test]
fn what_a_change_releases_runs_now_as_the_policies_allow() {
    let released = |policy: &str, live: Vec<JobId>| {
        let released = ["2026-12-01T09:20:00Z", "2026-12-01T09:40:00Z"]
            .map(|time| Released { at: at(time), why: "a window ended".into() });
        let standing = Standing { released: released.into(), live, ..standing("2026-12-01T09:59:00Z") };
        told_of(&decided(&hourly(&format!("overlap: {policy}")), &standing, "2026-12-01T09:59:30Z"))
    };

    assert_eq!(released("allow_all", Vec::new()), ["09:20 job, changed", "09:40 job, changed"]);
    assert_eq!(released("skip", Vec::new()), ["09:20 job, changed", "09:40 overlap"]);
    assert_eq!(released("skip", vec![JobId(7)]), ["09:20 overlap", "09:40 overlap"]);
    assert_eq!(released("cancel_other", Vec::new()), ["09:20 overlap", "09:40 job, changed"]);
}

#[test]
fn within_a_long_closed_time_one_row_stands_for_the_rest() {
    let august =
        known("rules: [ { every: 10s } ]\nexclude: [ { from: 2026-08-01, to: 2026-08-31 } ]\noverlap: allow_all");
    let last = decided(&august, &standing("2026-07-31T23:59:00Z"), "2026-07-31T23:59:59Z");

    assert_eq!(last.due_at, Some(at("2026-09-01T00:00:00Z")), "nothing is decided before it ends");
    assert_eq!(last.next_at, Some(at("2026-09-01T00:00:00Z")));
    let after = Standing { decided_until: last.until, ..standing("2026-07-31T23:59:00Z") };
    let september = decided(&august, &after, "2026-09-01T00:00:01Z");
    assert!(september.decisions.len() < 8, "{:?}", told_of(&september));
    assert!(matches!(september.decisions.last().unwrap().act, Act::Enqueue { .. }));
}

#[test]
fn a_single_time_that_is_left_out_is_told_when_it_comes() {
    let christmas = known("rules: [ { cron: \"30 6 * * *\" } ]\nexclude: [ { from: 2026-12-25, to: 2026-12-25 } ]");
    let before = decided(&christmas, &standing("2026-12-24T06:00:00Z"), "2026-12-24T06:30:01Z");

    assert_eq!((before.due_at, before.next_at), (Some(at("2026-12-25T06:30:00Z")), Some(at("2026-12-26T06:30:00Z"))));
}

/// Rules that fire often and seldom, with closed times.
fn any_known() -> impl Strategy<Value = Known> {
    let rules = prop::sample::select(vec![
        "{ cron: \"*/7 * * * *\" }",
        "{ cron: \"30 2 * * *\" }",
        "{ every: 90s }",
        "{ cron: \"0 0 1 * *\" }, { every: 6h }",
    ]);
    let zones = prop::sample::select(vec![Tz::Europe__Rome, Tz::America__New_York, Tz::UTC, Tz::Australia__Lord_Howe]);
    let closed = prop::sample::select(vec![
        "",
        "hours: { from: \"08:00\", to: \"18:00\", action: delay }\n",
        "exclude: [ { from: 2026-03-29, to: 2026-03-30 } ]\n",
    ]);
    let gaps = prop::sample::select(vec!["", "dst: { gap: skip }\n", "dst: { gap: shift, overlap: both }\n"]);
    (rules, zones, closed, gaps).prop_map(|(rules, zone, closed, gap)| {
        known(&format!(
            "timezone: {zone}\nrules: [ {rules} ]\n{closed}{gap}overlap: allow_all\ncatch_up: {{ policy: skip }}"
        ))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// However often nodes look, each occurrence gets one job and one only, and none is passed over while somebody looks every minute.
    #[test]
    fn looking_at_any_moments_decides_each_time_once(known in any_known(), start in 0i64..300, looks in prop::collection::vec(1i64..50, 20..80)) {
        let begin = at("2026-03-28T00:00:00Z") + TimeDelta::minutes(start * 7);
        let mut standing = Standing { decided_until: begin, name: "nightly".into(), ..Standing::default() };
        let (mut now, mut ran) = (begin, Vec::new());
        for step in looks {
            now += TimeDelta::seconds(step);
            let decided = decide(&known.plan, &known.policies, &standing, now, &mut || 0);
            for one in &decided.decisions {
                if let Act::Enqueue { run_at, .. } = one.act {
                    ran.push(run_at);
                }
            }
            prop_assert!(decided.due_at.is_none_or(|due| due >= decided.until), "{:?} is due behind {:?}", decided.due_at, decided.until);
            standing.decided_until = decided.until;
        }
        let expected: Vec<Time> = known.plan.runs(begin, now).collect();
        prop_assert_eq!(ran, expected);
    }

    /// To look when something is due is enough: nothing that runs lies before that.
    #[test]
    fn nothing_runs_before_it_is_due(known in any_known(), start in 0i64..5_000) {
        let from = at("2026-03-20T00:00:00Z") + TimeDelta::minutes(start * 7);
        let next = next(&known.plan, from);
        prop_assert_eq!(next.next_at, known.plan.course(from).find_map(|one| one.runs_at()));
        prop_assert!(next.next_at.is_none() || next.due_at.is_some() && next.due_at <= next.next_at);
    }
}
