//! `/help`: the keys, and where to read more.

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
const KEYS: [(&str, &str); 18] = [
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
    ("B", "Save the view"),
    ("F", "Add a filter"),
    ("L", "Live updates on or off"),
    ("Esc", "Close, then clear"),
];

#[derive(Template)]
#[template(path = "help.html")]
struct HelpPage {
    shell: Shell,
    keys: [(&'static str, &'static str); 18],
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
    use crate::web::shell::sample;

    #[test]
    fn every_place_of_the_rail_is_listed_with_its_key() {
        let page = HelpPage { shell: sample::shell().titled("Help", Section::Elsewhere), keys: KEYS };

        let text = page.render().expect("rendered");

        for item in sample::shell().nav.iter().flat_map(|group| group.items.clone()) {
            let key = item.key.to_uppercase();
            assert!(text.contains(&format!("<kbd>G</kbd> <kbd>{key}</kbd>")), "{}", item.label);
        }
    }
}
