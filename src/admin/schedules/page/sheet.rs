//! `/schedules/{name}`, `/schedules/{name}/edit` and `/schedules/new`: what a schedule says as a form, beside it what lies ahead. `GET` shows, `POST` shows a preview or saves.

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;
use chrono_tz::Tz;
use serde_json::Value;

use super::ahead::{Ahead, next_run};
use super::args::{self, ArgFields};
use super::around::{Around, CalendarLine, around};
use super::fields;
use super::head::Head;
use super::minute;
use super::told;
use super::versions::written;
use crate::admin::schedules::preview::{OCCURRENCES, preview};
use crate::admin::schedules::service::{self, Begin};
use crate::admin::schedules::{ScheduleError, ScheduleRow, show};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::permission::Permission;
use crate::timing::document::Fault;
use crate::timing::schedule::Schedule;
use crate::web::diff;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::{Form, sentence};
use crate::web::kit::Kit;
use crate::web::params::{Control, Kind};
use crate::web::parts::{DiffRow, Notice};
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

/// Form field of a button that does not save: it shows what the form says.
pub(super) const ONLY: &str = "only";
/// Form field of the button that takes a proposed minute.
pub(super) const MINUTE: &str = "minute";
/// Form field of the button that saves a new schedule which makes no jobs before it is resumed.
pub(super) const PAUSED: &str = "paused";
/// Form field of the button that asks for more occurrences, and the one that keeps how many are shown.
pub(super) const SHOW: &str = "show";
pub(super) const SHOWN: &str = "shown";
/// Most occurrences that are shown.
const SHOWN_MAX: usize = 500;
/// Value of [`ONLY`] that compares what the form says with the version in force.
const COMPARE: &str = "compare";
/// A version that no schedule has: a form that does not say what it showed overwrites nothing.
const NEVER_SEEN: i32 = -1;

/// The page.
#[derive(Template)]
#[template(path = "schedules/sheet.html", blocks = ["whole_form", "ahead_block", "say_block"])]
pub struct SheetPage {
    pub shell: Shell,
    /// The schedule; `None` for a new one.
    pub head: Option<Head>,
    pub action: String,
    pub form: Form,
    /// `None` = the form cannot be followed.
    pub ahead: Option<Ahead>,
    /// What is wrong with it, a sentence each.
    pub wrong: Vec<String>,
    pub templates: Vec<String>,
    pub calendars: Vec<CalendarLine>,
    pub may_act: bool,
    /// The version that the form was made from; 0 for a new one.
    pub base: i32,
    /// Fields that differ from the version in force.
    pub changes: usize,
    /// What they change of the document, when one asked to compare.
    pub difference: Option<Vec<DiffRow>>,
    pub shows_utc: bool,
    /// So many occurrences are shown.
    pub shown: usize,
    /// So many are shown next; `None` = there are no more.
    pub show_next: Option<usize>,
    pub zone: String,
    /// A control for each argument; `None` = they are written as JSON.
    pub arguments: Option<Vec<Control>>,
    /// Fields on which others depend.
    pub sources: Vec<String>,
}

/// `GET /schedules/{name}`, and `…/edit`.
pub async fn show(
    (kit, hx): (Data<Kit>, Hx),
    (actor, shell): (Actor, Shell),
    name: Path<String>,
    query: Query,
) -> Result<HttpResponse, WebError> {
    let now = shell.now;
    let work = move |conn: &mut PgConnection| {
        let row = show::one(conn, &actor, &name)?;
        let args = show::visible_spec(conn, &actor, &row)?.get("args").cloned().unwrap_or_default();
        let spec = row.schedule();
        let form = spec.as_ref().map_or_else(Form::default, |spec| fields::filled(spec, &args));
        let form = form.with("clock", query.0.text("clock")).with(SHOWN, query.0.text(SHOWN));
        let base = row.version;
        let fields = ArgFields::of(conn, &actor, &form, shell.zone)?;
        let form = args::with(fields.as_ref(), form, |fields, form| fields.filled(&args, form));
        let mut around = around(conn, &actor, Some(row), spec.clone(), now)?;
        around.ask(fields.as_ref(), &form, spec.as_ref());
        Ok::<_, ScheduleError>(SheetPage::new(&actor, shell, around, (form, base), 0))
    };
    respond::page(&hx, &kit.db.run(work).await.map_err(told)?, &[])
}

/// `GET /schedules/new`, also as a copy of another one (`from=`) or for a template (`template=`).
pub async fn ask_new(
    (kit, hx): (Data<Kit>, Hx),
    (actor, shell): (Actor, Shell),
    query: Query,
) -> Result<HttpResponse, WebError> {
    let (now, zone) = (shell.now, shell.zone);
    let (from, template) = (query.0.text("from").to_owned(), query.0.text("template").to_owned());
    let work = move |conn: &mut PgConnection| {
        let (spec, form) = if from.is_empty() {
            let spec = blank(&template, zone);
            let form = fields::filled(&spec, &Value::Object(serde_json::Map::new()));
            (spec, form)
        } else {
            let row = show::one(conn, &actor, &from)?;
            let args = show::visible_spec(conn, &actor, &row)?.get("args").cloned().unwrap_or_default();
            let mut spec = row.schedule().ok_or_else(|| ScheduleError::NotFound(from.clone()))?;
            spec.name = format!("{}-copy", spec.name.chars().take(58).collect::<String>());
            let form = fields::filled(&spec, &args).with("from", from.as_str());
            (spec, form)
        };
        let fields = ArgFields::of(conn, &actor, &form, shell.zone)?;
        let form = args::with(fields.as_ref(), form, ArgFields::sent);
        let mut around = around(conn, &actor, None, Some(spec.clone()), now)?;
        around.ask(fields.as_ref(), &form, Some(&spec));
        Ok::<_, ScheduleError>(SheetPage::new(&actor, shell, around, (form, 0), 0))
    };
    respond::page(&hx, &kit.db.run(work).await.map_err(told)?, &[])
}

/// A schedule to begin with: every weekday morning.
fn blank(template: &str, zone: Tz) -> Schedule {
    let document = serde_json::json!({ "kind": "Schedule", "name": "", "template": template, "timezone": zone.name(),
        "rules": [{ "cron": "30 6 * * 1-5" }] });
    serde_json::from_value(document).unwrap_or_else(|error| panic!("the blank schedule is one: {error}"))
}

/// `POST /schedules/new`.
pub async fn make(
    asked: (Data<Kit>, Hx),
    who: (Actor, Shell),
    session: Session,
    form: Form,
) -> Result<HttpResponse, WebError> {
    answer(asked, who, session, form, None).await
}

/// `POST /schedules/{name}/edit`.
pub async fn change(
    asked: (Data<Kit>, Hx),
    who: (Actor, Shell),
    session: Session,
    form: Form,
    name: Path<String>,
) -> Result<HttpResponse, WebError> {
    answer(asked, who, session, form, Some(name.into_inner())).await
}

/// What came of a form.
enum Came {
    Saved(String, service::Saved),
    Page(Box<SheetPage>),
}

async fn answer(
    (kit, hx): (Data<Kit>, Hx),
    (actor, shell): (Actor, Shell),
    session: Session,
    form: Form,
    name: Option<String>,
) -> Result<HttpResponse, WebError> {
    let is_look = [ONLY, MINUTE, SHOW].into_iter().any(|name| !form.text(name).is_empty());
    let form = minute::taken(form);
    let is_paused = is_paused(&form);
    let came = kit.db.run(move |conn| done(conn, &actor, shell, form, name.as_deref(), is_look)).await.map_err(told)?;
    match came {
        Came::Saved(name, saved) => {
            let what = match (saved.unchanged, saved.version) {
                (true, _) => format!("{name} says that already; nothing was saved."),
                (false, 1) if is_paused => format!("{name} is saved and paused. It makes no jobs until it is resumed."),
                (false, 1) => format!("{name} is saved and runs from now on."),
                (false, version) => format!("{name} is saved; version {version} is in force."),
            };
            respond::onward(&hx, &session, &paths::schedule(&name), &Notice::done(what))
        }
        Came::Page(page) => {
            let page = &*page;
            let ahead = Looked::of(page)?;
            let blocks: [respond::Block<'_>; 2] = [("sheet", &page.as_whole_form()), ("panel-ahead", &ahead)];
            if is_look { respond::page(&hx, page, &blocks) } else { respond::refused(&hx, page, &blocks) }
        }
    }
}

fn done(
    conn: &mut PgConnection,
    actor: &Actor,
    shell: Shell,
    mut form: Form,
    name: Option<&str>,
    is_look: bool,
) -> Result<Came, ScheduleError> {
    let row = name.map(|name| show::one(conn, actor, name)).transpose()?;
    let copied = form.text("from").to_owned();
    let old = match (&row, copied.is_empty()) {
        (Some(row), _) => row.schedule(),
        (None, true) => None,
        (None, false) => show::one(conn, actor, &copied)?.schedule(),
    };
    if let Some(row) = &row {
        form = named(form, &row.name);
    }
    let base = if row.is_some() { form.text("base").parse().unwrap_or(NEVER_SEEN) } else { 0 };
    let arg_fields = ArgFields::of(conn, actor, &form, shell.zone)?;
    form = args::with(arg_fields.as_ref(), form, ArgFields::sent);
    let (now, mut looked) = (shell.now, nameable(&form));
    let spec = fields::read(if is_look { &mut looked } else { &mut form }, old.as_ref(), arg_fields.as_ref());
    let is_readable = if is_look { !looked.is_refused() } else { !form.is_refused() };
    if !is_look && is_readable {
        // of what it is a copy stands in the audit trail and beside its first version
        let message = match copied.is_empty() {
            true => form.text("message").to_owned(),
            false => format!("a copy of {copied}"),
        };
        let begin = if is_paused(&form) { Begin::Paused } else { Begin::AtOnce };
        let saved = service::save_and_begin(conn, actor, &spec, (Some(base), begin), &message);
        match saved {
            Ok(saved) => return Ok(Came::Saved(spec.name.clone(), saved)),
            Err(error) => refuse(&mut form, arg_fields.as_ref(), error)?,
        }
    } else if !is_look {
        // what else is wrong is told at once
        let more = service::faults(conn, actor, &spec).map_or_else(|error| error, ScheduleError::Refused);
        refuse(&mut form, arg_fields.as_ref(), more)?;
    }
    let difference = match (&row, form.text(ONLY) == COMPARE && is_readable) {
        (Some(row), true) => Some(difference(conn, actor, row, &spec)?),
        _ => None,
    };
    let mut around = around(conn, actor, row, Some(spec).filter(|_| is_readable), now)?;
    around.ask(arg_fields.as_ref(), &form, old.as_ref());
    if is_look {
        // what is wrong is told beside the preview, and at its field once it is sent
        around.faults.extend(looked.problems().iter().map(|problem| Fault {
            path: String::new(),
            message: problem.message.clone(),
            at: None,
        }));
    }
    let changes = old.as_ref().map_or(0, |old| fields::changed(old, &form, arg_fields.as_ref()));
    let page = SheetPage::new(actor, shell, around, (form, base), changes);
    Ok(Came::Page(Box::new(SheetPage { difference, ..page })))
}

/// What a form changes of the version in force, both as this actor may see them.
fn difference(
    conn: &mut PgConnection,
    actor: &Actor,
    row: &ScheduleRow,
    spec: &Schedule,
) -> Result<Vec<DiffRow>, ScheduleError> {
    let before = show::visible_spec(conn, actor, row)?;
    let typed = serde_json::to_value(spec).unwrap_or_default(); // a schedule is always one
    let after = show::visible(conn, actor, &typed)?;
    Ok(diff::rows(&written(&before), &written(&after)))
}

/// How many occurrences a form shows.
fn shown(form: &Form) -> usize {
    let asked = [SHOW, SHOWN].into_iter().find_map(|name| form.text(name).parse::<usize>().ok());
    asked.unwrap_or(OCCURRENCES).clamp(OCCURRENCES, SHOWN_MAX)
}

fn is_paused(form: &Form) -> bool {
    !form.text(PAUSED).is_empty()
}

/// What lies ahead depends on neither name nor template, so they may be missing while one looks.
fn nameable(form: &Form) -> Form {
    let missing = ["name", "template"].into_iter().filter(|field| form.text(field).trim().is_empty());
    missing.fold(form.clone(), |form, field| {
        let kept = form.into_fields().into_iter().filter(|(name, _)| name != field);
        kept.fold(Form::default(), |form, (name, value)| form.with(&name, value)).with(field, "new")
    })
}

/// What lies ahead, and the sentence under the rule.
#[derive(Template)]
#[template(source = "{{ html }}", ext = "txt")]
struct Looked {
    html: String,
}

impl Looked {
    fn of(page: &SheetPage) -> Result<Self, WebError> {
        let say = page.as_say_block().render().map_err(WebError::fault)?;
        let ahead = page.as_ahead_block().render().map_err(WebError::fault)?;
        Ok(Self { html: ahead + &respond::partial("panel-say", &say) })
    }
}

/// The name of a schedule is that of its address.
fn named(form: Form, name: &str) -> Form {
    let kept = form.into_fields().into_iter().filter(|(field, _)| field != "name");
    kept.fold(Form::default(), |form, (field, value)| form.with(&field, value)).with("name", name)
}

/// Notes a refusal at its fields; what is nobody's input goes on.
fn refuse(form: &mut Form, arg_fields: Option<&ArgFields>, error: ScheduleError) -> Result<(), ScheduleError> {
    match error {
        ScheduleError::Refused(faults) => {
            // what could not be read is told already
            let read = form.clone();
            for fault in faults.into_iter().filter(|fault| !fields::is_unread(&fault.path, &read)) {
                if arg_fields.is_some_and(|fields| fields.refuse(form, &fault)) {
                    continue;
                }
                let field = fields::field(&fault.path, form);
                form.refuse(&field, sentence(&fault.message));
            }
        }
        ScheduleError::NameTaken(_) => form.refuse("name", "There is a schedule of this name already"),
        ScheduleError::OutOfScope(queue) => {
            form.refuse("template", format!("Its jobs go to the queue {queue}, which is outside of what you may see"));
        }
        ScheduleError::BadNote(odd) => form.refuse("message", sentence(&odd.to_string())),
        ScheduleError::Stale { latest, .. } => {
            form.refuse("base", format!("Somebody saved version {latest} meanwhile. Compare under Versions, then open this page again; what you typed stands here still"));
        }
        other => return Err(other),
    }
    Ok(())
}

impl SheetPage {
    fn new(actor: &Actor, shell: Shell, around: Around, (form, base): (Form, i32), changes: usize) -> Self {
        let Around { row, marks, templates, calendars, known, faults, load, better, arguments, sources } = around;
        let (shows_utc, shown) = (form.text("clock") == "utc", shown(&form));
        let zone = form.text("timezone").parse().unwrap_or(shell.zone);
        let ahead = known.as_ref().map(|known| {
            let ahead = preview(known, shell.now, shown);
            let load = load.as_ref().filter(|_| next_run(&ahead).is_some());
            Ahead::of(&ahead, zone, (shell.now, shows_utc), &marks, load.map(|load| (load, better)))
        });
        let wrong = faults.iter().map(|fault| format!("{}.", sentence(fault.message.trim_end_matches('.'))));
        let wrong = wrong.collect();
        let head = row.as_ref().map(|row| Head::new(actor, row, &marks, &shell, "timing"));
        let shell = shell.titled(row.as_ref().map_or("New schedule", |row| row.name.as_str()), Section::Schedules);
        Self {
            action: row.as_ref().map_or_else(|| paths::SCHEDULE_NEW.to_owned(), |row| paths::schedule_edit(&row.name)),
            may_act: actor.may(Permission::EditSchedules),
            zone: crate::timing::zone_words(zone).replace(" time", ""),
            shell: shell.under("Schedules", paths::SCHEDULES),
            difference: None,
            shown,
            show_next: ahead
                .as_ref()
                .filter(|ahead| ahead.items.len() == shown && shown < SHOWN_MAX)
                .map(|_| shown + OCCURRENCES),
            head,
            form,
            ahead,
            wrong,
            templates,
            calendars,
            base,
            changes,
            shows_utc,
            arguments,
            sources,
        }
    }
}
