//! The life of a job as stages with the time spent in each. Pure: told from its row and its attempts.
//!
//! Rows keep what the work needs, not every step; so the past is told as exactly as they allow: each attempt with its
//! start and end, the present or last wait, and what lies between as one stage. Lengths never go below zero, whatever
//! the clocks of several machines say.

mod words;

use std::time::Duration;

use self::words::{attempt_note, ended_in, ended_title, first_line, held_note, title};
use super::trail::Reopened;
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

/// What is known of a job's past, each in order.
#[derive(Debug, Clone, Copy, Default)]
pub struct Past<'p> {
    /// Its attempts that did not succeed.
    pub attempts: &'p [Attempt],
    /// When it was retried after it had ended.
    pub reopened: &'p [Reopened],
}

/// Tells the life of `job` until `now`, oldest stage first.
pub fn timeline(job: &Detail, past: Past<'_>, now: Time, expected: Expected) -> Vec<Stage> {
    let Past { attempts, reopened } = past;
    let mut line = Line { job, stages: Vec::new(), at: job.created_at, wait: Wait::First, reopened };
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
    /// It had ended so.
    Person(JobState),
}

struct Line<'j> {
    job: &'j Detail,
    stages: Vec<Stage>,
    /// Where the told part ends.
    at: Time,
    wait: Wait,
    /// Retries that are not told yet.
    reopened: &'j [Reopened],
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
        self.wait = after(attempt, self.job.attempts_allowed());
    }

    /// Fills the time until `start` with what the job waited for; `ready` = since when it waited for a slot, if known.
    fn wait_until(&mut self, start: Time, ready: Option<Time>) {
        self.reopen_until(start);
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

    /// Tells how it had ended each time it was retried before `end`. A job fails when an attempt ends; when a waiting one was
    /// cancelled or expired is not known any more. What was retried together with others has no record of its state: unless an
    /// attempt had ended it, it had not ended.
    fn reopen_until(&mut self, end: Time) {
        while let Some((next, rest)) = self.reopened.split_first().filter(|(next, _)| next.at <= end) {
            self.reopened = rest;
            let Some(was) = next.was().or(self.ended_by_attempt()) else { continue };
            let since_attempt = was == JobState::Failed || self.wait == Wait::Person(was);
            self.push(was, ended_title(was, since_attempt), next.at, format!("retried by {}", next.by));
            self.wait = Wait::Slot;
        }
    }

    fn ended_by_attempt(&self) -> Option<JobState> {
        match self.wait {
            Wait::Person(was) => Some(was),
            Wait::First | Wait::Backoff | Wait::Snooze | Wait::Slot => None,
        }
    }

    fn pause_until(&mut self, end: Time) {
        match self.wait {
            Wait::First | Wait::Slot => self.push(JobState::Ready, "Waiting", end, ""),
            Wait::Backoff => self.push(JobState::Retrying, "Retrying", end, "backoff"),
            Wait::Snooze => self.push(JobState::Scheduled, "Scheduled", end, "snoozed"),
            Wait::Person(was) => self.push(was, ended_title(was, true), end, "until it was retried"),
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
        self.reopen_until(now);
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
            None if !told => {
                self.reopen_until(end);
                self.pause_until(end);
            }
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

fn after(attempt: &Attempt, most: i16) -> Wait {
    match attempt.outcome.as_str() {
        "snoozed" => Wait::Snooze,
        "handed back" | "interrupted" => Wait::Slot,
        "cancelled" => Wait::Person(JobState::Cancelled),
        _ if attempt.is_final.unwrap_or(attempt.counted && attempt.number >= most) => Wait::Person(JobState::Failed),
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
mod tests;
