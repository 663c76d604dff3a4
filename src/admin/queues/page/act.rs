//! `/queues/{name}/pause` and `/resume`: `GET` says what would happen, `POST` acts.

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use super::{Queues, titled_under, told};
use crate::admin::queues::QueueRow;
use crate::admin::queues::service::{self, QueueError, act_in};
use crate::base::db::PgConnection;
use crate::base::text;
use crate::queue::actor::Actor;
use crate::queue::idempotency::{RequestKey, once};
use crate::web::confirm::{Confirm, ConfirmPage};
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::Form;
use crate::web::format::grouped;
use crate::web::kit::Kit;
use crate::web::live::{after, back, from};
use crate::web::once::{form_key, used_elsewhere};
use crate::web::parts::Notice;
use crate::web::paths;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

/// Which of the two acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Pause,
    Resume,
}

impl Act {
    fn parse(verb: &str) -> Result<Self, WebError> {
        match verb {
            "pause" => Ok(Self::Pause),
            "resume" => Ok(Self::Resume),
            _ => Err(WebError::NotFound),
        }
    }

    fn wanted(self) -> service::Act {
        match self {
            Self::Pause => service::Act::Pause,
            Self::Resume => service::Act::Resume,
        }
    }

    /// Refuses when the queue is so already.
    fn check(self, queue: &QueueRow) -> Result<(), QueueError> {
        match (self, queue.paused()) {
            (Self::Pause, Some(paused)) => {
                Err(QueueError::AlreadyPaused { queue: queue.name.clone(), by: paused.name })
            }
            (Self::Resume, None) => Err(QueueError::NotPaused(queue.name.clone())),
            (Self::Pause, None) | (Self::Resume, Some(_)) => Ok(()),
        }
    }

    fn notice(self, queue: &QueueRow) -> Notice {
        let name = &queue.name;
        match self {
            Self::Pause => Notice::done(format!("{name} is paused."))
                .saying(goes_on(queue.jobs.running))
                .linking("Undo", paths::queue_act(name, "resume")),
            Self::Resume => Notice::done(format!("{name} is resumed."))
                .saying(is_ready(queue.jobs.ready))
                .linking("Open", paths::queue(name)),
        }
    }

    /// The question about `queue`, with what was typed so far.
    pub fn question(self, queue: &QueueRow, form: Form) -> Confirm {
        let (name, jobs) = (&queue.name, queue.jobs);
        let asked = Confirm { back: back::<Queues>(&form, name), hidden: from(&form), form, ..Confirm::default() };
        match self {
            Self::Pause => Confirm {
                question: format!("Pause {name}?"),
                effects: vec![
                    "Within a second no node takes new work from it. Jobs can still be enqueued.".into(),
                    goes_on(jobs.running),
                    waits(jobs.ready),
                ],
                action: paths::queue_act(name, "pause"),
                verb: format!("Pause {name}"),
                keep: "Keep it going".into(),
                harmful: true,
                reason: true,
                ..asked
            },
            Self::Resume => Confirm {
                question: format!("Resume {name}?"),
                effects: vec!["Nodes take work from it again at once.".into(), is_ready(jobs.ready)],
                action: paths::queue_act(name, "resume"),
                verb: format!("Resume {name}"),
                keep: "Keep it paused".into(),
                ..asked
            },
        }
    }
}

fn goes_on(running: i64) -> String {
    match running {
        ..=0 => "No job of it runs now.".into(),
        1 => "1 job that runs goes on to its end.".into(),
        many => format!("{} jobs that run go on to their end.", grouped(many.unsigned_abs())),
    }
}

fn waits(ready: i64) -> String {
    match ready {
        ..=0 => "Nothing waits in it now.".into(),
        1 => "1 job that is ready waits until somebody resumes it.".into(),
        many => format!("{} jobs that are ready wait until somebody resumes it.", grouped(many.unsigned_abs())),
    }
}

fn is_ready(ready: i64) -> String {
    match ready {
        ..=0 => "Nothing waits in it.".into(),
        1 => "1 job is ready.".into(),
        many => format!("{} jobs are ready.", grouped(many.unsigned_abs())),
    }
}

/// `GET /queues/{name}/{verb}`: what would happen.
pub async fn ask(
    hx: Hx,
    kit: Data<Kit>,
    actor: Actor,
    shell: Shell,
    (path, query): (Path<(String, String)>, Query),
) -> Result<HttpResponse, WebError> {
    let (name, verb) = path.into_inner();
    let act = Act::parse(&verb)?;
    let queue = kit.db.run(move |conn| service::find(conn, &actor, &name)).await.map_err(told)?;
    act.check(&queue).map_err(told)?;
    let page = page(shell, &queue.name, act.question(&queue, query.0));
    respond::page(&hx, &page, &[("dialog", &page.as_dialog())])
}

fn page(shell: Shell, name: &str, ask: Confirm) -> ConfirmPage {
    ConfirmPage { shell: titled_under(shell, ask.question.clone(), name), ask }
}

/// `POST /queues/{name}/{verb}`: acts, once for each form.
pub async fn act(
    (hx, session): (Hx, Session),
    kit: Data<Kit>,
    (actor, shell): (Actor, Shell),
    form: Form,
    path: Path<(String, String)>,
) -> Result<HttpResponse, WebError> {
    let (name, verb) = path.into_inner();
    let act = Act::parse(&verb)?;
    let (asker, asked) = (actor.clone(), name.clone());
    let queue = kit.db.run(move |conn| service::find(conn, &asker, &asked)).await.map_err(told)?;
    let key = form_key(&actor, &form, &format!("{act:?} {name}"))?;
    let mut ask = act.question(&queue, form);
    let reason = ask.form.read("reason", text::note).flatten().unwrap_or_default();
    if !ask.check() {
        let page = page(shell, &name, ask);
        return respond::refused(&hx, &page, &[("ask", &page.as_dialog())]);
    }
    let (doer, of) = (actor.clone(), name.clone());
    let wanted = (act.wanted(), reason);
    let done = kit.db.run(move |conn| done(conn, &doer, &of, (&wanted, key.as_ref()))).await.map_err(told)?;
    let queue = done.ok_or_else(used_elsewhere)?;
    after::<Queues>(&kit, (&hx, &session), (actor, shell), (name, &ask.back), &act.notice(&queue)).await
}

/// Does what is wanted unless this form has done so, tells the nodes, and gives the queue as it is now; `None` when the form
/// was used for another act.
pub fn done(
    conn: &mut PgConnection,
    actor: &Actor,
    name: &str,
    ((act, reason), key): (&(service::Act, String), Option<&RequestKey>),
) -> Result<Option<QueueRow>, QueueError> {
    let wanted = (act.clone(), reason.as_str());
    let once = once(conn, "queues::act", key, |tx| act_in(tx, actor, name, &wanted).map(|_| ()))?;
    if once.outcome().is_none() {
        return Ok(None);
    }
    service::tell_nodes(conn, act)?; // after the commit
    service::find(conn, actor, name).map(Some)
}
