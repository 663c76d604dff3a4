//! `/failures/{fingerprint}/{verb}`: `GET` asks what is needed, `POST` decides.

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use chrono::TimeDelta;

use super::ask::{AskPage, Verb, mute_choices, people_choices, version_choices};
use super::show::ShowPage;
use super::told;
use crate::admin::failures::read::GroupRow;
use crate::admin::failures::service::{self, FailureError, act_in};
use crate::admin::failures::{Act, detail};
use crate::base::clock::Time;
use crate::base::db::PgConnection;
use crate::queue::actor::{Actor, PersonId};
use crate::queue::idempotency::once;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::Form;
use crate::web::kit::Kit;
use crate::web::live::{ActedOn, LivePage};
use crate::web::once::{form_key, used_elsewhere};
use crate::web::parts::{Choice, Notice};
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

/// `GET /failures/{fingerprint}/{verb}`: the form.
pub async fn ask(
    hx: Hx,
    kit: Data<Kit>,
    actor: Actor,
    shell: Shell,
    (path, query): (Path<(String, String)>, Query),
) -> Result<HttpResponse, WebError> {
    let (print, verb) = path.into_inner();
    let verb = Verb::parse(&verb).ok_or(WebError::NotFound)?;
    let (group, choices) = kit.db.run(move |conn| asked(conn, &actor, &print, verb)).await.map_err(told)?;
    let form = begun(query.0, verb, &group);
    let page = AskPage::new(titled(shell, verb, &group), (verb, &group), choices, form);
    respond::page(&hx, &page, &[("dialog", &page.as_dialog())])
}

/// What the form says before anybody typed.
fn begun(form: Form, verb: Verb, group: &GroupRow) -> Form {
    match verb {
        Verb::Mute => form.with("hours", "24"),
        Verb::Handle => form.with("from_version", ""),
        Verb::Ticket => form.with("ticket", group.ticket.clone().unwrap_or_default()),
        Verb::Assign | Verb::Unmute | Verb::Reopen | Verb::Note => form,
    }
}

fn titled(shell: Shell, verb: Verb, group: &GroupRow) -> Shell {
    let shell = shell.titled(verb.as_str(), Section::Failures).under("Failures", paths::FAILURES);
    shell.under("Group", paths::failure(&group.fingerprint))
}

fn asked(
    conn: &mut PgConnection,
    actor: &Actor,
    print: &str,
    verb: Verb,
) -> Result<(GroupRow, Vec<Choice>), FailureError> {
    let group = service::find(conn, actor, print)?;
    let choices = match verb {
        Verb::Mute => mute_choices(),
        Verb::Handle => version_choices(detail::versions(conn, &group.template)?, &group),
        Verb::Assign => people_choices(&detail::assignable(conn, None)?),
        Verb::Unmute | Verb::Reopen | Verb::Note | Verb::Ticket => Vec::new(),
    };
    Ok((group, choices))
}

/// Reads what is wanted; `None` when a field is wrong, which the form says then.
fn wanted(form: &mut Form, verb: Verb, now: Time) -> Option<(Act, String)> {
    let reason = form.read("reason", crate::base::text::note)?.unwrap_or_default();
    let act = match verb {
        Verb::Mute => {
            Act::Mute(now + TimeDelta::hours(form.number("hours", "the length", 1..=service::MUTE_DAYS_MAX * 24)?))
        }
        Verb::Unmute => Act::Unmute,
        Verb::Handle if form.text("from_version").is_empty() => Act::Handle(None),
        Verb::Handle => Act::Handle(Some(form.number("from_version", "the version", 1..=i32::MAX)?)),
        Verb::Reopen => Act::Reopen,
        Verb::Assign if form.text("person").is_empty() => Act::Assign(None),
        Verb::Assign => Act::Assign(Some(PersonId(form.number("person", "the person", 1..=i64::MAX)?))),
        Verb::Note => Act::Note(form.required("note", "a note")?),
        Verb::Ticket => Act::Ticket(Some(form.optional("ticket")?).filter(|ticket| !ticket.is_empty())),
    };
    Some((act, reason))
}

/// `POST /failures/{fingerprint}/{verb}`: decides, once for each form.
pub async fn act(
    (hx, session): (Hx, Session),
    kit: Data<Kit>,
    (actor, shell): (Actor, Shell),
    mut form: Form,
    path: Path<(String, String)>,
) -> Result<HttpResponse, WebError> {
    let (print, verb) = path.into_inner();
    let verb = Verb::parse(&verb).ok_or(WebError::NotFound)?;
    let now = kit.clock.now();
    let key = form_key(&actor, &form, &format!("{verb:?} {print}"))?;
    let done = match wanted(&mut form, verb, now) {
        None => None,
        Some((act, reason)) => {
            let (doer, of) = (actor.clone(), print.clone());
            let work = move |conn: &mut PgConnection| {
                once(conn, "failures::act", key.as_ref(), |tx| act_in(tx, &doer, &of, (&act, &reason, now)).map(|_| ()))
            };
            match kit.db.run(work).await {
                Ok(once) => Some(once.outcome().ok_or_else(used_elsewhere)?),
                Err(error) => note_problem(&mut form, error)?,
            }
        }
    };
    if done.is_none() {
        let (asker, of) = (actor, print);
        let (group, choices) = kit.db.run(move |conn| asked(conn, &asker, &of, verb)).await.map_err(told)?;
        let page = AskPage::new(titled(shell, verb, &group), (verb, &group), choices, form);
        return respond::refused(&hx, &page, &[("ask", &page.as_dialog())]);
    }
    let asked = (print, None);
    let page = kit.db.run(move |conn| ShowPage::read(conn, &actor, shell, &asked)).await.map_err(told)?;
    page.answer(&page.row.href, (&hx, &session), &notice(verb, &page))
}

/// A refusal that a field can set right is told at the field.
fn note_problem(form: &mut Form, error: FailureError) -> Result<Option<()>, WebError> {
    match told(error) {
        WebError::Invalid(problems) => {
            for problem in problems {
                let field = if problem.field == "until" { "hours" } else { problem.field.as_str() };
                form.refuse(field, problem.message);
            }
            Ok(None)
        }
        other => Err(other),
    }
}

/// Says what was decided, with the way back.
fn notice(verb: Verb, page: &ShowPage) -> Notice {
    let undo = |notice: Notice, verb: Verb| notice.linking("Undo", page.act(verb.as_str()));
    match verb {
        Verb::Mute => undo(Notice::done(format!("{}.", page.row.look.word)), Verb::Unmute),
        Verb::Unmute => Notice::done("It is heard of again."),
        Verb::Handle => undo(
            Notice::done("Marked handled.").saying("When it fails again, it comes back as Returned."),
            Verb::Reopen,
        ),
        Verb::Reopen => Notice::done("It is open again."),
        Verb::Assign if page.row.assignee.is_empty() => Notice::done("Nobody looks after it now."),
        Verb::Assign => Notice::done(format!("Assigned to {}.", page.row.assignee)),
        Verb::Note => Notice::done("The note was added."),
        Verb::Ticket => Notice::done("The link was saved."),
    }
}
