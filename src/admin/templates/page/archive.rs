//! `/templates/{name}/archive`: takes a template out of use.

use std::sync::Arc;

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use super::ask::needs_password;
use super::{find, titled_under, told};
use crate::admin::account::fresh_page;
use crate::admin::templates::acts::{Act, act as act_once};
use crate::admin::templates::{TemplateRow, TemplateState};
use crate::queue::access::session::SignedIn;
use crate::web::confirm::{Confirm, ConfirmPage};
use crate::web::error::WebError;
use crate::web::form::Form;
use crate::web::format;
use crate::web::kit::Kit;
use crate::web::once::{form_key, used_elsewhere};
use crate::web::parts::Notice;
use crate::web::paths;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

/// `GET /templates/{name}/archive`: what would happen.
pub async fn ask(
    hx: Hx,
    kit: Data<Kit>,
    who: SignedIn,
    shell: Shell,
    name: Path<String>,
) -> Result<HttpResponse, WebError> {
    let row = row(&kit, &who, name.into_inner()).await?;
    let page = question(&kit, &who, shell, &row, Form::default());
    respond::page(&hx, &page, &[("dialog", &page.as_dialog())])
}

/// `POST /templates/{name}/archive`.
pub async fn act(
    hx: Hx,
    kit: Data<Kit>,
    who: SignedIn,
    shell: Shell,
    (session, form, name): (Session, Form, Path<String>),
) -> Result<HttpResponse, WebError> {
    let row = row(&kit, &who, name.into_inner()).await?;
    let mut page = question(&kit, &who, shell, &row, form);
    let complete = page.ask.check(); // a form that is incomplete anyway costs no guess of the password
    let needs_proof = page.ask.fresh;
    if !complete || (needs_proof && !fresh_page::prove(&kit, &session, &who, &mut page.ask.form).await?) {
        return respond::refused(&hx, &page, &[("ask", &page.as_dialog())]);
    }
    let act = Act::Archive(page.ask.form.text("reason").to_owned());
    let key = form_key(&who.actor, &page.ask.form, &format!("archive {}", row.name))?;
    let (clock, name) = (Arc::clone(&kit.clock), row.name.clone());
    let work = move |conn: &mut _| act_once(conn, &*clock, &who.actor, &name, (&act, key.as_ref()));
    kit.db.run(work).await.map_err(told)?.outcome().ok_or_else(used_elsewhere)?;
    let notice = Notice::done(format!("{} is archived.", row.name)).saying("Jobs that exist still run.");
    respond::onward(&hx, &session, &paths::template(&row.name), &notice)
}

async fn row(kit: &Kit, who: &SignedIn, name: String) -> Result<TemplateRow, WebError> {
    let actor = who.actor.clone();
    let row = kit.db.run(move |conn| find(conn, &actor, &name)).await?;
    if row.state() == TemplateState::Archived {
        return Err(WebError::Conflict(format!("{} is archived already.", row.name)));
    }
    Ok(row)
}

fn question(kit: &Kit, who: &SignedIn, shell: Shell, row: &TemplateRow, form: Form) -> ConfirmPage {
    let mut effects = vec!["No job can be enqueued from it any more, neither by people nor by programs.".to_owned()];
    effects.push(match row.unfinished {
        0 => "No job of it is waiting or running.".into(),
        1 => "1 job that waits or runs goes on.".into(),
        many => format!("{} jobs that wait or run go on.", format::count(many)),
    });
    effects.push("Its versions and the history of its jobs stay readable. Its name stays taken.".into());
    ConfirmPage {
        shell: titled_under(shell, "Archive", &row.name),
        ask: Confirm {
            question: format!("Archive {}?", row.name),
            effects,
            action: paths::template_archive(&row.name),
            verb: format!("Archive {}", row.name),
            keep: "Keep it".into(),
            back: paths::template(&row.name),
            harmful: true,
            reason: true,
            fresh: needs_password(&row.runner) && !who.is_fresh(kit.clock.now()),
            form,
            ..Confirm::default()
        },
    }
}
