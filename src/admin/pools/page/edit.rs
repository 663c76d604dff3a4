//! `/pools/new` and `/pools/{name}/change`: a form for a pool; one that was changed meanwhile is not overwritten.

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;

use super::row::with_unit;
use super::{Pools, field, titled_under, told};
use crate::admin::pools::PoolRow;
use crate::admin::pools::service::{self, AMOUNT_MAX, PoolError, Wish, set_in};
use crate::base::db::PgConnection;
use crate::base::text;
use crate::queue::actor::Actor;
use crate::queue::idempotency::{RequestKey, once};
use crate::queue::ring;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::{Form, sentence};
use crate::web::kit::Kit;
use crate::web::live::{after, back, is_from_list};
use crate::web::once::{form_key, used_elsewhere};
use crate::web::parts::Notice;
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

/// The form; its block is what a dialog shows.
#[derive(Template)]
#[template(path = "pools/edit.html", blocks = ["dialog"])]
pub struct EditPage {
    pub shell: Shell,
    /// The pool; empty for a new one.
    pub name: String,
    /// What it has now, in words.
    pub present: String,
    /// What is reserved of it now, in words.
    pub used: String,
    /// Its version; 0 for a new one.
    pub seen: i32,
    /// The act was begun in the list.
    pub listed: bool,
    pub back: String,
    pub form: Form,
    /// Somebody else changed it while the form was filled in.
    pub stale: bool,
}

impl EditPage {
    /// Makes the form for a new pool.
    pub fn fresh(shell: Shell, form: Form) -> Self {
        Self {
            shell: shell.titled("Make a pool", Section::Nodes).under("Pools", paths::POOLS),
            name: String::new(),
            present: String::new(),
            used: String::new(),
            seen: 0,
            listed: false,
            back: paths::POOLS.into(),
            form,
            stale: false,
        }
    }

    /// Makes the form for `pool` with what was typed so far.
    pub fn of(shell: Shell, pool: &PoolRow, form: Form) -> Self {
        let typed = !form.text("amount").is_empty() || form.is_refused();
        Self {
            shell: titled_under(shell, format!("Change {}", pool.name), &pool.name),
            name: pool.name.clone(),
            present: with_unit(pool.amount, &pool.unit),
            used: with_unit(pool.used, &pool.unit),
            seen: pool.version,
            listed: is_from_list(&form),
            back: back::<Pools>(&form, &pool.name),
            form: if typed { form } else { filled(form, pool) },
            stale: false,
        }
    }

    fn is_new(&self) -> bool {
        self.name.is_empty()
    }

    fn action(&self) -> String {
        if self.is_new() { paths::POOL_NEW.into() } else { paths::pool_change(&self.name) }
    }
}

fn filled(form: Form, pool: &PoolRow) -> Form {
    form.with("amount", pool.amount.to_string())
        .with("unit", pool.unit.as_str())
        .with("description", pool.description.as_str())
}

/// A version that no pool has: a form that does not say what it showed overwrites nothing.
const NEVER_SEEN: i32 = -1;

/// Reads the wish; what is wrong with it is noted in the form.
fn wish(form: &mut Form) -> Wish {
    Wish {
        amount: form.number("amount", "the amount", 0..=AMOUNT_MAX),
        unit: Some(form.text("unit").to_owned()),
        description: Some(form.text("description").to_owned()),
        seen: Some(form.text("seen").parse().unwrap_or(NEVER_SEEN)),
    }
}

/// `GET /pools/new`.
pub async fn ask_new(hx: Hx, actor: Actor, shell: Shell) -> Result<HttpResponse, WebError> {
    refuse_limited(&actor)?;
    respond::page(&hx, &EditPage::fresh(shell, Form::default()), &[])
}

/// A pool is everybody's: whoever is limited to some queues finds no form.
fn refuse_limited(actor: &Actor) -> Result<(), WebError> {
    if service::may_act(actor) { Ok(()) } else { Err(WebError::NotFound) }
}

/// `POST /pools/new`: makes a pool, once for each form.
pub async fn make(
    (hx, session): (Hx, Session),
    kit: Data<Kit>,
    (actor, shell): (Actor, Shell),
    mut form: Form,
) -> Result<HttpResponse, WebError> {
    refuse_limited(&actor)?;
    let name = form.required("name", "a name").unwrap_or_default();
    let wish = Wish { seen: Some(0), ..wish(&mut form) };
    let refused = |shell: Shell, form: Form| {
        let page = EditPage::fresh(shell, form);
        respond::refused(&hx, &page, &[("ask", &page.as_dialog())])
    };
    if form.is_refused() {
        return refused(shell, form);
    }
    let key = form_key(&actor, &form, &format!("{wish:?} {name}"))?;
    let (doer, of) = (actor, name.clone());
    match kit.db.run(move |conn| done(conn, &doer, (&of, &wish, ""), key.as_ref())).await {
        Ok(pool) => {
            let pool = pool.ok_or_else(used_elsewhere)?;
            let notice = Notice::done(format!("{name} has {}.", with_unit(pool.amount, &pool.unit)));
            respond::onward(&hx, &session, &paths::pool(&name), &notice.saying("Templates can reserve of it now."))
        }
        Err(error) if !field(&error).is_empty() => {
            form.refuse(field(&error), sentence(&error.to_string()));
            refused(shell, form)
        }
        Err(error) => Err(told(error)),
    }
}

/// `GET /pools/{name}/change`.
pub async fn ask(
    hx: Hx,
    kit: Data<Kit>,
    actor: Actor,
    shell: Shell,
    (name, query): (Path<String>, Query),
) -> Result<HttpResponse, WebError> {
    refuse_limited(&actor)?;
    let pool = kit.db.run(move |conn| service::find(conn, &actor, &name)).await.map_err(told)?;
    let page = EditPage::of(shell, &pool, query.0);
    respond::page(&hx, &page, &[("dialog", &page.as_dialog())])
}

/// `POST /pools/{name}/change`: acts, once for each form.
pub async fn change(
    (hx, session): (Hx, Session),
    kit: Data<Kit>,
    (actor, shell): (Actor, Shell),
    mut form: Form,
    name: Path<String>,
) -> Result<HttpResponse, WebError> {
    refuse_limited(&actor)?;
    let name = name.into_inner();
    let (asker, asked) = (actor.clone(), name.clone());
    let pool = kit.db.run(move |conn| service::find(conn, &asker, &asked)).await.map_err(told)?;
    let wish = wish(&mut form);
    let reason = form.read("reason", text::note).map(Option::unwrap_or_default).unwrap_or_default();
    let refused = |shell: Shell, form: Form| {
        let page = EditPage::of(shell, &pool, form);
        respond::refused(&hx, &page, &[("ask", &page.as_dialog())])
    };
    if form.is_refused() {
        return refused(shell, form);
    }
    let key = form_key(&actor, &form, &format!("{wish:?} {name}"))?;
    let (doer, of) = (actor.clone(), name.clone());
    match kit.db.run(move |conn| done(conn, &doer, (&of, &wish, &reason), key.as_ref())).await {
        Ok(done) => {
            let pool = done.ok_or_else(used_elsewhere)?;
            let notice = Notice::done(format!("{name} has {} now.", with_unit(pool.amount, &pool.unit)));
            let notice = notice.linking("Open", paths::pool(&name));
            let back = back::<Pools>(&form, &name);
            after::<Pools>(&kit, (&hx, &session), (actor, shell), (name, &back), &notice).await
        }
        Err(PoolError::Stale(present)) => {
            let page = EditPage { stale: true, ..EditPage::of(shell, &present, form) };
            respond::conflicting(&hx, &page, &[("ask", &page.as_dialog())])
        }
        Err(error) if !field(&error).is_empty() => {
            form.refuse(field(&error), sentence(&error.to_string()));
            refused(shell, form)
        }
        Err(error) => Err(told(error)),
    }
}

/// Does what is wanted unless this form has done so, tells the nodes, and gives the pool as it is now; `None` when the form was
/// used for another act.
fn done(
    conn: &mut PgConnection,
    actor: &Actor,
    (name, wish, reason): (&str, &Wish, &str),
    key: Option<&RequestKey>,
) -> Result<Option<PoolRow>, PoolError> {
    let once = once(conn, "pools::set", key, |tx| set_in(tx, actor, name, (wish, reason)))?;
    if once.outcome().is_none() {
        return Ok(None);
    }
    ring::notify(conn)?; // after the commit
    service::find(conn, actor, name).map(Some)
}
