//! What operators do to a schedule. Pause and remove ask for a reason; resume, run now and roll back act at once, and the first two have a page
//! that asks, for whoever comes by a link.

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use super::told;
use crate::admin::schedules::{ScheduleError, ScheduleRow, service, show};
use crate::base::db::PgConnection;
use crate::base::text;
use crate::queue::actor::Actor;
use crate::queue::idempotency::{RequestKey, once};
use crate::queue::permission::Permission;
use crate::queue::ring;
use crate::web::confirm::{Confirm, ConfirmPage};
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::Form;
use crate::web::kit::Kit;
use crate::web::once::form_key;
use crate::web::parts::Notice;
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

fn page(shell: Shell, ask: Confirm, name: &str) -> ConfirmPage {
    let shell = shell.titled(ask.question.clone(), Section::Schedules).under("Schedules", paths::SCHEDULES);
    ConfirmPage { shell: shell.under(name, paths::schedule(name)), ask }
}

/// The question before an act; `None` when the act has none.
fn question(verb: &str, row: &ScheduleRow, form: Form) -> Option<Confirm> {
    let name = &row.name;
    let asked = match verb {
        "pause" => Confirm {
            question: format!("Pause {name}?"),
            effects: vec![
                "Its occurrences are left out until somebody resumes it; each is recorded with your name and reason."
                    .into(),
                "Jobs that it has made go on.".into(),
            ],
            verb: "Pause it".into(),
            keep: "Leave it running".into(),
            ..Confirm::default()
        },
        "remove" => Confirm {
            question: format!("Remove {name}?"),
            effects: vec![
                "Nothing runs by it any more, and its name is free again.".into(),
                "Jobs that it has made go on, and what it did is kept as long as jobs are.".into(),
            ],
            verb: format!("Remove {name}"),
            keep: "Keep it".into(),
            harmful: true,
            ..Confirm::default()
        },
        "resume" => Confirm {
            question: format!("Resume {name}?"),
            effects: vec![
                "Its occurrences run again, those that come from now on.".into(),
                "Earlier failures do not count towards its next pause.".into(),
            ],
            verb: "Resume it".into(),
            keep: "Leave it paused".into(),
            ..Confirm::default()
        },
        "run" => Confirm {
            question: format!("Run {name} now?"),
            effects: vec!["One job more is made at once; what its rules make stays as it is.".into()],
            verb: "Run it now".into(),
            keep: "Do not run it".into(),
            ..Confirm::default()
        },
        _ => return None,
    };
    let (action, back) = (paths::schedule_act(name, verb), paths::schedule(name));
    Some(Confirm { action, back, reason: needs_reason(verb), form, ..asked })
}

fn needs_reason(verb: &str) -> bool {
    matches!(verb, "pause" | "remove")
}

fn read(conn: &mut PgConnection, actor: &Actor, name: &str) -> Result<ScheduleRow, ScheduleError> {
    actor.require(Permission::EditSchedules)?;
    show::one(conn, actor, name)
}

/// `GET /schedules/{name}/{verb}`: what would happen.
pub async fn ask(
    (kit, hx): (Data<Kit>, Hx),
    (actor, shell): (Actor, Shell),
    path: Path<(String, String)>,
    query: Query,
) -> Result<HttpResponse, WebError> {
    let (name, verb) = path.into_inner();
    let row = kit.db.run(move |conn| read(conn, &actor, &name)).await.map_err(told)?;
    let ask = question(&verb, &row, query.0).ok_or(WebError::NotFound)?;
    let page = page(shell, ask, &row.name);
    respond::page(&hx, &page, &[("dialog", &page.as_dialog())])
}

/// `POST /schedules/{name}/{verb}`: acts.
pub async fn act(
    (kit, hx, session): (Data<Kit>, Hx, Session),
    (actor, shell): (Actor, Shell),
    form: Form,
    path: Path<(String, String)>,
) -> Result<HttpResponse, WebError> {
    let (name, verb) = path.into_inner();
    let (asker, asked) = (actor.clone(), name.clone());
    let row = kit.db.run(move |conn| read(conn, &asker, &asked)).await.map_err(told)?;
    let version = form.text("version").to_owned();
    let key = form_key(&actor, &form, &format!("{verb} {name}"))?;
    let mut reason = form.text("reason").trim().to_owned();
    if let Some(mut ask) = question(&verb, &row, form) {
        reason = ask.form.read("reason", text::note).flatten().unwrap_or_default();
        if !ask.check() {
            let page = page(shell, ask, &name);
            return respond::refused(&hx, &page, &[("ask", &page.as_dialog())]);
        }
    }
    let notice = kit
        .db
        .run(move |conn| done(conn, &actor, (&name, &verb, key.as_ref()), &version, &reason))
        .await
        .map_err(told)?;
    let to = if notice.1 { paths::SCHEDULES.to_owned() } else { paths::schedule(&row.name) };
    respond::onward(&hx, &session, &to, &notice.0)
}

/// Acts, and tells what came of it; the flag says that the schedule is gone.
fn done(
    conn: &mut PgConnection,
    actor: &Actor,
    (name, verb, key): (&str, &str, Option<&RequestKey>),
    version: &str,
    reason: &str,
) -> Result<(Notice, bool), ScheduleError> {
    match verb {
        "pause" => {
            service::pause(conn, actor, name, reason)?;
            Ok((Notice::done(format!("{name} is paused.")), false))
        }
        "resume" => {
            service::resume(conn, actor, name, reason)?;
            Ok((Notice::done(format!("{name} is enabled again.")), false))
        }
        "remove" => {
            service::remove(conn, actor, name, reason)?;
            Ok((Notice::done(format!("{name} was removed.")), true))
        }
        "run" => {
            // a form that is sent twice makes one job
            let made = once(conn, "schedules::run", key, |tx| service::run_now_in(tx, actor, name, reason))?;
            let (job, behind) =
                made.outcome().ok_or_else(|| ScheduleError::NoJob("the form was used before".into()))?;
            ring::notify(conn)?;
            let waits = behind.map(|behind| format!("It waits for the end of job {behind}.")).unwrap_or_default();
            let notice = Notice::done(format!("Job {job} of {name} is enqueued.")).saying(waits);
            Ok((notice.linking("Open", paths::job(job)), false))
        }
        "roll-back" => {
            let version = version.parse().map_err(|_| ScheduleError::NoVersion(name.to_owned(), 0))?;
            let saved = service::roll_back(conn, actor, name, version, reason)?;
            let what = match saved.unchanged {
                true => format!("{name} says already what version {version} says."),
                false => format!("Version {} has the content of version {version} and is in force.", saved.version),
            };
            Ok((Notice::done(what), false))
        }
        _ => Err(ScheduleError::NotFound(name.to_owned())),
    }
}
