//! The pages of templates.
//!
//! ```text
//! /templates                 list
//! /templates/{name}          show, with ?tab=versions versions      /templates/{name}/v/{n}   version
//! /templates/{name}/diff     diff                                    /templates/{name}/file.yaml file
//! /templates/new, …/edit     edit ── draft (what was typed) · sheet (view model)
//! /templates/{name}/publish, /rollback   ask (with the difference)   /templates/{name}/archive  archive
//! ```
mod archive;
mod ask;
mod diff;
mod draft;
mod edit;
mod file;
mod list;
mod look;
mod sheet;
mod show;
mod version;
mod versions;

use actix_web::HttpRequest;
use actix_web::web::Data;

use super::handlers::HandlerNames;
use super::service::{Problem, TemplateError};
use super::text::text_of;
use super::{TemplateRow, VersionRow, show_in as find_template, version as find_version};
use crate::base::db::{DbError, PgConnection};
use crate::queue::actor::{Actor, Forbidden};
use crate::queue::permission::Permission;
use crate::web::error::WebError;
use crate::web::form;
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::shell::Shell;
use crate::web::table::{Access, Route};

/// Lists the routes of the pages.
pub fn routes() -> Vec<Route> {
    let [read, drafts, publishes] =
        [Permission::ReadTemplates, Permission::DraftTemplates, Permission::PublishTemplates].map(Access::Needs);
    vec![
        Route::get(paths::TEMPLATES, read, list::show),
        Route::get(paths::TEMPLATE_NEW, drafts, edit::new),
        Route::post(paths::TEMPLATE_NEW, drafts, edit::create),
        Route::get(paths::TEMPLATE, read, show::show),
        Route::get(paths::TEMPLATE_VERSION, read, version::show),
        Route::get(paths::TEMPLATE_DIFF, read, diff::show),
        Route::get(paths::TEMPLATE_FILE, read, file::download),
        Route::get(paths::TEMPLATE_EDIT, drafts, edit::open),
        Route::post(paths::TEMPLATE_EDIT, drafts, edit::save),
        Route::get(paths::TEMPLATE_PUBLISH, publishes, ask::publish),
        Route::post(paths::TEMPLATE_PUBLISH, publishes, ask::do_publish),
        Route::get(paths::TEMPLATE_ROLLBACK, publishes, ask::roll_back),
        Route::post(paths::TEMPLATE_ROLLBACK, publishes, ask::do_roll_back),
        Route::get(paths::TEMPLATE_ARCHIVE, publishes, archive::ask),
        Route::post(paths::TEMPLATE_ARCHIVE, publishes, archive::act),
    ]
}

/// Why something could not be read.
enum Unread {
    NotThere,
    Db(DbError),
}

impl From<DbError> for Unread {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}

impl From<Unread> for WebError {
    fn from(error: Unread) -> Self {
        match error {
            Unread::NotThere => Self::NotFound,
            Unread::Db(error) => error.into(),
        }
    }
}

fn find(conn: &mut PgConnection, actor: &Actor, name: &str) -> Result<TemplateRow, Unread> {
    find_template(conn, &actor.scope, name)?.ok_or(Unread::NotThere)
}

fn find_one(conn: &mut PgConnection, template: &TemplateRow, version: i32) -> Result<VersionRow, Unread> {
    find_version(conn, template.id, version)?.ok_or(Unread::NotThere)
}

/// Lists the handlers that boot told of; empty when it did not.
fn registered(request: &HttpRequest) -> Vec<String> {
    request.app_data::<Data<HandlerNames>>().map(|names| names.0.clone()).unwrap_or_default()
}

/// Turns a refusal of the service into an answer for whoever asked.
fn told(error: TemplateError) -> WebError {
    let sentence = error.to_string();
    match error {
        TemplateError::NotFound(_) | TemplateError::NoVersion(..) => WebError::NotFound,
        TemplateError::NameTaken(_) | TemplateError::Stale { .. } | TemplateError::NotAllowed { .. } => {
            WebError::Conflict(full(&sentence))
        }
        TemplateError::OutOfScope(_) => WebError::Forbidden(Forbidden::Role(Permission::PublishTemplates)),
        TemplateError::Refused(problems) => WebError::Invalid(problems.into_iter().map(problem).collect()),
        TemplateError::Forbidden(lacking) => lacking.into(),
        TemplateError::BadNote(_) => {
            WebError::Invalid(vec![form::Problem { field: "message".into(), message: full(&sentence) }])
        }
        TemplateError::Db(error) => error.into(),
    }
}

fn problem(problem: Problem) -> form::Problem {
    form::Problem { field: problem.pointer, message: problem.message }
}

/// Makes a whole sentence of one of the service's.
fn full(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

/// Names a page below the list of templates.
fn titled(shell: Shell, title: impl Into<String>) -> Shell {
    shell.titled(title, Section::Templates).under("Templates", paths::TEMPLATES)
}

/// Names a page below one template.
fn titled_under(shell: Shell, title: &str, name: &str) -> Shell {
    let titled = titled(shell, title).under(name, paths::template(name));
    Shell { title: format!("{title}, {name}"), ..titled }
}

#[cfg(test)]
mod tests;
