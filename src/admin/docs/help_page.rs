//! `GET /help`: the search, the keys, the places, and how programs and commands talk with Millrace.

use actix_web::HttpResponse;
use askama::Template;

use crate::admin::jobs::query::field::{ARG, About, FIELDS};
use crate::queue::state::JobState;
use crate::timing::Rule;
use crate::web::error::WebError;
use crate::web::keys::{GROUPS, KeyGroup};
use crate::web::paths;
use crate::web::rail::{NavGroup, Section};
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;
use crate::web::table::{Access, Route};
use crate::web::tone::Tone;

/// The words that mean one thing everywhere.
const WORDS: [(&str, &str); 17] = [
    (
        "Template",
        "A named piece of work that staff own: how it is done, its parameters and defaults, in numbered versions",
    ),
    ("Job", "One request to run one version of a template with arguments"),
    ("Attempt", "One start of a job on a worker"),
    ("Queue", "Where ready jobs wait; it has limits, a weight, and can be paused"),
    ("Runner", "How work is done: a command, an HTTP call, SQL, or a handler in Rust"),
    ("Node and slot", "A running Millrace, and one worker thread of it"),
    ("Pool", "A named amount of a resource that jobs reserve while they run"),
    ("Schedule", "When a template is enqueued by itself"),
    ("Occurrence", "One time that a schedule's rules name, and what became of it"),
    ("Calendar", "Holidays, business days and maintenance windows that schedules mind"),
    ("Backfill", "Jobs for the occurrences of a past range, made by hand"),
    ("Workflow, run and step", "A graph of steps, one execution of it, and one node of it"),
    ("Batch", "A named set of jobs enqueued together"),
    ("Fingerprint", "The identity of a failure; those that share one are a group"),
    ("Person and token", "Somebody with a login and a role; a credential for a program"),
    ("Report", "A view of figures whose whole state is its address"),
    ("Package", "A signed bundle of templates, workflows, calendars and schedules"),
];

/// What each state of a job means.
const STATES: [(JobState, &str); 10] = [
    (JobState::Blocked, "Waits for another job, a gate or a signal"),
    (JobState::Scheduled, "Waits for its time"),
    (JobState::Ready, "Waits for a free slot"),
    (JobState::Held, "Stopped by somebody until released"),
    (JobState::Running, "A worker holds it"),
    (JobState::Retrying, "An attempt failed; it will run again"),
    (JobState::Succeeded, "Done"),
    (JobState::Failed, "Used its last attempt, or was told not to retry"),
    (JobState::Cancelled, "Ended on purpose"),
    (JobState::Expired, "Its deadline passed before it started"),
];

/// What can be done with the fields of a search, with an example.
const SIGNS: [(&str, &str); 8] = [
    ("state:failed queue:mail", "Both hold"),
    ("state:failed,held", "One of these"),
    ("tag:vip OR priority:1", "One of the two; parentheses group: (a b) OR c"),
    ("-tag:test", "Without these"),
    ("attempt:>2  wait:>=5m  id:10..20", "Bounds; ranges may lack an end: 10.."),
    ("created:-24h  created:2026-11-24", "Since then; on that day, in the zone of the page"),
    ("template:mail.*", "* stands for any text"),
    ("\"two words\"  \"a:b\"", "Text as it stands"),
];

/// Rules of schedules; what they mean is told by the rules themselves.
const RULES: [&str; 14] = [
    "0 6 * * 1-5",
    "*/30 8-18 * * *",
    "0 30 17 * * *",
    "0 9 1,15 * *",
    "0 18 L * *",
    "30 17 LW * *",
    "0 9 15W * *",
    "0 9 * * 2#1",
    "0 22 * * 5L",
    "H H * * *",
    "@hourly",
    "every 90s",
    "FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=17;BYMINUTE=0;BYSECOND=0",
    "2026-12-24T18:00:00+01:00",
];

#[derive(Template)]
#[template(path = "help.html")]
struct HelpPage {
    shell: Shell,
    groups: [KeyGroup; 3],
    states: [(Tone, &'static str); 10],
    words: [(&'static str, &'static str); 17],
    signs: [(&'static str, &'static str); 8],
    fields: Vec<&'static About>,
    rules: Vec<(&'static str, String)>,
}

impl HelpPage {
    fn new(shell: Shell) -> Self {
        let fields = FIELDS.iter().map(|(_, about)| about).chain([&ARG]).collect();
        let zone = shell.zone;
        let says = |rule: &'static str| Some((rule, Rule::parse(rule, zone).ok()?.sentence(zone)));
        let states = STATES.map(|(state, words)| (Tone::from(state), words));
        Self {
            shell: shell.titled("Help", Section::Elsewhere),
            groups: GROUPS,
            states,
            words: WORDS,
            signs: SIGNS,
            fields,
            rules: RULES.into_iter().filter_map(says).collect(),
        }
    }
}

/// The keys alone, for the dialog of `?`.
#[derive(Template)]
#[template(path = "keys.html")]
struct KeysDialog<'p> {
    groups: [KeyGroup; 3],
    nav: &'p [NavGroup],
}

/// The route of the page.
pub fn route() -> Route {
    Route::get(paths::HELP, Access::SignedIn, show)
}

async fn show(hx: Hx, shell: Shell) -> Result<HttpResponse, WebError> {
    let page = HelpPage::new(shell);
    let dialog = KeysDialog { groups: GROUPS, nav: &page.shell.nav };
    respond::page(&hx, &page, &[("dialog", &dialog)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::shell::sample;

    fn page(shell: Shell) -> String {
        HelpPage::new(shell).render().expect("rendered")
    }

    #[test]
    fn every_place_of_the_rail_is_listed_with_its_key() {
        let text = page(sample::shell());

        for item in sample::shell().nav.iter().flat_map(|group| group.items.clone()) {
            let key = item.key.to_uppercase();
            assert!(text.contains(&format!("<kbd>G</kbd> <kbd>{key}</kbd>")), "{}", item.label);
        }
    }

    #[test]
    fn the_dialog_of_keys_lists_what_the_page_lists() {
        let shell = sample::shell();
        let dialog = KeysDialog { groups: GROUPS, nav: &shell.nav }.render().expect("rendered");
        let text = page(shell);

        for key in GROUPS.iter().flat_map(|group| group.keys) {
            assert!(dialog.contains(key.words) && text.contains(key.words), "{}", key.words);
        }
        assert!(dialog.contains("id=\"dialog-title\"") && dialog.contains("<kbd>G</kbd> <kbd>J</kbd>"));
    }

    #[test]
    fn every_state_is_explained() {
        let text = page(sample::shell());

        assert!(JobState::ALL.iter().all(|state| STATES.iter().any(|(known, _)| known == state)));
        assert!(STATES.iter().all(|(_, words)| text.contains(words)));
    }

    #[test]
    fn every_rule_is_told_in_words() {
        let text = page(sample::shell());

        for rule in RULES {
            assert!(text.contains(&format!("<code>{rule}</code>")), "{rule}");
        }
        assert!(text.contains("At 06:00 from Monday to Friday") || text.contains("06:00"), "{text}");
    }

    #[test]
    fn every_example_of_the_search_is_understood() {
        let examples = FIELDS.iter().map(|(_, about)| about.example).chain([ARG.example]);
        let signs = SIGNS.iter().map(|(example, _)| *example);

        for example in examples.chain(signs) {
            assert_eq!(crate::admin::jobs::query::parse(example).problems, [], "{example}");
        }
    }

    #[test]
    fn it_leads_to_the_api_and_says_what_commands_may_say() {
        let text = page(sample::shell());

        for word in
            ["href=\"/api/docs\"", "href=\"/tokens\"", "::progress 3/10", "$MILLRACE_CHECKPOINT", "Single keys act."]
        {
            assert!(text.contains(word), "{word}");
        }
        assert!(page(Shell { shortcuts: false, ..sample::shell() }).contains("Single keys are off."));
    }
}
