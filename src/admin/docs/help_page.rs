//! `GET /help`: the search, the keys, the places, and how programs and commands talk with Millrace.

use actix_web::HttpResponse;
use askama::Template;

use crate::admin::jobs::query::field::{ARG, About, FIELDS};
use crate::web::error::WebError;
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;
use crate::web::table::{Access, Route};

/// Keys that act everywhere, and what they do.
const KEYS: [(&str, &str); 19] = [
    ("Ctrl K", "Search"),
    ("/", "Search in the page"),
    ("?", "This page"),
    ("J  K", "Next row, previous row"),
    ("O  Enter", "Open the row"),
    ("X", "Tick the row"),
    ("Shift X", "Tick all from the last ticked row to this one"),
    (".", "Menu of the row"),
    ("[  ]", "Previous page, next page"),
    ("R", "Retry"),
    ("H", "Hold or release"),
    ("C", "Cancel"),
    ("P", "Pause or resume"),
    ("E", "Edit"),
    ("N", "New"),
    ("F", "Add a filter"),
    ("B", "Save the view"),
    ("L", "Live updates on or off"),
    ("Esc", "Close"),
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

#[derive(Template)]
#[template(path = "help.html")]
struct HelpPage {
    shell: Shell,
    keys: [(&'static str, &'static str); 19],
    signs: [(&'static str, &'static str); 8],
    fields: Vec<&'static About>,
}

impl HelpPage {
    fn new(shell: Shell) -> Self {
        let fields = FIELDS.iter().map(|(_, about)| about).chain([&ARG]).collect();
        Self { shell: shell.titled("Help", Section::Elsewhere), keys: KEYS, signs: SIGNS, fields }
    }
}

/// The route of the page.
pub fn route() -> Route {
    Route::get(paths::HELP, Access::SignedIn, show)
}

async fn show(hx: Hx, shell: Shell) -> Result<HttpResponse, WebError> {
    respond::page(&hx, &HelpPage::new(shell), &[])
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
