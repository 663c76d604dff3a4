//! The head of a job's page: what it is, how it stands, what can be done to it now.

use super::about::ACTIVE;
use super::row::label;
use crate::admin::jobs::Detail;
use crate::admin::jobs::acts::{Act, allowed};
use crate::queue::actor::Actor;
use crate::queue::state::JobState;
use crate::web::format::{self, Stamp};
use crate::web::paths;
use crate::web::shell::Shell;
use crate::web::tone::Tone;

/// Buttons beside the menu.
const BUTTONS_MAX: usize = 3;
/// What may be a button; the rest stands in the menu.
const IN_FRONT: [Act; 6] = [Act::Retry, Act::Edit, Act::RunNow, Act::Release, Act::Hold, Act::Cancel];

/// The head.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// The template's name.
    pub template: String,
    /// The job's id.
    pub id: String,
    /// The look of its state.
    pub tone: Tone,
    /// The state in words, with the time it waits for.
    pub label: String,
    /// What the template is for.
    pub description: String,
    /// The version it is pinned to, and its page.
    pub version: (String, String),
    /// By whom it was enqueued.
    pub by: String,
    /// The schedule that made it, and its page.
    pub schedule: Option<(String, String)>,
    /// When.
    pub at: Stamp,
    /// Since when somebody wants it cancelled; empty unless it still runs.
    pub cancelling: String,
    /// Acts as buttons.
    pub buttons: Vec<Do>,
    /// Acts in the menu.
    pub menu: Vec<Do>,
    /// The form that makes a new one with another version or other arguments; empty for those who may not.
    pub anew: String,
}

/// One act as a thing to press.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Do {
    /// Which.
    pub act: Act,
    /// Its question, or where it is posted.
    pub href: String,
}

impl Do {
    /// Gives the classes of its button.
    pub fn class(&self) -> &'static str {
        if self.act == Act::Cancel { "btn-d" } else { "" }
    }

    /// Tells whether it has a page of its own rather than a question.
    pub fn leads_away(&self) -> bool {
        self.act == Act::Edit
    }
}

/// Makes the head of `job` as `actor` may see and act on it.
pub fn head(job: &Detail, actor: &Actor, shell: &Shell) -> Head {
    let state = job.state();
    let acts: Vec<Act> = allowed(state).into_iter().filter(|act| may(*act, actor)).collect();
    let front = acts.iter().copied().filter(|act| IN_FRONT.contains(act) || state == JobState::Succeeded);
    let buttons: Vec<Act> = front.take(BUTTONS_MAX).collect();
    let menu = acts.iter().copied().filter(|act| !buttons.contains(act));
    let press = |act: Act| Do { act, href: paths::job_act(job.id, act.as_str()) };
    Head {
        template: job.template.clone(),
        id: job.id.to_string(),
        tone: state.into(),
        label: label(state, job.run_at, shell.now),
        description: job.spec.get("description").and_then(|text| text.as_str()).unwrap_or_default().to_owned(),
        version: (format!("v{}", job.version), paths::template_version(&job.template, job.version)),
        by: job.enqueued_by.clone(),
        schedule: job.schedule.as_ref().map(|name| (name.clone(), paths::schedule(name))),
        at: shell.stamp(job.created_at),
        cancelling: cancelling(job, shell),
        menu: menu.map(press).collect(),
        anew: if may(Act::Edit, actor) { anew(job) } else { String::new() },
        buttons: buttons.iter().copied().map(press).collect(),
    }
}

fn anew(job: &Detail) -> String {
    paths::with_query(&paths::job_edit(job.id), &[("version", ACTIVE)])
}

/// A new job like this one carries its arguments along, so whoever makes it must be allowed to see them.
fn may(act: Act, actor: &Actor) -> bool {
    let copies = matches!(act, Act::Again | Act::Edit);
    actor.may(act.permission()) && (!copies || crate::admin::jobs::service::sees_payload(actor))
}

fn cancelling(job: &Detail, shell: &Shell) -> String {
    let asked = job.cancel_at.filter(|_| job.state() == JobState::Running);
    asked.map(|at| format!("Cancelling, asked {}", format::relative(at, shell.now))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::story::sample::story;
    use super::*;
    use crate::queue::permission::Role;
    use crate::web::shell::sample::shell;

    fn shown(state: JobState, role: Role) -> (Vec<Act>, Vec<Act>) {
        let head = head(&story(state).job, &Actor { role, ..Actor::system("t") }, &shell());
        let acts = |list: Vec<Do>| list.into_iter().map(|one| one.act).collect();
        (acts(head.buttons), acts(head.menu))
    }

    #[test]
    fn the_acts_of_the_moment_are_buttons() {
        use Act::{Again, Cancel, Edit, Hold, Priority, Release, Reschedule, Retry, RunNow};

        assert_eq!(shown(JobState::Running, Role::Admin), (vec![Cancel], vec![Again]));
        assert_eq!(shown(JobState::Failed, Role::Operator), (vec![Retry, Edit], vec![Again]));
        assert_eq!(
            shown(JobState::Retrying, Role::Operator),
            (vec![RunNow, Hold, Cancel], vec![Reschedule, Priority, Again])
        );
        assert_eq!(shown(JobState::Held, Role::Admin), (vec![Release, Cancel], vec![Reschedule, Priority, Again]));
        assert_eq!(shown(JobState::Succeeded, Role::Admin), (vec![Again], vec![]));
        assert_eq!(shown(JobState::Failed, Role::Viewer), (vec![], vec![]));
    }

    #[test]
    fn a_cancel_that_was_not_seen_yet_is_told() {
        let running = story(JobState::Running).job;

        assert_eq!(cancelling(&running, &shell()), "Cancelling, asked 3 s ago");
        assert_eq!(cancelling(&story(JobState::Cancelled).job, &shell()), "");
    }
}
