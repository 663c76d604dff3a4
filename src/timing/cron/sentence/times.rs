//! The times of a day in words.

use super::super::search::Times;
use super::set::{Set, Steps};
use crate::timing::words::{joined, ordinal};

/// So many single times are listed before a pattern is looked for.
const LISTED_MAX: usize = 6;

/// The times of a day in words.
pub(super) struct Said {
    pub(super) text: String,
    /// How many times are listed one by one; 0 for a pattern.
    pub(super) listed: usize,
}

struct Clock {
    seconds: Set,
    minutes: Set,
    hours: Set,
}

/// The times of a day: "At 06:30", "Every 5 minutes, from 09:00 to 17:59".
pub(super) fn of(times: Times) -> Said {
    let clock = Clock {
        seconds: Set::new(times.seconds, 0, 60),
        minutes: Set::new(times.minutes, 0, 60),
        hours: Set::new(times.hours, 0, 24),
    };
    let count = clock.seconds.len() * clock.minutes.len() * clock.hours.len();
    match (clock.seconds.single(), clock.minutes.single()) {
        (Some(second), Some(minute)) => clock.hourly(minute, second).map_or_else(|| clock.listed(count), Said::pattern),
        _ if count <= LISTED_MAX => clock.listed(count),
        (Some(second), None) => Said::pattern(clock.minutely(second)),
        (None, _) => Said::pattern(clock.secondly()),
    }
}

impl Said {
    fn pattern(text: String) -> Self {
        Said { text, listed: 0 }
    }
}

impl Clock {
    /// Every time by itself: "At 06:30 and 18:30".
    fn listed(&self, count: usize) -> Said {
        let mut times = Vec::new();
        for hour in self.hours.numbers() {
            for minute in self.minutes.numbers() {
                times.extend(self.seconds.numbers().iter().map(|second| self.time(*hour, *minute, *second)));
            }
        }
        Said { text: format!("At {}", joined(&times)), listed: count }
    }

    /// One time in some hours; nothing when the hours make no pattern.
    fn hourly(&self, minute: u8, second: u8) -> Option<String> {
        if self.hours.is_full() {
            return Some(match (minute, second) {
                (0, 0) => "Every hour".to_owned(),
                (_, 0) => format!("At minute {minute} of every hour"),
                (_, _) => format!("At minute {minute} and second {second} of every hour"),
            });
        }
        let time = |hour: u8| self.time(hour, minute, second);
        match (self.hours.steps(), &self.hours.runs()[..]) {
            (Some(steps), _) if steps.is_even && self.hours.len() > 2 => {
                let start = if (steps.from, minute, second) == (0, 0, 0) {
                    String::new()
                } else {
                    format!(", starting at {}", time(steps.from))
                };
                Some(format!("Every {} hours{start}", steps.step))
            }
            (_, [(from, to)]) if self.hours.len() > 3 => {
                Some(format!("Every hour from {} to {}", time(*from), time(*to)))
            }
            (Some(steps), _) if self.hours.len() > 3 => {
                Some(format!("Every {} hours from {} to {}", steps.step, time(steps.from), time(steps.to)))
            }
            _ => None,
        }
    }

    /// Several minutes, in each of which there is one second.
    fn minutely(&self, second: u8) -> String {
        let at_second = if second == 0 { String::new() } else { format!(", at second {second}") };
        if let (Some(hour), Some(steps)) = (self.hours.single(), self.minutes.steps()) {
            let unit = every(steps.step, "minute");
            return format!(
                "{unit} from {} to {}",
                self.time(hour, steps.from, second),
                self.time(hour, steps.to, second)
            );
        }
        let place = if self.hours.is_full() { "of every hour" } else { "of the hour" };
        format!("{}{at_second}{}", pattern(&self.minutes, "minute", place), self.within_hours(false))
    }

    /// Several seconds.
    fn secondly(&self) -> String {
        let place = if self.minutes.is_full() && self.hours.is_full() { "of every minute" } else { "of the minute" };
        let seconds = pattern(&self.seconds, "second", place);
        match (self.hours.single(), &self.minutes.plain_runs()[..]) {
            (Some(hour), [(from, to)]) => format!("{seconds}, from {hour:02}:{from:02}:00 to {hour:02}:{to:02}:59"),
            _ => format!("{seconds}{}{}", self.within_minutes(), self.within_hours(true)),
        }
    }

    /// Which minutes of the hour seconds are looked for in.
    fn within_minutes(&self) -> String {
        let place = if self.hours.is_full() { "of every hour" } else { "of the hour" };
        match (self.minutes.steps(), &self.minutes.plain_runs()[..]) {
            _ if self.minutes.is_full() => String::new(),
            (_, [(from, to)]) if from < to => format!(", from minute {from} to {to} {place}"),
            (Some(steps), _) if self.minutes.len() > 3 => format!(", in {} {place}", every_nth(steps, "minute")),
            _ => format!(", in {} {place}", numbered(&self.minutes, "minute")),
        }
    }

    /// Which hours the minutes are looked for in; `has_seconds` when the last minute ends with its last second.
    fn within_hours(&self, has_seconds: bool) -> String {
        let (start, end) = if has_seconds { ("00:00", "59:59") } else { ("00", "59") };
        let runs = self.hours.runs();
        match self.hours.steps() {
            _ if self.hours.is_full() => String::new(),
            Some(Steps { from, to, step, .. }) if step > 1 && self.hours.len() > 3 => {
                format!(", in every {} hour from {from:02}:{start} to {to:02}:{end}", ordinal(step.into()))
            }
            _ if runs.len() <= 3 => {
                let spans: Vec<String> =
                    runs.iter().map(|(from, to)| format!("from {from:02}:{start} to {to:02}:{end}")).collect();
                format!(", {}", joined(&spans))
            }
            _ => format!(", in {} of the day", numbered(&self.hours, "hour")),
        }
    }

    fn time(&self, hour: u8, minute: u8, second: u8) -> String {
        match self.seconds.single() {
            Some(0) => format!("{hour:02}:{minute:02}"),
            Some(_) | None => format!("{hour:02}:{minute:02}:{second:02}"),
        }
    }
}

/// How the members of a set follow each other: "Every 5 minutes", "At minutes 3 and 7 of the hour".
fn pattern(set: &Set, unit: &str, place: &str) -> String {
    match set.steps() {
        Some(steps) if steps.is_even && steps.from == 0 => every(steps.step, unit),
        Some(steps) if steps.is_even && set.len() > 3 => {
            format!("{}, starting at {unit} {} {place}", every(steps.step, unit), steps.from)
        }
        Some(steps) if set.len() > 3 => {
            format!("{} from {unit} {} to {} {place}", every(steps.step, unit), steps.from, steps.to)
        }
        Some(_) | None => format!("At {} {place}", numbered(set, unit)),
    }
}

fn numbered(set: &Set, unit: &str) -> String {
    let ending = if set.len() == 1 { "" } else { "s" };
    format!("{unit}{ending} {}", set.list(|number| number.to_string()))
}

fn every(step: u8, unit: &str) -> String {
    if step == 1 { format!("Every {unit}") } else { format!("Every {step} {unit}s") }
}

fn every_nth(steps: Steps, unit: &str) -> String {
    format!("every {} {unit} from {} to {}", ordinal(steps.step.into()), steps.from, steps.to)
}
