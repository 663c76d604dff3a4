//! Where a job comes from, what was made from it, and what people did to it.

use super::story::Story;
use crate::web::format::relative;
use crate::web::parts::Deed;
use crate::web::paths;
use crate::web::shell::{Shell, initials};
use crate::web::tone::Tone;

/// A job that belongs to this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relative {
    /// What this one is to it, or it to this one: `made from it`, `made from this job`.
    pub role: &'static str,
    /// Its id.
    pub id: String,
    /// Its page.
    pub href: String,
    /// How it stands, if that is known here.
    pub tone: Option<Tone>,
    /// When and by whom.
    pub note: String,
    /// Both side by side.
    pub compare: String,
}

/// Lists the relatives of a job.
pub fn relatives(story: &Story, shell: &Shell) -> Vec<Relative> {
    let this = story.job.id;
    let relative_of = |role, id: crate::queue::job::JobId, tone, note| Relative {
        role,
        id: id.to_string(),
        href: paths::job(id),
        tone,
        note,
        compare: paths::with_query(
            paths::JOBS_COMPARE,
            &[("a", &this.min(id).to_string()), ("b", &this.max(id).to_string())],
        ),
    };
    let parent = story.job.parent.map(|parent| relative_of("this job was made from it", parent, None, String::new()));
    let child = |child: &crate::admin::jobs::trail::Child| {
        let note = format!("{} by {}", relative(child.created_at, shell.now), child.enqueued_by);
        relative_of("made from this job", child.id, child.ended().map(Tone::from), note)
    };
    parent.into_iter().chain(story.children.iter().map(child)).collect()
}

/// Lists what people did to a job, newest first.
pub fn deeds(story: &Story, shell: &Shell) -> Vec<Deed> {
    let deed = |record: &crate::admin::jobs::trail::Record| Deed {
        initials: initials(&record.actor),
        who: record.actor.clone(),
        what: if record.accepted { words(&record.act).into() } else { format!("tried: {}", words(&record.act)) },
        reason: record.reason.clone().unwrap_or_default(),
        at: shell.stamp(record.at),
    };
    story.trail.iter().map(deed).collect()
}

fn words(act: &str) -> &str {
    match act {
        "job.enqueue" => "enqueued it",
        "job.cancel" => "cancelled it",
        "job.hold" => "held it",
        "job.release" => "released it",
        "job.retry" => "had it run at once",
        "job.reschedule" => "rescheduled it",
        "job.priority" => "changed its priority",
        other => other,
    }
}
