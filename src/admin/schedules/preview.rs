//! What a schedule will do: for pages, programs and the editor, whether it is saved or not.

use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::base::clock::Time;
use crate::queue::schedules::Known;
use crate::timing::{ClockNote, Fate, Occurrence, PlannedDay, TZ_VERSION, Touch};

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
}

/// Looks ahead from `from` on: so many occurrences, and a year of days.
pub fn preview(known: &Known, from: Time, most: usize) -> Preview {
    let plan = &known.plan;
    let mut course = plan.course(from);
    let next: Vec<Occurrence> = course.by_ref().take(most.min(OCCURRENCES_MAX)).collect();
    let gave_up = course.gave_up();
    let today: NaiveDate = from.with_timezone(&plan.zone).date_naive();
    let mut clock = plan.clock_changes(from, DAYS);
    clock.truncate(CLOCK_NOTES);
    Preview {
        sentences: known.spec.timing().sentences(&known.spec.name),
        next,
        days: plan.days_ahead(today, DAYS),
        clock,
        gave_up,
    }
}

impl Preview {
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

/// Writes a preview as programs read it.
pub fn json_of(known: &Known, from: Time, to: Option<Time>, most: usize) -> Value {
    let plan = &known.plan;
    let mut course = plan.course(from);
    let occurrences: Vec<Value> = course
        .by_ref()
        .take_while(|one| to.is_none_or(|to| one.moment < to))
        .take(most)
        .map(|one| occurrence(&one))
        .collect();
    json!({
        "timezone": plan.zone.name(),
        "tz_version": TZ_VERSION,
        "sentences": known.spec.timing().sentences(&known.spec.name),
        "occurrences": occurrences,
        "gave_up_at": course.gave_up(),
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
