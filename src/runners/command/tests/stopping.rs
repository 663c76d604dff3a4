//! Commands that have to end.

use std::time::{Duration, Instant};

use serde_json::json;

use super::super::{CommandRunner, CommandSettings};
use super::{failure, lives, ran, runner, shell};
use crate::queue::work::{Failure, Outcome, Runner, Stop};
use crate::runners::testing::{job, job_within, lines};

#[test]
fn a_timeout_ends_a_command_that_ignores_term() {
    let job = job_within(json!({}), Duration::from_millis(200));
    let started = Instant::now();

    let report = runner().run(&job, &shell("trap '' TERM; echo on; while :; do sleep 61.5; done"));

    assert_eq!(report.ended, Err(Failure::from(Stop::TimedOut)));
    assert_eq!(report.resources.exit_code, Some(137));
    assert!(
        (Duration::from_millis(450)..Duration::from_secs(3)).contains(&started.elapsed()),
        "{:?}",
        started.elapsed()
    );
    assert!(!lives("61.5"));
}

#[test]
fn a_command_that_obeys_term_ends_at_once() {
    let job = job_within(json!({}), Duration::from_millis(200));
    let started = Instant::now();

    let report = runner().run(&job, &shell("trap 'echo bye; exit 0' TERM; while :; do sleep 0.05; done"));

    assert_eq!(report.ended, Err(Failure::from(Stop::TimedOut)), "an answer to TERM is no completion");
    assert!(lines(&job.take_said()).contains(&"I bye".to_owned()));
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[test]
fn cancelling_ends_a_command_within_three_seconds() {
    let job = job(json!({}));
    let started = Instant::now();

    let report = std::thread::scope(|scope| {
        let run = scope.spawn(|| runner().run(&job, &shell("echo on; sleep 62.5")));
        while job.log_bytes() == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        job.stop(Stop::Cancelled);
        run.join().unwrap()
    });

    assert_eq!(failure(&report).stop, Some(Stop::Cancelled));
    assert!(started.elapsed() < Duration::from_secs(3));
    assert!(!lives("62.5"));
}

#[test]
fn a_lost_lease_leaves_no_grace() {
    let job = job(json!({}));
    let patient =
        CommandRunner::new(CommandSettings { stop_grace: Duration::from_secs(60), ..CommandSettings::default() })
            .unwrap();

    let (report, elapsed) = std::thread::scope(|scope| {
        let run = scope.spawn(|| patient.run(&job, &shell("trap '' TERM; echo on; while :; do sleep 63.5; done")));
        while job.log_bytes() == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        let told = Instant::now();
        job.stop(Stop::LeaseLost);
        (run.join().unwrap(), told.elapsed())
    });

    assert_eq!(failure(&report).stop, Some(Stop::LeaseLost));
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
    assert!(!lives("63.5"));
}

#[test]
fn a_grandchild_that_holds_the_pipe_is_ended() {
    let started = Instant::now();

    let (report, said) = ran("sleep 64.5 & echo done");

    assert_eq!(report.ended, Ok(Outcome::Done));
    assert_eq!(lines(&said), ["I done"]);
    assert!(started.elapsed() < Duration::from_secs(3));
    assert!(!lives("64.5"));
}

#[test]
fn a_process_that_left_the_group_is_found_and_ended() {
    let (report, _) = ran(
        "(setsid sh -c 'setsid sleep 65.5 >/dev/null 2>&1 & sleep 66.5' >/dev/null 2>&1 &) ; while ! pgrep -f 65.5 >/dev/null; do :; done",
    );

    assert_eq!(report.ended, Ok(Outcome::Done));
    assert!(!lives("65.5") && !lives("66.5"));
}

#[test]
fn a_prompt_is_seen_before_the_line_ends() {
    let job = job(json!({}));

    let seen = std::thread::scope(|scope| {
        let run = scope.spawn(|| runner().run(&job, &shell("printf 'Password: '; sleep 67.5")));
        let limit = Instant::now() + Duration::from_secs(5);
        while job.log_bytes() == 0 && Instant::now() < limit {
            std::thread::sleep(Duration::from_millis(5));
        }
        let seen = lines(&job.take_said());
        job.stop(Stop::Cancelled);
        run.join().unwrap();
        seen
    });

    assert_eq!(seen, ["I Password: "]);
}

#[test]
fn a_job_that_was_stopped_before_is_not_started() {
    let job = job(json!({}));
    job.stop(Stop::Cancelled);

    let report = runner().run(&job, &shell("echo on"));

    assert_eq!(failure(&report).stop, Some(Stop::Cancelled));
    assert!(job.take_said().is_empty());
}
