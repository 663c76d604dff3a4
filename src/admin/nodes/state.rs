//! How a node stands, as people say it: what the table says, and whether it was heard of.

use std::time::Duration;

use super::NodeRow;
use crate::admin::dashboard::SILENT;

/// How a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeState {
    /// Takes work.
    Running,
    /// Takes no new work; what runs there goes on.
    Draining,
    /// Should send heartbeats and does not.
    Silent,
    /// Sent none for so long that others declared it lost and took over what it had not finished.
    Lost,
    /// Stopped in order.
    Stopped,
}

impl NodeState {
    /// Every state, those that need a person's eye in the middle.
    pub const ALL: [Self; 5] = [Self::Running, Self::Draining, Self::Silent, Self::Lost, Self::Stopped];

    /// Gives the word for it, on pages and on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Draining => "Draining",
            Self::Silent => "Silent",
            Self::Lost => "Lost",
            Self::Stopped => "Stopped",
        }
    }

    /// Tells whether it works no more.
    pub fn is_down(self) -> bool {
        matches!(self, Self::Lost | Self::Stopped)
    }

    /// Tells how `node` stands.
    pub fn of(node: &NodeRow) -> Self {
        let age = Duration::from_millis(u64::try_from(node.heartbeat_age_ms).unwrap_or(0));
        match node.state.as_str() {
            "down" if node.lost_at.is_some() => Self::Lost,
            "down" => Self::Stopped,
            _ if age > SILENT => Self::Silent,
            "draining" => Self::Draining,
            _ => Self::Running, // the table holds only these three
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::nodes::read::sample::node;

    #[test]
    fn silence_outweighs_what_the_table_says_until_the_node_is_down() {
        let state = |state: &str, age| NodeState::of(&NodeRow { state: state.into(), heartbeat_age_ms: age, ..node() });

        assert_eq!(state("up", 900), NodeState::Running);
        assert_eq!(state("draining", 900), NodeState::Draining);
        assert_eq!(state("draining", 11_000), NodeState::Silent);
        assert_eq!(state("down", 90_000_000), NodeState::Stopped);
    }

    #[test]
    fn a_node_that_was_lost_is_told_from_one_that_stopped() {
        let down = NodeRow { state: "down".into(), ..node() };
        let lost = NodeRow { lost_at: Some(down.heartbeat_at), ..down.clone() };

        assert_eq!([NodeState::of(&down), NodeState::of(&lost)], [NodeState::Stopped, NodeState::Lost]);
        assert!(NodeState::of(&lost).is_down() && !NodeState::of(&node()).is_down());
    }
}
