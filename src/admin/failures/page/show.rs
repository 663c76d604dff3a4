//! `GET /failures/{fingerprint}` and its stream: one group, where it comes, what differs, what people decided and wrote.

use std::sync::Arc;
use std::time::Duration;

use actix_session::Session;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::row::{Row, first_line, words};
use super::{ended, told};
use crate::admin::failures::detail::{Attempt, Note, Share, attempts, notes, shares};
use crate::admin::failures::differs::{Compared, compare};
use crate::admin::failures::read::{Course, GroupRow};
use crate::admin::failures::service::{self, FailureError, sees_messages};
use crate::admin::failures::{Range, Sort};
use crate::admin::jobs::trail::{Record, trail_of};
use crate::base::db::PgConnection;
use crate::queue::access::session::SignedIn;
use crate::queue::actor::Actor;
use crate::queue::failures::GroupState;
use crate::queue::fingerprint::frames;
use crate::queue::permission::Permission;
use crate::queue::state::JobState;
use crate::web::ansi::visible;
use crate::web::charts::{Bars, Series, Tick};
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::format::{Count, Stamp, count, grouped, percent};
use crate::web::kit::Kit;
use crate::web::live::{self, Frame, LiveError, Panel, Show};
use crate::web::parts::{Deed, Notice, Tab};
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::respond::{self, Part};
use crate::web::shell::{Shell, initials};
use crate::web::tone::Tone;

/// Time between two renderings.
const EVERY: Duration = Duration::from_secs(5);
/// Records of the audit trail shown.
const DEEDS_MAX: i64 = 20;
/// Most lines of a trace before the rest is folded away.
const FRAMES_SHOWN: usize = 8;

/// The page.
#[derive(Template)]
#[template(
    path = "failures/show.html",
    blocks = ["head", "facts", "course_block", "jobs_block", "shares_block", "notes_block", "deeds_block"]
)]
pub struct ShowPage {
    pub shell: Shell,
    pub row: Row,
    pub group: Facts,
    pub ranges: Vec<Tab>,
    pub bars: Bars,
    pub shares: Shares,
    pub sample: Option<Sample>,
    pub attempts: Vec<AttemptLine>,
    pub compared: Compared,
    pub differences: Vec<DifferenceLine>,
    pub notes: Vec<Deed>,
    pub deeds: Vec<Deed>,
    /// The viewer may decide about it.
    pub may_handle: bool,
    /// The viewer reads everybody's acts, not only the own ones.
    pub all_deeds: bool,
    pub sees_payload: bool,
}

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
    pub failed_href: String,
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

/// Everything that a page is made of.
pub(super) struct Known {
    pub group: GroupRow,
    pub course: Option<Course>,
    pub shares: Vec<Share>,
    pub attempts: Vec<Attempt>,
    pub compared: Compared,
    pub notes: Vec<Note>,
    pub trail: Vec<Record>,
}

/// `GET /failures/{fingerprint}`.
pub async fn show(
    hx: Hx,
    kit: Data<Kit>,
    actor: Actor,
    shell: Shell,
    (print, query): (Path<String>, Query),
) -> Result<HttpResponse, WebError> {
    let range = Range::parse(query.0.text("range")).unwrap_or_default();
    let page = kit.db.run(move |conn| ShowPage::read(conn, &actor, shell, (&print, range))).await.map_err(told)?;
    respond::page(&hx, &page, &[])
}

/// `GET /live/failure?fp=`: what changes by itself.
pub async fn stream(
    request: HttpRequest,
    viewer: SignedIn,
    kit: Data<Kit>,
    shell: Shell,
    query: Query,
) -> Result<HttpResponse, WebError> {
    let (actor, clock, shell) = (viewer.actor.clone(), Arc::clone(&kit.clock), shell.shared());
    let (print, range) = (query.0.text("fp").to_owned(), Range::parse(query.0.text("range")).unwrap_or_default());
    let (asker, asked) = (actor.clone(), print.clone());
    // a stream of what is not there would be retried for ever
    kit.db.run(move |conn| service::find(conn, &asker, &asked)).await.map_err(told)?;
    let render = move |conn: &mut PgConnection, _: u64| {
        let shell = Shell { now: clock.now(), ..shell.clone() };
        let known = Known::changing(conn, &actor, &print, (range, shell.now)).map_err(ended)?;
        frame(&ShowPage::new(&actor, shell, range, &known))
    };
    live::open(&request, &viewer, Show { page: "failure", every: EVERY, render: Arc::new(render) }).await
}

/// The audit trail is left out: people with equal rights share a frame, but not their own acts.
fn frame(page: &ShowPage) -> Result<Frame, LiveError> {
    let panel = |id: &str, html: String| Panel { id: id.into(), html };
    let panels = vec![
        panel("panel-facts", page.as_facts().render()?),
        panel("panel-course", page.as_course_block().render()?),
        panel("panel-jobs", page.as_jobs_block().render()?),
        panel("panel-shares", page.as_shares_block().render()?),
    ];
    Ok(Frame { panels, tail: None })
}

impl Known {
    /// Reads what changes by itself.
    fn changing(
        conn: &mut PgConnection,
        actor: &Actor,
        print: &str,
        range: (Range, crate::base::clock::Time),
    ) -> Result<Self, FailureError> {
        let group = service::find(conn, actor, print)?;
        let prints = [group.fingerprint.clone()];
        let course = service::courses(conn, actor, &prints, range)?.pop();
        let shares = shares(conn, &actor.scope, print, range)?;
        let attempts = attempts(conn, &actor.scope, print)?;
        let (compared, notes, trail) = (Compared::default(), Vec::new(), Vec::new());
        Ok(Self { group, course, shares, attempts, compared, notes, trail })
    }

    fn whole(
        conn: &mut PgConnection,
        actor: &Actor,
        print: &str,
        range: (Range, crate::base::clock::Time),
    ) -> Result<Self, FailureError> {
        let known = Self::changing(conn, actor, print, range)?;
        let compared = compare(conn, &actor.scope, print, sees_messages(actor))?;
        let notes = notes(conn, print)?;
        let trail = trail_of(conn, actor, ("failure", print), DEEDS_MAX)?;
        Ok(Self { compared, notes, trail, ..known })
    }
}

impl ShowPage {
    /// Reads the page of a group.
    ///
    /// # Errors
    /// As [`service::find`].
    pub fn read(
        conn: &mut PgConnection,
        actor: &Actor,
        shell: Shell,
        (print, range): (&str, Range),
    ) -> Result<Self, FailureError> {
        let known = Known::whole(conn, actor, print, (range, shell.now))?;
        Ok(Self::new(actor, shell, range, &known))
    }

    pub(super) fn new(actor: &Actor, shell: Shell, range: Range, known: &Known) -> Self {
        let group = &known.group;
        let row = Row::new(group, known.course.as_ref(), (range, Sort::Last), actor, &shell);
        let name = if range == Range::default() { "" } else { range.as_str() };
        let live = paths::with_query(&paths::live("failure"), &[("fp", &group.fingerprint), ("range", name)]);
        let shell = shell.titled(row.message.clone(), Section::Failures).under("Failures", paths::FAILURES);
        let href = |range: Range| {
            let name = if range == Range::default() { "" } else { range.as_str() };
            paths::with_query(&row.href, &[("range", name)])
        };
        Self {
            group: facts(group, &shell),
            ranges: Range::ALL.map(|one| Tab::new(words(one), href(one), one == range)).into(),
            bars: bars(known.course.as_ref(), range, &shell),
            shares: lines(&known.shares, group, &shell),
            sample: known.attempts.first().filter(|_| sees_messages(actor)).map(|attempt| sample(attempt, &shell)),
            attempts: known.attempts.iter().map(|attempt| attempt_line(attempt, &shell)).collect(),
            differences: differences(&known.compared),
            compared: known.compared.clone(),
            notes: known.notes.iter().map(|note| note_line(note, &shell)).collect(),
            deeds: known.trail.iter().filter(|record| record.act != "failure.note").map(|record| deed(record, &shell)).collect(),
            may_handle: actor.may(Permission::HandleFailures),
            all_deeds: actor.may(Permission::ReadAudit),
            sees_payload: sees_messages(actor),
            shell: Shell { title: format!("{}, Failures", first_line(group, actor)), live, ..shell },
            row,
        }
    }

    /// Gives the address of an act.
    pub fn act(&self, verb: &str) -> String {
        paths::failure_act(&self.row.fingerprint, verb)
    }

    /// Gives the parts that an act may have changed.
    ///
    /// # Errors
    /// When a template fails.
    pub fn answer(&self, hx: &Hx, session: &Session, notice: &Notice) -> Result<HttpResponse, WebError> {
        let parts = [
            Part { id: "panel-head", inside: &self.as_head() },
            Part { id: "panel-facts", inside: &self.as_facts() },
            Part { id: "panel-notes", inside: &self.as_notes_block() },
            Part { id: "panel-deeds", inside: &self.as_deeds_block() },
        ];
        respond::done(hx, session, &self.row.href, notice, &parts)
    }
}

fn facts(group: &GroupRow, shell: &Shell) -> Facts {
    let jobs = |state: &str| paths::with_query(paths::JOBS, &[("state", state), ("group", &group.fingerprint)]);
    let from = group.handled_from.map(|from| format!(" from v{from} on")).unwrap_or_default();
    let by = group.handled_by.clone().unwrap_or_default();
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
        failed_href: jobs("failed"),
    }
}

fn bars(course: Option<&Course>, range: Range, shell: &Shell) -> Bars {
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

fn lines(shares: &[Share], group: &GroupRow, shell: &Shell) -> Shares {
    let of = |kind: &str| {
        let all: i64 = shares.iter().filter(|share| share.kind == kind).map(|share| share.attempts).sum();
        let line = |share: &Share| Line {
            href: match kind {
                "version" => share.name.parse().map_or_else(|_| String::new(), |v| paths::template_version(&group.template, v)),
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

fn sample(attempt: &Attempt, shell: &Shell) -> Sample {
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

fn attempt_line(attempt: &Attempt, shell: &Shell) -> AttemptLine {
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

fn differences(compared: &Compared) -> Vec<DifferenceLine> {
    let share = |part: usize, whole: usize| (part * 100).checked_div(whole).unwrap_or(0).min(100) as u8;
    let told = |part: usize, whole: usize| format!("{part} of {whole}");
    let line = |one: &crate::admin::failures::differs::Difference| DifferenceLine {
        field: one.field.clone(),
        value: visible(&one.value),
        failing: told(one.failing, compared.failing),
        succeeding: told(one.succeeding, compared.succeeding),
        failing_percent: share(one.failing, compared.failing),
        succeeding_percent: share(one.succeeding, compared.succeeding),
    };
    compared.differences.iter().map(line).collect()
}

fn note_line(note: &Note, shell: &Shell) -> Deed {
    Deed {
        initials: initials(&note.author),
        who: note.author.clone(),
        what: note.note.clone(),
        reason: String::new(),
        at: shell.stamp(note.at),
    }
}

fn deed(record: &Record, shell: &Shell) -> Deed {
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
