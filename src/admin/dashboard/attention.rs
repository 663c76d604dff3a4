//! What needs a person: at most four sentences, worst first. A pure rule over what the dashboard has read.

use std::time::Duration;

use super::{Flow, NodeLine, QueueLine};
use crate::admin::health::service::Finding;
use crate::base::clock::Time;
use crate::queue::node::Drain;

/// A queue whose oldest job waits longer than this for a slot is behind; whoever waits for a limit does as it was told.
pub const BEHIND: Duration = Duration::from_secs(60);
/// A node whose last heartbeat is older than this is silent.
pub const SILENT: Duration = Duration::from_secs(10);
/// Most sentences.
pub const CONCERNS_MAX: usize = 4;

/// Something that needs a person.
#[derive(Debug, Clone, PartialEq)]
pub enum Concern {
    /// Nothing runs jobs.
    NoNode {
        /// Jobs that wait.
        ready: i64,
    },
    /// A node has not been heard of.
    Silent {
        /// Which.
        node: String,
        /// For how long.
        age: Duration,
    },
    /// A queue is behind.
    Behind {
        /// Which.
        queue: String,
        /// How long its oldest job waits.
        age: Duration,
        /// Jobs that wait.
        ready: i64,
        /// What there is to run them.
        slots: Slots,
    },
    /// A queue is paused while work waits.
    Paused {
        /// Which.
        queue: String,
        /// Since when.
        age: Duration,
        /// By whom.
        by: String,
        /// Why.
        reason: Option<String>,
        /// Jobs that wait.
        ready: i64,
    },
    /// Something is wrong with the database.
    Database {
        /// What is wrong with it, worst first; not empty.
        found: Vec<Finding>,
    },
    /// Somebody drained a node.
    Drained {
        /// Which.
        node: String,
        /// By whom; absent when it stops.
        by: Option<String>,
        /// Why.
        reason: Option<String>,
        /// No other node takes work: so many jobs wait.
        stops: Option<i64>,
    },
}

/// The slots of the nodes that take work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slots {
    /// There are none.
    None,
    /// All are in use.
    Full,
    /// Some are free.
    Free,
}

impl Slots {
    fn of(nodes: &[NodeLine]) -> Self {
        let takes = || nodes.iter().filter(|node| node.state == "up");
        let sum = |number: fn(&NodeLine) -> i32| takes().map(number).sum::<i32>();
        match (takes().next(), sum(|node| node.busy) >= sum(|node| node.slots)) {
            (None, _) => Self::None,
            (Some(_), true) => Self::Full,
            (Some(_), false) => Self::Free,
        }
    }
}

impl Concern {
    /// Orders concerns: the smaller the worse.
    fn rank(&self) -> (u8, i64) {
        match self {
            Self::NoNode { .. } => (0, 0),
            Self::Drained { stops: Some(_), .. } => (0, 0),
            Self::Database { .. } => (1, 0),
            Self::Silent { .. } => (1, 1),
            Self::Behind { ready, .. } => (2, -ready),
            Self::Paused { ready, .. } => (3, -ready),
            Self::Drained { stops: None, .. } => (4, 0),
        }
    }
}

/// What is looked at for it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The flow.
    pub flow: &'a Flow,
    /// The queues.
    pub queues: &'a [QueueLine],
    /// The nodes.
    pub nodes: &'a [NodeLine],
    /// Those that take no new work.
    pub drains: &'a [Drain],
    /// What is wrong with the database, as far as the viewer may know.
    pub database: &'a [Finding],
}

/// Finds what needs a person, worst first.
pub fn concerns(now: Time, seen: &Seen<'_>) -> Vec<Concern> {
    let Seen { flow, queues, nodes, drains, database } = *seen;
    let age = |since: Time| (now - since).to_std().unwrap_or_default();
    let up: Vec<&NodeLine> = nodes.iter().filter(|node| node.state != "down").collect();
    let slots = Slots::of(nodes);
    let mut found: Vec<Concern> = queues.iter().filter_map(|queue| of_queue(queue, &age, slots)).collect();
    let silent = up.iter().filter(|node| age(node.heartbeat_at) > SILENT);
    found.extend(silent.map(|node| Concern::Silent { node: node.name.clone(), age: age(node.heartbeat_at) }));
    let stops = (slots == Slots::None).then_some(flow.ready);
    found.extend(drains.iter().cloned().map(|Drain { node, by, reason }| Concern::Drained { node, by, reason, stops }));
    if up.is_empty() && flow.all > 0 {
        found.push(Concern::NoNode { ready: flow.ready });
    }
    if !database.is_empty() {
        found.push(Concern::Database { found: database.to_vec() });
    }
    found.sort_by_key(Concern::rank);
    found.truncate(CONCERNS_MAX);
    found
}

fn of_queue(queue: &QueueLine, age: &impl Fn(Time) -> Duration, slots: Slots) -> Option<Concern> {
    let (name, ready) = (queue.name.clone(), queue.ready);
    if let Some(since) = queue.paused_at.filter(|_| ready > 0) {
        let by = queue.paused_by.clone().unwrap_or_default();
        return Some(Concern::Paused { queue: name, age: age(since), by, reason: queue.pause_reason.clone(), ready });
    }
    let waited = queue.oldest_in_line.filter(|_| !queue.paused).map(age)?;
    (waited > BEHIND).then_some(Concern::Behind { queue: name, age: waited, ready, slots })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::job::QueueId;

    const NOW: Time = Time::UNIX_EPOCH;

    fn ago(seconds: i64) -> Time {
        NOW - chrono::TimeDelta::seconds(seconds)
    }

    fn queue(name: &str, oldest: Option<i64>, paused: Option<i64>) -> QueueLine {
        QueueLine {
            id: QueueId(1),
            name: name.into(),
            running: 0,
            ready: 5,
            failed: 0,
            oldest: oldest.map(ago),
            oldest_in_line: oldest.map(ago),
            per_minute: Vec::new(),
            attempts_failed: 0,
            paused: paused.is_some(),
            paused_by: paused.map(|_| "ada".into()),
            pause_reason: None,
            paused_at: paused.map(ago),
        }
    }

    fn node(heartbeat: i64) -> NodeLine {
        NodeLine {
            name: "n".into(),
            state: "up".into(),
            slots: 2,
            busy: 1,
            heartbeat_at: ago(heartbeat),
            version: String::new(),
            memory_bytes: None,
            running_for: Vec::new(),
        }
    }

    fn seen<'a>(flow: &'a Flow, queues: &'a [QueueLine], nodes: &'a [NodeLine], drains: &'a [Drain]) -> Seen<'a> {
        Seen { flow, queues, nodes, drains, database: &[] }
    }

    #[test]
    fn nothing_is_said_while_all_is_well() {
        assert_eq!(concerns(NOW, &seen(&Flow::default(), &[queue("a", Some(59), None)], &[node(1)], &[])), []);
    }

    #[test]
    fn the_worst_comes_first_and_four_are_enough() {
        let queues = [
            queue("a", Some(90), None),
            queue("b", None, Some(20)),
            queue("c", Some(61), None),
            queue("d", Some(99), None),
        ];

        let found = concerns(NOW, &seen(&Flow::default(), &queues, &[node(60)], &[]));

        assert_eq!(found.len(), CONCERNS_MAX);
        assert!(matches!(found[0], Concern::Silent { .. }), "{found:?}");
        assert!(matches!(found[1], Concern::Behind { slots: Slots::Free, .. }));
    }

    #[test]
    fn work_without_a_node_is_said() {
        let flow = Flow { all: 3, ready: 3, ..Flow::default() };

        assert_eq!(concerns(NOW, &seen(&flow, &[], &[], &[]))[0], Concern::NoNode { ready: 3 });
    }

    #[test]
    fn a_drained_node_is_said_first_when_no_other_takes_work() {
        let flow = Flow { all: 5, ready: 5, ..Flow::default() };
        let drain = Drain { node: "vm".into(), by: Some("Ada".into()), reason: Some("disk swap".into()) };
        let drained = NodeLine { name: "vm".into(), state: "draining".into(), ..node(1) };
        let behind = [queue("a", Some(90), None)];

        let alone = concerns(NOW, &seen(&flow, &behind, std::slice::from_ref(&drained), std::slice::from_ref(&drain)));
        assert!(matches!(&alone[0], Concern::Drained { node, stops: Some(5), .. } if node == "vm"), "{alone:?}");
        assert!(matches!(alone[1], Concern::Behind { slots: Slots::None, .. }), "{alone:?}");

        let beside = concerns(NOW, &seen(&flow, &behind, &[node(1), drained], &[drain]));
        assert!(matches!(beside[0], Concern::Behind { slots: Slots::Free, .. }), "{beside:?}");
        assert!(matches!(beside[1], Concern::Drained { stops: None, .. }), "{beside:?}");
    }

    #[test]
    fn what_is_wrong_with_the_database_is_one_concern() {
        let found = [
            Finding::new("snapshot", "bi keeps a transaction open", "end it"),
            Finding::new("dead-rows", "many", "vacuum"),
        ];
        let behind = [queue("a", Some(90), None)];

        let all = concerns(NOW, &Seen { database: &found, ..seen(&Flow::default(), &behind, &[node(1)], &[]) });

        assert!(matches!(&all[0], Concern::Database { found } if found.len() == 2) && all.len() == 2, "{all:?}");
    }
}
