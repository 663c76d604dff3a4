//! What an engine is told when it starts.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use crate::base::text::NodeName;
use crate::queue::fit::Labels;

/// How many worker threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotBounds {
    /// Threads that are always there.
    pub min: u32,
    /// Most threads.
    pub max: u32,
}

impl SlotBounds {
    /// Tells for how many threads an engine that starts with these bounds makes room: people may give it so many while it
    /// runs.
    pub fn ceiling(self) -> u32 {
        self.max.saturating_mul(4).clamp(64, 1024).max(self.max)
    }

    /// Gives the size within these bounds that is nearest to `size`.
    pub(crate) fn hold(self, size: u32) -> u32 {
        size.clamp(self.min, self.max)
    }

    /// Gives the bounds that people want of an engine that started with these, as far as it has room; these when they want
    /// none.
    pub(crate) fn or(self, wanted: Option<(u32, u32)>) -> Self {
        wanted.map_or(self, |(min, max)| {
            let max = max.clamp(1, self.ceiling());
            Self { min: min.clamp(1, max), max }
        })
    }
}

impl Display for SlotBounds {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.min, self.max)
    }
}

/// How the number of worker threads follows the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scaling {
    /// Decisions are recorded and not obeyed: the pool has all its threads.
    pub dry_run: bool,
    /// So long few threads must have been at work before there are fewer.
    pub quiet: Duration,
}

impl Default for Scaling {
    fn default() -> Self {
        Self { dry_run: false, quiet: Duration::from_secs(60) }
    }
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
    /// How their number follows the work.
    pub scaling: Scaling,
    /// Queues served and their weights; `None` = all.
    pub queues: Option<BTreeMap<String, u32>>,
    /// Labels of the node.
    pub labels: Labels,
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
