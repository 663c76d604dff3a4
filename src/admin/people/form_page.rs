//! `/people/new` and `/people/{id}`: adding and changing people. Both ask for the password when it is not fresh.

use std::sync::Arc;

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;

use super::page::{limits, place, purpose, role_choices, told};
use super::service::{self as people, NewPerson, Person, PersonChange};
use crate::admin::account::fresh_page;
use crate::base::text::TextError;
use crate::queue::access::email::Email;
use crate::queue::access::password::Password;
use crate::queue::access::session::SignedIn;
use crate::queue::actor::{PersonId, Scope};
use crate::queue::permission::{Permission, Role};
use crate::web::error::WebError;
use crate::web::form::{Form, sentence};
use crate::web::format::Stamp;
use crate::web::kit::Kit;
use crate::web::parts::{Choice, Notice};
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::shell::{Shell, role_word};
use crate::web::table::{Access, Route};
use crate::web::{paths, respond};

pub(super) fn routes() -> Vec<Route> {
    let needed = Access::Needs(Permission::ManagePeople);
    vec![
        Route::get(paths::PERSON_NEW, needed, ask),
        Route::post(paths::PERSON_NEW, needed, add),
        Route::get(paths::PERSON, needed, show),
        Route::post(paths::PERSON, needed, change),
    ]
}

#[derive(Template)]
#[template(path = "people/new.html")]
struct NewPage {
    shell: Shell,
    form: Form,
    roles: Vec<Choice>,
    fresh: bool,
}

impl NewPage {
    fn new(kit: &Kit, shell: Shell, who: &SignedIn, form: Form) -> Self {
        let shell = shell.titled("Add a person", Section::People).under("People", paths::PEOPLE);
        Self { shell, form, roles: role_choices(), fresh: who.is_fresh(kit.clock.now()) }
    }
}

/// `GET /people/new`.
async fn ask(hx: Hx, kit: Data<Kit>, shell: Shell, who: SignedIn) -> Result<HttpResponse, WebError> {
    let form = Form::default().with("role", Role::Viewer.as_str());
    respond::page(&hx, &NewPage::new(&kit, shell, &who, form), &[])
}

/// `POST /people/new`.
async fn add(
    hx: Hx,
    kit: Data<Kit>,
    held: Session,
    shell: Shell,
    who: SignedIn,
    mut form: Form,
) -> Result<HttpResponse, WebError> {
    let new = new_person(&mut form);
    if let Some(new) = new
        && fresh_page::prove(&kit, &held, &who, &mut form).await?
    {
        let (actor, clock) = (who.actor.clone(), Arc::clone(&kit.clock));
        let _turn = fresh_page::turn().await?;
        match kit.db.run(move |conn| people::add(conn, &*clock, &actor, &new)).await {
            Ok(person) => {
                let notice = Notice::done(format!("{} was added.", person.name)).saying("Tell them their password.");
                return respond::onward(&hx, &held, &paths::person(person.id), &notice);
            }
            Err(error) => place(&mut form, error)?,
        }
    }
    respond::refused(&hx, &NewPage::new(&kit, shell, &who, form), &[])
}

fn new_person(form: &mut Form) -> Option<NewPerson> {
    let email = form.read("email", Email::parse);
    let name = form.read("name", people::name);
    let role = form.read("role", role);
    let scope = form.read("scope", scope);
    let about = [form.text("email").to_owned(), form.text("name").to_owned()];
    let password = chosen(form, &[&about[0], &about[1]]);
    let password = Some(password?);
    Some(NewPerson { email: email?, name: name?, role: role?, scope: scope?, password })
}

/// Reads a new password, exactly as it was typed: spaces at its ends belong to it.
pub(super) fn chosen(form: &mut Form, about: &[&str]) -> Option<Password> {
    match Password::choose(form.text("new_password"), about) {
        Ok(password) => Some(password),
        Err(error) => {
            form.refuse("new_password", sentence(&error.to_string()));
            None
        }
    }
}

fn role(text: &str) -> Result<Role, &'static str> {
    Role::parse(text).ok_or("Choose a role")
}

/// Limits are typed with spaces or commas between them.
fn scope(text: &str) -> Result<Scope, TextError> {
    people::scope(text.split([' ', ',', '\n', '\r', '\t']))
}

#[derive(Template)]
#[template(path = "people/show.html")]
struct PersonPage {
    shell: Shell,
    person: Person,
    role: &'static str,
    purpose: &'static str,
    created: Stamp,
    seen: Option<Stamp>,
    disabled: Option<Stamp>,
    form: Form,
    roles: Vec<Choice>,
    fresh: bool,
    own: bool,
}

impl PersonPage {
    fn new(kit: &Kit, shell: Shell, who: &SignedIn, person: Person, form: Form) -> Self {
        let shell = shell.titled(person.name.clone(), Section::People).under("People", paths::PEOPLE);
        Self {
            role: role_word(person.role),
            purpose: purpose(person.role),
            created: shell.stamp(person.created_at),
            seen: person.last_seen_at.map(|at| shell.stamp(at)),
            disabled: person.disabled_at.map(|at| shell.stamp(at)),
            form,
            roles: role_choices(),
            fresh: who.is_fresh(kit.clock.now()),
            own: who.person == person.id,
            shell,
            person,
        }
    }

    fn href(&self) -> String {
        paths::person(self.person.id)
    }

    fn act(&self, verb: &str) -> String {
        paths::person_act(self.person.id, verb)
    }
}

async fn find(kit: &Kit, who: &SignedIn, id: PersonId) -> Result<Person, WebError> {
    let actor = who.actor.clone();
    kit.db.run(move |conn| people::find(conn, &actor, id)).await.map_err(told)
}

/// `GET /people/{id}`.
async fn show(
    hx: Hx,
    kit: Data<Kit>,
    shell: Shell,
    who: SignedIn,
    id: Path<PersonId>,
) -> Result<HttpResponse, WebError> {
    let person = find(&kit, &who, *id).await?;
    let form = Form::default()
        .with("name", person.name.clone())
        .with("role", person.role.as_str())
        .with("scope", limits(&person));
    respond::page(&hx, &PersonPage::new(&kit, shell, &who, person, form), &[])
}

/// `POST /people/{id}`: name, role, limits.
async fn change(
    hx: Hx,
    kit: Data<Kit>,
    held: Session,
    shell: Shell,
    (who, id): (SignedIn, Path<PersonId>),
    mut form: Form,
) -> Result<HttpResponse, WebError> {
    let (name, role, scope) = (form.read("name", people::name), form.read("role", role), form.read("scope", scope));
    if let (Some(name), Some(role), Some(scope)) = (name, role, scope)
        && fresh_page::prove(&kit, &held, &who, &mut form).await?
    {
        let change = PersonChange { name: Some(name), role: Some(role), scope: Some(scope) };
        let (actor, id) = (who.actor.clone(), *id);
        match kit.db.run(move |conn| people::change(conn, &actor, id, &change)).await {
            Ok(person) => {
                let notice = Notice::done(format!("{} was changed.", person.name));
                return respond::onward(&hx, &held, &paths::person(person.id), &notice);
            }
            Err(error) => place(&mut form, error)?,
        }
    }
    let person = find(&kit, &who, *id).await?;
    respond::refused(&hx, &PersonPage::new(&kit, shell, &who, person, form), &[])
}
