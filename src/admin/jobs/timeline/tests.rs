//! The life of jobs, told.

use super::super::sample::{attempt, job};
use super::*;
use proptest::prelude::*;

fn at(seconds: i64) -> Time {
    "2026-11-24T13:05:00Z".parse::<Time>().expect("a time") + chrono::Duration::seconds(seconds)
}

fn told(job: &Detail, attempts: &[Attempt], now: Time) -> Vec<(String, Option<u64>)> {
    let stages = timeline(job, Past { attempts, ..Past::default() }, now, Expected::default());
    stages.into_iter().map(|stage| (stage.title, stage.length.map(|length| length.as_secs()))).collect()
}

#[test]
fn the_story_of_the_mock_up() {
    let first = attempt(1, at(1_322), at(1_363), "failed");
    let job = Detail {
        created_at: at(0),
        asked_for: Some(at(1_320)),
        started_at: Some(at(1_407)),
        attempt: 2,
        ..job(JobState::Running)
    };

    let past = Past { attempts: &[first], reopened: &[] };
    let stages = timeline(&job, past, at(1_628), Expected { end: Some(at(1_770)), start: None });

    let titles: Vec<_> = stages.iter().map(|stage| stage.title.as_str()).collect();
    assert_eq!(titles, ["Scheduled", "Ready", "Attempt 1 failed", "Retrying", "Running", "Succeeded"]);
    let lengths: Vec<_> = stages.iter().map(|stage| stage.length.map(|length| length.as_secs())).collect();
    assert_eq!(lengths, [Some(1_320), Some(2), Some(41), Some(44), Some(221), None]);
    assert!(stages[4].open && stages[5].mark == Mark::Expected);
    assert_eq!(stages[2].note, "fra-03 · HTTP 503");
}

#[test]
fn an_end_is_told_once() {
    let last = Attempt { fence: crate::queue::job::Fence(9), ..attempt(3, at(5), at(8), "failed") };
    let failed = Detail {
        created_at: at(0),
        started_at: Some(at(5)),
        finished_at: Some(at(8)),
        fence: Some(last.fence),
        ..job(JobState::Failed)
    };
    assert_eq!(
        told(&failed, &[last], at(99)),
        [("Ready".into(), Some(5)), ("Attempt 3 failed".into(), Some(3)), ("Failed".into(), None)]
    );

    let done = Detail {
        created_at: at(0),
        since: Some(at(0)),
        started_at: Some(at(1)),
        finished_at: Some(at(4)),
        ..job(JobState::Succeeded)
    };
    assert_eq!(
        told(&done, &[], at(99)),
        [("Ready".into(), Some(1)), ("Running".into(), Some(3)), ("Succeeded".into(), None)]
    );
}

#[test]
fn what_was_cancelled_or_expired_before_it_started_only_waited() {
    for state in [JobState::Cancelled, JobState::Expired] {
        let job = Detail { created_at: at(0), since: Some(at(0)), finished_at: Some(at(7)), ..job(state) };
        assert_eq!(told(&job, &[], at(9))[0], ("Waiting".into(), Some(7)));
    }
}

#[test]
fn a_wait_that_lasts_is_open_and_says_what_comes() {
    let job = Detail { created_at: at(0), since: Some(at(0)), run_at: Some(at(60)), ..job(JobState::Scheduled) };

    let stages = timeline(&job, Past::default(), at(10), Expected::default());

    assert!(stages[0].open && stages[0].length == Some(Duration::from_secs(10)));
    assert_eq!((stages[1].title.as_str(), stages[1].at), ("Ready", at(60)));
}

#[test]
fn a_backoff_is_one_stage() {
    let job = Detail { created_at: at(0), since: Some(at(3)), run_at: Some(at(60)), ..job(JobState::Retrying) };

    let stages = told(&job, &[attempt(1, at(1), at(2), "failed")], at(10));

    assert_eq!(stages[2], ("Retrying".into(), Some(8)));
    assert_eq!(stages[3], ("Ready".into(), None));
}

#[test]
fn a_job_that_is_held_before_its_time_waits_no_longer_for_it() {
    let job = Detail {
        created_at: at(0),
        asked_for: Some(at(3_600)),
        since: Some(at(40)),
        run_at: Some(at(3_600)),
        ..job(JobState::Held)
    };

    assert_eq!(told(&job, &[], at(50)), [("Scheduled".into(), Some(40)), ("Held".into(), Some(10))]);
}

#[test]
fn a_failed_job_that_was_retried_by_hand_says_so() {
    let used_up = attempt(1, at(1), at(2), "failed");
    let job = Detail { created_at: at(0), max_attempts: Some(1), since: Some(at(3_600)), ..job(JobState::Ready) };

    assert_eq!(told(&job, &[used_up], at(3_601))[2], ("Failed".into(), Some(3_598)));
}

fn retried(seconds: i64, was: JobState) -> Reopened {
    Reopened { at: at(seconds), by: "Ada".into(), was: Some(was.as_str().into()) }
}

fn words(job: &Detail, attempts: &[Attempt], reopened: &[Reopened]) -> Vec<(String, String)> {
    let stages = timeline(job, Past { attempts, reopened }, at(100), Expected::default());
    stages.into_iter().map(|stage| (stage.title, stage.note)).collect()
}

fn pair(title: &str, note: &str) -> (String, String) {
    (title.into(), note.into())
}

#[test]
fn a_retry_together_with_others_ends_what_an_attempt_had_ended_and_nothing_else() {
    let job = Detail { created_at: at(0), max_attempts: Some(6), since: Some(at(30)), ..job(JobState::Ready) };
    let bulk = [Reopened { at: at(30), by: "Giulia".into(), was: None }];

    let gave_up = Attempt { is_final: Some(true), ..attempt(1, at(1), at(2), "failed") };
    assert_eq!(words(&job, &[gave_up], &bulk)[2], pair("Failed", "retried by Giulia"));

    let goes_on = Attempt { is_final: Some(false), ..attempt(1, at(1), at(2), "failed") };
    assert_eq!(words(&job, &[goes_on], &bulk)[2], pair("Retrying", "backoff"));
}

#[test]
fn a_job_that_failed_for_good_at_its_first_attempt_was_failed_until_it_was_retried() {
    let gave_up = attempt(1, at(1), at(2), "failed");
    let job = Detail { created_at: at(0), max_attempts: Some(3), since: Some(at(39)), ..job(JobState::Ready) };

    let told = words(&job, std::slice::from_ref(&gave_up), &[retried(39, JobState::Failed)]);

    assert_eq!(told[1].0, "Attempt 1 failed");
    assert_eq!(told[2..], [pair("Failed", "retried by Ada"), pair("Ready", "queue imports")]);
    let waited = words(&job, &[gave_up], &[]);
    assert_eq!(waited[2].0, "Retrying", "it waited for its backoff when nobody retried it");
}

#[test]
fn each_retry_is_told_where_it_was() {
    let attempts = [attempt(1, at(1), at(2), "failed"), attempt(2, at(11), at(12), "failed")];
    let job = Detail {
        created_at: at(0),
        max_attempts: Some(3),
        since: Some(at(20)),
        started_at: Some(at(21)),
        finished_at: Some(at(25)),
        ..job(JobState::Succeeded)
    };

    let told = words(&job, &attempts, &[retried(10, JobState::Failed), retried(20, JobState::Failed)]);

    let titles: Vec<_> = told.iter().map(|(title, _)| title.as_str()).collect();
    let first = ["Ready", "Attempt 1 failed", "2 more stages"];
    let rest = ["Attempt 2 failed", "Failed", "Ready", "Running", "Succeeded"];
    assert_eq!(titles, [&first[..], &rest[..]].concat());
    assert_eq!(told[4], pair("Failed", "retried by Ada"));
}

#[test]
fn a_job_that_was_cancelled_before_it_started_and_retried_says_so() {
    let job = Detail { created_at: at(0), since: Some(at(9)), ..job(JobState::Ready) };

    let told = words(&job, &[], &[retried(9, JobState::Cancelled)]);

    assert_eq!(told, [pair("Waiting, then cancelled", "retried by Ada"), pair("Ready", "queue imports")]);
}

#[test]
fn a_long_life_is_folded_in_its_middle() {
    let attempts: Vec<_> =
        (0..20).map(|n| attempt(n + 1, at(60 * i64::from(n)), at(60 * i64::from(n) + 5), "failed")).collect();
    let job = Detail { created_at: at(0), since: Some(at(1_200)), ..job(JobState::Retrying) };

    let past = Past { attempts: &attempts, reopened: &[] };
    let stages = timeline(&job, past, at(1_300), Expected::default());

    assert_eq!(stages.len(), STAGES_MAX);
    assert_eq!(stages[2].mark, Mark::Folded);
    assert!(stages[2].title.ends_with("more stages"));
    assert!(stages[7].open);
}

proptest! {
    #[test]
    fn no_stage_begins_before_the_last_and_none_is_negative(
        times in proptest::collection::vec(-500i64..500, 12), state in 0usize..10, attempts in 0usize..6
    ) {
        let moment = |place: usize| at(times[place]);
        let job = Detail {
            created_at: moment(0), asked_for: Some(moment(1)), since: Some(moment(2)), started_at: Some(moment(3)),
            finished_at: Some(moment(4)), run_at: Some(moment(5)), ..job(JobState::ALL[state])
        };
        let attempts: Vec<_> = (0..attempts).map(|n| attempt(n as i16 + 1, moment(n), moment(n + 5), "failed")).collect();
        let expected = Expected { start: Some(moment(9)), end: Some(moment(10)) };

        let reopened = [Reopened { at: moment(6), by: "ada".into(), was: Some("failed".into()) }];
        let stages = timeline(&job, Past { attempts: &attempts, reopened: &reopened }, moment(11), expected);

        prop_assert!(!stages.is_empty() && stages.len() <= STAGES_MAX);
        prop_assert!(stages.windows(2).all(|pair| pair[0].at <= pair[1].at));
    }
}
