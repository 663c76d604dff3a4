//! `GET /people`.

use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;

use super::page::{limits, role_choices, tabs, told};
use super::service::{self as people, Filter, Person, Place};
use crate::queue::actor::Actor;
use crate::queue::permission::{Permission, Role};
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::Form;
use crate::web::format::Stamp;
use crate::web::kit::Kit;
use crate::web::parts::{Choice, Pages, Tab};
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::shell::{Shell, initials, role_word};
use crate::web::table::{Access, Route};
use crate::web::{paths, respond};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get(paths::PEOPLE, Access::Needs(Permission::ManagePeople), show)]
}

/// One person as the list shows them.
struct Row {
    id: String,
    href: String,
    initials: String,
    name: String,
    email: String,
    role: &'static str,
    limits: String,
    seen: Option<Stamp>,
    disabled: bool,
}

impl Row {
    fn new(shell: &Shell, person: &Person) -> Self {
        Self {
            id: person.id.to_string(),
            href: paths::person(person.id),
            initials: initials(&person.name),
            name: person.name.clone(),
            email: person.email.clone(),
            role: role_word(person.role),
            limits: limits(person),
            seen: person.last_seen_at.map(|at| shell.stamp(at)),
            disabled: person.disabled_at.is_some(),
        }
    }
}

#[derive(Template)]
#[template(path = "people/index.html", blocks = ["results"])]
struct ListPage {
    shell: Shell,
    tabs: Vec<Tab>,
    query: Form,
    roles: Vec<Choice>,
    rows: Vec<Row>,
    pages: Pages,
    filtered: bool,
}

async fn show(hx: Hx, kit: Data<Kit>, actor: Actor, shell: Shell, query: Query) -> Result<HttpResponse, WebError> {
    let shell = shell.titled("People", Section::People);
    let (filter, query) = (filter(&query.0), query.0);
    let filtered = !filter.text.is_empty() || filter.role.is_some();
    let asked = filter.clone();
    let found = kit.db.run(move |conn| people::list(conn, &actor, &asked)).await.map_err(told)?;
    let rows: Vec<Row> = found.people.iter().map(|person| Row::new(&shell, person)).collect();
    let pages = Pages {
        shown: format!("{} shown", rows.len()),
        newer: found.previous.map(|email| address(&query, ("before", &email))),
        older: found.next.map(|email| address(&query, ("after", &email))),
    };
    let page = ListPage { shell, tabs: tabs(paths::PEOPLE), query, roles: role_choices(), rows, pages, filtered };
    respond::page(&hx, &page, &[("results", &page.as_results())])
}

fn filter(query: &Form) -> Filter {
    let typed = |name: &str| Some(query.text(name).replace('\0', "")).filter(|text| !text.is_empty());
    let place = match (typed("after"), typed("before")) {
        (Some(email), _) => Place::After(email),
        (None, Some(email)) => Place::Before(email),
        (None, None) => Place::Start,
    };
    Filter {
        text: query.text("q").replace('\0', "").trim().to_owned(),
        role: Role::parse(query.text("role")),
        disabled: query.is_on("disabled"),
        place,
    }
}

/// The list with the same filter, at another place.
fn address(query: &Form, place: (&str, &str)) -> String {
    let [text, role, disabled] = ["q", "role", "disabled"].map(|name| (name, query.text(name)));
    paths::with_query(paths::PEOPLE, &[text, role, disabled, place])
}
