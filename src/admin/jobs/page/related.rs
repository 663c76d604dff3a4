//! Where a job comes from, what was made from it, and what people did to it.

use super::story::Story;
use crate::web::format::{Stamp, relative};
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
    let parent = story.job.parent.map(|parent| match &story.named.parent {
        Some(row) if row.template == story.job.template => {
            relative_of("this job is a rerun of it", parent, Some(row.state().into()), String::new())
        }
        Some(row) => relative_of("this job was made from it", parent, Some(row.state().into()), row.template.clone()),
        None => relative_of("this job was made from it", parent, None, String::new()),
    });
    let holder = story
        .named
        .key_holder
        .as_ref()
        .map(|row| relative_of("has its unique key now", row.id, Some(row.state().into()), row.template.clone()));
    let child = |child: &crate::admin::jobs::trail::Child| {
        let made = format!("{} by {}", relative(child.created_at, shell.now), child.enqueued_by);
        let tone = child.ended().map(Tone::from);
        match child.is_rerun {
            true => relative_of("rerun of this job", child.id, tone, made),
            false => relative_of("made from this job", child.id, tone, format!("{}, {made}", child.template)),
        }
    };
    parent.into_iter().chain(holder).chain(story.children.iter().map(child)).collect()
}

/// Lists what people did to a job, alone or together with others, newest first.
pub fn deeds(story: &Story, shell: &Shell) -> Vec<Deed> {
    let alone = story.trail.iter().map(|record| {
        let what = words(&record.act);
        let what = if record.accepted { what.into() } else { format!("tried: {what}") };
        (record.at, deed(&record.actor, what, record.reason.as_deref(), shell.stamp(record.at)))
    });
    let in_bulk = story.in_bulk.iter().map(|bulk| {
        let what = format!("{}, by operation {}", bulk_words(&bulk.act), bulk.operation);
        (bulk.at, deed(&bulk.actor, what, bulk.reason.as_deref(), shell.stamp(bulk.at)))
    });
    let mut all: Vec<_> = alone.chain(in_bulk).collect();
    all.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    all.into_iter().map(|(_, deed)| deed).collect()
}

fn deed(who: &str, what: String, reason: Option<&str>, at: Stamp) -> Deed {
    Deed { initials: initials(who), who: who.to_owned(), what, reason: reason.unwrap_or_default().to_owned(), at }
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

fn bulk_words(act: &str) -> &str {
    match act {
        "retry" => "retried it",
        "cancel" => "cancelled it",
        "hold" => "held it",
        "release" => "released it",
        "reschedule" => "rescheduled it",
        "priority" => "changed its priority",
        "move" => "moved it to another queue",
        "discard" => "discarded it",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::story::sample::{at, story};
    use super::*;
    use crate::admin::jobs::trail::InBulk;
    use crate::queue::state::JobState;
    use crate::web::shell::sample::shell;

    #[test]
    fn what_was_done_to_many_stands_among_what_was_done_to_one() {
        let mut story = story(JobState::Failed);
        story.in_bulk = vec![InBulk {
            at: at(1_700),
            actor: "Nadia".into(),
            act: "retry".into(),
            reason: Some("mail is back".into()),
            operation: 12,
        }];

        let told = deeds(&story, &shell());

        let told: Vec<_> = told.iter().map(|deed| (deed.who.as_str(), deed.what.as_str())).collect();
        assert_eq!(told, [("Nadia", "retried it, by operation 12"), ("giulia@example.org", "cancelled it")]);
    }
}
