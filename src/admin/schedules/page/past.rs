//! `GET /schedules/{name}/history`: what became of its occurrences, its backfills, what people did to it.

use std::time::Duration;

use askama::Template;

use super::head::Head;
use crate::admin::jobs::trail::{Record, open_trail};
use crate::admin::schedules::history::{self, BackfillRow, OccurrenceRow, Page};
use crate::admin::schedules::{ScheduleError, show};
use crate::base::clock::Time;
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::schedules::{BY_HAND, Outcome};
use crate::web::error::WebError;
use crate::web::format::{Stamp, between, duration, grouped};
use crate::web::live::{Address, LivePage, Panel, panels};
use crate::web::parts::{Deed, Tab};
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::shell::{Shell, initials};
use crate::web::tone::Tone;

/// Occurrences of a page.
const ROWS: i32 = 50;
/// Records of the audit trail that are shown.
const DEEDS_MAX: i64 = 20;

/// The page.
#[derive(Template)]
#[template(path = "schedules/history.html", blocks = ["rows", "backfills_block"])]
pub struct HistoryPage {
    pub shell: Shell,
    pub head: Option<Head>,
    pub filters: Vec<Tab>,
    pub rows: Vec<Row>,
    pub backfills: Vec<BackfillLine>,
    pub deeds: Vec<Deed>,
    pub older: String,
    pub is_filtered: bool,
}

/// An occurrence and what became of it.
pub struct Row {
    pub at: Stamp,
    pub tone: Tone,
    pub word: String,
    pub job: String,
    pub job_href: String,
    /// How late the job began; empty when it was not.
    pub began: String,
    pub length: String,
    /// By how much it ended, or is, later than it should; empty when it is not.
    pub late: String,
    pub reason: String,
    /// "and 41 more until …".
    pub more: String,
    pub by: String,
    pub by_href: String,
    pub version: i32,
}

/// A backfill in a list.
pub struct BackfillLine {
    pub href: String,
    pub id: String,
    pub range: String,
    pub state: String,
    pub tone: Tone,
    pub made: String,
    pub by: String,
    pub at: Stamp,
}

/// What an address asks for.
pub struct Asked {
    name: String,
    outcome: Option<Outcome>,
    before: Option<Time>,
}

impl LivePage for HistoryPage {
    const NAME: &'static str = "schedule-history";
    const EVERY: Duration = Duration::from_secs(2);
    type Asked = Asked;
    type Refused = ScheduleError;

    fn asked(address: &Address) -> Result<Asked, WebError> {
        let before = chrono::DateTime::parse_from_rfc3339(address.text("before")).ok().map(|at| at.to_utc());
        Ok(Asked { name: address.text("name").to_owned(), outcome: Outcome::parse(address.text("outcome")), before })
    }

    fn check(conn: &mut PgConnection, actor: &Actor, asked: &Asked) -> Result<(), ScheduleError> {
        show::one(conn, actor, &asked.name).map(drop)
    }

    fn read(conn: &mut PgConnection, actor: &Actor, shell: Shell, asked: &Asked) -> Result<Self, ScheduleError> {
        let row = show::one(conn, actor, &asked.name)?;
        let marks = history::strips(conn, &[row.id])?.remove(&row.id).unwrap_or_default();
        let page = Page { before: asked.before, outcome: asked.outcome, backfill: None, limit: ROWS };
        let (rows, is_more) = history::occurrences(conn, row.id, &page)?;
        let backfills = history::backfills(conn, row.id)?;
        let trail = open_trail(conn, ("schedule", &row.name), DEEDS_MAX)?;
        let here = paths::schedule_history(&row.name);
        let filter = |label: &str, outcome: Option<Outcome>| {
            let href = paths::with_query(&here, &[("outcome", outcome.map_or("", Outcome::as_str))]);
            Tab::new(label, href, asked.outcome == outcome)
        };
        let older = rows.last().filter(|_| is_more).map(|last| {
            let before = last.at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
            paths::with_query(&here, &[("outcome", asked.outcome.map_or("", Outcome::as_str)), ("before", &before)])
        });
        let head = Head::new(actor, &row, &marks, &shell, "history");
        let mut live = vec![("name", row.name.as_str()), ("outcome", asked.outcome.map_or("", Outcome::as_str))];
        let before = asked.before.map(|at| at.to_rfc3339()).unwrap_or_default();
        live.push(("before", &before));
        let live = paths::with_query(&paths::live("schedule-history"), &live);
        let shell = shell.titled("History", Section::Schedules).under("Schedules", paths::SCHEDULES);
        let shell = shell.under(row.name.as_str(), paths::schedule(&row.name));
        Ok(Self {
            filters: vec![
                filter("All", None),
                filter("Enqueued", Some(Outcome::Enqueued)),
                filter("Skipped", Some(Outcome::Skipped)),
                filter("Missed", Some(Outcome::Missed)),
                filter("Refused", Some(Outcome::Refused)),
            ],
            rows: rows.iter().map(|row| line(row, &shell)).collect(),
            backfills: backfills.iter().map(|row| BackfillLine::new(row, &shell)).collect(),
            deeds: trail.iter().map(|record| deed(record, &shell)).collect(),
            older: older.unwrap_or_default(),
            is_filtered: asked.outcome.is_some(),
            head: Some(head),
            shell: Shell { live, ..shell },
        })
    }

    fn panels(&self) -> askama::Result<Vec<Panel>> {
        panels(&[("panel-rows", &self.as_rows()), ("panel-backfills", &self.as_backfills_block())])
    }
}

pub(super) fn line(row: &OccurrenceRow, shell: &Shell) -> Row {
    let (tone, word) = match (row.outcome(), row.job_ended()) {
        (Outcome::Enqueued, Some(state)) => (Tone::from(state), Tone::from(state).word().to_owned()),
        (Outcome::Enqueued, None) if row.is_kept => (Tone::Running, "Not ended".into()),
        (Outcome::Enqueued, None) => (Tone::Done, "Enqueued, no longer kept".into()),
        (Outcome::Skipped, _) => (Tone::Skipped, "Skipped".into()),
        (Outcome::Missed, _) => (Tone::Expired, "Missed".into()),
        (Outcome::Refused, _) => (Tone::Failed, "Refused".into()),
    };
    let more = match (row.more, row.until) {
        (0, None) => String::new(),
        (0, Some(until)) => format!("and all until {}", shell.stamp(until).text),
        (more, Some(until)) => format!("and {} more until {}", grouped(more.unsigned_abs()), shell.stamp(until).text),
        (more, None) => format!("and {} more", grouped(more.unsigned_abs())),
    };
    let (by, by_href) = match row.backfill_id {
        0 => (String::new(), String::new()),
        BY_HAND => ("by hand".into(), String::new()),
        id => (format!("backfill {id}"), paths::backfill(id)),
    };
    let began = match (row.started_at, row.backfill_id) {
        (Some(started), 0) => duration(between(row.at, started)),
        _ => String::new(),
    };
    let length = row.started_at.zip(row.finished_at).map(|(from, to)| duration(between(from, to)));
    Row {
        at: shell.stamp(row.at),
        tone,
        word,
        job: row.job_id.map(|job| job.to_string()).unwrap_or_default(),
        job_href: row.job_id.map(paths::job).unwrap_or_default(),
        began,
        length: length.unwrap_or_default(),
        late: row.late(shell.now).map(duration).unwrap_or_default(),
        reason: row.reason.clone().unwrap_or_default(),
        more,
        by,
        by_href,
        version: row.version,
    }
}

impl BackfillLine {
    pub(super) fn new(row: &BackfillRow, shell: &Shell) -> Self {
        let (tone, word) = match row.state.as_str() {
            "running" => (Tone::Running, "Running"),
            "done" => (Tone::Done, "Done"),
            _ => (Tone::Held, "Stopped"),
        };
        Self {
            href: paths::backfill(row.id.0),
            id: row.id.to_string(),
            range: format!("{} to {}", shell.dated(row.from_at).text, shell.dated(row.to_at).text),
            state: word.to_owned(),
            tone,
            made: format!("{} of {}", row.enqueued, row.planned),
            by: row.actor.clone(),
            at: shell.stamp(row.started_at),
        }
    }
}

fn deed(record: &Record, shell: &Shell) -> Deed {
    let what = match record.act.as_str() {
        "schedule.make" => "made it",
        "schedule.change" => "changed what it says",
        "schedule.pause" => "paused it",
        "schedule.resume" => "resumed it",
        "schedule.run" => "ran it by hand",
        "schedule.backfill" => "started a backfill",
        "schedule.backfill_stop" => "stopped a backfill",
        "schedule.backfill_resume" => "let a backfill go on",
        "schedule.remove" => "removed it",
        other => other,
    };
    Deed {
        initials: initials(&record.actor),
        who: record.actor.clone(),
        what: if record.accepted { what.to_owned() } else { format!("tried: {what}") },
        reason: record.reason.clone().unwrap_or_default(),
        at: shell.stamp(record.at),
    }
}
