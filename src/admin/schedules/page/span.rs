//! What the view of all schedules looks at: 24 hours, a day or a week in parts, and when a schedule runs within it.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Timelike as _, Weekday};
use chrono_tz::Tz;

use crate::base::clock::Time;
use crate::timing::{Plan, place};
use crate::web::extract::Query;
use crate::web::shell::Shell;

/// Runs of one schedule that are counted in a day of a week.
const RUNS_OF_DAY_MAX: usize = 300;
/// Runs of one schedule that are counted in an hour.
const RUNS_OF_HOUR_MAX: usize = 120;
/// So many occurrences are looked at for each of them; who leaves out more is shown in part.
const LOOKED_AT_PER_RUN: usize = 20;

/// How much is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// From the hour that runs on, 24 hours: the night lies in one piece.
    Next,
    Day,
    Week,
}

impl View {
    pub(super) const ALL: [(Self, &'static str); 3] =
        [(Self::Next, "Next 24 hours"), (Self::Day, "Day"), (Self::Week, "Week")];

    pub(super) fn of(query: &Query) -> Self {
        match (query.0.text("view"), query.0.text("day").is_empty()) {
            ("week", _) => Self::Week,
            ("day", _) | ("", false) => Self::Day,
            _ => Self::Next,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Day => "day",
            Self::Week => "week",
        }
    }
}

/// What is looked at: where its parts begin, and where the last one ends.
pub(super) struct Span {
    pub(super) is_week: bool,
    bounds: Vec<Time>,
    pub(super) zone: Tz,
}

fn midnight(day: NaiveDate, later: u64, zone: Tz) -> Time {
    place(zone, day.checked_add_days(Days::new(later)).unwrap_or(day).and_time(NaiveTime::MIN))
}

impl Span {
    /// The span of a view: from the hour that runs on, or around the day that is asked for.
    pub(super) fn of(view: View, asked: NaiveDate, shell: &Shell) -> Self {
        match view {
            View::Next => Self::next(shell.now, shell.zone),
            View::Day => Self::day(asked, shell.zone),
            View::Week => Self::week(asked, shell.zone),
        }
    }

    fn next(now: Time, zone: Tz) -> Self {
        let into = i64::from(now.with_timezone(&zone).minute() * 60 + now.second());
        let hour = DateTime::from_timestamp(now.timestamp() - into, 0).unwrap_or(now);
        Self { is_week: false, bounds: (0..=24).map(|n| hour + TimeDelta::hours(n)).collect(), zone }
    }

    /// The hours of a day.
    pub(super) fn day(day: NaiveDate, zone: Tz) -> Self {
        let (begin, end) = (midnight(day, 0, zone), midnight(day, 1, zone));
        let hours = (0..30).map(|n| begin + TimeDelta::hours(n)).take_while(|at| *at < end); // a day may have 25, or 23 and a half
        Self { is_week: false, bounds: hours.chain([end]).collect(), zone }
    }

    fn week(day: NaiveDate, zone: Tz) -> Self {
        let first = day.week(Weekday::Mon).first_day();
        Self { is_week: true, bounds: (0..=7).map(|day| midnight(first, day, zone)).collect(), zone }
    }

    pub(super) fn begin(&self) -> Time {
        self.bounds.first().copied().unwrap_or_default()
    }

    pub(super) fn end(&self) -> Time {
        self.bounds.last().copied().unwrap_or_default()
    }

    /// Its parts: the days of a week, or the hours of a day.
    pub(super) fn parts(&self) -> impl DoubleEndedIterator<Item = std::ops::Range<Time>> + ExactSizeIterator + '_ {
        self.bounds.windows(2).map(|pair| pair[0]..pair[1])
    }

    /// Where a moment lies, in percent of the whole.
    pub(super) fn percent(&self, at: Time) -> f64 {
        let whole = (self.end() - self.begin()).num_seconds().max(1) as f64;
        (at - self.begin()).num_seconds() as f64 / whole * 100.0
    }
}

/// The runs of a schedule within the span.
#[derive(Debug, Default)]
pub(super) struct Runs {
    pub(super) at: Vec<Time>,
    /// Of each part how many, and whether there may be more.
    pub(super) of_parts: Vec<(usize, bool)>,
}

impl Runs {
    /// Finds them, looking at no more occurrences than are `left`.
    pub(super) fn of(plan: &Plan, span: &Span, left: &mut usize) -> Self {
        let parts: Vec<_> = span.parts().collect();
        let most = if span.is_week { RUNS_OF_DAY_MAX } else { RUNS_OF_HOUR_MAX };
        let mut runs = Self { at: Vec::new(), of_parts: vec![(0, false); parts.len()] };
        let mut begin = Some(0);
        // once a part has enough, the next is looked at by itself: who runs often in the first is seen in the last, too
        while let Some(first) = begin.take().filter(|first| *first < parts.len()) {
            let (mut part, mut looked) = (first, 0);
            for one in plan.course(parts[first].start).take_while(|one| one.moment < span.end()) {
                if *left == 0 {
                    return runs;
                }
                *left -= 1;
                while one.moment >= parts[part].end {
                    (part, looked) = (part + 1, 0);
                }
                looked += 1;
                if let Some(at) = one.runs_at() {
                    runs.at.push(at);
                    runs.of_parts[part].0 += 1;
                }
                if runs.of_parts[part].0 == most || looked == most * LOOKED_AT_PER_RUN {
                    (runs.of_parts[part].1, begin) = (true, Some(part + 1));
                    break;
                }
            }
        }
        runs
    }

    /// Leaves out what comes from `end` on.
    pub(super) fn until(mut self, end: Option<Time>, span: &Span) -> Self {
        let Some(end) = end.filter(|end| *end < span.end()) else { return self };
        self.at.retain(|at| *at < end);
        for (count, part) in self.of_parts.iter_mut().zip(span.parts()) {
            count.0 = self.at.iter().filter(|at| part.contains(at)).count();
            count.1 &= part.end <= end;
        }
        self
    }
}
