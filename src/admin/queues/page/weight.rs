//! `/queues/{name}/weight`: a form for another share of the slots; a weight that was changed meanwhile is not overwritten.

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;

use super::act::done;
use super::after::{answer, back, from};
use super::{titled_under, told};
use crate::admin::queues::QueueRow;
use crate::admin::queues::service::{self, Act, QueueError, WEIGHT_MAX};
use crate::base::text;
use crate::queue::actor::Actor;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::Form;
use crate::web::format::grouped;
use crate::web::kit::Kit;
use crate::web::once::{form_key, used_elsewhere};
use crate::web::parts::Notice;
use crate::web::paths;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

/// The form; its block is what a dialog shows.
#[derive(Template)]
#[template(path = "queues/weight.html", blocks = ["dialog"])]
pub struct WeightPage {
    pub shell: Shell,
    pub name: String,
    /// The weight as it is now.
    pub present: i32,
    pub hidden: Vec<(String, String)>,
    pub back: String,
    pub form: Form,
    /// Somebody else changed it while the form was filled in.
    pub stale: bool,
}

impl WeightPage {
    /// Makes the form for `queue` with what was typed so far.
    pub fn new(shell: Shell, queue: &QueueRow, form: Form) -> Self {
        let typed = !form.text("weight").is_empty() || form.is_refused();
        let shown = if typed { form } else { form.with("weight", queue.weight.to_string()) };
        Self {
            shell: titled_under(shell, format!("Weight of {}", queue.name), &queue.name),
            name: queue.name.clone(),
            present: queue.weight,
            hidden: from(&shown),
            back: back(&shown, &queue.name),
            form: shown,
            stale: false,
        }
    }

    fn action(&self) -> String {
        paths::queue_weight(&self.name)
    }

    fn help(&self) -> String {
        let most = grouped(WEIGHT_MAX.unsigned_abs().into());
        format!("A whole number from 1 to {most}. A queue of weight 3 gets three slots for each one of weight 1.")
    }
}

/// `GET /queues/{name}/weight`.
pub async fn ask(
    hx: Hx,
    kit: Data<Kit>,
    actor: Actor,
    shell: Shell,
    (name, query): (Path<String>, Query),
) -> Result<HttpResponse, WebError> {
    let queue = kit.db.run(move |conn| service::find(conn, &actor, &name)).await.map_err(told)?;
    let page = WeightPage::new(shell, &queue, query.0);
    respond::page(&hx, &page, &[("dialog", &page.as_dialog())])
}

/// `POST /queues/{name}/weight`: acts, once for each form.
pub async fn act(
    (hx, session): (Hx, Session),
    kit: Data<Kit>,
    (actor, shell): (Actor, Shell),
    mut form: Form,
    name: Path<String>,
) -> Result<HttpResponse, WebError> {
    let name = name.into_inner();
    let (asker, asked) = (actor.clone(), name.clone());
    let queue = kit.db.run(move |conn| service::find(conn, &asker, &asked)).await.map_err(told)?;
    let weight = form.number("weight", "the weight", 1..=WEIGHT_MAX);
    let reason = form.read("reason", text::note).map(Option::unwrap_or_default);
    let (Some(to), Some(reason)) = (weight, reason) else {
        let page = WeightPage::new(shell, &queue, form);
        return respond::refused(&hx, &page, &[("ask", &page.as_dialog())]);
    };
    let key = form_key(&actor, &form, &format!("Weigh {to} {name}"))?;
    let wanted = (Act::Weigh { to, seen: form.text("seen").parse().ok() }, reason);
    let (doer, of) = (actor.clone(), name.clone());
    match kit.db.run(move |conn| done(conn, &doer, &of, (&wanted, key.as_ref()))).await {
        Ok(done) => {
            let queue = done.ok_or_else(used_elsewhere)?;
            let notice =
                Notice::done(format!("{name} has weight {} now.", queue.weight)).linking("Open", paths::queue(&name));
            answer(&kit, (&hx, &session), (actor, shell), (name.clone(), &back(&form, &name)), &notice).await
        }
        Err(QueueError::Stale { weight, .. }) => {
            let page = WeightPage { stale: true, ..WeightPage::new(shell, &QueueRow { weight, ..queue }, form) };
            respond::conflicting(&hx, &page, &[("ask", &page.as_dialog())])
        }
        Err(error) => Err(told(error)),
    }
}
