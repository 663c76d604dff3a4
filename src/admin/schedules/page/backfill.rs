//! `/schedules/{name}/backfill`: a range, what would be made, a start. `/backfills/{id}`: how it goes, a stop, going on.

use std::time::Duration;

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;
use chrono::Days;

use super::past::{BackfillLine, Row, line};
use super::told;
use crate::admin::schedules::backfill::{self, Becomes, CONCURRENCY_MAX, DryRun, Wish};
use crate::admin::schedules::history::{self, BackfillRow};
use crate::admin::schedules::{ScheduleError, read as rows_of, show};
use crate::base::clock::Time;
use crate::base::db::{PgConnection, Tx};
use crate::base::text;
use crate::queue::actor::Actor;
use crate::queue::idempotency::{RequestKey, once};
use crate::queue::permission::Permission;
use crate::web::error::WebError;
use crate::web::form::{Form, sentence};
use crate::web::format::{Stamp, grouped};
use crate::web::kit::Kit;
use crate::web::live::{Address, LivePage, Panel, panels};
use crate::web::moment;
use crate::web::once::form_key;
use crate::web::parts::{Choice, Notice};
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

/// Form field of the button that only shows what would be made.
const ONLY: &str = "only";

/// The form.
#[derive(Template)]
#[template(path = "schedules/backfill.html", blocks = ["dry_block", "whole_form"])]
pub struct AskPage {
    pub shell: Shell,
    pub name: String,
    pub action: String,
    pub back: String,
    pub form: Form,
    pub dry: Option<Dry>,
    pub zone_hint: String,
}

/// What would be made.
pub struct Dry {
    pub sentence: String,
    /// What else is to be known of the range.
    pub also: String,
    pub named: Vec<Named>,
    pub more: usize,
}

/// An occurrence of the range.
pub struct Named {
    pub at: Stamp,
    /// Why it gets no job, or that it has one; empty for most.
    pub note: String,
    pub is_made: bool,
}

fn is_made(one: &backfill::Named) -> bool {
    matches!(one.becomes, Becomes::Job | Becomes::SecondJob)
}

impl Dry {
    fn of(dry: &DryRun, shell: &Shell) -> Self {
        let sentence = match (dry.jobs, dry.is_too_many) {
            (jobs, true) => format!("More than {jobs} occurrences lie in the range. Choose a shorter one."),
            (0, false) if dry.have_jobs > 0 => "Nothing would be made: all have a job already.".to_owned(),
            (0, false) => "Nothing would be made: no occurrence that runs lies in the range.".to_owned(),
            (1, false) => "1 job would be made.".to_owned(),
            (jobs, false) => format!("{jobs} jobs would be made."),
        };
        let are = |many: usize, one: &str, more: &str| {
            if many == 0 {
                None
            } else {
                Some(format!("{} {}", grouped(many as u64), if many == 1 { one } else { more }))
            }
        };
        let has = are(dry.have_jobs, "of the occurrences has a job already", "of the occurrences have a job already");
        let out = are(dry.left_out, "is left out", "are left out");
        let out = out.map(|told| if dry.left_out_more { format!("At least {told}") } else { told });
        let also = [has, out].into_iter().flatten().map(|told| format!("{told}.")).collect::<Vec<_>>().join(" ");
        let named = |one: &backfill::Named| {
            let moved = one.moved.as_ref().map(|(to, why)| format!("moved to {}: {why}", shell.dated(*to).text));
            let becomes = match &one.becomes {
                Becomes::Job => None,
                Becomes::SecondJob => Some("has a job, gets a second".to_owned()),
                Becomes::HasJob => Some("has a job".to_owned()),
                Becomes::LeftOut(why) => Some(why.clone()),
            };
            let note = moved.into_iter().chain(becomes).collect::<Vec<_>>().join(" · ");
            Named { at: shell.dated(one.at), note, is_made: is_made(one) }
        };
        let shown = dry.named.iter().filter(|one| is_made(one)).count();
        Self { sentence, also, named: dry.named.iter().map(named).collect(), more: dry.jobs.saturating_sub(shown) }
    }
}

impl AskPage {
    fn new(shell: Shell, name: &str, form: Form, dry: Option<Dry>) -> Self {
        let zone_hint = moment::hint(shell.now, shell.zone);
        let shell = shell.titled(format!("Backfill {name}"), Section::Schedules).under("Schedules", paths::SCHEDULES);
        Self {
            shell: shell.under(name, paths::schedule(name)),
            action: paths::schedule_backfill(name),
            back: paths::schedule(name),
            name: name.to_owned(),
            form,
            dry,
            zone_hint,
        }
    }

    fn orders(&self) -> Vec<Choice> {
        vec![Choice::new("oldest", "Oldest first"), Choice::new("newest", "Newest first")]
    }
}

/// `GET /schedules/{name}/backfill`.
pub async fn ask(
    (kit, hx): (Data<Kit>, Hx),
    (actor, shell): (Actor, Shell),
    name: Path<String>,
) -> Result<HttpResponse, WebError> {
    let work = move |conn: &mut PgConnection| {
        actor.require(Permission::EditSchedules)?;
        show::one(conn, &actor, &name)
    };
    let row = kit.db.run(work).await.map_err(told)?;
    let today = shell.now.with_timezone(&shell.zone).date_naive();
    let week_ago = today.checked_sub_days(Days::new(7)).unwrap_or(today);
    let form = Form::default()
        .with("from", format!("{week_ago}T00:00"))
        .with("to", format!("{today}T00:00"))
        .with("order", "oldest")
        .with("concurrency", "1")
        .with("missing_only", "true");
    respond::page(&hx, &AskPage::new(shell, &row.name, form, None), &[])
}

fn wish(form: &mut Form, shell: &Shell) -> Option<Wish> {
    let from = form.read("from", |text| moment::read(text, shell.zone));
    let to = form.read("to", |text| moment::read(text, shell.zone));
    let concurrency = form.number("concurrency", "how many run at a time", 1..=CONCURRENCY_MAX);
    Some(Wish {
        from: from?,
        to: to?,
        newest_first: form.text("order") == "newest",
        missing_only: form.is_on("missing_only"),
        concurrency: concurrency?,
    })
}

/// `POST /schedules/{name}/backfill`: a dry run, or a start.
pub async fn act(
    (kit, hx, session): (Data<Kit>, Hx, Session),
    (actor, shell): (Actor, Shell),
    mut form: Form,
    name: Path<String>,
) -> Result<HttpResponse, WebError> {
    let name = name.into_inner();
    let is_look = !form.text(ONLY).is_empty();
    let reason = form.read("reason", text::note).flatten().unwrap_or_default();
    let wish = wish(&mut form, &shell);
    let key = if is_look { None } else { form_key(&actor, &form, &format!("backfill {name} {wish:?}"))? };
    let of = name.clone();
    let came = match (wish, form.is_refused()) {
        (Some(wish), false) => {
            let work = move |conn: &mut PgConnection| match is_look {
                true => backfill::dry_run(conn, &actor, &of, &wish).map(|dry| (Some(dry), None)),
                false => started(conn, &actor, (&of, &wish), &reason, key.as_ref()).map(|row| (None, Some(row))),
            };
            kit.db.run(work).await
        }
        _ => Ok((None, None)),
    };
    let dry = match came {
        Ok((_, Some(row))) => {
            let notice = Notice::done(format!("Backfill {} of {name} runs.", row.id));
            return respond::onward(&hx, &session, &paths::backfill(row.id.0), &notice);
        }
        Ok((dry, None)) => dry,
        Err(ScheduleError::BadRange(why)) => {
            form.refuse("to", sentence(&why));
            None
        }
        Err(error) => return Err(told(error)),
    };
    let dry = dry.map(|dry| Dry::of(&dry, &shell));
    let page = AskPage::new(shell, &name, form, dry);
    let blocks: [respond::Block<'_>; 2] = [("panel-dry", &page.as_dry_block()), ("backfill", &page.as_whole_form())];
    if page.form.is_refused() { respond::refused(&hx, &page, &blocks) } else { respond::page(&hx, &page, &blocks) }
}

/// Starts it; a form that is sent twice starts one.
fn started(
    conn: &mut PgConnection,
    actor: &Actor,
    (name, wish): (&str, &Wish),
    reason: &str,
    key: Option<&RequestKey>,
) -> Result<BackfillRow, ScheduleError> {
    let start = |tx: &mut Tx<'_>| backfill::start_in(tx, actor, name, wish, reason).map(|row| row.id.0);
    let begun = once(conn, "schedules::start_backfill", key, start)?;
    let used = || ScheduleError::BadRange("this form was used for another range: open it anew".into());
    backfill::show(conn, actor, begun.outcome().ok_or_else(used)?)
}

/// A backfill as it goes.
#[derive(Template)]
#[template(path = "schedules/backfill_show.html", blocks = ["head_block", "facts", "rows"])]
pub struct ShowPage {
    pub shell: Shell,
    pub line: BackfillLine,
    pub schedule: String,
    /// Empty when it was removed: its name may be that of another one by now.
    pub schedule_href: String,
    /// When it was removed; `None` = it was not.
    pub removed: Option<Stamp>,
    pub percent: u8,
    pub enqueued: i32,
    pub planned: i32,
    pub refused: i32,
    pub concurrency: i32,
    pub order: &'static str,
    pub missing_only: bool,
    pub reason: String,
    pub version: i32,
    pub ended: Option<(Stamp, String)>,
    pub rows: Vec<Row>,
    pub is_running: bool,
    pub is_stopped: bool,
    pub may_act: bool,
}

impl LivePage for ShowPage {
    const NAME: &'static str = "backfill";
    const EVERY: Duration = Duration::from_secs(1);
    type Asked = i32;
    type Refused = ScheduleError;

    fn asked(address: &Address) -> Result<i32, WebError> {
        address.text("id").parse().map_err(|_| WebError::NotFound)
    }

    fn check(conn: &mut PgConnection, actor: &Actor, id: &i32) -> Result<(), ScheduleError> {
        backfill::show(conn, actor, *id).map(drop)
    }

    fn read(conn: &mut PgConnection, actor: &Actor, shell: Shell, id: &i32) -> Result<Self, ScheduleError> {
        let row = backfill::show(conn, actor, *id)?;
        let rows = history::of_backfill(conn, row.id)?;
        let removed = rows_of::removed(conn, row.schedule_id)?;
        Ok(Self::new(actor, shell, (&row, removed), &rows))
    }

    fn panels(&self) -> askama::Result<Vec<Panel>> {
        panels(&[
            ("panel-head", &self.as_head_block()),
            ("panel-facts", &self.as_facts()),
            ("panel-rows", &self.as_rows()),
        ])
    }
}

impl ShowPage {
    fn new(
        actor: &Actor,
        shell: Shell,
        (row, removed): (&BackfillRow, Option<Time>),
        rows: &[history::OccurrenceRow],
    ) -> Self {
        let live = paths::with_query(&paths::live("backfill"), &[("id", &row.id.to_string())]);
        let done = i64::from(row.enqueued + row.refused);
        let ended = row.finished_at.map(|at| (shell.stamp(at), row.ended_by.clone().unwrap_or_default()));
        let lines = rows.iter().map(|row| line(row, &shell)).collect();
        let shown = BackfillLine::new(row, &shell);
        let shell =
            shell.titled(format!("Backfill {}", row.id), Section::Schedules).under("Schedules", paths::SCHEDULES);
        let shell = match removed {
            None => shell.under(row.schedule.as_str(), paths::schedule(&row.schedule)),
            Some(_) => shell,
        };
        Self {
            line: shown,
            schedule: row.schedule.clone(),
            schedule_href: if removed.is_none() { paths::schedule(&row.schedule) } else { String::new() },
            removed: removed.map(|at| shell.dated(at)),
            percent: u8::try_from(done * 100 / i64::from(row.planned.max(1))).unwrap_or(100).min(100),
            enqueued: row.enqueued,
            planned: row.planned,
            refused: row.refused,
            concurrency: row.concurrency,
            order: if row.newest_first { "newest first" } else { "oldest first" },
            missing_only: row.missing_only,
            reason: row.reason.clone().unwrap_or_default(),
            version: row.version,
            ended,
            rows: lines,
            is_running: row.state == "running",
            is_stopped: row.state == "stopped",
            may_act: actor.may(Permission::EditSchedules) && removed.is_none(),
            shell: Shell { live, ..shell },
        }
    }

    fn act(&self, verb: &str) -> String {
        paths::backfill_act(self.line.id.parse().unwrap_or_default(), verb)
    }
}

/// `POST /backfills/{id}/{verb}`: stop, resume.
pub async fn turn(
    (kit, hx, session): (Data<Kit>, Hx, Session),
    actor: Actor,
    path: Path<(i32, String)>,
) -> Result<HttpResponse, WebError> {
    let (id, verb) = path.into_inner();
    let (turn, what): (fn(&mut PgConnection, &Actor, i32, &str) -> _, _) = match verb.as_str() {
        "stop" => (backfill::stop, "makes no further jobs"),
        "resume" => (backfill::resume, "goes on"),
        _ => return Err(WebError::NotFound),
    };
    kit.db.run(move |conn| turn(conn, &actor, id, "")).await.map_err(told)?;
    respond::onward(&hx, &session, &paths::backfill(id), &Notice::done(format!("Backfill {id} {what}.")))
}
