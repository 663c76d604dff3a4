//! `/pools/{name}/remove`: `GET` says what would happen, `POST` acts.

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use super::{titled_under, told};
use crate::admin::pools::PoolRow;
use crate::admin::pools::service::{self, PoolError, remove_in};
use crate::base::db::PgConnection;
use crate::base::text;
use crate::queue::actor::Actor;
use crate::queue::idempotency::{RequestKey, once};
use crate::queue::ring;
use crate::web::confirm::{Confirm, ConfirmPage};
use crate::web::error::WebError;
use crate::web::form::Form;
use crate::web::format::grouped;
use crate::web::kit::Kit;
use crate::web::once::{form_key, used_elsewhere};
use crate::web::parts::Notice;
use crate::web::paths;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

/// The question about `pool`, with what was typed so far.
pub fn question(pool: &PoolRow, form: Form) -> Confirm {
    let name = &pool.name;
    let waits = match pool.waiting {
        0 => "No job waits for it now.".to_owned(),
        1 => "1 job of an older version waits for it: it goes on without it.".into(),
        many => {
            format!("{} jobs of older versions wait for it: they go on without it.", grouped(many.unsigned_abs()))
        }
    };
    Confirm {
        question: format!("Remove {name}?"),
        effects: vec![
            "Nothing bounds any more what older versions reserve of it. What runs goes on.".into(),
            waits,
            "No template can reserve of it until somebody makes it again.".into(),
        ],
        action: paths::pool_remove(name),
        verb: format!("Remove {name}"),
        keep: "Keep it".into(),
        back: paths::pool(name),
        harmful: true,
        reason: true,
        form,
        ..Confirm::default()
    }
}

/// Reads a pool that may be removed.
fn removable(conn: &mut PgConnection, actor: &Actor, name: &str) -> Result<PoolRow, PoolError> {
    let pool = service::find(conn, actor, name)?;
    if !service::may_act(actor) {
        return Err(PoolError::NotFound(pool.name));
    }
    let templates: Vec<String> =
        service::parties(conn, actor, &pool)?.users.into_iter().map(|user| user.template).collect();
    if templates.is_empty() { Ok(pool) } else { Err(PoolError::InUse { pool: pool.name, templates }) }
}

fn page(shell: Shell, name: &str, ask: Confirm) -> ConfirmPage {
    ConfirmPage { shell: titled_under(shell, ask.question.clone(), name), ask }
}

/// `GET /pools/{name}/remove`: what would happen.
pub async fn ask(
    hx: Hx,
    kit: Data<Kit>,
    actor: Actor,
    shell: Shell,
    name: Path<String>,
) -> Result<HttpResponse, WebError> {
    let pool = kit.db.run(move |conn| removable(conn, &actor, &name)).await.map_err(told)?;
    let page = page(shell, &pool.name, question(&pool, Form::default()));
    respond::page(&hx, &page, &[("dialog", &page.as_dialog())])
}

/// `POST /pools/{name}/remove`: acts, once for each form.
pub async fn act(
    (hx, session): (Hx, Session),
    kit: Data<Kit>,
    (actor, shell): (Actor, Shell),
    form: Form,
    name: Path<String>,
) -> Result<HttpResponse, WebError> {
    let name = name.into_inner();
    let key = form_key(&actor, &form, &format!("remove {name}"))?;
    let (asker, asked) = (actor.clone(), name.clone());
    let pool = kit.db.run(move |conn| removable(conn, &asker, &asked)).await.map_err(told)?;
    let mut ask = question(&pool, form);
    let reason = ask.form.read("reason", text::note).flatten().unwrap_or_default();
    if !ask.check() {
        let page = page(shell, &name, ask);
        return respond::refused(&hx, &page, &[("ask", &page.as_dialog())]);
    }
    let of = name.clone();
    kit.db
        .run(move |conn| done(conn, &actor, (&of, &reason), key.as_ref()))
        .await
        .map_err(told)?
        .ok_or_else(used_elsewhere)?;
    respond::onward(&hx, &session, paths::POOLS, &Notice::done(format!("{name} was removed.")))
}

/// Removes it unless this form has done so, and tells the nodes; `None` when the form was used for another act.
fn done(
    conn: &mut PgConnection,
    actor: &Actor,
    (name, reason): (&str, &str),
    key: Option<&RequestKey>,
) -> Result<Option<()>, PoolError> {
    let once = once(conn, "pools::remove", key, |tx| remove_in(tx, actor, name, reason))?;
    if once.outcome().is_none() {
        return Ok(None);
    }
    ring::notify(conn)?; // after the commit
    Ok(Some(()))
}
