//! What the commands print.

use std::collections::HashMap;

use chrono::SecondsFormat;
use chrono_tz::Tz;
use serde_json::{Value, json};

use crate::admin::schedules::backfill::{Becomes, DryRun};
use crate::admin::schedules::preview::Preview;
use crate::admin::schedules::{Applied, BackfillRow, OccurrenceRow, RunMark, ScheduleRow, VersionRow, json as view};
use crate::base::clock::Time;
use crate::cli::answer::{columns, moment};
use crate::cli::{Answer, Failure};
use crate::queue::schedules::ScheduleId;
use crate::queue::state::JobState;
use crate::timing::{Fate, Occurrence, Reason, Touch};
use crate::web::ansi::visible;

/// Days without a run that are told with the reason.
const DAYS_SHOWN_MAX: usize = 20;

pub(super) fn applied(one: &Applied) -> String {
    let version = one.version.map(|version| format!("@{version}")).unwrap_or_default();
    let what = if one.unchanged { "unchanged" } else { "saved" };
    format!("{} {}{version} {what}", one.kind.to_lowercase(), one.name)
}

/// Tells how to go on behind a page.
fn going_on(answer: Answer, next: Option<String>, flag: &str) -> Answer {
    match next {
        Some(next) => answer.noting(format!("There are more: {flag} {next}")),
        None => answer,
    }
}

pub(super) fn list(rows: &[ScheduleRow], strips: &HashMap<ScheduleId, Vec<RunMark>>, next: Option<&str>) -> Answer {
    let none: Vec<RunMark> = Vec::new();
    let heading = ["NAME", "STATE", "WHEN", "NEXT RUN", "LAST RUN", "TEMPLATE"];
    let mut lines = vec![heading.map(String::from).to_vec()];
    for row in rows {
        let strip = strips.get(&row.id).unwrap_or(&none);
        lines.push(vec![
            row.name.clone(),
            row.standing().as_str().to_owned(),
            visible(view::sentences(row).first().map_or("", String::as_str)),
            row.next_at.map_or_else(|| "never".to_owned(), moment),
            strip.last().map_or_else(String::new, last),
            row.template.clone(),
        ]);
    }
    let shown: Vec<Value> =
        rows.iter().map(|row| view::schedule(row, strips.get(&row.id).unwrap_or(&none), None)).collect();
    let answer = Answer::new(columns(&lines), json!({ "schedules": shown, "next": next }));
    going_on(answer, next.map(str::to_owned), "--after")
}

fn last(mark: &RunMark) -> String {
    let state = mark.ended.map_or("has not ended", JobState::as_str);
    format!("{} {state}", moment(mark.at))
}

pub(super) fn document(row: &ScheduleRow, spec: &Value) -> Result<Answer, Failure> {
    let text =
        crate::admin::schedules::document_text(spec).ok_or_else(|| Failure::refused("it cannot be written as YAML"))?;
    let mut shown = view::schedule(row, &[], Some(spec));
    shown["document"] = text.clone().into();
    Ok(Answer::new(text.trim_end(), shown))
}

/// Writes an instant so that it can be given back exactly.
fn exact(at: Time) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

pub(super) fn history(rows: &[OccurrenceRow], is_more: bool) -> Answer {
    let heading = ["OCCURRENCE", "OUTCOME", "JOB", "ENDED", "WHY"];
    let mut lines = vec![heading.map(String::from).to_vec()];
    for row in rows {
        let more = if row.more > 0 { format!(" (and {} more)", row.more) } else { String::new() };
        lines.push(vec![
            format!("{}{more}", moment(row.at)),
            row.outcome().as_str().to_owned(),
            row.job_id.map_or_else(String::new, |job| job.to_string()),
            row.job_ended().map_or_else(String::new, |state| state.as_str().to_owned()),
            visible(row.reason.as_deref().unwrap_or_default()),
        ]);
    }
    let next = rows.last().filter(|_| is_more).map(|row| row.at);
    let shown: Vec<Value> = rows.iter().map(view::occurrence).collect();
    let answer = Answer::new(columns(&lines), json!({ "occurrences": shown, "next": next }));
    going_on(answer, next.map(exact), "--before")
}

pub(super) fn versions(all: &[(VersionRow, Value)]) -> Answer {
    let mut lines = vec![["VERSION", "SAVED", "BY", "NOTE"].map(String::from).to_vec()];
    for (row, _) in all {
        let note = visible(row.note.as_deref().unwrap_or_default());
        lines.push(vec![row.version.to_string(), moment(row.created_at), visible(&row.created_by), note]);
    }
    let shown: Vec<Value> = all.iter().map(|(row, spec)| view::version(row, spec)).collect();
    Answer::new(columns(&lines), json!({ "versions": shown }))
}

pub(super) fn dry_run(dry: &DryRun) -> Answer {
    let mut lines = vec![match (dry.jobs, dry.is_too_many) {
        (jobs, true) => format!("More than {jobs} occurrences lie in the range; choose a shorter one. The first are:"),
        (0, false) if dry.have_jobs > 0 => "Nothing would be made: all have a job already.".to_owned(),
        (0, false) => "Nothing would be made.".to_owned(),
        (1, false) => "1 job would be made:".to_owned(),
        (jobs, false) => format!("{jobs} jobs would be made; the first times are:"),
    }];
    lines.extend(dry.named.iter().map(|one| {
        let becomes = match &one.becomes {
            Becomes::Job => String::new(),
            Becomes::SecondJob => "  a second job".to_owned(),
            Becomes::HasJob => "  has a job".to_owned(),
            Becomes::LeftOut(why) => format!("  left out: {}", visible(why)),
        };
        let moved = one.moved.as_ref().map(|(to, why)| format!("  moved to {}: {}", moment(*to), visible(why)));
        format!("  {}{}{becomes}", moment(one.at), moved.unwrap_or_default())
    }));
    if dry.have_jobs > 0 {
        lines.push(format!("{} occurrences of the range have a job already.", dry.have_jobs));
    }
    if dry.left_out > 0 {
        let least = if dry.left_out_more { "At least " } else { "" };
        lines.push(format!("{least}{} are left out.", dry.left_out));
    }
    Answer::new(lines.join("\n"), view::dry_run(dry))
}

/// Writes what lies ahead: an occurrence a line, then the year.
pub(super) fn ahead(ahead: &Preview, zone: Tz) -> Answer {
    let mut lines: Vec<String> = ahead.sentences.iter().map(|sentence| visible(sentence)).collect();
    lines.extend(ahead.next.iter().map(occurrence));
    match ahead.gave_up {
        Some(at) => lines.push(format!("Nothing more runs up to {}; the search ended there.", exact(at))),
        None if ahead.next.is_empty() => lines.push("Nothing runs in that time.".into()),
        None => {}
    }
    let (runs, is_more) = ahead.runs_of_year();
    let than = if is_more { "More than " } else { "" };
    lines.push(match ahead.days_without() {
        0 => format!("{than}{runs} in the next 12 months; it runs every day."),
        days => format!("{than}{runs} in the next 12 months; {days} of its days are without a run."),
    });
    let without = ahead.days.iter().filter(|day| day.runs == Some(0));
    lines.extend(
        without
            .filter_map(|day| Some((day.day, day.left_out.as_ref()?)))
            .take(DAYS_SHOWN_MAX)
            .map(|(day, why)| format!("  {day} is without a run: {}", visible(why))),
    );
    lines.extend(ahead.clock.iter().map(|note| note.sentence(zone)));
    going_on(Answer::new(lines.join("\n"), ahead.json(zone)), ahead.further.map(exact), "--from")
}

fn occurrence(one: &Occurrence) -> String {
    let why = |reason: &Reason| visible(&reason.to_string());
    let told = match &one.fate {
        Fate::Runs(at, None) => exact(*at),
        Fate::Runs(at, Some(reason)) if *at == one.at => format!("{}  {}", exact(*at), why(reason)),
        Fate::Runs(at, Some(reason)) => format!("{}  moved from {}: {}", exact(*at), exact(one.at), why(reason)),
        Fate::Skipped(_) => {
            let why = visible(&one.why_left_out().unwrap_or_default());
            let until = one.until.map(|until| format!(", and all until {}", exact(until)));
            format!("{}  left out: {why}{}", exact(one.at), until.unwrap_or_default())
        }
    };
    let pass = match one.touch {
        Touch::FirstPass => "  first pass",
        Touch::SecondPass => "  second pass",
        Touch::None | Touch::AfterGap | Touch::Shifted | Touch::LeftOut => "",
    };
    told + pass
}

pub(super) fn backfills(rows: &[BackfillRow], is_more: bool) -> Answer {
    let heading = ["ID", "STATE", "FROM", "TO", "MADE", "OF", "REFUSED", "STARTED", "BY"];
    let mut lines = vec![heading.map(String::from).to_vec()];
    lines.extend(rows.iter().map(|row| {
        let numbers = [row.enqueued, row.planned, row.refused].map(|number| number.to_string());
        let times = [row.from_at, row.to_at].map(moment);
        let head = [row.id.to_string(), row.state.clone()].into_iter().chain(times).chain(numbers);
        head.chain([moment(row.started_at), visible(&row.actor)]).collect()
    }));
    let next = rows.last().filter(|_| is_more).map(|row| row.id);
    let shown: Vec<Value> = rows.iter().map(view::backfill).collect();
    let answer = Answer::new(columns(&lines), json!({ "backfills": shown, "next": next }));
    going_on(answer, next.map(|id| id.to_string()), "--after")
}

pub(super) fn backfill(row: &BackfillRow) -> Answer {
    let refused = if row.refused > 0 { format!(", {} refused", row.refused) } else { String::new() };
    let text = format!(
        "Backfill {} of {}: {}, {} of {} jobs made{refused}, {} at a time",
        row.id, row.schedule, row.state, row.enqueued, row.planned, row.concurrency
    );
    Answer::new(text, view::backfill(row))
}
