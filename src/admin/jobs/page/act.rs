//! Acts on one job: `GET` asks, `POST` acts, with or without script, from the job's page or from a list.

use std::sync::Arc;

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::DynTemplate;

use super::ask::{Ask, AskPage, about};
use super::job::JobPage;
use super::row::{FROM_LIST, Row};
use super::view::ListView;
use super::{find, names};
use crate::admin::jobs::acts::Act;
use crate::admin::jobs::again::{Sent, WasThere, again};
use crate::admin::jobs::service::{self, Acted, JobError, Verb};
use crate::admin::jobs::{Detail, rows_of};
use crate::base::db::DbError;
use crate::queue::actor::Actor;
use crate::queue::job::JobId;
use crate::queue::ring;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::Form;
use crate::web::kit::Kit;
use crate::web::moment;
use crate::web::parts::Notice;
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::respond::{self, Part};
use crate::web::shell::Shell;

/// `GET /jobs/{id}/{verb}`: what would happen, and the value it needs.
pub async fn ask(
    kit: Data<Kit>,
    hx: Hx,
    actor: Actor,
    shell: Shell,
    (path, query): (Path<(i64, String)>, Query),
) -> Result<HttpResponse, WebError> {
    let (id, act) = named(path.into_inner())?;
    let job = kit.db.run(move |conn| find(conn, &actor, id)).await?;
    if !act.is_allowed(job.state()) {
        return Err(WebError::Conflict(format!("Job {id} is {}: that cannot be done to it any more.", job.state())));
    }
    let page = question(shell, act, &job, query.0);
    respond::page(&hx, &page, &[("dialog", &page.as_dialog())])
}

fn named((id, word): (i64, String)) -> Result<(JobId, Act), WebError> {
    let act = Act::parse(&word).filter(|act| !matches!(act, Act::Edit | Act::Again));
    Ok((JobId(id), act.ok_or(WebError::NotFound)?))
}

/// The question with what was typed so far, or with the job's present values.
fn question(shell: Shell, act: Act, job: &Detail, form: Form) -> AskPage {
    let from = form.text("from").to_owned();
    let (time, zone) = (job.run_at.unwrap_or(shell.now), shell.zone);
    let form = if form.text("run_at").is_empty() { form.with("run_at", moment::propose(time, zone)) } else { form };
    let form = if form.text("priority").is_empty() { form.with("priority", job.priority.to_string()) } else { form };
    let ask = Ask {
        action: paths::job_act(job.id, act.as_str()),
        back: paths::job(job.id),
        hidden: if from.is_empty() { Vec::new() } else { vec![("from".into(), from)] },
        zone_hint: moment::hint(shell.now, zone),
        form,
        ..about(act, job, shell.now)
    };
    let shell = shell.titled(ask.question.clone(), Section::Jobs).under("Jobs", paths::JOBS);
    AskPage { shell: shell.under(job.template.clone(), paths::job(job.id)), ask }
}

/// `POST /jobs/{id}/{verb}`.
pub async fn act(
    (kit, hx, actor): (Data<Kit>, Hx, Actor),
    shell: Shell,
    session: Session,
    mut form: Form,
    path: Path<(i64, String)>,
) -> Result<HttpResponse, WebError> {
    let (id, act) = named(path.into_inner())?;
    let reason = form.text("reason").to_owned();
    let Some(verb) = wanted(act, &mut form, &shell) else {
        return refused(&kit, &hx, actor, shell, (id, act, form)).await;
    };
    let (clock, doer) = (Arc::clone(&kit.clock), actor.clone());
    let acted = kit.db.run(move |conn| {
        let acted = service::act(conn, &*clock, &doer, id, (verb, &reason))?;
        ring::notify(conn)?;
        Ok(acted)
    });
    match acted.await {
        Ok(acted) => answer(&kit, &hx, &session, (actor, shell), &Done { id, act, acted, form }).await,
        Err(JobError::BadNote(error)) => {
            form.refuse("reason", error.to_string());
            refused(&kit, &hx, actor, shell, (id, act, form)).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Reads the value that an act needs; `None` when it is refused at its field.
fn wanted(act: Act, form: &mut Form, shell: &Shell) -> Option<Verb> {
    match act {
        Act::Reschedule => form.read("run_at", |text| moment::read(text, shell.zone)).map(Verb::Reschedule),
        Act::Priority => form.number("priority", "priority", 1..=5).map(Verb::Priority),
        Act::Cancel => Some(Verb::Cancel),
        Act::Hold => Some(Verb::Hold),
        Act::Release => Some(Verb::Release),
        Act::Retry | Act::RunNow => Some(Verb::Retry),
        Act::Edit | Act::Again => None, // they make new jobs
    }
}

async fn refused(
    kit: &Kit,
    hx: &Hx,
    actor: Actor,
    shell: Shell,
    (id, act, form): (JobId, Act, Form),
) -> Result<HttpResponse, WebError> {
    let job = kit.db.run(move |conn| find(conn, &actor, id)).await?;
    let page = question(shell, act, &job, form);
    respond::refused(hx, &page, &[("ask", &page.as_dialog())])
}

struct Done {
    id: JobId,
    act: Act,
    acted: Acted,
    form: Form,
}

/// Answers with the parts of the page that changed: the row of a list, or the panels of the job's page.
async fn answer(
    kit: &Kit,
    hx: &Hx,
    session: &Session,
    (actor, shell): (Actor, Shell),
    done: &Done,
) -> Result<HttpResponse, WebError> {
    let (id, list) = (done.id, paths::own(done.form.text("back")));
    let notice = told(done, &shell);
    let from_list = done.form.text("from") == FROM_LIST || list.starts_with(paths::JOBS);
    if hx.page().is_some_and(|page| page.starts_with(&paths::job_act(id, done.act.as_str()))) {
        return respond::onward(hx, session, &paths::job(id), &notice);
    }
    if from_list {
        let page = hx.page().unwrap_or_else(|| list.to_owned());
        let row = kit.db.run(move |conn| row(conn, &actor, &shell, (id, &page))).await?;
        let back = if list.starts_with(paths::JOBS) { list.to_owned() } else { paths::job(id) };
        return with_row(hx, session, &back, &notice, row.as_ref());
    }
    let page = kit.db.run(move |conn| JobPage::read(conn, &actor, shell, id)).await?;
    page.answer(hx, session, &notice)
}

/// The row as the list shows it whose address is `page`.
fn row(
    conn: &mut crate::base::db::PgConnection,
    actor: &Actor,
    shell: &Shell,
    (id, page): (JobId, &str),
) -> Result<Option<Row>, DbError> {
    let query = page.split_once('?').map_or("", |(_, query)| query);
    let columns = ListView::read(Form::parse(query.as_bytes()).map(Form::into_fields).unwrap_or_default()).columns;
    let mut rows = rows_of(conn, &actor.scope, &[id])?;
    names::in_rows(conn, &mut rows, &columns)?;
    Ok(rows.first().map(|row| Row::new(row, &columns, actor, shell)))
}

fn with_row(
    hx: &Hx,
    session: &Session,
    back: &str,
    notice: &Notice,
    row: Option<&Row>,
) -> Result<HttpResponse, WebError> {
    let Some(row) = row else { return respond::done(hx, session, back, notice, &[]) };
    let (what, menu) = (row.as_what(), row.as_menu());
    let fixed: [(String, &dyn DynTemplate); 2] = [(row.part_id("what"), &what), (row.part_id("menu"), &menu)];
    let cells = row.cells().iter().map(|cell| (cell.id(), cell as &dyn DynTemplate));
    let all: Vec<(String, &dyn DynTemplate)> = fixed.into_iter().chain(cells).collect();
    let parts: Vec<Part<'_>> = all.iter().map(|(id, inside)| Part { id, inside: *inside }).collect();
    respond::done(hx, session, back, notice, &parts)
}

/// Says what was done, and the way back where there is one.
fn told(done: &Done, shell: &Shell) -> Notice {
    let id = done.id;
    let moment = || moment::read(done.form.text("run_at"), shell.zone).ok();
    let notice = match done.act {
        Act::Cancel if done.acted == Acted::Asked => {
            Notice::done(format!("Job {id} is being cancelled.")).saying("Its node was told to stop it.")
        }
        Act::Cancel => Notice::done(format!("Job {id} is cancelled.")),
        Act::Hold => Notice::done(format!("Job {id} is held.")).saying("It waits until somebody releases it."),
        Act::Release => Notice::done(format!("Job {id} is released.")),
        Act::Retry => Notice::done(format!("Job {id} is ready again.")),
        Act::RunNow => Notice::done(format!("Job {id} is ready now.")),
        Act::Reschedule => {
            let at = moment().map(|at| format!(" for {}", shell.stamp(at).text)).unwrap_or_default();
            Notice::done(format!("Job {id} is scheduled{at}."))
        }
        Act::Priority => Notice::done(format!("Job {id} has priority {} now.", done.form.text("priority"))),
        Act::Edit | Act::Again => Notice::done(format!("Job {id} is enqueued.")),
    };
    notice.linking("Open", paths::job(id))
}

/// `POST /jobs/{id}/again`: a new job like this one, made once per form.
pub async fn run_again(
    kit: Data<Kit>,
    (hx, session): (Hx, Session),
    actor: Actor,
    form: Form,
    path: Path<i64>,
) -> Result<HttpResponse, WebError> {
    let (id, op) = (JobId(*path), form.text("op").to_owned());
    let sent = kit.db.run(move |conn| again(conn, &actor, &op, id)).await?;
    respond::onward(&hx, &session, &paths::job(sent.job), &sent_notice(sent))
}

/// Says what came of a form that enqueues.
pub fn sent_notice(sent: Sent) -> Notice {
    let id = sent.job;
    match sent.was_there {
        WasThere::New => Notice::done(format!("Job {id} is enqueued.")),
        WasThere::Repeated => Notice::done(format!("Job {id} was enqueued by this form before."))
            .saying("Sending it again made no second job."),
        WasThere::SameKey => {
            Notice::done(format!("Job {id} has this unique key already.")).saying("No new job was made.")
        }
    }
}
