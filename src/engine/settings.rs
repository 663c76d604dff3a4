//! What an engine is told when it starts.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::base::text::NodeName;

/// How many worker threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotBounds {
    /// Threads that are always there.
    pub min: u32,
    /// Most threads.
    pub max: u32,
}

/// What an engine is told when it starts.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// libpq URL of the runtime role.
    pub database_url: String,
    /// Name of the node.
    pub node: NodeName,
    /// Worker threads.
    pub slots: SlotBounds,
    /// Queues served and their weights; `None` = all.
    pub queues: Option<BTreeMap<String, u32>>,
    /// Labels as a JSON object.
    pub labels: Value,
    /// A node whose last heartbeat is older is lost.
    pub lease: Duration,
    /// Time between heartbeats.
    pub heartbeat: Duration,
    /// How long running work may go on after TERM.
    pub drain: Duration,
    /// A job stands behind each level of priority above its own for so long.
    pub aging: Duration,
    /// Longest wait for a notification before looking by oneself.
    pub poll: Duration,
}
