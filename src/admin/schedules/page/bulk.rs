//! `/bulk/schedules/{verb}?name=…&name=…`: pauses or resumes the schedules that are ticked in the list. Each is an act of its own with its own
//! record in the audit trail; what is refused is told with its reason, and keeps none of the others.

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;

use super::told;
use crate::admin::schedules::{ScheduleError, service};
use crate::base::db::PgConnection;
use crate::base::text;
use crate::queue::actor::Actor;
use crate::queue::permission::Permission;
use crate::web::confirm::{Confirm, ConfirmPage};
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::{Form, sentence};
use crate::web::kit::Kit;
use crate::web::parts::Notice;
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

/// Most schedules of one act: those of a page.
const NAMES_MAX: usize = 50;

/// What is done to each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Pause,
    Resume,
}

impl Verb {
    fn parse(text: &str) -> Result<Self, WebError> {
        match text {
            "pause" => Ok(Self::Pause),
            "resume" => Ok(Self::Resume),
            _ => Err(WebError::NotFound),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
        }
    }

    /// "3 schedules are paused."
    fn done(self, many: usize) -> String {
        let are = if many == 1 { "is" } else { "are" };
        match self {
            Self::Pause => format!("{} {are} paused.", schedules(many)),
            Self::Resume => format!("{} {are} enabled again.", schedules(many)),
        }
    }
}

fn schedules(many: usize) -> String {
    if many == 1 { "1 schedule".to_owned() } else { format!("{many} schedules") }
}

/// The names that are ticked, each once.
fn names(form: &Form) -> Result<Vec<String>, WebError> {
    let mut names: Vec<String> = Vec::new();
    for name in form.all("name").filter(|name| !name.is_empty()) {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    match names.len() {
        0 => Err(WebError::Conflict("No schedule is ticked. Go back to the list and tick some.".into())),
        many if many > NAMES_MAX => Err(WebError::Conflict(format!("At most {NAMES_MAX} schedules at once."))),
        _ => Ok(names),
    }
}

/// The question before it.
fn question(verb: Verb, names: &[String], form: Form) -> Confirm {
    let many = schedules(names.len());
    let effect = match verb {
        Verb::Pause => "Their occurrences are left out until somebody resumes them; jobs that they have made go on.",
        Verb::Resume => "Their occurrences run again, those that come from now on.",
    };
    let word = sentence(verb.as_str());
    Confirm {
        question: format!("{word} {many}?"),
        effects: vec![
            effect.into(),
            "Each is recorded by itself. What cannot be done is told, and the others are done.".into(),
        ],
        tags: names.to_vec(),
        action: paths::schedules_act(verb.as_str()),
        hidden: names.iter().map(|name| ("name".to_owned(), name.clone())).collect(),
        verb: format!("{word} {many}"),
        keep: "Leave them".into(),
        back: paths::SCHEDULES.to_owned(),
        reason: verb == Verb::Pause,
        form,
        ..Confirm::default()
    }
}

fn page(shell: Shell, ask: Confirm) -> ConfirmPage {
    let shell = shell.titled(ask.question.clone(), Section::Schedules).under("Schedules", paths::SCHEDULES);
    ConfirmPage { shell, ask }
}

/// `GET /bulk/schedules/{verb}`: what would happen.
pub async fn ask(hx: Hx, shell: Shell, verb: Path<String>, query: Query) -> Result<HttpResponse, WebError> {
    let (verb, names) = (Verb::parse(&verb)?, names(&query.0)?);
    let page = page(shell, question(verb, &names, Form::default()));
    respond::page(&hx, &page, &[("dialog", &page.as_dialog())])
}

/// What came of it, when not all could be done.
#[derive(Template)]
#[template(path = "schedules/bulk.html", blocks = ["came"])]
pub struct CamePage {
    pub shell: Shell,
    /// "2 schedules are paused."
    pub done: String,
    /// Schedule, address, why not.
    pub refused: Vec<(String, String, String)>,
}

impl CamePage {
    fn refusals(&self) -> String {
        format!("{} {} not", schedules(self.refused.len()), if self.refused.len() == 1 { "was" } else { "were" })
    }
}

/// `POST /bulk/schedules/{verb}`: acts on each.
pub async fn act(
    (kit, hx, session): (Data<Kit>, Hx, Session),
    (actor, shell): (Actor, Shell),
    form: Form,
    verb: Path<String>,
) -> Result<HttpResponse, WebError> {
    let (verb, names) = (Verb::parse(&verb)?, names(&form)?);
    let mut ask = question(verb, &names, form);
    let reason = ask.form.read("reason", text::note).flatten().unwrap_or_default();
    if !ask.check() {
        let page = page(shell, ask);
        return respond::refused(&hx, &page, &[("ask", &page.as_dialog())]);
    }
    let (done, refused) = kit.db.run(move |conn| each(conn, &actor, (verb, &names), &reason)).await.map_err(told)?;
    if refused.is_empty() {
        return respond::onward(&hx, &session, paths::SCHEDULES, &Notice::done(verb.done(done)));
    }
    let refused = refused.into_iter().map(|(name, why)| (name.clone(), paths::schedule(&name), why)).collect();
    let title = format!("{} schedules", sentence(verb.as_str()));
    let shell = shell.titled(title, Section::Schedules).under("Schedules", paths::SCHEDULES);
    let page = CamePage { shell, done: verb.done(done), refused };
    // a dialog closes when all is done, and stays open for what is told
    respond::conflicting(&hx, &page, &[("ask", &page.as_came())])
}

/// How many were done, and which were not and why.
type Done = (usize, Vec<(String, String)>);

/// Acts on each in a transaction of its own. A refusal keeps none of the others; a database that fails ends it.
fn each(
    conn: &mut PgConnection,
    actor: &Actor,
    (verb, names): (Verb, &[String]),
    reason: &str,
) -> Result<Done, ScheduleError> {
    actor.require(Permission::EditSchedules)?;
    let (mut done, mut refused) = (0, Vec::new());
    for name in names {
        let came = match verb {
            Verb::Pause => service::pause(conn, actor, name, reason),
            Verb::Resume => service::resume(conn, actor, name, reason),
        };
        match came {
            Ok(_) => done += 1,
            Err(error @ (ScheduleError::Db(_) | ScheduleError::Forbidden(_))) => return Err(error),
            Err(error) => refused.push((name.clone(), format!("{}.", sentence(&error.to_string())))),
        }
    }
    Ok((done, refused))
}
