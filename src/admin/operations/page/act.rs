//! `/operations/{id}/stop` asks and stops; `/operations/{id}/resume` lets it go on.

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use super::show::ShowPage;
use super::told;
use super::view::View;
use crate::admin::operations::OperationId;
use crate::admin::operations::bounds::needed_to_resume;
use crate::admin::operations::service;
use crate::admin::operations::turn::{Turn, turn};
use crate::queue::actor::Actor;
use crate::web::confirm::{Confirm, ConfirmPage};
use crate::web::error::WebError;
use crate::web::form::Form;
use crate::web::kit::Kit;
use crate::web::live::{ActedOn, LivePage};
use crate::web::parts::Notice;
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

fn named(word: &str) -> Result<Turn, WebError> {
    match word {
        "stop" => Ok(Turn::Stop),
        "resume" => Ok(Turn::Resume),
        _ => Err(WebError::NotFound),
    }
}

/// `GET /operations/{id}/{verb}`: what would happen.
pub async fn ask(
    hx: Hx,
    kit: Data<Kit>,
    actor: Actor,
    shell: Shell,
    path: Path<(i64, String)>,
) -> Result<HttpResponse, WebError> {
    let (id, word) = path.into_inner();
    let verb = named(&word)?;
    let asker = actor.clone();
    let operation = kit.db.run(move |conn| service::find(conn, &asker, OperationId(id))).await.map_err(told)?;
    if verb == Turn::Resume {
        actor.require(needed_to_resume(&operation))?;
    }
    let page = question(verb, &View::new(&operation, &actor, &shell), shell);
    respond::page(&hx, &page, &[("dialog", &page.as_dialog())])
}

fn question(verb: Turn, one: &View, shell: Shell) -> ConfirmPage {
    let (question, effects, word, keep) = match verb {
        Turn::Stop => (
            "Stop this operation?",
            vec![
                format!("It has looked at {} jobs. What was done stays done.", one.progress),
                "It stops after the jobs that it works on just now, at most 200. You can resume it.".to_owned(),
            ],
            "Stop it",
            "Let it go on",
        ),
        Turn::Resume => (
            "Resume this operation?",
            vec![format!("It goes on where it was: it has looked at {} jobs.", one.progress)],
            "Resume it",
            "Leave it",
        ),
    };
    let ask = Confirm {
        question: question.into(),
        effects,
        tags: vec![one.title.clone()],
        action: one.act(if verb == Turn::Stop { "stop" } else { "resume" }),
        verb: word.into(),
        keep: keep.into(),
        back: one.href.clone(),
        harmful: verb == Turn::Stop,
        ..Confirm::default()
    };
    let shell = shell.titled(question, Section::Jobs).under("Operations", paths::OPERATIONS);
    ConfirmPage { shell: shell.under(one.title.clone(), one.href.clone()), ask }
}

/// `POST /operations/{id}/{verb}`.
pub async fn act(
    (hx, session): (Hx, Session),
    kit: Data<Kit>,
    (actor, shell): (Actor, Shell),
    _: Form,
    path: Path<(i64, String)>,
) -> Result<HttpResponse, WebError> {
    let (id, word) = path.into_inner();
    let (id, verb) = (OperationId(id), named(&word)?);
    let acted = kit.db.run(move |conn| {
        turn(conn, &actor, id, (verb, ""))?;
        ShowPage::read(conn, &actor, shell, &(id, 0))
    });
    let page = acted.await.map_err(told)?;
    let notice = match verb {
        Turn::Stop => Notice::done(format!("Operation {id} is stopped.")).saying("What was done stays done."),
        Turn::Resume => Notice::done(format!("Operation {id} goes on.")),
    };
    page.answer(&page.one.href, (&hx, &session), &notice)
}
