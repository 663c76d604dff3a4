//! What needs a person, in words.

use std::time::Duration;

use super::view::Facts;
use super::{Cause, Concern, Seen, Slots, ailing, concerns};
use crate::admin::health::service::Finding;
use crate::queue::actor::Actor;
use crate::queue::failures::GroupState;
use crate::queue::permission::Permission;
use crate::web::ansi::visible;
use crate::web::format::{duration, grouped};
use crate::web::paths;
use crate::web::shell::Shell;
use crate::web::tone::Tone;

/// Longest part of a message in a sentence, in characters.
const MESSAGE_CHARS_MAX: usize = 90;

/// A sentence of the attention card.
pub struct Sentence {
    /// What it is about, the same for as long as it lasts.
    pub key: String,
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
    /// What can be done about it.
    pub deed: Option<Deed>,
}

impl Sentence {
    /// Leaves out what `actor` may not do.
    pub fn for_those_who_may(self, actor: &Actor) -> Self {
        Self { deed: self.deed.filter(|deed| actor.may(deed.needs)), ..self }
    }
}

/// An act that is asked about first.
pub struct Deed {
    /// Icon.
    pub icon: &'static str,
    /// Word.
    pub word: &'static str,
    /// Address.
    pub href: String,
    /// What somebody must hold to do it.
    pub needs: Permission,
}

fn sentence(concern: Concern, shell: &Shell) -> Sentence {
    let key = concern.key();
    Sentence { key, ..told(concern, shell) }
}

fn told(concern: Concern, shell: &Shell) -> Sentence {
    match concern {
        Concern::NoNode { ready } => Sentence {
            key: String::new(),
            tone: Tone::Failed,
            icon: "triangle-alert",
            what: "No node runs jobs.".into(),
            more: format!("{} ready and waiting for one.", jobs_are(ready)),
            acts: vec![("See nodes", paths::NODES.into())],
            deed: None,
        },
        Concern::Lost { node, since } => Sentence {
            key: String::new(),
            tone: Tone::Failed,
            icon: "triangle-alert",
            what: format!("{node} went silent at {}.", shell.stamp(since).text),
            more: "It was declared lost, and its jobs were handed to other nodes.".into(),
            acts: vec![("See the node", paths::node(&node))],
            deed: None,
        },
        Concern::Silent { node, age } => Sentence {
            key: String::new(),
            tone: Tone::Failed,
            icon: "triangle-alert",
            what: format!("{node} has been silent for {}.", duration(age)),
            more: "If it stays silent, its jobs are handed to other nodes.".into(),
            acts: vec![("See the node", paths::node(&node))],
            deed: None,
        },
        Concern::Behind { queue, age, ready, target, slots, cause } => {
            behind((&queue, ready), (age, target), slots, cause.as_ref())
        }
        Concern::Failing { cause, state } => failing(&cause, state),
        Concern::Schedules { ill, worst, all } => ailing::sentence(ill, &worst, all, shell.now),
        Concern::Paused { queue, age, by, reason, ready } => Sentence {
            key: String::new(),
            tone: Tone::Paused,
            icon: "circle-pause",
            what: format!("{queue} has been paused for {}", duration(age)),
            more: match reason {
                Some(reason) => format!("by {by}: “{reason}”. {} ready.", jobs_are(ready)),
                None => format!("by {by}. {} ready.", jobs_are(ready)),
            },
            acts: vec![("See the queue", paths::queue(&queue))],
            deed: Some(Deed {
                icon: "play",
                word: "Resume…",
                href: paths::queue_act(&queue, "resume"),
                needs: Permission::RunQueues,
            }),
        },
        Concern::Database { found } => database(&found),
        Concern::Drained { node, by, reason, stops } => drained(&node, by.as_deref(), reason.as_deref(), stops),
    }
}

fn behind(
    (queue, ready): (&str, i64),
    (age, target): (Duration, Option<Duration>),
    slots: Slots,
    cause: Option<&Cause>,
) -> Sentence {
    let jobs = jobs_are(ready);
    let waits = match slots {
        Slots::None => format!("{jobs} ready, and no node takes work."),
        Slots::Full => format!("{jobs} ready, and all slots are busy."),
        Slots::Free => format!("{jobs} ready although slots are free."),
        Slots::NotNeeded => format!("{jobs} ready, and the oldest waits for a limit."),
    };
    let fails = cause.map(|cause| format!(" {} failed lately{}.", attempts(cause.recent), saying(cause)));
    let listed = ("See the jobs", paths::with_query(paths::JOBS, &[("state", "ready"), ("queue", queue)]));
    Sentence {
        key: String::new(),
        tone: Tone::Failed,
        icon: "triangle-alert",
        what: match target {
            Some(target) => {
                format!("{queue} is {} behind its {} target.", duration(age.saturating_sub(target)), duration(target))
            }
            None => format!("{queue} is {} behind.", duration(age)),
        },
        more: format!("{waits}{}", fails.unwrap_or_default()),
        acts: vec![cause.map_or(listed, |cause| ("See the cause", paths::failure(&cause.fingerprint)))],
        deed: cause.map(|_| Deed {
            icon: "pause",
            word: "Pause queue…",
            href: paths::queue_act(queue, "pause"),
            needs: Permission::RunQueues,
        }),
    }
}

fn failing(cause: &Cause, state: GroupState) -> Sentence {
    let template = &cause.template;
    Sentence {
        key: String::new(),
        tone: Tone::Failed,
        icon: "octagon-alert",
        what: match state {
            GroupState::Rising => format!("{template} fails more often than before."),
            GroupState::Returned => format!("{template} fails again of what was handled."),
            _ => format!("{template} fails in a new way."),
        },
        more: format!("{} failed in this hour and the last{}.", attempts(cause.recent), saying(cause)),
        acts: vec![("See the cause", paths::failure(&cause.fingerprint))],
        deed: None,
    }
}

fn attempts(number: i64) -> String {
    if number == 1 { "1 attempt".into() } else { format!("{} attempts", grouped(number.unsigned_abs())) }
}

/// The message, if it may be read.
fn saying(cause: &Cause) -> String {
    let message = visible(&cause.message);
    let short: String = message.chars().take(MESSAGE_CHARS_MAX).collect();
    match (message.is_empty(), short.len() < message.len()) {
        (true, _) => String::new(),
        (false, true) => format!(": “{}…”", short.trim_end()),
        (false, false) => format!(": “{message}”"),
    }
}

fn drained(node: &str, by: Option<&str>, reason: Option<&str>, stops: Option<i64>) -> Sentence {
    let because = reason.map(|reason| format!(": “{reason}”")).unwrap_or_default();
    let rest = match stops {
        Some(ready) => format!("No other node takes work. {} ready.", jobs_are(ready)),
        None => "Other nodes take its work.".into(),
    };
    Sentence {
        key: String::new(),
        tone: if stops.is_some() { Tone::Failed } else { Tone::Paused },
        icon: if stops.is_some() { "triangle-alert" } else { "circle-pause" },
        what: by.map_or_else(|| format!("{node} is stopping."), |by| format!("{node} is drained by {by}{because}.")),
        more: rest,
        acts: vec![("See the node", paths::node(node))],
        deed: None,
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
        key: String::new(),
        tone: Tone::Failed,
        icon: "database",
        what: of_worst(Finding::sentence),
        more: format!("{}{more}", of_worst(Finding::remedy)),
        acts: vec![("See the database", paths::DATABASE.into())],
        deed: None,
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
pub fn sentences(facts: &Facts, shell: &Shell) -> Vec<Sentence> {
    let seen = Seen {
        flow: &facts.flow,
        queues: &facts.queues.lines,
        failing: &facts.failing,
        fleet: facts.fleet,
        unheard: &facts.unheard,
        drains: &facts.drains,
        database: &facts.database,
        ailing: &facts.ailing,
    };
    concerns(shell.now, &seen).into_iter().map(|concern| sentence(concern, shell)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(message: &str) -> Cause {
        Cause { fingerprint: "00ff".into(), template: "mail.send".into(), message: message.into(), recent: 182 }
    }

    #[test]
    fn a_queue_behind_is_told_with_its_target_and_what_fails_in_it() {
        let (minute, late) = (Duration::from_secs(60), Duration::from_secs(252));

        let plain = behind(("mail", 1), (late, None), Slots::Free, None);
        assert_eq!(plain.what, "mail is 4m 12s behind.");
        assert_eq!(plain.more, "1 job is ready although slots are free.");
        assert_eq!(plain.acts, [("See the jobs", "/jobs?state=ready&queue=mail".to_owned())]);
        assert!(plain.deed.is_none());

        let caused = behind(("mail", 14_206), (late, Some(minute)), Slots::Full, Some(&cause("SMTP 421")));
        assert_eq!(caused.what, "mail is 3m 12s behind its 1m target.");
        assert_eq!(
            caused.more,
            "14,206 jobs are ready, and all slots are busy. 182 attempts failed lately: “SMTP 421”."
        );
        assert_eq!(caused.acts, [("See the cause", "/failures/00ff".to_owned())]);
        assert_eq!(caused.deed.map(|deed| deed.href).as_deref(), Some("/queues/mail/pause"));
    }

    #[test]
    fn a_failure_is_told_by_its_state_and_its_message_only_to_those_who_may_read_it() {
        for (state, what) in [
            (GroupState::Rising, "mail.send fails more often than before."),
            (GroupState::Returned, "mail.send fails again of what was handled."),
            (GroupState::New, "mail.send fails in a new way."),
        ] {
            let told = failing(&cause(""), state);
            assert_eq!((told.what.as_str(), told.acts[0].1.as_str()), (what, "/failures/00ff"));
            assert_eq!(told.more, "182 attempts failed in this hour and the last.");
        }
        let long = failing(&cause(&"x".repeat(500)), GroupState::New).more;
        assert!(long.contains("xxx…”") && long.len() < 200, "{long}");
    }

    #[test]
    fn a_lost_node_is_told_with_the_time_of_its_last_heartbeat_and_what_became_of_its_jobs() {
        let shell = crate::web::shell::sample::shell();
        let lost = Concern::Lost { node: "mil-03".into(), since: shell.now - chrono::TimeDelta::minutes(5) };

        let told = sentence(lost, &shell);

        assert_eq!(told.key, "lost-mil-03");
        assert!(told.what.starts_with("mil-03 went silent at ") && told.what.contains(':'), "{}", told.what);
        assert_eq!(told.more, "It was declared lost, and its jobs were handed to other nodes.");
        assert_eq!(told.acts, [("See the node", "/nodes/mil-03".to_owned())]);
    }

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
