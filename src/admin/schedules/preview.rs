//! What a schedule will do: for pages, programs and the editor, whether it is saved or not.

use chrono::{NaiveDate, NaiveTime};
use chrono_tz::Tz;
use serde_json::{Value, json};

use crate::base::clock::Time;
use crate::queue::schedules::Known;
use crate::timing::{ClockNote, Fate, Occurrence, Plan, PlannedDay, TZ_VERSION, Touch, Touched};

/// Occurrences of a preview when nobody says how many.
pub const OCCURRENCES: usize = 50;
/// Most occurrences of a preview.
pub const OCCURRENCES_MAX: usize = 1_000;
/// Days that a preview looks at.
pub const DAYS: u32 = 366;
/// Changes of the clock that are told.
const CLOCK_NOTES: usize = 2;

/// What lies ahead of a schedule.
#[derive(Debug, Clone)]
pub struct Preview {
    /// What it says, in sentences.
    pub sentences: Vec<String>,
    /// Its next occurrences, those that are left out included.
    pub next: Vec<Occurrence>,
    /// The days from today on, for a year.
    pub days: Vec<PlannedDay>,
    /// The next changes of the clock.
    pub clock: Vec<ClockNote>,
    /// The search for more ended there.
    pub gave_up: Option<Time>,
    /// There are more in the range, from then on.
    pub further: Option<Time>,
}

/// Looks ahead from `from` on: so many occurrences, and a year of days.
pub fn preview(known: &Known, from: Time, most: usize) -> Preview {
    Preview::of(&known.plan, known.spec.timing().sentences(&known.spec.name), (from, None), most)
}

impl Preview {
    /// Looks at the first occurrences of `[from, to)`, and at a year of days from `from` on.
    pub fn of(plan: &Plan, sentences: Vec<String>, (from, to): (Time, Option<Time>), most: usize) -> Self {
        let (mut course, most) = (plan.course(from), most.min(OCCURRENCES_MAX));
        let mut of_range = course.by_ref().take_while(|one| to.is_none_or(|to| one.moment < to));
        let next: Vec<Occurrence> = of_range.by_ref().take(most).collect();
        let further = if next.len() == most { of_range.next().map(|one| one.moment) } else { None };
        let gave_up = course.gave_up().filter(|_| next.len() < most);
        let today: NaiveDate = from.with_timezone(&plan.zone).date_naive();
        let mut clock = plan.clock_changes(from, DAYS);
        clock.truncate(CLOCK_NOTES);
        Self { sentences, next, days: plan.days_ahead(today, DAYS), clock, gave_up, further }
    }

    /// Writes it as programs read it.
    pub fn json(&self, zone: Tz) -> Value {
        let (runs, is_more) = self.runs_of_year();
        json!({
            "timezone": zone.name(),
            "tz_version": TZ_VERSION,
            "sentences": self.sentences,
            "occurrences": self.next.iter().map(occurrence).collect::<Vec<_>>(),
            "next": self.further,
            "gave_up_at": self.gave_up,
            "clock_changes": self.clock.iter().map(|note| clock(note, zone)).collect::<Vec<_>>(),
            "runs_of_year": runs,
            "runs_of_year_more": is_more,
            "days_without": self.days_without(),
            "days": self.days.iter().map(day).collect::<Vec<_>>(),
        })
    }

    /// Counts the runs of the days that were looked at; the flag tells that there may be more.
    pub fn runs_of_year(&self) -> (u32, bool) {
        let is_capped = |day: &PlannedDay| day.runs.is_none_or(|runs| runs >= crate::timing::RUNS_OF_DAY_MAX);
        (self.days.iter().filter_map(|day| day.runs).sum(), self.days.iter().any(is_capped))
    }

    /// Counts the days of the year on which it does not run, as far as they were looked at.
    pub fn days_without(&self) -> usize {
        self.days.iter().filter(|day| day.runs == Some(0)).count()
    }
}

/// Writes a preview of a schedule as programs read it.
pub fn json_of(known: &Known, from: Time, to: Option<Time>, most: usize) -> Value {
    let sentences = known.spec.timing().sentences(&known.spec.name);
    Preview::of(&known.plan, sentences, (from, to), most).json(known.plan.zone)
}

fn day(day: &PlannedDay) -> Value {
    json!({ "day": day.day, "runs": day.runs, "left_out": day.left_out, "moved": day.is_moved })
}

fn clock(note: &ClockNote, zone: Tz) -> Value {
    let touched = |(time, what): &(NaiveTime, Touched)| {
        let (becomes, run_at) = match what {
            Touched::RunsAt(at) => ("moved", Some(at)),
            Touched::LeftOut => ("left_out", None),
            Touched::First => ("first_pass", None),
            Touched::Second => ("second_pass", None),
        };
        json!({ "time": time, "becomes": becomes, "run_at": run_at })
    };
    json!({
        "at": note.at,
        "forward_ms": note.forward.num_milliseconds(),
        "sentence": note.sentence(zone),
        "touched": note.touched.iter().map(touched).collect::<Vec<_>>(),
    })
}

fn occurrence(one: &Occurrence) -> Value {
    let (run_at, reason) = match &one.fate {
        Fate::Runs(at, reason) => (Some(at), reason.as_ref()),
        Fate::Skipped(reason) => (None, Some(reason)),
    };
    let reason = one.why_left_out().or_else(|| reason.map(ToString::to_string));
    json!({
        "at": one.at,
        "local": one.local.format("%Y-%m-%dT%H:%M:%S").to_string(),
        "run_at": run_at,
        "reason": reason,
        "clock_change": clock_change(one.touch),
        "until": one.until,
    })
}

fn clock_change(touch: Touch) -> Option<&'static str> {
    match touch {
        Touch::None => None,
        Touch::AfterGap => Some("after_gap"),
        Touch::Shifted => Some("shifted"),
        Touch::LeftOut => Some("left_out"),
        Touch::FirstPass => Some("first_pass"),
        Touch::SecondPass => Some("second_pass"),
    }
}
