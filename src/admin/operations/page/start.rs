//! `/operations/new`: asks with the number of jobs, and starts the operation. Small ones are done before the answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::Data;
use serde_json::{Value, json};

use super::ask::{AskPage, Asked};
use super::view::jobs;
use super::{field, told};
use crate::admin::account::fresh_page::{FIELD, prove};
use crate::admin::jobs::query::{Problem, parse};
use crate::admin::jobs::reckon::Reckoned;
use crate::admin::operations::plan::IDS_MAX;
use crate::admin::operations::service::{self, OperationError, glance, needed, preview};
use crate::admin::operations::work::work_on;
use crate::admin::operations::{Bulk, Operation, OperationId, OperationState, Plan, Which, askable};
use crate::base::clock::Clock;
use crate::base::db::PgConnection;
use crate::queue::access::session::SignedIn;
use crate::queue::actor::Actor;
use crate::queue::catalog;
use crate::queue::idempotency::{RequestKey, known, once};
use crate::queue::job::JobId;
use crate::queue::permission::Permission;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::{Form, sentence};
use crate::web::kit::Kit;
use crate::web::moment;
use crate::web::once::{form_key, used_elsewhere};
use crate::web::parts::{Choice, Notice};
use crate::web::paths;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

/// `GET /operations/new?act=retry&q=…` or `…&id=…&id=…`: what would happen to how many jobs.
pub async fn ask(hx: Hx, kit: Data<Kit>, who: SignedIn, shell: Shell, query: Query) -> Result<HttpResponse, WebError> {
    let act = act(&query.0)?;
    asked(hx, kit, who, shell, (act, query.0)).await
}

/// `GET /jobs/export?q=…` or `…?id=…&id=…`: what would be written down.
pub async fn ask_export(
    hx: Hx,
    kit: Data<Kit>,
    who: SignedIn,
    shell: Shell,
    query: Query,
) -> Result<HttpResponse, WebError> {
    let form = query.0.with("format", "csv");
    let form = if form.all("id").next().is_some() { form } else { form.with("all", "on") };
    asked(hx, kit, who, shell, (EXPORT, form)).await
}

async fn asked(
    hx: Hx,
    kit: Data<Kit>,
    who: SignedIn,
    shell: Shell,
    (act, form): (&'static str, Form),
) -> Result<HttpResponse, WebError> {
    let plan = wanted(&form, &shell)?;
    let counting = if form.is_on("whole") { Counting::Whole } else { Counting::read(&form) };
    let (page, _) = question(&kit, &who, shell, (act, plan, counting), form).await?;
    respond::page(&hx, &page, &[("dialog", &page.as_dialog()), ("ask", &page.as_dialog())])
}

/// How long a question counts.
enum Counting {
    /// For as long as somebody waits.
    Whole,
    /// As long as a page may take, from what earlier looks have counted on, and how long they took.
    On(Reckoned, Duration),
}

impl Counting {
    fn read(form: &Form) -> Self {
        let before = Reckoned::read(form.text("counted"));
        let spent = form.text("spent_ms").parse().map_or(service::GLANCES, Duration::from_millis);
        let spent = if before.is_partial() { spent } else { Duration::ZERO };
        Self::On(before, spent)
    }
}

/// The act that has an address of its own: it changes no job.
const EXPORT: &str = "export";

fn act(form: &Form) -> Result<&'static str, WebError> {
    let named = Bulk::NAMES.into_iter().find(|name| form.is("act", name));
    named.filter(|name| *name != EXPORT).ok_or(WebError::NotFound)
}

/// Reads which jobs are meant, and how. The act's value is left for [`valued`].
fn wanted(form: &Form, shell: &Shell) -> Result<Plan, WebError> {
    let ids: Vec<JobId> = form.all("id").filter_map(|id| id.parse().ok()).take(IDS_MAX + 1).collect();
    let which = if form.is_on("all") || ids.is_empty() && !form.text("q").is_empty() {
        let parsed = parse(form.text("q"));
        if let Some(problem) = parsed.problems.first() {
            return Err(not_understood(problem));
        }
        Which::Query(parsed.query)
    } else {
        Which::Ids(ids)
    };
    Ok(Plan { act: Bulk::Retry, which, zone: shell.zone, rate_per_s: None, reason: String::new() })
}

/// An act on a query that means something else than it says would be worse than none.
fn not_understood(problem: &Problem) -> WebError {
    WebError::Conflict(format!(
        "The search holds something that was not understood, so that nothing can be done to what it finds: {problem}. Mend it in the list first."
    ))
}

/// An act with a value that stands for any: the states that allow it do not depend on it.
fn sample(act: &'static str) -> Bulk {
    let any = json!({ "run_at": "2000-01-01T00:00:00Z", "priority": 3, "queue": "-", "format": "csv" });
    Bulk::read(act, &any).unwrap_or(Bulk::Retry)
}

/// What could not be counted is counted when the page is there.
async fn question(
    kit: &Kit,
    who: &SignedIn,
    shell: Shell,
    (act, plan, counting): (&'static str, Plan, Counting),
    form: Form,
) -> Result<(AskPage, Reckoned), WebError> {
    let plan = Plan { act: sample(act), ..plan };
    let (clock, actor) = (Arc::clone(&kit.clock), who.actor.clone());
    let read = move |conn: &mut PgConnection| {
        let begun = Instant::now();
        let (counted, spent) = match counting {
            Counting::Whole => (preview(conn, &*clock, &actor, &plan), None),
            Counting::On(before, spent) => (glance(conn, &*clock, &actor, &plan, before), Some(spent)),
        };
        let spent = spent.map(|spent| spent.saturating_add(begun.elapsed())).filter(|spent| *spent < service::GLANCES);
        let found = match counted {
            Err(OperationError::BadIds) => Reckoned::default(), // nothing is ticked
            found => found?,
        };
        let lacks =
            needed(&plan.act, &found) == Permission::RunLargeOperations && !actor.may(Permission::RunLargeOperations);
        let whom = if lacks { askable(conn)? } else { String::new() };
        let queues = catalog::queues(conn)?;
        Ok::<_, OperationError>((plan, (found, spent), queues, whom))
    };
    let (plan, (found, spent), queues, whom) = kit.db.run(read).await.map_err(told)?;
    let back = back(&form);
    let asked = Asked { plan: &plan, act, found: &found, is_fresh: who.is_fresh(shell.now), back };
    let covered = queues.into_iter().map(|queue| queue.name).filter(|name| who.actor.scope.covers(name, &[]));
    let zone_hint = moment::hint(shell.now, shell.zone);
    let queues = covered.map(|name| Choice::new(name.clone(), name)).collect();
    let page = AskPage { zone_hint, queues, whom, ..AskPage::new(&who.actor, shell, &asked, form) };
    let page = match spent {
        Some(spent) if found.is_partial() => page.counting_on(&found, spent),
        _ => page,
    };
    Ok((page, found))
}

/// The list to come back to.
fn back(form: &Form) -> String {
    let list = paths::own(form.text("back"));
    let is_ours = [paths::JOBS, paths::FAILURES].iter().any(|place| list.starts_with(place));
    if is_ours { list.to_owned() } else { paths::JOBS.to_owned() }
}

/// Reads the value of the act and how fast; what is wrong is noted in the form.
fn valued(form: &mut Form, shell: &Shell, act: &'static str) -> Option<(Bulk, Option<i32>)> {
    let value: Option<Value> = match act {
        "reschedule" => form.read("run_at", |text| moment::read(text, shell.zone)).map(|at| json!({ "run_at": at })),
        "priority" => {
            form.number("priority", "the priority", 1..=5).map(|priority: i16| json!({ "priority": priority }))
        }
        "export" => Some(json!({ "format": form.text("format") })),
        "move" => form.required("queue", "a queue").map(|queue| json!({ "queue": queue })),
        _ => Some(json!({})),
    };
    let rate = match form.text("rate_per_s").trim() {
        "" => None,
        _ => Some(form.number("rate_per_s", "the rate", service::RATE_RANGE)?),
    };
    let read = Bulk::read(act, &value?);
    match read {
        Ok(bulk) => Some((bulk, rate)),
        Err(error) => {
            form.refuse("act", error.to_string());
            None
        }
    }
}

/// `POST /operations/new`: starts it, once for each form.
pub async fn start(
    session: (Hx, Session),
    kit: Data<Kit>,
    who: SignedIn,
    shell: Shell,
    form: Form,
) -> Result<HttpResponse, WebError> {
    let act = act(&form)?;
    sent(session, kit, who, shell, (act, form)).await
}

/// `POST /jobs/export`: begins the file, once for each form.
pub async fn export(
    session: (Hx, Session),
    kit: Data<Kit>,
    who: SignedIn,
    shell: Shell,
    form: Form,
) -> Result<HttpResponse, WebError> {
    sent(session, kit, who, shell, (EXPORT, form)).await
}

async fn sent(
    (hx, session): (Hx, Session),
    kit: Data<Kit>,
    who: SignedIn,
    shell: Shell,
    (act, mut form): (&'static str, Form),
) -> Result<HttpResponse, WebError> {
    let which = wanted(&form, &shell)?;
    let (back, valued) = (back(&form), valued(&mut form, &shell, act));
    let plan = valued.map(|(act, rate_per_s)| Plan {
        act,
        rate_per_s,
        reason: form.text("reason").to_owned(),
        ..which.clone()
    });
    let key = match &plan {
        Some(plan) => form_key(&who.actor, &form, &format!("{plan:?}"))?,
        None => None,
    };
    if let Some(operation) = done_before(&kit, &who, key.clone()).await? {
        return answer(&hx, &session, &operation, &back);
    }
    let (mut page, found) = question(&kit, &who, shell.clone(), (act, which, Counting::Whole), form).await?;
    if page.is_empty || !page.lacks.is_empty() {
        return respond::refused(&hx, &page, &[("ask", &page.as_dialog())]);
    }
    let is_whole = page.check();
    let is_proven = !page.fresh || is_whole && prove(&kit, &session, &who, &mut page.form).await?;
    let Some(plan) = plan.filter(|_| is_whole && is_proven) else {
        page.form = page.form.with(FIELD, "");
        return respond::refused(&hx, &page, &[("ask", &page.as_dialog())]);
    };
    begin((&hx, &session), (&kit, &who), shell, (plan, found, key), page).await
}

/// Gives the operation that this form has started before.
async fn done_before(kit: &Kit, who: &SignedIn, key: Option<RequestKey>) -> Result<Option<Operation>, WebError> {
    let Some(key) = key else { return Ok(None) };
    let actor = who.actor.clone();
    let read = move |conn: &mut PgConnection| {
        let Some(once) = known::<OperationId>(conn, &key)? else { return Ok(None) };
        let Some(id) = once.outcome() else { return Ok(Some(Err(used_elsewhere()))) };
        Ok::<_, OperationError>(Some(Ok(service::find(conn, &actor, id)?)))
    };
    kit.db.run(read).await.map_err(told)?.transpose()
}

async fn begin(
    (hx, session): (&Hx, &Session),
    (kit, who): (&Kit, &SignedIn),
    shell: Shell,
    (plan, found, key): (Plan, Reckoned, Option<RequestKey>),
    mut page: AskPage,
) -> Result<HttpResponse, WebError> {
    let seen = page.form.text("seen").parse().ok();
    let (clock, actor, act, back) = (Arc::clone(&kit.clock), who.actor.clone(), page.act, page.back.clone());
    let started = kit.db.run(move |conn| started(conn, &*clock, &actor, (&plan, seen, found), key.as_ref())).await;
    match started {
        Ok(Some(operation)) => answer(hx, session, &operation, &back),
        Ok(None) => Err(used_elsewhere()),
        Err(OperationError::Drifted { seen, .. }) => {
            let drift =
                format!("{} matched when you looked. The number has changed by more than 5%: look again.", jobs(seen));
            let plan = wanted(&page.form, &shell)?;
            let (page, _) = question(kit, who, shell, (act, plan, Counting::Whole), page.form).await?;
            let page = AskPage { drift, ..page };
            respond::conflicting(hx, &page, &[("ask", &page.as_dialog())])
        }
        Err(error) if !field(&error).is_empty() => {
            page.form.refuse(field(&error), sentence(&error.to_string()));
            respond::refused(hx, &page, &[("ask", &page.as_dialog())])
        }
        Err(error) => Err(told(error)),
    }
}

/// Starts the operation on what was `found` just now, unless this form has done so, does what is small, and gives it as it is now; `None`
/// when the form was used for another act.
fn started(
    conn: &mut PgConnection,
    clock: &dyn Clock,
    actor: &Actor,
    (plan, seen, found): (&Plan, Option<i64>, Reckoned),
    key: Option<&RequestKey>,
) -> Result<Option<Operation>, OperationError> {
    let begin = |tx: &mut crate::base::db::Tx<'_>| {
        service::start_in(tx, clock, actor, plan, (seen, found.clone())).map(|operation| operation.id)
    };
    let Some(id) = once::<OperationId, OperationError>(conn, "operations::start", key, begin)?.outcome() else {
        return Ok(None);
    };
    work_on(conn, clock, id)?;
    service::find(conn, actor, id).map(Some)
}

/// What is done and left nothing alone is told in the list; everything else has its page.
fn answer(hx: &Hx, session: &Session, operation: &Operation, back: &str) -> Result<HttpResponse, WebError> {
    let href = paths::operation(operation.id.0);
    if operation.state != OperationState::Done {
        return respond::onward(
            hx,
            session,
            &href,
            &Notice::done("The operation has begun.").saying("You can leave this page; it goes on."),
        );
    }
    let notice = Notice::done(done(operation));
    if operation.skipped > 0 || !operation.act.changes_jobs() {
        return respond::onward(
            hx,
            session,
            &href,
            &if operation.skipped > 0 { notice.saying("What was left alone is listed below.") } else { notice },
        );
    }
    respond::onward(hx, session, back, &notice.linking("Open", href))
}

/// Says what was done in numbers: `2 jobs are cancelled. 1 job that runs was told to stop.`
pub(super) fn done(operation: &Operation) -> String {
    let is = |number: i64| if number == 1 { "is" } else { "are" };
    let mut told = Vec::new();
    if operation.done > 0 || operation.asked == 0 {
        told.push(format!("{} {} {}.", jobs(operation.done), is(operation.done), operation.act.outcome()));
    }
    if operation.asked > 0 {
        let (runs, was) = if operation.asked == 1 { ("runs", "was") } else { ("run", "were") };
        told.push(format!("{} that {runs} {was} told to stop.", jobs(operation.asked)));
    }
    told.join(" ")
}
