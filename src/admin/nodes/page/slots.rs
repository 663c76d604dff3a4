//! `/nodes/{name}/slots`: a form for other bounds of its slots. `/nodes/{name}/own-slots`: those of its own setting again.

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;

use super::{Nodes, told};
use crate::admin::nodes::service::{self, NodeError};
use crate::admin::nodes::slots::{Bounds, bound_in, check};
use crate::admin::nodes::{NodeRow, NodeState};
use crate::base::db::PgConnection;
use crate::base::text;
use crate::queue::actor::Actor;
use crate::queue::idempotency::{RequestKey, once};
use crate::web::confirm::{Confirm, ConfirmPage};
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::Form;
use crate::web::kit::Kit;
use crate::web::live::after;
use crate::web::once::{form_key, used_elsewhere};
use crate::web::parts::Notice;
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

/// The form; its block is what a dialog shows.
#[derive(Template)]
#[template(path = "nodes/slots.html", blocks = ["dialog"])]
pub struct SlotsPage {
    pub shell: Shell,
    pub name: String,
    /// The bounds in force, in words.
    pub present: String,
    /// Those of the node's own setting, in words.
    pub own: String,
    /// For how many slots its engine has room.
    pub ceiling: i32,
    /// When it obeys.
    pub when: &'static str,
    pub form: Form,
}

impl SlotsPage {
    /// Makes the form for `node` with what was typed so far.
    pub fn new(shell: Shell, node: &NodeRow, form: Form) -> Self {
        let words = |bounds: Option<Bounds>| bounds.map_or_else(|| "not told".into(), Bounds::words);
        let typed = !form.text("min").is_empty() || !form.text("max").is_empty() || form.is_refused();
        Self {
            shell: titled(shell, format!("Slots of {}", node.name), &node.name),
            name: node.name.clone(),
            present: words(node.bounds()),
            own: words(node.own_bounds()),
            ceiling: node.slots_ceiling.unwrap_or_default(),
            when: when(node),
            form: if typed { form } else { filled(form, node.bounds()) },
        }
    }

    fn action(&self) -> String {
        paths::node_slots(&self.name)
    }

    fn back(&self) -> String {
        paths::node(&self.name)
    }

    fn most_help(&self) -> String {
        format!("{} has room for {}", self.name, self.ceiling)
    }
}

fn titled(shell: Shell, title: String, name: &str) -> Shell {
    shell.titled(title, Section::Nodes).under("Nodes", paths::NODES).under(name, paths::node(name))
}

fn filled(form: Form, bounds: Option<Bounds>) -> Form {
    match bounds {
        Some(Bounds { min, max }) => form.with("min", min.to_string()).with("max", max.to_string()),
        None => form,
    }
}

fn when(node: &NodeRow) -> &'static str {
    match NodeState::of(node) {
        NodeState::Running | NodeState::Draining => "with its next heartbeat",
        NodeState::Silent => "when it is heard of again",
        NodeState::Lost | NodeState::Stopped => "when it starts again",
    }
}

/// The question of the way back to the node's own setting.
pub fn question(node: &NodeRow, form: Form) -> Confirm {
    let name = &node.name;
    let own = node.own_bounds().map_or_else(|| "not told yet".into(), Bounds::words);
    Confirm {
        question: format!("Slots of {name} as its setting says?"),
        effects: vec![format!("Its setting says {own}. It obeys {}; what runs goes on to its end.", when(node))],
        action: paths::node_own_slots(name),
        verb: "As its setting says".into(),
        keep: "Leave them".into(),
        back: paths::node(name),
        form,
        ..Confirm::default()
    }
}

fn find(conn: &mut PgConnection, actor: &Actor, name: &str) -> Result<NodeRow, NodeError> {
    let node = service::find(conn, actor, name)?;
    if service::may_bound(actor) { Ok(node) } else { Err(NodeError::NotFound(node.name)) }
}

/// Reads the bounds that were typed; what is wrong with them is noted in the form.
fn typed(form: &mut Form, node: &NodeRow) -> Option<Bounds> {
    let most = node.slots_ceiling.unwrap_or(1);
    let (min, max) = (form.number("min", "the fewest slots", 1..=most), form.number("max", "the most slots", 1..=most));
    let bounds = Bounds { min: min?, max: max? };
    if bounds.min > bounds.max {
        form.refuse("max", "The most slots must not be fewer than the fewest");
    }
    Some(bounds)
}

/// `GET /nodes/{name}/slots`: the form.
pub async fn ask(
    hx: Hx,
    kit: Data<Kit>,
    actor: Actor,
    shell: Shell,
    (name, query): (Path<String>, Query),
) -> Result<HttpResponse, WebError> {
    let node = kit.db.run(move |conn| find(conn, &actor, &name)).await.map_err(told)?;
    check(&node, Some(Bounds { min: 1, max: 1 })).map_err(told)?; // it must have told what it has room for
    let page = SlotsPage::new(shell, &node, query.0);
    respond::page(&hx, &page, &[("dialog", &page.as_dialog())])
}

/// `POST /nodes/{name}/slots`: sets the bounds, once for each form.
pub async fn act(
    (hx, session): (Hx, Session),
    kit: Data<Kit>,
    (actor, shell): (Actor, Shell),
    mut form: Form,
    name: Path<String>,
) -> Result<HttpResponse, WebError> {
    let (asker, name) = (actor.clone(), name.into_inner());
    let asked = name.clone();
    let before = kit.db.run(move |conn| find(conn, &asker, &asked)).await.map_err(told)?;
    check(&before, Some(Bounds { min: 1, max: 1 })).map_err(told)?;
    let bounds = typed(&mut form, &before);
    let reason = form.read("reason", text::note).flatten().unwrap_or_default();
    let Some(bounds) = bounds.filter(|_| !form.is_refused()) else {
        let page = SlotsPage::new(shell, &before, form);
        return respond::refused(&hx, &page, &[("ask", &page.as_dialog())]);
    };
    let key = form_key(&actor, &form, &format!("Bound {bounds} {name}"))?;
    let doer = actor.clone();
    let wish = (Some(bounds), reason, key);
    let node =
        kit.db.run(move |conn| done(conn, &doer, &name, wish)).await.map_err(told)?.ok_or_else(used_elsewhere)?;
    let notice = Notice::done(format!("{} has {} slots {}.", node.name, bounds.words(), when(&node)));
    let back = paths::node(&node.name);
    after::<Nodes>(&kit, (&hx, &session), (actor, shell), (node.name, &back), &undo(notice, &before)).await
}

/// `GET /nodes/{name}/own-slots`: asks.
pub async fn ask_back(
    hx: Hx,
    kit: Data<Kit>,
    actor: Actor,
    shell: Shell,
    (name, query): (Path<String>, Query),
) -> Result<HttpResponse, WebError> {
    let node = kit.db.run(move |conn| find(conn, &actor, &name)).await.map_err(told)?;
    check(&node, None).map_err(told)?;
    let ask = question(&node, query.0);
    let page = ConfirmPage { shell: titled(shell, ask.question.clone(), &node.name), ask };
    respond::page(&hx, &page, &[("dialog", &page.as_dialog())])
}

/// `POST /nodes/{name}/own-slots`: takes back what people set, once for each form.
pub async fn take_back(
    (hx, session): (Hx, Session),
    kit: Data<Kit>,
    (actor, shell): (Actor, Shell),
    mut form: Form,
    name: Path<String>,
) -> Result<HttpResponse, WebError> {
    let (doer, name) = (actor.clone(), name.into_inner());
    let key = form_key(&actor, &form, &format!("Own slots {name}"))?;
    let reason = form.read("reason", text::note).flatten().unwrap_or_default();
    let work = move |conn: &mut PgConnection| {
        let before = find(conn, &doer, &name)?;
        let node = done(conn, &doer, &name, (None, reason, key))?;
        Ok::<_, NodeError>(node.map(|node| (before, node)))
    };
    let (before, node) = kit.db.run(work).await.map_err(told)?.ok_or_else(used_elsewhere)?;
    let notice = Notice::done(format!("{} has its slots as its setting says {}.", node.name, when(&node)));
    let back = paths::node(&node.name);
    after::<Nodes>(&kit, (&hx, &session), (actor, shell), (node.name, &back), &undo(notice, &before)).await
}

/// Adds the way back to what was in force before.
fn undo(notice: Notice, before: &NodeRow) -> Notice {
    let way = match before.wanted_bounds() {
        None => paths::node_own_slots(&before.name),
        Some(Bounds { min, max }) => {
            let fields = [("min", min.to_string()), ("max", max.to_string())];
            let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
            paths::with_query(&paths::node_slots(&before.name), &fields)
        }
    };
    notice.linking("Undo", way)
}

/// Does what is wanted unless this form has done so, and gives the node as it is now; `None` when the form was used for
/// another act.
fn done(
    conn: &mut PgConnection,
    actor: &Actor,
    name: &str,
    (wanted, reason, key): (Option<Bounds>, String, Option<RequestKey>),
) -> Result<Option<NodeRow>, NodeError> {
    let once = once(conn, "nodes::bound", key.as_ref(), |tx| bound_in(tx, actor, name, (wanted, &reason)).map(|_| ()))?;
    if once.outcome().is_none() {
        return Ok(None);
    }
    service::find(conn, actor, name).map(Some)
}
