//! The life of a job as stages with the time spent in each. Pure: told from its row and its attempts.
//!
//! Rows keep what the work needs, not every step; so the past is told as exactly as they allow: each attempt with its
//! start and end, the present or last wait, and what lies between as one stage. Lengths never go below zero, whatever
//! the clocks of several machines say.

mod words;

use std::time::Duration;

use self::words::{attempt_note, ended_in, first_line, held_note, title};
use super::{Attempt, Detail};
use crate::base::clock::Time;
use crate::queue::state::JobState;

/// Most stages shown; the middle of a longer life is one stage.
pub const STAGES_MAX: usize = 8;
/// Stages that are kept at the beginning of a longer life.
const STAGES_FIRST: usize = 2;

/// What stands before a stage's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// The job was in this state, or an attempt ended in it.
    State(JobState),
    /// Several stages in one.
    Folded,
    /// It has not happened yet.
    Expected,
}

/// One stage of a job's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Its icon and colour.
    pub mark: Mark,
    /// A few words: `Ready`, `Attempt 1 failed`.
    pub title: String,
    /// When it began.
    pub at: Time,
    /// Where, by whom, until when; empty for nothing to say.
    pub note: String,
    /// How long it lasted; `None` for an end, which lasts for ever, and for what is only expected.
    pub length: Option<Duration>,
    /// It still lasts.
    pub open: bool,
}

/// When something that has not happened is expected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expected {
    /// The next attempt starts.
    pub start: Option<Time>,
    /// The running attempt ends.
    pub end: Option<Time>,
}

/// Tells the life of `job` until `now`, oldest stage first. `attempts` are those that did not succeed, in order.
pub fn timeline(job: &Detail, attempts: &[Attempt], now: Time, expected: Expected) -> Vec<Stage> {
    let mut line = Line { job, stages: Vec::new(), at: job.created_at, wait: Wait::First };
    line.scheduled_at_first(attempts, now);
    for attempt in attempts {
        line.attempt(attempt);
    }
    line.present(attempts, now);
    line.expect(expected);
    folded(line.stages)
}

/// What a job waited for before the next thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    First,
    Backoff,
    Snooze,
    Slot,
    Person,
}

struct Line<'j> {
    job: &'j Detail,
    stages: Vec<Stage>,
    /// Where the told part ends.
    at: Time,
    wait: Wait,
}

impl Line<'_> {
    fn push(&mut self, mark: JobState, title: impl Into<String>, end: Time, note: impl Into<String>) {
        let length = Some((end - self.at).to_std().unwrap_or_default());
        let (at, mark) = (self.at, Mark::State(mark));
        self.stages.push(Stage { mark, title: title.into(), at, note: note.into(), length, open: false });
        self.at = self.at.max(end);
    }

    /// A job with a time of its own waits for it first, unless something happened before.
    fn scheduled_at_first(&mut self, attempts: &[Attempt], now: Time) {
        let Some(asked) = self.job.asked_for.filter(|asked| *asked > self.job.created_at) else { return };
        if self.job.state() != JobState::Scheduled || self.job.since.is_some_and(|since| since > self.job.created_at) {
            let first = attempts.first().and_then(|attempt| attempt.started_at);
            let present = self.job.since.filter(|_| attempts.is_empty() && self.job.state().is_waiting());
            let ends = [first, present, self.job.started_at, self.job.finished_at];
            let end = ends.into_iter().flatten().fold(asked.min(now), Time::min);
            self.push(JobState::Scheduled, "Scheduled", end, format!("by {}", self.job.enqueued_by));
        }
    }

    fn attempt(&mut self, attempt: &Attempt) {
        let Some(start) = attempt.started_at else { return };
        self.wait_until(start, (self.job.fence == Some(attempt.fence)).then_some(self.job.since).flatten());
        self.push(ended_in(&attempt.outcome), title(attempt), attempt.finished_at, attempt_note(attempt));
        self.wait = after(attempt, most_attempts(self.job));
    }

    /// Fills the time until `start` with what the job waited for; `ready` = since when it waited for a slot, if known.
    fn wait_until(&mut self, start: Time, ready: Option<Time>) {
        let queue = format!("queue {}", self.job.queue);
        let ready = ready.filter(|ready| *ready > self.at && *ready <= start);
        match (self.wait, ready) {
            (Wait::First | Wait::Slot, _) => self.push(JobState::Ready, "Ready", start, queue),
            (_, Some(ready)) => {
                self.pause_until(ready);
                self.push(JobState::Ready, "Ready", start, queue);
            }
            (_, None) => self.pause_until(start),
        }
    }

    fn pause_until(&mut self, end: Time) {
        match self.wait {
            Wait::First | Wait::Slot => self.push(JobState::Ready, "Waiting", end, ""),
            Wait::Backoff => self.push(JobState::Retrying, "Retrying", end, "backoff"),
            Wait::Snooze => self.push(JobState::Scheduled, "Scheduled", end, "snoozed"),
            Wait::Person => self.push(JobState::Failed, "Failed", end, "until it was retried"),
        }
    }

    fn present(&mut self, attempts: &[Attempt], now: Time) {
        let told = attempts.last().is_some_and(|last| Some(last.fence) == self.job.fence);
        match self.job.state() {
            JobState::Running => self.running(now),
            JobState::Ready => self.waiting(JobState::Ready, "Ready", now, format!("queue {}", self.job.queue)),
            JobState::Scheduled => self.waiting(JobState::Scheduled, "Scheduled", now, ""),
            JobState::Retrying => self.waiting(JobState::Retrying, "Retrying", now, "backoff"),
            JobState::Blocked => self.waiting(JobState::Blocked, "Blocked", now, ""),
            JobState::Held => self.waiting(JobState::Held, "Held", now, held_note(self.job)),
            JobState::Succeeded => self.ended("Succeeded", told),
            JobState::Failed => self.ended("Failed", told),
            JobState::Cancelled => self.ended("Cancelled", told),
            JobState::Expired => self.ended("Expired", told),
        }
    }

    fn running(&mut self, now: Time) {
        self.wait_until(self.job.started_at.unwrap_or(now), None);
        self.push(JobState::Running, "Running", now, self.last_note());
        self.leave_open();
    }

    fn waiting(&mut self, state: JobState, title: &str, now: Time, note: impl Into<String>) {
        let same =
            matches!((self.wait, state), (Wait::Backoff, JobState::Retrying) | (Wait::Snooze, JobState::Scheduled));
        if let Some(since) = self.job.since.filter(|since| *since > self.at && !same) {
            self.pause_until(since);
        }
        self.push(state, title, now, note);
        self.leave_open();
    }

    fn leave_open(&mut self) {
        if let Some(last) = self.stages.last_mut() {
            last.open = true;
        }
    }

    fn ended(&mut self, title: &str, told: bool) {
        let end = self.job.finished_at.unwrap_or(self.at);
        match self.job.started_at.filter(|_| !told) {
            Some(start) => {
                self.wait_until(start, self.job.since);
                self.push(JobState::Running, "Running", end, self.last_note());
            }
            None if !told => self.pause_until(end),
            None => {}
        }
        let note = first_line(self.job.error.as_deref().filter(|_| self.job.state() != JobState::Failed || !told));
        let (at, mark) = (self.at.max(end), Mark::State(self.job.state()));
        self.stages.push(Stage { mark, title: title.into(), at, note, length: None, open: false });
    }

    fn last_note(&self) -> String {
        let node = self.job.node.as_deref().map(|node| format!(" · {node}")).unwrap_or_default();
        format!("attempt {}{node}", self.job.attempt)
    }

    fn expect(&mut self, expected: Expected) {
        let (title, at, note) = match self.job.state() {
            JobState::Running => ("Succeeded", expected.end, "expected"),
            JobState::Ready => ("Running", expected.start, "expected"),
            JobState::Scheduled | JobState::Retrying => ("Ready", self.job.run_at, "due"),
            _ => return,
        };
        if let Some(at) = at {
            let (title, note) = (title.into(), note.into());
            self.stages.push(Stage {
                mark: Mark::Expected,
                title,
                at: self.at.max(at),
                note,
                length: None,
                open: false,
            });
        }
    }
}

fn most_attempts(job: &Detail) -> i16 {
    let of_template = || job.spec.pointer("/defaults/max_attempts")?.as_i64().and_then(|max| i16::try_from(max).ok());
    job.max_attempts.or_else(of_template).unwrap_or(i16::MAX)
}

fn after(attempt: &Attempt, most: i16) -> Wait {
    match attempt.outcome.as_str() {
        "snoozed" => Wait::Snooze,
        "handed back" | "interrupted" => Wait::Slot,
        _ if attempt.counted && attempt.number >= most => Wait::Person,
        "cancelled" => Wait::Person,
        _ => Wait::Backoff,
    }
}

fn folded(stages: Vec<Stage>) -> Vec<Stage> {
    let Some(extra) = stages.len().checked_sub(STAGES_MAX).filter(|extra| *extra > 0) else { return stages };
    let (first, rest) = stages.split_at(STAGES_FIRST);
    let (middle, last) = rest.split_at(extra + 1);
    let length = middle.iter().filter_map(|stage| stage.length).sum();
    let fold = Stage {
        mark: Mark::Folded,
        title: format!("{} more stages", middle.len()),
        at: middle.first().map_or(Time::UNIX_EPOCH, |stage| stage.at),
        note: "see the attempts".into(),
        length: Some(length),
        open: false,
    };
    first.iter().cloned().chain([fold]).chain(last.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample::{attempt, job};
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64) -> Time {
        "2026-11-24T13:05:00Z".parse::<Time>().expect("a time") + chrono::Duration::seconds(seconds)
    }

    fn told(job: &Detail, attempts: &[Attempt], now: Time) -> Vec<(String, Option<u64>)> {
        let stages = timeline(job, attempts, now, Expected::default());
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

        let stages = timeline(&job, &[first], at(1_628), Expected { end: Some(at(1_770)), start: None });

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

        let stages = timeline(&job, &[], at(10), Expected::default());

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

    #[test]
    fn a_long_life_is_folded_in_its_middle() {
        let attempts: Vec<_> =
            (0..20).map(|n| attempt(n + 1, at(60 * i64::from(n)), at(60 * i64::from(n) + 5), "failed")).collect();
        let job = Detail { created_at: at(0), since: Some(at(1_200)), ..job(JobState::Retrying) };

        let stages = timeline(&job, &attempts, at(1_300), Expected::default());

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

            let stages = timeline(&job, &attempts, moment(11), expected);

            prop_assert!(!stages.is_empty() && stages.len() <= STAGES_MAX);
            prop_assert!(stages.windows(2).all(|pair| pair[0].at <= pair[1].at));
        }
    }
}
