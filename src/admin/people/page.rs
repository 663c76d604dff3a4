//! What the pages about people share: their routes, the words of roles and limits, the translation of refusals.

use super::service::{PeopleError, Person};
use super::{act_page, form_page, list_page, password_page, roles_page};
use crate::queue::permission::Role;
use crate::web::error::WebError;
use crate::web::form::{Form, sentence};
use crate::web::parts::{Choice, Tab};
use crate::web::paths;
use crate::web::table::Route;

/// The routes of people and roles.
pub fn routes() -> Vec<Route> {
    let features =
        [list_page::routes(), form_page::routes(), act_page::routes(), password_page::routes(), roles_page::routes()];
    features.into_iter().flatten().collect()
}

/// The tabs of the pages about access.
pub fn tabs(current: &str) -> Vec<Tab> {
    let tab = |label: &str, href: &str| Tab::new(label, href, href == current);
    vec![tab("People", paths::PEOPLE), tab("Roles", paths::ROLES), tab("Tokens", paths::TOKENS)]
}

/// The roles as options of a form, each with what it is for.
pub(super) fn role_choices() -> Vec<Choice> {
    Role::ALL.map(|role| Choice::new(role.as_str(), crate::web::shell::role_word(role)).helped(purpose(role))).into()
}

/// Says in one sentence what a role is for.
pub(super) fn purpose(role: Role) -> &'static str {
    match role {
        Role::Admin => "May do everything; dangerous acts ask for the password once more",
        Role::Operator => "Enqueues and repairs jobs, pauses queues, drains nodes, drafts templates",
        Role::Analyst => "Sees all jobs with their arguments, logs and output; changes nothing",
        Role::Auditor => "Sees all jobs and what everybody changed, but no arguments and no logs",
        Role::Viewer => "Sees jobs, queues, nodes and charts, but no arguments and no logs",
    }
}

/// Writes the limits of a person as they are typed.
pub(super) fn limits(person: &Person) -> String {
    let queues = person.scope.queues.iter().map(|queue| format!("queue={queue}"));
    queues.chain(person.scope.tags.iter().map(|tag| format!("tag={tag}"))).collect::<Vec<_>>().join(" ")
}

/// Places a refusal at the field of the form that it is about.
///
/// # Errors
/// Refusals that no field is to blame for.
pub(super) fn place(form: &mut Form, error: PeopleError) -> Result<(), WebError> {
    let field = match &error {
        PeopleError::EmailTaken(_) => "email",
        PeopleError::LastAdmin => "role",
        PeopleError::ScopeNotPossible(_) => "scope",
        PeopleError::Forbidden(_)
        | PeopleError::NotFound
        | PeopleError::AlreadyDisabled(_)
        | PeopleError::NotDisabled(_)
        | PeopleError::Password(_)
        | PeopleError::Db(_) => return Err(told(error)),
    };
    form.refuse(field, sentence(&error.to_string()));
    Ok(())
}

/// Translates what the service refuses.
pub(super) fn told(error: PeopleError) -> WebError {
    match error {
        PeopleError::Forbidden(forbidden) => forbidden.into(),
        PeopleError::NotFound => WebError::NotFound,
        PeopleError::EmailTaken(_)
        | PeopleError::LastAdmin
        | PeopleError::AlreadyDisabled(_)
        | PeopleError::NotDisabled(_)
        | PeopleError::ScopeNotPossible(_) => WebError::Conflict(format!("{}.", sentence(&error.to_string()))),
        PeopleError::Password(error) => WebError::fault(error),
        PeopleError::Db(error) => error.into(),
    }
}
