//! `/help`: the keys, the places, and how programs and commands talk with Millrace.

use actix_web::HttpResponse;
use askama::Template;

use super::error::WebError;
use super::paths;
use super::rail::Section;
use super::request::Hx;
use super::respond;
use super::shell::Shell;
use super::table::{Access, Route};

/// Keys that act everywhere, and what they do.
const KEYS: [(&str, &str); 17] = [
    ("Ctrl K", "Search"),
    ("/", "Search in the page"),
    ("?", "This page"),
    ("J  K", "Next row, previous row"),
    ("O  Enter", "Open the row"),
    ("X", "Tick the row"),
    (".", "Menu of the row"),
    ("[  ]", "Previous page, next page"),
    ("R", "Retry"),
    ("H", "Hold or release"),
    ("C", "Cancel"),
    ("P", "Pause or resume"),
    ("E", "Edit"),
    ("N", "New"),
    ("F", "Add a filter"),
    ("L", "Live updates on or off"),
    ("Esc", "Close"),
];

/// What a command may print on its standard output, and what becomes of it.
pub const LINES: [(&str, &str); 6] = [
    ("::progress 3/10 copying", "How far it is, in the job's page and lists. 30% copying and 3 copying do as well"),
    ("::warn the disk is nearly full", "A warning in the log"),
    ("::error no such folder", "An error in the log, and the likely reason should the attempt fail"),
    ("::output {\"files\": 10}", "What came of it, as JSON; the last one counts, and it is kept when the job succeeds"),
    ("::checkpoint {\"page\": 3}", "Where it is, as JSON; the next attempt finds it in $MILLRACE_CHECKPOINT"),
    ("anything else", "A line of the log"),
];

/// Variables of a command's environment.
pub const VARIABLES: [(&str, &str); 7] = [
    ("$MILLRACE_ARGS", "The job's arguments, as a JSON object"),
    ("$PARAM_FOLDER", "In a shell text: the argument folder. Texts as they are, all else as JSON"),
    ("$MILLRACE_CHECKPOINT", "The last checkpoint of an earlier attempt, as JSON; missing while there is none"),
    ("$MILLRACE_DEADLINE", "When the attempt is stopped: 2026-11-24T13:32:08.000Z"),
    ("$MILLRACE_JOB_ID", "The job"),
    ("$MILLRACE_ATTEMPT", "Which attempt of it this is: 1 is the first"),
    (
        "$MILLRACE_FENCE",
        "Grows with each attempt: whoever is handed a smaller one than before may refuse the late writer",
    ),
];

/// A command that uses most of it.
pub const EXAMPLE: &str = r#"#!/bin/sh
total=3
for part in 1 2 3; do
  echo "::progress $part/$total packing part $part"
  tar -czf "part-$part.tar.gz" "part-$part" || echo "::warn part $part is missing"
  echo "::checkpoint {\"part\": $part}"
done
echo "::output {\"parts\": $total}"
"#;

#[derive(Template)]
#[template(path = "help.html")]
struct HelpPage {
    shell: Shell,
    keys: [(&'static str, &'static str); 17],
}

/// The route of the page.
pub(super) fn route() -> Route {
    Route::get(paths::HELP, Access::SignedIn, show)
}

async fn show(hx: Hx, shell: Shell) -> Result<HttpResponse, WebError> {
    let page = HelpPage { shell: shell.titled("Help", Section::Elsewhere), keys: KEYS };
    respond::page(&hx, &page, &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::shell::{Shell, sample};

    fn page(shell: Shell) -> String {
        HelpPage { shell: shell.titled("Help", Section::Elsewhere), keys: KEYS }.render().expect("rendered")
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
