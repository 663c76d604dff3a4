//! `millrace node …`: nodes, by whoever holds the data folder's key.

use clap::Subcommand;
use serde_json::json;

use super::answer::{columns, moment};
use super::{Answer, Failure, Globals, Session};
use crate::admin::nodes::service::{self, Act};
use crate::admin::nodes::slots::bound;
use crate::admin::nodes::{Bounds, NodeRow, NodeState};
use crate::config::Slots;
use crate::queue::pool_sizes::PoolSize;
use crate::web::ansi::visible;

/// Most decisions that are printed.
const SIZES_MAX: i32 = 200;

/// Commands about nodes.
#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Tells how a node's pool of worker threads grew and shrank, newest first
    Scaling {
        /// The node
        name: String,
    },
    /// Lists nodes as their last heartbeats left them
    List,
    /// Lets a node take no new work; what runs there goes on
    Drain {
        /// The node
        name: String,
        /// Why; recorded with your name
        #[arg(long)]
        reason: Option<String>,
    },
    /// Sets between which bounds the number of a node's slots is; it obeys with its next heartbeat
    Slots {
        /// The node
        name: String,
        /// Fewest and most, such as 2..8, or `setting` for what its own setting says
        #[arg(value_name = "MIN..MAX|setting", value_parser = wanted)]
        bounds: Wanted,
        /// Why; recorded with your name
        #[arg(long)]
        reason: Option<String>,
    },
    /// Lets a node take new work again
    Resume {
        /// The node
        name: String,
        /// Why; recorded with your name
        #[arg(long)]
        reason: Option<String>,
    },
}

/// Bounds; `None` = those of the node's own setting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted(Option<Bounds>);

fn wanted(text: &str) -> Result<Wanted, String> {
    if text == "setting" {
        return Ok(Wanted(None));
    }
    let slots: Slots = text.parse().map_err(|told| format!("{told}; or `setting` for the node's own"))?;
    Ok(Wanted(Some(Bounds { min: slots.min.cast_signed(), max: slots.max.cast_signed() })))
}

pub(super) fn run(globals: &Globals, command: Command) -> Result<Answer, Failure> {
    let session = Session::open(globals)?;
    let conn = &mut *session.connect()?;
    match command {
        Command::Scaling { name } => scaling(service::sizes(conn, &session.actor, &name, SIZES_MAX)?),
        Command::List => {
            let nodes = service::list(conn, &session.actor)?;
            let heading = [
                "NODE",
                "STATE",
                "BUSY",
                "SLOTS",
                "BOUNDS",
                "RUNNING",
                "HEARTBEAT",
                "SKEW",
                "VERSION",
                "QUEUES",
                "LABELS",
            ];
            let mut rows = vec![heading.map(String::from).to_vec()];
            rows.extend(nodes.iter().map(row));
            Ok(Answer::new(columns(&rows), json!({ "nodes": nodes })))
        }
        Command::Drain { name, reason } => {
            let wanted = (Act::Drain, reason.as_deref().unwrap_or_default());
            let node = service::act(conn, &session.actor, &name, wanted)?;
            let text = format!("The node {} takes no new work; {} jobs run there.", node.name, node.running);
            Ok(Answer::new(text, json!(node)))
        }
        Command::Slots { name, bounds: Wanted(bounds), reason } => {
            let wanted = (bounds, reason.as_deref().unwrap_or_default());
            let node = bound(conn, &session.actor, &name, wanted)?;
            let says = if bounds.is_none() { ", as its own setting says" } else { "" };
            let words = node.bounds().map_or_else(|| "not told".into(), Bounds::words);
            let text = format!("The node {} has {words} slots from its next heartbeat on{says}.", node.name);
            Ok(Answer::new(text, json!(node)))
        }
        Command::Resume { name, reason } => {
            let wanted = (Act::Resume, reason.as_deref().unwrap_or_default());
            let node = service::act(conn, &session.actor, &name, wanted)?;
            Ok(Answer::new(format!("The node {} takes work again.", node.name), json!(node)))
        }
    }
}

fn scaling(sizes: Vec<PoolSize>) -> Result<Answer, Failure> {
    let mut rows = vec![["AT", "SLOTS", "BUSY", "WAITING", "OBEYED", "REASON"].map(String::from).to_vec()];
    rows.extend(sizes.iter().map(|size| {
        vec![
            moment(size.at),
            format!("{} -> {}", size.slots_before, size.slots_after),
            size.busy.to_string(),
            size.waiting.to_string(),
            if size.applied { "yes".into() } else { "dry run".into() },
            size.reason.clone(),
        ]
    }));
    Ok(Answer::new(columns(&rows), json!({ "decisions": sizes })))
}

fn row(node: &NodeRow) -> Vec<String> {
    vec![
        node.name.clone(),
        NodeState::of(node).word().to_lowercase(),
        node.busy.to_string(),
        node.slots.to_string(),
        bounds(node),
        node.running.to_string(),
        format!("{:.1}s ago", node.heartbeat_age_ms as f64 / 1e3),
        node.clock_skew_ms.map_or_else(|| "-".into(), |ms| format!("{ms}ms")),
        node.version.clone(),
        node.queues.as_ref().map_or_else(|| "all".into(), |queues| queues.join(",")),
        labels(&node.labels),
    ]
}

/// A star behind what people set.
fn bounds(node: &NodeRow) -> String {
    let star = if node.wanted_bounds().is_some() { "*" } else { "" };
    node.bounds().map_or_else(|| "-".into(), |bounds| format!("{bounds}{star}"))
}

fn labels(labels: &serde_json::Value) -> String {
    let label = |(name, value): (&String, &serde_json::Value)| format!("{name}={}", value.as_str().unwrap_or_default());
    let all: Vec<String> = labels.as_object().into_iter().flatten().map(label).collect();
    if all.is_empty() { "-".into() } else { visible(&all.join(",")) }
}
