//! A schedule in the list: what it says in words, what is next, how its last runs went.

use crate::admin::schedules::{RunMark, ScheduleRow, json as view};
use crate::queue::state::JobState;
use crate::web::format::{self, Stamp, until};
use crate::web::paths;
use crate::web::shell::Shell;
use crate::web::tone::Tone;

use super::list::look;

/// Marks of a strip.
const MARKS: usize = 20;

/// A schedule.
pub struct Line {
    pub name: String,
    pub href: String,
    pub sentence: String,
    /// Further sentences, for whoever points at the first.
    pub more: String,
    pub zone: String,
    pub template: String,
    pub tone: Tone,
    pub word: &'static str,
    /// Who paused it and why, or why it cannot run.
    pub why: String,
    pub next: Option<Stamp>,
    pub next_in: String,
    pub last: Option<Last>,
    pub strip: Strip,
}

/// The last run.
pub struct Last {
    pub href: String,
    pub tone: Tone,
    pub word: &'static str,
    pub at: Stamp,
    /// How long it took.
    pub length: String,
}

/// The last runs, the oldest first.
pub struct Strip {
    pub marks: Vec<Mark>,
    /// The same in words.
    pub label: String,
}

/// A run of the strip.
pub struct Mark {
    pub x: String,
    pub class: &'static str,
}

/// How a run went: icon, colour and word.
pub fn went(mark: &RunMark) -> (Tone, &'static str) {
    match mark.ended {
        Some(JobState::Succeeded) if mark.is_retried => (Tone::Retrying, "Succeeded after a retry"),
        Some(state) => (Tone::from(state), Tone::from(state).word()),
        None => (Tone::Running, "Not ended"),
    }
}

fn colour(mark: &RunMark) -> &'static str {
    match mark.ended {
        Some(JobState::Succeeded) if mark.is_retried => "b-ret",
        Some(JobState::Succeeded) => "b-ok",
        Some(JobState::Cancelled) => "b-soft",
        Some(_) => "b-bad",
        None => "b-race",
    }
}

impl Strip {
    /// Draws the last runs.
    pub fn of(marks: &[RunMark]) -> Self {
        let failed =
            marks.iter().filter(|mark| matches!(mark.ended, Some(JobState::Failed | JobState::Expired))).count();
        let label = match (marks.len(), failed) {
            (0, _) => "Its rules have not made it run yet".to_owned(),
            (1, 0) => "The last run did not fail".into(),
            (runs, 0) => format!("None of the last {runs} runs failed"),
            (runs, failed) => format!("{failed} of the last {runs} runs failed"),
        };
        let from = MARKS.saturating_sub(marks.len());
        let mark = |(place, mark): (usize, &RunMark)| Mark {
            x: format!("{:.1}", (from + place) as f64 * 5.0),
            class: colour(mark),
        };
        Self { marks: marks.iter().enumerate().map(mark).collect(), label }
    }
}

impl Line {
    pub(super) fn new(row: &ScheduleRow, marks: &[RunMark], shell: &Shell) -> Self {
        let sentences = view::sentences(row);
        let (tone, word) = look(row.standing());
        let next = row.next_at.filter(|_| row.paused_at.is_none());
        let last = marks.last().map(|mark| {
            let (tone, word) = went(mark);
            let length = mark.run_ms.map_or_else(String::new, format::duration_ms);
            Last { href: paths::job(mark.job), tone, word, at: shell.stamp(mark.at), length }
        });
        Self {
            href: paths::schedule(&row.name),
            sentence: sentences
                .first()
                .cloned()
                .unwrap_or_else(|| "This program does not understand what it says".into()),
            more: sentences.get(1..).map(|more| more.join(". ")).unwrap_or_default(),
            zone: row.spec.get("timezone").and_then(|zone| zone.as_str()).unwrap_or("UTC").to_owned(),
            template: row.template.clone(),
            tone,
            word,
            why: why(row),
            next: next.map(|at| shell.stamp(at)),
            next_in: next.map_or_else(String::new, |at| until(at, shell.now)),
            last,
            strip: Strip::of(marks),
            name: row.name.clone(),
        }
    }
}

/// Says who paused it and why, or why it cannot run.
pub fn why(row: &ScheduleRow) -> String {
    match (&row.paused_by, &row.pause_reason, &row.trouble) {
        (Some(by), Some(reason), _) => format!("by {by}: {reason}"),
        (Some(by), None, _) => format!("by {by}"),
        (None, _, Some(trouble)) => trouble.clone(),
        (None, _, None) => String::new(),
    }
}
