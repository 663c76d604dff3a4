//! What a group's page shows, made of what was read.

use super::row::words;
use crate::admin::failures::Range;
use crate::admin::failures::detail::{Attempt, Note, Share};
use crate::admin::failures::differs::{Compared, Difference, JOBS_MIN};
use crate::admin::failures::read::{Course, GroupRow};
use crate::admin::jobs::trail::Record;
use crate::queue::failures::GroupState;
use crate::queue::fingerprint::frames;
use crate::queue::state::JobState;
use crate::web::ansi::visible;
use crate::web::charts::{Bars, Series, Tick};
use crate::web::format::{Count, Stamp, count, grouped, percent};
use crate::web::parts::Deed;
use crate::web::paths;
use crate::web::shell::{Shell, initials};
use crate::web::tone::Tone;

/// Most lines of a trace before the rest is folded away.
const FRAMES_SHOWN: usize = 8;

/// What a page says of a group beyond its row.
pub struct Facts {
    pub normalised: String,
    pub attempts: Count,
    pub jobs_failed: Count,
    pub first_job: (String, String),
    pub handled: String,
    pub returned: String,
    pub is_muted: bool,
    pub is_handled: bool,
    pub ticket: String,
    pub template_href: String,
    pub jobs_href: String,
    /// Where acts on its failed jobs are asked about.
    pub retry_href: String,
    pub discard_href: String,
    pub cancel_href: String,
}

/// A version, node or queue with its part.
pub struct Line {
    pub name: String,
    pub href: String,
    pub attempts: Count,
    pub share: String,
    pub last: Stamp,
}

/// Where the group came.
#[derive(Default)]
pub struct Shares {
    pub versions: Vec<Line>,
    pub nodes: Vec<Line>,
    pub queues: Vec<Line>,
}

/// The newest failure in its own words.
pub struct Sample {
    pub error: String,
    pub job: String,
    pub href: String,
    pub at: Stamp,
    /// Frames of one's own code first.
    pub frames: Vec<(String, bool)>,
    pub more_frames: usize,
    pub trace: String,
}

/// An attempt that failed so.
pub struct AttemptLine {
    pub job: String,
    pub href: String,
    pub number: i16,
    pub node: String,
    pub queue: String,
    pub version: i32,
    pub tone: Option<Tone>,
    pub at: Stamp,
}

/// A difference in words.
pub struct DifferenceLine {
    pub field: String,
    pub value: String,
    pub failing: String,
    pub succeeding: String,
    pub failing_percent: u8,
    pub succeeding_percent: u8,
}

/// Makes what a page says beyond the row.
pub(super) fn facts(group: &GroupRow, shell: &Shell) -> Facts {
    let jobs = |state: &str| paths::with_query(paths::JOBS, &[("state", state), ("group", &group.fingerprint)]);
    let back = paths::failure(&group.fingerprint);
    let operation = |act: &str, state: &str| {
        let query = format!("group:{} state:{state}", group.fingerprint);
        paths::with_query(paths::OPERATION_NEW, &[("act", act), ("all", "on"), ("q", &query), ("back", &back)])
    };
    let from = group.handled_from.map(|from| format!(" from v{from} on")).unwrap_or_default();
    let by = group.handled_name.clone().unwrap_or_default();
    let handled = group.handled_at.map(|at| format!("{}{from} by {by}", shell.stamp(at).text)).unwrap_or_default();
    Facts {
        normalised: visible(&group.message),
        attempts: count(group.attempts),
        jobs_failed: count(group.jobs_failed),
        first_job: (group.first_job.to_string(), paths::job(group.first_job)),
        handled,
        returned: group.returned_at.map(|at| shell.stamp(at).text).unwrap_or_default(),
        is_muted: group.state(shell.now) == GroupState::Muted,
        is_handled: group.handled_at.is_some(),
        ticket: group.ticket.clone().unwrap_or_default(),
        template_href: paths::template(&group.template),
        jobs_href: jobs(""),
        retry_href: operation("retry", "failed"),
        discard_href: operation("discard", "failed"),
        cancel_href: operation("cancel", "retrying"),
    }
}

/// Draws how a group came.
pub(super) fn bars(course: Option<&Course>, range: Range, shell: &Shell) -> Bars {
    let counts = course.map_or_else(|| vec![0; range.bars() as usize], |course| course.bars(range));
    let values: Vec<f64> = counts.iter().map(|count| *count as f64).collect();
    let sum: u64 = counts.iter().sum();
    let label = format!("{} attempts failed so in the last {}.", grouped(sum), words(range));
    let series = [Series { class: "b-bad", name: "Failed attempts", values: &values }];
    Bars { height_class: "h120", x_ticks: x_ticks(range, shell), ..Bars::stacked(label, &series, None) }
}

fn x_ticks(range: Range, shell: &Shell) -> Vec<Tick> {
    let pattern = if range == Range::Day { "%H:%M" } else { "%-d %b" };
    let tick = |quarter: i64| {
        let at = range.from(shell.now) + chrono::TimeDelta::hours(range.bars() * range.bar_hours() * quarter / 4);
        Tick::along(at.with_timezone(&shell.zone).format(pattern).to_string(), quarter as f64 * 25.0)
    };
    let mut ticks: Vec<Tick> = (0..4).map(tick).collect();
    ticks.push(Tick::along("now", 100.0));
    ticks
}

/// Makes the tables of where it came.
pub(super) fn lines(shares: &[Share], group: &GroupRow, shell: &Shell) -> Shares {
    let of = |kind: &str| {
        let all: i64 = shares.iter().filter(|share| share.kind == kind).map(|share| share.attempts).sum();
        let line = |share: &Share| Line {
            href: match kind {
                "version" => {
                    share.name.parse().map_or_else(|_| String::new(), |v| paths::template_version(&group.template, v))
                }
                "node" if !share.name.contains(' ') => paths::node(&share.name),
                "queue" => paths::queue(&share.name),
                _ => String::new(),
            },
            name: if kind == "version" { format!("v{}", share.name) } else { share.name.clone() },
            attempts: count(share.attempts),
            share: percent(share.attempts.unsigned_abs(), all.unsigned_abs()),
            last: shell.stamp(share.last),
        };
        shares.iter().filter(|share| share.kind == kind).map(line).collect()
    };
    Shares { versions: of("version"), nodes: of("node"), queues: of("queue") }
}

/// Shows the newest failure in its own words.
pub(super) fn sample(attempt: &Attempt, shell: &Shell) -> Sample {
    let (error, trace) = (attempt.error.clone().unwrap_or_default(), attempt.trace.clone().unwrap_or_default());
    let mut found = frames(if trace.is_empty() { &error } else { &trace });
    found.sort_by_key(|frame| !frame.is_own); // stable: own ones first, each from the innermost out
    Sample {
        job: attempt.job.to_string(),
        href: paths::attempt(attempt.job, attempt.number.into()),
        at: shell.stamp(attempt.at),
        more_frames: found.len().saturating_sub(FRAMES_SHOWN),
        frames: found.into_iter().take(FRAMES_SHOWN).map(|frame| (visible(&frame.place), frame.is_own)).collect(),
        error: plain(&error),
        trace: plain(&trace),
    }
}

/// Makes odd characters visible and leaves lines as they are.
fn plain(text: &str) -> String {
    text.lines().map(visible).collect::<Vec<_>>().join("\n")
}

/// Makes the line of an attempt.
pub(super) fn attempt_line(attempt: &Attempt, shell: &Shell) -> AttemptLine {
    AttemptLine {
        job: attempt.job.to_string(),
        href: paths::job(attempt.job),
        number: attempt.number,
        node: attempt.node.clone().unwrap_or_else(|| "–".into()),
        queue: attempt.queue.clone(),
        version: attempt.version,
        tone: attempt.ended.as_deref().and_then(JobState::parse).map(Tone::from),
        at: shell.stamp(attempt.at),
    }
}

/// What was compared, in words.
pub struct Differs {
    pub is_thin: bool,
    pub failing: usize,
    pub succeeding: usize,
    pub lines: Vec<DifferenceLine>,
}

impl Differs {
    /// Says of which jobs there are too few to be compared.
    pub fn thin(&self) -> String {
        let jobs = |number: usize, kind: &str| match number {
            0 => format!("no {kind} job was found"),
            1 => format!("only 1 {kind} job was found"),
            _ => format!("only {number} {kind} jobs were found"),
        };
        let (which, found) = match (self.failing < JOBS_MIN, self.succeeding < JOBS_MIN) {
            (true, true) => {
                ("", format!("{} and {}", jobs(self.failing, "failing"), jobs(self.succeeding, "succeeding")))
            }
            (true, false) => ("failing ", jobs(self.failing, "failing")),
            _ => ("succeeding ", jobs(self.succeeding, "succeeding")),
        };
        format!("There are too few {which}jobs to compare: {found} around the same time, and {JOBS_MIN} are needed.")
    }
}

/// Puts what was compared into words.
pub(super) fn differs(compared: &Compared) -> Differs {
    let share = |part: usize, whole: usize| (part * 100).checked_div(whole).unwrap_or(0).min(100) as u8;
    let told = |part: usize, whole: usize| format!("{part} of {whole}");
    let line = |one: &Difference| DifferenceLine {
        field: one.field.clone(),
        value: visible(&one.value),
        failing: told(one.failing, compared.failing),
        succeeding: told(one.succeeding, compared.succeeding),
        failing_percent: share(one.failing, compared.failing),
        succeeding_percent: share(one.succeeding, compared.succeeding),
    };
    let lines = compared.differences.iter().map(line).collect();
    Differs { is_thin: compared.is_thin(), failing: compared.failing, succeeding: compared.succeeding, lines }
}

/// Makes the line of a note.
pub(super) fn note_line(note: &Note, shell: &Shell) -> Deed {
    Deed {
        initials: initials(&note.author),
        who: note.author.clone(),
        what: note.note.clone(),
        reason: String::new(),
        at: shell.stamp(note.at),
    }
}

/// Puts a decision into words.
pub(super) fn deed(record: &Record, shell: &Shell) -> Deed {
    let after = |name: &str| record.after.as_ref().map(|after| &after[name]).filter(|value| !value.is_null());
    let text = |name: &str| after(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
    let what = match record.act.as_str() {
        "failure.mute" => {
            let until = text("muted_until").parse().map(|at| shell.stamp(at).text);
            until.map_or_else(|_| "muted it".into(), |until| format!("muted it until {until}"))
        }
        "failure.unmute" => "unmuted it".into(),
        "failure.handle" => match after("from_version").and_then(serde_json::Value::as_i64) {
            Some(from) => format!("marked it handled from v{from} on"),
            None => "marked it handled".into(),
        },
        "failure.reopen" => "opened it again".into(),
        "failure.assign" => match after("assignee") {
            Some(_) => format!("assigned it to {}", text("assignee")),
            None => "assigned it to nobody".into(),
        },
        "failure.ticket" => if after("ticket").is_some() { "linked a ticket" } else { "took the ticket away" }.into(),
        other => other.to_owned(),
    };
    Deed {
        initials: initials(&record.actor),
        who: record.actor.clone(),
        what: if record.accepted { what } else { format!("tried: {what}") },
        reason: record.reason.clone().unwrap_or_default(),
        at: shell.stamp(record.at),
    }
}
