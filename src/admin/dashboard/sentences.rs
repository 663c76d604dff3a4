//! What needs a person, in words.

use super::view::Facts;
use super::{Concern, Seen, Slots, concerns};
use crate::admin::health::service::Finding;
use crate::base::clock::Time;
use crate::web::format::{duration, grouped};
use crate::web::paths;
use crate::web::tone::Tone;

/// A sentence of the attention card.
pub struct Sentence {
    /// Colour.
    pub tone: Tone,
    /// Icon.
    pub icon: &'static str,
    /// What is wrong, the bold part.
    pub what: String,
    /// The rest.
    pub more: String,
    /// Where to look: word and address.
    pub acts: Vec<(&'static str, String)>,
    /// Where a paused queue is resumed.
    pub resume: Option<String>,
}

fn sentence(concern: Concern) -> Sentence {
    match concern {
        Concern::NoNode { ready } => Sentence {
            tone: Tone::Failed,
            icon: "triangle-alert",
            what: "No node runs jobs.".into(),
            more: format!("{} ready and waiting for one.", jobs_are(ready)),
            acts: vec![("See nodes", paths::NODES.into())],
            resume: None,
        },
        Concern::Silent { node, age } => Sentence {
            tone: Tone::Failed,
            icon: "triangle-alert",
            what: format!("{node} has been silent for {}.", duration(age)),
            more: "Its jobs are taken over by other nodes.".into(),
            acts: vec![("See nodes", paths::NODES.into())],
            resume: None,
        },
        Concern::Behind { queue, age, ready, slots } => Sentence {
            tone: Tone::Failed,
            icon: "triangle-alert",
            what: format!("{queue} is {} behind.", duration(age)),
            more: match slots {
                Slots::None => format!("{} ready, and no node takes work.", jobs_are(ready)),
                Slots::Full => format!("{} ready, and all slots are busy.", jobs_are(ready)),
                Slots::Free => format!("{} ready although slots are free.", jobs_are(ready)),
            },
            acts: vec![("See the jobs", format!("{}?state=ready&queue={queue}", paths::JOBS))],
            resume: None,
        },
        Concern::Paused { queue, age, by, reason, ready } => Sentence {
            tone: Tone::Paused,
            icon: "circle-pause",
            what: format!("{queue} has been paused for {}", duration(age)),
            more: match reason {
                Some(reason) => format!("by {by}: “{reason}”. {} ready.", jobs_are(ready)),
                None => format!("by {by}. {} ready.", jobs_are(ready)),
            },
            acts: vec![("See the queue", paths::queue(&queue))],
            resume: Some(paths::queue_act(&queue, "resume")),
        },
        Concern::Database { found } => database(&found),
        Concern::Drained { node, by, reason, stops } => drained(&node, by.as_deref(), reason.as_deref(), stops),
    }
}

fn drained(node: &str, by: Option<&str>, reason: Option<&str>, stops: Option<i64>) -> Sentence {
    let because = reason.map(|reason| format!(": “{reason}”")).unwrap_or_default();
    let rest = match stops {
        Some(ready) => format!("No other node takes work. {} ready.", jobs_are(ready)),
        None => "Other nodes take its work.".into(),
    };
    Sentence {
        tone: if stops.is_some() { Tone::Failed } else { Tone::Paused },
        icon: if stops.is_some() { "triangle-alert" } else { "circle-pause" },
        what: by.map_or_else(|| format!("{node} is stopping."), |by| format!("{node} is drained by {by}{because}.")),
        more: rest,
        acts: vec![("See the node", paths::node(node))],
        resume: None,
    }
}

/// The worst in full; the page tells the others.
fn database(found: &[Finding]) -> Sentence {
    let more = match found.len() {
        0 | 1 => String::new(),
        2 => " Something else is wrong with the database, too.".into(),
        many => format!(" {} other things are wrong with the database, too.", many - 1),
    };
    let of_worst = |read: fn(&Finding) -> String| found.first().map(read).unwrap_or_default();
    Sentence {
        tone: Tone::Failed,
        icon: "database",
        what: of_worst(Finding::sentence),
        more: format!("{}{more}", of_worst(Finding::remedy)),
        acts: vec![("See the database", paths::DATABASE.into())],
        resume: None,
    }
}

/// Counts jobs in words: `1 job`, `3 jobs`.
pub(super) fn jobs(number: i64) -> String {
    if number == 1 { "1 job".into() } else { format!("{} jobs", grouped(number.unsigned_abs())) }
}

fn jobs_are(number: i64) -> String {
    format!("{} {}", jobs(number), if number == 1 { "is" } else { "are" })
}

/// Makes the sentences of the attention card.
pub fn sentences(facts: &Facts, now: Time) -> Vec<Sentence> {
    let seen = Seen {
        flow: &facts.flow,
        queues: &facts.queues,
        nodes: &facts.nodes,
        drains: &facts.drains,
        database: &facts.database,
    };
    concerns(now, &seen).into_iter().map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drained_node_is_told_with_who_and_why() {
        let alone = drained("vm", Some("Ada"), Some("disk swap"), Some(1));
        assert_eq!(alone.what, "vm is drained by Ada: “disk swap”.");
        assert_eq!(alone.more, "No other node takes work. 1 job is ready.");
        assert_eq!(alone.acts, [("See the node", "/nodes/vm".to_owned())]);

        let beside = drained("vm", None, None, None);
        assert_eq!((beside.what.as_str(), beside.more.as_str()), ("vm is stopping.", "Other nodes take its work."));
    }
}
