//! `/queues/{name}/limits`: a form for other limits; limits that were changed meanwhile are not overwritten.

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;

use super::act::done;
use super::row::at_once;
use super::{Queues, titled_under, told};
use crate::admin::queues::service::{self, Act, QueueError};
use crate::admin::queues::{JOBS_MAX, Limits, QueueRow, WAIT_TARGET_MS_MAX, WEIGHT_MAX, Wish};
use crate::base::text;
use crate::queue::actor::Actor;
use crate::web::charts::short;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::Form;
use crate::web::format::{duration, grouped};
use crate::web::kit::Kit;
use crate::web::live::{after, back, from};
use crate::web::once::{form_key, used_elsewhere};
use crate::web::parts::Notice;
use crate::web::paths;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

/// The form; its block is what a dialog shows.
#[derive(Template)]
#[template(path = "queues/limits.html", blocks = ["dialog"])]
pub struct LimitsPage {
    pub shell: Shell,
    pub name: String,
    /// The limits as they are now.
    pub present: Limits,
    pub hidden: Vec<(String, String)>,
    pub back: String,
    pub form: Form,
    /// Somebody else changed them while the form was filled in.
    pub stale: bool,
}

impl LimitsPage {
    /// Makes the form for `queue` with what was typed so far.
    pub fn new(shell: Shell, queue: &QueueRow, form: Form) -> Self {
        let typed = !form.text("weight").is_empty() || form.is_refused();
        Self {
            shell: titled_under(shell, format!("Limits of {}", queue.name), &queue.name),
            name: queue.name.clone(),
            present: queue.limits,
            hidden: from(&form),
            back: back::<Queues>(&form, &queue.name),
            form: if typed { form } else { filled(form, queue.limits) },
            stale: false,
        }
    }

    fn action(&self) -> String {
        paths::queue_limits(&self.name)
    }

    fn weight_help(&self) -> String {
        let most = grouped(WEIGHT_MAX.unsigned_abs().into());
        format!("A whole number from 1 to {most}. A queue of weight 3 gets three slots for each one of weight 1.")
    }

    /// The present limits in words.
    fn words(&self) -> String {
        words(self.present)
    }
}

/// Says the limits in a line.
pub fn words(limits: Limits) -> String {
    let target = limits.wait_target().map(|target| format!("a wait target of {}", duration(target)));
    let words = [Some(format!("weight {}", limits.weight)), at_once(limits), target];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn filled(form: Form, limits: Limits) -> Form {
    let bound = |jobs: Option<i32>| jobs.map(|jobs| jobs.to_string()).unwrap_or_default();
    form.with("weight", limits.weight.to_string())
        .with("concurrency", bound(limits.concurrency))
        .with("concurrency_per_node", bound(limits.concurrency_per_node))
        .with("wait_target", limits.wait_target_ms.map(|ms| short(f64::from(ms) / 1e3)).unwrap_or_default())
}

/// Reads a target in seconds, `60` or `0.5`.
fn milliseconds(text: &str) -> Result<i32, String> {
    let most = WAIT_TARGET_MS_MAX / 1_000;
    let ms = text.trim().parse::<f64>().ok().map(|seconds| (seconds * 1e3).round());
    let ms = ms.filter(|ms| (1.0..=f64::from(WAIT_TARGET_MS_MAX)).contains(ms));
    ms.map(|ms| ms as i32).ok_or_else(|| {
        format!("the wait target is a number of seconds, more than 0 and at most {most}, which are 7 days")
    })
}

/// Reads the wish; what is wrong with it is noted in the form. A field that did not come leaves its limit as it is.
fn wish(form: &mut Form) -> Wish {
    let came = |form: &Form, name: &str| form.all(name).next().is_some();
    let bound = |form: &mut Form, name: &str| match (came(form, name), form.text(name).trim().is_empty()) {
        (false, _) => None,
        (true, true) => Some(None),
        (true, false) => form.number(name, "the number of jobs", 1..=JOBS_MAX).map(Some),
    };
    let target = match (came(form, "wait_target"), form.text("wait_target").trim().is_empty()) {
        (false, _) => None,
        (true, true) => Some(None),
        (true, false) => form.read("wait_target", milliseconds).map(Some),
    };
    Wish {
        weight: form.number("weight", "the weight", 1..=WEIGHT_MAX),
        concurrency: bound(form, "concurrency"),
        concurrency_per_node: bound(form, "concurrency_per_node"),
        wait_target_ms: target,
    }
}

/// `GET /queues/{name}/limits`.
pub async fn ask(
    hx: Hx,
    kit: Data<Kit>,
    actor: Actor,
    shell: Shell,
    (name, query): (Path<String>, Query),
) -> Result<HttpResponse, WebError> {
    let queue = kit.db.run(move |conn| service::find(conn, &actor, &name)).await.map_err(told)?;
    let page = LimitsPage::new(shell, &queue, query.0);
    respond::page(&hx, &page, &[("dialog", &page.as_dialog())])
}

/// `POST /queues/{name}/limits`: acts, once for each form.
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
    let to = wish(&mut form);
    let reason = form.read("reason", text::note).map(Option::unwrap_or_default).unwrap_or_default();
    if form.is_refused() {
        let page = LimitsPage::new(shell, &queue, form);
        return respond::refused(&hx, &page, &[("ask", &page.as_dialog())]);
    }
    let key = form_key(&actor, &form, &format!("Limit {to:?} {name}"))?;
    let wanted = (Act::Limit { to, seen: Limits::unseal(form.text("seen")) }, reason);
    let (doer, of) = (actor.clone(), name.clone());
    match kit.db.run(move |conn| done(conn, &doer, &of, (&wanted, key.as_ref()))).await {
        Ok(done) => {
            let queue = done.ok_or_else(used_elsewhere)?;
            let title = format!("{name} has {} now.", words(queue.limits));
            let notice = Notice::done(title).linking("Open", paths::queue(&name));
            let back = back::<Queues>(&form, &name);
            after::<Queues>(&kit, (&hx, &session), (actor, shell), (name, &back), &notice).await
        }
        Err(QueueError::Stale { limits, .. }) => {
            let page = LimitsPage { stale: true, ..LimitsPage::new(shell, &QueueRow { limits, ..queue }, form) };
            respond::conflicting(&hx, &page, &[("ask", &page.as_dialog())])
        }
        Err(error) => Err(told(error)),
    }
}
