//! One node as it stands, for a row of the list and for the head of its own page.

use std::time::Duration;

use serde_json::Value;

use crate::admin::nodes::service::{may_act, may_bound};
use crate::admin::nodes::{Bounds, NodeRow, NodeState};
use crate::queue::actor::Actor;
use crate::web::cells::cells;
use crate::web::charts::Bar;
use crate::web::format::{self, Stamp, bytes, duration, duration_ms};
use crate::web::live;
use crate::web::paths;
use crate::web::shell::Shell;
use crate::web::tone::Tone;

/// A clock that is off by more is told in red.
const SKEW: Duration = Duration::from_secs(2);
/// Labels shown of a node.
const LABELS_MAX: usize = 12;

/// A node.
pub struct Row {
    pub name: String,
    pub href: String,
    pub state: NodeState,
    pub tone: Tone,
    /// The state in a word.
    pub word: &'static str,
    /// More of it; may be empty.
    pub words: String,
    /// One cell per slot, darker the longer its job runs; empty when it is down.
    pub cells: Vec<Bar>,
    /// Busy and all slots in words.
    pub cells_label: String,
    /// Busy and all slots.
    pub slots: String,
    /// Between how many slots it chooses: `2 to 32`; empty when their number is fixed.
    pub bounds: String,
    /// The bounds in force, in words; empty when it has not told them.
    pub in_force: String,
    /// Those of its own setting; empty when it has not told them.
    pub own_bounds: String,
    /// Who set other bounds than its own, and when.
    pub bounded: Option<(String, Stamp)>,
    /// For how many slots its engine has room, if it has told.
    pub ceiling: Option<i32>,
    pub running: i64,
    pub memory: String,
    pub version: String,
    pub epoch: i64,
    /// Age of the last heartbeat.
    pub heartbeat: String,
    pub heard: Stamp,
    pub started: Stamp,
    pub labels: Vec<String>,
    /// `all queues`, or their names.
    pub serves: String,
    /// Its clock against the database's.
    pub skew: String,
    pub skewed: bool,
    /// How its commands are counted and bounded; empty = not told.
    pub commands: String,
    pub may_drain: bool,
    pub may_resume: bool,
    pub may_bound: bool,
}

impl Row {
    /// Shows `node`, whose jobs have run for `ages` (seconds, longest first), to `actor`.
    pub fn new(node: &NodeRow, ages: &[f64], shell: &Shell, actor: &Actor) -> Self {
        let may_act = may_act(actor);
        let state = NodeState::of(node);
        let (tone, word) = look(state);
        let skew = node.clock_skew_ms.map(|ms| Duration::from_millis(ms.unsigned_abs().into()));
        Self {
            href: paths::node(&node.name),
            tone,
            word,
            words: words(state, node, shell),
            cells: if state.is_down() { Vec::new() } else { cells(node.busy, node.slots, ages) },
            cells_label: format!("{} of {} slots busy", node.busy, node.slots),
            slots: format!("{}/{}", node.busy, node.slots),
            bounds: words_of(node.bounds().filter(|bounds| bounds.min < bounds.max)),
            in_force: words_of(node.bounds()),
            own_bounds: words_of(node.own_bounds()),
            bounded: node
                .wanted_slots_by_name
                .clone()
                .or(node.wanted_slots_by.clone())
                .zip(node.wanted_slots_at.map(|at| shell.stamp(at))),
            ceiling: node.slots_ceiling,
            running: node.running,
            memory: node.memory_bytes.filter(|bytes| *bytes > 0).map_or_else(|| "–".into(), bytes),
            version: node.version.clone(),
            epoch: node.epoch,
            heartbeat: format!("{} ago", duration_ms(node.heartbeat_age_ms)),
            heard: shell.stamp(node.heartbeat_at),
            started: shell.stamp(node.started_at),
            labels: labels(&node.labels),
            serves: node.queues.as_ref().map_or_else(|| "all queues".into(), |queues| queues.join(", ")),
            skew: skew_words(node.clock_skew_ms),
            skewed: skew.is_some_and(|skew| skew > SKEW),
            commands: node.commands.clone().unwrap_or_default(),
            may_drain: may_act && node.state == "up",
            may_bound: may_bound(actor) && node.slots_ceiling.is_some(),
            may_resume: may_act && node.state == "draining",
            name: node.name.clone(),
            state,
        }
    }

    /// The address of an act begun in the list.
    pub fn listed_act(&self, verb: &str) -> String {
        paths::with_query(&paths::node_act(&self.name, verb), &[(live::FROM, live::FROM_LIST)])
    }

    /// The address of an act begun on the node's own page.
    pub fn act(&self, verb: &str) -> String {
        paths::node_act(&self.name, verb)
    }

    /// The address of the form for other bounds of its slots.
    pub fn slots_form(&self) -> String {
        paths::node_slots(&self.name)
    }

    /// The address of the way back to the bounds of its own setting.
    pub fn own_slots(&self) -> String {
        paths::node_own_slots(&self.name)
    }

    /// Tells whether it sends heartbeats.
    pub fn is_heard(&self) -> bool {
        matches!(self.state, NodeState::Running | NodeState::Draining)
    }
}

/// Gives the look of a state: colour, icon and word together.
pub fn look(state: NodeState) -> (Tone, &'static str) {
    let tone = match state {
        NodeState::Running => Tone::Done,
        NodeState::Draining => Tone::Paused,
        NodeState::Silent | NodeState::Lost => Tone::Failed,
        NodeState::Stopped => Tone::Cancelled,
    };
    (tone, state.word())
}

fn words(state: NodeState, node: &NodeRow, shell: &Shell) -> String {
    match state {
        NodeState::Running => String::new(),
        NodeState::Draining if node.running == 0 => "nothing runs there".into(),
        NodeState::Draining if node.running == 1 => "1 job still runs".into(),
        NodeState::Draining => format!("{} jobs still run", format::count(node.running)),
        NodeState::Silent => format!("for {}", duration_ms(node.heartbeat_age_ms)),
        NodeState::Lost | NodeState::Stopped => format!("last heard {}", shell.stamp(node.heartbeat_at).text),
    }
}

fn words_of(bounds: Option<Bounds>) -> String {
    bounds.map(Bounds::words).unwrap_or_default()
}

fn labels(labels: &Value) -> Vec<String> {
    let labels = labels.as_object().into_iter().flatten();
    let label = |(name, value): (&String, &Value)| match value.as_str() {
        Some(text) => format!("{name}={text}"),
        None => format!("{name}={value}"),
    };
    labels.take(LABELS_MAX).map(label).collect()
}

fn skew_words(skew_ms: Option<i32>) -> String {
    match skew_ms {
        None => "not measured".into(),
        Some(0) => "agrees".into(),
        Some(ms) => {
            let length = duration(Duration::from_millis(ms.unsigned_abs().into()));
            format!("{length} {}", if ms < 0 { "behind" } else { "ahead" })
        }
    }
}
