//! `/calendars/new` and `/calendars/{name}/change`: a form for a calendar; one that was changed meanwhile is not overwritten.

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use super::sheet::{EditPage, Stale, text_of};
use super::{field, refuse_limited, titled, titled_under, told};
use crate::admin::calendars::CalendarRow;
use crate::admin::calendars::api::unreadable;
use crate::admin::calendars::editor::{self, windows};
use crate::admin::calendars::service::{self, CalendarError, Saved, save_in};
use crate::base::db::PgConnection;
use crate::base::text::{self, CalendarName};
use crate::queue::actor::Actor;
use crate::queue::idempotency::{RequestKey, once};
use crate::timing::calendar::Calendar;
use crate::web::diff;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::{Form, sentence};
use crate::web::kit::Kit;
use crate::web::once::{form_key, used_elsewhere};
use crate::web::parts::Notice;
use crate::web::paths;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

/// A version that no calendar has: a form that does not say what it showed overwrites nothing.
const NEVER_SEEN: i32 = -1;

/// What a button asks for; sent as `act`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Press {
    Save,
    /// Show what was typed again, with the regions of the chosen countries and what it comes to.
    Look,
    AddPlace,
    RemovePlace(usize),
    AddWindow,
    RemoveWindow(usize),
}

impl Press {
    /// Reads the button of a form; one without is `save`, so that programs may post the fields alone.
    fn of(form: &Form) -> Option<Self> {
        let act = form.text("act");
        let numbered = |prefix: &str| act.strip_prefix(prefix)?.parse::<usize>().ok();
        match act {
            "" | "save" => Some(Self::Save),
            "look" => Some(Self::Look),
            "place_add" => Some(Self::AddPlace),
            "window_add" => Some(Self::AddWindow),
            _ => {
                let place = numbered("place_remove_").map(Self::RemovePlace);
                place.or_else(|| numbered("window_remove_").map(Self::RemoveWindow))
            }
        }
    }

    /// Changes the rows; everything else that was typed stays.
    fn changed(self, form: &Form) -> Form {
        let clean = editor::without(form, |name| name == "act");
        match self {
            Self::Save | Self::Look => clean,
            Self::AddPlace => editor::add_place(clean),
            Self::RemovePlace(row) => editor::remove_row(&clean, "places.", row),
            Self::AddWindow => windows::add(clean),
            Self::RemoveWindow(row) => editor::remove_row(&clean, "windows.", row),
        }
    }
}

/// Who changes what.
struct Desk {
    actor: Actor,
    shell: Shell,
    /// The calendar that exists; absent for a new one.
    name: Option<CalendarName>,
}

impl Desk {
    fn page(self, form: Form) -> EditPage {
        let typed = editor::read(form.clone(), self.name.as_ref());
        self.page_of(form, &typed)
    }

    fn page_of(self, form: Form, typed: &editor::Typed) -> EditPage {
        let name = self.name.as_ref().map(CalendarName::as_str).unwrap_or_default();
        let shell = match &self.name {
            Some(name) => titled_under(self.shell, format!("Change {name}"), name.as_str()),
            None => titled(self.shell, "New calendar"),
        };
        EditPage::new(shell, name, form, typed)
    }
}

fn answer(hx: &Hx, page: &EditPage) -> Result<HttpResponse, WebError> {
    let blocks: [respond::Block<'_>; 4] = [
        ("editor", &page.as_editor()),
        ("places", &page.as_places()),
        ("windows", &page.as_windows()),
        ("preview", &page.as_preview()),
    ];
    respond::page(hx, page, &blocks)
}

/// `GET /calendars/new?name=`.
pub async fn new(hx: Hx, actor: Actor, shell: Shell, query: Query) -> Result<HttpResponse, WebError> {
    refuse_limited(&actor)?;
    let blank = CalendarName::parse("blank").map_err(WebError::fault)?;
    let form = editor::without(&editor::open(&Calendar::empty(blank)), |name| name == "name");
    let form = form.with("name", query.0.text("name")).with("base", "0");
    answer(&hx, &Desk { actor, shell, name: None }.page(form))
}

/// `GET /calendars/{name}/change`.
pub async fn open(
    hx: Hx,
    kit: Data<Kit>,
    actor: Actor,
    shell: Shell,
    name: Path<String>,
) -> Result<HttpResponse, WebError> {
    refuse_limited(&actor)?;
    let asker = actor.clone();
    let (row, _) = kit.db.run(move |conn| service::find(conn, &asker, &name)).await.map_err(told)?;
    let calendar = row.calendar().ok_or_else(|| unreadable(&row))?;
    refuse_many_windows(&calendar)?;
    let form = editor::open(&calendar).with("base", row.version.to_string());
    answer(&hx, &Desk { actor, shell, name: Some(calendar.name) }.page(form))
}

/// A form has a bounded number of fields: what it cannot hold must not be lost by saving it.
fn refuse_many_windows(calendar: &Calendar) -> Result<(), WebError> {
    let (count, most) = (calendar.windows.len(), windows::ROWS_MAX);
    if count <= most {
        return Ok(());
    }
    let told = format!(
        "{} has {count} windows, and a form holds {most}. Change it as a file: millrace schedule apply.",
        calendar.name
    );
    Err(WebError::Conflict(told))
}

/// `POST /calendars/new`.
pub async fn make(
    (hx, session): (Hx, Session),
    kit: Data<Kit>,
    (actor, shell): (Actor, Shell),
    form: Form,
) -> Result<HttpResponse, WebError> {
    refuse_limited(&actor)?;
    posted((&hx, &session, &kit), Desk { actor, shell, name: None }, form).await
}

/// `POST /calendars/{name}/change`.
pub async fn change(
    (hx, session): (Hx, Session),
    kit: Data<Kit>,
    (actor, shell): (Actor, Shell),
    form: Form,
    name: Path<String>,
) -> Result<HttpResponse, WebError> {
    refuse_limited(&actor)?;
    let (asker, asked) = (actor.clone(), name.into_inner());
    let (row, _) = kit.db.run(move |conn| service::find(conn, &asker, &asked)).await.map_err(told)?;
    let name = CalendarName::parse(&row.name).map_err(WebError::fault)?;
    posted((&hx, &session, &kit), Desk { actor, shell, name: Some(name) }, form).await
}

type Door<'d> = (&'d Hx, &'d Session, &'d Data<Kit>);

async fn posted((hx, session, kit): Door<'_>, desk: Desk, form: Form) -> Result<HttpResponse, WebError> {
    let press = Press::of(&form).ok_or_else(|| WebError::Malformed("The form has no such button.".into()))?;
    if press != Press::Save {
        return answer(hx, &desk.page(press.changed(&form)));
    }
    let mut typed = editor::read(form, desk.name.as_ref());
    let reason = typed.form.read("reason", text::note).flatten().unwrap_or_default();
    let Some(calendar) = typed.calendar.clone().filter(|_| !typed.form.is_refused()) else {
        return refused(hx, desk, &typed);
    };
    let seen = if desk.name.is_none() { 0 } else { typed.form.text("base").parse().unwrap_or(NEVER_SEEN) };
    let key = form_key(&desk.actor, &typed.form, &format!("{calendar:?} {seen} {reason}"))?;
    let (doer, saving) = (desk.actor.clone(), calendar.clone());
    let work = move |conn: &mut PgConnection| done(conn, &doer, (&saving, seen, &reason), key.as_ref());
    match kit.db.run(work).await {
        Ok(saved) => onward(hx, session, &calendar, saved.ok_or_else(used_elsewhere)?),
        Err(CalendarError::Stale(present)) => stale(hx, desk, &typed, &present),
        Err(error) if !field(&error).is_empty() => {
            typed.form.refuse(field(&error), sentence(&error.to_string()));
            refused(hx, desk, &typed)
        }
        Err(error) => Err(told(error)),
    }
}

/// Saves it unless this form has done so; `None` when the form was used for another act.
fn done(
    conn: &mut PgConnection,
    actor: &Actor,
    (calendar, seen, reason): (&Calendar, i32, &str),
    key: Option<&RequestKey>,
) -> Result<Option<Saved>, CalendarError> {
    let once = once(conn, "calendars::save", key, |tx| save_in(tx, actor, calendar, Some(seen), reason))?;
    Ok(once.outcome())
}

fn onward(hx: &Hx, session: &Session, calendar: &Calendar, saved: Saved) -> Result<HttpResponse, WebError> {
    let name = calendar.name.as_str();
    let notice = match saved {
        Saved::Made => Notice::done(format!("{name} was made.")).saying("Schedules can mind it now."),
        Saved::Changed => Notice::done(format!("{name} was changed.")).saying("Schedules that mind it go by it now."),
        Saved::Unchanged => Notice::done(format!("{name} said so already, so nothing was changed.")),
    };
    respond::onward(hx, session, &paths::calendar(name), &notice)
}

fn refused(hx: &Hx, desk: Desk, typed: &editor::Typed) -> Result<HttpResponse, WebError> {
    let page = desk.page_of(typed.form.clone(), typed);
    respond::refused(hx, &page, &[("editor", &page.as_editor())])
}

/// Shows what saving would change of what somebody else saved; saving again does it all the same.
fn stale(hx: &Hx, desk: Desk, typed: &editor::Typed, present: &CalendarRow) -> Result<HttpResponse, WebError> {
    let form = editor::without(&typed.form, |name| name == "base").with("base", present.version.to_string());
    let theirs = present.calendar().map(|calendar| text_of(&calendar)).unwrap_or_default();
    let yours = typed.calendar.as_ref().map(text_of).unwrap_or_default();
    let found = Stale {
        by: present.updated_by.clone(),
        at: desk.shell.stamp(present.updated_at),
        rows: diff::rows(&theirs, &yours),
    };
    let page = EditPage { stale: Some(found), ..desk.page_of(form, typed) };
    respond::conflicting(hx, &page, &[("editor", &page.as_editor())])
}
