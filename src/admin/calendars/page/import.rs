//! `/calendars/import`: an iCalendar file is pasted or read; what of it is taken is shown first, then taken.

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;

use super::{counted, field, refuse_limited, titled, told};
use crate::admin::calendars::editor;
use crate::admin::calendars::import::{Merge, Merged, merged};
use crate::admin::calendars::service::{self, CalendarError, Saved, save_in};
use crate::admin::calendars::{CalendarRow, words};
use crate::base::db::PgConnection;
use crate::base::text::CalendarName;
use crate::queue::actor::Actor;
use crate::queue::idempotency::once;
use crate::timing::calendar::{Calendar, OwnDate};
use crate::timing::ics::{self, Imported};
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::{Form, sentence};
use crate::web::kit::Kit;
use crate::web::once::{form_key, used_elsewhere};
use crate::web::parts::{Choice, Notice};
use crate::web::paths;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

/// Entries that the preview lists, of those that are taken and of those that are not.
const LISTED_MAX: usize = 200;

/// The page.
#[derive(Template)]
#[template(path = "calendars/import.html", blocks = ["import"])]
pub struct ImportPage {
    pub shell: Shell,
    pub form: Form,
    /// Calendars that there are.
    pub known: Vec<String>,
    pub found: Option<Found>,
}

/// What a file comes to.
pub struct Found {
    /// What would be added, a line each: day and name.
    pub added: Vec<(String, String)>,
    pub more_added: usize,
    /// What is left out: line of the file, name, why.
    pub left_out: Vec<(usize, String, String)>,
    pub more_left_out: usize,
    /// Days that are holidays of the calendar already.
    pub known: usize,
    /// Days of the calendar that would go.
    pub dropped: usize,
    /// The version of the calendar that it was looked at with; 0 for a new one.
    pub seen: i32,
    /// The name of the calendar.
    pub into: String,
    /// The button's words.
    pub verb: String,
    /// Nothing would change.
    pub is_idle: bool,
}

impl ImportPage {
    pub(super) fn new(shell: Shell, form: Form, known: Vec<String>, found: Option<Found>) -> Self {
        Self { shell: titled(shell, "Import an iCalendar file"), form, known, found }
    }

    fn targets(&self) -> Vec<Choice> {
        self.known.iter().map(|name| Choice::new(name.as_str(), name.as_str())).collect()
    }

    fn merges(&self) -> [Choice; 2] {
        [
            Choice::new(Merge::Add.as_str(), "Add to its own days").helped("What it has stays"),
            Choice::new(Merge::Replace.as_str(), "Take their place")
                .helped("Its own days go; countries, workweek and windows stay"),
        ]
    }
}

impl Found {
    pub(super) fn of(imported: &Imported, merged: &Merged, seen: i32) -> Self {
        let line = |own: &OwnDate| (words::own_days(own), own.name.clone());
        let left_out = imported.not_taken.iter().map(|one| (one.line, one.name.clone(), one.reason.clone()));
        let count = counted(merged.added.len(), "entry", "entries");
        let into = merged.calendar.name.to_string();
        Self {
            added: merged.added.iter().take(LISTED_MAX).map(line).collect(),
            more_added: merged.added.len().saturating_sub(LISTED_MAX),
            left_out: left_out.take(LISTED_MAX).collect(),
            more_left_out: imported.not_taken.len().saturating_sub(LISTED_MAX),
            known: merged.known,
            dropped: merged.dropped,
            seen,
            verb: if seen == 0 { format!("Make {into} with {count}") } else { format!("Put {count} into {into}") },
            is_idle: merged.added.is_empty() && merged.dropped == 0,
            into,
        }
    }

    fn total(&self) -> usize {
        self.added.len() + self.more_added
    }

    fn total_left_out(&self) -> usize {
        self.left_out.len() + self.more_left_out
    }
}

async fn names(kit: &Data<Kit>, actor: &Actor) -> Result<Vec<String>, WebError> {
    let asker = actor.clone();
    kit.db.run(move |conn| service::names(conn, &asker)).await.map_err(told)
}

/// `GET /calendars/import?into=`.
pub async fn ask(hx: Hx, kit: Data<Kit>, actor: Actor, shell: Shell, query: Query) -> Result<HttpResponse, WebError> {
    refuse_limited(&actor)?;
    let form = Form::default().with("into", query.0.text("into")).with("merge", Merge::Add.as_str());
    respond::page(&hx, &ImportPage::new(shell, form, names(&kit, &actor).await?, None), &[])
}

/// The calendar that takes the days, and its version; 0 for a new one.
fn target(form: &mut Form, rows: Option<&CalendarRow>) -> Option<(Calendar, i32)> {
    match rows {
        Some(row) => match row.calendar() {
            Some(calendar) => Some((calendar, row.version)),
            None => {
                form.refuse("into", "This version of Millrace does not understand what it says");
                None
            }
        },
        None => {
            form.required("name", "a name for the new calendar, such as it-holidays")?;
            let name = form.read("name", CalendarName::parse)?;
            let title = form.optional("title")?;
            Some((Calendar { title, ..Calendar::empty(name) }, 0))
        }
    }
}

/// What was asked for, as far as it could be understood.
struct Read {
    imported: Imported,
    merged: Merged,
    version: i32,
}

fn read(form: &mut Form, row: Option<&CalendarRow>) -> Option<Read> {
    let target = target(form, row);
    let text = form.text("ics").to_owned();
    let imported = if text.trim().is_empty() {
        form.refuse("ics", "Paste the text of an iCalendar file, or choose a file");
        None
    } else {
        ics::import(&text).map_err(|error| form.refuse("ics", sentence(&error.to_string()))).ok()
    };
    let ((calendar, version), imported) = target.zip(imported)?;
    let merged = merged(&calendar, &imported, Merge::parse(form.text("merge")));
    for problem in merged.calendar.validate().err().unwrap_or_default() {
        let at = if problem.path == "title" { "title" } else { "ics" };
        form.refuse(at, format!("With these days {}: {}", merged.calendar.name, problem.message));
    }
    (!form.is_refused()).then_some(Read { imported, merged, version })
}

/// `POST /calendars/import`: shows what would be taken (`act=preview`), or takes it.
pub async fn act(
    (hx, session): (Hx, Session),
    kit: Data<Kit>,
    (actor, shell): (Actor, Shell),
    form: Form,
) -> Result<HttpResponse, WebError> {
    refuse_limited(&actor)?;
    let (into, is_preview) = (form.text("into").to_owned(), form.text("act") != "import");
    let mut form = editor::without(&form, |name| name == "act");
    let (asker, asked) = (actor.clone(), into.clone());
    let found =
        kit.db.run(move |conn| if asked.is_empty() { Ok(None) } else { service::find(conn, &asker, &asked).map(Some) });
    let row = found.await.map_err(told)?.map(|(row, _)| row);
    let known = names(&kit, &actor).await?;
    let Some(read) = read(&mut form, row.as_ref()) else { return refused(&hx, shell, (form, known, None)) };
    let found = Found::of(&read.imported, &read.merged, read.version);
    if is_preview {
        let form = editor::without(&form, |name| name == "seen");
        let page = ImportPage::new(shell, form, known, Some(found));
        return respond::page(&hx, &page, &[("import", &page.as_import())]);
    }
    let seen = form.text("seen").parse().unwrap_or(read.version);
    let key = form_key(&actor, &form, &format!("import {:?} {seen}", read.merged.calendar))?;
    let calendar = read.merged.calendar.clone();
    let work = move |conn: &mut PgConnection| {
        once(conn, "calendars::import", key.as_ref(), |tx| {
            save_in(tx, &actor, &calendar, Some(seen), "from an iCalendar file")
        })
    };
    match kit.db.run(work).await {
        Ok(saved) => onward(&hx, &session, &read.merged, saved.outcome().ok_or_else(used_elsewhere)?),
        Err(CalendarError::Stale(_)) => {
            form.refuse("into", "Somebody changed this calendar meanwhile: look at what would be taken once more");
            refused(&hx, shell, (form, known, Some(found)))
        }
        Err(error) if !field(&error).is_empty() => {
            form.refuse(field(&error), sentence(&error.to_string()));
            refused(&hx, shell, (form, known, None))
        }
        Err(error) => Err(told(error)),
    }
}

fn refused(
    hx: &Hx,
    shell: Shell,
    (form, known, found): (Form, Vec<String>, Option<Found>),
) -> Result<HttpResponse, WebError> {
    let page = ImportPage::new(shell, form, known, found);
    respond::refused(hx, &page, &[("import", &page.as_import())])
}

fn onward(hx: &Hx, session: &Session, merged: &Merged, saved: Saved) -> Result<HttpResponse, WebError> {
    let name = merged.calendar.name.as_str();
    let count = counted(merged.added.len(), "entry", "entries");
    let notice = match saved {
        Saved::Made => Notice::done(format!("{name} was made with {count}.")).saying("Schedules can mind it now."),
        Saved::Changed => Notice::done(format!("{count} came into {name}.")),
        Saved::Unchanged => Notice::done(format!("{name} had all of them already.")),
    };
    respond::onward(hx, session, &paths::calendar(name), &notice)
}
