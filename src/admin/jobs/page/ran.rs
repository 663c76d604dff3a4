//! The work itself, part by part: what will run, or what ran.

use super::story::Story;
use crate::admin::jobs::Detail;
use crate::admin::templates::preview::{Part, what_ran};
use crate::queue::job::Fence;
use crate::queue::render::NamedAttempt;
use crate::queue::template::{CommandWork, TemplateSpec};
use crate::web::ansi::visible;

/// Variables that every command gets.
const OF_EVERY_COMMAND: [&str; 9] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "LANG",
    "MILLRACE_JOB_ID",
    "MILLRACE_ATTEMPT",
    "MILLRACE_FENCE",
    "MILLRACE_DEADLINE",
    "MILLRACE_ARGS",
];

/// One part of the work.
pub struct Shown {
    /// What it is.
    pub label: String,
    /// The text; of a program, one line for each argument.
    pub text: String,
    /// Why parts of it cannot be made of these arguments.
    pub faults: Vec<String>,
}

/// Makes the parts of a preview ready for a page.
pub fn shown(parts: Vec<Part>) -> Vec<Shown> {
    let one = |part: Part| {
        let (texts, faults): (Vec<_>, Vec<_>) = part.texts.into_iter().partition(Result::is_ok);
        let text = texts.into_iter().flatten().map(|text| visible(&text)).collect::<Vec<_>>().join("\n");
        Shown { label: part.label, text, faults: faults.into_iter().filter_map(Result::err).collect() }
    };
    parts.into_iter().map(one).collect()
}

/// What an attempt ran.
pub struct Ran {
    /// The work, part by part.
    pub parts: Vec<Shown>,
    /// As whom, where, with which names in the environment: label and words.
    pub facts: Vec<(&'static str, String)>,
}

/// Tells what attempt `number` ran; `None` when nothing is known of it, or its version cannot be read.
pub fn ran(story: &Story, number: i16) -> Option<Ran> {
    let job = &story.job;
    let (fence, node) = started(story, number)?;
    let spec: TemplateSpec = serde_json::from_value(job.spec.clone()).ok()?;
    let attempt = NamedAttempt {
        job: job.id,
        number: number.unsigned_abs(),
        fence,
        created_at: job.created_at,
        queue: &job.queue,
        template: &job.template,
        version: job.version,
        node: node.unwrap_or_default(),
        occurrence: job.schedule.as_deref().zip(job.occurrence),
    };
    let parts = shown(what_ran(&spec, &job.args, &attempt));
    let facts = spec.command.as_ref().map(|work| surroundings(work, job)).unwrap_or_default();
    Some(Ran { parts, facts })
}

fn started(story: &Story, number: i16) -> Option<(Fence, Option<&str>)> {
    let told = story.attempts.iter().rev().find(|attempt| attempt.number == number);
    let present = || Some((story.job.fence.filter(|_| story.job.attempt == number)?, story.job.node.as_deref()));
    told.map(|attempt| (attempt.fence, attempt.node.as_deref())).or_else(present)
}

/// Names of variables in the environment of a command, by where they come from; never their values.
pub struct Environment {
    /// Given by the template.
    pub own: Vec<String>,
    /// Parameters of a shell text.
    pub params: Vec<String>,
    /// Passed on from the node, where it has them.
    pub passed: Vec<String>,
    /// Given to every command.
    pub fixed: Vec<String>,
}

/// Lists the names of the variables that a command gets.
pub fn environment(work: &CommandWork, job: &Detail) -> Environment {
    let parameters =
        job.args.as_object().into_iter().flatten().map(|(name, _)| crate::queue::template::param_variable(name));
    Environment {
        own: work.env.keys().cloned().collect(),
        params: if work.shell.is_some() { parameters.collect() } else { Vec::new() },
        passed: work.env_allow.clone(),
        fixed: OF_EVERY_COMMAND.map(String::from).into(),
    }
}

fn surroundings(work: &CommandWork, job: &Detail) -> Vec<(&'static str, String)> {
    let user = "nobody, or whom MILLRACE_COMMAND_USER names on its node; Millrace's own where that is not root";
    let Environment { own, params, passed, fixed } = environment(work, job);
    let names = [own, params, fixed].concat();
    let mut facts = vec![("User", user.to_owned())];
    if work.folder.is_none() {
        facts.push(("Working folder", "one of its own, removed when it ends".into()));
    }
    facts.push(("Environment", names.join(", ")));
    if !passed.is_empty() {
        facts.push(("Passed on from the node, where it has them", passed.join(", ")));
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::super::story::sample::story;
    use super::*;
    use crate::queue::state::JobState;
    use serde_json::json;

    fn of(spec: serde_json::Value) -> Story {
        let mut story = story(JobState::Failed);
        story.job.spec = spec;
        story.job.args = json!({ "supplier": "nordwind", "key": "s3cret" });
        story
    }

    fn texts(ran: &Ran) -> Vec<(&str, &str)> {
        ran.parts.iter().map(|part| (part.label.as_str(), part.text.as_str())).collect()
    }

    #[test]
    fn a_command_is_told_with_its_arguments_user_folder_and_environment() {
        let story = of(json!({ "runner": "command",
            "command": { "argv": ["/bin/tar", "{{ params.supplier }}", "{{ job.id }}.{{ job.attempt }}"],
                "env": { "KEY": "{{ params.key }}" }, "env_allow": ["HTTP_PROXY"] },
            "params": { "properties": { "supplier": { "type": "string" }, "key": { "type": "string", "secret": true } } } }));

        let ran = ran(&story, 1).expect("the first attempt");

        assert_eq!(texts(&ran), [("Program and arguments", "/bin/tar\nnordwind\n48213907.1"), ("KEY", "••••")]);
        let labels: Vec<_> = ran.facts.iter().map(|(label, _)| *label).collect();
        assert_eq!(labels, ["User", "Working folder", "Environment", "Passed on from the node, where it has them"]);
        assert!(ran.facts[2].1.starts_with("KEY, PATH, ") && ran.facts[2].1.ends_with(", MILLRACE_ARGS"));
    }

    #[test]
    fn a_shell_text_has_its_parameters_in_the_environment_and_no_values() {
        let story = of(json!({ "runner": "command", "command": { "shell": "echo $PARAM_KEY", "folder": "/srv" },
            "params": { "additionalProperties": true, "properties": { "key": { "type": "string", "secret": true } } } }));

        let ran = ran(&story, 2).expect("the last attempt");

        let environment = ran.facts.iter().find(|(label, _)| *label == "Environment").expect("names");
        assert!(environment.1.contains("PARAM_KEY") && environment.1.contains("PARAM_SUPPLIER"), "{}", environment.1);
        assert!(!texts(&ran).iter().any(|(_, text)| text.contains("s3cret")));
        assert!(ran.facts.iter().all(|(label, _)| *label != "Working folder"), "it stands among the parts");
    }

    #[test]
    fn what_never_started_ran_nothing() {
        assert!(ran(&of(json!({ "runner": "handler", "handler": { "name": "a" } })), 7).is_none());
        assert!(ran(&of(json!({ "runner": "nonsense" })), 1).is_none());
    }
}
