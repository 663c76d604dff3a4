//! `/templates/{name}/publish` and `/rollback`: the question with the difference and what it means for jobs.

use std::sync::Arc;

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;

use super::diff::Difference;
use super::{Unread, find, find_one, text_of, titled_under, told};
use crate::admin::account::fresh_page;
use crate::admin::templates::acts::{Act, Acted, act};
use crate::admin::templates::{TemplateRow, TemplateState, VersionRow, known_names};
use crate::base::db::PgConnection;
use crate::queue::access::session::SignedIn;
use crate::queue::actor::Actor;
use crate::web::confirm::Confirm;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::Form;
use crate::web::format;
use crate::web::kit::Kit;
use crate::web::once::{form_key, used_elsewhere};
use crate::web::parts::Notice;
use crate::web::paths;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

#[derive(Template)]
#[template(path = "templates/ask.html")]
pub(super) struct AskPage {
    pub shell: Shell,
    pub ask: Confirm,
    /// What the versions are: `v7, active now → v8`.
    pub between: String,
    pub difference: Difference,
}

/// Which of the two acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Publish,
    RollBack,
}

/// Tells whether acts on work of this runner ask for the password: they decide what code runs.
pub(super) fn needs_password(runner: &str) -> bool {
    runner != "handler"
}

/// `GET /templates/{name}/publish?version=`.
pub async fn publish(
    hx: Hx,
    kit: Data<Kit>,
    who: SignedIn,
    shell: Shell,
    asked: (Path<String>, Query),
) -> Result<HttpResponse, WebError> {
    ask(hx, kit, who, shell, (Kind::Publish, asked.0.into_inner(), asked.1.0)).await
}

/// `GET /templates/{name}/rollback?version=`.
pub async fn roll_back(
    hx: Hx,
    kit: Data<Kit>,
    who: SignedIn,
    shell: Shell,
    asked: (Path<String>, Query),
) -> Result<HttpResponse, WebError> {
    ask(hx, kit, who, shell, (Kind::RollBack, asked.0.into_inner(), asked.1.0)).await
}

/// `POST /templates/{name}/publish`.
pub async fn do_publish(
    hx: Hx,
    kit: Data<Kit>,
    who: SignedIn,
    shell: Shell,
    (session, form, name): (Session, Form, Path<String>),
) -> Result<HttpResponse, WebError> {
    answer(hx, kit, who, shell, (session, Kind::Publish, name.into_inner(), form)).await
}

/// `POST /templates/{name}/rollback`.
pub async fn do_roll_back(
    hx: Hx,
    kit: Data<Kit>,
    who: SignedIn,
    shell: Shell,
    (session, form, name): (Session, Form, Path<String>),
) -> Result<HttpResponse, WebError> {
    answer(hx, kit, who, shell, (session, Kind::RollBack, name.into_inner(), form)).await
}

async fn ask(
    hx: Hx,
    kit: Data<Kit>,
    who: SignedIn,
    shell: Shell,
    (kind, name, form): (Kind, String, Form),
) -> Result<HttpResponse, WebError> {
    let (page, _) = question(&kit, &who, shell, kind, (name, form)).await?;
    respond::page(&hx, &page, &[])
}

async fn answer(
    hx: Hx,
    kit: Data<Kit>,
    who: SignedIn,
    shell: Shell,
    (session, kind, name, form): (Session, Kind, String, Form),
) -> Result<HttpResponse, WebError> {
    let (mut page, version) = question(&kit, &who, shell, kind, (name.clone(), form)).await?;
    let proved = !page.ask.fresh || fresh_page::prove(&kit, &session, &who, &mut page.ask.form).await?;
    if !proved {
        return respond::refused(&hx, &page, &[]);
    }
    // the version that the password was asked for, whatever became the latest meanwhile
    let wanted = match kind {
        Kind::Publish => Act::Publish(Some(version)),
        Kind::RollBack => Act::RollBack(version),
    };
    let key = form_key(&who.actor, &page.ask.form, &format!("{wanted:?} {name}"))?;
    let (clock, of) = (Arc::clone(&kit.clock), name.clone());
    let done = kit.db.run(move |conn| act(conn, &*clock, &who.actor, &of, (&wanted, key.as_ref()))).await;
    let acted = done.map_err(told)?.outcome();
    let acted = acted.ok_or_else(used_elsewhere)?;
    respond::onward(&hx, &session, &paths::template(&name), &notice(kind, version, acted))
}

fn notice(kind: Kind, asked: i32, acted: Acted) -> Notice {
    let version = acted.version.unwrap_or_default();
    match (kind, acted.unchanged) {
        (Kind::Publish, true) => Notice::done(format!("Version {version} was active already.")),
        (Kind::Publish, false) => Notice::done(format!("Version {version} is published.")).saying("New jobs run it."),
        (Kind::RollBack, _) => {
            Notice::done(format!("Version {version} has the content of version {}.", asked)).saying("New jobs run it.")
        }
    }
}

fn version_of(form: &Form) -> Result<Option<i32>, WebError> {
    match form.text("version") {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| WebError::NotFound),
    }
}

/// Gives the question and the version it is about.
async fn question(
    kit: &Kit,
    who: &SignedIn,
    shell: Shell,
    kind: Kind,
    (name, form): (String, Form),
) -> Result<(AskPage, i32), WebError> {
    let (actor, asked) = (who.actor.clone(), version_of(&form)?);
    let facts = kit.db.run(move |conn| facts(conn, &actor, &name, asked)).await?;
    if facts.row.state() == TemplateState::Archived {
        return Err(WebError::Conflict(format!(
            "{} is archived, so no version of it can be published.",
            facts.row.name
        )));
    }
    let fresh = needs_password(&facts.runner()) && !who.is_fresh(kit.clock.now());
    Ok((page(shell, kind, &facts, (form, fresh)), facts.wanted.version))
}

/// What the question is made from.
struct Facts {
    row: TemplateRow,
    wanted: VersionRow,
    active: Option<VersionRow>,
    queue_is_new: bool,
}

impl Facts {
    /// The runner of the version that would run.
    fn runner(&self) -> String {
        self.wanted.spec.get("runner").and_then(|name| name.as_str()).unwrap_or_default().to_owned()
    }

    /// Tells whether what would run has other limits than what runs now.
    fn limits_differ(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.spec.get("limits") != self.wanted.spec.get("limits"))
    }
}

fn facts(conn: &mut PgConnection, actor: &Actor, name: &str, asked: Option<i32>) -> Result<Facts, Unread> {
    let row = find(conn, actor, name)?;
    let wanted = find_one(conn, &row, asked.unwrap_or(row.latest_version))?;
    let active = row.active_version.map(|active| find_one(conn, &row, active)).transpose()?;
    let queue_is_new = !known_names(conn)?.queues.contains(&wanted.queue);
    Ok(Facts { row, wanted, active, queue_is_new })
}

fn page(shell: Shell, kind: Kind, facts: &Facts, (form, fresh): (Form, bool)) -> AskPage {
    let (name, version) = (&facts.row.name, facts.wanted.version);
    let old = facts.active.as_ref().map(|active| text_of(name, active)).unwrap_or_default();
    let (question, verb, action) = match kind {
        Kind::Publish => (
            format!("Publish version {version} of {name}?"),
            format!("Publish v{version}"),
            paths::template_publish(name),
        ),
        Kind::RollBack => (
            format!("Roll back {name} to version {version}?"),
            format!("Roll back to v{version}"),
            paths::template_rollback(name),
        ),
    };
    AskPage {
        shell: titled_under(shell, if kind == Kind::Publish { "Publish" } else { "Roll back" }, name),
        between: match &facts.active {
            Some(active) => format!("v{}, active now → v{version}", active.version),
            None => format!("v{version}, the first to be published"),
        },
        difference: Difference::of(&old, &text_of(name, &facts.wanted), false),
        ask: Confirm {
            question,
            effects: effects(kind, facts),
            action,
            hidden: vec![("version".into(), version.to_string())],
            verb,
            keep: "Not now".into(),
            back: paths::template(name),
            fresh,
            form,
            ..Confirm::default()
        },
    }
}

fn effects(kind: Kind, facts: &Facts) -> Vec<String> {
    let (version, next) = (facts.wanted.version, facts.row.latest_version + 1);
    let new = if kind == Kind::Publish { version } else { next };
    let mut effects = Vec::new();
    if kind == Kind::RollBack {
        effects.push(format!("Version {next} is made with the content of version {version} and published."));
    }
    effects.push(match facts.row.active_version {
        Some(active) if active == version => format!("Version {version} is active already."),
        Some(active) => format!("New jobs run version {new} instead of version {active}."),
        None => format!("Jobs can be enqueued from it; they run version {new}."),
    });
    match facts.row.unfinished {
        0 => {}
        1 => effects.push("1 job that waits or runs stays on the version it was enqueued with.".into()),
        many => effects.push(format!(
            "{} jobs that wait or run stay on the version they were enqueued with.",
            format::count(many)
        )),
    }
    if facts.row.unfinished > 0 && facts.limits_differ() {
        effects.push(format!(
            "Its limits hold for jobs that are enqueued from now on; the others keep those of their version. A limit of the queue {} \
             would hold for all of them.",
            facts.wanted.queue
        ));
    }
    if facts.queue_is_new {
        effects.push(format!("The queue {} does not exist yet; it is made.", facts.wanted.queue));
    }
    effects
}

#[cfg(test)]
pub(super) mod sample {
    use super::*;
    use crate::web::shell::sample::shell;

    /// A question, with or without the password.
    pub fn ask(fresh: bool) -> AskPage {
        let mut form = Form::default();
        form.refuse("password", "That is not your password");
        AskPage {
            shell: titled_under(shell(), "Publish", "mail.send"),
            between: "v7, active now → v8".into(),
            difference: Difference::of("a: 1\n", "a: <b>\n", false),
            ask: Confirm {
                question: "Publish version 8 of mail.send?".into(),
                effects: vec!["412 jobs that wait or run stay on the version they were enqueued with.".into()],
                action: paths::template_publish("mail.send"),
                hidden: vec![("version".into(), "8".into())],
                verb: "Publish v8".into(),
                keep: "Not now".into(),
                back: paths::template("mail.send"),
                fresh,
                form: if fresh { form } else { Form::default() },
                ..Confirm::default()
            },
        }
    }
}
