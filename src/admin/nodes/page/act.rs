//! `/nodes/{name}/drain` and `/resume`: `GET` says what would happen, `POST` acts.

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use super::{Nodes, told};
use crate::admin::nodes::service::{self, Act, NodeError, act_in};
use crate::admin::nodes::{NodeRow, NodeState};
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
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

fn parse(verb: &str) -> Result<Act, WebError> {
    match verb {
        "drain" => Ok(Act::Drain),
        "resume" => Ok(Act::Resume),
        _ => Err(WebError::NotFound),
    }
}

/// What a question is made from: the node, and the slots of the others that take work.
pub struct Facts {
    pub node: NodeRow,
    pub other_nodes: usize,
    pub other_slots: i64,
}

impl Facts {
    fn read(conn: &mut PgConnection, actor: &Actor, name: &str) -> Result<Self, NodeError> {
        let node = service::find(conn, actor, name)?;
        if !service::may_act(actor) {
            return Err(NodeError::NotFound(node.name));
        }
        let nodes = service::list(conn, actor)?;
        let others = nodes.iter().filter(|other| other.name != node.name && NodeState::of(other) == NodeState::Running);
        let slots: Vec<i64> = others.map(|other| i64::from(other.slots)).collect();
        Ok(Self { node, other_nodes: slots.len(), other_slots: slots.iter().sum() })
    }

    /// Refuses when the node is not in the state that `act` needs.
    fn check(&self, act: Act) -> Result<(), NodeError> {
        let (node, state) = (self.node.name.clone(), self.node.state.clone());
        match (act, state.as_str()) {
            (Act::Drain, "up") | (Act::Resume, "draining") => Ok(()),
            (Act::Drain, _) => Err(NodeError::NotUp { node, state }),
            (Act::Resume, _) => Err(NodeError::NotDraining { node, state }),
        }
    }

    /// The question, with what was typed so far.
    pub fn question(&self, act: Act, form: Form) -> Confirm {
        let name = &self.node.name;
        let asked = Confirm { back: back::<Nodes>(&form, name), hidden: from(&form), form, ..Confirm::default() };
        match act {
            Act::Drain => Confirm {
                question: format!("Drain {name}?"),
                effects: vec![
                    "From its next heartbeat on it takes no new work, until somebody resumes it or it starts again."
                        .into(),
                    goes_on(self.node.running),
                    self.others(),
                ],
                action: paths::node_act(name, "drain"),
                verb: format!("Drain {name}"),
                keep: "Keep it working".into(),
                harmful: true,
                reason: true,
                ..asked
            },
            Act::Resume => Confirm {
                question: format!("Resume {name}?"),
                effects: vec![format!("Its {} slots take work again from its next heartbeat on.", self.node.slots)],
                action: paths::node_act(name, "resume"),
                verb: format!("Resume {name}"),
                keep: "Leave it draining".into(),
                ..asked
            },
        }
    }

    fn others(&self) -> String {
        let slots = grouped(self.other_slots.unsigned_abs());
        match self.other_nodes {
            0 => "No other node takes work: jobs wait until one does.".into(),
            1 => format!("1 other node takes work, with {slots} slots."),
            many => format!("{many} other nodes take work, with {slots} slots."),
        }
    }
}

fn goes_on(running: i64) -> String {
    match running {
        ..=0 => "Nothing runs there now.".into(),
        1 => "1 job that runs there goes on to its end.".into(),
        many => format!("{} jobs that run there go on to their end.", grouped(many.unsigned_abs())),
    }
}

fn notice(act: Act, node: &NodeRow) -> Notice {
    let name = &node.name;
    let notice = match act {
        Act::Drain => Notice::done(format!("{name} drains.")).saying(goes_on(node.running)),
        Act::Resume => Notice::done(format!("{name} takes work again.")),
    };
    notice.linking("Open", paths::node(name))
}

fn page(shell: Shell, name: &str, ask: Confirm) -> ConfirmPage {
    let shell = shell.titled(ask.question.clone(), Section::Nodes).under("Nodes", paths::NODES);
    ConfirmPage { shell: shell.under(name, paths::node(name)), ask }
}

/// `GET /nodes/{name}/{verb}`: what would happen.
pub async fn ask(
    hx: Hx,
    kit: Data<Kit>,
    actor: Actor,
    shell: Shell,
    (path, query): (Path<(String, String)>, Query),
) -> Result<HttpResponse, WebError> {
    let (name, verb) = path.into_inner();
    let act = parse(&verb)?;
    let facts = kit.db.run(move |conn| Facts::read(conn, &actor, &name)).await.map_err(told)?;
    facts.check(act).map_err(told)?;
    let page = page(shell, &facts.node.name, facts.question(act, query.0));
    respond::page(&hx, &page, &[("dialog", &page.as_dialog())])
}

/// `POST /nodes/{name}/{verb}`: acts, once for each form.
pub async fn act(
    (hx, session): (Hx, Session),
    kit: Data<Kit>,
    (actor, shell): (Actor, Shell),
    form: Form,
    path: Path<(String, String)>,
) -> Result<HttpResponse, WebError> {
    let (name, verb) = path.into_inner();
    let act = parse(&verb)?;
    let (asker, asked) = (actor.clone(), name.clone());
    let facts = kit.db.run(move |conn| Facts::read(conn, &asker, &asked)).await.map_err(told)?;
    let key = form_key(&actor, &form, &format!("{act:?} {name}"))?;
    let mut ask = facts.question(act, form);
    let reason = ask.form.read("reason", text::note).flatten().unwrap_or_default();
    if !ask.check() {
        let page = page(shell, &name, ask);
        return respond::refused(&hx, &page, &[("ask", &page.as_dialog())]);
    }
    let doer = actor.clone();
    let done = kit.db.run(move |conn| done(conn, &doer, &name, ((act, &reason), key.as_ref()))).await.map_err(told)?;
    let node = done.ok_or_else(used_elsewhere)?;
    let notice = notice(act, &node);
    after::<Nodes>(&kit, (&hx, &session), (actor, shell), (node.name, &ask.back), &notice).await
}

/// Does what is wanted unless this form has done so, and gives the node as it is now; `None` when the form was used for
/// another act.
fn done(
    conn: &mut PgConnection,
    actor: &Actor,
    name: &str,
    (wanted, key): ((Act, &str), Option<&RequestKey>),
) -> Result<Option<NodeRow>, NodeError> {
    let once = once(conn, "nodes::act", key, |tx| act_in(tx, actor, name, wanted).map(|_| ()))?;
    if once.outcome().is_none() {
        return Ok(None);
    }
    service::find(conn, actor, name).map(Some)
}
