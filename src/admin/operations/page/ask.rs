//! The question before an operation: how many jobs, in which states, and what becomes of them.

use std::time::Duration;

use askama::Template;

use super::view::jobs;
use crate::admin::jobs::reckon::Reckoned;
use crate::admin::operations::service::{RATE_RANGE, needed};
use crate::admin::operations::{Plan, Which};
use crate::queue::actor::Actor;
use crate::queue::permission::Permission;
use crate::web::form::Form;
use crate::web::format::grouped;
use crate::web::parts::Choice;
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::shell::Shell;
use crate::web::tone::Tone;

/// Parts of the query that are shown.
const CHIPS_MAX: usize = 12;

/// The question; its block is what a dialog shows.
#[derive(Template)]
#[template(path = "operations/ask.html", blocks = ["dialog"])]
pub struct AskPage {
    pub shell: Shell,
    /// The act, `retry`.
    pub act: &'static str,
    /// `Retry 5,000 jobs?`
    pub question: String,
    /// Jobs by state.
    pub states: Vec<(Tone, String)>,
    /// What happens, one sentence each.
    pub effects: Vec<String>,
    /// Parts of the query.
    pub chips: Vec<String>,
    /// Fields that go along unseen.
    pub hidden: Vec<(String, String)>,
    /// The button: the verb and the number again.
    pub verb: String,
    /// Where the safe button leads.
    pub back: String,
    pub harmful: bool,
    /// What must be typed; empty for nothing.
    pub typed: String,
    /// A reason must be given.
    pub needs_reason: bool,
    /// The password is asked for once more.
    pub fresh: bool,
    /// Where counting goes on, when the page came before all were counted; empty otherwise. Nothing can be confirmed then.
    pub counting: String,
    /// Where all are counted in one go: without script nothing goes on by itself.
    pub whole: String,
    /// There is nothing to act on.
    pub is_empty: bool,
    /// The role that is needed and lacking; empty when nothing lacks.
    pub lacks: &'static str,
    /// Who has it: `Ada or Bo`; empty when nothing lacks or nobody is known.
    pub whom: String,
    /// Other jobs match now than when the person looked.
    pub drift: String,
    pub zone_hint: String,
    pub queues: Vec<Choice>,
    pub form: Form,
}

/// What a question is made of.
pub struct Asked<'a> {
    pub plan: &'a Plan,
    /// The act as its address names it, when its value is not known yet.
    pub act: &'static str,
    pub found: &'a Reckoned,
    /// The sign-in is fresh enough.
    pub is_fresh: bool,
    pub back: String,
}

impl AskPage {
    /// Makes the question.
    pub fn new(actor: &Actor, shell: Shell, asked: &Asked<'_>, form: Form) -> Self {
        let (total, found) = (asked.found.total(), asked.found);
        let large = needed(&asked.plan.act, found) == Permission::RunLargeOperations;
        let many = if found.is_partial() { format!("at least {}", jobs(total)) } else { jobs(total) };
        let verb = format!("{} {many}", word(asked.act));
        let question = format!("{verb}?");
        Self {
            shell: shell.titled(question.clone(), Section::Jobs).under("Jobs", paths::JOBS),
            act: asked.act,
            states: found
                .by_state
                .iter()
                .map(|(state, jobs)| (Tone::from(*state), grouped(jobs.unsigned_abs())))
                .collect(),
            effects: effects(asked),
            chips: chips(&asked.plan.which),
            hidden: hidden(asked, total),
            verb,
            question,
            back: asked.back.clone(),
            harmful: matches!(asked.act, "cancel" | "discard"),
            typed: if large { typed(asked.act, found) } else { String::new() },
            needs_reason: large,
            fresh: large && !asked.is_fresh,
            counting: String::new(),
            whole: String::new(),
            is_empty: total == 0 && !found.is_partial(),
            lacks: if large && !actor.may(Permission::RunLargeOperations) { "admin" } else { "" },
            whom: String::new(),
            drift: String::new(),
            zone_hint: String::new(),
            queues: Vec::new(),
            form,
        }
    }

    /// Counts on once the page is there, from what was found so far.
    pub fn counting_on(self, found: &Reckoned, spent: Duration) -> Self {
        let of_form = ["act", "all", "q", "back"].map(|name| (name, self.form.text(name)));
        let here = paths::with_query(self.action(), &of_form);
        let spent_ms = spent.as_millis().to_string();
        let counting = paths::with_query(&here, &[("counted", &found.written()), ("spent_ms", &spent_ms)]);
        Self { counting, whole: paths::with_query(&here, &[("whole", "on")]), ..self }
    }

    /// Whether it can be confirmed.
    fn is_ready(&self) -> bool {
        !self.is_empty && self.lacks.is_empty() && self.counting.is_empty()
    }

    fn is(&self, act: &str) -> bool {
        self.act == act
    }

    fn priorities(&self) -> Vec<Choice> {
        let words = ["1 highest", "2", "3 normal", "4", "5 lowest"];
        (1..=5).zip(words).map(|(number, word): (i32, &str)| Choice::new(number.to_string(), word)).collect()
    }

    fn formats(&self) -> Vec<Choice> {
        vec![Choice::new("csv", "CSV"), Choice::new("jsonl", "JSON lines")]
    }

    /// Where the form is posted.
    fn action(&self) -> &'static str {
        if self.is("export") { paths::JOBS_EXPORT } else { paths::OPERATION_NEW }
    }

    /// Those that put work into line may be asked to do it slowly.
    fn has_rate(&self) -> bool {
        ["retry", "release", "reschedule", "move"].contains(&self.act)
    }

    fn rate_help(&self) -> String {
        format!(
            "Jobs per second, {} to {}. Empty: as fast as it goes.",
            RATE_RANGE.start(),
            grouped(u64::from(RATE_RANGE.end().unsigned_abs()))
        )
    }

    fn typed_label(&self) -> String {
        format!("Type {} to confirm", self.typed)
    }

    fn typed_mode(&self) -> &'static str {
        if self.typed.chars().all(|c| c.is_ascii_digit()) { "numeric" } else { "text" }
    }

    /// Checks what was typed against what was asked, and not against how many there are now: whether they have become many more
    /// is looked at when the operation starts. Notes problems in the form.
    pub fn check(&mut self) -> bool {
        let typed = self.form.text("typed").trim().replace(',', "");
        let was_asked = !self.form.text("seen").is_empty() && typed == self.form.text("seen");
        if !self.typed.is_empty() && typed != self.typed && !was_asked {
            self.form.refuse("typed", format!("Type {} exactly", self.typed));
        }
        if self.needs_reason {
            self.form.required("reason", "a reason");
        }
        !self.form.is_refused()
    }
}

/// What must be typed before many jobs are acted on: their number, or the act when the number is not known.
fn typed(act: &str, found: &Reckoned) -> String {
    if found.is_partial() { act.to_owned() } else { found.total().to_string() }
}

/// The verb of an act in the beginning of a sentence.
pub fn word(act: &str) -> &'static str {
    match act {
        "retry" => "Retry",
        "cancel" => "Cancel",
        "hold" => "Hold",
        "release" => "Release",
        "reschedule" => "Reschedule",
        "priority" => "Change the priority of",
        "move" => "Move",
        "discard" => "Discard",
        "export" => "Export",
        _ => "Act on",
    }
}

fn effects(asked: &Asked<'_>) -> Vec<String> {
    let effect = match asked.act {
        "cancel" => "Those that wait will not start. Those that run are told to stop.",
        "hold" => "They stay where they are until somebody releases them.",
        "release" => "They go on: at their time, or at once when that has passed.",
        "reschedule" => "They become ready at the new time.",
        "priority" => "They go to the end of the new line.",
        "move" => "They go to the end of the line of the other queue.",
        "discard" => "They count as cancelled and no longer as failed. You can still retry them.",
        _ => {
            "Those that failed, were cancelled or expired become ready again; those that wait for their time become ready at once."
        }
    };
    if asked.act == "export" {
        return vec![
            "A file is made of exactly these jobs as they are then. Secrets stay masked, and what you may not see stays out.".into(),
            "It is made in the background and kept for 7 days.".into(),
        ];
    }
    let others = match asked.plan.which {
        Which::Query(_) => {
            "Jobs in other states and jobs that come later are left alone. You can watch it and stop it."
        }
        Which::Ids(_) => "Jobs whose state does not allow it are left alone and listed.",
    };
    vec![effect.into(), others.into()]
}

fn chips(which: &Which) -> Vec<String> {
    match which {
        Which::Ids(_) => Vec::new(),
        Which::Query(query) if query.is_everything() => vec!["every job".into()],
        Which::Query(query) => query.parts().iter().take(CHIPS_MAX).map(ToString::to_string).collect(),
    }
}

fn hidden(asked: &Asked<'_>, total: i64) -> Vec<(String, String)> {
    let mut hidden = vec![("act".to_owned(), asked.act.to_owned())];
    match &asked.plan.which {
        Which::Query(query) => {
            hidden.push(("all".into(), "on".into()));
            hidden.push(("q".into(), query.to_string()));
        }
        Which::Ids(ids) => hidden.extend(ids.iter().map(|id| ("id".to_owned(), id.to_string()))),
    }
    hidden.push(("seen".into(), if asked.found.is_partial() { String::new() } else { total.to_string() }));
    hidden.push(("back".into(), asked.back.clone()));
    hidden
}
