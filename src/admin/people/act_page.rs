//! `/people/{id}/disable` and `/enable`: asked first, with the password when it is not fresh.

use std::sync::Arc;

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use super::page::told;
use super::service::{self as people, PeopleError, Person};
use crate::admin::account::fresh_page;
use crate::base::text;
use crate::queue::access::session::SignedIn;
use crate::queue::actor::PersonId;
use crate::queue::permission::Permission;
use crate::web::confirm::{Confirm, ConfirmPage};
use crate::web::error::WebError;
use crate::web::form::{Form, sentence};
use crate::web::kit::Kit;
use crate::web::parts::Notice;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::shell::Shell;
use crate::web::table::{Access, Route};
use crate::web::{paths, respond};

pub(super) fn routes() -> Vec<Route> {
    let needed = Access::Needs(Permission::ManagePeople);
    vec![Route::get(paths::PERSON_ACT, needed, ask), Route::post(paths::PERSON_ACT, needed, act)]
}

/// What is done to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Disable,
    Enable,
}

impl Act {
    fn parse(verb: &str) -> Result<Self, WebError> {
        match verb {
            "disable" => Ok(Self::Disable),
            "enable" => Ok(Self::Enable),
            _ => Err(WebError::NotFound),
        }
    }

    fn question(self, person: &Person) -> Confirm {
        let name = &person.name;
        let (verb, question, effects) = match self {
            Self::Disable => (
                "Disable",
                format!("Disable {name}?"),
                [
                    "Their sessions end at once on every node, and their tokens open nothing.",
                    "Nothing is deleted; they can be let in again.",
                ],
            ),
            Self::Enable => (
                "Enable",
                format!("Let {name} in again?"),
                ["They sign in with the password they had.", "Tokens that were not revoked work again."],
            ),
        };
        Confirm {
            question,
            effects: effects.map(String::from).into(),
            tags: vec![person.email.clone()],
            action: paths::person_act(person.id, &verb.to_lowercase()),
            verb: format!("{verb} {name}"),
            keep: "Leave as it is".into(),
            back: paths::person(person.id),
            harmful: self == Self::Disable,
            reason: self == Self::Disable,
            ..Confirm::default()
        }
    }
}

async fn question(kit: &Kit, who: &SignedIn, act: Act, id: PersonId) -> Result<Confirm, WebError> {
    let actor = who.actor.clone();
    let person = kit.db.run(move |conn| people::find(conn, &actor, id)).await.map_err(told)?;
    Ok(Confirm { fresh: !who.is_fresh(kit.clock.now()), ..act.question(&person) })
}

fn page(shell: Shell, ask: Confirm) -> ConfirmPage {
    ConfirmPage { shell: shell.titled(ask.question.clone(), Section::People).under("People", paths::PEOPLE), ask }
}

/// `GET /people/{id}/{verb}`: the question, as a page or a dialog.
async fn ask(
    hx: Hx,
    kit: Data<Kit>,
    shell: Shell,
    who: SignedIn,
    path: Path<(PersonId, String)>,
) -> Result<HttpResponse, WebError> {
    let (id, verb) = path.into_inner();
    let page = page(shell, question(&kit, &who, Act::parse(&verb)?, id).await?);
    respond::page(&hx, &page, &[("dialog", &page.as_dialog())])
}

/// `POST /people/{id}/{verb}`: acts.
async fn act(
    hx: Hx,
    kit: Data<Kit>,
    held: Session,
    shell: Shell,
    (who, path): (SignedIn, Path<(PersonId, String)>),
    form: Form,
) -> Result<HttpResponse, WebError> {
    let (id, verb) = path.into_inner();
    let act = Act::parse(&verb)?;
    let mut ask = Confirm { form, ..question(&kit, &who, act, id).await? };
    let reason = ask.form.read("reason", text::note);
    if ask.check() && fresh_page::prove(&kit, &held, &who, &mut ask.form).await? {
        match done(&kit, &who, act, id, reason.flatten()).await {
            Ok(person) => {
                let notice = Notice::done(match act {
                    Act::Disable => format!("{} is disabled.", person.name),
                    Act::Enable => format!("{} may sign in again.", person.name),
                });
                return respond::onward(&hx, &held, &paths::person(id), &notice);
            }
            Err(PeopleError::LastAdmin) => ask.form.refuse("reason", sentence(&PeopleError::LastAdmin.to_string())),
            Err(error) => return Err(told(error)),
        }
    }
    let page = page(shell, ask);
    respond::refused(&hx, &page, &[("ask", &page.as_dialog())])
}

async fn done(
    kit: &Kit,
    who: &SignedIn,
    act: Act,
    id: PersonId,
    reason: Option<String>,
) -> Result<Person, PeopleError> {
    let (actor, clock) = (who.actor.clone(), Arc::clone(&kit.clock));
    let work = move |conn: &mut _| match act {
        Act::Disable => people::disable(conn, &*clock, &actor, id, reason),
        Act::Enable => people::enable(conn, &actor, id),
    };
    kit.db.run(work).await
}
