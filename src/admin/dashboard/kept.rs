//! What a stream of the dashboard remembers from tick to tick: what a tick reads does not grow with the range that is looked at.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;

use super::marks::Event;
use super::{Ended, Span, Step, Totals};
use crate::admin::health::Peak;
use crate::base::clock::Time;
use crate::base::db::DbError;

/// What is read every so often. Those parts of it that go on are read with each tick beside it.
#[derive(Debug, Clone, Default)]
pub struct Slow {
    /// Bars of the range.
    pub steps: Vec<Step>,
    /// Percentiles of the range.
    pub totals: Totals,
    /// Jobs that ended within the last day, for the success tile.
    pub day: Ended,
    /// The run time that 95 % kept a week before.
    pub run_week_ago: Option<Duration>,
    /// The busiest moment of the last day.
    pub peak: Option<Peak>,
    /// What people did within the range that may explain a bend.
    pub events: Vec<Event>,
    /// Templates that can be enqueued.
    pub templates: i64,
}

impl Slow {
    /// Gives the bars with those that begin at `from` or later as they are `now`, without those that the range has left behind.
    pub fn with(&self, span: Span, (from, now): (Time, Time), recent: Vec<Step>) -> Vec<Step> {
        let first = span.bars(now).first().copied().unwrap_or(now);
        let known = self.steps.iter().filter(|step| step.at >= first && step.at < from);
        known.cloned().chain(recent).collect()
    }
}

/// The last reading of what is slow, and when it was. A page that is not a stream begins without one.
#[derive(Debug, Default)]
pub struct Kept(Mutex<Option<(Time, Slow)>>);

impl Kept {
    /// Gives what was read last, unless it is too old for a range; then what `read` gives, which is kept.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn get(&self, span: Span, now: Time, read: impl FnOnce() -> Result<Slow, DbError>) -> Result<Slow, DbError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, slow)) = kept.as_ref().filter(|(at, _)| now - *at < good_for(span)) {
            return Ok(slow.clone());
        }
        let slow = read()?;
        *kept = Some((now, slow.clone()));
        Ok(slow)
    }
}

/// The longer a range the less a moment changes of it, and the more there is to read.
fn good_for(span: Span) -> TimeDelta {
    TimeDelta::seconds(if span.length() > Span::Hour.length() { 60 } else { 10 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time::UNIX_EPOCH + TimeDelta::days(9) + TimeDelta::seconds(seconds)
    }

    #[test]
    fn ticks_read_what_is_slow_only_now_and_then() {
        for (span, seconds) in [(Span::Hour, 10), (Span::Day, 60)] {
            let (kept, mut reads) = (Kept::default(), 0);
            for tick in 0..=seconds {
                let read = || {
                    reads += 1;
                    Ok(Slow { templates: reads, ..Slow::default() })
                };
                let told = kept.get(span, at(tick), read).unwrap().templates;
                assert_eq!(told, 1 + i64::from(tick == seconds), "{span:?} {tick}");
            }
        }
    }

    #[test]
    fn what_could_not_be_read_is_asked_for_again() {
        let kept = Kept::default();

        assert!(kept.get(Span::Hour, at(0), || Err(DbError::TimedOut)).is_err());
        assert!(kept.get(Span::Hour, at(0), || Ok(Slow::default())).is_ok());
    }

    #[test]
    fn old_bars_fall_out_and_new_ones_are_as_they_are_now() {
        let step = |minute: i64, succeeded| Step {
            at: at(minute * 60),
            succeeded,
            attempts_failed: 0,
            enqueued: 0,
            run_us: 0,
        };
        let slow = Slow { steps: vec![step(0, 1), step(58, 2), step(59, 3)], ..Slow::default() };
        let now = at(60 * 60 + 5);

        let told = slow.with(Span::Hour, (Span::Hour.recent(now), now), vec![step(59, 4), step(60, 5)]);

        let told: Vec<i64> = told.iter().map(|step| step.succeeded).collect();
        assert_eq!(told, [2, 4, 5]);
    }
}
