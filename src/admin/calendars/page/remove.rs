//! `/calendars/{name}/remove`: `GET` says what would happen, `POST` acts.

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use super::{refuse_limited, titled_under, told};
use crate::admin::calendars::service::{self, CalendarError, remove_in};
use crate::base::db::PgConnection;
use crate::base::text;
use crate::queue::actor::Actor;
use crate::queue::idempotency::once;
use crate::web::confirm::{Confirm, ConfirmPage};
use crate::web::error::WebError;
use crate::web::form::Form;
use crate::web::kit::Kit;
use crate::web::once::{form_key, used_elsewhere};
use crate::web::parts::Notice;
use crate::web::paths;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

/// The question about the calendar `name`, with what was typed so far.
pub fn question(name: &str, form: Form) -> Confirm {
    Confirm {
        question: format!("Remove {name}?"),
        effects: vec![
            "No schedule minds it, so nothing runs at other times than before.".into(),
            "No schedule can mind it until somebody makes it again. What it says stays in the audit trail.".into(),
        ],
        action: paths::calendar_remove(name),
        verb: format!("Remove {name}"),
        keep: "Keep it".into(),
        back: paths::calendar(name),
        harmful: true,
        reason: true,
        form,
        ..Confirm::default()
    }
}

/// Refuses while schedules mind it.
fn removable(conn: &mut PgConnection, actor: &Actor, name: &str) -> Result<String, CalendarError> {
    let (row, schedules) = service::find(conn, actor, name)?;
    if schedules.is_empty() { Ok(row.name) } else { Err(CalendarError::InUse { name: row.name, schedules }) }
}

fn page(shell: Shell, name: &str, ask: Confirm) -> ConfirmPage {
    ConfirmPage { shell: titled_under(shell, ask.question.clone(), name), ask }
}

/// `GET /calendars/{name}/remove`: what would happen.
pub async fn ask(
    hx: Hx,
    kit: Data<Kit>,
    actor: Actor,
    shell: Shell,
    name: Path<String>,
) -> Result<HttpResponse, WebError> {
    refuse_limited(&actor)?;
    let name = kit.db.run(move |conn| removable(conn, &actor, &name)).await.map_err(told)?;
    let page = page(shell, &name, question(&name, Form::default()));
    respond::page(&hx, &page, &[("dialog", &page.as_dialog())])
}

/// `POST /calendars/{name}/remove`: acts, once for each form.
pub async fn act(
    (hx, session): (Hx, Session),
    kit: Data<Kit>,
    (actor, shell): (Actor, Shell),
    form: Form,
    name: Path<String>,
) -> Result<HttpResponse, WebError> {
    refuse_limited(&actor)?;
    let key = form_key(&actor, &form, &format!("remove calendar {name}"))?;
    let mut ask = question(&name, form);
    let reason = ask.form.read("reason", text::note).flatten().unwrap_or_default();
    if !ask.check() {
        let page = page(shell, &name, ask);
        return respond::refused(&hx, &page, &[("ask", &page.as_dialog())]);
    }
    let of = name.clone();
    let work = move |conn: &mut PgConnection| {
        once(conn, "calendars::remove", key.as_ref(), |tx| remove_in(tx, &actor, &of, &reason))
    };
    kit.db.run(work).await.map_err(told)?.outcome().ok_or_else(used_elsewhere)?;
    respond::onward(&hx, &session, paths::CALENDARS, &Notice::done(format!("{name} was removed.")))
}
