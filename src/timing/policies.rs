//! What a schedule does when something gets in the way: its policies, read and weighed against each other.

use chrono::{DateTime, TimeDelta, Utc};

use super::document::Fault;
use super::plan::Plan;
use super::schedule::{CatchUpPolicy, Jitter, OverlapPolicy, Schedule};
use crate::base::length::{read_ms, write_ms};

/// Most failures in a row that may pause a schedule: so many jobs are looked at whenever it is due.
const FAILURES_MAX: u16 = 100;
/// Longest window of catching up, in days.
pub const WINDOW_DAYS_MAX: i64 = 366;
/// Shortest window of catching up: what is late by less is not missed.
pub const WINDOW_MIN: TimeDelta = TimeDelta::seconds(60);
/// Most missed occurrences that are caught up at once.
pub const CATCH_UP_MAX: u32 = 1_000;
/// Widest spread of starts, in seconds: a day.
pub const JITTER_SECONDS_MAX: u32 = 86_400;
/// So many runs are looked at for the shortest time between two of them.
const GAPS_LOOKED_AT: usize = 200;

/// The policies of a schedule, ready to be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policies {
    /// What happens while a job of an earlier occurrence has not ended.
    pub overlap: OverlapPolicy,
    /// Which missed occurrences run.
    pub catch_up: CatchUpPolicy,
    /// Missed occurrences that are older are left out.
    pub window: TimeDelta,
    /// Most missed occurrences that run, the latest.
    pub catch_up_max: usize,
    /// Spreads the starts.
    pub jitter: Option<Jitter>,
    /// A job that has not started so long after its occurrence expires.
    pub give_up_after: Option<TimeDelta>,
    /// A job that has not ended so long after its occurrence is late.
    pub finish_within: Option<TimeDelta>,
    /// So many jobs in all.
    pub limit: Option<u64>,
    /// So many jobs that failed in a row pause it.
    pub pause_after_failures: Option<u16>,
}

impl Schedule {
    /// Reads its policies.
    ///
    /// # Errors
    /// Everything that is wrong with them, contradictions included.
    pub fn policies(&self) -> Result<Policies, Vec<Fault>> {
        let mut faults = Vec::new();
        let window = length(&self.catch_up.window, "catch_up.window", &mut faults).unwrap_or_default();
        let mut optional =
            |text: &Option<String>, path: &str| text.as_ref().and_then(|text| length(text, path, &mut faults));
        let give_up_after = optional(&self.give_up_after, "give_up_after");
        let finish_within = optional(&self.finish_within, "finish_within");
        let policies = Policies {
            overlap: self.overlap,
            catch_up: self.catch_up.policy,
            window,
            catch_up_max: self.catch_up.max as usize,
            jitter: self.jitter,
            give_up_after,
            finish_within,
            limit: self.limit.map(u64::from),
            pause_after_failures: self.pause_after_failures,
        };
        let mut refuse = |path: &str, is_wrong: bool, message: String| {
            if is_wrong {
                faults.push(Fault { path: path.into(), message, at: None });
            }
        };
        refuse("catch_up.max", !(1..=CATCH_UP_MAX).contains(&self.catch_up.max), format!("from 1 to {CATCH_UP_MAX}"));
        refuse("limit", self.limit == Some(0), "at least 1; to stop a schedule, pause it".into());
        let failures = self.pause_after_failures.is_none_or(|failures| (1..=FAILURES_MAX).contains(&failures));
        let message = format!("from 1 to {FAILURES_MAX}; leave it out if failures should not pause it");
        refuse("pause_after_failures", !failures, message);
        policies.contradict(&mut refuse);
        if faults.is_empty() { Ok(policies) } else { Err(faults) }
    }
}

impl Policies {
    /// Tells which of them cannot be followed together.
    fn contradict(&self, refuse: &mut impl FnMut(&str, bool, String)) {
        let spread = self.jitter.map(|jitter| TimeDelta::seconds(i64::from(jitter.seconds)));
        let seconds = self.jitter.map_or(1, |jitter| jitter.seconds);
        let range = format!("from 1 to {JITTER_SECONDS_MAX} seconds; leave it out if starts should not be spread");
        refuse("jitter.seconds", !(1..=JITTER_SECONDS_MAX).contains(&seconds), range);
        if let (Some(spread), Some(give_up)) = (spread, self.give_up_after) {
            let message = format!(
                "starts are spread over {}, so some would be given up before they may begin: give up later than that",
                told(spread)
            );
            refuse("give_up_after", give_up <= spread, message);
        }
        if let (Some(give_up), Some(within)) = (self.give_up_after, self.finish_within) {
            let message = format!(
                "a job may begin up to {} after its time, so it cannot have ended within {}",
                told(give_up),
                told(within)
            );
            refuse("finish_within", within <= give_up, message);
        }
        if let (Some(spread), Some(within)) = (spread, self.finish_within) {
            let message =
                format!("starts are spread over {}: some jobs would be late before they may begin", told(spread));
            refuse("finish_within", within <= spread, message);
        }
    }

    /// Weighs them against when the schedule runs, as of `now`. For its first run as many times in a row as a course looks at are looked
    /// through as `looks` says.
    ///
    /// # Errors
    /// What cannot be followed together, or that it never runs.
    pub fn fit(&self, plan: &Plan, now: DateTime<Utc>, looks: usize) -> Result<(), Vec<Fault>> {
        let mut faults = Vec::new();
        let mut refuse = |path: &str, message: String| faults.push(Fault { path: path.into(), message, at: None });
        let mut course = plan.course(now);
        let mut first = course.by_ref().find_map(|one| one.runs_at());
        for _ in 1..looks {
            let (None, Some(at)) = (first, course.gave_up()) else { break };
            course = plan.course(at);
            first = course.by_ref().find_map(|one| one.runs_at());
        }
        let next = course.by_ref().take(GAPS_LOOKED_AT).filter_map(|one| one.runs_at());
        let runs: Vec<DateTime<Utc>> = first.into_iter().chain(next).collect();
        if runs.is_empty() {
            let message = match course.gave_up() {
                Some(at) => format!(
                    "nothing is left of them up to {}, and what comes later is too far to be looked at: let exclusions leave more",
                    at.format("%-d %B %Y")
                ),
                None => "it would never run: nothing that they name is still to come".into(),
            };
            refuse("rules", message);
        }
        if self.catch_up != CatchUpPolicy::Skip && self.window < WINDOW_MIN {
            let message = format!(
                "what is late by less than {} is not missed, so within {} nothing would be caught up: give it more time, or skip what is missed",
                told(WINDOW_MIN),
                told(self.window)
            );
            refuse("catch_up.window", message);
        }
        let gap = runs.windows(2).map(|pair| pair[1] - pair[0]).min();
        let spread = self.jitter.map(|jitter| TimeDelta::seconds(i64::from(jitter.seconds)));
        if let (Some(gap), Some(spread)) = (gap, spread)
            && spread >= gap
        {
            let message = format!(
                "two of its runs are only {} apart: spread over {} a later one could begin before an earlier one",
                told(gap),
                told(spread)
            );
            refuse("jitter.seconds", message);
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }
}

fn length(text: &str, path: &str, faults: &mut Vec<Fault>) -> Option<TimeDelta> {
    let days = TimeDelta::days(WINDOW_DAYS_MAX);
    let read = read_ms(text).and_then(|ms| {
        let length = i64::try_from(ms).ok().and_then(TimeDelta::try_milliseconds).filter(|length| *length <= days);
        match ms {
            0 => Err("longer than nothing".to_owned()),
            _ => length.ok_or_else(|| format!("at most {WINDOW_DAYS_MAX} days")),
        }
    });
    read.map_err(|message| faults.push(Fault { path: path.into(), message, at: None })).ok()
}

fn told(length: TimeDelta) -> String {
    write_ms(u64::try_from(length.num_milliseconds()).unwrap_or_default())
}
