//! `/people/{id}/password`: a new password for somebody who forgot theirs.

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;

use super::form_page::chosen;
use super::page::told;
use super::service::{self as people, Person};
use crate::admin::account::fresh_page;
use crate::queue::access::session::SignedIn;
use crate::queue::actor::PersonId;
use crate::queue::permission::Permission;
use crate::web::error::WebError;
use crate::web::form::Form;
use crate::web::kit::Kit;
use crate::web::parts::Notice;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::shell::Shell;
use crate::web::table::{Access, Route};
use crate::web::{paths, respond};

pub(super) fn routes() -> Vec<Route> {
    let needed = Access::Needs(Permission::ManagePeople);
    vec![Route::get(paths::PERSON_PASSWORD, needed, ask), Route::post(paths::PERSON_PASSWORD, needed, set)]
}

#[derive(Template)]
#[template(path = "people/password.html")]
struct PasswordPage {
    shell: Shell,
    person: Person,
    action: String,
    back: String,
    form: Form,
    fresh: bool,
}

async fn page(kit: &Kit, shell: Shell, who: &SignedIn, id: PersonId, form: Form) -> Result<PasswordPage, WebError> {
    let actor = who.actor.clone();
    let person = kit.db.run(move |conn| people::find(conn, &actor, id)).await.map_err(told)?;
    let shell = shell.titled(format!("New password for {}", person.name), Section::People);
    let shell = shell.under("People", paths::PEOPLE).under(person.name.clone(), paths::person(id));
    let fresh = who.is_fresh(kit.clock.now());
    Ok(PasswordPage { shell, action: paths::person_password(id), back: paths::person(id), person, form, fresh })
}

/// `GET /people/{id}/password`.
async fn ask(
    hx: Hx,
    kit: Data<Kit>,
    shell: Shell,
    who: SignedIn,
    id: Path<PersonId>,
) -> Result<HttpResponse, WebError> {
    respond::page(&hx, &page(&kit, shell, &who, *id, Form::default()).await?, &[])
}

/// `POST /people/{id}/password`: sets it and ends the person's sessions.
async fn set(
    hx: Hx,
    kit: Data<Kit>,
    held: Session,
    shell: Shell,
    (who, id): (SignedIn, Path<PersonId>),
    form: Form,
) -> Result<HttpResponse, WebError> {
    let mut page = page(&kit, shell, &who, *id, form).await?;
    let password = chosen(&mut page.form, &[&page.person.email, &page.person.name]);
    if let Some(password) = password
        && fresh_page::prove(&kit, &held, &who, &mut page.form).await?
    {
        let (actor, id) = (who.actor.clone(), *id);
        let _turn = fresh_page::turn().await?;
        let work = move |conn: &mut _| people::reset_password(conn, &actor, id, &password);
        let person = kit.db.run(work).await.map_err(told)?;
        let notice = Notice::done(format!("{} has a new password.", person.name)).saying("Their sessions have ended.");
        return respond::onward(&hx, &held, &paths::person(id), &notice);
    }
    respond::refused(&hx, &page, &[])
}
