//! The question before an act on a job: what will happen, and the value it needs. A page of its own and the inside of `#dialog`.

use askama::Template;

use crate::admin::jobs::Detail;
use crate::admin::jobs::acts::Act;
use crate::admin::jobs::pace::pace;
use crate::base::clock::Time;
use crate::queue::state::JobState;
use crate::web::form::Form;
use crate::web::format::{between, duration};
use crate::web::parts::Choice;
use crate::web::shell::Shell;
use crate::web::tone::Tone;

/// The question.
#[derive(Template)]
#[template(path = "jobs/ask.html", blocks = ["dialog"])]
pub struct AskPage {
    /// The frame.
    pub shell: Shell,
    /// What is asked.
    pub ask: Ask,
}

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// The act; decides which value is asked for.
    pub act: Option<Act>,
    /// `Cancel catalog.import_csv 48213907?`
    pub question: String,
    /// What happens, one sentence each.
    pub effects: Vec<String>,
    /// Where the form is posted.
    pub action: String,
    /// Fields that go along unseen.
    pub hidden: Vec<(String, String)>,
    /// The button: the verb again, with its number.
    pub verb: String,
    /// The safe button.
    pub keep: String,
    /// Where the safe button leads without script.
    pub back: String,
    /// The answer is a page of its own rather than a toast.
    pub leads_away: bool,
    /// Zone in which a time is read.
    pub zone_hint: String,
    /// What was typed so far.
    pub form: Form,
}

impl Ask {
    fn is(&self, act: Act) -> bool {
        self.act == Some(act)
    }

    fn is_harmful(&self) -> bool {
        self.is(Act::Cancel)
    }

    /// Acts whose reason is shown to others later, or kept in the audit trail.
    fn has_reason(&self) -> bool {
        self.act.is_some_and(|act| !matches!(act, Act::Again | Act::Edit))
    }

    fn wants_time(&self) -> bool {
        self.is(Act::Reschedule)
    }

    fn wants_priority(&self) -> bool {
        self.is(Act::Priority)
    }

    fn priorities(&self) -> Vec<Choice> {
        let words = ["1 highest", "2", "3 normal", "4", "5 lowest"];
        (1..=5).zip(words).map(|(number, word): (i32, &str)| Choice::new(number.to_string(), word)).collect()
    }
}

/// Makes the words of the question about one job.
pub fn about(act: Act, job: &Detail, now: Time) -> Ask {
    let (name, id) = (&job.template, job.id);
    let (verb, question) = match act {
        Act::Priority => ("Change priority".to_owned(), format!("Change the priority of {name} {id}?")),
        _ => {
            let verb = act.label().trim_end_matches('…').to_owned();
            (verb.clone(), format!("{verb} {name} {id}?"))
        }
    };
    let waiting = || format!("It is {}.", Tone::from(job.state()).word().to_lowercase());
    let (effects, keep) = match act {
        Act::Cancel if job.state() == JobState::Running => (running(job, now), "Keep it running"),
        Act::Cancel => (vec![waiting() + " It will not start. You can retry it later."], "Keep it"),
        Act::Hold => (vec![waiting() + " It stays where it is until somebody releases it."], "Leave it"),
        Act::Release => (vec!["It goes on: at its time, or at once when that has passed.".into()], "Leave it"),
        Act::Retry => (vec!["The same job becomes ready again and gets at least one more attempt.".into()], "Leave it"),
        Act::RunNow => (vec!["It becomes ready at once.".into()], "Leave it"),
        Act::Reschedule => (vec![waiting() + " It becomes ready at the new time."], "Leave it"),
        Act::Priority => (vec![waiting() + " It goes to the end of the new line."], "Leave it"),
        Act::Again | Act::Edit => (vec!["A new job is made; this one stays as it is.".into()], "Leave it"),
    };
    Ask { act: Some(act), question, effects, verb, keep: keep.into(), ..Ask::default() }
}

fn running(job: &Detail, now: Time) -> Vec<String> {
    let since = job.started_at.map(|start| format!(" for {}", duration(between(start, now)))).unwrap_or_default();
    let node = job.node.as_deref().map(|node| format!(" on {node}")).unwrap_or_default();
    let done = job.done.zip(job.total).and_then(|(done, total)| pace(done, total, None, now).percent);
    let done = done.map(|percent| format!(" and is {percent}% done")).unwrap_or_default();
    vec![
        format!("It has run{since}{node}{done}."),
        "Its node is told at once and stops it within 3 s. A command gets TERM, and KILL after 10 s.".into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::jobs::sample::job;
    use crate::web::rail::Section;
    use crate::web::shell::sample::shell;

    fn rendered(ask: Ask) -> (String, String) {
        let page = AskPage { shell: shell().titled("Ask", Section::Jobs), ask };
        (page.render().expect("page"), page.as_dialog().render().expect("dialog"))
    }

    #[test]
    fn every_question_renders_as_page_and_as_dialog() {
        for act in Act::ALL {
            let ask = Ask { back: "/jobs/7".into(), ..about(act, &job(JobState::Scheduled), shell().now) };
            let (page, dialog) = rendered(ask);
            assert!(page.contains(dialog.trim()) && dialog.contains("name=\"csrf\" value=\"token\""), "{act:?}");
        }
    }

    #[test]
    fn a_question_is_a_sentence_and_its_button_a_verb() {
        let asked = |act| about(act, &job(JobState::Scheduled), shell().now);

        let priority = asked(Act::Priority);
        assert_eq!(priority.question, "Change the priority of catalog.import_csv 48213907?");
        assert_eq!(priority.verb, "Change priority");
        assert_eq!(asked(Act::Hold).question, "Hold catalog.import_csv 48213907?");
    }

    #[test]
    fn cancelling_a_running_job_says_how_far_it_is() {
        let now = shell().now;
        let job = crate::admin::jobs::Detail {
            started_at: Some(now - chrono::Duration::seconds(221)),
            node: Some("mil-01".into()),
            done: Some(3_200),
            total: Some(5_000),
            ..job(JobState::Running)
        };

        let ask = about(Act::Cancel, &job, now);

        assert_eq!(ask.question, "Cancel catalog.import_csv 48213907?");
        assert_eq!(ask.effects[0], "It has run for 3m 41s on mil-01 and is 64% done.");
    }

    #[test]
    fn a_refused_value_is_shown_again() {
        let mut form = Form::default().with("run_at", "soon");
        form.refuse("run_at", "Write a date");
        let (_, dialog) = rendered(Ask { form, ..about(Act::Reschedule, &job(JobState::Scheduled), shell().now) });

        assert!(dialog.contains("value=\"soon\"") && dialog.contains("Write a date"));
    }
}
