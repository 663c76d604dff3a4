//! `/templates/new` and `/templates/{name}/edit`: a template is written, tried, and saved as a version.

use std::sync::Arc;

use actix_session::Session;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::diff::Difference;
use super::draft::{Press, change_rows, turn};
use super::sheet::{Conflict, EditPage, Sheet, Shown, clean};
use super::show::diff;
use super::{Unread, find, find_one, registered, text_of, titled, titled_under, told};
use crate::admin::templates::editor::{self, Typed, View, fields, typed};
use crate::admin::templates::service::{self, Draft, Saved, TemplateError};
use crate::admin::templates::{Authors, TemplateState, known_names};
use crate::base::clock::Clock;
use crate::base::db::PgConnection;
use crate::base::text::TemplateName;
use crate::queue::actor::Actor;
use crate::queue::permission::Permission;
use crate::queue::template::{RunnerKind, TemplateSpec, template_yaml};
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::Form;
use crate::web::kit::Kit;
use crate::web::parts::Notice;
use crate::web::paths;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

/// `GET /templates/new?runner=&view=`.
pub async fn new(
    hx: Hx,
    kit: Data<Kit>,
    actor: Actor,
    shell: Shell,
    (request, query): (HttpRequest, Query),
) -> Result<HttpResponse, WebError> {
    let runner = RunnerKind::ALL.into_iter().find(|kind| kind.as_str() == query.0.text("runner"));
    let spec = blank(runner.unwrap_or(RunnerKind::Command))?;
    let form = editor::written::form(&spec).with("view", "form").with("base", "0");
    let desk = Desk { actor, shell, name: None, registered: registered(&request) };
    let read = editor::read(form, None);
    let form = if query.0.text("view") == "yaml" { turn(read, View::Yaml) } else { clean(&read.form) };
    render(&hx, &kit, desk, form).await
}

fn blank(runner: RunnerKind) -> Result<TemplateSpec, WebError> {
    serde_json::from_value(json!({ "runner": runner })).map_err(WebError::fault)
}

/// `GET /templates/{name}/edit?from=&view=`.
pub async fn open(
    hx: Hx,
    kit: Data<Kit>,
    actor: Actor,
    shell: Shell,
    (request, query, name): (HttpRequest, Query, Path<String>),
) -> Result<HttpResponse, WebError> {
    let (reader, name) = (actor.clone(), name.into_inner());
    let from = query.0.text("from").parse::<i32>().ok();
    let read = move |conn: &mut _| {
        let row = find(conn, &reader, &name)?;
        let version = find_one(conn, &row, from.unwrap_or(row.latest_version))?;
        Ok::<_, Unread>((row, version))
    };
    let (row, version) = kit.db.run(read).await?;
    if row.state() == TemplateState::Archived {
        return Err(WebError::Conflict(format!("{} is archived, so it cannot be changed.", row.name)));
    }
    let unreadable = |why| WebError::Conflict(format!("Version {} cannot be edited here: {why}.", version.version));
    let spec = version.parsed().map_err(unreadable)?;
    let name = TemplateName::parse(&row.name).map_err(WebError::fault)?;
    let mut form = editor::open(&name, &spec).with("base", row.latest_version.to_string());
    if query.0.text("view") == "yaml" {
        form = turn(editor::read(form, Some(&name)), View::Yaml);
    }
    let desk = Desk { actor, shell, name: Some(name), registered: registered(&request) };
    render(&hx, &kit, desk, form).await
}

/// `POST /templates/new`.
pub async fn create(
    hx: Hx,
    kit: Data<Kit>,
    actor: Actor,
    shell: Shell,
    (request, session, form): (HttpRequest, Session, Form),
) -> Result<HttpResponse, WebError> {
    let desk = Desk { actor, shell, name: None, registered: registered(&request) };
    posted(&hx, &kit, &session, desk, form).await
}

/// `POST /templates/{name}/edit`.
pub async fn save(
    hx: Hx,
    kit: Data<Kit>,
    actor: Actor,
    shell: Shell,
    (request, session, form, name): (HttpRequest, Session, Form, Path<String>),
) -> Result<HttpResponse, WebError> {
    let name = TemplateName::parse(&name).map_err(|_| WebError::NotFound)?;
    let desk = Desk { actor, shell, name: Some(name), registered: registered(&request) };
    posted(&hx, &kit, &session, desk, form).await
}

/// Who writes what.
struct Desk {
    actor: Actor,
    shell: Shell,
    /// The template that exists; absent for a new one.
    name: Option<TemplateName>,
    registered: Vec<String>,
}

async fn posted(hx: &Hx, kit: &Data<Kit>, session: &Session, desk: Desk, form: Form) -> Result<HttpResponse, WebError> {
    let press = Press::of(&form).ok_or_else(|| WebError::Malformed("The form has no such button.".into()))?;
    let form = clean(&form);
    match press {
        Press::Save | Press::Publish => saved(hx, kit, session, desk, (form, press)).await,
        Press::Preview => render(hx, kit, desk, form).await,
        Press::Params(change) => render(hx, kit, desk, change_rows(&form, change)).await,
        Press::Show(view) => {
            let read = editor::read(form, desk.name.as_ref());
            render(hx, kit, desk, turn(read, view)).await
        }
    }
}

async fn saved(
    hx: &Hx,
    kit: &Data<Kit>,
    session: &Session,
    desk: Desk,
    (form, press): (Form, Press),
) -> Result<HttpResponse, WebError> {
    let read = editor::read(form, desk.name.as_ref());
    let ready = read.name.clone().zip(read.spec.clone()).filter(|_| !read.form.is_refused());
    let Some((name, spec)) = ready else { return refused(hx, kit, desk, read.form).await };
    let (actor, clock) = (desk.actor.clone(), Arc::clone(&kit.clock));
    let (message, base) = (read.form.text("message").to_owned(), base_of(&read.form, &desk)?);
    let template = (name.clone(), spec);
    let work = move |conn: &mut _| store(conn, &*clock, &actor, &template, (&message, base));
    match kit.db.run(work).await {
        Ok(saved) => onward(hx, session, &desk.actor, (&name, saved, press)),
        Err(TemplateError::Stale { latest, .. }) => conflicting(hx, kit, desk, (read, latest)).await,
        Err(error) => match place(read.form, error) {
            Ok(form) => refused(hx, kit, desk, form).await,
            Err(error) => Err(told(error)),
        },
    }
}

fn store(
    conn: &mut PgConnection,
    clock: &dyn Clock,
    actor: &Actor,
    (name, spec): &(TemplateName, TemplateSpec),
    (message, base): (&str, Option<i32>),
) -> Result<Saved, TemplateError> {
    service::save(conn, clock, actor, &Draft { name, spec, message, base })
}

/// The version that was open; a new template must not be there yet. A form without it does not compare.
fn base_of(form: &Form, desk: &Desk) -> Result<Option<i32>, WebError> {
    match form.text("base") {
        "" => Ok(desk.name.is_none().then_some(0)),
        text => text.parse().map(Some).map_err(|_| WebError::Malformed("The field base is no number.".into())),
    }
}

/// Puts a refusal of the service at its field.
fn place(mut form: Form, error: TemplateError) -> Result<Form, TemplateError> {
    match error {
        TemplateError::Refused(problems) => {
            let rows = (!typed::is_schema(&form)).then(|| typed::table(&form).rows);
            let yaml = View::of(&form) == View::Yaml;
            for problem in problems {
                let (field, lead) = fields::place(&problem.pointer, rows.as_deref());
                let field = if yaml { "document" } else { field.as_str() };
                form.refuse(field, format!("{lead}: {}", problem.message));
            }
        }
        TemplateError::NameTaken(name) => {
            let field = if View::of(&form) == View::Yaml { "document" } else { "name" };
            form.refuse(
                field,
                format!("There is a template called {name} already; edit that one, or take another name"),
            );
        }
        TemplateError::OutOfScope(queue) => {
            let field = if View::of(&form) == View::Yaml { "document" } else { "defaults.queue" };
            form.refuse(field, format!("The queue {queue} is outside of what you may act on"));
        }
        TemplateError::BadNote(error) => form.refuse("message", error.to_string()),
        other => return Err(other),
    }
    Ok(form)
}

fn onward(
    hx: &Hx,
    session: &Session,
    actor: &Actor,
    (name, saved, press): (&TemplateName, Saved, Press),
) -> Result<HttpResponse, WebError> {
    let (name, version) = (name.as_str(), saved.version);
    let notice = if saved.unchanged {
        Notice::done(format!("Nothing differs from version {version}, so no version was made."))
    } else {
        let saved = Notice::done(format!("Version {version} is saved as a draft."));
        if version > 1 { saved.linking("Compare", diff(name, version - 1, version)) } else { saved }
    };
    let publishes = press == Press::Publish && actor.may(Permission::PublishTemplates);
    let to = if publishes {
        paths::with_query(&paths::template_publish(name), &[("version", &version.to_string())])
    } else {
        paths::template(name)
    };
    respond::onward(hx, session, &to, &notice)
}

async fn render(hx: &Hx, kit: &Data<Kit>, desk: Desk, form: Form) -> Result<HttpResponse, WebError> {
    let page = kit.db.run(move |conn| page(conn, desk, form, None)).await?;
    let blocks: [respond::Block<'_>; 3] =
        [("editor", &page.as_editor()), ("params", &page.as_params()), ("preview", &page.as_preview())];
    respond::page(hx, &page, &blocks)
}

async fn refused(hx: &Hx, kit: &Data<Kit>, desk: Desk, form: Form) -> Result<HttpResponse, WebError> {
    let page = kit.db.run(move |conn| page(conn, desk, form, None)).await?;
    respond::refused(hx, &page, &[("editor", &page.as_editor())])
}

async fn conflicting(
    hx: &Hx,
    kit: &Data<Kit>,
    desk: Desk,
    (read, latest): (Typed, i32),
) -> Result<HttpResponse, WebError> {
    let form = editor::without(&read.form, |name| name == "base").with("base", latest.to_string());
    let page = kit.db.run(move |conn| page(conn, desk, form, Some(&read))).await?;
    respond::conflicting(hx, &page, &[("editor", &page.as_editor())])
}

/// Makes the page; `mine` is what was typed when somebody else was faster.
fn page(conn: &mut PgConnection, desk: Desk, form: Form, mine: Option<&Typed>) -> Result<EditPage, Unread> {
    let Desk { actor, shell, name, registered } = desk;
    let base = form.text("base").parse::<i32>().unwrap_or(0);
    let row = name.as_ref().map(|name| find(conn, &actor, name.as_str())).transpose()?;
    let before = match &row {
        Some(row) if base > 0 && base <= row.latest_version => Some((base, find_one(conn, row, base)?.spec)),
        _ => None,
    };
    let conflict = match (mine, &row) {
        (Some(mine), Some(row)) => Some(conflict(conn, &shell, row, mine)?),
        _ => None,
    };
    let read = editor::read(clean(&form), name.as_ref());
    let title = name.as_ref().map_or_else(|| "New template".to_owned(), |name| format!("Edit {name}"));
    let sheet = Sheet {
        action: name.as_ref().map_or_else(|| paths::TEMPLATE_NEW.into(), |name| paths::template_edit(name.as_str())),
        back: name.as_ref().map_or_else(|| paths::TEMPLATES.into(), |name| paths::template(name.as_str())),
        next: row.as_ref().map_or(1, |row| row.latest_version + 1),
        may_publish: actor.may(Permission::PublishTemplates),
        known: known_names(conn)?,
        registered,
        name: name.as_ref().map(ToString::to_string).unwrap_or_default(),
        title,
    };
    Ok(EditPage {
        shell: match &name {
            Some(name) => titled_under(shell, "Edit", name.as_str()),
            None => titled(shell, "New template"),
        },
        shown: Shown::of(&read, before),
        form,
        sheet,
        conflict,
    })
}

fn conflict(
    conn: &mut PgConnection,
    shell: &Shell,
    row: &crate::admin::templates::TemplateRow,
    mine: &Typed,
) -> Result<Conflict, Unread> {
    let base = mine.form.text("base").parse::<i32>().unwrap_or(0);
    let latest = find_one(conn, row, row.latest_version)?;
    let before = if base > 0 { text_of(&row.name, &find_one(conn, row, base)?) } else { String::new() };
    let saved = text_of(&row.name, &latest);
    let yours = mine.name.as_ref().zip(mine.spec.as_ref()).and_then(|(name, spec)| template_yaml(name, spec).ok());
    Ok(Conflict {
        latest: latest.version,
        base,
        author: Authors::read(conn, [latest.author.as_str()])?.called(&latest.author),
        message: latest.message.clone().unwrap_or_default(),
        saved: shell.stamp(latest.created_at),
        theirs: Difference::of(&before, &saved, false),
        yours: Difference::of(&saved, &yours.unwrap_or_default(), false),
        take: paths::template_edit(&row.name),
    })
}

#[cfg(test)]
pub(super) mod sample {
    use super::*;
    use crate::admin::templates::KnownNames;
    use crate::web::shell::sample::shell;

    /// The editor of a template that says `spec`, as form or as YAML.
    pub fn edit(spec: serde_json::Value, view: View, conflict: bool) -> EditPage {
        let name = TemplateName::parse("mail.send").expect("a name");
        let spec: TemplateSpec = serde_json::from_value(spec).expect("a spec");
        let form = turn(editor::read(editor::open(&name, &spec).with("base", "7"), Some(&name)), view);
        let read = editor::read(clean(&form), Some(&name));
        let known = KnownNames {
            queues: vec!["default".into(), "mail".into()],
            handlers: vec!["diag.noop".into()],
            pools: vec!["memory-mb (4096 MB)".into()],
        };
        EditPage {
            shell: titled_under(shell(), "Edit", "mail.send"),
            shown: Shown::of(&read, Some((7, json!({ "runner": "command", "description": "<b>" })))),
            form,
            sheet: Sheet {
                name: "mail.send".into(),
                title: "Edit mail.send".into(),
                action: paths::template_edit("mail.send"),
                back: paths::template("mail.send"),
                next: 8,
                may_publish: !conflict,
                known,
                registered: Vec::new(),
            },
            conflict: conflict.then(|| Conflict {
                latest: 8,
                base: 7,
                author: "ada@example.org".into(),
                message: "why <b>".into(),
                saved: shell().as_of(),
                theirs: Difference::of("a\n", "b\n", false),
                yours: Difference::of("b\n", "<b>\n", false),
                take: paths::template_edit("mail.send"),
            }),
        }
    }
}
